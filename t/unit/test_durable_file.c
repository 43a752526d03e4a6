/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_errno.h>
#include <apr_strings.h>

#include "files.h"
#include "state/durable_file.h"

#define LARGE    (256 * 1024)
#define KILLS    60
#define WRITERS  4
#define REPLACED 40

static apr_pool_t *pool;
static const char *dir;
static const char *path;

/* All bytes of a text are alike, so that a mixture shows. */
static clp_span text_of(char c, apr_size_t n)
{
    char *bytes = apr_palloc(pool, n);
    memset(bytes, c, n);
    return clp_span_of(bytes, n);
}

static int is_whole(clp_span text)
{
    for (apr_size_t i = 1; i < text.n; i++) {
        if (text.p[i] != text.p[0]) {
            return 0;
        }
    }
    return text.n == LARGE || text.n == LARGE / 2;
}

static const char *beside(const char *more)
{
    return apr_pstrcat(pool, path, more, NULL);
}

static int make_file(const char *name)
{
    return open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

static void replacing(void)
{
    struct stat info;
    IS_INT(clp_durable_replace(path, CLP_SPAN_LIT("first"), pool), APR_SUCCESS, "made");
    IS_SPAN(files_read(path, pool), CLP_SPAN_LIT("first"), "it is what was said");
    IS_INT(stat(path, &info) == 0 ? info.st_mode & 07777 : 0, 0600, "for its owner only");
    IS_INT(clp_durable_replace(path, text_of('x', LARGE), pool), APR_SUCCESS, "replaced");
    OK(is_whole(files_read(path, pool)), "by all of it");
    IS_INT(clp_durable_replace(path, CLP_SPAN_LIT(""), pool), APR_SUCCESS, "by nothing");
    IS_INT(files_read(path, pool).n, 0, "nothing is in it");
    IS_INT(chdir(dir), 0, "in the directory");
    IS_INT(clp_durable_replace("file", CLP_SPAN_LIT("bare"), pool), APR_SUCCESS, "a bare name");
    IS_SPAN(files_read(path, pool), CLP_SPAN_LIT("bare"), "is the file of that name");
    IS_INT(clp_durable_replace(beside("/none"), CLP_SPAN_LIT("x"), pool), ENOTDIR,
           "no directory, no file");
    IS_INT(mkdir(beside(".d"), 0700), 0, "a directory");
    IS_INT(clp_durable_replace(beside(".d"), CLP_SPAN_LIT("x"), pool), EISDIR, "is not replaced");
    rmdir(beside(".d"));
    IS_INT(files_count(dir, "", pool), 3, "nothing is left beside");
}

static void leftovers(void)
{
    const char *const others[] = {".backup", ".abcdef", ".tmp-", ".tmp-abcde", ".tmp-abcdefg"};
    int held = make_file(beside(".tmp-beheld"));
    close(make_file(beside(".tmp-abcdef")));
    for (apr_size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        close(make_file(beside(others[i])));
    }
    close(make_file(apr_pstrcat(pool, dir, "/other.tmp-abcdef", NULL)));
    flock(held, LOCK_EX);
    clp_durable_replace(path, CLP_SPAN_LIT("new"), pool);
    OK(access(beside(".tmp-abcdef"), F_OK) != 0, "what a killed writer left is removed");
    IS_INT(access(beside(".tmp-beheld"), F_OK), 0, "what a living one has is not");
    for (apr_size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        OK(unlink(beside(others[i])) == 0, "nor is FILE%s", others[i]);
    }
    IS_INT(unlink(apr_pstrcat(pool, dir, "/other.tmp-abcdef", NULL)), 0, "or another file's");
    close(held);
    clp_durable_replace(path, CLP_SPAN_LIT("new"), pool);
    OK(access(beside(".tmp-beheld"), F_OK) != 0, "until it is dead");
    IS_INT(files_count(dir, "file", pool), 1, "then the file is alone");
}

static int replace_with_large(void *ctx)
{
    (void)ctx;
    return clp_durable_replace(path, text_of('y', LARGE), pool);
}

static void refused(void)
{
    clp_durable_replace(path, CLP_SPAN_LIT("old"), pool);
    IS_INT(files_when_full(LARGE / 2, replace_with_large, NULL), EFBIG, "no room for all of it");
    IS_INT(files_when_full(0, replace_with_large, NULL), EFBIG, "no room for any of it");
    chmod(dir, 0500);
    IS_INT(files_without_rights(replace_with_large, NULL), EACCES, "a read-only directory");
    chmod(dir, 0700);
    IS_SPAN(files_read(path, pool), CLP_SPAN_LIT("old"), "the file is as it was");
    IS_INT(files_count(dir, "file", pool), 1, "and alone");
}

static int replace_forever(void *ctx)
{
    (void)ctx;
    char c = 'a';
    while (clp_durable_replace(path, text_of(c, c % 2 ? LARGE : LARGE / 2), pool) == APR_SUCCESS) {
        c = c == 'z' ? 'a' : (char)(c + 1);
        apr_pool_clear(pool);
    }
    return 1;
}

typedef struct deaths {
    int whole;
    int most_beside;
} deaths;

static void after_death(void *ctx)
{
    deaths *d = ctx;
    int n = files_count(dir, ".tmp-", pool);
    d->whole += is_whole(files_read(path, pool));
    d->most_beside = n > d->most_beside ? n : d->most_beside;
}

static void killed(void)
{
    deaths d = {0, 0};
    clp_durable_replace(path, text_of('a', LARGE), pool);
    files_kill(KILLS, 8000, replace_forever, after_death, &d);
    IS_INT(d.whole, KILLS, "after each kill -9 the file is a whole one");
    OK(d.most_beside <= 1, "and at most one is beside it");
    IS_INT(clp_durable_replace(path, text_of('b', LARGE), pool), APR_SUCCESS, "who lives, writes");
    IS_INT(files_count(dir, "file", pool), 1, "and leaves nothing beside");
}

static int replace_often(void *ctx)
{
    for (int i = 0; i < REPLACED; i++) {
        if (clp_durable_replace(path, text_of(*(char *)ctx, LARGE), pool) != APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

static void together(void)
{
    char names[] = "pqrs";
    pid_t pids[WRITERS];
    int failed = 0;
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = files_fork(replace_often, &names[i]);
    }
    for (int i = 0; i < WRITERS; i++) {
        failed += files_wait(pids[i]) != 0;
    }
    IS_INT(failed, 0, "many write at once, and each succeeds");
    OK(is_whole(files_read(path, pool)), "one of them was the last");
    IS_INT(files_count(dir, "file", pool), 1, "and nothing is left");
}

int main(void)
{
    apr_pool_t *all = tap_begin();
    dir = files_begin(all);
    path = apr_pstrcat(all, dir, "/file", NULL);
    apr_pool_create(&pool, all);
    replacing();
    leftovers();
    refused();
    killed();
    together();
    files_end(dir, all);
    return tap_end();
}
