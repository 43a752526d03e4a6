/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "answer_run.h"
#include "cases.h"
#include "tap.h"
#include "named.h"
#include "wire/json_scan.h"

/*
 * Answers by example: t/cases/answer, whose README tells the form. Beyond what
 * a case expects, every one is read again in pieces - byte by byte, cut at
 * every place, and cut at random - and must give the same events and bytes;
 * and is written for every dialect, as a stream and as a document.
 *
 * `test_answer --write FILE` prints the file with what is got in place of what
 * is expected, for a new case's first draft.
 */

#define FOLDER "t/cases/answer/"

typedef struct answer_case {
    const char *file;
    clp_span name;
    const answer_dialect *from;
    const answer_dialect *to;
    clp_reader_options reading;
    clp_writer_options writing;
    clp_traits traits;
    clp_ending how;
    clp_span input;
    clp_span events; /* absent: not told */
    clp_span out;
} answer_case;

static apr_pool_t *pool;
static int writing_file;

static const clp_envelope_key envelope_key = {"0123456789abcdef0123456789abcdef"};

static clp_span take_line(clp_span *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    clp_span line = clp_span_of(rest->p, end ? (apr_size_t)(end - rest->p) : rest->n);
    apr_size_t used = line.n + (end ? 1 : 0);
    *rest = clp_span_of(rest->p + used, rest->n - used);
    return line;
}

static const char *word(clp_span s)
{
    return apr_pstrmemdup(pool, s.p, s.n);
}

static void die(const answer_case *c, const char *what, clp_span s)
{
    printf("Bail out! %s: %.*s: %s '%.*s'\n", c->file, (int)c->name.n, c->name.p, what, (int)s.n,
           s.p);
    exit(1);
}

static void read_option(answer_case *c, clp_span s)
{
    const char *eq = memchr(s.p, '=', s.n);
    clp_span key = eq ? clp_span_of(s.p, (apr_size_t)(eq - s.p)) : s;
    clp_span value = eq ? clp_span_of(eq + 1, s.n - key.n - 1) : clp_span_of("", 0);
    if (clp_span_is(key, "from") || clp_span_is(key, "to")) {
        const answer_dialect *d = answer_dialect_by_name(value);
        if (!d) {
            die(c, "no such dialect", value);
        }
        *(clp_span_is(key, "from") ? &c->from : &c->to) = d;
    }
    else if (clp_span_is(key, "document")) {
        c->writing.stream = 0;
    }
    else if (clp_span_is(key, "array")) {
        c->writing.array = 1;
    }
    else if (clp_span_is(key, "usage")) {
        c->writing.include_usage = 1;
    }
    else if (clp_span_is(key, "legacy")) {
        c->writing.legacy_functions = 1;
    }
    else if (clp_span_is(key, "model")) {
        c->writing.model = word(value);
    }
    else if (clp_span_is(key, "estimate")) {
        c->writing.input_estimate = atoi(word(value));
    }
    else if (clp_span_is(key, "cut")) {
        c->how = CLP_ENDED_CUT;
    }
    else if (clp_span_is(key, "passive")) {
        c->reading.passive = 1;
    }
    else if (clp_span_is(key, "json")) {
        c->reading.body = CLP_BODY_JSON;
    }
    else if (clp_span_is(key, "sse")) {
        c->reading.body = CLP_BODY_SSE;
    }
    else if (clp_span_is(key, "max")) {
        c->reading.max_event = (apr_size_t)atoi(word(value));
    }
    else if (clp_span_is(key, "think-tags")) {
        c->traits.think_tags = 1;
    }
    else if (clp_span_is(key, "name") || clp_span_is(key, "custom")) {
        /* name=upstreams:clients */
        char *pair = apr_pstrmemdup(pool, value.p, value.n), *colon = strchr(pair, ':');
        if (!c->reading.names) {
            c->reading.names = apr_table_make(pool, 2);
        }
        *colon++ = '\0';
        apr_table_set(c->reading.names, pair,
                      clp_span_is(key, "custom") ? apr_pstrcat(pool, "\x01", colon, NULL) : colon);
    }
    else {
        die(c, "no such option", key);
    }
}

static void read_options(answer_case *c, clp_span line)
{
    while (line.n) {
        const char *blank = memchr(line.p, ' ', line.n);
        clp_span s = clp_span_of(line.p, blank ? (apr_size_t)(blank - line.p) : line.n);
        apr_size_t used = s.n + (blank ? 1 : 0);
        line = clp_span_of(line.p + used, line.n - used);
        if (s.n) {
            read_option(c, s);
        }
    }
}

/* An event per line. */
static clp_span as_events(clp_span section)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    while (section.n) {
        clp_span line = take_line(&section);
        if (line.n) {
            clp_buffer_span(b, line);
            clp_buffer_lit(b, "\n\n");
        }
    }
    return clp_buffer_all(b);
}

static int hex(char ch)
{
    return ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10;
}

/* Line ends mean nothing; \n, \r, \t, \\ and \xNN stand for themselves. */
static clp_span as_bytes(clp_span section)
{
    clp_buffer *b = clp_buffer_make(pool, 0);
    for (apr_size_t i = 0; i < section.n; i++) {
        char ch = section.p[i];
        if (ch == '\n') {
            continue;
        }
        if (ch == '\\') {
            ch = section.p[++i];
            if (ch == 'x') {
                ch = (char)(hex(section.p[i + 1]) << 4 | hex(section.p[i + 2]));
                i += 2;
            }
            else {
                ch = ch == 'n' ? '\n' : ch == 'r' ? '\r' : ch == 't' ? '\t' : ch;
            }
        }
        clp_buffer_putc(b, ch);
    }
    return clp_buffer_all(b);
}

static clp_span trim(clp_span s)
{
    while (s.n && s.p[s.n - 1] == '\n') {
        s.n--;
    }
    return s;
}

/* What is answered; the client's dialect must have been told before. */
static const clp_conversation *as_request(const answer_case *c, clp_span section)
{
    const clp_intake intake = CLP_INTAKE(512, 0);
    clp_conversation *request = NULL;
    if (!c->to || named_dialect(c->to->name)->read_request(&request, section, &intake, pool)) {
        die(c, "no request of the client's", section);
    }
    return request;
}

static void go(answer_run *run, const answer_case *c, const apr_size_t *cuts, apr_size_t n)
{
    answer_run_go(run, c->from, &c->reading, c->to, &c->writing, c->input, cuts, n, c->how);
}

static apr_uint32_t next_random(apr_uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int same_as(const answer_run *a, const answer_run *b)
{
    return clp_span_eq(clp_buffer_all(&a->events), clp_buffer_all(&b->events)) &&
           clp_span_eq(clp_buffer_all(&a->client), clp_buffer_all(&b->client));
}

/* Any cut of the bytes gives the same. */
static void check_splits(const answer_case *c, const answer_run *whole)
{
    answer_run *run = answer_run_make(pool);
    apr_size_t n = c->input.n, *cuts = apr_palloc(pool, (n + 1) * sizeof(*cuts));
    apr_uint32_t state = 42;
    int bad = 0;
    for (apr_size_t i = 0; i < n; i++) {
        cuts[i] = i;
    }
    go(run, c, cuts, n);
    bad += !same_as(run, whole);
    for (apr_size_t i = 0; i <= n && !bad; i++) {
        go(run, c, &i, 1);
        bad += !same_as(run, whole);
    }
    for (int round = 0; round < 50 && !bad; round++) {
        apr_size_t used = 0;
        for (apr_size_t i = next_random(&state) % 40; i < n; i += next_random(&state) % 40) {
            cuts[used++] = i;
            if (used == n) {
                break;
            }
        }
        go(run, c, cuts, used);
        bad += !same_as(run, whole);
    }
    if (!OK(!bad, "%.*s: same in pieces", (int)c->name.n, c->name.p)) {
        tap_diag("in pieces:\n%.*s%.*s", (int)run->events.n, run->events.p, (int)run->client.n,
                 run->client.p);
    }
}

/* Whatever the case is for: every writer can write it. */
static void check_writers(const answer_case *c)
{
    static const char *const names[] = {"messages", "chat", "chat_legacy", "responses", "gemini"};
    const int n = sizeof(names) / sizeof(names[0]);
    answer_run *run = answer_run_make(pool);
    clp_json *json = clp_json_make(pool);
    for (int i = 0; i < 2 * n; i++) {
        answer_case other = *c;
        other.to = answer_dialect_by_name(clp_span_str(names[i % n]));
        other.writing.stream = i / n;
        other.writing.array = 0;
        other.writing.legacy_functions = i % n == 2;
        go(run, &other, NULL, 0);
        if (other.writing.stream) {
            OK(run->client.n > 2 && memcmp(run->client.p + run->client.n - 2, "\n\n", 2) == 0,
               "%.*s: the stream for %s ends with a blank line", (int)c->name.n, c->name.p,
               other.to->name);
        }
        else {
            OK(clp_json_scan(json, clp_buffer_all(&run->client), NULL, NULL) == CLP_JSON_OK,
               "%.*s: the document for %s is JSON", (int)c->name.n, c->name.p, other.to->name);
        }
    }
}

/* What our own reader reads from what our writer wrote is the same answer. */
static void check_round(const answer_case *c, const char *kind)
{
    answer_run *first = answer_run_make(pool), *second = answer_run_make(pool);
    clp_buffer *told = clp_buffer_make(pool, 0), *again = clp_buffer_make(pool, 0);
    answer_case back = *c;
    back.to = answer_dialect_by_name(clp_span_str(kind));
    back.writing.stream = 1;
    back.writing.include_usage = 1;
    back.writing.legacy_functions = 0;
    back.writing.input_estimate = 0;
    go(first, &back, NULL, 0);
    answer_summary(first, kind, told);
    back.from = back.to;
    back.input = clp_buffer_all(&first->client);
    back.reading.names = NULL;
    back.reading.body = CLP_BODY_UNKNOWN;
    back.reading.max_event = 1 << 20;
    back.traits = clp_traits_default();
    back.reading.traits = &back.traits;
    back.how = CLP_ENDED_CLEANLY;
    go(second, &back, NULL, 0);
    answer_summary(second, kind, again);
    IS_SPAN(clp_buffer_all(again), clp_buffer_all(told),
            apr_psprintf(pool, "%.*s: there and back by %s", (int)c->name.n, c->name.p, kind));
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

static void check_case(const answer_case *c)
{
    answer_run *run = answer_run_make(pool);
    go(run, c, NULL, 0);
    if (c->events.p) {
        IS_SPAN(trim(clp_buffer_all(&run->events)), trim(c->events), word(c->name));
    }
    if (c->out.p) {
        IS_SPAN(trim(clp_buffer_all(&run->client)), trim(c->out), word(c->name));
    }
    check_splits(c, run);
    if (!c->reading.passive) {
        check_writers(c);
        check_round(c, "chat");
        if (!has_custom_call(run)) { /* such calls come back as functions */
            check_round(c, "messages");
            check_round(c, "gemini");
        }
        if (strcmp(c->from->name, "messages") !=
            0) { /* it may have let arguments pass as they are */
            check_round(c, "responses");
        }
    }
}

static void begin_case(answer_case *c, const char *file, clp_span name)
{
    memset(c, 0, sizeof(*c));
    c->file = file;
    c->name = name;
    c->traits = clp_traits_default();
    c->reading.max_event = 1 << 20;
    c->writing.stream = 1;
    c->writing.created = 1700000000;
    c->writing.id = "abcdefghijklmnopqrstuvwx";
    c->writing.envelope_key = &envelope_key;
    c->how = CLP_ENDED_CLEANLY;
}

static void write_case(const answer_case *c)
{
    answer_run *run = answer_run_make(pool);
    go(run, c, NULL, 0);
    if (c->events.p) {
        printf("--- events\n%.*s", (int)run->events.n, run->events.p);
    }
    if (c->out.p) {
        printf("--- out\n%.*s%s", (int)run->client.n, run->client.p,
               c->writing.stream ? "" : "\n\n");
    }
    else {
        printf("\n");
    }
}

static void end_case(answer_case *c)
{
    if (!c->from) {
        return;
    }
    c->reading.traits = &c->traits;
    if (writing_file) {
        write_case(c);
    }
    else {
        check_case(c);
    }
}

/* The lines from here to the next line that begins a section or case. */
static clp_span take_section(clp_span *rest)
{
    clp_span section = clp_span_of(rest->p, 0);
    while (rest->n && !clp_span_starts(*rest, "=== ") && !clp_span_starts(*rest, "--- ")) {
        take_line(rest);
    }
    section.n = (apr_size_t)(rest->p - section.p);
    return section;
}

static void take_line_of(answer_case *c, clp_span line, clp_span *rest)
{
    if (clp_span_is(line, "--- events")) {
        c->events = take_section(rest);
        return;
    }
    if (clp_span_is(line, "--- out")) {
        c->out = take_section(rest);
        return;
    }
    if (writing_file) {
        printf("%.*s\n", (int)line.n, line.p);
    }
    if (clp_span_starts(line, "--- ")) {
        clp_span section = take_section(rest);
        if (writing_file) {
            printf("%.*s", (int)section.n, section.p);
        }
        if (clp_span_is(line, "--- lines")) {
            c->input = as_events(section);
        }
        else if (clp_span_is(line, "--- bytes")) {
            c->input = as_bytes(section);
        }
        else if (clp_span_is(line, "--- request")) {
            c->writing.request = as_request(c, section);
        }
        else if (clp_span_is(line, "--- document")) {
            c->input = trim(section);
        }
        else {
            die(c, "no such section", line);
        }
    }
    else if (clp_span_starts(line, "do: ")) {
        read_options(c, clp_span_of(line.p + 4, line.n - 4));
    }
    else if (line.n && !clp_span_starts(line, "why: ") && *line.p != '#') {
        die(c, "what is", line);
    }
}

static void read_file(const char *file)
{
    clp_span rest = cases_slurp(pool, file);
    answer_case c;
    begin_case(&c, file, clp_span_of("", 0));
    while (rest.n) {
        clp_span line = take_line(&rest);
        if (clp_span_starts(line, "=== ")) {
            end_case(&c);
            begin_case(&c, file, clp_span_of(line.p + 4, line.n - 4));
            if (writing_file) {
                printf("%.*s\n", (int)line.n, line.p);
            }
        }
        else {
            take_line_of(&c, line, &rest);
        }
    }
    end_case(&c);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every file of the folder: none can be forgotten. */
static void read_all(void)
{
    apr_array_header_t *names = apr_array_make(pool, 16, sizeof(const char *));
    apr_finfo_t entry;
    apr_dir_t *dir;
    if (apr_dir_open(&dir, FOLDER, pool) == APR_SUCCESS) {
        while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            const char *end = strrchr(entry.name, '.');
            if (end && strcmp(end, ".txt") == 0) {
                APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, entry.name);
            }
        }
        apr_dir_close(dir);
    }
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), by_name);
    OK(names->nelts >= 6, "the case files are there");
    for (int i = 0; i < names->nelts; i++) {
        read_file(apr_pstrcat(pool, FOLDER, APR_ARRAY_IDX(names, i, const char *), NULL));
    }
}

int main(int argc, char **argv)
{
    pool = tap_begin();
    if (argc == 3) {
        writing_file = 1;
        read_file(argv[2]);
        return 0;
    }
    read_all();
    return tap_end();
}
