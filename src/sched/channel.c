/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel.h"

#include <string.h>

#include <apr_strings.h>

/*
 * Greedy never matters for yes or no: only the last star seen has to be
 * stretched, so the work is at most pattern times name.
 */
int clp_model_matches(const char *pattern, const char *name, const char **star, apr_pool_t *pool)
{
    const char *p = pattern;
    const char *n = name;
    const char *last = NULL;  /* behind the last star in the pattern */
    const char *mark = NULL;  /* where the name goes on behind what that star took */
    const char *first = NULL; /* behind the first star in the pattern */
    const char *taken = NULL; /* what the first star took */
    const char *taken_end = NULL;
    while (*n) {
        if (*p == '*') {
            last = ++p;
            mark = n;
            if (!first) {
                first = p;
                taken = taken_end = n;
            }
        }
        else if (*p && (*p == '?' || *p == *n)) {
            p++;
            n++;
        }
        else if (last) {
            p = last;
            n = ++mark;
            if (last == first) {
                taken_end = mark;
            }
        }
        else {
            return 0;
        }
    }
    if (p[strspn(p, "*")]) {
        return 0;
    }
    if (*p && !taken) {
        taken = taken_end = n;
    }
    if (star) {
        *star = taken ? apr_pstrmemdup(pool, taken, (apr_size_t)(taken_end - taken)) : NULL;
    }
    return 1;
}

/* The target with each '*' replaced. */
static const char *fill(const char *target, const char *star, apr_pool_t *pool)
{
    const char *at;
    const char *out = "";
    if (!star || !strchr(target, '*')) {
        return target;
    }
    while ((at = strchr(target, '*'))) {
        out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, target, (apr_size_t)(at - target)), star,
                          NULL);
        target = at + 1;
    }
    return apr_pstrcat(pool, out, target, NULL);
}

const char *clp_channel_model(const clp_channel *c, const char *model, apr_pool_t *pool)
{
    for (int i = 0; c->model_map && i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        const char *star;
        if (clp_model_matches(rule->pattern, model, &star, pool)) {
            return fill(rule->target, star, pool);
        }
    }
    return model;
}

int clp_channel_serves(const clp_channel *c, const char *model)
{
    if (!c->models || !c->models->nelts) {
        return 1;
    }
    for (int i = 0; i < c->models->nelts; i++) {
        if (clp_model_matches(APR_ARRAY_IDX(c->models, i, const char *), model, NULL, NULL)) {
            return 1;
        }
    }
    for (int i = 0; c->model_map && i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        if (clp_model_matches(rule->pattern, model, NULL, NULL)) {
            return 1;
        }
    }
    return 0;
}
