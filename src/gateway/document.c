/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/document.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "wire/json_scan.h"

#define MAX_VALUES 1000000

static apr_status_t forget(void *document)
{
    cJSON_Delete(document);
    return APR_SUCCESS;
}

cJSON *clp_document_keep(cJSON *value, apr_pool_t *pool)
{
    if (value) {
        apr_pool_cleanup_register(pool, value, forget, apr_pool_cleanup_null);
    }
    return value;
}

cJSON *clp_document_copy(const cJSON *value, apr_pool_t *pool)
{
    return clp_document_keep(cJSON_Duplicate(value, 1), pool);
}

static int fail(clp_document_error *error, const char *path, const char *message)
{
    error->path = path;
    error->message = message;
    return 0;
}

static clp_jval value_at(const clp_json *j, apr_uint32_t at)
{
    return (clp_jval){j, at};
}

/* Members of an object, each once. */
static int check_members(const clp_json *j, apr_uint32_t object, apr_pool_t *pool,
                         clp_document_error *error)
{
    apr_hash_t *seen = apr_hash_make(pool);
    apr_uint32_t at = object + 1;

    while (at < j->tokens[object].next) {
        const char *name = clp_jval_cstr(value_at(j, at), pool);
        apr_uint32_t value = at + 1;

        if (!name) {
            return fail(error, clp_jval_path(value_at(j, object), CLP_JSON_PATH_DOTS, pool),
                        "has a member whose name holds a NUL");
        }
        if (apr_hash_get(seen, name, APR_HASH_KEY_STRING)) {
            return fail(error, clp_jval_path(value_at(j, value), CLP_JSON_PATH_DOTS, pool),
                        "is said twice");
        }
        apr_hash_set(seen, name, APR_HASH_KEY_STRING, name);
        at = j->tokens[value].next;
    }
    return 1;
}

static int check_values(const clp_json *j, apr_pool_t *pool, clp_document_error *error)
{
    for (apr_uint32_t i = 0; i < j->count; i++) {
        const clp_json_token *t = &j->tokens[i];

        if (t->kind == CLP_JSON_OBJECT && !check_members(j, i, pool, error)) {
            return 0;
        }
        if (t->kind == CLP_JSON_STRING && (t->flags & CLP_JSON_F_ESCAPE) &&
            !(t->flags & CLP_JSON_F_KEY) && !clp_jval_cstr(value_at(j, i), pool)) {
            return fail(error, clp_jval_path(value_at(j, i), CLP_JSON_PATH_DOTS, pool),
                        "holds a NUL");
        }
    }
    return 1;
}

static int check(clp_span text, apr_pool_t *pool, clp_document_error *error)
{
    static const clp_json_limits limits = {CLP_DOCUMENT_DEPTH, CLP_JSON_RECORD_ALL, MAX_VALUES};
    clp_json *j = clp_json_make(pool);
    apr_size_t where = 0;
    clp_json_error wrong = clp_json_scan(j, text, &limits, &where);

    if (wrong != CLP_JSON_OK) {
        return fail(error, "",
                    apr_psprintf(pool, "is no JSON: %s at byte %" APR_SIZE_T_FMT,
                                 clp_json_error_text(wrong), where));
    }
    return check_values(j, pool, error);
}

cJSON *clp_document_parse(clp_span text, apr_pool_t *pool, clp_document_error *error)
{
    cJSON *document = NULL;
    apr_pool_t *scratch;
    int fits;

    apr_pool_create(&scratch, pool);
    fits = check(text, scratch, error);
    if (fits) {
        document = cJSON_ParseWithLength(text.p, text.n);
        if (!document) {
            fail(error, "", "cannot be read");
        }
    }
    else {
        error->path = apr_pstrdup(pool, error->path);
        error->message = apr_pstrdup(pool, error->message);
    }
    apr_pool_destroy(scratch);
    return clp_document_keep(document, pool);
}
