/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_draft.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "settings.h"

#define ANY_NUMBER (-1)

/** How a setting is said. */
static const struct setting_rule {
    clp_setter *set;
    int once;          /* may stand once in a channel */
    int each;          /* every argument is a call of its own */
    int least, most;   /* arguments of a line */
    const char *wants; /* what they are, in words that follow the label */
} rules[CLP_SETTING_COUNT] = {
    [CLP_SETTING_SERVICE] = {clp_set_service, 1, 0, 1, 1,
                             "wants claude, openai, openai-legacy, responses or gemini"},
    [CLP_SETTING_URLS] = {clp_set_url, 0, 1, 1, ANY_NUMBER, "wants base URLs"},
    [CLP_SETTING_KEYS] = {clp_set_key, 0, 1, 1, ANY_NUMBER,
                          "wants KEY, env:NAME, file:PATH or exec:COMMAND"},
    [CLP_SETTING_PRIORITY] = {clp_set_priority, 1, 0, 1, 1, "wants a number"},
    [CLP_SETTING_STATUS] = {clp_set_status, 1, 0, 1, 1, "wants active, suspended or disabled"},
    [CLP_SETTING_MODEL_MAP] = {clp_set_model_map, 0, 0, 2, 2,
                               "wants a model's name or pattern, and the name to ask for"},
    [CLP_SETTING_MODELS] = {clp_set_models, 0, 1, 1, ANY_NUMBER,
                            "wants names or patterns of models"},
    [CLP_SETTING_TIMEOUTS] = {clp_set_timeout, 0, 1, 1, ANY_NUMBER,
                              "wants connect=TIME, first-byte=TIME, idle=TIME or total=TIME"},
    [CLP_SETTING_TLS_VERIFY] = {clp_set_tls_verify, 1, 0, 1, 1, "must be On or Off"},
    [CLP_SETTING_TLS_CA_FILE] = {clp_set_tls_ca_file, 1, 0, 1, 1, "wants a path"},
    [CLP_SETTING_TLS_CA_PATH] = {clp_set_tls_ca_path, 1, 0, 1, 1, "wants a path"},
    [CLP_SETTING_TLS_CERTIFICATE] = {clp_set_tls_certificate, 1, 0, 1, 2,
                                     "wants the path of a certificate, and that of its key"},
    [CLP_SETTING_PROXY] = {clp_set_proxy, 1, 0, 1, 1, "wants a URL, or Off"},
    [CLP_SETTING_HTTP2] = {clp_set_http2, 1, 0, 1, 1, "must be On or Off"},
    [CLP_SETTING_HEADERS] = {clp_set_header, 0, 0, 2, 3, "wants 'set NAME VALUE' or 'unset NAME'"},
    [CLP_SETTING_USER_AGENT] = {clp_set_user_agent, 1, 0, 1, 1, "wants a text"},
    [CLP_SETTING_AUTH] = {clp_set_auth, 1, 0, 1, 2, "wants dialect, bearer, none or header NAME"},
    [CLP_SETTING_OPTIONS] = {clp_set_option, 0, 1, 1, ANY_NUMBER,
                             "wants NAME=on, NAME=off or NAME=auto"},
    [CLP_SETTING_API_VERSION] = {clp_set_api_version, 1, 0, 1, 1, "wants a date as 2023-06-01"},
    [CLP_SETTING_BREAKER] = {clp_set_breaker, 1, 0, 1, ANY_NUMBER,
                             "wants Off, window=N, min=N, percent=N, open=TIME or probe=TIME"},
    [CLP_SETTING_COOLDOWN] = {clp_set_cooldown, 1, 0, 1, ANY_NUMBER,
                              "wants Off, default=TIME, repeated=TIME or max=TIME"},
    [CLP_SETTING_RETRY_ON] = {clp_set_retry_on, 0, 1, 1, ANY_NUMBER,
                              "wants STATUS[/CODE][:TEXT], /CODE or TEXT"},
    [CLP_SETTING_NEVER_RETRY_ON] = {clp_set_never_retry_on, 0, 1, 1, ANY_NUMBER,
                                    "wants STATUS[/CODE][:TEXT], /CODE or TEXT"},
    [CLP_SETTING_HEALTH_CHECK] = {clp_set_health_check, 1, 0, 1, ANY_NUMBER,
                                  "wants Off, or interval=TIME and what else is to be said"},
    [CLP_SETTING_WEIGHT] = {clp_set_weight, 1, 0, 1, 1, "wants a number"},
    [CLP_SETTING_KEY_ORDER] = {clp_set_key_order, 1, 0, 1, 1, "wants ordered, rotate or random"},
    [CLP_SETTING_LIMIT] = {clp_set_limit, 1, 0, 1, ANY_NUMBER,
                           "wants concurrent=N, requests=N or tokens=N"},
    [CLP_SETTING_KEY_LIMIT] = {clp_set_key_limit, 1, 0, 1, ANY_NUMBER,
                               "wants concurrent=N, requests=N or tokens=N"},
    [CLP_SETTING_PROMOTION] = {clp_set_promotion, 1, 0, 1, 2,
                               "wants Off, or until=TIME and maybe protocols=NAME[,NAME]..."},
};

/** Bytes of clp_channel that a setting fills. */
static const struct member {
    apr_size_t at, size;
} members[CLP_SETTING_COUNT][2] = {
#define MEMBER(m)                                                                                  \
    {                                                                                              \
        APR_OFFSETOF(clp_channel, m), sizeof(__typeof__(((clp_channel *)0)->m))                    \
    }
    [CLP_SETTING_SERVICE] = {MEMBER(dialect)},
    [CLP_SETTING_URLS] = {MEMBER(urls), MEMBER(url_hosts)},
    [CLP_SETTING_KEYS] = {MEMBER(keys)},
    [CLP_SETTING_PRIORITY] = {MEMBER(priority)},
    [CLP_SETTING_STATUS] = {MEMBER(status)},
    [CLP_SETTING_MODEL_MAP] = {MEMBER(model_map)},
    [CLP_SETTING_MODELS] = {MEMBER(models)},
    [CLP_SETTING_TIMEOUTS] = {MEMBER(timeouts)},
    [CLP_SETTING_TLS_VERIFY] = {MEMBER(tls.verify)},
    [CLP_SETTING_TLS_CA_FILE] = {MEMBER(tls.ca_file)},
    [CLP_SETTING_TLS_CA_PATH] = {MEMBER(tls.ca_path)},
    [CLP_SETTING_TLS_CERTIFICATE] = {MEMBER(tls.cert_file), MEMBER(tls.key_file)},
    [CLP_SETTING_PROXY] = {MEMBER(proxy), MEMBER(proxy_hosts)},
    [CLP_SETTING_HTTP2] = {MEMBER(http2)},
    [CLP_SETTING_HEADERS] = {MEMBER(header_edits)},
    [CLP_SETTING_USER_AGENT] = {MEMBER(user_agent)},
    [CLP_SETTING_AUTH] = {MEMBER(auth), MEMBER(auth_header)},
    [CLP_SETTING_OPTIONS] = {MEMBER(traits)},
    [CLP_SETTING_API_VERSION] = {MEMBER(api_version)},
    [CLP_SETTING_BREAKER] = {MEMBER(breaker)},
    [CLP_SETTING_COOLDOWN] = {MEMBER(cooldown)},
    [CLP_SETTING_RETRY_ON] = {MEMBER(retry)},
    [CLP_SETTING_NEVER_RETRY_ON] = {MEMBER(never_retry)},
    [CLP_SETTING_HEALTH_CHECK] = {MEMBER(health)},
    [CLP_SETTING_WEIGHT] = {MEMBER(weight)},
    [CLP_SETTING_KEY_ORDER] = {MEMBER(key_order)},
    [CLP_SETTING_LIMIT] = {MEMBER(limits)},
    [CLP_SETTING_KEY_LIMIT] = {MEMBER(key_limits)},
    [CLP_SETTING_PROMOTION] = {MEMBER(promotion)},
#undef MEMBER
};

const char *clp_channel_name_wrong(const char *name)
{
    static const char *const taken[] = {"metrics", "dashboard", "reorder", "scheduler"};
    apr_size_t n =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    if (!n || n > CLP_CHANNEL_NAME_MAX || name[n]) {
        return "cannot be a channel's name: use 1 to 64 letters, digits and . _ -";
    }
    for (apr_size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (!strcmp(name, taken[i])) {
            return "cannot be a channel's name: paths of the admin API mean something else by it";
        }
    }
    return NULL;
}

void clp_channel_draft_begin(clp_channel_draft *d, const char *name, const char *defined_in,
                             const clp_channel_source *source, apr_pool_t *pool)
{
    memset(d, 0, sizeof(*d));
    d->channel = clp_channel_make(name, pool);
    d->channel->defined_in = defined_in;
    d->pool = pool;
    d->source = source;
}

void clp_channel_draft_begin_from(clp_channel_draft *d, const clp_channel *base,
                                  const clp_channel_source *source, apr_pool_t *pool)
{
    static const clp_row_ref none;
    clp_channel *c;

    clp_channel_draft_begin(d, base->name, base->defined_in, source, pool);
    d->base = base;
    c = d->channel;
    *c = *base;
    c->row = none;
    c->circuits = NULL;
    c->keys = apr_array_copy(pool, base->keys);
    for (int i = 0; i < c->keys->nelts; i++) {
        APR_ARRAY_IDX(c->keys, i, clp_key).row = none;
    }
}

const char *clp_channel_draft_set(clp_channel_draft *d, clp_channel_setting_id id, int argc,
                                  const char *const *argv)
{
    const struct setting_rule *rule = &rules[id];
    const char *wrong = NULL;

    if (rule->once && d->given[id]) {
        return apr_psprintf(d->pool, "%s stands already on %s of channel '%s'", d->label,
                            d->given[id], d->channel->name);
    }
    d->given[id] = d->where ? d->where : "another line";
    if (argc < rule->least || (rule->most != ANY_NUMBER && argc > rule->most)) {
        return apr_pstrcat(d->pool, d->label, " ", rule->wants, NULL);
    }
    if (!rule->each) {
        return rule->set(d, argc, argv);
    }
    for (int i = 0; i < argc && !wrong; i++) {
        wrong = rule->set(d, 1, argv + i);
    }
    return wrong;
}

void clp_channel_draft_clear(clp_channel_draft *d, clp_channel_setting_id id)
{
    const clp_channel *fresh = clp_channel_make(d->channel->name, d->pool);
    for (int i = 0; i < 2; i++) {
        const struct member *m = &members[id][i];
        memcpy((char *)d->channel + m->at, (const char *)fresh + m->at, m->size);
    }
    d->given[id] = NULL;
}

const char *clp_channel_draft_lacks(const clp_channel_draft *d)
{
    const clp_channel *c = d->channel;

    if (!c->dialect) {
        return "has no ChannelService: say claude, openai, openai-legacy, responses or gemini";
    }
    if (c->urls->nelts == 0) {
        return "has no ChannelURL";
    }
    if (c->keys->nelts == 0 && c->auth != CLP_AUTH_NONE) {
        return "has no ChannelKey; if the provider wants none, say ChannelAuth none";
    }
    if (c->keys->nelts > 0 && c->auth == CLP_AUTH_NONE) {
        return "has a ChannelKey that ChannelAuth none would never send: drop one of the two";
    }
    return NULL;
}

int clp_setting_flag(const char *text, int *value)
{
    *value = !strcasecmp(text, "on");
    return *value || !strcasecmp(text, "off");
}
