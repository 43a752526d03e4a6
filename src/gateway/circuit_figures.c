/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "circuit_figures.h"

#include "sched/breaker.h"
#include "sched/cooldown.h"
#include "status_parts.h"

const char *clp_circuit_state_shown(const clp_channel *c, clp_breaker_state state)
{
    return c->breaker.on ? clp_breaker_state_name(state) : "off";
}

/* NULL if none is kept. */
static const clp_circuit *circuit_at(const clp_status_scope *scope, const clp_channel *c, int way)
{
    unsigned row = c->circuits ? c->circuits[way].row : CLP_NO_ROW;

    return row != CLP_NO_ROW ? &scope->tables->circuits[row].circuit : NULL;
}

static int keys_of(const clp_channel *c)
{
    return c->keys->nelts ? c->keys->nelts : 1;
}

int clp_channel_circuits_in(const clp_status_scope *scope, const clp_channel *c,
                            clp_breaker_state state)
{
    int n = 0;

    for (int i = 0; c->breaker.on && i < c->urls->nelts * keys_of(c); i++) {
        const clp_circuit *circuit = circuit_at(scope, c, i);
        n += circuit && clp_breaker_look(circuit, &c->breaker, scope->now) == state;
    }
    return n;
}

int clp_channel_keys_cooling(const clp_status_scope *scope, const clp_channel *c)
{
    int n = 0;

    for (int i = 0; i < c->keys->nelts; i++) {
        unsigned row = APR_ARRAY_IDX(c->keys, i, clp_key).row.row;
        n += row != CLP_NO_ROW && clp_cooling_look(&scope->tables->keys[row].cooling, scope->now,
                                                   NULL) != CLP_COOLING_NOT;
    }
    return n;
}

void clp_circuit_members(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                         const clp_circuit *circuit, apr_pool_t *pool)
{
    clp_breaker_state state = clp_breaker_look(circuit, &c->breaker, scope->now);
    apr_time_t until = (apr_time_t)clp_word_get(&circuit->open_until);

    clp_jw_kstr(w, "state", clp_circuit_state_shown(c, state));
    clp_jw_kint(w, "failurePercent", clp_breaker_percent(circuit, &c->breaker));
    clp_status_time(w, "openUntil", state == CLP_BREAKER_CLOSED ? 0 : until, pool);
    clp_status_time(w, "openedAt", (apr_time_t)clp_word_get(&circuit->opened_at), pool);
    clp_jw_kint(w, "trips", (apr_int64_t)clp_word_get(&circuit->trips));
    clp_jw_kbool(w, "probed", (apr_time_t)clp_word_get(&circuit->probe) > scope->now);
}

void clp_circuits_write(clp_jw *w, const clp_status_scope *scope, const clp_channel *c,
                        apr_pool_t *pool)
{
    int keys = keys_of(c);

    clp_jw_key(w, "circuits");
    clp_jw_array(w);
    for (int i = 0; i < c->urls->nelts * keys; i++) {
        const clp_circuit *circuit = circuit_at(scope, c, i);

        if (!circuit) {
            continue;
        }
        clp_jw_object(w);
        clp_jw_kstr(w, "url", APR_ARRAY_IDX(c->urls, i / keys, const char *));
        if (c->keys->nelts) {
            clp_jw_kstr(w, "keyId", APR_ARRAY_IDX(c->keys, i % keys, clp_key).id);
        }
        else {
            clp_jw_knull(w, "keyId");
        }
        clp_circuit_members(w, scope, c, circuit, pool);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
}

clp_breaker_state clp_circuit_of_key(const clp_status_scope *scope, const clp_channel *c, int key)
{
    clp_breaker_state best = CLP_BREAKER_CLOSED;

    for (int u = 0; u < c->urls->nelts; u++) {
        const clp_circuit *circuit = circuit_at(scope, c, u * keys_of(c) + key);
        clp_breaker_state state =
            circuit ? clp_breaker_look(circuit, &c->breaker, scope->now) : CLP_BREAKER_CLOSED;

        if (state == CLP_BREAKER_CLOSED) {
            return state;
        }
        best = u && best == CLP_BREAKER_HALF_OPEN ? best : state;
    }
    return best;
}

void clp_cooling_until(clp_jw *w, const char *name, const clp_cooling *cooling, apr_time_t now,
                       apr_pool_t *pool)
{
    apr_time_t until = 0;

    clp_status_time(w, name, clp_cooling_look(cooling, now, &until) == CLP_COOLING_NOT ? 0 : until,
                    pool);
}
