/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_LEDGER_MEMORY_H
#define CLP_STATE_LEDGER_MEMORY_H

#include "slot_ring.h"
#include "state/ledger.h"

/**
 * @file ledger_memory.h
 * @brief How the ledger lies in shared memory, and where it can be interrupted.
 *
 * Bookings stand in a ring of slots (slot_ring.h), each until it is entered; a slot that is given
 * up is skipped.
 */
typedef struct clp_ledger_slot {
    apr_uint64_t state;
    clp_booking booking;
} clp_ledger_slot;

_Static_assert(sizeof(clp_ledger_slot) == 128, "a slot is two cache lines");

/** One write of the journal: what = kind << 56 | block << 48 | number of the word. */
typedef struct clp_journal_entry {
    apr_uint64_t what;
    apr_uint64_t value;
    apr_uint64_t expected;
} clp_journal_entry;

/** Block number of the ledger's own words. */
#define CLP_LEDGER_OWN CLP_LEDGER_BLOCKS

/** `journal` of a change that is no booking. */
#define CLP_JOURNAL_CHANGE (~(apr_uint64_t)0)

typedef struct clp_ledger_memory {
    apr_uint64_t magic; /* written last */
    apr_uint64_t slots; /* a power of two */
    apr_uint64_t unused[6];
    apr_uint64_t head; /* next number to claim; on a line of its own, as all posters change it */
    apr_uint64_t lost;
    apr_uint64_t unused2[6];
    apr_uint64_t tail;  /* next number to enter */
    apr_uint64_t owner; /* who enters: pid << 32 | milliseconds of the claim; 0 = nobody */
    apr_uint64_t skipped;
    apr_uint64_t journal; /* number of the booking written down + 1; 0 = nothing to do */
    apr_uint64_t entries; /* how many */
    apr_uint64_t unused3[3];
    clp_journal_entry list[CLP_WRITES_MAX + 1]; /* + 1 for the ledger itself */
    apr_uint64_t unused4[5];
    clp_ledger_slot ring[];
} clp_ledger_memory;

_Static_assert(sizeof(clp_ledger_memory) % 64 == 0, "slots begin on a cache line");

/** Where a process may die: told to `step`, which unit tests set. */
typedef enum clp_ledger_step {
    CLP_STEP_CLAIMED,   /* a slot, not yet filled */
    CLP_STEP_POSTED,    /* not yet looked whether anybody enters */
    CLP_STEP_OWNER,     /* nothing done yet */
    CLP_STEP_WRITTEN,   /* the journal, not yet marked valid */
    CLP_STEP_JOURNALED, /* valid, nothing carried out */
    CLP_STEP_CARRYING,  /* after each write */
    CLP_STEP_CARRIED,   /* all of them; the slot is not free yet */
    CLP_STEP_FREED,     /* the tail is still behind */
    CLP_STEP_ADVANCED,  /* the journal is still valid */
    CLP_STEP_CLEARED,   /* not yet released */
    CLP_STEP_RELEASED,  /* not yet looked again */
    CLP_STEPS
} clp_ledger_step;

struct clp_ledger {
    clp_ledger_memory *m;
    clp_slot_ring ring; /* of m */
    clp_ledger_block blocks[CLP_LEDGER_BLOCKS + 1];
    int nblocks;
    clp_ledger_fn *enter;
    void *baton;
    void (*step)(clp_ledger_step step);
};

#endif
