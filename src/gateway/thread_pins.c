/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/thread_pins.h"

#include <apr_strings.h>

/* Providers keep threads for a limited time; a pin that outlives its thread
 * only costs its row. */
#define PIN_LIFETIME apr_time_from_sec(24 * 3600)

static clp_span pin_name(const char *scope, const char *id, apr_pool_t *pool)
{
    return clp_span_str(apr_pstrcat(pool, "thread\n", scope, "\n", id, NULL));
}

void clp_thread_pins_apply(clp_plan_query *query, const clp_pin_table *pins, const char *scope,
                           const char *previous, const clp_channel_set *set, apr_time_t now,
                           apr_pool_t *pool)
{
    clp_pin pin;
    if (!pins || !previous ||
        !clp_pin_table_get(pins, pin_name(scope, previous, pool), now, &pin)) {
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

void clp_thread_pins_note(clp_pin_table *pins, const char *scope, const char *id,
                          const clp_candidate *where, apr_time_t now, apr_pool_t *pool)
{
    clp_pin pin;
    if (!pins) {
        return;
    }
    pin.channel = clp_pin_hash(clp_span_str(where->channel->name));
    pin.key = where->key ? clp_pin_hash(clp_span_str(where->key->id)) : 0;
    clp_pin_table_put(pins, pin_name(scope, id, pool), pin, now + PIN_LIFETIME);
}
