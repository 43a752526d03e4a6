/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "file_stamp.h"

clp_file_stamp clp_file_stamp_of(const apr_finfo_t *info)
{
    return (clp_file_stamp){info->inode, info->size, info->mtime};
}

clp_file_stamp clp_file_stamp_at(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, path, CLP_FILE_STAMP_WANTS, pool) == APR_SUCCESS
               ? clp_file_stamp_of(&info)
               : (clp_file_stamp){0, 0, 0};
}

int clp_file_stamp_same(const clp_file_stamp *a, const clp_file_stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed == b->changed;
}
