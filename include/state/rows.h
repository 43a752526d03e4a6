/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_ROWS_H
#define CLP_STATE_ROWS_H

#include <apr_time.h>

#include "state/word.h"

/**
 * @file rows.h
 * @brief What the rows of the tables in shared memory hold.
 *
 * Every member is a word (state/word.h), times are apr_time_t, 0 = never. Who may write: words
 * marked CAS are changed by anybody with compare and swap; all others are written by bookings
 * alone (state/ledger.h). Rows hold no pointer and no secret. A new member goes to the end of its
 * row, or into a `spare`; any other change needs a new layout number (tables.c).
 */

/** Row 0 of every table belongs to nobody: for models and users it counts what has no row. */
#define CLP_NO_ROW 0

/** A row, and which use of it is meant: a row that went to somebody else has another epoch.
 * All zeroes = none. */
typedef struct clp_row_ref {
    apr_uint16_t row; /**< CLP_NO_ROW = none */
    apr_uint16_t epoch;
} clp_row_ref;

/** What the client spoke. */
typedef enum clp_protocol {
    CLP_PROTOCOL_MESSAGES,
    CLP_PROTOCOL_CHAT, /**< legacy completions too */
    CLP_PROTOCOL_RESPONSES,
    CLP_PROTOCOL_GEMINI,
    CLP_PROTOCOL_OTHER,
    CLP_PROTOCOLS
} clp_protocol;

/** "messages", "chat", "responses", "gemini", "other". */
const char *clp_protocol_name(clp_protocol p);

/** What became of an attempt or a request. */
typedef enum clp_booked {
    CLP_BOOKED_SUCCESS,
    CLP_BOOKED_CLIENT_ERROR, /**< the request was at fault */
    CLP_BOOKED_ABORTED,      /**< the client left */
    CLP_BOOKED_TRUNCATED,    /**< the answer broke off after it had begun */
    CLP_BOOKED_AUTH,         /**< 401, 403: the key will not do */
    CLP_BOOKED_QUOTA,        /**< no credit left */
    CLP_BOOKED_RATE_LIMITED,
    CLP_BOOKED_OVERLOADED,
    CLP_BOOKED_SERVER_ERROR,
    CLP_BOOKED_TIMEOUT,
    CLP_BOOKED_TRANSPORT,  /**< not reached, or cut off before it answered */
    CLP_BOOKED_GARBAGE,    /**< an answer that could not be read */
    CLP_BOOKED_EMPTY,      /**< an answer with nothing in it */
    CLP_BOOKED_NO_MODEL,   /**< the channel does not know the model */
    CLP_BOOKED_NO_CHANNEL, /**< there was nobody to ask: tripped, cooling or full */
    CLP_BOOKED_HEDGE_LOST, /**< cancelled, since another attempt was faster */
    CLP_BOOKED_RESULTS
} clp_booked;

/** Room for results to come. */
#define CLP_BOOKED_ROOM 20
_Static_assert(CLP_BOOKED_RESULTS <= CLP_BOOKED_ROOM, "counters have room for every result");

/** Stable name for status and metrics: "success", "client_error", "rate_limit" ... */
const char *clp_booked_name(clp_booked result);

/** Neither success nor the client's doing: a failure in history and totals. */
int clp_booked_failed(clp_booked result);

typedef enum clp_token_kind {
    CLP_TOKENS_IN, /**< without cached ones */
    CLP_TOKENS_OUT,
    CLP_TOKENS_CACHE_READ,
    CLP_TOKENS_CACHE_WRITE,
    CLP_TOKENS_REASONING, /**< part of CLP_TOKENS_OUT */
    CLP_TOKEN_KINDS
} clp_token_kind;

/** The number of requests is not kept: it is the sum of their results. */
typedef struct clp_counters {
    apr_uint64_t results[CLP_BOOKED_ROOM]; /**< by clp_booked */
    apr_uint64_t attempts;                 /**< that these requests needed */
    apr_uint64_t tokens[CLP_TOKEN_KINDS];
    apr_uint64_t first_token_us; /**< sum over `first_tokens` requests */
    apr_uint64_t first_tokens;
    apr_uint64_t duration_ms; /**< sum over all requests */
    apr_uint64_t spare[3];
} clp_counters;

/** Buckets of a histogram of times; upper bounds are clp_histogram_bound_ms(). */
#define CLP_HISTOGRAM 20

typedef struct clp_traffic {
    clp_counters counts;
    apr_uint64_t first_token[CLP_HISTOGRAM]; /**< requests by time to first token */
    apr_uint64_t duration[CLP_HISTOGRAM];    /**< requests by time to their end */
} clp_traffic;

/** Ten segments of six seconds, stamp << 32 | count (state/rate_window.h). */
#define CLP_RATE_SEGMENTS 10

typedef struct clp_rate_window {
    apr_uint64_t segments[CLP_RATE_SEGMENTS];
} clp_rate_window;

/** A circuit breaker. Closed when `open_until` is 0, open until then, half open afterwards. */
#define CLP_CIRCUIT_RESULTS 32
#define CLP_CIRCUIT_EPOCH   APR_INT64_C(1577836800) /* 2020-01-01, in seconds */

typedef struct clp_circuit {
    apr_uint64_t results[CLP_CIRCUIT_RESULTS / 2]; /**< ring of 32-bit numbers: seconds since
                                                        CLP_CIRCUIT_EPOCH << 1 | failed */
    apr_uint64_t recorded; /**< results since the ring was empty: the next is recorded % 32 */
    apr_uint64_t open_until;
    apr_uint64_t opened_at;
    apr_uint64_t trips; /**< how often it opened */
    apr_uint64_t probe; /**< CAS: until when the present probe has its place, 0 = no probe; see
                             clp_probe_word() */
    apr_uint64_t spare[3];
} clp_circuit;

/** A time, but its last bits (65 ms) say whose probe it is. */
#define CLP_PROBE_OWNER APR_UINT64_C(0xffff)

/** What the word of a probe holds. @param child clp_child_number(); 0 = of nobody whose end would
 * free it */
static inline apr_uint64_t clp_probe_word(apr_time_t until, unsigned child)
{
    return ((apr_uint64_t)until & ~CLP_PROBE_OWNER) | (child & CLP_PROBE_OWNER);
}

/** A rest after "too much" or "no credit left". */
typedef struct clp_cooling {
    apr_uint64_t until;
    apr_uint64_t told;     /**< 1 = the provider told the time, 0 = it is assumed */
    apr_uint64_t failures; /**< in a row */
} clp_cooling;

/** Begins every row but those of histories and children. */
typedef struct clp_row_head {
    apr_uint64_t id;         /**< CAS: hash of what the row is of; 0 = unused */
    apr_uint64_t epoch;      /**< how often the row went to another */
    apr_uint64_t used;       /**< time of the last booking */
    apr_uint64_t generation; /**< CAS: of the last configuration that names it */
} clp_row_head;

#define CLP_NAME_WORDS 8

/** A name for people: UTF-8, cut to what fits, zeroes behind it. See clp_row_name(). */
typedef struct clp_row_name {
    apr_uint64_t words[CLP_NAME_WORDS];
} clp_row_name;

typedef struct clp_channel_row {
    clp_row_head head;
    clp_row_name name;
    clp_circuit circuit;
    clp_cooling cooling;
    apr_uint64_t last_success;
    apr_uint64_t last_failure;
    apr_uint64_t failures;       /**< in a row */
    apr_uint64_t first_token_us; /**< moving average; 0 = not known */
    apr_uint64_t cursor;         /**< CAS: counts requests, for turns among its keys */
    clp_rate_window requests;    /**< CAS */
    clp_rate_window tokens;
    apr_uint64_t attempts[CLP_BOOKED_ROOM]; /**< by clp_booked */
    clp_traffic protocols[CLP_PROTOCOLS];   /**< requests that ended here */
    apr_uint64_t checked_at;                /**< last health check */
    apr_uint64_t checks;                    /**< with one result in a row << 1 | failed */
    apr_uint64_t spare[10];
} __attribute__((aligned(64))) clp_channel_row;

/** A key that has to rest for one model only. */
typedef struct clp_model_cooling {
    apr_uint64_t model; /**< clp_row_id() of the model's name, 0 = unused */
    clp_cooling cooling;
} clp_model_cooling;

#define CLP_KEY_MODELS 6

typedef struct clp_key_row {
    clp_row_head head;
    apr_uint64_t name[2]; /**< the key's id: 16 hex digits */
    apr_uint64_t channel; /**< head.id of its channel */
    clp_cooling cooling;
    clp_model_cooling models[CLP_KEY_MODELS];
    apr_uint64_t last_success;
    apr_uint64_t last_failure;
    apr_uint64_t failures;    /**< in a row */
    clp_rate_window requests; /**< CAS */
    clp_rate_window tokens;
    apr_uint64_t attempts[CLP_BOOKED_ROOM];
    clp_counters counts;
    apr_uint64_t spare[7];
} __attribute__((aligned(64))) clp_key_row;

/** Of a channel's URL with one of its keys. */
typedef struct clp_circuit_row {
    clp_row_head head;
    clp_circuit circuit;
    apr_uint64_t spare[4];
} __attribute__((aligned(64))) clp_circuit_row;

/** Buckets of numbers of tokens and of times per token; upper bounds are clp_token_bound() and
 * clp_pace_bound_ms(). */
#define CLP_TOKEN_SPREAD 15
#define CLP_PACE_SPREAD  14

typedef struct clp_model_row {
    clp_row_head head;
    clp_row_name name;
    clp_traffic traffic;
    apr_uint64_t spare[4];
    apr_uint64_t prompt_tokens[CLP_TOKEN_SPREAD]; /**< requests by tokens of input, cached or not */
    apr_uint64_t output_tokens[CLP_TOKEN_SPREAD];
    apr_uint64_t pace[CLP_PACE_SPREAD]; /**< streams by time per token after the first */
    apr_uint64_t pace_us;               /**< sum of these times */
} __attribute__((aligned(64))) clp_model_row;

typedef struct clp_user_row {
    clp_row_head head;
    clp_row_name name;
    clp_counters counts;
    apr_uint64_t spare[4];
} __attribute__((aligned(64))) clp_user_row;

/** What happened in one stretch of time: 32-bit numbers that stay at their largest value. */
typedef enum clp_point_half {
    CLP_POINT_STAMP, /**< number of the stretch since 1970; another one's point is empty */
    CLP_POINT_REQUESTS,
    CLP_POINT_FAILURES,
    CLP_POINT_ABORTS,
    CLP_POINT_CLIENT_ERRORS,
    CLP_POINT_TOKENS_IN, /**< from here on by clp_token_kind */
    CLP_POINT_TOKENS_OUT,
    CLP_POINT_CACHE_READ,
    CLP_POINT_CACHE_WRITE,
    CLP_POINT_REASONING,
    CLP_POINT_HALVES
} clp_point_half;

typedef struct clp_point {
    apr_uint64_t words[CLP_POINT_HALVES / 2];
} clp_point;

#define CLP_HISTORY_SECONDS  150  /* of 6 seconds: 15 minutes */
#define CLP_HISTORY_MINUTES  1440 /* a day */
#define CLP_HISTORY_HOURS    168  /* a week */
#define CLP_HISTORY_QUARTERS 96   /* of 15 minutes: a day */

typedef struct clp_channel_history {
    clp_point seconds[CLP_HISTORY_SECONDS];
    clp_point minutes[CLP_HISTORY_MINUTES];
    clp_point hours[CLP_HISTORY_HOURS];
} __attribute__((aligned(64))) clp_channel_history;

typedef struct clp_key_history {
    clp_point quarters[CLP_HISTORY_QUARTERS];
} __attribute__((aligned(64))) clp_key_history;

#define CLP_CURSORS 16
#define CLP_WATCHES 8

/** What there is one of. */
typedef struct clp_head_row {
    apr_uint64_t magic; /**< set last */
    apr_uint64_t layout;
    apr_uint64_t capacity[8];             /**< rows, by clp_table_kind - 1 */
    apr_uint64_t born;                    /**< since when it counts */
    apr_uint64_t generation;              /**< CAS: of the configuration in force */
    apr_uint64_t children;                /**< CAS: rows of children that were ever used */
    apr_uint64_t cursors[CLP_CURSORS];    /**< CAS: turns among equals, by hash of the set */
    apr_uint64_t watches[CLP_WATCHES];    /**< CAS: when who watches last did so */
    clp_traffic protocols[CLP_PROTOCOLS]; /**< every request once, wherever it ended */
    apr_uint64_t spare[20];
} __attribute__((aligned(64))) clp_head_row;

/** What a child process holds: one row a child, so that a killed one leaves nothing behind. */
typedef struct clp_child_row {
    apr_uint64_t pid; /**< CAS: 0 = free */
    apr_uint64_t since;
    apr_uint64_t revision;    /**< of the channels that it has in force */
    apr_uint64_t generations; /**< of channels that it keeps: that one, and those in use */
    apr_uint64_t spare[4];
    apr_uint32_t held[]; /**< requests in flight, by channel row, then by key row */
} clp_child_row;

#endif
