/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_ADMIN_SITE_H
#define CLP_HTTPD_ADMIN_SITE_H

#include "httpd.h"

#include "gateway/admin.h"

/**
 * @file admin_site.h
 * @brief What the admin API works on in this server: channels, shared state, transports.
 */

/** Made for a request, in its pool; looks first whether the overlay has changed. */
clp_admin_site *clp_admin_site_of(request_rec *r);

#endif
