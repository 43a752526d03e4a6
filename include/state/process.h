/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_STATE_PROCESS_H
#define CLP_STATE_PROCESS_H

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

/**
 * @file process.h
 * @brief Whether who holds something in shared memory is still there.
 */

/** There is no such process. Costs a system call; one of another user counts as there. */
static inline int clp_process_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

#endif
