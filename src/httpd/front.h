/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_FRONT_H
#define CLP_HTTPD_FRONT_H

#include "httpd.h"

/**
 * @file front.h
 * @brief Where requests come in: claims what lies under a location with
 * ClaudeProxy On, keeps httpd from looking for files there, and hands each
 * request to its endpoint.
 */
void clp_front_register(apr_pool_t *p);

#endif
