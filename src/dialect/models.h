/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_MODELS_H
#define CLP_DIALECT_MODELS_H

#include "dialect/target.h"

/**
 * @file models.h
 * @brief What a model takes, guessed from its name, where the channel's traits
 * do not say.
 */
#define CLP_MODEL_REASONS        0x01 /**< takes reasoning parameters */
#define CLP_MODEL_ADAPTIVE       0x02 /**< Messages: adaptive thinking with an effort */
#define CLP_MODEL_NO_SAMPLING    0x04 /**< refuses temperature, top_p, top_k */
#define CLP_MODEL_EFFORT_NONE    0x08 /**< Chat: effort none switches reasoning off */
#define CLP_MODEL_EFFORT_MINIMAL 0x10 /**< Chat: effort minimal is the least there is */
#define CLP_MODEL_EFFORT_XHIGH   0x20 /**< effort xhigh is known */
#define CLP_MODEL_EFFORT_MAX     0x40 /**< effort max is known */

/** CLP_MODEL_* of a target: its traits first, then its model's name. */
unsigned clp_model_takes(const clp_target *target);

/** The generation of Gemini's that a model's name tells: 2 for 2.5, 3, …; 0 for what is no such
 * name. */
int clp_model_gemini(const char *model);

#endif
