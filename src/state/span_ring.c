/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/span_ring.h"

#include "slot_ring.h"

#define MAGIC APR_UINT64_C(0x313067727370736c) /* "lspsrg01" */

typedef struct span_slot {
    apr_uint64_t state;
    clp_span_record record;
} __attribute__((aligned(64))) span_slot;

struct clp_span_ring {
    apr_uint64_t magic; /* set last */
    apr_uint64_t slots; /* a power of 2 */
    apr_uint64_t sent;
    apr_uint64_t dropped;
    apr_uint64_t refused;
    apr_uint64_t lost;
    apr_uint64_t head __attribute__((aligned(64))); /* the next to claim; may lag behind by one */
    apr_uint64_t tail __attribute__((aligned(64))); /* the oldest; the reader's */
    span_slot ring[];
};

static clp_slot_ring slots_of(clp_span_ring *ring)
{
    return (clp_slot_ring){&ring->head, (char *)ring->ring, sizeof(span_slot), ring->slots};
}

apr_size_t clp_span_ring_size(apr_uint32_t records)
{
    return sizeof(clp_span_ring) + clp_slots_for(records) * sizeof(span_slot);
}

clp_span_ring *clp_span_ring_open(void *memory, apr_size_t size)
{
    clp_span_ring *ring = memory;
    apr_uint64_t slots =
        size > sizeof(*ring) ? clp_slots_in(size - sizeof(*ring), sizeof(span_slot)) : 0;

    if (!slots) {
        return NULL;
    }
    if (!clp_word_get(&ring->magic)) {
        ring->slots = slots;
        clp_word_set(&ring->magic, MAGIC);
    }
    return ring->magic == MAGIC && ring->slots == slots ? ring : NULL;
}

/* --- posting ------------------------------------------------------------------------------- */

int clp_span_ring_post(clp_span_ring *ring, const clp_span_record *record)
{
    clp_slot_ring slots = slots_of(ring);
    apr_uint64_t number;
    span_slot *slot;

    if (!clp_slot_claim(&slots, &number)) {
        clp_word_add(&ring->dropped, 1);
        return 0;
    }
    slot = clp_slot_at(&slots, number);
    slot->record = *record;
    clp_slot_post(&slots, number);
    return 1;
}

/* --- reading ------------------------------------------------------------------------------- */

int clp_span_ring_read(clp_span_ring *ring, clp_span_record *out, int most, apr_uint64_t *end)
{
    clp_slot_ring slots = slots_of(ring);
    apr_uint64_t number = clp_word_get(&ring->tail);
    int n = 0;

    while (n < most) {
        const span_slot *slot = clp_slot_at(&slots, number);
        clp_slot_state state = clp_slot_settle(&slots, number);

        if (state == CLP_SLOT_FREE || state == CLP_SLOT_CLAIMED) {
            break;
        }
        if (state == CLP_SLOT_POSTED) {
            out[n++] = slot->record;
        }
        number++;
    }
    *end = number;
    return n;
}

/* A slot is free before the tail moves on: whoever dies between leaves one that its successor
 * finds taken. */
void clp_span_ring_take(clp_span_ring *ring, apr_uint64_t end, int sent)
{
    clp_slot_ring slots = slots_of(ring);
    apr_uint64_t posted = 0;
    apr_uint64_t lost = 0;

    for (apr_uint64_t number = clp_word_get(&ring->tail); number < end; number++) {
        clp_slot_state state = clp_slot_look(&slots, number);

        posted += state == CLP_SLOT_POSTED;
        lost += state == CLP_SLOT_GIVEN_UP;
        clp_slot_free(&slots, number);
        clp_word_set(&ring->tail, number + 1);
    }
    clp_word_add(&ring->sent, (apr_uint64_t)sent);
    clp_word_add(&ring->refused, posted - (apr_uint64_t)sent);
    clp_word_add(&ring->lost, lost);
}

void clp_span_ring_reap(clp_span_ring *ring, pid_t pid)
{
    clp_slot_ring slots = slots_of(ring);

    clp_slots_give_up(&slots, clp_word_get(&ring->tail), pid);
}

void clp_span_ring_count(const clp_span_ring *ring, clp_span_counts *counts)
{
    apr_uint64_t tail = clp_word_get(&ring->tail);
    apr_uint64_t head = clp_word_get(&ring->head);

    counts->waiting = head > tail ? head - tail : 0;
    counts->sent = clp_word_get(&ring->sent);
    counts->dropped = clp_word_get(&ring->dropped);
    counts->refused = clp_word_get(&ring->refused);
    counts->lost = clp_word_get(&ring->lost);
}
