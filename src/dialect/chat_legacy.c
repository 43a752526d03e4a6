/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_legacy.h"
#include "chat.h"

const clp_dialect clp_dialect_chat_legacy = {
    .name = "chat_legacy",
    .path_style = CLP_JSON_PATH_BRACKETS,
    .sniff = clp_chat_sniff,
    .read_request = clp_chat_legacy_read_request,
    .write_request = clp_chat_legacy_write_request,
    .open_reader = clp_chat_legacy_open_reader,
    .open_writer = clp_chat_legacy_open_writer,
    .read_problem = clp_chat_legacy_read_problem,
    .write_problem = clp_chat_legacy_write_problem,
    .problem_status = clp_chat_legacy_problem_status,
    .keepalive = clp_chat_legacy_keepalive,
};
