/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "gateway/call_states.h"
#include "wire/log.h"

/* A store that remembers how long, and answers as it is told. */
typedef struct shelf {
    clp_session_store store;
    clp_session_status says;
    apr_hash_t *values;
    apr_interval_time_t kept;
    int asked;
} shelf;

static apr_pool_t *pool;
static const clp_envelope_key key = {"0123456789abcdef0123456789abcde"};

static clp_session_status put(clp_session_store *s, clp_span name, clp_span value,
                              apr_time_t expires, apr_pool_t *p)
{
    shelf *f = s->ctx;
    (void)p;
    f->kept = expires - apr_time_now();
    if (f->says == CLP_SESSION_OK) {
        apr_hash_set(f->values, apr_pstrmemdup(pool, name.p, name.n), (apr_ssize_t)name.n,
                     apr_pstrmemdup(pool, value.p, value.n));
    }
    return f->says;
}

static clp_session_status get(clp_session_store *s, clp_span name, apr_time_t now, clp_buffer *out,
                              apr_pool_t *p)
{
    shelf *f = s->ctx;
    const char *value;
    (void)now;
    (void)p;
    f->asked++;
    if (f->says != CLP_SESSION_OK) {
        return f->says;
    }
    value = apr_hash_get(f->values, name.p, (apr_ssize_t)name.n);
    clp_buffer_puts(out, value ? value : "");
    return value ? CLP_SESSION_OK : CLP_SESSION_ABSENT;
}

static void shelf_init(shelf *f)
{
    memset(f, 0, sizeof(*f));
    f->store.put = put;
    f->store.get = get;
    f->store.ctx = f;
    f->values = apr_hash_make(pool);
}

static const char *restored(const clp_call_states *states, const char *body)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    int found = clp_call_states_restore(states, out, clp_span_str(body), 0);
    return found ? clp_buffer_cstr(out, pool) : out->n ? "something" : "nothing";
}

#define USER     "{\"role\":\"user\",\"content\":\"x\"}"
#define CALL(id) "{\"id\":\"" id "\" , \"function\":{\"name\":\"f\"} }"
#define SIGNED(id, text)                                                                           \
    "{\"id\":\"" id "\" , \"function\":{\"name\":\"f\"} "                                          \
    ",\"extra_content\":{\"google\":{\"thought_signature\":\"" text "\"}}}"
#define SAID(calls)     "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define ASKED(messages) "{\"messages\" : [" messages "] , \"x\":1.0}"

static void check_restore(shelf *f)
{
    clp_call_states states = {&f->store, "anna", NULL, pool}, other = states;
    clp_call_memo memo = clp_call_states_memo(&states);

    memo.note(memo.ctx, "a", CLP_SPAN_LIT("ENV1"));
    memo.note(memo.ctx, "c", CLP_SPAN_LIT("ENV2"));
    OK(f->kept > apr_time_from_sec(3500) && f->kept <= apr_time_from_sec(3600), "for an hour");
    IS_STR(restored(&states, ASKED(USER "," SAID(CALL("a") "," CALL("b")) ", " SAID(CALL("c")))),
           ASKED(USER "," SAID(SIGNED("a", "ENV1") "," CALL("b")) ", " SAID(SIGNED("c", "ENV2"))),
           "put back where it is known, every other byte as it was");
    IS_STR(restored(&states, ASKED(SAID(CALL("a")))), ASKED(SAID(SIGNED("a", "ENV1"))),
           "no user at all");
    IS_STR(restored(&states, ASKED(USER "," SAID(CALL("b")))), "nothing", "unknown");
    f->asked = 0;
    IS_STR(restored(&states, ASKED(USER "," SAID(CALL("a")) "," USER)), "nothing",
           "a turn that has ended");
    IS_STR(restored(&states, ASKED(USER "," SAID(SIGNED("a", "own")))), "nothing",
           "what the client has kept itself");
    IS_STR(restored(&states, "{\"messages\":[{\"content\":\"\\\"tool_calls\\\"\"}]}"), "nothing",
           "words");
    IS_STR(restored(&states, ASKED("1," SAID("1,{\"id\":2},{}"))), "nothing", "what is no call");
    IS_STR(restored(&states, "{\"tool_calls\""), "nothing", "no JSON");
    IS_INT(f->asked, 0, "none of these asks the store");
    other.scope = "bob";
    IS_STR(restored(&other, ASKED(USER "," SAID(CALL("a")))), "nothing", "of another client");
}

static void check_down(shelf *f)
{
    clp_call_states states = {&f->store, "anna", NULL, pool};

    f->says = CLP_SESSION_DOWN;
    f->asked = 0;
    IS_STR(restored(&states, ASKED(USER "," SAID(CALL("a") "," CALL("c")) "," SAID(CALL("c")))),
           "nothing", "a store that is away");
    IS_INT(f->asked, 1, "is asked once");
    f->says = CLP_SESSION_OK;
}

/* --- what a writer tells ------------------------------------------------------------------- */

static char told[4096];

/* The provider and kind of what a call is told with, and its payload. */
static void note(void *ctx, const char *id, clp_span envelope)
{
    clp_state state;
    apr_size_t n = strlen(told);

    (void)ctx;
    clp_envelope_open(&state, clp_text_plain(envelope), &key, pool);
    apr_snprintf(told + n, sizeof(told) - n, "%s %c%c %.*s\n", id, (char)state.provider,
                 (char)state.kind, (int)state.payload.n, state.payload.p);
}

static void put_block(clp_writer *w, clp_part_kind part, const char *text, const char *state,
                      clp_provider provider, clp_state_kind kind)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);

    e.part = part;
    e.provider = provider;
    e.state_kind = kind;
    if (part == CLP_PART_TOOL_CALL) {
        e.id = clp_text_str(text);
        e.name = clp_text_str("f");
        text = "{}";
    }
    w->put(w, &e);
    e.kind = CLP_EVENT_BLOCK_DELTA;
    e.text = clp_text_escaped(clp_span_str(text));
    if (*text && part != CLP_PART_REDACTED) {
        w->put(w, &e);
    }
    if (state) {
        e.delta = part == CLP_PART_REDACTED ? CLP_DELTA_TEXT : CLP_DELTA_SIGNATURE;
        e.text = clp_text_escaped(clp_span_str(state));
        w->put(w, &e);
    }
    e.kind = CLP_EVENT_BLOCK_CLOSE;
    w->put(w, &e);
}

static clp_writer *open_writer(clp_writer_options *options, const clp_call_memo *memo, int stream)
{
    clp_event e = clp_event_of(CLP_EVENT_START);
    clp_writer *w;

    memset(options, 0, sizeof(*options));
    options->stream = stream;
    options->id = "abcdefghijklmnopqrstuvwx";
    options->envelope_key = &key;
    options->memo = memo;
    w = clp_dialect_chat.open_writer(options, clp_buffer_make(pool, 0), pool);
    w->put(w, &e);
    told[0] = '\0';
    return w;
}

static void check_writer(int stream, const clp_call_memo *memo)
{
    const char *way = stream ? "stream" : "document";
    clp_writer_options options;
    clp_writer *w = open_writer(&options, memo, stream);

    put_block(w, CLP_PART_REASONING, "t\\n", "s1", CLP_PROVIDER_CLAUDE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_REDACTED, "", "r1", CLP_PROVIDER_CLAUDE, CLP_STATE_REDACTED);
    put_block(w, CLP_PART_TEXT, "I look.", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_TOOL_CALL, "a", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_TOOL_CALL, "b", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_REASONING, "u", "s2", CLP_PROVIDER_CLAUDE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_TOOL_CALL, "c", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    IS_STR(told,
           "a cb [{\"kind\":\"b\",\"first\":true,\"text\":\"t\\n\",\"state\":\"s1\"},"
           "{\"kind\":\"r\",\"first\":true,\"text\":\"\",\"state\":\"r1\"}]\n"
           "c cb [{\"kind\":\"b\",\"first\":false,\"text\":\"u\",\"state\":\"s2\"}]\n",
           way);
    w = open_writer(&options, memo, stream);
    put_block(w, CLP_PART_REASONING, "", "sig", CLP_PROVIDER_GEMINI, CLP_STATE_NEXT_CALL);
    put_block(w, CLP_PART_TOOL_CALL, "a", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_TOOL_CALL, "b", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    IS_STR(told, "a gn sig\n", apr_pstrcat(pool, way, ", Gemini's", NULL));
    w = open_writer(&options, memo, stream);
    put_block(w, CLP_PART_REASONING, "hm", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    put_block(w, CLP_PART_TOOL_CALL, "a", NULL, CLP_PROVIDER_NONE, CLP_STATE_BLOCK);
    IS_STR(told, "", apr_pstrcat(pool, way, ", reasoning without state", NULL));
}

int main(void)
{
    const clp_call_memo memo = {note, NULL};
    shelf f;

    pool = tap_begin();
    shelf_init(&f);
    check_restore(&f);
    check_down(&f);
    check_writer(1, &memo);
    check_writer(0, &memo);
    return tap_end();
}
