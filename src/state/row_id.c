/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/row_id.h"

#include <string.h>

#include "wire/text.h"

static apr_uint64_t usable(apr_uint64_t id)
{
    return id == 0 || id == CLP_ROW_MOVING ? 1 : id;
}

/* Of what an operator names: made once, when a configuration is taken into use. */
static apr_uint64_t id_of(const char *text, apr_size_t n)
{
    unsigned char raw[32];
    apr_uint64_t id = 0;
    clp_sha256(clp_span_of(text, n), raw);
    for (int i = 0; i < 8; i++) {
        id = id << 8 | raw[i];
    }
    return usable(id);
}

static apr_uint64_t id_of_string(const char *text)
{
    return id_of(text, strlen(text));
}

/* FNV-1a, its bits mixed by the last step of SplitMix64: made several times for each request, of
 * names that only have to be told apart. */
apr_uint64_t clp_row_id(clp_span name)
{
    apr_uint64_t h = APR_UINT64_C(0xcbf29ce484222325);
    for (apr_size_t i = 0; i < name.n; i++) {
        h = (h ^ (unsigned char)name.p[i]) * APR_UINT64_C(0x100000001b3);
    }
    h = (h ^ (h >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return usable(h ^ (h >> 31));
}

apr_uint64_t clp_channel_id(const char *channel)
{
    return id_of_string(channel);
}

/* Names are hashed before they are put together, so that no two lists of them look the same. */
static apr_uint64_t id_of_ids(const apr_uint64_t *ids, int n)
{
    unsigned char text[3 * 8];
    for (int i = 0; i < n; i++) {
        for (int b = 0; b < 8; b++) {
            text[i * 8 + b] = (unsigned char)(ids[i] >> (56 - 8 * b));
        }
    }
    return id_of((const char *)text, (apr_size_t)n * 8);
}

apr_uint64_t clp_key_id(const char *channel, const char *key)
{
    const apr_uint64_t ids[] = {clp_channel_id(channel), id_of_string(key)};
    return id_of_ids(ids, 2);
}

apr_uint64_t clp_circuit_id(const char *channel, const char *url, const char *key)
{
    const apr_uint64_t ids[] = {clp_channel_id(channel), id_of_string(url), id_of_string(key)};
    return id_of_ids(ids, 3);
}
