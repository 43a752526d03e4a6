/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_METRIC_TEXT_H
#define CLP_GATEWAY_METRIC_TEXT_H

#include "wire/buffer.h"

/**
 * @file metric_text.h
 * @brief Prometheus' text format: families of samples with labels.
 *
 * All samples of a family follow its head, and no two may have the same labels.
 */
typedef struct clp_metric_label {
    const char *name;
    const char *value; /**< UTF-8; escaped when it is written */
} clp_metric_label;

/** Labels of a sample: CLP_LABELS({"channel", name}, {"result", r}). */
#define CLP_LABELS(...)                                                                            \
    (const clp_metric_label[])                                                                     \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define CLP_NO_LABELS                                                                              \
    (const clp_metric_label[])                                                                     \
    {                                                                                              \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

typedef struct clp_metric {
    clp_buffer *out;
    const char *name;
} clp_metric;

/** Begin a family. @param type "counter", "gauge" or "histogram" */
clp_metric clp_metric_begin(clp_buffer *out, const char *name, const char *type, const char *help);

void clp_metric_count(const clp_metric *m, const clp_metric_label *labels, apr_uint64_t n);

/** A value in seconds, given in microseconds. */
void clp_metric_seconds(const clp_metric *m, const clp_metric_label *labels,
                        apr_uint64_t microseconds);

/** A histogram: how many fell into each bucket, and what lies between them. */
typedef struct clp_metric_spread {
    const apr_uint64_t *buckets; /**< each for itself; the last has no upper bound */
    int n;
    apr_int64_t (*bound)(int bucket); /**< upper bound of a bucket but the last */
    int scale;                        /**< 1, or 1000: bounds are thousandths of the unit */
    apr_uint64_t sum_millionths;      /**< of all values, in millionths of the unit */
} clp_metric_spread;

void clp_metric_histogram(const clp_metric *m, const clp_metric_label *labels,
                          const clp_metric_spread *spread);

#endif
