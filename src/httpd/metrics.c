/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "overview.h"

#include "http_config.h"
#include "http_protocol.h"

#include "config.h"
#include "gateway/prometheus.h"

#define HANDLER "claude-metrics"

static int handler(request_rec *r)
{
    clp_overview o;
    clp_buffer *text;

    if (!r->handler || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    /* It names channels and users: as closed as the gateway itself where nobody has opened it. */
    if (!r->user && CLP_CONF(clp_dir_config_of(r), require_user)) {
        return HTTP_FORBIDDEN;
    }
    o = clp_overview_now(r);
    text = clp_buffer_make(r->pool, 0);
    clp_metrics_write(text, &o, r->pool);
    ap_set_content_type(r, CLP_METRICS_TYPE);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_set_content_length(r, (apr_off_t)text->n);
    if (!r->header_only) {
        ap_rwrite(text->p, (int)text->n, r);
    }
    return OK;
}

void clp_metrics_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}
