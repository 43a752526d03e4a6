/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SPAN_RING_H
#define CLP_STATE_SPAN_RING_H

#include <sys/types.h>

#include <apr_time.h>

#include "state/word.h"

/**
 * @file span_ring.h
 * @brief Finished spans of a distributed trace on their way from all processes to the one that
 * sends them.
 *
 * A ring in shared memory. Posting never waits: where there is no room, the record is dropped and
 * counted. There is one reader at a time; it takes records out only when it is done with them, so
 * that its successor finds them again if it dies. A poster that is killed half-way costs its own
 * record.
 */

/** What a record tells of. */
typedef enum clp_span_kind {
    CLP_SPAN_REQUEST, /**< a client's request */
    CLP_SPAN_ATTEMPT  /**< one question to an upstream, a child of the request */
} clp_span_kind;

/** Texts are UTF-8 with a NUL, cut to what fits; "" = unknown. None is content or a secret. */
typedef struct clp_span_record {
    unsigned char trace_id[16];
    unsigned char span_id[8];
    unsigned char parent_id[8]; /**< zeroes = the trace begins here */
    apr_time_t start;
    apr_time_t end;
    apr_time_t first_token; /**< 0 = none */
    apr_int64_t tokens_in;  /**< all of them, cached ones too; token counts: -1 = not told */
    apr_int64_t tokens_out;
    apr_int64_t cache_read;  /**< part of tokens_in */
    apr_int64_t cache_write; /**< part of tokens_in */
    apr_int64_t reasoning;   /**< part of tokens_out */
    apr_uint16_t status;     /**< HTTP status of the answer, 0 = none */
    apr_uint16_t port;       /**< of the upstream, 0 = unknown */
    apr_uint16_t attempts;   /**< of a request: how many there were */
    apr_byte_t kind;         /**< a clp_span_kind */
    apr_byte_t remote;       /**< the parent is another program's */
    apr_byte_t failed;       /**< it did not do what it was to do, and that is not the caller's
                                  fault */
    apr_byte_t stream;       /**< the answer was asked for as a stream */
    apr_byte_t hedge;        /**< of an attempt: it began beside another */
    char method[12];         /**< of HTTP */
    char operation[24];      /**< gen_ai.operation.name */
    char provider[24];       /**< gen_ai.provider.name */
    char protocol[12];       /**< the client's */
    char pick[12];           /**< why this channel */
    char finish[16];         /**< why the answer ended */
    char error[24];          /**< class of the error */
    char request_id[32];     /**< the gateway's name for the request */
    char host[96];           /**< of the upstream */
    char channel[64];
    char model[96];          /**< as the client named it */
    char upstream_model[96]; /**< as the upstream was asked */
} clp_span_record;

typedef struct clp_span_ring clp_span_ring;

/** Bytes of a ring for this many records, rounded up to a power of 2. */
apr_size_t clp_span_ring_size(apr_uint32_t records);

/** The ring in this memory, made if the memory is zeroed; NULL if something else is there. */
clp_span_ring *clp_span_ring_open(void *memory, apr_size_t size);

/** Add a record. Any thread of any process, never waits. @return 0 = there was no room */
int clp_span_ring_post(clp_span_ring *ring, const clp_span_record *record);

/**
 * Copy the oldest records, and leave them where they are. For the reader.
 * @param end out: what to give to clp_span_ring_take() when done with them
 * @return how many, at most `most`
 */
int clp_span_ring_read(clp_span_ring *ring, clp_span_record *out, int most, apr_uint64_t *end);

/** Give up what was read, `sent` of which arrived. For the reader. */
void clp_span_ring_take(clp_span_ring *ring, apr_uint64_t end, int sent);

/** A process has ended: what it was posting is given up. Any process. */
void clp_span_ring_reap(clp_span_ring *ring, pid_t pid);

/** Since the ring was made. */
typedef struct clp_span_counts {
    apr_uint64_t waiting; /**< now */
    apr_uint64_t sent;
    apr_uint64_t dropped; /**< there was no room */
    apr_uint64_t refused; /**< read, but did not arrive */
    apr_uint64_t lost;    /**< their process was killed */
} clp_span_counts;

void clp_span_ring_count(const clp_span_ring *ring, clp_span_counts *counts);

#endif
