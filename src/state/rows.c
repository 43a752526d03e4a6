/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/rows.h"

const char *clp_protocol_name(clp_protocol p)
{
    static const char *const names[CLP_PROTOCOLS] = {"messages", "chat", "responses", "gemini",
                                                     "other"};
    return names[p];
}

const char *clp_booked_name(clp_booked result)
{
    static const char *const names[CLP_BOOKED_RESULTS] = {
        "success",    "client_error", "aborted",      "truncated", "auth",      "quota",
        "rate_limit", "overloaded",   "server_error", "timeout",   "transport", "garbage",
        "empty",      "no_model",     "no_channel",   "hedge_lost"};
    return names[result];
}

int clp_booked_failed(clp_booked result)
{
    return result != CLP_BOOKED_SUCCESS && result != CLP_BOOKED_CLIENT_ERROR &&
           result != CLP_BOOKED_ABORTED && result != CLP_BOOKED_HEDGE_LOST;
}
