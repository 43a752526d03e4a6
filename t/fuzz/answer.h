/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_FUZZ_ANSWER_H
#define CLP_T_FUZZ_ANSWER_H

#include "fuzz.h"

/**
 * @file answer.h
 * @brief The fuzz target of answers, for a dialect by name.
 *
 * The input: choices (1 byte), how long the plan is (1 byte), the plan of the
 * splits, the upstream's bytes. Holds: whole, by plan and byte by byte give
 * the same events and the same client's bytes; documents are JSON; streams
 * end with a blank line; our own reader reads from our streams what was
 * written to them.
 */
void fuzz_answer(const char *dialect, clp_span in);

#endif
