/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "overlay_file.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#include "secrets.h"

/* Names would let who may change channels read the server's files and environment. */
static const char *take_key(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                            apr_pool_t *pool)
{
    (void)ctx;
    if (!strncmp(arg, "file:", 5) || !strncmp(arg, "env:", 4) || !strncmp(arg, "exec:", 5)) {
        return apr_pstrcat(pool, label,
                           ": a key has to be said itself; only the configuration names where "
                           "it is",
                           NULL);
    }
    return clp_secret_read(pool, label, arg, 0, out);
}

static clp_channel_source source = {NULL, NULL, NULL, take_key};

const clp_channel_source *clp_overlay_source(void)
{
    return &source;
}

void clp_overlay_source_bind(const clp_host_rules *hosts)
{
    source.hosts = hosts;
}

const char *clp_overlay_file_error(const clp_document_error *error, apr_pool_t *pool)
{
    return apr_pstrcat(pool, *error->path ? error->path : "the document", " ", error->message,
                       NULL);
}

/* The file's text, or what is wrong; `is` = which file it was. A missing one is empty. */
static const char *read_text(const char *path, apr_pool_t *pool, clp_span *text, clp_file_stamp *is)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    apr_size_t n = 0;
    char *bytes;
    char why[120];

    memset(is, 0, sizeof(*is));
    *text = clp_span_of("", 0);
    rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return NULL;
    }
    if (rv != APR_SUCCESS ||
        (rv = apr_file_info_get(&info, CLP_FILE_STAMP_WANTS | APR_FINFO_TYPE | APR_FINFO_PROT,
                                file)) != APR_SUCCESS) {
        return apr_pstrcat(pool, "cannot be opened: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    *is = clp_file_stamp_of(&info);
    if (info.filetype != APR_REG || info.size > CLP_OVERLAY_SIZE_MAX) {
        return "is no regular file of at most 4 MiB";
    }
    if (info.protection & APR_FPROT_WREAD) {
        return CLP_SECRET_FILE_OPEN;
    }
    bytes = apr_palloc(pool, (apr_size_t)info.size + 1);
    rv = apr_file_read_full(file, bytes, (apr_size_t)info.size, &n);
    apr_file_close(file);
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return apr_pstrcat(pool, "cannot be read: ", apr_strerror(rv, why, sizeof(why)), NULL);
    }
    *text = clp_span_of(bytes, n);
    return NULL;
}

const char *clp_overlay_file_read(const char *path, apr_pool_t *pool, clp_overlay **overlay,
                                  clp_file_stamp *is)
{
    clp_document_error error = {"", ""};
    clp_file_stamp unasked = {0, 0, 0};
    clp_span text;
    const char *wrong;

    is = is ? is : &unasked;
    wrong = read_text(path, pool, &text, is);
    if (wrong) {
        return wrong;
    }
    *overlay = is->inode ? clp_overlay_parse(text, pool, &error) : clp_overlay_empty(pool);
    return *overlay ? NULL : clp_overlay_file_error(&error, pool);
}
