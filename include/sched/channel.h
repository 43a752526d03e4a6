/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_H
#define CLP_SCHED_CHANNEL_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/dialect.h"
#include "dialect/target.h"
#include "sched/breaker.h"
#include "sched/cooldown.h"
#include "sched/health_check.h"
#include "sched/limits.h"
#include "sched/verdict.h"
#include "state/rows.h"
#include "upstream/transport.h"

/**
 * @file channel.h
 * @brief A way to a provider: where, with which keys, for which models.
 *
 * A channel is immutable once its configuration is read; every request that
 * began with a set keeps that set. Its identity is its name.
 */
typedef enum clp_channel_status {
    CLP_CHANNEL_ACTIVE,
    CLP_CHANNEL_SUSPENDED, /**< kept in view, gets no requests */
    CLP_CHANNEL_DISABLED   /**< in reserve, gets no requests */
} clp_channel_status;

/** How a key is shown to the upstream. */
typedef enum clp_auth_scheme {
    CLP_AUTH_DIALECT, /**< as the dialect does: x-api-key (messages), x-goog-api-key (gemini),
                         bearer */
    CLP_AUTH_BEARER,  /**< Authorization: Bearer KEY */
    CLP_AUTH_HEADER,  /**< auth_header: KEY */
    CLP_AUTH_NONE     /**< no credential is sent, no key is needed */
} clp_auth_scheme;

/** In which order the keys of a channel are taken. */
typedef enum clp_key_order {
    CLP_KEYS_ORDERED, /**< as configured: the first that will do */
    CLP_KEYS_ROTATE,  /**< each request begins with the next one, all children together */
    CLP_KEYS_RANDOM   /**< each request begins with any one */
} clp_key_order;

/** Until when a channel goes before all others, tripped or not. */
typedef struct clp_promotion {
    apr_time_t until;       /**< 0 = not promoted */
    apr_uint32_t protocols; /**< for clients of these only: bits 1 << clp_protocol; 0 = all */
} clp_promotion;

/** A list as "messages,chat" as bits 1 << clp_protocol; 0 = it is none. */
apr_uint32_t clp_protocols_read(const char *list);

/** The bits as such a list; NULL for 0. */
const char *clp_protocols_text(apr_uint32_t protocols, apr_pool_t *pool);

typedef struct clp_key {
    const char *secret; /**< never logged, never in shared memory */
    const char *mask;   /**< what may be shown */
    const char *id;     /**< first 16 hex digits of its SHA-256: names it in API and tables */
    const char *source; /**< env:NAME, file:PATH or exec:PROGRAM it came from, the program's
                           arguments as stars; NULL = said itself */
    apr_uint64_t hash;  /**< clp_row_id() of its id */
    clp_row_ref row;    /**< its state; set once, when the configuration is taken into use */
} clp_key;

/** Where a key came from, fit to be shown: of a command the program alone, since arguments may be
 * secret. NULL = it was said itself. */
const char *clp_key_source_shown(const clp_key *key, apr_pool_t *pool);

/** One rule of a model map: what the client may ask -> what the upstream is asked. */
typedef struct clp_model_rule {
    const char *pattern; /**< exact, or with '*' and '?' */
    const char *target;  /**< a name; '*' stands for what the pattern's first '*' matched */
} clp_model_rule;

typedef struct clp_header_edit {
    const char *name;
    const char *value; /**< NULL = remove it */
} clp_header_edit;

typedef struct clp_channel {
    const char *name;
    apr_uint64_t id; /**< clp_channel_id() of its name */
    const clp_dialect *dialect;
    apr_array_header_t *urls; /**< of const char *, at least one, in order of preference */
    apr_array_header_t *keys; /**< of clp_key, in order of preference */
    int priority;             /**< lower is first */
    clp_channel_status status;
    apr_array_header_t *model_map; /**< of clp_model_rule, first match wins */
    apr_array_header_t *models;    /**< of const char *: patterns of names served; empty = all */
    clp_timeouts timeouts;
    clp_tls tls;
    const char *proxy;
    const clp_host_rules *url_hosts;   /**< under which the URLs were said; NULL = any host */
    const clp_host_rules *proxy_hosts; /**< under which the proxy was */
    int http2;
    apr_array_header_t *header_edits; /**< of clp_header_edit, applied last, in order */
    const char *user_agent;           /**< NULL = the client's on passthrough, ours else */
    clp_auth_scheme auth;
    const char *auth_header;
    clp_traits traits;
    const char *api_version;      /**< anthropic-version of converted requests */
    const char *defined_in;       /**< "file:line", for messages; NULL = by the overlay alone */
    const char **said_at;         /**< "file:line" of each setting, by clp_channel_setting_id; NULL
                                       where nothing was said, or if no line is known */
    apr_array_header_t *keys_off; /**< of clp_key: known, but not used; NULL = none */
    const struct cJSON *live;     /**< what the overlay says of it; NULL = nothing */

    clp_breaker_policy breaker;
    clp_cooldown_policy cooldown;
    apr_uint32_t weight; /**< share among equals, 1 … CLP_WEIGHT_MAX */
    clp_key_order key_order;
    clp_limits limits;     /**< of the channel */
    clp_limits key_limits; /**< of each of its keys */
    clp_promotion promotion;
    apr_array_header_t *never_retry; /**< of clp_verdict_rule: what is the client's to see */
    apr_array_header_t *retry;       /**< likewise: what is tried elsewhere */
    clp_health_check health;

    /* Its state in shared memory; set once, when the configuration is taken into use. */
    clp_row_ref row;
    clp_row_ref *circuits; /**< [url index * keys + key index], keys counted as at least one;
                                NULL = none kept */
} clp_channel;

#define CLP_WEIGHT_MAX 1000

/** A channel with the default of everything, without dialect, URL, key and state. */
clp_channel *clp_channel_make(const char *name, apr_pool_t *pool);

/** Add a key without state as the last, and give it. Strings stay the caller's. */
clp_key *clp_channel_add_key(clp_channel *c, const char *secret, const char *mask, const char *id);

/** How a request to any of the channel's URLs gets there: what the transport wants to know beside
 * the request itself and its deadlines. */
void clp_channel_route(const clp_channel *c, clp_transfer_request *request);

/** Of const clp_channel *, a list that may be NULL: the one of this name; NULL = there is none. */
const clp_channel *clp_channel_named(const apr_array_header_t *channels, const char *name);

/** The id of a key, by what it is: 16 hex digits, in `pool`. */
const char *clp_key_digest(const char *secret, apr_pool_t *pool);

/** A key by its id, in use or not; NULL = the channel has none of that id. */
const clp_key *clp_channel_key(const clp_channel *c, const char *id);

/** Of clp_key; likewise in one list, which may be NULL. */
const clp_key *clp_key_in(const apr_array_header_t *keys, const char *id);

/** Channels a request may use, in the order of the configuration. */
typedef struct clp_channel_set {
    const char *name;
    apr_array_header_t *channels; /**< of const clp_channel * */
} clp_channel_set;

/**
 * Does a name fit a pattern? '*' is any run of characters, '?' any one; case
 * counts; linear in practice and bounded (no recursion).
 * @param star out, may be NULL: what the first '*' matched, in `pool`
 */
int clp_model_matches(const char *pattern, const char *name, const char **star, apr_pool_t *pool);

/** What the upstream is asked when the client names `model`: the map's first
 * match, else the name itself. A '*' in a target whose pattern has none stays.
 * May return its argument. */
const char *clp_channel_model(const clp_channel *c, const char *model, apr_pool_t *pool);

/**
 * Does the channel serve this model? An empty list serves all; else a name is
 * served if it fits the list or a pattern of the map (who maps a name means
 * to serve it).
 */
int clp_channel_serves(const clp_channel *c, const char *model);

/** The protocols for whose clients the channel goes before all others at `now`, as bits 1 <<
 * clp_protocol; 0 = it is not active, or not promoted. */
apr_uint32_t clp_channel_promoted_for(const clp_channel *c, apr_time_t now);

#endif
