/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "channel_headers.h"

#include <apr_strings.h>

/* Claude's OAuth tokens are shown as bearer, its API keys as x-api-key. */
#define CLAUDE_OAUTH_PREFIX "sk-ant-oat"

void clp_channel_sign(apr_table_t *headers, const clp_channel *c, const clp_key *key,
                      apr_pool_t *pool)
{
    const char *secret = key ? key->secret : NULL;
    clp_auth_scheme scheme = c->auth;

    if (!secret || scheme == CLP_AUTH_NONE) {
        return;
    }
    if (scheme == CLP_AUTH_DIALECT) {
        if (c->dialect == &clp_dialect_messages &&
            strncmp(secret, CLAUDE_OAUTH_PREFIX, sizeof(CLAUDE_OAUTH_PREFIX) - 1) != 0) {
            apr_table_setn(headers, "x-api-key", secret);
            return;
        }
        if (c->dialect == &clp_dialect_gemini) {
            apr_table_setn(headers, "x-goog-api-key", secret);
            return;
        }
        scheme = CLP_AUTH_BEARER;
    }
    if (scheme == CLP_AUTH_HEADER) {
        apr_table_setn(headers, c->auth_header, secret);
    }
    else {
        apr_table_setn(headers, "Authorization", apr_pstrcat(pool, "Bearer ", secret, NULL));
    }
}

void clp_channel_edit_headers(apr_table_t *headers, const clp_channel *c)
{
    if (c->user_agent) {
        apr_table_setn(headers, "User-Agent", c->user_agent);
    }
    for (int i = 0; i < c->header_edits->nelts; i++) {
        const clp_header_edit *e = &APR_ARRAY_IDX(c->header_edits, i, clp_header_edit);
        if (e->value) {
            apr_table_setn(headers, e->name, e->value);
        }
        else {
            apr_table_unset(headers, e->name);
        }
    }
}
