/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "admin_call.h"

static const char *about(const clp_admin_call *call, const char *what)
{
    return apr_pstrcat(call->pool, "channel ", call->name, ": ", what, NULL);
}

static const char *about_key(const clp_admin_call *call, const char *what)
{
    return apr_pstrcat(call->pool, "channel ", call->name, ": key ", call->id, " ", what, NULL);
}

static int make_add(clp_admin_edit *e)
{
    return clp_edit_add_keys(&e->edit, e->call->name, e->body);
}

/* {"apiKey": "…"} as the predecessor has it, or {"apiKeys": ["…", "…"]}; NULL and an error. */
static const cJSON *keys_of(clp_admin_call *call)
{
    static const char *const members[] = {"apiKey", "apiKeys", NULL};
    const cJSON *object = clp_admin_object(call, members);
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(object, "apiKey");
    const cJSON *many = cJSON_GetObjectItemCaseSensitive(object, "apiKeys");
    cJSON *list;

    if (!object) {
        return NULL;
    }
    if (one && !many && cJSON_IsString(one)) {
        list = clp_document_keep(cJSON_CreateArray(), call->pool);
        cJSON_AddItemToArray(list, cJSON_CreateString(one->valuestring));
        return list;
    }
    if (!one && cJSON_IsArray(many) && many->child) {
        return many;
    }
    clp_admin_fail(call, 400, one ? "apiKey" : "apiKeys",
                   "Say a key as \"apiKey\", or a list of them as \"apiKeys\".");
    return NULL;
}

void clp_admin_add_key(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_add, .body = keys_of(call)};

    if (e.body && clp_admin_write(call, &e)) {
        call->status = 201;
        clp_admin_done_channel(call, about(call, apr_psprintf(call->pool, "%d keys added",
                                                              cJSON_GetArraySize(e.body))));
    }
}

static int make_remove(clp_admin_edit *e)
{
    return clp_edit_remove_key(&e->edit, e->call->name, e->call->id);
}

void clp_admin_remove_key(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_remove};

    if (clp_admin_write(call, &e)) {
        clp_admin_done_channel(
            call, about_key(call, e.edit.only_disabled
                                      ? "disabled: it stands in the configuration, from where "
                                        "only its administrator can remove it"
                                      : "removed"));
    }
}

static int make_top(clp_admin_edit *e)
{
    return clp_edit_move_key(&e->edit, e->call->name, e->call->id, 1);
}

static int make_bottom(clp_admin_edit *e)
{
    return clp_edit_move_key(&e->edit, e->call->name, e->call->id, 0);
}

static int make_enabled(clp_admin_edit *e)
{
    return clp_edit_enable_key(&e->edit, e->call->name, e->call->id, 1);
}

static int make_disabled(clp_admin_edit *e)
{
    return clp_edit_enable_key(&e->edit, e->call->name, e->call->id, 0);
}

static void change_key(clp_admin_call *call, int (*make)(clp_admin_edit *), const char *what)
{
    static const char *const members[] = {NULL};
    clp_admin_edit e = {.make = make, .body = clp_admin_object(call, members)};

    if (e.body && clp_admin_write(call, &e)) {
        clp_admin_done_channel(call, about_key(call, what));
    }
}

void clp_admin_key_top(clp_admin_call *call)
{
    change_key(call, make_top, "is taken first");
}

void clp_admin_key_bottom(clp_admin_call *call)
{
    change_key(call, make_bottom, "is taken last");
}

void clp_admin_key_disable(clp_admin_call *call)
{
    change_key(call, make_disabled, "disabled");
}

void clp_admin_key_enable(clp_admin_call *call)
{
    change_key(call, make_enabled, "enabled");
}
