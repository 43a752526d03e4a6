/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_CURL_HANDLE_H
#define CLP_UPSTREAM_CURL_HANDLE_H

#include <curl/curl.h>

#include "upstream/transport.h"

/**
 * @file curl_handle.h
 * @brief An easy handle of libcurl and what it is set up for: one that is used again for the like
 * keeps what costs time to set.
 */
typedef struct clp_curl_handle {
    CURL *easy; /**< NULL = none */
    /** The words of the setting itself, so that no two settings are taken for one; empty: a fresh
     * handle, or one to reset. */
    char setting[256];
    char url[256]; /**< what `parsed` was made from; empty: the handle has it as text */
    CURLU *parsed; /**< NULL = none yet */
} clp_curl_handle;

/** A fresh handle; 0 if libcurl is out of memory. */
int clp_curl_handle_open(clp_curl_handle *h);

void clp_curl_handle_close(clp_curl_handle *h);

/**
 * Set all options of a transfer's handle for its request, and the transfer as what its callbacks
 * get. On failure t->broken says why.
 */
void clp_curl_handle_prepare(clp_transfer *t, const clp_transfer_request *request);

/** Take a finished transfer's memory out of its handle. */
void clp_curl_handle_detach(const clp_curl_handle *h);

#endif
