/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/span_ring.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MAGIC APR_UINT64_C(0x313067727370736c) /* "lspsrg01" */

/* The state word of a slot: lap << 34 | pid << 2 | state. Slots change hands by compare and swap
 * of it, so that a word says what lap its record belongs to. */
#define FREE     0u
#define CLAIMED  1u
#define POSTED   2u
#define LOST     3u
#define TAKEN    4u /* of a later lap already; in no word */
#define LAP_BITS 30
#define LAP_MASK (((apr_uint64_t)1 << LAP_BITS) - 1)

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

static apr_uint64_t slot_word(apr_uint64_t lap, pid_t pid, unsigned state)
{
    return (lap & LAP_MASK) << 34 | (apr_uint64_t)(apr_uint32_t)pid << 2 | state;
}

static unsigned word_state(apr_uint64_t word)
{
    return (unsigned)(word & 3);
}

static pid_t word_pid(apr_uint64_t word)
{
    return (pid_t)(apr_uint32_t)(word >> 2);
}

static int word_of_lap(apr_uint64_t word, apr_uint64_t lap)
{
    return word >> 34 == (lap & LAP_MASK);
}

/* Is the word of an earlier lap? */
static int word_before(apr_uint64_t word, apr_uint64_t lap)
{
    return ((lap - (word >> 34)) & LAP_MASK) - 1 < LAP_MASK / 2;
}

static span_slot *slot_of(clp_span_ring *ring, apr_uint64_t number)
{
    return &ring->ring[number & (ring->slots - 1)];
}

static apr_uint64_t lap_of(const clp_span_ring *ring, apr_uint64_t number)
{
    return number / ring->slots;
}

apr_size_t clp_span_ring_size(apr_uint32_t records)
{
    apr_size_t slots = 16;

    while (slots < records) {
        slots *= 2;
    }
    return sizeof(clp_span_ring) + slots * sizeof(span_slot);
}

clp_span_ring *clp_span_ring_open(void *memory, apr_size_t size)
{
    clp_span_ring *ring = memory;
    apr_size_t slots =
        size > sizeof(clp_span_ring) ? (size - sizeof(clp_span_ring)) / sizeof(span_slot) : 0;

    if (slots < 16 || (slots & (slots - 1))) {
        return NULL;
    }
    if (!clp_word_get(&ring->magic)) {
        ring->slots = slots;
        clp_word_set(&ring->magic, MAGIC);
    }
    return ring->magic == MAGIC && ring->slots == slots ? ring : NULL;
}

/* --- posting ------------------------------------------------------------------------------- */

/* Take the next place; 0 if there is none. */
static int claim(clp_span_ring *ring, apr_uint64_t *number)
{
    for (;;) {
        apr_uint64_t head = clp_word_get(&ring->head);
        apr_uint64_t lap = lap_of(ring, head);
        span_slot *slot = slot_of(ring, head);
        apr_uint64_t word = clp_word_get(&slot->state);

        if (word == slot_word(lap, 0, FREE)) {
            if (clp_word_swap(&slot->state, word, slot_word(lap, getpid(), CLAIMED))) {
                clp_word_swap(&ring->head, head, head + 1);
                *number = head;
                return 1;
            }
        }
        else if (!word_before(word, lap)) {
            /* Taken, and who took it has not moved the head yet: maybe it never will. */
            clp_word_swap(&ring->head, head, head + 1);
        }
        else if (clp_word_get(&ring->head) == head) {
            return 0;
        }
    }
}

int clp_span_ring_post(clp_span_ring *ring, const clp_span_record *record)
{
    apr_uint64_t number;
    span_slot *slot;

    if (!claim(ring, &number)) {
        clp_word_add(&ring->dropped, 1);
        return 0;
    }
    slot = slot_of(ring, number);
    slot->record = *record;
    clp_word_set(&slot->state, slot_word(lap_of(ring, number), 0, POSTED));
    return 1;
}

/* --- reading ------------------------------------------------------------------------------- */

static int is_gone(pid_t pid)
{
    return pid != getpid() && kill(pid, 0) != 0 && errno == ESRCH;
}

/* The state of a slot in this lap. */
static unsigned state_in(const span_slot *slot, apr_uint64_t lap)
{
    apr_uint64_t word = clp_word_get(&slot->state);

    if (word_of_lap(word, lap)) {
        return word_state(word);
    }
    return word_before(word, lap) ? FREE : TAKEN;
}

/* A slot whose poster is gone is given up. */
static unsigned look(span_slot *slot, apr_uint64_t lap)
{
    apr_uint64_t word = clp_word_get(&slot->state);

    if (word_of_lap(word, lap) && word_state(word) == CLAIMED && is_gone(word_pid(word))) {
        clp_word_swap(&slot->state, word, slot_word(lap, 0, LOST));
    }
    return state_in(slot, lap);
}

int clp_span_ring_read(clp_span_ring *ring, clp_span_record *out, int most, apr_uint64_t *end)
{
    apr_uint64_t number = clp_word_get(&ring->tail);
    int n = 0;

    while (n < most) {
        span_slot *slot = slot_of(ring, number);
        unsigned state = look(slot, lap_of(ring, number));

        if (state == FREE || state == CLAIMED) {
            break;
        }
        if (state == POSTED) {
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
    apr_uint64_t posted = 0;
    apr_uint64_t lost = 0;

    for (apr_uint64_t number = clp_word_get(&ring->tail); number < end; number++) {
        span_slot *slot = slot_of(ring, number);
        apr_uint64_t lap = lap_of(ring, number);
        unsigned state = state_in(slot, lap);

        posted += state == POSTED;
        lost += state == LOST;
        if (state != TAKEN) {
            clp_word_set(&slot->state, slot_word(lap + 1, 0, FREE));
        }
        clp_word_set(&ring->tail, number + 1);
    }
    clp_word_add(&ring->sent, (apr_uint64_t)sent);
    clp_word_add(&ring->refused, posted - (apr_uint64_t)sent);
    clp_word_add(&ring->lost, lost);
}

void clp_span_ring_reap(clp_span_ring *ring, pid_t pid)
{
    apr_uint64_t head = clp_word_get(&ring->head);

    /* The last one may have been claimed without moving the head. */
    for (apr_uint64_t i = clp_word_get(&ring->tail); i <= head; i++) {
        apr_uint64_t lap = lap_of(ring, i);

        clp_word_swap(&slot_of(ring, i)->state, slot_word(lap, pid, CLAIMED),
                      slot_word(lap, 0, LOST));
    }
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
