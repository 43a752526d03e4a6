/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settings_view.h"

#include "wire/quantity.h"

static void write_list(clp_jw *w, const apr_array_header_t *list)
{
    clp_jw_array(w);
    for (int i = 0; list && i < list->nelts; i++) {
        clp_jw_str(w, APR_ARRAY_IDX(list, i, const char *));
    }
    clp_jw_end_array(w);
}

static void write_value(clp_jw *w, const clp_setting_shown *s, apr_pool_t *pool)
{
    clp_jw_key(w, "value");
    switch (s->kind) {
    case CLP_SHOWN_NUMBER: clp_jw_int(w, s->number); return;
    case CLP_SHOWN_FLAG: clp_jw_bool(w, s->number != 0); return;
    case CLP_SHOWN_TIME: clp_jw_str(w, s->number ? clp_time_show(s->number, pool) : "Off"); return;
    case CLP_SHOWN_LIST: write_list(w, s->list); return;
    case CLP_SHOWN_TEXT: break;
    }
    if (s->text) {
        clp_jw_str(w, s->text);
    }
    else {
        clp_jw_null(w);
    }
}

static void write_settings(clp_jw *w, const char *name, const apr_array_header_t *settings,
                           apr_pool_t *pool)
{
    clp_jw_key(w, name);
    clp_jw_object(w);
    for (int i = 0; i < settings->nelts; i++) {
        const clp_setting_shown *s = &APR_ARRAY_IDX(settings, i, clp_setting_shown);

        clp_jw_key(w, s->directive);
        clp_jw_object(w);
        write_value(w, s, pool);
        clp_jw_kstr(w, "origin", s->said ? "configuration" : "default");
        clp_jw_end_object(w);
    }
    clp_jw_end_object(w);
}

void clp_settings_write(clp_jw *w, const clp_settings *settings, apr_pool_t *pool)
{
    clp_jw_object(w);
    write_settings(w, "server", settings->server, pool);
    clp_jw_key(w, "places");
    clp_jw_array(w);
    for (int i = 0; i < settings->places->nelts; i++) {
        const clp_settings_place *place = &APR_ARRAY_IDX(settings->places, i, clp_settings_place);

        clp_jw_object(w);
        clp_jw_kstr(w, "server", place->server);
        if (place->defined_in) {
            clp_jw_kstr(w, "definedIn", place->defined_in);
        }
        else {
            clp_jw_knull(w, "definedIn");
        }
        clp_jw_kstr(w, "path", place->path);
        write_settings(w, "settings", place->settings, pool);
        clp_jw_end_object(w);
    }
    clp_jw_end_array(w);
    clp_jw_end_object(w);
}
