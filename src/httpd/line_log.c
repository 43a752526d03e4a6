/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "line_log.h"

#include <limits.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "http_log.h"
#include "util_mutex.h"

#include "config.h"
#include "wire/log.h"

APLOG_USE_MODULE(claude_proxy);

/* Name for the Mutex directive. */
#define MUTEX_TYPE "claude-line-log"

/* Only the owner: these lines tell more than an access log. */
#define PERMISSIONS (APR_FPROT_UREAD | APR_FPROT_UWRITE)

/* How long a program may take nothing, and how long it is left alone then. */
#define PATIENCE apr_time_from_sec(3)
#define RESPITE  apr_time_from_sec(30)

struct clp_line_log {
    const char *target; /* as it was said */
    const char *path;   /* NULL = a program's */
    apr_file_t *file;
    apr_uint64_t idle_until; /* nothing is written before, in this process */
};

/* Of the configuration that is being read or in force. */
static apr_array_header_t *logs;
static apr_global_mutex_t *mutex;

const char *clp_line_log_name(clp_line_log **out, cmd_parms *cmd, const char *target)
{
    clp_line_log *log;

    for (int i = 0; i < logs->nelts; i++) {
        log = APR_ARRAY_IDX(logs, i, clp_line_log *);
        if (!strcmp(log->target, target)) {
            *out = log;
            return NULL;
        }
    }
    log = apr_pcalloc(cmd->pool, sizeof(*log));
    log->target = target;
    if (*target != '|') {
        log->path = ap_server_root_relative(cmd->pool, target);
        if (!log->path) {
            return apr_psprintf(cmd->pool, "%s: '%s' is no usable path", cmd->cmd->name, target);
        }
    }
    else if (!target[1 + strspn(target + 1, " ")]) {
        return apr_psprintf(cmd->pool, "%s: there is no program behind the '|'", cmd->cmd->name);
    }
    APR_ARRAY_PUSH(logs, clp_line_log *) = log;
    *out = log;
    return NULL;
}

const char *clp_line_log_target(const clp_line_log *log)
{
    return log->target;
}

static apr_status_t open_log(clp_line_log *log, apr_pool_t *p)
{
    piped_log *pipe;

    if (log->path) {
        return apr_file_open(&log->file, log->path, APR_WRITE | APR_APPEND | APR_CREATE,
                             PERMISSIONS, p);
    }
    pipe = ap_open_piped_log(p, log->target + 1);
    if (!pipe) {
        return APR_EGENERAL;
    }
    log->file = ap_piped_log_write_fd(pipe);
    return apr_file_pipe_timeout_set(log->file, PATIENCE);
}

static int pre_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    logs = apr_array_make(p, 2, sizeof(clp_line_log *));
    mutex = NULL;
    return ap_mutex_register(p, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

static int open_logs(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    int programs = 0;

    (void)plog;
    (void)ptemp;
    for (int i = 0; i < logs->nelts; i++) {
        clp_line_log *log = APR_ARRAY_IDX(logs, i, clp_line_log *);
        apr_status_t rv = open_log(log, p);

        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, "CLP2300: cannot open the log %s",
                         log->target);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        programs |= !log->path;
    }
    return !programs ||
                   ap_global_mutex_create(&mutex, NULL, MUTEX_TYPE, NULL, s, p, 0) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    apr_status_t rv;

    if (!mutex) {
        return;
    }
    rv = apr_global_mutex_child_init(&mutex, apr_global_mutex_lockfile(mutex), p);
    if (rv != APR_SUCCESS) {
        mutex = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "CLP2301: no mutex " MUTEX_TYPE ": long lines to programs may mix");
    }
}

static int is_left_alone(clp_line_log *log)
{
    return (apr_uint64_t)apr_time_now() < apr_atomic_read64(&log->idle_until);
}

static int write_line(clp_line_log *log, request_rec *r, clp_span line)
{
    apr_status_t rv;

    if (is_left_alone(log)) {
        return 0;
    }
    rv = apr_file_write_full(log->file, line.p, line.n, NULL);
    if (rv != APR_SUCCESS) {
        apr_atomic_set64(&log->idle_until, (apr_uint64_t)(apr_time_now() + RESPITE));
        clp_log(r, CLP_LOG_ERR, rv, 2303, "cannot write to the log %s; nothing is for %d s",
                log->target, (int)apr_time_sec(RESPITE));
    }
    return rv == APR_SUCCESS;
}

/* The kernel keeps appends to a file apart, and short writes to a pipe, but no long ones. */
int clp_line_log_write(clp_line_log *log, request_rec *r, clp_span line)
{
    int alone = !log->path && line.n > PIPE_BUF && mutex;
    int written;

    if (is_left_alone(log) || (alone && apr_global_mutex_lock(mutex) != APR_SUCCESS)) {
        return 0;
    }
    written = write_line(log, r, line);
    if (alone) {
        apr_global_mutex_unlock(mutex);
    }
    return written;
}

void clp_line_log_register(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_open_logs(open_logs, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}
