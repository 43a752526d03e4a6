/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_WRITES_H
#define CLP_STATE_WRITES_H

#include "state/word.h"

/**
 * @file writes.h
 * @brief What a booking changes: words and the values they get, put together before any of it is
 * done.
 *
 * Reads through the set see what the set is going to write, so code that changes state reads as
 * if it did so at once. Doing a set twice is doing it once: it holds values, not differences.
 */
#define CLP_WRITES_MAX 224

typedef enum clp_write_kind {
    CLP_WRITE_SET,  /**< the word gets `value` */
    CLP_WRITE_SWAP, /**< the word gets `value` if it is `expected` */
    CLP_WRITE_CLEAR /**< `value` words from here on get 0 */
} clp_write_kind;

typedef struct clp_write {
    apr_uint64_t *word;
    apr_uint64_t value;
    apr_uint64_t expected;
    clp_write_kind kind;
} clp_write;

/** More than twice CLP_WRITES_MAX, a power of two. */
#define CLP_WRITES_INDEX 512

typedef struct clp_writes {
    int n;
    int overflow; /**< more than CLP_WRITES_MAX were wanted: none of them will be done */
    int mixed;    /**< there are others than CLP_WRITE_SET: the index does not tell */
    apr_uint16_t index[CLP_WRITES_INDEX]; /**< number of a write + 1, by hash of its word */
    clp_write list[CLP_WRITES_MAX];
} clp_writes;

/** Empty the set; its list need not be initialised. */
void clp_writes_begin(clp_writes *w);

/** The value the word has once the set is done. */
apr_uint64_t clp_writes_get(const clp_writes *w, const apr_uint64_t *word);

void clp_writes_set(clp_writes *w, apr_uint64_t *word, apr_uint64_t value);

/** For words that others write too (compare and swap): only if it still is `expected`. */
void clp_writes_swap(clp_writes *w, apr_uint64_t *word, apr_uint64_t expected, apr_uint64_t value);

/** A run of words to 0. */
void clp_writes_clear(clp_writes *w, apr_uint64_t *word, apr_size_t words);

/** Sums in whole words wrap; there is nothing that counts so far. */
void clp_writes_add(clp_writes *w, apr_uint64_t *word, apr_uint64_t value);

/** The larger of what the word is and `value`. */
void clp_writes_max(clp_writes *w, apr_uint64_t *word, apr_uint64_t value);

/** 32-bit number `i` of a run of words (clp_half_of). */
apr_uint32_t clp_writes_get_half(const clp_writes *w, const apr_uint64_t *words, unsigned i);
void clp_writes_set_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint32_t value);

/** Likewise; stays at its largest value where the sum would not fit. */
void clp_writes_add_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint64_t value);

/** Carry out one write. */
void clp_write_do(const clp_write *write);

/** Carry the whole set out, where no ledger does: worlds of one thread, as tests and simulations
 * have them. Nothing if it overflowed. */
void clp_writes_do(const clp_writes *w);

#endif
