/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_MODELS_H
#define CLP_GATEWAY_MODELS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "sched/channel.h"
#include "upstream/transport.h"

/**
 * @file models.h
 * @brief The models that a set of channels serves, asked of the upstreams.
 *
 * All active channels are asked at once over one transport. A channel's list
 * is what its upstream tells (only names the channel serves) and the names its
 * configuration spells out: exact patterns of its model map and of its list of
 * models. Channels that do not answer count with the latter alone.
 */

/** Bounds on one channel. */
#define CLP_MODELS_MAX_MS    5000          /**< for everything asked of it */
#define CLP_MODELS_MAX_BYTES (1024 * 1024) /**< of one answer */
#define CLP_MODELS_MAX_COUNT 2000          /**< models; the rest is not looked at */
#define CLP_MODELS_MAX_PAGES 5             /**< followed in a list told in pages */
#define CLP_MODELS_MAX_TRIES 3             /**< of other keys and URLs */

typedef struct clp_model {
    const char *id;
    const char *display; /**< a name for people; the id where none is known */
    const char *owner;   /**< OpenAI's owned_by */
    apr_int64_t created; /**< Unix seconds, 0 = not known */
} clp_model;

typedef struct clp_models_job clp_models_job;

/**
 * Begin to ask. The driver then calls the transport's step() until
 * clp_models_done(). Memory comes from `pool`; set and transport must outlive
 * the job.
 * @param subject passed to clp_log()
 */
clp_models_job *clp_models_ask(const clp_channel_set *set, clp_transport *transport, apr_time_t now,
                               void *subject, apr_pool_t *pool);

/** Has every channel answered or failed? */
int clp_models_done(const clp_models_job *job);

/** Drop what still runs. The job then counts as done. */
void clp_models_cancel(clp_models_job *job);

/** How many active channels did not tell their models. */
int clp_models_failed(const clp_models_job *job);

/**
 * The merged list, of clp_model: channels in the order of the configuration,
 * each channel's by id; the first channel to name an id wins. In the job's pool.
 */
apr_array_header_t *clp_models_list(const clp_models_job *job);

/** The list with names (of const char *) behind it that it does not hold yet.
 * `list` itself stays as it is. */
const apr_array_header_t *clp_models_with_names(const apr_array_header_t *list,
                                                const apr_array_header_t *names, apr_pool_t *pool);

/** The model with this id, or NULL. */
const clp_model *clp_models_find(const apr_array_header_t *list, const char *id);

#endif
