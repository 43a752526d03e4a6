/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_auth.h"
#include "scoreboard.h"

#include "access_keys.h"
#include "claims.h"
#include "config.h"
#include "error_shape.h"
#include "wire/text.h"
#include "wire/log.h"

#define STATE_KEY "clp-credential"

/** What a client showed, as digest; kept with the pool of the request it came with. */
typedef struct credential {
    int shown;    /**< a header field held one */
    int in_query; /**< ?key= held one */
    unsigned char digest[CLP_KEY_DIGEST];
    unsigned char query_digest[CLP_KEY_DIGEST];
} credential;

static credential *credential_of(request_rec *r)
{
    void *found = NULL;

    apr_pool_userdata_get(&found, STATE_KEY, r->pool);
    if (!found) {
        found = apr_pcalloc(r->pool, sizeof(credential));
        apr_pool_userdata_setn(found, STATE_KEY, NULL, r->pool);
    }
    return found;
}

int clp_auth_key_shown(request_rec *r)
{
    return credential_of(r)->shown;
}

static int is_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && ap_cstr_casecmp(type, CLP_AUTH_TYPE) == 0;
}

/** The key of "Bearer KEY", or NULL. */
static const char *bearer_key(const char *value)
{
    if (!value || ap_cstr_casecmpn(value, "Bearer", 6) != 0 || value[6] != ' ') {
        return NULL;
    }
    value += 6;
    return value + strspn(value, " ");
}

static const char *nonempty(const char *value)
{
    return value && *value ? value : NULL;
}

/** The key that counts when a client shows several: its own protocol's way first. */
static const char *choose_key(request_rec *r)
{
    const char *own = nonempty(apr_table_get(r->headers_in, "x-api-key"));
    const char *bearer = nonempty(bearer_key(apr_table_get(r->headers_in, "Authorization")));
    const char *google = nonempty(apr_table_get(r->headers_in, "x-goog-api-key"));
    const clp_dialect *dialect = clp_route_dialect(r);

    if (google && dialect == &clp_dialect_gemini) {
        return google;
    }

    if (bearer && (!own || dialect != &clp_dialect_messages)) {
        return bearer;
    }
    return own ? own : google;
}

/** Takes the key out of the header; what is left is safe to pass on. */
static void take_header_key(request_rec *r, credential *c)
{
    const char *key = choose_key(r);

    if (key) {
        clp_sha256(clp_span_str(key), c->digest);
        c->shown = 1;
    }
    apr_table_unset(r->headers_in, "x-api-key");
    apr_table_unset(r->headers_in, "x-goog-api-key");
    if (bearer_key(apr_table_get(r->headers_in, "Authorization"))) {
        apr_table_unset(r->headers_in, "Authorization");
    }
}

/** The credential in force: an internal redirect or subrequest has that of its origin. */
static const unsigned char *find_digest(request_rec *r)
{
    const clp_dir_config *conf = clp_dir_config_of(r);

    take_header_key(r, credential_of(r));
    for (request_rec *from = r; from; from = from->main ? from->main : from->prev) {
        credential *c = credential_of(from);

        if (c->shown) {
            return c->digest;
        }
        if (c->in_query && CLP_CONF(conf, key_in_query)) {
            return c->query_digest;
        }
    }
    return NULL;
}

static void challenge(request_rec *r)
{
    const char *realm = ap_auth_name(r);

    apr_table_setn(
        r->err_headers_out, "WWW-Authenticate",
        apr_pstrcat(r->pool, "Bearer realm=\"", realm ? realm : "claude-proxy", "\"", NULL));
}

static int refuse(request_rec *r, const char *message)
{
    challenge(r);
    clp_error_explain(r, message);
    return HTTP_UNAUTHORIZED;
}

static int authenticate(request_rec *r)
{
    static volatile apr_uint32_t told_no_keys;
    const clp_dir_config *conf;
    const unsigned char *digest;
    const char *name;

    if (!is_ours(r)) {
        return DECLINED;
    }
    conf = clp_dir_config_of(r);
    r->ap_auth_type = (char *)CLP_AUTH_TYPE;
    digest = find_digest(r);
    if (!conf->access_keys || !clp_access_keys_any(conf->access_keys)) {
        if (apr_atomic_cas32(&told_no_keys, 1, 0) == 0) {
            clp_log(r, CLP_LOG_ERR, 0, 2010,
                    "AuthType " CLP_AUTH_TYPE " is in force for %s, but there is no "
                    "ClaudeAccessKey or ClaudeAccessKeyFile: every request is refused",
                    r->uri);
        }
        return refuse(r, "No valid access key was given: none is set up here. Ask the operator.");
    }
    if (!digest) {
        clp_log(r, CLP_LOG_INFO, 0, 2011, "no access key shown for %s", r->uri);
        return refuse(r, "No valid access key was given. Send it as x-api-key or as Authorization: "
                         "Bearer.");
    }
    name = clp_access_keys_find(conf->access_keys, r, digest);
    if (!name) {
        clp_log(r, CLP_LOG_WARNING, 0, 2012, "unknown access key for %s", r->uri);
        return refuse(r, "No valid access key was given: the one that was sent is unknown.");
    }
    r->user = (char *)name;
    return OK;
}

/** A location of the gateway wants the key even where no Require asks for a user. */
static int force_authentication(request_rec *r)
{
    clp_route route;

    if (!is_ours(r)) {
        return DECLINED;
    }
    clp_route_find(&route, r);
    return route.endpoint != CLP_ENDPOINT_NONE && !clp_route_is_public(&route) ? OK : DECLINED;
}

static int note_failure(request_rec *r, const char *type)
{
    if (ap_cstr_casecmp(type, CLP_AUTH_TYPE) != 0) {
        return DECLINED;
    }
    challenge(r);
    return OK;
}

/** The text with the values of all "key" parameters behind its '?' masked. */
static const char *mask_query_key(apr_pool_t *p, const char *text)
{
    const char *at = text ? strchr(text, '?') : NULL;
    const char *masked = text;

    while (at && (*at == '?' || *at == '&')) {
        const char *name = at + 1;
        const char *end = name + strcspn(name, "& ");

        at = end;
        if (strncmp(name, "key=", 4) == 0) {
            const char *front = apr_pstrmemdup(p, masked, (apr_size_t)(name + 4 - masked));

            masked = apr_pstrcat(p, front, "***", end, NULL);
            at = masked + strlen(front) + 3;
        }
    }
    return masked;
}

/** The query without its "key" parameters; the first one's value in `key`. */
static char *cut_query_key(apr_pool_t *p, const char *args, const char **key)
{
    char *rest = apr_pstrdup(p, args);
    char *to = rest;

    *key = NULL;
    while (*args) {
        apr_size_t n = strcspn(args, "&");

        if (strncmp(args, "key=", 4) == 0 && n >= 4) {
            if (!*key) {
                *key = apr_pstrmemdup(p, args + 4, n - 4);
            }
        }
        else {
            if (to != rest) {
                *to++ = '&';
            }
            memcpy(to, args, n);
            to += n;
        }
        args += n;
        args += *args == '&';
    }
    *to = '\0';
    return rest;
}

/** Runs right after the location is known, for every initial request, allowed or not. */
static int hide_query_key(request_rec *r)
{
    const char *key;
    char *rest;

    if (!r->args || !strstr(r->args, "key=") || !(is_ours(r) || clp_request_claimed(r))) {
        return DECLINED;
    }
    rest = cut_query_key(r->pool, r->args, &key);
    if (!key) {
        return DECLINED;
    }
    if (*key) {
        char *plain = apr_pstrdup(r->pool, key);

        if (ap_unescape_urlencoded(plain) == OK && *plain) {
            credential *c = credential_of(r);

            clp_sha256(clp_span_str(plain), c->query_digest);
            c->in_query = 1;
        }
    }
    r->args = *rest ? rest : NULL;
    r->parsed_uri.query = r->args;
    r->the_request = (char *)mask_query_key(r->pool, r->the_request);
    r->unparsed_uri = (char *)mask_query_key(r->pool, r->unparsed_uri);
    /* The scoreboard has the request line as it came. */
    ap_update_child_status(r->connection->sbh, SERVER_BUSY_WRITE, r);
    return DECLINED;
}

void clp_auth_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_header_parser(hide_query_key, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_authn(authenticate, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(force_authentication, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_note_auth_failure(note_failure, NULL, NULL, APR_HOOK_MIDDLE);
}
