/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "gateway/response_chain.h"

#define MEMORY ((apr_size_t)4 * 1024 * 1024)

static const clp_chain_limits roomy = {1000, 1000, 1000000};
static const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};

static clp_session_store *fresh_store(apr_pool_t *pool)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, MEMORY) != 0) {
        abort();
    }
    memset(memory, 0, MEMORY);
    apr_pool_cleanup_register(pool, memory, (apr_status_t(*)(void *))(void *)free,
                              apr_pool_cleanup_null);
    return clp_session_store_of_table(clp_session_table_format(memory, MEMORY), pool);
}

static clp_session_status add(clp_session_store *store, const char *id, const char *previous,
                              const char *user, const char *input, const char *output,
                              apr_time_t now, apr_pool_t *pool)
{
    clp_chain_turn turn;
    memset(&turn, 0, sizeof(turn));
    turn.previous = previous;
    turn.model = "m";
    turn.owner = clp_session_owner_of(user);
    turn.channel = 7;
    turn.key = 8;
    turn.input = clp_span_str(input);
    return clp_chain_store(store, &turn,
                           clp_span_str(apr_pstrcat(pool, "{\"id\":\"", id, "\",\"output\":",
                                                    output, ",\"status\":\"completed\"}", NULL)),
                           &roomy, now, pool);
}

static void test_record(apr_pool_t *pool)
{
    clp_session_record in;
    clp_session_record out;
    clp_buffer *bytes = clp_buffer_make(pool, 0);
    char *copy;
    int accepted = 0;

    memset(&in, 0, sizeof(in));
    in.id = "resp_1";
    in.previous = "resp_0";
    in.model = "gpt";
    in.owner = clp_session_owner_of("anna");
    in.created = 11;
    in.used = 12;
    in.channel = APR_UINT64_C(0xfedcba9876543210);
    in.key = 14;
    in.tokens = 15;
    in.items = 16;
    in.input = CLP_SPAN_LIT("[1]");
    in.document = CLP_SPAN_LIT("{\"output\":[2,3]}");
    in.output = clp_span_of(in.document.p + 10, 5);
    clp_session_record_write(bytes, &in);
    OK(clp_session_record_read(&out, clp_buffer_all(bytes)), "read back");
    IS_STR(out.id, in.id, "id");
    IS_STR(out.previous, in.previous, "previous");
    IS_STR(out.model, in.model, "model");
    OK(!memcmp(out.owner.hash, in.owner.hash, 16), "owner");
    OK(out.created == 11 && out.used == 12 && out.tokens == 15 && out.items == 16, "numbers");
    OK(out.channel == in.channel && out.key == 14, "where it was served");
    IS_SPAN(out.input, in.input, "input");
    IS_SPAN(out.document, in.document, "document");
    IS_SPAN(out.output, CLP_SPAN_LIT("[2,3]"), "output");
    in.previous = NULL;
    clp_buffer_clear(bytes);
    clp_session_record_write(bytes, &in);
    OK(clp_session_record_read(&out, clp_buffer_all(bytes)) && !out.previous, "no previous one");
    for (apr_size_t n = 0; n < bytes->n; n++) {
        copy = malloc(n ? n : 1);
        memcpy(copy, bytes->p, n);
        accepted += clp_session_record_read(&out, clp_span_of(copy, n));
        free(copy);
    }
    IS_INT(accepted, 0, "no part of a record is one");
    /* Any damage is refused or leaves a record whose parts lie within its bytes. */
    copy = malloc(bytes->n);
    for (apr_size_t i = 0; i < bytes->n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, bytes->p, bytes->n);
            copy[i] = (char)(copy[i] ^ (1 << bit));
            if (clp_session_record_read(&out, clp_span_of(copy, bytes->n))) {
                accepted += strlen(out.id) > bytes->n || out.output.p < copy ||
                            out.output.p + out.output.n > copy + bytes->n ||
                            out.document.p + out.document.n > copy + bytes->n;
            }
        }
    }
    free(copy);
    IS_INT(accepted, 0, "no damage leads outside");
}

static const char *expand(clp_session_store *store, const char *id, const char *user,
                          const clp_chain_limits *limits, apr_time_t now, const char *request,
                          apr_pool_t *pool)
{
    clp_session_owner owner = clp_session_owner_of(user);
    clp_buffer *body = clp_buffer_make(pool, 0);
    clp_buffer *own = clp_buffer_make(pool, 0);
    clp_problem *problem;
    clp_chain chain;
    clp_session_status status =
        clp_chain_load(&chain, &problem, store, id, &owner, limits, now, pool);
    if (status != CLP_SESSION_OK) {
        return status == CLP_SESSION_ABSENT ? "absent" : "down";
    }
    if (!problem) {
        problem = clp_chain_expand(body, own, clp_span_str(request), &chain, &intake, pool);
    }
    return problem ? problem->message : clp_buffer_cstr(body, pool);
}

static void test_chain(apr_pool_t *pool)
{
    clp_session_store *store = fresh_store(pool);
    clp_chain_limits few = {1000, 4, 1000000};
    clp_chain_limits cheap = {1000, 1000, 11};
    clp_chain_limits none = {1000, 1, 1};
    const char *next = "{\"model\":\"m\",\"previous_response_id\":\"resp_c\",\"input\":\"hi\"}";

    add(store, "resp_a", NULL, "anna", "[\"a1\"]", "[\"A1\"]", 1, pool);
    add(store, "resp_b", "resp_a", "anna", "[ \"b1\" , \"b2\" ]", "[]", 2, pool);
    OK(add(store, "resp_c", "resp_b", "anna", "[\"c1\"]", "[\"C1\",{\"id\":\"msg_1\",\"x\":1.0}]",
           3, pool) == CLP_SESSION_OK,
       "stored");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 4, next, pool),
           "{\"model\":\"m\",\"input\":[\"a1\",\"A1\", \"b1\" , \"b2\" ,\"c1\",\"C1\",{\"id\":"
           "\"msg_1\",\"x\":1.0},{\"type\":\"message\",\"role\":\"user\",\"content\":\"hi\"}]}",
           "the conversation, oldest first");
    IS_STR(expand(store, "resp_a", "anna", &roomy, 4,
                  "{\"input\":[{\"role\":\"user\"}],\"previous_response_id\":\"resp_a\",\"n\":1e5}",
                  pool),
           "{\"input\":[\"a1\",\"A1\",{\"role\":\"user\"}],\"n\":1e5}",
           "from an earlier response; the rest as it was spelled");
    IS_STR(
        expand(store, "resp_a", "anna", &roomy, 4, "{\"previous_response_id\":\"resp_a\"}", pool),
        "{\"input\":[\"a1\",\"A1\"]}", "without input of its own");
    IS_STR(expand(store, "resp_c", "anna", &few, 4, "{\"input\":[]}", pool),
           "{\"input\":[\"c1\",\"C1\",{\"id\":\"msg_1\",\"x\":1.0}]}",
           "over the items: the oldest turns are left out");
    IS_STR(expand(store, "resp_b", "anna", &cheap, 4, "{\"input\":[]}", pool),
           "{\"input\":[\"a1\",\"A1\", \"b1\" , \"b2\" ]}", "just within the tokens");
    IS_STR(expand(store, "resp_c", "anna", &none, 4, "{\"input\":[]}", pool),
           "{\"input\":[\"c1\",\"C1\",{\"id\":\"msg_1\",\"x\":1.0}]}",
           "the latest turn stays whatever the limits");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 4,
                  "{\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"},{\"id\":\"msg_1\"}]}",
                  pool),
           "{\"input\":[\"a1\",\"A1\", \"b1\" , \"b2\" ,\"c1\",\"C1\",{\"id\":\"msg_1\",\"x\":1.0},"
           "{\"id\":\"msg_1\",\"x\":1.0},{\"id\":\"msg_1\",\"x\":1.0}]}",
           "references to items");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 4,
                  "{\"input\":[3,{\"type\":\"item_reference\",\"id\":\"msg_2\"}]}", pool),
           "input[1]: the conversation has no item of this id", "a reference to nothing");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 4, "{\"input\":3}", pool),
           "input: is a string or an array", "input of another type");
    IS_STR(expand(store, "resp_c", "bert", &roomy, 4, next, pool), "absent", "not for others");
    IS_STR(expand(store, "resp_x", "anna", &roomy, 4, next, pool), "absent", "unknown");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 1003, next, pool), "absent", "too long ago");
    {
        clp_session_owner owner = clp_session_owner_of("anna");
        clp_buffer *body = clp_buffer_make(pool, 0);
        clp_buffer *own = clp_buffer_make(pool, 0);
        clp_problem *problem;
        clp_chain chain = {NULL, 0};
        add(store, "resp_f", NULL, "anna", "[{\"id\":\"i\"}]",
            "[{\"type\":\"reasoning\",\"id\":\"rs_1\"},{\"type\":\"message\",\"id\":\"msg_1\","
            "\"x\":1.0}]",
            1, pool);
        clp_chain_load(&chain, &problem, store, "resp_f", &owner, &roomy, 4, pool);
        chain.foreign = 1;
        OK(!clp_chain_expand(body, own, CLP_SPAN_LIT("{\"input\":[2]}"), &chain, &intake, pool),
           "for another's upstream");
        IS_SPAN(clp_buffer_all(body),
                CLP_SPAN_LIT("{\"input\":[{\"id\":\"i\"},{\"type\":\"message\",\"x\":1.0},2]}"),
                "without what it cannot know");
    }
    IS_STR(clp_chain_unknown("resp_x", pool)->message,
           "Previous response with id 'resp_x' not found.", "the words for it");
}

static void test_forgetting(apr_pool_t *pool)
{
    clp_session_store *store = fresh_store(pool);
    const char *request = "{\"input\":[]}";

    add(store, "resp_a", NULL, "anna", "[1]", "[]", 1, pool);
    add(store, "resp_b", "resp_a", "anna", "[2]", "[]", 2, pool);
    add(store, "resp_c", "resp_b", "anna", "[3]", "[]", 3, pool);
    store->remove(store, CLP_SPAN_LIT("resp_a"), 4, pool);
    IS_STR(expand(store, "resp_c", "anna", &roomy, 4, request, pool), "{\"input\":[2,3]}",
           "turns that are gone do not end the conversation");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 600, request, pool), "{\"input\":[2,3]}",
           "used late");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 1500, request, pool), "{\"input\":[2,3]}",
           "use kept all of it");
    IS_STR(expand(store, "resp_c", "anna", &roomy, 2600, request, pool), "absent",
           "until nobody used it");
    add(store, "resp_x", "resp_z", "anna", "[1]", "[]", 1, pool);
    add(store, "resp_y", "resp_x", "anna", "[1]", "[]", 1, pool);
    add(store, "resp_z", "resp_y", "anna", "[1]", "[]", 1, pool);
    IS_STR(expand(store, "resp_y", "anna", &roomy, 4, request, pool),
           "Previous response with id 'resp_y' not found.", "a circle");
    add(store, "resp_o", NULL, "bert", "[\"private\"]", "[]", 1, pool);
    add(store, "resp_p", "resp_o", "anna", "[1]", "[]", 1, pool);
    IS_STR(expand(store, "resp_p", "anna", &roomy, 4, request, pool), "{\"input\":[1]}",
           "nothing of another user's comes in through a chain");
    OK(add(store, "resp_q", NULL, "anna", "[1]", "{}", 1, pool) == CLP_SESSION_ABSENT,
       "no response without output");
}

/* The promise of docs/sessions.md. */
static void test_speed(apr_pool_t *pool)
{
    clp_session_store *store = fresh_store(pool);
    clp_session_owner owner = clp_session_owner_of("anna");
    clp_chain_limits limits = {apr_time_from_sec(3600), 1000, 1000000};
    char *text = apr_palloc(pool, 1024);
    const char *items;
    apr_time_t append = 1000000;
    apr_time_t load = 1000000;

    memset(text, 'x', 1023);
    text[1023] = '\0';
    items = apr_pstrcat(pool, "[\"", text, "\"]", NULL);
    for (int i = 0; i < 100; i++) {
        apr_time_t begin = apr_time_now();
        add(store, apr_psprintf(pool, "resp_%d", i),
            i ? apr_psprintf(pool, "resp_%d", i - 1) : NULL, "anna", items, items, 1, pool);
        begin = apr_time_now() - begin;
        append = begin < append ? begin : append;
    }
    for (int i = 0; i < 20; i++) {
        apr_pool_t *sub;
        apr_time_t begin;
        clp_problem *problem;
        clp_chain chain;
        apr_pool_create(&sub, pool);
        begin = apr_time_now();
        clp_chain_load(&chain, &problem, store, "resp_99", &owner, &limits, 2, sub);
        begin = apr_time_now() - begin;
        load = begin < load ? begin : load;
        if (i == 0) {
            IS_INT(chain.records->nelts, 100, "a chain of 100 turns");
        }
        apr_pool_destroy(sub);
    }
    tap_diag("append %d us, look-up of 100 turns %d us", (int)append, (int)load);
#if !defined(__SANITIZE_ADDRESS__)
    /* 200 us each are meant; a busy machine is given ten times that, so that only
     * another order of cost fails. */
    OK(append < 2000, "append far from quadratic (%d us)", (int)append);
    OK(load < 2000, "look-up far from quadratic (%d us)", (int)load);
#endif
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_record(pool);
    test_chain(pool);
    test_forgetting(pool);
    test_speed(pool);
    return tap_end();
}
