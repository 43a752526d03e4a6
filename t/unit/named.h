/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_NAMED_H
#define CLP_T_NAMED_H

#include "dialect/dialect.h"
#include "sched/verdict.h"

/**
 * @file named.h
 * @brief Things as tables of cases call them.
 */

/** NULL if there is none. */
const clp_dialect *named_dialect(const char *name);

/** "none", "provider", "key", "quota_key", "quota_model", "overload". */
const char *name_of_fault(clp_fault f);

#endif
