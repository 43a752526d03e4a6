/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "fuzz.h"

/* main() of a fuzz target without libFuzzer: runs the files and the files of
 * the directories it is given. */

static int run_file(const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t n;
    uint8_t *data;

    if (apr_file_open(&file, path, APR_READ | APR_BINARY, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        fprintf(stderr, "cannot read %s\n", path);
        return 0;
    }
    n = (apr_size_t)info.size;
    /* a block that ends with the input, so that sanitizers see reads beyond */
    data = malloc(n ? n : 1);
    FUZZ_CHECK(data && (!n || apr_file_read_full(file, data, n, NULL) == APR_SUCCESS));
    apr_file_close(file);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 1;
}

static int run_dir(apr_dir_t *dir, const char *path, apr_pool_t *pool, int *failed)
{
    apr_finfo_t info;
    int runs = 0;
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
        if (info.filetype == APR_REG) {
            if (!run_file(apr_pstrcat(pool, path, "/", info.name, NULL), pool)) {
                *failed = 1;
            }
            runs++;
        }
    }
    return runs;
}

int main(int argc, char **argv)
{
    apr_pool_t *pool = fuzz_pool();
    int runs = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        apr_dir_t *dir;
        if (apr_dir_open(&dir, argv[i], pool) == APR_SUCCESS) {
            runs += run_dir(dir, argv[i], pool, &failed);
            apr_dir_close(dir);
        }
        else {
            failed |= !run_file(argv[i], pool);
            runs++;
        }
    }
    printf("%s: %d inputs\n", argv[0], runs);
    apr_pool_destroy(pool);
    /* a corpus that has gone away shall not look like success */
    return failed || !runs;
}
