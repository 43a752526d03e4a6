/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "key_files.h"

#include <errno.h>
#include <unistd.h>

#include <apr_strings.h>

#include "http_config.h"
#include "http_log.h"

#include "file_stamp.h"
#include "gateway/admin.h"
#include "sched/channel_keys.h"
#include "secrets.h"

APLOG_USE_MODULE(claude_proxy);

#define SETTING "ChannelKey"

typedef struct key_file {
    const char *source;
    const char *path;
    clp_file_stamp stamp;        /* of what was read, or tried, last */
    apr_array_header_t *secrets; /* of const char *; NULL = those that the configuration has */
    apr_pool_t *pool;            /* of the secrets */
    char error[600];             /* why it was not read again; "" = it was */
    int unreadable;              /* for this process */
} key_file;

static apr_array_header_t *files; /* of key_file * */
static apr_int64_t followed;      /* -1 = nothing yet */

static int pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    files = apr_array_make(p, 4, sizeof(key_file *));
    followed = -1;
    return OK;
}

static key_file *find(const char *source)
{
    for (int i = 0; i < files->nelts; i++) {
        key_file *f = APR_ARRAY_IDX(files, i, key_file *);
        if (!strcmp(f->source, source)) {
            return f;
        }
    }
    return NULL;
}

/* What is written to it from now on is another file. */
void clp_key_files_note(const char *source, apr_pool_t *pool)
{
    const char *path = ap_server_root_relative(pool, source + strlen("file:"));
    key_file *f;

    if (path && !find(source)) {
        f = apr_pcalloc(pool, sizeof(*f));
        f->source = source;
        f->path = path;
        f->stamp = clp_file_stamp_at(path, pool);
        APR_ARRAY_PUSH(files, key_file *) = f;
    }
}

/* --- reading again --------------------------------------------------------------------- */

static const apr_array_header_t *secrets_now(const char *source)
{
    const key_file *f = find(source);

    return f ? f->secrets : NULL;
}

/* NULL, or why some channel cannot have these keys. */
static const char *check(key_file *f, apr_array_header_t *secrets,
                         const apr_array_header_t *configured, apr_pool_t *pool)
{
    apr_array_header_t *before = f->secrets;
    const char *wrong = NULL;

    f->secrets = secrets;
    for (int i = 0; i < configured->nelts && !wrong; i++) {
        const clp_channel *c = APR_ARRAY_IDX(configured, i, const clp_channel *);
        if (clp_channel_uses_source(c, f->source)) {
            clp_channel_read_keys(c, secrets_now, pool, &wrong);
        }
    }
    f->secrets = before;
    return wrong;
}

static void refuse(key_file *f, const char *wrong, int unreadable, server_rec *s)
{
    apr_cpystrn(f->error, wrong, sizeof(f->error));
    f->unreadable = unreadable;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "CLP2412: %s; the keys before it stay in force%s",
                 wrong, unreadable ? ". A graceful restart reads what only root may" : "");
}

static void read_file(key_file *f, const apr_array_header_t *configured, server_rec *s)
{
    apr_array_header_t *secrets;
    apr_pool_t *pool;
    const char *wrong;

    apr_pool_create_unmanaged(&pool);
    apr_pool_tag(pool, "clp_key_file");
    secrets = apr_array_make(pool, 4, sizeof(const char *));
    wrong = clp_secret_read(pool, SETTING, f->source, 1, secrets);
    if (!wrong) {
        wrong = check(f, secrets, configured, pool);
    }
    if (wrong) {
        refuse(f, wrong, access(f->path, R_OK) != 0 && errno == EACCES, s);
        apr_pool_destroy(pool);
        return;
    }
    if (f->pool) {
        apr_pool_destroy(f->pool);
    }
    f->pool = pool;
    f->secrets = secrets;
    *f->error = '\0';
    f->unreadable = 0;
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "CLP2411: %s read again: %d keys", f->path,
                 secrets->nelts);
}

static void look_at(key_file *f, const apr_array_header_t *configured, server_rec *s,
                    apr_pool_t *scratch)
{
    clp_file_stamp now;
    apr_finfo_t info;
    apr_status_t rv = apr_stat(&info, f->path, CLP_FILE_STAMP_WANTS, scratch);
    char why[120];

    if (rv != APR_SUCCESS) {
        refuse(f,
               apr_pstrcat(scratch, SETTING ": the file ", f->path,
                           " cannot be looked at: ", apr_strerror(rv, why, sizeof(why)), NULL),
               APR_STATUS_IS_EACCES(rv), s);
        return;
    }
    now = clp_file_stamp_of(&info);
    if (clp_file_stamp_same(&now, &f->stamp) && !*f->error) {
        return;
    }
    f->stamp = now;
    read_file(f, configured, s);
}

void clp_key_files_follow(apr_int64_t reloads, const apr_array_header_t *configured, server_rec *s)
{
    apr_pool_t *scratch;

    if (followed == -1 || followed == reloads) {
        followed = reloads;
        return;
    }
    followed = reloads;
    apr_pool_create_unmanaged(&scratch);
    for (int i = 0; i < files->nelts; i++) {
        look_at(APR_ARRAY_IDX(files, i, key_file *), configured, s, scratch);
    }
    apr_pool_destroy(scratch);
}

/* --- what came of it ------------------------------------------------------------------- */

/* Each file was tried with each of these channels. */
apr_array_header_t *clp_key_files_apply(const apr_array_header_t *configured, apr_pool_t *pool)
{
    apr_array_header_t *all =
        apr_array_make(pool, configured->nelts + 1, sizeof(const clp_channel *));

    for (int i = 0; i < configured->nelts; i++) {
        const clp_channel *base = APR_ARRAY_IDX(configured, i, const clp_channel *);
        const char *wrong;
        const clp_channel *c = clp_channel_read_keys(base, secrets_now, pool, &wrong);
        APR_ARRAY_PUSH(all, const clp_channel *) = c ? c : base;
    }
    return all;
}

apr_array_header_t *clp_key_files_list(apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, files->nelts + 1, sizeof(clp_admin_key_file));

    for (int i = 0; i < files->nelts; i++) {
        const key_file *f = APR_ARRAY_IDX(files, i, key_file *);
        clp_admin_key_file *told = apr_array_push(list);
        told->source = f->source;
        told->path = f->path;
        told->error = *f->error ? apr_pstrdup(pool, f->error) : NULL;
        told->unreadable = f->unreadable;
    }
    return list;
}

void clp_key_files_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
}
