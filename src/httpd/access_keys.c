/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "access_keys.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "config.h"
#include "file_stamp.h"
#include "secrets.h"
#include "wire/log.h"

/**
 * A key file. `list` and its pool are replaced as a whole under `mutex`; who
 * looks a key up holds it only while looking. `looking` is held by the one
 * thread that looks at the file, and guards `stamp`; only requests with an
 * unknown key wait for it.
 */
typedef struct key_file {
    const char *path;
    apr_thread_mutex_t *mutex;
    apr_thread_mutex_t *looking;
    const clp_key_list *list;
    apr_pool_t *pool;              /**< of list; a root pool */
    volatile apr_uint32_t checked; /**< second of the last look, wrapping */
    clp_file_stamp stamp;
} key_file;

struct clp_access_keys {
    clp_key_list *own;
    apr_array_header_t *files; /**< of key_file * */
};

clp_access_keys *clp_access_keys_make(apr_pool_t *p)
{
    clp_access_keys *keys = apr_palloc(p, sizeof(*keys));

    keys->own = clp_key_list_make(p);
    keys->files = apr_array_make(p, 1, sizeof(key_file *));
    return keys;
}

const char *clp_access_keys_add(clp_access_keys *keys, cmd_parms *cmd, const char *name,
                                const char *secret)
{
    apr_array_header_t *found = apr_array_make(cmd->pool, 1, sizeof(const char *));
    const char *wrong = clp_secret_read(cmd->pool, cmd->cmd->name, secret, 0, found);

    if (!wrong) {
        wrong = clp_key_list_add_text(keys->own, name,
                                      clp_span_str(APR_ARRAY_IDX(found, 0, const char *)));
        if (wrong) {
            wrong = apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", wrong, NULL);
        }
    }
    return wrong;
}

/**
 * Read the file into a list with a pool of its own.
 * @return NULL and nothing in `out` when it cannot be used; `wrong` (in `p`) says why
 */
static clp_key_list *read_list(const char *path, apr_pool_t **out, apr_pool_t *p,
                               const char **wrong)
{
    clp_key_list *list;
    apr_pool_t *pool;
    char *text;
    apr_size_t n;
    int line, plain, open_to_all;

    *wrong = clp_secret_file_read(path, p, &text, &n, &open_to_all);
    if (*wrong) {
        return NULL;
    }
    apr_pool_create(&pool, NULL);
    apr_pool_tag(pool, "claude_access_keys");
    list = clp_key_list_make(pool);
    *wrong = clp_key_list_add_lines(list, clp_span_of(text, n), &line, &plain);
    if (*wrong) {
        *wrong = apr_psprintf(p, "has a mistake on line %d: %s", line, *wrong);
    }
    else if (plain && open_to_all) {
        *wrong = CLP_SECRET_FILE_OPEN ", or write the keys as sha256:";
    }
    if (*wrong) {
        apr_pool_destroy(pool);
        return NULL;
    }
    *out = pool;
    return list;
}

static apr_status_t forget_file(void *data)
{
    key_file *file = data;

    apr_pool_destroy(file->pool);
    return APR_SUCCESS;
}

static apr_uint32_t now_seconds(void)
{
    return (apr_uint32_t)apr_time_sec(apr_time_now());
}

const char *clp_access_keys_add_file(clp_access_keys *keys, cmd_parms *cmd, const char *path)
{
    key_file *file = apr_pcalloc(cmd->pool, sizeof(*file));
    const char *wrong = NULL;

    file->path = ap_server_root_relative(cmd->pool, path);
    if (!file->path) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": '", path, "' is no usable path", NULL);
    }
    file->stamp = clp_file_stamp_at(file->path, cmd->temp_pool);
    file->list = read_list(file->path, &file->pool, cmd->temp_pool, &wrong);
    if (!file->list) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": the file ", file->path, " ", wrong, NULL);
    }
    file->checked = now_seconds();
    apr_pool_cleanup_register(cmd->pool, file, forget_file, apr_pool_cleanup_null);
    if (apr_thread_mutex_create(&file->mutex, APR_THREAD_MUTEX_DEFAULT, cmd->pool) != APR_SUCCESS ||
        apr_thread_mutex_create(&file->looking, APR_THREAD_MUTEX_DEFAULT, cmd->pool) !=
            APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": no mutex could be made", NULL);
    }
    APR_ARRAY_PUSH(keys->files, key_file *) = file;
    return NULL;
}

/** Reads the file again if it has changed; `looking` is held. */
static void reread(key_file *file, request_rec *r)
{
    clp_file_stamp stamp = clp_file_stamp_at(file->path, r->pool);
    const char *wrong = NULL;
    clp_key_list *list;
    apr_pool_t *pool, *old;

    if (clp_file_stamp_same(&stamp, &file->stamp)) {
        return;
    }
    file->stamp = stamp;
    list = read_list(file->path, &pool, r->pool, &wrong);
    if (!list) {
        clp_log(r, CLP_LOG_ERR, 0, 2001,
                "ClaudeAccessKeyFile %s %s; the keys read before stay in force", file->path, wrong);
        return;
    }
    apr_thread_mutex_lock(file->mutex);
    old = file->pool;
    file->list = list;
    file->pool = pool;
    apr_thread_mutex_unlock(file->mutex);
    apr_pool_destroy(old);
    clp_log(r, CLP_LOG_INFO, 0, 2002, "ClaudeAccessKeyFile %s read again: %d keys", file->path,
            clp_key_list_count(list));
}

/** Looks at the file unless that was done within this second. */
static void refresh(key_file *file, request_rec *r)
{
    apr_uint32_t now = now_seconds();

    if (apr_atomic_read32(&file->checked) != now &&
        apr_thread_mutex_trylock(file->looking) == APR_SUCCESS) {
        if (apr_atomic_read32(&file->checked) != now) {
            apr_atomic_set32(&file->checked, now);
            reread(file, r);
        }
        apr_thread_mutex_unlock(file->looking);
    }
}

static const char *find_in_file(key_file *file, request_rec *r,
                                const unsigned char digest[CLP_KEY_DIGEST])
{
    const char *name;

    apr_thread_mutex_lock(file->mutex);
    name = clp_key_list_find(file->list, digest);
    if (name) {
        name = apr_pstrdup(r->pool, name);
    }
    apr_thread_mutex_unlock(file->mutex);
    return name;
}

const char *clp_access_keys_find(clp_access_keys *keys, request_rec *r,
                                 const unsigned char digest[CLP_KEY_DIGEST])
{
    const char *name = clp_key_list_find(keys->own, digest);

    for (int i = 0; i < keys->files->nelts && !name; i++) {
        key_file *file = APR_ARRAY_IDX(keys->files, i, key_file *);

        refresh(file, r);
        name = find_in_file(file, r, digest);
    }
    /* Unknown: it may have been added just now. */
    for (int i = 0; i < keys->files->nelts && !name; i++) {
        key_file *file = APR_ARRAY_IDX(keys->files, i, key_file *);

        apr_thread_mutex_lock(file->looking);
        reread(file, r);
        apr_thread_mutex_unlock(file->looking);
        name = find_in_file(file, r, digest);
    }
    return name;
}

int clp_access_keys_any(clp_access_keys *keys)
{
    int any = clp_key_list_count(keys->own) > 0;

    for (int i = 0; i < keys->files->nelts && !any; i++) {
        key_file *file = APR_ARRAY_IDX(keys->files, i, key_file *);

        apr_thread_mutex_lock(file->mutex);
        any = clp_key_list_count(file->list) > 0;
        apr_thread_mutex_unlock(file->mutex);
    }
    return any;
}
