/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_answer.h"

#include "wire/json_write.h"

void clp_chat_answer_init(clp_chat_answer *a, const clp_writer_options *options, clp_buffer *out,
                          apr_pool_t *pool)
{
    a->pool = pool;
    a->out = out;
    a->options = *options;
    a->memo = clp_chat_memo_make(&a->options, pool);
    clp_buffer_init(&a->state, pool, 0);
}

static apr_int64_t or_zero(apr_int64_t n)
{
    return n > 0 ? n : 0;
}

const char *clp_chat_answer_finish(const clp_chat_answer *a, clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_END:
    case CLP_STOP_SEQUENCE:
    case CLP_STOP_PAUSE: return "stop";
    case CLP_STOP_LENGTH:
    case CLP_STOP_WINDOW: return "length";
    case CLP_STOP_TOOL: return a->options.legacy_functions ? "function_call" : "tool_calls";
    case CLP_STOP_FILTER: return "content_filter";
    }
    return "stop";
}

void clp_chat_usage_totals(clp_jw *w, const clp_usage *u, apr_int64_t input_estimate)
{
    int told = u->input >= 0 || u->cache_read >= 0 || u->cache_write >= 0;
    apr_int64_t prompt = told ? clp_usage_prompt(u) : or_zero(input_estimate);
    clp_jw_kint(w, "prompt_tokens", prompt);
    clp_jw_kint(w, "completion_tokens", or_zero(u->output));
    clp_jw_kint(w, "total_tokens", prompt + or_zero(u->output));
}

void clp_chat_answer_usage(const clp_chat_answer *a, clp_jw *w, const clp_usage *u)
{
    clp_jw_object(w);
    clp_chat_usage_totals(w, u, a->options.input_estimate);
    clp_jw_key(w, "prompt_tokens_details");
    clp_jw_object(w);
    clp_jw_kint(w, "cached_tokens", or_zero(u->cache_read));
    if (u->cache_write >= 0) {
        clp_jw_kint(w, "cache_write_tokens", u->cache_write);
    }
    clp_jw_end_object(w);
    clp_jw_key(w, "completion_tokens_details");
    clp_jw_object(w);
    clp_jw_kint(w, "reasoning_tokens", or_zero(u->reasoning));
    clp_jw_end_object(w);
    clp_jw_end_object(w);
}

int clp_chat_answer_seal(clp_chat_answer *a, clp_provider provider, clp_state_kind kind,
                         clp_span escaped)
{
    clp_state state = {provider, kind, {NULL, 0}};

    clp_buffer_clear(&a->state);
    if (provider == CLP_PROVIDER_GEMINI && escaped.n && !a->options.legacy_functions) {
        clp_state_carry(&a->state, &state, clp_text_escaped(escaped), a->options.envelope_key);
    }
    return a->state.n > 0;
}
