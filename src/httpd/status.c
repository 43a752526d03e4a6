/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"

#include "config.h"
#include "gateway/status_json.h"
#include "live_channels.h"
#include "reply.h"
#include "shared_state.h"
#include "tracing.h"

#define HANDLER "claude-status"

static int handler(request_rec *r)
{
    clp_live_state live;
    clp_status_scope scope;
    clp_buffer *json;
    clp_jw w;

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
    live = clp_live_state_of(r);
    scope.tables = clp_shared_tables();
    scope.channels = live.channels;
    scope.spans = clp_tracing_ring();
    scope.now = apr_time_now();
    json = clp_buffer_make(r->pool, 0);
    clp_jw_init(&w, json);
    clp_status_write(&w, &scope, r->pool);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    return clp_reply_json(r, HTTP_OK, json);
}

void clp_status_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}
