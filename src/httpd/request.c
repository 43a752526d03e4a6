/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <unistd.h>

#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "client_gone.h"
#include "envelope_key.h"

clp_request *clp_request_of(request_rec *r)
{
    return ap_get_module_config(r->request_config, &claude_proxy_module);
}

/*
 * Ids name requests in logs and to support; they have to be unique, not secret.
 * A random start per process and a count, mixed so that neighbours look unlike
 * (the finaliser of SplitMix64), cost no system call.
 */
static apr_uint64_t mixed(apr_uint64_t x)
{
    x += APR_UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* 62^11 > 2^64 */
#define HALF_DIGITS 11

static apr_uint64_t start[2];
static volatile apr_uint64_t count;

void clp_request_ids_begin(void)
{
    if (apr_generate_random_bytes((unsigned char *)start, sizeof(start)) != APR_SUCCESS) {
        start[0] = (apr_uint64_t)apr_time_now();
        start[1] = (apr_uint64_t)getpid();
    }
}

static const char *make_id(apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    apr_uint64_t n = apr_atomic_inc64(&count);
    apr_uint64_t half[2];
    char *id = apr_palloc(pool, 4 + 2 * HALF_DIGITS + 1);
    char *to = id + 4;

    half[0] = mixed(start[0] + n);
    half[1] = mixed(start[1] ^ n);
    memcpy(id, "req_", 4);
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < HALF_DIGITS; i++) {
            *to++ = digits[half[h] % 62];
            half[h] /= 62;
        }
    }
    *to = '\0';
    return id;
}

static const char *id_of_origin(request_rec *r)
{
    for (request_rec *from = r->prev ? r->prev : r->main; from;
         from = from->prev ? from->prev : from->main) {
        clp_request *q = clp_request_of(from);
        if (q) {
            return q->id;
        }
    }
    return NULL;
}

const char *clp_request_name(request_rec *r)
{
    const char *id = id_of_origin(r);

    if (!id) {
        id = make_id(r->pool);
    }
    r->log_id = id;
    apr_table_setn(r->err_headers_out, CLP_REQUEST_ID_HEADER, id);
    return id;
}

clp_request *clp_request_make(request_rec *r, const clp_route *route)
{
    clp_request *q = apr_pcalloc(r->pool, sizeof(*q));
    q->conf = clp_dir_config_of(r);
    q->route = *route;
    q->id = clp_request_name(r);
    clp_trace_read(&q->trace, r->headers_in);
    ap_set_module_config(r->request_config, &claude_proxy_module, q);
    return q;
}

int clp_request_status(const request_rec *r, const clp_request *q)
{
    if (q->outcome && !q->counted_by_estimate) {
        return q->outcome->status;
    }
    return r->status == CLP_STATUS_CLIENT_GONE ? 0 : r->status;
}

clp_ended_request clp_request_ended(const request_rec *r, const clp_request *q)
{
    clp_ended_request ended;

    memset(&ended, 0, sizeof(ended));
    ended.id = q->id;
    ended.operation = clp_route_operation(&q->route);
    ended.client = q->route.dialect;
    ended.user = r->user;
    ended.model = q->sniffed.model;
    ended.stream = q->sniffed.doc ? q->sniffed.stream != 0 : -1;
    ended.estimated = q->counted_by_estimate;
    ended.outcome = q->outcome;
    ended.problem = q->problem;
    ended.status = clp_request_status(r, q);
    ended.start = r->request_time;
    ended.end = apr_time_now();
    ended.body = q->body;
    ended.bytes_out = r->bytes_sent;
    return ended;
}

clp_intake clp_request_intake(const clp_request *q)
{
    clp_intake intake;
    intake.max_depth = (apr_uint32_t)CLP_CONF(q->conf, max_depth);
    intake.max_values = (apr_uint32_t)CLP_CONF(q->conf, max_values);
    intake.model = q->route.action ? q->route.model : NULL;
    intake.stream = q->route.action ? q->route.stream : -1;
    intake.envelope_key = clp_envelope_key_of_server();
    return intake;
}
