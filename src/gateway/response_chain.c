/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/response_chain.h"

#include <apr_hash.h>

#include "wire/json_write.h"
#include "wire/text.h"

/* Bytes of JSON for one token, roughly. */
#define BYTES_PER_TOKEN 4

/* Deep enough for the members of input items. */
#define RECORD_ITEMS 3

clp_problem *clp_chain_unknown(const char *id, apr_pool_t *pool)
{
    clp_span shown = clp_utf8_cut(clp_span_str(id), 100);
    clp_problem *p =
        clp_problem_make(pool, CLP_BAD_REQUEST, "Previous response with id '%.*s' not found.",
                         (int)shown.n, shown.p);
    p->param = "previous_response_id";
    p->code = "previous_response_not_found";
    return p;
}

static clp_problem *goes_round(const char *id, apr_pool_t *pool)
{
    clp_problem *p = clp_chain_unknown(id, pool);
    return clp_problem_because(p, pool, "the stored responses refer to each other in a circle");
}

/* --- from the store ------------------------------------------------------------------ */

clp_session_status clp_chain_find(clp_session_record *record, clp_session_store *store,
                                  const char *id, const clp_session_owner *owner, apr_time_t now,
                                  apr_pool_t *pool)
{
    clp_buffer *bytes = clp_buffer_make(pool, 0);
    clp_session_status status = store->get(store, clp_span_str(id), now, bytes, pool);
    if (status == CLP_SESSION_OK &&
        (!clp_session_record_read(record, clp_buffer_all(bytes)) || strcmp(record->id, id) != 0 ||
         memcmp(record->owner.hash, owner->hash, sizeof(owner->hash)) != 0)) {
        status = CLP_SESSION_ABSENT;
    }
    return status;
}

static clp_session_status store_record(clp_session_store *store, const clp_session_record *record,
                                       const clp_chain_limits *limits, apr_pool_t *pool)
{
    clp_buffer bytes;
    clp_session_status status;
    clp_buffer_init(&bytes, pool, 0);
    clp_session_record_write(&bytes, record);
    status = store->put(store, clp_span_str(record->id), clp_buffer_all(&bytes),
                        record->used + limits->idle, pool);
    clp_buffer_release(&bytes);
    return status;
}

/* A conversation that goes on must not lose its beginning before its end. */
static void keep_alive(clp_session_store *store, clp_session_record *record,
                       const clp_chain_limits *limits, apr_time_t now, apr_pool_t *pool)
{
    if (now - record->used > limits->idle / 2) {
        record->used = now;
        store_record(store, record, limits, pool);
    }
}

clp_session_status clp_chain_load(clp_chain *chain, clp_problem **problem, clp_session_store *store,
                                  const char *id, const clp_session_owner *owner,
                                  const clp_chain_limits *limits, apr_time_t now, apr_pool_t *pool)
{
    apr_hash_t *seen = apr_hash_make(pool);
    apr_int64_t items = 0;
    apr_int64_t tokens = 0;

    *problem = NULL;
    chain->foreign = 0;
    chain->records = apr_array_make(pool, 16, sizeof(clp_session_record));
    for (const char *next = id; next;) {
        clp_session_record record;
        clp_session_status status = clp_chain_find(&record, store, next, owner, now, pool);
        if (status == CLP_SESSION_DOWN || (status != CLP_SESSION_OK && next == id)) {
            return status;
        }
        /* The oldest turns are the first to be forgotten by a store, too. */
        if (status != CLP_SESSION_OK) {
            break;
        }
        if (apr_hash_get(seen, record.id, APR_HASH_KEY_STRING)) {
            *problem = goes_round(id, pool);
            return CLP_SESSION_OK;
        }
        apr_hash_set(seen, record.id, APR_HASH_KEY_STRING, record.id);
        items += record.items > 0 ? record.items : 1;
        tokens += record.tokens;
        if (next != id && (items > limits->max_items || tokens > limits->max_tokens)) {
            break;
        }
        keep_alive(store, &record, limits, now, pool);
        APR_ARRAY_PUSH(chain->records, clp_session_record) = record;
        next = record.previous;
    }
    return CLP_SESSION_OK;
}

/* --- into the request -------------------------------------------------------------------- */

static clp_span inside(clp_span array)
{
    return array.n >= 2 ? clp_span_of(array.p + 1, array.n - 2) : clp_span_of("", 0);
}

/* The elements of an array, as elements of the one being written. */
static void add_elements(clp_jw *w, clp_span array)
{
    clp_span elements = inside(array);
    for (apr_size_t i = 0; i < elements.n; i++) {
        if (!strchr(" \t\r\n", elements.p[i])) {
            clp_jw_raw(w, elements);
            return;
        }
    }
}

static void note_items(apr_hash_t *by_id, clp_span array, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_json *doc = clp_json_make(pool);
    if (clp_json_scan(doc, array, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    CLP_JVAL_EACH (item, clp_json_root(doc)) {
        const char *id = clp_jval_cstr(clp_jval_get(item, "id"), pool);
        if (id) {
            clp_span *raw = apr_palloc(pool, sizeof(*raw));
            *raw = clp_jval_raw(item);
            apr_hash_set(by_id, id, APR_HASH_KEY_STRING, raw);
        }
    }
}

typedef struct expansion {
    const clp_chain *chain;
    apr_pool_t *pool;
    apr_hash_t *by_id; /* of const clp_span: the chain's items; made when first needed */
} expansion;

static const clp_span *item_of(expansion *x, const char *id)
{
    if (!x->by_id) {
        x->by_id = apr_hash_make(x->pool);
        for (int i = x->chain ? x->chain->records->nelts - 1 : -1; i >= 0; i--) {
            const clp_session_record *r =
                &APR_ARRAY_IDX(x->chain->records, i, const clp_session_record);
            note_items(x->by_id, r->input, x->pool);
            note_items(x->by_id, r->output, x->pool);
        }
    }
    return id ? apr_hash_get(x->by_id, id, APR_HASH_KEY_STRING) : NULL;
}

static int is_reference(clp_jval item)
{
    clp_jval type = clp_jval_get(item, "type");
    return clp_jval_str_is(type, "item_reference") ||
           (clp_jval_nil(type) && clp_jval_is_string(clp_jval_get(item, "id")) &&
            !clp_jval_ok(clp_jval_get(item, "role")));
}

static clp_problem *write_own(expansion *x, clp_buffer *own, clp_jval input)
{
    clp_jw w;
    clp_jw_init(&w, own);
    clp_jw_array(&w);
    if (clp_jval_is_string(input)) {
        clp_jw_object(&w);
        clp_jw_kstr(&w, "type", "message");
        clp_jw_kstr(&w, "role", "user");
        clp_jw_kraw(&w, "content", clp_jval_raw(input));
        clp_jw_end_object(&w);
    }
    CLP_JVAL_EACH (item, input) {
        const clp_span *meant;
        if (!is_reference(item)) {
            clp_jw_raw(&w, clp_jval_raw(item));
            continue;
        }
        meant = item_of(x, clp_jval_cstr(clp_jval_get(item, "id"), x->pool));
        if (!meant) {
            return clp_problem_at(x->pool, CLP_BAD_REQUEST,
                                  clp_jval_path(item, CLP_JSON_PATH_BRACKETS, x->pool),
                                  "the conversation has no item of this id");
        }
        clp_jw_raw(&w, *meant);
    }
    clp_jw_end_array(&w);
    return NULL;
}

/* An earlier answer as somebody else's upstream can take it. */
static void add_foreign(clp_jw *w, clp_span output, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_json *doc = clp_json_make(pool);
    if (clp_json_scan(doc, output, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    CLP_JVAL_EACH (item, clp_json_root(doc)) {
        if (clp_jval_str_is(clp_jval_get(item, "type"), "reasoning")) {
            continue;
        }
        clp_jw_object(w);
        CLP_JVAL_EACH (member, item) {
            if (!clp_jval_named(member, "id")) {
                clp_jw_key_text(w, clp_jval_name(member));
                clp_jw_raw(w, clp_jval_raw(member));
            }
        }
        clp_jw_end_object(w);
    }
}

static void write_input(clp_jw *w, const clp_chain *chain, clp_span own, apr_pool_t *pool)
{
    clp_jw_array(w);
    for (int i = chain ? chain->records->nelts - 1 : -1; i >= 0; i--) {
        const clp_session_record *r = &APR_ARRAY_IDX(chain->records, i, const clp_session_record);
        add_elements(w, r->input);
        if (chain->foreign) {
            add_foreign(w, r->output, pool);
        }
        else {
            add_elements(w, r->output);
        }
    }
    add_elements(w, own);
    clp_jw_end_array(w);
}

static void write_body(clp_buffer *body, const clp_chain *chain, clp_jval root, clp_span own,
                       apr_pool_t *pool)
{
    int written = 0;
    clp_jw w;

    clp_jw_init(&w, body);
    clp_jw_object(&w);
    CLP_JVAL_EACH (member, root) {
        if (clp_jval_named(member, "previous_response_id")) {
            continue;
        }
        clp_jw_key_text(&w, clp_jval_name(member));
        if (clp_jval_named(member, "input")) {
            write_input(&w, chain, own, pool);
            written = 1;
        }
        else {
            clp_jw_raw(&w, clp_jval_raw(member));
        }
    }
    if (!written) {
        clp_jw_key(&w, "input");
        write_input(&w, chain, own, pool);
    }
    clp_jw_end_object(&w);
}

clp_problem *clp_chain_expand(clp_buffer *body, clp_buffer *own, clp_span request,
                              const clp_chain *chain, const clp_intake *intake, apr_pool_t *pool)
{
    clp_json_limits limits = {intake->max_depth, RECORD_ITEMS, intake->max_values};
    expansion x = {chain, pool, NULL};
    clp_json *doc = clp_json_make(pool);
    clp_json_error wrong = clp_json_scan(doc, request, &limits, NULL);
    clp_jval input = clp_jval_get(clp_json_root(doc), "input");
    clp_problem *problem;

    if (wrong != CLP_JSON_OK) {
        return clp_problem_make(pool, CLP_BAD_REQUEST, "The request body is refused: %s.",
                                clp_json_error_text(wrong));
    }
    if (!clp_jval_nil(input) && !clp_jval_is_string(input) && !clp_jval_is_array(input)) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, "input", "is a string or an array");
    }
    problem = write_own(&x, own, input);
    if (!problem && body) {
        write_body(body, chain, clp_json_root(doc), clp_buffer_all(own), pool);
    }
    return problem;
}

/* --- to the store ------------------------------------------------------------------------ */

static apr_uint32_t count_elements(clp_span array, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *doc = clp_json_make(pool);
    return clp_json_scan(doc, array, &limits, NULL) == CLP_JSON_OK
               ? clp_jval_count(clp_json_root(doc))
               : 0;
}

clp_session_status clp_chain_store(clp_session_store *store, const clp_chain_turn *turn,
                                   clp_span document, const clp_chain_limits *limits,
                                   apr_time_t now, apr_pool_t *pool)
{
    clp_json_limits top = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_json *doc = clp_json_make(pool);
    clp_session_record record;
    clp_jval output;

    memset(&record, 0, sizeof(record));
    if (clp_json_scan(doc, document, &top, NULL) != CLP_JSON_OK) {
        return CLP_SESSION_ABSENT;
    }
    output = clp_jval_get(clp_json_root(doc), "output");
    record.id = clp_jval_cstr(clp_jval_get(clp_json_root(doc), "id"), pool);
    if (!record.id || !*record.id || !clp_jval_is_array(output)) {
        return CLP_SESSION_ABSENT;
    }
    record.previous = turn->previous;
    record.model = turn->model ? turn->model : "";
    record.owner = turn->owner;
    record.created = now;
    record.used = now;
    record.channel = turn->channel;
    record.key = turn->key;
    record.input = turn->input;
    record.document = document;
    record.output = clp_jval_raw(output);
    record.items = clp_jval_count(output) + count_elements(turn->input, pool);
    record.tokens = (apr_int64_t)((record.input.n + record.output.n) / BYTES_PER_TOKEN) + 1;
    return store_record(store, &record, limits, pool);
}
