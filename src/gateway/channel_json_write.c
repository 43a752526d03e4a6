/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/channel_json.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

static const char *arg(const apr_array_header_t *lines, int line, int n)
{
    return APR_ARRAY_IDX(APR_ARRAY_IDX(lines, line, clp_setting_line).argv, n, const char *);
}

static int args(const apr_array_header_t *lines, int line)
{
    return line < lines->nelts ? APR_ARRAY_IDX(lines, line, clp_setting_line).argv->nelts : 0;
}

static cJSON *write_list(const apr_array_header_t *lines)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < args(lines, 0); i++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(arg(lines, 0, i)));
    }
    return list;
}

static cJSON *write_map(const apr_array_header_t *lines)
{
    cJSON *map = cJSON_CreateObject();
    for (int i = 0; i < lines->nelts; i++) {
        cJSON_AddStringToObject(map, arg(lines, i, 0), arg(lines, i, 1));
    }
    return map;
}

static cJSON *named_value(const char *text)
{
    if (!strcasecmp(text, "on") || !strcasecmp(text, "off")) {
        return cJSON_CreateBool(!strcasecmp(text, "on"));
    }
    if (*text && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 15) {
        return cJSON_CreateNumber((double)apr_atoi64(text));
    }
    return cJSON_CreateString(text);
}

static cJSON *write_named(const apr_array_header_t *lines, apr_pool_t *pool)
{
    cJSON *object;
    if (args(lines, 0) == 1 && !strchr(arg(lines, 0, 0), '=')) {
        return cJSON_CreateString(arg(lines, 0, 0));
    }
    object = cJSON_CreateObject();
    for (int i = 0; i < args(lines, 0); i++) {
        const char *equals = strchr(arg(lines, 0, i), '=');
        const char *name =
            apr_pstrmemdup(pool, arg(lines, 0, i), (apr_size_t)(equals - arg(lines, 0, i)));
        cJSON_AddItemToObject(object, name, named_value(equals + 1));
    }
    return object;
}

static cJSON *write_fields(const apr_array_header_t *lines)
{
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < lines->nelts; i++) {
        if (args(lines, i) > 2) {
            cJSON_AddStringToObject(object, arg(lines, i, 1), arg(lines, i, 2));
        }
        else {
            cJSON_AddNullToObject(object, arg(lines, i, 1));
        }
    }
    return object;
}

static cJSON *write_keys(const clp_channel *c, apr_pool_t *pool)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "id", key->id);
        cJSON_AddStringToObject(object, "mask", key->mask);
        if (key->source) {
            cJSON_AddStringToObject(object, "source", clp_key_source_shown(key, pool));
        }
        cJSON_AddItemToArray(list, object);
    }
    return list;
}

static cJSON *write_setting(const clp_channel *c, clp_channel_setting_id id, apr_pool_t *pool)
{
    const apr_array_header_t *lines = clp_channel_show(c, id, pool);
    switch (clp_setting_shape_of(id)) {
    case CLP_SHAPE_KEYS: return write_keys(c, pool);
    case CLP_SHAPE_LIST: return write_list(lines);
    case CLP_SHAPE_MAP: return write_map(lines);
    case CLP_SHAPE_NAMED: return write_named(lines, pool);
    case CLP_SHAPE_FIELDS: return write_fields(lines);
    case CLP_SHAPE_ARGS:
        if (args(lines, 0) > 1) {
            return write_list(lines);
        }
        break;
    case CLP_SHAPE_NUMBER: return cJSON_CreateNumber((double)apr_atoi64(arg(lines, 0, 0)));
    case CLP_SHAPE_FLAG: return cJSON_CreateBool(!strcasecmp(arg(lines, 0, 0), "on"));
    case CLP_SHAPE_TEXT: break;
    }
    return args(lines, 0) ? cJSON_CreateString(arg(lines, 0, 0)) : cJSON_CreateNull();
}

void clp_channel_json_write(cJSON *object, const clp_channel *c, apr_pool_t *pool)
{
    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        clp_channel_setting_id id = (clp_channel_setting_id)i;
        cJSON_AddItemToObject(object, clp_setting_member(id), write_setting(c, id, pool));
    }
}

/* An argument as httpd reads it back. */
static void conf_word(clp_buffer *out, const char *word)
{
    if (*word && !strpbrk(word, " \t\"'\\<>#")) {
        clp_buffer_puts(out, word);
        return;
    }
    clp_buffer_puts(out, "\"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\') {
            clp_buffer_puts(out, "\\");
        }
        clp_buffer_append(out, word, 1);
    }
    clp_buffer_puts(out, "\"");
}

static void conf_line(clp_buffer *out, clp_channel_setting_id id, const apr_array_header_t *argv,
                      int hidden)
{
    clp_buffer_printf(out, "    %s%s", hidden ? "# " : "", clp_setting_directive(id));
    for (int i = 0; i < argv->nelts; i++) {
        clp_buffer_puts(out, " ");
        conf_word(out, APR_ARRAY_IDX(argv, i, const char *));
    }
    clp_buffer_puts(out, "\n");
}

/* Keys whose text is only known to the server stay in a comment, by mask and id. */
static void conf_keys(clp_buffer *out, const clp_channel *c, apr_pool_t *pool)
{
    const char *before = "";
    for (int i = 0; i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        if (!key->source) {
            clp_buffer_printf(out, "    # ChannelKey %s (id %s)\n", key->mask, key->id);
        }
        else if (strcmp(key->source, before) != 0) {
            const char *shown = clp_key_source_shown(key, pool);
            apr_array_header_t *argv = apr_array_make(pool, 1, sizeof(const char *));
            APR_ARRAY_PUSH(argv, const char *) = shown;
            conf_line(out, CLP_SETTING_KEYS, argv, strcmp(shown, key->source) != 0);
        }
        before = key->source ? key->source : "";
    }
}

static int hides_secret(const apr_array_header_t *argv)
{
    for (int i = 0; i < argv->nelts; i++) {
        if (strstr(APR_ARRAY_IDX(argv, i, const char *), "********")) {
            return 1;
        }
    }
    return 0;
}

void clp_channel_conf_write(clp_buffer *out, const clp_channel *c, apr_pool_t *pool)
{
    clp_buffer_printf(out, "<ClaudeChannel %s>\n", c->name);
    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        clp_channel_setting_id id = (clp_channel_setting_id)i;
        const apr_array_header_t *lines;
        if (id == CLP_SETTING_KEYS) {
            conf_keys(out, c, pool);
            continue;
        }
        if (clp_channel_is_default(c, id, pool)) {
            continue;
        }
        lines = clp_channel_show(c, id, pool);
        for (int k = 0; k < lines->nelts; k++) {
            const apr_array_header_t *argv = APR_ARRAY_IDX(lines, k, clp_setting_line).argv;
            conf_line(out, id, argv, hides_secret(argv));
        }
    }
    clp_buffer_puts(out, "</ClaudeChannel>\n");
}
