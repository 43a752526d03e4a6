/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_TRANSFER_RUN_H
#define CLP_T_TRANSFER_RUN_H

#include "upstream/transport.h"
#include "wire/buffer.h"

/**
 * @file transfer_run.h
 * @brief A transfer to the peer (http_peer.h), with all that its handler was told.
 */
typedef struct transfer_run {
    clp_transport *engine;
    clp_transfer *transfer;
    apr_pool_t *pool;
    clp_buffer body;
    int heads;
    int status;
    const apr_table_t *headers;
    int ends;
    clp_transfer_end how;
    char detail[300];
    int calls_after_end;
    int steps;
    int cancel_in_head;
    int cancel_in_body;
    int drop_pool_at_end;
    struct transfer_run *then; /* started from on_end */
    const char *then_path;
} transfer_run;

extern const clp_timeouts transfer_no_timeouts;

/** URL of a path of the peer. */
const char *transfer_url(const char *path, apr_pool_t *pool);

/** One that is not begun yet. */
transfer_run *transfer_make(clp_transport *engine, apr_pool_t *pool);
void transfer_begin(transfer_run *s, const clp_transfer_request *request);

/** Step until it ends; gives up (and fails the test by its checks) after 10 s. */
void transfer_finish(transfer_run *s);

/** All of that, for GET. */
transfer_run *transfer_get(clp_transport *engine, const char *path, clp_timeouts timeouts,
                           apr_pool_t *pool);

#endif
