/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_HTTPD_FILE_STAMP_H
#define CLP_HTTPD_FILE_STAMP_H

#include <apr_file_info.h>

/**
 * @file file_stamp.h
 * @brief Which file was read: another inode, size or time is another file, so one that is renamed
 * into place is noticed as well as one that is edited.
 */
typedef struct clp_file_stamp {
    apr_ino_t inode; /**< 0 = there is no file */
    apr_off_t size;
    apr_time_t changed;
} clp_file_stamp;

/** What apr_file_info_get() and apr_stat() have to be asked for. */
#define CLP_FILE_STAMP_WANTS (APR_FINFO_INODE | APR_FINFO_SIZE | APR_FINFO_MTIME)

clp_file_stamp clp_file_stamp_of(const apr_finfo_t *info);

/** Of the file that is at the path now. */
clp_file_stamp clp_file_stamp_at(const char *path, apr_pool_t *pool);

int clp_file_stamp_same(const clp_file_stamp *a, const clp_file_stamp *b);

#endif
