/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "edit_entry.h"

#include <string.h>

int clp_edit_fail(clp_edit *e, clp_edit_result result, const char *path, const char *message)
{
    e->result = result;
    e->error.path = path;
    e->error.message = message;
    return 0;
}

const clp_channel *clp_edit_base(const clp_edit *e, const char *name)
{
    return clp_channel_named(e->base, name);
}

const clp_channel *clp_edit_find(clp_edit *e, const char *name)
{
    const clp_channel *c = clp_channel_named(e->laid, name);

    if (!c) {
        clp_edit_fail(e, CLP_EDIT_NO_CHANNEL, "",
                      name[strspn(name, "0123456789")] || !*name
                          ? "There is no channel of this name."
                          : "There is no channel of this name. Channels are called by their name, "
                            "not by a number.");
    }
    return c;
}

cJSON *clp_edit_entries(const clp_edit *e)
{
    return cJSON_GetObjectItemCaseSensitive(e->overlay->document, "channels");
}

cJSON *clp_edit_entry(clp_edit *e, const char *name)
{
    cJSON *entry = cJSON_GetObjectItemCaseSensitive(clp_edit_entries(e), name);

    return entry ? entry : cJSON_AddObjectToObject(clp_edit_entries(e), name);
}

void clp_edit_tidy(clp_edit *e, const char *name)
{
    const cJSON *entry = clp_overlay_channel(e->overlay, name);

    if (cJSON_IsObject(entry) && !entry->child && clp_edit_base(e, name)) {
        cJSON_DeleteItemFromObjectCaseSensitive(clp_edit_entries(e), name);
    }
}

void clp_edit_put(cJSON *object, const char *member, cJSON *value)
{
    if (cJSON_GetObjectItemCaseSensitive(object, member)) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, member, value);
    }
    else {
        cJSON_AddItemToObject(object, member, value);
    }
}

int clp_edit_list_index(const cJSON *list, const char *text)
{
    const cJSON *element;
    int i = 0;

    cJSON_ArrayForEach(element, list)
    {
        if (cJSON_IsString(element) && !strcmp(element->valuestring, text)) {
            return i;
        }
        i++;
    }
    return -1;
}

cJSON *clp_edit_list(cJSON *entry, const char *member)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, member);

    return list ? list : cJSON_AddArrayToObject(entry, member);
}

void clp_edit_list_add(cJSON *entry, const char *member, const char *text)
{
    cJSON *list = clp_edit_list(entry, member);

    if (clp_edit_list_index(list, text) < 0) {
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
    }
}

void clp_edit_list_drop(cJSON *entry, const char *member, const char *text)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, member);
    int at = clp_edit_list_index(list, text);

    if (at >= 0) {
        cJSON_DeleteItemFromArray(list, at);
    }
    if (list && !list->child) {
        cJSON_DeleteItemFromObjectCaseSensitive(entry, member);
    }
}
