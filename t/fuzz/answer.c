/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "../unit/answer_run.h"
#include "wire/json_scan.h"

#define MAX_CUTS 4096

static const clp_envelope_key key = {"an envelope key for fuzz targets"};

typedef struct setup {
    apr_pool_t *pool;
    const answer_dialect *from;
    clp_reader_options reading;
    clp_traits traits;
    clp_writer_options writing;
    clp_span input;
    clp_ending how;
} setup;

static answer_run *go(const setup *s, const char *to, const apr_size_t *cuts, apr_size_t n)
{
    answer_run *run = answer_run_make(s->pool);
    answer_run_go(run, s->from, &s->reading, answer_dialect_by_name(clp_span_str(to)), &s->writing,
                  s->input, cuts, n, s->how);
    return run;
}

static void check_same(const answer_run *a, const answer_run *b)
{
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(&a->events), clp_buffer_all(&b->events)));
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(&a->client), clp_buffer_all(&b->client)));
}

static void check_splits(const setup *s, clp_span plan, const answer_run *whole)
{
    static apr_size_t cuts[MAX_CUTS];
    apr_size_t n = 0, at = 0;
    size_t turn = 0;
    clp_span rest = s->input;
    while (rest.n && n < MAX_CUTS) {
        at += fuzz_piece(&rest, plan, &turn).n;
        cuts[n++] = at;
    }
    check_same(go(s, "messages", cuts, n), whole);
    for (n = 0; n < MAX_CUTS && n < s->input.n; n++) {
        cuts[n] = n;
    }
    check_same(go(s, "messages", cuts, n), whole);
}

static void check_writers(setup *s)
{
    static const char *const names[] = {"messages", "chat", "chat_legacy", "responses", "gemini"};
    clp_json *json = clp_json_make(s->pool);
    for (int i = 0; i < 10; i++) {
        s->writing.stream = i % 2;
        s->writing.legacy_functions = i / 2 == 2;
        clp_span out = clp_buffer_all(&go(s, names[i / 2], NULL, 0)->client);
        if (s->writing.stream) {
            FUZZ_CHECK(out.n > 2 && out.p[out.n - 1] == '\n' && out.p[out.n - 2] == '\n');
        }
        else {
            FUZZ_CHECK(clp_json_scan(json, out, NULL, NULL) == CLP_JSON_OK);
        }
    }
    s->writing.legacy_functions = 0;
}

static int has_custom_call(const answer_run *run)
{
    for (const clp_folded_block *b = run->fold->blocks; b; b = b->next) {
        if (b->part == CLP_PART_CUSTOM_CALL) {
            return 1;
        }
    }
    return 0;
}

static void check_round(const setup *s, const char *kind)
{
    clp_buffer *told = clp_buffer_make(s->pool, 0), *again = clp_buffer_make(s->pool, 0);
    setup back = *s;
    back.writing.stream = 1;
    back.writing.include_usage = 1;
    answer_run *first = go(&back, kind, NULL, 0);
    if (has_custom_call(first) && strcmp(kind, "chat") != 0) {
        return; /* such calls come back as functions */
    }
    answer_summary(first, kind, told);
    back.from = answer_dialect_by_name(clp_span_str(kind));
    back.reading.names = NULL;
    back.reading.max_event = 0;
    back.traits = clp_traits_default();
    back.reading.traits = &back.traits;
    back.input = clp_buffer_all(&first->client);
    back.how = CLP_ENDED_CLEANLY;
    answer_summary(go(&back, kind, NULL, 0), kind, again);
    FUZZ_CHECK(clp_span_eq(clp_buffer_all(told), clp_buffer_all(again)));
}

void fuzz_answer(const char *dialect, clp_span in)
{
    setup s;
    unsigned choices = fuzz_byte(&in);
    apr_size_t planned = fuzz_byte(&in) % 32;
    clp_span plan = clp_span_of(in.p, planned < in.n ? planned : in.n);
    memset(&s, 0, sizeof(s));
    s.pool = fuzz_pool();
    s.from = answer_dialect_by_name(clp_span_str(dialect));
    s.input = clp_span_of(in.p + plan.n, in.n - plan.n);
    s.traits = clp_traits_default();
    s.traits.think_tags = choices & 1;
    s.reading.traits = &s.traits;
    s.reading.body = (clp_body_kind)((choices >> 1) % 3);
    s.reading.max_event = choices & 8 ? 256 : 1 << 20;
    s.how = choices & 16 ? CLP_ENDED_CUT : CLP_ENDED_CLEANLY;
    if (choices & 32) {
        s.reading.names = apr_table_make(s.pool, 2);
        apr_table_set(s.reading.names, "f", "g.h");
        apr_table_set(s.reading.names, "p", "\x01p");
    }
    s.writing.id = "abcdefghijklmnopqrstuvwx";
    s.writing.envelope_key = &key;
    s.writing.stream = 1;
    check_splits(&s, plan, go(&s, "messages", NULL, 0));
    check_writers(&s);
    /* Gemini's state does not come back from a client of another protocol without its envelope */
    check_round(&s, strcmp(dialect, "gemini") == 0 ? "gemini" : "messages");
    if (strcmp(dialect, "chat") == 0) {
        /* only its reader looks into arguments, so only what it let through can come back */
        check_round(&s, "chat");
    }
    if (strcmp(dialect, "responses") == 0) {
        check_round(&s, "responses");
    }
    s.reading.passive = 1;
    go(&s, "messages", NULL, 0);
    apr_pool_destroy(s.pool);
}
