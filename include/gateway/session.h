/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_SESSION_H
#define CLP_GATEWAY_SESSION_H

#include <apr_pools.h>
#include <apr_time.h>

#include "state/session_table.h"
#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file session.h
 * @brief Responses that the gateway keeps because no upstream does.
 *
 * Each is stored by itself, with the id of the one before it: what one turn
 * added, never the conversation so far. A conversation is put together from
 * its turns (gateway/response_chain.h).
 */

/** Who may see a response: the hash of the client's identity. */
typedef struct clp_session_owner {
    unsigned char hash[16];
} clp_session_owner;

/** The owner that stands for a user's name; "" = the clients without one. */
clp_session_owner clp_session_owner_of(const char *user);

typedef struct clp_session_record {
    const char *id;       /**< "resp_…" */
    const char *previous; /**< the response it continues; NULL = none */
    const char *model;    /**< as the client named it */
    clp_session_owner owner;
    apr_time_t created;
    apr_time_t used;      /**< when it was stored, or last stored anew because it was used */
    apr_uint64_t channel; /**< clp_pin_hash() of the channel that served */
    apr_uint64_t key;     /**< clp_pin_hash() of the key's id; 0 = none */
    apr_int64_t tokens;   /**< estimate of what this turn added */
    apr_uint32_t items;   /**< input and output items of this turn */
    clp_span input;       /**< JSON array of this turn's input items */
    clp_span document;    /**< the response as the client got it */
    clp_span output;      /**< the array of output items; lies in `document` */
} clp_session_record;

/** Append a record as bytes, for a store. */
void clp_session_record_write(clp_buffer *out, const clp_session_record *record);

/**
 * Read a record back; strings and spans point into the bytes, which may come
 * from anywhere.
 * @return 0 if they are no record
 */
int clp_session_record_read(clp_session_record *record, clp_span bytes);

/** What a store said. */
typedef enum clp_session_status {
    CLP_SESSION_OK,
    CLP_SESSION_ABSENT, /**< get: unknown or expired */
    CLP_SESSION_FULL,   /**< put: too large to be kept */
    CLP_SESSION_DOWN    /**< the store does not answer */
} clp_session_status;

/**
 * When it was last told that a store takes nothing more, or does not answer. Read and
 * written without a lock; lies in memory that all processes share.
 */
typedef struct clp_session_told {
    apr_time_t full;
    apr_time_t down;
} clp_session_told;

/**
 * A place for records, by name. May be used by all threads and processes at
 * once; a call may take as long as the store is allowed to.
 */
typedef struct clp_session_store clp_session_store;
struct clp_session_store {
    clp_session_status (*put)(clp_session_store *s, clp_span name, clp_span value,
                              apr_time_t expires, apr_pool_t *pool);
    /** Appends to `out`, which is as before unless OK. */
    clp_session_status (*get)(clp_session_store *s, clp_span name, apr_time_t now, clp_buffer *out,
                              apr_pool_t *pool);
    clp_session_status (*remove)(clp_session_store *s, clp_span name, apr_time_t now,
                                 apr_pool_t *pool);
    void *ctx;
    clp_session_told *told; /**< NULL = nothing is told */
};

/**
 * Log what a store said, at most once a minute whichever process it is.
 * @param status  FULL or DOWN; of others nothing is logged
 * @param outcome what follows from it
 * @param subject for clp_log()
 */
void clp_session_store_tell(clp_session_store *s, clp_session_status status, const char *outcome,
                            void *subject);

/** A store in the shared table; made in `pool`. */
clp_session_store *clp_session_store_of_table(clp_session_table *table, apr_pool_t *pool);

#endif
