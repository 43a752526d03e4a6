/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_audit.h"

#include <string.h>

#include <apr_strings.h>

#include "echo.h"
#include "gateway/redact.h"
#include "wire/instant.h"

/* Longest text of a line, in bytes. */
#define TEXT_MAX 500

#define ID_DIGITS 16

int clp_admin_audit_wants(const clp_admin_call *call)
{
    return call->route &&
           (call->route->kind == CLP_ADMIN_WRITES || call->route->kind == CLP_ADMIN_RESETS);
}

static void add_secrets(apr_array_header_t *secrets, const apr_array_header_t *keys)
{
    for (int i = 0; keys && i < keys->nelts; i++) {
        APR_ARRAY_PUSH(secrets, const char *) = APR_ARRAY_IDX(keys, i, clp_key).secret;
    }
}

static apr_array_header_t *secrets_of(const clp_admin_call *call)
{
    const apr_array_header_t *channels = call->site->channels;
    apr_array_header_t *secrets = apr_array_make(call->pool, 8, sizeof(const char *));

    for (int i = 0; channels && i < channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(channels, i, const clp_channel *);
        add_secrets(secrets, c->keys);
        add_secrets(secrets, c->keys_off);
    }
    return secrets;
}

/* Somebody may have called a key by itself. */
static const char *path_of(const clp_admin_call *call)
{
    const char *id = call->id;
    const char *at = id ? strstr(call->path, "/keys/") : NULL;

    if (!at || (strlen(id) == ID_DIGITS && !id[strspn(id, "0123456789abcdef")])) {
        return call->path;
    }
    at += strlen("/keys/");
    return apr_pstrcat(call->pool,
                       apr_pstrmemdup(call->pool, call->path, (apr_size_t)(at - call->path)),
                       "****", at + strcspn(at, "/"), NULL);
}

static void write_text(clp_jw *w, const char *name, const char *text, const clp_redaction *rules,
                       apr_pool_t *pool)
{
    clp_jw_key(w, name);
    if (text) {
        clp_redact_text(w, clp_text_str(text), rules, pool);
    }
    else {
        clp_jw_null(w);
    }
}

static void write_digest(clp_jw *w, const char *name, const char *digest)
{
    if (*digest) {
        clp_jw_kstr(w, name, digest);
    }
    else {
        clp_jw_knull(w, name);
    }
}

/* What was in force before and is since; null where nothing was read or written. */
static void write_change(clp_jw *w, const clp_overlay_change *change)
{
    clp_jw_key(w, "revision");
    clp_jw_object(w);
    if (*change->before) {
        clp_jw_kint(w, "before", change->revision_before);
    }
    else {
        clp_jw_knull(w, "before");
    }
    if (*change->after) {
        clp_jw_kint(w, "after", change->revision);
    }
    else {
        clp_jw_knull(w, "after");
    }
    clp_jw_end_object(w);
    clp_jw_key(w, "sha256");
    clp_jw_object(w);
    write_digest(w, "before", change->before);
    write_digest(w, "after", change->after);
    clp_jw_end_object(w);
}

static void write_error(clp_jw *w, const clp_admin_call *call, const clp_redaction *rules)
{
    clp_jw_key(w, "error");
    if (!call->error.code) {
        clp_jw_null(w);
        return;
    }
    clp_jw_object(w);
    clp_jw_kstr(w, "code", call->error.code);
    /* Who sent a key to the wrong place reads it in the answer, others not here. */
    write_text(w, "message", clp_echo_hide(call->error.message, call->sent, call->name, call->pool),
               rules, call->pool);
    write_text(w, "path",
               call->error.path
                   ? clp_echo_hide(call->error.path, call->sent, call->name, call->pool)
                   : NULL,
               rules, call->pool);
    clp_jw_end_object(w);
}

void clp_admin_audit_write(clp_buffer *out, const clp_admin_call *call,
                           const clp_admin_caller *caller, apr_time_t when)
{
    const clp_redaction rules = {TEXT_MAX, APR_SIZE_MAX, secrets_of(call)};
    clp_jw w;

    clp_jw_init(&w, out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "time", clp_instant_text(when, call->pool));
    write_text(&w, "id", caller->id, &rules, call->pool);
    write_text(&w, "user", caller->user, &rules, call->pool);
    write_text(&w, "client", caller->client, &rules, call->pool);
    clp_jw_kstr(&w, "method", call->method);
    write_text(&w, "path", path_of(call), &rules, call->pool);
    clp_jw_kint(&w, "status", call->status);
    write_text(&w, "did", call->did, &rules, call->pool);
    write_change(&w, &call->change);
    write_error(&w, call, &rules);
    clp_jw_end_object(&w);
    clp_buffer_putc(out, '\n');
}
