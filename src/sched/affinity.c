/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/affinity.h"

#include <string.h>

#include "state/tables.h"

clp_protocol clp_protocol_of(const clp_dialect *client)
{
    static const struct {
        const char *dialect;
        clp_protocol protocol;
    } rows[] = {
        {"messages", CLP_PROTOCOL_MESSAGES},   {"chat", CLP_PROTOCOL_CHAT},
        {"chat_legacy", CLP_PROTOCOL_CHAT},    {"completions", CLP_PROTOCOL_CHAT},
        {"responses", CLP_PROTOCOL_RESPONSES}, {"gemini", CLP_PROTOCOL_GEMINI},
    };
    for (apr_size_t i = 0; client && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!strcmp(client->name, rows[i].dialect)) {
            return rows[i].protocol;
        }
    }
    return CLP_PROTOCOL_OTHER;
}

/* What a binding is found by: a number of protocol and conversation. */
static clp_span name_of(apr_uint64_t out[2], clp_protocol protocol, const char *identity)
{
    out[0] = (apr_uint64_t)protocol;
    /* Clients choose their names: nobody shall find one that meets another's. */
    out[1] = clp_pin_hash(clp_span_str(identity));
    return clp_span_of((const char *)out, 2 * sizeof(out[0]));
}

/* A channel, and which one of those that had its name. */
static apr_uint64_t channel_mark(const clp_channel *c)
{
    return c->id + c->row.epoch;
}

void clp_affinity_put(clp_pin_table *t, clp_protocol protocol, const char *identity,
                      const clp_channel *c, const clp_key *key, apr_time_t expires)
{
    apr_uint64_t name[2];
    clp_pin pin = {channel_mark(c), key ? key->hash : 0};
    clp_pin_table_put(t, name_of(name, protocol, identity), pin, expires);
}

int clp_affinity_get(const clp_pin_table *t, clp_protocol protocol, const char *identity,
                     apr_time_t now, clp_pin *pin)
{
    apr_uint64_t name[2];
    return clp_pin_table_get(t, name_of(name, protocol, identity), now, pin);
}

int clp_affinity_is_channel(const clp_pin *pin, const clp_channel *c)
{
    return pin->channel == channel_mark(c);
}

int clp_affinity_key(const clp_pin *pin, const clp_channel *c)
{
    for (int i = 0; i < c->keys->nelts; i++) {
        if (APR_ARRAY_IDX(c->keys, i, clp_key).hash == pin->key) {
            return i;
        }
    }
    return -1;
}
