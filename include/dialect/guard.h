/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GUARD_H
#define CLP_DIALECT_GUARD_H

#include <apr_pools.h>

#include "dialect/event.h"

/**
 * @file guard.h
 * @brief The one state machine that owns block indices and life cycle.
 *
 * Stands between a reader, which may be messy, and whoever listens, who then
 * sees what event.h promises:
 * a START is supplied if the reader gave none; a second one is dropped; a
 * BLOCK_OPEN while a block is open closes that first; a delta with no open
 * block of its kind opens one (tool calls excepted: a call's delta without its
 * OPEN is a reader's bug and becomes a PROBLEM); empty text deltas are
 * dropped; texts of deltas leave escaped, with split surrogate pairs joined; the
 * signature of a block is held until its end (of several the last counts); all
events of a block from then on name its provider, once one did;
 * open blocks are closed before FINISH; a FINISH by CLP_STOP_END after client
 * tool calls becomes CLP_STOP_TOOL, and one by CLP_STOP_TOOL without any call
 * CLP_STOP_END; usage is merged (USAGE and FINISH carry all that is known);
 * whatever follows FINISH or PROBLEM is dropped.
 */
typedef struct clp_guard clp_guard;

clp_guard *clp_guard_make(clp_sink to, apr_pool_t *pool);

/** The sink to give to a reader. */
clp_sink clp_guard_sink(clp_guard *g);

/** Has an event with meaning come (content, a call, reasoning, a finish)? */
int clp_guard_meaningful(const clp_guard *g);

/**
 * The answer ended naturally, but held nothing at all: no content, no call, no
 * reasoning, and no output tokens were told. Some relays answer so when they
 * fail. (A model that really had nothing more to say is billed for output.)
 */
int clp_guard_empty(const clp_guard *g);

/** FINISH or PROBLEM has come. */
int clp_guard_ended(const clp_guard *g);

/** The PROBLEM that came, a copy in the guard's pool, or NULL. */
const clp_problem *clp_guard_problem(const clp_guard *g);

/** Usage so far, merged. */
clp_usage clp_guard_usage(const clp_guard *g);

/** The stop reason; meaningful once ended without a problem. */
clp_stop clp_guard_stop(const clp_guard *g);

#endif
