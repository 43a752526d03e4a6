/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "secrets.h"

#include <signal.h>
#include <stdlib.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#define STARS           "********"
#define MAX_SECRET      8192
#define MAX_SECRET_FILE (1024 * 1024)
#define EXEC_TIMEOUT    apr_time_from_sec(10)

/** What is wrong with a secret, in words that follow "the key". */
static const char *check_secret(const char *secret)
{
    if (!*secret) {
        return "is empty";
    }
    if (strstr(secret, "${")) {
        return "holds ${...}: the variable is not defined (Define, or the environment of httpd)";
    }
    if (strlen(secret) > MAX_SECRET) {
        return "is longer than 8192 bytes";
    }
    for (const unsigned char *c = (const unsigned char *)secret; *c; c++) {
        if (*c <= 0x20 || *c >= 0x7f) {
            return "holds a blank or a character that is not visible ASCII";
        }
    }
    return NULL;
}

static const char *take(apr_pool_t *pool, const char *label, const char *source, const char *secret,
                        apr_array_header_t *out)
{
    const char *wrong = check_secret(secret);

    if (wrong) {
        return apr_psprintf(pool, "%s: the key%s%s %s", label, *source ? " of " : "", source,
                            wrong);
    }
    APR_ARRAY_PUSH(out, const char *) = secret;
    return NULL;
}

/** Takes the next line off the text, without blanks around it. */
static char *next_line(char **text)
{
    char *line = *text;
    char *end = strchr(line, '\n');
    apr_size_t n;

    if (end) {
        *end = '\0';
        *text = end + 1;
    }
    else {
        *text = line + strlen(line);
    }
    line += strspn(line, " \t\r");
    for (n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--) {
        line[n - 1] = '\0';
    }
    return line;
}

const char *clp_secret_file_read(const char *path, apr_pool_t *pool, char **text, apr_size_t *n,
                                 int *open_to_all)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    char why[120];

    rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pool, "cannot be opened: %s", apr_strerror(rv, why, sizeof(why)));
    }
    rv = apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_PROT, file);
    if (rv != APR_SUCCESS || info.filetype != APR_REG) {
        apr_file_close(file);
        return "is not a regular file";
    }
    *open_to_all = (info.protection & APR_FPROT_WREAD) != 0;
    if (info.size > MAX_SECRET_FILE) {
        apr_file_close(file);
        return "is larger than 1 MiB";
    }
    *text = apr_palloc(pool, (apr_size_t)info.size + 1);
    rv = apr_file_read_full(file, *text, (apr_size_t)info.size, n);
    apr_file_close(file);
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return apr_psprintf(pool, "cannot be read: %s", apr_strerror(rv, why, sizeof(why)));
    }
    (*text)[*n] = '\0';
    return NULL;
}

static const char *read_file(apr_pool_t *pool, const char *label, const char *arg, int many,
                             apr_array_header_t *out)
{
    const char *path = ap_server_root_relative(pool, arg + 5);
    const char *wrong;
    char *text = "";
    apr_size_t n = 0;
    int before = out->nelts;
    int open_to_all = 0;

    if (!arg[5] || !path) {
        return apr_pstrcat(pool, label, ": '", arg, "' names no file", NULL);
    }
    wrong = clp_secret_file_read(path, pool, &text, &n, &open_to_all);
    if (!wrong && open_to_all) {
        wrong = CLP_SECRET_FILE_OPEN;
    }
    if (!wrong && strlen(text) != n) {
        wrong = "holds a NUL byte";
    }
    if (wrong) {
        return apr_pstrcat(pool, label, ": the file ", path, " ", wrong, NULL);
    }
    while (*text) {
        char *line = next_line(&text);

        if (!*line || *line == '#') {
            continue;
        }
        if (!many && out->nelts > before) {
            return apr_pstrcat(pool, label, ": the file ", path, " holds more than one key", NULL);
        }
        wrong = take(pool, label, arg, line, out);
        if (wrong) {
            return wrong;
        }
    }
    if (out->nelts == before) {
        return apr_pstrcat(pool, label, ": the file ", path, " holds no key", NULL);
    }
    return NULL;
}

/** Collects what the program prints, up to the end of its output or the deadline. */
static apr_status_t read_output(apr_file_t *from, char *text, apr_size_t room)
{
    apr_time_t end = apr_time_now() + EXEC_TIMEOUT;
    apr_size_t n = 0;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS) {
        apr_interval_time_t left = end - apr_time_now();
        char beyond[512];
        apr_size_t got = n < room ? room - n : sizeof(beyond);

        if (left <= 0) {
            rv = APR_TIMEUP;
            break;
        }
        apr_file_pipe_timeout_set(from, left);
        rv = apr_file_read(from, n < room ? text + n : beyond, &got);
        if (n < room) {
            n += got;
        }
    }
    text[n] = '\0';
    return rv;
}

/** What a program prints; NULL and what went wrong otherwise. */
static char *run_program(apr_pool_t *p, char *const *argv, const char **wrong)
{
    apr_procattr_t *attr;
    apr_proc_t proc;
    apr_status_t rv;
    apr_exit_why_e why;
    char *output = apr_palloc(p, MAX_SECRET + 2);
    int code;
    char text[120];

    if ((rv = apr_procattr_create(&attr, p)) != APR_SUCCESS ||
        (rv = apr_procattr_io_set(attr, APR_NO_FILE, APR_FULL_BLOCK, APR_NO_PIPE)) != APR_SUCCESS ||
        (rv = apr_procattr_cmdtype_set(attr, APR_PROGRAM_ENV)) != APR_SUCCESS ||
        (rv = apr_procattr_error_check_set(attr, 1)) != APR_SUCCESS ||
        (rv = apr_proc_create(&proc, argv[0], (const char *const *)argv, NULL, attr, p)) !=
            APR_SUCCESS) {
        *wrong = apr_pstrcat(p, "cannot be started: ", apr_strerror(rv, text, sizeof(text)), NULL);
        return NULL;
    }
    rv = read_output(proc.out, output, MAX_SECRET + 1);
    apr_file_close(proc.out);
    if (rv != APR_EOF) {
        apr_proc_kill(&proc, SIGKILL);
        apr_proc_wait(&proc, &code, &why, APR_WAIT);
        *wrong = "did not finish within 10 seconds";
        return NULL;
    }
    apr_proc_wait(&proc, &code, &why, APR_WAIT);
    if (!APR_PROC_CHECK_EXIT(why) || code != 0) {
        *wrong = apr_psprintf(p, "ended with %s %d",
                              APR_PROC_CHECK_EXIT(why) ? "exit code" : "signal", code);
        return NULL;
    }
    return output;
}

static const char *read_exec(apr_pool_t *pool, const char *label, const char *arg,
                             apr_array_header_t *out)
{
    const char *wrong = NULL;
    char **argv;
    char *output;

    if (apr_tokenize_to_argv(arg + 5, &argv, pool) != APR_SUCCESS || !argv[0] || !*argv[0]) {
        return apr_pstrcat(pool, label, ": exec: names no program", NULL);
    }
    argv[0] = ap_server_root_relative(pool, argv[0]);
    if (!argv[0]) {
        return apr_pstrcat(pool, label, ": exec: names no usable path", NULL);
    }
    output = run_program(pool, argv, &wrong);
    if (!output) {
        return apr_pstrcat(pool, label, ": the program ", argv[0], " ", wrong, NULL);
    }
    return take(pool, label, apr_pstrcat(pool, "exec:", argv[0], NULL), next_line(&output), out);
}

static const char *read_env(apr_pool_t *pool, const char *label, const char *arg,
                            apr_array_header_t *out)
{
    const char *value = arg[4] ? getenv(arg + 4) : NULL;

    if (!value) {
        return apr_pstrcat(pool, label, ": the environment of httpd has no variable ",
                           arg[4] ? arg + 4 : "without a name",
                           " (with Debian, export it in /etc/apache2/envvars)", NULL);
    }
    return take(pool, label, arg, apr_pstrdup(pool, value), out);
}

const char *clp_secret_read(apr_pool_t *pool, const char *label, const char *arg, int many,
                            apr_array_header_t *out)
{
    if (strstr(arg, "${")) {
        return apr_pstrcat(pool, label,
                           ": the argument holds ${...}: the variable is not defined (Define, or "
                           "the environment of httpd)",
                           NULL);
    }
    if (strncmp(arg, "env:", 4) == 0) {
        return read_env(pool, label, arg, out);
    }
    if (strncmp(arg, "file:", 5) == 0) {
        return read_file(pool, label, arg, many, out);
    }
    if (strncmp(arg, "exec:", 5) == 0) {
        return read_exec(pool, label, arg, out);
    }
    return take(pool, label, "", apr_pstrdup(pool, arg), out);
}

/** A word of the arguments as dumps may show it. */
static const char *show_word(apr_pool_t *p, const char *word)
{
    const char *program, *rest;

    if (strncmp(word, "env:", 4) == 0 || strncmp(word, "file:", 5) == 0) {
        return word;
    }
    if (strncmp(word, "exec:", 5) == 0) {
        rest = word + 5;
        program = ap_getword_white(p, &rest);
        return *rest ? apr_pstrcat(p, "exec:", program, " " STARS, NULL) : word;
    }
    return STARS;
}

void clp_secret_hide(cmd_parms *cmd, int keep)
{
    const char *args = cmd->directive->args;
    const char *shown = "";

    for (int i = 0; *args; i++) {
        const char *word = ap_getword_conf(cmd->pool, &args);

        if (i >= keep) {
            word = show_word(cmd->pool, word);
        }
        if (strpbrk(word, " \t")) {
            word = apr_pstrcat(cmd->pool, "\"", word, "\"", NULL);
        }
        shown = apr_pstrcat(cmd->pool, shown, i ? " " : "", word, NULL);
    }
    clp_secret_show_instead(cmd, shown);
}

void clp_secret_show_instead(cmd_parms *cmd, const char *args)
{
    cmd->directive->args = args;
}
