/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/key_list.h"

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "wire/text.h"

#define NAME_MAX_LENGTH 64

typedef struct entry {
    const char *name; /**< NULL = free slot */
    unsigned char digest[CLP_KEY_DIGEST];
} entry;

/** Open addressing by the digest's first bytes; at most half full. */
struct clp_key_list {
    apr_pool_t *pool;
    entry *slots;
    apr_size_t room; /**< a power of two */
    apr_size_t used;
};

clp_key_list *clp_key_list_make(apr_pool_t *pool)
{
    clp_key_list *list = apr_pcalloc(pool, sizeof(*list));

    list->pool = pool;
    list->room = 16;
    list->slots = apr_pcalloc(pool, list->room * sizeof(entry));
    return list;
}

/** The slot of this digest, or the free one where it would go. */
static entry *find_slot(entry *slots, apr_size_t room, const unsigned char *digest)
{
    apr_uint64_t hash;

    memcpy(&hash, digest, sizeof(hash));
    for (apr_size_t i = (apr_size_t)hash & (room - 1);; i = (i + 1) & (room - 1)) {
        if (!slots[i].name || CRYPTO_memcmp(slots[i].digest, digest, CLP_KEY_DIGEST) == 0) {
            return &slots[i];
        }
    }
}

static void grow(clp_key_list *list)
{
    apr_size_t room = list->room * 2;
    entry *slots = apr_pcalloc(list->pool, room * sizeof(entry));

    for (apr_size_t i = 0; i < list->room; i++) {
        if (list->slots[i].name) {
            *find_slot(slots, room, list->slots[i].digest) = list->slots[i];
        }
    }
    list->slots = slots;
    list->room = room;
}

int clp_key_name_ok(const char *name)
{
    apr_size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789._@+-");

    return n > 0 && n <= NAME_MAX_LENGTH && name[n] == '\0';
}

const char *clp_key_list_add(clp_key_list *list, const char *name,
                             const unsigned char digest[CLP_KEY_DIGEST])
{
    entry *slot;

    if (!clp_key_name_ok(name)) {
        /* Not all of it: name and key may have been swapped. */
        return apr_psprintf(list->pool,
                            "'%.8s%s' cannot be the name of a key: use 1 to %d letters, digits "
                            "and . _ @ + -",
                            name, strlen(name) > 8 ? "..." : "", NAME_MAX_LENGTH);
    }
    if (2 * (list->used + 1) > list->room) {
        grow(list);
    }
    slot = find_slot(list->slots, list->room, digest);
    if (slot->name) {
        if (strcmp(slot->name, name) == 0) {
            return NULL;
        }
        return apr_psprintf(list->pool,
                            "the key of '%s' is also the key of '%s': give each a key of its own",
                            name, slot->name);
    }
    slot->name = apr_pstrdup(list->pool, name);
    memcpy(slot->digest, digest, CLP_KEY_DIGEST);
    list->used++;
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        return (c | 0x20) - 'a' + 10;
    }
    return -1;
}

static int read_digest(clp_span hex, unsigned char digest[CLP_KEY_DIGEST])
{
    if (hex.n != 2 * CLP_KEY_DIGEST) {
        return 0;
    }
    for (int i = 0; i < CLP_KEY_DIGEST; i++) {
        int high = hex_value(hex.p[2 * i]);
        int low = hex_value(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        digest[i] = (unsigned char)(high << 4 | low);
    }
    return 1;
}

const char *clp_key_list_add_text(clp_key_list *list, const char *name, clp_span key)
{
    unsigned char digest[CLP_KEY_DIGEST];

    if (key.n == 0) {
        return apr_psprintf(list->pool, "the key of '%.80s' is empty", name);
    }
    if (clp_span_starts(key, "sha256:")) {
        if (!read_digest(clp_span_of(key.p + 7, key.n - 7), digest)) {
            return apr_psprintf(list->pool,
                                "the key of '%.80s' is no SHA-256: 'sha256:' wants 64 hex digits "
                                "behind it",
                                name);
        }
        return clp_key_list_add(list, name, digest);
    }
    for (apr_size_t i = 0; i < key.n; i++) {
        if ((unsigned char)key.p[i] <= 0x20 || (unsigned char)key.p[i] >= 0x7f) {
            return apr_psprintf(list->pool,
                                "the key of '%.80s' holds a blank or a character that is not "
                                "visible ASCII",
                                name);
        }
    }
    clp_sha256(key, digest);
    return clp_key_list_add(list, name, digest);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/** Takes the next word off the front of a line; absent at its end or at a comment. */
static clp_span take_word(clp_span *line)
{
    apr_size_t n = 0;
    clp_span word;

    while (line->n && is_blank(*line->p)) {
        line->p++;
        line->n--;
    }
    if (line->n == 0 || *line->p == '#') {
        return clp_span_of(NULL, 0);
    }
    while (n < line->n && !is_blank(line->p[n])) {
        n++;
    }
    word = clp_span_of(line->p, n);
    line->p += n;
    line->n -= n;
    return word;
}

static const char *add_line(clp_key_list *list, clp_span line, int *plain)
{
    clp_span name = take_word(&line);
    clp_span key = take_word(&line);

    if (!name.p) {
        return NULL;
    }
    if (!key.p) {
        return "a line is a name and a key: 'name sha256:HEX' or 'name KEY'";
    }
    if (take_word(&line).p) {
        return "there is more than a name and a key on the line";
    }
    *plain += !clp_span_starts(key, "sha256:");
    return clp_key_list_add_text(list, apr_pstrmemdup(list->pool, name.p, name.n), key);
}

const char *clp_key_list_add_lines(clp_key_list *list, clp_span text, int *line, int *plain)
{
    apr_size_t at = 0;

    *line = 0;
    *plain = 0;
    while (at < text.n) {
        const char *from = text.p + at;
        const char *end = memchr(from, '\n', text.n - at);
        apr_size_t n = end ? (apr_size_t)(end - from) : text.n - at;
        const char *wrong;

        ++*line;
        if (memchr(from, '\0', n)) {
            return "the line holds a NUL byte";
        }
        wrong = add_line(list, clp_span_of(from, n), plain);
        if (wrong) {
            return wrong;
        }
        at += n + 1;
    }
    return NULL;
}

int clp_key_list_count(const clp_key_list *list)
{
    return (int)list->used;
}

const char *clp_key_list_find(const clp_key_list *list, const unsigned char digest[CLP_KEY_DIGEST])
{
    return find_slot(list->slots, list->room, digest)->name;
}
