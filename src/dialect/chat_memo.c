/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "chat_memo.h"

#include "answer_output.h"
#include "carrier.h"
#include "dialect/tools.h"

struct clp_chat_memo {
    const clp_writer_options *options;
    apr_pool_t *pool;
    clp_carrier *carrier;
    clp_buffer gemini; /* envelope of Gemini's state, which stands on one call alone */
    int calls;
    int said; /* something other than reasoning came */
};

clp_chat_memo *clp_chat_memo_make(const clp_writer_options *options, apr_pool_t *pool)
{
    clp_chat_memo *m;

    if (!options->memo || !options->envelope_key || options->legacy_functions) {
        return NULL;
    }
    m = apr_pcalloc(pool, sizeof(*m));
    m->options = options;
    m->pool = pool;
    m->carrier = clp_carrier_make(pool);
    clp_buffer_init(&m->gemini, pool, 0);
    return m;
}

static int is_reasoning(clp_part_kind part)
{
    return part == CLP_PART_REASONING || part == CLP_PART_REDACTED;
}

static void note(clp_chat_memo *m, const clp_event *call)
{
    clp_span envelope = m->gemini.n ? clp_buffer_all(&m->gemini)
                                    : clp_carrier_take(m->carrier, m->options->envelope_key);
    const char *id =
        clp_answer_call_id("call_", call->id, m->calls++, CLP_TOOL_ID_CHAT, m->options, m->pool);

    if (envelope.n) {
        m->options->memo->note(m->options->memo->ctx, id, envelope);
    }
    clp_buffer_clear(&m->gemini);
}

static void open_block(clp_chat_memo *m, const clp_event *event)
{
    if (is_reasoning(event->part)) {
        clp_carrier_block(m->carrier, !m->said);
        return;
    }
    m->said = 1;
    if (event->part == CLP_PART_TOOL_CALL || event->part == CLP_PART_CUSTOM_CALL) {
        note(m, event);
    }
}

static void seal_gemini(clp_chat_memo *m, const clp_event *event)
{
    const clp_state state = {CLP_PROVIDER_GEMINI, event->state_kind, {NULL, 0}};

    if (event->state_kind == CLP_STATE_NEXT_CALL) {
        clp_buffer_clear(&m->gemini);
        clp_state_carry(&m->gemini, &state, event->text, m->options->envelope_key);
    }
}

static void delta(clp_chat_memo *m, const clp_event *event)
{
    int opaque = event->delta == CLP_DELTA_SIGNATURE || event->part == CLP_PART_REDACTED;

    if (!is_reasoning(event->part)) {
        return;
    }
    if (opaque && event->provider == CLP_PROVIDER_GEMINI) {
        seal_gemini(m, event);
    }
    else if (opaque) {
        clp_carrier_state(m->carrier, event->provider, event->state_kind, event->text.s);
    }
    else {
        clp_carrier_text(m->carrier, event->text.s);
    }
}

void clp_chat_memo_put(clp_chat_memo *m, const clp_event *event)
{
    if (!m) {
        return;
    }
    if (event->kind == CLP_EVENT_BLOCK_OPEN) {
        open_block(m, event);
    }
    else if (event->kind == CLP_EVENT_BLOCK_DELTA) {
        delta(m, event);
    }
    else if (event->kind == CLP_EVENT_BLOCK_CLOSE && is_reasoning(event->part)) {
        clp_carrier_close(m->carrier);
    }
}
