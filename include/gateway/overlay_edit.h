/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_OVERLAY_EDIT_H
#define CLP_GATEWAY_OVERLAY_EDIT_H

#include "gateway/overlay.h"

/**
 * @file overlay_edit.h
 * @brief Changes of the overlay, as operators ask for them: by the name of a channel and the id of
 * a key, whether the channel is the configuration's or the overlay's own.
 *
 * An edit changes the document only. What is said is checked when the document is laid over the
 * configuration (clp_overlay_lay), so one that ends well may still make a document that cannot
 * be used; nothing is kept of it then.
 */
typedef enum clp_edit_result {
    CLP_EDIT_DONE,
    CLP_EDIT_WRONG,      /**< what was asked is malformed */
    CLP_EDIT_NO_CHANNEL, /**< there is no channel of that name */
    CLP_EDIT_NO_KEY,     /**< the channel has no key of that id */
    CLP_EDIT_CONFLICT    /**< it does not fit what there is */
} clp_edit_result;

typedef struct clp_edit {
    clp_overlay *overlay;           /**< changed in place */
    const apr_array_header_t *base; /**< of const clp_channel *: the configuration's */
    const apr_array_header_t *laid; /**< likewise: what the overlay made of them before the edit,
                                         of another copy of its document */
    apr_pool_t *pool;               /**< of error texts */
    /** Is there a server whose clients may get either channel? NULL = always. */
    int (*in_one_server)(const clp_channel *a, const clp_channel *b);
    clp_edit_result result;
    clp_document_error error; /**< unless DONE */
    int only_disabled;        /**< it was to be removed, but is the configuration's */
    int created;              /**< the channel is new */
} clp_edit;

/** What is said of a key that is not there. */
#define CLP_EDIT_NO_SUCH_KEY                                                                       \
    "The channel has no key of this id. Keys are called by the id that GET gives, not by "         \
    "themselves."

/** All edits give 1, or 0 with `result` and `error`; then the document may be changed in part. */

/** Add a channel with these settings; its name must be free. */
int clp_edit_create(clp_edit *e, const char *name, const cJSON *settings);

/**
 * Say anew all that the overlay says of a channel; one that does not exist is made. What is left
 * out is as the configuration has it. Keys may be said as they are, or as objects with the id of
 * one that the channel has.
 */
int clp_edit_replace(clp_edit *e, const char *name, const cJSON *settings);

/** Say some settings anew; null takes back what the overlay said. Who is suspended or disabled by
 * that is not promoted any more, unless that is said, too. */
int clp_edit_merge(clp_edit *e, const char *name, const cJSON *settings);

/** Remove a channel. One of the configuration is only disabled, see `only_disabled`. */
int clp_edit_delete(clp_edit *e, const char *name);

/** Add keys behind the others: a list of strings. */
int clp_edit_add_keys(clp_edit *e, const char *name, const cJSON *keys);

/** Remove a key. One of the configuration is only disabled. */
int clp_edit_remove_key(clp_edit *e, const char *name, const char *id);

/** Have a key taken before, or after, all others. */
int clp_edit_move_key(clp_edit *e, const char *name, const char *id, int to_top);

/** Take a key out of use, or back into it. */
int clp_edit_enable_key(clp_edit *e, const char *name, const char *id, int on);

/**
 * Give channels priorities in this order (a list of names), from 1 on. The others come behind
 * them, and keep the order that they had among themselves.
 */
int clp_edit_reorder(clp_edit *e, const cJSON *names);

/** Say the status (which is copied); NULL takes back what the overlay said. Who is not active any
 * more is not promoted any more. */
int clp_edit_set_status(clp_edit *e, const char *name, const cJSON *status);

/** Make a suspended channel active; nothing if it is not suspended. */
int clp_edit_resume(clp_edit *e, const char *name);

/**
 * Have a channel go before all others. For clients of one protocol and server there is one at a
 * time: what others have of the promotion, they lose, whoever gave it to them.
 * @param promotion its time is in whole seconds; 0 = the channel's promotion is over
 */
int clp_edit_promote(clp_edit *e, const char *name, const clp_promotion *promotion, apr_time_t now);

/** Have every process read files of keys again. */
int clp_edit_reload(clp_edit *e);

#endif
