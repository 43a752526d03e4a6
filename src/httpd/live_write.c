/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "live_write.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "http_config.h"
#include "http_log.h"

#include "overlay_file.h"
#include "wire/text.h"

APLOG_USE_MODULE(claude_proxy);

#define BACKUPS     "/backups"
#define KEEP        10
#define PATIENCE    apr_time_from_sec(5)
#define TRY_AGAIN   apr_time_from_msec(10)
#define OWNER_ONLY  (APR_FPROT_UREAD | APR_FPROT_UWRITE)
#define OWNER_ENTER (OWNER_ONLY | APR_FPROT_UEXECUTE)

/* File locks belong to processes: among its own threads a process needs one more. */
static apr_thread_mutex_t *writing;

/** A change under way. */
typedef struct change {
    apr_pool_t *pool;
    clp_overlay_change *told;
    clp_overlay *overlay;
    clp_span before;
} change;

static clp_write_result failed(const change *c, const char *what, apr_status_t rv)
{
    char why[120];

    c->told->error.path = "";
    c->told->error.message =
        apr_pstrcat(c->pool, what, ": ", apr_strerror(rv, why, sizeof(why)), NULL);
    return CLP_WRITE_FAILED;
}

/* --- one writer at a time --------------------------------------------------------- */

/* Of both locks none is waited for without an end. */
static int lock_threads(apr_time_t end)
{
    while (apr_thread_mutex_trylock(writing) != APR_SUCCESS) {
        if (apr_time_now() > end) {
            return 0;
        }
        apr_sleep(TRY_AGAIN);
    }
    return 1;
}

static clp_write_result lock_file(const change *c, apr_time_t end, apr_file_t **file)
{
    apr_status_t rv =
        apr_file_open(file, apr_pstrcat(c->pool, clp_live_path(), ".lock", NULL),
                      APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_CREATE, OWNER_ONLY, c->pool);

    if (rv != APR_SUCCESS) {
        return failed(c, "the state directory cannot be written to", rv);
    }
    while (apr_file_lock(*file, APR_FLOCK_EXCLUSIVE | APR_FLOCK_NONBLOCK) != APR_SUCCESS) {
        if (apr_time_now() > end) {
            apr_file_close(*file);
            return CLP_WRITE_BUSY;
        }
        apr_sleep(TRY_AGAIN);
    }
    return CLP_WRITE_DONE;
}

/* --- the disk ---------------------------------------------------------------------- */

static apr_status_t sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv =
        fd < 0 || fsync(fd) != 0 ? APR_FROM_OS_ERROR(apr_get_os_error()) : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

/* Put a text in a file's place: all of it or nothing. */
static apr_status_t replace(const char *path, clp_span text, apr_pool_t *pool)
{
    char *aside = apr_pstrcat(pool, path, ".XXXXXX", NULL);
    apr_file_t *f;
    apr_status_t rv = apr_file_mktemp(
        &f, aside, APR_FOPEN_CREATE | APR_FOPEN_WRITE | APR_FOPEN_EXCL | APR_FOPEN_BINARY, pool);
    apr_status_t closed;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(f, text.p, text.n, NULL);
    if (rv == APR_SUCCESS) {
        rv = apr_file_sync(f);
    }
    closed = apr_file_close(f);
    if (rv == APR_SUCCESS) {
        rv = closed;
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_rename(aside, path, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_file_remove(aside, pool);
    }
    return rv;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What writers left that were killed: the lock is ours, so nobody is about to rename it. */
static void drop_leftovers(const char *dir, const char *path, apr_pool_t *pool)
{
    const char *name = strrchr(path, '/') + 1;
    apr_size_t n = strlen(name);
    apr_dir_t *d;
    apr_finfo_t info;

    if (apr_dir_open(&d, dir, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        if (!strncmp(info.name, name, n) && info.name[n] == '.' && strlen(info.name + n) == 7) {
            apr_file_remove(apr_pstrcat(pool, dir, "/", info.name, NULL), pool);
        }
    }
    apr_dir_close(d);
}

/* Names of backups begin with their time: the first ones are the oldest. */
static void drop_old_backups(const char *dir, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, KEEP + 2, sizeof(const char *));
    apr_dir_t *d;
    apr_finfo_t info;

    if (apr_dir_open(&d, dir, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        if (!strncmp(info.name, "channels-", 9)) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, info.name);
        }
    }
    apr_dir_close(d);
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), by_name);
    for (int i = 0; i < names->nelts - KEEP; i++) {
        apr_file_remove(apr_pstrcat(pool, dir, "/", APR_ARRAY_IDX(names, i, const char *), NULL),
                        pool);
    }
}

static apr_status_t back_up(const change *c, const char *dir)
{
    const char *backups = apr_pstrcat(c->pool, dir, BACKUPS, NULL);
    apr_time_exp_t now;
    apr_status_t rv = apr_dir_make(backups, OWNER_ENTER, c->pool);

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EEXIST(rv)) {
        return rv;
    }
    apr_time_exp_gmt(&now, apr_time_now());
    rv = replace(apr_psprintf(c->pool,
                              "%s/channels-%04d%02d%02dT%02d%02d%02dZ-%010" APR_INT64_T_FMT ".json",
                              backups, now.tm_year + 1900, now.tm_mon + 1, now.tm_mday, now.tm_hour,
                              now.tm_min, now.tm_sec, c->overlay->revision),
                 c->before, c->pool);
    drop_old_backups(backups, c->pool);
    return rv;
}

/* --- the change --------------------------------------------------------------------- */

static clp_write_result take_document(change *c, apr_int64_t revision)
{
    const char *wrong = clp_overlay_file_read(clp_live_path(), c->pool, &c->overlay, NULL);

    if (wrong) {
        c->told->error.path = "";
        c->told->error.message = wrong;
        return CLP_WRITE_BROKEN;
    }
    c->told->revision = c->overlay->revision;
    if (revision != CLP_ANY_REVISION && revision != c->overlay->revision) {
        return CLP_WRITE_STALE;
    }
    c->before = clp_overlay_text(c->overlay, c->pool);
    clp_sha256_hex(c->before, c->told->before);
    return CLP_WRITE_DONE;
}

static int lay(const change *c, apr_array_header_t **laid)
{
    return clp_overlay_lay(c->overlay, clp_live_configured(), &clp_live_source, c->pool, laid,
                           &c->told->error);
}

static clp_write_result edit_document(change *c, clp_overlay_edit_fn *edit, void *ctx)
{
    apr_array_header_t *laid;

    if (!lay(c, &laid)) {
        return CLP_WRITE_BROKEN;
    }
    /* These channels go on to look at the document that they were made of. */
    c->overlay->document = clp_document_copy(c->overlay->document, c->pool);
    if (!edit(ctx, c->overlay, laid, c->pool)) {
        return CLP_WRITE_REFUSED;
    }
    if (!lay(c, &laid)) {
        return CLP_WRITE_INVALID;
    }
    c->told->laid = laid;
    return CLP_WRITE_DONE;
}

static clp_write_result write_document(change *c)
{
    const char *path = clp_live_path();
    const char *dir = apr_pstrmemdup(c->pool, path, (apr_size_t)(strrchr(path, '/') - path));
    clp_span text;
    apr_status_t rv;

    drop_leftovers(dir, path, c->pool);
    if (c->overlay->revision > 0 && (rv = back_up(c, dir)) != APR_SUCCESS) {
        return failed(c, "no backup could be made", rv);
    }
    c->overlay->revision++;
    text = clp_overlay_text(c->overlay, c->pool);
    if (text.n > CLP_OVERLAY_SIZE_MAX) {
        c->told->error = (clp_document_error){"", "the document would be larger than 4 MiB"};
        return CLP_WRITE_INVALID;
    }
    rv = replace(path, text, c->pool);
    if (rv == APR_SUCCESS) {
        rv = sync_directory(dir);
    }
    if (rv != APR_SUCCESS) {
        return failed(c, "the overlay cannot be written", rv);
    }
    clp_sha256_hex(text, c->told->after);
    c->told->revision = c->overlay->revision;
    return CLP_WRITE_DONE;
}

static clp_write_result with_lock(change *c, apr_time_t end, apr_int64_t revision,
                                  clp_overlay_edit_fn *edit, void *ctx)
{
    apr_file_t *file;
    clp_write_result result = lock_file(c, end, &file);

    if (result != CLP_WRITE_DONE) {
        return result;
    }
    result = take_document(c, revision);
    if (result == CLP_WRITE_DONE) {
        result = edit_document(c, edit, ctx);
    }
    if (result == CLP_WRITE_DONE) {
        result = write_document(c);
    }
    apr_file_close(file);
    return result;
}

clp_write_result clp_live_write(apr_int64_t revision, clp_overlay_edit_fn *edit, void *ctx,
                                apr_pool_t *pool, clp_overlay_change *told)
{
    apr_time_t end = apr_time_now() + PATIENCE;
    change c = {.pool = pool, .told = told};
    clp_write_result result;

    memset(told, 0, sizeof(*told));
    if (!clp_live_path()) {
        return CLP_WRITE_NO_PLACE;
    }
    if (!lock_threads(end)) {
        return CLP_WRITE_BUSY;
    }
    result = with_lock(&c, end, revision, edit, ctx);
    apr_thread_mutex_unlock(writing);
    if (result == CLP_WRITE_DONE) {
        clp_live_look();
    }
    return result;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    if (apr_thread_mutex_create(&writing, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "CLP2405: no mutex for writing the overlay");
    }
}

void clp_live_write_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}
