/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_TRANSPORT_H
#define CLP_UPSTREAM_TRANSPORT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "upstream/host_rules.h"
#include "wire/span.h"

/**
 * @file transport.h
 * @brief How bytes go to an upstream and come back, behind an interface: the
 * gateway never sees libcurl, and tests put a scripted transport here.
 *
 * Redirects are answers like any other; they are not followed.
 *
 * A transport is driven by one thread at a time. Its handlers are called from
 * within step(), never from start() or cancel().
 */

/** Deadlines of one transfer, in milliseconds; 0 = none. */
typedef struct clp_timeouts {
    apr_int32_t connect_ms;    /**< name look-up, TCP, proxy and TLS handshake */
    apr_int32_t first_byte_ms; /**< from the start to the first byte of the answer's body */
    apr_int32_t idle_ms;       /**< between two reads of the body; paused time does not count */
    apr_int32_t total_ms;      /**< the whole transfer */
} clp_timeouts;

typedef struct clp_tls {
    int verify;            /**< check the peer's certificate and name */
    const char *ca_file;   /**< PEM; NULL = the system's */
    const char *ca_path;   /**< hashed directory; NULL = none */
    const char *cert_file; /**< client certificate, PEM; NULL = none */
    const char *key_file;  /**< its key; NULL = in cert_file */
} clp_tls;

typedef struct clp_transfer_request {
    const char *method;
    const char *url;
    const apr_table_t *headers; /**< complete: the transport adds only Host, Accept-Encoding and
                                 framing, and skips what would contradict them; NULL = none */
    clp_span body;              /**< must stay in place until the end; absent = none */
    clp_timeouts timeouts;
    const clp_tls *tls; /**< NULL = verify by the system's authorities */
    const char
        *proxy; /**< URL of an outbound proxy; NULL = direct, whatever the environment says */
    int http2;  /**< offer HTTP/2 by ALPN; plain http stays HTTP/1.1 */
    const clp_host_rules *hosts; /**< addresses that may be connected to (the proxy's, if there is
                                    one), whatever name leads to them; NULL = any */
} clp_transfer_request;

/** How a transfer ended. */
typedef enum clp_transfer_end {
    CLP_TRANSFER_DONE,            /**< the answer was read to its framed end */
    CLP_TRANSFER_NO_HOST,         /**< name not resolved (upstream's or proxy's) */
    CLP_TRANSFER_NO_CONNECT,      /**< refused, unreachable, proxy said no */
    CLP_TRANSFER_FORBIDDEN,       /**< `hosts` forbids the address that the name leads to */
    CLP_TRANSFER_NO_TLS,          /**< handshake or certificate */
    CLP_TRANSFER_CUT,             /**< the connection broke */
    CLP_TRANSFER_BAD_CODING,      /**< the answer's content coding is corrupt */
    CLP_TRANSFER_BAD_ANSWER,      /**< not HTTP, header too large */
    CLP_TRANSFER_LATE_CONNECT,    /**< connect_ms passed */
    CLP_TRANSFER_LATE_FIRST_BYTE, /**< first_byte_ms passed */
    CLP_TRANSFER_LATE_IDLE,       /**< idle_ms passed */
    CLP_TRANSFER_LATE_TOTAL,      /**< total_ms passed */
    CLP_TRANSFER_FAILED           /**< could not even be started (bad URL, unreadable file) */
} clp_transfer_end;

/** A phrase for logs and messages without addresses, e.g. "connection refused or unreachable". */
const char *clp_transfer_end_text(clp_transfer_end how);

/** Called by step(). A handler may cancel its own transfer, or start another. The
 * transfer's pool may be destroyed in on_end, but not in on_head or on_bytes. */
typedef struct clp_transfer_handler {
    void *ctx;
    /** Status and headers are complete (interim 1xx answers are not told). The table
     * belongs to the transfer. Repeated headers are kept apart; Content-Encoding and
     * Content-Length tell of the bytes before they were decoded. */
    void (*on_head)(void *ctx, int status, const apr_table_t *headers);
    /** Decoded bytes of the body, valid during the call. */
    void (*on_bytes)(void *ctx, const char *p, apr_size_t n);
    /** Once, last. `detail` is for the log (may name addresses) or NULL. */
    void (*on_end)(void *ctx, clp_transfer_end how, const char *detail);
} clp_transfer_handler;

typedef struct clp_transfer clp_transfer;
typedef struct clp_transport clp_transport;

struct clp_transport {
    /**
     * Begin a transfer. Never blocks and never calls the handler; what fails at
     * once is told by the next step(). `request` may go away after the call,
     * what it points to must stay until the end. Memory comes from `pool`,
     * whose clean-up cancels.
     */
    clp_transfer *(*start)(clp_transport *t, const clp_transfer_request *request,
                           const clp_transfer_handler *handler, apr_pool_t *pool);

    /** Drop a transfer at once (the connection is closed, or the HTTP/2 stream
     * reset); its handler is not called again. Harmless after the end. */
    void (*cancel)(clp_transport *t, clp_transfer *transfer);

    /**
     * Wait until something can be done, `timeout` (microseconds) passes, `client_fd`
     * becomes readable (-1 = none) or a deadline is due; do it, and call handlers.
     * May return without having called any. A client_fd that stays readable makes
     * every step return at once: stop passing it once it was reported.
     * One step delivers what has arrived, at most some 1.6 MB before decoding.
     * @param client_ready out: set to 1 if client_fd was readable
     */
    void (*step)(clp_transport *t, int client_fd, apr_interval_time_t timeout, int *client_ready);
};

#endif
