/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_LEDGER_H
#define CLP_STATE_LEDGER_H

#include <sys/types.h>

#include <apr_pools.h>

#include "state/rows.h"
#include "state/writes.h"

/**
 * @file ledger.h
 * @brief Results are posted by everybody and entered by one: a ring of bookings in shared memory.
 *
 * A process posts what became of an attempt or a request as one booking; it is in the ring whole or
 * not at all, whenever the process is killed. Whoever finds nobody entering bookings does so
 * itself: for each booking, in order, the caller's function says which words of the tables get
 * which values. These are written down first (the journal) and then carried out, so that a process
 * killed in between leaves work that the next one completes exactly. So the tables have one writer
 * at a time, no lock that anybody waits for, and sums that are exact.
 */
typedef struct clp_ledger clp_ledger;

typedef enum clp_booking_kind {
    CLP_BOOK_NOTHING,
    CLP_BOOK_ATTEMPT, /**< an attempt ended: breakers, cool-downs, key and channel counters */
    CLP_BOOK_REQUEST  /**< a request ended: once for each, whatever number of attempts it had */
} clp_booking_kind;

#define CLP_BOOKED_PROBE  1 /**< flag: the attempt was the probe of a half-open circuit */
#define CLP_BOOKED_STREAM 2 /**< flag: the client asked for a stream */
#define CLP_BOOKED_HEALTH 4 /**< flag: a health check, no client's request */

/** What is posted; with its state it fills two cache lines. Rows carry the epoch they had when
 * they were chosen: check them by clp_tables_row(). What a member means beyond this is up to who
 * posts and enters (gateway/account.h). */
typedef struct clp_booking {
    apr_byte_t kind;     /**< clp_booking_kind */
    apr_byte_t protocol; /**< clp_protocol */
    apr_byte_t result;   /**< clp_booked */
    apr_byte_t flags;    /**< CLP_BOOKED_PROBE ... */
    apr_uint16_t status; /**< HTTP status, 0 = none */
    apr_uint16_t attempts;
    clp_row_ref channel, key, circuit, model, user;
    apr_uint32_t first_token_us; /**< time to the first event with meaning; 0 = none */
    apr_time_t at;               /**< when it ended */
    apr_uint64_t policy;         /**< breaker policy in force, packed */
    apr_uint64_t cooldown;       /**< cool-down policy in force, packed */
    apr_uint64_t model_id;       /**< clp_row_id() of the model asked of the upstream */
    apr_time_t retry_at;         /**< told time to come back; 0 = none told */
    apr_uint64_t probe;          /**< value of the probe word that the attempt had claimed */
    apr_uint32_t duration_ms;
    apr_uint32_t tokens[CLP_TOKEN_KINDS];
    apr_uint64_t more[2]; /**< by kind */
} clp_booking;

_Static_assert(sizeof(clp_booking) == 120, "a booking and its state are two cache lines");

/**
 * Say what a booking changes. Called by whatever thread of whatever process enters it, possibly
 * again for the same booking if the first caller was killed; never by two at a time. It must not
 * post, wait or allocate.
 */
typedef void clp_ledger_fn(void *baton, const clp_booking *b, clp_writes *w);

/** Words that bookings may change: the journal names them by the number of their block. */
typedef struct clp_ledger_block {
    apr_uint64_t *words;
    apr_size_t n;
} clp_ledger_block;

#define CLP_LEDGER_BLOCKS 16

/** Bytes for a ledger with at least this many bookings under way (a power of two is made of it). */
apr_size_t clp_ledger_size(apr_uint32_t bookings);

/**
 * The ledger in memory that all processes share, 64-byte aligned; laid out if it is all zeroes.
 * @return NULL if the memory holds something else
 */
clp_ledger *clp_ledger_open(void *memory, apr_size_t size, const clp_ledger_block *blocks,
                            int nblocks, apr_pool_t *pool);

/** By whom this process has bookings entered; before other threads run. Without, it only posts. */
void clp_ledger_use(clp_ledger *l, clp_ledger_fn *fn, void *baton);

/**
 * Put a booking into the ring and enter what is there, unless another process does.
 * Any thread; never waits.
 * @return 0 if the ring is full and cannot be emptied: the booking is lost, and counted as that
 */
int clp_ledger_post(clp_ledger *l, const clp_booking *b);

/** Enter what others left, if nobody else does: from time to time, e.g. by a watchdog. Gives the
 * number of bookings entered. */
int clp_ledger_enter(clp_ledger *l);

/** What is done as one booking, without being one. */
typedef void clp_ledger_change_fn(void *baton, clp_writes *w);

/**
 * Change something as a booking would, at once and after all bookings posted so far.
 * @param patience how long to wait for who is entering; 0 = do not wait
 * @return 0 if another process kept entering, or the change has too many words: nothing was done
 */
int clp_ledger_change(clp_ledger *l, clp_ledger_change_fn *fn, void *baton,
                      apr_interval_time_t patience);

/** Told by who knows that a process has died (its pid belongs to nobody yet): what it was about
 * to post is given up, what it was entering is completed. */
void clp_ledger_reap(clp_ledger *l, pid_t pid);

typedef struct clp_ledger_counts {
    apr_uint64_t posted;  /**< places in the ring that were taken so far */
    apr_uint64_t entered; /**< of these, done with */
    apr_uint64_t lost;    /**< did not fit */
    apr_uint64_t skipped; /**< of those entered: given up, since who posted them was killed, or
                               they changed more than CLP_WRITES_MAX words */
} clp_ledger_counts;

void clp_ledger_count(const clp_ledger *l, clp_ledger_counts *counts);

#endif
