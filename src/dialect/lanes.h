/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_LANES_H
#define CLP_DIALECT_LANES_H

#include <apr_pools.h>

#include "dialect/event.h"
#include "wire/buffer.h"
#include "wire/json_scan.h"

/**
 * @file lanes.h
 * @brief Blocks that an upstream sends interleaved, put behind each other.
 *
 * At most one lane is live: what comes for it goes straight to the sink. What
 * comes for another waits in that lane's buffer; when the live one is closed,
 * the next that is ready follows with all it has collected. Calls go before
 * texts, each in the order they were added: a text that came while a call's
 * arguments were unfinished stands behind the calls.
 *
 * Memory of closed lanes is used again. What waits is bounded in total.
 */
typedef struct clp_lane clp_lane;
struct clp_lane {
    clp_lane *next;            /**< among the open lanes, in the order they were added */
    clp_part_kind part;        /**< may be changed until the lane is ready */
    apr_int64_t key;           /**< the owner's */
    clp_provider provider;     /**< of reasoning: who made its state */
    clp_state_kind state_kind; /**< likewise */
    unsigned ready : 1;        /**< it may be opened */
    unsigned live : 1;         /**< it has been opened */
    unsigned closed : 1;       /**< nothing more will come */
    unsigned whole : 1;        /**< its text must be seen whole before any of it is sent */
    unsigned texted : 1;       /**< private: text has come */
    clp_buffer id;             /**< escaped */
    clp_buffer name;           /**< plain */
    clp_buffer text;           /**< escaped; what waits */
    clp_buffer fallback;       /**< escaped; its text, should none come */
    clp_buffer signature;      /**< escaped; of a call: told as reasoning in front of it */
};

typedef struct clp_lanes clp_lanes;

/** `cap` bounds the bytes that wait in all lanes together; 0 = no bound. */
clp_lanes *clp_lanes_make(clp_sink to, apr_size_t cap, apr_pool_t *pool);

/** A lane that is not ready yet, behind all others. */
clp_lane *clp_lanes_add(clp_lanes *l, clp_part_kind part);

/** Its id, name and part are set: it may be opened, and is if none is live. */
void clp_lanes_ready(clp_lanes *l, clp_lane *lane);

/** More text (escaped) for an open lane. */
void clp_lanes_text(clp_lanes *l, clp_lane *lane, clp_span escaped);

/** The opaque state (escaped) of an open lane; of several the last counts. A call that is live
 * cannot have one any more: it is dropped. */
void clp_lanes_signature(clp_lanes *l, clp_lane *lane, clp_span escaped);

/** Nothing more will come for it; the pointer is void afterwards. */
void clp_lanes_close(clp_lanes *l, clp_lane *lane);

/** Close all, in order. Lanes that never became ready are dropped. */
void clp_lanes_close_all(clp_lanes *l);

/** The live lane, or NULL. */
clp_lane *clp_lanes_live(const clp_lanes *l);

/** The first open lane; follow `next`. Lanes that are closed but still wait are among them. */
clp_lane *clp_lanes_first(const clp_lanes *l);

/** Does a lane wait that could be opened? */
int clp_lanes_waiting(const clp_lanes *l);

/** More had to wait than `cap`; something was lost. */
int clp_lanes_overflow(const clp_lanes *l);

#endif
