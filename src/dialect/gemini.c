/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini.h"
#include "counts.h"

const clp_dialect clp_dialect_gemini = {
    .name = "gemini",
    .path_style = CLP_JSON_PATH_DOTS,
    .sniff = clp_gemini_sniff,
    .read_request = clp_gemini_read_request,
    .write_request = clp_gemini_write_request,
    .open_reader = clp_gemini_open_reader,
    .open_writer = clp_gemini_open_writer,
    .read_problem = clp_gemini_read_problem,
    .write_problem = clp_gemini_write_problem,
    .problem_status = clp_gemini_problem_status,
    .read_count = clp_gemini_read_count,
    .write_count = clp_gemini_write_count,
    .keepalive = NULL,
    .breaks_off = 1,
};
