/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/channel_view.h"

#include <string.h>

static int says(const cJSON *live, const char *member)
{
    return cJSON_GetObjectItemCaseSensitive(live, member) != NULL;
}

/* Does the overlay say this setting, in whatever spelling? */
static int overlay_says(const clp_channel *c, clp_channel_setting_id id)
{
    const cJSON *live = c->live;

    if (!live) {
        return 0;
    }
    switch (id) {
    case CLP_SETTING_URLS: return says(live, "baseUrls") || says(live, "baseUrl");
    case CLP_SETTING_TLS_VERIFY: return says(live, "tlsVerify") || says(live, "insecureSkipVerify");
    case CLP_SETTING_KEYS:
        return says(live, "apiKeys") || says(live, "keysAdded") || says(live, "keysDisabled") ||
               says(live, "keyOrder");
    case CLP_SETTING_STATUS:
        return says(live, "status") ||
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(live, "deleted"));
    default: return says(live, clp_setting_member(id));
    }
}

static const char *origin_of(const clp_channel *c, clp_channel_setting_id id)
{
    if (overlay_says(c, id)) {
        return CLP_ORIGIN_OVERLAY;
    }
    return c->said_at && c->said_at[id] ? c->said_at[id] : CLP_ORIGIN_DEFAULT;
}

static int has_key(const clp_channel *c, const char *id)
{
    for (int i = 0; c && i < c->keys->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(c->keys, i, clp_key).id, id)) {
            return 1;
        }
    }
    return 0;
}

static void add_keys(cJSON *list, const apr_array_header_t *keys, const char *status,
                     const clp_channel *base, apr_pool_t *pool)
{
    for (int i = 0; keys && i < keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(keys, i, clp_key);
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "id", key->id);
        cJSON_AddStringToObject(object, "mask", key->mask);
        if (key->source) {
            cJSON_AddStringToObject(object, "source", clp_key_source_shown(key, pool));
        }
        cJSON_AddStringToObject(object, "origin",
                                has_key(base, key->id) ? CLP_ORIGIN_CONF : CLP_ORIGIN_OVERLAY);
        cJSON_AddStringToObject(object, "status", status);
        cJSON_AddItemToArray(list, object);
    }
}

cJSON *clp_channel_view_make(const clp_channel *c, const clp_channel *base, apr_pool_t *pool)
{
    cJSON *view = cJSON_CreateObject();
    cJSON *keys = cJSON_CreateArray();
    cJSON *origins;

    cJSON_AddStringToObject(view, "name", c->name);
    if (base) {
        cJSON_AddStringToObject(view, "definedIn", base->defined_in);
    }
    else {
        cJSON_AddNullToObject(view, "definedIn");
    }
    cJSON_AddStringToObject(view, "origin", base ? CLP_ORIGIN_CONF : CLP_ORIGIN_OVERLAY);
    clp_channel_json_write(view, c, pool);
    add_keys(keys, c->keys, "active", base, pool);
    add_keys(keys, c->keys_off, "disabled", base, pool);
    cJSON_ReplaceItemInObjectCaseSensitive(view, clp_setting_member(CLP_SETTING_KEYS), keys);
    if (base) {
        cJSON_AddBoolToObject(view, "deleted",
                              cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->live, "deleted")));
    }
    origins = cJSON_AddObjectToObject(view, "origins");
    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        clp_channel_setting_id id = (clp_channel_setting_id)i;
        cJSON_AddStringToObject(origins, clp_setting_member(id), origin_of(c, id));
    }
    return view;
}
