/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "sched/channel_sets.h"

static apr_pool_t *pool;
static const char *unfit_seen = "";

static void unfit(void *ctx, const clp_set_rule *rule, const char *pattern)
{
    (void)ctx;
    unfit_seen = apr_pstrcat(pool, unfit_seen, rule->name, ":", pattern, " ", NULL);
}

static void add_rule(apr_array_header_t *rules, const char *name, const char *a, const char *b)
{
    clp_set_rule *rule = apr_array_push(rules);
    rule->name = name;
    rule->patterns = apr_array_make(pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(rule->patterns, const char *) = a;
    if (b) {
        APR_ARRAY_PUSH(rule->patterns, const char *) = b;
    }
}

static const char *names(const clp_channel_set *set)
{
    const char *all = "";
    for (int i = 0; set && i < set->channels->nelts; i++) {
        all = apr_pstrcat(pool, all, i ? " " : "",
                          APR_ARRAY_IDX(set->channels, i, const clp_channel *)->name, NULL);
    }
    return set ? all : "no set";
}

int main(void)
{
    static const char *const all[] = {"eu-1", "us-1", "eu-2", "spare"};
    apr_array_header_t *channels;
    apr_array_header_t *rules;
    clp_channel_sets *sets;
    pool = tap_begin();
    channels = apr_array_make(pool, 4, sizeof(const clp_channel *));
    rules = apr_array_make(pool, 4, sizeof(clp_set_rule));
    for (int i = 0; i < 4; i++) {
        APR_ARRAY_PUSH(channels, const clp_channel *) = clp_channel_make(all[i], pool);
    }
    add_rule(rules, "europe", "spare", "eu-*");
    add_rule(rules, "every", "eu-2", "*");
    add_rule(rules, "europe", "us-*", NULL);
    add_rule(rules, "none", "asia-*", "africa");
    sets = clp_channel_sets_make(channels, rules, unfit, NULL, pool);
    IS_STR(names(clp_channel_sets_find(sets, NULL)), "eu-1 us-1 eu-2 spare", "all");
    IS_STR(names(clp_channel_sets_find(sets, "europe")), "spare eu-1 eu-2",
           "in the order of patterns; the first rule of a name counts");
    IS_STR(names(clp_channel_sets_find(sets, "every")), "eu-2 eu-1 us-1 spare", "each once");
    IS_STR(names(clp_channel_sets_find(sets, "none")), "", "a set without channels");
    IS_STR(names(clp_channel_sets_find(sets, "other")), "no set", "an unknown name");
    IS_STR(unfit_seen, "none:asia-* none:africa ", "patterns that fit nothing are told");
    return tap_end();
}
