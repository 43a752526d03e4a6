/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "admin_call.h"
#include "clp_version.h"
#include "gateway/channel_view.h"

/* The document itself, as it lies in the sources. */
__asm__(".section .rodata\n"
        "clp_openapi:\n"
        ".incbin \"docs/openapi.json\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char clp_openapi[] __attribute__((visibility("hidden")));

void clp_admin_openapi(clp_admin_call *call)
{
    clp_buffer_puts(call->out, clp_openapi);
}

/* --- what is in force ------------------------------------------------------------------ */

static void write_conf(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;

    call->content_type = "text/plain; charset=utf-8";
    clp_buffer_printf(call->out,
                      "# Channels in force: the configuration with revision %" APR_INT64_T_FMT
                      " of the overlay.\n# Keys that were said as they are stand here as a mask "
                      "with their id.\n",
                      site->revision);
    for (int i = 0; i < site->channels->nelts; i++) {
        clp_buffer_puts(call->out, "\n");
        clp_channel_conf_write(call->out, APR_ARRAY_IDX(site->channels, i, const clp_channel *),
                               call->pool);
    }
}

static void write_text(clp_jw *w, const char *name, const char *text)
{
    if (text) {
        clp_jw_kstr(w, name, text);
    }
    else {
        clp_jw_knull(w, name);
    }
}

static void write_json(clp_admin_call *call)
{
    const clp_admin_site *site = call->site;
    clp_jw w;

    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "version", CLP_VERSION);
    clp_jw_kint(&w, "revision", site->revision);
    write_text(&w, "file", site->overlay_path);
    write_text(&w, "error", site->overlay_error);
    clp_jw_key(&w, "channels");
    clp_jw_object(&w);
    for (int i = 0; i < site->channels->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(site->channels, i, const clp_channel *);
        clp_admin_value(&w, c->name,
                        clp_channel_view_make(c, clp_admin_configured(call, c->name), call->pool));
    }
    clp_jw_end_object(&w);
    clp_jw_end_object(&w);
}

void clp_admin_get_config(clp_admin_call *call)
{
    const char *format = apr_table_get(call->args, "format");
    int conf =
        format ? !strcmp(format, "conf") : call->accept && !strncmp(call->accept, "text/plain", 10);

    if (format && !conf && strcmp(format, "json") != 0) {
        clp_admin_fail(call, 400, "format", "format: has to be json or conf");
        return;
    }
    call->told_revision = call->site->revision;
    if (conf) {
        write_conf(call);
    }
    else {
        write_json(call);
    }
}

void clp_admin_settings(clp_admin_call *call)
{
    clp_settings settings = call->site->settings(call->site->ctx, call->pool);
    clp_jw w;

    clp_jw_init(&w, call->out);
    clp_settings_write(&w, &settings, call->pool);
}

/* --- could it be? ------------------------------------------------------------------------ */

/* Who only wants to know of channels may leave out the frame around them. */
static const cJSON *framed(clp_admin_call *call, const cJSON *object)
{
    cJSON *document = clp_document_copy(object, call->pool);

    if (!cJSON_GetObjectItemCaseSensitive(document, "version")) {
        cJSON_AddNumberToObject(document, "version", CLP_OVERLAY_VERSION);
    }
    if (!cJSON_GetObjectItemCaseSensitive(document, "revision")) {
        cJSON_AddNumberToObject(document, "revision", (double)call->site->revision);
    }
    return document;
}

void clp_admin_validate(clp_admin_call *call)
{
    const cJSON *object = clp_admin_object(call, NULL);
    clp_document_error error = {"", ""};
    apr_array_header_t *laid;
    clp_overlay *o;
    char *text;
    int valid;
    clp_jw w;

    if (!object) {
        return;
    }
    text = cJSON_PrintUnformatted(framed(call, object));
    o = clp_overlay_parse(clp_span_str(text ? text : ""), call->pool, &error);
    cJSON_free(text);
    valid = o && clp_overlay_lay(o, call->site->configured, call->site->source, call->pool, &laid,
                                 &error);
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_kbool(&w, "valid", valid);
    if (!valid) {
        clp_jw_kstr(&w, "path", error.path);
        clp_jw_kstr(&w, "message", error.message);
    }
    clp_jw_end_object(&w);
}
