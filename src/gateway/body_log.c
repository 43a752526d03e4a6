/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/body_log.h"

#include "dialect/fold.h"
#include "dialect/guard.h"
#include "wire/instant.h"

/* Most bytes of each side, give or take one text. */
#define SIDE_MAX (1024 * 1024)

static void write_string(clp_jw *w, const char *name, const char *value)
{
    if (value) {
        clp_jw_key(w, name);
        clp_jw_text(w, clp_text_str(value));
    }
    else {
        clp_jw_knull(w, name);
    }
}

/* --- streams -------------------------------------------------------------------------- */

typedef struct hearing {
    clp_fold *fold;
    const clp_problem *problem; /* a copy */
    apr_pool_t *pool;
} hearing;

static void hear(void *ctx, const clp_event *e)
{
    hearing *l = ctx;

    clp_fold_put(l->fold, e);
    if (e->kind == CLP_EVENT_PROBLEM) {
        l->problem = clp_problem_copy(e->problem, l->pool);
    }
}

static void read_stream(hearing *l, const clp_body_log_entry *entry, apr_pool_t *pool)
{
    clp_traits traits = clp_traits_default();
    clp_reader_options options = {
        .body = CLP_BODY_SSE, .max_event = CLP_BODY_LOG_ANSWER, .traits = &traits};
    clp_sink sink = {hear, l};
    clp_guard *guard;
    clp_reader *reader;

    l->fold = clp_fold_make(pool);
    l->problem = NULL;
    l->pool = pool;
    guard = clp_guard_make(sink, pool);
    reader = entry->client->open_reader(&options, clp_guard_sink(guard), pool);
    reader->feed(reader, entry->answer.p, entry->answer.n);
    if (!entry->answer_cut) {
        reader->finish(reader, CLP_ENDED_CUT);
    }
}

static const char *part_name(clp_part_kind part)
{
    switch (part) {
    case CLP_PART_TEXT: return "text";
    case CLP_PART_REASONING: return "reasoning";
    case CLP_PART_REDACTED: return "redacted_reasoning";
    case CLP_PART_TOOL_CALL: return "tool_call";
    case CLP_PART_CUSTOM_CALL: return "custom_call";
    case CLP_PART_SERVER_TOOL: return "server_tool";
    case CLP_PART_REFUSAL: return "refusal";
    case CLP_PART_OPAQUE: break;
    }
    return "other";
}

static void write_block(clp_jw *w, const clp_folded_block *b, const clp_redaction *rules,
                        apr_pool_t *pool)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "type", part_name(b->part));
    if (b->name.s.n) {
        clp_jw_ktext(w, "name", b->name);
    }
    clp_jw_key(w, "text");
    clp_redact_text(w, clp_text_escaped(clp_buffer_all(&b->text)), rules, pool);
    clp_jw_end_object(w);
}

static void write_usage(clp_jw *w, const clp_usage *u)
{
    const struct {
        const char *name;
        apr_int64_t n;
    } members[] = {{"input", u->input},
                   {"cache_read", u->cache_read},
                   {"cache_write", u->cache_write},
                   {"output", u->output},
                   {"reasoning", u->reasoning}};

    clp_jw_key(w, "usage");
    clp_jw_object(w);
    for (apr_size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].n >= 0) {
            clp_jw_kint(w, members[i].name, members[i].n);
        }
    }
    clp_jw_end_object(w);
}

static void write_stream(clp_jw *w, const clp_body_log_entry *entry, const clp_redaction *rules,
                         apr_pool_t *pool)
{
    hearing heard;

    read_stream(&heard, entry, pool);
    clp_jw_object(w);
    clp_jw_key(w, "blocks");
    clp_jw_array(w);
    for (const clp_folded_block *b = heard.fold->blocks; b; b = b->next) {
        if (w->out->n > rules->total_max) {
            break;
        }
        write_block(w, b, rules, pool);
    }
    clp_jw_end_array(w);
    write_usage(w, &heard.fold->usage);
    write_string(w, "stop", heard.fold->ended ? clp_stop_name(heard.fold->stop) : NULL);
    if (heard.problem) {
        clp_jw_key(w, "error");
        clp_redact_text(w, clp_text_str(heard.problem->message), rules, pool);
    }
    clp_jw_end_object(w);
}

/* --- the line ------------------------------------------------------------------------- */

static apr_array_header_t *secrets_of(const clp_outcome *outcome, apr_pool_t *pool)
{
    apr_array_header_t *secrets = apr_array_make(pool, 2, sizeof(const char *));

    for (int i = 0; outcome && i < outcome->attempts->nelts; i++) {
        const clp_key *key = APR_ARRAY_IDX(outcome->attempts, i, clp_attempt_record).candidate.key;
        if (key) {
            APR_ARRAY_PUSH(secrets, const char *) = key->secret;
        }
    }
    return secrets;
}

static void write_side(clp_jw *w, const char *name, clp_span document, clp_redaction *rules,
                       apr_pool_t *pool)
{
    clp_jw_key(w, name);
    if (!document.n) {
        clp_jw_null(w);
        return;
    }
    rules->total_max = w->out->n + SIDE_MAX;
    clp_redact_document(w, document, rules, pool);
}

void clp_body_log_write(clp_buffer *out, const clp_body_log_entry *entry, apr_pool_t *pool)
{
    clp_redaction rules = {entry->text_max, 0, secrets_of(entry->outcome, pool)};
    clp_jw w;

    clp_jw_init(&w, out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "time", clp_instant_text(entry->when, pool));
    clp_jw_kstr(&w, "id", entry->id);
    write_string(&w, "user", entry->user);
    clp_jw_kstr(&w, "protocol", entry->client->name);
    write_string(&w, "path", entry->path);
    write_string(&w, "model", entry->model);
    write_string(&w, "channel", entry->channel);
    clp_jw_kint(&w, "status", entry->status);
    write_side(&w, "request", entry->request, &rules, pool);
    if (entry->stream && entry->client->open_reader) {
        rules.total_max = out->n + SIDE_MAX;
        clp_jw_key(&w, "answer");
        write_stream(&w, entry, &rules, pool);
    }
    else {
        write_side(&w, "answer", entry->answer, &rules, pool);
    }
    if (entry->answer_cut) {
        clp_jw_kbool(&w, "answer_cut", 1);
    }
    clp_jw_end_object(&w);
    clp_buffer_putc(out, '\n');
}
