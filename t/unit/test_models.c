/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/** Lists of models: asked of scripted upstreams, merged, told in three shapes, kept. */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "gateway/models.h"
#include "gateway/models_answer.h"
#include "gateway/models_cache.h"
#include "tap.h"
#include "wire/buffer.h"

static apr_pool_t *pool;

/* --- upstreams by URL and credential -------------------------------------------------- */

typedef struct scripted {
    const char *url;
    const char *credential; /* NULL = any */
    int status;             /* 0 = the transfer ends with `end` before any head */
    const char *body;
    clp_transfer_end end;
} scripted;

struct clp_transfer {
    clp_transfer *next;
    clp_transfer_handler handler;
    const scripted *answer;
    const char *left; /* of the body */
    int head_done;
    int over;
    apr_int32_t total_ms;
};

typedef struct fake {
    clp_transport base;
    const scripted *script; /* ended by url NULL */
    clp_transfer *first;
    int most_at_once;
    int cancelled;
    apr_array_header_t *asked; /* of const char *: credential, blank, URL */
} fake;

static const char *credential_of(const apr_table_t *headers)
{
    const char *key = apr_table_get(headers, "x-api-key");
    const char *bearer = apr_table_get(headers, "Authorization");
    return key ? key : bearer ? bearer : "-";
}

static clp_transfer *fake_start(clp_transport *base, const clp_transfer_request *request,
                                const clp_transfer_handler *handler, apr_pool_t *p)
{
    static const scripted lost = {"", NULL, 404, "{}", CLP_TRANSFER_DONE};
    fake *f = (fake *)base;
    clp_transfer *t = apr_pcalloc(p, sizeof(*t));
    const char *credential = credential_of(request->headers);
    int running = 1;

    t->handler = *handler;
    t->answer = &lost;
    for (const scripted *s = f->script; s->url; s++) {
        if (!strcmp(s->url, request->url) &&
            (!s->credential || !strcmp(s->credential, credential))) {
            t->answer = s;
            break;
        }
    }
    t->left = t->answer->body;
    t->total_ms = request->timeouts.total_ms;
    OK(!strcmp(request->method, "GET") && t->total_ms > 0 && t->total_ms <= CLP_MODELS_MAX_MS,
       "GET %s within the time", request->url);
    for (clp_transfer *other = f->first; other; other = other->next) {
        running += !other->over;
    }
    f->most_at_once = running > f->most_at_once ? running : f->most_at_once;
    t->next = f->first;
    f->first = t;
    APR_ARRAY_PUSH(f->asked, const char *) = apr_pstrcat(pool, credential, " ", request->url, NULL);
    return t;
}

static void fake_cancel(clp_transport *base, clp_transfer *t)
{
    ((fake *)base)->cancelled += !t->over;
    t->over = 1;
}

/* One thing happens to one transfer: its head, some bytes, its end. */
static void advance(clp_transfer *t)
{
    if (!t->head_done && t->answer->status) {
        t->head_done = 1;
        t->handler.on_head(t->handler.ctx, t->answer->status, apr_table_make(pool, 1));
    }
    else if (t->left && *t->left) {
        apr_size_t n = strlen(t->left) > 4096 ? 4096 : (strlen(t->left) + 1) / 2;
        const char *at = t->left;
        t->left += n;
        t->handler.on_bytes(t->handler.ctx, at, n);
    }
    else {
        t->over = 1;
        t->handler.on_end(t->handler.ctx, t->answer->end, NULL);
    }
}

static void fake_step(clp_transport *base, int fd, apr_interval_time_t timeout, int *ready)
{
    fake *f = (fake *)base;
    (void)fd;
    (void)timeout;
    *ready = 0;
    for (clp_transfer *t = f->first; t; t = t->next) {
        if (!t->over) {
            advance(t);
        }
    }
}

static fake *fake_make(const scripted *script)
{
    fake *f = apr_pcalloc(pool, sizeof(*f));
    f->base.start = fake_start;
    f->base.cancel = fake_cancel;
    f->base.step = fake_step;
    f->script = script;
    f->asked = apr_array_make(pool, 8, sizeof(const char *));
    return f;
}

/* --- channels --------------------------------------------------------------------------- */

static apr_array_header_t *strings(const char *a, const char *b)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));
    if (a) {
        APR_ARRAY_PUSH(list, const char *) = a;
    }
    if (b) {
        APR_ARRAY_PUSH(list, const char *) = b;
    }
    return list;
}

static clp_channel *channel(const char *name, const clp_dialect *dialect, const char *url1,
                            const char *url2, const char *key1, const char *key2)
{
    clp_channel *c = clp_channel_make(name, pool);
    apr_array_header_t *keys = strings(key1, key2);

    c->dialect = dialect;
    c->urls = strings(url1, url2);
    for (int i = 0; i < keys->nelts; i++) {
        const char *key = APR_ARRAY_IDX(keys, i, const char *);
        clp_channel_add_key(c, key, "****", key);
    }
    return c;
}

static void map(clp_channel *c, const char *pattern, const char *target)
{
    clp_model_rule *rule = apr_array_push(c->model_map);
    rule->pattern = pattern;
    rule->target = target;
}

static clp_channel_set *set_of(const clp_channel *a, const clp_channel *b)
{
    clp_channel_set *set = apr_pcalloc(pool, sizeof(*set));
    set->name = "test";
    set->channels = apr_array_make(pool, 2, sizeof(const clp_channel *));
    APR_ARRAY_PUSH(set->channels, const clp_channel *) = a;
    if (b) {
        APR_ARRAY_PUSH(set->channels, const clp_channel *) = b;
    }
    return set;
}

static clp_models_job *ask(fake *f, const clp_channel_set *set)
{
    clp_models_job *job = clp_models_ask(set, &f->base, apr_time_now(), NULL, pool);
    for (int i = 0; i < 100000 && !clp_models_done(job); i++) {
        int ready;
        f->base.step(&f->base, -1, 0, &ready);
    }
    OK(clp_models_done(job), "all channels are through");
    return job;
}

static const char *ids(const apr_array_header_t *list)
{
    const char *s = "";
    for (int i = 0; i < list->nelts; i++) {
        s = apr_pstrcat(pool, s, i ? " " : "", APR_ARRAY_IDX(list, i, clp_model).id, NULL);
    }
    return s;
}

static const char *asked(const fake *f)
{
    return apr_array_pstrcat(pool, f->asked, '\n');
}

/* --- asking ------------------------------------------------------------------------------- */

#define M &clp_dialect_messages
#define C &clp_dialect_chat

static void two_shapes(void)
{
    static const scripted script[] = {
        {"https://a/v1/models?limit=1000", "k1", 200,
         "{\"data\":[{\"type\":\"model\",\"id\":\"claude-z\",\"display_name\":\"Claude Z\","
         "\"created_at\":\"2025-02-19T00:00:00Z\"},{\"type\":\"model\",\"id\":\"claude-b\","
         "\"display_name\":\"Claude B\",\"created_at\":\"soon\"}],\"has_more\":false}",
         CLP_TRANSFER_DONE},
        {"https://b/v1/models", "Bearer k2", 200,
         "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-2\",\"object\":\"model\",\"created\":5,"
         "\"owned_by\":\"openai\"},{\"id\":\"claude-b\"},{\"id\":7},{\"no\":\"id\"},"
         "{\"id\":\"\"},\"x\",{\"id\":\"gpt-1\"}]}",
         CLP_TRANSFER_DONE},
        {0}};
    fake *f = fake_make(script);
    clp_models_job *job = ask(f, set_of(channel("a", M, "https://a", NULL, "k1", NULL),
                                        channel("b", C, "https://b", NULL, "k2", NULL)));
    const apr_array_header_t *list = clp_models_list(job);
    const clp_model *m;

    IS_STR(ids(list), "claude-b claude-z gpt-1 gpt-2", "channels in order, each by id, ids once");
    IS_INT(f->most_at_once, 2, "both are asked at once");
    IS_INT(clp_models_failed(job), 0, "none failed");
    m = clp_models_find(list, "claude-z");
    IS_STR(m->display, "Claude Z", "display name");
    IS_INT(m->created, 1739923200, "time of creation");
    IS_STR(m->owner, "anthropic", "owner by the shape");
    IS_INT(clp_models_find(list, "claude-b")->created, 0, "an unreadable time is none");
    IS_STR(clp_models_find(list, "claude-b")->display, "Claude B", "the first channel wins");
    m = clp_models_find(list, "gpt-2");
    IS_STR(m->owner, "openai", "owner as told");
    IS_INT(m->created, 5, "created as told");
    IS_STR(clp_models_find(list, "gpt-1")->display, "gpt-1", "no display name: the id");
    OK(!clp_models_find(list, "gpt-3"), "what is not there is not found");
}

static void pages(void)
{
    static const scripted script[] = {
        {"https://a/v1/models?limit=1000", NULL, 200,
         "{\"data\":[{\"id\":\"m1\"}],\"has_more\":true,\"last_id\":\"m/1 \"}", CLP_TRANSFER_DONE},
        {"https://a/v1/models?limit=1000&after_id=m%2F1%20", NULL, 200,
         "{\"data\":[{\"id\":\"m2\"}],\"has_more\":true,\"last_id\":\"m2\"}", CLP_TRANSFER_DONE},
        {"https://a/v1/models?limit=1000&after_id=m2", NULL, 200,
         "{\"data\":[{\"id\":\"m3\"}],\"has_more\":true,\"last_id\":\"m2\"}", CLP_TRANSFER_DONE},
        {0}};
    fake *f = fake_make(script);
    clp_models_job *job = ask(f, set_of(channel("a", M, "https://a", NULL, "k", NULL), NULL));
    IS_STR(ids(clp_models_list(job)), "m1 m2 m3", "pages are followed");
    IS_INT(f->asked->nelts, CLP_MODELS_MAX_PAGES, "a list that never ends is left");
}

static void fallback(void)
{
    static const scripted script[] = {
        {"https://a/v1/models", "Bearer bad", 401, "{}", CLP_TRANSFER_DONE},
        {"https://a/v1/models", "Bearer good", 200, "{\"data\":[{\"id\":\"m\"}]}",
         CLP_TRANSFER_DONE},
        {"https://b/v1/models", NULL, 0, NULL, CLP_TRANSFER_NO_CONNECT},
        {"https://c/v1/models", NULL, 200, "[{\"id\":\"n\"}]", CLP_TRANSFER_DONE},
        {0}};
    fake *f = fake_make(script);
    clp_models_job *job = ask(f, set_of(channel("a", C, "https://a", NULL, "bad", "good"),
                                        channel("b", C, "https://b", "https://c", "k", NULL)));
    IS_STR(ids(clp_models_list(job)), "m n", "the next key, the next URL, a bare array");
    IS_INT(clp_models_failed(job), 0, "so none failed");
}

static void failures(void)
{
    static const struct {
        const char *what;
        scripted answer;
        int calls;
    } cases[] = {
        {"no such endpoint", {"https://a/v1/models", NULL, 404, "{}", CLP_TRANSFER_DONE}, 1},
        {"not JSON", {"https://a/v1/models", NULL, 200, "<html>", CLP_TRANSFER_DONE}, 1},
        {"no list", {"https://a/v1/models", NULL, 200, "{\"data\":{}}", CLP_TRANSFER_DONE}, 1},
        {"a redirect", {"https://a/v1/models", NULL, 302, "", CLP_TRANSFER_DONE}, 1},
        {"an error of the server", {"https://a/v1/models", NULL, 500, "{}", CLP_TRANSFER_DONE}, 2},
        {"cut", {"https://a/v1/models", NULL, 200, "{\"data\":[]}", CLP_TRANSFER_CUT}, 2},
        {"all keys refused", {"https://a/v1/models", NULL, 403, "{}", CLP_TRANSFER_DONE}, 2},
    };
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scripted script[2] = {cases[i].answer, {0}};
        fake *f = fake_make(script);
        clp_channel *c = channel("a", C, "https://a", "https://z", "k1", "k2");
        clp_models_job *job;
        map(c, "alias", "m");
        map(c, "glob-*", "m");
        job = ask(f, set_of(c, NULL));
        IS_INT(clp_models_failed(job), 1, cases[i].what);
        IS_INT(f->asked->nelts, cases[i].calls, asked(f));
        IS_STR(ids(clp_models_list(job)), "alias", "what the configuration names stays");
    }
}

static void too_large(void)
{
    char *body = apr_palloc(pool, CLP_MODELS_MAX_BYTES + 100);
    scripted script[2] = {{"https://a/v1/models", NULL, 200, body, CLP_TRANSFER_DONE}, {0}};
    fake *f = fake_make(script);
    clp_models_job *job;

    memset(body, ' ', CLP_MODELS_MAX_BYTES + 99);
    strcpy(body + CLP_MODELS_MAX_BYTES + 20, "{\"data\":[{\"id\":\"m\"}]}");
    job = ask(f, set_of(channel("a", C, "https://a", NULL, "k", NULL), NULL));
    IS_INT(f->cancelled, 1, "too large an answer is dropped");
    IS_INT(clp_models_failed(job), 1, "and counts as none");
    IS_STR(ids(clp_models_list(job)), "", "nothing comes of it");
}

static void too_many(void)
{
    clp_buffer *body = clp_buffer_make(pool, 0);
    scripted script[2] = {{"https://a/v1/models", NULL, 200, NULL, CLP_TRANSFER_DONE}, {0}};
    clp_models_job *job;

    clp_buffer_puts(body, "{\"data\":[");
    for (int i = 0; i < CLP_MODELS_MAX_COUNT + 10; i++) {
        clp_buffer_printf(body, "%s{\"id\":\"m%d\"}", i ? "," : "", i);
    }
    clp_buffer_puts(body, "]}");
    script[0].body = clp_buffer_cstr(body, pool);
    job = ask(fake_make(script), set_of(channel("a", C, "https://a", NULL, "k", NULL), NULL));
    IS_INT(clp_models_list(job)->nelts, CLP_MODELS_MAX_COUNT, "so many and no more");
}

static void configured(void)
{
    static const scripted script[] = {{"https://a/v1/models", NULL, 200,
                                       "{\"data\":[{\"id\":\"gpt-4\"},{\"id\":\"gpt-5\"},"
                                       "{\"id\":\"dall-e\"},{\"id\":\"exact\",\"created\":9}]}",
                                       CLP_TRANSFER_DONE},
                                      {0}};
    clp_channel *a = channel("a", C, "https://a", NULL, "k", NULL);
    clp_channel *off = channel("off", C, "https://off", NULL, "k", NULL);
    fake *f = fake_make(script);
    const apr_array_header_t *list;
    const apr_array_header_t *all;

    a->models = strings("gpt-*", "exact");
    map(a, "sonnet", "gpt-5");
    map(a, "claude-*", "gpt-4");
    off->status = CLP_CHANNEL_SUSPENDED;
    map(off, "never", "x");
    list = clp_models_list(ask(f, set_of(a, off)));
    IS_STR(ids(list), "exact gpt-4 gpt-5 sonnet", "only what is served, and names that are exact");
    IS_INT(clp_models_find(list, "exact")->created, 9, "what the upstream tells is kept");
    IS_INT(f->asked->nelts, 1, "a suspended channel is not asked");
    all = clp_models_with_names(list, strings("extra", "gpt-4"), pool);
    IS_STR(ids(all), "exact gpt-4 gpt-5 sonnet extra", "further names come behind, once");
    IS_INT(list->nelts, 4, "the list itself stays");
    OK(clp_models_with_names(list, NULL, pool) == list, "no names, no copy");
}

static void cancel(void)
{
    static const scripted script[] = {
        {"https://a/v1/models", NULL, 200, "{\"data\":[{\"id\":\"m\"}]}", CLP_TRANSFER_DONE}, {0}};
    fake *f = fake_make(script);
    clp_models_job *job = clp_models_ask(set_of(channel("a", C, "https://a", NULL, "k", NULL),
                                                channel("b", C, "https://a", NULL, "k", NULL)),
                                         &f->base, apr_time_now(), NULL, pool);
    OK(!clp_models_done(job), "asking takes a while");
    clp_models_cancel(job);
    OK(clp_models_done(job), "a cancelled job is done");
    IS_INT(f->cancelled, 2, "its transfers are dropped");
}

/* --- answering ------------------------------------------------------------------------------ */

static apr_array_header_t *five(void)
{
    static const clp_model models[] = {{"m1", "M \"1\"", "anthropic", 1739923200},
                                       {"m2", "m2", "o", 2},
                                       {"m3", "m3", "o", 3},
                                       {"m4", "m4", "o", 4},
                                       {"m5", "m5", "o", 5}};
    apr_array_header_t *list = apr_array_make(pool, 5, sizeof(clp_model));
    for (int i = 0; i < 5; i++) {
        APR_ARRAY_PUSH(list, clp_model) = models[i];
    }
    return list;
}

static const char *told(clp_models_shape shape, const apr_array_header_t *list,
                        const clp_models_page *page)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    const clp_problem *problem = clp_models_answer_list(shape, list, page, out, pool);
    return problem ? problem->message : clp_buffer_cstr(out, pool);
}

static const char *told_one(clp_models_shape shape)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_models_answer_one(shape, &APR_ARRAY_IDX(five(), 0, clp_model), out, pool);
    return clp_buffer_cstr(out, pool);
}

static void shapes(void)
{
    apr_array_header_t *none = apr_array_make(pool, 1, sizeof(clp_model));
    IS_STR(told(CLP_MODELS_OPENAI, none, NULL), "{\"object\":\"list\",\"data\":[]}",
           "OpenAI, nothing");
    IS_STR(told(CLP_MODELS_ANTHROPIC, none, NULL),
           "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}",
           "Anthropic, nothing");
    IS_STR(told(CLP_MODELS_GOOGLE, none, NULL), "{\"models\":[]}", "Google, nothing");
    IS_STR(told_one(CLP_MODELS_OPENAI),
           "{\"id\":\"m1\",\"object\":\"model\",\"created\":1739923200,\"owned_by\":\"anthropic\"}",
           "OpenAI, one");
    IS_STR(told_one(CLP_MODELS_ANTHROPIC),
           "{\"type\":\"model\",\"id\":\"m1\",\"display_name\":\"M \\\"1\\\"\","
           "\"created_at\":\"2025-02-19T00:00:00Z\"}",
           "Anthropic, one");
    IS_STR(told_one(CLP_MODELS_GOOGLE),
           "{\"name\":\"models/m1\",\"displayName\":\"M \\\"1\\\"\","
           "\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}",
           "Google, one");
}

static void page_is(const char *limit, const char *after, const char *before, const char *want,
                    const char *name)
{
    clp_models_page page;
    clp_problem *problem = clp_models_page_read(&page, limit, after, before, pool);
    const char *got;
    const char *s;

    if (problem) {
        IS_STR(problem->message, want, name);
        return;
    }
    /* The ids of the page, then whether there is more. */
    s = told(CLP_MODELS_ANTHROPIC, five(), &page);
    got = "";
    for (const char *at = strstr(s, "\"id\":\""); at; at = strstr(at + 1, "\"id\":\"")) {
        got = apr_pstrcat(pool, got, apr_pstrmemdup(pool, at + 6, 2), " ", NULL);
    }
    got = *got ? apr_pstrcat(pool, got, strstr(s, "\"has_more\":true") ? "more" : "end", NULL) : s;
    IS_STR(got, want, name);
}

static void paging(void)
{
    page_is(NULL, NULL, NULL, "m1 m2 m3 m4 m5 end", "all");
    page_is("2", NULL, NULL, "m1 m2 more", "the first two");
    page_is("5", NULL, NULL, "m1 m2 m3 m4 m5 end", "exactly all");
    page_is("2", "m2", NULL, "m3 m4 more", "behind one");
    page_is("2", "m3", NULL, "m4 m5 end", "the last two");
    page_is("2", NULL, "m5", "m3 m4 more", "before one");
    page_is(NULL, NULL, "m3", "m1 m2 end", "all before one");
    page_is("2", "m5", NULL, "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}",
            "behind the last");
    page_is(NULL, "m9", NULL, "after_id: no model has this id", "unknown cursor");
    page_is(NULL, NULL, "m9", "before_id: no model has this id", "unknown cursor, backwards");
    page_is("0", NULL, NULL, "limit: must be a whole number from 1 to 1000", "limit 0");
    page_is("1001", NULL, NULL, "limit: must be a whole number from 1 to 1000", "limit too high");
    page_is("x", NULL, NULL, "limit: must be a whole number from 1 to 1000", "limit no number");
    page_is("", NULL, NULL, "limit: must be a whole number from 1 to 1000", "limit empty");
    page_is(NULL, "m1", "m2", "before_id: cannot be given together with after_id", "both ways");
}

/* --- keeping -----------------------------------------------------------------------------------
 */

static void keeping(void)
{
    clp_models_cache cache = CLP_MODELS_CACHE_INIT;
    clp_channel_set sets[CLP_MODELS_CACHE_ROWS + 1];
    apr_array_header_t *list = five();
    const apr_array_header_t *kept;
    apr_pool_t *request;

    memset(sets, 0, sizeof(sets));
    apr_pool_create(&request, pool);
    OK(!clp_models_cache_get(&cache, &sets[0], 0, request), "nothing kept yet");
    clp_models_cache_put(&cache, &sets[0], list, 100);
    list->nelts = 1; /* the cache has its own copy */
    kept = clp_models_cache_get(&cache, &sets[0], 99, request);
    OK(kept != NULL, "kept");
    IS_STR(ids(kept), "m1 m2 m3 m4 m5", "as it was");
    IS_STR(APR_ARRAY_IDX(kept, 0, clp_model).owner, "anthropic", "with all it has");
    OK(!clp_models_cache_get(&cache, &sets[0], 100, request), "until it expires");
    OK(!clp_models_cache_get(&cache, &sets[1], 0, request), "for its set only");
    clp_models_cache_put(&cache, &sets[0], list, 200);
    IS_STR(ids(clp_models_cache_get(&cache, &sets[0], 150, request)), "m1", "replaced");
    IS_STR(ids(kept), "m1 m2 m3 m4 m5", "who has the former one keeps it");
    for (int i = 1; i <= CLP_MODELS_CACHE_ROWS; i++) {
        clp_models_cache_put(&cache, &sets[i], list, 200 + i);
    }
    OK(!clp_models_cache_get(&cache, &sets[0], 0, request), "the first to expire gave way");
    OK(clp_models_cache_get(&cache, &sets[1], 0, request) &&
           clp_models_cache_get(&cache, &sets[CLP_MODELS_CACHE_ROWS], 0, request),
       "the others stay");
    clp_models_cache_clear(&cache);
    OK(!clp_models_cache_get(&cache, &sets[1], 0, request), "cleared");
    IS_STR(ids(kept), "m1 m2 m3 m4 m5", "and even now");
    apr_pool_destroy(request);
}

int main(void)
{
    pool = tap_begin();
    two_shapes();
    pages();
    fallback();
    failures();
    too_large();
    too_many();
    configured();
    cancel();
    shapes();
    paging();
    keeping();
    return tap_end();
}
