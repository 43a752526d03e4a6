/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_OPENAI_PARTS_H
#define CLP_DIALECT_OPENAI_PARTS_H

#include "reading.h"

/**
 * @file openai_parts.h
 * @brief What requests of Chat and of Responses have in common: content made of parts.
 */

/** Whose content a part stands in decides what it may be. */
typedef enum clp_place {
    CLP_IN_USER = 1,
    CLP_IN_ASSISTANT = 2,
    CLP_IN_SYSTEM = 4,
    CLP_IN_RESULT = 8
} clp_place;

/** A type of parts; lists of them end with a type of NULL. */
typedef struct clp_part_type {
    const char *type;
    clp_block_kind kind;
    unsigned places; /**< clp_place, those it may stand in */
    void (*read)(clp_reading *r, clp_jval part, clp_block *b);
} clp_part_type;

/**
 * Read a part, an object, into a new block at the end `tail` of a list.
 * @return NULL if it is not of these types or cannot stand there, which is the request's problem
 */
clp_block *clp_part_read(clp_reading *r, clp_jval part, const clp_part_type *types, clp_place where,
                         clp_block **tail);

/* Readers of types that both have. */
void clp_part_read_text(clp_reading *r, clp_jval part, clp_block *b);
void clp_part_read_refusal(clp_reading *r, clp_jval part, clp_block *b);
void clp_part_read_audio(clp_reading *r, clp_jval part, clp_block *b);

/** Read the URL of a picture, which is member `name` of the object. */
void clp_part_read_image_url(clp_reading *r, clp_jval object, const char *name, clp_text url,
                             clp_block *b);

/** Read member `file_data` of the object, a data URL: a picture, a text or another document. */
void clp_part_read_file_data(clp_reading *r, clp_jval object, clp_text data, clp_block *b);

/** Read whether a tool failed off the beginning of its result, and take that away. */
void clp_part_read_failure(clp_block *result);

#endif
