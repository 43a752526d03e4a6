/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/call_states.h"

#include <apr_strings.h>

#include "wire/text.h"

/* How long a loop may stand still, so that a person can be asked. */
#define LIFETIME apr_time_from_sec(3600)

#define HEX_DIGITS 32

/* messages[0].tool_calls[0].id */
#define RECORD_DEPTH 5

#define BEFORE ",\"extra_content\":{\"google\":{\"thought_signature\":\""
#define BEHIND "\"}}"

static clp_span name_of(const clp_call_states *s, const char *id)
{
    char hex[65];

    clp_sha256_hex(clp_span_str(apr_pstrcat(s->pool, "call\n", s->scope, "\n", id, NULL)), hex);
    hex[HEX_DIGITS] = '\0';
    return clp_span_str(apr_pstrcat(s->pool, "call_", hex, NULL));
}

static void tell(const clp_call_states *s, clp_session_status status)
{
    clp_session_store_tell(s->store, status,
                           "models go on without what they thought before a call of a Chat client",
                           s->subject);
}

static void note(void *ctx, const char *id, clp_span envelope)
{
    const clp_call_states *s = ctx;

    tell(s, s->store->put(s->store, name_of(s, id), envelope, apr_time_now() + LIFETIME, s->pool));
}

clp_call_memo clp_call_states_memo(const clp_call_states *states)
{
    clp_call_memo memo = {note, (void *)states};
    return memo;
}

/* The first message behind the user's last words. */
static clp_jval current_turn(clp_jval messages)
{
    clp_jval from = clp_jval_first(messages);

    CLP_JVAL_EACH (message, messages) {
        if (clp_jval_str_is(clp_jval_get(message, "role"), "user")) {
            from = clp_jval_next(message);
        }
    }
    return from;
}

typedef struct restoring {
    const clp_call_states *states;
    clp_buffer *out;
    clp_span rest; /* of the body: not copied yet */
    clp_buffer *envelope;
    apr_time_t now;
    int found;
    int down;
} restoring;

static void restore_call(restoring *x, clp_jval call)
{
    const char *id = clp_jval_cstr(clp_jval_get(call, "id"), x->states->pool);
    clp_session_store *store = x->states->store;
    clp_session_status status;
    const char *end;

    if (!id || clp_jval_ok(clp_jval_get(call, "extra_content"))) {
        return;
    }
    clp_buffer_clear(x->envelope);
    status = store->get(store, name_of(x->states, id), x->now, x->envelope, x->states->pool);
    tell(x->states, status);
    x->down = status == CLP_SESSION_DOWN;
    if (status != CLP_SESSION_OK) {
        return;
    }
    end = clp_jval_raw(call).p + clp_jval_raw(call).n - 1; /* the brace */
    clp_buffer_append(x->out, x->rest.p, (apr_size_t)(end - x->rest.p));
    clp_buffer_lit(x->out, BEFORE);
    clp_buffer_span(x->out, clp_buffer_all(x->envelope));
    clp_buffer_lit(x->out, BEHIND);
    x->rest = clp_span_of(end, (apr_size_t)(x->rest.p + x->rest.n - end));
    x->found++;
}

int clp_call_states_restore(const clp_call_states *states, clp_buffer *out, clp_span body,
                            apr_time_t now)
{
    static const clp_json_limits limits = {0xffff, RECORD_DEPTH, 0};
    static const char word[] = "\"tool_calls\"";
    restoring x = {states, out, body, NULL, now, 0, 0};
    clp_json *json;

    if (!memmem(body.p, body.n, word, sizeof(word) - 1)) {
        return 0;
    }
    json = clp_json_make(states->pool);
    if (clp_json_scan(json, body, &limits, NULL) != CLP_JSON_OK) {
        return 0;
    }
    x.envelope = clp_buffer_make(states->pool, 0);
    for (clp_jval message = current_turn(clp_jval_get(clp_json_root(json), "messages"));
         clp_jval_ok(message); message = clp_jval_next(message)) {
        CLP_JVAL_EACH (call, clp_jval_get(message, "tool_calls")) {
            if (!x.down && clp_jval_is_object(call)) {
                restore_call(&x, call);
            }
        }
    }
    clp_buffer_release(x.envelope);
    if (x.found) {
        clp_buffer_span(out, x.rest);
    }
    return x.found > 0;
}
