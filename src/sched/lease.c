/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "lease.h"

#include <string.h>

#include "state/children.h"
#include "state/rate_window.h"

/* Nobody knows when a request in flight will end. */
#define SOON apr_time_from_sec(1)

/* A channel or key with its limits. */
typedef struct holder {
    clp_tables *t;
    clp_table_kind kind;
    unsigned row;
    const clp_limits *limits;
    clp_rate_window *requests;
    const clp_rate_window *tokens;
} holder;

static holder holder_of(clp_tables *t, clp_table_kind kind, unsigned row, const clp_limits *limits)
{
    holder h = {t, kind, row, limits, NULL, NULL};
    if (row != CLP_NO_ROW) {
        int channel = kind == CLP_TABLE_CHANNELS;
        h.requests = channel ? &t->channels[row].requests : &t->keys[row].requests;
        h.tokens = channel ? &t->channels[row].tokens : &t->keys[row].tokens;
    }
    return h;
}

/* A cap of 0 is none. Full until when; 0 = there is room. */
static apr_time_t full_until(const clp_rate_window *w, apr_uint32_t cap, apr_time_t now)
{
    return cap && clp_rate_sum(w, now) >= cap ? clp_rate_free_at(w, now, cap - 1) : 0;
}

static apr_time_t has_no_room(const holder *h, apr_time_t now)
{
    apr_time_t until = full_until(h->tokens, h->limits->tokens, now);
    apr_time_t requests = full_until(h->requests, h->limits->requests, now);
    if (requests > until) {
        until = requests;
    }
    if (!until && h->limits->concurrent &&
        clp_in_flight(h->t, h->kind, h->row) >= h->limits->concurrent) {
        until = now + SOON;
    }
    return until;
}

static void leave(const holder *h, apr_time_t now)
{
    clp_in_flight_remove(h->t, h->kind, h->row);
    clp_rate_give_back(h->requests, now);
}

/* Count first and look then, so that two at once cannot both have the last place. */
static apr_time_t join(const holder *h, int unlimited, apr_time_t now)
{
    apr_time_t until = unlimited ? 0 : full_until(h->tokens, h->limits->tokens, now);
    if (until) {
        return until;
    }
    if (!clp_rate_take(h->requests, now, unlimited ? 0 : h->limits->requests)) {
        return full_until(h->requests, h->limits->requests, now);
    }
    clp_in_flight_add(h->t, h->kind, h->row);
    if (!unlimited && h->limits->concurrent &&
        clp_in_flight(h->t, h->kind, h->row) > h->limits->concurrent) {
        leave(h, now);
        return now + SOON;
    }
    return 0;
}

static int claim(clp_lease *l, const clp_tables *t, const clp_lease_request *want, apr_time_t now)
{
    for (int i = 0; i < 2; i++) {
        if (want->circuits[i]) {
            apr_uint64_t got = clp_breaker_claim_probe(want->circuits[i], &want->channel->breaker,
                                                       clp_child_number(t), now);
            if (!got) {
                clp_lease_free_probe(l);
                l->probe = 0;
                return 0;
            }
            l->circuits[i] = want->circuits[i];
            l->probe = got;
        }
    }
    return 1;
}

static int could_claim(const clp_lease_request *want, apr_time_t now)
{
    for (int i = 0; i < 2; i++) {
        if (want->circuits[i] && (apr_time_t)clp_word_get(&want->circuits[i]->probe) > now) {
            return 0;
        }
    }
    return 1;
}

static clp_lease_answer look(const holder *channel, const holder *key,
                             const clp_lease_request *want, apr_time_t now, apr_time_t *until)
{
    if (channel->requests && (*until = has_no_room(channel, now)) != 0) {
        return CLP_LEASE_CHANNEL_FULL;
    }
    if (key->requests && (*until = has_no_room(key, now)) != 0) {
        return CLP_LEASE_KEY_FULL;
    }
    return could_claim(want, now) ? CLP_LEASE_OK : CLP_LEASE_PROBED;
}

clp_lease_answer clp_lease_take(clp_lease *l, clp_tables *t, const clp_lease_request *want,
                                apr_time_t now, apr_time_t *until)
{
    holder channel = holder_of(t, CLP_TABLE_CHANNELS, want->channel_row, &want->channel->limits);
    holder key = holder_of(t, CLP_TABLE_KEYS, want->key_row, &want->channel->key_limits);
    clp_lease_answer answer = CLP_LEASE_OK;
    if (want->peek) {
        return look(&channel, &key, want, now, until);
    }
    memset(l, 0, sizeof(*l));
    if (channel.requests && (*until = join(&channel, want->unlimited, now)) != 0) {
        return CLP_LEASE_CHANNEL_FULL;
    }
    if (key.requests && (*until = join(&key, want->unlimited, now)) != 0) {
        answer = CLP_LEASE_KEY_FULL;
    }
    else if (!claim(l, t, want, now)) {
        answer = CLP_LEASE_PROBED;
        if (key.requests) {
            leave(&key, now);
        }
    }
    if (answer != CLP_LEASE_OK) {
        if (channel.requests) {
            leave(&channel, now);
        }
        return answer;
    }
    l->held = 1;
    l->taken = now;
    l->channel = want->channel_row;
    l->key = want->key_row;
    return CLP_LEASE_OK;
}

void clp_lease_sent(clp_lease *l)
{
    l->sent = 1;
}

void clp_lease_free_probe(clp_lease *l)
{
    for (int i = 0; i < 2; i++) {
        if (l->circuits[i]) {
            clp_breaker_release_probe(l->circuits[i], l->probe);
            l->circuits[i] = NULL;
        }
    }
}

static void end(const clp_lease *l, clp_tables *t, clp_table_kind kind, unsigned row,
                clp_rate_window *requests)
{
    clp_in_flight_remove(t, kind, row);
    if (!l->sent) {
        clp_rate_give_back(requests, l->taken);
    }
}

void clp_lease_end(clp_lease *l, clp_tables *t)
{
    if (!l->held) {
        return;
    }
    l->held = 0;
    if (l->channel != CLP_NO_ROW) {
        end(l, t, CLP_TABLE_CHANNELS, l->channel, &t->channels[l->channel].requests);
    }
    if (l->key != CLP_NO_ROW) {
        end(l, t, CLP_TABLE_KEYS, l->key, &t->keys[l->key].requests);
    }
}
