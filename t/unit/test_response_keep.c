/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "gateway/response_keep.h"

static const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};

/* A store of one value. */
typedef struct shelf {
    clp_session_store store;
    clp_session_status says;
    clp_buffer *value;
} shelf;

static clp_session_status put(clp_session_store *s, clp_span name, clp_span value,
                              apr_time_t expires, apr_pool_t *pool)
{
    shelf *f = s->ctx;
    (void)name;
    (void)expires;
    (void)pool;
    if (f->says == CLP_SESSION_OK) {
        clp_buffer_clear(f->value);
        clp_buffer_span(f->value, value);
    }
    return f->says;
}

static void shelf_init(shelf *f, clp_session_status says, apr_pool_t *pool)
{
    memset(f, 0, sizeof(*f));
    f->store.put = put;
    f->store.ctx = f;
    f->says = says;
    f->value = clp_buffer_make(pool, 0);
}

static const char *kept(shelf *f, int wanted, const char *previous, int stream, const char *bytes,
                        apr_pool_t *pool)
{
    clp_channel channel;
    clp_candidate where;
    clp_response_keeper k;
    clp_buffer *out = clp_buffer_make(pool, 0);

    memset(&channel, 0, sizeof(channel));
    memset(&where, 0, sizeof(where));
    memset(&k, 0, sizeof(k));
    channel.name = "c";
    where.channel = &channel;
    k.store = f ? &f->store : NULL;
    k.limits = (clp_chain_limits){1000, 100, 1000};
    k.owner = clp_session_owner_of("anna");
    k.request = CLP_SPAN_LIT("{\"model\":\"m\",\"input\":\"hi\"}");
    k.previous = previous;
    k.model = "m";
    k.intake = &intake;
    k.wanted = wanted;
    clp_buffer_lit(out, "before");
    clp_buffer_puts(out, bytes);
    clp_response_keep(&k, out, 6, stream, &where, pool);
    return clp_buffer_cstr(out, pool) + 6;
}

#define HEAD  "{\"id\":\"resp_1\",\"output\":[{\"a\":1}]"
#define GIVEN HEAD ",\"store\":false,\"previous_response_id\":null,\"z\":1.0}"
#define TOLD(previous, store)                                                                      \
    HEAD ",\"z\":1.0,\"previous_response_id\":" previous ",\"store\":" store "}"
#define EVENT(response)                                                                            \
    "event: x\ndata: {\"type\":\"x\"}\n\nevent: response.completed\ndata: "                        \
    "{\"type\":\"response.completed\",\"response\":" response ",\"n\":1}\n\n"

int main(void)
{
    apr_pool_t *pool = tap_begin();
    clp_session_record record;
    shelf f;

    shelf_init(&f, CLP_SESSION_OK, pool);
    IS_STR(kept(&f, 1, NULL, 0, GIVEN, pool), TOLD("null", "true"), "a document, stored");
    OK(clp_session_record_read(&record, clp_buffer_all(f.value)), "a record");
    IS_STR(record.id, "resp_1", "its id");
    IS_SPAN(record.document, CLP_SPAN_LIT(TOLD("null", "true")), "the document as it was given");
    IS_SPAN(record.output, CLP_SPAN_LIT("[{\"a\":1}]"), "its output");
    IS_SPAN(record.input,
            CLP_SPAN_LIT("[{\"type\":\"message\",\"role\":\"user\",\"content\":\"hi\"}]"),
            "its input");
    IS_INT(record.items, 2, "items");
    OK(!record.previous, "the first turn");
    IS_STR(kept(&f, 1, "resp_0", 1, EVENT(GIVEN), pool), EVENT(TOLD("\"resp_0\"", "true")),
           "a stream, stored");
    OK(clp_session_record_read(&record, clp_buffer_all(f.value)), "a record");
    IS_STR(record.previous, "resp_0", "what it goes on from");
    shelf_init(&f, CLP_SESSION_OK, pool);
    IS_STR(kept(&f, 0, NULL, 0, GIVEN, pool), GIVEN, "not wanted");
    IS_STR(kept(&f, 0, "resp_0", 0, GIVEN, pool), TOLD("\"resp_0\"", "false"),
           "not wanted further");
    OK(!f.value->n, "not stored");
    IS_STR(kept(NULL, 1, NULL, 0, GIVEN, pool), GIVEN, "no store");
    shelf_init(&f, CLP_SESSION_FULL, pool);
    IS_STR(kept(&f, 1, NULL, 1, EVENT(GIVEN), pool), EVENT(TOLD("null", "false")), "full");
    shelf_init(&f, CLP_SESSION_DOWN, pool);
    IS_STR(kept(&f, 1, NULL, 0, GIVEN, pool), TOLD("null", "false"), "away");
    IS_STR(kept(&f, 1, NULL, 0, "{\"error\":{}}", pool),
           "{\"error\":{},\"previous_response_id\":null,\"store\":false}", "no id");
    IS_STR(kept(&f, 1, NULL, 0, "no json", pool), "no json", "what is no JSON stays as it is");
    IS_STR(kept(&f, 1, NULL, 1, "data: [DONE]\n\n", pool), "data: [DONE]\n\n", "no response");
    IS_STR(kept(&f, 1, NULL, 1, "", pool), "", "nothing");
    return tap_end();
}
