/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"

#include <apr_optional.h>
#include <apr_strings.h>

#include "http_config.h"
#include "http_protocol.h"
#include "mod_log_config.h"

#include "log_values.h"
#include "wire/text.h"

/*
 * Values are made when a log asks for one, and, once per request, as notes for whoever reads
 * those. They can stand between quotes in a JSON log as they are.
 */
#define UNKNOWN "-"

/* Fit to stand between the quotes of a JSON string. */
static const char *safe(const char *value, apr_pool_t *pool)
{
    clp_buffer *out;
    const unsigned char *p = (const unsigned char *)value;

    while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') {
        p++;
    }
    if (!*p) {
        return value;
    }
    out = clp_buffer_make(pool, 0);
    clp_text_escape(out, clp_span_str(value), 1);
    return clp_buffer_cstr(out, pool);
}

static const clp_log_value *value_named(const char *name, apr_size_t n)
{
    const clp_log_value *v = clp_log_values;

    while (v->name && (strlen(v->name) != n || memcmp(v->name, name, n) != 0)) {
        v++;
    }
    return v->name ? v : NULL;
}

/* %{NAME}^CL, or %{NAME|OTHERWISE}^CL for another word than "-" when nothing is known. */
static const char *log_tag(request_rec *r, char *argument)
{
    const char *bar = ap_strchr_c(argument, '|');
    const clp_log_value *v =
        value_named(argument, bar ? (apr_size_t)(bar - argument) : strlen(argument));
    const char *value = NULL;
    clp_log_source s;

    if (v && clp_log_source_find(&s, r)) {
        value = v->value(&s);
    }
    return value && *value ? safe(value, r->pool) : bar ? bar + 1 : UNKNOWN;
}

/* Before mod_log_config writes its lines. */
static int set_notes(request_rec *r)
{
    request_rec *last = r;
    clp_log_source s;

    while (last->next) {
        last = last->next;
    }
    if (!clp_log_source_find(&s, last)) {
        return DECLINED;
    }
    for (const clp_log_value *v = clp_log_values; v->name; v++) {
        const char *value = v->value(&s);
        if (value && *value) {
            /* Runs once a request, and these names begin alike: setn would compare each
             * with all before it. */
            apr_table_addn(last->notes, v->note, safe(value, r->pool));
        }
    }
    return DECLINED;
}

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    APR_OPTIONAL_FN_TYPE(ap_register_log_handler) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);
    static char name[] = "^CL";

    (void)plog;
    (void)ptemp;
    if (add) {
        add(pconf, name, log_tag, 0);
    }
    return OK;
}

void clp_log_tags_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(set_notes, NULL, NULL, APR_HOOK_FIRST);
}
