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

/* What the word has after the write `i`, the last one that concerns it; -1 = none does. */
static apr_uint64_t value_after(const clp_writes *w, int i, const apr_uint64_t *word)
{
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

apr_uint64_t clp_writes_get(const clp_writes *w, const apr_uint64_t *word)
{
    return value_after(w, last_of(w, word), word);
}

static void append(clp_writes *w, clp_write write)
{
    if (w->n == CLP_WRITES_MAX) {
        w->overflow = 1;
        return;
    }
    w->list[w->n++] = write;
}

static void append_other(clp_writes *w, clp_write write)
{
    w->mixed = 1;
    append(w, write);
}

/* A word that is about to be changed, looked up once. */
typedef struct change {
    apr_uint64_t *word;
    unsigned place; /* in the index, if that tells */
    int last;
} change;

static change change_of(const clp_writes *w, apr_uint64_t *word)
{
    change c = {word, 0, -1};
    if (w->mixed) {
        c.last = last_of(w, word);
    }
    else {
        c.place = place_of(w, word);
        c.last = w->index[c.place] - 1;
    }
    return c;
}

static void change_to(clp_writes *w, const change *c, apr_uint64_t value)
{
    if (c->last >= 0 && w->list[c->last].kind == CLP_WRITE_SET) {
        w->list[c->last].value = value;
        return;
    }
    if (!w->mixed && w->n < CLP_WRITES_MAX) {
        w->index[c->place] = (apr_uint16_t)(w->n + 1);
    }
    append(w, (clp_write){c->word, value, 0, CLP_WRITE_SET});
}

void clp_writes_set(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    change c = change_of(w, word);
    change_to(w, &c, value);
}

void clp_writes_swap(clp_writes *w, apr_uint64_t *word, apr_uint64_t expected, apr_uint64_t value)
{
    append_other(w, (clp_write){word, value, expected, CLP_WRITE_SWAP});
}

void clp_writes_clear(clp_writes *w, apr_uint64_t *word, apr_size_t words)
{
    append_other(w, (clp_write){word, words, 0, CLP_WRITE_CLEAR});
}

void clp_writes_add(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    if (value) {
        change c = change_of(w, word);
        change_to(w, &c, value_after(w, c.last, word) + value);
    }
}

void clp_writes_max(clp_writes *w, apr_uint64_t *word, apr_uint64_t value)
{
    change c = change_of(w, word);
    if (value > value_after(w, c.last, word)) {
        change_to(w, &c, value);
    }
}

apr_uint32_t clp_writes_get_half(const clp_writes *w, const apr_uint64_t *words, unsigned i)
{
    return clp_half_of(clp_writes_get(w, words + i / 2), i);
}

void clp_writes_set_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint32_t value)
{
    apr_uint64_t *word = words + i / 2;
    change c = change_of(w, word);
    change_to(w, &c, clp_half_put(value_after(w, c.last, word), i, value));
}

void clp_writes_add_half(clp_writes *w, apr_uint64_t *words, unsigned i, apr_uint64_t value)
{
    if (value) {
        apr_uint64_t *word = words + i / 2;
        change c = change_of(w, word);
        apr_uint64_t both = value_after(w, c.last, word);
        apr_uint32_t was = clp_half_of(both, i);
        apr_uint32_t sum = value > 0xffffffffu - was ? 0xffffffffu : was + (apr_uint32_t)value;
        change_to(w, &c, clp_half_put(both, i, sum));
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
