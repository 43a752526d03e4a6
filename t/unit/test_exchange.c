/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/**
 * The exchange over a scripted transport: every line of t/cases/exchange.jsonl
 * is a request, what its upstreams answer, and what must come of it.
 *   client   dialect of the client        stream   whether it asks for a stream
 *   headers  fields of its request        query    of its URL
 *   counting it asks for the number of its tokens only
 *   channels [name, dialect, [keys], [urls]] in order of priority
 *   answers  one per attempt: {status, type, headers, pieces: [..], end: "cut"|..}; a piece
 *            that is null is a step in which nothing comes, `after` says how many come before all
 *   wait_ms, hedge_ms, retry_ms, wait_max_ms  how long a step takes; the rules of retries
 *   abort_after, gone_at  the client leaves before this step, or in it
 *   half_open  channels whose circuit was open until a moment ago
 *   expect   {result, status, type, fault (of the first attempt), tried: "channel/key/url ..",
 * ends: what became of each, booked: what each and, behind "=", the request is counted as,
 * circuits: of the channels, "state/results known", alone: when the answer begins no other attempt
 * holds anything or is unbooked, cancelled: how many transfers, body | contains: [..], lacks: [..],
 * headers, broken, of the last upstream request: url, sent (its fields), asked (its body)}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "books.h"
#include "gateway/exchange.h"
#include "named.h"
#include "sched/affinity.h"
#include "tap.h"
#include "wire/text.h"

#define CASES "t/cases/exchange.jsonl"

static apr_time_t now;

static apr_time_t clock_now(void)
{
    return now;
}

/* --- a transport that plays a script ------------------------------------------------ */

struct clp_transfer {
    clp_transfer *next;
    clp_transfer_handler handler;
    apr_int64_t after;
    clp_jval answer;
    clp_jval piece;
    int head_done;
};

typedef struct fake {
    clp_transport base;
    apr_pool_t *pool;
    clp_jval next_answer;
    clp_transfer *running; /* a list, in the order they began */
    const char *url;       /* what was asked last */
    apr_table_t *sent;
    clp_span asked;
    int cancelled;
    apr_uint64_t started;
} fake;

static clp_transfer *fake_start(clp_transport *base, const clp_transfer_request *request,
                                const clp_transfer_handler *handler, apr_pool_t *pool)
{
    fake *f = (fake *)base;
    clp_transfer *t = apr_pcalloc(pool, sizeof(*t));
    clp_transfer **last = &f->running;
    while (*last) {
        last = &(*last)->next;
    }
    *last = t;
    f->started++;
    t->handler = *handler;
    t->answer = f->next_answer;
    t->after = clp_jval_count_or(clp_jval_get(t->answer, "after"), 0);
    t->piece = clp_jval_first(clp_jval_get(t->answer, "pieces"));
    f->next_answer = clp_jval_ok(f->next_answer) ? clp_jval_next(f->next_answer) : CLP_JVAL_NONE;
    f->url = apr_pstrdup(f->pool, request->url);
    f->sent = apr_table_clone(f->pool, request->headers);
    f->asked = clp_span_of(apr_pmemdup(f->pool, request->body.p, request->body.n), request->body.n);
    return t;
}

static int forget(fake *f, const clp_transfer *t)
{
    clp_transfer **at = &f->running;
    while (*at && *at != t) {
        at = &(*at)->next;
    }
    if (!*at) {
        return 0;
    }
    *at = t->next;
    return 1;
}

static void fake_cancel(clp_transport *base, clp_transfer *t)
{
    fake *f = (fake *)base;
    f->cancelled += forget(f, t);
}

static clp_transfer_end end_of(clp_jval answer, apr_pool_t *pool)
{
    static const struct {
        const char *name;
        clp_transfer_end how;
    } names[] = {
        {"no_host", CLP_TRANSFER_NO_HOST},       {"no_connect", CLP_TRANSFER_NO_CONNECT},
        {"no_tls", CLP_TRANSFER_NO_TLS},         {"cut", CLP_TRANSFER_CUT},
        {"bad_coding", CLP_TRANSFER_BAD_CODING}, {"late_first_byte", CLP_TRANSFER_LATE_FIRST_BYTE},
        {"late_idle", CLP_TRANSFER_LATE_IDLE},   {"forbidden", CLP_TRANSFER_FORBIDDEN}};
    const char *end = clp_jval_cstr(clp_jval_get(answer, "end"), pool);
    for (apr_size_t i = 0; end && i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(end, names[i].name)) {
            return names[i].how;
        }
    }
    return CLP_TRANSFER_DONE;
}

static apr_table_t *fields_of(clp_jval object, apr_pool_t *pool)
{
    apr_table_t *t = apr_table_make(pool, 4);
    CLP_JVAL_EACH (h, object) {
        apr_table_addn(t, clp_text_cstr(clp_jval_name(h), pool), clp_jval_cstr(h, pool));
    }
    return t;
}

static void play(fake *f, clp_transfer *t)
{
    if (t->after > 0) {
        t->after--;
        return;
    }
    if (!t->head_done && clp_jval_ok(clp_jval_get(t->answer, "status"))) {
        apr_table_t *headers = fields_of(clp_jval_get(t->answer, "headers"), f->pool);
        const char *type = clp_jval_cstr(clp_jval_get(t->answer, "type"), f->pool);
        apr_table_setn(headers, "Content-Type", type ? type : "application/json");
        t->head_done = 1;
        t->handler.on_head(t->handler.ctx,
                           (int)clp_jval_count_or(clp_jval_get(t->answer, "status"), 0), headers);
        return;
    }
    if (clp_jval_ok(t->piece)) {
        clp_jval piece = t->piece;
        clp_buffer *plain = clp_buffer_make(f->pool, 0);
        t->piece = clp_jval_next(piece);
        if (clp_jval_nil(piece)) {
            return;
        }
        clp_text_append_plain(plain, clp_jval_text(piece));
        t->handler.on_bytes(t->handler.ctx, plain->p, plain->n);
        return;
    }
    forget(f, t);
    t->handler.on_end(t->handler.ctx, end_of(t->answer, f->pool), "scripted");
}

/* Each transfer that runs gets one step further. */
static void fake_step(clp_transport *base, int client_fd, apr_interval_time_t timeout,
                      int *client_ready)
{
    fake *f = (fake *)base;
    clp_transfer *next;
    (void)client_fd;
    (void)timeout;
    *client_ready = 0;
    for (clp_transfer *t = f->running; t; t = next) {
        next = t->next;
        play(f, t);
    }
}

/* --- one case ------------------------------------------------------------------------- */

static clp_channel_set *channels_of(clp_jval list, clp_tables *t, apr_pool_t *pool)
{
    clp_channel_set *set = apr_pcalloc(pool, sizeof(*set));
    set->name = "test";
    set->channels = apr_array_make(pool, 4, sizeof(const clp_channel *));
    CLP_JVAL_EACH (v, list) {
        clp_jval part = clp_jval_first(v);
        clp_channel *c = clp_channel_make(clp_jval_cstr(part, pool), pool);
        part = clp_jval_next(part);
        c->dialect = named_dialect(clp_jval_cstr(part, pool));
        part = clp_jval_next(part);
        CLP_JVAL_EACH (k, part) {
            const char *key = clp_jval_cstr(k, pool);
            clp_channel_add_key(c, key, key, key);
        }
        part = clp_jval_next(part);
        CLP_JVAL_EACH (u, part) {
            APR_ARRAY_PUSH(c->urls, const char *) = clp_jval_cstr(u, pool);
        }
        c->defined_in = "test";
        books_claim_rows(c, t, pool);
        APR_ARRAY_PUSH(set->channels, const clp_channel *) = c;
    }
    return set;
}

/* Circuits of these channels were open until a moment ago. */
static void trip(clp_jval names, const clp_channel_set *set, clp_tables *t, apr_pool_t *pool)
{
    CLP_JVAL_EACH (v, names) {
        for (int i = 0; i < set->channels->nelts; i++) {
            const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
            if (!strcmp(c->name, clp_jval_cstr(v, pool))) {
                t->channels[c->row.row].circuit.opened_at = (apr_uint64_t)(now - 900000000);
                t->channels[c->row.row].circuit.open_until = (apr_uint64_t)(now - 1);
            }
        }
    }
}

static const char *circuits(const clp_channel_set *set, const clp_tables *t, apr_pool_t *pool)
{
    const char *list = "";
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        const clp_circuit *circuit = &t->channels[c->row.row].circuit;
        list = apr_psprintf(pool, "%s%s%s/%d", list, i ? " " : "",
                            clp_breaker_state_name(clp_breaker_look(circuit, &c->breaker, now)),
                            (int)circuit->recorded);
    }
    return list;
}

static const char *request_body(clp_jval c, const clp_dialect *client, int stream, apr_pool_t *pool)
{
    clp_jval body = clp_jval_get(c, "body");
    if (clp_jval_ok(body)) {
        clp_span raw = clp_jval_raw(body);
        return apr_pstrmemdup(pool, raw.p, raw.n);
    }
    return apr_psprintf(
        pool, "{\"model\":\"m\"%s,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
        client == &clp_dialect_messages ? ",\"max_tokens\":9" : "",
        stream ? ",\"stream\":true" : "");
}

static void check_texts(clp_jval list, const char *body, int want, const char *name,
                        apr_pool_t *pool)
{
    CLP_JVAL_EACH (v, list) {
        const char *text = clp_jval_cstr(v, pool);
        clp_span raw = clp_jval_raw(v);
        if (!OK((strstr(body, text) != NULL) == want, "%s: %s %.*s", name,
                want ? "contains" : "lacks", (int)raw.n, raw.p)) {
            tap_diag("body: %s", body);
        }
    }
}

/* null: the field is not there */
static void check_fields(const apr_table_t *got, clp_jval want, const char *name, apr_pool_t *pool)
{
    CLP_JVAL_EACH (h, want) {
        const char *field = clp_text_cstr(clp_jval_name(h), pool);
        IS_STR(apr_table_get(got, field), clp_jval_cstr(h, pool),
               apr_pstrcat(pool, name, ": field ", field, NULL));
    }
}

static const char *tried(const clp_outcome *o, apr_pool_t *pool)
{
    const char *list = "";
    for (int i = 0; i < o->attempts->nelts; i++) {
        const clp_attempt_record *a = &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record);
        list = apr_pstrcat(pool, list, i ? " " : "", a->candidate.channel->name, "/",
                           a->candidate.key ? a->candidate.key->id : "-", "/",
                           apr_itoa(pool, a->candidate.url_index), NULL);
    }
    return list;
}

static const char *ends(const clp_outcome *o, apr_pool_t *pool)
{
    const char *list = "";
    for (int i = 0; i < o->attempts->nelts; i++) {
        const clp_attempt_record *a = &APR_ARRAY_IDX(o->attempts, i, clp_attempt_record);
        list = apr_pstrcat(pool, list, i ? " " : "", clp_attempt_result_name(a->result), NULL);
    }
    return list;
}

static void run_case(clp_jval c, apr_pool_t *pool)
{
    const char *name = clp_jval_cstr(clp_jval_get(c, "name"), pool);
    const clp_dialect *client = named_dialect(clp_jval_cstr(clp_jval_get(c, "client"), pool));
    clp_jval expect = clp_jval_get(c, "expect");
    const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};
    clp_exchange_params params;
    clp_plan_query query;
    clp_sniffed sniffed;
    clp_exchange *x;
    clp_buffer *got = clp_buffer_make(pool, 0);
    const clp_outcome *o;
    const char *want;
    apr_int64_t gone_at = clp_jval_count_or(clp_jval_get(c, "gone_at"), -1);
    apr_int64_t abort_after = clp_jval_count_or(clp_jval_get(c, "abort_after"), -1);
    apr_int64_t wait_ms = clp_jval_count_or(clp_jval_get(c, "wait_ms"), 0);
    clp_account account;
    clp_channel_set *set;
    int stream = 0;
    int counting = 0;
    int steps = 0;
    fake f;

    clp_jval_bool(clp_jval_get(c, "stream"), &stream);
    clp_jval_bool(clp_jval_get(c, "counting"), &counting);
    memset(&f, 0, sizeof(f));
    f.base.start = fake_start;
    f.base.cancel = fake_cancel;
    f.base.step = fake_step;
    f.pool = pool;
    f.next_answer = clp_jval_first(clp_jval_get(c, "answers"));

    memset(&params, 0, sizeof(params));
    params.client = client;
    params.operation = counting ? CLP_OP_COUNT_TOKENS : CLP_OP_GENERATE;
    params.body = clp_span_str(request_body(c, client, stream, pool));
    params.sniffed = &sniffed;
    if (client->sniff(&sniffed, params.body, &intake, pool)) {
        OK(0, "%s: the request is sniffed", name);
        return;
    }
    now = apr_time_from_sec(1800000000);
    memset(&account, 0, sizeof(account));
    account.tables = books_open(now, pool);
    account.protocol = clp_protocol_of(client);
    account.model = sniffed.model;
    account.user = "somebody";
    account.stream = stream;
    memset(&query, 0, sizeof(query));
    query.tables = account.tables;
    query.now = clock_now;
    query.client = client;
    query.model = sniffed.model;
    query.counting = counting;
    set = channels_of(clp_jval_get(c, "channels"), account.tables, pool);
    trip(clp_jval_get(c, "half_open"), set, account.tables, pool);
    if (clp_plan_make(&params.plan, set, &query, pool)) {
        OK(0, "%s: there is a plan", name);
        return;
    }
    params.headers = fields_of(clp_jval_get(c, "headers"), pool);
    params.query = clp_jval_cstr(clp_jval_get(c, "query"), pool);
    params.transport = &f.base;
    params.intake = intake;
    params.max_event = 1024 * 1024;
    params.retry.max_attempts = (int)clp_jval_count_or(clp_jval_get(c, "max_attempts"), 10);
    params.retry.hedge = apr_time_from_msec(clp_jval_count_or(clp_jval_get(c, "hedge_ms"), 0));
    params.retry.time = apr_time_from_msec(clp_jval_count_or(clp_jval_get(c, "retry_ms"), 0));
    params.retry.wait_max =
        apr_time_from_msec(clp_jval_count_or(clp_jval_get(c, "wait_max_ms"), 0));
    params.default_max_tokens = 8192;
    params.keepalive = apr_time_from_sec(10);
    params.scope = "";
    params.clock = clock_now;
    params.account = &account;
    account.aside = params.operation != CLP_OP_GENERATE;
    x = clp_exchange_make(&params, pool);

    clp_exchange_start(x, now);
    for (;;) {
        clp_span out;
        int ready;
        while ((out = clp_exchange_output(x)).n) {
            if (!got->n && clp_jval_ok(clp_jval_get(expect, "alone"))) {
                books_check_alone(&account, clp_exchange_outcome(x), name, pool);
            }
            clp_buffer_span(got, out);
            clp_exchange_taken(x, now);
        }
        if (clp_exchange_done(x) || ++steps > 1000) {
            break;
        }
        if (steps == abort_after) {
            clp_exchange_abort(x);
            continue;
        }
        f.base.step(&f.base, -1, 0, &ready);
        if (steps == gone_at) {
            clp_exchange_abort(x);
            continue;
        }
        now += apr_time_from_msec(wait_ms);
        clp_exchange_tick(x, now);
    }
    o = clp_exchange_outcome(x);
    IS_STR(clp_result_name(o->result), clp_jval_cstr(clp_jval_get(expect, "result"), pool),
           apr_pstrcat(pool, name, ": result", NULL));
    IS_INT(o->status, clp_jval_count_or(clp_jval_get(expect, "status"), 200),
           apr_pstrcat(pool, name, ": status", NULL));
    if ((want = clp_jval_cstr(clp_jval_get(expect, "fault"), pool))) {
        IS_STR(name_of_fault(APR_ARRAY_IDX(o->attempts, 0, clp_attempt_record).judgement.fault),
               want, apr_pstrcat(pool, name, ": fault of the first attempt", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "tried"), pool))) {
        IS_STR(tried(o, pool), want, apr_pstrcat(pool, name, ": tried", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "ends"), pool))) {
        IS_STR(ends(o, pool), want, apr_pstrcat(pool, name, ": ends", NULL));
    }
    if (clp_jval_ok(clp_jval_get(expect, "cancelled"))) {
        IS_INT(f.cancelled, clp_jval_count_or(clp_jval_get(expect, "cancelled"), 0),
               apr_pstrcat(pool, name, ": cancelled", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "type"), pool))) {
        IS_STR(clp_exchange_head(x)->content_type, want, apr_pstrcat(pool, name, ": type", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "body"), pool))) {
        IS_SPAN(clp_buffer_all(got), clp_span_str(want), apr_pstrcat(pool, name, ": body", NULL));
    }
    check_texts(clp_jval_get(expect, "contains"), clp_buffer_cstr(got, pool), 1, name, pool);
    check_texts(clp_jval_get(expect, "lacks"), clp_buffer_cstr(got, pool), 0, name, pool);
    if (clp_jval_ok(clp_jval_get(expect, "headers"))) {
        check_fields(clp_exchange_head(x)->headers, clp_jval_get(expect, "headers"), name, pool);
    }
    if (clp_jval_ok(clp_jval_get(expect, "sent"))) {
        check_fields(f.sent, clp_jval_get(expect, "sent"), name, pool);
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "asked"), pool))) {
        IS_SPAN(f.asked, clp_span_str(want), apr_pstrcat(pool, name, ": asked", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "url"), pool))) {
        IS_STR(f.url, want, apr_pstrcat(pool, name, ": url", NULL));
    }
    if (clp_jval_ok(clp_jval_get(expect, "broken"))) {
        int broken = 0;
        clp_jval_bool(clp_jval_get(expect, "broken"), &broken);
        IS_INT(clp_exchange_broken(x), broken, apr_pstrcat(pool, name, ": broken", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "booked"), pool))) {
        IS_STR(books_show(o, pool), want, apr_pstrcat(pool, name, ": booked", NULL));
    }
    if ((want = clp_jval_cstr(clp_jval_get(expect, "circuits"), pool))) {
        IS_STR(circuits(set, account.tables, pool), want,
               apr_pstrcat(pool, name, ": circuits", NULL));
    }
    books_check(&account, o, now, name, pool);
    books_check_sent(account.tables, f.started, name, pool);
    IS_INT(f.running != NULL, 0, apr_pstrcat(pool, name, ": no transfer is left behind", NULL));
}

int main(void)
{
    apr_pool_t *root = tap_begin();
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    FILE *file = fopen(CASES, "r");

    if (!OK(file != NULL, "%s is there", CASES)) {
        return tap_end();
    }
    while ((n = getline(&line, &room, file)) > 0) {
        clp_json_limits limits = {64, CLP_JSON_RECORD_ALL, 0};
        apr_pool_t *pool;
        clp_json *doc;
        if (line[0] != '{') {
            continue;
        }
        apr_pool_create(&pool, root);
        doc = clp_json_make(pool);
        if (OK(clp_json_scan(doc, clp_span_of(line, (apr_size_t)n - (line[n - 1] == '\n')), &limits,
                             NULL) == CLP_JSON_OK,
               "the case is JSON: %.60s", line)) {
            run_case(clp_json_root(doc), pool);
        }
        apr_pool_destroy(pool);
    }
    free(line);
    fclose(file);
    return tap_end();
}
