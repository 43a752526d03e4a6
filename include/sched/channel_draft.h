/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_DRAFT_H
#define CLP_SCHED_CHANNEL_DRAFT_H

#include "sched/channel.h"
#include "sched/channel_settings.h"

/**
 * @file channel_draft.h
 * @brief A channel while it is being described, setting by setting, whoever
 * describes it: a section of the configuration or a document.
 *
 * A draft checks each setting when it is made and the whole at the end, so
 * that all sources of channels obey the same rules and say the same when they
 * do not. Texts of errors begin with the draft's label: how the setting is
 * called where it was said. No error text holds a secret.
 */

/** How a source reads what a setting only names. */
typedef struct clp_channel_source {
    void *ctx;
    /** Hosts that its URLs and proxies may name, and their connections go to; have to stay in place
     * as long as the channel. A channel that was begun from another one keeps that one's secrets:
     * it may name the other's own hosts too, and else only those that are listed.
     * NULL = any: the administrator's own word. */
    const clp_host_rules *hosts;
    /** The file that a path means, absolute; gives NULL if there is none. NULL = this source
     * must not name files. */
    const char *(*path)(void *ctx, const char *path, apr_pool_t *pool);
    /** Append the secrets that an argument stands for, const char * in `pool`.
     * @return NULL, or a whole error text */
    const char *(*secrets)(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                           apr_pool_t *pool);
} clp_channel_source;

typedef struct clp_channel_draft {
    clp_channel *channel;
    apr_pool_t *pool;                     /**< where the channel and its texts live */
    const clp_channel *base;              /**< what it was begun from; NULL = from nothing */
    const clp_channel_source *source;     /**< how names are read */
    const char *label;                    /**< how the setting at hand is called */
    const char *where;                    /**< where it stands, e.g. "line 7", or NULL */
    const char *given[CLP_SETTING_COUNT]; /**< where a setting was said before; NULL = not yet */
} clp_channel_draft;

/** Bytes of a channel's name at most. */
#define CLP_CHANNEL_NAME_MAX 64

/** URLs and keys of a channel at most: each URL has state of its own with each key. */
#define CLP_CHANNEL_URLS_MAX 100
#define CLP_CHANNEL_KEYS_MAX 1000

/**
 * What a channel may be called: 1 to 64 letters, digits and . _ -, and nothing that paths of the
 * admin API mean something else by.
 * @return NULL, or what is wrong, a sentence without its subject and end
 */
const char *clp_channel_name_wrong(const char *name);

/**
 * Begin a channel with every setting at its default.
 * @param name stays in place as long as the channel
 * @param defined_in where the channel is described, for messages
 */
void clp_channel_draft_begin(clp_channel_draft *d, const char *name, const char *defined_in,
                             const clp_channel_source *source, apr_pool_t *pool);

/**
 * Begin a channel that is like another; settings may then be made anew. What
 * is not, is shared with `base`, which has to live as long. Its state is its own: none yet.
 */
void clp_channel_draft_begin_from(clp_channel_draft *d, const clp_channel *base,
                                  const clp_channel_source *source, apr_pool_t *pool);

/**
 * Make a setting. `argv` holds its arguments as a line of configuration would
 * have them; they have to stay in place as long as the channel.
 * @return NULL, or what is wrong
 */
const char *clp_channel_draft_set(clp_channel_draft *d, clp_channel_setting_id id, int argc,
                                  const char *const *argv);

/** Take back a setting: it is at its default again, and may be said again. */
void clp_channel_draft_clear(clp_channel_draft *d, clp_channel_setting_id id);

/** What the complete channel still lacks, or where it contradicts itself, in
 * words that follow its name; NULL = nothing. */
const char *clp_channel_draft_lacks(const clp_channel_draft *d);

/**
 * A setting by which others than those whom the channel trusts that this one was begun from could
 * read its secrets; the draft's source has hosts.
 * @param id out: the setting
 * @return NULL = there is none; or why it cannot be, in words that follow the setting's name
 */
const char *clp_channel_draft_exposes(const clp_channel_draft *d, clp_channel_setting_id *id);

#endif
