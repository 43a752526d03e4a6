/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "live_write.h"

#include <apr_strings.h>

#include "gateway/overlay_save.h"
#include "overlay_file.h"
#include "state/durable_file.h"
#include "wire/text.h"

#define PATIENCE apr_time_from_sec(5)

/** A change under way. */
typedef struct change {
    apr_pool_t *pool;
    clp_overlay_change *told;
    clp_overlay *overlay;
    clp_span before;
    const apr_array_header_t *base; /* the configuration's channels */
} change;

static clp_write_result failed(const change *c, const char *what, apr_status_t rv)
{
    char why[120];

    c->told->error.path = "";
    c->told->error.message =
        apr_pstrcat(c->pool, what, ": ", apr_strerror(rv, why, sizeof(why)), NULL);
    return CLP_WRITE_FAILED;
}

static clp_write_result take_document(change *c, apr_int64_t revision)
{
    const char *wrong = clp_overlay_file_read(clp_live_path(), c->pool, &c->overlay, NULL);

    if (wrong) {
        c->told->error.path = "";
        c->told->error.message = wrong;
        return CLP_WRITE_BROKEN;
    }
    c->told->revision = c->overlay->revision;
    c->told->revision_before = c->overlay->revision;
    if (revision != CLP_ANY_REVISION && revision != c->overlay->revision) {
        return CLP_WRITE_STALE;
    }
    c->before = clp_overlay_text(c->overlay, c->pool);
    clp_sha256_hex(c->before, c->told->before);
    return CLP_WRITE_DONE;
}

static int lay(const change *c, apr_array_header_t **laid)
{
    return clp_overlay_lay(c->overlay, c->base, clp_overlay_source(), c->pool, laid,
                           &c->told->error);
}

static clp_write_result edit_document(change *c, clp_overlay_edit_fn *edit, void *ctx)
{
    apr_array_header_t *laid;

    if (!lay(c, &laid)) {
        return CLP_WRITE_BROKEN;
    }
    /* These channels go on to look at the document that they were made of. */
    c->overlay->document = clp_document_copy(c->overlay->document, c->pool);
    if (!edit(ctx, c->overlay, laid, c->pool)) {
        return CLP_WRITE_REFUSED;
    }
    if (!lay(c, &laid)) {
        return CLP_WRITE_INVALID;
    }
    c->told->laid = laid;
    return CLP_WRITE_DONE;
}

static clp_write_result write_document(change *c)
{
    const char *path = clp_live_path();
    clp_span text;
    apr_status_t rv;

    if (c->overlay->revision > 0) {
        rv = clp_overlay_save_copy(path, c->before, c->overlay->revision, apr_time_now(), c->pool);
        if (rv != APR_SUCCESS) {
            return failed(c, "no backup could be made", rv);
        }
    }
    c->overlay->revision++;
    text = clp_overlay_text(c->overlay, c->pool);
    if (text.n > CLP_OVERLAY_SIZE_MAX) {
        c->told->error = (clp_document_error){"", "the document would be larger than 4 MiB"};
        return CLP_WRITE_INVALID;
    }
    rv = clp_durable_replace(path, text, c->pool);
    if (rv != APR_SUCCESS) {
        return failed(c, "the overlay cannot be written", rv);
    }
    clp_sha256_hex(text, c->told->after);
    c->told->revision = c->overlay->revision;
    return CLP_WRITE_DONE;
}

static clp_write_result change_document(change *c, apr_int64_t revision, clp_overlay_edit_fn *edit,
                                        void *ctx)
{
    clp_write_result result = take_document(c, revision);

    if (result == CLP_WRITE_DONE) {
        result = edit_document(c, edit, ctx);
    }
    return result == CLP_WRITE_DONE ? write_document(c) : result;
}

clp_write_result clp_live_write(apr_int64_t revision, clp_overlay_edit_fn *edit, void *ctx,
                                apr_pool_t *pool, clp_overlay_change *told)
{
    change c = {.pool = pool, .told = told};
    clp_write_result result;
    apr_status_t rv;
    int lock;

    memset(told, 0, sizeof(*told));
    if (!clp_live_path()) {
        return CLP_WRITE_NO_PLACE;
    }
    rv = clp_overlay_save_lock(clp_live_path(), apr_time_now() + PATIENCE, pool, &lock);
    if (rv != APR_SUCCESS) {
        return rv == APR_TIMEUP ? CLP_WRITE_BUSY
                                : failed(&c, "the state directory cannot be written to", rv);
    }
    c.base = clp_live_hold(pool).configured;
    result = change_document(&c, revision, edit, ctx);
    clp_overlay_save_unlock(lock);
    if (result == CLP_WRITE_DONE) {
        clp_live_look();
    }
    return result;
}
