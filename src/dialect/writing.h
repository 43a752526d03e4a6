/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_WRITING_H
#define CLP_DIALECT_WRITING_H

#include "dialect/conversation.h"
#include "dialect/dialect.h"
#include "dialect/tools.h"
#include "rounds.h"
#include "web_search.h"
#include "wire/json_write.h"

/**
 * @file writing.h
 * @brief What all writers of requests have in common.
 */

/** How a writer differs in what clp_writing_begin() prepares. */
typedef struct clp_writing_rules {
    const clp_dialect *dialect;
    apr_size_t name_max;
    apr_size_t id_max;
    int filter_tools;    /**< the target cannot be told which of the tools it may use */
    int refusal_is_text; /**< the target has no member for what the assistant refused */
    int searches_web;    /**< the target has a way to ask for web searches */
    int limits_search;   /**< and to say in which domains */
    int (*knows_builtin)(const clp_tool *tool); /**< may a client's typed tool be sent? */
} clp_writing_rules;

typedef struct clp_writing {
    const clp_writing_rules *rules;
    const clp_conversation *c;
    const clp_target *target;
    apr_pool_t *pool;
    clp_jw jw;
    clp_tool_names *names;
    apr_size_t id_max;          /**< longest call id the target takes */
    apr_array_header_t *rounds; /**< of clp_round */
    apr_array_header_t *tools;  /**< of const clp_tool *: those that go out */
    const clp_tool *web_search; /**< the client's wish to search the web, if the target can */
    clp_web_search search;      /**< what it says, if there is one */
    unsigned takes;             /**< CLP_MODEL_* */
    int cache_marks;            /**< OpenAI's breakpoints written so far */
    int complete;               /**< nothing is left to write */
    clp_problem *problem;       /**< the first fault */
} clp_writing;

/**
 * Names, rounds and the tools that go out. A request whose client speaks the
 * target's dialect is complete with this: its bytes with the target's model.
 * @return a problem if a tool cannot be sent or names collide
 */
clp_problem *clp_writing_begin(clp_writing *w, const clp_conversation *c, const clp_target *target,
                               const clp_writing_rules *rules, clp_buffer *out, apr_pool_t *pool);

/** Note that the value cannot be sent to the target; the path is the client's. */
void clp_writing_refuse(clp_writing *w, clp_jval at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** The conversation's choice, as far as the tools that go out allow it. */
clp_choice clp_writing_choice(const clp_writing *w);

/** Number, if the client gave one. */
void clp_writing_number(clp_writing *w, const char *name, clp_span raw);

/** Will the part that the block becomes have a breakpoint of OpenAI's prompt cache? */
int clp_writing_breaks_cache(const clp_writing *w, const clp_block *b);

/** Member `prompt_cache_breakpoint` of the part that the block becomes, if it shall have one. */
void clp_writing_cache_breakpoint(clp_writing *w, const clp_block *b);

/** The end user's id if it has at most 64 bytes, else its SHA-256 in hex; absent if none. */
clp_text clp_writing_user(const clp_writing *w);

/** Texts of the system prompt without blank ones and without Claude Code's billing header. */
apr_array_header_t *clp_writing_instructions(const clp_writing *w);

/**
 * A sentence that asks for JSON, for targets that cannot be asked otherwise.
 * @param native JSON Schemas / JSON objects that the target can be asked for
 * @param parts out: up to two texts
 * @return how many
 */
#define CLP_NATIVE_JSON        0x01
#define CLP_NATIVE_JSON_SCHEMA 0x02
int clp_writing_json_wish(const clp_writing *w, unsigned native, clp_text parts[2]);

/** Member `description` of a custom tool that goes out as a function. */
void clp_writing_bridge_description(clp_writing *w, const clp_tool *tool);

/** Schema of a custom tool that goes out as a function. */
#define CLP_BRIDGE_SCHEMA                                                                          \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":["         \
    "\"input\"]}"

/** What a tool result says for a call that the history has no result of. */
#define CLP_NO_RESULT "no result recorded"

/** Label of a result whose call the history does not have; goes in front as a text. */
clp_text clp_writing_orphan_label(clp_writing *w, const clp_block *result);

#endif
