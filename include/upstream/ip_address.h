/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_UPSTREAM_IP_ADDRESS_H
#define CLP_UPSTREAM_IP_ADDRESS_H

#include <sys/socket.h>

/**
 * @file ip_address.h
 * @brief Addresses of both families, ranges of them, and which ones no provider has.
 *
 * An IPv4 address is held as ::ffff:a.b.c.d, so that its spellings are one.
 */
typedef struct clp_ip {
    unsigned char byte[16];
} clp_ip;

/** Addresses whose first `bits` bits are those of `first`. */
typedef struct clp_ip_range {
    clp_ip first;
    int bits; /**< 0 to 128; an IPv4 range has at least 96 */
} clp_ip_range;

/**
 * Read an address in any spelling that resolvers take for a number: IPv6, with or without a zone,
 * and IPv4 in one to four parts, decimal, octal or hexadecimal.
 * @return 0 if it is none, as a name
 */
int clp_ip_parse(clp_ip *ip, const char *text);

/** 0 if it is an address of another family. */
int clp_ip_of_sockaddr(clp_ip *ip, const struct sockaddr *a);

/** Buffer for clp_ip_show(). */
#define CLP_IP_TEXT 46

/** The address in its usual spelling, in `text`, which is given. */
const char *clp_ip_show(const clp_ip *ip, char text[CLP_IP_TEXT]);

/**
 * Read ADDRESS or ADDRESS/BITS, in the usual spelling only; an IPv6 address may have brackets.
 * @return 0 if it is neither, or has bits set behind BITS
 */
int clp_ip_range_parse(clp_ip_range *range, const char *text);

/** An IPv6 range holds no IPv4 address: ::/0 is about the one family only. */
int clp_ip_range_has(const clp_ip_range *range, const clp_ip *ip);

/**
 * Is the address one that no provider has, but a machine's surroundings: unspecified, link-local,
 * multicast, reserved, or a cloud's metadata service? Also if it is an IPv6 address that stands
 * for such an IPv4 address. Loopback and private networks are not meant.
 * @param bits out: how many bits of the address tell that; a range of fewer means others too
 * @return what it is, in words that follow "is"; NULL = none of these
 */
const char *clp_ip_refused(const clp_ip *ip, int *bits);

#endif
