/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "admin_call.h"
#include "channel_metrics.h"
#include "gateway/channel_view.h"

/* --- looking ------------------------------------------------------------------------ */

/* As it is configured, and how it is right now. */
static void write_channel(const clp_admin_call *call, clp_jw *w, const clp_channel *c)
{
    cJSON *view = clp_channel_view_make(c, clp_admin_configured(call, c->name), call->pool);
    clp_status_scope scope = clp_admin_scope(call);
    clp_buffer *state = clp_buffer_make(call->pool, 0);
    clp_jw inner;

    clp_jw_init(&inner, state);
    clp_channel_state_write(&inner, &scope, c, call->pool);
    clp_buffer_putc(state, '\0');
    cJSON_AddRawToObject(view, "state", (const char *)state->p);
    clp_admin_value(w, NULL, view);
}

void clp_admin_write_channels(const clp_admin_call *call, clp_jw *w)
{
    const apr_array_header_t *channels = call->site->channels;

    clp_jw_array(w);
    for (int i = 0; i < channels->nelts; i++) {
        write_channel(call, w, APR_ARRAY_IDX(channels, i, const clp_channel *));
    }
    clp_jw_end_array(w);
}

void clp_admin_list_channels(clp_admin_call *call)
{
    clp_jw w;

    call->told_revision = call->site->revision;
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kint(&w, "revision", call->site->revision);
    clp_jw_key(&w, "channels");
    clp_admin_write_channels(call, &w);
    clp_jw_end_object(&w);
}

void clp_admin_get_channel(clp_admin_call *call)
{
    const clp_channel *c = clp_admin_channel(call, call->name);
    clp_jw w;

    if (c) {
        call->told_revision = call->site->revision;
        clp_jw_init(&w, call->out);
        write_channel(call, &w, c);
    }
}

/* --- changing ------------------------------------------------------------------------ */

static int make_create(clp_admin_edit *e)
{
    return clp_edit_create(&e->edit, e->call->name, e->body);
}

void clp_admin_create_channel(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_create, .body = clp_admin_object(call, NULL)};
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(e.body, "name");

    if (!e.body) {
        return;
    }
    if (!cJSON_IsString(name)) {
        clp_admin_fail(call, 400, "name", "name: has to be the name of the channel");
        return;
    }
    call->name = name->valuestring;
    if (clp_admin_write(call, &e)) {
        call->status = 201;
        clp_admin_done_channel(call,
                               apr_pstrcat(call->pool, "channel ", call->name, " added", NULL));
        apr_table_setn(call->headers, "Location",
                       apr_pstrcat(call->pool, call->path, "/", call->name, NULL));
    }
}

static int make_replace(clp_admin_edit *e)
{
    return clp_edit_replace(&e->edit, e->call->name, e->body);
}

void clp_admin_put_channel(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_replace, .body = clp_admin_object(call, NULL)};

    if (e.body && clp_admin_write(call, &e)) {
        call->status = e.edit.created ? 201 : 200;
        clp_admin_done_channel(call, apr_pstrcat(call->pool, "channel ", call->name,
                                                 e.edit.created ? " added" : " replaced", NULL));
    }
}

static int make_merge(clp_admin_edit *e)
{
    return clp_edit_merge(&e->edit, e->call->name, e->body);
}

/* The names of what is changed; values may be secrets. */
static const char *members_of(const cJSON *object, apr_pool_t *pool)
{
    const char *text = "";
    const cJSON *member;

    cJSON_ArrayForEach(member, object)
    {
        text = apr_pstrcat(pool, text, *text ? ", " : "", member->string, NULL);
    }
    return text;
}

void clp_admin_patch_channel(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_merge, .body = clp_admin_object(call, NULL)};

    if (e.body && clp_admin_write(call, &e)) {
        clp_admin_done_channel(call, apr_pstrcat(call->pool, "channel ", call->name, ": changed ",
                                                 members_of(e.body, call->pool), NULL));
    }
}

static int make_delete(clp_admin_edit *e)
{
    return clp_edit_delete(&e->edit, e->call->name);
}

void clp_admin_delete_channel(clp_admin_call *call)
{
    clp_admin_edit e = {.make = make_delete};
    clp_jw w;

    if (!clp_admin_write(call, &e)) {
        return;
    }
    clp_admin_done(call, &w,
                   apr_pstrcat(call->pool, "channel ", call->name,
                               e.edit.only_disabled
                                   ? " disabled: it stands in the configuration, from where "
                                     "only its administrator can remove it"
                                   : " removed",
                               NULL));
    clp_jw_kbool(&w, "removed", !e.edit.only_disabled);
    clp_jw_end_object(&w);
}

static int make_order(clp_admin_edit *e)
{
    return clp_edit_reorder(&e->edit, cJSON_GetObjectItemCaseSensitive(e->body, "order"));
}

void clp_admin_reorder(clp_admin_call *call)
{
    static const char *const members[] = {"order", NULL};
    clp_admin_edit e = {.make = make_order, .body = clp_admin_object(call, members)};
    clp_jw w;

    if (!e.body || !clp_admin_write(call, &e)) {
        return;
    }
    clp_admin_done(call, &w, "channels reordered");
    clp_jw_key(&w, "priorities");
    clp_jw_object(&w);
    for (int i = 0; i < call->change.laid->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(call->change.laid, i, const clp_channel *);
        clp_jw_kint(&w, c->name, c->priority);
    }
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

static int make_status(clp_admin_edit *e)
{
    return clp_edit_set_status(&e->edit, e->call->name, e->body);
}

void clp_admin_set_status(clp_admin_call *call)
{
    static const char *const members[] = {"status", NULL};
    const cJSON *object = clp_admin_object(call, members);
    clp_admin_edit e = {.make = make_status};

    if (!object) {
        return;
    }
    e.body = cJSON_GetObjectItemCaseSensitive(object, "status");
    if (!cJSON_IsString(e.body)) {
        clp_admin_fail(call, 400, "status", "status: has to be active, suspended or disabled");
        return;
    }
    if (clp_admin_write(call, &e)) {
        clp_admin_done_channel(call, apr_pstrcat(call->pool, "channel ", call->name, " is ",
                                                 e.body->valuestring, NULL));
    }
}
