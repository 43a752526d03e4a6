/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_WIRE_TEXT_DECODE_H
#define CLP_WIRE_TEXT_DECODE_H

#include "wire/span.h"

/**
 * Decode an escaped span into `to`, which has room for `escaped.n` bytes (no
 * escape gets longer); gives the bytes written. As clp_text_unescape().
 */
apr_size_t clp_text_decode(char *to, clp_span escaped);

/**
 * First escape of a lone surrogate half at or behind `from` in an escaped
 * span: its offset, or escaped.n if every half has its partner.
 */
apr_size_t clp_text_lone_half(clp_span escaped, apr_size_t from);

#endif
