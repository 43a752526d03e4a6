/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/redact.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "wire/text.h"

/* What lies deeper, or behind so many values, nobody reads in a log. */
#define DEPTH  32
#define VALUES 200000

/* Shown of what only machines can read. */
#define DATA_SHOWN  48
#define STATE_SHOWN 16

/* Of an escaped text at most this much is decoded: six bytes can be one character. */
#define DECODED_MAX(rules) (6 * (rules)->text_max + 4096)

/* From here on a text without any blank is data. */
#define DATA_MIN 200

static const char *const credential_names[] = {
    "authorization", "authorization_token",
    "access_token",  "refresh_token",
    "auth_token",    "api_key",
    "apikey",        "api-key",
    "x-api-key",     "x-goog-api-key",
    "password",      "secret",
    "client_secret", "private_key",
    "cookie",        "set-cookie",
};

static const char *const state_names[] = {
    "signature",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
};

static int is_named_any(clp_jval v, const char *const *names, apr_size_t n, apr_pool_t *pool)
{
    const char *name = clp_text_cstr(clp_jval_name(v), pool);

    for (apr_size_t i = 0; i < n; i++) {
        if (!strcasecmp(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

#define NAMED_ANY(v, names, pool) is_named_any(v, names, sizeof(names) / sizeof((names)[0]), pool)

/* --- texts ---------------------------------------------------------------------------- */

static int is_base64(char c)
{
    return apr_isalnum(c) || c == '+' || c == '/' || c == '-' || c == '_' || c == '=';
}

/* What keys are made of. */
static int is_token(char c)
{
    return apr_isalnum(c) || c == '-' || c == '_' || c == '.';
}

/* How providers' keys begin, and how many characters follow at least. */
static const struct {
    const char *prefix;
    apr_size_t min;
} key_shapes[] = {{"sk-", 16}, {"AIza", 30}, {"Bearer ", 16}, {"eyJ", 40}};

/* Length of a key at `p`, 0 if there is none; `shown` = how much of it tells nothing. */
static apr_size_t key_at(clp_span rest, apr_size_t *shown)
{
    for (apr_size_t i = 0; i < sizeof(key_shapes) / sizeof(key_shapes[0]); i++) {
        apr_size_t prefix = strlen(key_shapes[i].prefix);
        apr_size_t n = prefix;

        if (!clp_span_starts(rest, key_shapes[i].prefix)) {
            continue;
        }
        while (n < rest.n && is_token(rest.p[n])) {
            n++;
        }
        if (n >= prefix + key_shapes[i].min) {
            *shown = prefix;
            return n;
        }
    }
    return 0;
}

/* Looks at the beginning only; what is cut there is cut anyway. */
static int is_data(clp_span s)
{
    apr_size_t shown;

    if (s.n < DATA_MIN || key_at(s, &shown)) {
        return 0;
    }
    if (clp_span_starts(s, "data:") && memmem(s.p, DATA_MIN, ";base64,", 8)) {
        return 1;
    }
    for (apr_size_t i = 0; i < DATA_MIN; i++) {
        if (!is_base64(s.p[i])) {
            return 0;
        }
    }
    return 1;
}

/* Append a text with what looks like a key masked. */
static void append_without_keys(clp_buffer *out, clp_span s)
{
    apr_size_t from = 0;

    for (apr_size_t i = 0; i < s.n; i++) {
        apr_size_t shown, n;

        if (!strchr("sABe", s.p[i]) || (i && is_token(s.p[i - 1]))) {
            continue;
        }
        n = key_at(clp_span_of(s.p + i, s.n - i), &shown);
        if (n) {
            clp_buffer_append(out, s.p + from, i + shown - from);
            clp_buffer_lit(out, "****");
            from = i + n;
            i = from - 1;
        }
    }
    clp_buffer_append(out, s.p + from, s.n - from);
}

/* With none of the known secrets in it; `s` itself where there is none. */
static clp_span without_secrets(clp_span s, const clp_redaction *rules, apr_pool_t *pool)
{
    for (int i = 0; rules->secrets && i < rules->secrets->nelts; i++) {
        const char *secret = APR_ARRAY_IDX(rules->secrets, i, const char *);

        if (clp_holds_secret(s, secret)) {
            const char *text = apr_pstrmemdup(pool, s.p, s.n);
            s = clp_span_str(clp_hide_secret(text, secret, "****", pool));
        }
    }
    return s;
}

/* The beginning of an escaped text that cuts no escape in two. */
static clp_span whole_escapes(clp_span s, apr_size_t max)
{
    apr_size_t i = 0;

    if (s.n <= max) {
        return s;
    }
    while (i < max) {
        i += s.p[i] != '\\' ? 1 : s.p[i + 1] == 'u' ? 6 : 2;
    }
    return clp_span_of(s.p, i);
}

/* At most `max` bytes, and how many more there were: `total` by the text's own spelling. */
static void write_cut(clp_jw *w, clp_span s, apr_size_t max, apr_size_t total)
{
    clp_span shown = clp_utf8_cut(s, max);
    char more[64];

    clp_jw_text_open(w);
    clp_jw_text_part(w, clp_text_plain(shown));
    if (shown.n < total) {
        apr_snprintf(more, sizeof(more), "… (+%" APR_SIZE_T_FMT " bytes)", total - shown.n);
        clp_jw_text_part(w, clp_text_str(more));
    }
    clp_jw_text_close(w);
}

void clp_redact_text(clp_jw *w, clp_text text, const clp_redaction *rules, apr_pool_t *pool)
{
    clp_span s = text.s;
    clp_buffer plain, clean;
    clp_span shown;

    if (is_data(s)) {
        write_cut(w, s, DATA_SHOWN, s.n);
        return;
    }
    clp_buffer_init(&plain, pool, 0);
    clp_buffer_init(&clean, pool, 0);
    if (text.escaped) {
        s = whole_escapes(s, DECODED_MAX(rules));
        clp_text_unescape(&plain, s);
    }
    else {
        s = clp_utf8_cut(s, DECODED_MAX(rules));
        clp_utf8_repair(&plain, s);
    }
    append_without_keys(&clean, clp_buffer_all(&plain));
    shown = without_secrets(clp_buffer_all(&clean), rules, pool);
    write_cut(w, shown, rules->text_max, shown.n + (text.s.n - s.n));
    clp_buffer_release(&plain);
    clp_buffer_release(&clean);
}

/* --- tools ---------------------------------------------------------------------------- */

static void write_tool_names(clp_jw *w, clp_jval tools, int depth, const clp_redaction *rules,
                             apr_pool_t *pool);

/* Gemini: lists of declarations, or a tool of Google's by its only member. */
static void write_gemini_tool(clp_jw *w, clp_jval tool, int depth, const clp_redaction *rules,
                              apr_pool_t *pool)
{
    CLP_JVAL_EACH (v, tool) {
        if (clp_jval_is_array(v)) {
            write_tool_names(w, v, depth + 1, rules, pool);
        }
        else {
            clp_redact_text(w, clp_jval_name(v), rules, pool);
        }
    }
}

static void write_tool_names(clp_jw *w, clp_jval tools, int depth, const clp_redaction *rules,
                             apr_pool_t *pool)
{
    CLP_JVAL_EACH (tool, tools) {
        clp_jval function = clp_jval_get(tool, "function");
        clp_jval name = clp_jval_get(clp_jval_is_object(function) ? function : tool, "name");
        clp_jval inner = clp_jval_get(tool, "tools");

        if (w->out->n > rules->total_max || depth > DEPTH) {
            return;
        }
        name = clp_jval_is_string(name) ? name : clp_jval_get(tool, "server_label");
        name = clp_jval_is_string(name) ? name : clp_jval_get(tool, "type");
        if (clp_jval_is_string(name)) {
            clp_redact_text(w, clp_jval_text(name), rules, pool);
        }
        else if (!clp_jval_is_array(inner)) {
            write_gemini_tool(w, tool, depth, rules, pool);
        }
        if (clp_jval_is_array(inner)) {
            write_tool_names(w, inner, depth + 1, rules, pool);
        }
    }
}

/* --- values --------------------------------------------------------------------------- */

static void write_value(clp_jw *w, clp_jval v, int depth, const clp_redaction *rules,
                        apr_pool_t *pool);

static int is_redacted_thinking(clp_jval object)
{
    return clp_jval_str_is(clp_jval_get(object, "type"), "redacted_thinking");
}

static void write_member(clp_jw *w, clp_jval object, clp_jval v, int depth,
                         const clp_redaction *rules, apr_pool_t *pool)
{
    clp_span raw = clp_jval_raw(v);

    clp_jw_key_text(w, clp_jval_name(v));
    if (clp_jval_is_array(v) && (clp_jval_named(v, "tools") || clp_jval_named(v, "functions"))) {
        clp_jw_array(w);
        write_tool_names(w, v, depth + 1, rules, pool);
        clp_jw_end_array(w);
    }
    else if (!clp_jval_nil(v) && NAMED_ANY(v, credential_names, pool)) {
        clp_jw_str(w, "****");
    }
    else if (clp_jval_is_string(v) &&
             (NAMED_ANY(v, state_names, pool) ||
              (clp_jval_named(v, "data") && is_redacted_thinking(object)))) {
        write_cut(w, clp_span_of(raw.p + 1, raw.n - 2), STATE_SHOWN, raw.n - 2);
    }
    else {
        write_value(w, v, depth + 1, rules, pool);
    }
}

static void write_object(clp_jw *w, clp_jval object, int depth, const clp_redaction *rules,
                         apr_pool_t *pool)
{
    apr_uint32_t left = clp_jval_count(object);

    clp_jw_object(w);
    CLP_JVAL_EACH (v, object) {
        if (w->out->n > rules->total_max) {
            clp_jw_kint(w, "…", left);
            break;
        }
        write_member(w, object, v, depth, rules, pool);
        left--;
    }
    clp_jw_end_object(w);
}

static void write_array(clp_jw *w, clp_jval array, int depth, const clp_redaction *rules,
                        apr_pool_t *pool)
{
    apr_uint32_t left = clp_jval_count(array);

    clp_jw_array(w);
    CLP_JVAL_EACH (v, array) {
        if (w->out->n > rules->total_max) {
            clp_jw_str(w, apr_psprintf(pool, "… (+%u more)", left));
            break;
        }
        write_value(w, v, depth + 1, rules, pool);
        left--;
    }
    clp_jw_end_array(w);
}

static void write_value(clp_jw *w, clp_jval v, int depth, const clp_redaction *rules,
                        apr_pool_t *pool)
{
    if (clp_jval_is_string(v)) {
        clp_redact_text(w, clp_jval_text(v), rules, pool);
    }
    else if (!clp_jval_is_object(v) && !clp_jval_is_array(v)) {
        clp_jw_raw(w, clp_jval_raw(v));
    }
    else if (depth >= DEPTH) {
        clp_jw_str(w, "…");
    }
    else if (clp_jval_is_object(v)) {
        write_object(w, v, depth, rules, pool);
    }
    else {
        write_array(w, v, depth, rules, pool);
    }
}

void clp_redact_value(clp_jw *w, clp_jval v, const clp_redaction *rules, apr_pool_t *pool)
{
    write_value(w, v, 0, rules, pool);
}

void clp_redact_document(clp_jw *w, clp_span document, const clp_redaction *rules, apr_pool_t *pool)
{
    static const clp_json_limits limits = {0xffff, DEPTH, VALUES};
    clp_json *json = clp_json_make(pool);

    if (clp_json_scan(json, document, &limits, NULL) == CLP_JSON_OK) {
        clp_redact_value(w, clp_json_root(json), rules, pool);
    }
    else {
        clp_redact_text(w, clp_text_plain(document), rules, pool);
    }
}
