/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */

/*
 * Property: a conversation written by a dialect and read again by it says the
 * same; written by one, read, written by another and read, it says what both
 * can say. The conversations are made by a seeded generator out of what the
 * dialects on the way have (docs/conversion.md: native or converted), so a
 * failure names the seed that shows it.
 */
#include <apr_strings.h>

#include "dialect/dialect.h"
#include "dialect/tools.h"
#include "tap.h"
#include "wire/json_write.h"
#include "wire/text.h"

#define SEEDS 300

/* What a dialect can say. */
#define HAS_IDS          0x0001u
#define HAS_RESULT_IMAGE 0x0002u
#define HAS_ERROR        0x0004u
#define HAS_TOP_K        0x0008u
#define HAS_SEED         0x0010u
#define HAS_STOP         0x0020u
#define HAS_SCHEMA       0x0040u
#define HAS_ONE_BY_ONE   0x0080u
#define HAS_CHOICE_ANY   0x0100u
#define HAS_THINKING     0x0200u /* reasoning with Claude's state */
#define HAS_EFFORT       0x0400u
#define HAS_STRICT       0x0800u
#define HAS_ITEM         0x1000u /* reasoning with OpenAI's state, an item as it was */

typedef struct side {
    const clp_dialect *dialect;
    const char *model;
    unsigned has;
} side;

static const side sides[] = {
    {&clp_dialect_messages, "claude-sonnet-4-5",
     HAS_IDS | HAS_RESULT_IMAGE | HAS_ERROR | HAS_TOP_K | HAS_STOP | HAS_SCHEMA | HAS_ONE_BY_ONE |
         HAS_CHOICE_ANY | HAS_THINKING},
    {&clp_dialect_chat, "up",
     HAS_IDS | HAS_SEED | HAS_STOP | HAS_SCHEMA | HAS_ONE_BY_ONE | HAS_CHOICE_ANY | HAS_EFFORT |
         HAS_STRICT},
    {&clp_dialect_chat_legacy, "up", HAS_SEED | HAS_STOP},
    {&clp_dialect_responses, "up",
     HAS_IDS | HAS_RESULT_IMAGE | HAS_SCHEMA | HAS_ONE_BY_ONE | HAS_CHOICE_ANY | HAS_EFFORT |
         HAS_STRICT | HAS_ITEM},
    {&clp_dialect_gemini, "gemini-3-pro-preview",
     HAS_IDS | HAS_RESULT_IMAGE | HAS_ERROR | HAS_TOP_K | HAS_SEED | HAS_STOP | HAS_SCHEMA |
         HAS_CHOICE_ANY},
};
#define SIDES (sizeof(sides) / sizeof(sides[0]))

/* --- the generator ------------------------------------------------------------------------ */

typedef struct maker {
    apr_uint64_t state;
    unsigned has;
    int ids;
    apr_pool_t *pool;
    clp_conversation *c;
} maker;

/* xorshift64*: the same numbers everywhere. */
static unsigned below(maker *m, unsigned n)
{
    m->state ^= m->state >> 12;
    m->state ^= m->state << 25;
    m->state ^= m->state >> 27;
    return (unsigned)((m->state * 0x2545F4914F6CDD1DULL) >> 40) % n;
}

static const char *words(maker *m)
{
    static const char *const pieces[] = {
        "plain ",          "caf\\u00e9 ",    "\xc3\xa9t\xc3\xa9 ",
        "\\\"quoted\\\" ", "back\\\\slash ", "line\\n",
        "\\ttab ",         "\\ud83d\\ude00", "\xf0\x9f\x98\x80",
        "\\u2028",         "\\u0000",        "\\/",
        "{\\\"a\\\":1}",   "</b>",           "\\u001f ",
        "\xe2\x80\xa9",
    };
    clp_buffer *out = clp_buffer_make(m->pool, 0);

    clp_buffer_puts(out, "w");
    for (unsigned i = below(m, 8); i; i--) {
        clp_buffer_puts(out, pieces[below(m, sizeof(pieces) / sizeof(pieces[0]))]);
    }
    clp_buffer_puts(out, ".");
    return apr_pstrmemdup(m->pool, clp_buffer_all(out).p, clp_buffer_all(out).n);
}

static clp_text text(maker *m)
{
    return clp_text_escaped(clp_span_str(words(m)));
}

static clp_text plain(const char *s)
{
    return clp_text_plain(clp_span_str(s));
}

static const char *tool_name(maker *m)
{
    static const char *const names[] = {"get", "set_value", "look-up"};
    return names[below(m, 3)];
}

static void make_image(maker *m, clp_block *b)
{
    b->media.mime = plain("image/png");
    b->media.source = CLP_MEDIA_BASE64;
    b->media.data = plain(below(m, 2) ? "iVBORw0KGgo=" : "AAAA/+8=");
}

static void make_result(maker *m, clp_turn *turn, const clp_block *call)
{
    clp_block *b = clp_turn_block(turn, m->pool, CLP_BLOCK_TOOL_RESULT, m->c->turns->origin);

    b->id = call->id;
    b->name = call->name;
    b->is_error = m->has & HAS_ERROR && below(m, 4) == 0;
    clp_block_append(&b->children, m->pool, CLP_BLOCK_TEXT, turn->origin)->text = text(m);
    if (m->has & HAS_RESULT_IMAGE && !b->is_error && below(m, 4) == 0) {
        make_image(m, clp_block_append(&b->children, m->pool, CLP_BLOCK_IMAGE, turn->origin));
    }
}

static void make_call(maker *m, clp_turn *turn)
{
    clp_block *b = clp_turn_block(turn, m->pool, CLP_BLOCK_TOOL_CALL, turn->origin);

    b->id = plain(apr_psprintf(m->pool, "call_%d", ++m->ids));
    b->name = plain(tool_name(m));
    b->input.object = clp_span_str(
        below(m, 4) ? apr_psprintf(m->pool, "{\"b\":%u.50,\"a\":[\"%s\",12345678901234567890]}",
                                   below(m, 100), words(m))
                    : "{}");
}

/* State is its provider's, so two dialects never have the same. */
static void make_reasoning(maker *m, clp_turn *turn)
{
    clp_block *b;

    if (!(m->has & (HAS_THINKING | HAS_ITEM)) || below(m, 2)) {
        return;
    }
    b = clp_turn_block(turn, m->pool, CLP_BLOCK_REASONING, turn->origin);
    b->text = text(m);
    b->state.kind = CLP_STATE_BLOCK;
    if (m->has & HAS_THINKING) {
        b->state.provider = CLP_PROVIDER_CLAUDE;
        b->state.payload = CLP_SPAN_LIT("EqQBCgIYAhIM+/8=");
    }
    else {
        b->state.provider = CLP_PROVIDER_OPENAI;
        b->state.payload = clp_span_str(apr_psprintf(
            m->pool,
            "{\"type\":\"reasoning\",\"id\":\"rs_%u\",\"summary\":[{\"type\":\"summary_text\","
            "\"text\":\"%s\"}],\"encrypted_content\":\"gAAAAA\"}",
            below(m, 100), apr_pstrmemdup(m->pool, b->text.s.p, b->text.s.n)));
    }
}

static void make_exchange(maker *m, int last)
{
    const clp_jval none = {0};
    clp_turn *user = m->c->last_turn;
    clp_turn *assistant;

    if (!user || user->role != CLP_ROLE_USER) {
        user = clp_conversation_turn(m->c, CLP_ROLE_USER, none);
    }
    if (below(m, 5) == 0) {
        make_image(m, clp_turn_block(user, m->pool, CLP_BLOCK_IMAGE, none));
    }
    clp_turn_block(user, m->pool, CLP_BLOCK_TEXT, none)->text = text(m);
    if (last) {
        return;
    }
    assistant = clp_conversation_turn(m->c, CLP_ROLE_ASSISTANT, none);
    make_reasoning(m, assistant);
    clp_turn_block(assistant, m->pool, CLP_BLOCK_TEXT, none)->text = text(m);
    if (below(m, 2)) {
        for (unsigned i = 1 + below(m, 3); i; i--) {
            make_call(m, assistant);
        }
        user = clp_conversation_turn(m->c, CLP_ROLE_USER, none);
        for (const clp_block *b = assistant->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                make_result(m, user, b);
            }
        }
    }
}

static void make_tools(maker *m)
{
    static const char *const names[] = {"get", "set_value", "look-up"};

    for (unsigned i = 0; i < 3; i++) {
        clp_tool *t = apr_array_push(m->c->tools);
        memset(t, 0, sizeof(*t));
        t->kind = CLP_TOOL_FUNCTION;
        t->name = plain(names[i]);
        t->description = text(m);
        t->schema = CLP_SPAN_LIT("{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"string\","
                                 "\"enum\":[\"\\u00e9\"]},"
                                 "\"a\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}},"
                                 "\"required\":[\"z\"]}");
        t->strict = m->has & HAS_STRICT && below(m, 2) ? 1 : -1;
    }
    switch (below(m, 5)) {
    case 1: m->c->choice = CLP_CHOICE_AUTO; break;
    case 2: m->c->choice = m->has & HAS_CHOICE_ANY ? CLP_CHOICE_ANY : CLP_CHOICE_AUTO; break;
    case 3: m->c->choice = CLP_CHOICE_NONE; break;
    case 4:
        m->c->choice = CLP_CHOICE_TOOL;
        APR_ARRAY_PUSH(m->c->choice_names, clp_text) = plain(tool_name(m));
        break;
    default: break;
    }
    if (m->has & HAS_ONE_BY_ONE && m->c->choice == CLP_CHOICE_AUTO && below(m, 2)) {
        m->c->parallel_tools = 0;
    }
}

static void make_limits(maker *m)
{
    clp_conversation *c = m->c;

    c->max_tokens = 2000 + below(m, 4000);
    if (m->has & HAS_EFFORT && below(m, 3) == 0) {
        static const clp_effort efforts[] = {CLP_EFFORT_LOW, CLP_EFFORT_MEDIUM, CLP_EFFORT_HIGH};
        c->reasoning.mode = CLP_THINKING_ON;
        c->reasoning.effort = efforts[below(m, 3)];
    }
    else if (below(m, 2)) {
        c->temperature = CLP_SPAN_LIT("0.70");
    }
    if (m->has & HAS_TOP_K && below(m, 2)) {
        c->top_k = CLP_SPAN_LIT("40");
    }
    if (m->has & HAS_SEED && below(m, 2)) {
        c->seed = CLP_SPAN_LIT("123456789");
    }
    for (unsigned i = m->has & HAS_STOP ? below(m, 4) : 0; i; i--) {
        APR_ARRAY_PUSH(c->stop, clp_text) = text(m);
    }
    if (m->has & HAS_SCHEMA && below(m, 3) == 0) {
        c->format = CLP_FORMAT_JSON_SCHEMA;
        c->format_name = plain("shape");
        c->format_schema = CLP_SPAN_LIT("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
                                        "\"string\"}},\"required\":[\"a\"],"
                                        "\"additionalProperties\":false}");
    }
}

/* As if read by a dialect that is nobody's upstream: nothing can be copied from its body. */
static clp_conversation *make(unsigned seed, unsigned has, apr_pool_t *pool)
{
    maker m = {0x9E3779B97F4A7C15ULL * (seed + 1), has, 0, pool,
               clp_conversation_make(pool, &clp_dialect_completions)};
    const clp_json_limits all = {512, CLP_JSON_RECORD_ALL, 0};
    const clp_jval none = {0};

    m.c->doc = clp_json_make(pool);
    clp_json_scan(m.c->doc, CLP_SPAN_LIT("{}"), &all, NULL);
    m.c->model = "asked";
    if (below(&m, 2)) {
        clp_block_append(&m.c->system, pool, CLP_BLOCK_TEXT, none)->text = text(&m);
    }
    for (unsigned i = below(&m, 5); i; i--) {
        make_exchange(&m, 0);
    }
    make_exchange(&m, 1);
    make_tools(&m);
    make_limits(&m);
    return m.c;
}

/* --- what a conversation says, in words -------------------------------------------------- */

typedef struct teller {
    clp_buffer *out;
    const clp_conversation *c;
    unsigned has;
    int role; /* of the text that is being told, -1 = none */
    apr_pool_t *pool;
} teller;

static void tell_text(teller *t, const char *what, clp_text text)
{
    clp_buffer_puts(t->out, what);
    clp_text_append_plain(t->out, text);
}

static void tell_media(teller *t, const clp_block *b)
{
    clp_buffer_printf(t->out, "\nimage %d", (int)b->media.source);
    tell_text(t, " ", b->media.mime);
    tell_text(t, " ", b->media.data);
}

/* The text of neighbours is one: protocols cut it as they like. */
static void tell_words(teller *t, int role, clp_text text)
{
    if (t->role != role) {
        clp_buffer_printf(t->out, "\ntext of %d: ", role);
    }
    t->role = role;
    clp_text_append_plain(t->out, text);
}

static void tell_result(teller *t, clp_text id)
{
    const char *wanted = clp_text_cstr(id, t->pool);

    for (const clp_turn *turn = t->c->turns; turn; turn = turn->next) {
        for (const clp_block *b = turn->blocks; b; b = b->next) {
            if (b->kind != CLP_BLOCK_TOOL_RESULT || !clp_text_is(b->id, wanted)) {
                continue;
            }
            clp_buffer_printf(t->out, "\nresult, error=%d: ", (int)b->is_error);
            for (const clp_block *child = b->children; child; child = child->next) {
                if (child->kind == CLP_BLOCK_TEXT) {
                    clp_text_append_plain(t->out, child->text);
                }
                else {
                    tell_media(t, child);
                }
            }
        }
    }
}

/* A call and what came of it: the function era tells parallel calls one after the other. */
static void tell_call(teller *t, const clp_block *b)
{
    clp_jw w;

    tell_text(t, "\ncall ", b->name);
    if (t->has & HAS_IDS) {
        tell_text(t, " id ", b->id);
    }
    clp_buffer_puts(t->out, " ");
    clp_jw_init(&w, t->out);
    clp_tool_input_object(&w, &b->input, t->pool);
    tell_result(t, b->id);
}

static void tell_turns(teller *t)
{
    for (const clp_turn *turn = t->c->turns; turn; turn = turn->next) {
        for (const clp_block *b = turn->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TEXT) {
                tell_words(t, (int)turn->role, b->text);
                continue;
            }
            if (b->kind == CLP_BLOCK_TOOL_RESULT) {
                continue;
            }
            t->role = -1;
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                tell_call(t, b);
            }
            else if (b->kind == CLP_BLOCK_IMAGE) {
                tell_media(t, b);
            }
            else if (b->kind == CLP_BLOCK_REASONING) {
                tell_text(t, "\nreasoning ", b->text);
                clp_buffer_printf(t->out, " state of %d ", (int)b->state.provider);
                /* Of OpenAI's item a client gives back the encrypted content only. */
                if (b->state.provider == CLP_PROVIDER_CLAUDE) {
                    tell_text(t, "", clp_text_plain(b->state.payload));
                }
            }
            else {
                clp_buffer_printf(t->out, "\nblock of kind %d", (int)b->kind);
            }
        }
        t->role = turn->next && turn->next->role == turn->role ? t->role : -1;
    }
}

static void tell_tools(teller *t)
{
    for (int i = 0; i < t->c->tools->nelts; i++) {
        const clp_tool *tool = &APR_ARRAY_IDX(t->c->tools, i, clp_tool);
        tell_text(t, "\ntool ", tool->name);
        tell_text(t, ": ", tool->description);
        tell_text(t, " ", clp_text_plain(tool->schema));
        if (t->has & HAS_STRICT) {
            clp_buffer_printf(t->out, " strict=%d", tool->strict == 1);
        }
    }
    clp_buffer_printf(t->out, "\nchoice %d",
                      t->c->choice == CLP_CHOICE_UNSET ? CLP_CHOICE_AUTO : (int)t->c->choice);
    for (int i = 0; i < t->c->choice_names->nelts; i++) {
        tell_text(t, " ", APR_ARRAY_IDX(t->c->choice_names, i, clp_text));
    }
    if (t->has & HAS_ONE_BY_ONE) {
        clp_buffer_printf(t->out, " one=%d", t->c->parallel_tools == 0);
    }
}

static void tell_limits(teller *t)
{
    clp_buffer_printf(t->out, "\ncap %ld effort %d format %d", (long)t->c->max_tokens,
                      (int)t->c->reasoning.effort,
                      t->c->format == CLP_FORMAT_TEXT ? CLP_FORMAT_UNSET : (int)t->c->format);
    tell_text(t, " ", clp_text_plain(t->c->format_schema));
    tell_text(t, " temperature ", clp_text_plain(t->c->temperature));
    tell_text(t, " top_k ", clp_text_plain(t->c->top_k));
    tell_text(t, " seed ", clp_text_plain(t->c->seed));
    for (int i = 0; i < t->c->stop->nelts; i++) {
        tell_text(t, "\nstop ", APR_ARRAY_IDX(t->c->stop, i, clp_text));
    }
}

static clp_span tell(const clp_conversation *c, unsigned has, apr_pool_t *pool)
{
    teller t = {clp_buffer_make(pool, 0), c, has, -1, pool};

    for (const clp_block *b = c->system; b; b = b->next) {
        tell_text(&t, "system ", b->text);
    }
    tell_turns(&t);
    tell_tools(&t);
    tell_limits(&t);
    return clp_buffer_all(t.out);
}

/* --- there and back ---------------------------------------------------------------------- */

static clp_problem *through(const side *s, clp_conversation **c, clp_span *body, apr_pool_t *pool)
{
    clp_traits traits = clp_traits_default();
    clp_target target = {s->model, &traits, 8192, 0};
    clp_intake intake = CLP_INTAKE(512, 0);
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_sniffed sniffed;
    apr_table_t *names;
    clp_problem *p;

    traits.function_ids = 1;
    traits.thought_signatures = 0;
    traits.reasoning = (s->has & HAS_EFFORT) != 0;
    traits.sampling = 1;
    if (s->dialect == &clp_dialect_gemini) {
        intake.model = s->model;
        intake.stream = 0;
    }
    p = s->dialect->write_request(*c, &target, out, &names, pool);
    *body = clp_buffer_all(out);
    if (!p) {
        p = s->dialect->sniff(&sniffed, *body, &intake, pool);
    }
    return p ? p : s->dialect->read_request(c, *body, &intake, pool);
}

static const char *shown(clp_span s, apr_pool_t *pool)
{
    char *copy = apr_pstrmemdup(pool, s.p, s.n);

    for (apr_size_t i = 0; i < s.n; i++) {
        copy[i] = copy[i] ? copy[i] : '0';
    }
    return copy;
}

static void check(unsigned seed, const side *first, const side *second, apr_pool_t *root)
{
    apr_pool_t *pool;
    unsigned has = first->has & (second ? second->has : ~0u);
    clp_conversation *c;
    clp_span want, body;
    clp_problem *p;

    apr_pool_create(&pool, root);
    c = make(seed, has, pool);
    want = tell(c, has, pool);
    p = through(first, &c, &body, pool);
    if (!p && second) {
        p = through(second, &c, &body, pool);
    }
    if (!OK(!p && clp_span_eq(tell(c, has, pool), want), "seed %u: %s%s%s", seed,
            first->dialect->name, second ? ", then " : "", second ? second->dialect->name : "")) {
        clp_span got = p ? clp_span_str(p->message) : tell(c, has, pool);
        tap_diag("wanted: %s", shown(want, pool));
        tap_diag("got: %s", shown(got, pool));
        tap_diag("body: %s", shown(body, pool));
    }
    apr_pool_destroy(pool);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        for (size_t i = 0; i < SIDES; i++) {
            check(seed, &sides[i], NULL, pool);
            for (size_t k = 0; k < SIDES; k++) {
                if (k != i) {
                    check(seed, &sides[i], &sides[k], pool);
                }
            }
        }
    }
    return tap_end();
}
