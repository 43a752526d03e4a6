/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include "clp_version.h"
#include "live_channels.h"
#include "reply.h"
#include "sched/channel_sets.h"
#include "wire/instant.h"
#include "wire/json_write.h"

/* Anybody may ask, so it tells numbers and no names. */
int clp_endpoint_health(request_rec *r, clp_request *q)
{
    const clp_channel_set *set = clp_live_channels(r);
    clp_buffer *json = clp_buffer_make(r->pool, 0);
    int active = clp_channel_set_active(set);
    clp_jw w;

    (void)q;
    clp_jw_init(&w, json);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "status", active ? "healthy" : "unavailable");
    clp_jw_kstr(&w, "timestamp", clp_instant_text(r->request_time, r->pool));
    clp_jw_kstr(&w, "version", CLP_VERSION);
    clp_jw_key(&w, "channels");
    clp_jw_object(&w);
    clp_jw_kint(&w, "configured", set->channels->nelts);
    clp_jw_kint(&w, "active", active);
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    return clp_reply_json(r, active ? HTTP_OK : HTTP_SERVICE_UNAVAILABLE, json);
}
