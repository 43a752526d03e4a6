/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "web_search.h"

/* user_location.approximate.city, filters.allowed_domains[0] */
#define RECORD_DEPTH 3

/*
 * The list that the first of the names has, in the tool or in its filters; none if it is empty.
 * What is no list is kept: the upstream says what is wrong with it.
 */
static clp_jval domains(clp_jval tool, const char *const *names)
{
    clp_jval filters = clp_jval_get(tool, "filters");

    for (; *names; names++) {
        clp_jval v = clp_jval_get(tool, *names);
        v = clp_jval_nil(v) ? clp_jval_get(filters, *names) : v;
        if (!clp_jval_nil(v) && !(clp_jval_is_array(v) && !clp_jval_count(v))) {
            return v;
        }
    }
    return CLP_JVAL_NONE;
}

void clp_web_search_read(clp_web_search *s, const clp_tool *tool, apr_pool_t *pool)
{
    static const char *const allowed[] = {"allowed_domains", NULL};
    static const char *const blocked[] = {"blocked_domains", "excludeDomains", "exclude_domains",
                                          NULL};
    static const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, RECORD_DEPTH, 0};
    clp_json *j = clp_json_make(pool);
    clp_jval root, nested;

    memset(s, 0, sizeof(*s));
    if (clp_json_scan(j, clp_jval_raw(tool->origin), &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    root = clp_json_root(j);
    s->context_size = clp_jval_text(clp_jval_get(root, "search_context_size"));
    s->location = clp_jval_get(root, "user_location");
    nested = clp_jval_get(s->location, "approximate");
    if (clp_jval_is_object(nested)) {
        s->location = nested;
    }
    s->allowed = domains(root, allowed);
    s->blocked = domains(root, blocked);
}

void clp_web_search_write_domains(clp_jw *jw, const clp_web_search *s)
{
    if (clp_jval_ok(s->allowed)) {
        clp_jw_kraw(jw, "allowed_domains", clp_jval_raw(s->allowed));
    }
    if (clp_jval_ok(s->blocked)) {
        clp_jw_kraw(jw, "blocked_domains", clp_jval_raw(s->blocked));
    }
}

void clp_web_search_write_location(clp_jw *jw, const clp_web_search *s, int nested)
{
    static const char *const members[] = {"city", "country", "region", "timezone"};

    if (!clp_jval_is_object(s->location)) {
        return;
    }
    clp_jw_key(jw, "user_location");
    clp_jw_object(jw);
    clp_jw_kstr(jw, "type", "approximate");
    if (nested) {
        clp_jw_key(jw, "approximate");
        clp_jw_object(jw);
    }
    for (apr_size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        clp_jval v = clp_jval_get(s->location, members[i]);
        if (clp_jval_is_string(v)) {
            clp_jw_ktext(jw, members[i], clp_jval_text(v));
        }
    }
    if (nested) {
        clp_jw_end_object(jw);
    }
    clp_jw_end_object(jw);
}
