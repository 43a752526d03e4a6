/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overlay.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

/* Members of a channel beside its settings. */
static const char *const besides[] = {"keysAdded", "keysDisabled", "keyOrder", "deleted", NULL};

/** The channel being laid over. */
typedef struct laying {
    clp_channel_draft draft;
    const cJSON *said;
    apr_pool_t *pool;
    clp_document_error *error;
} laying;

static int fail_at(const laying *l, const char *member, const char *message)
{
    l->error->path = member;
    l->error->message = message;
    return 0;
}

/* A list of strings that a channel has beside its settings; NULL = not said. */
static int take_list(const laying *l, const char *member, const cJSON **list)
{
    const cJSON *element;
    *list = cJSON_GetObjectItemCaseSensitive(l->said, member);
    if (!*list) {
        return 1;
    }
    if (!cJSON_IsArray(*list)) {
        return fail_at(l, member, "has to be a list of strings");
    }
    cJSON_ArrayForEach(element, *list)
    {
        if (!cJSON_IsString(element)) {
            return fail_at(l, member, "has to be a list of strings");
        }
    }
    return 1;
}

/* Is it one of the first `n` keys? */
static int has_key(const clp_channel *c, int n, const char *secret)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(APR_ARRAY_IDX(c->keys, i, clp_key).secret, secret)) {
            return 1;
        }
    }
    return 0;
}

/* The configuration may have got the same key meanwhile. */
static int add_keys(laying *l)
{
    const cJSON *list;
    const cJSON *element;
    int before = l->draft.channel->keys->nelts;
    if (!take_list(l, "keysAdded", &list)) {
        return 0;
    }
    cJSON_ArrayForEach(element, list)
    {
        const char *key = apr_pstrdup(l->pool, element->valuestring);
        const char *wrong;
        if (has_key(l->draft.channel, before, key)) {
            continue;
        }
        l->draft.label = "the key";
        wrong = clp_channel_draft_set(&l->draft, CLP_SETTING_KEYS, 1, &key);
        if (wrong) {
            return fail_at(l, "keysAdded", wrong);
        }
    }
    return 1;
}

static int names_key(const cJSON *list, const char *id)
{
    const cJSON *element;
    cJSON_ArrayForEach(element, list)
    {
        if (!strcmp(element->valuestring, id)) {
            return 1;
        }
    }
    return 0;
}

/* Keys in the order said, without those that are off. Ids that no key has any more are passed
 * over: the configuration may have dropped the key meanwhile. */
static int sort_keys(laying *l)
{
    clp_channel *c = l->draft.channel;
    const apr_array_header_t *all = c->keys;
    const cJSON *off;
    const cJSON *order;
    const cJSON *element;
    if (!take_list(l, "keysDisabled", &off) || !take_list(l, "keyOrder", &order)) {
        return 0;
    }
    if (!off && !order) {
        return 1;
    }
    c->keys = apr_array_make(l->pool, all->nelts + 1, sizeof(clp_key));
    c->keys_off = apr_array_make(l->pool, 1, sizeof(clp_key));
    cJSON_ArrayForEach(element, order)
    {
        for (int i = 0; i < all->nelts; i++) {
            const clp_key *key = &APR_ARRAY_IDX(all, i, clp_key);
            if (!strcmp(key->id, element->valuestring) && !names_key(off, key->id)) {
                APR_ARRAY_PUSH(c->keys, clp_key) = *key;
            }
        }
    }
    for (int i = 0; i < all->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(all, i, clp_key);
        if (names_key(off, key->id)) {
            APR_ARRAY_PUSH(c->keys_off, clp_key) = *key;
        }
        else if (!names_key(order, key->id)) {
            APR_ARRAY_PUSH(c->keys, clp_key) = *key;
        }
    }
    return 1;
}

/* Each id once, or a key would be taken twice. */
static int check_order(const laying *l)
{
    const cJSON *order = cJSON_GetObjectItemCaseSensitive(l->said, "keyOrder");
    const cJSON *a;
    cJSON_ArrayForEach(a, order)
    {
        for (const cJSON *b = a->next; b; b = b->next) {
            if (cJSON_IsString(a) && cJSON_IsString(b) && !strcmp(a->valuestring, b->valuestring)) {
                return fail_at(l, "keyOrder", "names a key twice");
            }
        }
    }
    return 1;
}

static int check_deleted(laying *l, const clp_channel *base)
{
    const cJSON *deleted = cJSON_GetObjectItemCaseSensitive(l->said, "deleted");
    if (!deleted) {
        return 1;
    }
    if (!cJSON_IsBool(deleted)) {
        return fail_at(l, "deleted", "has to be true or false");
    }
    if (!base) {
        return fail_at(l, "deleted",
                       "is for channels of the configuration; leave this channel out instead");
    }
    if (cJSON_IsTrue(deleted)) {
        l->draft.channel->status = CLP_CHANNEL_DISABLED;
    }
    return 1;
}

/* Keys of the configuration are for those whom it trusts. */
static int check_secrecy(const laying *l)
{
    clp_channel_setting_id id;
    const char *wrong = clp_channel_draft_exposes(&l->draft, &id);

    return !wrong || fail_at(l, clp_setting_member(id), wrong);
}

static int read_channel(laying *l, const clp_channel *base)
{
    return clp_channel_json_read(&l->draft, l->said, besides, l->error) && check_secrecy(l) &&
           add_keys(l) && check_order(l) && sort_keys(l) && check_deleted(l, base);
}

/* `base` with what is said laid over it; NULL and the error. */
static const clp_channel *lay_channel(const cJSON *said, const clp_channel *base,
                                      const clp_channel_source *source, apr_pool_t *pool,
                                      clp_document_error *error)
{
    laying l = {.said = said, .pool = pool, .error = error};
    const char *lacks;
    if (base) {
        clp_channel_draft_begin_from(&l.draft, base, source, pool);
    }
    else {
        clp_channel_draft_begin(&l.draft, apr_pstrdup(pool, said->string), NULL, source, pool);
    }
    if (!read_channel(&l, base)) {
        error->path = apr_pstrcat(pool, "channels.", said->string, *error->path ? "." : "",
                                  error->path, NULL);
        return NULL;
    }
    l.draft.channel->live = said;
    lacks = l.draft.channel->keys_off && l.draft.channel->keys_off->nelts
                ? NULL
                : clp_channel_draft_lacks(&l.draft);
    if (lacks) {
        error->path = apr_pstrcat(pool, "channels.", said->string, NULL);
        error->message = lacks;
        return NULL;
    }
    return l.draft.channel;
}

int clp_overlay_lay(const clp_overlay *o, const apr_array_header_t *base,
                    const clp_channel_source *source, apr_pool_t *pool, apr_array_header_t **laid,
                    clp_document_error *error)
{
    const cJSON *said;
    apr_hash_t *known = apr_hash_make(pool);
    const clp_channel *c;
    *laid = apr_array_make(pool, base->nelts + 4, sizeof(const clp_channel *));
    for (int i = 0; i < base->nelts; i++) {
        c = APR_ARRAY_IDX(base, i, const clp_channel *);
        said = clp_overlay_channel(o, c->name);
        apr_hash_set(known, c->name, APR_HASH_KEY_STRING, c);
        if (said && !(c = lay_channel(said, c, source, pool, error))) {
            return 0;
        }
        APR_ARRAY_PUSH(*laid, const clp_channel *) = c;
    }
    cJSON_ArrayForEach(said, cJSON_GetObjectItemCaseSensitive(o->document, "channels"))
    {
        if (!apr_hash_get(known, said->string, APR_HASH_KEY_STRING)) {
            if (!(c = lay_channel(said, NULL, source, pool, error))) {
                return 0;
            }
            APR_ARRAY_PUSH(*laid, const clp_channel *) = c;
        }
    }
    return 1;
}
