/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "wire/coding.h"

/*
 * The input: the coding (1 byte), the cap in steps of 1 KiB (1 byte), the body. Holds: the cap is
 * never passed, neither by content nor by memory; a problem leaves nothing behind and has a code; a
 * byte less allowed than decoded is too large.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    clp_coding coding = (clp_coding)(fuzz_byte(&in) % (CLP_CODING_UNKNOWN + 1));
    apr_size_t cap = fuzz_byte(&in) * 1024;
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_problem *p = clp_coding_decode(coding, in, cap, out, pool);

    FUZZ_CHECK(out->room <= cap + 256 && out->n <= cap && !out->overflow && !out->cap);
    if (p) {
        FUZZ_CHECK(out->n == 0 && p->code && p->details.p && *p->message);
        FUZZ_CHECK(p->cls == CLP_BAD_REQUEST || p->cls == CLP_TOO_LARGE ||
                   p->cls == CLP_UNSUPPORTED_CODING);
    }
    else {
        apr_size_t n = out->n;
        FUZZ_CHECK(coding != CLP_CODING_UNKNOWN);
        if (n) {
            clp_buffer_clear(out);
            p = clp_coding_decode(coding, in, n - 1, out, pool);
            FUZZ_CHECK(p && p->cls == CLP_TOO_LARGE);
        }
        clp_buffer_release(out);
        FUZZ_CHECK(!clp_coding_decode(coding, in, n, out, pool) && out->n == n);
    }
    apr_pool_destroy(pool);
    return 0;
}
