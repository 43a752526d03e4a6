/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */

/* The unit tests' runs of answers, for the targets too. */
#include "../unit/answer_run.c"
