/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "fuzz.h"
#include "upstream/trace_context.h"

/*
 * The input: a client's traceparent and, behind a line's end, its tracestate. Holds: what is
 * taken goes on as it came and reads the same; where the request is recorded, the trace stays.
 */
static clp_trace sent_on(const clp_trace *trace, apr_table_t *to, apr_pool_t *pool)
{
    clp_trace read;

    clp_trace_write(to, trace, 1, pool);
    clp_trace_read(&read, to);
    FUZZ_CHECK(!strcmp(read.trace_id, trace->trace_id));
    FUZZ_CHECK(!read.tracestate == !trace->tracestate);
    FUZZ_CHECK(read.sampled == trace->sampled);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *parent = apr_pstrmemdup(pool, (const char *)data, size);
    char *state = strchr(parent, '\n');
    apr_table_t *fields = apr_table_make(pool, 2);
    clp_trace trace, read;

    apr_table_setn(fields, "traceparent", parent);
    if (state) {
        *state++ = '\0';
        apr_table_setn(fields, "tracestate", state);
    }
    clp_trace_read(&trace, fields);
    FUZZ_CHECK(!trace.traceparent == !trace.trace_id[0] &&
               (trace.traceparent || !trace.tracestate));
    read = sent_on(&trace, fields, pool);
    FUZZ_CHECK(!strcmp(read.parent, trace.parent));
    clp_trace_record(&trace);
    if (trace.span[0]) {
        read = sent_on(&trace, fields, pool);
        FUZZ_CHECK(strcmp(read.parent, trace.parent) && strcmp(read.parent, trace.span));
    }
    apr_pool_destroy(pool);
    return 0;
}
