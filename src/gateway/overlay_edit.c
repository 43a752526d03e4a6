/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overlay_edit.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "edit_entry.h"
#include "edit_promotion.h"
#include "edit_settings.h"

#define STATUS "status"

static int check_new_name(clp_edit *e, const char *name)
{
    const char *wrong = clp_channel_name_wrong(name);

    return !wrong || clp_edit_fail(e, CLP_EDIT_WRONG, "name", wrong);
}

int clp_edit_create(clp_edit *e, const char *name, const cJSON *settings)
{
    const clp_channel *base = clp_edit_base(e, name);

    if (!check_new_name(e, name) || !clp_edit_check_settings(e, name, settings)) {
        return 0;
    }
    if (clp_channel_named(e->laid, name)) {
        return clp_edit_fail(e, CLP_EDIT_CONFLICT, "name",
                             base ? "is a channel of the configuration; PUT or PATCH it"
                                  : "is a channel already; PUT or PATCH it");
    }
    e->created = 1;
    return clp_edit_say_anew(e, name, settings);
}

int clp_edit_replace(clp_edit *e, const char *name, const cJSON *settings)
{
    if (!clp_channel_named(e->laid, name)) {
        return clp_edit_create(e, name, settings);
    }
    if (!clp_edit_check_settings(e, name, settings)) {
        return 0;
    }
    return clp_edit_say_anew(e, name, settings);
}

/* Is this said to be a status without requests? What is no status at all is refused later. */
static int is_inactive(const cJSON *status)
{
    return status && cJSON_IsString(status) && strcasecmp(status->valuestring, "active") != 0;
}

int clp_edit_merge(clp_edit *e, const char *name, const cJSON *settings)
{
    if (!clp_edit_find(e, name) || !clp_edit_check_settings(e, name, settings) ||
        !clp_edit_say(e, name, settings)) {
        return 0;
    }
    if (is_inactive(cJSON_GetObjectItemCaseSensitive(settings, STATUS)) &&
        !cJSON_GetObjectItemCaseSensitive(settings, "promotion")) {
        clp_edit_end_promotion(e, name);
    }
    return 1;
}

int clp_edit_delete(clp_edit *e, const char *name)
{
    if (!clp_edit_find(e, name)) {
        return 0;
    }
    if (clp_edit_base(e, name)) {
        e->only_disabled = 1;
        clp_edit_put(clp_edit_entry(e, name), "deleted", cJSON_CreateTrue());
        clp_edit_end_promotion(e, name);
    }
    else {
        cJSON_DeleteItemFromObjectCaseSensitive(clp_edit_entries(e), name);
    }
    return 1;
}

int clp_edit_set_status(clp_edit *e, const char *name, const cJSON *status)
{
    if (!clp_edit_find(e, name)) {
        return 0;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(clp_edit_entry(e, name), STATUS);
    if (status) {
        clp_edit_put(clp_edit_entry(e, name), STATUS, cJSON_Duplicate(status, 1));
    }
    if (is_inactive(status)) {
        clp_edit_end_promotion(e, name);
    }
    clp_edit_tidy(e, name);
    return 1;
}

int clp_edit_resume(clp_edit *e, const char *name)
{
    const clp_channel *c = clp_edit_find(e, name);
    const clp_channel *base = clp_edit_base(e, name);

    if (!c || c->status != CLP_CHANNEL_SUSPENDED) {
        return c != NULL;
    }
    return clp_edit_set_status(e, name,
                               base && base->status == CLP_CHANNEL_ACTIVE
                                   ? NULL
                                   : clp_document_keep(cJSON_CreateString("active"), e->pool));
}

/* --- order --------------------------------------------------------------------------- */

static int position(const cJSON *names, const char *name)
{
    const cJSON *element;
    int i = 0;

    cJSON_ArrayForEach(element, names)
    {
        if (!strcmp(element->valuestring, name)) {
            return i;
        }
        i++;
    }
    return -1;
}

static int check_order(clp_edit *e, const cJSON *names)
{
    const cJSON *element;
    int i = 0;

    if (!cJSON_IsArray(names) || !names->child) {
        return clp_edit_fail(e, CLP_EDIT_WRONG, "order", "has to be a list of names of channels");
    }
    cJSON_ArrayForEach(element, names)
    {
        const char *path = apr_psprintf(e->pool, "order.%d", i);
        if (!cJSON_IsString(element)) {
            return clp_edit_fail(e, CLP_EDIT_WRONG, path, "has to be a channel's name");
        }
        if (!clp_channel_named(e->laid, element->valuestring)) {
            return clp_edit_fail(e, CLP_EDIT_WRONG, path, "is no channel's name");
        }
        if (position(names, element->valuestring) != i) {
            return clp_edit_fail(e, CLP_EDIT_WRONG, path, "is named twice");
        }
        i++;
    }
    return 1;
}

static void set_priority(clp_edit *e, const clp_channel *c, int priority)
{
    if (c->priority != priority) {
        clp_edit_put(clp_edit_entry(e, c->name), "priority", cJSON_CreateNumber(priority));
    }
}

int clp_edit_reorder(clp_edit *e, const cJSON *names)
{
    int n = cJSON_GetArraySize(names);
    int shift = 0;

    if (!check_order(e, names)) {
        return 0;
    }
    for (int i = 0; i < e->laid->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(e->laid, i, const clp_channel *);
        if (c->priority <= n && position(names, c->name) < 0) {
            shift = n;
        }
    }
    for (int i = 0; i < e->laid->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(e->laid, i, const clp_channel *);
        int at = position(names, c->name);
        set_priority(e, c, at < 0 ? c->priority + shift : at + 1);
    }
    return 1;
}

/* --- files of keys --------------------------------------------------------------------- */

int clp_edit_reload(clp_edit *e)
{
    clp_overlay *o = e->overlay;

    o->reloads++;
    clp_edit_put(o->document, "reloads", cJSON_CreateNumber((double)o->reloads));
    return 1;
}
