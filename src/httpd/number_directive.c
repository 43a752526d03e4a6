/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "number_directive.h"

#include <apr_strings.h>

#include "wire/quantity.h"

static apr_int64_t *member_at(void *conf, apr_size_t offset)
{
    return (apr_int64_t *)((char *)conf + offset);
}

static const char *read_number(cmd_parms *cmd, void *conf, const char *text)
{
    const clp_number_rule *rule = cmd->info;
    apr_int64_t n = 0;
    int fits;

    if (rule->kind == CLP_A_COUNT) {
        fits = clp_count_parse(text, &n);
    }
    else if (rule->kind == CLP_A_SIZE) {
        fits = clp_size_parse(text, &n);
    }
    else if (rule->kind == CLP_A_TIME_OR_OFF && ap_cstr_casecmp(text, "off") == 0) {
        *member_at(conf, rule->offset) = 0;
        return NULL;
    }
    else {
        fits = clp_time_parse(text, &n);
    }
    if (!fits || n < rule->min || n > rule->max) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not %s", cmd->cmd->name, text, rule->range);
    }
    *member_at(conf, rule->offset) = n;
    return NULL;
}

const char *clp_location_number(cmd_parms *cmd, void *dir, const char *text)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    return wrong ? wrong : read_number(cmd, dir, text);
}

const char *clp_global_number(cmd_parms *cmd, void *dir, const char *text)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong ? wrong : read_number(cmd, clp_server_config_of(cmd->server), text);
}

const char *clp_location_flag(cmd_parms *cmd, void *dir, int on)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_LIMIT);

    if (!wrong) {
        *member_at(dir, (apr_size_t)cmd->info) = on;
    }
    return wrong;
}
