/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "counts.h"

#include "wire/json_write.h"

static void write_number(clp_buffer *out, const char *object, const char *member,
                         apr_int64_t tokens)
{
    clp_jw w;

    clp_jw_init(&w, out);
    clp_jw_object(&w);
    if (object) {
        clp_jw_kstr(&w, "object", object);
    }
    clp_jw_kint(&w, member, tokens);
    clp_jw_end_object(&w);
}

apr_int64_t clp_messages_read_count(clp_jval answer)
{
    return clp_jval_count_or(clp_jval_get(answer, "input_tokens"), -1);
}

void clp_messages_write_count(apr_int64_t tokens, clp_buffer *out)
{
    write_number(out, NULL, "input_tokens", tokens);
}

apr_int64_t clp_responses_read_count(clp_jval answer)
{
    return clp_jval_count_or(clp_jval_get(answer, "input_tokens"), -1);
}

void clp_responses_write_count(apr_int64_t tokens, clp_buffer *out)
{
    write_number(out, "response.input_tokens", "input_tokens", tokens);
}

apr_int64_t clp_gemini_read_count(clp_jval answer)
{
    return clp_jval_count_or(clp_jval_get(answer, "totalTokens"), -1);
}

void clp_gemini_write_count(apr_int64_t tokens, clp_buffer *out)
{
    write_number(out, NULL, "totalTokens", tokens);
}
