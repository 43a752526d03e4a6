/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "debug_headers.h"

#include <unistd.h>

#include <apr_strings.h>

void clp_debug_headers_set(request_rec *r, const clp_request *q, const clp_outcome *outcome)
{
    const clp_attempt_record *last = outcome ? clp_outcome_last(outcome) : NULL;

    if (!CLP_CONF(q->conf, attempt_headers)) {
        return;
    }
    apr_table_setn(r->headers_out, "X-Claude-Proxy-Pid",
                   apr_psprintf(r->pool, "%ld", (long)getpid()));
    if (last) {
        apr_table_setn(r->headers_out, "X-Claude-Proxy-Channel", last->candidate.channel->name);
        apr_table_setn(r->headers_out, "X-Claude-Proxy-Attempts",
                       apr_psprintf(r->pool, "%d", outcome->attempts->nelts));
    }
}
