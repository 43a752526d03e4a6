/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_TARGET_H
#define CLP_DIALECT_TARGET_H

#include <apr_pools.h>

/**
 * @file target.h
 * @brief Where a converted request goes, as far as its bytes depend on it.
 *
 * Traits say how an upstream differs from the plain protocol. A channel holds
 * them; -1 = not configured: the dialect decides by the model's name.
 */

/** M(member, option name in the configuration, default, what it means) */
#define CLP_TRAITS(M)                                                                              \
    M(max_tokens_field, "max-tokens-field", 0,                                                     \
      "Chat: send the cap as max_tokens instead of max_completion_tokens")                         \
    M(developer_role, "developer-role", 0, "Chat: send system text as role developer")             \
    M(reasoning, "reasoning", -1, "the models take reasoning parameters")                          \
    M(reasoning_content, "reasoning-content", 0,                                                   \
      "Chat: send reasoning of earlier turns back as reasoning_content")                           \
    M(sampling, "sampling", -1, "the models take temperature, top_p and top_k")                    \
    M(adaptive_thinking, "adaptive-thinking", -1,                                                  \
      "Messages: the models want adaptive thinking with an effort instead of a budget")            \
    M(stream_usage, "stream-usage", -1,                                                            \
      "Chat: ask streams for usage by stream_options; the function era does not by itself")        \
    M(json_schema, "json-schema", 1, "the upstream takes JSON Schemas for output")                 \
    M(mid_system, "mid-system", 0, "Messages: system messages may stand inside the conversation")  \
    M(web_search, "web-search", 0, "the upstream can search the web by itself")                    \
    M(think_tags, "think-tags", 0, "Chat: read a leading <think>…</think> as reasoning")           \
    M(threads, "threads", 1, "Messages: the upstream knows message threads")                       \
    M(restricted_schema, "restricted-schema", 0,                                                   \
      "Gemini: send schemas in Google's own form (parameters, responseSchema)")                    \
    M(function_ids, "function-ids", 0, "Gemini: send the ids of calls and results")                \
    M(thought_signatures, "thought-signatures", -1,                                                \
      "send Gemini's thought signatures back, and Google's mark where none is known; off: "        \
      "neither; auto: by the model's name, on Chat channels without marks")                        \
    M(cache_breakpoints, "cache-breakpoints", 0,                                                   \
      "Chat, Responses: send cache marks on what the user says as prompt_cache_breakpoint")        \
    M(drop_tools, "drop-unsupported-tools", 0, "leave out tools that cannot be converted")

typedef struct clp_traits {
#define CLP_TRAIT_MEMBER(member, name, dflt, text) int member;
    CLP_TRAITS(CLP_TRAIT_MEMBER)
#undef CLP_TRAIT_MEMBER
} clp_traits;

static inline clp_traits clp_traits_default(void)
{
    clp_traits t;
#define CLP_TRAIT_DEFAULT(member, name, dflt, text) t.member = (dflt);
    CLP_TRAITS(CLP_TRAIT_DEFAULT)
#undef CLP_TRAIT_DEFAULT
    return t;
}

typedef struct clp_target {
    const char *model; /**< as the upstream shall be asked */
    const clp_traits *traits;
    apr_int64_t default_max_tokens; /**< for Messages upstreams when the client gave none; > 0 */
    int counting; /**< the request goes to the endpoint that counts its tokens, and has only what
                     that takes; for dialects that have one (read_count) */
} clp_target;

#endif
