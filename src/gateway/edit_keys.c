/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "edit_keys.h"

#include <string.h>

#include <apr_strings.h>

#include "edit_entry.h"

static const clp_key *find_key(clp_edit *e, const clp_channel *c, const char *id)
{
    const clp_key *key = clp_channel_key(c, id);

    if (!key) {
        clp_edit_fail(e, CLP_EDIT_NO_KEY, "", CLP_EDIT_NO_SUCH_KEY);
    }
    return key;
}

/* --- keys by id in a whole list of keys ------------------------------------------------ */

/** A key of the list being resolved. */
typedef struct wanted {
    const char *secret;
    const char *id;
    int off;
} wanted;

static int has_objects(const cJSON *list)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, list)
    {
        if (cJSON_IsObject(element)) {
            return 1;
        }
    }
    return 0;
}

static int read_object(clp_edit *e, const clp_channel *c, const cJSON *object, const char *path,
                       wanted *out)
{
    static const char *const known[] = {"id", "mask", "source", "origin", "status"};
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(object, "id");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(object, "status");
    const cJSON *member;
    const clp_key *key;

    cJSON_ArrayForEach(member, object)
    {
        int at = 0;
        while (at < 5 && strcmp(known[at], member->string) != 0) {
            at++;
        }
        if (at == 5) {
            return clp_edit_fail(
                e, CLP_EDIT_WRONG, path,
                "has a member that is none of a key: say id, and status if need be");
        }
    }
    if (!cJSON_IsString(id) || !(key = c ? clp_channel_key(c, id->valuestring) : NULL)) {
        return clp_edit_fail(e, CLP_EDIT_WRONG, apr_pstrcat(e->pool, path, ".id", NULL),
                             "has to be the id of a key that the channel has");
    }
    if (status && (!cJSON_IsString(status) || (strcmp(status->valuestring, "active") != 0 &&
                                               strcmp(status->valuestring, "disabled") != 0))) {
        return clp_edit_fail(e, CLP_EDIT_WRONG, apr_pstrcat(e->pool, path, ".status", NULL),
                             "has to be active or disabled");
    }
    out->secret = key->secret;
    out->id = key->id;
    out->off = status && !strcmp(status->valuestring, "disabled");
    return 1;
}

static int read_wanted(clp_edit *e, const clp_channel *c, const cJSON *list,
                       apr_array_header_t *all)
{
    const cJSON *element;
    int i = 0;

    cJSON_ArrayForEach(element, list)
    {
        const char *path = apr_psprintf(e->pool, "apiKeys.%d", i++);
        wanted *w = apr_array_push(all);
        if (cJSON_IsObject(element)) {
            if (!read_object(e, c, element, path, w)) {
                return 0;
            }
        }
        else if (cJSON_IsString(element)) {
            w->secret = apr_pstrdup(e->pool, element->valuestring);
            w->id = clp_key_digest(w->secret, e->pool);
            w->off = 0;
        }
        else {
            return clp_edit_fail(e, CLP_EDIT_WRONG, path,
                                 "has to be a key, or an object with its id");
        }
        for (int k = 0; k < all->nelts - 1; k++) {
            if (!strcmp(APR_ARRAY_IDX(all, k, wanted).id, w->id)) {
                return clp_edit_fail(e, CLP_EDIT_WRONG, path, "is the same key as one before it");
            }
        }
    }
    return 1;
}

/* A channel of the overlay alone says its keys. */
static void say_own(cJSON *entry, const apr_array_header_t *all)
{
    cJSON *list = cJSON_CreateArray();

    for (int i = 0; i < all->nelts; i++) {
        const wanted *w = &APR_ARRAY_IDX(all, i, wanted);
        cJSON_AddItemToArray(list, cJSON_CreateString(w->secret));
        if (w->off) {
            clp_edit_list_add(entry, "keysDisabled", w->id);
        }
    }
    clp_edit_put(entry, "apiKeys", list);
}

/* One of the configuration keeps its keys where they are. */
static void say_beside(cJSON *entry, const clp_channel *base, const apr_array_header_t *all)
{
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "apiKeys");
    for (int i = 0; i < all->nelts; i++) {
        const wanted *w = &APR_ARRAY_IDX(all, i, wanted);
        if (!clp_key_in(base->keys, w->id)) {
            clp_edit_list_add(entry, "keysAdded", w->secret);
        }
        clp_edit_list_add(entry, w->off ? "keysDisabled" : "keyOrder", w->id);
    }
    for (int i = 0; i < base->keys->nelts; i++) {
        const char *id = APR_ARRAY_IDX(base->keys, i, clp_key).id;
        int at = 0;
        while (at < all->nelts && strcmp(APR_ARRAY_IDX(all, at, wanted).id, id) != 0) {
            at++;
        }
        if (at == all->nelts) {
            clp_edit_list_add(entry, "keysDisabled", id);
        }
    }
}

int clp_edit_resolve_keys(clp_edit *e, const char *name, cJSON *entry)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "apiKeys");
    const clp_channel *base = clp_edit_base(e, name);
    apr_array_header_t *all = apr_array_make(e->pool, 4, sizeof(wanted));

    if (!cJSON_IsArray(list) || !has_objects(list)) {
        return 1;
    }
    if (!read_wanted(e, clp_channel_named(e->laid, name), list, all)) {
        return 0;
    }
    if (base) {
        say_beside(entry, base, all);
    }
    else {
        say_own(entry, all);
    }
    return 1;
}

/* --- single keys ----------------------------------------------------------------------- */

int clp_edit_add_keys(clp_edit *e, const char *name, const cJSON *keys)
{
    const clp_channel *c = clp_edit_find(e, name);
    const cJSON *key;
    cJSON *list;
    int i = 0;

    if (!c) {
        return 0;
    }
    list = clp_edit_list(clp_edit_entry(e, name), clp_edit_base(e, name) ? "keysAdded" : "apiKeys");
    cJSON_ArrayForEach(key, keys)
    {
        const char *path = apr_psprintf(e->pool, "apiKeys.%d", i++);
        if (!cJSON_IsString(key) || !*key->valuestring) {
            return clp_edit_fail(e, CLP_EDIT_WRONG, path, "has to be a key, not empty");
        }
        if (clp_channel_key(c, clp_key_digest(key->valuestring, e->pool)) ||
            clp_edit_list_index(list, key->valuestring) >= 0) {
            return clp_edit_fail(e, CLP_EDIT_CONFLICT, path, "is a key that the channel has");
        }
        cJSON_AddItemToArray(list, cJSON_CreateString(key->valuestring));
    }
    return 1;
}

/* The list of the entry that says this key itself, or NULL. */
static const char *said_in(const cJSON *entry, const char *secret)
{
    static const char *const lists[] = {"keysAdded", "apiKeys"};

    for (int i = 0; i < 2; i++) {
        if (clp_edit_list_index(cJSON_GetObjectItemCaseSensitive(entry, lists[i]), secret) >= 0) {
            return lists[i];
        }
    }
    return NULL;
}

int clp_edit_remove_key(clp_edit *e, const char *name, const char *id)
{
    const clp_channel *c = clp_edit_find(e, name);
    const clp_key *key = c ? find_key(e, c, id) : NULL;
    const char *list;
    cJSON *entry;

    if (!key) {
        return 0;
    }
    if (!c->defined_in && c->keys->nelts + (c->keys_off ? c->keys_off->nelts : 0) == 1) {
        return clp_edit_fail(e, CLP_EDIT_CONFLICT, "",
                             "It is the only key of the channel: add another first, or suspend or "
                             "delete the channel.");
    }
    entry = clp_edit_entry(e, name);
    list = said_in(entry, key->secret);
    clp_edit_list_drop(entry, "keyOrder", id);
    if (list) {
        clp_edit_list_drop(entry, "keysDisabled", id);
        clp_edit_list_drop(entry, list, key->secret);
    }
    else {
        e->only_disabled = 1;
        clp_edit_list_add(entry, "keysDisabled", id);
    }
    clp_edit_tidy(e, name);
    return 1;
}

int clp_edit_move_key(clp_edit *e, const char *name, const char *id, int to_top)
{
    const clp_channel *c = clp_edit_find(e, name);
    cJSON *order;

    if (!c || !find_key(e, c, id)) {
        return 0;
    }
    if (!clp_key_in(c->keys, id)) {
        return clp_edit_fail(e, CLP_EDIT_CONFLICT, "", "The key is disabled: enable it first.");
    }
    order = cJSON_CreateArray();
    for (int i = 0; i < c->keys->nelts; i++) {
        const char *other = APR_ARRAY_IDX(c->keys, i, clp_key).id;
        if (strcmp(other, id) != 0) {
            cJSON_AddItemToArray(order, cJSON_CreateString(other));
        }
    }
    cJSON_InsertItemInArray(order, to_top ? 0 : cJSON_GetArraySize(order), cJSON_CreateString(id));
    clp_edit_put(clp_edit_entry(e, name), "keyOrder", order);
    return 1;
}

int clp_edit_enable_key(clp_edit *e, const char *name, const char *id, int on)
{
    const clp_channel *c = clp_edit_find(e, name);

    if (!c || !find_key(e, c, id)) {
        return 0;
    }
    if (on) {
        clp_edit_list_drop(clp_edit_entry(e, name), "keysDisabled", id);
    }
    else {
        clp_edit_list_add(clp_edit_entry(e, name), "keysDisabled", id);
    }
    clp_edit_tidy(e, name);
    return 1;
}
