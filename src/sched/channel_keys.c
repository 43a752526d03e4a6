/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_keys.h"

#include <string.h>

#include <apr_strings.h>

#include "sched/channel_show.h"

/** Keys that stand one behind the other and came from the same source. */
typedef struct run {
    const clp_key *keys;
    int n;
    const apr_array_header_t *now; /* NULL = they are as they were */
} run;

static const clp_key *key_at(const clp_channel *c, int i)
{
    return &APR_ARRAY_IDX(c->keys, i, clp_key);
}

static int comes_from(const clp_key *key, const char *source)
{
    return key->source && source && !strcmp(key->source, source);
}

int clp_channel_uses_source(const clp_channel *c, const char *source)
{
    for (int i = 0; i < c->keys->nelts; i++) {
        if (comes_from(key_at(c, i), source)) {
            return 1;
        }
    }
    return 0;
}

static run run_at(const clp_channel *c, int i, clp_key_source_fn *source)
{
    run r = {key_at(c, i), 1, NULL};

    while (i + r.n < c->keys->nelts && comes_from(key_at(c, i + r.n), r.keys->source)) {
        r.n++;
    }
    r.now = r.keys->source ? source(r.keys->source) : NULL;
    return r;
}

static const char *give(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                        apr_pool_t *pool)
{
    const run *r = ctx;

    (void)label;
    (void)arg;
    for (int i = 0; r->now && i < r->now->nelts; i++) {
        APR_ARRAY_PUSH(out, const char *) =
            apr_pstrdup(pool, APR_ARRAY_IDX(r->now, i, const char *));
    }
    for (int i = 0; !r->now && i < r->n; i++) {
        APR_ARRAY_PUSH(out, const char *) = r->keys[i].secret;
    }
    return NULL;
}

static int gives_anything(const clp_channel *base, clp_key_source_fn *source)
{
    for (int i = 0; i < base->keys->nelts; i++) {
        const clp_key *key = key_at(base, i);
        if (key->source && source(key->source)) {
            return 1;
        }
    }
    return 0;
}

const clp_channel *clp_channel_read_keys(const clp_channel *base, clp_key_source_fn *source,
                                         apr_pool_t *pool, const char **wrong)
{
    run r;
    const clp_channel_source giver = {.ctx = &r, .secrets = give};
    clp_channel_draft d;

    *wrong = NULL;
    if (!gives_anything(base, source)) {
        return base;
    }
    clp_channel_draft_begin_from(&d, base, &giver, pool);
    clp_channel_draft_clear(&d, CLP_SETTING_KEYS);
    d.label = clp_setting_directive(CLP_SETTING_KEYS);
    for (int i = 0; i < base->keys->nelts && !*wrong; i += r.n) {
        const char *arg;
        r = run_at(base, i, source);
        arg = r.keys->source ? r.keys->source : r.keys->secret;
        *wrong = clp_channel_draft_set(&d, CLP_SETTING_KEYS, 1, &arg);
    }
    return *wrong ? NULL : d.channel;
}
