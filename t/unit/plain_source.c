/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "plain_source.h"

const char *plain_path(void *ctx, const char *path, apr_pool_t *pool)
{
    (void)ctx;
    (void)pool;
    return path;
}

static const char *plain_secret(void *ctx, const char *label, const char *arg,
                                apr_array_header_t *out, apr_pool_t *pool)
{
    (void)ctx;
    (void)label;
    (void)pool;
    APR_ARRAY_PUSH(out, const char *) = arg;
    return NULL;
}

const clp_channel_source plain_source = {NULL, NULL, plain_path, plain_secret};
