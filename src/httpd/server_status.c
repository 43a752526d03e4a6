/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "overview.h"

#include "http_config.h"
#include "http_protocol.h"
#include "mod_status.h"

/* Who may see mod_status' page may see this: it names channels, and holds no key. */
static int show(request_rec *r, int flags)
{
    clp_overview o = clp_overview_now(r);
    clp_buffer *out = clp_buffer_make(r->pool, 0);

    if (flags & AP_STATUS_SHORT) {
        clp_overview_auto(out, &o, r->pool);
    }
    else {
        clp_overview_html(out, &o, r->pool);
    }
    ap_rwrite(out->p, (int)out->n, r);
    return OK;
}

void clp_server_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, show, NULL, NULL, APR_HOOK_MIDDLE);
}
