/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "relay_events.h"

#include "gateway/count.h"
#include "wire/text.h"

/* Does an upstream of the client's own dialect keep the answer, for requests that go on from it? */
static int upstream_keeps(const clp_relay *r)
{
    return r->call->passthrough &&
           (r->params->sniffed->thread ||
            (r->params->client == &clp_dialect_responses && r->params->sniffed->store != 0));
}

static void note_start(clp_relay *r, const clp_event *e)
{
    if (e->kind == CLP_EVENT_START && e->id.s.n && upstream_keeps(r)) {
        r->answer_id = clp_text_cstr(e->id, r->pool);
    }
}

static void on_event_passed(void *ctx, const clp_event *e)
{
    note_start(ctx, e);
}

/* A response that we keep has an id that nobody can guess, whatever the upstream calls it. */
static void put_kept(clp_relay *r, const clp_event *e)
{
    if (e->kind == CLP_EVENT_START) {
        clp_event own = *e;
        own.id = clp_text_str("");
        r->writer->put(r->writer, &own);
        return;
    }
    if (e->kind == CLP_EVENT_FINISH) {
        r->ending = r->out->n;
        r->to_keep = 1;
    }
    r->writer->put(r->writer, e);
}

static void on_event_converted(void *ctx, const clp_event *e)
{
    clp_relay *r = ctx;
    note_start(r, e);
    /* Before the commit a problem is no answer but a reason to try elsewhere. */
    if (e->kind == CLP_EVENT_PROBLEM && r->state == CLP_RELAY_WAITING) {
        return;
    }
    if (r->params->keeper && !r->call->passthrough) {
        put_kept(r, e);
    }
    else {
        r->writer->put(r->writer, e);
    }
}

static clp_writer *open_writer(clp_relay *r)
{
    const clp_exchange_params *params = r->params;
    clp_writer_options *options = apr_pcalloc(r->pool, sizeof(*options));
    options->stream = params->sniffed->stream;
    options->array = params->sniffed->array;
    options->model = params->sniffed->model;
    options->include_usage = params->sniffed->include_usage;
    options->created = apr_time_sec(apr_time_now());
    options->id = clp_random_base62(24, r->pool);
    options->input_estimate = 1;
    options->envelope_key = params->intake.envelope_key;
    if (params->call_states) {
        r->memo = clp_call_states_memo(params->call_states);
        options->memo = &r->memo;
    }
    options->request = r->conversation;
    if (r->conversation) {
        options->legacy_functions = r->conversation->legacy_functions;
        if (options->stream) {
            options->input_estimate = clp_count_conversation(r->conversation);
        }
    }
    return params->client->open_writer(options, r->out, r->pool);
}

void clp_relay_tell(clp_relay *r, const clp_problem *problem)
{
    clp_event e = clp_event_of(CLP_EVENT_PROBLEM);

    e.problem = problem;
    if (!r->writer) {
        r->writer = open_writer(r);
    }
    r->writer->put(r->writer, &e);
}

void clp_relay_keep(clp_relay *r)
{
    if (r->to_keep) {
        r->to_keep = 0;
        clp_response_keep(r->params->keeper, r->out, r->ending, r->params->sniffed->stream,
                          r->candidate, r->pool);
    }
}

/* A request that was passed on has not been read yet; its answer depends on it all the same. */
static void read_request(clp_relay *r)
{
    const clp_exchange_params *params = r->params;
    clp_conversation *request = NULL;
    if (!r->conversation &&
        !params->client->read_request(&request, params->body, &params->intake, r->pool)) {
        r->conversation = request;
    }
}

void clp_relay_open_reader(clp_relay *r, clp_body_kind body, int passive)
{
    const clp_channel *c = r->candidate->channel;
    clp_reader_options options;
    clp_sink sink;

    memset(&options, 0, sizeof(options));
    options.body = body;
    options.max_event = r->params->max_event;
    options.traits = &c->traits;
    options.names = r->call->names;
    options.passive = passive;
    sink.ctx = r;
    sink.put = passive ? on_event_passed : on_event_converted;
    if (!passive) {
        read_request(r);
        r->writer = open_writer(r);
    }
    r->guard = clp_guard_make(sink, r->pool);
    r->reader = c->dialect->open_reader(&options, clp_guard_sink(r->guard), r->pool);
}
