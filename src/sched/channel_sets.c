/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_sets.h"

static clp_channel_set *make_set(const char *name, apr_pool_t *pool)
{
    clp_channel_set *set = apr_palloc(pool, sizeof(*set));
    set->name = name;
    set->channels = apr_array_make(pool, 4, sizeof(const clp_channel *));
    return set;
}

static int is_in(const clp_channel_set *set, const clp_channel *channel)
{
    for (int i = 0; i < set->channels->nelts; i++) {
        if (APR_ARRAY_IDX(set->channels, i, const clp_channel *) == channel) {
            return 1;
        }
    }
    return 0;
}

/* Add the channels that fit a pattern and are not in the set yet; how many fit. */
static int add_matching(clp_channel_set *set, const apr_array_header_t *channels,
                        const char *pattern)
{
    int fit = 0;
    for (int i = 0; i < channels->nelts; i++) {
        const clp_channel *channel = APR_ARRAY_IDX(channels, i, const clp_channel *);
        if (clp_model_matches(pattern, channel->name, NULL, NULL)) {
            fit++;
            if (!is_in(set, channel)) {
                APR_ARRAY_PUSH(set->channels, const clp_channel *) = channel;
            }
        }
    }
    return fit;
}

clp_channel_sets *clp_channel_sets_make(const apr_array_header_t *channels,
                                        const apr_array_header_t *rules, clp_set_unfit_fn *unfit,
                                        void *ctx, apr_pool_t *pool)
{
    clp_channel_sets *sets = apr_palloc(pool, sizeof(*sets));
    clp_channel_set *all = make_set("all", pool);
    add_matching(all, channels, "*");
    sets->all = all;
    sets->named = apr_hash_make(pool);
    for (int i = 0; i < rules->nelts; i++) {
        const clp_set_rule *rule = &APR_ARRAY_IDX(rules, i, clp_set_rule);
        clp_channel_set *set;
        if (apr_hash_get(sets->named, rule->name, APR_HASH_KEY_STRING)) {
            continue;
        }
        set = make_set(rule->name, pool);
        for (int k = 0; k < rule->patterns->nelts; k++) {
            const char *pattern = APR_ARRAY_IDX(rule->patterns, k, const char *);
            if (!add_matching(set, channels, pattern) && unfit) {
                unfit(ctx, rule, pattern);
            }
        }
        apr_hash_set(sets->named, rule->name, APR_HASH_KEY_STRING, set);
    }
    return sets;
}

const clp_channel_set *clp_channel_sets_find(const clp_channel_sets *sets, const char *name)
{
    return name ? apr_hash_get(sets->named, name, APR_HASH_KEY_STRING) : sets->all;
}

static const clp_channel *channel_at(const clp_channel_set *set, int i)
{
    return APR_ARRAY_IDX(set->channels, i, const clp_channel *);
}

int clp_channel_set_active(const clp_channel_set *set)
{
    int n = 0;

    for (int i = 0; i < set->channels->nelts; i++) {
        n += channel_at(set, i)->status == CLP_CHANNEL_ACTIVE;
    }
    return n;
}

int clp_channel_set_promoted_twice(const clp_channel_set *set, apr_time_t now,
                                   const clp_channel **one, const clp_channel **other)
{
    for (int i = 0; i < set->channels->nelts; i++) {
        apr_uint32_t mine = clp_channel_promoted_for(channel_at(set, i), now);

        for (int k = 0; mine && k < i; k++) {
            if (mine & clp_channel_promoted_for(channel_at(set, k), now)) {
                *one = channel_at(set, k);
                *other = channel_at(set, i);
                return 1;
            }
        }
    }
    return 0;
}
