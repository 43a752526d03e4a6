/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "call_text.h"

#include "args_check.h"
#include "wire/buffer.h"
#include "wire/json_scan.h"
#include "wire/text.h"

struct clp_call_text {
    clp_json *json;
    clp_buffer plain;
    clp_buffer scratch;
    clp_args_check check;
};

clp_call_text *clp_call_text_make(apr_pool_t *pool)
{
    clp_call_text *t = apr_pcalloc(pool, sizeof(*t));
    t->json = clp_json_make(pool);
    clp_buffer_init(&t->plain, pool, 0);
    clp_buffer_init(&t->scratch, pool, 0);
    return t;
}

static clp_jval scan(clp_call_text *t, clp_span escaped)
{
    const clp_json_limits limits = {CLP_ARGS_DEPTH, 1, 0};
    clp_buffer_clear(&t->plain);
    clp_text_unescape(&t->plain, escaped);
    return clp_json_scan(t->json, clp_buffer_all(&t->plain), &limits, NULL) == CLP_JSON_OK
               ? clp_json_root(t->json)
               : CLP_JVAL_NONE;
}

clp_span clp_call_text_object(clp_call_text *t, clp_span escaped)
{
    clp_args_check_init(&t->check);
    clp_span respelled = clp_args_check_pass(&t->check, escaped, &t->scratch);
    if (t->check.state == CLP_ARGS_COMPLETE) {
        return respelled;
    }
    if (t->check.state == CLP_ARGS_BLANK || clp_jval_kind(scan(t, escaped)) == CLP_JSON_NULL) {
        return CLP_SPAN_LIT("");
    }
    /* the text is quoted once more inside the object, whose quotes are escaped in turn */
    clp_buffer_clear(&t->scratch);
    clp_buffer_lit(&t->scratch, CLP_CALL_TEXT_WRAPPED "\\\"");
    clp_text_escape(&t->scratch, escaped, 0);
    clp_buffer_lit(&t->scratch, "\\\"}");
    return clp_buffer_all(&t->scratch);
}

clp_span clp_call_text_custom(clp_call_text *t, clp_span escaped)
{
    clp_jval root = scan(t, escaped);
    clp_jval input = clp_jval_get(root, "input");
    if (!clp_jval_is_string(input)) {
        input = clp_jval_get(root, "content");
    }
    return clp_jval_is_string(input) ? clp_jval_text(input).s : escaped;
}
