/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin_call.h"
#include "gateway/channel_view.h"

static int make_edit(void *ctx, clp_overlay *overlay, const apr_array_header_t *laid,
                     apr_pool_t *pool)
{
    clp_admin_edit *e = ctx;

    e->edit.overlay = overlay;
    e->edit.base = e->call->site->configured;
    e->edit.laid = laid;
    e->edit.pool = pool;
    e->edit.in_one_server = e->call->site->in_one_server;
    return e->make(e);
}

/* Who changes one channel needs not be told which. */
static const char *local_path(const clp_admin_call *call, const char *path)
{
    const char *name = call->name;
    apr_size_t n = name ? strlen(name) : 0;

    if (strncmp(path, "channels.", 9) != 0) {
        return path;
    }
    if (name && !strncmp(path + 9, name, n) && (!path[9 + n] || path[9 + n] == '.')) {
        return path + 9 + n + (path[9 + n] == '.');
    }
    return path;
}

static void refuse(clp_admin_call *call, const clp_document_error *error, int status)
{
    const char *path = local_path(call, error->path);

    clp_admin_fail(call, status, path, "%s%s%s", path, *path ? ": " : "", error->message);
}

static int edit_status(clp_edit_result result)
{
    return result == CLP_EDIT_WRONG ? 400 : result == CLP_EDIT_CONFLICT ? 409 : 404;
}

static void refuse_stale(clp_admin_call *call, apr_int64_t revision)
{
    call->told_revision = revision;
    clp_admin_fail(call, 412, NULL,
                   "Somebody changed the channels meanwhile: they are at revision "
                   "%" APR_INT64_T_FMT " now. Get them anew.",
                   revision);
}

static void explain(clp_admin_call *call, clp_write_result result, const clp_edit *edit)
{
    const clp_overlay_change *change = &call->change;

    switch (result) {
    case CLP_WRITE_DONE: return;
    case CLP_WRITE_REFUSED: refuse(call, &edit->error, edit_status(edit->result)); return;
    case CLP_WRITE_INVALID: refuse(call, &change->error, 400); return;
    case CLP_WRITE_STALE: refuse_stale(call, change->revision); return;
    case CLP_WRITE_NO_PLACE:
        clp_admin_fail(call, 409, NULL,
                       "Channels cannot be changed: the configuration has no ClaudeStateDir.");
        return;
    case CLP_WRITE_BROKEN:
        clp_admin_fail(call, 409, change->error.path,
                       "The overlay that is there cannot be used, so it cannot be changed: %s%s%s. "
                       "Mend or remove the file %s first.",
                       change->error.path, *change->error.path ? " " : "", change->error.message,
                       call->site->overlay_path);
        return;
    case CLP_WRITE_BUSY:
        apr_table_setn(call->headers, "Retry-After", "1");
        clp_admin_fail(call, 503, NULL, "Another change takes its time; try again.");
        return;
    case CLP_WRITE_FAILED: break;
    }
    clp_admin_fail(call, 500, NULL, "Nothing was changed: %s.", change->error.message);
}

int clp_admin_write(clp_admin_call *call, clp_admin_edit *e)
{
    clp_write_result result;

    e->call = call;
    result = call->site->write(call->revision, make_edit, e, call->pool, &call->change);
    explain(call, result, &e->edit);
    return result == CLP_WRITE_DONE;
}

int clp_admin_leave(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;

    if (call->revision != CLP_ANY_REVISION && call->revision != site->revision) {
        refuse_stale(call, site->revision);
        return 0;
    }
    call->change.revision = site->revision;
    call->change.laid = site->channels;
    return 1;
}

void clp_admin_done(clp_admin_call *call, clp_jw *w, const char *did)
{
    call->did = did;
    call->told_revision = call->change.revision;
    clp_jw_init(w, call->out);
    clp_jw_object(w);
    clp_jw_kstr(w, "message", did);
    clp_jw_kint(w, "revision", call->change.revision);
}

const clp_channel *clp_admin_changed(const clp_admin_call *call)
{
    return clp_channel_named(call->change.laid, call->name);
}

void clp_admin_tell_channel(clp_admin_call *call, clp_jw *w)
{
    clp_admin_value(w, "channel",
                    clp_channel_view_make(clp_admin_changed(call),
                                          clp_admin_configured(call, call->name), call->pool));
}

void clp_admin_done_channel(clp_admin_call *call, const char *did)
{
    clp_jw w;

    clp_admin_done(call, &w, did);
    clp_admin_tell_channel(call, &w);
    clp_jw_end_object(&w);
}
