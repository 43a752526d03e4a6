/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_DRIVER_THREAD_H
#define CLP_HTTPD_DRIVER_THREAD_H

#include "gateway/exchange.h"
#include "request.h"

/**
 * @file driver_thread.h
 * @brief Drives one exchange to its end on the worker thread that handles the
 * request. Always right: every MPM, HTTP/2 streams, sub-requests.
 *
 * Back-pressure is the thread itself: while the client's socket takes nothing
 * more, nothing more is read from the upstream.
 */

/** Drive an exchange and send its answer as it comes. @return OK for the handler. */
int clp_drive_on_thread(request_rec *r, clp_request *q, clp_exchange *x, clp_transport *transport);

/** Drive an exchange to its end, but keep the (small) answer back. */
void clp_drive_silently(request_rec *r, clp_request *q, clp_exchange *x, clp_transport *transport);

/** Send what an exchange driven silently has produced. @return OK for the handler. */
int clp_drive_deliver(request_rec *r, clp_request *q, clp_exchange *x);

#endif
