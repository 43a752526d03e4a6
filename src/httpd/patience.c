/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "patience.h"

#include <apr_general.h>

#include "client_gone.h"

#define WAITS_MAX 2

/* How often the client is looked at meanwhile. */
#define LOOK_EVERY apr_time_from_msec(100)

static apr_interval_time_t random_time(apr_interval_time_t most)
{
    apr_uint32_t n = 0;

    apr_generate_random_bytes((unsigned char *)&n, sizeof(n));
    return (apr_interval_time_t)n % (most + 1);
}

int clp_patience_wait(request_rec *r, const clp_request *q, const clp_problem *problem, int waits)
{
    apr_interval_time_t told = apr_time_from_msec(problem->retry_after_ms);
    clp_client_watch watch;
    apr_time_t until;
    int gone = 0;

    if ((problem->cls != CLP_RATE_LIMITED && problem->cls != CLP_OVERLOADED) || told < 0 ||
        told > apr_time_from_msec(CLP_CONF(q->conf, retry_wait_ms)) || waits >= WAITS_MAX) {
        return 0;
    }
    until = apr_time_now() + told + random_time(told / 4);
    clp_client_watch_init(&watch, r, !CLP_CONF(q->conf, ignore_abort));
    for (apr_time_t now; !gone && (now = apr_time_now()) < until;) {
        apr_sleep(until - now < LOOK_EVERY ? until - now : LOOK_EVERY);
        gone = clp_client_watch_look(&watch);
    }
    clp_client_watch_end(&watch);
    return !gone;
}
