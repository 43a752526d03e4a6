/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_show.h"

#include <string.h>

#include <apr_strings.h>

#include "settings.h"
#include "state/rows.h"
#include "upstream/tls_files.h"
#include "wire/instant.h"
#include "wire/quantity.h"

/** The lines that a setting comes to, while they are made. */
typedef struct showing {
    apr_array_header_t *lines;
    apr_pool_t *pool;
} showing;

static apr_array_header_t *new_line(showing *to)
{
    clp_setting_line *line = apr_array_push(to->lines);
    line->argv = apr_array_make(to->pool, 2, sizeof(const char *));
    return line->argv;
}

static void add(apr_array_header_t *line, const char *arg)
{
    APR_ARRAY_PUSH(line, const char *) = arg;
}

static void show_one(showing *to, const char *arg)
{
    if (arg) {
        add(new_line(to), arg);
    }
}

static void show_flag(showing *to, int on)
{
    show_one(to, on ? "On" : "Off");
}

/* A list is one line: its elements are arguments. */
static void show_list(showing *to, const apr_array_header_t *list)
{
    if (list && list->nelts) {
        apr_array_header_t *line = new_line(to);
        for (int i = 0; i < list->nelts; i++) {
            add(line, APR_ARRAY_IDX(list, i, const char *));
        }
    }
}

static void show_service(showing *to, const clp_channel *c)
{
    show_one(to, clp_service_name(c->dialect));
}

static void show_urls(showing *to, const clp_channel *c)
{
    show_list(to, c->urls);
}

static void show_keys(showing *to, const clp_channel *c)
{
    const char *before = NULL;
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        /* A file may hold several. */
        if (!key->source || !before || strcmp(key->source, before) != 0) {
            show_one(to, key->source ? key->source : key->mask);
        }
        before = key->source;
    }
}

static void show_priority(showing *to, const clp_channel *c)
{
    show_one(to, apr_itoa(to->pool, c->priority));
}

static void show_status(showing *to, const clp_channel *c)
{
    show_one(to, clp_status_name(c->status));
}

static void show_model_map(showing *to, const clp_channel *c)
{
    for (int i = 0; i < c->model_map->nelts; i++) {
        const clp_model_rule *rule = &APR_ARRAY_IDX(c->model_map, i, clp_model_rule);
        apr_array_header_t *line = new_line(to);
        add(line, rule->pattern);
        add(line, rule->target);
    }
}

static void show_models(showing *to, const clp_channel *c)
{
    show_list(to, c->models);
}

static const char *named_time(showing *to, const char *name, apr_int64_t ms)
{
    return apr_pstrcat(to->pool, name, "=", clp_time_show(ms, to->pool), NULL);
}

static void show_timeouts(showing *to, const clp_channel *c)
{
    apr_array_header_t *line = new_line(to);
    add(line, named_time(to, "connect", c->timeouts.connect_ms));
    add(line, named_time(to, "first-byte", c->timeouts.first_byte_ms));
    add(line, named_time(to, "idle", c->timeouts.idle_ms));
    add(line, named_time(to, "total", c->timeouts.total_ms));
}

static void show_tls_verify(showing *to, const clp_channel *c)
{
    show_flag(to, c->tls.verify);
}

static void show_tls_ca_file(showing *to, const clp_channel *c)
{
    show_one(to, c->tls.ca_file);
}

static void show_tls_ca_path(showing *to, const clp_channel *c)
{
    show_one(to, c->tls.ca_path);
}

static void show_tls_certificate(showing *to, const clp_channel *c)
{
    if (c->tls.cert_file) {
        apr_array_header_t *line = new_line(to);
        add(line, c->tls.cert_file);
        add(line, c->tls.key_file);
    }
}

static void show_proxy(showing *to, const clp_channel *c)
{
    show_one(to, c->proxy ? clp_proxy_shown(c->proxy, to->pool) : NULL);
}

static void show_http2(showing *to, const clp_channel *c)
{
    show_flag(to, c->http2);
}

static void show_headers(showing *to, const clp_channel *c)
{
    for (int i = 0; i < c->header_edits->nelts; i++) {
        const clp_header_edit *edit = &APR_ARRAY_IDX(c->header_edits, i, clp_header_edit);
        apr_array_header_t *line = new_line(to);
        add(line, edit->value ? "set" : "unset");
        add(line, edit->name);
        if (edit->value) {
            add(line, CLP_SHOWN_SECRET);
        }
    }
}

static void show_user_agent(showing *to, const clp_channel *c)
{
    show_one(to, c->user_agent);
}

static void show_auth(showing *to, const clp_channel *c)
{
    apr_array_header_t *line = new_line(to);
    add(line, clp_auth_name(c->auth));
    if (c->auth == CLP_AUTH_HEADER) {
        add(line, c->auth_header);
    }
}

static void show_options(showing *to, const clp_channel *c)
{
    const clp_traits dflt = clp_traits_default();
    apr_array_header_t *line = apr_array_make(to->pool, 4, sizeof(const char *));
#define SHOW_TRAIT(member, name, preset, text)                                                     \
    if (c->traits.member != dflt.member) {                                                         \
        add(line, c->traits.member ? name "=on" : name "=off");                                    \
    }
    CLP_TRAITS(SHOW_TRAIT)
#undef SHOW_TRAIT
    if (line->nelts) {
        ((clp_setting_line *)apr_array_push(to->lines))->argv = line;
    }
}

static void show_api_version(showing *to, const clp_channel *c)
{
    show_one(to, c->api_version);
}

static void show_rules(showing *to, const apr_array_header_t *rules)
{
    apr_array_header_t *line = rules->nelts ? new_line(to) : NULL;
    for (int i = 0; i < rules->nelts; i++) {
        add(line, APR_ARRAY_IDX(rules, i, clp_verdict_rule).spec);
    }
}

static void show_retry(showing *to, const clp_channel *c)
{
    show_rules(to, c->retry);
}

static void show_never_retry(showing *to, const clp_channel *c)
{
    show_rules(to, c->never_retry);
}

static const char *named_count(showing *to, const char *name, apr_int64_t n)
{
    return apr_psprintf(to->pool, "%s=%" APR_INT64_T_FMT, name, n);
}

static const char *named_interval(showing *to, const char *name, apr_interval_time_t t)
{
    return named_time(to, name, apr_time_as_msec(t));
}

static void show_breaker(showing *to, const clp_channel *c)
{
    const clp_breaker_policy *policy = &c->breaker;
    apr_array_header_t *line = new_line(to);
    if (!policy->on) {
        add(line, "Off");
        return;
    }
    add(line, named_count(to, "window", policy->window));
    add(line, named_count(to, "min", policy->min));
    add(line, named_count(to, "percent", policy->percent));
    add(line, named_interval(to, "open", policy->open));
    add(line, named_interval(to, "probe", policy->probe));
}

static void show_cooldown(showing *to, const clp_channel *c)
{
    apr_array_header_t *line = new_line(to);
    if (!c->cooldown.max) {
        add(line, "Off");
        return;
    }
    add(line, named_interval(to, "default", c->cooldown.assumed));
    add(line, named_interval(to, "repeated", c->cooldown.repeated));
    add(line, named_interval(to, "max", c->cooldown.max));
}

static void show_health_check(showing *to, const clp_channel *c)
{
    const clp_health_check *health = &c->health;
    apr_array_header_t *line = new_line(to);
    if (!health->interval) {
        add(line, "Off");
        return;
    }
    add(line, named_interval(to, "interval", health->interval));
    add(line, named_interval(to, "timeout", health->timeout));
    add(line, health->model ? apr_pstrcat(to->pool, "request=", health->model, NULL)
                            : apr_pstrcat(to->pool, "path=", health->path, NULL));
    add(line, named_count(to, "rise", health->rise));
    add(line, named_count(to, "fall", health->fall));
}

static void show_weight(showing *to, const clp_channel *c)
{
    show_one(to, apr_itoa(to->pool, (int)c->weight));
}

static void show_key_order(showing *to, const clp_channel *c)
{
    show_one(to, clp_key_order_name(c->key_order));
}

static void show_limits(showing *to, const clp_limits *limits)
{
    apr_array_header_t *line = new_line(to);
    add(line, named_count(to, "concurrent", limits->concurrent));
    add(line, named_count(to, "requests", limits->requests));
    add(line, named_count(to, "tokens", limits->tokens));
}

static void show_limit(showing *to, const clp_channel *c)
{
    show_limits(to, &c->limits);
}

static void show_key_limit(showing *to, const clp_channel *c)
{
    show_limits(to, &c->key_limits);
}

static void show_promotion(showing *to, const clp_channel *c)
{
    const char *names = clp_protocols_text(c->promotion.protocols, to->pool);
    apr_array_header_t *line = new_line(to);
    if (!c->promotion.until) {
        add(line, "Off");
        return;
    }
    add(line,
        apr_pstrcat(to->pool, "until=", clp_instant_text(c->promotion.until, to->pool), NULL));
    if (names) {
        add(line, apr_pstrcat(to->pool, "protocols=", names, NULL));
    }
}

/** Bytes of clp_channel that a setting fills. */
typedef struct member {
    apr_size_t at, size;
} member;

#define MEMBER(m)                                                                                  \
    {                                                                                              \
        APR_OFFSETOF(clp_channel, m), sizeof(__typeof__(((clp_channel *)0)->m))                    \
    }

static const struct row {
    clp_setting_shape shape;
    void (*show)(showing *to, const clp_channel *c);
    member members[2];
} rows[CLP_SETTING_COUNT] = {
#define ROW(id, shown, show_it, ...)                                                               \
    [CLP_SETTING_##id] = {CLP_SHAPE_##shown, show_it, {__VA_ARGS__}}
    ROW(SERVICE, TEXT, show_service, MEMBER(dialect)),
    ROW(URLS, LIST, show_urls, MEMBER(urls), MEMBER(url_hosts)),
    ROW(KEYS, KEYS, show_keys, MEMBER(keys)),
    ROW(PRIORITY, NUMBER, show_priority, MEMBER(priority)),
    ROW(STATUS, TEXT, show_status, MEMBER(status)),
    ROW(MODEL_MAP, MAP, show_model_map, MEMBER(model_map)),
    ROW(MODELS, LIST, show_models, MEMBER(models)),
    ROW(TIMEOUTS, NAMED, show_timeouts, MEMBER(timeouts)),
    ROW(TLS_VERIFY, FLAG, show_tls_verify, MEMBER(tls.verify)),
    ROW(TLS_CA_FILE, TEXT, show_tls_ca_file, MEMBER(tls.ca_file)),
    ROW(TLS_CA_PATH, TEXT, show_tls_ca_path, MEMBER(tls.ca_path)),
    ROW(TLS_CERTIFICATE, ARGS, show_tls_certificate, MEMBER(tls.cert_file), MEMBER(tls.key_file)),
    ROW(PROXY, TEXT, show_proxy, MEMBER(proxy), MEMBER(proxy_hosts)),
    ROW(HTTP2, FLAG, show_http2, MEMBER(http2)),
    ROW(HEADERS, FIELDS, show_headers, MEMBER(header_edits)),
    ROW(USER_AGENT, TEXT, show_user_agent, MEMBER(user_agent)),
    ROW(AUTH, ARGS, show_auth, MEMBER(auth), MEMBER(auth_header)),
    ROW(OPTIONS, NAMED, show_options, MEMBER(traits)),
    ROW(API_VERSION, TEXT, show_api_version, MEMBER(api_version)),
    ROW(BREAKER, NAMED, show_breaker, MEMBER(breaker)),
    ROW(COOLDOWN, NAMED, show_cooldown, MEMBER(cooldown)),
    ROW(RETRY_ON, LIST, show_retry, MEMBER(retry)),
    ROW(NEVER_RETRY_ON, LIST, show_never_retry, MEMBER(never_retry)),
    ROW(HEALTH_CHECK, NAMED, show_health_check, MEMBER(health)),
    ROW(WEIGHT, NUMBER, show_weight, MEMBER(weight)),
    ROW(KEY_ORDER, TEXT, show_key_order, MEMBER(key_order)),
    ROW(LIMIT, NAMED, show_limit, MEMBER(limits)),
    ROW(KEY_LIMIT, NAMED, show_key_limit, MEMBER(key_limits)),
    ROW(PROMOTION, NAMED, show_promotion, MEMBER(promotion)),
#undef ROW
};

static const struct {
    const char *directive, *member;
} names[] = {
#define NAMES(id, directive, member) {directive, member},
    CLP_CHANNEL_SETTINGS(NAMES)
#undef NAMES
};

const char *clp_setting_directive(clp_channel_setting_id id)
{
    return names[id].directive;
}

const char *clp_setting_member(clp_channel_setting_id id)
{
    return names[id].member;
}

clp_setting_shape clp_setting_shape_of(clp_channel_setting_id id)
{
    return rows[id].shape;
}

apr_array_header_t *clp_channel_show(const clp_channel *c, clp_channel_setting_id id,
                                     apr_pool_t *pool)
{
    showing to = {apr_array_make(pool, 2, sizeof(clp_setting_line)), pool};
    rows[id].show(&to, c);
    return to.lines;
}

static int same_line(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int same = a->nelts == b->nelts;
    for (int i = 0; same && i < a->nelts; i++) {
        same = !strcmp(APR_ARRAY_IDX(a, i, const char *), APR_ARRAY_IDX(b, i, const char *));
    }
    return same;
}

int clp_channel_shows_same(const clp_channel *a, const clp_channel *b, clp_channel_setting_id id,
                           apr_pool_t *pool)
{
    apr_array_header_t *of_a = clp_channel_show(a, id, pool);
    apr_array_header_t *of_b = clp_channel_show(b, id, pool);
    int same = of_a->nelts == of_b->nelts;
    for (int i = 0; same && i < of_a->nelts; i++) {
        same = same_line(APR_ARRAY_IDX(of_a, i, clp_setting_line).argv,
                         APR_ARRAY_IDX(of_b, i, clp_setting_line).argv);
    }
    return same;
}

int clp_channel_is_default(const clp_channel *c, clp_channel_setting_id id, apr_pool_t *pool)
{
    return clp_channel_shows_same(c, clp_channel_make(c->name, pool), id, pool);
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

void clp_channel_draft_clear(clp_channel_draft *d, clp_channel_setting_id id)
{
    const clp_channel *fresh = clp_channel_make(d->channel->name, d->pool);
    for (int i = 0; i < 2; i++) {
        const member *m = &rows[id].members[i];
        memcpy((char *)d->channel + m->at, (const char *)fresh + m->at, m->size);
    }
    d->given[id] = NULL;
}
