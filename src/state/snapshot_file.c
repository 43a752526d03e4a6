/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "state/durable_file.h"
#include "state/snapshot.h"

/* Far beyond what tables of any use take. */
#define MOST_BYTES ((apr_off_t)1 << 30)

apr_status_t clp_snapshot_save(clp_tables *t, const clp_snapshot_pins *pins, const char *path,
                               apr_pool_t *scratch)
{
    clp_buffer out;
    apr_status_t rv = APR_TIMEUP;
    clp_buffer_init(&out, scratch, 0);
    if (clp_snapshot_take(t, pins, &out)) {
        rv = clp_durable_replace(path, clp_buffer_all(&out), scratch);
    }
    clp_buffer_release(&out);
    return rv;
}

/* The bytes of a regular file; what `rv` says otherwise. */
static clp_span read_file(const char *path, apr_pool_t *scratch, apr_status_t *rv)
{
    apr_file_t *f;
    apr_finfo_t info;
    char *bytes = NULL;
    *rv = apr_stat(&info, path, APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_LINK, scratch);
    if (*rv == APR_SUCCESS && (info.filetype != APR_REG || info.size > MOST_BYTES)) {
        *rv = APR_EGENERAL;
    }
    if (*rv == APR_SUCCESS) {
        *rv = apr_file_open(&f, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT,
                            scratch);
    }
    if (*rv == APR_SUCCESS) {
        bytes = apr_palloc(scratch, (apr_size_t)info.size + 1);
        *rv = apr_file_read_full(f, bytes, (apr_size_t)info.size, NULL);
        apr_file_close(f);
    }
    return *rv == APR_SUCCESS ? clp_span_of(bytes, (apr_size_t)info.size) : clp_span_of(NULL, 0);
}

clp_snapshot_told clp_snapshot_load(clp_tables *t, const clp_snapshot_pins *pins, const char *path,
                                    apr_time_t now, apr_pool_t *scratch, apr_status_t *rv)
{
    clp_snapshot_told told = {.wrong = "it cannot be read"};
    clp_span document = read_file(path, scratch, rv);
    if (APR_STATUS_IS_ENOENT(*rv)) {
        told.wrong = NULL;
        return told;
    }
    if (document.p) {
        told = clp_snapshot_read(t, pins, document, now, scratch);
    }
    if (told.wrong) {
        *rv = *rv == APR_SUCCESS ? APR_EGENERAL : *rv;
        apr_file_rename(path, apr_pstrcat(scratch, path, ".bad", NULL), scratch);
    }
    return told;
}
