/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "gateway/response_items.h"

static const char *listed(const char *input, const char *limit, const char *order,
                          const char *after, apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_items_page page = {limit, order, after};
    clp_session_record record;
    clp_problem *problem;

    memset(&record, 0, sizeof(record));
    record.id = "resp_ab";
    record.input = clp_span_str(input);
    problem = clp_response_items(out, &record, &page, pool);
    return problem ? problem->message : clp_buffer_cstr(out, pool);
}

#define LIST(data, first, last, more)                                                              \
    "{\"object\":\"list\",\"data\":[" data "],\"first_id\":" first ",\"last_id\":" last            \
    ",\"has_more\":" more "}"
#define THREE                                                                                      \
    "[{\"id\":\"a\",\"type\":\"x\"},{\"type\":\"x\",\"n\":1.0},{\"id\":\"c\",\"type\":\"x\"}]"
#define A "{\"id\":\"a\",\"type\":\"x\"}"
#define B "{\"id\":\"item_ab_1\",\"type\":\"x\",\"n\":1.0}"
#define C "{\"id\":\"c\",\"type\":\"x\"}"

int main(void)
{
    apr_pool_t *pool = tap_begin();

    IS_STR(listed(THREE, NULL, NULL, NULL, pool), LIST(C "," B "," A, "\"c\"", "\"a\"", "false"),
           "latest first");
    IS_STR(listed(THREE, NULL, "asc", NULL, pool), LIST(A "," B "," C, "\"a\"", "\"c\"", "false"),
           "in order");
    IS_STR(listed(THREE, "2", "asc", NULL, pool), LIST(A "," B, "\"a\"", "\"item_ab_1\"", "true"),
           "a page");
    IS_STR(listed(THREE, "2", "asc", "item_ab_1", pool), LIST(C, "\"c\"", "\"c\"", "false"),
           "the next page");
    IS_STR(listed(THREE, "1", "desc", "c", pool), LIST(B, "\"item_ab_1\"", "\"item_ab_1\"", "true"),
           "backwards");
    IS_STR(listed(THREE, NULL, "asc", "c", pool), LIST("", "null", "null", "false"),
           "behind the last");
    IS_STR(listed("[]", NULL, NULL, NULL, pool), LIST("", "null", "null", "false"), "no items");
    IS_STR(listed("[{\"role\":\"user\",\"content\":\"h\\u00e9\"}]", NULL, NULL, NULL, pool),
           LIST("{\"id\":\"item_ab_0\",\"type\":\"message\",\"role\":\"user\",\"content\":[{"
                "\"type\":\"input_text\",\"text\":\"h\\u00e9\"}]}",
                "\"item_ab_0\"", "\"item_ab_0\"", "false"),
           "a short message in full");
    IS_STR(listed("[{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"x\"}]", NULL, NULL,
                  NULL, pool),
           LIST("{\"id\":\"item_ab_0\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{"
                "\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[]}]}",
                "\"item_ab_0\"", "\"item_ab_0\"", "false"),
           "an assistant's");
    IS_STR(listed(THREE, "0", NULL, NULL, pool), "limit: is a number from 1 to 100", "no limit");
    IS_STR(listed(THREE, "101", NULL, NULL, pool), "limit: is a number from 1 to 100", "too high");
    IS_STR(listed(THREE, "x", NULL, NULL, pool), "limit: is a number from 1 to 100", "no number");
    IS_STR(listed(THREE, NULL, "up", NULL, pool), "order: is asc or desc", "another order");
    IS_STR(listed(THREE, NULL, NULL, "z", pool), "after: there is no such item", "after nothing");
    return tap_end();
}
