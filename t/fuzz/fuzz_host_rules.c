/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <string.h>

#include <apr_strings.h>
#include <curl/curl.h>

#include "fuzz.h"
#include "upstream/host_rules.h"

/*
 * The input: patterns, one a line, and as the last line a URL. Holds: an address is the same
 * however it is shown; a URL that is allowed leads to no address that a connection is forbidden
 * to, as libcurl reads its host and the resolver numbers.
 */
static clp_host_rules *read_rules(char **text, apr_pool_t *pool)
{
    clp_host_rules *rules = clp_host_rules_make(pool);
    char *end;

    while ((end = strchr(*text, '\n'))) {
        *end = '\0';
        clp_host_rules_add(rules, *text);
        *text = end + 1;
    }
    return rules;
}

static void check_shown(const char *text)
{
    char shown[CLP_IP_TEXT];
    clp_ip ip, again;

    if (clp_ip_parse(&ip, text)) {
        FUZZ_CHECK(clp_ip_show(&ip, shown) && clp_ip_parse(&again, shown));
        FUZZ_CHECK(!memcmp(&ip, &again, sizeof(ip)));
    }
}

/* The host, as it would be looked up; NULL = there is none. */
static const char *host_of(const char *url, apr_pool_t *pool)
{
    CURLU *parsed = curl_url();
    char *host = NULL;
    const char *copy = NULL;

    if (!curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) &&
        !curl_url_get(parsed, CURLUPART_HOST, &host, 0)) {
        copy = *host == '[' ? apr_pstrndup(pool, host + 1, strcspn(host + 1, "]"))
                            : apr_pstrdup(pool, host);
    }
    curl_free(host);
    curl_url_cleanup(parsed);
    return copy;
}

static void check_allowed(const clp_host_rules *rules, const char *url, apr_pool_t *pool)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    const char *host = host_of(url, pool);
    struct addrinfo *found;
    clp_ip ip;

    if (host && !getaddrinfo(host, NULL, &hints, &found)) {
        FUZZ_CHECK(clp_ip_of_sockaddr(&ip, found->ai_addr));
        FUZZ_CHECK(!clp_host_rules_check_ip(rules, &ip));
        freeaddrinfo(found);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *url = apr_pstrmemdup(pool, (const char *)data, size);
    const clp_host_rules *rules = read_rules(&url, pool);

    check_shown(url);
    if (!clp_host_rules_check_url(rules, url, pool)) {
        check_allowed(rules, url, pool);
    }
    if (!clp_host_rules_check_url(clp_host_rules_make(pool), url, pool)) {
        check_allowed(clp_host_rules_make(pool), url, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
