/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"

#include <stdarg.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "admin_call.h"

void clp_admin_begin(clp_admin_call *call, const clp_admin_site *site, apr_pool_t *pool)
{
    memset(call, 0, sizeof(*call));
    call->pool = pool;
    call->site = site;
    call->args = apr_table_make(pool, 1);
    call->revision = CLP_ANY_REVISION;
    call->status = 200;
    call->content_type = "application/json";
    call->out = clp_buffer_make(pool, 0);
    call->headers = apr_table_make(pool, 4);
    call->told_revision = -1;
}

/* "12", "12-gzip" (as a compressing filter makes it), W/"12"; of a list the first. */
apr_int64_t clp_admin_if_match(const char *field)
{
    char *end;
    apr_int64_t n;

    while (apr_isspace(*field)) {
        field++;
    }
    if (*field == '*') {
        return CLP_ANY_REVISION;
    }
    field += !strncmp(field, "W/", 2) ? 2 : 0;
    if (*field != '"' || !apr_isdigit(field[1])) {
        return -2;
    }
    n = apr_strtoi64(field + 1, &end, 10);
    return n >= 0 && (*end == '"' || *end == '-') ? n : -2;
}

void clp_admin_answer(clp_admin_call *call)
{
    call->route->answer(call);
}

/* --- errors --------------------------------------------------------------------- */

static const char *code_of(int status)
{
    switch (status) {
    case 400: return "invalid";
    case 401: return "unauthenticated";
    case 403: return "forbidden";
    case 404: return "not_found";
    case 405: return "method_not_allowed";
    case 409: return "conflict";
    case 412: return "stale";
    case 413: return "too_large";
    case 415: return "unsupported_media_type";
    case 503: return "unavailable";
    default: return status < 500 ? "invalid" : "internal";
    }
}

void clp_admin_fail(clp_admin_call *call, int status, const char *path, const char *fmt, ...)
{
    clp_admin_error *error = &call->error;
    va_list args;
    clp_jw w;

    va_start(args, fmt);
    error->message = apr_pvsprintf(call->pool, fmt, args);
    va_end(args);
    error->code = code_of(status);
    error->path = path && *path ? path : NULL;
    call->status = status;
    call->content_type = "application/json";
    clp_buffer_clear(call->out);
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_key(&w, "error");
    clp_jw_object(&w);
    clp_jw_kstr(&w, "code", error->code);
    clp_jw_kstr(&w, "message", error->message);
    if (error->path) {
        clp_jw_kstr(&w, "path", error->path);
    }
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

/* --- what answers have in common ------------------------------------------------------ */

void clp_admin_value(clp_jw *w, const char *name, cJSON *value)
{
    char *text = cJSON_PrintUnformatted(value);

    if (name) {
        clp_jw_key(w, name);
    }
    clp_jw_raw(w, clp_span_str(text ? text : "null"));
    cJSON_free(text);
    cJSON_Delete(value);
}

const clp_channel *clp_admin_configured(const clp_admin_call *call, const char *name)
{
    return clp_channel_named(call->site->configured, name);
}

const clp_channel *clp_admin_channel(clp_admin_call *call, const char *name)
{
    const clp_channel *c = clp_channel_named(call->site->channels, name);

    if (!c) {
        clp_admin_fail(call, 404, NULL, "There is no channel '%s'.%s", name,
                       name[strspn(name, "0123456789")]
                           ? ""
                           : " Channels are called by their name, not by a number.");
    }
    return c;
}

static int is_member(const char *name, const char *const *members)
{
    for (; *members; members++) {
        if (!strcmp(name, *members)) {
            return 1;
        }
    }
    return 0;
}

const cJSON *clp_admin_object(clp_admin_call *call, const char *const *members)
{
    const cJSON *object = call->body;
    const cJSON *member;

    if (!object) {
        return clp_document_keep(cJSON_CreateObject(), call->pool);
    }
    if (!cJSON_IsObject(object)) {
        clp_admin_fail(call, 400, NULL, "The body has to be a JSON object.");
        return NULL;
    }
    cJSON_ArrayForEach(member, object)
    {
        if (members && !is_member(member->string, members)) {
            clp_admin_fail(call, 400, member->string, "%s: is not known here", member->string);
            return NULL;
        }
    }
    return object;
}
