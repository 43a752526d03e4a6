/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_file_info.h>
#include <apr_strings.h>

#define RANDOM "XXXXXX"

/* As often a file beside may be taken for a dead writer's before its writer has its lock. */
#define TRIES 10

static apr_status_t failed(void)
{
    return APR_FROM_OS_ERROR(apr_get_os_error());
}

static int lock_now(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* --- what killed writers left ------------------------------------------------------ */

static int is_beside(const char *name, const char *base)
{
    apr_size_t n = strlen(base);

    return !strncmp(name, base, n) &&
           !strncmp(name + n, CLP_DURABLE_BESIDE, sizeof(CLP_DURABLE_BESIDE) - 1) &&
           strlen(name + n) == sizeof(CLP_DURABLE_BESIDE RANDOM) - 1;
}

/* Who writes it holds its lock. */
static void remove_abandoned(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        if (lock_now(fd)) {
            unlink(path);
        }
        close(fd);
    }
}

static void sweep(const char *dir, const char *base, apr_pool_t *scratch)
{
    apr_dir_t *d;
    apr_finfo_t info;

    if (apr_dir_open(&d, dir, scratch) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        if (is_beside(info.name, base)) {
            remove_abandoned(apr_pstrcat(scratch, dir, "/", info.name, NULL));
        }
    }
    apr_dir_close(d);
}

/* --- the file beside ---------------------------------------------------------------- */

/* Between its making and its lock somebody else may have taken it for abandoned. */
static int is_ours(int fd)
{
    struct stat info;

    return lock_now(fd) && fstat(fd, &info) == 0 && info.st_nlink > 0;
}

/* The directory may belong to a user with less rights than we have: nobody put the file there
 * before us. */
static int open_beside(const char *path, apr_pool_t *scratch, char **beside)
{
    for (int i = 0; i < TRIES; i++) {
        int fd;

        *beside = apr_pstrcat(scratch, path, CLP_DURABLE_BESIDE RANDOM, NULL);
        fd = mkostemp(*beside, O_CLOEXEC);
        if (fd < 0 || is_ours(fd)) {
            return fd;
        }
        close(fd);
    }
    errno = EBUSY;
    return -1;
}

static apr_status_t write_all(int fd, clp_span bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno != EINTR) {
            return failed();
        }
        if (n > 0) {
            bytes = clp_span_of(bytes.p + n, bytes.n - (apr_size_t)n);
        }
    }
    return fsync(fd) == 0 ? APR_SUCCESS : failed();
}

/* Some file systems have nothing to force. */
static apr_status_t sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd < 0 || (fsync(fd) != 0 && errno != EINVAL) ? failed() : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

apr_status_t clp_durable_replace(const char *path, clp_span bytes, apr_pool_t *scratch)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dir = slash ? apr_pstrmemdup(scratch, path, (apr_size_t)(base - path)) : "./";
    char *beside;
    apr_status_t rv;
    int fd;

    sweep(dir, base, scratch);
    fd = open_beside(path, scratch, &beside);
    if (fd < 0) {
        return failed();
    }
    rv = write_all(fd, bytes);
    if (rv == APR_SUCCESS && rename(beside, path) != 0) {
        rv = failed();
    }
    if (rv != APR_SUCCESS) {
        unlink(beside);
    }
    close(fd);
    return rv == APR_SUCCESS ? sync_directory(dir) : rv;
}
