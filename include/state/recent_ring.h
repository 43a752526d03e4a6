/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_RECENT_RING_H
#define CLP_STATE_RECENT_RING_H

#include <apr_time.h>

#include "state/word.h"

/**
 * @file recent_ring.h
 * @brief The last requests of all processes, each with what became of it.
 *
 * A ring in shared memory in which the newest entry takes the place of the oldest. Posting never
 * waits and allocates nothing; it copies one entry. Entries are numbered from 1 in the order in
 * which requests ended. Whoever reads gets entries as a whole or not at all: one that is being
 * written, or whose writer was killed, is left out, and its place is used again.
 */

/** Whether the client wanted a stream. */
typedef enum clp_recent_stream {
    CLP_RECENT_DOCUMENT,
    CLP_RECENT_STREAM,
    CLP_RECENT_NEITHER /**< its body was not understood that far */
} clp_recent_stream;

/** Texts are UTF-8 with a NUL, cut to what fits; "" = unknown. None is content or a secret. */
typedef struct clp_recent_entry {
    apr_time_t began;
    apr_time_t ended;
    apr_time_t first_token; /**< 0 = none */
    apr_int64_t bytes_in;   /**< of the request's body, decoded */
    apr_int64_t bytes_out;  /**< of the answer */
    apr_int64_t tokens_in;  /**< as the upstream told them; token counts: -1 = not told */
    apr_int64_t tokens_out;
    apr_int64_t cache_read;
    apr_int64_t cache_write;
    apr_int64_t reasoning;
    apr_uint16_t status;          /**< HTTP status of the answer, 0 = none */
    apr_uint16_t upstream_status; /**< of the last attempt, 0 = none came */
    apr_uint16_t attempts;
    apr_uint16_t stream; /**< a clp_recent_stream */
    char id[32];         /**< the gateway's name for it */
    char operation[24];  /**< gen_ai.operation.name */
    char protocol[16];   /**< the client's */
    char pick[16];       /**< why this channel */
    char result[16];     /**< what became of the request */
    char key_id[24];     /**< of the key; never the key */
    char failure[24];    /**< class of what went wrong */
    char channel[64];    /**< that served, or was asked last */
    char user[64];
    char model[96];          /**< as the client named it */
    char upstream_model[96]; /**< as the upstream was asked */
    char tried[144];         /**< attempts with what became of each */
    char error[256];         /**< what went wrong, for people */
} clp_recent_entry;

_Static_assert(sizeof(clp_recent_entry) % sizeof(apr_uint64_t) == 0, "entries are copied by words");

typedef struct clp_recent_ring clp_recent_ring;

/** Bytes of a ring for exactly so many entries, at least one. */
apr_size_t clp_recent_ring_size(apr_uint32_t entries);

/** The ring in this memory, made if the memory is zeroed; NULL if something else is there. */
clp_recent_ring *clp_recent_ring_open(void *memory, apr_size_t size);

/** Add an entry. Any thread of any process. */
void clp_recent_ring_post(clp_recent_ring *ring, const clp_recent_entry *entry);

/**
 * The newest entry with a number below `before`. Any process.
 * @param before 0 = the newest of all
 * @param out    a copy
 * @return its number, or 0: there is none
 */
apr_uint64_t clp_recent_ring_next(const clp_recent_ring *ring, apr_uint64_t before,
                                  clp_recent_entry *out);

/** How many entries it holds at most. */
apr_uint64_t clp_recent_ring_capacity(const clp_recent_ring *ring);

#endif
