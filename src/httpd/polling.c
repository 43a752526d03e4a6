/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <string.h>

#include "http_protocol.h"

/*
 * Balancers, monitors and pages that renew themselves ask every few seconds. Such a request, if
 * there was nothing wrong with it, is marked for logs that want to do without:
 *
 *     CustomLog logs/access.log combined env=!clp-quiet
 *
 * Whatever changes something, or fails, never is.
 */
#define QUIET_VARIABLE "clp-quiet"

/* The module's handlers for operators: all but those that answer clients. */
static int for_operators(const request_rec *r)
{
    return r->handler && !strncmp(r->handler, "claude-", 7) &&
           strcmp(r->handler, CLP_HANDLER) != 0 && strcmp(r->handler, CLP_DEMO_HANDLER) != 0;
}

static int is_poll(request_rec *r)
{
    const clp_request *q = clp_request_of(r);

    return r->method_number == M_GET && r->status < 400 &&
           (q ? clp_route_is_public(&q->route) : for_operators(r));
}

/* Before mod_log_config looks at its conditions. */
static int mark(request_rec *r)
{
    if (is_poll(r)) {
        apr_table_setn(r->subprocess_env, QUIET_VARIABLE, "1");
    }
    return DECLINED;
}

void clp_polling_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_log_transaction(mark, NULL, NULL, APR_HOOK_FIRST);
}
