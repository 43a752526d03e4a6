/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/fold.h"

#include <apr_strings.h>

#include "wire/text.h"

static clp_text keep(clp_fold *f, clp_text t)
{
    if (t.s.p) {
        t.s.p = apr_pstrmemdup(f->pool, t.s.p, t.s.n);
    }
    return t;
}

static void open_block(clp_fold *f, const clp_event *event)
{
    clp_folded_block *b = apr_pcalloc(f->pool, sizeof(*b));
    b->part = event->part;
    b->id = keep(f, event->id);
    b->name = keep(f, event->name);
    clp_buffer_init(&b->text, f->pool, 0);
    clp_buffer_init(&b->signature, f->pool, 0);
    if (f->last) {
        f->last->next = b;
    }
    else {
        f->blocks = b;
    }
    f->last = b;
}

clp_fold *clp_fold_make(apr_pool_t *pool)
{
    clp_fold *f = apr_pcalloc(pool, sizeof(*f));
    f->pool = pool;
    f->usage = CLP_USAGE_NONE;
    clp_buffer_init(&f->logprobs, pool, 0);
    return f;
}

void clp_fold_put(clp_fold *f, const clp_event *event)
{
    switch (event->kind) {
    case CLP_EVENT_START:
        f->id = keep(f, event->id);
        f->model = keep(f, event->model);
        clp_usage_merge(&f->usage, &event->usage);
        break;
    case CLP_EVENT_BLOCK_OPEN: open_block(f, event); break;
    case CLP_EVENT_BLOCK_DELTA:
        if (event->provider != CLP_PROVIDER_NONE) {
            f->last->provider = event->provider;
            f->last->state_kind = event->state_kind;
        }
        clp_text_append_escaped(event->delta == CLP_DELTA_SIGNATURE ? &f->last->signature
                                                                    : &f->last->text,
                                event->text);
        break;
    case CLP_EVENT_USAGE: clp_usage_merge(&f->usage, &event->usage); break;
    case CLP_EVENT_LOGPROBS:
        if (f->logprobs.n) {
            clp_buffer_putc(&f->logprobs, ',');
        }
        clp_buffer_span(&f->logprobs, event->text.s);
        break;
    case CLP_EVENT_FINISH:
        f->stop = event->stop;
        f->stop_string = keep(f, event->stop_string);
        f->stop_details.n = event->stop_details.n;
        f->stop_details.p = event->stop_details.p ? apr_pstrmemdup(f->pool, event->stop_details.p,
                                                                   event->stop_details.n)
                                                  : NULL;
        f->ended = 1;
        break;
    case CLP_EVENT_BLOCK_CLOSE:
    case CLP_EVENT_PROBLEM:
    case CLP_EVENT_PING: break;
    }
}
