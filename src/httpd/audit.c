/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include "http_log.h"
#include "http_protocol.h"

#include "admin.h"
#include "gateway/admin_audit.h"
#include "line_log.h"

APLOG_USE_MODULE(claude_proxy);

/* Says that a request's line was written. */
#define DONE_NOTE "clp-audited"

const char *clp_audit_set(cmd_parms *cmd, clp_server_config *conf, const char *target)
{
    conf->audit_log_said = 1;
    conf->audit_log = NULL;
    return ap_cstr_casecmp(target, "off") == 0 ? NULL
                                               : clp_line_log_name(&conf->audit_log, cmd, target);
}

/* The end of a line is the error log's own. */
static void say(request_rec *r, int level, const char *why, clp_span line)
{
    ap_log_rerror(APLOG_MARK, level, 0, r, "CLP2410: %s%.*s", why, (int)line.n - 1, line.p);
}

void clp_audit_note(request_rec *r, const clp_admin_call *call)
{
    struct clp_line_log *log = clp_server_config_of(r->server)->audit_log;
    /* Whom nobody has checked is nobody, whatever name was tried. */
    const char *user = call->status == HTTP_UNAUTHORIZED ? NULL : r->user;
    const clp_admin_caller caller = {r->log_id, user, r->useragent_ip};
    clp_buffer line;

    if (!clp_admin_audit_wants(call)) {
        return;
    }
    clp_buffer_init(&line, r->pool, 0);
    clp_admin_audit_write(&line, call, &caller, apr_time_now());
    if (!log) {
        say(r, APLOG_NOTICE, "audit: ", clp_buffer_all(&line));
    }
    else if (!clp_line_log_write(log, r, clp_buffer_all(&line))) {
        say(r, APLOG_ERR, "the audit log did not take this: ", clp_buffer_all(&line));
    }
    clp_buffer_release(&line);
    apr_table_setn(r->notes, DONE_NOTE, "1");
}

/* What httpd refused never came to the API: its access control, or a limit. */
static int note_refused(request_rec *r)
{
    const clp_admin_site nowhere = {0};
    clp_admin_call call;

    if (r->method_number == M_GET || apr_table_get(r->notes, DONE_NOTE) || r->status < 400 ||
        !clp_admin_claims(r)) {
        return DECLINED;
    }
    clp_admin_begin(&call, &nowhere, r->pool);
    call.method = r->method;
    call.path = r->uri;
    if (clp_admin_find(&call)) {
        clp_admin_fail(&call, r->status, NULL, "The server refused it before it came to the API.");
        clp_audit_note(r, &call);
    }
    return DECLINED;
}

void clp_audit_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_log_transaction(note_refused, NULL, NULL, APR_HOOK_MIDDLE);
}
