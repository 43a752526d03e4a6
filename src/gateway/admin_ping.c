/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "admin_call.h"
#include "gateway/ping.h"

static void write_pong(clp_jw *w, const clp_pong *pong)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "name", pong->channel->name);
    clp_jw_kbool(w, "success", pong->alive);
    clp_jw_kstr(w, "status", pong->alive ? "healthy" : "error");
    clp_jw_kint(w, "latency", pong->latency_ms);
    clp_jw_kstr(w, "url", pong->url);
    if (pong->status) {
        clp_jw_kint(w, "statusCode", pong->status);
    }
    if (pong->error) {
        clp_jw_kstr(w, "error", pong->error);
    }
    if (pong->message) {
        clp_jw_kstr(w, "message", pong->message);
    }
    clp_jw_end_object(w);
}

/* NULL, and an error is answered. */
static apr_array_header_t *ping(clp_admin_call *call, const apr_array_header_t *channels)
{
    const clp_admin_site *site = call->site;
    clp_transport *transport = site->take_transport(site->ctx);
    apr_array_header_t *pongs;

    if (!transport) {
        clp_admin_fail(call, 503, NULL, "There is no transport to ask upstreams with.");
        return NULL;
    }
    pongs = clp_ping(channels, transport, call->pool);
    site->give_transport(site->ctx, transport);
    return pongs;
}

void clp_admin_ping(clp_admin_call *call)
{
    const apr_array_header_t *pongs = ping(call, call->site->channels);
    clp_jw w;

    if (!pongs) {
        return;
    }
    clp_jw_init(&w, call->out);
    clp_jw_array(&w);
    for (int i = 0; i < pongs->nelts; i++) {
        write_pong(&w, &APR_ARRAY_IDX(pongs, i, clp_pong));
    }
    clp_jw_end_array(&w);
}

void clp_admin_ping_one(clp_admin_call *call)
{
    const clp_channel *c = clp_admin_channel(call, call->name);
    apr_array_header_t *one = apr_array_make(call->pool, 1, sizeof(const clp_channel *));
    const apr_array_header_t *pongs;
    clp_jw w;

    if (!c) {
        return;
    }
    APR_ARRAY_PUSH(one, const clp_channel *) = c;
    pongs = ping(call, one);
    if (pongs) {
        clp_jw_init(&w, call->out);
        write_pong(&w, &APR_ARRAY_IDX(pongs, 0, clp_pong));
    }
}
