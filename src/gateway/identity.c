/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/identity.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define NAME_MAX_BYTES 512

static int is_name(const char *s)
{
    apr_size_t n = s ? strlen(s) : 0;
    if (!n || n > NAME_MAX_BYTES) {
        return 0;
    }
    for (const char *p = s; *p; p++) {
        if (apr_iscntrl(*p)) {
            return 0;
        }
    }
    return 1;
}

static const char *first_field(const apr_table_t *headers, const char *const *fields)
{
    for (; *fields; fields++) {
        const char *value = apr_table_get(headers, *fields);
        if (is_name(value)) {
            return value;
        }
    }
    return NULL;
}

static const char *session_of(const apr_table_t *headers, const clp_sniffed *sniffed)
{
    static const char *const before[] = {"x-claude-code-session-id", NULL};
    static const char *const after[] = {"session-id", "Session_id", "Conversation_id",
                                        "x-gemini-api-privileged-user-id", NULL};
    const char *name = first_field(headers, before);
    if (!name && sniffed && is_name(sniffed->session)) {
        name = sniffed->session;
    }
    return name ? name : first_field(headers, after);
}

clp_identity clp_identity_of(const apr_table_t *headers, const clp_sniffed *sniffed,
                             const char *user, apr_pool_t *pool)
{
    clp_identity identity = {CLP_IDENTITY_NOBODY, user ? user : "", "", NULL};
    const char *name = session_of(headers, sniffed);
    const char *mark = "client";

    if (name) {
        identity.source = CLP_IDENTITY_SESSION;
        identity.name = name;
        mark = "session";
    }
    else if (sniffed && is_name(sniffed->user)) {
        identity.source = CLP_IDENTITY_END_USER;
        identity.name = sniffed->user;
        mark = "user";
    }
    else if (*identity.scope) {
        identity.source = CLP_IDENTITY_CLIENT;
    }
    else {
        return identity;
    }
    /* No name holds a control character, so no two identities meet. */
    identity.key = apr_pstrcat(pool, mark, "\n", identity.name, "\n", identity.scope, NULL);
    return identity;
}
