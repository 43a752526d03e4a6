/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_METRIC_ROWS_H
#define CLP_GATEWAY_METRIC_ROWS_H

#include "gateway/status_json.h"
#include "metric_text.h"

/**
 * @file metric_rows.h
 * @brief Metrics by channel and key, and what all of them are made of.
 */

/** A counter for each result that ever was, and for success. @param labels behind which `result`
 * comes; at most CLP_METRIC_LABELS of them */
#define CLP_METRIC_LABELS 3
void clp_metric_results(const clp_metric *m, const clp_metric_label *labels,
                        const apr_uint64_t results[CLP_BOOKED_ROOM]);

/** A counter for each kind of tokens, as label `type`. */
void clp_metric_tokens(const clp_metric *m, const clp_metric_label *labels,
                       const apr_uint64_t tokens[CLP_TOKEN_KINDS]);

/** Histograms of times. */
void clp_metric_durations(const clp_metric *m, const clp_metric_label *labels,
                          const clp_traffic *traffic);
void clp_metric_first_tokens(const clp_metric *m, const clp_metric_label *labels,
                             const clp_traffic *traffic);

/** Families about channels and their keys. */
void clp_metrics_of_channels(clp_buffer *out, const clp_status_scope *scope);

#endif
