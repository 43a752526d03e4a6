/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "gateway/session.h"
#include "wire/buffer.h"

/*
 * The input: what a store gave for a record. Holds: it is refused, or read as parts that lie
 * within it; what was read is written to bytes that read the same.
 */
static void check_inside(clp_span in, clp_span part)
{
    FUZZ_CHECK(part.p >= in.p && part.p + part.n <= in.p + in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    clp_buffer *written = clp_buffer_make(pool, 0);
    clp_session_record record, again;

    if (clp_session_record_read(&record, in)) {
        check_inside(in, clp_span_str(record.id));
        check_inside(in, clp_span_str(record.model));
        check_inside(in, record.input);
        check_inside(in, record.document);
        check_inside(record.document, record.output);
        clp_session_record_write(written, &record);
        FUZZ_CHECK(clp_span_eq(clp_buffer_all(written), in));
        FUZZ_CHECK(clp_session_record_read(&again, clp_buffer_all(written)));
        FUZZ_CHECK(clp_span_eq(record.output, again.output));
    }
    apr_pool_destroy(pool);
    return 0;
}
