/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "models_read.h"

#include <string.h>

#include "wire/instant.h"
#include "wire/json_scan.h"

/* Longer ones are no names of models. */
#define MAX_ID 256

/* The list's objects and their members; deeper ones need no tokens. */
#define RECORD_DEPTH 3

static apr_int64_t unix_seconds(const char *instant)
{
    apr_time_t when;

    return instant && clp_instant_parse(instant, &when) && when > 0 ? apr_time_sec(when) : 0;
}

static const char *string_or(clp_jval v, const char *otherwise, apr_pool_t *pool)
{
    const char *s = clp_jval_cstr(v, pool);
    return s && *s && strlen(s) <= MAX_ID ? s : otherwise;
}

/* Google's: {"name":"models/gemini-…","displayName":"…"}. */
static void read_google(clp_jval object, apr_array_header_t *into, apr_pool_t *pool)
{
    const char *name = string_or(clp_jval_get(object, "name"), NULL, pool);
    clp_model *m;

    if (!name || strncmp(name, "models/", 7) != 0 || !name[7]) {
        return;
    }
    m = apr_array_push(into);
    m->id = name + 7;
    m->display = string_or(clp_jval_get(object, "displayName"), m->id, pool);
    m->owner = "google";
    m->created = 0;
}

static void read_model(clp_jval object, apr_array_header_t *into, apr_pool_t *pool)
{
    const char *id = string_or(clp_jval_get(object, "id"), NULL, pool);
    clp_jval created_at = clp_jval_get(object, "created_at");
    clp_model *m;

    if (!id) {
        read_google(object, into, pool);
        return;
    }
    m = apr_array_push(into);
    m->id = id;
    m->display = string_or(clp_jval_get(object, "display_name"), id, pool);
    m->owner = string_or(clp_jval_get(object, "owned_by"),
                         clp_jval_is_string(created_at) ? "anthropic" : "system", pool);
    m->created = clp_jval_is_string(created_at)
                     ? unix_seconds(clp_jval_cstr(created_at, pool))
                     : clp_jval_count_or(clp_jval_get(object, "created"), 0);
}

int clp_models_read(clp_span body, apr_array_header_t *into, const char **next, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, RECORD_DEPTH, 0};
    clp_json *doc = clp_json_make(pool);
    clp_jval root;
    clp_jval data;
    int more = 0;

    *next = NULL;
    if (clp_json_scan(doc, body, &limits, NULL) != CLP_JSON_OK) {
        return 0;
    }
    root = clp_json_root(doc);
    data = clp_jval_is_array(root) ? root : clp_jval_get(root, "data");
    if (!clp_jval_is_array(data)) {
        data = clp_jval_get(root, "models");
        *next = string_or(clp_jval_get(root, "nextPageToken"), NULL, pool);
    }
    if (!clp_jval_is_array(data)) {
        return 0;
    }
    CLP_JVAL_EACH (object, data) {
        if (into->nelts >= CLP_MODELS_MAX_COUNT) {
            return 1;
        }
        read_model(object, into, pool);
    }
    if (clp_jval_bool(clp_jval_get(root, "has_more"), &more) && more) {
        *next = string_or(clp_jval_get(root, "last_id"), NULL, pool);
    }
    return 1;
}
