/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "responses_hosted.h"

#include "texts.h"
#include "wire/text.h"

static void say(clp_reading *r, const char *before, clp_text t)
{
    if (t.s.n) {
        clp_buffer_puts(r->scratch, before);
        clp_text_append_escaped(r->scratch, t);
    }
}

static void say_each(clp_reading *r, clp_jval list, const char *member)
{
    CLP_JVAL_EACH (v, list) {
        say(r, "\\n", clp_jval_text(member ? clp_jval_get(v, member) : v));
    }
}

/* What is readable in a call that the provider has run itself, as a text. */
static void read_server_call(clp_reading *r, clp_jval v)
{
    clp_text type = clp_jval_text(clp_jval_get(v, "type"));
    clp_jval action = clp_jval_get(v, "action");
    clp_block *b;

    clp_buffer_putc(r->scratch, '[');
    clp_buffer_append(r->scratch, type.s.p, type.s.n - 5);
    say(r, ": ", clp_jval_text(clp_jval_get(v, "name")));
    clp_buffer_putc(r->scratch, ']');
    say(r, " ", clp_jval_text(clp_jval_get(action, "query")));
    say(r, " ", clp_jval_text(clp_jval_get(action, "url")));
    say(r, " ", clp_jval_text(clp_jval_get(action, "pattern")));
    say(r, " ", clp_jval_text(clp_jval_get(v, "arguments")));
    say_each(r, clp_jval_get(action, "queries"), NULL);
    say_each(r, clp_jval_get(v, "queries"), NULL);
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "code")));
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "output")));
    say(r, "\\n", clp_jval_text(clp_jval_get(v, "error")));
    say_each(r, clp_jval_get(v, "outputs"), "logs");
    say_each(r, clp_jval_get(v, "results"), "text");
    b = clp_responses_assistant_block(r, v, CLP_BLOCK_SERVER);
    b->text = clp_reading_take(r);
}

static void read_approval_request(clp_reading *r, clp_jval v)
{
    clp_buffer_lit(r->scratch, "[mcp_approval_request");
    say(r, ": ", clp_read_text(r, v, "name"));
    clp_buffer_putc(r->scratch, ']');
    say(r, " ", clp_read_text(r, v, "arguments"));
    clp_responses_assistant_block(r, v, CLP_BLOCK_SERVER)->text = clp_reading_take(r);
}

/* What the user said to it, which may be more than yes or no. */
static void read_approval_response(clp_reading *r, clp_jval v)
{
    clp_turn *t = clp_conversation_turn(r->c, CLP_ROLE_USER, v);

    clp_buffer_puts(r->scratch, clp_read_flag(r, v, "approve") == 1
                                    ? "[mcp_approval_response: approved]"
                                    : "[mcp_approval_response: denied]");
    say(r, " ", clp_read_text(r, v, "reason"));
    clp_turn_block(t, r->pool, CLP_BLOCK_TEXT, v)->text = clp_reading_take(r);
}

/* A list of a server's tools says nothing afterwards. */
static void read_nothing(clp_reading *r, clp_jval v)
{
    (void)r;
    (void)v;
}

const clp_responses_item clp_responses_hosted[] = {
    {"web_search_call", read_server_call},
    {"file_search_call", read_server_call},
    {"code_interpreter_call", read_server_call},
    {"image_generation_call", read_server_call},
    {"mcp_call", read_server_call},
    {"mcp_list_tools", read_nothing},
    {"mcp_approval_request", read_approval_request},
    {"mcp_approval_response", read_approval_response},
    {NULL, NULL},
};
