/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "admin_call.h"
#include "sched/channel_keys.h"
#include "sched/channel_show.h"

/* --- which channels are others ---------------------------------------------------------- */

static int same_keys(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int n = a ? a->nelts : 0;
    int same = n == (b ? b->nelts : 0);

    for (int i = 0; same && i < n; i++) {
        same = !strcmp(APR_ARRAY_IDX(a, i, clp_key).id, APR_ARRAY_IDX(b, i, clp_key).id);
    }
    return same;
}

/* What is shown of a secret is the same for all of them, but then the overlay has said it. */
static int said_otherwise(const clp_channel *a, const clp_channel *b, const char *member)
{
    const cJSON *said_a = cJSON_GetObjectItemCaseSensitive(a->live, member);
    const cJSON *said_b = cJSON_GetObjectItemCaseSensitive(b->live, member);

    return said_a && said_b && !cJSON_Compare(said_a, said_b, 1);
}

static int is_other(const clp_channel *a, const clp_channel *b, clp_channel_setting_id id,
                    apr_pool_t *pool)
{
    if (id == CLP_SETTING_KEYS) {
        return !same_keys(a->keys, b->keys) || !same_keys(a->keys_off, b->keys_off);
    }
    return !clp_channel_shows_same(a, b, id, pool) || said_otherwise(a, b, clp_setting_member(id));
}

static int write_settings(clp_jw *w, const clp_channel *was, const clp_channel *is,
                          apr_pool_t *pool)
{
    int n = 0;

    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        clp_channel_setting_id id = (clp_channel_setting_id)i;
        if (!is_other(was, is, id, pool)) {
            continue;
        }
        if (!n++) {
            clp_jw_key(w, is->name);
            clp_jw_array(w);
        }
        clp_jw_str(w, clp_setting_member(id));
    }
    if (n) {
        clp_jw_end_array(w);
    }
    return n;
}

/* The names in `of` that are not in `in`; how many. */
static int write_missing(clp_jw *w, const char *member, const apr_array_header_t *of,
                         const apr_array_header_t *in)
{
    int n = 0;

    clp_jw_key(w, member);
    clp_jw_array(w);
    for (int i = 0; i < of->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(of, i, const clp_channel *);
        if (!clp_channel_named(in, c->name)) {
            clp_jw_str(w, c->name);
            n++;
        }
    }
    clp_jw_end_array(w);
    return n;
}

static int write_channels(clp_jw *w, const clp_admin_state *was, const clp_admin_state *is,
                          apr_pool_t *pool)
{
    int n;

    clp_jw_key(w, "channels");
    clp_jw_object(w);
    n = write_missing(w, "added", is->channels, was->channels);
    n += write_missing(w, "removed", was->channels, is->channels);
    clp_jw_key(w, "changed");
    clp_jw_object(w);
    for (int i = 0; i < is->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(is->channels, i, const clp_channel *);
        const clp_channel *before = clp_channel_named(was->channels, c->name);
        n += before && before != c && write_settings(w, before, c, pool);
    }
    clp_jw_end_object(w);
    clp_jw_end_object(w);
    return n;
}

/* --- files of keys ------------------------------------------------------------------------ */

static int has_id(const apr_array_header_t *ids, const char *id)
{
    for (int i = 0; i < ids->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(ids, i, const char *), id)) {
            return 1;
        }
    }
    return 0;
}

/* Of the keys that the channels have from the file, each once. */
static apr_array_header_t *ids_of(const apr_array_header_t *channels, const char *source,
                                  apr_pool_t *pool)
{
    apr_array_header_t *ids = apr_array_make(pool, 4, sizeof(const char *));

    for (int i = 0; i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        for (int k = 0; k < c->keys->nelts; k++) {
            const clp_key *key = &APR_ARRAY_IDX(c->keys, k, clp_key);
            if (key->source && !strcmp(key->source, source) && !has_id(ids, key->id)) {
                APR_ARRAY_PUSH(ids, const char *) = key->id;
            }
        }
    }
    return ids;
}

static int write_ids(clp_jw *w, const char *member, const apr_array_header_t *of,
                     const apr_array_header_t *in)
{
    int n = 0;

    clp_jw_key(w, member);
    clp_jw_array(w);
    for (int i = 0; i < of->nelts; i++) {
        const char *id = APR_ARRAY_IDX(of, i, const char *);
        if (!has_id(in, id)) {
            clp_jw_str(w, id);
            n++;
        }
    }
    clp_jw_end_array(w);
    return n;
}

static void write_users(clp_jw *w, const apr_array_header_t *channels, const char *source)
{
    clp_jw_key(w, "channels");
    clp_jw_array(w);
    for (int i = 0; i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        if (clp_channel_uses_source(c, source)) {
            clp_jw_str(w, c->name);
        }
    }
    clp_jw_end_array(w);
}

/* How many files have other keys now, and how many could not be used. */
typedef struct tally {
    int changed;
    int failed;
} tally;

static void write_file(clp_jw *w, const clp_admin_key_file *file, const clp_admin_state *was,
                       const clp_admin_state *is, apr_pool_t *pool, tally *sum)
{
    const apr_array_header_t *before = ids_of(was->configured, file->source, pool);
    const apr_array_header_t *now = ids_of(is->configured, file->source, pool);
    const char *state = file->unreadable ? "unreadable" : "broken";
    int n;

    clp_jw_object(w);
    clp_jw_kstr(w, "file", file->path);
    write_users(w, is->configured, file->source);
    n = write_ids(w, "added", now, before);
    n += write_ids(w, "removed", before, now);
    if (file->error) {
        sum->failed++;
        clp_jw_kstr(w, "status", state);
        clp_jw_kstr(w, "error", file->error);
    }
    else {
        sum->changed += n > 0;
        clp_jw_kstr(w, "status", n ? "changed" : "unchanged");
    }
    clp_jw_end_object(w);
}

static tally write_files(clp_jw *w, const apr_array_header_t *files, const clp_admin_state *was,
                         const clp_admin_state *is, apr_pool_t *pool)
{
    tally sum = {0, 0};

    clp_jw_key(w, "keyFiles");
    clp_jw_array(w);
    for (int i = 0; i < files->nelts; i++) {
        write_file(w, &APR_ARRAY_IDX(files, i, clp_admin_key_file), was, is, pool, &sum);
    }
    clp_jw_end_array(w);
    return sum;
}

/* Where no child can look again: each source once. */
static void write_others(clp_jw *w, const apr_array_header_t *channels, apr_pool_t *pool)
{
    apr_array_header_t *told = apr_array_make(pool, 2, sizeof(const char *));

    clp_jw_key(w, "onlyAtRestart");
    clp_jw_array(w);
    for (int i = 0; i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        for (int k = 0; k < c->keys->nelts; k++) {
            const char *source = APR_ARRAY_IDX(c->keys, k, clp_key).source;
            if (source && strncmp(source, "file:", 5) != 0 && !has_id(told, source)) {
                APR_ARRAY_PUSH(told, const char *) = source;
                clp_jw_str(w, source);
            }
        }
    }
    clp_jw_end_array(w);
}

/* --- the operation -------------------------------------------------------------------------- */

static int make_reload(clp_admin_edit *e)
{
    return clp_edit_reload(&e->edit);
}

static const char *sum_up(int channels, const tally *files, apr_pool_t *pool)
{
    const char *failed =
        files->failed
            ? apr_psprintf(pool, "; files that cannot be used, whose keys stay: %d", files->failed)
            : "";

    return apr_psprintf(pool, "read again: channels changed: %d; files of keys changed: %d%s",
                        channels, files->changed, failed);
}

void clp_admin_reload(clp_admin_call *call)
{
    static const char *const members[] = {NULL};
    const clp_admin_site *site = call->site;
    clp_admin_edit e = {.make = make_reload, .body = clp_admin_object(call, members)};
    clp_admin_state is;
    int channels;
    tally files;
    clp_jw w;

    if (!e.body) {
        return;
    }
    if (!site->overlay_path) {
        clp_admin_fail(call, 409, NULL,
                       "The children follow a file in the state directory, and the configuration "
                       "has no ClaudeStateDir. A graceful restart reads everything anew.");
        return;
    }
    if (!clp_admin_write(call, &e)) {
        return;
    }
    is = site->in_force(site->ctx);
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kint(&w, "revision", call->change.revision);
    clp_jw_kint(&w, "revisionBefore", site->before.revision);
    channels = write_channels(&w, &site->before, &is, call->pool);
    files = write_files(&w, site->key_files(site->ctx), &site->before, &is, call->pool);
    write_others(&w, is.configured, call->pool);
    call->did = sum_up(channels, &files, call->pool);
    call->told_revision = call->change.revision;
    clp_jw_kstr(&w, "message", call->did);
    clp_jw_end_object(&w);
}
