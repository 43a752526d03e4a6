/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include "wire/text.h"

const clp_dialect *const clp_dialects[] = {
    &clp_dialect_messages,  &clp_dialect_chat,   &clp_dialect_chat_legacy,
    &clp_dialect_responses, &clp_dialect_gemini, NULL,
};

void clp_dialect_splice_model(clp_buffer *out, clp_span body, const clp_sniffed *sniffed,
                              const char *model)
{
    const char *at = sniffed->model_raw.p;
    const char *behind;

    if (!at) {
        clp_buffer_span(out, body);
        return;
    }
    behind = at + sniffed->model_raw.n;
    clp_buffer_append(out, body.p, (apr_size_t)(at - body.p));
    clp_buffer_putc(out, '"');
    clp_text_escape(out, clp_span_str(model), 0);
    clp_buffer_putc(out, '"');
    clp_buffer_append(out, behind, (apr_size_t)(body.p + body.n - behind));
}
