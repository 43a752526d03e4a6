/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_WHOLE_EVENTS_H
#define CLP_GATEWAY_WHOLE_EVENTS_H

#include "wire/buffer.h"

/**
 * @file whole_events.h
 * @brief How far the bytes of an event stream can be given on without a part of an event.
 */

/**
 * Where the last whole event of the bytes from `from` on ends; 0 = none does. Bytes in front of
 * `from` are looked at only to see whether a line end there makes a blank line here.
 */
apr_size_t clp_whole_events_end(const clp_buffer *b, apr_size_t from);

#endif
