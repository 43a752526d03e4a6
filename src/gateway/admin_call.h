/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_ADMIN_CALL_H
#define CLP_GATEWAY_ADMIN_CALL_H

#include "gateway/admin.h"
#include "gateway/overlay_edit.h"
#include "gateway/status_json.h"
#include "wire/json_write.h"

/**
 * @file admin_call.h
 * @brief What the answers of the API have in common, and the answers.
 */

/** A member (or, without name, an element) with a value, which is freed. */
void clp_admin_value(clp_jw *w, const char *name, cJSON *value);

/** A channel by its name, of what is in force; NULL, and 404 is answered. */
const clp_channel *clp_admin_channel(clp_admin_call *call, const char *name);

/** The configuration's channel of that name; NULL = it has none. */
const clp_channel *clp_admin_configured(const clp_admin_call *call, const char *name);

/**
 * The body as an object that has no other members than these (a list that ends with NULL; NULL =
 * any). Without a body an empty object.
 * @return NULL, and 400 is answered
 */
const cJSON *clp_admin_object(clp_admin_call *call, const char *const *members);

/** A change asked for by this call. */
typedef struct clp_admin_edit clp_admin_edit;
struct clp_admin_edit {
    clp_edit edit;
    clp_admin_call *call;
    int (*make)(clp_admin_edit *e); /**< calls an edit of overlay_edit.h for `edit` */
    const cJSON *body;
    clp_promotion promotion;
};

/**
 * Make an edit of the overlay.
 * @return 1 when it is on the disk; 0, and an error is answered
 */
int clp_admin_write(clp_admin_call *call, clp_admin_edit *e);

/**
 * Leave the overlay as it is, where something else is changed.
 * @return 1; 0 if it is another than If-Match names, and that is answered
 */
int clp_admin_leave(clp_admin_call *call);

/**
 * Begin the answer to a change: message and revision. The object stays open.
 * @param did for people, and for the audit log
 */
void clp_admin_done(clp_admin_call *call, clp_jw *w, const char *did);

/** The channel of the path as the change has left it. */
const clp_channel *clp_admin_changed(const clp_admin_call *call);

/** ... as a member of the answer. */
void clp_admin_tell_channel(clp_admin_call *call, clp_jw *w);

/** A whole answer to a change: message, revision, and the channel as it is now. */
void clp_admin_done_channel(clp_admin_call *call, const char *did);

/** What the shared tables are looked at for. */
clp_status_scope clp_admin_scope(const clp_admin_call *call);

/** All channels as they are shown, an array; likewise their metrics. */
void clp_admin_write_channels(const clp_admin_call *call, clp_jw *w);
void clp_admin_write_metrics(const clp_admin_call *call, clp_jw *w);

/* The answers, by file. */
void clp_admin_list_channels(clp_admin_call *call); /* admin_channels.c */
void clp_admin_create_channel(clp_admin_call *call);
void clp_admin_get_channel(clp_admin_call *call);
void clp_admin_put_channel(clp_admin_call *call);
void clp_admin_patch_channel(clp_admin_call *call);
void clp_admin_delete_channel(clp_admin_call *call);
void clp_admin_reorder(clp_admin_call *call);
void clp_admin_set_status(clp_admin_call *call);
void clp_admin_promote(clp_admin_call *call); /* admin_promotion.c */
void clp_admin_resume(clp_admin_call *call);  /* admin_resume.c */
void clp_admin_resume_key(clp_admin_call *call);
void clp_admin_add_key(clp_admin_call *call); /* admin_keys.c */
void clp_admin_remove_key(clp_admin_call *call);
void clp_admin_key_top(clp_admin_call *call);
void clp_admin_key_bottom(clp_admin_call *call);
void clp_admin_key_disable(clp_admin_call *call);
void clp_admin_key_enable(clp_admin_call *call);
void clp_admin_get_config(clp_admin_call *call); /* admin_config.c */
void clp_admin_validate(clp_admin_call *call);
void clp_admin_openapi(clp_admin_call *call);
void clp_admin_reload(clp_admin_call *call); /* admin_reload.c */
void clp_admin_ping(clp_admin_call *call);   /* admin_ping.c */
void clp_admin_ping_one(clp_admin_call *call);
void clp_admin_explain(clp_admin_call *call);         /* admin_explain.c */
void clp_admin_channel_metrics(clp_admin_call *call); /* admin_metrics.c */
void clp_admin_channel_history(clp_admin_call *call);
void clp_admin_key_history(clp_admin_call *call);
void clp_admin_global_history(clp_admin_call *call);
void clp_admin_scheduler_stats(clp_admin_call *call); /* admin_stats.c */
void clp_admin_dashboard(clp_admin_call *call);
void clp_admin_sessions(clp_admin_call *call);
void clp_admin_affinity(clp_admin_call *call);
void clp_admin_requests(clp_admin_call *call); /* admin_requests.c */
void clp_admin_settings(clp_admin_call *call); /* admin_config.c */

#endif
