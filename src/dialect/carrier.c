/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "carrier.h"

#include "wire/text.h"

struct clp_carrier {
    clp_buffer blocks; /* elements of the array, each with its comma */
    clp_buffer text;   /* of the open block, escaped */
    clp_buffer state;  /* likewise */
    clp_buffer taken;
    clp_provider provider; /* of the blocks */
    clp_state_kind kind;   /* of the open block */
    int first;
};

clp_carrier *clp_carrier_make(apr_pool_t *pool)
{
    clp_carrier *c = apr_pcalloc(pool, sizeof(*c));

    clp_buffer_init(&c->blocks, pool, 0);
    clp_buffer_init(&c->text, pool, 0);
    clp_buffer_init(&c->state, pool, 0);
    clp_buffer_init(&c->taken, pool, 0);
    return c;
}

void clp_carrier_block(clp_carrier *c, int first)
{
    clp_buffer_clear(&c->text);
    clp_buffer_clear(&c->state);
    c->first = first;
}

void clp_carrier_text(clp_carrier *c, clp_span escaped)
{
    clp_buffer_span(&c->text, escaped);
}

void clp_carrier_state(clp_carrier *c, clp_provider provider, clp_state_kind kind, clp_span escaped)
{
    clp_buffer_clear(&c->state);
    clp_buffer_span(&c->state, escaped);
    c->provider = provider;
    c->kind = kind;
}

void clp_carrier_close(clp_carrier *c)
{
    if (!c->state.n || c->provider == CLP_PROVIDER_NONE) {
        return;
    }
    if (c->provider == CLP_PROVIDER_GEMINI) {
        /* its own client can keep it as it is: the last one, for a part has one place */
        clp_buffer_clear(&c->blocks);
        clp_buffer_span(&c->blocks, clp_buffer_all(&c->state));
        return;
    }
    clp_buffer_printf(&c->blocks, "%c{\"kind\":\"%c\",\"first\":%s,\"text\":\"",
                      c->blocks.n ? ',' : '[', (char)c->kind, c->first ? "true" : "false");
    clp_buffer_span(&c->blocks, clp_buffer_all(&c->text));
    clp_buffer_lit(&c->blocks, "\",\"state\":\"");
    clp_buffer_span(&c->blocks, clp_buffer_all(&c->state));
    clp_buffer_lit(&c->blocks, "\"}");
}

clp_span clp_carrier_take(clp_carrier *c, const clp_envelope_key *key)
{
    clp_buffer_clear(&c->taken);
    if (c->blocks.n && c->provider == CLP_PROVIDER_GEMINI) {
        clp_buffer_span(&c->taken, clp_buffer_all(&c->blocks));
    }
    else if (c->blocks.n && key) {
        clp_state state = {c->provider, CLP_STATE_BLOCK, {NULL, 0}};
        clp_buffer_putc(&c->blocks, ']');
        state.payload = clp_buffer_all(&c->blocks);
        clp_envelope_seal(&c->taken, &state, key);
    }
    clp_buffer_clear(&c->blocks);
    return clp_buffer_all(&c->taken);
}

static void put_back(clp_turn *turn, clp_block *b, int first)
{
    clp_block **at = &turn->blocks;

    if (!first || !turn->blocks) {
        if (turn->last) {
            turn->last->next = b;
        }
        else {
            turn->blocks = b;
        }
        turn->last = b;
        return;
    }
    /* behind those of its kind that are there already */
    while (*at && ((*at)->kind == CLP_BLOCK_REASONING || (*at)->kind == CLP_BLOCK_REDACTED)) {
        at = &(*at)->next;
    }
    b->next = *at;
    *at = b;
    if (!b->next) {
        turn->last = b;
    }
}

static void restore(clp_reading *r, clp_turn *turn, clp_provider provider, clp_jval v,
                    clp_jval origin)
{
    clp_jval kind = clp_jval_get(v, "kind");
    int redacted = clp_jval_str_is(kind, "r");
    clp_block *b = NULL;

    clp_block_append(&b, r->pool, redacted ? CLP_BLOCK_REDACTED : CLP_BLOCK_REASONING, origin);
    b->text = clp_jval_text(clp_jval_get(v, "text"));
    clp_state_read(&b->state, clp_jval_text(clp_jval_get(v, "state")), provider,
                   redacted ? CLP_STATE_REDACTED : CLP_STATE_BLOCK, NULL, r->pool);
    put_back(turn, b, clp_jval_kind(clp_jval_get(v, "first")) == CLP_JSON_TRUE);
}

void clp_carrier_open(clp_reading *r, clp_turn *turn, clp_text signature,
                      const clp_envelope_key *key, clp_jval origin)
{
    const clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_state state;
    clp_json *j;

    if (!signature.s.n || !clp_envelope_like(signature) ||
        !clp_envelope_open(&state, signature, key, r->pool)) {
        return;
    }
    j = clp_json_make(r->pool);
    if (clp_json_scan(j, state.payload, &limits, NULL) != CLP_JSON_OK) {
        return;
    }
    CLP_JVAL_EACH (v, clp_json_root(j)) {
        restore(r, turn, state.provider, v, origin);
    }
}
