/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_GEMINI_MEDIA_H
#define CLP_DIALECT_GEMINI_MEDIA_H

#include "reading.h"

/**
 * @file gemini_media.h
 * @brief Reads the data of Gemini's parts that are media, or code that Google ran.
 */

/**
 * Read `inlineData`, or `fileData` if `is_file`, into the block, whose kind becomes what the data
 * is. Of what a model has drawn, `in_model`, there is a note only: no other protocol has it in its
 * history.
 */
void clp_gemini_read_media(clp_reading *r, clp_jval v, clp_block *b, int is_file, int in_model);

/**
 * Append what is told in place of media that a model has made, escaped.
 * @param media the value of `inlineData` or `fileData`
 */
void clp_gemini_note_media(clp_buffer *out, clp_jval media);

/** `executableCode` as a text. */
void clp_gemini_read_code(clp_reading *r, clp_jval v, clp_block *b);

/** `codeExecutionResult` as a text. */
void clp_gemini_read_code_result(clp_reading *r, clp_jval v, clp_block *b);

#endif
