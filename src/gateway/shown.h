/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_SHOWN_H
#define CLP_GATEWAY_SHOWN_H

#include "sched/plan.h"

/**
 * @file shown.h
 * @brief What an upstream was shown, and may tell in its errors: the key, and the password of the
 * proxy on the way. Nobody else is to read it.
 */

/** The text (NULL = NULL) with masks in their place; it itself where it held none. */
const char *clp_shown_hide(const char *text, const clp_candidate *asked, apr_pool_t *pool);

/** Does the text hold one of them? */
int clp_shown_in(clp_span text, const clp_candidate *asked, apr_pool_t *pool);

/** Stars in their place, as many as they had bytes. */
void clp_shown_erase(char *text, apr_size_t n, const clp_candidate *asked, apr_pool_t *pool);

#endif
