/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of claude-proxy 2.5, for comparison: several channels with one base URL each, every
 * error but those with a few codes goes on to the next key.
 *
 * A key of a channel keeps its last ten results. It is tripped while five or more are known and
 * half of them failed; fifteen minutes after it first was, a sweep each minute forgets them. A
 * channel is healthy by the same measure over the results of all its keys. A failed key rests for
 * five minutes, ten from the fourth time on; success does not end that.
 */
#include "simulate.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#define WINDOW   10
#define MIN      5
#define RECOVERY apr_time_from_sec(15 * 60)
#define SWEEP    apr_time_from_sec(60)
#define REST     apr_time_from_sec(5 * 60)
#define LONGER   apr_time_from_sec(10 * 60)
#define AFFINITY apr_time_from_sec(30 * 60)

typedef struct key {
    char failed[WINDOW]; /* ring */
    int n;               /* results known, at most WINDOW */
    int at;
    apr_time_t broken_at; /* 0 = not */
    apr_time_t rest_until;
    apr_time_t failed_at;
    int failures; /* while it rests */
} key;

typedef struct binding {
    int channel;
    apr_time_t used;
} binding;

typedef struct proxy {
    apr_pool_t *pool;
    key keys[SIM_CHANNELS][SIM_KEYS];
    apr_hash_t *bindings;
    apr_time_t swept;
} proxy;

typedef struct visit {
    char channel_failed[SIM_CHANNELS];
    char key_failed[SIM_KEYS];
    int tries; /* in this channel */
    int force;
} visit;

static void *make(apr_pool_t *pool)
{
    proxy *p = apr_pcalloc(pool, sizeof(*p));
    p->pool = pool;
    p->bindings = apr_hash_make(pool);
    return p;
}

static int failures_of(const key *k)
{
    int n = 0;
    for (int i = 0; i < k->n; i++) {
        n += k->failed[i];
    }
    return n;
}

static int is_tripped(const key *k)
{
    return k->n >= MIN && failures_of(k) * 2 >= k->n;
}

/* Failures in thousandths of the results of all keys; -1 = too few are known. */
static int failure_rate(const proxy *p, int channel)
{
    int n = 0;
    int failed = 0;
    for (int i = 0; i < SIM_KEYS; i++) {
        n += p->keys[channel][i].n;
        failed += failures_of(&p->keys[channel][i]);
    }
    return n >= MIN ? failed * 1000 / n : -1;
}

static void sweep(proxy *p, apr_time_t now)
{
    if (now - p->swept < SWEEP) {
        return;
    }
    p->swept = now;
    for (int c = 0; c < SIM_CHANNELS; c++) {
        for (int i = 0; i < SIM_KEYS; i++) {
            key *k = &p->keys[c][i];
            if (k->broken_at && now - k->broken_at > RECOVERY) {
                k->broken_at = 0;
                k->n = k->at = 0;
            }
            if (k->rest_until <= now) {
                k->failures = 0;
            }
        }
    }
}

static void record(key *k, int failed, apr_time_t now)
{
    k->failed[k->at] = (char)failed;
    k->at = (k->at + 1) % WINDOW;
    k->n = k->n < WINDOW ? k->n + 1 : WINDOW;
    if (!failed) {
        k->broken_at = 0;
        return;
    }
    if (!k->broken_at && is_tripped(k)) {
        k->broken_at = now;
    }
    k->failed_at = now;
    k->failures++;
    k->rest_until = now + (k->failures > 3 ? LONGER : REST);
}

/* The key to try: the first that rests not, else the one whose failure is oldest. */
static int choose_key(const proxy *p, const visit *v, int channel, apr_time_t now)
{
    int oldest = -1;
    for (int i = 0; i < SIM_KEYS; i++) {
        const key *k = &p->keys[channel][i];
        if (v->key_failed[i]) {
            continue;
        }
        if (k->rest_until <= now) {
            return i;
        }
        if (oldest < 0 || k->failed_at < p->keys[channel][oldest].failed_at) {
            oldest = i;
        }
    }
    return oldest;
}

static int bound_channel(const proxy *p, const visit *v, const sim_request *r, apr_time_t now)
{
    const binding *b = apr_hash_get(p->bindings, r->conversation, APR_HASH_KEY_STRING);
    if (!b || now - b->used > AFFINITY || v->channel_failed[b->channel] ||
        failure_rate(p, b->channel) >= 500) {
        return -1;
    }
    return b->channel;
}

static int choose_channel(const proxy *p, const visit *v, const sim_request *r, apr_time_t now)
{
    int best = bound_channel(p, v, r, now);
    for (int c = 0; c < SIM_CHANNELS && best < 0; c++) {
        if (!v->channel_failed[c] && failure_rate(p, c) < 500) {
            best = c;
        }
    }
    if (best >= 0) {
        return best;
    }
    for (int c = 0; c < SIM_CHANNELS; c++) {
        if (!v->channel_failed[c] && (best < 0 || failure_rate(p, c) < failure_rate(p, best))) {
            best = c;
        }
    }
    return best;
}

static void enter_channel(const proxy *p, visit *v, sim_request *r, int channel)
{
    r->target.channel = channel;
    memset(v->key_failed, 0, sizeof(v->key_failed));
    v->tries = 0;
    v->force = 1;
    for (int i = 0; i < SIM_KEYS; i++) {
        v->force &= is_tripped(&p->keys[channel][i]);
    }
}

static int settle(proxy *p, sim_request *r, apr_time_t now)
{
    visit *v = r->state;
    for (;;) {
        while (v->tries < SIM_KEYS) {
            int k = choose_key(p, v, r->target.channel, now);
            v->tries++;
            v->key_failed[k] = 1;
            if (v->force || !is_tripped(&p->keys[r->target.channel][k])) {
                r->target.key = k;
                return 1;
            }
        }
        v->channel_failed[r->target.channel] = 1;
        r->target.channel = choose_channel(p, v, r, now);
        if (r->target.channel < 0) {
            return 0;
        }
        enter_channel(p, v, r, r->target.channel);
    }
}

static int first(void *self, sim_request *r, apr_time_t now)
{
    proxy *p = self;
    visit *v = apr_pcalloc(r->pool, sizeof(*v));
    sweep(p, now);
    r->state = v;
    enter_channel(p, v, r, choose_channel(p, v, r, now));
    return settle(p, r, now);
}

static int next(void *self, sim_request *r, sim_outcome outcome, apr_time_t told, apr_time_t now)
{
    proxy *p = self;
    (void)outcome;
    (void)told; /* it is not looked at */
    sweep(p, now);
    record(&p->keys[r->target.channel][r->target.key], 1, now);
    return settle(p, r, now);
}

static void served(void *self, sim_request *r, apr_time_t now)
{
    proxy *p = self;
    binding *b = apr_hash_get(p->bindings, r->conversation, APR_HASH_KEY_STRING);
    sweep(p, now);
    record(&p->keys[r->target.channel][r->target.key], 0, now);
    if (!b) {
        b = apr_palloc(p->pool, sizeof(*b));
        apr_hash_set(p->bindings, apr_pstrdup(p->pool, r->conversation), APR_HASH_KEY_STRING, b);
    }
    b->channel = r->target.channel;
    b->used = now;
}

static int knows(void *self, int channel, apr_time_t now)
{
    (void)now;
    return failure_rate(self, channel) >= 500;
}

const sim_rules sim_claude_proxy = {"claude-proxy 2.5", make, first, next, served, knows};
