/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/affinity.h"

#include <string.h>

#include <apr_hash.h>

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

const clp_conversation_id *clp_conversation_id_make(clp_protocol protocol, const char *identity,
                                                    apr_pool_t *pool)
{
    clp_conversation_id *who;
    if (!identity) {
        return NULL;
    }
    who = apr_palloc(pool, sizeof(*who));
    who->identity = identity;
    who->bound = clp_pin_name_of(clp_span_str(identity));
    who->bound.half[1] ^= (apr_uint64_t)protocol;
    return who;
}

/* A channel, and which one of those that had its name. */
static apr_uint64_t channel_mark(const clp_channel *c)
{
    return c->id + c->row.epoch;
}

void clp_affinity_put(clp_pin_table *t, const clp_conversation_id *who, const clp_channel *c,
                      const clp_key *key, apr_time_t expires)
{
    clp_pin pin = {channel_mark(c), key ? key->hash : 0};
    clp_pin_table_put(t, who->bound, pin, expires);
}

int clp_affinity_get(const clp_pin_table *t, const clp_conversation_id *who, apr_time_t now,
                     clp_pin *pin)
{
    return clp_pin_table_get(t, who->bound, now, pin);
}

/* Counts by the mark of a channel. */
static int count_binding(void *marks, const clp_pin *pin)
{
    apr_uint64_t *count = apr_hash_get(marks, &pin->channel, sizeof(pin->channel));

    if (count) {
        (*count)++;
    }
    return 1;
}

apr_uint64_t clp_affinity_count(const clp_pin_table *t, const apr_array_header_t *channels,
                                apr_time_t now, apr_uint64_t *counts, apr_pool_t *scratch)
{
    apr_hash_t *marks = apr_hash_make(scratch);

    for (int i = 0; i < channels->nelts; i++) {
        apr_uint64_t *mark = apr_palloc(scratch, sizeof(*mark));

        *mark = channel_mark(APR_ARRAY_IDX(channels, i, const clp_channel *));
        counts[i] = 0;
        apr_hash_set(marks, mark, sizeof(*mark), &counts[i]);
    }
    return clp_pin_table_count(t, now, count_binding, marks);
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
