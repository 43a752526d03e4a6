/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_call_state.h"

int clp_chat_call_state_is(clp_provider provider, clp_state_kind kind)
{
    return provider == CLP_PROVIDER_GEMINI && kind == CLP_STATE_NEXT_CALL;
}

void clp_chat_call_state_write(clp_buffer *out, clp_span escaped, const clp_envelope_key *key)
{
    const clp_state state = {CLP_PROVIDER_GEMINI, CLP_STATE_NEXT_CALL, {NULL, 0}};

    clp_buffer_lit(out, "{\"google\":{\"thought_signature\":\"");
    clp_state_carry(out, &state, clp_text_escaped(escaped), key);
    clp_buffer_lit(out, "\"}}");
}

/* A scan of its own: few calls have one, and all requests would pay for recording so deep. */
void clp_chat_call_state_read(clp_state *state, clp_jval call, const clp_envelope_key *key,
                              apr_pool_t *pool)
{
    static const clp_json_limits limits = {64, 1, 0};
    clp_jval google = clp_jval_get(clp_jval_get(call, "extra_content"), "google");
    clp_json *json;

    memset(state, 0, sizeof(*state));
    if (!clp_jval_is_object(google)) {
        return;
    }
    json = clp_json_make(pool);
    if (clp_json_scan(json, clp_jval_raw(google), &limits, NULL) == CLP_JSON_OK) {
        clp_state_read(state, clp_jval_text(clp_jval_get(clp_json_root(json), "thought_signature")),
                       CLP_PROVIDER_GEMINI, CLP_STATE_NEXT_CALL, key, pool);
    }
}
