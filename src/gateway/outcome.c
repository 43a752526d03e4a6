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

const clp_attempt_record *clp_outcome_last(const clp_outcome *o)
{
    int n = o->attempts->nelts;
    return n ? &APR_ARRAY_IDX(o->attempts, n - 1, clp_attempt_record) : NULL;
}
