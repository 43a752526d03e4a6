/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "channel_section.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "secrets.h"
#include "tls_files.h"
#include "upstream/address.h"
#include "upstream/headers.h"
#include "wire/buffer.h"
#include "wire/quantity.h"
#include "wire/text.h"

#define MAX_NAME     64
#define MAX_PRIORITY 1000000
#define MAX_TIMEOUT  (24 * 3600 * 1000)
#define MAX_MODEL    256

/** What ChannelService names. */
static const struct {
    const char *service;
    const clp_dialect *dialect;
} services[] = {
    {"claude", &clp_dialect_messages},
    {"openai", &clp_dialect_chat},
    {"openai-legacy", &clp_dialect_chat_legacy},
    {"responses", &clp_dialect_responses},
    {"gemini", &clp_dialect_gemini},
    {NULL, NULL},
};

/** The channel a directive is about; outside a section NULL, and why in `wrong`. */
static clp_channel *find_channel(cmd_parms *cmd, const char **wrong)
{
    const clp_server_config *conf = clp_server_config_of(cmd->server);

    if (!conf->open) {
        *wrong =
            apr_pstrcat(cmd->pool, cmd->cmd->name, " is only valid inside <ClaudeChannel>", NULL);
        return NULL;
    }
    return conf->open->channel;
}

/** As find_channel(), for a directive that may stand once in a section. */
static clp_channel *find_channel_once(cmd_parms *cmd, const char **wrong)
{
    clp_channel *channel = find_channel(cmd, wrong);
    apr_hash_t *given;
    const ap_directive_t *before;

    if (!channel) {
        return NULL;
    }
    given = clp_server_config_of(cmd->server)->open->given;
    before = apr_hash_get(given, cmd->cmd->name, APR_HASH_KEY_STRING);
    if (before) {
        *wrong = apr_psprintf(cmd->pool, "%s stands already on line %d of channel '%s'",
                              cmd->cmd->name, before->line_num, channel->name);
        return NULL;
    }
    apr_hash_set(given, cmd->cmd->name, APR_HASH_KEY_STRING, cmd->directive);
    return channel;
}

static const char *check_model_pattern(cmd_parms *cmd, const char *pattern)
{
    if (!*pattern || strlen(pattern) > MAX_MODEL) {
        return apr_psprintf(cmd->pool, "%s: a model's name has 1 to %d bytes", cmd->cmd->name,
                            MAX_MODEL);
    }
    for (const char *c = pattern; *c; c++) {
        if (apr_iscntrl(*c)) {
            return apr_pstrcat(cmd->pool, cmd->cmd->name, ": the name holds a control character",
                               NULL);
        }
    }
    return NULL;
}

const char *clp_channel_service(cmd_parms *cmd, void *dir, const char *service)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (!channel) {
        return wrong;
    }
    for (int i = 0; services[i].service; i++) {
        if (ap_cstr_casecmp(service, services[i].service) == 0) {
            channel->dialect = services[i].dialect;
            return NULL;
        }
    }
    return apr_pstrcat(
        cmd->pool, "ChannelService: '", service,
        "' is no known service; use claude, openai, openai-legacy, responses or gemini", NULL);
}

const char *clp_channel_url(cmd_parms *cmd, void *dir, const char *url)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel(cmd, &wrong);

    (void)dir;
    if (!channel) {
        return wrong;
    }
    if (strstr(url, "${")) {
        wrong = "the variable is not defined (Define, or the environment of httpd)";
    }
    else {
        wrong = clp_address_check(url, cmd->pool);
    }
    if (wrong) {
        return apr_pstrcat(cmd->pool, "ChannelURL '", url, "': ", wrong, NULL);
    }
    for (int i = 0; i < channel->urls->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(channel->urls, i, const char *), url) == 0) {
            return apr_pstrcat(cmd->pool, "ChannelURL '", url, "' is given twice", NULL);
        }
    }
    APR_ARRAY_PUSH(channel->urls, const char *) = url;
    return NULL;
}

static const char *add_key(cmd_parms *cmd, clp_channel *channel, const char *secret)
{
    char digest[65];
    const char *id;

    clp_sha256_hex(clp_span_str(secret), digest);
    id = apr_pstrmemdup(cmd->pool, digest, 16);
    for (int i = 0; i < channel->keys->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(channel->keys, i, clp_key).id, id) == 0) {
            return apr_psprintf(cmd->pool,
                                "ChannelKey: key %d and key %d of channel '%s' are the same", i + 1,
                                channel->keys->nelts + 1, channel->name);
        }
    }
    clp_channel_add_key(channel, secret, clp_mask_secret(secret, cmd->pool), id);
    return NULL;
}

const char *clp_channel_key(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    clp_channel *channel;
    apr_array_header_t *secrets = apr_array_make(cmd->pool, 1, sizeof(const char *));
    const char *wrong = NULL;

    (void)dir;
    clp_secret_hide(cmd, 0);
    channel = find_channel(cmd, &wrong);
    if (!channel) {
        return wrong;
    }
    if (argc == 0) {
        return "ChannelKey wants KEY, env:NAME, file:PATH or exec:COMMAND";
    }
    for (int i = 0; i < argc; i++) {
        wrong = clp_secret_read(cmd, argv[i], 1, secrets);
        if (wrong) {
            return wrong;
        }
    }
    for (int i = 0; i < secrets->nelts; i++) {
        wrong = add_key(cmd, channel, APR_ARRAY_IDX(secrets, i, const char *));
        if (wrong) {
            return wrong;
        }
    }
    return NULL;
}

const char *clp_channel_priority(cmd_parms *cmd, void *dir, const char *number)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);
    apr_int64_t n;

    (void)dir;
    if (!channel) {
        return wrong;
    }
    if (!clp_count_parse(number, &n) || n > MAX_PRIORITY) {
        return apr_psprintf(cmd->pool, "ChannelPriority: '%s' is not a number from 0 to %d", number,
                            MAX_PRIORITY);
    }
    channel->priority = (int)n;
    return NULL;
}

const char *clp_channel_state(cmd_parms *cmd, void *dir, const char *status)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (!channel) {
        return wrong;
    }
    if (ap_cstr_casecmp(status, "active") == 0) {
        channel->status = CLP_CHANNEL_ACTIVE;
    }
    else if (ap_cstr_casecmp(status, "suspended") == 0) {
        channel->status = CLP_CHANNEL_SUSPENDED;
    }
    else if (ap_cstr_casecmp(status, "disabled") == 0) {
        channel->status = CLP_CHANNEL_DISABLED;
    }
    else {
        return apr_pstrcat(cmd->pool, "ChannelStatus: '", status,
                           "' is not active, suspended or disabled", NULL);
    }
    return NULL;
}

const char *clp_channel_model_map(cmd_parms *cmd, void *dir, const char *pattern,
                                  const char *target)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel(cmd, &wrong);
    clp_model_rule *rule;

    (void)dir;
    if (!channel || (wrong = check_model_pattern(cmd, pattern)) ||
        (wrong = check_model_pattern(cmd, target))) {
        return wrong;
    }
    if (strchr(target, '*') && !strchr(pattern, '*')) {
        return apr_pstrcat(cmd->pool, "ChannelModelMap: '", target,
                           "' has a '*', but the pattern '", pattern, "' has none to fill it",
                           NULL);
    }
    for (int i = 0; i < channel->model_map->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(channel->model_map, i, clp_model_rule).pattern, pattern) == 0) {
            return apr_pstrcat(cmd->pool, "ChannelModelMap: '", pattern,
                               "' is mapped already; the first match wins, so this line would "
                               "never count",
                               NULL);
        }
    }
    rule = &APR_ARRAY_PUSH(channel->model_map, clp_model_rule);
    rule->pattern = pattern;
    rule->target = target;
    return NULL;
}

const char *clp_channel_models(cmd_parms *cmd, void *dir, const char *pattern)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel(cmd, &wrong);

    (void)dir;
    if (!channel || (wrong = check_model_pattern(cmd, pattern))) {
        return wrong;
    }
    APR_ARRAY_PUSH(channel->models, const char *) = pattern;
    return NULL;
}

/** The member of the timeouts that a setting names; `n` = length of the name. */
static apr_int32_t *find_timeout(clp_timeouts *timeouts, const char *name, apr_size_t n)
{
    clp_span s = clp_span_of(name, n);

    if (clp_span_is(s, "connect")) {
        return &timeouts->connect_ms;
    }
    if (clp_span_is(s, "first-byte")) {
        return &timeouts->first_byte_ms;
    }
    if (clp_span_is(s, "idle")) {
        return &timeouts->idle_ms;
    }
    return clp_span_is(s, "total") ? &timeouts->total_ms : NULL;
}

const char *clp_channel_timeout(cmd_parms *cmd, void *dir, const char *setting)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel(cmd, &wrong);
    const char *equals = strchr(setting, '=');
    apr_int32_t *member;
    apr_int64_t ms;

    (void)dir;
    if (!channel) {
        return wrong;
    }
    member =
        equals ? find_timeout(&channel->timeouts, setting, (apr_size_t)(equals - setting)) : NULL;
    if (!member) {
        return apr_pstrcat(cmd->pool, "ChannelTimeout: '", setting,
                           "' is none of connect=TIME, first-byte=TIME, idle=TIME, total=TIME",
                           NULL);
    }
    if (!clp_time_parse(equals + 1, &ms) || ms > MAX_TIMEOUT) {
        return apr_pstrcat(cmd->pool, "ChannelTimeout: '", equals + 1,
                           "' is not a time up to 24h, as 500ms, 30s, 5m; 0 is none", NULL);
    }
    *member = (apr_int32_t)ms;
    return NULL;
}

const char *clp_channel_tls_verify(cmd_parms *cmd, void *dir, int on)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (channel) {
        channel->tls.verify = on;
    }
    return wrong;
}

/** Path of a TLS file as the configuration means it, after `check` was content with it. */
static const char *take_path(cmd_parms *cmd, const char *path, const char **out,
                             const char *(*check)(const char *path, apr_pool_t *p))
{
    const char *full = ap_server_root_relative(cmd->pool, path);
    const char *wrong = full ? check(full, cmd->pool) : "is no usable path";

    if (wrong) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", full ? full : path, " ", wrong, NULL);
    }
    *out = full;
    return NULL;
}

const char *clp_channel_tls_ca_file(cmd_parms *cmd, void *dir, const char *path)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    return channel ? take_path(cmd, path, &channel->tls.ca_file, clp_tls_certificate_check) : wrong;
}

const char *clp_channel_tls_ca_path(cmd_parms *cmd, void *dir, const char *path)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    return channel ? take_path(cmd, path, &channel->tls.ca_path, clp_tls_directory_check) : wrong;
}

const char *clp_channel_tls_certificate(cmd_parms *cmd, void *dir, const char *cert,
                                        const char *key)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (!channel ||
        (wrong = take_path(cmd, cert, &channel->tls.cert_file, clp_tls_certificate_check)) ||
        (wrong = take_path(cmd, key ? key : cert, &channel->tls.key_file, clp_tls_key_check))) {
        return wrong;
    }
    wrong = clp_tls_pair_check(channel->tls.cert_file, channel->tls.key_file, cmd->pool);
    if (wrong) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", wrong, NULL);
    }
    return NULL;
}

/** The arguments of ChannelProxy without the password. */
static const char *hide_password(cmd_parms *cmd, const char *url)
{
    const char *from = strstr(url, "://");
    const char *at = strrchr(url, '@');
    const char *colon =
        from && at && from < at ? memchr(from + 3, ':', (apr_size_t)(at - from - 3)) : NULL;

    if (!at) {
        return url;
    }
    if (!colon) {
        return from ? url : "********";
    }
    return apr_pstrcat(cmd->pool, apr_pstrmemdup(cmd->pool, url, (apr_size_t)(colon - url)),
                       ":********", at, NULL);
}

const char *clp_channel_proxy(cmd_parms *cmd, void *dir, const char *url)
{
    clp_channel *channel;
    const char *shown = hide_password(cmd, url);
    const char *wrong = NULL;

    (void)dir;
    clp_secret_show_instead(cmd, shown);
    channel = find_channel_once(cmd, &wrong);
    if (!channel || ap_cstr_casecmp(url, "off") == 0) {
        return wrong;
    }
    wrong = clp_proxy_check(url, cmd->pool);
    if (wrong) {
        return apr_pstrcat(cmd->pool, "ChannelProxy '", shown, "': ", wrong, NULL);
    }
    channel->proxy = url;
    return NULL;
}

const char *clp_channel_http2(cmd_parms *cmd, void *dir, int on)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (channel) {
        channel->http2 = on;
    }
    return wrong;
}

/** Fields that are not the operator's to edit, and why. */
static const struct {
    const char *name;
    const char *why;
} closed_fields[] = {
    {"authorization", "ChannelKey and ChannelAuth make the credentials"},
    {"x-api-key", "ChannelKey and ChannelAuth make the credentials"},
    {"x-goog-api-key", "ChannelKey and ChannelAuth make the credentials"},
    {"api-key", "ChannelKey and ChannelAuth make the credentials"},
    {"proxy-authorization", "ChannelProxy takes user and password in its URL"},
    {"user-agent", "use ChannelUserAgent"},
    {"anthropic-version", "use ChannelAnthropicVersion"},
    {"host", "it follows from ChannelURL"},
    {"content-length", "it follows from the body"},
    {"content-type", "it follows from the body"},
    {"content-encoding", "it follows from the body"},
    {"accept-encoding", "the module asks for what it can decode"},
    {"connection", "it belongs to the connection"},
    {"keep-alive", "it belongs to the connection"},
    {"proxy-connection", "it belongs to the connection"},
    {"te", "it belongs to the connection"},
    {"trailer", "it belongs to the connection"},
    {"transfer-encoding", "it belongs to the connection"},
    {"upgrade", "it belongs to the connection"},
    {"expect", "it belongs to the connection"},
    {NULL, NULL},
};

const char *clp_channel_header(cmd_parms *cmd, void *dir, const char *action, const char *name,
                               const char *value)
{
    clp_channel *channel;
    clp_header_edit *edit;
    int set = ap_cstr_casecmp(action, "set") == 0;
    const char *wrong = NULL;

    (void)dir;
    clp_secret_hide(cmd, 2);
    channel = find_channel(cmd, &wrong);
    if (!channel) {
        return wrong;
    }
    if (!set && ap_cstr_casecmp(action, "unset") != 0) {
        return apr_pstrcat(cmd->pool, "ChannelHeader: '", action, "' is not set or unset", NULL);
    }
    if (set != (value != NULL)) {
        return "ChannelHeader wants 'set NAME VALUE' or 'unset NAME'";
    }
    if (!clp_header_name_ok(name)) {
        return apr_pstrcat(cmd->pool, "ChannelHeader: '", name, "' is no field name", NULL);
    }
    for (int i = 0; closed_fields[i].name; i++) {
        if (ap_cstr_casecmp(name, closed_fields[i].name) == 0) {
            return apr_pstrcat(cmd->pool, "ChannelHeader cannot ", set ? "set " : "unset ", name,
                               ": ", closed_fields[i].why, NULL);
        }
    }
    if (set && (!clp_header_value_ok(value) || strstr(value, "${"))) {
        return apr_pstrcat(cmd->pool, "ChannelHeader: the value of ", name,
                           " holds a line end, a control character or an undefined ${...}", NULL);
    }
    edit = &APR_ARRAY_PUSH(channel->header_edits, clp_header_edit);
    edit->name = name;
    edit->value = value;
    return NULL;
}

const char *clp_channel_user_agent(cmd_parms *cmd, void *dir, const char *text)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (!channel) {
        return wrong;
    }
    if (!*text || !clp_header_value_ok(text)) {
        return "ChannelUserAgent: the text is empty, or holds a control character";
    }
    channel->user_agent = text;
    return NULL;
}

const char *clp_channel_auth(cmd_parms *cmd, void *dir, const char *scheme, const char *header)
{
    static const struct {
        const char *name;
        clp_auth_scheme scheme;
    } schemes[] = {{"dialect", CLP_AUTH_DIALECT},
                   {"bearer", CLP_AUTH_BEARER},
                   {"none", CLP_AUTH_NONE},
                   {"header", CLP_AUTH_HEADER},
                   {NULL, CLP_AUTH_NONE}};
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);
    int i = 0;

    (void)dir;
    if (!channel) {
        return wrong;
    }
    while (schemes[i].name && ap_cstr_casecmp(scheme, schemes[i].name) != 0) {
        i++;
    }
    if (!schemes[i].name) {
        return apr_pstrcat(cmd->pool, "ChannelAuth: '", scheme,
                           "' is not dialect, bearer, none or header NAME", NULL);
    }
    if ((schemes[i].scheme == CLP_AUTH_HEADER) != (header != NULL)) {
        return header ? apr_pstrcat(cmd->pool, "ChannelAuth ", scheme, " takes no field name", NULL)
                      : "ChannelAuth header wants the name of the field behind it";
    }
    if (header && !clp_header_name_ok(header)) {
        return apr_pstrcat(cmd->pool, "ChannelAuth: '", header, "' is no field name", NULL);
    }
    channel->auth = schemes[i].scheme;
    channel->auth_header = header;
    return NULL;
}

/** Where a trait lives and what it is by default. */
static const struct trait_row {
    const char *name;
    apr_size_t offset;
    int dflt;
} trait_rows[] = {
#define TRAIT_ROW(member, name, dflt, text) {name, APR_OFFSETOF(clp_traits, member), (dflt)},
    CLP_TRAITS(TRAIT_ROW)
#undef TRAIT_ROW
        {NULL, 0, 0},
};

static const char *list_traits(apr_pool_t *p)
{
    const char *list = trait_rows[0].name;

    for (int i = 1; trait_rows[i].name; i++) {
        list = apr_pstrcat(p, list, ", ", trait_rows[i].name, NULL);
    }
    return list;
}

const char *clp_channel_option(cmd_parms *cmd, void *dir, const char *setting)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel(cmd, &wrong);
    const char *value = strchr(setting, '=');
    const char *name =
        value ? apr_pstrmemdup(cmd->pool, setting, (apr_size_t)(value - setting)) : setting;
    const struct trait_row *row = trait_rows;
    int *member;

    (void)dir;
    if (!channel) {
        return wrong;
    }
    while (row->name && ap_cstr_casecmp(name, row->name) != 0) {
        row++;
    }
    if (!row->name) {
        return apr_pstrcat(cmd->pool, "ChannelOption: there is no option '", name, "'; there are ",
                           list_traits(cmd->pool), NULL);
    }
    member = (int *)((char *)&channel->traits + row->offset);
    if (value && ap_cstr_casecmp(value, "=on") == 0) {
        *member = 1;
    }
    else if (value && ap_cstr_casecmp(value, "=off") == 0) {
        *member = 0;
    }
    else if (value && ap_cstr_casecmp(value, "=auto") == 0) {
        *member = row->dflt;
    }
    else {
        return apr_pstrcat(cmd->pool, "ChannelOption: write ", row->name, "=on, ", row->name,
                           "=off or ", row->name, "=auto, not '", setting, "'", NULL);
    }
    return NULL;
}

const char *clp_channel_anthropic_version(cmd_parms *cmd, void *dir, const char *date)
{
    const char *wrong = NULL;
    clp_channel *channel = find_channel_once(cmd, &wrong);

    (void)dir;
    if (!channel) {
        return wrong;
    }
    for (int i = 0; i < 11; i++) {
        int fits =
            i == 10 ? date[i] == '\0' : (i == 4 || i == 7 ? date[i] == '-' : apr_isdigit(date[i]));
        if (!fits) {
            return apr_pstrcat(cmd->pool, "ChannelAnthropicVersion: '", date,
                               "' is not a date as 2023-06-01", NULL);
        }
    }
    channel->api_version = date;
    return NULL;
}

/** What a complete section still lacks, or where it contradicts itself. */
static const char *check_complete(const clp_channel *c, apr_pool_t *p)
{
    const char *lack = NULL;

    if (!c->dialect) {
        lack = "has no ChannelService: say claude, openai, openai-legacy, responses or gemini";
    }
    else if (c->urls->nelts == 0) {
        lack = "has no ChannelURL";
    }
    else if (c->keys->nelts == 0 && c->auth != CLP_AUTH_NONE) {
        lack = "has no ChannelKey; if the provider wants none, say ChannelAuth none";
    }
    else if (c->keys->nelts > 0 && c->auth == CLP_AUTH_NONE) {
        lack = "has a ChannelKey that ChannelAuth none would never send: drop one of the two";
    }
    return lack ? apr_psprintf(p, "<ClaudeChannel>: channel '%s' %s", c->name, lack) : NULL;
}

static const char *check_name(cmd_parms *cmd, const char *name)
{
    const clp_server_config *conf = clp_server_config_of(cmd->server);
    apr_size_t n =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    if (n == 0 || n > MAX_NAME || name[n]) {
        return apr_psprintf(cmd->pool,
                            "<ClaudeChannel>: '%s' cannot be a channel's name: use 1 to %d "
                            "letters, digits and . _ -",
                            name, MAX_NAME);
    }
    for (int i = 0; i < conf->channels->nelts; i++) {
        const clp_channel *other = APR_ARRAY_IDX(conf->channels, i, const clp_channel *);
        if (strcmp(other->name, name) == 0) {
            return apr_psprintf(cmd->pool, "<ClaudeChannel>: channel '%s' is already defined at %s",
                                name, other->defined_in);
        }
    }
    return NULL;
}

/** Only Channel... directives may stand in a section; others would act on the server unseen. */
static const char *check_children(cmd_parms *cmd)
{
    for (const ap_directive_t *d = cmd->directive->first_child; d; d = d->next) {
        if (ap_cstr_casecmpn(d->directive, "Channel", 7) != 0) {
            cmd->err_directive = d;
            return apr_pstrcat(cmd->pool, d->directive, " is not allowed inside <ClaudeChannel>",
                               NULL);
        }
    }
    return NULL;
}

/** A digest of what the section says, secrets included. */
static const char *digest_section(cmd_parms *cmd)
{
    clp_buffer *text = clp_buffer_make(cmd->temp_pool, 0);
    char *digest = apr_palloc(cmd->pool, 65);

    for (const ap_directive_t *d = cmd->directive->first_child; d; d = d->next) {
        clp_buffer_printf(text, "%s %s\n", d->directive, d->args);
    }
    clp_sha256_hex(clp_buffer_all(text), digest);
    clp_buffer_release(text);
    return digest;
}

const char *clp_channel_section(cmd_parms *cmd, void *dir, const char *args)
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *end = ap_strrchr_c(args, '>');
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    const ap_directive_t *section = cmd->directive;
    const char *name, *digest;
    clp_channel_draft draft;

    (void)dir;
    if (wrong) {
        return wrong;
    }
    if (conf->open) {
        return "<ClaudeChannel> cannot stand inside another <ClaudeChannel>";
    }
    if (!end || end[1]) {
        return "<ClaudeChannel> lacks its closing '>'";
    }
    args = apr_pstrmemdup(cmd->pool, args, (apr_size_t)(end - args));
    name = ap_getword_conf(cmd->pool, &args);
    if (*args) {
        return apr_pstrcat(cmd->pool, "<ClaudeChannel> takes one name; '", args, "' is too much",
                           NULL);
    }
    wrong = check_name(cmd, name);
    if (wrong || (wrong = check_children(cmd))) {
        return wrong;
    }
    digest = digest_section(cmd);
    draft.channel = clp_channel_make(name, cmd->pool);
    draft.channel->defined_in = clp_config_place(cmd->pool, cmd->directive);
    draft.given = apr_hash_make(cmd->temp_pool);
    conf->open = &draft;
    wrong = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    conf->open = NULL;
    if (wrong) {
        return wrong;
    }
    wrong = check_complete(draft.channel, cmd->pool);
    if (wrong) {
        cmd->err_directive = section;
        return wrong;
    }
    APR_ARRAY_PUSH(conf->channels, clp_channel *) = draft.channel;
    apr_hash_set(conf->section_digests, name, APR_HASH_KEY_STRING, digest);
    return NULL;
}
