/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overlay_edit.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "edit_keys.h"
#include "gateway/channel_view.h"

#define STATUS "status"

const char *const clp_channel_told[] = {"name",    "index", "definedIn", "origin",
                                        "origins", "state", NULL};

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

/* --- entries of the document ------------------------------------------------------ */

static cJSON *channels_of(const clp_edit *e)
{
    return cJSON_GetObjectItemCaseSensitive(e->overlay->document, "channels");
}

cJSON *clp_edit_entry(clp_edit *e, const char *name)
{
    cJSON *entry = cJSON_GetObjectItemCaseSensitive(channels_of(e), name);

    return entry ? entry : cJSON_AddObjectToObject(channels_of(e), name);
}

void clp_edit_tidy(clp_edit *e, const char *name)
{
    const cJSON *entry = clp_overlay_channel(e->overlay, name);

    if (cJSON_IsObject(entry) && !entry->child && clp_edit_base(e, name)) {
        cJSON_DeleteItemFromObjectCaseSensitive(channels_of(e), name);
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

/* Another spelling of the same setting, or NULL. */
static const char *other_spelling(const char *member)
{
    return !strcmp(member, "baseUrl")              ? "baseUrls"
           : !strcmp(member, "baseUrls")           ? "baseUrl"
           : !strcmp(member, "insecureSkipVerify") ? "tlsVerify"
           : !strcmp(member, "tlsVerify")          ? "insecureSkipVerify"
                                                   : NULL;
}

/* Take back a setting, however it was spelled. Who says all keys anew, or none, means all that
 * is said of them. */
static void forget(cJSON *entry, const char *member)
{
    const char *other = other_spelling(member);

    cJSON_DeleteItemFromObjectCaseSensitive(entry, member);
    if (other) {
        cJSON_DeleteItemFromObjectCaseSensitive(entry, other);
    }
    if (!strcmp(member, "apiKeys")) {
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "keysAdded");
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "keysDisabled");
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "keyOrder");
    }
}

static int is_told(const char *member)
{
    for (const char *const *t = clp_channel_told; *t; t++) {
        if (!strcmp(*t, member)) {
            return 1;
        }
    }
    return 0;
}

static int check_settings(clp_edit *e, const char *name, const cJSON *settings)
{
    const cJSON *said;

    if (!cJSON_IsObject(settings)) {
        return clp_edit_fail(e, CLP_EDIT_WRONG, "", "a channel has to be an object");
    }
    said = cJSON_GetObjectItemCaseSensitive(settings, "name");
    if (said && (!cJSON_IsString(said) || strcmp(said->valuestring, name) != 0)) {
        return clp_edit_fail(e, CLP_EDIT_WRONG, "name",
                             "is another than the channel's; a channel cannot be renamed");
    }
    return 1;
}

/* What GET shows of the channel as it is; NULL for a new one. */
static const cJSON *shown(clp_edit *e, const char *name)
{
    const clp_channel *c = clp_channel_named(e->laid, name);

    return c ? clp_document_keep(clp_channel_view_make(c, clp_edit_base(e, name), e->pool), e->pool)
             : NULL;
}

static int is_same_text(const cJSON *a, const cJSON *b)
{
    char *x = cJSON_PrintUnformatted(a);
    char *y = cJSON_PrintUnformatted(b);
    int same = x && y && !strcmp(x, y);

    cJSON_free(x);
    cJSON_free(y);
    return same;
}

/* Is a setting what was shown of it? Only in a map of models the order counts. */
static int is_same(const cJSON *said, const cJSON *before)
{
    return before && cJSON_Compare(said, before, 1) &&
           (strcmp(said->string, clp_setting_member(CLP_SETTING_MODEL_MAP)) != 0 ||
            is_same_text(said, before));
}

static void carry_one(cJSON *entry, const cJSON *old, const char *member)
{
    const cJSON *value = member ? cJSON_GetObjectItemCaseSensitive(old, member) : NULL;

    if (value) {
        clp_edit_put(entry, member, cJSON_Duplicate(value, 1));
    }
}

/* A setting that is sent as it was shown stays what it was, masked secrets included. */
static void carry(cJSON *entry, const cJSON *old, const char *member)
{
    carry_one(entry, old, member);
    carry_one(entry, old, other_spelling(member));
    if (!strcmp(member, "apiKeys")) {
        carry_one(entry, old, "keysAdded");
        carry_one(entry, old, "keysDisabled");
        carry_one(entry, old, "keyOrder");
    }
}

static const char *header_value(const clp_channel *c, const char *name)
{
    for (int i = 0; c && i < c->header_edits->nelts; i++) {
        const clp_header_edit *edit = &APR_ARRAY_IDX(c->header_edits, i, clp_header_edit);
        if (!strcasecmp(edit->name, name)) {
            return edit->value;
        }
    }
    return NULL;
}

/* A mask in a header field means the value that the channel has. Others are refused when the
 * channel is laid. */
static void unmask(clp_edit *e, const char *name, cJSON *entry)
{
    cJSON *headers = cJSON_GetObjectItemCaseSensitive(entry, "headers");
    const clp_channel *c = clp_channel_named(e->laid, name);
    cJSON *field = cJSON_IsObject(headers) ? headers->child : NULL;

    for (; field; field = field->next) {
        const char *value = header_value(c, field->string);
        if (value && cJSON_IsString(field) && !strcmp(field->valuestring, CLP_SHOWN_SECRET)) {
            cJSON_SetValuestring(field, value);
        }
    }
}

/* Settings said on top of what the entry has. `old` = what it had before, if that is gone. */
static int say(clp_edit *e, const char *name, const cJSON *settings, const cJSON *old)
{
    const cJSON *before = shown(e, name);
    cJSON *entry = clp_edit_entry(e, name);
    const cJSON *member;

    cJSON_ArrayForEach(member, settings)
    {
        if (is_told(member->string)) {
            continue;
        }
        if (is_same(member, cJSON_GetObjectItemCaseSensitive(before, member->string))) {
            carry(entry, old, member->string);
            continue;
        }
        if (!old) {
            forget(entry, member->string);
        }
        if (old || !cJSON_IsNull(member)) {
            clp_edit_put(entry, member->string, cJSON_Duplicate(member, 1));
        }
    }
    unmask(e, name, entry);
    if (!clp_edit_resolve_keys(e, name, entry)) {
        return 0;
    }
    clp_edit_tidy(e, name);
    return 1;
}

static int check_new_name(clp_edit *e, const char *name)
{
    const char *wrong = clp_channel_name_wrong(name);

    return !wrong || clp_edit_fail(e, CLP_EDIT_WRONG, "name", wrong);
}

/* The entry made anew, in its place. */
static int replace(clp_edit *e, const char *name, const cJSON *settings)
{
    cJSON *old = clp_document_copy(clp_edit_entry(e, name), e->pool);

    clp_edit_put(channels_of(e), name, cJSON_CreateObject());
    return say(e, name, settings, old);
}

/* --- channels ------------------------------------------------------------------------ */

int clp_edit_create(clp_edit *e, const char *name, const cJSON *settings)
{
    const clp_channel *base = clp_edit_base(e, name);

    if (!check_new_name(e, name) || !check_settings(e, name, settings)) {
        return 0;
    }
    if (clp_channel_named(e->laid, name)) {
        return clp_edit_fail(e, CLP_EDIT_CONFLICT, "name",
                             base ? "is a channel of the configuration; PUT or PATCH it"
                                  : "is a channel already; PUT or PATCH it");
    }
    e->created = 1;
    return replace(e, name, settings);
}

int clp_edit_replace(clp_edit *e, const char *name, const cJSON *settings)
{
    if (!clp_channel_named(e->laid, name)) {
        return clp_edit_create(e, name, settings);
    }
    if (!check_settings(e, name, settings)) {
        return 0;
    }
    return replace(e, name, settings);
}

/* Is this said to be a status without requests? What is no status at all is refused later. */
static int is_inactive(const cJSON *status)
{
    return status && cJSON_IsString(status) && strcasecmp(status->valuestring, "active") != 0;
}

int clp_edit_merge(clp_edit *e, const char *name, const cJSON *settings)
{
    if (!clp_edit_find(e, name) || !check_settings(e, name, settings) ||
        !say(e, name, settings, NULL)) {
        return 0;
    }
    if (is_inactive(cJSON_GetObjectItemCaseSensitive(settings, STATUS)) &&
        !cJSON_HasObjectItem(settings, "promotion")) {
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
        cJSON_DeleteItemFromObjectCaseSensitive(channels_of(e), name);
    }
    return 1;
}

int clp_edit_set_status(clp_edit *e, const char *name, const cJSON *status)
{
    if (!clp_edit_find(e, name)) {
        return 0;
    }
    forget(clp_edit_entry(e, name), STATUS);
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
