/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */

/*
 * Conversions of requests, from t/cases/request/<from>-<to>.jsonl: a case a
 * line (t/cases/request/README.md). What must come out is compared byte by
 * byte with how the file spells it.
 */
#include <dirent.h>
#include <stdlib.h>

#include <apr_strings.h>

#include "cases.h"
#include "dialect/dialect.h"
#include "dialect/tools.h"
#include "tap.h"
#include "named.h"
#include "wire/text.h"

#define FOLDER "t/cases/request"

/* By which t/cases makes its envelopes. */
static const clp_envelope_key key = {"0123456789abcdef0123456789abcdef"};

/* Of Gemini's requests the path says what the body does not. */
static clp_intake intake_of(const clp_dialect *d, clp_jval given)
{
    clp_intake intake = CLP_INTAKE(512, 0);
    apr_int64_t stream;

    intake.envelope_key = &key;
    if (d == &clp_dialect_gemini) {
        intake.model = "models/asked";
        intake.stream = clp_jval_int(clp_jval_get(given, "stream"), &stream) ? (int)stream : 0;
    }
    return intake;
}

typedef struct run {
    clp_problem *problem;
    clp_sniffed sniffed;
    clp_conversation *c;
    clp_buffer *out;
    apr_table_t *names;
} run;

typedef struct file {
    const char *name;
    const clp_dialect *from;
    const clp_dialect *to; /* NULL: the file tests sniff only */
} file;

static clp_traits traits_of(clp_jval given)
{
    clp_traits t = clp_traits_default();
    apr_int64_t v;

#define READ_TRAIT(member, name, dflt, text)                                                       \
    if (clp_jval_int(clp_jval_get(given, name), &v)) {                                             \
        t.member = (int)v;                                                                         \
    }
    CLP_TRAITS(READ_TRAIT)
#undef READ_TRAIT
    return t;
}

static void convert(run *r, const file *f, clp_span body, clp_jval given, apr_pool_t *pool)
{
    clp_traits traits = traits_of(clp_jval_get(given, "traits"));
    const char *model = clp_jval_cstr(clp_jval_get(given, "model"), pool);
    clp_target target = {model ? model : "up", &traits,
                         clp_jval_count_or(clp_jval_get(given, "default_max_tokens"), 8192),
                         clp_jval_count_or(clp_jval_get(given, "counting"), 0) == 1};

    clp_intake intake = intake_of(f->from, given);

    memset(r, 0, sizeof(*r));
    r->out = clp_buffer_make(pool, 0);
    r->problem = f->from->sniff(&r->sniffed, body, &intake, pool);
    if (!r->problem && f->to) {
        r->problem = f->from->read_request(&r->c, body, &intake, pool);
    }
    if (!r->problem && f->to) {
        r->problem = f->to->write_request(r->c, &target, r->out, &r->names, pool);
    }
}

static int problem_is(const clp_problem *p, clp_jval want, apr_pool_t *pool)
{
    clp_jval message = clp_jval_get(want, "message");
    clp_jval details = clp_jval_get(want, "details");
    const char *cls = clp_jval_cstr(clp_jval_get(want, "class"), pool);
    int pass = p && strcmp(clp_problem_class_name(p->cls), cls ? cls : "bad_request") == 0 &&
               clp_jval_str_is(clp_jval_get(want, "param"), p->param ? p->param : "");

    if (pass && clp_jval_ok(message)) {
        pass = strstr(p->message, clp_jval_cstr(message, pool)) != NULL;
    }
    if (pass && clp_jval_ok(details)) {
        pass = clp_span_eq(p->details, clp_jval_raw(details));
    }
    return pass;
}

static void check_problem(const file *f, const char *name, const run *r, clp_jval want,
                          apr_pool_t *pool)
{
    if (!OK(problem_is(r->problem, want, pool), "%s: %s", f->name, name)) {
        tap_diag("wanted: %s", apr_pstrmemdup(pool, clp_jval_raw(want).p, clp_jval_raw(want).n));
        tap_diag("got: %s (%s) at %s", r->problem ? r->problem->message : "no problem",
                 r->problem ? clp_problem_class_name(r->problem->cls) : "",
                 r->problem && r->problem->param ? r->problem->param : "nowhere");
    }
}

static void check_names(const file *f, const char *name, const run *r, clp_jval want,
                        apr_pool_t *pool)
{
    OK(clp_jval_count(want) == (r->names ? (apr_uint32_t)apr_table_elts(r->names)->nelts : 0),
       "%s: %s: as many names change", f->name, name);
    CLP_JVAL_EACH (v, want) {
        int custom;
        const char *fitted = clp_text_cstr(clp_jval_name(v), pool);
        const char *client = clp_tool_names_lookup(r->names, fitted, &custom);
        const char *expected = clp_jval_cstr(v, pool);
        IS_STR(custom ? apr_pstrcat(pool, "custom ", client, NULL) : client, expected,
               apr_psprintf(pool, "%s: %s: name of %s", f->name, name, fitted));
    }
}

/* What holds for every conversion: deterministic, and read by its own dialect. */
static void check_properties(const file *f, const char *name, const run *r, clp_span body,
                             clp_jval given, apr_pool_t *pool)
{
    run again;
    file own = {f->name, f->to, NULL};
    clp_intake intake = intake_of(f->to, given);
    clp_conversation *c;
    clp_problem *p;

    convert(&again, f, body, given, pool);
    OK(clp_span_eq(clp_buffer_all(r->out), clp_buffer_all(again.out)), "%s: %s: the same twice",
       f->name, name);
    convert(&again, &own, clp_buffer_all(r->out), given, pool);
    p = again.problem ? again.problem
                      : f->to->read_request(&c, clp_buffer_all(r->out), &intake, pool);
    if (!OK(!p, "%s: %s: its dialect reads it", f->name, name)) {
        tap_diag("%s", p->message);
    }
}

static void check_out(const file *f, const char *name, const run *r, clp_jval want,
                      apr_pool_t *pool)
{
    const char *label = apr_psprintf(pool, "%s: %s", f->name, name);

    if (r->problem) {
        OK(0, "%s", label);
        tap_diag("problem: %s", r->problem->message);
        return;
    }
    IS_SPAN(clp_buffer_all(r->out), clp_jval_raw(want), label);
}

static const char *sniffed_word(const clp_sniffed *s, clp_jval member)
{
    if (clp_jval_named(member, "model")) {
        return s->model;
    }
    if (clp_jval_named(member, "user")) {
        return s->user;
    }
    if (clp_jval_named(member, "session")) {
        return s->session;
    }
    if (clp_jval_named(member, "previous_response")) {
        return s->previous_response;
    }
    if (clp_jval_named(member, "thread")) {
        return s->thread;
    }
    return clp_jval_named(member, "previous") ? s->previous : "no such member";
}

static void check_sniffed(const file *f, const char *name, const run *r, clp_jval want,
                          apr_pool_t *pool)
{
    OK(!r->problem, "%s: %s: sniffs", f->name, name);
    CLP_JVAL_EACH (v, want) {
        const char *label =
            apr_psprintf(pool, "%s: %s: %s", f->name, name, clp_text_cstr(clp_jval_name(v), pool));
        if (clp_jval_named(v, "stream")) {
            IS_INT(r->sniffed.stream, clp_jval_kind(v) == CLP_JSON_TRUE, label);
        }
        else if (clp_jval_named(v, "include_usage")) {
            IS_INT(r->sniffed.include_usage, clp_jval_kind(v) == CLP_JSON_TRUE, label);
        }
        else if (clp_jval_named(v, "background")) {
            IS_INT(r->sniffed.background, clp_jval_kind(v) == CLP_JSON_TRUE, label);
        }
        else if (clp_jval_named(v, "store")) {
            apr_int64_t store = 2;
            clp_jval_int(v, &store);
            IS_INT(r->sniffed.store, store, label);
        }
        else if (clp_jval_named(v, "max_tokens")) {
            IS_INT(r->sniffed.max_tokens, clp_jval_count_or(v, -1), label);
        }
        else {
            IS_STR(sniffed_word(&r->sniffed, v), clp_jval_cstr(v, pool), label);
        }
    }
}

static void check_splice(const file *f, const char *name, const run *r, clp_span body,
                         clp_jval want, apr_pool_t *pool)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_buffer *plain = clp_buffer_make(pool, 0);

    clp_text_append_plain(plain, clp_jval_text(clp_jval_get(want, "body")));
    clp_dialect_splice_model(out, body, &r->sniffed,
                             clp_jval_cstr(clp_jval_get(want, "model"), pool));
    IS_SPAN(clp_buffer_all(out), clp_buffer_all(plain),
            apr_psprintf(pool, "%s: %s: spliced", f->name, name));
}

static void run_case(const file *f, clp_jval test, apr_pool_t *pool)
{
    clp_jval text = clp_jval_get(test, "in_text");
    clp_jval given = clp_jval_get(test, "target");
    clp_jval out = clp_jval_get(test, "out");
    clp_jval problem = clp_jval_get(test, "problem");
    clp_jval sniff = clp_jval_get(test, "sniff");
    clp_jval splice = clp_jval_get(test, "splice");
    const char *name = clp_jval_cstr(clp_jval_get(test, "name"), pool);
    clp_span body = clp_jval_raw(clp_jval_get(test, "in"));
    run r;

    if (clp_jval_ok(text)) {
        clp_buffer *plain = clp_buffer_make(pool, 0);
        clp_text_append_plain(plain, clp_jval_text(text));
        body = clp_buffer_all(plain);
    }
    OK(name && clp_jval_is_string(clp_jval_get(test, "why")) &&
           (clp_jval_ok(out) || clp_jval_ok(problem) || clp_jval_ok(sniff)),
       "%s: %s: is a case", f->name, name ? name : "?");
    convert(&r, f, body, given, pool);
    if (clp_jval_ok(problem)) {
        check_problem(f, name, &r, problem, pool);
        return;
    }
    if (clp_jval_ok(sniff)) {
        check_sniffed(f, name, &r, sniff, pool);
    }
    if (clp_jval_ok(splice)) {
        check_splice(f, name, &r, body, splice, pool);
    }
    if (clp_jval_ok(out)) {
        check_out(f, name, &r, out, pool);
        check_names(f, name, &r, clp_jval_get(test, "names"), pool);
        if (!r.problem) {
            check_properties(f, name, &r, body, given, pool);
        }
    }
}

static void run_line(const file *f, int line, clp_span text, apr_pool_t *root)
{
    clp_json_limits all = {512, CLP_JSON_RECORD_ALL, 0};
    apr_pool_t *pool;
    clp_json *j;
    clp_json_error e;

    apr_pool_create(&pool, root);
    j = clp_json_make(pool);
    e = clp_json_scan(j, text, &all, NULL);
    if (e == CLP_JSON_OK) {
        run_case(f, clp_json_root(j), pool);
    }
    else {
        OK(0, "%s line %d: %s", f->name, line, clp_json_error_text(e));
    }
    apr_pool_destroy(pool);
}

static void run_file(const char *name, apr_pool_t *pool)
{
    const char *dash = strchr(name, '-');
    const char *dot = strrchr(name, '.');
    file f = {name, named_dialect(apr_pstrmemdup(pool, name, (apr_size_t)(dash - name))), NULL};
    const char *to = apr_pstrmemdup(pool, dash + 1, (apr_size_t)(dot - dash - 1));
    clp_span rest = cases_slurp(pool, apr_pstrcat(pool, FOLDER "/", name, NULL));
    int line = 0;

    f.to = named_dialect(to);
    OK(f.from && (f.to || strcmp(to, "sniff") == 0), "%s: is named after its dialects", name);
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        apr_size_t n = end ? (apr_size_t)(end - rest.p) : rest.n;
        line++;
        if (n && *rest.p != '#') {
            run_line(&f, line, clp_span_of(rest.p, n), pool);
        }
        rest.p += end ? n + 1 : n;
        rest.n -= end ? n + 1 : n;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    apr_array_header_t *names = apr_array_make(pool, 8, sizeof(const char *));
    DIR *dir = opendir(FOLDER);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".jsonl")) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), by_name);
    OK(names->nelts >= 6, "the case files are there");
    for (int i = 0; i < names->nelts; i++) {
        run_file(APR_ARRAY_IDX(names, i, const char *), pool);
    }
    return tap_end();
}
