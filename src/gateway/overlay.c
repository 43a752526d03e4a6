/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/overlay.h"

#include <apr_strings.h>

static apr_int64_t count_in(const cJSON *document, const char *member)
{
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(document, member);
    return count ? (apr_int64_t)count->valuedouble : 0;
}

/* The document goes with the pool already. */
static clp_overlay *wrap(cJSON *document, apr_pool_t *pool)
{
    clp_overlay *o = apr_palloc(pool, sizeof(*o));
    o->document = document;
    o->revision = count_in(document, "revision");
    o->reloads = count_in(document, "reloads");
    return o;
}

clp_overlay *clp_overlay_empty(apr_pool_t *pool)
{
    cJSON *document = clp_document_keep(cJSON_CreateObject(), pool);
    cJSON_AddNumberToObject(document, "version", CLP_OVERLAY_VERSION);
    cJSON_AddNumberToObject(document, "revision", 0);
    cJSON_AddObjectToObject(document, "channels");
    return wrap(document, pool);
}

static int fail(clp_document_error *error, const char *path, const char *message)
{
    error->path = path;
    error->message = message;
    return 0;
}

static int is_count(const cJSON *number)
{
    return cJSON_IsNumber(number) && number->valuedouble >= 0 && number->valuedouble <= 9e15;
}

/* What is wrong with the frame around the channels. */
static int check_frame(const cJSON *document, apr_pool_t *pool, clp_document_error *error)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(document, "version");
    const cJSON *revision = cJSON_GetObjectItemCaseSensitive(document, "revision");
    const cJSON *reloads = cJSON_GetObjectItemCaseSensitive(document, "reloads");
    const cJSON *channels = cJSON_GetObjectItemCaseSensitive(document, "channels");
    const cJSON *member;
    if (!cJSON_IsNumber(version) || version->valuedouble != CLP_OVERLAY_VERSION) {
        return fail(error, "version", "has to be 1");
    }
    if (!is_count(revision)) {
        return fail(error, "revision", "has to be a number without sign");
    }
    if (reloads && !is_count(reloads)) {
        return fail(error, "reloads", "has to be a number without sign");
    }
    if (!cJSON_IsObject(channels)) {
        return fail(error, "channels", "has to be an object");
    }
    if (cJSON_GetArraySize(document) != 3 + (reloads != NULL)) {
        return fail(error, "", "has other members than version, revision, reloads and channels");
    }
    if (cJSON_GetArraySize(channels) > CLP_OVERLAY_CHANNELS_MAX) {
        return fail(error, "channels", "has more than 2000 members");
    }
    cJSON_ArrayForEach(member, channels)
    {
        const char *path = apr_pstrcat(pool, "channels.", member->string, NULL);
        const char *wrong = clp_channel_name_wrong(member->string);
        if (wrong) {
            return fail(error, path, wrong);
        }
    }
    return 1;
}

clp_overlay *clp_overlay_parse(clp_span text, apr_pool_t *pool, clp_document_error *error)
{
    cJSON *document;
    if (text.n > CLP_OVERLAY_SIZE_MAX) {
        fail(error, "", "is larger than 4 MiB");
        return NULL;
    }
    document = clp_document_parse(text, pool, error);
    if (!document) {
        return NULL;
    }
    if (!cJSON_IsObject(document)) {
        fail(error, "", "has to be an object");
        return NULL;
    }
    if (!check_frame(document, pool, error)) {
        return NULL;
    }
    return wrap(document, pool);
}

clp_span clp_overlay_text(const clp_overlay *o, apr_pool_t *pool)
{
    char *text;
    const char *kept;
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(o->document, "revision"),
                         (double)o->revision);
    text = cJSON_Print(o->document);
    kept = apr_pstrcat(pool, text, "\n", NULL);
    cJSON_free(text);
    return clp_span_str(kept);
}

const cJSON *clp_overlay_channel(const clp_overlay *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(o->document, "channels"), name);
}
