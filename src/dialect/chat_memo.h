/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_CHAT_MEMO_H
#define CLP_DIALECT_CHAT_MEMO_H

#include "dialect/dialect.h"

/**
 * @file chat_memo.h
 * @brief The reasoning behind a Chat client's calls, on its way to whoever
 * keeps it (clp_call_memo): an envelope with each call that has any.
 */
typedef struct clp_chat_memo clp_chat_memo;

/** NULL if nobody keeps it, or it cannot be sealed. `options` must outlive it. */
clp_chat_memo *clp_chat_memo_make(const clp_writer_options *options, apr_pool_t *pool);

/** An event of the answer; tells of a call's reasoning when the call is opened. `m` may be NULL. */
void clp_chat_memo_put(clp_chat_memo *m, const clp_event *event);

#endif
