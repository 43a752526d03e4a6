/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "wire/text.h"

#include "bytes.h"

#define REPLACEMENT "\xef\xbf\xbd"

apr_size_t clp_utf8_valid_prefix(clp_span s)
{
    const unsigned char *begin = (const unsigned char *)(s.n ? s.p : "");
    const unsigned char *end = begin + s.n;
    const unsigned char *p = begin;
    while ((p = clp_bytes_ascii(p, end)) < end) {
        do {
            int n = clp_utf8_step(p, end);
            if (!n) {
                return (apr_size_t)(p - begin);
            }
            p += n;
        } while (p < end && *p >= 0x80);
    }
    return s.n;
}

void clp_utf8_repair(clp_buffer *out, clp_span s)
{
    for (;;) {
        apr_size_t good = clp_utf8_valid_prefix(s);
        apr_size_t bad;
        clp_buffer_append(out, s.p, good);
        if (good == s.n) {
            return;
        }
        bad = (apr_size_t)clp_utf8_bad_run((const unsigned char *)s.p + good,
                                           (const unsigned char *)s.p + s.n);
        clp_buffer_lit(out, REPLACEMENT);
        s.p += good + bad;
        s.n -= good + bad;
    }
}

clp_span clp_utf8_cut(clp_span s, apr_size_t max)
{
    if (s.n <= max) {
        return s;
    }
    s.n = max;
    for (apr_size_t back = 1; back <= 3 && back <= max; back++) {
        unsigned char c = (unsigned char)s.p[max - back];
        if ((c & 0xc0) != 0x80) {
            apr_size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            if (want > back) {
                s.n = max - back;
            }
            break;
        }
    }
    return s;
}

void clp_utf8_put(char *to, apr_size_t room, const char *text)
{
    clp_span fits = clp_utf8_cut(clp_span_str(text ? text : ""), room - 1);

    memcpy(to, fits.p, fits.n);
    to[fits.n] = '\0';
}
