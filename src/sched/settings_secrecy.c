/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <strings.h>

#include <apr_strings.h>

#include "upstream/destination.h"

/*
 * A channel of the configuration has keys, and values of header fields, that whoever may change it
 * while the server runs must not get to know: so it cannot be led to a server of theirs, or be
 * made to talk so that others read along. What a source without hosts says is not bound.
 */

#define ANOTHER_CHANNEL "or make a channel of its own with its own keys"

/* --- where it leads --------------------------------------------------------------- */

/* Only the path may be another, and http may become https. */
static int leads_alike(const clp_destination *to, const clp_destination *own)
{
    return clp_destination_same_host(to, own) && clp_destination_same_port(to, own) &&
           (clp_destination_secure(to) || !clp_destination_secure(own));
}

static int is_own_url(const clp_channel_draft *d, const char *url)
{
    clp_destination to, own;

    for (int i = 0; d->base && i < d->base->urls->nelts; i++) {
        const char *known = APR_ARRAY_IDX(d->base->urls, i, const char *);
        if (clp_destination_read(&to, url, d->pool) && clp_destination_read(&own, known, d->pool) &&
            leads_alike(&to, &own)) {
            return 1;
        }
    }
    return 0;
}

/* A proxy's port has other defaults, so it has to be said alike. */
static int is_own_proxy(const clp_channel_draft *d, const char *url)
{
    clp_destination to, own;

    return d->base && d->base->proxy && clp_destination_read(&to, url, d->pool) &&
           clp_destination_read(&own, d->base->proxy, d->pool) && clp_destination_same(&to, &own);
}

/* Http, where the channel of before has https, and does not ask that host by http itself. */
static int is_weaker(const clp_channel_draft *d, const char *url)
{
    clp_destination to, own;
    int secure = 0;

    if (!d->base || !clp_destination_read(&to, url, d->pool) || clp_destination_secure(&to)) {
        return 0;
    }
    for (int i = 0; i < d->base->urls->nelts; i++) {
        if (!clp_destination_read(&own, APR_ARRAY_IDX(d->base->urls, i, const char *), d->pool)) {
            continue;
        }
        if (clp_destination_secure(&own)) {
            secure = 1;
        }
        else if (clp_destination_same_host(&to, &own)) {
            return 0;
        }
    }
    return secure;
}

static const char *check_host(const clp_channel_draft *d, const char *url)
{
    const char *wrong = clp_host_rules_check_url(d->source->hosts, url, d->pool);

    if (wrong || !d->base || clp_host_rules_list_url(d->source->hosts, url, d->pool)) {
        return wrong;
    }
    return "the channel's section in the configuration does not lead there, and its keys go "
           "elsewhere only if the host is listed in ClaudeUpstreamHosts; list "
           "it, " ANOTHER_CHANNEL;
}

const char *clp_setting_bind_url(clp_channel_draft *d, const char *url)
{
    const clp_host_rules *hosts = d->source->hosts;

    if (!hosts || is_own_url(d, url)) {
        return NULL;
    }
    if (is_weaker(d, url)) {
        return "the channel's section in the configuration says https://, and its keys do not go "
               "over http://; say https:// here, " ANOTHER_CHANNEL;
    }
    d->channel->url_hosts = hosts;
    return check_host(d, url);
}

const char *clp_setting_bind_proxy(clp_channel_draft *d, const char *url)
{
    const clp_host_rules *hosts = d->source->hosts;

    if (!hosts || is_own_proxy(d, url)) {
        return NULL;
    }
    d->channel->proxy_hosts = hosts;
    return check_host(d, url);
}

/* --- who reads along --------------------------------------------------------------- */

static int drops_verification(const clp_channel *now, const clp_channel *base)
{
    return base->tls.verify && !now->tls.verify;
}

/* Then all authorities that the system knows would be trusted. */
static int drops_ca_file(const clp_channel *now, const clp_channel *base)
{
    return base->tls.ca_file && !now->tls.ca_file;
}

static int drops_ca_path(const clp_channel *now, const clp_channel *base)
{
    return base->tls.ca_path && !now->tls.ca_path;
}

/* Many servers send some of the fields that they get back, as x-request-id. */
static int moves_key(const clp_channel *now, const clp_channel *base)
{
    return now->auth == CLP_AUTH_HEADER &&
           (base->auth != CLP_AUTH_HEADER || strcasecmp(now->auth_header, base->auth_header) != 0);
}

static const struct exposure {
    clp_channel_setting_id id;
    int (*exposes)(const clp_channel *now, const clp_channel *base);
    const char *why;
} exposures[] = {
    {CLP_SETTING_TLS_VERIFY, drops_verification,
     "cannot be turned off for a channel of the configuration, whose keys others could read then; "
     "say ChannelTLSVerify Off in its section, " ANOTHER_CHANNEL},
    {CLP_SETTING_TLS_CA_FILE, drops_ca_file,
     "is what the configuration trusts with its keys; change it in the channel's "
     "section, " ANOTHER_CHANNEL},
    {CLP_SETTING_TLS_CA_PATH, drops_ca_path,
     "is what the configuration trusts with its keys; change it in the channel's "
     "section, " ANOTHER_CHANNEL},
    {CLP_SETTING_AUTH, moves_key,
     "cannot name a field of its own for keys of the configuration, as servers send some fields "
     "back; say ChannelAuth in the channel's section, " ANOTHER_CHANNEL},
};

const char *clp_channel_draft_exposes(const clp_channel_draft *d, clp_channel_setting_id *id)
{
    int bound = d->base && d->source->hosts;

    for (apr_size_t i = 0; bound && i < sizeof(exposures) / sizeof(exposures[0]); i++) {
        if (exposures[i].exposes(d->channel, d->base)) {
            *id = exposures[i].id;
            return exposures[i].why;
        }
    }
    return NULL;
}
