/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tracing.h"

#include <unistd.h>

#include <apr_strings.h>

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "mpm_common.h"

#include "child.h"
#include "gateway/trace_sender.h"
#include "gateway/trace_spans.h"
#include "retained_slotmem.h"
#include "secrets.h"
#include "upstream/address.h"
#include "upstream/headers.h"

APLOG_USE_MODULE(claude_proxy);

/* The name holds the layout of records: another one needs another name. */
#define RING_NAME    "claude-spans-v1"
#define RING_RECORDS 4096

#define SERVICE    "claude-proxy"
#define TRACES     "/traces"
#define ENDPOINT   "/v1" TRACES
#define LAST_WORDS apr_time_from_msec(500)

struct clp_tracing {
    const char *base; /* as it was said; NULL = off */
    apr_table_t *headers;
};

static clp_span_ring *ring;
static clp_trace_target target;

clp_span_ring *clp_tracing_ring(void)
{
    return ring;
}

/* --- directives ------------------------------------------------------------------ */

static clp_tracing *tracing_of(cmd_parms *cmd, clp_server_config *conf)
{
    if (!conf->tracing) {
        conf->tracing = apr_pcalloc(cmd->pool, sizeof(*conf->tracing));
        conf->tracing->headers = apr_table_make(cmd->pool, 2);
    }
    return conf->tracing;
}

const char *clp_tracing_set(cmd_parms *cmd, clp_server_config *conf, const char *url)
{
    clp_tracing *t = tracing_of(cmd, conf);
    const char *wrong;

    t->base = NULL;
    if (ap_cstr_casecmp(url, "off") == 0) {
        return NULL;
    }
    wrong = clp_address_check(url, cmd->pool);
    if (wrong) {
        return apr_pstrcat(cmd->pool, "ClaudeTraceExport: ", wrong, NULL);
    }
    t->base = url;
    return NULL;
}

const char *clp_tracing_add_header(cmd_parms *cmd, clp_server_config *conf, const char *name,
                                   const char *scheme, const char *secret)
{
    apr_array_header_t *secrets = apr_array_make(cmd->pool, 1, sizeof(const char *));
    const char *label = apr_pstrcat(cmd->pool, "ClaudeTraceHeader ", name, NULL);
    const char *wrong;

    if (!clp_header_name_ok(name)) {
        return "ClaudeTraceHeader: the first word is no name of a header field";
    }
    if (scheme && !clp_header_name_ok(scheme)) {
        return apr_pstrcat(cmd->pool, label, ": what stands before the secret is no scheme", NULL);
    }
    wrong = clp_secret_read(cmd->pool, label, secret, 0, secrets);
    if (wrong) {
        return wrong;
    }
    secret = APR_ARRAY_IDX(secrets, 0, const char *);
    apr_table_setn(tracing_of(cmd, conf)->headers, name,
                   scheme ? apr_pstrcat(cmd->pool, scheme, " ", secret, NULL) : secret);
    return NULL;
}

int clp_tracing_is_on(const clp_server_config *conf)
{
    return conf->tracing && conf->tracing->base;
}

static int ends_with(const char *text, const char *end)
{
    apr_size_t n = strlen(text);
    apr_size_t m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

static void set_target(const clp_tracing *t, apr_pool_t *p)
{
    char host[256] = "";

    target.url =
        ends_with(t->base, ENDPOINT) ? t->base : clp_address_make(t->base, "/v1", TRACES, NULL, p);
    target.origin = clp_address_origin(t->base, p);
    target.headers = t->headers;
    target.resource.service = SERVICE;
    target.resource.host = gethostname(host, sizeof(host) - 1) ? NULL : apr_pstrdup(p, host);
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const clp_server_config *conf = clp_server_config_of(s);
    apr_size_t size = clp_span_ring_size(RING_RECORDS);
    apr_status_t rv;
    void *memory;

    (void)plog;
    (void)ptemp;
    ring = NULL;
    if (!clp_tracing_is_on(conf) ||
        ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    set_target(conf->tracing, p);
    memory = clp_retained_items(RING_NAME, size, 1, p, &rv);
    ring = memory ? clp_span_ring_open(memory, size) : NULL;
    if (!ring) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2460: no shared memory for spans; none are exported");
    }
    return OK;
}

static void child_status(server_rec *s, pid_t pid, ap_generation_t generation, int slot,
                         mpm_child_status status)
{
    (void)s;
    (void)generation;
    (void)slot;
    if (ring && status == MPM_CHILD_EXITED) {
        clp_span_ring_reap(ring, pid);
    }
}

/* --- requests --------------------------------------------------------------------- */

void clp_tracing_begin(const request_rec *r, clp_request *q)
{
    if (ring && r->method_number == M_POST && clp_route_operation(&q->route)) {
        clp_trace_record(&q->trace);
    }
}

/* The answer has gone: nobody waits for this. */
static int post_spans(request_rec *r)
{
    clp_span_record records[1 + CLP_SPAN_ATTEMPTS];
    const clp_request *q = clp_request_of(r);
    clp_traced_request traced;
    int n;

    if (!ring || !q || !q->trace.span[0]) {
        return DECLINED;
    }
    memset(&traced, 0, sizeof(traced));
    traced.trace = &q->trace;
    traced.method = "POST";
    traced.ended = clp_request_ended(r, q);
    /* An estimate is a good answer, whatever those said who were asked before. */
    if (traced.ended.estimated) {
        traced.ended.outcome = NULL;
        traced.ended.problem = NULL;
    }
    n = clp_trace_spans(records, &traced);
    for (int i = 0; i < n; i++) {
        clp_span_ring_post(ring, &records[i]);
    }
    return DECLINED;
}

/* --- sending ---------------------------------------------------------------------- */

static apr_pool_t *own; /* while this thread is the one that sends */
static clp_transport *transport;
static clp_trace_sender *sender;

void clp_tracing_send_begin(void)
{
    if (own || !ring || !clp_child_engines()) {
        return;
    }
    transport = clp_curl_engine_take(clp_child_engines());
    if (transport) {
        apr_pool_create_unmanaged(&own);
        apr_pool_tag(own, "clp_tracing");
        sender = clp_trace_sender_make(&target, ring, transport, own);
    }
}

/* A batch that takes longer goes on with the next call. */
void clp_tracing_send(apr_time_t until)
{
    apr_time_t now = apr_time_now();

    if (!own) {
        return;
    }
    clp_trace_sender_tick(sender, now);
    while (clp_trace_sender_busy(sender) && now < until) {
        int unused = 0;
        transport->step(transport, -1, until - now, &unused);
        now = apr_time_now();
        clp_trace_sender_tick(sender, now);
    }
}

/* What is not sent by then is found by the next child that takes over. */
void clp_tracing_send_end(void)
{
    if (own) {
        clp_tracing_send(apr_time_now() + LAST_WORDS);
        apr_pool_destroy(own);
        clp_curl_engine_give(clp_child_engines(), transport);
        own = NULL;
    }
}

void clp_tracing_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(post_spans, NULL, NULL, APR_HOOK_MIDDLE);
}
