/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "envelope_key.h"

#include <openssl/rand.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "http_config.h"
#include "http_core.h"
#include "http_log.h"

#include "config.h"
#include "state/durable_file.h"

APLOG_USE_MODULE(claude_proxy);

#define FILE_NAME    "envelope.key"
#define RETAINED_KEY "mod_claude_proxy_envelope_key_v1"

/* Kept over graceful restarts, and over the reload of this module. */
static clp_envelope_key *key;

const clp_envelope_key *clp_envelope_key_of_server(void)
{
    return key;
}

static apr_status_t make_random(clp_envelope_key *to)
{
    return RAND_bytes(to->bytes, sizeof(to->bytes)) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t read_file(clp_envelope_key *to, const char *path, apr_pool_t *pool)
{
    apr_file_t *f;
    apr_size_t n = 0;
    char beyond;
    apr_size_t more = 1;
    apr_status_t rv = apr_file_open(&f, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_read_full(f, to->bytes, sizeof(to->bytes), &n);
    if (rv == APR_SUCCESS && apr_file_read(f, &beyond, &more) == APR_SUCCESS) {
        rv = APR_EGENERAL; /* longer than a key */
    }
    apr_file_close(f);
    return rv;
}

static apr_status_t take_from_state_dir(clp_envelope_key *to, const char *dir, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, dir, "/" FILE_NAME, NULL);
    apr_status_t rv = read_file(to, path, pool);

    if (APR_STATUS_IS_ENOENT(rv)) {
        rv = make_random(to);
        if (rv == APR_SUCCESS) {
            rv = clp_durable_replace(path, clp_span_of((const char *)to->bytes, sizeof(to->bytes)),
                                     pool);
        }
    }
    return rv;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *dir = clp_server_config_of(s)->state_dir;
    int fresh = 0;

    (void)p;
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    key = ap_retained_data_get(RETAINED_KEY);
    if (!key) {
        key = ap_retained_data_create(RETAINED_KEY, sizeof(*key));
        fresh = 1;
    }
    if (dir) {
        apr_status_t rv = take_from_state_dir(key, dir, ptemp);
        if (rv == APR_SUCCESS) {
            return OK;
        }
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2120: %s/" FILE_NAME " cannot be read or made; reasoning state of "
                     "earlier answers will be dropped. Remove a broken file, or make the "
                     "directory writable.",
                     dir);
        fresh = 1;
    }
    if (fresh && make_random(key) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "CLP2121: no random bytes to be had");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

void clp_envelope_key_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
}
