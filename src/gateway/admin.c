/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "admin_call.h"
#include "gateway/channel_view.h"

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

/* --- routes ----------------------------------------------------------------------- */

/* One segment of a path: up to the next '/', which is passed. */
static clp_span next_segment(const char **at)
{
    apr_size_t n = strcspn(*at, "/");
    clp_span segment = clp_span_of(*at, n);

    *at += n;
    *at += **at == '/';
    return segment;
}

static int fits(const clp_admin_route *route, const char *path, clp_span *name, clp_span *id)
{
    const char *pattern = route->path + 1;

    while (*pattern && *path) {
        clp_span wants = next_segment(&pattern);
        clp_span has = next_segment(&path);
        if (clp_span_is(wants, "{name}")) {
            *name = has;
        }
        else if (clp_span_is(wants, "{id}")) {
            *id = has;
        }
        else if (!clp_span_eq(wants, has)) {
            return 0;
        }
        if (!has.n) {
            return 0;
        }
    }
    return !*pattern && !*path;
}

/* The predecessor had the same paths once for each kind of client: /api/messages/channels; and
 * those about its configuration below /admin. */
static const char *our_path(const char *path, apr_pool_t *pool)
{
    static const char *const theirs[] = {"api/messages/", "api/responses/", "api/gemini/",
                                         "api/chat/", "admin/"};

    for (int i = 0; i < 5; i++) {
        apr_size_t n = strlen(theirs[i]);
        if (!strncmp(path, theirs[i], n)) {
            return apr_pstrcat(pool, "api/", path + n, NULL);
        }
    }
    return path;
}

/* Does anything answer at this path (without its first slash)? Adds to `allow`. */
static int look_up(clp_admin_call *call, const char *path, apr_array_header_t *allow)
{
    int known = 0;

    for (const clp_admin_route *route = clp_admin_routes; route->method; route++) {
        clp_span name = {NULL, 0};
        clp_span id = {NULL, 0};
        if (!fits(route, path, &name, &id)) {
            continue;
        }
        known = 1;
        APR_ARRAY_PUSH(allow, const char *) = route->method;
        if (!call->route && !strcmp(route->method, call->method)) {
            call->route = route;
            call->name = name.p ? apr_pstrmemdup(call->pool, name.p, name.n) : NULL;
            call->id = id.p ? apr_pstrmemdup(call->pool, id.p, id.n) : NULL;
        }
    }
    return known;
}

/* Whatever the location's own path is: the API begins where it begins to make sense. */
static int find_below(clp_admin_call *call, apr_array_header_t *allow)
{
    for (const char *p = call->path; (p = strchr(p, '/')); p++) {
        if ((!strncmp(p, "/api/", 5) || !strncmp(p, "/admin/", 7)) &&
            look_up(call, our_path(p + 1, call->pool), allow)) {
            return 1;
        }
    }
    return 0;
}

static const char *allowed(const apr_array_header_t *methods, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; i < methods->nelts; i++) {
        const char *m = APR_ARRAY_IDX(methods, i, const char *);
        if (strstr(text, m)) {
            continue;
        }
        text =
            apr_pstrcat(pool, text, *text ? ", " : "", m, !strcmp(m, "GET") ? ", HEAD" : "", NULL);
    }
    return apr_pstrcat(pool, text, ", OPTIONS", NULL);
}

int clp_admin_find(clp_admin_call *call)
{
    apr_array_header_t *allow = apr_array_make(call->pool, 4, sizeof(const char *));

    if (!find_below(call, allow)) {
        clp_admin_fail(call, 404, NULL,
                       "There is nothing at this path. GET api/openapi.json tells what there is.");
        return 0;
    }
    if (call->route) {
        return 1;
    }
    apr_table_setn(call->headers, "Allow", allowed(allow, call->pool));
    if (!strcmp(call->method, "OPTIONS")) {
        call->status = 204;
        return 0;
    }
    clp_admin_fail(call, 405, NULL, "Method %s is not allowed here; use %s.%s", call->method,
                   allowed(allow, call->pool),
                   strstr(call->path, "/api/settings") ? " Settings are said in the configuration."
                                                       : "");
    return 0;
}

void clp_admin_answer(clp_admin_call *call)
{
    call->route->answer(call);
}

/* "12", "12-gzip" (as a compressing filter makes it), W/"12"; any of a list. */
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

/* --- changes --------------------------------------------------------------------------- */

static int make_edit(void *ctx, clp_overlay *overlay, const apr_array_header_t *laid,
                     apr_pool_t *pool)
{
    clp_admin_edit *e = ctx;

    e->edit.overlay = overlay;
    e->edit.base = e->call->site->configured;
    e->edit.laid = laid;
    e->edit.pool = pool;
    e->edit.in_one_server = e->call->site->in_one_server;
    return e->make(e);
}

/* Who changes one channel needs not be told which. */
static const char *local_path(const clp_admin_call *call, const char *path)
{
    const char *name = call->name;
    apr_size_t n = name ? strlen(name) : 0;

    if (strncmp(path, "channels.", 9) != 0) {
        return path;
    }
    if (name && !strncmp(path + 9, name, n) && (!path[9 + n] || path[9 + n] == '.')) {
        return path + 9 + n + (path[9 + n] == '.');
    }
    return path;
}

static void refuse(clp_admin_call *call, const clp_document_error *error, int status)
{
    const char *path = local_path(call, error->path);

    clp_admin_fail(call, status, path, "%s%s%s", path, *path ? ": " : "", error->message);
}

static int edit_status(clp_edit_result result)
{
    return result == CLP_EDIT_WRONG ? 400 : result == CLP_EDIT_CONFLICT ? 409 : 404;
}

static void refuse_stale(clp_admin_call *call, apr_int64_t revision)
{
    call->told_revision = revision;
    clp_admin_fail(call, 412, NULL,
                   "Somebody changed the channels meanwhile: they are at revision "
                   "%" APR_INT64_T_FMT " now. Get them anew.",
                   revision);
}

static void explain(clp_admin_call *call, clp_write_result result, const clp_edit *edit)
{
    const clp_overlay_change *change = &call->change;

    switch (result) {
    case CLP_WRITE_DONE: return;
    case CLP_WRITE_REFUSED: refuse(call, &edit->error, edit_status(edit->result)); return;
    case CLP_WRITE_INVALID: refuse(call, &change->error, 400); return;
    case CLP_WRITE_STALE: refuse_stale(call, change->revision); return;
    case CLP_WRITE_NO_PLACE:
        clp_admin_fail(call, 409, NULL,
                       "Channels cannot be changed: the configuration has no ClaudeStateDir.");
        return;
    case CLP_WRITE_BROKEN:
        clp_admin_fail(call, 409, change->error.path,
                       "The overlay that is there cannot be used, so it cannot be changed: %s%s%s. "
                       "Mend or remove the file %s first.",
                       change->error.path, *change->error.path ? " " : "", change->error.message,
                       call->site->overlay_path);
        return;
    case CLP_WRITE_BUSY:
        apr_table_setn(call->headers, "Retry-After", "1");
        clp_admin_fail(call, 503, NULL, "Another change takes its time; try again.");
        return;
    case CLP_WRITE_FAILED: break;
    }
    clp_admin_fail(call, 500, NULL, "Nothing was changed: %s.", change->error.message);
}

int clp_admin_write(clp_admin_call *call, clp_admin_edit *e)
{
    clp_write_result result;

    e->call = call;
    result = call->site->write(call->revision, make_edit, e, call->pool, &call->change);
    explain(call, result, &e->edit);
    return result == CLP_WRITE_DONE;
}

int clp_admin_leave(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;

    if (call->revision != CLP_ANY_REVISION && call->revision != site->revision) {
        refuse_stale(call, site->revision);
        return 0;
    }
    call->change.revision = site->revision;
    call->change.laid = site->channels;
    return 1;
}

void clp_admin_done(clp_admin_call *call, clp_jw *w, const char *did)
{
    call->did = did;
    call->told_revision = call->change.revision;
    clp_jw_init(w, call->out);
    clp_jw_object(w);
    clp_jw_kstr(w, "message", did);
    clp_jw_kint(w, "revision", call->change.revision);
}

const clp_channel *clp_admin_changed(const clp_admin_call *call)
{
    return clp_channel_named(call->change.laid, call->name);
}

void clp_admin_tell_channel(clp_admin_call *call, clp_jw *w)
{
    clp_admin_value(w, "channel",
                    clp_channel_view_make(clp_admin_changed(call),
                                          clp_admin_configured(call, call->name), call->pool));
}

void clp_admin_done_channel(clp_admin_call *call, const char *did)
{
    clp_jw w;

    clp_admin_done(call, &w, did);
    clp_admin_tell_channel(call, &w);
    clp_jw_end_object(&w);
}
