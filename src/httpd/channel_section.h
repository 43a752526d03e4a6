/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CHANNEL_SECTION_H
#define CLP_HTTPD_CHANNEL_SECTION_H

#include <apr_hash.h>

#include "config.h"
#include "sched/channel_draft.h"

/**
 * @file channel_section.h
 * @brief <ClaudeChannel NAME> and the Channel... directives in it.
 *
 * A finished section becomes a clp_channel in the server's `channels`. The
 * server's `section_digests` keeps, by channel name, a digest of the section's
 * text: a file included in two virtual hosts may define the same channel
 * twice, as long as it is the same.
 */

/** <ClaudeChannel NAME>: reads the whole section. */
const char *clp_channel_section(cmd_parms *cmd, void *dir, const char *args);

/** Any Channel... directive; cmd->info is its clp_channel_setting_id. Refuses to work outside a
 * section. */
const char *clp_channel_setting(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/* clang-format off */
#define CLP_SETTING_INFO(id) ((void *)(apr_uintptr_t)CLP_SETTING_##id)

/** The rows of the command table. */
#define CLP_CHANNEL_DIRECTIVES                                                                     \
    AP_INIT_RAW_ARGS("<ClaudeChannel", clp_channel_section, NULL, RSRC_CONF,                       \
                     "a name: a way to a provider"),                                               \
    AP_INIT_TAKE_ARGV("ChannelService", clp_channel_setting, CLP_SETTING_INFO(SERVICE), RSRC_CONF, \
                  "claude, openai, openai-legacy, responses or gemini: the protocol of the provider"),                \
    AP_INIT_TAKE_ARGV("ChannelURL", clp_channel_setting, CLP_SETTING_INFO(URLS), RSRC_CONF, \
                    "base URLs of the provider, in order of preference"),                          \
    AP_INIT_TAKE_ARGV("ChannelKey", clp_channel_setting, CLP_SETTING_INFO(KEYS), RSRC_CONF, \
                      "API keys, in order of preference: KEY, env:NAME, file:PATH, exec:COMMAND"), \
    AP_INIT_TAKE_ARGV("ChannelPriority", clp_channel_setting, CLP_SETTING_INFO(PRIORITY), RSRC_CONF, \
                  "a number; the channel with the lowest is tried first"),                         \
    AP_INIT_TAKE_ARGV("ChannelStatus", clp_channel_setting, CLP_SETTING_INFO(STATUS), RSRC_CONF, \
                  "active, suspended or disabled"),                                                \
    AP_INIT_TAKE_ARGV("ChannelModelMap", clp_channel_setting, CLP_SETTING_INFO(MODEL_MAP), RSRC_CONF, \
                  "a model name or pattern, and the name to ask the provider for"),                \
    AP_INIT_TAKE_ARGV("ChannelModels", clp_channel_setting, CLP_SETTING_INFO(MODELS), RSRC_CONF, \
                    "names or patterns of the models the channel serves"),                         \
    AP_INIT_TAKE_ARGV("ChannelTimeout", clp_channel_setting, CLP_SETTING_INFO(TIMEOUTS), RSRC_CONF, \
                    "connect=TIME first-byte=TIME idle=TIME total=TIME"),                          \
    AP_INIT_TAKE_ARGV("ChannelTLSVerify", clp_channel_setting, CLP_SETTING_INFO(TLS_VERIFY), RSRC_CONF, \
                 "On or Off: whether the provider's certificate is checked"),                      \
    AP_INIT_TAKE_ARGV("ChannelTLSCAFile", clp_channel_setting, CLP_SETTING_INFO(TLS_CA_FILE), RSRC_CONF, \
                  "a PEM file of certificate authorities"),                                        \
    AP_INIT_TAKE_ARGV("ChannelTLSCAPath", clp_channel_setting, CLP_SETTING_INFO(TLS_CA_PATH), RSRC_CONF, \
                  "a hashed directory of certificate authorities"),                                \
    AP_INIT_TAKE_ARGV("ChannelTLSCertificate", clp_channel_setting, CLP_SETTING_INFO(TLS_CERTIFICATE), RSRC_CONF, \
                   "a PEM file with the client certificate, and one with its key"),                \
    AP_INIT_TAKE_ARGV("ChannelProxy", clp_channel_setting, CLP_SETTING_INFO(PROXY), RSRC_CONF, \
                  "URL of an outbound proxy (http, https, socks5, socks5h), or Off"),              \
    AP_INIT_TAKE_ARGV("ChannelHTTP2", clp_channel_setting, CLP_SETTING_INFO(HTTP2), RSRC_CONF, \
                 "On or Off: whether HTTP/2 is offered to the provider"),                          \
    AP_INIT_TAKE_ARGV("ChannelHeader", clp_channel_setting, CLP_SETTING_INFO(HEADERS), RSRC_CONF, \
                   "set NAME VALUE, or unset NAME"),                                               \
    AP_INIT_TAKE_ARGV("ChannelUserAgent", clp_channel_setting, CLP_SETTING_INFO(USER_AGENT), RSRC_CONF, \
                  "the User-Agent shown to the provider"),                                         \
    AP_INIT_TAKE_ARGV("ChannelAuth", clp_channel_setting, CLP_SETTING_INFO(AUTH), RSRC_CONF, \
                   "dialect, bearer, none, or header NAME: how the key is shown"),                 \
    AP_INIT_TAKE_ARGV("ChannelOption", clp_channel_setting, CLP_SETTING_INFO(OPTIONS), RSRC_CONF, \
                    "NAME=on|off|auto: how the provider differs from the protocol"),               \
    AP_INIT_TAKE_ARGV("ChannelAnthropicVersion", clp_channel_setting, CLP_SETTING_INFO(API_VERSION), RSRC_CONF, \
                  "the anthropic-version of converted requests"), \
    AP_INIT_TAKE_ARGV("ChannelRetryOn", clp_channel_setting, CLP_SETTING_INFO(RETRY_ON), RSRC_CONF, \
                  "STATUS[/CODE][:TEXT], /CODE or TEXT: answers after which another channel is asked"), \
    AP_INIT_TAKE_ARGV("ChannelNeverRetryOn", clp_channel_setting, CLP_SETTING_INFO(NEVER_RETRY_ON), RSRC_CONF, \
                  "STATUS[/CODE][:TEXT], /CODE or TEXT: answers that the client gets as they are"), \
    AP_INIT_TAKE_ARGV("ChannelBreaker", clp_channel_setting, CLP_SETTING_INFO(BREAKER), RSRC_CONF, \
                  "Off, or window=N min=N percent=N open=TIME probe=TIME: when the channel counts as broken"), \
    AP_INIT_TAKE_ARGV("ChannelCooldown", clp_channel_setting, CLP_SETTING_INFO(COOLDOWN), RSRC_CONF, \
                  "Off, or default=TIME repeated=TIME max=TIME: how long a key rests after a rate limit"), \
    AP_INIT_TAKE_ARGV("ChannelHealthCheck", clp_channel_setting, CLP_SETTING_INFO(HEALTH_CHECK), RSRC_CONF, \
                  "Off, or interval=TIME timeout=TIME path=PATH|request=MODEL rise=N fall=N"), \
    AP_INIT_TAKE_ARGV("ChannelWeight", clp_channel_setting, CLP_SETTING_INFO(WEIGHT), RSRC_CONF, \
                  "a number; the channel's share among equals"), \
    AP_INIT_TAKE_ARGV("ChannelKeyOrder", clp_channel_setting, CLP_SETTING_INFO(KEY_ORDER), RSRC_CONF, \
                  "ordered, rotate or random: which key is taken first"), \
    AP_INIT_TAKE_ARGV("ChannelLimit", clp_channel_setting, CLP_SETTING_INFO(LIMIT), RSRC_CONF, \
                  "concurrent=N requests=N tokens=N: most at once and per minute"), \
    AP_INIT_TAKE_ARGV("ChannelKeyLimit", clp_channel_setting, CLP_SETTING_INFO(KEY_LIMIT), RSRC_CONF, \
                  "concurrent=N requests=N tokens=N: most at once and per minute of each key"), \
    AP_INIT_TAKE_ARGV("ChannelPromotion", clp_channel_setting, CLP_SETTING_INFO(PROMOTION), RSRC_CONF, \
                  "Off, or until=TIME protocols=NAME,...: until when the channel goes first")
/* clang-format on */

#endif
