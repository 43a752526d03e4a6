/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_WORD_H
#define CLP_STATE_WORD_H

#include <apr.h>

/**
 * @file word.h
 * @brief All shared state is 64-bit words that are read and written as a whole.
 *
 * A reader may see some words of a booking and not yet the others; never half a word. Where the
 * order of two words matters, the writes are in that order and the reader says so.
 */

/* Without them atomics would lock inside one process and guard nothing between two. */
_Static_assert(__GCC_ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");

static inline apr_uint64_t clp_word_get(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void clp_word_set(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/** Wraps; gives the new value. */
static inline apr_uint64_t clp_word_add(apr_uint64_t *word, apr_uint64_t value)
{
    return __atomic_add_fetch(word, value, __ATOMIC_SEQ_CST);
}

/** Compare and swap: 1 if the word was `from` and now is `to`. */
static inline int clp_word_swap(apr_uint64_t *word, apr_uint64_t from, apr_uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/** Two 32-bit numbers in a word: number `i` of a run of words, the low half first. */
static inline apr_uint32_t clp_half_of(apr_uint64_t word, unsigned i)
{
    return (apr_uint32_t)(word >> (i % 2 * 32));
}

static inline apr_uint64_t clp_half_put(apr_uint64_t word, unsigned i, apr_uint32_t value)
{
    unsigned shift = i % 2 * 32;
    return (word & ~((apr_uint64_t)0xffffffffu << shift)) | (apr_uint64_t)value << shift;
}

#endif
