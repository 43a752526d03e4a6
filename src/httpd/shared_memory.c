/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "shared_memory.h"

#include <apr_shm.h>

#include "http_config.h"

typedef struct retained_block {
    apr_shm_t *shm;
    apr_size_t size; /* as asked for; the block may be larger */
} retained_block;

static void *aligned(apr_shm_t *shm)
{
    apr_uintptr_t at = (apr_uintptr_t)apr_shm_baseaddr_get(shm);
    return (void *)((at + 63) & ~(apr_uintptr_t)63);
}

void *clp_shared_memory(server_rec *s, const char *name, apr_size_t size, int *fresh,
                        apr_status_t *rv)
{
    retained_block *kept = ap_retained_data_get(name);

    *fresh = 0;
    *rv = APR_SUCCESS;
    if (!kept) {
        kept = ap_retained_data_create(name, sizeof(*kept));
    }
    if (kept->shm && kept->size == size) {
        return aligned(kept->shm);
    }
    *rv = apr_shm_create(&kept->shm, size + 64, NULL, s->process->pool);
    if (*rv != APR_SUCCESS) {
        kept->shm = NULL;
        return NULL;
    }
    /* Anonymous memory comes zeroed, and stays unbacked until it is used. */
    kept->size = size;
    *fresh = 1;
    return aligned(kept->shm);
}
