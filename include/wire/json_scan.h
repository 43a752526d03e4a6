/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_JSON_SCAN_H
#define CLP_WIRE_JSON_SCAN_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file json_scan.h
 * @brief Strict JSON by spans: checked once, copied never.
 *
 * One pass over the bytes validates RFC 8259 (no trailing bytes, no BOM, UTF-8
 * without surrogates or overlong forms, no raw control characters in strings,
 * number grammar) and notes each value down to `record_depth` as a token:
 * kind, offset, length, index of the next sibling. What lies deeper is checked
 * just as strictly, but is only part of its ancestor's span. No recursion: the
 * nesting is bounded by `max_depth` and kept in a bit stack.
 *
 * Values that nobody has to understand are passed on as raw spans, so numbers,
 * key order, duplicate keys and escapes survive byte for byte
 * (docs/conversion notes in docs/architecture.md, "JSON").
 *
 * A clp_json is reusable: scan again and the token memory is used again, so a
 * stream of events costs no allocation once it has seen its largest event.
 * Values (clp_jval) are valid until the next scan and as long as the scanned
 * bytes stay where they are. One thread at a time.
 */

typedef enum clp_json_kind {
    CLP_JSON_ABSENT = 0, /**< no such value: a look-up that found nothing */
    CLP_JSON_NULL,
    CLP_JSON_FALSE,
    CLP_JSON_TRUE,
    CLP_JSON_NUMBER,
    CLP_JSON_STRING,
    CLP_JSON_ARRAY,
    CLP_JSON_OBJECT
} clp_json_kind;

/** Flags of a string token. */
#define CLP_JSON_F_ESCAPE    0x01 /**< holds at least one backslash escape */
#define CLP_JSON_F_SURROGATE 0x02 /**< holds at least one \\ud800..\\udfff escape */
#define CLP_JSON_F_WIDE      0x04 /**< holds at least one byte >= 0x80 */
/** Flag of a container token. */
#define CLP_JSON_F_OPAQUE 0x08 /**< its children lie below record_depth and have no tokens */
/** Flag of any token. */
#define CLP_JSON_F_KEY 0x10 /**< a member's name; the value's token follows it */

typedef struct clp_json_token {
    apr_uint32_t offset; /**< of the value's first byte (a string's opening quote) */
    apr_uint32_t length; /**< of the whole value, quotes and brackets included */
    apr_uint32_t next;   /**< index of the token behind this value and all its children */
    apr_byte_t kind;     /**< clp_json_kind */
    apr_byte_t flags;    /**< CLP_JSON_F_* */
    apr_uint16_t depth;  /**< 0 for the root */
} clp_json_token;

typedef struct clp_json {
    clp_span text;          /**< what was scanned */
    clp_json_token *tokens; /**< token 0 is the root */
    apr_uint32_t count;
    apr_uint32_t room;
    clp_buffer store; /**< backs `tokens` */
} clp_json;

typedef enum clp_json_error {
    CLP_JSON_OK = 0,
    CLP_JSON_SYNTAX,    /**< not JSON */
    CLP_JSON_TRUNCATED, /**< JSON so far, but the bytes end too early */
    CLP_JSON_TRAILING,  /**< a value, then more bytes */
    CLP_JSON_UTF8,      /**< invalid UTF-8 */
    CLP_JSON_DEPTH,     /**< nested deeper than max_depth */
    CLP_JSON_TOO_MANY,  /**< more recorded values than max_tokens */
    CLP_JSON_TOO_LARGE  /**< more than 4 GiB - 1 */
} clp_json_error;

typedef struct clp_json_limits {
    apr_uint32_t max_depth;    /**< containers inside each other, at most 65535 */
    apr_uint32_t record_depth; /**< values no deeper than this get tokens; 0 = the root only */
    apr_uint32_t max_tokens;   /**< 0 = unbounded */
} clp_json_limits;

/** Depth that dialects need to reach everything they understand. */
#define CLP_JSON_RECORD_REQUEST 10
#define CLP_JSON_RECORD_ALL     0xffff
#define CLP_JSON_DEPTH_DEFAULT  512

/** Make an empty scanner whose memory goes with `pool`. */
clp_json *clp_json_make(apr_pool_t *pool);

/**
 * Scan `text`, replacing what the scanner held.
 * @param limits NULL: CLP_JSON_DEPTH_DEFAULT deep, everything recorded, any number
 * @param where out, may be NULL: offset of the offending byte
 * @return CLP_JSON_OK, or why not; after an error the scanner holds no values
 */
clp_json_error clp_json_scan(clp_json *j, clp_span text, const clp_json_limits *limits,
                             apr_size_t *where);

/** A word for messages, e.g. "invalid UTF-8". Never NULL. */
const char *clp_json_error_text(clp_json_error e);

/** A value, or the absent value {NULL, 0}. */
typedef struct clp_jval {
    const clp_json *doc;
    apr_uint32_t at;
} clp_jval;

#define CLP_JVAL_NONE ((clp_jval){NULL, 0})

clp_jval clp_json_root(const clp_json *j);

static inline int clp_jval_ok(clp_jval v)
{
    return v.doc != NULL;
}

static inline const clp_json_token *clp_jval_token(clp_jval v)
{
    return &v.doc->tokens[v.at];
}

static inline clp_json_kind clp_jval_kind(clp_jval v)
{
    return v.doc ? (clp_json_kind)v.doc->tokens[v.at].kind : CLP_JSON_ABSENT;
}

/** Absent or null: the two that most members treat alike. */
static inline int clp_jval_nil(clp_jval v)
{
    return clp_jval_kind(v) <= CLP_JSON_NULL;
}

static inline int clp_jval_is_string(clp_jval v)
{
    return clp_jval_kind(v) == CLP_JSON_STRING;
}

static inline int clp_jval_is_object(clp_jval v)
{
    return clp_jval_kind(v) == CLP_JSON_OBJECT;
}

static inline int clp_jval_is_array(clp_jval v)
{
    return clp_jval_kind(v) == CLP_JSON_ARRAY;
}

/** The value as it was spelled, quotes and brackets included; absent for none. */
clp_span clp_jval_raw(clp_jval v);

/**
 * The inside of a string, still escaped (clp_text.escaped = 1).
 * Anything else gives the absent text.
 */
clp_text clp_jval_text(clp_jval v);

/**
 * Member of an object by its exact, case-sensitive name; escapes in the
 * document's names are understood. Of duplicates the last wins
 * (what JavaScript and Python do). `v` may be absent or no object: absent.
 */
clp_jval clp_jval_get(clp_jval v, const char *name);

/** Does the object hold this member more than once? */
int clp_jval_has_duplicate(clp_jval v, const char *name);

/** First element of an array, or value of the first member of an object. */
clp_jval clp_jval_first(clp_jval v);

/** Next element or member value after `v`, within the same container. */
clp_jval clp_jval_next(clp_jval v);

/** For a member's value as given by first/next: its name, still escaped. */
clp_text clp_jval_name(clp_jval v);

/** Is this member value's name exactly `name`? */
int clp_jval_named(clp_jval v, const char *name);

/** Elements of an array or members of an object; 0 for anything else. */
apr_uint32_t clp_jval_count(clp_jval v);

#define CLP_JVAL_EACH(v, container)                                                                \
    for (clp_jval v = clp_jval_first(container); clp_jval_ok(v); v = clp_jval_next(v))

/** Is it a string whose decoded content is exactly `s`? */
int clp_jval_str_is(clp_jval v, const char *s);

/** A number without fraction or exponent that fits: 1 and *out set; else 0. */
int clp_jval_int(clp_jval v, apr_int64_t *out);

/** As clp_jval_int(); for anything else, or below 0, `otherwise`. */
apr_int64_t clp_jval_count_or(clp_jval v, apr_int64_t otherwise);

/** true or false: 1 and *out set; else 0. */
int clp_jval_bool(clp_jval v, int *out);

/**
 * Decoded content of a string, NUL-terminated in `pool`, for names and other
 * short values; NULL if it is no string or holds U+0000.
 */
const char *clp_jval_cstr(clp_jval v, apr_pool_t *pool);

/** How clp_jval_path() spells positions. */
typedef enum clp_json_path_style {
    CLP_JSON_PATH_DOTS,    /**< messages.0.content.1.type (Anthropic, Google) */
    CLP_JSON_PATH_BRACKETS /**< messages[0].content[1].type (OpenAI) */
} clp_json_path_style;

/**
 * Where the value stands in its document, for error messages, in `pool`.
 * Costs a walk over the tokens before it.
 */
const char *clp_jval_path(clp_jval v, clp_json_path_style style, apr_pool_t *pool);

#endif
