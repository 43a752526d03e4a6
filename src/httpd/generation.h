/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_GENERATION_H
#define CLP_HTTPD_GENERATION_H

#include "config.h"
#include "overlay_file.h"

/**
 * @file generation.h
 * @brief Channels that are, were or will be in force, all servers' at once.
 *
 * A generation is immutable. Requests count themselves in; one that is out of force is freed when
 * the last of them has ended.
 */
typedef struct clp_generation {
    apr_pool_t *pool;             /* its own */
    apr_uint32_t requests;        /* that use it */
    apr_int64_t revision;         /**< of the overlay */
    apr_array_header_t *channels; /**< of const clp_channel *: all servers', each name once */
    apr_array_header_t *base;     /**< likewise: the configuration's alone, with the keys that their
                                       files have now */
    apr_hash_t *sets;             /* clp_server_config * -> clp_channel_sets * */
    struct clp_generation *older;
} clp_generation;

/**
 * Make one of the overlay as it is now, not in force yet. Reads files of keys again if the overlay
 * says so.
 * @param main_server and the servers behind it
 * @param configured of const clp_channel *: the configuration's, each name once
 * @param path of the overlay; NULL = the configuration alone
 * @param is out: which file was read
 * @return NULL and what is `wrong`, in `pool`, if the file cannot be used
 */
clp_generation *clp_generation_load(server_rec *main_server, const apr_array_header_t *configured,
                                    const char *path, clp_file_stamp *is, apr_pool_t *pool,
                                    const char **wrong);

/** The sets of channels of a server. */
const clp_channel_sets *clp_generation_sets(const clp_generation *g, server_rec *s);

/** Have it in force from now on. One thread at a time, as for all below but acquire and release. */
void clp_generation_publish(clp_generation *g);

/** What is in force; NULL = nothing yet. */
const clp_generation *clp_generation_current(void);

/** Free what no request has any more. @return how many are kept, with the one in force */
unsigned clp_generation_free_retired(void);

/** Free what is in force: the process, or its configuration, ends. */
void clp_generation_end(void);

/** What is in force, to be kept until it is released. Any thread. */
clp_generation *clp_generation_acquire(void);
void clp_generation_release(clp_generation *g);

#endif
