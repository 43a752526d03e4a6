/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ADMIN_H
#define CLP_GATEWAY_ADMIN_H

#include <apr_tables.h>

#include "gateway/document.h"
#include "gateway/overview.h"
#include "gateway/settings_view.h"
#include "gateway/overlay_write.h"
#include "sched/plan.h"
#include "state/recent_ring.h"
#include "upstream/transport.h"

/**
 * @file admin.h
 * @brief The admin API: from method, path and document to an answer (docs/admin.md).
 *
 * Knows nothing of httpd: who may ask, where a request comes from and how bytes are read and
 * written is the handler's, who fills a call, has it routed and then answered. Calls may wait for
 * the disk and for upstreams.
 */

/** What is in force at a moment; stays as long as the call. */
typedef struct clp_admin_state {
    apr_int64_t revision;                 /**< of the overlay */
    const apr_array_header_t *channels;   /**< of const clp_channel * */
    const apr_array_header_t *configured; /**< likewise: the configuration's alone */
} clp_admin_state;

/** A file that channels of the configuration have their keys from. */
typedef struct clp_admin_key_file {
    const char *source; /**< as their keys have it: file:PATH */
    const char *path;   /**< absolute */
    const char *error;  /**< why it was not read again when that was asked for; NULL = it was, or
                             has not changed */
    int unreadable;     /**< since this process must not; a restart may */
} clp_admin_key_file;

/** What the API works on; stays as long as the call. */
typedef struct clp_admin_site {
    const apr_array_header_t *channels;   /**< of const clp_channel *: in force */
    const apr_array_header_t *configured; /**< likewise: the configuration's alone */
    apr_int64_t revision;                 /**< of the overlay in force */
    const char *overlay_path;             /**< NULL = there is no state directory */
    const char *overlay_error;        /**< why the file that is there is not in force, or NULL */
    const clp_channel_source *source; /**< how an overlay's texts are read */
    clp_overlay_write_fn *write;
    clp_admin_state before; /**< when the call came; a file that had just changed was not read */
    clp_admin_state (*in_force)(void *ctx);            /**< by now */
    const apr_array_header_t *(*key_files)(void *ctx); /**< of clp_admin_key_file */
    void *ctx;                                         /**< for the functions, and for clp_log() */
    /** The channels of a set by its name, NULL = those of the location. Gives NULL if there is no
     * such set. */
    const clp_channel_set *(*set)(void *ctx, const char *name);
    /** Is there a server whose clients may get either channel? NULL = always. */
    int (*in_one_server)(const clp_channel *a, const clp_channel *b);
    clp_plan_query scheduling;           /**< strategy and shared state; all else zero */
    const clp_pin_table *bindings;       /**< of conversations to channels; NULL = none are kept */
    apr_interval_time_t affinity_time;   /**< how long one lasts; 0 = none are made */
    clp_overview (*overview)(void *ctx); /**< counts what is not ours; looks at much */
    clp_settings (*settings)(void *ctx, apr_pool_t *pool);
    /** Borrow a transport; NULL = there is none. */
    clp_transport *(*take_transport)(void *ctx);
    void (*give_transport)(void *ctx, clp_transport *transport);
    const clp_recent_ring *recent; /**< the last requests; NULL = they are not kept */
    apr_time_t now;
} clp_admin_site;

typedef struct clp_admin_call clp_admin_call;

/** The error that a call was answered with; code NULL = none. */
typedef struct clp_admin_error {
    const char *code;
    const char *message;
    const char *path; /**< of the member that is wrong; NULL = none */
} clp_admin_error;

typedef enum clp_admin_kind {
    CLP_ADMIN_READS,
    CLP_ADMIN_ASKS,   /**< takes a document, but changes nothing */
    CLP_ADMIN_RESETS, /**< changes shared state alone */
    CLP_ADMIN_WRITES  /**< changes the overlay */
} clp_admin_kind;

/** A row of the API's only list. */
typedef struct clp_admin_route {
    const char *method;
    const char *path; /**< with {name} and {id} */
    clp_admin_kind kind;
    void (*answer)(clp_admin_call *call);
    const char *summary;
} clp_admin_route;

struct clp_admin_call {
    apr_pool_t *pool;
    const clp_admin_site *site;

    /* What is asked. */
    const char *method;      /**< HEAD comes as GET */
    const char *path;        /**< decoded, with whatever stands before /api/ or /admin/ */
    const apr_table_t *args; /**< of the query */
    const char *accept;      /**< header field, or NULL */
    apr_int64_t revision;    /**< what If-Match names, or CLP_ANY_REVISION */
    const cJSON *body;       /**< NULL = none was sent */
    clp_span sent;           /**< its text */

    /* Filled by clp_admin_find(). */
    const clp_admin_route *route;
    const char *name; /**< {name} */
    const char *id;   /**< {id} */

    /* The answer. */
    int status;
    const char *content_type;
    clp_buffer *out;
    apr_table_t *headers;
    apr_int64_t told_revision; /**< for the ETag, -1 = none */
    clp_admin_error error;

    /* For the audit log. */
    clp_overlay_change change;
    const char *did; /**< e.g. "channel relay: key added"; NULL = nothing */
};

/** Begin a call: nothing asked, an empty answer. */
void clp_admin_begin(clp_admin_call *call, const clp_admin_site *site, apr_pool_t *pool);

/**
 * Find what `method` and `path` mean.
 * @return 1; or 0 and the answer is there: 404, or 405, or 204 to OPTIONS
 */
int clp_admin_find(clp_admin_call *call);

/** Make the answer of the route. */
void clp_admin_answer(clp_admin_call *call);

/**
 * Answer with an error, in the one shape that there is:
 *   {"error": {"code": "invalid", "message": "…", "path": "timeouts.idle"}}
 * @param path of the member that is wrong; NULL or "" = none
 */
void clp_admin_fail(clp_admin_call *call, int status, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** The revision that an If-Match field names: CLP_ANY_REVISION for "*"; -2 for one that can never
 * match. */
apr_int64_t clp_admin_if_match(const char *field);

/** All routes; ends with one without method. */
extern const clp_admin_route clp_admin_routes[];

#endif
