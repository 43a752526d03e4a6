/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/recent_ring.h"

#include <string.h>
#include <unistd.h>

#include "state/process.h"

#define MAGIC APR_UINT64_C(0x3130746e6365726c) /* "lrecnt01" */
#define WORDS (sizeof(clp_recent_entry) / sizeof(apr_uint64_t))

/*
 * Entry n stands in slot n % slots. The slot's word says whose it is: 0 nobody's yet, number << 1
 * of a whole entry, pid << 1 | 1 of who is writing one. It changes by compare and swap, so a slot
 * has one writer; a second one that comes round to it goes on to the next number, unless the
 * first was killed.
 */
typedef struct slot {
    apr_uint64_t word;
    apr_uint64_t entry[WORDS];
} slot;

struct clp_recent_ring {
    apr_uint64_t magic; /* set last */
    apr_uint64_t slots;
    apr_uint64_t last __attribute__((aligned(64))); /* number that was given out last */
    slot ring[] __attribute__((aligned(64)));
};

apr_size_t clp_recent_ring_size(apr_uint32_t entries)
{
    return sizeof(clp_recent_ring) + (entries ? entries : 1) * sizeof(slot);
}

clp_recent_ring *clp_recent_ring_open(void *memory, apr_size_t size)
{
    clp_recent_ring *ring = memory;
    apr_uint64_t slots = size > sizeof(*ring) ? (size - sizeof(*ring)) / sizeof(slot) : 0;

    if (!slots) {
        return NULL;
    }
    if (!clp_word_get(&ring->magic)) {
        ring->slots = slots;
        clp_word_set(&ring->magic, MAGIC);
    }
    return ring->magic == MAGIC && ring->slots == slots ? ring : NULL;
}

apr_uint64_t clp_recent_ring_capacity(const clp_recent_ring *ring)
{
    return ring->slots;
}

static apr_uint64_t whole(apr_uint64_t number)
{
    return number << 1;
}

static apr_uint64_t being_written_by(pid_t pid)
{
    return (apr_uint64_t)(apr_uint32_t)pid << 1 | 1;
}

/* Threads of one process cannot tell each other's death, but then die together. */
static int is_abandoned(apr_uint64_t word)
{
    pid_t pid = (pid_t)(apr_uint32_t)(word >> 1);

    return pid != getpid() && clp_process_gone(pid);
}

/* --- posting ------------------------------------------------------------------------------- */

static int claim(slot *s, apr_uint64_t number)
{
    apr_uint64_t word = clp_word_get(&s->word);

    if (word & 1 ? !is_abandoned(word) : word > whole(number)) {
        return 0;
    }
    return clp_word_swap(&s->word, word, being_written_by(getpid()));
}

/* Words as such: a reader may look on. */
static void put_entry(slot *s, const clp_recent_entry *entry)
{
    const char *from = (const char *)entry;

    for (apr_size_t i = 0; i < WORDS; i++) {
        apr_uint64_t word;
        memcpy(&word, from + i * sizeof(word), sizeof(word));
        __atomic_store_n(&s->entry[i], word, __ATOMIC_RELAXED);
    }
}

/* Where all slots are being written the entry is one of those that would be gone at once. */
void clp_recent_ring_post(clp_recent_ring *ring, const clp_recent_entry *entry)
{
    for (apr_uint64_t tries = 0; tries < ring->slots; tries++) {
        apr_uint64_t number = clp_word_add(&ring->last, 1);
        slot *s = &ring->ring[number % ring->slots];

        if (claim(s, number)) {
            __atomic_thread_fence(__ATOMIC_RELEASE);
            put_entry(s, entry);
            clp_word_set(&s->word, whole(number));
            return;
        }
    }
}

/* --- reading ------------------------------------------------------------------------------- */

static int get_entry(const slot *s, apr_uint64_t number, clp_recent_entry *out)
{
    char *to = (char *)out;

    if (clp_word_get(&s->word) != whole(number)) {
        return 0;
    }
    for (apr_size_t i = 0; i < WORDS; i++) {
        apr_uint64_t word = __atomic_load_n(&s->entry[i], __ATOMIC_RELAXED);
        memcpy(to + i * sizeof(word), &word, sizeof(word));
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&s->word, __ATOMIC_RELAXED) == whole(number);
}

apr_uint64_t clp_recent_ring_next(const clp_recent_ring *ring, apr_uint64_t before,
                                  clp_recent_entry *out)
{
    apr_uint64_t last = clp_word_get(&ring->last);
    apr_uint64_t number = before && before <= last ? before - 1 : last;
    apr_uint64_t oldest = last > ring->slots ? last - ring->slots : 0;

    for (; number > oldest; number--) {
        if (get_entry(&ring->ring[number % ring->slots], number, out)) {
            return number;
        }
    }
    return 0;
}
