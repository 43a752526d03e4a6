/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "body_log.h"

#include <apr_strings.h>

#include "http_protocol.h"
#include "util_filter.h"

#include "gateway/body_log.h"
#include "line_log.h"

#define FILTER_NAME "CLAUDE_BODY_LOG"

struct clp_body_copy {
    clp_buffer answer;
    int cut;
};

const char *clp_body_log_set(cmd_parms *cmd, clp_dir_config *conf, const char *target)
{
    conf->body_log_said = 1;
    conf->body_log = NULL;
    return ap_cstr_casecmp(target, "off") == 0 ? NULL
                                               : clp_line_log_name(&conf->body_log, cmd, target);
}

static void keep(struct clp_body_copy *copy, const char *p, apr_size_t n)
{
    apr_size_t room = CLP_BODY_LOG_ANSWER - copy->answer.n;

    clp_buffer_append(&copy->answer, p, n < room ? n : room);
    copy->cut |= n > room;
}

/* Looks at what goes to the client, and leaves it as it is. */
static apr_status_t copy_answer(ap_filter_t *f, apr_bucket_brigade *bb)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *p;
        apr_size_t n;

        if (!APR_BUCKET_IS_METADATA(b) &&
            apr_bucket_read(b, &p, &n, APR_BLOCK_READ) == APR_SUCCESS) {
            keep(f->ctx, p, n);
        }
    }
    return ap_pass_brigade(f->next, bb);
}

void clp_body_log_begin(request_rec *r, clp_request *q)
{
    if (!q->conf->body_log || r->method_number != M_POST) {
        return;
    }
    q->copy = apr_pcalloc(r->pool, sizeof(*q->copy));
    clp_buffer_init(&q->copy->answer, r->pool, 0);
    ap_add_output_filter(FILTER_NAME, q->copy, r, r->connection);
}

static int is_stream(const request_rec *r)
{
    return r->content_type && !strncmp(r->content_type, "text/event-stream", 17);
}

/* The answer has gone: whoever waits for the log is not the client. */
static int write_line(request_rec *r)
{
    const clp_request *q = clp_request_of(r);
    const clp_attempt_record *last;
    clp_body_log_entry entry;
    clp_buffer line;

    if (!q || !q->copy) {
        return DECLINED;
    }
    last = q->outcome ? clp_outcome_last(q->outcome) : NULL;
    memset(&entry, 0, sizeof(entry));
    entry.when = r->request_time;
    entry.id = q->id;
    entry.user = r->user;
    entry.path = r->uri;
    entry.client = q->route.dialect;
    entry.model = q->sniffed.model;
    entry.channel = last ? last->candidate.channel->name : NULL;
    entry.status = r->status;
    entry.request = q->body;
    entry.answer = clp_buffer_all(&q->copy->answer);
    entry.answer_cut = q->copy->cut;
    entry.stream = is_stream(r);
    entry.text_max = (apr_size_t)CLP_CONF(q->conf, body_log_text);
    entry.outcome = q->outcome;
    clp_buffer_init(&line, r->pool, 0);
    clp_body_log_write(&line, &entry, r->pool);
    clp_line_log_write(q->conf->body_log, r, clp_buffer_all(&line));
    clp_buffer_release(&line);
    return DECLINED;
}

void clp_body_log_register(apr_pool_t *p)
{
    (void)p;
    ap_register_output_filter(FILTER_NAME, copy_answer, NULL, AP_FTYPE_RESOURCE);
    ap_hook_log_transaction(write_line, NULL, NULL, APR_HOOK_MIDDLE);
}
