/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/destination.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <curl/curl.h>

/* A part of the URL in `pool`; NULL if it has none. */
static const char *part_of(CURLU *url, CURLUPart part, apr_pool_t *pool)
{
    char *text = NULL;
    const char *copy = NULL;

    if (curl_url_get(url, part, &text, 0) == CURLUE_OK && text) {
        copy = apr_pstrdup(pool, text);
    }
    curl_free(text);
    return copy;
}

static const char *host_of(CURLU *url, apr_pool_t *pool)
{
    const char *host = part_of(url, CURLUPART_HOST, pool);
    const char *zone = part_of(url, CURLUPART_ZONEID, pool);

    if (host && *host == '[') {
        host = apr_pstrmemdup(pool, host + 1, strcspn(host + 1, "]"));
    }
    return host && zone ? apr_pstrcat(pool, host, "%", zone, NULL) : host;
}

int clp_destination_read(clp_destination *to, const char *url, apr_pool_t *pool)
{
    CURLU *parsed = curl_url();
    const char *port;

    memset(to, 0, sizeof(*to));
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        port = part_of(parsed, CURLUPART_PORT, pool);
        to->port = port ? port : "";
        to->scheme = part_of(parsed, CURLUPART_SCHEME, pool);
        to->host = host_of(parsed, pool);
    }
    curl_url_cleanup(parsed);
    return to->scheme && to->host && *to->host;
}

int clp_destination_same_host(const clp_destination *a, const clp_destination *b)
{
    return strcasecmp(a->host, b->host) == 0;
}

int clp_destination_same(const clp_destination *a, const clp_destination *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && clp_destination_same_host(a, b) &&
           strcmp(a->port, b->port) == 0;
}

int clp_destination_secure(const clp_destination *to)
{
    return strcmp(to->scheme, "https") == 0;
}

/* "" is the scheme's own, however it is said. */
static const char *unusual_port(const clp_destination *to)
{
    return strcmp(to->port, clp_destination_secure(to) ? "443" : "80") == 0 ? "" : to->port;
}

int clp_destination_same_port(const clp_destination *a, const clp_destination *b)
{
    return strcmp(unusual_port(a), unusual_port(b)) == 0;
}
