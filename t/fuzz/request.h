/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_FUZZ_REQUEST_H
#define CLP_T_FUZZ_REQUEST_H

#include "dialect/dialect.h"
#include "fuzz.h"

/**
 * @file request.h
 * @brief What the fuzz targets of requests share: any body is either refused
 * with a problem, or becomes JSON that every dialect writes the same twice.
 */

static inline void fuzz_write(const clp_conversation *c, const clp_dialect *to,
                              const clp_target *target, apr_pool_t *pool)
{
    clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_buffer *again = clp_buffer_make(pool, 0);
    apr_table_t *names;
    clp_sniffed sniffed;
    clp_problem *p = to->write_request(c, target, out, &names, pool);
    clp_problem *q = to->write_request(c, target, again, &names, pool);

    FUZZ_CHECK(!p == !q);
    if (p) {
        FUZZ_CHECK(p->message && *p->message);
        return;
    }
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(out), clp_buffer_all(again)));
    intake.model = to == &clp_dialect_gemini ? target->model : NULL;
    /* The depth grows by what converting puts around a value, never by more. */
    intake.max_depth += 16;
    FUZZ_CHECK(!to->sniff(&sniffed, clp_buffer_all(out), &intake, pool));
    FUZZ_CHECK(sniffed.model && strcmp(sniffed.model, target->model) == 0);
    clp_buffer_release(out);
    clp_buffer_release(again);
}

/** The first byte chooses the target; the rest is the body. */
static inline int fuzz_request(const clp_dialect *from, const uint8_t *data, size_t size)
{
    static const char *const models[] = {"up",      "claude-sonnet-4-5", "claude-opus-5",
                                         "gpt-5.2", "gemini-2.5-pro",    "gemini-3-flash"};
    const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0,
                               from == &clp_dialect_gemini ? "asked" : NULL, -1, NULL};
    clp_traits traits = clp_traits_default();
    apr_pool_t *pool = fuzz_pool();
    clp_span body = clp_span_of((const char *)data, size);
    unsigned choice = fuzz_byte(&body);
    clp_target target = {models[choice & 64 ? 4 + (choice & 1) : choice & 3], &traits, 8192,
                         (choice & 32) != 0};
    clp_conversation *c;
    clp_sniffed sniffed;

    traits.drop_tools = (choice & 4) != 0;
    traits.mid_system = (choice & 8) != 0;
    traits.json_schema = (choice & 16) != 0;
    traits.restricted_schema = traits.function_ids = (choice & 128) != 0;
    traits.reasoning_content = traits.web_search = (choice & 32) != 0;
    if (!from->sniff(&sniffed, body, &intake, pool) &&
        !from->read_request(&c, body, &intake, pool)) {
        for (const clp_dialect *const *to = clp_dialects; *to; to++) {
            fuzz_write(c, *to, &target, pool);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}

#endif
