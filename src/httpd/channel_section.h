/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CHANNEL_SECTION_H
#define CLP_HTTPD_CHANNEL_SECTION_H

#include <apr_hash.h>

#include "config.h"

/**
 * @file channel_section.h
 * @brief <ClaudeChannel NAME> and the Channel... directives in it.
 *
 * A finished section becomes a clp_channel in the server's `channels`. The
 * server's `section_digests` keeps, by channel name, a digest of the section's
 * text: a file included in two virtual hosts may define the same channel
 * twice, as long as it is the same.
 */

/** The section being read. */
typedef struct clp_channel_draft {
    clp_channel *channel;
    apr_hash_t *given; /**< directive name -> its ap_directive_t, for those that may stand once */
} clp_channel_draft;

/** <ClaudeChannel NAME>: reads the whole section. */
const char *clp_channel_section(cmd_parms *cmd, void *dir, const char *args);

/* One handler a directive; they refuse to work outside a section. */
const char *clp_channel_service(cmd_parms *cmd, void *dir, const char *service);
const char *clp_channel_url(cmd_parms *cmd, void *dir, const char *url);
const char *clp_channel_key(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *clp_channel_priority(cmd_parms *cmd, void *dir, const char *number);
const char *clp_channel_state(cmd_parms *cmd, void *dir, const char *status);
const char *clp_channel_model_map(cmd_parms *cmd, void *dir, const char *pattern,
                                  const char *target);
const char *clp_channel_models(cmd_parms *cmd, void *dir, const char *pattern);
const char *clp_channel_timeout(cmd_parms *cmd, void *dir, const char *setting);
const char *clp_channel_tls_verify(cmd_parms *cmd, void *dir, int on);
const char *clp_channel_tls_ca_file(cmd_parms *cmd, void *dir, const char *path);
const char *clp_channel_tls_ca_path(cmd_parms *cmd, void *dir, const char *path);
const char *clp_channel_tls_certificate(cmd_parms *cmd, void *dir, const char *cert,
                                        const char *key);
const char *clp_channel_proxy(cmd_parms *cmd, void *dir, const char *url);
const char *clp_channel_http2(cmd_parms *cmd, void *dir, int on);
const char *clp_channel_header(cmd_parms *cmd, void *dir, const char *action, const char *name,
                               const char *value);
const char *clp_channel_user_agent(cmd_parms *cmd, void *dir, const char *text);
const char *clp_channel_auth(cmd_parms *cmd, void *dir, const char *scheme, const char *header);
const char *clp_channel_option(cmd_parms *cmd, void *dir, const char *setting);
const char *clp_channel_anthropic_version(cmd_parms *cmd, void *dir, const char *date);

/* clang-format off */
/** The rows of the command table. */
#define CLP_CHANNEL_DIRECTIVES                                                                     \
    AP_INIT_RAW_ARGS("<ClaudeChannel", clp_channel_section, NULL, RSRC_CONF,                       \
                     "a name: a way to a provider"),                                               \
    AP_INIT_TAKE1("ChannelService", clp_channel_service, NULL, RSRC_CONF,                          \
                  "claude, openai, openai-legacy, responses or gemini: the protocol of the provider"),                \
    AP_INIT_ITERATE("ChannelURL", clp_channel_url, NULL, RSRC_CONF,                                \
                    "base URLs of the provider, in order of preference"),                          \
    AP_INIT_TAKE_ARGV("ChannelKey", clp_channel_key, NULL, RSRC_CONF,                              \
                      "API keys, in order of preference: KEY, env:NAME, file:PATH, exec:COMMAND"), \
    AP_INIT_TAKE1("ChannelPriority", clp_channel_priority, NULL, RSRC_CONF,                        \
                  "a number; the channel with the lowest is tried first"),                         \
    AP_INIT_TAKE1("ChannelStatus", clp_channel_state, NULL, RSRC_CONF,                             \
                  "active, suspended or disabled"),                                                \
    AP_INIT_TAKE2("ChannelModelMap", clp_channel_model_map, NULL, RSRC_CONF,                       \
                  "a model name or pattern, and the name to ask the provider for"),                \
    AP_INIT_ITERATE("ChannelModels", clp_channel_models, NULL, RSRC_CONF,                          \
                    "names or patterns of the models the channel serves"),                         \
    AP_INIT_ITERATE("ChannelTimeout", clp_channel_timeout, NULL, RSRC_CONF,                        \
                    "connect=TIME first-byte=TIME idle=TIME total=TIME"),                          \
    AP_INIT_FLAG("ChannelTLSVerify", clp_channel_tls_verify, NULL, RSRC_CONF,                      \
                 "On or Off: whether the provider's certificate is checked"),                      \
    AP_INIT_TAKE1("ChannelTLSCAFile", clp_channel_tls_ca_file, NULL, RSRC_CONF,                    \
                  "a PEM file of certificate authorities"),                                        \
    AP_INIT_TAKE1("ChannelTLSCAPath", clp_channel_tls_ca_path, NULL, RSRC_CONF,                    \
                  "a hashed directory of certificate authorities"),                                \
    AP_INIT_TAKE12("ChannelTLSCertificate", clp_channel_tls_certificate, NULL, RSRC_CONF,          \
                   "a PEM file with the client certificate, and one with its key"),                \
    AP_INIT_TAKE1("ChannelProxy", clp_channel_proxy, NULL, RSRC_CONF,                              \
                  "URL of an outbound proxy (http, https, socks5, socks5h), or Off"),              \
    AP_INIT_FLAG("ChannelHTTP2", clp_channel_http2, NULL, RSRC_CONF,                               \
                 "On or Off: whether HTTP/2 is offered to the provider"),                          \
    AP_INIT_TAKE23("ChannelHeader", clp_channel_header, NULL, RSRC_CONF,                           \
                   "set NAME VALUE, or unset NAME"),                                               \
    AP_INIT_TAKE1("ChannelUserAgent", clp_channel_user_agent, NULL, RSRC_CONF,                     \
                  "the User-Agent shown to the provider"),                                         \
    AP_INIT_TAKE12("ChannelAuth", clp_channel_auth, NULL, RSRC_CONF,                               \
                   "dialect, bearer, none, or header NAME: how the key is shown"),                 \
    AP_INIT_ITERATE("ChannelOption", clp_channel_option, NULL, RSRC_CONF,                          \
                    "NAME=on|off|auto: how the provider differs from the protocol"),               \
    AP_INIT_TAKE1("ChannelAnthropicVersion", clp_channel_anthropic_version, NULL, RSRC_CONF,       \
                  "the anthropic-version of converted requests")
/* clang-format on */

#endif
