/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "health_checks.h"

#include "httpd.h"
#include "http_log.h"
#include "http_main.h"

#include "child.h"
#include "gateway/channel_check.h"
#include "live_channels.h"
#include "sched/breaker.h"

APLOG_USE_MODULE(claude_proxy);

/* So many run at once; others wait for the next tick. */
#define MOST_AT_ONCE 32

/** A check that runs. Its pool holds the channels in force with it. */
typedef struct running {
    apr_pool_t *pool;
    const clp_channel *channel;
    clp_channel_check *check;
} running;

static apr_pool_t *own; /* while this thread is the one that checks */
static clp_transport *transport;
static running checks[MOST_AT_ONCE];
static int n;

void clp_health_checks_begin(void)
{
    if (!own) {
        apr_pool_create_unmanaged(&own);
        apr_pool_tag(own, "clp_health_checks");
    }
}

static int is_running(const char *name)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(checks[i].channel->name, name)) {
            return 1;
        }
    }
    return 0;
}

/* The time of the last check is shared, so a child that takes over goes on with the others' pace.
 */
static int is_due(const clp_tables *t, const clp_channel *c, apr_time_t now)
{
    apr_time_t last;

    if (!c->health.interval || c->status != CLP_CHANNEL_ACTIVE || c->row.row == CLP_NO_ROW) {
        return 0;
    }
    last = (apr_time_t)clp_word_get(&t->channels[c->row.row].checked_at);
    return (last > now || now - last >= c->health.interval) && !is_running(c->name);
}

static void begin(const char *name, apr_time_t now)
{
    running *r = &checks[n];
    const clp_channel *c;

    if (!transport && !(transport = clp_curl_engine_take(clp_child_engines()))) {
        return;
    }
    apr_pool_create(&r->pool, own);
    c = clp_channel_named(clp_live_hold(r->pool).channels, name);
    if (!c) {
        apr_pool_destroy(r->pool);
        return;
    }
    r->channel = c;
    r->check = clp_channel_check_begin(c, &c->health, transport, now, r->pool);
    n++;
}

static void begin_due(const clp_tables *t, apr_time_t now)
{
    apr_pool_t *pool;
    const apr_array_header_t *channels;

    apr_pool_create(&pool, own);
    channels = clp_live_hold(pool).channels;
    for (int i = 0; i < channels->nelts && n < MOST_AT_ONCE; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        if (is_due(t, c, now)) {
            begin(c->name, now);
        }
    }
    apr_pool_destroy(pool);
}

static clp_breaker_state state_of(const clp_tables *t, const clp_channel *c)
{
    return clp_breaker_look(&t->channels[c->row.row].circuit, &c->breaker, apr_time_now());
}

static void finish(clp_tables *t, const running *r)
{
    const clp_channel *c = r->channel;
    clp_check_result result = clp_channel_check_result(r->check);
    clp_booking booking = clp_channel_check_booking(r->check);
    clp_breaker_state before = state_of(t, c);
    clp_breaker_state after;

    clp_ledger_post(t->ledger, &booking);
    after = state_of(t, c);
    ap_log_error(APLOG_MARK, after != before ? APLOG_NOTICE : APLOG_DEBUG, 0, ap_server_conf,
                 "CLP2130: channel %s: health check: %s (status %d)%s%s; circuit %s", c->name,
                 clp_booked_name(result.booked), result.status, result.error ? ": " : "",
                 result.error ? result.error : "", clp_breaker_state_name(after));
    apr_pool_destroy(r->pool);
}

static void finish_done(clp_tables *t)
{
    for (int i = 0; i < n;) {
        if (clp_channel_check_done(checks[i].check)) {
            finish(t, &checks[i]);
            checks[i] = checks[--n];
        }
        else {
            i++;
        }
    }
}

static void give_transport(void)
{
    if (transport) {
        clp_curl_engine_give(clp_child_engines(), transport);
        transport = NULL;
    }
}

void clp_health_checks_run(clp_tables *t, apr_time_t until)
{
    apr_time_t now = apr_time_now();

    if (!own || !clp_child_engines()) {
        return;
    }
    begin_due(t, now);
    finish_done(t);
    while (n && now < until) {
        int unused = 0;
        transport->step(transport, -1, until - now, &unused);
        finish_done(t);
        now = apr_time_now();
    }
    if (!n) {
        give_transport();
    }
}

void clp_health_checks_end(void)
{
    if (own) {
        apr_pool_destroy(own); /* cancels */
        own = NULL;
        n = 0;
    }
    give_transport();
}
