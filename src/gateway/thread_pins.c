/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/thread_pins.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "wire/text.h"

/* Providers keep threads for a limited time; a pin that outlives its thread
 * only costs its row. */
#define PIN_LIFETIME apr_time_from_sec(24 * 3600)

#define HEX_DIGITS 32

static clp_span table_name(const char *scope, const char *id, apr_pool_t *pool)
{
    return clp_span_str(apr_pstrcat(pool, "thread\n", scope, "\n", id, NULL));
}

/* --- in a store: the name hashed, the pin as two numbers ----------------------------- */

static clp_span store_name(clp_span name, apr_pool_t *pool)
{
    char hex[65];
    clp_sha256_hex(name, hex);
    hex[HEX_DIGITS] = '\0';
    return clp_span_str(apr_pstrcat(pool, "pin_", hex, NULL));
}

static void put_in_store(clp_session_store *store, clp_span name, clp_pin pin, apr_time_t expires,
                         void *subject, apr_pool_t *pool)
{
    const char *value = apr_psprintf(pool, "%016" APR_UINT64_T_HEX_FMT "%016" APR_UINT64_T_HEX_FMT,
                                     pin.channel, pin.key);
    clp_session_status status =
        store->put(store, store_name(name, pool), clp_span_str(value), expires, pool);
    clp_session_store_tell(store, status,
                           "other hosts cannot go on with what an upstream holds for this one",
                           subject);
}

static int read_number(apr_uint64_t *out, const char *digits)
{
    char text[17];
    char *end;
    apr_cpystrn(text, digits, sizeof(text));
    *out = strtoull(text, &end, 16);
    return end == text + 16;
}

static int get_from_store(clp_session_store *store, clp_span name, apr_time_t now, clp_pin *pin,
                          void *subject, apr_pool_t *pool)
{
    clp_buffer *value = clp_buffer_make(pool, 0);
    clp_session_status status = store->get(store, store_name(name, pool), now, value, pool);
    int found;

    clp_session_store_tell(store, status,
                           "a conversation may go to another upstream than the one that holds it",
                           subject);
    found = status == CLP_SESSION_OK && value->n == 32 && read_number(&pin->channel, value->p) &&
            read_number(&pin->key, value->p + 16);
    clp_buffer_release(value);
    return found;
}

/* --- both ------------------------------------------------------------------------------- */

static int find(const clp_thread_pins *pins, clp_span name, apr_time_t now, clp_pin *pin,
                void *subject, apr_pool_t *pool)
{
    if (pins->table && clp_pin_table_get(pins->table, clp_pin_name_of(name), now, pin)) {
        return 1;
    }
    return pins->store && get_from_store(pins->store, name, now, pin, subject, pool);
}

void clp_thread_pins_apply(clp_plan_query *query, const clp_thread_pins *pins, const char *scope,
                           const char *previous, const clp_channel_set *set, apr_time_t now,
                           void *subject, apr_pool_t *pool)
{
    clp_pin pin;
    if (!pins || !previous ||
        !find(pins, table_name(scope, previous, pool), now, &pin, subject, pool)) {
        return;
    }
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        if (clp_pin_hash(clp_span_str(c->name)) != pin.channel) {
            continue;
        }
        query->pin_channel = c->name;
        for (int k = 0; k < c->keys->nelts; k++) {
            const clp_key *key = &APR_ARRAY_IDX(c->keys, k, clp_key);
            if (clp_pin_hash(clp_span_str(key->id)) == pin.key) {
                query->pin_key = key->id;
            }
        }
        return;
    }
}

void clp_thread_pins_note(const clp_thread_pins *pins, const char *scope, const char *id,
                          const clp_candidate *where, apr_time_t now, void *subject,
                          apr_pool_t *pool)
{
    clp_span name;
    clp_pin pin;

    if (!pins) {
        return;
    }
    name = table_name(scope, id, pool);
    pin.channel = clp_pin_hash(clp_span_str(where->channel->name));
    pin.key = where->key ? clp_pin_hash(clp_span_str(where->key->id)) : 0;
    if (pins->table) {
        clp_pin_table_put(pins->table, clp_pin_name_of(name), pin, now + PIN_LIFETIME);
    }
    if (pins->store) {
        put_in_store(pins->store, name, pin, now + PIN_LIFETIME, subject, pool);
    }
}
