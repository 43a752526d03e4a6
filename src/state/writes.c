/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/writes.h"

#include <string.h>

void clp_writes_begin(clp_writes *w)
{
    w->n = 0;
    w->overflow = 0;
    w->mixed = 0;
    memset(w->index, 0, sizeof(w->index));
}

/* The place of the word in the index: where it stands, or may be put. */
static unsigned place_of(const clp_writes *w, const apr_uint64_t *word)
{
    apr_uint64_t h = (apr_uint64_t)(apr_size_t)word / 8 * APR_UINT64_C(0x9e3779b97f4a7c15);
    unsigned i = (unsigned)(h >> 32) % CLP_WRITES_INDEX;
    while (w->index[i] && w->list[w->index[i] - 1].word != word) {
        i = (i + 1) % CLP_WRITES_INDEX;
    }
    return i;
}

static int covers(const clp_write *write, const apr_uint64_t *word)
{
    return write->kind == CLP_WRITE_CLEAR ? word >= write->word && word < write->word + write->value
                                          : word == write->word;
}

/* The last write that concerns the word, or -1. */
static int last_of(const clp_writes *w, const apr_uint64_t *word)
{
    int i = w->n - 1;
    if (!w->mixed) {
        return w->index[place_of(w, word)] - 1;
    }
    while (i >= 0 && !covers(&w->list[i], word)) {
        i--;
    }
    return i;
}

apr_uint64_t clp_writes_get(const clp_writes *w, const apr_uint64_t *word)
{
    int i = last_of(w, word);
    if (i < 0) {
        return clp_word_get(word);
    }
    switch (w->list[i].kind) {
    case CLP_WRITE_CLEAR: return 0;
    case CLP_WRITE_SWAP: {
        apr_uint64_t now = clp_word_get(word);
        return now == w->list[i].expected ? w->list[i].value : now;
    }
    case CLP_WRITE_SET:
    default: return w->list[i].value;
    }
}

static void append(clp_writes *w, clp_write write)
{
    if (w->n == CLP_WRITES_MAX) {
        w->overflow = 1;
        return;
    }
    if (write.kind != CLP_WRITE_SET) {
        w->mixed = 1;
    }
    else if (!w->mixed) {
        w->index[place_of(w, write.word)] = (apr_uint16_t)(w->n + 1);
    }
    w->list[w->n++] = write;
}

void clp_writes_set(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    int i = last_of(w, word);
    if (i >= 0 && w->list[i].kind == CLP_WRITE_SET) {
        w->list[i].value = value;
        return;
    }
    append(w, (clp_write){word, value, 0, CLP_WRITE_SET});
}

void clp_writes_swap(clp_writes *w, apr_uint64_t *word, apr_uint64_t expected, apr_uint64_t value)
{
    append(w, (clp_write){word, value, expected, CLP_WRITE_SWAP});
}

void clp_writes_clear(clp_writes *w, apr_uint64_t *word, apr_size_t words)
{
    append(w, (clp_write){word, words, 0, CLP_WRITE_CLEAR});
}

void clp_writes_add(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    if (value) {
        clp_writes_set(w, word, clp_writes_get(w, word) + value);
    }
}

void clp_writes_max(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    if (value > clp_writes_get(w, word)) {
        clp_writes_set(w, word, value);
    }
}

apr_uint32_t clp_writes_get_half(const clp_writes *w, const apr_uint64_t *words, unsigned i)
{
    return clp_half_of(clp_writes_get(w, words + i / 2), i);
}

void clp_writes_set_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint32_t value)
{
    clp_writes_set(w, words + i / 2, clp_half_put(clp_writes_get(w, words + i / 2), i, value));
}

void clp_writes_add_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint64_t value)
{
    apr_uint64_t was = clp_writes_get_half(w, words, i);
    if (value) {
        clp_writes_set_half(w, words, i,
                            value > 0xffffffffu - was ? 0xffffffffu : (apr_uint32_t)(was + value));
    }
}

void clp_write_do(const clp_write *write)
{
    switch (write->kind) {
    case CLP_WRITE_SET: clp_word_set(write->word, write->value); break;
    case CLP_WRITE_SWAP: clp_word_swap(write->word, write->expected, write->value); break;
    case CLP_WRITE_CLEAR:
        for (apr_uint64_t i = 0; i < write->value; i++) {
            clp_word_set(write->word + i, 0);
        }
        break;
    }
}

void clp_writes_do(const clp_writes *w)
{
    if (w->overflow) {
        return;
    }
    for (int i = 0; i < w->n; i++) {
        clp_write_do(&w->list[i]);
    }
}
