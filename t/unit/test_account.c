/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/* What bookings of attempts and requests say, and where they are counted. */
#include "tap.h"

#include <apr_strings.h>

#include "books.h"
#include "sched/affinity.h"
#include "state/counters.h"
#include "state/history.h"

#define NOW apr_time_from_sec(1800000000)

typedef struct bench {
    clp_tables *t;
    clp_channel *a; /* with two keys */
    clp_channel *b; /* without */
    clp_account account;
    apr_pool_t *pool;
} bench;

static bench bench_make(apr_pool_t *pool)
{
    bench x;
    memset(&x, 0, sizeof(x));
    x.pool = pool;
    x.t = books_open(NOW, pool);
    x.a = clp_channel_make("a", pool);
    APR_ARRAY_PUSH(x.a->urls, const char *) = "http://a";
    clp_channel_add_key(x.a, "secret-1", "***", "k1");
    clp_channel_add_key(x.a, "secret-2", "***", "k2");
    x.b = clp_channel_make("b", pool);
    x.b->auth = CLP_AUTH_NONE;
    APR_ARRAY_PUSH(x.b->urls, const char *) = "http://b";
    books_claim_rows(x.a, x.t, pool);
    books_claim_rows(x.b, x.t, pool);
    x.account.tables = x.t;
    x.account.protocol = CLP_PROTOCOL_CHAT;
    x.account.model = "m";
    x.account.user = "u";
    x.account.stream = 1;
    return x;
}

static clp_outcome outcome_make(clp_booked booked, apr_pool_t *pool)
{
    clp_outcome o;
    memset(&o, 0, sizeof(o));
    o.booked = booked;
    o.winner = -1;
    o.usage = CLP_USAGE_NONE;
    o.attempts = apr_array_make(pool, 4, sizeof(clp_attempt_record));
    o.started = NOW;
    o.first_event = NOW + apr_time_from_msec(300);
    o.ended = NOW + apr_time_from_sec(4);
    return o;
}

static clp_attempt_record *add_attempt(clp_outcome *o, const clp_channel *c, int key,
                                       clp_booked booked)
{
    clp_attempt_record *r = apr_array_push(o->attempts);
    memset(r, 0, sizeof(*r));
    r->candidate.channel = c;
    r->candidate.key = key >= 0 ? &APR_ARRAY_IDX(c->keys, key, clp_key) : NULL;
    r->candidate.key_index = key;
    r->candidate.circuit = c->circuits[key >= 0 ? key : 0];
    r->candidate.model_id = clp_row_id(clp_span_str("m"));
    r->booked = booked;
    r->started = NOW + apr_time_from_msec(100);
    r->ended = NOW + apr_time_from_sec(3);
    r->usage = CLP_USAGE_NONE;
    return r;
}

static clp_key_row *key_row(const bench *x, int key)
{
    return &x->t->keys[APR_ARRAY_IDX(x->a->keys, key, clp_key).row.row];
}

static clp_channel_row *channel_row(const bench *x, const clp_channel *c)
{
    return &x->t->channels[c->row.row];
}

static void test_request(apr_pool_t *pool)
{
    bench x = bench_make(pool);
    clp_outcome o = outcome_make(CLP_BOOKED_SUCCESS, pool);
    clp_attempt_record *r = add_attempt(&o, x.a, 0, CLP_BOOKED_RATE_LIMITED);
    clp_attempt_record *s;
    const clp_traffic *total = &x.t->head->protocols[CLP_PROTOCOL_CHAT];
    const clp_traffic *there = &channel_row(&x, x.a)->protocols[CLP_PROTOCOL_CHAT];
    const clp_counters *c = &total->counts;

    r->usage.input = 1000;
    s = add_attempt(&o, x.a, 1, CLP_BOOKED_SUCCESS);
    s->usage =
        (clp_usage){.input = 5, .output = 7, .cache_read = 11, .cache_write = 13, .reasoning = 2};
    o.winner = 1;
    clp_account_request(&x.account, &o);
    IS_INT(c->results[CLP_BOOKED_SUCCESS], 1, "a success");
    IS_INT(clp_counters_requests(c), 1, "one request");
    IS_INT(c->attempts, 2, "of two attempts");
    IS_INT(c->tokens[CLP_TOKENS_IN], 1005, "tokens of all attempts");
    IS_INT(c->tokens[CLP_TOKENS_OUT], 7, "output");
    IS_INT(c->tokens[CLP_TOKENS_CACHE_READ], 11, "cache read");
    IS_INT(c->tokens[CLP_TOKENS_CACHE_WRITE], 13, "cache write");
    IS_INT(c->tokens[CLP_TOKENS_REASONING], 2, "reasoning");
    IS_INT(c->first_token_us, 300000, "time to the first token, from the request on");
    IS_INT(c->duration_ms, 4000, "its time");
    IS_INT(total->first_token[clp_histogram_bucket(300)], 1, "its bucket");
    IS_INT(there->counts.results[CLP_BOOKED_SUCCESS], 1, "it ended at the channel");
    IS_INT(key_row(&x, 1)->counts.results[CLP_BOOKED_SUCCESS], 1, "with the key that served");
    IS_INT(clp_counters_requests(&key_row(&x, 0)->counts), 0, "not with the other");
    IS_INT(channel_row(&x, x.a)->attempts[CLP_BOOKED_SUCCESS], 0,
           "attempts are booked by themselves");
    x.account.stream = 0;
    clp_account_request(&x.account, &o);
    IS_INT(c->first_tokens, 1, "of a document no first token is known");
    x.account.aside = 1;
    clp_account_request(&x.account, &o);
    IS_INT(clp_counters_requests(c), 2, "what is no request for an answer does not count as one");
    x.account.tables = NULL;
    clp_account_request(&x.account, &o);
    clp_account_attempt(&x.account, s, 1);
    clp_account_refused(&x.account, NULL, 400, NOW, NOW);
    IS_INT(clp_counters_requests(c), 2, "without tables nothing is booked");
}

static void test_attempt(apr_pool_t *pool)
{
    bench x = bench_make(pool);
    clp_outcome o = outcome_make(CLP_BOOKED_SUCCESS, pool);
    clp_problem *p = clp_problem_make(pool, CLP_RATE_LIMITED, "slow down");
    clp_attempt_record *r = add_attempt(&o, x.a, 0, CLP_BOOKED_RATE_LIMITED);
    const clp_key_row *key = key_row(&x, 0);
    clp_history_sums sums;
    apr_time_t until;

    p->retry_after_ms = 7000;
    r->problem = p;
    clp_account_attempt(&x.account, r, 0);
    IS_INT(key->attempts[CLP_BOOKED_RATE_LIMITED], 1, "the key's");
    IS_INT(clp_cooling_look_key(key, r->candidate.model_id, r->ended, &until), CLP_COOLING_TOLD,
           "rests for the model");
    IS_INT(until - r->ended, apr_time_from_sec(7), "as long as told");
    IS_INT(clp_cooling_look_key(key, 1, r->ended, &until), CLP_COOLING_NOT, "not for others");

    r = add_attempt(&o, x.b, -1, CLP_BOOKED_SUCCESS);
    r->first_event = r->started + 250000;
    r->usage.output = 9;
    clp_account_attempt(&x.account, r, 1);
    IS_INT(channel_row(&x, x.b)->attempts[CLP_BOOKED_SUCCESS], 1, "a channel without keys");
    IS_INT(channel_row(&x, x.b)->first_token_us, 250000, "its time to the first token");
    IS_INT(x.t->circuits[x.b->circuits[0].row].circuit.recorded, 1, "its circuit's");
    x.account.aside = 1;
    clp_account_attempt(&x.account, r, 1);
    IS_INT(channel_row(&x, x.b)->attempts[CLP_BOOKED_SUCCESS], 2, "one aside counts as attempt");
    clp_history_sum(clp_history_minutes(&x.t->channel_history[x.b->row.row]), r->ended,
                    apr_time_from_sec(3600), &sums);
    IS_INT(sums.of[CLP_POINT_REQUESTS], 1, "but not in the history");
    IS_INT(sums.of[CLP_POINT_TOKENS_OUT], 9, "nor do its tokens");
    IS_INT(clp_counters_requests(&x.t->head->protocols[CLP_PROTOCOL_CHAT].counts), 0,
           "attempts are no requests");
}

/* A row of a channel that is gone belongs to another one by now. */
static void test_stale(apr_pool_t *pool)
{
    bench x = bench_make(pool);
    clp_outcome o = outcome_make(CLP_BOOKED_SUCCESS, pool);
    clp_attempt_record *r = add_attempt(&o, x.a, 0, CLP_BOOKED_SUCCESS);

    x.a->row.epoch++;
    clp_account_attempt(&x.account, r, 1);
    clp_account_request(&x.account, &o);
    IS_INT(channel_row(&x, x.a)->attempts[CLP_BOOKED_SUCCESS], 0,
           "a late attempt of another epoch");
    IS_INT(clp_counters_requests(&channel_row(&x, x.a)->protocols[CLP_PROTOCOL_CHAT].counts), 0,
           "and its request");
    IS_INT(clp_counters_requests(&x.t->head->protocols[CLP_PROTOCOL_CHAT].counts), 1,
           "which counts in the totals all the same");
}

static void test_refused(apr_pool_t *pool)
{
    static const struct {
        int cls; /* -1 = no problem */
        int status;
        clp_booked booked;
        const char *why;
    } rows[] = {
        {CLP_BAD_REQUEST, 400, CLP_BOOKED_CLIENT_ERROR, "a bad body"},
        {CLP_NOT_FOUND, 404, CLP_BOOKED_CLIENT_ERROR, "a model nobody serves"},
        {CLP_TOO_LARGE, 413, CLP_BOOKED_CLIENT_ERROR, "too large"},
        {CLP_OVERLOADED, 503, CLP_BOOKED_NO_CHANNEL, "no channel"},
        {CLP_OVERLOADED, 529, CLP_BOOKED_NO_CHANNEL, "no channel, told to a Messages client"},
        {CLP_RATE_LIMITED, 429, CLP_BOOKED_NO_CHANNEL, "all keys rest"},
        {-1, 400, CLP_BOOKED_CLIENT_ERROR, "httpd refused its body"},
        {-1, 500, CLP_BOOKED_SERVER_ERROR, "no transport"},
        {-1, 0, CLP_BOOKED_ABORTED, "it left while it sent its body"},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bench x = bench_make(pool);
        const clp_counters *c = &x.t->head->protocols[CLP_PROTOCOL_CHAT].counts;
        clp_problem *p =
            rows[i].cls < 0 ? NULL : clp_problem_make(pool, (clp_problem_class)rows[i].cls, "no");
        clp_account_refused(&x.account, p, rows[i].status, NOW, NOW + 5000);
        IS_INT(c->results[rows[i].booked], 1, rows[i].why);
        IS_INT(clp_counters_requests(c), 1, apr_pstrcat(pool, rows[i].why, ": once", NULL));
        IS_INT(c->attempts, 0, apr_pstrcat(pool, rows[i].why, ": no attempt", NULL));
        IS_INT(clp_counters_requests(&x.t->models[0].traffic.counts), 1,
               apr_pstrcat(pool, rows[i].why, ": of no known model", NULL));
    }
}

static apr_uint64_t of_model(const bench *x, const char *name)
{
    clp_row_ref row = clp_tables_find(x->t, CLP_TABLE_MODELS, clp_row_id(clp_span_str(name)));
    return row.row ? clp_counters_requests(&x->t->models[row.row].traffic.counts) : 0;
}

static apr_uint64_t of_user(const bench *x, const char *name)
{
    clp_row_ref row = clp_tables_find(x->t, CLP_TABLE_USERS, clp_row_id(clp_span_str(name)));
    return row.row ? clp_counters_requests(&x->t->users[row.row].counts) : 0;
}

static void test_names(apr_pool_t *pool)
{
    bench x = bench_make(pool);
    clp_outcome good = outcome_make(CLP_BOOKED_SUCCESS, pool);
    clp_outcome bad = outcome_make(CLP_BOOKED_NO_MODEL, pool);
    const clp_counters *others = &x.t->models[0].traffic.counts;

    clp_account_request(&x.account, &bad);
    IS_INT(of_model(&x, "m"), 0, "a name that was never answered has no row");
    IS_INT(clp_counters_requests(others), 1, "it is among the others");
    clp_account_request(&x.account, &good);
    clp_account_request(&x.account, &bad);
    IS_INT(of_model(&x, "m"), 2, "an answer makes one, failures count there from then on");
    x.account.model = NULL;
    clp_account_request(&x.account, &good);
    IS_INT(clp_counters_requests(others), 2, "no name");
    IS_INT(of_user(&x, "u"), 4, "a user");
    x.account.user = "";
    clp_account_request(&x.account, &good);
    x.account.user = NULL;
    clp_account_request(&x.account, &good);
    IS_INT(clp_counters_requests(&x.t->users[0].counts), 2, "nobody known");
    x.account.model = "n";
    clp_account_request(&x.account, &good);
    x.account.model = "one too many";
    clp_account_request(&x.account, &good);
    IS_INT(of_model(&x, "n"), 1, "the last row");
    IS_INT(of_model(&x, "one too many"), 0, "more models than rows");
    IS_INT(clp_counters_requests(others), 5, "are among the others");
}

static void test_affinity(apr_pool_t *pool)
{
    bench x = bench_make(pool);
    apr_size_t size = clp_pin_table_size(16);
    void *memory = apr_pcalloc(pool, size + 64);
    clp_outcome o = outcome_make(CLP_BOOKED_TRUNCATED, pool);
    const clp_conversation_id *chat = clp_conversation_id_make(CLP_PROTOCOL_CHAT, "c", pool);
    clp_pin pin;

    memory = (char *)memory + (64 - (apr_size_t)memory % 64) % 64;
    x.account.affinity = clp_pin_table_format(memory, 16);
    x.account.affinity_time = apr_time_from_sec(60);
    x.account.conversation = chat;
    add_attempt(&o, x.a, 1, CLP_BOOKED_TRUNCATED);
    clp_account_request(&x.account, &o);
    OK(!clp_affinity_get(x.account.affinity, chat, o.ended, &pin), "a failure binds nothing");
    o.booked = CLP_BOOKED_SUCCESS;
    clp_account_request(&x.account, &o);
    OK(clp_affinity_get(x.account.affinity, chat, o.ended, &pin), "a success does");
    OK(clp_affinity_is_channel(&pin, x.a), "to its channel");
    IS_INT(clp_affinity_key(&pin, x.a), 1, "and key");
    OK(!clp_affinity_get(x.account.affinity,
                         clp_conversation_id_make(CLP_PROTOCOL_MESSAGES, "c", pool), o.ended, &pin),
       "for its protocol");
    OK(!clp_affinity_get(x.account.affinity, chat, o.ended + apr_time_from_sec(61), &pin),
       "for a while");
    x.account.conversation = NULL;
    clp_account_request(&x.account, &o);
    IS_INT(clp_counters_requests(&x.t->head->protocols[CLP_PROTOCOL_CHAT].counts), 3,
           "without a conversation all the same");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_request(pool);
    test_attempt(pool);
    test_stale(pool);
    test_refused(pool);
    test_names(pool);
    test_affinity(pool);
    return tap_end();
}
