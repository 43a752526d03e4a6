/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "state/slot_ring.h"

#define SLOTS 16
#define LAPS  ((apr_uint64_t)1 << 30) /* that a state word can tell apart */

typedef struct slot {
    apr_uint64_t state;
    apr_uint64_t value;
} slot;

typedef struct fixture {
    slot slots[SLOTS];
    apr_uint64_t head;
} fixture;

/* An empty ring that has gone round `laps` times. */
static clp_slot_ring ring_after(fixture *f, apr_uint64_t laps)
{
    memset(f, 0, sizeof(*f));
    f->head = laps * SLOTS;
    for (int i = 0; i < SLOTS; i++) {
        f->slots[i].state = laps % LAPS << 34;
    }
    return (clp_slot_ring){&f->head, (char *)f->slots, sizeof(slot), SLOTS};
}

static void test_sizes(void)
{
    static const struct {
        apr_uint32_t wanted;
        unsigned made;
    } rows[] = {{0, 16}, {16, 16}, {17, 32}, {2048, 2048}, {2049, 4096}};
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IS_INT(clp_slots_for(rows[i].wanted), rows[i].made, "slots for so many");
        IS_INT(clp_slots_in(rows[i].made * sizeof(slot), sizeof(slot)), rows[i].made,
               "and their number in the bytes");
    }
    IS_INT(clp_slots_in(8 * sizeof(slot), sizeof(slot)), 0, "fewer than are ever made");
    IS_INT(clp_slots_in(24 * sizeof(slot), sizeof(slot)), 0, "no power of two");
}

/* Claim and post until there is no room, look at all of it, free it. */
static void go_round(const clp_slot_ring *r, apr_uint64_t first)
{
    apr_uint64_t number;
    int n = 0;
    int wrong = 0;
    while (clp_slot_claim(r, &number)) {
        wrong += number != first + (apr_uint64_t)n++;
        wrong += clp_slot_look(r, number) != CLP_SLOT_CLAIMED;
        clp_slot_post(r, number);
    }
    IS_INT(n, SLOTS, "as many as there are slots");
    for (apr_uint64_t i = first; i < first + SLOTS; i++) {
        wrong += clp_slot_look(r, i) != CLP_SLOT_POSTED;
        wrong += clp_slot_look(r, i + SLOTS) != CLP_SLOT_FREE;
        clp_slot_free(r, i);
        wrong += clp_slot_look(r, i) != CLP_SLOT_TAKEN;
        clp_slot_free(r, i);
        wrong += clp_slot_look(r, i + SLOTS) != CLP_SLOT_FREE;
    }
    IS_INT(wrong, 0, "each in its state, in this lap and the next");
}

/* The lap in a state word begins anew after LAPS. */
static void test_laps(void)
{
    static const apr_uint64_t laps[] = {0, LAPS / 2, LAPS - 2, 5 * LAPS - 1};
    fixture f;
    for (apr_size_t i = 0; i < sizeof(laps) / sizeof(laps[0]); i++) {
        clp_slot_ring r = ring_after(&f, laps[i]);
        for (apr_uint64_t lap = laps[i]; lap < laps[i] + 4; lap++) {
            go_round(&r, lap * SLOTS);
        }
    }
}

/* Who claimed a slot may die before it moves the head. */
static void test_head_behind(void)
{
    fixture f;
    clp_slot_ring r = ring_after(&f, LAPS - 1);
    apr_uint64_t first;
    apr_uint64_t next;
    clp_slot_claim(&r, &first);
    f.head = first;
    OK(clp_slot_claim(&r, &next) && next == first + 1, "the next one goes on behind it");
}

int main(void)
{
    tap_begin();
    test_sizes();
    test_laps();
    test_head_behind();
    return tap_end();
}
