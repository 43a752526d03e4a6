/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_SLOT_RING_H
#define CLP_STATE_SLOT_RING_H

#include <sys/types.h>

#include "state/word.h"

/**
 * @file slot_ring.h
 * @brief A ring in shared memory that many fill and one at a time empties, though any of them may
 * be killed.
 *
 * Number i stands in slot i % slots; i / slots is its lap. A slot begins with its state word, lap
 * << 34 | pid << 2 | state, which says whose turn it is: FREE(lap) waits for the number of that
 * lap, CLAIMED(lap, pid) is being filled, POSTED(lap) is whole, GIVEN_UP(lap) was claimed by one
 * who died. Emptying it makes it FREE(lap + 1). Zeroed memory is FREE(0). Slots change hands by
 * compare and swap of the word, so that who comes late finds it taken.
 */
typedef enum clp_slot_state {
    CLP_SLOT_FREE,
    CLP_SLOT_CLAIMED,
    CLP_SLOT_POSTED,
    CLP_SLOT_GIVEN_UP,
    CLP_SLOT_TAKEN /**< of a later lap already; in no word */
} clp_slot_state;

typedef struct clp_slot_ring {
    apr_uint64_t *head; /**< the next number to claim; may lag behind by one */
    char *first;
    apr_size_t size;    /**< of a slot, a multiple of 8 */
    apr_uint64_t slots; /**< a power of two */
} clp_slot_ring;

/** A power of two: how many slots to make for `n` at a time. */
apr_uint64_t clp_slots_for(apr_uint32_t n);

/** How many slots of this size fill the bytes; 0 if that is not what clp_slots_for() makes. */
apr_uint64_t clp_slots_in(apr_size_t bytes, apr_size_t size);

static inline void *clp_slot_at(const clp_slot_ring *r, apr_uint64_t number)
{
    return r->first + (number & (r->slots - 1)) * r->size;
}

/** Take the next number, whose slot then is the caller's until it posts it; 0 if there is no room.
 * Never waits. */
int clp_slot_claim(const clp_slot_ring *r, apr_uint64_t *number);

/** What was written into the claimed slot is whole. */
void clp_slot_post(const clp_slot_ring *r, apr_uint64_t number);

/** The state of the slot as this number's. */
clp_slot_state clp_slot_look(const clp_slot_ring *r, apr_uint64_t number);

/** The same; a claimed one whose process is gone is given up. */
clp_slot_state clp_slot_settle(const clp_slot_ring *r, apr_uint64_t number);

/** For who empties it: the slot goes to the next lap. Harmless when done before. */
void clp_slot_free(const clp_slot_ring *r, apr_uint64_t number);

/** What the process has claimed, from the number `tail` on, is given up: it has died. */
void clp_slots_give_up(const clp_slot_ring *r, apr_uint64_t tail, pid_t pid);

#endif
