/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "web_search.h"

/* user_location.approximate.city, filters.allowed_domains[0] */
#define RECORD_DEPTH 3

void clp_web_search_read(clp_web_search *s, const clp_tool *tool, apr_pool_t *pool)
{
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
    s->domains = clp_jval_get(root, "allowed_domains");
    if (!clp_jval_is_array(s->domains)) {
        s->domains = clp_jval_get(clp_jval_get(root, "filters"), "allowed_domains");
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
