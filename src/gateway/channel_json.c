/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/channel_json.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define MAX_TEXT 8192

/** The setting being read. */
typedef struct reading {
    clp_channel_draft *draft;
    clp_channel_setting_id id;
    clp_document_error *error;
} reading;

static int fail(const reading *r, const char *part, const char *message)
{
    const char *member = clp_setting_member(r->id);
    r->error->path = part ? apr_pstrcat(r->draft->pool, member, ".", part, NULL) : member;
    r->error->message = message;
    return 0;
}

static int fail_type(const reading *r, const char *part, const char *wants)
{
    return fail(r, part, apr_pstrcat(r->draft->pool, "has to be ", wants, NULL));
}

/* A text of the document in the draft's pool; NULL and an error if it will not do. */
static const char *take_text(const reading *r, const char *part, const cJSON *value)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    if (!text) {
        fail_type(r, part, "a string");
        return NULL;
    }
    if (strlen(text) > MAX_TEXT) {
        fail(r, part, "is longer than 8192 bytes");
        return NULL;
    }
    for (const char *c = text; *c; c++) {
        if (apr_iscntrl(*c)) {
            fail(r, part, "holds a control character");
            return NULL;
        }
    }
    return apr_pstrdup(r->draft->pool, text);
}

static int set(const reading *r, const char *part, const apr_array_header_t *args)
{
    const char *label = r->draft->label;
    const char *wrong =
        clp_channel_draft_set(r->draft, r->id, args->nelts, (const char *const *)args->elts);
    /* The path says already what it is about. */
    if (wrong && !strncmp(wrong, label, strlen(label))) {
        wrong += strlen(label);
        wrong += strspn(wrong, ": ");
    }
    return !wrong || fail(r, part, wrong);
}

static apr_array_header_t *arguments(const reading *r, const char *first, const char *second)
{
    apr_array_header_t *args = apr_array_make(r->draft->pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(args, const char *) = first;
    if (second) {
        APR_ARRAY_PUSH(args, const char *) = second;
    }
    return args;
}

static int read_text(const reading *r, const cJSON *value)
{
    const char *text = take_text(r, NULL, value);
    return text && set(r, NULL, arguments(r, text, NULL));
}

static int read_number(const reading *r, const cJSON *value)
{
    double n = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (n < 0 || n > 9007199254740991.0 || n != (double)(apr_int64_t)n) {
        return fail_type(r, NULL, "a number without sign and fraction");
    }
    return set(
        r, NULL,
        arguments(r, apr_psprintf(r->draft->pool, "%" APR_INT64_T_FMT, (apr_int64_t)n), NULL));
}

static int read_flag(const reading *r, const cJSON *value)
{
    if (!cJSON_IsBool(value)) {
        return fail_type(r, NULL, "true or false");
    }
    return set(r, NULL, arguments(r, cJSON_IsTrue(value) ? "On" : "Off", NULL));
}

/* A list of strings, each for itself. */
static int read_each(const reading *r, const cJSON *value)
{
    const cJSON *element;
    int i = 0;
    if (!cJSON_IsArray(value)) {
        return fail_type(r, NULL, "a list of strings");
    }
    cJSON_ArrayForEach(element, value)
    {
        const char *part = apr_itoa(r->draft->pool, i++);
        const char *text = take_text(r, part, element);
        if (!text || !set(r, part, arguments(r, text, NULL))) {
            return 0;
        }
    }
    return 1;
}

/* A list of strings as the arguments of one line; an empty one says nothing. */
static int read_list(const reading *r, const cJSON *value)
{
    apr_array_header_t *args = apr_array_make(r->draft->pool, 4, sizeof(const char *));
    const cJSON *element;
    int i = 0;
    if (!cJSON_IsArray(value)) {
        return fail_type(r, NULL, "a list of strings");
    }
    cJSON_ArrayForEach(element, value)
    {
        const char *text = take_text(r, apr_itoa(r->draft->pool, i++), element);
        if (!text) {
            return 0;
        }
        APR_ARRAY_PUSH(args, const char *) = text;
    }
    return !args->nelts || set(r, NULL, args);
}

static int read_args(const reading *r, const cJSON *value)
{
    return cJSON_IsString(value) ? read_text(r, value) : read_list(r, value);
}

static int read_map(const reading *r, const cJSON *value)
{
    const cJSON *member;
    if (!cJSON_IsObject(value)) {
        return fail_type(r, NULL, "an object");
    }
    cJSON_ArrayForEach(member, value)
    {
        const char *name = apr_pstrdup(r->draft->pool, member->string);
        const char *text = take_text(r, name, member);
        if (!text || !set(r, name, arguments(r, name, text))) {
            return 0;
        }
    }
    return 1;
}

/* What a member of a NAMED setting says behind the '='. */
static const char *named_value(const reading *r, const cJSON *member)
{
    if (cJSON_IsBool(member)) {
        return cJSON_IsTrue(member) ? "on" : "off";
    }
    if (cJSON_IsNumber(member) && member->valuedouble >= 0 && member->valuedouble < 1e15 &&
        member->valuedouble == (double)(apr_int64_t)member->valuedouble) {
        return apr_psprintf(r->draft->pool, "%" APR_INT64_T_FMT, (apr_int64_t)member->valuedouble);
    }
    return take_text(r, member->string, member);
}

static int read_named(const reading *r, const cJSON *value)
{
    apr_array_header_t *args = apr_array_make(r->draft->pool, 4, sizeof(const char *));
    const cJSON *member;
    if (cJSON_IsString(value)) {
        return read_text(r, value);
    }
    if (!cJSON_IsObject(value)) {
        return fail_type(r, NULL, "an object or a string");
    }
    cJSON_ArrayForEach(member, value)
    {
        const char *text = named_value(r, member);
        if (!text) {
            return 0;
        }
        APR_ARRAY_PUSH(args, const char *) =
            apr_pstrcat(r->draft->pool, member->string, "=", text, NULL);
    }
    return !args->nelts || set(r, NULL, args);
}

static int read_fields(const reading *r, const cJSON *value)
{
    const cJSON *member;
    if (!cJSON_IsObject(value)) {
        return fail_type(r, NULL, "an object of header fields");
    }
    cJSON_ArrayForEach(member, value)
    {
        const char *name = apr_pstrdup(r->draft->pool, member->string);
        apr_array_header_t *args;
        if (cJSON_IsNull(member)) {
            args = arguments(r, "unset", name);
        }
        else {
            const char *text = take_text(r, name, member);
            if (!text) {
                return 0;
            }
            args = arguments(r, "set", name);
            APR_ARRAY_PUSH(args, const char *) = text;
        }
        if (!set(r, name, args)) {
            return 0;
        }
    }
    return 1;
}

static int read_setting(const reading *r, const cJSON *value)
{
    clp_channel_draft_clear(r->draft, r->id);
    r->draft->label = clp_setting_member(r->id);
    r->draft->where = "this document";
    if (cJSON_IsNull(value)) {
        return 1;
    }
    switch (clp_setting_shape_of(r->id)) {
    case CLP_SHAPE_TEXT: return read_text(r, value);
    case CLP_SHAPE_NUMBER: return read_number(r, value);
    case CLP_SHAPE_FLAG: return read_flag(r, value);
    case CLP_SHAPE_ARGS: return read_args(r, value);
    case CLP_SHAPE_LIST:
    case CLP_SHAPE_KEYS: return read_each(r, value);
    case CLP_SHAPE_MAP: return read_map(r, value);
    case CLP_SHAPE_NAMED: return read_named(r, value);
    case CLP_SHAPE_FIELDS: return read_fields(r, value);
    }
    return 0;
}

static int is_one_of(const char *name, const char *const *list)
{
    for (; list && *list; list++) {
        if (!strcmp(name, *list)) {
            return 1;
        }
    }
    return 0;
}

/* Other spellings of members: the setting, and the value as this one would be said. */
static const cJSON *respell(const char *name, const cJSON *value, clp_channel_setting_id *id,
                            cJSON **made)
{
    if (!strcmp(name, "baseUrl") && cJSON_IsString(value)) {
        *id = CLP_SETTING_URLS;
        *made = cJSON_CreateArray();
        cJSON_AddItemToArray(*made, cJSON_CreateString(value->valuestring));
        return *made;
    }
    if (!strcmp(name, "insecureSkipVerify") && cJSON_IsBool(value)) {
        *id = CLP_SETTING_TLS_VERIFY;
        *made = cJSON_CreateBool(!cJSON_IsTrue(value));
        return *made;
    }
    return NULL;
}

static int find_setting(const char *name, clp_channel_setting_id *id)
{
    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        if (!strcmp(name, clp_setting_member((clp_channel_setting_id)i))) {
            *id = (clp_channel_setting_id)i;
            return 1;
        }
    }
    return 0;
}

static int fail_member(const reading *r, const char *name, const char *message)
{
    r->error->path = apr_pstrdup(r->draft->pool, name);
    r->error->message = message;
    return 0;
}

int clp_channel_json_read(clp_channel_draft *d, const cJSON *object, const char *const *besides,
                          clp_document_error *error)
{
    char seen[CLP_SETTING_COUNT] = {0};
    reading r = {d, CLP_SETTING_SERVICE, error};
    const cJSON *member;
    if (!cJSON_IsObject(object)) {
        return fail_member(&r, "", "a channel has to be an object");
    }
    cJSON_ArrayForEach(member, object)
    {
        cJSON *made = NULL;
        const cJSON *value = member;
        int fits;
        if (is_one_of(member->string, besides)) {
            continue;
        }
        if (!find_setting(member->string, &r.id) &&
            !(value = respell(member->string, member, &r.id, &made))) {
            return fail_member(&r, member->string, "is no setting of a channel");
        }
        if (seen[r.id]) {
            cJSON_Delete(made);
            return fail_member(&r, member->string, "is said twice");
        }
        seen[r.id] = 1;
        fits = read_setting(&r, value);
        cJSON_Delete(made);
        if (!fits) {
            return 0;
        }
    }
    return 1;
}
