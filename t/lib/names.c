/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/*
 * Preloaded into a test's httpd: names that lead where the test says. CLP_NAMES holds
 * "NAME=ADDRESS" words; other names are looked up as ever.
 */
typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

resolver getaddrinfo;

/* The address of a name, in `to`; 0 if it is none of these. */
static int find(const char *name, char to[64])
{
    const char *at = name ? getenv("CLP_NAMES") : NULL;
    size_t n = name ? strlen(name) : 0;

    for (; at; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            size_t length = strcspn(at + n + 1, " ");
            if (length >= 64) {
                return 0;
            }
            memcpy(to, at + n + 1, length);
            to[length] = '\0';
            return 1;
        }
    }
    return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    char address[64];

    return real(find(name, address) ? address : name, service, hints, found);
}
