/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "json_at.h"

#include <stdlib.h>

#include <apr_strings.h>

const char *json_at(const cJSON *document, const char *path, apr_pool_t *pool)
{
    const cJSON *v = document;
    char *rest = apr_pstrdup(pool, path);
    char *state;
    char *text;
    const char *found = "(none)";

    for (char *part = apr_strtok(rest, ".", &state); part && v;
         part = apr_strtok(NULL, ".", &state)) {
        v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, atoi(part))
                             : cJSON_GetObjectItemCaseSensitive(v, part);
    }
    if (v) {
        text = cJSON_PrintUnformatted(v);
        found = apr_pstrdup(pool, text);
        cJSON_free(text);
    }
    return found;
}
