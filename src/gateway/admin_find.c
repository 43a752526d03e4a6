/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"

#include <string.h>

#include <apr_strings.h>

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
