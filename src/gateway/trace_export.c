/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/trace_export.h"

#include <stdlib.h>

#include <apr_strings.h>

#include <cjson/cJSON.h>

#include "clp_version.h"
#include "wire/json_write.h"

#define SCOPE "mod_claude_proxy"

/* Numbers of the protocol: Span.SpanKind, Status.StatusCode, SpanFlags. */
enum { KIND_SERVER = 2, KIND_CLIENT = 3 };
enum { STATUS_ERROR = 2 };
enum { FLAG_SAMPLED = 0x1, FLAG_KNOWS_REMOTE = 0x100, FLAG_REMOTE = 0x200 };

/* --- values ------------------------------------------------------------------------------ */

static void open_attribute(clp_jw *w, const char *key)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "key", key);
    clp_jw_key(w, "value");
    clp_jw_object(w);
}

static void close_attribute(clp_jw *w)
{
    clp_jw_end_object(w);
    clp_jw_end_object(w);
}

/* Unknown ones are left out, here and below. */
static void add_text(clp_jw *w, const char *key, const char *text)
{
    if (text && *text) {
        open_attribute(w, key);
        clp_jw_kstr(w, "stringValue", text);
        close_attribute(w);
    }
}

/* 64-bit numbers are strings in this encoding. */
static void put_number(clp_jw *w, const char *member, apr_int64_t n)
{
    char text[24];

    apr_snprintf(text, sizeof(text), "%" APR_INT64_T_FMT, n);
    clp_jw_kstr(w, member, text);
}

static void add_number(clp_jw *w, const char *key, apr_int64_t n)
{
    if (n >= 0) {
        open_attribute(w, key);
        put_number(w, "intValue", n);
        close_attribute(w);
    }
}

static void add_yes(clp_jw *w, const char *key, int yes)
{
    if (yes) {
        open_attribute(w, key);
        clp_jw_kbool(w, "boolValue", 1);
        close_attribute(w);
    }
}

static void add_list_of_one(clp_jw *w, const char *key, const char *text)
{
    if (*text) {
        open_attribute(w, key);
        clp_jw_key(w, "arrayValue");
        clp_jw_object(w);
        clp_jw_key(w, "values");
        clp_jw_array(w);
        clp_jw_object(w);
        clp_jw_kstr(w, "stringValue", text);
        clp_jw_end_object(w);
        clp_jw_end_array(w);
        clp_jw_end_object(w);
        close_attribute(w);
    }
}

/* Hex, unlike other bytes in JSON; nothing where all is 0. */
static void put_id(clp_jw *w, const char *member, const unsigned char *id, apr_size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * 16 + 1];
    int any = 0;

    for (apr_size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[id[i] >> 4];
        hex[2 * i + 1] = digits[id[i] & 15];
        any |= id[i];
    }
    hex[2 * n] = '\0';
    if (any) {
        clp_jw_kstr(w, member, hex);
    }
}

/* --- spans ------------------------------------------------------------------------------- */

static apr_int64_t status_or_none(const clp_span_record *r)
{
    return r->status ? r->status : -1;
}

static void add_upstream(clp_jw *w, const clp_span_record *r)
{
    add_text(w, "server.address", r->host);
    add_number(w, "server.port", r->port ? r->port : -1);
    add_text(w, "claude_proxy.channel", r->channel);
    add_text(w, "claude_proxy.pick", r->pick);
    if (r->first_token > r->start) {
        add_number(w, "claude_proxy.first_token_ms", apr_time_as_msec(r->first_token - r->start));
    }
}

static void write_request(clp_jw *w, const clp_span_record *r)
{
    add_text(w, "gen_ai.operation.name", r->operation);
    add_text(w, "gen_ai.provider.name", r->provider);
    add_text(w, "gen_ai.request.model", r->model);
    add_text(w, "gen_ai.response.model", r->finish[0] ? r->upstream_model : "");
    add_list_of_one(w, "gen_ai.response.finish_reasons", r->finish);
    add_number(w, "gen_ai.usage.input_tokens", r->tokens_in);
    add_number(w, "gen_ai.usage.output_tokens", r->tokens_out);
    add_number(w, "gen_ai.usage.cache_read.input_tokens", r->cache_read);
    add_number(w, "gen_ai.usage.cache_creation.input_tokens", r->cache_write);
    add_number(w, "claude_proxy.reasoning_tokens", r->reasoning);
    add_number(w, "claude_proxy.attempts", r->attempts);
    add_text(w, "claude_proxy.protocol", r->protocol);
    add_yes(w, "claude_proxy.stream", r->stream);
}

static void write_attempt(clp_jw *w, const clp_span_record *r)
{
    add_text(w, "claude_proxy.upstream_model", r->upstream_model);
    add_yes(w, "claude_proxy.hedge", r->hedge);
}

static void write_attributes(clp_jw *w, const clp_span_record *r)
{
    clp_jw_key(w, "attributes");
    clp_jw_array(w);
    if (r->kind == CLP_SPAN_REQUEST) {
        write_request(w, r);
    }
    else {
        write_attempt(w, r);
    }
    add_upstream(w, r);
    add_text(w, "http.request.method", r->method);
    add_number(w, "http.response.status_code", status_or_none(r));
    add_text(w, "error.type", r->error);
    add_text(w, "claude_proxy.request_id", r->request_id);
    clp_jw_end_array(w);
}

static void write_name(clp_jw *w, const clp_span_record *r)
{
    int request = r->kind == CLP_SPAN_REQUEST;
    const char *first = request ? r->operation : r->method;
    const char *second = request ? r->model : "";

    clp_jw_key(w, "name");
    clp_jw_text_open(w);
    clp_jw_text_part(w, clp_text_str(first));
    if (*second) {
        clp_jw_text_part(w, clp_text_str(" "));
        clp_jw_text_part(w, clp_text_str(second));
    }
    clp_jw_text_close(w);
}

static int flags_of(const clp_span_record *r)
{
    return FLAG_SAMPLED | FLAG_KNOWS_REMOTE | (r->remote ? FLAG_REMOTE : 0);
}

static void write_span(clp_jw *w, const clp_span_record *r)
{
    clp_jw_object(w);
    put_id(w, "traceId", r->trace_id, sizeof(r->trace_id));
    put_id(w, "spanId", r->span_id, sizeof(r->span_id));
    put_id(w, "parentSpanId", r->parent_id, sizeof(r->parent_id));
    clp_jw_kint(w, "flags", flags_of(r));
    write_name(w, r);
    clp_jw_kint(w, "kind", r->kind == CLP_SPAN_REQUEST ? KIND_SERVER : KIND_CLIENT);
    put_number(w, "startTimeUnixNano", r->start * 1000);
    /* The clock may have been set back. */
    put_number(w, "endTimeUnixNano", (r->end > r->start ? r->end : r->start) * 1000);
    write_attributes(w, r);
    clp_jw_key(w, "status");
    clp_jw_object(w);
    if (r->failed) {
        clp_jw_kint(w, "code", STATUS_ERROR);
    }
    clp_jw_end_object(w);
    clp_jw_end_object(w);
}

static void write_resource(clp_jw *w, const clp_trace_resource *resource)
{
    clp_jw_key(w, "resource");
    clp_jw_object(w);
    clp_jw_key(w, "attributes");
    clp_jw_array(w);
    add_text(w, "service.name", resource->service);
    add_text(w, "service.version", CLP_VERSION);
    add_text(w, "host.name", resource->host);
    clp_jw_end_array(w);
    clp_jw_end_object(w);
}

static void write_scope(clp_jw *w, const clp_span_record *records, int n)
{
    clp_jw_object(w);
    clp_jw_key(w, "scope");
    clp_jw_object(w);
    clp_jw_kstr(w, "name", SCOPE);
    clp_jw_kstr(w, "version", CLP_VERSION);
    clp_jw_end_object(w);
    clp_jw_key(w, "spans");
    clp_jw_array(w);
    for (int i = 0; i < n; i++) {
        write_span(w, &records[i]);
    }
    clp_jw_end_array(w);
    clp_jw_end_object(w);
}

void clp_trace_export_write(clp_buffer *out, const clp_trace_resource *resource,
                            const clp_span_record *records, int n)
{
    clp_jw w;

    clp_jw_init(&w, out);
    clp_jw_object(&w);
    clp_jw_key(&w, "resourceSpans");
    clp_jw_array(&w);
    clp_jw_object(&w);
    write_resource(&w, resource);
    clp_jw_key(&w, "scopeSpans");
    clp_jw_array(&w);
    write_scope(&w, records, n);
    clp_jw_end_array(&w);
    clp_jw_end_object(&w);
    clp_jw_end_array(&w);
    clp_jw_end_object(&w);
}

/* --- the answer -------------------------------------------------------------------------- */

int clp_trace_export_rejected(clp_span answer, int n)
{
    cJSON *json = cJSON_ParseWithLength(answer.p, answer.n);
    const cJSON *partial = cJSON_GetObjectItemCaseSensitive(json, "partialSuccess");
    const cJSON *rejected = cJSON_GetObjectItemCaseSensitive(partial, "rejectedSpans");
    const char *text = cJSON_GetStringValue(rejected);
    double count = text ? strtod(text, NULL) : cJSON_IsNumber(rejected) ? rejected->valuedouble : 0;

    cJSON_Delete(json);
    return count >= n ? n : count >= 1 ? (int)count : 0;
}
