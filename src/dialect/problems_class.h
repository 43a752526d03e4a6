/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_PROBLEMS_CLASS_H
#define CLP_DIALECT_PROBLEMS_CLASS_H

#include "wire/json_scan.h"
#include "wire/problem.h"

/**
 * @file problems_class.h
 * @brief What kind of error it is that an upstream tells of.
 */

/** No class: the word is not known. */
#define CLP_PROBLEMS_NO_CLASS CLP_PROBLEM_CLASSES

/** What a `type`, `code` or `status` of Anthropic, OpenAI, Google and their relays says. */
clp_problem_class clp_problems_class_of_word(clp_jval v);

/**
 * The class of an error.
 * @param status     the HTTP status; 200 for an error inside an answer
 * @param words      its `code`, `type` and `status`, each may be absent
 * @param comes_back it was told when to try again
 */
clp_problem_class clp_problems_classify(int status, const clp_jval words[3], const char *message,
                                        int comes_back);

#endif
