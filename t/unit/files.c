/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

/* Who owns nothing. */
#define NOBODY 65534

static void bail_out(const char *why)
{
    printf("Bail out! %s\n", why);
    exit(1);
}

const char *files_begin(apr_pool_t *pool)
{
    char *dir = apr_pstrdup(pool, "/tmp/clp-files-XXXXXX");
    if (!mkdtemp(dir)) {
        bail_out("no directory");
    }
    return dir;
}

void files_end(const char *dir, apr_pool_t *pool)
{
    apr_dir_t *d;
    apr_finfo_t info;
    if (apr_dir_open(&d, dir, pool) != APR_SUCCESS) {
        return;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, d) == APR_SUCCESS) {
        const char *path = apr_pstrcat(pool, dir, "/", info.name, NULL);
        if (info.filetype != APR_DIR) {
            unlink(path);
        }
        else if (strcmp(info.name, ".") != 0 && strcmp(info.name, "..") != 0) {
            files_end(path, pool);
        }
    }
    apr_dir_close(d);
    rmdir(dir);
}

clp_span files_read(const char *path, apr_pool_t *pool)
{
    apr_file_t *f;
    apr_finfo_t info;
    char *bytes;
    apr_size_t n = 0;
    if (apr_file_open(&f, path, APR_FOPEN_READ, 0, pool) != APR_SUCCESS) {
        return clp_span_of(NULL, 0);
    }
    apr_file_info_get(&info, APR_FINFO_SIZE, f);
    bytes = apr_palloc(pool, (apr_size_t)info.size + 1);
    apr_file_read_full(f, bytes, (apr_size_t)info.size, &n);
    apr_file_close(f);
    return clp_span_of(bytes, n);
}

int files_count(const char *dir, const char *part, apr_pool_t *pool)
{
    apr_dir_t *d;
    apr_finfo_t info;
    int n = 0;
    if (apr_dir_open(&d, dir, pool) != APR_SUCCESS) {
        return 0;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        n += strstr(info.name, part) != NULL;
    }
    apr_dir_close(d);
    return n;
}

pid_t files_fork(files_work *work, void *ctx)
{
    pid_t pid;
    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        bail_out("no process");
    }
    if (pid == 0) {
        _exit(work(ctx));
    }
    return pid;
}

int files_wait(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

typedef struct errand {
    files_work *work;
    void *ctx;
    long bytes;
} errand;

static int when_full(void *ctx)
{
    const errand *e = ctx;
    const struct rlimit limit = {(rlim_t)e->bytes, (rlim_t)e->bytes};
    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? e->work(e->ctx) : -1;
}

int files_when_full(long bytes, files_work *work, void *ctx)
{
    errand e = {work, ctx, bytes};
    return files_wait(files_fork(when_full, &e));
}

static int without_rights(void *ctx)
{
    const errand *e = ctx;
    return geteuid() != 0 || setuid(NOBODY) == 0 ? e->work(e->ctx) : -1;
}

int files_without_rights(files_work *work, void *ctx)
{
    errand e = {work, ctx, 0};
    return files_wait(files_fork(without_rights, &e));
}

void files_kill(int times, unsigned longest, files_work *work, void (*look)(void *ctx), void *ctx)
{
    for (int i = 0; i < times; i++) {
        pid_t pid = files_fork(work, ctx);
        usleep((unsigned)rand() % longest);
        kill(pid, SIGKILL);
        files_wait(pid);
        look(ctx);
    }
}
