/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_EVENT_H
#define CLP_DIALECT_EVENT_H

#include <apr.h>

#include "dialect/envelope.h"
#include "wire/problem.h"
#include "wire/span.h"

/**
 * @file event.h
 * @brief An answer as a stream of events, whatever protocol carried it and
 * whether it came as a stream or as one document.
 *
 * What a writer may rely on (dialect/guard.h enforces it):
 * START first and once; blocks are contiguous, one open at a time, their
 * `index` counts 0,1,2…; deltas belong to the open block; USAGE anywhere after
 * START, later figures replace earlier ones; LOGPROBS anywhere after START; FINISH once, with no
 * block open, or PROBLEM instead; nothing after either. PING anywhere. An event and its spans live
 * only during the call.
 */
typedef enum clp_event_kind {
    CLP_EVENT_START,
    CLP_EVENT_BLOCK_OPEN,
    CLP_EVENT_BLOCK_DELTA,
    CLP_EVENT_BLOCK_CLOSE,
    CLP_EVENT_USAGE,
    CLP_EVENT_LOGPROBS,
    CLP_EVENT_FINISH,
    CLP_EVENT_PROBLEM,
    CLP_EVENT_PING
} clp_event_kind;

typedef enum clp_part_kind {
    CLP_PART_TEXT,
    CLP_PART_REASONING,
    CLP_PART_REDACTED,    /**< reasoning as opaque data: text is the data */
    CLP_PART_TOOL_CALL,   /**< text is JSON: the arguments */
    CLP_PART_CUSTOM_CALL, /**< text is the free-text input */
    CLP_PART_SERVER_TOOL, /**< a provider's own tool: no client tool call */
    CLP_PART_REFUSAL,
    CLP_PART_OPAQUE /**< what a reader could not name; writers skip it */
} clp_part_kind;

typedef enum clp_delta_kind {
    CLP_DELTA_TEXT,     /**< more of the block's text or arguments */
    CLP_DELTA_SIGNATURE /**< the whole opaque state of a reasoning block; once */
} clp_delta_kind;

/** Why an answer ended. */
typedef enum clp_stop {
    CLP_STOP_END,      /**< natural */
    CLP_STOP_SEQUENCE, /**< a stop string */
    CLP_STOP_LENGTH,   /**< the cap on output */
    CLP_STOP_WINDOW,   /**< the context window is full */
    CLP_STOP_TOOL,     /**< tools are to be run */
    CLP_STOP_FILTER,   /**< content filter or refusal */
    CLP_STOP_PAUSE     /**< the provider paused a long turn */
} clp_stop;

/** Token counts; -1 = not told. `input` excludes cached tokens (Anthropic's way). */
typedef struct clp_usage {
    apr_int64_t input;
    apr_int64_t cache_read;
    apr_int64_t cache_write;
    apr_int64_t output; /**< includes reasoning */
    apr_int64_t reasoning;
} clp_usage;

#define CLP_USAGE_NONE ((clp_usage){-1, -1, -1, -1, -1})

/**
 * Later figures replace earlier ones, as every client library does: reports are
 * cumulative, and a first one may have been an estimate. A later 0 does not
 * wipe out what was told (relays fill what they do not know with 0), except
 * beside figures of the same side: input is told apart from the caches, so a
 * figure kept from before would be counted twice.
 */
static inline void clp_usage_merge(clp_usage *into, const clp_usage *from)
{
#define CLP_MERGE_LATER(f, sure)                                                                   \
    if (from->f > 0 || into->f < 0 || (from->f == 0 && (sure))) {                                  \
        into->f = from->f;                                                                         \
    }
    int in = from->input > 0 || from->cache_read > 0 || from->cache_write > 0;
    CLP_MERGE_LATER(input, in)
    CLP_MERGE_LATER(cache_read, in)
    CLP_MERGE_LATER(cache_write, in)
    CLP_MERGE_LATER(output, 0)
    CLP_MERGE_LATER(reasoning, from->output > 0)
#undef CLP_MERGE_LATER
}

/** All input tokens, cached or not; 0 where nothing was told. */
static inline apr_int64_t clp_usage_prompt(const clp_usage *u)
{
    return (u->input > 0 ? u->input : 0) + (u->cache_read > 0 ? u->cache_read : 0) +
           (u->cache_write > 0 ? u->cache_write : 0);
}

typedef struct clp_event {
    clp_event_kind kind;
    clp_part_kind part;   /**< BLOCK_*: what block */
    int index;            /**< BLOCK_*: its number; set by the guard */
    clp_text id;          /**< START: the answer's id; BLOCK_OPEN of a call: the call's */
    clp_text name;        /**< BLOCK_OPEN of a call: the tool's name, as the client knows it */
    clp_text model;       /**< START: the upstream's name of the model */
    clp_delta_kind delta; /**< BLOCK_DELTA */
    clp_text text; /**< BLOCK_DELTA; arguments are JSON text: escaped as in a string, or plain.
                        LOGPROBS: more elements of Chat's logprobs.content, plain JSON */
    clp_provider provider;      /**< BLOCK_* of reasoning: who made its state; NONE = not known */
    clp_state_kind state_kind;  /**< likewise: what the state is */
    clp_usage usage;            /**< USAGE, and START if already known */
    clp_stop stop;              /**< FINISH */
    clp_text stop_string;       /**< FINISH by CLP_STOP_SEQUENCE, if told */
    clp_span stop_details;      /**< FINISH by CLP_STOP_FILTER: raw JSON of the details, if told */
    const clp_problem *problem; /**< PROBLEM */
} clp_event;

/** An event with nothing said but its kind. */
static inline clp_event clp_event_of(clp_event_kind kind)
{
    clp_event e;
    memset(&e, 0, sizeof(e));
    e.kind = kind;
    e.usage = CLP_USAGE_NONE;
    return e;
}

/** Somebody who takes events: the guard, a writer, the exchange's ear. */
typedef struct clp_sink {
    void (*put)(void *ctx, const clp_event *event);
    void *ctx;
} clp_sink;

static inline void clp_sink_put(const clp_sink *s, const clp_event *event)
{
    s->put(s->ctx, event);
}

#endif
