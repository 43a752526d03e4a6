/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_SCHED_SETTINGS_H
#define CLP_SCHED_SETTINGS_H

#include "sched/channel_draft.h"
#include "setting_lines.h"

/**
 * @file settings.h
 * @brief How each setting of a channel is made, and how it would be said.
 */

/** Make it; channel_draft.c checks before the call how many arguments there are. NULL or an error
 * text. */
typedef const char *clp_setter(clp_channel_draft *d, int argc, const char *const *argv);

/** Append the lines that say what it is; none = nothing has to be said. */
typedef void clp_setting_shower(clp_setting_lines *to, const clp_channel *c);

/* settings_place.c: where the provider is */
clp_setter clp_set_service;
clp_setter clp_set_url;
clp_setter clp_set_key;
clp_setting_shower clp_show_service;
clp_setting_shower clp_show_urls;
clp_setting_shower clp_show_keys;

/* settings_protocol.c: how it is asked */
clp_setter clp_set_auth;
clp_setter clp_set_user_agent;
clp_setter clp_set_api_version;
clp_setter clp_set_option;
clp_setting_shower clp_show_auth;
clp_setting_shower clp_show_user_agent;
clp_setting_shower clp_show_api_version;
clp_setting_shower clp_show_options;

/* settings_choice.c: which requests it gets */
clp_setter clp_set_priority;
clp_setter clp_set_status;
clp_setter clp_set_model_map;
clp_setter clp_set_models;
clp_setting_shower clp_show_priority;
clp_setting_shower clp_show_status;
clp_setting_shower clp_show_model_map;
clp_setting_shower clp_show_models;

/* settings_transport.c: how its connections are made */
clp_setter clp_set_timeout;
clp_setter clp_set_tls_verify;
clp_setter clp_set_tls_ca_file;
clp_setter clp_set_tls_ca_path;
clp_setter clp_set_tls_certificate;
clp_setter clp_set_proxy;
clp_setter clp_set_http2;
clp_setter clp_set_header;
clp_setting_shower clp_show_timeouts;
clp_setting_shower clp_show_tls_verify;
clp_setting_shower clp_show_tls_ca_file;
clp_setting_shower clp_show_tls_ca_path;
clp_setting_shower clp_show_tls_certificate;
clp_setting_shower clp_show_proxy;
clp_setting_shower clp_show_http2;
clp_setting_shower clp_show_headers;

/* settings_share.c: how much of the requests it gets */
clp_setter clp_set_weight;
clp_setter clp_set_key_order;
clp_setter clp_set_limit;
clp_setter clp_set_key_limit;
clp_setter clp_set_promotion;
clp_setting_shower clp_show_weight;
clp_setting_shower clp_show_key_order;
clp_setting_shower clp_show_limit;
clp_setting_shower clp_show_key_limit;
clp_setting_shower clp_show_promotion;

/* settings_failure.c: what follows when it fails */
clp_setter clp_set_breaker;
clp_setter clp_set_cooldown;
clp_setter clp_set_health_check;
clp_setter clp_set_retry_on;
clp_setter clp_set_never_retry_on;
clp_setting_shower clp_show_breaker;
clp_setting_shower clp_show_cooldown;
clp_setting_shower clp_show_health_check;
clp_setting_shower clp_show_retry;
clp_setting_shower clp_show_never_retry;

/* settings_secrecy.c: that secrets of the channel a draft was begun from go where they did */

/** May a URL, or a proxy's, be said? Has its connections go to the source's hosts only, unless it
 * is where the channel of before leads. @return NULL, or why not, in words that follow the URL */
const char *clp_setting_bind_url(clp_channel_draft *d, const char *url);
const char *clp_setting_bind_proxy(clp_channel_draft *d, const char *url);

/** A NAME=VALUE of settings that have several. */
typedef enum clp_argument_kind {
    CLP_ARGUMENT_COUNT,   /**< a number */
    CLP_ARGUMENT_TIME,    /**< a time, in milliseconds */
    CLP_ARGUMENT_SECONDS, /**< a time in whole seconds; in seconds */
    CLP_ARGUMENT_TEXT
} clp_argument_kind;

typedef struct clp_argument {
    const char *name;
    clp_argument_kind kind;
    apr_int64_t min, max;
    const char *range;  /**< what it may be, in words that follow "is not" */
    apr_int64_t number; /**< out: -1 = not said */
    const char *text;   /**< out: NULL = not said */
} clp_argument;

/** Read arguments into the args they name, each once. NULL or an error text. */
const char *clp_setting_arguments(const clp_channel_draft *d, int argc, const char *const *argv,
                                  clp_argument *args, int n);

/** Off alone? */
int clp_setting_is_off(int argc, const char *const *argv);

/** On or Off: 1 and `value`, else 0. */
int clp_setting_flag(const char *text, int *value);

#endif
