/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overlay_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "state/durable_file.h"

#define BACKUPS     "/backups"
#define EXTENSION   ".json"
#define TRY_AGAIN   apr_time_from_msec(10)
#define OWNER_ENTER (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE)

/* --- one writer at a time --------------------------------------------------------- */

static apr_status_t wait_for_lock(int fd, apr_time_t until)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return APR_FROM_OS_ERROR(apr_get_os_error());
        }
        if (apr_time_now() > until) {
            return APR_TIMEUP;
        }
        apr_sleep(TRY_AGAIN);
    }
    return APR_SUCCESS;
}

apr_status_t clp_overlay_save_lock(const char *path, apr_time_t until, apr_pool_t *pool, int *lock)
{
    int fd = open(apr_pstrcat(pool, path, ".lock", NULL), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    apr_status_t rv;

    if (fd < 0) {
        return APR_FROM_OS_ERROR(apr_get_os_error());
    }
    rv = wait_for_lock(fd, until);
    if (rv != APR_SUCCESS) {
        close(fd);
        return rv;
    }
    *lock = fd;
    return APR_SUCCESS;
}

void clp_overlay_save_unlock(int lock)
{
    close(lock);
}

/* --- backups ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int ends_with(const char *name, const char *end)
{
    apr_size_t n = strlen(name);
    apr_size_t m = strlen(end);

    return n >= m && !strcmp(name + n - m, end);
}

/* After what they begin with, names have their time: the first ones are the oldest. What a killed
 * writer left beside a copy nobody else would remove: no other copy has that name. */
static void drop_old(const char *dir, const char *begin, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, CLP_OVERLAY_COPIES + 2, sizeof(const char *));
    apr_dir_t *d;
    apr_finfo_t info;

    if (apr_dir_open(&d, dir, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        if (strncmp(info.name, begin, strlen(begin)) != 0) {
            continue;
        }
        if (ends_with(info.name, EXTENSION)) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, info.name);
        }
        else if (strstr(info.name, EXTENSION CLP_DURABLE_BESIDE)) {
            unlink(apr_pstrcat(pool, dir, "/", info.name, NULL));
        }
    }
    apr_dir_close(d);
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), by_name);
    for (int i = 0; i < names->nelts - CLP_OVERLAY_COPIES; i++) {
        unlink(apr_pstrcat(pool, dir, "/", APR_ARRAY_IDX(names, i, const char *), NULL));
    }
}

apr_status_t clp_overlay_save_copy(const char *path, clp_span text, apr_int64_t revision,
                                   apr_time_t now, apr_pool_t *pool)
{
    const char *base = strrchr(path, '/') + 1;
    const char *dir =
        apr_pstrcat(pool, apr_pstrmemdup(pool, path, (apr_size_t)(base - 1 - path)), BACKUPS, NULL);
    const char *begin =
        apr_psprintf(pool, "%.*s-", (int)(strlen(base) - (sizeof(EXTENSION) - 1)), base);
    apr_time_exp_t t;
    apr_status_t rv = apr_dir_make(dir, OWNER_ENTER, pool);

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EEXIST(rv)) {
        return rv;
    }
    apr_time_exp_gmt(&t, now);
    rv = clp_durable_replace(
        apr_psprintf(pool, "%s/%s%04d%02d%02dT%02d%02d%02dZ-%010" APR_INT64_T_FMT EXTENSION, dir,
                     begin, t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                     t.tm_sec, revision),
        text, pool);
    drop_old(dir, begin, pool);
    return rv;
}
