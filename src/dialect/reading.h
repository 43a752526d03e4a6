/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_READING_H
#define CLP_DIALECT_READING_H

#include "dialect/conversation.h"
#include "dialect/dialect.h"

/**
 * @file reading.h
 * @brief Typed looks at a request's members that remember the first fault.
 *
 * After a fault the getters go on giving absent values, so that a reader needs
 * to look at `problem` only where it would otherwise loop or decide.
 */
typedef struct clp_reading {
    clp_conversation *c;
    apr_pool_t *pool;
    clp_json_path_style style;
    clp_problem *problem;                 /**< the first fault, or NULL */
    clp_buffer *scratch;                  /**< for texts that are put together */
    const clp_envelope_key *envelope_key; /**< NULL = envelopes are not opened */
} clp_reading;

/**
 * Scan a request body.
 * @param record_depth see clp_json_limits
 */
clp_problem *clp_request_scan(clp_json **out, clp_span body, const clp_intake *intake,
                              apr_uint32_t record_depth, apr_pool_t *pool);

/** Scan the body and begin an empty conversation of `dialect` over it. */
clp_problem *clp_reading_begin(clp_reading *r, clp_span body, const clp_intake *intake,
                               apr_uint32_t record_depth, const clp_dialect *dialect,
                               apr_pool_t *pool);

/**
 * The looks that all dialects share for a sniff: the body's top level, model,
 * stream, and that neither model nor messages stand twice.
 */
clp_problem *clp_reading_sniff(clp_reading *r, clp_sniffed *out, clp_span body,
                               const clp_intake *intake, const clp_dialect *dialect,
                               apr_pool_t *pool);

/** Refuse the value `at`. */
void clp_reject(clp_reading *r, clp_jval at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Refuse a member of `parent` that may be absent. */
void clp_reject_member(clp_reading *r, clp_jval parent, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Members that may be absent or null (then: NONE, absent, -1) but must be of the type. */
clp_jval clp_read_object(clp_reading *r, clp_jval parent, const char *name);
clp_jval clp_read_array(clp_reading *r, clp_jval parent, const char *name);
clp_text clp_read_text(clp_reading *r, clp_jval parent, const char *name);
clp_span clp_read_number(clp_reading *r, clp_jval parent, const char *name);
clp_span clp_read_object_raw(clp_reading *r, clp_jval parent, const char *name);
apr_int64_t clp_read_count(clp_reading *r, clp_jval parent, const char *name);
int clp_read_flag(clp_reading *r, clp_jval parent, const char *name);

/** A string that must be there. */
clp_text clp_read_text_needed(clp_reading *r, clp_jval parent, const char *name);

/** A string that must be there and not be empty. */
clp_text clp_read_name_needed(clp_reading *r, clp_jval parent, const char *name);

/** Append the strings of an array to a list of clp_text. */
void clp_read_texts(clp_reading *r, clp_jval array, apr_array_header_t *into);

/** The model, decoded; must be there, not empty, without U+0000. */
const char *clp_read_model(clp_reading *r, clp_jval root);

/** The reading's scratch as an escaped text of its own. */
clp_text clp_reading_take(clp_reading *r);

/** CLP_EFFORT_UNSET for an unknown word. */
clp_effort clp_effort_parse(clp_text word);

#endif
