/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "call_ids.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "wire/text.h"

/* An id as the client spells it, and the calls of the last turn of calls that have it. */
typedef struct known {
    int uses;                  /* in the whole conversation */
    int turn;                  /* of calls, counted */
    apr_array_header_t *calls; /* of const clp_block * */
    int answered;              /* as many of them */
} known;

typedef struct parting {
    apr_pool_t *pool;
    apr_hash_t *ids; /* of known, by id */
    int turn;
} parting;

static known *find(const parting *p, clp_text id)
{
    return apr_hash_get(p->ids, clp_text_cstr(id, p->pool), APR_HASH_KEY_STRING);
}

static known *add(parting *p, const char *id)
{
    known *k = apr_pcalloc(p->pool, sizeof(*k));

    k->calls = apr_array_make(p->pool, 1, sizeof(const clp_block *));
    apr_hash_set(p->ids, id, APR_HASH_KEY_STRING, k);
    return k;
}

static clp_text another(parting *p, const char *id, int n)
{
    const char *text;

    do {
        text = apr_psprintf(p->pool, "%s_%d", id, n++);
    } while (apr_hash_get(p->ids, text, APR_HASH_KEY_STRING));
    add(p, text)->uses = 1;
    return clp_text_str(text);
}

static void part_call(parting *p, clp_block *b)
{
    const char *id = clp_text_cstr(b->id, p->pool);
    known *k = apr_hash_get(p->ids, id, APR_HASH_KEY_STRING);

    if (!k) {
        k = add(p, id);
    }
    if (k->turn != p->turn) {
        k->turn = p->turn;
        k->answered = 0;
        apr_array_clear(k->calls);
    }
    if (k->uses++) {
        b->id = another(p, id, k->uses);
    }
    APR_ARRAY_PUSH(k->calls, const clp_block *) = b;
}

static void part_result(const parting *p, clp_block *b)
{
    known *k = find(p, b->id);

    if (k && k->turn == p->turn && k->answered < k->calls->nelts) {
        b->id = APR_ARRAY_IDX(k->calls, k->answered, const clp_block *)->id;
        k->answered++;
    }
}

void clp_call_ids_part(clp_conversation *c)
{
    parting p = {c->pool, apr_hash_make(c->pool), 0};
    int calling = 0;

    for (clp_turn *t = c->turns; t; t = t->next) {
        int assistant = t->role == CLP_ROLE_ASSISTANT;
        p.turn += assistant && !calling;
        calling = assistant;
        for (clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                part_call(&p, b);
            }
            else if (b->kind == CLP_BLOCK_TOOL_RESULT) {
                part_result(&p, b);
            }
        }
    }
}
