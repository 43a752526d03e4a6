/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/cooldown.h"

/* Three times of this many bits, in seconds, make a packed policy. */
#define BITS 21
#define MASK (((apr_uint64_t)1 << BITS) - 1)

clp_cooldown_policy clp_cooldown_policy_default(void)
{
    clp_cooldown_policy policy = {
        .assumed = apr_time_from_sec(5 * 60),
        .repeated = apr_time_from_sec(10 * 60),
        .max = apr_time_from_sec(24 * 3600),
    };
    return policy;
}

apr_uint64_t clp_cooldown_pack(const clp_cooldown_policy *policy)
{
    return (apr_uint64_t)apr_time_sec(policy->assumed) |
           (apr_uint64_t)apr_time_sec(policy->repeated) << BITS |
           (apr_uint64_t)apr_time_sec(policy->max) << 2 * BITS;
}

clp_cooldown_policy clp_cooldown_unpack(apr_uint64_t word)
{
    clp_cooldown_policy policy = {
        .assumed = apr_time_from_sec((apr_int64_t)(word & MASK)),
        .repeated = apr_time_from_sec((apr_int64_t)(word >> BITS & MASK)),
        .max = apr_time_from_sec((apr_int64_t)(word >> 2 * BITS & MASK)),
    };
    return policy;
}

clp_cooling_state clp_cooling_look(const clp_cooling *c, apr_time_t now, apr_time_t *until)
{
    apr_time_t end = (apr_time_t)clp_word_get(&c->until);
    if (end <= now) {
        return CLP_COOLING_NOT;
    }
    if (until) {
        *until = end;
    }
    return clp_word_get(&c->told) ? CLP_COOLING_TOLD : CLP_COOLING_ASSUMED;
}

clp_cooling_state clp_cooling_look_key(const clp_key_row *key, apr_uint64_t model, apr_time_t now,
                                       apr_time_t *until)
{
    apr_time_t key_until = 0;
    apr_time_t model_until = 0;
    clp_cooling_state by_key = clp_cooling_look(&key->cooling, now, &key_until);
    clp_cooling_state by_model = CLP_COOLING_NOT;
    for (int i = 0; model && i < CLP_KEY_MODELS; i++) {
        if (clp_word_get(&key->models[i].model) == model) {
            by_model = clp_cooling_look(&key->models[i].cooling, now, &model_until);
        }
    }
    /* A time that was told stands before one that is assumed, however long that is. */
    if (by_key == by_model) {
        *until = key_until > model_until ? key_until : model_until;
        return by_key;
    }
    *until = by_key > by_model ? key_until : model_until;
    return by_key > by_model ? by_key : by_model;
}

void clp_cooldown_enter(clp_writes *w, clp_cooling *c, const clp_cooldown_policy *policy,
                        apr_time_t retry_at, apr_time_t at)
{
    apr_uint64_t failures = clp_writes_get(w, &c->failures) + 1;
    apr_time_t until = retry_at;
    if (retry_at <= 0) {
        until = at + (failures >= CLP_COOLDOWN_REPEATED ? policy->repeated : policy->assumed);
    }
    if (until > at + policy->max) {
        until = at + policy->max;
    }
    clp_writes_set(w, &c->failures, failures);
    if (retry_at <= 0 && clp_writes_get(w, &c->told) &&
        (apr_time_t)clp_writes_get(w, &c->until) > at) {
        return;
    }
    clp_writes_set(w, &c->until, (apr_uint64_t)until);
    clp_writes_set(w, &c->told, retry_at > 0);
}

void clp_cooldown_enter_over(clp_writes *w, clp_cooling *c)
{
    if (clp_writes_get(w, &c->failures)) {
        clp_writes_set(w, &c->failures, 0);
    }
    if (clp_writes_get(w, &c->until) && !clp_writes_get(w, &c->told)) {
        clp_writes_set(w, &c->until, 0);
    }
}

/* The model's place, or the one it gets: the first that is free, else whose rest ends first. */
static clp_model_cooling *place_of(const clp_writes *w, clp_key_row *key, apr_uint64_t model)
{
    clp_model_cooling *best = NULL;
    apr_uint64_t best_until = 0;
    for (int i = 0; i < CLP_KEY_MODELS; i++) {
        clp_model_cooling *m = &key->models[i];
        apr_uint64_t is = clp_writes_get(w, &m->model);
        apr_uint64_t until = is ? clp_writes_get(w, &m->cooling.until) : 0;
        if (is == model) {
            return m;
        }
        if (!best || until < best_until) {
            best = m;
            best_until = until;
        }
    }
    return best;
}

void clp_cooldown_enter_model(clp_writes *w, clp_key_row *key, apr_uint64_t model,
                              const clp_cooldown_policy *policy, apr_time_t retry_at, apr_time_t at)
{
    clp_model_cooling *m = place_of(w, key, model);
    if (clp_writes_get(w, &m->model) != model) {
        clp_writes_clear(w, &m->cooling.until, sizeof(m->cooling) / sizeof(m->cooling.until));
        clp_writes_set(w, &m->model, model);
    }
    clp_cooldown_enter(w, &m->cooling, policy, retry_at, at);
}

void clp_cooldown_enter_model_over(clp_writes *w, clp_key_row *key, apr_uint64_t model)
{
    for (int i = 0; model && i < CLP_KEY_MODELS; i++) {
        clp_model_cooling *m = &key->models[i];
        if (clp_writes_get(w, &m->model) == model) {
            clp_cooldown_enter_over(w, &m->cooling);
        }
    }
}
