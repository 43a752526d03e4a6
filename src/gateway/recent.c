/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/recent.h"

#include <string.h>

#include "echo.h"
#include "wire/text.h"

#define PUT(member, text) clp_utf8_put(member, sizeof(member), text)

/* What the client was told; of a request that was served in the end, why not at once. */
static const clp_problem *problem_of(const clp_ended_request *r)
{
    const clp_outcome *o = r->outcome;

    if (!o) {
        return r->problem;
    }
    if (o->problem) {
        return o->problem;
    }
    for (int i = o->attempts->nelts; i-- > 0;) {
        const clp_attempt_record *a = &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record);
        if (a->result == CLP_ATTEMPT_FAILED && a->problem) {
            return a->problem;
        }
    }
    return NULL;
}

static void put_attempts(clp_recent_entry *to, const clp_outcome *o, apr_pool_t *pool)
{
    const clp_attempt_record *last = clp_outcome_last(o);

    to->attempts = (apr_uint16_t)o->attempts->nelts;
    to->first_token = o->first_event;
    to->tokens_in = o->usage.input;
    to->tokens_out = o->usage.output;
    to->cache_read = o->usage.cache_read;
    to->cache_write = o->usage.cache_write;
    to->reasoning = o->usage.reasoning;
    PUT(to->tried, clp_outcome_tried(o, pool));
    if (last) {
        to->upstream_status = (apr_uint16_t)last->status;
        PUT(to->channel, last->candidate.channel->name);
        PUT(to->upstream_model, last->candidate.model);
        PUT(to->pick, clp_pick_name(last->candidate.pick));
        PUT(to->key_id, last->candidate.key ? last->candidate.key->id : NULL);
    }
}

static void put_failure(clp_recent_entry *to, const clp_ended_request *r, apr_pool_t *pool)
{
    const clp_problem *problem = problem_of(r);

    PUT(to->failure,
        clp_failure_name(problem, r->outcome ? r->outcome->booked : CLP_BOOKED_SUCCESS));
    if (problem) {
        PUT(to->error, clp_echo_hide(problem->message, r->body, r->model, pool));
    }
}

void clp_recent_fill(clp_recent_entry *out, const clp_ended_request *request, int anonymous,
                     apr_pool_t *pool)
{
    memset(out, 0, sizeof(*out));
    out->began = request->start;
    out->ended = request->end;
    out->bytes_in = (apr_int64_t)request->body.n;
    out->bytes_out = request->bytes_out;
    out->tokens_in = out->tokens_out = out->cache_read = out->cache_write = out->reasoning = -1;
    out->status = (apr_uint16_t)request->status;
    out->stream = request->stream < 0 ? CLP_RECENT_NEITHER
                  : request->stream   ? CLP_RECENT_STREAM
                                      : CLP_RECENT_DOCUMENT;
    PUT(out->id, request->id);
    PUT(out->operation, request->operation);
    PUT(out->protocol, request->client->name);
    PUT(out->user, anonymous ? NULL : request->user);
    PUT(out->model, request->model);
    PUT(out->result, clp_result_word(request->outcome, request->estimated, request->status));
    if (request->outcome) {
        put_attempts(out, request->outcome, pool);
    }
    put_failure(out, request, pool);
}

int clp_recent_is_failure(const char *word)
{
    for (int i = 0; i < CLP_PROBLEM_CLASSES; i++) {
        if (!strcmp(word, clp_problem_class_name((clp_problem_class)i))) {
            return 1;
        }
    }
    for (int i = CLP_BOOKED_SUCCESS + 1; i < CLP_BOOKED_RESULTS; i++) {
        if (!strcmp(word, clp_booked_name((clp_booked)i))) {
            return 1;
        }
    }
    return 0;
}
