/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "edit_settings.h"

#include <string.h>
#include <strings.h>

#include "edit_entry.h"
#include "edit_keys.h"
#include "gateway/channel_view.h"

/* Members of a shown channel that are told and not said. */
static const char *const told[] = {"name",    "index", "definedIn", "origin",
                                   "origins", "state", NULL};

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
    for (const char *const *t = told; *t; t++) {
        if (!strcmp(*t, member)) {
            return 1;
        }
    }
    return 0;
}

int clp_edit_check_settings(clp_edit *e, const char *name, const cJSON *settings)
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

int clp_edit_say(clp_edit *e, const char *name, const cJSON *settings)
{
    return say(e, name, settings, NULL);
}

int clp_edit_say_anew(clp_edit *e, const char *name, const cJSON *settings)
{
    cJSON *old = clp_document_copy(clp_edit_entry(e, name), e->pool);

    clp_edit_put(clp_edit_entries(e), name, cJSON_CreateObject());
    return say(e, name, settings, old);
}
