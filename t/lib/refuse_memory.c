/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * To be preloaded: there is no shared memory of more than 400 kB as long as the file exists that
 * the environment names. That is what a system does whose memory is used up or limited.
 */
#define MOST 400000

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off_t);
    const char *switched = getenv("REFUSE_MEMORY");
    if ((flags & MAP_SHARED) && (flags & MAP_ANONYMOUS) && n > MOST && switched &&
        access(switched, F_OK) == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "mmap");
    }
    return real(at, n, protection, flags, fd, offset);
}
