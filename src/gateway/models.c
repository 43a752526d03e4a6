/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/models.h"

#include <stdlib.h>

#include <apr_hash.h>

#include "models_question.h"

struct clp_models_job {
    clp_models_round round;
    apr_array_header_t *questions; /* of clp_models_question *, as the channels are configured */
};

static clp_models_question *question_of(const clp_models_job *job, int i)
{
    return APR_ARRAY_IDX(job->questions, i, clp_models_question *);
}

clp_models_job *clp_models_ask(const clp_channel_set *set, clp_transport *transport, apr_time_t now,
                               void *subject, apr_pool_t *pool)
{
    clp_models_job *job = apr_pcalloc(pool, sizeof(*job));

    job->round.pool = pool;
    job->round.transport = transport;
    job->round.subject = subject;
    job->round.deadline = now + apr_time_from_msec(CLP_MODELS_MAX_MS);
    job->questions = apr_array_make(pool, set->channels->nelts, sizeof(clp_models_question *));
    for (int i = 0; i < set->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(set->channels, i, const clp_channel *);
        if (c->status == CLP_CHANNEL_ACTIVE) {
            APR_ARRAY_PUSH(job->questions, clp_models_question *) =
                clp_models_question_ask(&job->round, c, now);
        }
    }
    return job;
}

int clp_models_done(const clp_models_job *job)
{
    return job->round.open == 0;
}

void clp_models_cancel(clp_models_job *job)
{
    for (int i = 0; i < job->questions->nelts; i++) {
        clp_models_question_cancel(question_of(job, i));
    }
}

int clp_models_failed(const clp_models_job *job)
{
    int n = 0;
    for (int i = 0; i < job->questions->nelts; i++) {
        n += question_of(job, i)->failed;
    }
    return n;
}

/* --- the list ---------------------------------------------------------------------- */

static clp_model named(const char *id)
{
    clp_model m = {id, id, "system", 0};
    return m;
}

static void add_exact(apr_array_header_t *list, const char *pattern)
{
    if (!strpbrk(pattern, "*?")) {
        APR_ARRAY_PUSH(list, clp_model) = named(pattern);
    }
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const clp_model *)a)->id, ((const clp_model *)b)->id);
}

static void add_unseen(apr_array_header_t *list, apr_hash_t *seen, const clp_model *m)
{
    if (!apr_hash_get(seen, m->id, APR_HASH_KEY_STRING)) {
        apr_hash_set(seen, m->id, APR_HASH_KEY_STRING, m->id);
        APR_ARRAY_PUSH(list, clp_model) = *m;
    }
}

/* What one channel serves, by id, each once. */
static void add_channel(apr_array_header_t *list, apr_hash_t *seen, const clp_models_question *q)
{
    const clp_channel *c = q->channel;
    apr_pool_t *pool = q->round->pool;
    apr_array_header_t *own = apr_array_make(pool, q->models->nelts + 8, sizeof(clp_model));
    apr_array_header_t *all = apr_array_make(pool, q->models->nelts + 8, sizeof(clp_model));
    apr_hash_t *seen_here = apr_hash_make(pool);

    for (int i = 0; i < q->models->nelts; i++) {
        const clp_model *m = &APR_ARRAY_IDX(q->models, i, clp_model);
        if (clp_channel_serves(c, m->id)) {
            APR_ARRAY_PUSH(all, clp_model) = *m;
        }
    }
    for (int i = 0; i < c->model_map->nelts; i++) {
        add_exact(all, APR_ARRAY_IDX(c->model_map, i, clp_model_rule).pattern);
    }
    for (int i = 0; i < c->models->nelts; i++) {
        add_exact(all, APR_ARRAY_IDX(c->models, i, const char *));
    }
    for (int i = 0; i < all->nelts; i++) {
        add_unseen(own, seen_here, &APR_ARRAY_IDX(all, i, clp_model));
    }
    qsort(own->elts, (size_t)own->nelts, sizeof(clp_model), by_id);
    for (int i = 0; i < own->nelts; i++) {
        add_unseen(list, seen, &APR_ARRAY_IDX(own, i, clp_model));
    }
}

apr_array_header_t *clp_models_list(const clp_models_job *job)
{
    apr_array_header_t *list = apr_array_make(job->round.pool, 64, sizeof(clp_model));
    apr_hash_t *seen = apr_hash_make(job->round.pool);

    for (int i = 0; i < job->questions->nelts; i++) {
        add_channel(list, seen, question_of(job, i));
    }
    return list;
}

const apr_array_header_t *clp_models_with_names(const apr_array_header_t *list,
                                                const apr_array_header_t *names, apr_pool_t *pool)
{
    apr_array_header_t *all;

    if (!names || !names->nelts) {
        return list;
    }
    all = apr_array_copy(pool, list);
    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        if (!clp_models_find(all, name)) {
            APR_ARRAY_PUSH(all, clp_model) = named(name);
        }
    }
    return all;
}

const clp_model *clp_models_find(const apr_array_header_t *list, const char *id)
{
    for (int i = 0; i < list->nelts; i++) {
        const clp_model *m = &APR_ARRAY_IDX(list, i, clp_model);
        if (!strcmp(m->id, id)) {
            return m;
        }
    }
    return NULL;
}
