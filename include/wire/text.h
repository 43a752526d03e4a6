/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_TEXT_H
#define CLP_WIRE_TEXT_H

#include <apr_pools.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file text.h
 * @brief Characters: UTF-8, JSON escapes, surrogates split over deltas,
 * legal ids, masks of secrets.
 */

/** Offset of the first byte that is not valid UTF-8, or `s.n` if all is. */
apr_size_t clp_utf8_valid_prefix(clp_span s);

/** Append `s`, each invalid byte run as U+FFFD (Unicode's "maximal subpart"). */
void clp_utf8_repair(clp_buffer *out, clp_span s);

/**
 * The largest prefix of at most `max` bytes that does not cut a UTF-8
 * character; for log lines and messages.
 */
clp_span clp_utf8_cut(clp_span s, apr_size_t max);

/** A text (NULL = "") as far as it fits, whole characters only, with a NUL. `room` is at least 1.
 */
void clp_utf8_put(char *to, apr_size_t room, const char *text);

/** Append plain bytes as the inside of a JSON string. Lone WTF-8 surrogates
 * and invalid bytes become U+FFFD, a WTF-8 pair (two halves put together by
 * the caller) its character. U+2028/2029 stay raw unless `ascii_lines`. */
void clp_text_escape(clp_buffer *out, clp_span plain, int ascii_lines);

/** Append the decoded bytes of an escaped span. A surrogate pair becomes one
 * character, a lone surrogate escape WTF-8 (three bytes ED A0..BF xx). */
void clp_text_unescape(clp_buffer *out, clp_span escaped);

/** Append any text as plain bytes / as the inside of a JSON string. */
void clp_text_append_plain(clp_buffer *out, clp_text t);
void clp_text_append_escaped(clp_buffer *out, clp_text t);

/** A plain NUL-terminated copy in `pool`; U+0000 ends it early. */
const char *clp_text_cstr(clp_text t, apr_pool_t *pool);

/** Equality of content, whatever the spelling of either. */
int clp_text_is(clp_text t, const char *plain);

/** Nothing but Unicode's white space (or empty)? */
int clp_text_blank(clp_text t);

/** Does the word, which is not empty, stand in there? For long texts and words that begin with
 * something rare: it jumps from one such byte to the next. */
int clp_span_holds(clp_span s, clp_span word);

/**
 * Holds back the high half of a surrogate pair whose low half comes with the
 * next delta ("\ud83d" + "\ude00"; protocol rule: one character may be split
 * over two deltas of the same block). One holder per open block.
 */
typedef struct clp_surrogate_hold {
    char half[6]; /**< the held escape, \udXXX as it was spelled */
    int held;
} clp_surrogate_hold;

/**
 * Pass one escaped delta. A trailing lone high half is held back; a half held
 * from before is joined in front. Gives the escaped text to send on, in
 * `scratch` when something had to be joined or repaired (valid until the
 * next call with that scratch), else the input itself. Lone halves in the
 * middle become \ufffd. May give an empty span.
 */
clp_span clp_surrogate_pass(clp_surrogate_hold *h, clp_span escaped, clp_buffer *scratch);

/** At the end of the block: "\ufffd" if a half is still held, else empty. */
clp_span clp_surrogate_end(clp_surrogate_hold *h);

/** Which bytes an id or name may hold (limits differ by protocol). */
typedef enum clp_charset {
    CLP_CHARSET_TOOL /**< [A-Za-z0-9_-] */
} clp_charset;

/**
 * `s` if it is legal and not longer than `max`; otherwise, in `pool`: illegal
 * bytes replaced by '_', cut, and '_' + 8 hex digits of the SHA-256 of the
 * original appended. Pure: the same input always gives the same output.
 */
const char *clp_text_fit(const char *s, clp_charset set, apr_size_t max, apr_pool_t *pool);

/** Lower-case hex of the SHA-256 of some bytes; out has 65 bytes. */
void clp_sha256_hex(clp_span s, char out[65]);

/** 32 raw bytes of SHA-256. */
void clp_sha256(clp_span s, unsigned char out[32]);

/** `n` bytes from the system's random source. */
void clp_random_bytes(unsigned char *out, apr_size_t n);

/** `n` characters of [0-9A-Za-z] from the system's random source, in `pool`. */
const char *clp_random_base62(apr_size_t n, apr_pool_t *pool);

/**
 * A secret as logs and status may show it: over 16 characters the first and
 * last few with "..." between, shorter "****". Few is 4, or less where that
 * would show more than a third of it (below 24 characters).
 */
const char *clp_mask_secret(const char *secret, apr_pool_t *pool);

/** Does the text hold the secret? Never, for secrets of less than 8 characters: they could be
 * anything. */
int clp_holds_secret(clp_span text, const char *secret);

/** Every place of the text that held the secret is stars, as many as it had bytes. */
void clp_erase_secret(char *text, apr_size_t n, const char *secret);

/** The text with `shown` wherever it held the secret; `text` itself (which may be NULL) where
 * it did not. */
const char *clp_hide_secret(const char *text, const char *secret, const char *shown,
                            apr_pool_t *pool);

#endif
