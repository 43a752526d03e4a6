/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "whole_events.h"

#include <string.h>

apr_size_t clp_whole_events_end(const clp_buffer *b, apr_size_t from)
{
    const char *p = b->p;
    apr_size_t end = b->n;
    while (end > from) {
        const char *nl = memrchr(p + from, '\n', end - from);
        apr_size_t i;
        if (!nl) {
            break;
        }
        i = (apr_size_t)(nl - p);
        if ((i >= 1 && p[i - 1] == '\n') || (i >= 2 && p[i - 1] == '\r' && p[i - 2] == '\n')) {
            return i + 1;
        }
        end = i;
    }
    /* Bare CR line ends are legal and rare: only where no LF is found at all. */
    for (apr_size_t i = b->n; i > from && i >= 2; i--) {
        if (p[i - 1] == '\r' && p[i - 2] == '\r') {
            return i;
        }
        if (p[i - 1] == '\n') {
            break;
        }
    }
    return 0;
}
