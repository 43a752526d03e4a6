/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_CHANNEL_SETTINGS_H
#define CLP_SCHED_CHANNEL_SETTINGS_H

/**
 * @file channel_settings.h
 * @brief The settings of a channel, in one list: whoever reads or shows
 * channels goes by it, so that no setting can be forgotten in one place.
 */

/** S(id, directive, member of a document) */
#define CLP_CHANNEL_SETTINGS(S)                                                                    \
    S(SERVICE, "ChannelService", "serviceType")                                                    \
    S(URLS, "ChannelURL", "baseUrls")                                                              \
    S(KEYS, "ChannelKey", "apiKeys")                                                               \
    S(PRIORITY, "ChannelPriority", "priority")                                                     \
    S(STATUS, "ChannelStatus", "status")                                                           \
    S(MODEL_MAP, "ChannelModelMap", "modelMapping")                                                \
    S(MODELS, "ChannelModels", "models")                                                           \
    S(TIMEOUTS, "ChannelTimeout", "timeouts")                                                      \
    S(TLS_VERIFY, "ChannelTLSVerify", "tlsVerify")                                                 \
    S(TLS_CA_FILE, "ChannelTLSCAFile", "tlsCAFile")                                                \
    S(TLS_CA_PATH, "ChannelTLSCAPath", "tlsCAPath")                                                \
    S(TLS_CERTIFICATE, "ChannelTLSCertificate", "tlsCertificate")                                  \
    S(PROXY, "ChannelProxy", "proxy")                                                              \
    S(HTTP2, "ChannelHTTP2", "http2")                                                              \
    S(HEADERS, "ChannelHeader", "headers")                                                         \
    S(USER_AGENT, "ChannelUserAgent", "userAgent")                                                 \
    S(AUTH, "ChannelAuth", "auth")                                                                 \
    S(OPTIONS, "ChannelOption", "options")                                                         \
    S(API_VERSION, "ChannelAnthropicVersion", "anthropicVersion")                                  \
    S(BREAKER, "ChannelBreaker", "breaker")                                                        \
    S(COOLDOWN, "ChannelCooldown", "cooldown")                                                     \
    S(RETRY_ON, "ChannelRetryOn", "retryOn")                                                       \
    S(NEVER_RETRY_ON, "ChannelNeverRetryOn", "neverRetryOn")                                       \
    S(HEALTH_CHECK, "ChannelHealthCheck", "healthCheck")                                           \
    S(WEIGHT, "ChannelWeight", "weight")                                                           \
    S(KEY_ORDER, "ChannelKeyOrder", "keySelection")                                                \
    S(LIMIT, "ChannelLimit", "limits")                                                             \
    S(KEY_LIMIT, "ChannelKeyLimit", "keyLimits")                                                   \
    S(PROMOTION, "ChannelPromotion", "promotion")

typedef enum clp_channel_setting_id {
#define CLP_SETTING_ID(id, directive, member) CLP_SETTING_##id,
    CLP_CHANNEL_SETTINGS(CLP_SETTING_ID)
#undef CLP_SETTING_ID
        CLP_SETTING_COUNT
} clp_channel_setting_id;

#endif
