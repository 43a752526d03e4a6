/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "overview.h"

#include "http_main.h"

#include "child.h"
#include "live_channels.h"
#include "recent.h"
#include "sessions.h"
#include "shared_pins.h"
#include "shared_state.h"
#include "tracing.h"

/* Set aside; what nobody has used yet is backed by nothing. */
static apr_uint64_t shared_bytes(const clp_tables *t)
{
    const clp_server_config *conf = clp_server_config_of(ap_server_conf);
    const clp_snapshot_pins *pins = clp_shared_pins();
    apr_uint64_t sum = 0;

    for (int k = 0; t && k < CLP_TABLES; k++) {
        sum += t->layout[k].row_size * (apr_uint64_t)t->layout[k].rows;
    }
    sum += pins->affinity ? clp_pin_table_bytes(pins->affinity) : 0;
    sum += pins->threads ? clp_pin_table_bytes(pins->threads) : 0;
    if (clp_recent_of_server()) {
        sum += clp_recent_ring_size((apr_uint32_t)CLP_CONF(conf, recent));
    }
    return sum + (clp_sessions_table() ? (apr_uint64_t)CLP_CONF(conf, session_memory) : 0);
}

clp_overview clp_overview_now(request_rec *r)
{
    clp_live_state live = clp_live_state_of(r);
    const clp_session_table *sessions = clp_sessions_table();
    const clp_snapshot_pins *pins = clp_shared_pins();
    clp_overview o;

    memset(&o, 0, sizeof(o));
    o.scope.tables = clp_shared_tables();
    o.scope.channels = live.channels;
    o.scope.spans = clp_tracing_ring();
    o.scope.now = apr_time_now();
    o.revision = live.revision;
    o.overlay_error = live.error;
    o.shared_bytes = shared_bytes(o.scope.tables);
    if (sessions) {
        o.has_sessions = 1;
        clp_session_table_use(sessions, o.scope.now, &o.sessions);
    }
    if (pins->threads) {
        o.threads = clp_pin_table_count(pins->threads, o.scope.now, NULL, NULL);
    }
    if (pins->affinity) {
        o.bindings = clp_pin_table_count(pins->affinity, o.scope.now, NULL, NULL);
    }
    return o;
}
