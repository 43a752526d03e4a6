/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "channel_section.h"

#include <apr_strings.h>

#include "key_files.h"
#include "secrets.h"
#include "upstream/tls_files.h"
#include "wire/buffer.h"
#include "wire/text.h"

static const char *read_path(void *ctx, const char *path, apr_pool_t *pool)
{
    (void)ctx;
    return ap_server_root_relative(pool, path);
}

static const char *read_secrets(void *ctx, const char *label, const char *arg,
                                apr_array_header_t *out, apr_pool_t *pool)
{
    (void)ctx;
    if (!strncmp(arg, "file:", 5)) {
        clp_key_files_note(arg, pool);
    }
    return clp_secret_read(pool, label, arg, 1, out);
}

static const clp_channel_source source = {NULL, NULL, read_path, read_secrets};

/** What dumps of the configuration must not show. */
static void hide_secrets(cmd_parms *cmd, clp_channel_setting_id id)
{
    switch (id) {
    case CLP_SETTING_KEYS: clp_secret_hide(cmd, 0); break;
    case CLP_SETTING_HEADERS: clp_secret_hide(cmd, 2); break;
    case CLP_SETTING_PROXY:
        clp_secret_show_instead(cmd, clp_proxy_shown(cmd->directive->args, cmd->pool));
        break;
    default: break;
    }
}

const char *clp_channel_setting(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    clp_channel_setting_id id = (clp_channel_setting_id)(apr_uintptr_t)cmd->info;
    clp_channel_draft *draft = clp_server_config_of(cmd->server)->open;

    (void)dir;
    hide_secrets(cmd, id);
    if (!draft) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " is only valid inside <ClaudeChannel>",
                           NULL);
    }
    draft->label = cmd->cmd->name;
    draft->where = apr_psprintf(cmd->pool, "line %d", cmd->directive->line_num);
    if (!draft->channel->said_at[id]) {
        draft->channel->said_at[id] = clp_config_place(cmd->pool, cmd->directive);
    }
    return clp_channel_draft_set(draft, id, argc, (const char *const *)argv);
}

static const char *check_name(cmd_parms *cmd, const char *name)
{
    const clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *wrong = clp_channel_name_wrong(name);
    const clp_channel *other = clp_channel_named(conf->channels, name);

    if (wrong) {
        return apr_psprintf(cmd->pool, "<ClaudeChannel>: '%s' %s", name, wrong);
    }
    return other ? apr_psprintf(cmd->pool, "<ClaudeChannel>: channel '%s' is already defined at %s",
                                name, other->defined_in)
                 : NULL;
}

/** Only Channel... directives may stand in a section; others would act on the server unseen. */
static const char *check_children(cmd_parms *cmd)
{
    for (const ap_directive_t *d = cmd->directive->first_child; d; d = d->next) {
        if (ap_cstr_casecmpn(d->directive, "Channel", 7) != 0) {
            cmd->err_directive = d;
            return apr_pstrcat(cmd->pool, d->directive, " is not allowed inside <ClaudeChannel>",
                               NULL);
        }
    }
    return NULL;
}

/** A digest of what the section says, secrets included. */
static const char *digest_section(cmd_parms *cmd)
{
    clp_buffer *text = clp_buffer_make(cmd->temp_pool, 0);
    char *digest = apr_palloc(cmd->pool, 65);

    for (const ap_directive_t *d = cmd->directive->first_child; d; d = d->next) {
        clp_buffer_printf(text, "%s %s\n", d->directive, d->args);
    }
    clp_sha256_hex(clp_buffer_all(text), digest);
    clp_buffer_release(text);
    return digest;
}

const char *clp_channel_section(cmd_parms *cmd, void *dir, const char *args)
{
    clp_server_config *conf = clp_server_config_of(cmd->server);
    const char *end = ap_strrchr_c(args, '>');
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    const ap_directive_t *section = cmd->directive;
    const char *name, *digest;
    clp_channel_draft draft;

    (void)dir;
    if (wrong) {
        return wrong;
    }
    if (conf->open) {
        return "<ClaudeChannel> cannot stand inside another <ClaudeChannel>";
    }
    if (!end || end[1]) {
        return "<ClaudeChannel> lacks its closing '>'";
    }
    args = apr_pstrmemdup(cmd->pool, args, (apr_size_t)(end - args));
    name = ap_getword_conf(cmd->pool, &args);
    if (*args) {
        return apr_pstrcat(cmd->pool, "<ClaudeChannel> takes one name; '", args, "' is too much",
                           NULL);
    }
    wrong = check_name(cmd, name);
    if (wrong || (wrong = check_children(cmd))) {
        return wrong;
    }
    digest = digest_section(cmd);
    clp_channel_draft_begin(&draft, name, clp_config_place(cmd->pool, cmd->directive), &source,
                            cmd->pool);
    draft.channel->said_at = apr_pcalloc(cmd->pool, CLP_SETTING_COUNT * sizeof(const char *));
    conf->open = &draft;
    wrong = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    conf->open = NULL;
    if (wrong) {
        return wrong;
    }
    wrong = clp_channel_draft_lacks(&draft);
    if (wrong) {
        cmd->err_directive = section;
        return apr_psprintf(cmd->pool, "<ClaudeChannel>: channel '%s' %s", name, wrong);
    }
    APR_ARRAY_PUSH(conf->channels, clp_channel *) = draft.channel;
    apr_hash_set(conf->section_digests, name, APR_HASH_KEY_STRING, digest);
    return NULL;
}
