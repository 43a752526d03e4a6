/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *shared_memory(apr_size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return p;
}

clp_tables *shared_tables(const clp_capacity *capacity, apr_pool_t *pool)
{
    clp_table_layout layout[CLP_TABLES];
    void *blocks[CLP_TABLES];
    clp_tables_layout(capacity, layout);
    for (int k = 0; k < CLP_TABLES; k++) {
        blocks[k] = shared_memory(layout[k].row_size * layout[k].rows);
    }
    return clp_tables_open(capacity, blocks, pool);
}
