/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/envelope.h"
#include "fuzz.h"
#include "wire/buffer.h"

/*
 * The input: provider and kind (a byte each), then bytes that are once a payload and once a text.
 * Holds: what was sealed opens to the same; no other text opens, whatever it looks like.
 */

static const clp_envelope_key key = {"an envelope key for fuzz targets"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const clp_provider providers[] = {CLP_PROVIDER_CLAUDE, CLP_PROVIDER_OPENAI,
                                             CLP_PROVIDER_GEMINI};
    static const clp_state_kind kinds[] = {CLP_STATE_BLOCK, CLP_STATE_REDACTED, CLP_STATE_NEXT_CALL,
                                           CLP_STATE_PREV_TEXT, CLP_STATE_EMPTY_TEXT};
    apr_pool_t *pool = fuzz_pool();
    clp_span in = clp_span_of((const char *)data, size);
    clp_state state, opened;
    clp_buffer *sealed = clp_buffer_make(pool, 0);

    state.provider = providers[fuzz_byte(&in) % 3];
    state.kind = kinds[fuzz_byte(&in) % 5];
    state.payload = in;
    FUZZ_CHECK(!clp_envelope_open(&opened, clp_text_plain(in), &key, pool));
    FUZZ_CHECK(!clp_envelope_open(&opened, clp_text_escaped(in), &key, pool));
    FUZZ_CHECK(opened.provider == CLP_PROVIDER_NONE);
    clp_envelope_seal(sealed, &state, &key);
    FUZZ_CHECK(clp_envelope_open(&opened, clp_text_escaped(clp_buffer_all(sealed)), &key, pool));
    FUZZ_CHECK(opened.provider == state.provider && opened.kind == state.kind);
    FUZZ_CHECK(clp_span_eq(opened.payload, state.payload));
    apr_pool_destroy(pool);
    return 0;
}
