/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>

#include "gateway/identity.h"

typedef struct row {
    const char *name;
    const char *headers[4]; /* field, value, field, value */
    const char *session;    /* sniffed */
    const char *end_user;
    const char *user;
    clp_identity_source source;
    const char *want; /* name */
    const char *key;
} row;

static const row rows[] = {
    {"nothing", {NULL}, NULL, NULL, NULL, CLP_IDENTITY_NOBODY, "", NULL},
    {"a client", {NULL}, NULL, NULL, "anna", CLP_IDENTITY_CLIENT, "", "client\n\nanna"},
    {"its user", {NULL}, NULL, "u1", "anna", CLP_IDENTITY_END_USER, "u1", "user\nu1\nanna"},
    {"Claude Code",
     {"X-Claude-Code-Session-Id", "s1", "session-id", "s2"},
     "s3",
     "u1",
     "anna",
     CLP_IDENTITY_SESSION,
     "s1",
     "session\ns1\nanna"},
    {"the body before other fields",
     {"session-id", "s2"},
     "s3",
     "u1",
     "anna",
     CLP_IDENTITY_SESSION,
     "s3",
     "session\ns3\nanna"},
    {"Codex",
     {"Session-Id", "s2", "conversation_id", "s4"},
     NULL,
     NULL,
     NULL,
     CLP_IDENTITY_SESSION,
     "s2",
     "session\ns2\n"},
    {"an older Codex",
     {"conversation_id", "s4", "session_id", "s3"},
     NULL,
     "u1",
     "anna",
     CLP_IDENTITY_SESSION,
     "s3",
     "session\ns3\nanna"},
    {"a conversation",
     {"Conversation_id", "s4"},
     NULL,
     NULL,
     "anna",
     CLP_IDENTITY_SESSION,
     "s4",
     "session\ns4\nanna"},
    {"Gemini CLI",
     {"x-gemini-api-privileged-user-id", "g"},
     NULL,
     "u1",
     "anna",
     CLP_IDENTITY_SESSION,
     "g",
     "session\ng\nanna"},
    {"an empty field is none",
     {"session-id", ""},
     NULL,
     NULL,
     "anna",
     CLP_IDENTITY_CLIENT,
     "",
     "client\n\nanna"},
    {"control characters are no name",
     {"session-id", "a\nb"},
     "c\x01",
     "d\x7f",
     "",
     CLP_IDENTITY_NOBODY,
     "",
     NULL},
};

int main(void)
{
    apr_pool_t *pool = tap_begin();
    char *longest = apr_pcalloc(pool, 514);
    clp_sniffed sniffed;
    clp_identity got;

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const row *r = &rows[i];
        apr_table_t *headers = apr_table_make(pool, 4);
        for (int h = 0; h < 4 && r->headers[h]; h += 2) {
            apr_table_addn(headers, r->headers[h], r->headers[h + 1]);
        }
        memset(&sniffed, 0, sizeof(sniffed));
        sniffed.session = r->session;
        sniffed.user = r->end_user;
        got = clp_identity_of(headers, &sniffed, r->user, pool);
        IS_INT(got.source, r->source, apr_pstrcat(pool, r->name, ": source", NULL));
        IS_STR(got.name, r->want, apr_pstrcat(pool, r->name, ": name", NULL));
        IS_SPAN(clp_span_str(got.key), clp_span_str(r->key),
                apr_pstrcat(pool, r->name, ": key", NULL));
    }
    memset(longest, 'x', 513);
    memset(&sniffed, 0, sizeof(sniffed));
    sniffed.session = longest;
    got = clp_identity_of(apr_table_make(pool, 1), &sniffed, "anna", pool);
    IS_INT(got.source, CLP_IDENTITY_CLIENT, "a name without end is none");
    longest[512] = '\0';
    got = clp_identity_of(apr_table_make(pool, 1), &sniffed, "anna", pool);
    IS_INT(got.source, CLP_IDENTITY_SESSION, "512 bytes are one");
    got = clp_identity_of(apr_table_make(pool, 1), NULL, "anna", pool);
    IS_INT(got.source, CLP_IDENTITY_CLIENT, "without a body");
    return tap_end();
}
