/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
/* What an upstream was shown does not come back to anybody else. */
#include "tap.h"

#include <string.h>

#include <apr_strings.h>

#include "gateway/shown.h"
#include "wire/text.h"

static apr_pool_t *pool;

/* The second with a login that URLs spell otherwise. */
static clp_candidate asked(const char *key, const char *proxy)
{
    clp_channel *c = clp_channel_make("c", pool);
    clp_candidate candidate;

    memset(&candidate, 0, sizeof(candidate));
    c->proxy = proxy;
    candidate.channel = c;
    candidate.key = key ? clp_channel_add_key(c, key, "k...y", "id") : NULL;
    return candidate;
}

static const struct {
    const char *what, *key, *proxy, *text, *hidden;
} rows[] = {
    {"a key", "key-of-ours", NULL, "no key-of-ours, no key-of-ours!", "no k...y, no k...y!"},
    {"no key", NULL, NULL, "key-of-ours", "key-of-ours"},
    {"another", "key-of-ours", NULL, "key-of-others", "key-of-others"},
    {"a proxy without a login", "key-of-ours", "http://proxy:1", "http://proxy:1 key-of-ours",
     "http://proxy:1 k...y"},
    {"a password", NULL, "http://me:pass-word@proxy:1", "me and pass-word", "me and ****"},
    {"as it is sent", NULL, "http://me:pass-word@proxy:1", "Basic bWU6cGFzcy13b3Jk!",
     "Basic ****!"},
    {"with characters that URLs escape", NULL, "http://m%40e:p%3ass-word@proxy",
     "p:ss-word bUBlOnA6c3Mtd29yZA==", "**** ****"},
    {"a key and a password", "key-of-ours", "socks5://me:pass-word@proxy", "pass-word key-of-ours",
     "**** k...y"},
    {"a password too short to be told from other words", NULL, "http://me:word@proxy", "word",
     "word"},
};

static void test_rows(void)
{
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        clp_candidate a = asked(rows[i].key, rows[i].proxy);
        char *text = apr_pstrdup(pool, rows[i].text);
        apr_size_t n = strlen(text);
        int holds = strcmp(rows[i].text, rows[i].hidden) != 0;

        IS_STR(clp_shown_hide(text, &a, pool), rows[i].hidden, rows[i].what);
        IS_INT(clp_shown_in(clp_span_of(text, n), &a, pool), holds, "whether it is in there");
        clp_shown_erase(text, n, &a, pool);
        OK(!clp_shown_in(clp_span_of(text, n), &a, pool) && strlen(text) == n &&
               holds == (strcmp(text, rows[i].text) != 0),
           "erased in its place: %s", text);
    }
    OK(!clp_shown_hide(NULL, &(clp_candidate){.channel = clp_channel_make("c", pool)}, pool),
       "no text");
}

static void test_sources(void)
{
    static const struct {
        const char *source, *shown;
    } sources[] = {{"file:/etc/a key", "file:/etc/a key"},
                   {"env:NAME", "env:NAME"},
                   {"exec:/bin/vault", "exec:/bin/vault"},
                   {"exec:/bin/vault read -token=secret x", "exec:/bin/vault ..."}};
    clp_key key;

    memset(&key, 0, sizeof(key));
    OK(!clp_key_source_shown(&key, pool), "a key that was said itself has no source");
    for (apr_size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        key.source = sources[i].source;
        IS_STR(clp_key_source_shown(&key, pool), sources[i].shown, sources[i].source);
    }
}

int main(void)
{
    pool = tap_begin();
    test_rows();
    test_sources();
    return tap_end();
}
