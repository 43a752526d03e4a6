/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "admin_call.h"
#include "sched/reset.h"

/* Who enters bookings does so for microseconds. */
#define PATIENCE apr_time_from_sec(1)

static const char *const no_members[] = {NULL};

/* --- shared state -------------------------------------------------------------------- */

/* The state to reset; NULL, and 503 is answered. */
static const clp_tables *tables_of(clp_admin_call *call)
{
    const clp_tables *tables = call->site->scheduling.tables;

    if (!tables) {
        clp_admin_fail(call, 503, NULL,
                       "There is no shared state in this process, so there is nothing to reset.");
    }
    return tables;
}

static void fail_busy(clp_admin_call *call)
{
    apr_table_setn(call->headers, "Retry-After", "1");
    clp_admin_fail(call, 503, NULL,
                   "Another process keeps the shared state: not all of it was reset. Try again.");
}

/* --- the answer ----------------------------------------------------------------------- */

static const char *counted(const char *text, int n, const char *one, const char *many,
                           apr_pool_t *pool)
{
    return n ? apr_psprintf(pool, "%s; %d %s", text, n, n == 1 ? one : many) : text;
}

static void tell(clp_admin_call *call, const char *did, const clp_reset_counts *counts)
{
    clp_jw w;

    did = counted(did, counts->circuits, "circuit closed", "circuits closed", call->pool);
    did = counted(did, counts->keys, "key rests no more", "keys rest no more", call->pool);
    clp_admin_done(call, &w,
                   apr_pstrcat(call->pool, did, counts->rested ? "; its rest is over" : "", NULL));
    clp_jw_key(&w, "reset");
    clp_jw_object(&w);
    clp_jw_kint(&w, "circuits", counts->circuits);
    clp_jw_kint(&w, "keys", counts->keys);
    clp_jw_kbool(&w, "rest", counts->rested);
    clp_jw_end_object(&w);
    clp_admin_tell_channel(call, &w);
    clp_jw_end_object(&w);
}

/* --- a channel ------------------------------------------------------------------------ */

static int make_active(clp_admin_edit *e)
{
    return clp_edit_resume(&e->edit, e->call->name);
}

static const char *status_text(const clp_channel *before, const clp_channel *now)
{
    return before->status == CLP_CHANNEL_SUSPENDED ? " is active again"
           : now->status == CLP_CHANNEL_DISABLED   ? " stays disabled"
                                                   : " is reset";
}

/* What stands in the way of the disk must not keep a channel that is in use from being reset. */
static int take_into_use(clp_admin_call *call, const clp_channel *c)
{
    clp_admin_edit e = {.make = make_active};

    return c->status == CLP_CHANNEL_SUSPENDED ? clp_admin_write(call, &e) : clp_admin_leave(call);
}

void clp_admin_resume(clp_admin_call *call)
{
    const cJSON *object = clp_admin_object(call, no_members);
    const clp_channel *c = object ? clp_admin_channel(call, call->name) : NULL;
    const clp_tables *tables = c ? tables_of(call) : NULL;
    clp_reset_counts counts;

    if (!tables || !take_into_use(call, c)) {
        return;
    }
    call->did =
        apr_pstrcat(call->pool, "channel ", c->name, status_text(c, clp_admin_changed(call)), NULL);
    if (clp_reset_channel(tables, c, call->site->now, PATIENCE, &counts)) {
        tell(call, call->did, &counts);
    }
    else {
        fail_busy(call);
    }
}

/* --- a key of it -------------------------------------------------------------------------- */

static const clp_key *key_of(clp_admin_call *call, const clp_channel *c)
{
    const clp_key *key = clp_channel_key(c, call->id);

    if (!key) {
        clp_admin_fail(call, 404, NULL, "%s", CLP_EDIT_NO_SUCH_KEY);
    }
    return key;
}

void clp_admin_resume_key(clp_admin_call *call)
{
    const cJSON *object = clp_admin_object(call, no_members);
    const clp_channel *c = object ? clp_admin_channel(call, call->name) : NULL;
    const clp_key *key = c ? key_of(call, c) : NULL;
    const clp_tables *tables = key ? tables_of(call) : NULL;
    clp_reset_counts counts;

    if (!tables || !clp_admin_leave(call)) {
        return;
    }
    if (clp_reset_key(tables, c, key, call->site->now, PATIENCE, &counts)) {
        tell(call,
             apr_pstrcat(call->pool, "channel ", c->name, ": key ", key->id, " is reset", NULL),
             &counts);
    }
    else {
        fail_busy(call);
    }
}
