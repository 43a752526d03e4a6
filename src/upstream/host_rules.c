/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/host_rules.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "upstream/destination.h"

#define NAME_MAX_BYTES 253

struct clp_host_rules {
    apr_array_header_t *names;  /* of const char *: as they were listed */
    apr_array_header_t *ranges; /* of clp_ip_range */
    apr_array_header_t *listed; /* of const char *: all of it, as it was said */
    int all;
};

/* Names under which clouds have their metadata services. They lead to addresses that are refused;
 * a proxy that looks names up would not refuse them. */
static const char *const refused_names[] = {
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    NULL,
};

clp_host_rules *clp_host_rules_make(apr_pool_t *pool)
{
    clp_host_rules *rules = apr_pcalloc(pool, sizeof(*rules));

    rules->listed = apr_array_make(pool, 4, sizeof(const char *));
    rules->names = apr_array_make(pool, 4, sizeof(const char *));
    rules->ranges = apr_array_make(pool, 4, sizeof(clp_ip_range));
    return rules;
}

/* --- what is listed ------------------------------------------------------------- */

static int is_name(const char *name)
{
    apr_size_t n = strlen(name);

    if (n == 0 || n > NAME_MAX_BYTES || *name == '.' || *name == '-' || strstr(name, "..")) {
        return 0;
    }
    for (apr_size_t i = 0; i < n; i++) {
        if (!apr_isalnum(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '_') {
            return 0;
        }
    }
    return 1;
}

const char *clp_host_rules_add(clp_host_rules *rules, const char *pattern)
{
    const char *name = strncmp(pattern, "*.", 2) == 0 ? pattern + 2 : pattern;
    clp_ip_range range;
    clp_ip ip;

    APR_ARRAY_PUSH(rules->listed, const char *) = pattern;
    if (strcasecmp(pattern, "all") == 0) {
        rules->all = 1;
        return NULL;
    }
    if (clp_ip_range_parse(&range, pattern)) {
        APR_ARRAY_PUSH(rules->ranges, clp_ip_range) = range;
        return NULL;
    }
    if (strchr(pattern, '/')) {
        return "is no range of addresses: write ADDRESS/BITS, with no bit set behind BITS; a host "
               "has no scheme and no path";
    }
    if (clp_ip_parse(&ip, name)) {
        return "is an unusual spelling of an address: write it as 192.0.2.1 or 2001:db8::1";
    }
    if (!is_name(name)) {
        return "is no host: write a name, *.NAME, an address, ADDRESS/BITS or All, without a port";
    }
    APR_ARRAY_PUSH(rules->names, const char *) = pattern;
    return NULL;
}

const apr_array_header_t *clp_host_rules_listed(const clp_host_rules *rules)
{
    return rules->listed;
}

/* Bytes of a name without the dot that may end it. */
static apr_size_t bare(const char *name)
{
    apr_size_t n = strlen(name);

    return n > 1 && name[n - 1] == '.' ? n - 1 : n;
}

static int name_fits(const char *pattern, const char *name)
{
    apr_size_t n = bare(name);
    apr_size_t m = bare(pattern);

    if (*pattern == '*') {
        /* ".NAME" ends it, and there is something before. */
        m--;
        return n > m && strncasecmp(name + n - m, pattern + 1, m) == 0;
    }
    return n == m && strncasecmp(name, pattern, n) == 0;
}

static int name_listed(const clp_host_rules *rules, const char *name, int exactly)
{
    for (int i = 0; i < rules->names->nelts; i++) {
        const char *pattern = APR_ARRAY_IDX(rules->names, i, const char *);
        if ((!exactly || *pattern != '*') && name_fits(pattern, name)) {
            return 1;
        }
    }
    return 0;
}

static int ip_listed(const clp_host_rules *rules, const clp_ip *ip, int bits)
{
    for (int i = 0; i < rules->ranges->nelts; i++) {
        const clp_ip_range *range = &APR_ARRAY_IDX(rules->ranges, i, clp_ip_range);
        if (range->bits >= bits && clp_ip_range_has(range, ip)) {
            return 1;
        }
    }
    return 0;
}

/* --- what is asked ---------------------------------------------------------------- */

const char *clp_host_rules_check_ip(const clp_host_rules *rules, const clp_ip *ip)
{
    int bits;
    const char *what = rules->all ? NULL : clp_ip_refused(ip, &bits);

    return what && !ip_listed(rules, ip, bits) ? what : NULL;
}

static const char *why_refused(const char *host, const char *what, apr_pool_t *pool)
{
    return apr_pstrcat(pool, host, " is ", what,
                       "; it has to be listed in ClaudeUpstreamHosts if channels shall go there",
                       NULL);
}

static const char *why_unlisted(const char *host, apr_pool_t *pool)
{
    return apr_pstrcat(pool, host,
                       " is no host that ClaudeUpstreamHosts lists; it has to be listed there if "
                       "channels shall go there",
                       NULL);
}

static const char *check_address(const clp_host_rules *rules, const clp_ip *ip, apr_pool_t *pool)
{
    const char *what = clp_host_rules_check_ip(rules, ip);
    char text[CLP_IP_TEXT];

    if (what) {
        return why_refused(clp_ip_show(ip, text), what, pool);
    }
    return rules->listed->nelts && !ip_listed(rules, ip, 0)
               ? why_unlisted(clp_ip_show(ip, text), pool)
               : NULL;
}

static int is_refused_name(const char *name)
{
    for (int i = 0; refused_names[i]; i++) {
        if (name_fits(refused_names[i], name)) {
            return 1;
        }
    }
    return 0;
}

static const char *check_name(const clp_host_rules *rules, const char *name, apr_pool_t *pool)
{
    if (is_refused_name(name) && !name_listed(rules, name, 1)) {
        return why_refused(name, "the name of a cloud's metadata service", pool);
    }
    return rules->listed->nelts && !name_listed(rules, name, 0) ? why_unlisted(name, pool) : NULL;
}

/* "169.254.169.254." is no number to resolvers that are strict, but to others. */
static int is_address(clp_ip *ip, const char *host, apr_pool_t *pool)
{
    return clp_ip_parse(ip, apr_pstrmemdup(pool, host, bare(host)));
}

const char *clp_host_rules_check_url(const clp_host_rules *rules, const char *url, apr_pool_t *pool)
{
    clp_destination to;
    clp_ip ip;

    if (rules->all) {
        return NULL;
    }
    if (!clp_destination_read(&to, url, pool)) {
        return "there is no host that could be compared with ClaudeUpstreamHosts";
    }
    return is_address(&ip, to.host, pool) ? check_address(rules, &ip, pool)
                                          : check_name(rules, to.host, pool);
}

int clp_host_rules_list_url(const clp_host_rules *rules, const char *url, apr_pool_t *pool)
{
    clp_destination to;
    clp_ip ip;

    if (!clp_destination_read(&to, url, pool)) {
        return 0;
    }
    return is_address(&ip, to.host, pool) ? ip_listed(rules, &ip, 0)
                                          : name_listed(rules, to.host, 0);
}
