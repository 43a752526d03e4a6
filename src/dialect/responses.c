/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses.h"
#include "counts.h"

const clp_dialect clp_dialect_responses = {
    .name = "responses",
    .path_style = CLP_JSON_PATH_BRACKETS,
    .sniff = clp_responses_sniff,
    .read_request = clp_responses_read_request,
    .write_request = clp_responses_write_request,
    .open_reader = clp_responses_open_reader,
    .open_writer = clp_responses_open_writer,
    .read_problem = clp_responses_read_problem,
    .write_problem = clp_responses_write_problem,
    .problem_status = clp_responses_problem_status,
    .read_count = clp_responses_read_count,
    .write_count = clp_responses_write_count,
    .keepalive = clp_responses_keepalive,
};
