/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_DIALECT_MEDIA_H
#define CLP_DIALECT_MEDIA_H

#include "dialect/conversation.h"
#include "wire/json_write.h"

/**
 * @file media.h
 * @brief Images, documents and audio: data URLs (RFC 2397), media types, file
 * names.
 */

/**
 * Read a URL that may be a data URL into `m`: source, mime and data. Scheme
 * and type are taken in any case, parameters are dropped, a payload that is
 * percent-encoded becomes base64. Base64 stays where it is, without a copy.
 * @return NULL, or what is wrong with it
 */
const char *clp_media_read_url(clp_media *m, clp_text url, apr_pool_t *pool);

/** The media type as it is compared and sent: lower case, no parameters. */
clp_text clp_media_type(clp_text type, apr_pool_t *pool);

/** The media type that a name or URL ends in, as ".png" does; absent for an unknown ending. */
clp_text clp_media_type_of_name(const char *name);

/**
 * Turn base64 of a text type into MEDIA_TEXT.
 * @return NULL, or what is wrong with it
 */
const char *clp_media_decode_text(clp_media *m, apr_pool_t *pool);

int clp_media_type_starts(const clp_media *m, const char *prefix);

/** One of the image types that Messages takes? */
int clp_media_image_fits_messages(const clp_media *m);

/** Write a string with the data URL of base64 media. */
void clp_media_write_data_url(clp_jw *w, const clp_media *m);

/** Write a string with a document's file name: its own, or that of a PDF made from its title. */
void clp_media_write_filename(clp_jw *w, const clp_block *document);

#endif
