/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_CONFIG_H
#define CLP_HTTPD_CONFIG_H

#include <apr_hash.h>

#include "httpd.h"
#include "http_config.h"

#include "gateway/settings_view.h"
#include "sched/channel_sets.h"
#include "table_size.h"

/**
 * @file config.h
 * @brief What the directives say, per server and per location.
 *
 * Both configurations are filled while httpd reads its files, merged once, and
 * immutable afterwards. -1 (or NULL) = not set; the getters give the default.
 */

/* All else is compiled with hidden visibility; this is what httpd looks up. */
extern module AP_MODULE_DECLARE_DATA claude_proxy_module __attribute__((visibility("default")));

/* clang-format off */
/** Location members: N(member, default). Created as -1 and merged from this list alone. */
#define CLP_DIR_NUMBERS(N)                                                                         \
    N(enabled, 0)                            /* ClaudeProxy */                                     \
    N(max_body, 32 * 1024 * 1024)            /* ClaudeMaxRequestBody, bytes as sent */             \
    N(max_decoded, 64 * 1024 * 1024)         /* ClaudeMaxDecodedBody, bytes after decoding */      \
    N(max_depth, 512)                        /* ClaudeMaxJSONDepth */                              \
    N(max_values, 1000000)                   /* ClaudeMaxJSONValues; 16 bytes of memory each */    \
    N(max_event, 64 * 1024 * 1024)           /* ClaudeMaxUpstreamEvent, bytes */                   \
    N(keepalive_ms, 10 * 1000)               /* ClaudeKeepAliveInterval; 0 = off */                \
    N(max_attempts, 10)                      /* ClaudeMaxAttempts */                               \
    N(strategy, 0)                           /* a clp_strategy: ClaudeStrategy */                  \
    N(affinity_ms, 30 * 60 * 1000)           /* ClaudeAffinity; 0 = off */                         \
    N(retry_ms, 300 * 1000)                  /* ClaudeRetryTime; 0 = any time */                   \
    N(retry_wait_ms, 2000)                   /* ClaudeRetryWait; 0 = never */                      \
    N(hedge_ms, 0)                           /* ClaudeHedge; 0 = never */                          \
    N(default_max_tokens, 8192)              /* ClaudeDefaultMaxTokens without a pattern */        \
    N(require_user, 1)                       /* ClaudeRequireUser */                               \
    N(key_in_query, 0)                       /* ClaudeKeyInQuery */                                \
    N(cors_max_age_ms, 600 * 1000)           /* ClaudeCORSMaxAge */                                \
    N(ignore_abort, 0)                       /* ClaudeIgnoreClientAbort */                         \
    N(models_cache_ms, 60 * 1000)            /* ClaudeModelsCache; 0 = off */                      \
    N(body_log_text, 1024)                   /* ClaudeBodyLogMax, bytes */                         \
    N(attempt_headers, 0)                    /* ClaudeDebugHeaders */                              \
    N(sessions, 1)                           /* ClaudeSessions */                                  \
    N(session_idle_ms, 24 * 3600 * 1000)     /* ClaudeSessionIdle */                               \
    N(session_items, 100)                    /* ClaudeSessionMaxItems */                           \
    N(session_tokens, 100000)                /* ClaudeSessionMaxTokens */
/* clang-format on */

typedef struct clp_dir_config {
#define CLP_DIR_MEMBER(member, dflt) apr_int64_t member;
    CLP_DIR_NUMBERS(CLP_DIR_MEMBER)
#undef CLP_DIR_MEMBER
    const char *prefix;   /**< path of the <Location> that said ClaudeProxy On, without a
                               trailing slash; "" in server context and in <Location "/">;
                               NULL = not set */
    const char *set_name; /**< ClaudeUseSet; NULL = all channels of the server */
    apr_array_header_t *max_tokens_rules; /**< of clp_max_tokens_rule, first match wins */
    apr_array_header_t *named_models;     /**< of const char *: ClaudeModels */
    struct clp_access_keys *access_keys;  /**< ClaudeAccessKey, ClaudeAccessKeyFile */
    struct clp_cors *cors;                /**< ClaudeCORSOrigin */
    struct clp_line_log *body_log;        /**< ClaudeBodyLog; NULL = off */
    int body_log_said;                    /**< it was said, be it Off */
} clp_dir_config;

typedef struct clp_max_tokens_rule {
    const char *pattern;
    apr_int64_t tokens;
} clp_max_tokens_rule;

/* clang-format off */
/** Server members: S(member, default); as CLP_DIR_NUMBERS. */
#define CLP_SERVER_NUMBERS(S)                                                                      \
    S(idle_engines, 64)                      /* ClaudeIdleTransports, per child */                 \
    S(pin_rows, 16384)                       /* ClaudeThreadTableSize, all children together */    \
    S(affinity_rows, 8192)                   /* ClaudeAffinityTableSize, likewise */               \
    S(snapshot_ms, 30 * 1000)                /* ClaudeSnapshotInterval; 0 = at the end only */     \
    S(recent, 200)                           /* ClaudeRecentRequests; 0 = off */                   \
    S(recent_anonymous, 0)                   /* likewise, its second word */                       \
    S(session_memory, 64 * 1024 * 1024)      /* ClaudeSessionMemory, bytes */
/* clang-format on */

typedef struct clp_server_config {
#define CLP_SERVER_MEMBER(member, dflt) apr_int64_t member;
    CLP_SERVER_NUMBERS(CLP_SERVER_MEMBER)
#undef CLP_SERVER_MEMBER
    apr_array_header_t *channels;   /**< of clp_channel *: inherited ones first, then own */
    apr_array_header_t *sets;       /**< of clp_set_rule: ClaudeChannelSet; own ones first */
    const char *state_dir;          /**< ClaudeStateDir, absolute; NULL = not set */
    const char *state_dir_at;       /**< "file:line" of ClaudeStateDir */
    clp_table_size table_size;      /**< ClaudeTableSize, of the main server */
    struct clp_channel_draft *open; /**< the section being read, else NULL */
    apr_hash_t *section_digests;    /**< channel name -> const char *, see channel_section.h */
    apr_array_header_t *set_uses;   /**< of clp_set_use, of this server alone: never merged */
    struct clp_session_socache *session_socache; /**< ClaudeSessionStore; NULL = our own table */
    struct clp_line_log *audit_log;              /**< ClaudeAuditLog; NULL = the error log */
    int audit_log_said;                          /**< it was said, be it Off */
    struct clp_tracing *tracing; /**< ClaudeTraceExport, of the main server; NULL = off */
    clp_host_rules *hosts;       /**< ClaudeUpstreamHosts, of the main server; NULL = not set */
    const char *proxy_on_at; /**< "file:line" of the first ClaudeProxy On of this server alone */
    const clp_channel_sets *resolved; /**< of these channels, made by the config check */
} clp_server_config;

/** A ClaudeUseSet and where it stands. */
typedef struct clp_set_use {
    const char *name;
    const char *used_in; /**< "file:line" */
} clp_set_use;

void *clp_dir_config_create(apr_pool_t *p, char *path);
void *clp_dir_config_merge(apr_pool_t *p, void *base, void *add);
void *clp_server_config_create(apr_pool_t *p, server_rec *s);
void *clp_server_config_merge(apr_pool_t *p, void *base, void *add);

static inline clp_dir_config *clp_dir_config_of(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &claude_proxy_module);
}

static inline clp_server_config *clp_server_config_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &claude_proxy_module);
}

/** Value of a number member of either configuration, or its default: CLP_CONF(conf, max_body). */
#define CLP_NUMBER_DEFAULT(member, dflt) CLP_DEFAULT_##member = (dflt),
enum {
    CLP_DIR_NUMBERS(CLP_NUMBER_DEFAULT) CLP_SERVER_NUMBERS(CLP_NUMBER_DEFAULT) CLP_DEFAULTS_END
};
#undef CLP_NUMBER_DEFAULT
#define CLP_CONF(conf, member)                                                                     \
    ((conf)->member == -1 ? (apr_int64_t)CLP_DEFAULT_##member : (conf)->member)

/** The cap on output to assume for `model` when its client gave none. */
apr_int64_t clp_config_max_tokens(const clp_dir_config *conf, const char *model);

/** All directives of the module (directives.c). */
extern const command_rec clp_directives[];

/**
 * Is it a directive with one number? Then where that stands, in the server's configuration or a
 * location's, and how it is shown.
 */
int clp_directive_number(const command_rec *cmd, int *of_server, apr_size_t *offset,
                         clp_setting_kind *kind);

/** "file:line" of a directive, in `p`. */
const char *clp_config_place(apr_pool_t *p, const ap_directive_t *directive);

/**
 * check_config hook: everything that needs the whole configuration. Makes the
 * channel sets of every server; creates ClaudeStateDir, except under -t.
 */
int clp_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

#endif
