/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "recent.h"

#include <apr_strings.h>

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"

#include "gateway/recent.h"
#include "retained_slotmem.h"
#include "wire/quantity.h"

APLOG_USE_MODULE(claude_proxy);

/* The name holds the layout of entries: another one needs another name. */
#define RING_NAME "claude-recent-v1"
#define MOST      10000

static clp_recent_ring *ring;
static int anonymous;

clp_recent_ring *clp_recent_of_server(void)
{
    return ring;
}

const char *clp_recent_set(cmd_parms *cmd, clp_server_config *conf, const char *number,
                           const char *who)
{
    apr_int64_t n = 0;
    int off = ap_cstr_casecmp(number, "off") == 0;

    if (!off && (!clp_count_parse(number, &n) || n < 1 || n > MOST)) {
        return apr_psprintf(cmd->pool,
                            "ClaudeRecentRequests: '%s' is not Off or a number from 1 to %d",
                            number, MOST);
    }
    if (who && ap_cstr_casecmp(who, "anonymous") != 0) {
        return apr_psprintf(cmd->pool,
                            "ClaudeRecentRequests: '%s' is not the word that may follow the "
                            "number: anonymous",
                            who);
    }
    conf->recent = n;
    conf->recent_anonymous = who != NULL;
    return NULL;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    apr_size_t size = clp_recent_ring_size((apr_uint32_t)CLP_CONF(conf, recent));
    apr_status_t rv;
    void *memory;

    (void)plog;
    (void)ptemp;
    ring = NULL;
    anonymous = CLP_CONF(conf, recent_anonymous) != 0;
    if (!CLP_CONF(conf, recent) || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    memory = clp_retained_items(RING_NAME, size, 1, p, &rv);
    ring = memory ? clp_recent_ring_open(memory, size) : NULL;
    if (!ring) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2470: no shared memory for recent requests; none are listed");
    }
    return OK;
}

/* Who has not shown a key is not here yet: strangers cannot push out what others asked. */
void clp_recent_begin(const request_rec *r, clp_request *q)
{
    q->recent = ring && r->method_number == M_POST && clp_route_operation(&q->route);
}

/* The answer has gone: nobody waits for this. */
static int post_entry(request_rec *r)
{
    const clp_request *q = clp_request_of(r);
    clp_ended_request ended;
    clp_recent_entry entry;

    if (!ring || !q || !q->recent) {
        return DECLINED;
    }
    ended = clp_request_ended(r, q);
    clp_recent_fill(&entry, &ended, anonymous, r->pool);
    clp_recent_ring_post(ring, &entry);
    return DECLINED;
}

void clp_recent_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(post_entry, NULL, NULL, APR_HOOK_MIDDLE);
}
