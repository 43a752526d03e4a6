/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_JSON_SCAN_WORDS_H
#define CLP_WIRE_JSON_SCAN_WORDS_H

#include "wire/json_scan.h"

/**
 * clp_json_scan() without vector instructions, as it is on machines that have
 * none: for tests that both ways agree.
 */
clp_json_error clp_json_scan_words(clp_json *j, clp_span text, const clp_json_limits *limits,
                                   apr_size_t *where);

#endif
