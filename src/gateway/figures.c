/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <string.h>

#include <apr_strings.h>

#include "state/counters.h"

clp_history_sums clp_figures_of_results(const apr_uint64_t results[CLP_BOOKED_ROOM])
{
    clp_history_sums sums = {{0}};

    for (int i = 0; i < CLP_BOOKED_RESULTS; i++) {
        clp_booked result = (clp_booked)i;
        apr_uint64_t n = clp_word_get(&results[i]);

        if (result == CLP_BOOKED_HEDGE_LOST) {
            continue; /* nothing of it counts but what it cost */
        }
        sums.of[CLP_POINT_REQUESTS] += n;
        sums.of[CLP_POINT_FAILURES] += clp_booked_failed(result) ? n : 0;
        sums.of[CLP_POINT_ABORTS] += result == CLP_BOOKED_ABORTED ? n : 0;
        sums.of[CLP_POINT_CLIENT_ERRORS] += result == CLP_BOOKED_CLIENT_ERROR ? n : 0;
    }
    return sums;
}

void clp_figures_add(clp_history_sums *sums, const clp_history_sums *more)
{
    for (int i = CLP_POINT_REQUESTS; i < CLP_POINT_HALVES; i++) {
        sums->of[i] += more->of[i];
    }
}

void clp_figure_hundredths(clp_jw *w, const char *name, apr_int64_t hundredths)
{
    char text[32];
    int n;

    if (hundredths < 0) {
        clp_jw_knull(w, name);
        return;
    }
    n = apr_snprintf(text, sizeof(text), "%" APR_INT64_T_FMT ".%02d", hundredths / 100,
                     (int)(hundredths % 100));
    while (text[n - 1] == '0') {
        n--;
    }
    n -= text[n - 1] == '.';
    clp_jw_kraw(w, name, clp_span_of(text, (apr_size_t)n));
}

static void write_count(clp_jw *w, const char *name, apr_uint64_t n)
{
    clp_jw_kint(w, name, (apr_int64_t)n);
}

void clp_figures_counts(clp_jw *w, const clp_history_sums *sums)
{
    write_count(w, "requestCount", sums->of[CLP_POINT_REQUESTS]);
    write_count(w, "successCount", clp_history_successes(sums));
    write_count(w, "failureCount", sums->of[CLP_POINT_FAILURES]);
    write_count(w, "abortedCount", sums->of[CLP_POINT_ABORTS]);
    write_count(w, "clientErrorCount", sums->of[CLP_POINT_CLIENT_ERRORS]);
    clp_figure_hundredths(w, "successRate", clp_history_success_rate(sums));
}

void clp_figures_tokens(clp_jw *w, const clp_history_sums *sums)
{
    write_count(w, "inputTokens", sums->of[CLP_POINT_TOKENS_IN]);
    write_count(w, "outputTokens", sums->of[CLP_POINT_TOKENS_OUT]);
    write_count(w, "cacheReadTokens", sums->of[CLP_POINT_CACHE_READ]);
    write_count(w, "cacheCreationTokens", sums->of[CLP_POINT_CACHE_WRITE]);
    write_count(w, "reasoningTokens", sums->of[CLP_POINT_REASONING]);
}

apr_int64_t clp_figure_cache_hits(const clp_history_sums *sums)
{
    apr_uint64_t prompts = sums->of[CLP_POINT_TOKENS_IN] + sums->of[CLP_POINT_CACHE_READ] +
                           sums->of[CLP_POINT_CACHE_WRITE];

    return prompts ? (apr_int64_t)(sums->of[CLP_POINT_CACHE_READ] * 10000 / prompts) : -1;
}

/* --- times ------------------------------------------------------------------------- */

/* The time that `percent` of `total` times, which is not 0, do not exceed. */
static apr_int64_t quantile(const apr_uint64_t *buckets, apr_uint64_t total, unsigned percent)
{
    apr_uint64_t rank = (total * percent + 99) / 100;
    apr_int64_t from = 0;
    apr_uint64_t below = 0;
    int i = 0;

    while (i < CLP_HISTOGRAM - 1 && below + buckets[i] < rank) {
        below += buckets[i];
        from = clp_histogram_bound_ms(i++);
    }
    if (i == CLP_HISTOGRAM - 1) {
        return from;
    }
    return from + (clp_histogram_bound_ms(i) - from) * (apr_int64_t)(rank - below) /
                      (apr_int64_t)buckets[i];
}

void clp_figures_times(clp_jw *w, const char *name, const apr_uint64_t buckets[CLP_HISTOGRAM],
                       apr_uint64_t total_us)
{
    static const struct {
        const char *name;
        unsigned percent;
    } told[] = {{"p50Ms", 50}, {"p90Ms", 90}, {"p99Ms", 99}};
    apr_uint64_t copy[CLP_HISTOGRAM];
    apr_uint64_t total = 0;

    for (int i = 0; i < CLP_HISTOGRAM; i++) {
        copy[i] = clp_word_get(&buckets[i]);
        total += copy[i];
    }
    clp_jw_key(w, name);
    clp_jw_object(w);
    write_count(w, "requestCount", total);
    if (total) {
        write_count(w, "averageMs", total_us / 1000 / total);
    }
    else {
        clp_jw_knull(w, "averageMs");
    }
    for (apr_size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (total) {
            clp_jw_kint(w, told[i].name, quantile(copy, total, told[i].percent));
        }
        else {
            clp_jw_knull(w, told[i].name);
        }
    }
    clp_jw_end_object(w);
}
