/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_scan.h"

#include "bytes.h"
#include "json_scan_words.h"

#define DEPTH_MAX 65535

typedef const unsigned char *bytes;

clp_json *clp_json_make(apr_pool_t *pool)
{
    clp_json *j = apr_pcalloc(pool, sizeof(*j));
    clp_buffer_init(&j->store, pool, 0);
    return j;
}

/* Everything the scan carries along, so that its steps can be functions. */
typedef struct scan {
    bytes begin;
    bytes end;
    bytes at; /* of the offending byte, once `error` is set */
    clp_json_error error;
} scan;

static bytes fail(scan *s, clp_json_error error, bytes at)
{
    s->error = at >= s->end ? CLP_JSON_TRUNCATED : error;
    s->at = at > s->end ? s->end : at;
    return NULL;
}

static inline bytes skip_blank(bytes p, bytes end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

/* The escape at `p` (a backslash); gives the byte behind it. */
static inline bytes scan_escape(scan *s, bytes p, unsigned *flags)
{
    *flags |= CLP_JSON_F_ESCAPE;
    if (s->end - p < 2) {
        return fail(s, CLP_JSON_TRUNCATED, s->end);
    }
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': break;
    default: return fail(s, CLP_JSON_SYNTAX, p + 1);
    }
    for (int i = 2; i < 6; i++) {
        if (p + i >= s->end || clp_hex_digit(p[i]) < 0) {
            return fail(s, CLP_JSON_SYNTAX, p + i);
        }
    }
    if ((p[2] | 0x20) == 'd' && clp_hex_digit(p[3]) >= 8) {
        *flags |= CLP_JSON_F_SURROGATE;
    }
    return p + 6;
}

/* `p` is behind the opening quote; gives the byte behind the closing one. */
static inline __attribute__((always_inline)) bytes scan_string(scan *s, bytes p, unsigned *flags,
                                                               int words)
{
    bytes end = s->end;
    *flags = 0;
    for (;;) {
        p = words ? clp_bytes_plain_words(p, end) : clp_bytes_plain(p, end);
        if (p >= end) {
            return fail(s, CLP_JSON_TRUNCATED, end);
        }
        if (*p == '"') {
            return p + 1;
        }
        if (*p == '\\') {
            p = scan_escape(s, p, flags);
            if (!p) {
                return NULL;
            }
        }
        else if (*p < 0x20) {
            return fail(s, CLP_JSON_SYNTAX, p);
        }
        else {
            *flags |= CLP_JSON_F_WIDE;
            do {
                int n = clp_utf8_step(p, end);
                if (!n) {
                    return fail(s, CLP_JSON_UTF8, clp_utf8_cut_off(p, end) ? end : p);
                }
                p += n;
            } while (p < end && *p >= 0x80);
        }
    }
}

static inline int is_digit(bytes p, bytes end)
{
    return p < end && (unsigned)(*p - '0') < 10;
}

static inline bytes scan_number(scan *s, bytes p)
{
    bytes end = s->end;
    if (*p == '-') {
        p++;
    }
    if (!is_digit(p, end)) {
        return fail(s, CLP_JSON_SYNTAX, p);
    }
    if (*p == '0') {
        p++;
        if (is_digit(p, end)) {
            return fail(s, CLP_JSON_SYNTAX, p);
        }
    }
    else {
        p = clp_bytes_digits(p, end);
    }
    if (p < end && *p == '.') {
        p++;
        if (!is_digit(p, end)) {
            return fail(s, CLP_JSON_SYNTAX, p);
        }
        p = clp_bytes_digits(p, end);
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }
        if (!is_digit(p, end)) {
            return fail(s, CLP_JSON_SYNTAX, p);
        }
        p = clp_bytes_digits(p, end);
    }
    return p;
}

static inline bytes scan_word(scan *s, bytes p, const char *word, apr_size_t n)
{
    if ((apr_size_t)(s->end - p) >= n && memcmp(p, word, n) == 0) {
        return p + n;
    }
    while (p < s->end && *p == (unsigned char)*word) {
        p++;
        word++;
    }
    return fail(s, CLP_JSON_SYNTAX, p);
}

static clp_json_token *more_tokens(clp_json *j, apr_uint32_t count)
{
    j->store.n = (apr_size_t)count * sizeof(*j->tokens);
    clp_buffer_reserve(&j->store, (count < 64 ? 64 : count) * sizeof(*j->tokens));
    j->tokens = (clp_json_token *)(void *)j->store.p;
    apr_size_t room = j->store.room / sizeof(*j->tokens);
    j->room = room > 0xffffffffu ? 0xffffffffu : (apr_uint32_t)room;
    return j->tokens;
}

/*
 * The grammar as jumps. While a recorded container is open, its token's `next`
 * holds its parent's index, and what kind of container each level is stands in
 * a bit stack, so that nesting costs no memory beyond the tokens.
 */
static inline __attribute__((always_inline)) clp_json_error
scan_all(clp_json *j, clp_span text, const clp_json_limits *limits, apr_size_t *where, int words)
{
    static const clp_json_limits defaults = {CLP_JSON_DEPTH_DEFAULT, CLP_JSON_RECORD_ALL, 0};
    const clp_json_limits *l = limits ? limits : &defaults;
    apr_uint32_t max_depth = l->max_depth < DEPTH_MAX ? l->max_depth : DEPTH_MAX;
    apr_uint32_t record = l->record_depth;
    apr_uint32_t max_tokens = l->max_tokens ? l->max_tokens : 0xffffffffu;
    uint64_t in_object[DEPTH_MAX / 64 + 1];
    uint64_t word;
    bytes p = (bytes)(text.n ? text.p : "");
    scan s = {p, p + text.n, p, CLP_JSON_OK};
    bytes from;
    apr_uint32_t depth = 0; /* open containers = depth of the value to come */
    apr_uint32_t count = 0;
    apr_uint32_t room = j->room < max_tokens ? j->room : max_tokens;
    apr_uint32_t parent = 0; /* innermost open container with a token */
    clp_json_token *tokens = j->tokens;
    unsigned flags;
    clp_json_kind kind;

    j->text = text;
    j->count = 0;
    if (where) {
        *where = 0;
    }
    if (text.n > 0xffffffffu) {
        return CLP_JSON_TOO_LARGE;
    }

#define NOTE(FROM, TO, KIND, FLAGS)                                                                \
    do {                                                                                           \
        if (__builtin_expect(count >= room, 0)) {                                                  \
            if (count >= max_tokens) {                                                             \
                s.error = CLP_JSON_TOO_MANY;                                                       \
                s.at = (FROM);                                                                     \
                goto out;                                                                          \
            }                                                                                      \
            tokens = more_tokens(j, count);                                                        \
            room = j->room < max_tokens ? j->room : max_tokens;                                    \
        }                                                                                          \
        tokens[count].offset = (apr_uint32_t)(FROM - s.begin);                                     \
        tokens[count].length = (apr_uint32_t)(TO - FROM);                                          \
        tokens[count].next = count + 1;                                                            \
        tokens[count].kind = (apr_byte_t)(KIND);                                                   \
        tokens[count].flags = (apr_byte_t)(FLAGS);                                                 \
        tokens[count].depth = (apr_uint16_t)depth;                                                 \
        count++;                                                                                   \
    } while (0)

value:
    p = skip_blank(p, s.end);
    if (p >= s.end) {
        fail(&s, CLP_JSON_TRUNCATED, p);
        goto out;
    }
    from = p;
    flags = 0;
    switch (*p) {
    case '"':
        kind = CLP_JSON_STRING;
        p = scan_string(&s, p + 1, &flags, words);
        break;
    case '-':
    case '0' ... '9':
        kind = CLP_JSON_NUMBER;
        p = scan_number(&s, p);
        break;
    case 't':
        kind = CLP_JSON_TRUE;
        p = scan_word(&s, p, "true", 4);
        break;
    case 'f':
        kind = CLP_JSON_FALSE;
        p = scan_word(&s, p, "false", 5);
        break;
    case 'n':
        kind = CLP_JSON_NULL;
        p = scan_word(&s, p, "null", 4);
        break;
    case '{': kind = CLP_JSON_OBJECT; goto open;
    case '[': kind = CLP_JSON_ARRAY; goto open;
    default: fail(&s, CLP_JSON_SYNTAX, p); goto out;
    }
    if (!p) {
        goto out;
    }
    if (depth <= record) {
        NOTE(from, p, kind, flags);
    }
    goto after;

open:
    if (depth >= max_depth) {
        s.error = CLP_JSON_DEPTH;
        s.at = p;
        goto out;
    }
    if (depth <= record) {
        NOTE(p, p, kind, depth == record ? CLP_JSON_F_OPAQUE : 0);
        tokens[count - 1].next = parent;
        parent = count - 1;
    }
    /* opening a word's first level: no level of the word is open */
    word = depth % 64 ? in_object[depth / 64] : 0;
    word &= ~(1ULL << depth % 64);
    in_object[depth / 64] = word | (uint64_t)(kind == CLP_JSON_OBJECT) << depth % 64;
    depth++;
    p = skip_blank(p + 1, s.end);
    if (kind == CLP_JSON_ARRAY) {
        if (p < s.end && *p == ']') {
            goto close;
        }
        goto value;
    }
    if (p < s.end && *p == '}') {
        goto close;
    }

key:
    p = skip_blank(p, s.end);
    if (p >= s.end || *p != '"') {
        fail(&s, CLP_JSON_SYNTAX, p);
        goto out;
    }
    from = p;
    p = scan_string(&s, p + 1, &flags, words);
    if (!p) {
        goto out;
    }
    if (depth <= record) {
        NOTE(from, p, CLP_JSON_STRING, flags | CLP_JSON_F_KEY);
    }
    p = skip_blank(p, s.end);
    if (p >= s.end || *p != ':') {
        fail(&s, CLP_JSON_SYNTAX, p);
        goto out;
    }
    p++;
    goto value;

close:
    p++;
    depth--;
    if (depth <= record) {
        clp_json_token *t = &tokens[parent];
        t->length = (apr_uint32_t)(p - s.begin) - t->offset;
        parent = t->next;
        t->next = count;
    }

after:
    p = skip_blank(p, s.end);
    if (depth == 0) {
        if (p < s.end) {
            s.error = CLP_JSON_TRAILING;
            s.at = p;
        }
        goto out;
    }
    if (p >= s.end) {
        fail(&s, CLP_JSON_TRUNCATED, p);
        goto out;
    }
    if (in_object[(depth - 1) / 64] >> (depth - 1) % 64 & 1) {
        if (*p == ',') {
            p++;
            goto key;
        }
        if (*p == '}') {
            goto close;
        }
    }
    else {
        if (*p == ',') {
            p++;
            goto value;
        }
        if (*p == ']') {
            goto close;
        }
    }
    fail(&s, CLP_JSON_SYNTAX, p);

out:
#undef NOTE
    if (s.error == CLP_JSON_OK) {
        j->count = count;
    }
    else if (where) {
        *where = (apr_size_t)(s.at - s.begin);
    }
    return s.error;
}

clp_json_error clp_json_scan(clp_json *j, clp_span text, const clp_json_limits *limits,
                             apr_size_t *where)
{
    return scan_all(j, text, limits, where, 0);
}

clp_json_error clp_json_scan_words(clp_json *j, clp_span text, const clp_json_limits *limits,
                                   apr_size_t *where)
{
    return scan_all(j, text, limits, where, 1);
}

const char *clp_json_error_text(clp_json_error e)
{
    switch (e) {
    case CLP_JSON_OK: return "valid JSON";
    case CLP_JSON_SYNTAX: return "invalid JSON";
    case CLP_JSON_TRUNCATED: return "the JSON ends too early";
    case CLP_JSON_TRAILING: return "more bytes after the JSON value";
    case CLP_JSON_UTF8: return "invalid UTF-8";
    case CLP_JSON_DEPTH: return "the JSON is nested too deeply";
    case CLP_JSON_TOO_MANY: return "the JSON has too many values";
    case CLP_JSON_TOO_LARGE: return "the JSON is larger than 4 GiB";
    }
    return "invalid JSON";
}
