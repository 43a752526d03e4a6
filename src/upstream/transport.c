/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/transport.h"

const char *clp_transfer_end_text(clp_transfer_end how)
{
    switch (how) {
    case CLP_TRANSFER_DONE: return "complete";
    case CLP_TRANSFER_NO_HOST: return "host name not found";
    case CLP_TRANSFER_NO_CONNECT: return "connection refused or unreachable";
    case CLP_TRANSFER_FORBIDDEN: return "address not allowed by ClaudeUpstreamHosts";
    case CLP_TRANSFER_NO_TLS: return "TLS handshake or certificate failed";
    case CLP_TRANSFER_CUT: return "connection broke before the answer was complete";
    case CLP_TRANSFER_BAD_CODING: return "content coding of the answer is corrupt";
    case CLP_TRANSFER_BAD_ANSWER: return "answer is not usable HTTP";
    case CLP_TRANSFER_LATE_CONNECT: return "no connection in time";
    case CLP_TRANSFER_LATE_FIRST_BYTE: return "no answer in time";
    case CLP_TRANSFER_LATE_IDLE: return "answer stalled";
    case CLP_TRANSFER_LATE_TOTAL: return "answer took too long";
    case CLP_TRANSFER_FAILED: return "request could not be started";
    }
    return "unknown end";
}
