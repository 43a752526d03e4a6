/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "slot_ring.h"

#include <unistd.h>

#include "state/process.h"

#define LEAST    16
#define LAP_BITS 30
#define LAP_MASK (((apr_uint64_t)1 << LAP_BITS) - 1)

/* --- the state word ------------------------------------------------------------------------ */

static apr_uint64_t word_of(apr_uint64_t lap, pid_t pid, clp_slot_state state)
{
    return (lap & LAP_MASK) << 34 | (apr_uint64_t)(apr_uint32_t)pid << 2 | state;
}

static pid_t pid_in(apr_uint64_t word)
{
    return (pid_t)(apr_uint32_t)(word >> 2);
}

/* Is the word of an earlier lap? */
static int is_before(apr_uint64_t word, apr_uint64_t lap)
{
    return ((lap - (word >> 34)) & LAP_MASK) - 1 < LAP_MASK / 2;
}

static clp_slot_state state_in(apr_uint64_t word, apr_uint64_t lap)
{
    if (word >> 34 == (lap & LAP_MASK)) {
        return (clp_slot_state)(word & 3);
    }
    return is_before(word, lap) ? CLP_SLOT_FREE : CLP_SLOT_TAKEN;
}

static apr_uint64_t lap_of(const clp_slot_ring *r, apr_uint64_t number)
{
    return number / r->slots;
}

/* --- the ring ------------------------------------------------------------------------------ */

apr_uint64_t clp_slots_for(apr_uint32_t n)
{
    apr_uint64_t slots = LEAST;
    while (slots < n) {
        slots *= 2;
    }
    return slots;
}

apr_uint64_t clp_slots_in(apr_size_t bytes, apr_size_t size)
{
    apr_uint64_t slots = bytes / size;
    return slots >= LEAST && !(slots & (slots - 1)) ? slots : 0;
}

int clp_slot_claim(const clp_slot_ring *r, apr_uint64_t *number)
{
    for (;;) {
        apr_uint64_t head = clp_word_get(r->head);
        apr_uint64_t lap = lap_of(r, head);
        apr_uint64_t *state = clp_slot_at(r, head);
        apr_uint64_t word = clp_word_get(state);
        if (word == word_of(lap, 0, CLP_SLOT_FREE)) {
            if (clp_word_swap(state, word, word_of(lap, getpid(), CLP_SLOT_CLAIMED))) {
                clp_word_swap(r->head, head, head + 1);
                *number = head;
                return 1;
            }
        }
        else if (!is_before(word, lap)) {
            /* Taken, and who took it has not moved the head yet: maybe it never will. */
            clp_word_swap(r->head, head, head + 1);
        }
        else if (clp_word_get(r->head) == head) {
            return 0;
        }
    }
}

void clp_slot_post(const clp_slot_ring *r, apr_uint64_t number)
{
    clp_word_set(clp_slot_at(r, number), word_of(lap_of(r, number), 0, CLP_SLOT_POSTED));
}

clp_slot_state clp_slot_look(const clp_slot_ring *r, apr_uint64_t number)
{
    return state_in(clp_word_get(clp_slot_at(r, number)), lap_of(r, number));
}

clp_slot_state clp_slot_settle(const clp_slot_ring *r, apr_uint64_t number)
{
    apr_uint64_t lap = lap_of(r, number);
    apr_uint64_t *state = clp_slot_at(r, number);
    apr_uint64_t word = clp_word_get(state);
    if (state_in(word, lap) == CLP_SLOT_CLAIMED && pid_in(word) != getpid() &&
        clp_process_gone(pid_in(word))) {
        clp_word_swap(state, word, word_of(lap, 0, CLP_SLOT_GIVEN_UP));
        return clp_slot_look(r, number);
    }
    return state_in(word, lap);
}

void clp_slot_free(const clp_slot_ring *r, apr_uint64_t number)
{
    if (clp_slot_look(r, number) != CLP_SLOT_TAKEN) { /* else by one who died right behind */
        clp_word_set(clp_slot_at(r, number), word_of(lap_of(r, number) + 1, 0, CLP_SLOT_FREE));
    }
}

void clp_slots_give_up(const clp_slot_ring *r, apr_uint64_t tail, pid_t pid)
{
    apr_uint64_t head = clp_word_get(r->head);
    /* The last one may have been claimed without moving the head. */
    for (apr_uint64_t i = tail; i <= head; i++) {
        apr_uint64_t lap = lap_of(r, i);
        clp_word_swap(clp_slot_at(r, i), word_of(lap, pid, CLP_SLOT_CLAIMED),
                      word_of(lap, 0, CLP_SLOT_GIVEN_UP));
    }
}
