/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_handler.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "http_protocol.h"
#include "util_script.h"

#include "child.h"
#include "driver_thread.h"
#include "endpoints.h"
#include "gateway/response_items.h"
#include "generate.h"
#include "reply.h"
#include "sessions.h"
#include "wire/json_write.h"

#define ID_MAX 128

static clp_session_owner owner_of(request_rec *r)
{
    return clp_session_owner_of(r->user ? r->user : "");
}

static clp_problem *store_away(request_rec *r, clp_session_store *store)
{
    clp_session_store_tell(store, CLP_SESSION_DOWN, "what is stored there cannot be had", r);
    return clp_problem_make(r->pool, CLP_OVERLOADED,
                            "The store of responses does not answer; try again later, or send the "
                            "whole conversation without previous_response_id.");
}

/* --- going on from a response -------------------------------------------------------- */

/* The request with the conversation in its input, looked over anew. */
static clp_problem *expand(request_rec *r, clp_request *q, const clp_response_keeper *keeper)
{
    clp_buffer *body = clp_buffer_make(r->pool, 0);
    clp_buffer *own = clp_buffer_make(r->pool, 0);
    clp_problem *problem =
        clp_chain_expand(body, own, q->body, keeper->chain, keeper->intake, r->pool);

    clp_buffer_release(own);
    if (!problem) {
        q->body = clp_buffer_all(body);
        problem = q->route.dialect->sniff(&q->sniffed, q->body, keeper->intake, r->pool);
    }
    return problem;
}

static clp_problem *find_chain(request_rec *r, clp_request *q, clp_response_keeper *keeper)
{
    const char *previous = q->sniffed.previous_response;
    clp_chain *chain = apr_pcalloc(r->pool, sizeof(*chain));
    clp_session_status status = CLP_SESSION_ABSENT;
    clp_problem *problem = NULL;

    if (keeper->store) {
        status = clp_chain_load(chain, &problem, keeper->store, previous, &keeper->owner,
                                &keeper->limits, r->request_time, r->pool);
    }
    if (problem) {
        return problem;
    }
    if (status == CLP_SESSION_OK) {
        keeper->previous = previous;
        keeper->chain = chain;
        /* Channels that keep nothing go on with it best; others have to do without our state. */
        q->continued_here = 1;
        chain->foreign = !clp_generate_could(r, q, CLP_OP_GENERATE);
        q->continued_here = !chain->foreign;
        return expand(r, q, keeper);
    }
    q->held_upstream = 1;
    return status == CLP_SESSION_DOWN ? store_away(r, keeper->store) : NULL;
}

clp_problem *clp_responses_continue(request_rec *r, clp_request *q)
{
    clp_response_keeper *keeper = apr_pcalloc(r->pool, sizeof(*keeper));
    clp_intake *intake = apr_palloc(r->pool, sizeof(*intake));

    *intake = clp_request_intake(q);
    keeper->store = clp_sessions_store(q->conf);
    keeper->limits = clp_sessions_limits(q->conf);
    keeper->owner = owner_of(r);
    keeper->request = q->body;
    keeper->model = q->sniffed.model;
    keeper->intake = intake;
    keeper->wanted = q->sniffed.store != 0;
    keeper->subject = r;
    q->keeper = keeper;
    return q->sniffed.previous_response ? find_chain(r, q, keeper) : NULL;
}

/* --- asking the upstream that holds a response ---------------------------------------- */

static int is_id(const char *s, apr_size_t n)
{
    for (apr_size_t i = 0; i < n; i++) {
        if (!apr_isalnum(s[i]) && s[i] != '_' && s[i] != '-') {
            return 0;
        }
    }
    return n > 0 && n <= ID_MAX;
}

static int reply_missing(request_rec *r, clp_request *q, const char *id)
{
    return clp_reply_problem(
        r, q, clp_problem_make(r->pool, CLP_NOT_FOUND, "Response with id '%s' not found.", id));
}

/* Ask a channel of the Responses protocol: *sent = 0 if there is none, and nothing was replied. */
static int ask_upstream(request_rec *r, clp_request *q, const char *path, int *sent)
{
    clp_exchange_params params;
    clp_transport *transport;
    clp_exchange *x;
    clp_plan *plan;
    clp_problem *problem = clp_generate_plan(&plan, r, q, CLP_OP_RESOURCE);

    *sent = !problem || problem->retry_after_ms >= 0;
    if (problem) {
        return *sent ? clp_reply_problem(r, q, problem) : OK;
    }
    transport = clp_generate_transport(r);
    if (!transport) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    params = clp_generate_params(r, q, CLP_OP_RESOURCE, plan, transport);
    params.method = r->method_number == M_POST     ? "POST"
                    : r->method_number == M_DELETE ? "DELETE"
                                                   : "GET";
    params.path = path;
    x = clp_exchange_make(&params, r->pool);
    q->outcome = clp_exchange_outcome(x);
    clp_drive_silently(r, q, x, transport);
    clp_drive_deliver(r, q, x);
    clp_curl_engine_give(clp_child_engines(), transport);
    return OK;
}

/* --- single responses ------------------------------------------------------------------- */

static int reply_document(request_rec *r, const clp_session_record *record)
{
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    clp_buffer_span(json, record->document);
    return clp_reply_json(r, HTTP_OK, json);
}

static int reply_deleted(request_rec *r, clp_request *q, const clp_session_record *record)
{
    clp_session_store *store = clp_sessions_store(q->conf);
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    clp_jw w;

    if (store->remove(store, clp_span_str(record->id), r->request_time, r->pool) ==
        CLP_SESSION_DOWN) {
        return clp_reply_problem(r, q, store_away(r, store));
    }
    clp_jw_init(&w, json);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "id", record->id);
    clp_jw_kstr(&w, "object", "response");
    clp_jw_kbool(&w, "deleted", 1);
    clp_jw_end_object(&w);
    return clp_reply_json(r, HTTP_OK, json);
}

static int reply_items(request_rec *r, clp_request *q, const clp_session_record *record,
                       apr_table_t *args)
{
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    clp_items_page page = {apr_table_get(args, "limit"), apr_table_get(args, "order"),
                           apr_table_get(args, "after")};
    clp_problem *problem = clp_response_items(json, record, &page, r->pool);
    return problem ? clp_reply_problem(r, q, problem) : clp_reply_json(r, HTTP_OK, json);
}

static int refuse(request_rec *r, clp_request *q, const char *allow)
{
    apr_table_setn(r->err_headers_out, "Allow", allow);
    return clp_reply_problem(r, q,
                             clp_problem_make(r->pool, CLP_BAD_METHOD,
                                              "Method %s is not allowed here; use %s.", r->method,
                                              allow));
}

/* What stands behind a response's id, and the methods it takes. */
typedef struct part_row {
    const char *path;
    int get;
    int post;
    int remove;
    const char *allow;
} part_row;

static const part_row parts[] = {
    {"", 1, 0, 1, "GET, HEAD, DELETE"},
    {"/input_items", 1, 0, 0, "GET, HEAD"},
    {"/cancel", 0, 1, 0, "POST"},
};

static const part_row *part_of(const char *path)
{
    for (apr_size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!strcmp(path, parts[i].path)) {
            return &parts[i];
        }
    }
    return NULL;
}

static int answer_stored(request_rec *r, clp_request *q, const part_row *part,
                         const clp_session_record *record, apr_table_t *args)
{
    if (part->post) {
        return clp_reply_problem(
            r, q,
            clp_problem_make(r->pool, CLP_BAD_REQUEST,
                             "Only responses made in the background can be cancelled."));
    }
    if (r->method_number == M_DELETE) {
        return reply_deleted(r, q, record);
    }
    return part->remove ? reply_document(r, record) : reply_items(r, q, record, args);
}

int clp_endpoint_response(request_rec *r, clp_request *q)
{
    apr_size_t n = strcspn(q->route.model, "/");
    const char *id = apr_pstrmemdup(r->pool, q->route.model, n);
    const part_row *part = part_of(q->route.model + n);
    clp_session_store *store = clp_sessions_store(q->conf);
    clp_session_owner owner = owner_of(r);
    clp_session_status status = CLP_SESSION_ABSENT;
    clp_session_record record;
    apr_table_t *args;
    const char *stream;
    int sent;

    if (!part || !is_id(id, n)) {
        return clp_reply_problem(
            r, q, clp_problem_make(r->pool, CLP_NOT_FOUND, "Unknown endpoint; check the path."));
    }
    if (!(r->method_number == M_GET    ? part->get
          : r->method_number == M_POST ? part->post
                                       : part->remove)) {
        return refuse(r, q, part->allow);
    }
    ap_args_to_table(r, &args);
    stream = apr_table_get(args, "stream");
    if (stream && !strcmp(stream, "true")) {
        return clp_reply_problem(r, q,
                                 clp_problem_at(r->pool, CLP_BAD_REQUEST, "stream",
                                                "stored responses are given as a whole only"));
    }
    if (store) {
        status = clp_chain_find(&record, store, id, &owner, r->request_time, r->pool);
    }
    if (status == CLP_SESSION_OK) {
        return answer_stored(r, q, part, &record, args);
    }
    q->sniffed.previous = id;
    status = status == CLP_SESSION_DOWN ? status : CLP_SESSION_ABSENT;
    {
        int rv =
            ask_upstream(r, q, apr_pstrcat(r->pool, "/responses/", q->route.model, NULL), &sent);
        if (sent) {
            return rv;
        }
    }
    return status == CLP_SESSION_DOWN ? clp_reply_problem(r, q, store_away(r, store))
                                      : reply_missing(r, q, id);
}

/* --- requests about requests ------------------------------------------------------------ */

int clp_endpoint_compact(request_rec *r, clp_request *q)
{
    clp_problem *problem;
    int sent = 0;
    int status = clp_generate_take(r, q, &problem);

    if (status != OK) {
        return status;
    }
    if (problem) {
        return clp_reply_problem(r, q, problem);
    }
    status = ask_upstream(r, q, "/responses/compact", &sent);
    return sent ? status
                : clp_reply_problem(
                      r, q,
                      clp_problem_make(r->pool, CLP_NOT_IMPLEMENTED,
                                       "No upstream that serves this model can compact a "
                                       "conversation; ask the model for a summary instead."));
}
