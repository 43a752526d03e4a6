/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include "answer_problem.h"
#include "relay_events.h"
#include "shown.h"
#include "whole_events.h"
#include "wire/json_scan.h"

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

static void fail_empty(clp_relay *r)
{
    fail(r, clp_answer_problem_empty(r->pool), CLP_BOOKED_EMPTY);
}

static void fail_garbage(clp_relay *r, const char *text)
{
    fail(r, clp_answer_problem_garbage(text, r->pool), CLP_BOOKED_GARBAGE);
}

/* --- the commit -------------------------------------------------------------- */

static int stream_passes(const clp_relay *r)
{
    return r->mode == MODE_PASS_STREAM ? 1 : r->mode == MODE_PASS_ARRAY ? CLP_STREAM_ARRAY : 0;
}

static void make_head(clp_relay *r)
{
    if (r->mode == MODE_CONVERT || r->mode == MODE_COUNT) {
        clp_answer_head_converted(&r->head, r->params, &r->upstream, r->pool);
    }
    else {
        clp_answer_head_passed(&r->head, r->params, &r->upstream, stream_passes(r), r->pool);
    }
}

static void commit(clp_relay *r)
{
    if (r->state == CLP_RELAY_WAITING) {
        make_head(r);
        r->state = CLP_RELAY_COMMITTED;
    }
}

/* The first bytes say what the body is, unless they are only padding. A stream that was asked for
 * and a document that was not are the same to a converter, so only the matching pair may pass
 * through. */
static void decide(clp_relay *r, const char *p, apr_size_t n)
{
    const clp_sniffed *asked = r->params->sniffed;
    clp_body_kind body = clp_body_kind_found(clp_upstream_head_kind(&r->upstream), p, n);

    if (body == CLP_BODY_UNKNOWN) {
        return;
    }
    if (!r->call->passthrough || (body == CLP_BODY_SSE) != (asked->stream && !asked->array)) {
        r->mode = MODE_CONVERT;
        clp_buffer_clear(r->out);
    }
    else {
        r->mode = asked->array    ? MODE_PASS_ARRAY
                  : asked->stream ? MODE_PASS_STREAM
                                  : MODE_PASS_DOCUMENT;
    }
    clp_relay_open_reader(r, body, r->mode != MODE_CONVERT);
}

/* --- what the bytes come to ------------------------------------------------------ */

static void pass_bytes(clp_relay *r, const char *p, apr_size_t n)
{
    apr_size_t before = r->out->n;
    clp_buffer_append(r->out, p, n);
    if (r->mode == MODE_PASS_STREAM) {
        apr_size_t from = before > r->sendable + 2 ? before - 2 : r->sendable;
        apr_size_t end = clp_whole_events_end(r->out, from);
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
        clp_relay_tell(r, problem);
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
             clp_problem_because(clp_answer_problem_empty(r->pool), r->pool,
                                 "no content, no output tokens"),
             CLP_BOOKED_EMPTY);
        return;
    }
    clp_relay_keep(r);
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

/* --- what the transfer tells -------------------------------------------------- */

void clp_relay_head(clp_relay *r, int status, const apr_table_t *headers)
{
    clp_upstream_head_take(&r->upstream, status, headers, r->pool);
    if (status < 200 || status > 299) {
        r->mode = MODE_ERROR;
        return;
    }
    r->mode = r->params->operation == CLP_OP_GENERATE ? MODE_UNDECIDED
              : r->call->passthrough                  ? MODE_PLAIN
                                                      : MODE_COUNT;
}

/* What is only kept, not read, is bounded here. */
static void keep_bytes(clp_relay *r, const char *p, apr_size_t n)
{
    clp_buffer_append(r->out, p, n);
    if (r->out->n > r->params->max_event) {
        fail_garbage(r, "The upstream's answer is too large.");
    }
}

/* A part of a body is no document that could be given as it is. */
static void end_error(clp_relay *r, int whole)
{
    clp_problem *problem = clp_answer_problem_told(r->candidate->channel->dialect, &r->upstream,
                                                   clp_buffer_all(&r->error_body), r->pool);

    r->verbatim = whole && r->call->passthrough && !clp_upstream_head_redirects(&r->upstream);
    make_head(r);
    r->head.length = (apr_int64_t)r->error_body.n;
    fail(r, problem, CLP_BOOKED_SERVER_ERROR);
}

static void keep_error(clp_relay *r, const char *p, apr_size_t n)
{
    apr_size_t room = ERROR_BODY_CAP - r->error_body.n;

    clp_buffer_append(&r->error_body, p, n < room ? n : room);
    if (n > room) {
        end_error(r, 0);
    }
}

void clp_relay_bytes(clp_relay *r, const char *p, apr_size_t n)
{
    if (r->state > CLP_RELAY_COMMITTED) {
        return;
    }
    if (r->mode == MODE_ERROR) {
        keep_error(r, p, n);
        return;
    }
    r->received += n;
    if (r->state == CLP_RELAY_WAITING && r->received / WAITING_EVENTS > r->params->max_event) {
        fail_garbage(r, "The upstream's answer is too large before anything is said.");
        return;
    }
    if (r->mode == MODE_UNDECIDED) {
        decide(r, p, n);
    }
    if (!r->reader) {
        keep_bytes(r, p, n);
        return;
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
        fail_garbage(r, "The upstream's answer tells no number.");
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
        fail_garbage(r, "The upstream's answer is no JSON object.");
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

/* Nothing has read what came, if anything did. */
static void end_unread(clp_relay *r, clp_transfer_end how)
{
    if (how != CLP_TRANSFER_DONE) {
        fail(r, clp_answer_problem_transfer(how, r->pool), CLP_BOOKED_TRANSPORT);
    }
    else if (r->mode == MODE_PLAIN || r->mode == MODE_COUNT) {
        end_plain(r);
    }
    else {
        fail_empty(r);
    }
}

/* The transfer ended before the answer did. */
static void end_early(clp_relay *r, clp_transfer_end how)
{
    const clp_problem *problem = clp_answer_problem_transfer(how, r->pool);

    if (r->state == CLP_RELAY_WAITING) {
        fail(r, problem, CLP_BOOKED_TRANSPORT);
        return;
    }
    if (r->mode == MODE_CONVERT) {
        clp_relay_tell(r, problem);
    }
    break_off(r, problem, 1);
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
        end_unread(r, how);
        return;
    }
    /* A deadline says more than the reader's "incomplete". */
    if (!done && !clp_guard_ended(r->guard) &&
        (r->state == CLP_RELAY_WAITING || how != CLP_TRANSFER_CUT)) {
        end_early(r, how);
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
