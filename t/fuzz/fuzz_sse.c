/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "wire/buffer.h"
#include "wire/sse.h"

/*
 * The input: how long the plan is (1 byte), the bound in steps of 8 (1 byte, 0 = none), the plan of
 * the splits, the stream. Holds: whole, by plan and byte by byte give the same events, the same
 * end, the same bytes pending; no event passes the bound; data is never blank.
 */

typedef struct sink {
    clp_buffer *out;
    apr_size_t max;
} sink;

static int note(void *ctx, const clp_sse_event *event)
{
    sink *k = ctx;
    int blank = 1;
    for (apr_size_t i = 0; i < event->data.n; i++) {
        blank &= event->data.p[i] == ' ' || event->data.p[i] == '\t' || event->data.p[i] == '\n';
    }
    FUZZ_CHECK(!blank && event->lines > 0);
    FUZZ_CHECK(!k->max || event->data.n + event->name.n <= k->max);
    clp_buffer_printf(k->out, "%d %d %d ", (int)event->name.n, (int)event->data.n, event->lines);
    clp_buffer_span(k->out, event->name);
    clp_buffer_span(k->out, event->data);
    return event->data.n > 3 && memcmp(event->data.p, "stop", 4) == 0;
}

static clp_span run(clp_span in, clp_span plan, int whole, apr_size_t max, apr_pool_t *pool)
{
    sink k = {clp_buffer_make(pool, 0), max};
    clp_sse *sse = clp_sse_make(pool, max, note, &k);
    clp_sse_status status = CLP_SSE_OK;
    size_t turn = 0;

    while (in.n) {
        clp_span piece = whole ? in : fuzz_piece(&in, plan, &turn);
        char *copy = malloc(piece.n ? piece.n : 1);
        memcpy(copy, piece.p, piece.n);
        status = clp_sse_feed(sse, copy, piece.n);
        free(copy);
        if (whole) {
            break;
        }
    }
    if (status == CLP_SSE_OK) {
        FUZZ_CHECK(!max || clp_sse_pending(sse) <= max + 3);
        clp_buffer_printf(k.out, "pending %d ", (int)clp_sse_pending(sse));
    }
    clp_buffer_printf(k.out, "status %d", (int)clp_sse_finish(sse));
    return clp_buffer_all(k.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    apr_size_t plan_n = fuzz_byte(&in) % 16;
    apr_size_t max = fuzz_byte(&in) * 8;
    clp_span plan = clp_span_of(in.p, plan_n < in.n ? plan_n : in.n);
    clp_span want;

    in.p += plan.n;
    in.n -= plan.n;
    want = run(in, plan, 1, max, pool);
    FUZZ_CHECK(clp_span_eq(run(in, plan, 0, max, pool), want));
    FUZZ_CHECK(clp_span_eq(run(in, clp_span_of(NULL, 0), 0, max, pool), want));
    apr_pool_destroy(pool);
    return 0;
}
