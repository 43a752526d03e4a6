/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_SECRETS_H
#define CLP_HTTPD_SECRETS_H

#include "httpd.h"
#include "http_config.h"

/**
 * @file secrets.h
 * @brief Keys as directives name them: KEY, env:NAME, file:PATH, exec:COMMAND.
 *
 * All of this runs while the configuration is read, in the parent, mostly as
 * root; at start httpd reads its configuration twice. No error text holds a
 * secret.
 */

/**
 * Read what `arg` stands for.
 * @param pool where the secrets live
 * @param label how the setting is called, for error texts
 * @param many a file may hold several secrets, one a line; otherwise it is one
 *        secret. Blank lines and lines that begin with '#' do not count.
 * @param out of const char *; the secrets are appended
 * @return NULL, or an error text that begins with the label and names the source
 */
const char *clp_secret_read(apr_pool_t *pool, const char *label, const char *arg, int many,
                            apr_array_header_t *out);

/**
 * Hide secrets in the configuration tree, which DUMP_CONFIG and mod_info
 * print: every word of the directive's arguments behind the first `keep` is
 * replaced by stars, except that env:NAME, file:PATH and the program of
 * exec: stay readable.
 */
void clp_secret_hide(cmd_parms *cmd, int keep);

/** Put other arguments in the tree: for directives whose secret is part of a word. */
void clp_secret_show_instead(cmd_parms *cmd, const char *args);

/**
 * Read a file of secrets: a regular file of at most 1 MiB.
 * @param text out: the bytes, with a NUL behind them
 * @param open_to_all out: everyone may read the file
 * @return NULL, or what is wrong with the file, without its name
 */
const char *clp_secret_file_read(const char *path, apr_pool_t *pool, char **text, apr_size_t *n,
                                 int *open_to_all);

/** What to say of a file with secrets in plain that everyone may read, without its name. */
#define CLP_SECRET_FILE_OPEN "may be read by everyone: take that right away with chmod o-r"

#endif
