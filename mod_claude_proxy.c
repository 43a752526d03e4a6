/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mod_claude_proxy.c
 * @brief The module record and the list of hooks; everything else is below src/.
 */
#include "httpd.h"
#include "http_config.h"

#include "src/httpd/admin.h"
#include "src/httpd/auth.h"
#include "src/httpd/body_log.h"
#include "src/httpd/child.h"
#include "src/httpd/config.h"
#include "src/httpd/cors.h"
#include "src/httpd/endpoints.h"
#include "src/httpd/envelope_key.h"
#include "src/httpd/error_shape.h"
#include "src/httpd/front.h"
#include "src/httpd/line_log.h"
#include "src/httpd/key_files.h"
#include "src/httpd/live_channels.h"
#include "src/httpd/shared_state.h"
#include "src/httpd/overview.h"
#include "src/httpd/recent.h"
#include "src/httpd/status.h"
#include "src/httpd/tracing.h"
#include "src/httpd/watchdog.h"
#include "src/httpd/audit.h"

static void register_hooks(apr_pool_t *p)
{
    ap_hook_check_config(clp_config_check, NULL, NULL, APR_HOOK_MIDDLE);
    clp_child_register(p);
    clp_envelope_key_register(p);
    clp_shared_state_register(p);
    clp_key_files_register(p);
    clp_live_register(p);
    clp_watchdog_register(p);
    clp_admin_register(p);
    clp_audit_register(p);
    clp_front_register(p);
    clp_status_register(p);
    clp_server_status_register(p);
    clp_metrics_register(p);
    clp_auth_register(p);
    clp_cors_register(p);
    clp_error_shape_register(p);
    clp_demo_register(p);
    clp_line_log_register(p);
    clp_body_log_register(p);
    clp_tracing_register(p);
    clp_recent_register(p);
    clp_log_tags_register(p);
    clp_polling_register(p);
}

AP_DECLARE_MODULE(claude_proxy) = {
    STANDARD20_MODULE_STUFF, clp_dir_config_create, clp_dir_config_merge, clp_server_config_create,
    clp_server_config_merge, clp_directives,        register_hooks,       0};
