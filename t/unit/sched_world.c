/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "state/children.h"
#include "state/row_claim.h"

apr_time_t sched_clock;

apr_time_t sched_now(void)
{
    return sched_clock;
}

/* Only its address and name matter. */
const clp_dialect sched_messages = {.name = "messages"};

static void split(apr_array_header_t *out, const char *text, apr_pool_t *pool)
{
    char *state;
    for (char *w = apr_strtok(apr_pstrdup(pool, text), "+", &state); w;
         w = apr_strtok(NULL, "+", &state)) {
        APR_ARRAY_PUSH(out, const char *) = w;
    }
}

static void add_keys(clp_channel *c, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *keys = apr_array_make(pool, 4, sizeof(const char *));
    split(keys, text, pool);
    for (int i = 0; i < keys->nelts; i++) {
        const char *id = APR_ARRAY_IDX(keys, i, const char *);
        clp_channel_add_key(c, apr_pstrcat(pool, "secret-", id, NULL), "****", id);
    }
}

static clp_limits limits_of(const char *text)
{
    clp_limits l = {0, 0, 0};
    if (sscanf(text, "%u/%u/%u", &l.concurrent, &l.requests, &l.tokens) != 3) {
        abort();
    }
    return l;
}

static void set_member(clp_channel *c, const char *name, const char *value, apr_pool_t *pool)
{
    if (!strcmp(name, "p")) {
        c->priority = atoi(value);
    }
    else if (!strcmp(name, "k")) {
        add_keys(c, value, pool);
    }
    else if (!strcmp(name, "u")) {
        split(c->urls, value, pool);
    }
    else if (!strcmp(name, "w")) {
        c->weight = (apr_uint32_t)atoi(value);
    }
    else if (!strcmp(name, "o")) {
        c->key_order = *value == 'o'              ? CLP_KEYS_ORDERED
                       : !strcmp(value, "rotate") ? CLP_KEYS_ROTATE
                                                  : CLP_KEYS_RANDOM;
    }
    else if (!strcmp(name, "l")) {
        c->limits = limits_of(value);
    }
    else if (!strcmp(name, "kl")) {
        c->key_limits = limits_of(value);
    }
    else if (!strcmp(name, "b")) {
        c->breaker.on = 0;
    }
    else if (!strcmp(name, "pr")) {
        c->promotion.until = sched_clock + apr_time_from_sec(atoi(value));
    }
    else if (!strcmp(name, "s")) {
        c->status = *value == 's' ? CLP_CHANNEL_SUSPENDED : CLP_CHANNEL_DISABLED;
    }
    else if (!strcmp(name, "m")) {
        split(c->models, value, pool);
    }
    else {
        abort();
    }
}

static clp_channel *channel_of(char *text, apr_pool_t *pool)
{
    char *open = strchr(text, '(');
    int has_keys = 0;
    clp_channel *c;
    char *state;
    if (open) {
        *open++ = '\0';
        open[strcspn(open, ")")] = '\0';
    }
    c = clp_channel_make(text, pool);
    c->dialect = &sched_messages;
    for (char *w = open ? apr_strtok(open, ",", &state) : NULL; w;
         w = apr_strtok(NULL, ",", &state)) {
        char *value = strchr(w, '=');
        *value++ = '\0';
        has_keys |= !strcmp(w, "k");
        set_member(c, w, value, pool);
    }
    if (!has_keys) {
        add_keys(c, "k", pool);
    }
    if (!c->urls->nelts) {
        APR_ARRAY_PUSH(c->urls, const char *) = "u";
    }
    return c;
}

static clp_row_ref row(const sched_world *w, clp_table_kind kind, apr_uint64_t id)
{
    return clp_tables_claim(w->tables, kind, id, clp_span_str("row"), 1);
}

const clp_conversation_id *sched_conversation(sched_world *w, const char *who, apr_pool_t *pool)
{
    w->query.conversation = clp_conversation_id_make(CLP_PROTOCOL_MESSAGES, who, pool);
    return w->query.conversation;
}

void sched_claim_rows(const sched_world *w)
{
    for (int i = 0; i < w->set->channels->nelts; i++) {
        clp_channel *c = APR_ARRAY_IDX(w->set->channels, i, clp_channel *);
        int n = c->keys->nelts ? c->keys->nelts : 1;
        c->row = row(w, CLP_TABLE_CHANNELS, clp_channel_id(c->name));
        c->circuits = apr_pcalloc(w->pool, sizeof(*c->circuits) * (apr_size_t)(n * c->urls->nelts));
        for (int k = 0; k < n; k++) {
            clp_key *key = c->keys->nelts ? &APR_ARRAY_IDX(c->keys, k, clp_key) : NULL;
            const char *id = key ? key->id : "";
            if (key) {
                key->row = row(w, CLP_TABLE_KEYS, clp_key_id(c->name, id));
            }
            for (int u = 0; u < c->urls->nelts; u++) {
                c->circuits[u * n + k] =
                    row(w, CLP_TABLE_CIRCUITS,
                        clp_circuit_id(c->name, APR_ARRAY_IDX(c->urls, u, const char *), id));
            }
        }
    }
}

sched_world *sched_world_make(const char *channels, apr_pool_t *pool)
{
    static const clp_capacity capacity = {128, 1024, 1024, 4, 4, 4, 64};
    sched_world *w = apr_pcalloc(pool, sizeof(*w));
    char *state;
    w->pool = pool;
    w->set = apr_pcalloc(pool, sizeof(*w->set));
    w->set->name = "test";
    w->set->channels = apr_array_make(pool, 8, sizeof(const clp_channel *));
    w->query.client = &sched_messages;
    w->query.model = "m";
    w->query.random = 7;
    w->query.now = sched_now;
    for (char *t = apr_strtok(apr_pstrdup(pool, channels), " ", &state); t;
         t = apr_strtok(NULL, " ", &state)) {
        if (!strncmp(t, "strategy=", 9)) {
            if (!clp_strategy_parse(t + 9, &w->query.strategy)) {
                abort();
            }
        }
        else {
            APR_ARRAY_PUSH(w->set->channels, clp_channel *) = channel_of(t, pool);
        }
    }
    w->tables = clp_tables_make_private(&capacity, pool);
    clp_child_begin(w->tables, sched_clock);
    w->affinity = clp_pin_table_format(apr_pcalloc(pool, clp_pin_table_size(64)), 64);
    w->query.tables = w->tables;
    w->query.affinity = w->affinity;
    sched_claim_rows(w);
    return w;
}

clp_channel *sched_channel(const sched_world *w, const char *name)
{
    for (int i = 0; i < w->set->channels->nelts; i++) {
        clp_channel *c = APR_ARRAY_IDX(w->set->channels, i, clp_channel *);
        if (!strcmp(c->name, name)) {
            return c;
        }
    }
    abort();
}

void sched_book(const sched_world *w, const clp_candidate *c, const sched_result *r)
{
    clp_writes writes;
    clp_booking b;
    memset(&b, 0, sizeof(b));
    b.kind = CLP_BOOK_ATTEMPT;
    b.result = (apr_byte_t)r->result;
    b.flags = r->left ? CLP_BOOKED_LEFT : 0;
    b.channel = c->channel->row;
    if (c->key) {
        b.key = c->key->row;
    }
    b.circuit = c->circuit;
    b.at = sched_clock;
    b.policy = clp_breaker_pack(&c->channel->breaker);
    b.cooldown = clp_cooldown_pack(&c->channel->cooldown);
    b.model_id = c->model_id;
    b.retry_at = r->retry_at;
    b.probe = c->probe;
    b.first_token_us = r->first_token_us;
    b.tokens[CLP_TOKENS_OUT] = r->tokens;
    clp_writes_begin(&writes);
    clp_standing_enter(w->tables, &b, &writes);
    clp_writes_do(&writes);
}

void sched_change(const sched_world *w, clp_ledger_change_fn *fn, void *baton)
{
    clp_writes writes;
    (void)w;
    clp_writes_begin(&writes);
    fn(baton, &writes);
    clp_writes_do(&writes);
}
