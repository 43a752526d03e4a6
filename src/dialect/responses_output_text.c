/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_output.h"

#include "answer_output.h"
#include "wire/json_scan.h"
#include "wire/text.h"

/* --- messages --------------------------------------------------------------- */

#define TEXT_PART    "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""
#define REFUSAL_PART "{\"type\":\"refusal\",\"refusal\":\""

void clp_responses_output_open_message(clp_responses_output *o, int refusal)
{
    clp_responses_output_begin(o, "msg_", clp_text_str(NULL));
    if (o->options->stream) {
        clp_responses_output_added(o);
        clp_responses_output_head(o, o->out, "message");
        clp_buffer_lit(o->out,
                       ",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}");
        clp_responses_output_end_event(o);
        clp_responses_output_text_event(
            o, "response.content_part.added", ",\"content_index\":0,\"part\":",
            refusal ? CLP_SPAN_LIT(REFUSAL_PART) : CLP_SPAN_LIT(TEXT_PART), "\"}");
    }
}

void clp_responses_output_say(clp_responses_output *o, int refusal, clp_span escaped)
{
    if (refusal) {
        clp_responses_output_delta(o, "response.refusal.delta", ",\"content_index\":0,\"delta\":\"",
                                   escaped, "\"");
    }
    else {
        clp_responses_output_delta(o, "response.output_text.delta",
                                   ",\"content_index\":0,\"logprobs\":[],\"delta\":\"", escaped,
                                   "\"");
    }
}

void clp_responses_output_close_message(clp_responses_output *o, int refusal, int whole)
{
    clp_span text = clp_buffer_all(&o->text);
    if (o->options->stream) {
        if (refusal) {
            clp_responses_output_text_event(o, "response.refusal.done",
                                            ",\"content_index\":0,\"refusal\":\"", text, "\"");
        }
        else {
            clp_responses_output_text_event(o, "response.output_text.done",
                                            ",\"content_index\":0,\"logprobs\":[],\"text\":\"",
                                            text, "\"");
        }
        clp_responses_output_text_event(o, "response.content_part.done",
                                        refusal ? ",\"content_index\":0,\"part\":" REFUSAL_PART
                                                : ",\"content_index\":0,\"part\":" TEXT_PART,
                                        text, "\"}");
    }
    clp_responses_output_head(o, &o->item, "message");
    clp_buffer_puts(&o->item, whole ? ",\"status\":\"completed\"" : ",\"status\":\"incomplete\"");
    clp_buffer_lit(&o->item, ",\"role\":\"assistant\",\"content\":[");
    clp_buffer_puts(&o->item, refusal ? REFUSAL_PART : TEXT_PART);
    clp_buffer_span(&o->item, text);
    clp_buffer_lit(&o->item, "\"}]}");
    clp_responses_output_done(o);
}

/* --- reasoning ---------------------------------------------------------------- */

#define SUMMARY_PART "{\"type\":\"summary_text\",\"text\":\""

void clp_responses_output_open_reasoning(clp_responses_output *o, const clp_event *e)
{
    clp_responses_output_begin(o, "rs_", e->id);
    if (o->options->stream) {
        clp_responses_output_added(o);
        clp_responses_output_head(o, o->out, "reasoning");
        clp_buffer_lit(o->out, ",\"summary\":[]}");
        clp_responses_output_end_event(o);
    }
}

void clp_responses_output_thought(clp_responses_output *o, clp_span escaped)
{
    if (!o->parted && o->options->stream) {
        clp_responses_output_text_event(
            o, "response.reasoning_summary_part.added",
            ",\"summary_index\":0,\"part\":", CLP_SPAN_LIT(SUMMARY_PART), "\"}");
    }
    o->parted = 1;
    clp_responses_output_delta(o, "response.reasoning_summary_text.delta",
                               ",\"summary_index\":0,\"delta\":\"", escaped, "\"");
}

/* OpenAI's own state is what its item held; others' goes in an envelope. */
void clp_responses_output_state(clp_responses_output *o, clp_provider provider, clp_state_kind kind,
                                clp_text text)
{
    const clp_state state = {provider, kind, {NULL, 0}};
    clp_buffer_clear(&o->state);
    if (provider == CLP_PROVIDER_OPENAI) {
        clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 1, 0};
        clp_json *j = clp_json_make(o->pool);
        clp_buffer *plain = clp_buffer_make(o->pool, 0);
        clp_text_append_plain(plain, text);
        if (clp_json_scan(j, clp_buffer_all(plain), &limits, NULL) == CLP_JSON_OK) {
            clp_answer_text(&o->state,
                            clp_jval_text(clp_jval_get(clp_json_root(j), "encrypted_content")).s);
        }
        clp_buffer_release(plain);
    }
    else if (provider != CLP_PROVIDER_NONE) {
        clp_state_carry(&o->state, &state, text, o->options->envelope_key);
    }
}

void clp_responses_output_close_reasoning(clp_responses_output *o)
{
    clp_span text = clp_buffer_all(&o->text);
    if (o->parted && o->options->stream) {
        clp_responses_output_text_event(o, "response.reasoning_summary_text.done",
                                        ",\"summary_index\":0,\"text\":\"", text, "\"");
        clp_responses_output_text_event(o, "response.reasoning_summary_part.done",
                                        ",\"summary_index\":0,\"part\":" SUMMARY_PART, text, "\"}");
    }
    clp_responses_output_head(o, &o->item, "reasoning");
    clp_buffer_lit(&o->item, ",\"summary\":[");
    if (o->parted) {
        clp_buffer_lit(&o->item, SUMMARY_PART);
        clp_buffer_span(&o->item, text);
        clp_buffer_lit(&o->item, "\"}");
    }
    clp_buffer_putc(&o->item, ']');
    if (o->state.n) {
        clp_buffer_lit(&o->item, ",\"encrypted_content\":\"");
        clp_buffer_span(&o->item, clp_buffer_all(&o->state));
        clp_buffer_putc(&o->item, '"');
    }
    clp_buffer_putc(&o->item, '}');
    clp_responses_output_done(o);
}
