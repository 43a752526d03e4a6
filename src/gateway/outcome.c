/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outcome.h"

const char *clp_result_name(clp_result r)
{
    switch (r) {
    case CLP_RESULT_RUNNING: return "running";
    case CLP_RESULT_OK: return "ok";
    case CLP_RESULT_CLIENT_ERROR: return "client_error";
    case CLP_RESULT_FAILED: return "failed";
    case CLP_RESULT_TRUNCATED: return "truncated";
    case CLP_RESULT_CLIENT_GONE: return "client_gone";
    }
    return "unknown";
}

const char *clp_attempt_result_name(clp_attempt_result r)
{
    switch (r) {
    case CLP_ATTEMPT_RUNNING: return "running";
    case CLP_ATTEMPT_SERVED: return "served";
    case CLP_ATTEMPT_FAILED: return "failed";
    case CLP_ATTEMPT_TRUNCATED: return "truncated";
    case CLP_ATTEMPT_LOST: return "lost";
    case CLP_ATTEMPT_ABORTED: return "aborted";
    }
    return "unknown";
}

const char *clp_stop_name(clp_stop stop)
{
    switch (stop) {
    case CLP_STOP_END: return "end";
    case CLP_STOP_SEQUENCE: return "sequence";
    case CLP_STOP_LENGTH: return "length";
    case CLP_STOP_WINDOW: return "window";
    case CLP_STOP_TOOL: return "tool";
    case CLP_STOP_FILTER: return "filter";
    case CLP_STOP_PAUSE: return "pause";
    }
    return "unknown";
}

const clp_attempt_record *clp_outcome_last(const clp_outcome *o)
{
    int n = o->winner >= 0 ? o->winner : o->attempts->nelts - 1;
    return n >= 0 ? &APR_ARRAY_IDX(o->attempts, n, clp_attempt_record) : NULL;
}
