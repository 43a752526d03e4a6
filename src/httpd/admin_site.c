/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "admin_site.h"

#include <string.h>

#include "http_config.h"
#include "http_main.h"

#include "child.h"
#include "config.h"
#include "live_channels.h"
#include "live_write.h"
#include "overlay_file.h"
#include "overview.h"
#include "recent.h"
#include "settings.h"
#include "shared_pins.h"
#include "shared_state.h"

static const clp_channel_set *find_set(void *ctx, const char *name)
{
    return clp_live_set(ctx, name);
}

/* Channels that the overlay alone has are in every server. */
static int has_channel(server_rec *s, const clp_channel *channel)
{
    return !channel->defined_in ||
           clp_channel_named(clp_server_config_of(s)->channels, channel->name) != NULL;
}

static int in_one_server(const clp_channel *a, const clp_channel *b)
{
    for (server_rec *s = ap_server_conf; s; s = s->next) {
        if (has_channel(s, a) && has_channel(s, b)) {
            return 1;
        }
    }
    return 0;
}

static clp_transport *take_transport(void *ctx)
{
    clp_curl_engines *engines = clp_child_engines();

    (void)ctx;
    return engines ? clp_curl_engine_take(engines) : NULL;
}

static void give_transport(void *ctx, clp_transport *transport)
{
    (void)ctx;
    clp_curl_engine_give(clp_child_engines(), transport);
}

static clp_overview overview(void *ctx)
{
    return clp_overview_now(ctx);
}

static clp_settings settings(void *ctx, apr_pool_t *pool)
{
    (void)ctx;
    return clp_settings_now(pool);
}

static clp_admin_state in_force(void *ctx)
{
    request_rec *r = ctx;
    clp_live_state live = clp_live_hold(r->pool);

    return (clp_admin_state){live.revision, live.channels, live.configured};
}

static const apr_array_header_t *key_files(void *ctx)
{
    request_rec *r = ctx;

    return clp_live_key_files(r->pool);
}

clp_admin_site *clp_admin_site_of(request_rec *r)
{
    clp_admin_site *site = apr_pcalloc(r->pool, sizeof(*site));
    clp_live_state live;

    site->before = in_force(r);
    site->in_force = in_force;
    site->key_files = key_files;

    /* Who has just changed something through another child wants to see it. */
    clp_live_look();
    live = clp_live_state_of(r);
    site->channels = live.channels;
    site->configured = live.configured;
    site->revision = live.revision;
    site->overlay_path = clp_live_path();
    site->overlay_error = live.error;
    site->source = clp_overlay_source();
    site->write = clp_live_write;
    site->ctx = r;
    site->set = find_set;
    site->in_one_server = in_one_server;
    site->scheduling.tables = clp_shared_tables();
    site->scheduling.strategy = (clp_strategy)CLP_CONF(clp_dir_config_of(r), strategy);
    if (CLP_CONF(clp_dir_config_of(r), affinity_ms)) {
        site->scheduling.affinity = clp_shared_pins()->affinity;
    }
    site->bindings = clp_shared_pins()->affinity;
    site->affinity_time = apr_time_from_msec(CLP_CONF(clp_dir_config_of(r), affinity_ms));
    site->overview = overview;
    site->settings = settings;
    site->take_transport = take_transport;
    site->give_transport = give_transport;
    site->recent = clp_recent_of_server();
    site->now = r->request_time;
    return site;
}
