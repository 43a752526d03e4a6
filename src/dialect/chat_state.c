/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_state.h"

#include "gemini.h"
#include "wire/text.h"

static clp_jval google_of(clp_jval holder)
{
    return clp_jval_get(clp_jval_get(holder, "extra_content"), "google");
}

static clp_text signature_of(clp_jval google)
{
    clp_text signature = clp_jval_text(clp_jval_get(google, "thought_signature"));
    return clp_text_is(signature, CLP_GEMINI_SKIP_MARK) ? clp_text_str(NULL) : signature;
}

clp_text clp_chat_state_of(clp_jval holder)
{
    return signature_of(google_of(holder));
}

void clp_chat_state_write(clp_jw *jw, clp_text signature)
{
    clp_jw_key(jw, "extra_content");
    clp_jw_object(jw);
    clp_jw_key(jw, "google");
    clp_jw_object(jw);
    clp_jw_ktext(jw, "thought_signature", signature);
    clp_jw_end_object(jw);
    clp_jw_end_object(jw);
}

/* Requests are not recorded so deep: few calls have a state, and all would pay for it. */
static clp_text scanned(clp_jval google, apr_pool_t *pool)
{
    static const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
    clp_json *j = clp_json_make(pool);

    return clp_json_scan(j, clp_jval_raw(google), &limits, NULL) == CLP_JSON_OK
               ? signature_of(clp_json_root(j))
               : clp_text_str(NULL);
}

void clp_chat_state_read(clp_reading *r, clp_turn *turn, clp_jval holder, clp_state_kind kind)
{
    clp_jval google = google_of(holder);
    clp_text signature;
    clp_state state;

    if (!clp_jval_is_object(google)) {
        return;
    }
    signature = scanned(google, r->pool);
    clp_state_read(&state, signature, CLP_PROVIDER_GEMINI, kind, r->envelope_key, r->pool);
    if (state.provider == CLP_PROVIDER_GEMINI) {
        clp_turn_block(turn, r->pool, CLP_BLOCK_REASONING, holder)->state = state;
    }
}
