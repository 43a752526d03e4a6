/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "upstream/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define V4_BITS 96

/* ::ffff:a.b.c.d */
#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        {                                                                                          \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                                   \
        }                                                                                          \
    }

#define HIGH(x) (unsigned char)((x) >> 8)
#define LOW(x)  (unsigned char)((x)&0xff)

#define V6(a, b, c, d, e, f, g, h)                                                                 \
    {                                                                                              \
        {                                                                                          \
            HIGH(a), LOW(a), HIGH(b), LOW(b), HIGH(c), LOW(c), HIGH(d), LOW(d), HIGH(e), LOW(e),   \
                HIGH(f), LOW(f), HIGH(g), LOW(g), HIGH(h), LOW(h)                                  \
        }                                                                                          \
    }

#define METADATA   "the address of a cloud's metadata service"
#define LINK_LOCAL "a link-local address"
#define MULTICAST  "a multicast address"
#define RESERVED   "a reserved address"

static const struct refused {
    clp_ip_range range;
    const char *what;
} refused[] = {
    {{V4(0, 0, 0, 0), V4_BITS + 8}, "an unspecified address"},
    {{V4(100, 100, 100, 200), 128}, METADATA}, /* Alibaba */
    {{V4(168, 63, 129, 16), 128}, METADATA},   /* Azure: its host agent */
    {{V4(169, 254, 0, 0), V4_BITS + 16}, LINK_LOCAL},
    {{V4(192, 0, 0, 0), V4_BITS + 24}, RESERVED}, /* RFC 6890; 192.0.0.192 is Oracle's metadata */
    {{V4(224, 0, 0, 0), V4_BITS + 4}, MULTICAST},
    {{V4(240, 0, 0, 0), V4_BITS + 4}, RESERVED}, /* and broadcast */
    {{V6(0, 0, 0, 0, 0, 0, 0, 0), 128}, "an unspecified address"},
    /* Where the IPv4 address stands in these depends on the network, or is hidden. */
    {{V6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48}, "an address of a local NAT64"}, /* RFC 8215 */
    {{V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 32}, "a Teredo address"},               /* RFC 4380 */
    {{V6(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128}, METADATA},                  /* Scaleway */
    {{V6(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128}, METADATA},           /* Oracle */
    {{V6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32}, METADATA},     /* Amazon: metadata, pod identity */
    {{V6(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128}, METADATA}, /* Google */
    {{V6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10}, LINK_LOCAL},
    {{V6(0xff00, 0, 0, 0, 0, 0, 0, 0), 8}, MULTICAST},
};

/** IPv6 ranges whose addresses stand for IPv4 ones. */
static const struct embedding {
    clp_ip_range range;
    int at; /* of the IPv4 address */
} embeddings[] = {
    {{V6(0, 0, 0, 0, 0, 0, 0, 0), 96}, 12},         /* IPv4-compatible, RFC 4291 2.5.5.1 */
    {{V6(0, 0, 0, 0, 0xffff, 0, 0, 0), 96}, 12},    /* IPv4-translated, RFC 2765 */
    {{V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96}, 12}, /* NAT64, RFC 6052 */
    {{V6(0x2002, 0, 0, 0, 0, 0, 0, 0), 16}, 2},     /* 6to4, RFC 3056 */
};

static const clp_ip_range v4 = {V4(0, 0, 0, 0), V4_BITS};

static void set_v4(clp_ip *ip, const void *bytes)
{
    *ip = v4.first;
    memcpy(ip->byte + 12, bytes, 4);
}

static int same_start(const clp_ip *a, const clp_ip *b, int bits)
{
    int rest = bits % 8;
    int whole = bits / 8;

    return memcmp(a->byte, b->byte, (size_t)whole) == 0 &&
           (rest == 0 || (a->byte[whole] ^ b->byte[whole]) >> (8 - rest) == 0);
}

static int is_v4(const clp_ip *ip)
{
    return same_start(ip, &v4.first, v4.bits);
}

int clp_ip_range_has(const clp_ip_range *range, const clp_ip *ip)
{
    return same_start(ip, &range->first, range->bits) && is_v4(ip) == is_v4(&range->first);
}

/* ::1, which looks as if it stood for 0.0.0.1. */
static int is_loopback(const clp_ip *ip)
{
    static const clp_ip loopback = V6(0, 0, 0, 0, 0, 0, 0, 1);

    return same_start(ip, &loopback, 128);
}

static int parse_v6(clp_ip *ip, const char *text, size_t n)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr a;

    if (n >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (inet_pton(AF_INET6, copy, &a) != 1) {
        return 0;
    }
    memcpy(ip->byte, &a, sizeof(ip->byte));
    return 1;
}

int clp_ip_parse(clp_ip *ip, const char *text)
{
    struct in_addr a;

    if (strchr(text, ':')) {
        return parse_v6(ip, text, strcspn(text, "%"));
    }
    /* inet_aton() overlooks what stands behind a blank. */
    if (text[strspn(text, "0123456789abcdefABCDEFxX.")] || !inet_aton(text, &a)) {
        return 0;
    }
    set_v4(ip, &a);
    return 1;
}

int clp_ip_of_sockaddr(clp_ip *ip, const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        set_v4(ip, &((const struct sockaddr_in *)a)->sin_addr);
        return 1;
    }
    if (a->sa_family == AF_INET6) {
        memcpy(ip->byte, &((const struct sockaddr_in6 *)a)->sin6_addr, sizeof(ip->byte));
        return 1;
    }
    return 0;
}

const char *clp_ip_show(const clp_ip *ip, char text[CLP_IP_TEXT])
{
    return is_v4(ip) ? inet_ntop(AF_INET, ip->byte + 12, text, CLP_IP_TEXT)
                     : inet_ntop(AF_INET6, ip->byte, text, CLP_IP_TEXT);
}

/* An address in its usual spelling; `n` bytes. */
static int parse_strictly(clp_ip *ip, const char *text, size_t n)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr a;

    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        return memchr(text, ':', n) && parse_v6(ip, text + 1, n - 2);
    }
    if (memchr(text, ':', n)) {
        return parse_v6(ip, text, n);
    }
    if (n >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (inet_pton(AF_INET, copy, &a) != 1) {
        return 0;
    }
    set_v4(ip, &a);
    return 1;
}

static int parse_bits(const char *text, int most)
{
    size_t n = strspn(text, "0123456789");
    int bits = n > 0 && n <= 3 && !text[n] ? atoi(text) : -1;

    return bits <= most ? bits : -1;
}

static int ends_at(const clp_ip *ip, int bits)
{
    for (int i = bits; i < 128; i++) {
        if (ip->byte[i / 8] >> (7 - i % 8) & 1) {
            return 0;
        }
    }
    return 1;
}

int clp_ip_range_parse(clp_ip_range *range, const char *text)
{
    size_t n = strcspn(text, "/");
    int bits;
    int most;

    if (!parse_strictly(&range->first, text, n)) {
        return 0;
    }
    /* In the dotted spelling bits are counted as IPv4 does. */
    most = memchr(text, ':', n) ? 128 : 32;
    bits = text[n] ? parse_bits(text + n + 1, most) : most;
    if (bits < 0) {
        return 0;
    }
    range->bits = most == 32 ? V4_BITS + bits : bits;
    return ends_at(&range->first, range->bits);
}

static const struct refused *find(const clp_ip *ip)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (clp_ip_range_has(&refused[i].range, ip)) {
            return &refused[i];
        }
    }
    return NULL;
}

static const struct embedding *find_embedding(const clp_ip *ip)
{
    for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
        if (clp_ip_range_has(&embeddings[i].range, ip)) {
            return &embeddings[i];
        }
    }
    return NULL;
}

const char *clp_ip_refused(const clp_ip *ip, int *bits)
{
    const struct refused *r = find(ip);
    const struct embedding *e = r || is_loopback(ip) ? NULL : find_embedding(ip);
    clp_ip inner;

    if (e) {
        set_v4(&inner, ip->byte + e->at);
        r = find(&inner);
    }
    if (!r) {
        return NULL;
    }
    *bits = e ? r->range.bits - V4_BITS + e->at * 8 : r->range.bits;
    return r->what;
}
