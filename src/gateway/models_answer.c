/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/models_answer.h"

#include <string.h>

#include <apr_strings.h>

#include "wire/json_write.h"

/* Anthropic's bound on a page. */
#define MAX_LIMIT 1000

clp_problem *clp_models_page_read(clp_models_page *out, const char *limit, const char *after,
                                  const char *before, apr_pool_t *pool)
{
    char *end;

    memset(out, 0, sizeof(*out));
    out->after = after;
    out->before = before;
    if (limit) {
        out->limit = apr_strtoi64(limit, &end, 10);
        if (!*limit || *end || out->limit < 1 || out->limit > MAX_LIMIT) {
            return clp_problem_at(pool, CLP_BAD_REQUEST, "limit",
                                  "must be a whole number from 1 to %d", MAX_LIMIT);
        }
    }
    if (after && before) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, "before_id",
                              "cannot be given together with after_id");
    }
    return NULL;
}

static void write_anthropic(clp_jw *w, const clp_model *m)
{
    apr_time_exp_t t;
    char when[32];

    /* An unknown time is the epoch, in Anthropic's words too. */
    apr_time_exp_gmt(&t, apr_time_from_sec(m->created));
    apr_snprintf(when, sizeof(when), "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900,
                 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    clp_jw_object(w);
    clp_jw_kstr(w, "type", "model");
    clp_jw_kstr(w, "id", m->id);
    clp_jw_kstr(w, "display_name", m->display);
    clp_jw_kstr(w, "created_at", when);
    clp_jw_end_object(w);
}

static void write_google(clp_jw *w, const clp_model *m, apr_pool_t *pool)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "name", apr_pstrcat(pool, "models/", m->id, NULL));
    clp_jw_kstr(w, "displayName", m->display);
    clp_jw_key(w, "supportedGenerationMethods");
    clp_jw_array(w);
    clp_jw_str(w, "generateContent");
    clp_jw_str(w, "countTokens");
    clp_jw_end_array(w);
    clp_jw_end_object(w);
}

static void write_openai(clp_jw *w, const clp_model *m)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "id", m->id);
    clp_jw_kstr(w, "object", "model");
    clp_jw_kint(w, "created", m->created);
    clp_jw_kstr(w, "owned_by", m->owner);
    clp_jw_end_object(w);
}

static void write_one(clp_jw *w, clp_models_shape shape, const clp_model *m, apr_pool_t *pool)
{
    switch (shape) {
    case CLP_MODELS_ANTHROPIC: write_anthropic(w, m); break;
    case CLP_MODELS_GOOGLE: write_google(w, m, pool); break;
    case CLP_MODELS_OPENAI: write_openai(w, m); break;
    }
}

/* Where in the list an id stands; a problem if nowhere. */
static clp_problem *place_of(int *out, const apr_array_header_t *list, const char *id,
                             const char *param, apr_pool_t *pool)
{
    const clp_model *m = clp_models_find(list, id);
    if (!m) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, param, "no model has this id");
    }
    *out = (int)(m - (const clp_model *)list->elts);
    return NULL;
}

/* The models from `*from` to before `*to` that a page holds. */
static clp_problem *cut_page(int *from, int *to, int *more, const apr_array_header_t *list,
                             const clp_models_page *page, apr_pool_t *pool)
{
    clp_problem *problem = NULL;

    *from = 0;
    *to = list->nelts;
    *more = 0;
    if (!page) {
        return NULL;
    }
    if (page->after) {
        problem = place_of(from, list, page->after, "after_id", pool);
        *from += 1;
    }
    else if (page->before) {
        problem = place_of(to, list, page->before, "before_id", pool);
    }
    if (problem || !page->limit || *to - *from <= page->limit) {
        return problem;
    }
    *more = 1;
    if (page->before) {
        *from = *to - (int)page->limit;
    }
    else {
        *to = *from + (int)page->limit;
    }
    return NULL;
}

static void write_id(clp_jw *w, const char *name, const apr_array_header_t *list, int at, int any)
{
    if (any) {
        clp_jw_kstr(w, name, APR_ARRAY_IDX(list, at, clp_model).id);
    }
    else {
        clp_jw_knull(w, name);
    }
}

clp_problem *clp_models_answer_list(clp_models_shape shape, const apr_array_header_t *list,
                                    const clp_models_page *page, clp_buffer *out, apr_pool_t *pool)
{
    clp_problem *problem;
    clp_jw w;
    int from;
    int to;
    int more;

    problem = cut_page(&from, &to, &more, list, shape == CLP_MODELS_ANTHROPIC ? page : NULL, pool);
    if (problem) {
        return problem;
    }
    clp_jw_init(&w, out);
    clp_jw_object(&w);
    if (shape == CLP_MODELS_OPENAI) {
        clp_jw_kstr(&w, "object", "list");
    }
    clp_jw_key(&w, shape == CLP_MODELS_GOOGLE ? "models" : "data");
    clp_jw_array(&w);
    for (int i = from; i < to; i++) {
        write_one(&w, shape, &APR_ARRAY_IDX(list, i, clp_model), pool);
    }
    clp_jw_end_array(&w);
    if (shape == CLP_MODELS_ANTHROPIC) {
        clp_jw_kbool(&w, "has_more", more);
        write_id(&w, "first_id", list, from, from < to);
        write_id(&w, "last_id", list, to - 1, from < to);
    }
    clp_jw_end_object(&w);
    return NULL;
}

void clp_models_answer_one(clp_models_shape shape, const clp_model *m, clp_buffer *out,
                           apr_pool_t *pool)
{
    clp_jw w;
    clp_jw_init(&w, out);
    write_one(&w, shape, m, pool);
}
