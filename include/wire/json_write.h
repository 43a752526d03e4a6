/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_JSON_WRITE_H
#define CLP_WIRE_JSON_WRITE_H

#include <apr.h>

#include "wire/buffer.h"
#include "wire/span.h"

/**
 * @file json_write.h
 * @brief An append-only JSON writer that sets the commas.
 *
 * Order and spelling are the caller's: the same calls always give the same
 * bytes. Raw spans go out verbatim. The nesting a caller may open is
 * CLP_JW_DEPTH; raw spans do not count. Lives on the stack; no clean-up.
 */
#define CLP_JW_DEPTH 64

typedef struct clp_jw {
    clp_buffer *out;
    apr_uint64_t filled; /**< bit per level: something stands in it already */
    int depth;
    int after_key;
    unsigned ascii_lines : 1; /**< spell U+2028/U+2029 as escapes (strict SSE readers) */
} clp_jw;

void clp_jw_init(clp_jw *w, clp_buffer *out);

void clp_jw_object(clp_jw *w);
void clp_jw_end_object(clp_jw *w);
void clp_jw_array(clp_jw *w);
void clp_jw_end_array(clp_jw *w);

/** A member's name, a literal that needs no escaping. */
void clp_jw_key(clp_jw *w, const char *name);
/** A member's name that came from somewhere. */
void clp_jw_key_text(clp_jw *w, clp_text name);

void clp_jw_null(clp_jw *w);
void clp_jw_bool(clp_jw *w, int v);
void clp_jw_int(clp_jw *w, apr_int64_t v);
/** A JSON value verbatim; it must be a valid one. */
void clp_jw_raw(clp_jw *w, clp_span json);
/** A string: escaped text verbatim between quotes (see clp_jw_text_part). */
void clp_jw_text(clp_jw *w, clp_text t);
void clp_jw_str(clp_jw *w, const char *plain);

/**
 * A string put together from parts: open, any number of parts, close.
 * Surrogate escapes inside one escaped part that have no partner become
 * U+FFFD (Anthropic answers 400 to lone surrogates); an escaped part without
 * surrogate escapes is copied verbatim.
 */
void clp_jw_text_open(clp_jw *w);
void clp_jw_text_part(clp_jw *w, clp_text t);
void clp_jw_text_close(clp_jw *w);

/* name/value in one call, the usual case */
void clp_jw_kstr(clp_jw *w, const char *name, const char *plain);
void clp_jw_ktext(clp_jw *w, const char *name, clp_text t);
void clp_jw_kint(clp_jw *w, const char *name, apr_int64_t v);
void clp_jw_kbool(clp_jw *w, const char *name, int v);
void clp_jw_knull(clp_jw *w, const char *name);
void clp_jw_kraw(clp_jw *w, const char *name, clp_span json);

#endif
