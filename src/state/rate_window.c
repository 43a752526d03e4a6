/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/rate_window.h"

#define SEGMENT apr_time_from_sec(6)
#define MOST    0xffffffffu

static apr_uint32_t stamp_of(apr_time_t now)
{
    return (apr_uint32_t)(now / SEGMENT);
}

static apr_uint64_t segment(apr_uint32_t stamp, apr_uint64_t count)
{
    return (apr_uint64_t)stamp << 32 | (count > MOST ? MOST : count);
}

/* Does the word count for a later segment? Then what comes so late is left out. */
static int later(apr_uint64_t word, apr_uint32_t stamp)
{
    return word >> 32 > stamp;
}

/* What the word counts for that segment of time; 0 if it is another's. */
static apr_uint64_t count_of(apr_uint64_t word, apr_uint32_t stamp)
{
    return word >> 32 == stamp ? word & MOST : 0;
}

static const apr_uint64_t *word_of(const clp_rate_window *w, apr_uint32_t stamp)
{
    return &w->segments[stamp % CLP_RATE_SEGMENTS];
}

apr_uint64_t clp_rate_sum(const clp_rate_window *w, apr_time_t now)
{
    apr_uint32_t stamp = stamp_of(now);
    apr_uint64_t sum = 0;
    for (apr_uint32_t i = 0; i < CLP_RATE_SEGMENTS; i++) {
        sum += count_of(clp_word_get(word_of(w, stamp - i)), stamp - i);
    }
    return sum;
}

apr_time_t clp_rate_free_at(const clp_rate_window *w, apr_time_t now, apr_uint64_t cap)
{
    apr_uint64_t sum = clp_rate_sum(w, now);
    apr_uint32_t oldest = stamp_of(now) - CLP_RATE_SEGMENTS + 1;
    apr_time_t at = now;
    for (apr_uint32_t i = 0; i < CLP_RATE_SEGMENTS && sum > cap; i++) {
        sum -= count_of(clp_word_get(word_of(w, oldest + i)), oldest + i);
        at = (apr_time_t)(oldest + i + CLP_RATE_SEGMENTS) * SEGMENT;
    }
    return at;
}

static void add(clp_rate_window *w, apr_time_t now)
{
    apr_uint32_t stamp = stamp_of(now);
    apr_uint64_t *word = &w->segments[stamp % CLP_RATE_SEGMENTS];
    apr_uint64_t was;
    do {
        was = clp_word_get(word);
    } while (!later(was, stamp) &&
             !clp_word_swap(word, was, segment(stamp, count_of(was, stamp) + 1)));
}

int clp_rate_take(clp_rate_window *w, apr_time_t now, apr_uint64_t cap)
{
    add(w, now);
    if (cap && clp_rate_sum(w, now) > cap) {
        clp_rate_give_back(w, now);
        return 0;
    }
    return 1;
}

void clp_rate_give_back(clp_rate_window *w, apr_time_t at)
{
    apr_uint32_t stamp = stamp_of(at);
    apr_uint64_t *word = &w->segments[stamp % CLP_RATE_SEGMENTS];
    apr_uint64_t was;
    apr_uint64_t count;
    do {
        was = clp_word_get(word);
        count = count_of(was, stamp);
    } while (count && !clp_word_swap(word, was, segment(stamp, count - 1)));
}

void clp_rate_enter(clp_writes *writes, clp_rate_window *w, apr_time_t now, apr_uint64_t n)
{
    apr_uint32_t stamp = stamp_of(now);
    apr_uint64_t *word = &w->segments[stamp % CLP_RATE_SEGMENTS];
    apr_uint64_t was = clp_writes_get(writes, word);
    if (n && !later(was, stamp)) {
        clp_writes_set(writes, word, segment(stamp, count_of(was, stamp) + n));
    }
}
