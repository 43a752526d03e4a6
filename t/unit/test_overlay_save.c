/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "files.h"
#include "gateway/overlay.h"
#include "gateway/overlay_save.h"
#include "shared.h"
#include "state/durable_file.h"

#define KILLS   60
#define WRITERS 4
#define CHANGES 25
#define NOW     apr_time_from_sec(1700000000)

static apr_pool_t *pool;
static const char *dir;
static const char *path;
static const char *backups;
static apr_int64_t *written; /* the last revision that a writer knows to be on the disk */

static clp_overlay *parse(const char *file)
{
    clp_document_error error;
    clp_span text = files_read(file, pool);
    return text.p ? clp_overlay_parse(text, pool, &error) : NULL;
}

/* One change, as the admin API makes it: another revision, and a channel more. */
static int change(void)
{
    clp_overlay *o;
    apr_status_t rv;
    int lock;
    if (clp_overlay_save_lock(path, apr_time_now() + apr_time_from_sec(20), pool, &lock) !=
        APR_SUCCESS) {
        return 0;
    }
    o = parse(path);
    if (!o) {
        o = clp_overlay_empty(pool);
    }
    rv = clp_overlay_save_copy(path, clp_overlay_text(o, pool), o->revision, apr_time_now(), pool);
    o->revision++;
    cJSON_AddObjectToObject(cJSON_GetObjectItem(o->document, "channels"),
                            apr_psprintf(pool, "c%" APR_INT64_T_FMT, o->revision));
    if (rv == APR_SUCCESS) {
        rv = clp_durable_replace(path, clp_overlay_text(o, pool), pool);
    }
    if (rv == APR_SUCCESS) {
        *written = o->revision;
    }
    clp_overlay_save_unlock(lock);
    return rv == APR_SUCCESS;
}

static int change_often(void *ctx)
{
    for (int i = 0; i < *(int *)ctx; i++) {
        if (!change()) {
            return 1;
        }
    }
    return 0;
}

static int hold_lock(void *ctx)
{
    int lock;
    if (clp_overlay_save_lock(path, 0, pool, &lock) != APR_SUCCESS) {
        return 1;
    }
    *(volatile int *)ctx = 1;
    pause();
    return 0;
}

static void looks(void *ctx)
{
    (void)ctx;
}

static void locks(void)
{
    int one;
    int two;
    int *held = shared_memory(sizeof(*held));
    IS_INT(clp_overlay_save_lock(path, 0, pool, &one), APR_SUCCESS, "the lock is free");
    IS_INT(clp_overlay_save_lock(path, apr_time_now() + apr_time_from_msec(30), pool, &two),
           APR_TIMEUP, "then held, also against this process");
    clp_overlay_save_unlock(one);
    IS_INT(clp_overlay_save_lock(path, 0, pool, &one), APR_SUCCESS, "free again");
    clp_overlay_save_unlock(one);
    for (int i = 0; i < 20 && !*held; i++) {
        files_kill(1, 20000, hold_lock, looks, held);
    }
    IS_INT(*held, 1, "it is killed who holds the lock");
    IS_INT(clp_overlay_save_lock(path, 0, pool, &one), APR_SUCCESS, "so it is free");
    clp_overlay_save_unlock(one);
    IS_INT(clp_overlay_save_lock(apr_pstrcat(pool, dir, "/none/x.json", NULL), 0, pool, &one),
           APR_ENOENT, "there is none without a directory");
}

static void copies(void)
{
    const char *other = apr_pstrcat(pool, backups, "/channels-mine.txt", NULL);
    const char *left =
        apr_pstrcat(pool, backups, "/channels-20231114T221300Z-0000000001.json.tmp-abcdef", NULL);
    for (int i = 1; i <= CLP_OVERLAY_COPIES + 3; i++) {
        const char *text = apr_psprintf(pool, "text %d", i);
        if (i == 2) {
            clp_durable_replace(other, CLP_SPAN_LIT("mine"), pool);
            clp_durable_replace(left, CLP_SPAN_LIT("left"), pool);
        }
        clp_overlay_save_copy(path, clp_span_str(text), i, NOW + apr_time_from_sec(i), pool);
    }
    IS_INT(files_count(backups, ".json", pool), CLP_OVERLAY_COPIES, "as many copies as are kept");
    IS_SPAN(
        files_read(apr_pstrcat(pool, backups, "/channels-20231114T221333Z-0000000013.json", NULL),
                   pool),
        CLP_SPAN_LIT("text 13"), "the last one, with its time and revision");
    OK(files_read(apr_pstrcat(pool, backups, "/channels-20231114T221324Z-0000000004.json", NULL),
                  pool)
           .p,
       "the first one that is kept");
    IS_INT(unlink(other), 0, "what is no copy stays");
    OK(!files_read(left, pool).p, "what a killed writer left beside one does not");
    files_end(backups, pool);
}

typedef struct deaths {
    int whole;
    int kept;
    int free;
} deaths;

static void after_death(void *ctx)
{
    deaths *d = ctx;
    clp_overlay *o = parse(path);
    int lock;
    d->whole += o != NULL;
    d->kept += o && o->revision >= *written && o->revision <= *written + 1;
    if (clp_overlay_save_lock(path, 0, pool, &lock) == APR_SUCCESS) {
        d->free++;
        clp_overlay_save_unlock(lock);
    }
    if (o) {
        *written = o->revision;
    }
}

static int change_forever(void *ctx)
{
    (void)ctx;
    while (change()) {
    }
    return 1;
}

/* Each backup is a document, and tells the revision that it is of. */
static int sound_backups(void)
{
    apr_dir_t *d;
    apr_finfo_t info;
    int sound = 0;
    if (apr_dir_open(&d, backups, pool) != APR_SUCCESS) {
        return 0;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, d) == APR_SUCCESS) {
        const char *mark = strstr(info.name, "Z-");
        if (mark) {
            clp_overlay *o = parse(apr_pstrcat(pool, backups, "/", info.name, NULL));
            sound += o && o->revision == apr_atoi64(mark + 2);
        }
    }
    apr_dir_close(d);
    return sound;
}

static void killed(void)
{
    deaths d = {0, 0, 0};
    OK(change(), "a change");
    files_kill(KILLS, 12000, change_forever, after_death, &d);
    IS_INT(d.whole, KILLS, "after each kill -9 the file is a document");
    IS_INT(d.kept, KILLS, "of the last revision or the one before");
    IS_INT(d.free, KILLS, "and nobody holds the lock");
    OK(*written > 1, "changes were made: %d", (int)*written);
    OK(change(), "who lives, writes");
    for (int i = 0; i < CLP_OVERLAY_COPIES; i++) {
        change();
    }
    IS_INT(sound_backups(), CLP_OVERLAY_COPIES, "every backup is a document");
    IS_INT(files_count(dir, ".tmp-", pool) + files_count(backups, ".tmp-", pool), 0,
           "nothing is left beside");
}

static void together(void)
{
    int n = CHANGES;
    apr_int64_t before = parse(path)->revision;
    pid_t pids[WRITERS];
    int failed = 0;
    clp_overlay *o;
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = files_fork(change_often, &n);
    }
    for (int i = 0; i < WRITERS; i++) {
        failed += files_wait(pids[i]) != 0;
    }
    o = parse(path);
    IS_INT(failed, 0, "many write at once, and each succeeds");
    IS_INT(o->revision, before + (apr_int64_t)WRITERS * CHANGES, "one after the other");
    IS_INT(cJSON_GetArraySize(cJSON_GetObjectItem(o->document, "channels")), o->revision,
           "and nothing is lost");
}

static void refused(void)
{
    int one = 1;
    clp_span before = files_read(path, pool);
    IS_INT(files_when_full(100, change_often, &one), 1, "a full disk");
    IS_INT(sound_backups(), CLP_OVERLAY_COPIES, "costs no backup");
    chmod(dir, 0500);
    IS_INT(files_without_rights(change_often, &one), 1, "a read-only directory");
    chmod(dir, 0700);
    IS_SPAN(files_read(path, pool), before, "the file is as it was");
    IS_INT(files_count(dir, ".tmp-", pool) + files_count(backups, ".tmp-", pool), 0,
           "nothing is left beside");
}

int main(void)
{
    pool = tap_begin();
    dir = files_begin(pool);
    path = apr_pstrcat(pool, dir, "/channels.json", NULL);
    backups = apr_pstrcat(pool, dir, "/backups", NULL);
    written = shared_memory(sizeof(*written));
    locks();
    copies();
    killed();
    together();
    refused();
    files_end(dir, pool);
    return tap_end();
}
