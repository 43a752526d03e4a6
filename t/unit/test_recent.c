/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/* What the list of recent requests says of one, and what it must not say. */
#include "tap.h"

#include <string.h>

#include <apr_strings.h>

#include "gateway/echo.h"
#include "gateway/recent.h"
#include "wire/text.h"

#define START apr_time_from_sec(1800000000)

static apr_pool_t *pool;

/* --- quotations ---------------------------------------------------------------------------- */

#define BODY                                                                                       \
    "{\"model\":\"claude-sonnet-4-5-20250929\",\"max_completion_tokens\":1,\"messages\":[{"        \
    "\"role\":\"user\",\"content\":\"my father's name is Rumpelstiltskin\\nand \\u4e2d\\u6587"     \
    "\\u5b57\\u7b26\\u4e32 is \\\"quoted\\\" text \xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe7\xac"    \
    "\xa6\xe4\xb8\xb2\"}],\"tools\":[{\"name\":\"get_temperature_of_a_place\"}]}"

static const struct {
    const char *what, *text, *out;
} quotations[] = {
    {"nothing of it", "max_tokens: 5 > 4096, the maximum", "max_tokens: 5 > 4096, the maximum"},
    {"a short text", "too short", "too short"},
    {"nothing at all", "", ""},
    {"a sentence", "Invalid: my father's name is Rumpelstiltskin.", "Invalid: [...]."},
    {"all of it", "father's name is Rumpel", "[...]"},
    {"16 bytes of a text", "so:is Rumpelstiltsk: so", "so:[...]: so"},
    {"15 bytes are no quotation", "so:is Rumpelstilts: so", "so:is Rumpelstilts: so"},
    {"at the end", "look at name is Rumpelstiltskin", "look at[...]"},
    {"twice", "name is Rumpelstiltskin, name is Rumpelstiltskin", "[...],[...]"},
    {"two of them", "'my father's name' and 'Rumpelstiltskin'", "'[...]' and 'Rumpelstiltskin'"},
    {"what escapes mean", "content \"Rumpelstiltskin\nand \xe4\xb8\xad\" is bad",
     "content \"[...]\" is bad"},
    {"escaped characters",
     "no \xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe7\xac\xa6\xe4\xb8\xb2 is \"quoted\" text!",
     "no[...]!"},
    {"never half a character", "-text \xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe7\xac\xa6\xe4\xb8\xb3",
     "-[...]"},
    {"the model may be named", "model: claude-sonnet-4-5-20250929 is gone",
     "model: claude-sonnet-4-5-20250929 is gone"},
    {"in quotes too", "no such model: \"claude-sonnet-4-5-20250929\"",
     "no such model: \"claude-sonnet-4-5-20250929\""},
    {"and members", "max_completion_tokens: has to be more",
     "max_completion_tokens: has to be more"},
    {"but no name of a tool", "tool get_temperature_of_a_place: no schema",
     "tool [...]: no schema"},
};

static void test_quotations(void)
{
    char *large = apr_palloc(pool, 3000000);
    const char *out;

    for (apr_size_t i = 0; i < sizeof(quotations) / sizeof(quotations[0]); i++) {
        IS_STR(clp_echo_hide(quotations[i].text, clp_span_str(BODY), "claude-sonnet-4-5-20250929",
                             pool),
               quotations[i].out, quotations[i].what);
    }
    IS_STR(clp_echo_hide("some text of an error", clp_span_of(NULL, 0), NULL, pool),
           "some text of an error", "no body");

    /* Wherever it stands, and however it is split into words. */
    for (int shift = 0; shift < 8; shift++) {
        memset(large, 'a', 3000000);
        memcpy(large + 2000000 + shift, "0123456789abcdef", 16);
        out = clp_echo_hide("x 0123456789abcdef y", clp_span_of(large, 3000000), NULL, pool);
        IS_STR(out, "x [...] y", apr_psprintf(pool, "at 2000000 + %d", shift));
    }
    memset(large, 'a', 3000000);
    out = apr_pstrcat(pool, apr_pstrmemdup(pool, large, 600), " end", NULL);
    IS_STR(clp_echo_hide(out, clp_span_of(large, 3000000), NULL, pool), "[...]",
           "a long text of one letter, cut");
}

/* --- entries ------------------------------------------------------------------------------- */

static clp_attempt_record attempt_of(clp_channel *c, clp_attempt_result result, int status,
                                     const clp_problem *problem)
{
    clp_attempt_record a;

    memset(&a, 0, sizeof(a));
    a.candidate.channel = c;
    a.candidate.url = "https://user:planted@api.example.com/hidden/v1";
    a.candidate.model = "up";
    a.candidate.key = c->keys->nelts ? &APR_ARRAY_IDX(c->keys, 0, clp_key) : NULL;
    a.result = result;
    a.status = status;
    a.problem = problem;
    return a;
}

static clp_channel *channel_of(const char *name)
{
    clp_channel *c = clp_channel_make(name, pool);

    c->dialect = &clp_dialect_chat;
    clp_channel_add_key(c, "planted-key-of-the-channel", "plan...nnel", "0123456789abcdef");
    return c;
}

static clp_ended_request request_of(clp_outcome *o)
{
    clp_ended_request r;

    memset(&r, 0, sizeof(r));
    r.id = "req_0123456789012345678901";
    r.operation = "chat";
    r.client = &clp_dialect_messages;
    r.user = "alice";
    r.model = "m";
    r.stream = 1;
    r.status = o ? o->status : 401;
    r.start = START;
    r.end = START + 50;
    r.body = CLP_SPAN_LIT("{\"model\":\"m\",\"x\":\"a prompt that is long enough\"}");
    r.bytes_out = 12;
    r.outcome = o;
    return r;
}

static clp_outcome outcome_of(clp_result result, clp_booked booked)
{
    clp_outcome o;

    memset(&o, 0, sizeof(o));
    o.attempts = apr_array_make(pool, 4, sizeof(clp_attempt_record));
    o.result = result;
    o.booked = booked;
    o.winner = -1;
    o.status = 200;
    o.first_event = START + 20;
    o.usage = CLP_USAGE_NONE;
    o.usage.input = 10;
    return o;
}

static void test_served(void)
{
    clp_outcome o = outcome_of(CLP_RESULT_OK, CLP_BOOKED_SUCCESS);
    clp_ended_request r = request_of(&o);
    const clp_problem *busy =
        clp_problem_make(pool, CLP_OVERLOADED, "No: a prompt that is long enough");
    clp_recent_entry e;

    memset(&e, 0xff, sizeof(e));
    APR_ARRAY_PUSH(o.attempts, clp_attempt_record) =
        attempt_of(channel_of("first"), CLP_ATTEMPT_FAILED, 529, busy);
    APR_ARRAY_PUSH(o.attempts, clp_attempt_record) =
        attempt_of(channel_of("second"), CLP_ATTEMPT_SERVED, 200, NULL);
    o.winner = 1;
    clp_recent_fill(&e, &r, 0, pool);
    IS_STR(e.result, "ok", "served");
    IS_STR(e.channel, "second", "by the channel that served");
    IS_STR(e.key_id, "0123456789abcdef", "with a key, by its id");
    IS_STR(e.tried, "first:529,second:served", "who was tried");
    IS_INT(e.attempts, 2, "in two attempts");
    IS_STR(e.failure, "overloaded", "why not at once");
    IS_STR(e.error, "No: [...]", "in the upstream's words, not the user's");
    IS_STR(e.user, "alice", "for whom");
    IS_STR(e.protocol, "messages", "in which protocol");
    IS_INT(e.bytes_in, 50 - 2, "bytes of the body");
    IS_INT(e.tokens_in, 10, "tokens");
    IS_INT(e.cache_read, -1, "as far as they were told");
    OK(!memmem(&e, sizeof(e), "planted", 7), "no key, no URL");
    clp_recent_fill(&e, &r, 1, pool);
    OK(!memmem(&e, sizeof(e), "alice", 5), "without who asked");
}

static void test_failed(void)
{
    clp_outcome o = outcome_of(CLP_RESULT_FAILED, CLP_BOOKED_SERVER_ERROR);
    clp_ended_request r = request_of(&o);
    clp_problem *p =
        clp_problem_make(pool, CLP_INTERNAL, "%s\xe4\xb8\xad", apr_psprintf(pool, "%0253d", 0));
    clp_recent_entry e;

    o.problem = p;
    o.status = 500;
    r.status = 500;
    for (int i = 0; i < 20; i++) {
        APR_ARRAY_PUSH(o.attempts, clp_attempt_record) =
            attempt_of(channel_of("a-channel-with-a-name"), CLP_ATTEMPT_FAILED, 500, p);
    }
    clp_recent_fill(&e, &r, 0, pool);
    IS_STR(e.result, "failed", "failed");
    IS_STR(e.failure, "internal", "by a class");
    IS_INT(strlen(e.error), 253, "a long text is cut between characters");
    IS_INT(strlen(e.tried), sizeof(e.tried) - 1, "so is what was tried");
    IS_INT(e.attempts, 20, "all are counted");

    o = outcome_of(CLP_RESULT_CLIENT_GONE, CLP_BOOKED_ABORTED);
    clp_recent_fill(&e, &r, 0, pool);
    IS_STR(e.failure, "aborted", "a client that left");
    IS_STR(e.error, "", "says nothing");
}

static void test_not_asked(void)
{
    static const struct {
        int status;
        int estimated;
        const char *result;
    } rows[] = {{0, 0, "client_gone"},
                {200, 0, "ok"},
                {200, 1, "estimated"},
                {404, 0, "client_error"},
                {503, 0, "failed"}};
    clp_ended_request r = request_of(NULL);
    clp_recent_entry e;

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        r.status = rows[i].status;
        r.estimated = rows[i].estimated;
        clp_recent_fill(&e, &r, 0, pool);
        IS_STR(e.result, rows[i].result, apr_itoa(pool, rows[i].status));
    }
    r.problem = clp_problem_make(pool, CLP_NOT_FOUND, "No channel serves 'm'.");
    r.stream = -1;
    r.user = r.model = NULL;
    clp_recent_fill(&e, &r, 0, pool);
    IS_STR(e.failure, "not_found", "what the client was told");
    IS_STR(e.error, "No channel serves 'm'.", "in words");
    IS_STR(e.channel, "", "no channel");
    IS_INT(e.stream, CLP_RECENT_NEITHER, "stream or not is not known");
    IS_INT(e.tokens_in, -1, "nor are tokens");
}

static void test_failures(void)
{
    OK(clp_recent_is_failure("rate_limited"), "a class of problems");
    OK(clp_recent_is_failure("aborted"), "a result of attempts");
    OK(!clp_recent_is_failure("success"), "success is no failure");
    OK(!clp_recent_is_failure(""), "nor is nothing");
}

int main(void)
{
    pool = tap_begin();
    test_quotations();
    test_served();
    test_failed();
    test_not_asked();
    test_failures();
    return tap_end();
}
