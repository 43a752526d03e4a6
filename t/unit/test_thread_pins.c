/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "gateway/thread_pins.h"
#include "wire/log.h"

#define ROWS 64

/* A store of one value, which answers as it is told. */
typedef struct shelf {
    clp_session_store store;
    clp_session_told told;
    clp_session_status says;
    const char *name;
    const char *value;
} shelf;

static clp_session_status put(clp_session_store *s, clp_span name, clp_span value,
                              apr_time_t expires, apr_pool_t *pool)
{
    shelf *f = s->ctx;
    (void)expires;
    if (f->says == CLP_SESSION_OK) {
        f->name = apr_pstrmemdup(pool, name.p, name.n);
        f->value = apr_pstrmemdup(pool, value.p, value.n);
    }
    return f->says;
}

static clp_session_status get(clp_session_store *s, clp_span name, apr_time_t now, clp_buffer *out,
                              apr_pool_t *pool)
{
    shelf *f = s->ctx;
    (void)now;
    (void)pool;
    if (f->says != CLP_SESSION_OK) {
        return f->says;
    }
    if (!f->name || !clp_span_eq(name, clp_span_str(f->name))) {
        return CLP_SESSION_ABSENT;
    }
    clp_buffer_puts(out, f->value);
    return CLP_SESSION_OK;
}

static void shelf_init(shelf *f)
{
    memset(f, 0, sizeof(*f));
    f->store.put = put;
    f->store.get = get;
    f->store.ctx = f;
    f->store.told = &f->told;
}

static int lines;

static void count_line(void *subject, clp_log_level level, apr_status_t rv, const char *line)
{
    (void)subject;
    (void)level;
    (void)rv;
    (void)line;
    lines++;
}

static int wants_all(void *subject, clp_log_level level)
{
    (void)subject;
    (void)level;
    return 1;
}

/* Two channels of two keys each; the second key of the second one serves. */
static const clp_channel_set *channels(clp_candidate *serves, apr_pool_t *pool)
{
    clp_channel_set *set = apr_pcalloc(pool, sizeof(*set));
    set->channels = apr_array_make(pool, 2, sizeof(clp_channel *));
    memset(serves, 0, sizeof(*serves));
    for (int i = 0; i < 2; i++) {
        clp_channel *c = apr_pcalloc(pool, sizeof(*c));
        c->name = i ? "second" : "first";
        c->keys = apr_array_make(pool, 2, sizeof(clp_key));
        for (int k = 0; k < 2; k++) {
            clp_key *key = apr_array_push(c->keys);
            memset(key, 0, sizeof(*key));
            key->id = apr_psprintf(pool, "key-%d-%d", i, k);
        }
        APR_ARRAY_PUSH(set->channels, clp_channel *) = c;
        serves->channel = c;
        serves->key = &APR_ARRAY_IDX(c->keys, 1, clp_key);
    }
    return set;
}

static const char *found(const clp_thread_pins *pins, const char *scope, const char *id,
                         const clp_channel_set *set, apr_pool_t *pool)
{
    clp_plan_query q;
    memset(&q, 0, sizeof(q));
    clp_thread_pins_apply(&q, pins, scope, id, set, 1000, NULL, pool);
    return q.pin_channel ? apr_psprintf(pool, "%s/%s", q.pin_channel, q.pin_key ? q.pin_key : "-")
                         : "nowhere";
}

static clp_pin_table *table(void)
{
    apr_size_t size = clp_pin_table_size(ROWS);
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size) != 0) {
        abort();
    }
    memset(memory, 0, size);
    return clp_pin_table_format(memory, ROWS);
}

static void test_places(apr_pool_t *pool)
{
    clp_candidate serves;
    const clp_channel_set *set = channels(&serves, pool);
    shelf f;
    clp_thread_pins none = {NULL, NULL};
    clp_thread_pins one = {table(), &f.store};
    clp_thread_pins two = {table(), &f.store};
    clp_thread_pins alone = {one.table, NULL};

    shelf_init(&f);
    clp_thread_pins_note(NULL, "anna", "msg_1", &serves, 1000, NULL, pool);
    clp_thread_pins_note(&none, "anna", "msg_1", &serves, 1000, NULL, pool);
    IS_STR(found(NULL, "anna", "msg_1", set, pool), "nowhere", "no place at all");
    IS_STR(found(&none, "anna", "msg_1", set, pool), "nowhere", "neither place");
    clp_thread_pins_note(&one, "anna", "msg_1", &serves, 1000, NULL, pool);
    IS_STR(found(&alone, "anna", "msg_1", set, pool), "second/key-1-1", "the host's own table");
    IS_STR(found(&two, "anna", "msg_1", set, pool), "second/key-1-1", "another host, by the store");
    IS_STR(found(&two, "otto", "msg_1", set, pool), "nowhere", "another user");
    IS_STR(found(&two, "anna", "msg_2", set, pool), "nowhere", "another message");
    IS_STR(found(&two, "anna", NULL, set, pool), "nowhere", "no message");
    OK(!strstr(f.name, "msg_1") && !strstr(f.name, "anna") && !strstr(f.value, "second"),
       "the store holds hashes only");
    f.value = "0123456789abcdef0123456789abcde";
    IS_STR(found(&two, "anna", "msg_1", set, pool), "nowhere", "too short a value");
    f.value = "0123456789abcdef0123456789abcdeg";
    IS_STR(found(&two, "anna", "msg_1", set, pool), "nowhere", "no number");
    f.value = "0123456789abcdef0123456789abcdef";
    IS_STR(found(&two, "anna", "msg_1", set, pool), "nowhere", "a channel that is gone");
    f.says = CLP_SESSION_DOWN;
    IS_STR(found(&alone, "anna", "msg_1", set, pool), "second/key-1-1", "the store is away: own");
    free(one.table);
    free(two.table);
}

static void test_told(apr_pool_t *pool)
{
    clp_candidate serves;
    const clp_channel_set *set = channels(&serves, pool);
    shelf f;
    clp_thread_pins pins = {NULL, &f.store};

    shelf_init(&f);
    clp_log_set(count_line, wants_all);
    clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
    found(&pins, "", "b", set, pool);
    IS_INT(lines, 0, "a store that answers is not told of");
    f.says = CLP_SESSION_DOWN;
    for (int i = 0; i < 3; i++) {
        clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
        found(&pins, "", "a", set, pool);
    }
    IS_INT(lines, 1, "one that is away once");
    f.says = CLP_SESSION_FULL;
    clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
    IS_INT(lines, 2, "that it is full is another thing to tell");
    f.told.full -= apr_time_from_sec(59);
    clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
    IS_INT(lines, 2, "not again within a minute");
    f.told.full -= apr_time_from_sec(1);
    clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
    IS_INT(lines, 3, "but after it");
    f.told.full = apr_time_now() + apr_time_from_sec(3600);
    clp_thread_pins_note(&pins, "", "a", &serves, 1000, NULL, pool);
    IS_INT(lines, 4, "a clock that was set back does not silence it");
    clp_log_set(NULL, NULL);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_places(pool);
    test_told(pool);
    return tap_end();
}
