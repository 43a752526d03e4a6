/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_GATEWAY_IDENTITY_H
#define CLP_GATEWAY_IDENTITY_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "dialect/dialect.h"

/**
 * @file identity.h
 * @brief Which conversation a request belongs to, as its client tells.
 *
 * Providers cache prompts by account, so the requests of one conversation
 * should meet the same channel and key. Clients name conversations in
 * different ways; the first of these that is there counts:
 * x-claude-code-session-id; the session in metadata.user_id, or
 * prompt_cache_key (what the dialect's sniff found); session-id (Codex);
 * Session_id; Conversation_id; x-gemini-api-privileged-user-id; the end
 * user's id; else the client's own name.
 */
typedef enum clp_identity_source {
    CLP_IDENTITY_NOBODY,   /**< the client is not known and names nothing */
    CLP_IDENTITY_SESSION,  /**< a conversation */
    CLP_IDENTITY_END_USER, /**< a user of the client's */
    CLP_IDENTITY_CLIENT    /**< the authenticated client */
} clp_identity_source;

typedef struct clp_identity {
    clp_identity_source source;
    const char *scope; /**< the client's name; "" = nobody's */
    const char *name;  /**< of the conversation or user, within the scope; "" if none */
    const char *key;   /**< scope and name in one, for tables; NULL for NOBODY */
} clp_identity;

/**
 * Pure: the same request always gives the same. Names longer than 512 bytes
 * or with control characters count as not there.
 * @param headers the client's
 * @param sniffed of the body; may be NULL
 * @param user    the authenticated client's name; NULL or "" = none
 */
clp_identity clp_identity_of(const apr_table_t *headers, const clp_sniffed *sniffed,
                             const char *user, apr_pool_t *pool);

#endif
