/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <apr_strings.h>

#include "gateway/count.h"
#include "shown.h"
#include "upstream/headers.h"
#include "upstream/rate_fields.h"
#include "wire/json_scan.h"
#include "wire/text.h"

/* An error body beyond this only costs memory; its beginning says enough. */
#define ERROR_BODY_CAP (256 * 1024)

/* Bytes of an answer that may come before the commit, in events of the largest size:
 * they are kept. */
#define WAITING_EVENTS 2

enum {
    MODE_NONE,
    MODE_ERROR,
    MODE_UNDECIDED,
    MODE_PASS_STREAM,
    MODE_PASS_ARRAY, /* a stream in the shape of a JSON array */
    MODE_PASS_DOCUMENT,
    MODE_CONVERT,
    MODE_COUNT, /* a document of another dialect that tells a number */
    MODE_PLAIN
};

static const char *first_of(const apr_table_t *t, const char *a, const char *b)
{
    const char *v = apr_table_get(t, a);
    return v ? v : apr_table_get(t, b);
}

void clp_relay_set_request_id(apr_table_t *headers, const clp_dialect *client, const char *id)
{
    if (id && clp_header_id_ok(id)) {
        apr_table_set(headers, client == &clp_dialect_messages ? "request-id" : "x-request-id", id);
    }
}

static void add_stream_headers(apr_table_t *headers)
{
    if (!apr_table_get(headers, "Cache-Control")) {
        apr_table_setn(headers, "Cache-Control", "no-cache");
    }
    apr_table_setn(headers, "X-Accel-Buffering", "no");
}

void clp_relay_plain_head(clp_answer_head *head, const clp_exchange_params *params, int stream,
                          apr_pool_t *pool)
{
    head->status = 200;
    head->content_type =
        stream && !params->sniffed->array ? "text/event-stream; charset=utf-8" : "application/json";
    head->headers = apr_table_make(pool, 8);
    head->length = -1;
    if (stream) {
        add_stream_headers(head->headers);
    }
    clp_relay_set_request_id(head->headers, params->client, params->request_id);
}

clp_relay *clp_relay_make(const clp_exchange_params *params, const clp_call *call,
                          const clp_candidate *candidate, clp_conversation *conversation,
                          clp_buffer *out, apr_pool_t *pool)
{
    clp_relay *r = apr_pcalloc(pool, sizeof(*r));
    r->params = params;
    r->call = call;
    r->candidate = candidate;
    r->conversation = conversation;
    r->out = out;
    r->pool = pool;
    clp_buffer_init(&r->error_body, pool, ERROR_BODY_CAP);
    return r;
}

static void fail(clp_relay *r, const clp_problem *problem, clp_booked how)
{
    r->problem = problem;
    r->failure = how;
    r->state = CLP_RELAY_FAILED;
    r->sendable = 0;
}

/* --- the head of the answer ------------------------------------------------ */

static void convert_rate_fields(clp_relay *r)
{
    apr_time_t now = apr_time_now();
    if (r->params->client == &clp_dialect_messages) {
        clp_rate_fields_to_anthropic(r->head.headers, r->headers, now);
    }
    else {
        clp_rate_fields_to_openai(r->head.headers, r->headers, now);
    }
}

static clp_body_kind kind_of(const char *content_type)
{
    if (content_type && !strncasecmp(content_type, "text/event-stream", 17)) {
        return CLP_BODY_SSE;
    }
    if (content_type && !strncasecmp(content_type, "application/json", 16)) {
        return CLP_BODY_JSON;
    }
    return CLP_BODY_UNKNOWN;
}

static void make_head(clp_relay *r)
{
    clp_answer_head *head = &r->head;
    if (r->mode == MODE_CONVERT || r->mode == MODE_COUNT) {
        clp_relay_plain_head(head, r->params, clp_wants_stream(r->params), r->pool);
        clp_relay_set_request_id(head->headers, r->params->client, r->request_id);
        convert_rate_fields(r);
        return;
    }
    head->status = r->status;
    head->content_type = r->content_type ? r->content_type : "application/json";
    head->headers = apr_table_make(r->pool, 8);
    head->length = -1;
    clp_headers_down(head->headers, r->headers);
    apr_table_unset(head->headers, "Content-Type");
    if (r->mode == MODE_PASS_STREAM || r->mode == MODE_PASS_ARRAY) {
        add_stream_headers(head->headers);
        if (r->mode == MODE_PASS_STREAM && kind_of(r->content_type) != CLP_BODY_SSE) {
            head->content_type = "text/event-stream; charset=utf-8";
        }
    }
    if (!r->request_id) {
        clp_relay_set_request_id(head->headers, r->params->client, r->params->request_id);
    }
}

static void commit(clp_relay *r)
{
    if (r->state == CLP_RELAY_WAITING) {
        make_head(r);
        r->state = CLP_RELAY_COMMITTED;
    }
}

/* --- events ----------------------------------------------------------------- */

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

/* Tell a problem in-band, behind a passed stream that was watched only. */
static void tell_in_stream(clp_relay *r, const clp_problem *problem)
{
    clp_event e;
    memset(&e, 0, sizeof(e));
    e.kind = CLP_EVENT_PROBLEM;
    e.problem = problem;
    r->writer = open_writer(r);
    r->writer->put(r->writer, &e);
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

static void open_reader(clp_relay *r, clp_body_kind body)
{
    clp_reader_options options;
    clp_sink sink;

    memset(&options, 0, sizeof(options));
    options.body = body;
    options.max_event = r->params->max_event;
    options.traits = &r->candidate->channel->traits;
    options.names = r->call->names;
    options.passive = r->mode != MODE_CONVERT;
    sink.ctx = r;
    sink.put = options.passive ? on_event_passed : on_event_converted;
    if (!options.passive) {
        read_request(r);
        r->writer = open_writer(r);
    }
    r->guard = clp_guard_make(sink, r->pool);
    r->reader =
        r->candidate->channel->dialect->open_reader(&options, clp_guard_sink(r->guard), r->pool);
}

/* A stream that was asked for and a document that was not are the same to a
 * converter, so only the matching pair may pass through. */
static void decide(clp_relay *r, clp_body_kind body)
{
    const clp_sniffed *asked = r->params->sniffed;
    if (!r->call->passthrough || (body == CLP_BODY_SSE) != (asked->stream && !asked->array)) {
        r->mode = MODE_CONVERT;
    }
    else {
        r->mode = asked->array    ? MODE_PASS_ARRAY
                  : asked->stream ? MODE_PASS_STREAM
                                  : MODE_PASS_DOCUMENT;
    }
    open_reader(r, body);
}

/* --- what the transfer tells -------------------------------------------------- */

static int tells_id(const char *name)
{
    return !strcasecmp(name, "request-id") || !strcasecmp(name, "x-request-id");
}

/* httpd would refuse to send the whole answer for one malformed field. */
static apr_table_t *sound_fields(const apr_table_t *headers, apr_pool_t *pool)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    apr_table_t *sound = apr_table_make(pool, all->nelts);
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *e = (const apr_table_entry_t *)all->elts + i;
        if (clp_header_name_ok(e->key) && clp_header_value_ok(e->val) &&
            (!tells_id(e->key) || clp_header_id_ok(e->val))) {
            apr_table_add(sound, e->key, e->val);
        }
    }
    return sound;
}

void clp_relay_head(clp_relay *r, int status, const apr_table_t *headers)
{
    r->status = status;
    r->headers = sound_fields(headers, r->pool);
    r->content_type = apr_table_get(r->headers, "Content-Type");
    r->request_id = first_of(r->headers, "request-id", "x-request-id");
    if (status < 200 || status > 299) {
        r->mode = MODE_ERROR;
        return;
    }
    r->mode = r->params->operation == CLP_OP_GENERATE ? MODE_UNDECIDED
              : r->call->passthrough                  ? MODE_PLAIN
                                                      : MODE_COUNT;
}

/* Where the last whole event of the bytes from `from` on ends; 0 = none does. */
static apr_size_t last_event_end(const clp_buffer *b, apr_size_t from)
{
    const char *p = b->p;
    apr_size_t end = b->n;
    while (end > from) {
        const char *nl = memrchr(p + from, '\n', end - from);
        apr_size_t i;
        if (!nl) {
            break;
        }
        i = (apr_size_t)(nl - p);
        if ((i >= 1 && p[i - 1] == '\n') || (i >= 2 && p[i - 1] == '\r' && p[i - 2] == '\n')) {
            return i + 1;
        }
        end = i;
    }
    /* Bare CR line ends are legal and rare: only where no LF is found at all. */
    for (apr_size_t i = b->n; i > from && i >= 2; i--) {
        if (p[i - 1] == '\r' && p[i - 2] == '\r') {
            return i;
        }
        if (p[i - 1] == '\n') {
            break;
        }
    }
    return 0;
}

static void pass_bytes(clp_relay *r, const char *p, apr_size_t n)
{
    apr_size_t before = r->out->n;
    clp_buffer_append(r->out, p, n);
    if (r->mode == MODE_PASS_STREAM) {
        apr_size_t from = before > r->sendable + 2 ? before - 2 : r->sendable;
        apr_size_t end = last_event_end(r->out, from);
        if (end > r->sendable) {
            r->sendable = end;
        }
    }
    else if (r->mode == MODE_PASS_ARRAY) {
        r->sendable = r->out->n;
    }
}

static void set_broken(clp_relay *r, const clp_problem *problem, int cut)
{
    r->problem = problem;
    r->cut = cut || r->params->client->breaks_off;
    r->state = CLP_RELAY_BROKEN;
    r->sendable = r->out->n;
}

/* What is not sent yet must not tell the client which key was shown. */
static void hide_key(clp_relay *r)
{
    if (r->out->n) {
        clp_shown_erase(r->out->p, r->out->n, r->candidate, r->pool);
    }
}

/* A problem after the commit. Upstreams that told it themselves, in the
 * client's own protocol, have told it to the client. */
static void break_off(clp_relay *r, const clp_problem *problem, int cut)
{
    if (r->mode == MODE_PASS_STREAM && problem->status == 0) {
        r->out->n = r->sendable;
        tell_in_stream(r, problem);
    }
    else if (r->mode != MODE_CONVERT) {
        hide_key(r);
    }
    set_broken(r, problem, cut);
}

static int is_empty(const clp_relay *r)
{
    clp_usage usage = clp_guard_usage(r->guard);
    return clp_guard_empty(r->guard) && clp_guard_stop(r->guard) == CLP_STOP_END &&
           usage.output <= 0;
}

/* Look at what the reader has made of the bytes so far. `unread` is what it is if that is nothing
 * sensible. */
static void judge(clp_relay *r, int cut, clp_booked unread)
{
    const clp_problem *problem = clp_guard_problem(r->guard);
    int document =
        r->mode == MODE_PASS_DOCUMENT || (r->mode == MODE_CONVERT && !r->params->sniffed->stream);

    if (problem) {
        if (r->state == CLP_RELAY_COMMITTED) {
            break_off(r, problem, cut);
        }
        else {
            fail(r, problem, problem->cls == CLP_BAD_GATEWAY ? unread : CLP_BOOKED_SERVER_ERROR);
        }
        return;
    }
    if (r->state == CLP_RELAY_WAITING && clp_guard_ended(r->guard) && is_empty(r)) {
        fail(r,
             clp_problem_because(
                 clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream gave an empty answer."),
                 r->pool, "no content, no output tokens"),
             CLP_BOOKED_EMPTY);
        return;
    }
    if (r->to_keep) {
        r->to_keep = 0;
        clp_response_keep(r->params->keeper, r->out, r->ending, r->params->sniffed->stream,
                          r->candidate, r->pool);
    }
    if (document ? clp_guard_ended(r->guard) : clp_guard_meaningful(r->guard)) {
        commit(r);
    }
    if (r->state == CLP_RELAY_COMMITTED && r->mode == MODE_CONVERT) {
        r->sendable = r->out->n;
        if (document) {
            r->head.length = (apr_int64_t)r->out->n;
        }
    }
}

/* What is only kept, not read, is bounded here. */
static void check_size(clp_relay *r)
{
    if (r->out->n > r->params->max_event) {
        fail(r, clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream's answer is too large."),
             CLP_BOOKED_GARBAGE);
    }
}

/* A part of a body is no document that could be given as it is. */
static void end_error(clp_relay *r, int whole)
{
    const clp_channel *c = r->candidate->channel;
    clp_problem *problem;
    apr_int64_t told;
    if (r->status >= 300 && r->status < 400) {
        problem = clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                                   "The upstream answered with a redirect, which is not followed.");
        problem->status = r->status;
        clp_problem_because(problem, r->pool, "check the channel's URL");
    }
    else {
        problem = c->dialect->read_problem(r->status, clp_buffer_all(&r->error_body), r->pool);
        r->verbatim = whole && r->call->passthrough;
    }
    told = clp_headers_retry_after(r->headers, r->status, apr_time_now());
    if (told >= 0) {
        problem->retry_after_ms = told; /* a field is for machines: it goes before words */
    }
    if (!problem->request_id) {
        problem->request_id = r->request_id;
    }
    make_head(r);
    r->head.length = (apr_int64_t)r->error_body.n;
    fail(r, problem, CLP_BOOKED_SERVER_ERROR);
}

void clp_relay_bytes(clp_relay *r, const char *p, apr_size_t n)
{
    if (r->state > CLP_RELAY_COMMITTED) {
        return;
    }
    if (r->mode == MODE_ERROR) {
        apr_size_t room = ERROR_BODY_CAP - r->error_body.n;
        clp_buffer_append(&r->error_body, p, n < room ? n : room);
        if (n > room) {
            end_error(r, 0);
        }
        return;
    }
    r->received += n;
    if (r->state == CLP_RELAY_WAITING && r->received / WAITING_EVENTS > r->params->max_event) {
        fail(r,
             clp_problem_make(r->pool, CLP_BAD_GATEWAY,
                              "The upstream's answer is too large before anything is said."),
             CLP_BOOKED_GARBAGE);
        return;
    }
    if (r->mode == MODE_PLAIN || r->mode == MODE_COUNT) {
        clp_buffer_append(r->out, p, n);
        check_size(r);
        return;
    }
    if (r->mode == MODE_UNDECIDED) {
        clp_body_kind body = clp_body_kind_found(kind_of(r->content_type), p, n);
        if (body == CLP_BODY_UNKNOWN) {
            clp_buffer_append(r->out, p, n);
            check_size(r);
            return;
        }
        decide(r, body);
        if (r->mode == MODE_CONVERT) {
            clp_buffer_clear(r->out);
        }
    }
    if (r->mode != MODE_CONVERT) {
        pass_bytes(r, p, n);
    }
    r->reader->feed(r->reader, p, n);
    judge(r, 0, CLP_BOOKED_GARBAGE);
}

/* The upstream's number in the client's words. */
static int write_count(clp_relay *r, clp_jval answer)
{
    apr_int64_t tokens = r->candidate->channel->dialect->read_count(answer);
    if (tokens < 0) {
        fail(r,
             clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream's answer tells no number."),
             CLP_BOOKED_GARBAGE);
        return 0;
    }
    clp_buffer_clear(r->out);
    r->params->client->write_count(tokens, r->out);
    return 1;
}

static void end_plain(clp_relay *r)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *doc = clp_json_make(r->pool);
    if (clp_json_scan(doc, clp_buffer_all(r->out), &limits, NULL) != CLP_JSON_OK ||
        !clp_jval_is_object(clp_json_root(doc))) {
        fail(r,
             clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream's answer is no JSON object."),
             CLP_BOOKED_GARBAGE);
        return;
    }
    if (r->mode == MODE_COUNT && !write_count(r, clp_json_root(doc))) {
        return;
    }
    commit(r);
    r->head.length = (apr_int64_t)r->out->n;
    r->sendable = r->out->n;
    r->state = CLP_RELAY_COMPLETE;
}

/* The transfer broke off; for a body whose reader already has a whole answer that
 * does not matter any more. */
static clp_problem *problem_of_transfer(clp_relay *r, clp_transfer_end how)
{
    int late = how == CLP_TRANSFER_LATE_CONNECT || how == CLP_TRANSFER_LATE_FIRST_BYTE ||
               how == CLP_TRANSFER_LATE_IDLE || how == CLP_TRANSFER_LATE_TOTAL;
    return clp_problem_make(r->pool, late ? CLP_TIMED_OUT : CLP_BAD_GATEWAY,
                            late ? "The upstream did not answer in time (%s)."
                                 : "The upstream could not be reached or broke off (%s).",
                            clp_transfer_end_text(how));
}

void clp_relay_end(clp_relay *r, clp_transfer_end how)
{
    int done = how == CLP_TRANSFER_DONE;
    if (r->state > CLP_RELAY_COMMITTED) {
        return;
    }
    if (r->mode == MODE_ERROR) {
        end_error(r, done);
        return;
    }
    if (!r->reader) {
        if (!done) {
            fail(r, problem_of_transfer(r, how), CLP_BOOKED_TRANSPORT);
        }
        else if (r->mode == MODE_PLAIN || r->mode == MODE_COUNT) {
            end_plain(r);
        }
        else {
            fail(r,
                 clp_problem_make(r->pool, CLP_BAD_GATEWAY, "The upstream gave an empty answer."),
                 CLP_BOOKED_EMPTY);
        }
        return;
    }
    if (!done && !clp_guard_ended(r->guard) &&
        (r->state == CLP_RELAY_WAITING || how != CLP_TRANSFER_CUT)) {
        /* A deadline says more than "incomplete". */
        const clp_problem *problem = problem_of_transfer(r, how);
        if (r->state == CLP_RELAY_WAITING) {
            fail(r, problem, CLP_BOOKED_TRANSPORT);
            return;
        }
        if (r->mode == MODE_CONVERT) {
            clp_event e;
            memset(&e, 0, sizeof(e));
            e.kind = CLP_EVENT_PROBLEM;
            e.problem = problem;
            r->writer->put(r->writer, &e);
        }
        break_off(r, problem, 1);
        return;
    }
    r->reader->finish(r->reader, done ? CLP_ENDED_CLEANLY : CLP_ENDED_CUT);
    judge(r, 1, done ? CLP_BOOKED_GARBAGE : CLP_BOOKED_TRANSPORT);
    if (r->state == CLP_RELAY_COMMITTED) {
        r->sendable = r->out->n;
        if (r->mode == MODE_PASS_DOCUMENT) {
            r->head.length = (apr_int64_t)r->out->n;
        }
        r->state = CLP_RELAY_COMPLETE;
    }
}

void clp_relay_sent(clp_relay *r)
{
    clp_buffer_consume(r->out, r->sendable);
    r->sendable = 0;
}
