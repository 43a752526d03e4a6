/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/response_keep.h"

#include "state/pin_table.h"
#include "wire/json_write.h"

/* Where the JSON of the last event begins and ends; the whole for a document. */
static clp_span last_json(clp_span bytes, int stream)
{
    const char *p = bytes.p + bytes.n;
    const char *end;

    if (!stream) {
        return bytes;
    }
    while (p > bytes.p && (p[-1] == '\n' || p[-1] == '\r')) {
        p--;
    }
    end = p;
    while (p > bytes.p && p[-1] != '\n' && p[-1] != '\r') {
        p--;
    }
    return end - p > 6 && !memcmp(p, "data: ", 6) ? clp_span_of(p + 6, (apr_size_t)(end - p) - 6)
                                                  : clp_span_of("", 0);
}

/* The response with what is known of it here. */
static void write_response(clp_buffer *out, clp_jval response, const char *previous, int stored)
{
    clp_jw w;

    clp_jw_init(&w, out);
    clp_jw_object(&w);
    CLP_JVAL_EACH (member, response) {
        if (clp_jval_named(member, "store") || clp_jval_named(member, "previous_response_id")) {
            continue;
        }
        clp_jw_key_text(&w, clp_jval_name(member));
        clp_jw_raw(&w, clp_jval_raw(member));
    }
    clp_jw_key(&w, "previous_response_id");
    if (previous) {
        clp_jw_str(&w, previous);
    }
    else {
        clp_jw_null(&w);
    }
    clp_jw_kbool(&w, "store", stored);
    clp_jw_end_object(&w);
}

static int keep(const clp_response_keeper *k, clp_span document, const clp_candidate *where,
                apr_pool_t *pool)
{
    clp_buffer *own = clp_buffer_make(pool, 0);
    clp_chain_turn turn;
    clp_session_status status;

    if (clp_chain_expand(NULL, own, k->request, k->chain, k->intake, pool)) {
        return 0;
    }
    memset(&turn, 0, sizeof(turn));
    turn.previous = k->previous;
    turn.model = k->model;
    turn.owner = k->owner;
    turn.channel = clp_pin_hash(clp_span_str(where->channel->name));
    turn.key = where->key ? clp_pin_hash(clp_span_str(where->key->id)) : 0;
    turn.input = clp_buffer_all(own);
    status = clp_chain_store(k->store, &turn, document, &k->limits, apr_time_now(), pool);
    clp_buffer_release(own);
    clp_session_store_tell(k->store, status,
                           "a response is not stored, so nothing can go on from it by its id",
                           k->subject);
    return status == CLP_SESSION_OK;
}

void clp_response_keep(const clp_response_keeper *k, clp_buffer *out, apr_size_t from, int stream,
                       const clp_candidate *where, apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_span bytes = clp_span_of(out->p + from, out->n - from);
    clp_span json = last_json(bytes, stream);
    clp_json *doc = clp_json_make(pool);
    clp_buffer *response = clp_buffer_make(pool, 0);
    clp_buffer *ending;
    clp_jval found;
    clp_jval all;

    /* The writer says "store": false and goes on from nothing by itself. */
    if ((!k->store || !k->wanted) && !k->previous) {
        return;
    }
    if (clp_json_scan(doc, json, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    all = clp_json_root(doc);
    found = stream ? clp_jval_get(all, "response") : all;
    if (!clp_jval_is_object(found)) {
        return;
    }
    write_response(response, found, k->previous, 1);
    if (!k->store || !k->wanted || !keep(k, clp_buffer_all(response), where, pool)) {
        clp_buffer_clear(response);
        write_response(response, found, k->previous, 0);
    }
    ending = clp_buffer_make(pool, 0);
    clp_buffer_append(ending, bytes.p, (apr_size_t)(clp_jval_raw(found).p - bytes.p));
    clp_buffer_span(ending, clp_buffer_all(response));
    clp_buffer_append(
        ending, clp_jval_raw(found).p + clp_jval_raw(found).n,
        (apr_size_t)(bytes.p + bytes.n - clp_jval_raw(found).p - clp_jval_raw(found).n));
    out->n = from;
    clp_buffer_span(out, clp_buffer_all(ending));
    clp_buffer_release(ending);
    clp_buffer_release(response);
}
