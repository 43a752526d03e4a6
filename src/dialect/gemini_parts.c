/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gemini_parts.h"

#include "dialect/tools.h"
#include "gemini_media.h"
#include "gemini_names.h"
#include "wire/text.h"

void clp_gemini_parts_init(clp_gemini_parts *p, const clp_reader_options *options, clp_sink sink,
                           apr_pool_t *pool)
{
    memset(p, 0, sizeof(*p));
    p->pool = pool;
    p->sink = sink;
    p->names = options->names;
    p->passive = options->passive != 0;
    p->calls = clp_call_text_make(pool);
    clp_buffer_init(&p->text, pool, 0);
}

void clp_gemini_parts_close(clp_gemini_parts *p)
{
    if (p->open) {
        clp_event e = clp_event_of(CLP_EVENT_BLOCK_CLOSE);
        e.part = p->part;
        p->open = 0;
        clp_sink_put(&p->sink, &e);
    }
}

static void open_block(clp_gemini_parts *p, clp_part_kind part, clp_text id, const char *name)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_OPEN);

    clp_gemini_parts_close(p);
    p->open = 1;
    p->part = part;
    e.part = part;
    e.id = id;
    e.name = clp_text_str(name);
    clp_sink_put(&p->sink, &e);
}

static void continue_block(clp_gemini_parts *p, clp_part_kind part)
{
    if (!p->open || p->part != part) {
        open_block(p, part, clp_text_str(NULL), NULL);
    }
}

static void put_delta(clp_gemini_parts *p, clp_span escaped)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);

    if (escaped.n) {
        e.part = p->part;
        e.text = clp_text_escaped(escaped);
        clp_sink_put(&p->sink, &e);
    }
}

/* The block of reasoning ends with its state. */
static void put_state(clp_gemini_parts *p, clp_span escaped, clp_state_kind kind)
{
    clp_event e = clp_event_of(CLP_EVENT_BLOCK_DELTA);

    if (!escaped.n) {
        return;
    }
    continue_block(p, CLP_PART_REASONING);
    e.part = p->part;
    e.delta = CLP_DELTA_SIGNATURE;
    e.provider = CLP_PROVIDER_GEMINI;
    e.state_kind = kind;
    e.text = clp_text_escaped(escaped);
    clp_sink_put(&p->sink, &e);
    clp_gemini_parts_close(p);
}

/* A signed text is a block of its own: its state belongs to it and to nothing else. */
static void read_text(clp_gemini_parts *p, clp_span text, clp_span signature)
{
    if (text.n && signature.n) {
        clp_gemini_parts_close(p);
    }
    if (text.n) {
        p->usable = 1;
        continue_block(p, CLP_PART_TEXT);
        put_delta(p, text);
    }
    if (signature.n) {
        clp_gemini_parts_close(p);
        put_state(p, signature, text.n ? CLP_STATE_PREV_TEXT : CLP_STATE_EMPTY_TEXT);
    }
}

static void read_thought(clp_gemini_parts *p, clp_span text, clp_span signature)
{
    if (text.n) {
        continue_block(p, CLP_PART_REASONING);
        put_delta(p, text);
    }
    put_state(p, signature, CLP_STATE_BLOCK);
}

/* The raw object as the text of a string. */
static clp_span args_text(clp_gemini_parts *p, clp_jval args)
{
    clp_buffer_clear(&p->text);
    if (clp_jval_ok(args)) {
        clp_text_escape(&p->text, clp_jval_raw(args), 0);
    }
    return clp_buffer_all(&p->text);
}

static int read_call(clp_gemini_parts *p, clp_jval call, clp_span signature)
{
    const char *upstreams = clp_jval_cstr(clp_jval_get(call, "name"), p->pool);
    const char *name;
    clp_span text;
    int custom;

    if (!upstreams || !*upstreams) {
        return 0;
    }
    p->usable = 1;
    put_state(p, signature, CLP_STATE_NEXT_CALL);
    name = clp_tool_names_lookup(p->names, upstreams, &custom);
    open_block(p, custom ? CLP_PART_CUSTOM_CALL : CLP_PART_TOOL_CALL,
               clp_jval_text(clp_jval_get(call, "id")), name);
    if (!p->passive) {
        text = args_text(p, clp_jval_get(call, "args"));
        put_delta(p, custom ? clp_call_text_custom(p->calls, text)
                            : clp_call_text_object(p->calls, text));
    }
    clp_gemini_parts_close(p);
    return 1;
}

static void put_words(clp_gemini_parts *p, const char *before, clp_jval text, const char *behind)
{
    p->usable = 1;
    continue_block(p, CLP_PART_TEXT);
    put_delta(p, clp_span_str(before));
    put_delta(p, clp_jval_text(text).s);
    put_delta(p, clp_span_str(behind));
}

/* No other protocol's answer can hold a picture. */
static void read_media(clp_gemini_parts *p, clp_jval media)
{
    p->usable = 1;
    continue_block(p, CLP_PART_TEXT);
    clp_buffer_clear(&p->text);
    clp_gemini_note_media(&p->text, media);
    put_delta(p, clp_buffer_all(&p->text));
}

int clp_gemini_parts_read(clp_gemini_parts *p, clp_jval v)
{
    clp_span signature = clp_jval_text(clp_gemini_get(v, "thoughtSignature")).s;
    clp_jval call = clp_gemini_get(v, "functionCall");
    clp_jval code = clp_gemini_get(v, "executableCode");
    clp_jval result = clp_gemini_get(v, "codeExecutionResult");
    clp_jval media = clp_gemini_get(v, "inlineData");

    if (!clp_jval_ok(media)) {
        media = clp_gemini_get(v, "fileData");
    }
    if (clp_jval_is_object(call)) {
        return read_call(p, call, signature);
    }
    if (clp_jval_kind(clp_jval_get(v, "thought")) == CLP_JSON_TRUE) {
        read_thought(p, clp_jval_text(clp_jval_get(v, "text")).s, signature);
    }
    else if (clp_jval_is_object(code)) {
        put_words(p, "\\n```\\n", clp_jval_get(code, "code"), "\\n```\\n");
    }
    else if (clp_jval_is_object(result)) {
        put_words(p, "\\n```\\n", clp_jval_get(result, "output"), "\\n```\\n");
    }
    else if (clp_jval_is_object(media)) {
        read_media(p, media);
    }
    else {
        read_text(p, clp_jval_text(clp_jval_get(v, "text")).s, signature);
    }
    return 1;
}
