/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <strings.h>

#include <apr_strings.h>

#include "upstream/headers.h"
#include "upstream/tls_files.h"
#include "wire/quantity.h"

#define MAX_TIMEOUT (24 * 3600 * 1000)

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

const char *clp_set_timeout(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *setting = argv[0];
    const char *equals = strchr(setting, '=');
    apr_int32_t *member = NULL;
    apr_int64_t ms;

    (void)argc;
    if (equals) {
        member = find_timeout(&d->channel->timeouts, setting, (apr_size_t)(equals - setting));
    }
    if (!member) {
        return apr_pstrcat(d->pool, d->label, ": '", setting,
                           "' is none of connect=TIME, first-byte=TIME, idle=TIME, total=TIME",
                           NULL);
    }
    if (!clp_time_parse(equals + 1, &ms) || ms > MAX_TIMEOUT) {
        return apr_pstrcat(d->pool, d->label, ": '", equals + 1,
                           "' is not a time up to 24h, as 500ms, 30s, 5m; 0 is none", NULL);
    }
    *member = (apr_int32_t)ms;
    return NULL;
}

void clp_show_timeouts(clp_setting_lines *to, const clp_channel *c)
{
    apr_array_header_t *line = clp_lines_new(to);
    clp_line_time(line, "connect", c->timeouts.connect_ms);
    clp_line_time(line, "first-byte", c->timeouts.first_byte_ms);
    clp_line_time(line, "idle", c->timeouts.idle_ms);
    clp_line_time(line, "total", c->timeouts.total_ms);
}

static const char *set_flag(const clp_channel_draft *d, const char *text, int *member)
{
    return clp_setting_flag(text, member)
               ? NULL
               : apr_pstrcat(d->pool, d->label, " must be On or Off", NULL);
}

const char *clp_set_tls_verify(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return set_flag(d, argv[0], &d->channel->tls.verify);
}

void clp_show_tls_verify(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_flag(to, c->tls.verify);
}

const char *clp_set_http2(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return set_flag(d, argv[0], &d->channel->http2);
}

void clp_show_http2(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_flag(to, c->http2);
}

/** Path of a TLS file as its source means it, after `check` was content with it. */
static const char *take_path(clp_channel_draft *d, const char *path, const char **out,
                             const char *(*check)(const char *path, apr_pool_t *p))
{
    const char *full;
    const char *wrong;

    if (!d->source->path) {
        return apr_pstrcat(d->pool, d->label, ": only the configuration names files", NULL);
    }
    full = d->source->path(d->source->ctx, path, d->pool);
    wrong = full ? check(full, d->pool) : "is no usable path";
    if (wrong) {
        return apr_pstrcat(d->pool, d->label, ": ", full ? full : path, " ", wrong, NULL);
    }
    *out = full;
    return NULL;
}

const char *clp_set_tls_ca_file(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return take_path(d, argv[0], &d->channel->tls.ca_file, clp_tls_certificate_check);
}

void clp_show_tls_ca_file(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, c->tls.ca_file);
}

const char *clp_set_tls_ca_path(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return take_path(d, argv[0], &d->channel->tls.ca_path, clp_tls_directory_check);
}

void clp_show_tls_ca_path(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, c->tls.ca_path);
}

const char *clp_set_tls_certificate(clp_channel_draft *d, int argc, const char *const *argv)
{
    clp_tls *tls = &d->channel->tls;
    const char *wrong = take_path(d, argv[0], &tls->cert_file, clp_tls_certificate_check);

    if (wrong ||
        (wrong = take_path(d, argc > 1 ? argv[1] : argv[0], &tls->key_file, clp_tls_key_check))) {
        return wrong;
    }
    wrong = clp_tls_pair_check(tls->cert_file, tls->key_file, d->pool);
    return wrong ? apr_pstrcat(d->pool, d->label, ": ", wrong, NULL) : NULL;
}

void clp_show_tls_certificate(clp_setting_lines *to, const clp_channel *c)
{
    if (c->tls.cert_file) {
        apr_array_header_t *line = clp_lines_new(to);
        clp_line_add(line, c->tls.cert_file);
        clp_line_add(line, c->tls.key_file);
    }
}

const char *clp_set_proxy(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *url = argv[0];
    const char *wrong;

    (void)argc;
    if (strcasecmp(url, "off") == 0) {
        return NULL;
    }
    wrong = strstr(url, ":" CLP_SHOWN_SECRET "@") ? "the password is what is shown instead of it"
                                                  : clp_proxy_check(url, d->pool);
    if (!wrong) {
        wrong = clp_setting_bind_proxy(d, url);
    }
    if (wrong) {
        return apr_pstrcat(d->pool, d->label, " '", clp_proxy_shown(url, d->pool), "': ", wrong,
                           NULL);
    }
    d->channel->proxy = url;
    return NULL;
}

void clp_show_proxy(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, c->proxy ? clp_proxy_shown(c->proxy, to->pool) : NULL);
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

const char *clp_set_header(clp_channel_draft *d, int argc, const char *const *argv)
{
    const char *action = argv[0];
    const char *name = argv[1];
    const char *value = argc > 2 ? argv[2] : NULL;
    int set = strcasecmp(action, "set") == 0;
    clp_header_edit *edit;

    if (!set && strcasecmp(action, "unset") != 0) {
        return apr_pstrcat(d->pool, d->label, ": '", action, "' is not set or unset", NULL);
    }
    if (set != (value != NULL)) {
        return apr_pstrcat(d->pool, d->label, " wants 'set NAME VALUE' or 'unset NAME'", NULL);
    }
    if (!clp_header_name_ok(name)) {
        return apr_pstrcat(d->pool, d->label, ": '", name, "' is no field name", NULL);
    }
    for (int i = 0; closed_fields[i].name; i++) {
        if (strcasecmp(name, closed_fields[i].name) == 0) {
            return apr_pstrcat(d->pool, d->label, " cannot ", set ? "set " : "unset ", name, ": ",
                               closed_fields[i].why, NULL);
        }
    }
    if (set && strcmp(value, CLP_SHOWN_SECRET) == 0) {
        return apr_pstrcat(d->pool, d->label, ": the value of ", name,
                           " is what is shown instead of it; say the value itself", NULL);
    }
    if (set && (!clp_header_value_ok(value) || strstr(value, "${"))) {
        return apr_pstrcat(d->pool, d->label, ": the value of ", name,
                           " holds a line end, a control character or an undefined ${...}", NULL);
    }
    edit = &APR_ARRAY_PUSH(d->channel->header_edits, clp_header_edit);
    edit->name = name;
    edit->value = value;
    return NULL;
}

void clp_show_headers(clp_setting_lines *to, const clp_channel *c)
{
    for (int i = 0; i < c->header_edits->nelts; i++) {
        const clp_header_edit *edit = &APR_ARRAY_IDX(c->header_edits, i, clp_header_edit);
        apr_array_header_t *line = clp_lines_new(to);
        clp_line_add(line, edit->value ? "set" : "unset");
        clp_line_add(line, edit->name);
        if (edit->value) {
            clp_line_add(line, CLP_SHOWN_SECRET);
        }
    }
}
