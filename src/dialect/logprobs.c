/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "logprobs.h"

/* {"topCandidates":[{"candidates":[{"token": */
#define DEPTH_GEMINI 5
/* [{"top_logprobs":[{"token": */
#define DEPTH_CHAT 4

clp_span clp_logprobs_of_chat(clp_jval choice)
{
    clp_jval content = clp_jval_get(clp_jval_get(choice, "logprobs"), "content");
    clp_span raw = clp_jval_raw(content);

    if (clp_jval_count(content) == 0) {
        return clp_span_of("", 0);
    }
    return clp_span_of(raw.p + 1, raw.n - 2);
}

/* Google leaves out a number that is 0. */
static clp_span number(clp_jval v)
{
    return clp_jval_kind(v) == CLP_JSON_NUMBER ? clp_jval_raw(v) : CLP_SPAN_LIT("0");
}

static void open_chat_token(clp_jw *w, clp_jval candidate)
{
    clp_jw_object(w);
    clp_jw_ktext(w, "token", clp_jval_text(clp_jval_get(candidate, "token")));
    clp_jw_kraw(w, "logprob", number(clp_jval_get(candidate, "logProbability")));
    clp_jw_knull(w, "bytes");
}

static void write_element(clp_jw *w, clp_jval chosen, clp_jval top)
{
    open_chat_token(w, chosen);
    clp_jw_key(w, "top_logprobs");
    clp_jw_array(w);
    CLP_JVAL_EACH (candidate, clp_jval_get(top, "candidates")) {
        open_chat_token(w, candidate);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
    clp_jw_end_object(w);
}

void clp_logprobs_of_gemini(clp_buffer *out, clp_span result, clp_json *json)
{
    static const clp_json_limits limits = {64, DEPTH_GEMINI, 0};
    clp_jval top;
    int n = 0;

    if (clp_json_scan(json, result, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    top = clp_jval_first(clp_jval_get(clp_json_root(json), "topCandidates"));
    CLP_JVAL_EACH (chosen, clp_jval_get(clp_json_root(json), "chosenCandidates")) {
        clp_jw w;
        if (n++) {
            clp_buffer_putc(out, ',');
        }
        clp_jw_init(&w, out);
        write_element(&w, chosen, top);
        top = clp_jval_ok(top) ? clp_jval_next(top) : top;
    }
}

void clp_logprobs_write_chat(clp_jw *w, clp_span elements)
{
    if (!elements.n) {
        clp_jw_null(w);
        return;
    }
    clp_jw_object(w);
    clp_jw_key(w, "content");
    clp_jw_array(w);
    clp_jw_raw(w, elements);
    clp_jw_end_array(w);
    clp_jw_knull(w, "refusal");
    clp_jw_end_object(w);
}

static void write_candidate(clp_jw *w, clp_jval token)
{
    clp_jw_object(w);
    clp_jw_ktext(w, "token", clp_jval_text(clp_jval_get(token, "token")));
    clp_jw_kraw(w, "logProbability", number(clp_jval_get(token, "logprob")));
    clp_jw_end_object(w);
}

/* Google has no list of the others where nobody asked for them. */
static int has_others(clp_jval elements)
{
    CLP_JVAL_EACH (v, elements) {
        if (clp_jval_count(clp_jval_get(v, "top_logprobs"))) {
            return 1;
        }
    }
    return 0;
}

static void write_others(clp_jw *w, clp_jval elements)
{
    clp_jw_key(w, "topCandidates");
    clp_jw_array(w);
    CLP_JVAL_EACH (v, elements) {
        clp_jw_object(w);
        clp_jw_key(w, "candidates");
        clp_jw_array(w);
        CLP_JVAL_EACH (token, clp_jval_get(v, "top_logprobs")) {
            write_candidate(w, token);
        }
        clp_jw_end_array(w);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

void clp_logprobs_write_gemini(clp_jw *w, clp_span elements, apr_pool_t *pool)
{
    static const clp_json_limits limits = {64, DEPTH_CHAT, 0};
    clp_json *json = clp_json_make(pool);
    clp_buffer *array = clp_buffer_make(pool, 0);
    clp_jval root;

    clp_buffer_putc(array, '[');
    clp_buffer_span(array, elements);
    clp_buffer_putc(array, ']');
    clp_jw_object(w);
    if (clp_json_scan(json, clp_buffer_all(array), &limits, NULL) == CLP_JSON_OK) {
        root = clp_json_root(json);
        if (has_others(root)) {
            write_others(w, root);
        }
        clp_jw_key(w, "chosenCandidates");
        clp_jw_array(w);
        CLP_JVAL_EACH (v, root) {
            write_candidate(w, v);
        }
        clp_jw_end_array(w);
    }
    clp_jw_end_object(w);
    clp_buffer_release(array);
}
