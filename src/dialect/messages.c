/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"
#include "counts.h"

const clp_dialect clp_dialect_messages = {
    .name = "messages",
    .path_style = CLP_JSON_PATH_DOTS,
    .sniff = clp_messages_sniff,
    .read_request = clp_messages_read_request,
    .write_request = clp_messages_write_request,
    .open_reader = clp_messages_open_reader,
    .open_writer = clp_messages_open_writer,
    .read_problem = clp_messages_read_problem,
    .write_problem = clp_messages_write_problem,
    .problem_status = clp_messages_problem_status,
    .read_count = clp_messages_read_count,
    .write_count = clp_messages_write_count,
    .keepalive = clp_messages_keepalive,
};
