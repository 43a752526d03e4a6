/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "cors.h"

#include <apr_strings.h>

#include "http_protocol.h"
#include "http_request.h"

#include "claims.h"
#include "config.h"
#include "error_shape.h"
#include "gateway/origin.h"
#include "wire/log.h"

struct clp_cors {
    int none;                    /**< said "None" */
    int any;                     /**< said "*" */
    apr_array_header_t *origins; /**< of const char *, normal form */
};

#define ALLOWED_METHODS "GET, HEAD, POST, DELETE, OPTIONS"

/** Told to a browser that does not say which fields it will send. */
#define USUAL_FIELDS                                                                               \
    "authorization,content-type,x-api-key,anthropic-version,anthropic-beta,"                       \
    "anthropic-dangerous-direct-browser-access"

/** Fields of answers that scripts may read; a list, since '*' is no wildcard with credentials. */
#define EXPOSED_FIELDS                                                                             \
    "request-id, x-request-id, retry-after, retry-after-ms, x-should-retry, "                      \
    "anthropic-organization-id, anthropic-ratelimit-requests-limit, "                              \
    "anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset, "                 \
    "anthropic-ratelimit-tokens-limit, anthropic-ratelimit-tokens-remaining, "                     \
    "anthropic-ratelimit-tokens-reset, anthropic-ratelimit-input-tokens-limit, "                   \
    "anthropic-ratelimit-input-tokens-remaining, anthropic-ratelimit-input-tokens-reset, "         \
    "anthropic-ratelimit-output-tokens-limit, anthropic-ratelimit-output-tokens-remaining, "       \
    "anthropic-ratelimit-output-tokens-reset, openai-organization, openai-processing-ms, "         \
    "openai-version, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "                       \
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "   \
    "x-ratelimit-reset-tokens, x-claude-proxy-channel, x-claude-proxy-attempts, "                  \
    "x-claude-proxy-pid, x-claude-proxy-request"

const char *clp_cors_add(clp_cors *cors, cmd_parms *cmd, int argc, char *const argv[],
                         clp_cors **out)
{
    if (!cors) {
        cors = apr_pcalloc(cmd->pool, sizeof(*cors));
        cors->origins = apr_array_make(cmd->pool, argc, sizeof(const char *));
    }
    *out = cors;
    for (int i = 0; i < argc; i++) {
        const char *wrong, *origin;

        if (ap_cstr_casecmp(argv[i], "None") == 0) {
            cors->none = 1;
            continue;
        }
        if (strcmp(argv[i], "*") == 0) {
            cors->any = 1;
            continue;
        }
        origin = clp_origin_normal(argv[i], &wrong, cmd->pool);
        if (!origin) {
            return apr_pstrcat(cmd->pool, "ClaudeCORSOrigin '", argv[i], "': ", wrong, NULL);
        }
        APR_ARRAY_PUSH(cors->origins, const char *) = origin;
    }
    if (cors->none + cors->any + (cors->origins->nelts > 0) != 1) {
        return "ClaudeCORSOrigin: None and * stand alone, and at least one origin is needed";
    }
    return NULL;
}

/** The value of Access-Control-Allow-Origin for this origin; NULL if it is not allowed. */
static const char *allowed_origin(const clp_cors *cors, const char *origin)
{
    if (cors->any) {
        return "*";
    }
    for (int i = 0; i < cors->origins->nelts; i++) {
        const char *allowed = APR_ARRAY_IDX(cors->origins, i, const char *);
        if (strcmp(allowed, origin) == 0) {
            return allowed;
        }
    }
    return NULL;
}

/** Sends the answer to a preflight; the CORS fields of every answer are set already. */
static int answer_preflight(request_rec *r)
{
    const clp_dir_config *conf = clp_dir_config_of(r);
    const char *asked = apr_table_get(r->headers_in, "Access-Control-Request-Headers");

    apr_table_setn(r->headers_out, "Access-Control-Allow-Methods", ALLOWED_METHODS);
    apr_table_setn(r->headers_out, "Access-Control-Allow-Headers",
                   asked ? clp_cors_field_names(asked, r->pool) : USUAL_FIELDS);
    apr_table_setn(
        r->headers_out, "Access-Control-Max-Age",
        apr_psprintf(r->pool, "%" APR_INT64_T_FMT, CLP_CONF(conf, cors_max_age_ms) / 1000));
    r->status = HTTP_NO_CONTENT;
    r->no_local_copy = 1;
    /* Header directives of the operator shall see this answer as any other. */
    ap_run_insert_filter(r);
    return DONE;
}

static int apply_cors(request_rec *r)
{
    const clp_cors *cors = clp_dir_config_of(r)->cors;
    const char *origin = apr_table_get(r->headers_in, "Origin");
    const char *allowed;
    int preflight;

    if (!cors || cors->none || !clp_request_claimed(r)) {
        return DECLINED;
    }
    if (!cors->any) {
        apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    }
    if (!origin) {
        return DECLINED;
    }
    preflight = r->method_number == M_OPTIONS &&
                apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
    allowed = allowed_origin(cors, origin);
    if (!allowed) {
        clp_log(r, CLP_LOG_INFO, 0, 2020, "origin %s is not in ClaudeCORSOrigin",
                ap_escape_logitem(r->pool, origin));
        if (!preflight) {
            return DECLINED;
        }
        clp_error_explain(r, "Scripts of this web origin may not use the gateway.");
        return HTTP_FORBIDDEN;
    }
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", allowed);
    apr_table_setn(r->err_headers_out, "Access-Control-Expose-Headers", EXPOSED_FIELDS);
    if (!cors->any) {
        apr_table_setn(r->err_headers_out, "Access-Control-Allow-Credentials", "true");
    }
    return preflight ? answer_preflight(r) : DECLINED;
}

void clp_cors_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_header_parser(apply_cors, NULL, NULL, APR_HOOK_LAST);
}
