/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_FILES_H
#define CLP_T_FILES_H

#include <sys/types.h>

#include "tap.h"

/**
 * @file files.h
 * @brief A directory for tests of files, and processes that write there until they are killed.
 */

/** A new directory; removed with its files by files_end(). */
const char *files_begin(apr_pool_t *pool);
void files_end(const char *dir, apr_pool_t *pool);

/** What a file holds; p is NULL if there is none. */
clp_span files_read(const char *path, apr_pool_t *pool);

/** How many files of a directory have a name with this in it. */
int files_count(const char *dir, const char *part, apr_pool_t *pool);

/** Run in another process; what the function gives is what that process ends with. */
typedef int files_work(void *ctx);
pid_t files_fork(files_work *work, void *ctx);

/** Wait for it; -1 if it was killed. */
int files_wait(pid_t pid);

/** As files_fork() and files_wait(), where no file can grow beyond `bytes`. */
int files_when_full(long bytes, files_work *work, void *ctx);

/** The same, without the rights of root. */
int files_without_rights(files_work *work, void *ctx);

/**
 * Run it and kill it, again and again. `look` is called after each death.
 * @param longest microseconds from its start to its death, at most
 */
void files_kill(int times, unsigned longest, files_work *work, void (*look)(void *ctx), void *ctx);

#endif
