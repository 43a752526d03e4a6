/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hours of requests to 100 channels of 10 keys whose upstreams fail and recover, under a
 * virtual clock, scheduled by this module's own code and by the rules of claude-proxy. Both meet
 * the same requests and the same outages.
 *
 *   build/release/bench/simulate [PLOT.svg]
 *
 * Prints a table for docs/scheduling.md; draws attempts per request over time.
 */
#include "simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#define SECOND        APR_USEC_PER_SEC
#define MINUTES       120
#define BEGIN         (apr_time_from_sec(1800000000))
#define END           (BEGIN + MINUTES * 60 * SECOND)
#define PER_SECOND    10                 /* requests */
#define CONVERSATIONS 300                /* at a time */
#define LIFE          (20 * 60 * SECOND) /* of a conversation; then another has its place */
#define MALFORMED     500                /* one request in so many, where there are any */

#define UP_MEAN        (50 * 60) /* seconds */
#define DOWN_MEAN      (8 * 60)
#define KEY_PER_MINUTE 30
#define NO_CREDIT      10 /* one key in so many */

#define SERVES    (3 * SECOND)
#define SAYS_NO   (SECOND / 5)
#define SAYS_NONE (10 * SECOND) /* until nobody answers is known */

#define OUTAGES 16 /* of a channel, at most */
#define LATE    4096

typedef struct outage {
    apr_time_t from, to;
    int silent;
    /* what became of it */
    int hits;
    apr_time_t first_hit, known, back; /* 0 = not yet */
} outage;

typedef struct upstream {
    outage outages[OUTAGES];
    int n;
    int no_credit[SIM_KEYS];
    int minute[SIM_KEYS]; /* of `asked` */
    int asked[SIM_KEYS];
} upstream;

typedef struct flight {
    sim_request request;
    apr_time_t arrived, due;
    sim_outcome outcome;
    apr_time_t told;
    int malformed;
} flight;

typedef struct minute {
    int requests, attempts, lost;
} minute;

typedef struct tally {
    int requests, lost, late, attempts, most;
    int malformed, malformed_attempts;
    double waited;
    double waits[LATE]; /* histogram of tenths of a second */
    minute minutes[MINUTES];
    int outages, known, back, hits;
    double to_know, to_come_back;
} tally;

typedef struct world {
    const sim_rules *rules;
    void *self;
    upstream *upstreams;
    flight **heap; /* by due */
    int n;
    tally t;
} world;

/* --- chance, the same for both ---------------------------------------------------------------- */

static apr_uint64_t chance(apr_uint64_t *state)
{
    apr_uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Exponential, in microseconds. */
static apr_time_t spell(apr_uint64_t *state, double mean_seconds)
{
    double u = ((double)(chance(state) >> 11) + 0.5) / 9007199254740992.0;
    return (apr_time_t)(-log(u) * mean_seconds * 1e6);
}

static void plan_outages(upstream *u, apr_uint64_t seed)
{
    apr_uint64_t state = seed;
    apr_time_t at = BEGIN + spell(&state, UP_MEAN);
    memset(u, 0, sizeof(*u));
    while (at < END && u->n < OUTAGES) {
        outage *o = &u->outages[u->n++];
        o->from = at;
        o->to = at + spell(&state, DOWN_MEAN);
        o->silent = chance(&state) % 2 == 0;
        at = o->to + spell(&state, UP_MEAN);
    }
    for (int k = 0; k < SIM_KEYS; k++) {
        u->no_credit[k] = chance(&state) % NO_CREDIT == 0;
    }
}

/* --- upstreams ----------------------------------------------------------------------------------
 */

static outage *outage_at(upstream *u, apr_time_t now)
{
    for (int i = 0; i < u->n; i++) {
        if (u->outages[i].from <= now && now < u->outages[i].to) {
            return &u->outages[i];
        }
    }
    return NULL;
}

static int is_over_limit(upstream *u, int key, apr_time_t now)
{
    int m = (int)((now - BEGIN) / (60 * SECOND));
    if (u->minute[key] != m) {
        u->minute[key] = m;
        u->asked[key] = 0;
    }
    return ++u->asked[key] > KEY_PER_MINUTE;
}

static void answer(flight *f, sim_outcome outcome, apr_time_t due)
{
    f->outcome = outcome;
    f->due = due;
}

/* The request goes out: what will come back, and when. */
static void ask(world *w, flight *f, apr_time_t now)
{
    upstream *u = &w->upstreams[f->request.target.channel];
    int key = f->request.target.key;
    outage *o = outage_at(u, now);
    f->request.attempts++;
    f->told = 0;
    if (o) {
        o->hits++;
        o->first_hit = o->first_hit ? o->first_hit : now;
        answer(f, o->silent ? SIM_SILENT : SIM_DOWN, now + (o->silent ? SAYS_NONE : SAYS_NO));
    }
    else if (u->no_credit[key]) {
        answer(f, SIM_NO_CREDIT, now + SAYS_NO);
    }
    else if (is_over_limit(u, key, now)) {
        f->told = BEGIN + (u->minute[key] + 1) * 60 * SECOND;
        answer(f, SIM_RATE_LIMIT, now + SAYS_NO);
    }
    else if (f->malformed) {
        answer(f, SIM_BAD_REQUEST, now + SAYS_NO);
    }
    else {
        answer(f, SIM_SERVED, now + SERVES);
    }
}

/* --- events --------------------------------------------------------------------------------------
 */

static void push(world *w, flight *f)
{
    int i = w->n++;
    for (; i > 0 && w->heap[(i - 1) / 2]->due > f->due; i = (i - 1) / 2) {
        w->heap[i] = w->heap[(i - 1) / 2];
    }
    w->heap[i] = f;
}

static flight *pop(world *w)
{
    flight *top = w->heap[0];
    flight *last = w->heap[--w->n];
    int i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child + 1 < w->n && w->heap[child + 1]->due < w->heap[child]->due) {
            child++;
        }
        if (child >= w->n || w->heap[child]->due >= last->due) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static minute *minute_of(world *w, apr_time_t at)
{
    int m = (int)((at - BEGIN) / (60 * SECOND));
    return &w->t.minutes[m < MINUTES ? m : MINUTES - 1];
}

static void finish(world *w, flight *f, int was_served, apr_time_t now)
{
    minute *m = minute_of(w, f->arrived);
    if (f->malformed) {
        w->t.malformed++;
        w->t.malformed_attempts += f->request.attempts;
    }
    else {
        double waited = (double)(now - f->arrived - (was_served ? SERVES : 0)) / SECOND;
        int tenths = (int)(waited * 10);
        w->t.requests++;
        w->t.attempts += f->request.attempts;
        w->t.most = f->request.attempts > w->t.most ? f->request.attempts : w->t.most;
        w->t.lost += !was_served;
        w->t.waited += waited;
        w->t.late += waited > 30;
        w->t.waits[tenths < LATE ? tenths : LATE - 1]++;
        m->requests++;
        m->attempts += f->request.attempts;
        m->lost += !was_served;
    }
    apr_pool_destroy(f->request.pool);
}

static void note_knowledge(world *w, int channel, apr_time_t now)
{
    outage *o = outage_at(&w->upstreams[channel], now);
    if (o && o->hits && !o->known && w->rules->knows(w->self, channel, now)) {
        o->known = now;
    }
}

/* Each second: which channels that were known to be out of order, and are in order again, may be
 * asked by now? */
static void look_around(world *w, apr_time_t now)
{
    for (int c = 0; c < SIM_CHANNELS; c++) {
        for (int i = 0; i < w->upstreams[c].n; i++) {
            outage *o = &w->upstreams[c].outages[i];
            if (o->known && o->to <= now && !o->back && !w->rules->knows(w->self, c, now)) {
                o->back = now;
            }
        }
    }
}

static void result(world *w, flight *f)
{
    apr_time_t now = f->due;
    int channel = f->request.target.channel;
    int goes_on;
    if (f->outcome == SIM_SERVED) {
        w->rules->served(w->self, &f->request, now);
        finish(w, f, 1, now);
        return;
    }
    goes_on = w->rules->next(w->self, &f->request, f->outcome, f->told, now);
    note_knowledge(w, channel, now);
    if (goes_on) {
        ask(w, f, now);
        push(w, f);
    }
    else {
        finish(w, f, 0, now);
    }
}

static void arrive(world *w, apr_uint64_t *state, int malformed, apr_time_t now, apr_pool_t *pool)
{
    apr_pool_t *sub;
    flight *f;
    int slot;
    apr_pool_create(&sub, pool);
    f = apr_pcalloc(sub, sizeof(*f));
    f->request.pool = sub;
    slot = (int)(chance(state) % CONVERSATIONS);
    f->request.conversation = apr_psprintf(
        sub, "w%d-%d", slot, (int)((now - BEGIN + slot * (LIFE / CONVERSATIONS)) / LIFE));
    f->malformed = malformed && chance(state) % MALFORMED == 0;
    f->arrived = now;
    if (w->rules->first(w->self, &f->request, now)) {
        ask(w, f, now);
        push(w, f);
    }
    else {
        finish(w, f, 0, now);
    }
}

static void sum_outages(world *w)
{
    for (int c = 0; c < SIM_CHANNELS; c++) {
        for (int i = 0; i < w->upstreams[c].n; i++) {
            const outage *o = &w->upstreams[c].outages[i];
            w->t.outages += o->hits > 0;
            w->t.hits += o->hits;
            w->t.known += o->known > 0;
            w->t.to_know += o->known ? (double)(o->known - o->first_hit) / SECOND : 0;
            w->t.back += o->back > 0;
            w->t.to_come_back += o->back ? (double)(o->back - o->to) / SECOND : 0;
        }
    }
}

static tally *simulate(const sim_rules *rules, int malformed, apr_pool_t *pool)
{
    world *w = apr_pcalloc(pool, sizeof(*w));
    apr_uint64_t state = 42;
    apr_time_t arrival = BEGIN;
    apr_time_t polled = BEGIN;
    w->rules = rules;
    w->self = rules->make(pool);
    w->upstreams = apr_palloc(pool, sizeof(*w->upstreams) * SIM_CHANNELS);
    w->heap = apr_palloc(pool, sizeof(flight *) * (MINUTES * 60 * PER_SECOND * 2));
    for (int c = 0; c < SIM_CHANNELS; c++) {
        plan_outages(&w->upstreams[c], (apr_uint64_t)c * 7919 + 1);
    }
    while (w->n || arrival < END) {
        apr_time_t now = w->n && w->heap[0]->due < arrival ? w->heap[0]->due : arrival;
        if (now - polled >= SECOND) {
            polled = now;
            look_around(w, now);
        }
        if (arrival < END && (!w->n || arrival <= w->heap[0]->due)) {
            arrive(w, &state, malformed, arrival, pool);
            arrival += spell(&state, 1.0 / PER_SECOND);
        }
        else {
            result(w, pop(w));
        }
    }
    sum_outages(w);
    return &w->t;
}

/* --- telling
 * --------------------------------------------------------------------------------------- */

static double percentile(const tally *t, double p)
{
    double seen = 0;
    int i = 0;
    while (i < LATE - 1 && (seen += t->waits[i]) < p * t->requests) {
        i++;
    }
    return i / 10.0;
}

static double per(double sum, int n)
{
    return n ? sum / n : 0;
}

static void print_table(const tally *ours, const tally *theirs, int malformed)
{
    const tally *t[] = {theirs, ours};
    printf("| %s | %s | %s |\n|---|---|---|\n",
           malformed ? "one request in 500 is malformed" : "all requests are well-formed",
           sim_claude_proxy.name, sim_this_module.name);
#define LINE(text, fmt, value)                                                                     \
    printf("| " text " |");                                                                        \
    for (int i = 0; i < 2; i++) {                                                                  \
        printf(" " fmt " |", value);                                                               \
    }                                                                                              \
    printf("\n")
    LINE("requests", "%d", t[i]->requests);
    LINE("lost: nobody served them", "%d", t[i]->lost);
    LINE("attempts per request", "%.2f", per(t[i]->attempts, t[i]->requests));
    LINE("most attempts of a request", "%d", t[i]->most);
    LINE("seconds until the attempt that served began, mean", "%.2f",
         per(t[i]->waited, t[i]->requests));
    LINE("99 of 100 within", "%.1f", percentile(t[i], 0.99));
    LINE("waited longer than 30 s", "%d", t[i]->late);
    LINE("outages that requests ran into", "%d", t[i]->outages);
    LINE("attempts that ran into one, each", "%.0f", per(t[i]->hits, t[i]->outages));
    LINE("seconds until it was known, from the first", "%.0f", per(t[i]->to_know, t[i]->known));
    LINE("minutes from its end until the channel may be asked again", "%.1f",
         per(t[i]->to_come_back, t[i]->back) / 60);
    if (malformed) {
        LINE("attempts of a malformed request", "%.0f",
             per(t[i]->malformed_attempts, t[i]->malformed));
    }
#undef LINE
    printf("\n");
}

/* Attempts per request, in each minute; the axis is logarithmic. */
#define WIDTH  720
#define HEIGHT 260
#define LEFT   50
#define TOP    30
#define DECADE 75 /* height of a factor of ten */

static double y_of(double attempts)
{
    double y = log10(attempts < 1 ? 1 : attempts) * DECADE;
    return TOP + HEIGHT - (y > HEIGHT ? HEIGHT : y);
}

static void draw_line(FILE *out, const tally *t, const char *colour)
{
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
    for (int m = 0; m < MINUTES; m++) {
        fprintf(out, "%d,%.1f ", LEFT + m * WIDTH / MINUTES,
                y_of(per(t->minutes[m].attempts, t->minutes[m].requests)));
    }
    fputs("\"/>\n", out);
}

static void draw_text(FILE *out, int x, int y, const char *anchor, const char *colour,
                      const char *text)
{
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y, anchor,
            colour, text);
}

static int draw(const char *path, const tally *ours, const tally *theirs)
{
    FILE *out = fopen(path, "w");
    char number[16];
    if (!out) {
        return 0;
    }
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            LEFT + WIDTH + 20, TOP + HEIGHT + 40);
    for (int decade = 0; decade <= 3; decade++) {
        int y = TOP + HEIGHT - decade * DECADE;
        fprintf(out, "<path d=\"M%d %dH%d\" stroke=\"#dddddd\"/>\n", LEFT, y, LEFT + WIDTH);
        snprintf(number, sizeof(number), "%.0f", pow(10, decade));
        draw_text(out, LEFT - 6, y + 4, "end", "#333333", number);
    }
    for (int m = 0; m <= MINUTES; m += 30) {
        snprintf(number, sizeof(number), "%d min", m);
        draw_text(out, LEFT + m * WIDTH / MINUTES, TOP + HEIGHT + 18, "middle", "#333333", number);
    }
    draw_text(out, LEFT, TOP - 12, "start", "#333333", "attempts per request, by minute");
    draw_text(out, LEFT + WIDTH, TOP - 12, "end", "#c0392b", sim_claude_proxy.name);
    draw_text(out, LEFT + WIDTH - 120, TOP - 12, "end", "#1f6fb4", sim_this_module.name);
    draw_line(out, theirs, "#c0392b");
    draw_line(out, ours, "#1f6fb4");
    fputs("</svg>\n", out);
    return fclose(out) == 0;
}

int main(int argc, char **argv)
{
    apr_pool_t *pool;
    int failed = 0;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (int malformed = 0; malformed < 2; malformed++) {
        const tally *ours = simulate(&sim_this_module, malformed, pool);
        const tally *theirs = simulate(&sim_claude_proxy, malformed, pool);
        print_table(ours, theirs, malformed);
        if (malformed && argc > 1 && !draw(argv[1], ours, theirs)) {
            fprintf(stderr, "cannot write %s\n", argv[1]);
            failed = 1;
        }
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
