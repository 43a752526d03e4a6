/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_show.h"

#include <string.h>

#include "settings.h"

static const struct row {
    clp_setting_shape shape;
    clp_setting_shower *show;
} rows[CLP_SETTING_COUNT] = {
    [CLP_SETTING_SERVICE] = {CLP_SHAPE_TEXT, clp_show_service},
    [CLP_SETTING_URLS] = {CLP_SHAPE_LIST, clp_show_urls},
    [CLP_SETTING_KEYS] = {CLP_SHAPE_KEYS, clp_show_keys},
    [CLP_SETTING_PRIORITY] = {CLP_SHAPE_NUMBER, clp_show_priority},
    [CLP_SETTING_STATUS] = {CLP_SHAPE_TEXT, clp_show_status},
    [CLP_SETTING_MODEL_MAP] = {CLP_SHAPE_MAP, clp_show_model_map},
    [CLP_SETTING_MODELS] = {CLP_SHAPE_LIST, clp_show_models},
    [CLP_SETTING_TIMEOUTS] = {CLP_SHAPE_NAMED, clp_show_timeouts},
    [CLP_SETTING_TLS_VERIFY] = {CLP_SHAPE_FLAG, clp_show_tls_verify},
    [CLP_SETTING_TLS_CA_FILE] = {CLP_SHAPE_TEXT, clp_show_tls_ca_file},
    [CLP_SETTING_TLS_CA_PATH] = {CLP_SHAPE_TEXT, clp_show_tls_ca_path},
    [CLP_SETTING_TLS_CERTIFICATE] = {CLP_SHAPE_ARGS, clp_show_tls_certificate},
    [CLP_SETTING_PROXY] = {CLP_SHAPE_TEXT, clp_show_proxy},
    [CLP_SETTING_HTTP2] = {CLP_SHAPE_FLAG, clp_show_http2},
    [CLP_SETTING_HEADERS] = {CLP_SHAPE_FIELDS, clp_show_headers},
    [CLP_SETTING_USER_AGENT] = {CLP_SHAPE_TEXT, clp_show_user_agent},
    [CLP_SETTING_AUTH] = {CLP_SHAPE_ARGS, clp_show_auth},
    [CLP_SETTING_OPTIONS] = {CLP_SHAPE_NAMED, clp_show_options},
    [CLP_SETTING_API_VERSION] = {CLP_SHAPE_TEXT, clp_show_api_version},
    [CLP_SETTING_BREAKER] = {CLP_SHAPE_NAMED, clp_show_breaker},
    [CLP_SETTING_COOLDOWN] = {CLP_SHAPE_NAMED, clp_show_cooldown},
    [CLP_SETTING_RETRY_ON] = {CLP_SHAPE_LIST, clp_show_retry},
    [CLP_SETTING_NEVER_RETRY_ON] = {CLP_SHAPE_LIST, clp_show_never_retry},
    [CLP_SETTING_HEALTH_CHECK] = {CLP_SHAPE_NAMED, clp_show_health_check},
    [CLP_SETTING_WEIGHT] = {CLP_SHAPE_NUMBER, clp_show_weight},
    [CLP_SETTING_KEY_ORDER] = {CLP_SHAPE_TEXT, clp_show_key_order},
    [CLP_SETTING_LIMIT] = {CLP_SHAPE_NAMED, clp_show_limit},
    [CLP_SETTING_KEY_LIMIT] = {CLP_SHAPE_NAMED, clp_show_key_limit},
    [CLP_SETTING_PROMOTION] = {CLP_SHAPE_NAMED, clp_show_promotion},
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
    clp_setting_lines to = {apr_array_make(pool, 2, sizeof(clp_setting_line)), pool};
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
