/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_SHOW_H
#define CLP_SCHED_CHANNEL_SHOW_H

#include "sched/channel_draft.h"

/**
 * @file channel_show.h
 * @brief What a channel's settings are, as they would be said: the way back
 * from a channel to lines of configuration or members of a document.
 *
 * Making a setting of what is shown gives the same setting again. The
 * exceptions are secrets: of a key that was given literally only the mask is
 * shown, and so is no password of a proxy and no value of a header field.
 */

/** What stands where a secret is not shown; no setting takes it as a value. */
#define CLP_SHOWN_SECRET "********"

/** What a setting looks like in a document. */
typedef enum clp_setting_shape {
    CLP_SHAPE_TEXT,   /**< a string */
    CLP_SHAPE_NUMBER, /**< an integer */
    CLP_SHAPE_FLAG,   /**< true or false */
    CLP_SHAPE_ARGS,   /**< a string, or a list of strings that belong together */
    CLP_SHAPE_LIST,   /**< a list of strings, each for itself */
    CLP_SHAPE_MAP,    /**< an object: each member is a pair of arguments */
    CLP_SHAPE_NAMED,  /**< an object: each member is an argument NAME=VALUE; or a string */
    CLP_SHAPE_FIELDS, /**< an object: header fields to set, null to unset */
    CLP_SHAPE_KEYS    /**< a list of strings when read, of objects when shown */
} clp_setting_shape;

/** A line of configuration about a setting. */
typedef struct clp_setting_line {
    apr_array_header_t *argv; /**< of const char * */
} clp_setting_line;

const char *clp_setting_directive(clp_channel_setting_id id);
const char *clp_setting_member(clp_channel_setting_id id);
clp_setting_shape clp_setting_shape_of(clp_channel_setting_id id);

/**
 * How a setting of the channel would be said.
 * @return of clp_setting_line, in `pool`; empty = nothing has to be said
 */
apr_array_header_t *clp_channel_show(const clp_channel *c, clp_channel_setting_id id,
                                     apr_pool_t *pool);

/** Do both channels show the same for the setting? Secrets count for what is shown of them. */
int clp_channel_shows_same(const clp_channel *a, const clp_channel *b, clp_channel_setting_id id,
                           apr_pool_t *pool);

/** Is the setting what it is when nothing is said? */
int clp_channel_is_default(const clp_channel *c, clp_channel_setting_id id, apr_pool_t *pool);

#endif
