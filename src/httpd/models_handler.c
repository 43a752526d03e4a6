/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <apr_strings.h>

#include "live_channels.h"
#include "util_script.h"

#include "child.h"
#include "client_gone.h"
#include "gateway/models.h"
#include "gateway/models_answer.h"
#include "gateway/models_cache.h"
#include "reply.h"
#include "wire/json_write.h"
#include "wire/log.h"

/* An HTTP/2 client that leaves is seen only by looking. */
#define LONGEST_WAIT apr_time_from_msec(500)

/* A list in which a channel is missing is kept no longer than this. */
#define INCOMPLETE_MS 5000

/* Of this process; a graceful restart brings new ones. */
static clp_models_cache cache = CLP_MODELS_CACHE_INIT;

void clp_endpoint_models_forget(void)
{
    clp_models_cache_clear(&cache);
}

/* 1 when all channels have been asked, 0 when the client has left meanwhile. */
static int drive(request_rec *r, clp_models_job *job, clp_transport *transport, int mind_abort)
{
    clp_client_watch watch;
    int stay = 1;

    clp_client_watch_init(&watch, r, mind_abort);
    while (stay && !clp_models_done(job)) {
        if (clp_client_watch_step(&watch, transport, LONGEST_WAIT)) {
            clp_models_cancel(job);
            stay = 0;
        }
    }
    clp_client_watch_end(&watch);
    return stay;
}

static void keep(const clp_models_job *job, const apr_array_header_t *list,
                 const clp_channel_set *set, const clp_request *q)
{
    apr_int64_t ms = CLP_CONF(q->conf, models_cache_ms);
    if (clp_models_failed(job) && ms > INCOMPLETE_MS) {
        ms = INCOMPLETE_MS;
    }
    if (ms > 0) {
        clp_models_cache_put(&cache, set, list, apr_time_now() + apr_time_from_msec(ms));
    }
}

/* What the channels serve; NULL when the client has left. */
static const apr_array_header_t *models_of(request_rec *r, const clp_request *q)
{
    const clp_channel_set *set = clp_live_channels(r);
    const apr_array_header_t *list = clp_models_cache_get(&cache, set, apr_time_now(), r->pool);
    clp_curl_engines *engines = clp_child_engines();
    clp_transport *transport;
    clp_models_job *job;
    int stayed;

    if (list) {
        return list;
    }
    transport = engines ? clp_curl_engine_take(engines) : NULL;
    if (!transport) {
        clp_log(r, CLP_LOG_ERR, 0, 2200, "no transport to ask upstreams for their models");
        return apr_array_make(r->pool, 1, sizeof(clp_model));
    }
    job = clp_models_ask(set, transport, apr_time_now(), r, r->pool);
    stayed = drive(r, job, transport, !CLP_CONF(q->conf, ignore_abort));
    clp_curl_engine_give(engines, transport);
    if (!stayed) {
        return NULL;
    }
    list = clp_models_list(job);
    keep(job, list, set, q);
    return list;
}

static clp_models_shape shape_for(request_rec *r, const clp_request *q)
{
    if (apr_table_get(r->headers_in, "anthropic-version") &&
        q->route.dialect != &clp_dialect_gemini) {
        return CLP_MODELS_ANTHROPIC;
    }
    return q->route.google ? CLP_MODELS_GOOGLE : CLP_MODELS_OPENAI;
}

static const clp_dialect *dialect_of(clp_models_shape shape)
{
    return shape == CLP_MODELS_ANTHROPIC ? &clp_dialect_messages
           : shape == CLP_MODELS_GOOGLE  ? &clp_dialect_gemini
                                         : &clp_dialect_chat;
}

static int reply_missing(request_rec *r, clp_request *q)
{
    clp_problem *problem = clp_problem_make(
        r->pool, CLP_NOT_FOUND,
        "The model '%s' does not exist. GET /v1/models lists what there is.", q->route.model);

    problem->code = "model_not_found";
    return clp_reply_problem(r, q, problem);
}

int clp_endpoint_models(request_rec *r, clp_request *q)
{
    const apr_array_header_t *list;
    const clp_model *model;
    clp_models_shape shape;
    clp_models_page page;
    clp_problem *problem;
    apr_table_t *args;
    clp_buffer *json = clp_buffer_make(r->pool, 0);

    ap_args_to_table(r, &args);
    shape = shape_for(r, q);
    q->route.dialect = dialect_of(shape);
    problem =
        clp_models_page_read(&page, apr_table_get(args, "limit"), apr_table_get(args, "after_id"),
                             apr_table_get(args, "before_id"), r->pool);
    if (problem && shape == CLP_MODELS_ANTHROPIC) {
        return clp_reply_problem(r, q, problem);
    }
    list = models_of(r, q);
    if (!list) {
        r->status = CLP_STATUS_CLIENT_GONE;
        return OK;
    }
    list = clp_models_with_names(list, q->conf->named_models, r->pool);
    if (q->route.endpoint == CLP_ENDPOINT_MODEL) {
        model = clp_models_find(list, q->route.model);
        if (!model) {
            return reply_missing(r, q);
        }
        clp_models_answer_one(shape, model, json, r->pool);
    }
    else {
        problem = clp_models_answer_list(shape, list, &page, json, r->pool);
        if (problem) {
            return clp_reply_problem(r, q, problem);
        }
    }
    apr_table_setn(r->headers_out, "Vary", "anthropic-version, x-goog-api-key");
    return clp_reply_json(r, HTTP_OK, json);
}
