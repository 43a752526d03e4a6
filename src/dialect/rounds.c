/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "rounds.h"

#include "wire/text.h"

static clp_answered *find(const clp_round *round, const clp_block *result, apr_pool_t *pool)
{
    return round->by_id
               ? apr_hash_get(round->by_id, clp_text_cstr(result->id, pool), APR_HASH_KEY_STRING)
               : NULL;
}

int clp_round_answers(const clp_round *round, const clp_block *result, apr_pool_t *pool)
{
    const clp_answered *a = find(round, result, pool);
    return a && a->result == result;
}

static int is_assistant(const clp_turn *t)
{
    return t->role == CLP_ROLE_ASSISTANT;
}

static void collect_calls(clp_round *round, const clp_round *asked, apr_pool_t *pool)
{
    CLP_ROUND_EACH(t, asked)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            if (b->kind == CLP_BLOCK_TOOL_CALL) {
                clp_answered *a = &APR_ARRAY_PUSH(round->answers, clp_answered);
                a->call = b;
                a->result = NULL;
            }
        }
    }
    if (round->answers->nelts) {
        round->by_id = apr_hash_make(pool);
    }
    for (int i = round->answers->nelts - 1; i >= 0; i--) {
        clp_answered *a = &APR_ARRAY_IDX(round->answers, i, clp_answered);
        apr_hash_set(round->by_id, clp_text_cstr(a->call->id, pool), APR_HASH_KEY_STRING, a);
    }
}

static void collect_results(clp_round *round, apr_pool_t *pool)
{
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->blocks; b; b = b->next) {
            clp_answered *a = b->kind == CLP_BLOCK_TOOL_RESULT ? find(round, b, pool) : NULL;
            if (a && !a->result) {
                a->result = b;
                APR_ARRAY_PUSH(round->told, const clp_answered *) = a;
            }
        }
    }
    for (int i = 0; i < round->answers->nelts; i++) {
        const clp_answered *a = &APR_ARRAY_IDX(round->answers, i, clp_answered);
        if (!a->result) {
            APR_ARRAY_PUSH(round->told, const clp_answered *) = a;
        }
    }
}

apr_array_header_t *clp_rounds_make(const clp_conversation *c, apr_pool_t *pool)
{
    apr_array_header_t *rounds = apr_array_make(pool, 16, sizeof(clp_round));
    const clp_turn *t = c->turns;
    clp_round asked;
    int follows = 0;

    while (t || follows) {
        clp_round *round = &APR_ARRAY_PUSH(rounds, clp_round);
        memset(round, 0, sizeof(*round));
        round->assistant = t && is_assistant(t);
        round->first = t;
        while (t && is_assistant(t) == round->assistant) {
            t = t->next;
        }
        round->behind = t;
        round->answers = apr_array_make(pool, 0, sizeof(clp_answered));
        round->told = apr_array_make(pool, 0, sizeof(const clp_answered *));
        if (follows) {
            collect_calls(round, &asked, pool);
            collect_results(round, pool);
            if (!round->first && !round->answers->nelts) {
                rounds->nelts--;
                break;
            }
        }
        follows = round->assistant;
        asked = *round;
    }
    return rounds;
}

static int has_words(const clp_round *round)
{
    CLP_ROUND_EACH(t, round)
    {
        for (const clp_block *b = t->role == CLP_ROLE_USER ? t->blocks : NULL; b; b = b->next) {
            if (b->kind != CLP_BLOCK_TOOL_RESULT) {
                return 1;
            }
        }
    }
    return 0;
}

int clp_rounds_current(const apr_array_header_t *rounds)
{
    for (int i = rounds->nelts - 1; i >= 0; i--) {
        const clp_round *round = &APR_ARRAY_IDX(rounds, i, clp_round);
        if (!round->assistant && !round->answers->nelts && has_words(round)) {
            return i;
        }
    }
    return 0;
}
