/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <apr_strings.h>

static const char *add_rule(const clp_channel_draft *d, apr_array_header_t *rules, const char *spec)
{
    clp_verdict_rule rule;
    const char *wrong = clp_verdict_rule_read(&rule, spec, d->pool);

    if (wrong) {
        return apr_pstrcat(d->pool, d->label, ": ", wrong, NULL);
    }
    APR_ARRAY_PUSH(rules, clp_verdict_rule) = rule;
    return NULL;
}

const char *clp_set_retry_on(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return add_rule(d, d->channel->retry, argv[0]);
}

const char *clp_set_never_retry_on(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return add_rule(d, d->channel->never_retry, argv[0]);
}
