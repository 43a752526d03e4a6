/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CONVERSATION_H
#define CLP_DIALECT_CONVERSATION_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/envelope.h"
#include "wire/json_scan.h"
#include "wire/span.h"

/**
 * @file conversation.h
 * @brief What a client asked for, in no protocol's words.
 *
 * A dialect reads a request into a conversation; another dialect writes it out
 * again. Everything points into the request's body (spans) or the request's
 * pool, and is read-only once read: several attempts write from the same
 * conversation. A span or text that is absent (p == NULL) was not given.
 */

typedef enum clp_role {
    CLP_ROLE_USER,
    CLP_ROLE_ASSISTANT,
    CLP_ROLE_SYSTEM /**< an instruction in the middle of the conversation */
} clp_role;

typedef enum clp_block_kind {
    CLP_BLOCK_TEXT,        /**< text */
    CLP_BLOCK_IMAGE,       /**< media */
    CLP_BLOCK_DOCUMENT,    /**< media (PDF or plain text), title, context; or children */
    CLP_BLOCK_AUDIO,       /**< media */
    CLP_BLOCK_TOOL_CALL,   /**< id, name, input */
    CLP_BLOCK_TOOL_RESULT, /**< id, name if known, is_error, children */
    CLP_BLOCK_REASONING,   /**< text, state */
    CLP_BLOCK_REDACTED,    /**< state */
    CLP_BLOCK_REFUSAL,     /**< text */
    CLP_BLOCK_SERVER, /**< a provider's own tool call or result: text is its readable rendering */
    CLP_BLOCK_OPAQUE  /**< anything else that its reader could render: text */
} clp_block_kind;

/** Where media comes from. */
typedef enum clp_media_source {
    CLP_MEDIA_BASE64, /**< data is base64 */
    CLP_MEDIA_URL,    /**< data is a URL */
    CLP_MEDIA_FILE,   /**< data is a provider's file id: cannot cross providers */
    CLP_MEDIA_TEXT    /**< data is plain text (documents) */
} clp_media_source;

typedef struct clp_media {
    clp_media_source source;
    clp_text mime; /**< lower case, without parameters; absent for a URL of unknown type */
    clp_text data;
    clp_text filename; /**< documents */
    clp_text detail;   /**< OpenAI's image detail */
} clp_media;

/**
 * Input of a tool call. Exactly one spelling is present: `object` is the raw
 * JSON object, `arguments` the text of it as clients of OpenAI's protocols
 * send it (possibly empty or no JSON at all). See dialect/tools.h.
 */
typedef struct clp_tool_input {
    clp_span object;
    clp_text arguments;
} clp_tool_input;

typedef struct clp_block clp_block;
struct clp_block {
    clp_block *next; /**< next in its turn, or in its tool result */
    clp_block_kind kind;
    clp_text text;
    clp_text id;   /**< of a tool call, or of the call a result answers */
    clp_text name; /**< of a tool */
    clp_tool_input input;
    clp_state
        state; /**< of reasoning: only its provider's writer may send it, all others drop it */
    clp_media media;
    clp_text title;
    clp_text context;
    clp_span cache;      /**< raw cache_control object, if any */
    clp_block *children; /**< of a tool result, or inline parts of a content document */
    unsigned is_error : 1;
    unsigned custom : 1; /**< a free-text ("custom") tool call: `text` is its input */
    clp_jval origin;     /**< the value it was read from, for error paths */
};

typedef struct clp_turn clp_turn;
struct clp_turn {
    clp_turn *next;
    clp_role role;
    clp_block *blocks; /**< first of its blocks; NULL = empty */
    clp_block *last;
    clp_jval origin;
};

typedef enum clp_tool_kind {
    CLP_TOOL_FUNCTION, /**< a client's function with a schema */
    CLP_TOOL_CUSTOM,   /**< a client's free-text tool */
    CLP_TOOL_BUILTIN,  /**< a client's tool whose schema the provider knows (bash_*, text_editor_*,
                          memory_*) */
    CLP_TOOL_SERVER    /**< run by the provider (web_search_*, code_execution_* …) */
} clp_tool_kind;

/** What a call of the tool is in the client's protocol, where that is no plain call of its kind. */
typedef enum clp_tool_bridge {
    CLP_BRIDGE_NONE,
    CLP_BRIDGE_CUSTOM,      /**< a free-text call */
    CLP_BRIDGE_LOCAL_SHELL, /**< Responses: local_shell_call */
    CLP_BRIDGE_SHELL,       /**< Responses: shell_call */
    CLP_BRIDGE_APPLY_PATCH, /**< Responses: apply_patch_call */
    CLP_BRIDGE_TOOL_SEARCH  /**< Responses: tool_search_call */
} clp_tool_bridge;

typedef struct clp_tool {
    clp_tool_kind kind;
    clp_tool_bridge bridge;
    clp_text name;  /**< as it is unique in the request: of a tool in a namespace "space__inner" */
    clp_text space; /**< Responses: the tool's namespace, or absent */
    clp_text inner; /**< its name within the namespace */
    clp_text type;  /**< the type member as given, e.g. "bash_20250124" */
    clp_text description;
    clp_span schema; /**< raw JSON Schema, or absent */
    clp_span format; /**< raw grammar of a custom tool, or absent */
    clp_span cache;
    int strict;   /**< 1, 0, or -1 = not said */
    int optional; /**< the client always offers it: left out where the target does not have it */
    clp_jval origin;
} clp_tool;

typedef enum clp_choice {
    CLP_CHOICE_UNSET,
    CLP_CHOICE_AUTO,
    CLP_CHOICE_ANY,
    CLP_CHOICE_TOOL, /**< the one in choice_names[0] */
    CLP_CHOICE_NONE
} clp_choice;

typedef enum clp_thinking {
    CLP_THINKING_UNSET,
    CLP_THINKING_OFF,
    CLP_THINKING_ON,      /**< with `budget`, or by `effort` */
    CLP_THINKING_ADAPTIVE /**< as the model sees fit, up to `effort` */
} clp_thinking;

/** Ordered, so that they can be compared. */
typedef enum clp_effort {
    CLP_EFFORT_UNSET,
    CLP_EFFORT_NONE,
    CLP_EFFORT_MINIMAL,
    CLP_EFFORT_LOW,
    CLP_EFFORT_MEDIUM,
    CLP_EFFORT_HIGH,
    CLP_EFFORT_XHIGH,
    CLP_EFFORT_MAX
} clp_effort;

typedef struct clp_reasoning {
    clp_thinking mode;
    clp_effort effort;
    apr_int64_t budget; /**< tokens; -1 = not said */
    int show;           /**< the client would show reasoning: 1, 0, -1 = not said */
    clp_text display;   /**< Anthropic's display member */
} clp_reasoning;

typedef enum clp_format {
    CLP_FORMAT_UNSET,
    CLP_FORMAT_TEXT,
    CLP_FORMAT_JSON,       /**< any JSON object */
    CLP_FORMAT_JSON_SCHEMA /**< by schema */
} clp_format;

typedef struct clp_conversation {
    apr_pool_t *pool;
    const struct clp_dialect *dialect; /**< that read it */
    clp_json *doc;                     /**< holds the tokens every `origin` points to */
    const char *model;                 /**< as the client named it */
    int stream;

    clp_block *system; /**< text blocks that lead the conversation */
    clp_turn *turns;
    clp_turn *last_turn;

    apr_array_header_t *tools; /**< of clp_tool, in the client's order */
    clp_choice choice;
    apr_array_header_t *choice_names; /**< of clp_text: the tool(s) a choice allows; empty = all */
    int parallel_tools;               /**< 1, 0, or -1 = not said */

    apr_int64_t max_tokens;   /**< -1 = not said */
    apr_array_header_t *stop; /**< of clp_text */
    clp_span temperature;     /**< numbers stay as they were spelled */
    clp_span top_p;
    clp_span top_k;
    clp_span seed;
    clp_span presence_penalty;
    clp_span frequency_penalty;
    clp_span logit_bias;
    clp_span logprobs;
    clp_span top_logprobs;
    apr_int64_t n; /**< answers asked for; 1 = the usual */

    clp_reasoning reasoning;
    clp_format format;
    clp_text format_name;
    clp_text format_description;
    clp_span format_schema;
    int format_strict; /**< 1, 0, -1 = not said */

    clp_text user;      /**< the end user's id */
    clp_text cache_key; /**< OpenAI's prompt_cache_key */
    clp_text tier;      /**< service tier in the words of `dialect` */
    clp_text verbosity;
    clp_span metadata;    /**< OpenAI's free map, raw */
    clp_text thread;      /**< Messages: thread.type, which no other dialect can carry */
    int include_usage;    /**< a Chat stream shall end with a usage chunk */
    int obfuscation;      /**< OpenAI's stream_options.include_obfuscation: 1, 0, -1 = not said */
    int legacy_functions; /**< the client speaks the function era: answer with function_call */
} clp_conversation;

/** An empty conversation: numbers unset, lists empty. */
clp_conversation *clp_conversation_make(apr_pool_t *pool, const struct clp_dialect *dialect);

/** Append a turn; an existing last turn of the same role is NOT merged. */
clp_turn *clp_conversation_turn(clp_conversation *c, clp_role role, clp_jval origin);

/** Append a zeroed block to a turn. */
clp_block *clp_turn_block(clp_turn *t, apr_pool_t *pool, clp_block_kind kind, clp_jval origin);

/** Make `last` the last block again, after others were appended to the list of them. */
void clp_turn_end(clp_turn *t);

/** A zeroed block at the end of a list (system, children); `head` is updated. */
clp_block *clp_block_append(clp_block **head, apr_pool_t *pool, clp_block_kind kind,
                            clp_jval origin);

/**
 * Name of the tool whose call has this id, in the turns read so far; absent if
 * no call has it.
 */
clp_text clp_conversation_call_name(const clp_conversation *c, clp_text id);

#endif
