/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_ANSWER_RUN_H
#define CLP_T_ANSWER_RUN_H

#include <apr_pools.h>

#include "dialect/dialect.h"
#include "dialect/fold.h"

/**
 * @file answer_run.h
 * @brief An upstream's bytes through reader, guard and writer, as in the
 * gateway, for tests.
 */
typedef struct answer_run {
    apr_pool_t *pool;
    clp_buffer events;   /**< out: what the guard let through, a line each */
    clp_buffer client;   /**< out: the client's bytes */
    clp_fold *fold;      /**< out: the same, folded; until the next run */
    apr_pool_t *scratch; /**< of the last run */
    int meaningful;      /**< out: of the guard at the end */
    int empty;           /**< out */
    int broken;          /**< out: it ended with a PROBLEM */
} answer_run;

/** The functions of one dialect's answers. */
typedef struct answer_dialect {
    const char *name;
    clp_reader *(*open_reader)(const clp_reader_options *options, clp_sink sink, apr_pool_t *pool);
    clp_writer *(*open_writer)(const clp_writer_options *options, clp_buffer *out,
                               apr_pool_t *pool);
} answer_dialect;

const answer_dialect *answer_dialect_by_name(clp_span name);

/** An empty run, in `pool`. */
answer_run *answer_run_make(apr_pool_t *pool);

/**
 * Read `input`, cut at the given offsets (ascending; n_cuts of them), and
 * write for the client. Clears what the run held.
 * @param to may be NULL: events only
 */
void answer_run_go(answer_run *run, const answer_dialect *from, const clp_reader_options *reading,
                   const answer_dialect *to, const clp_writer_options *writing, clp_span input,
                   const apr_size_t *cuts, apr_size_t n_cuts, clp_ending how);

/**
 * What a client learns from the last run, however it is cut into deltas: of
 * kind "messages" (blocks in order) or "chat" (one text, calls). Ids and
 * what the protocol cannot carry are left out. Round trips must keep it.
 */
void answer_summary(const answer_run *run, const char *kind, clp_buffer *out);

/** One event as a line of text. */
void answer_event_line(clp_buffer *out, const clp_event *event);

#endif
