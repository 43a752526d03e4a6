/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_HOST_RULES_H
#define CLP_UPSTREAM_HOST_RULES_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "upstream/ip_address.h"

/**
 * @file host_rules.h
 * @brief To which hosts URLs may lead that are not the administrator's own word.
 *
 * Where hosts are listed, only those are allowed. Addresses of a machine's surroundings
 * (clp_ip_refused()) have to be listed in any case, by a range that means no others besides, and so
 * have the names of metadata services; to list a name is not to list the address it leads to.
 *
 * Immutable once made, for any thread.
 */
typedef struct clp_host_rules clp_host_rules;

/** Rules that list nothing. */
clp_host_rules *clp_host_rules_make(apr_pool_t *pool);

/**
 * List a host: a name, *.NAME for all names below one, an address, ADDRESS/BITS, or All.
 * @param pattern stays in place as long as the rules
 * @return NULL, or what is wrong, in words that follow it
 */
const char *clp_host_rules_add(clp_host_rules *rules, const char *pattern);

/** What was listed, of const char *, as it was said. */
const apr_array_header_t *clp_host_rules_listed(const clp_host_rules *rules);

/**
 * May this URL, of an upstream or a proxy, be asked?
 * @return NULL, or why not and what to do, in `pool`
 */
const char *clp_host_rules_check_url(const clp_host_rules *rules, const char *url,
                                     apr_pool_t *pool);

/** Is the URL's host listed by a name, an address or a range? All lists no host. */
int clp_host_rules_list_url(const clp_host_rules *rules, const char *url, apr_pool_t *pool);

/**
 * May a connection go to this address, whatever name led there?
 * @return NULL, or what it is, in words that follow "is"; static
 */
const char *clp_host_rules_check_ip(const clp_host_rules *rules, const clp_ip *ip);

#endif
