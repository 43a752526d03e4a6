/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "sched/channel_keys.h"

#include <string.h>

#include <apr_strings.h>

#include "sched/channel_draft.h"
#include "tap.h"

static apr_pool_t *pool;

/* What the files hold: "a" is "file:a" as it was, and so on. */
static const char *file_a, *file_b;

static apr_array_header_t *words(const char *text)
{
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(const char *));
    char *rest = apr_pstrdup(pool, text);
    char *at;

    for (char *word = apr_strtok(rest, " ", &at); word; word = apr_strtok(NULL, " ", &at)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

static const apr_array_header_t *now(const char *source)
{
    const char *text = !strcmp(source, "file:a")   ? file_a
                       : !strcmp(source, "file:b") ? file_b
                                                   : NULL;

    return text ? words(text) : NULL;
}

/* Secrets that files and programs gave when the configuration was read. */
static const char *first(void *ctx, const char *label, const char *arg, apr_array_header_t *out,
                         apr_pool_t *p)
{
    const char *text = !strcmp(arg, "file:a")          ? "a1 a2"
                       : !strcmp(arg, "file:b")        ? "b1"
                       : !strncmp(arg, "exec:/bin", 9) ? "x1"
                                                       : arg;

    (void)ctx;
    (void)label;
    (void)p;
    apr_array_cat(out, words(text));
    return NULL;
}

static const clp_channel *channel(const char *keys)
{
    static const clp_channel_source source = {.secrets = first};
    const apr_array_header_t *args = words(keys);
    clp_channel_draft d;

    clp_channel_draft_begin(&d, "c", "httpd.conf:1", &source, pool);
    d.label = "ChannelKey";
    clp_channel_draft_set(&d, CLP_SETTING_KEYS, args->nelts, (const char *const *)args->elts);
    return d.channel;
}

static const char *secrets(const clp_channel *c)
{
    const char *text = "";

    for (int i = 0; c && i < c->keys->nelts; i++) {
        const clp_key *key = &APR_ARRAY_IDX(c->keys, i, clp_key);
        text = apr_pstrcat(pool, text, i ? " " : "", key->secret, key->source ? "@" : "",
                           key->source ? key->source : "", NULL);
    }
    return text;
}

static const struct {
    const char *what, *keys, *a, *b, *then; /* or what is wrong */
} cases[] = {
    {"one more, one less", "file:a", "a2 a3", NULL, "a2@file:a a3@file:a"},
    {"each at its place", "l1 file:a env:e file:b l2", "a3", "b1 b2",
     "l1 a3@file:a env:e@env:e b1@file:b b2@file:b l2"},
    {"a file that was not read again", "file:a file:b", NULL, "b2",
     "a1@file:a a2@file:a b2@file:b"},
    {"a key moves to another file", "file:a file:b", "a1", "a2", "a1@file:a a2@file:b"},
    {"a key that is there", "l1 file:a", "l1", NULL,
     "ChannelKey: key 1 and key 2 of channel 'c' are the same"},
    {"the same key twice", "file:a", "a3 a3", NULL,
     "ChannelKey: key 1 and key 2 of channel 'c' are the same"},
};

int main(void)
{
    const clp_channel *base;
    const clp_channel *c;
    const char *wrong;

    pool = tap_begin();
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        base = channel(cases[i].keys);
        file_a = cases[i].a;
        file_b = cases[i].b;
        c = clp_channel_read_keys(base, now, pool, &wrong);
        IS_STR(c ? secrets(c) : wrong, cases[i].then, cases[i].what);
    }
    file_a = file_b = NULL;
    base = channel("l1 file:a");
    c = clp_channel_read_keys(base, now, pool, &wrong);
    OK(c == base && !wrong, "nothing new: the channel itself");
    file_a = "a2";
    c = clp_channel_read_keys(base, now, pool, &wrong);
    IS_STR(secrets(base), "l1 a1@file:a a2@file:a", "the channel stays as it was");
    OK(!c->circuits && c->defined_in == base->defined_in, "and the other one is like it");
    OK(clp_channel_uses_source(base, "file:a") && !clp_channel_uses_source(base, "file:b") &&
           !clp_channel_uses_source(channel("l1"), "file:a"),
       "which sources a channel has keys of");
    c = channel("exec:/bin/key");
    IS_STR(secrets(c), "x1@exec:/bin/key", "a program");
    {
        static const char *const program[] = {"exec:/bin/key --token planted"};
        static const clp_channel_source source = {.secrets = first};
        clp_channel_draft d;
        clp_channel_draft_begin(&d, "c", NULL, &source, pool);
        clp_channel_draft_set(&d, CLP_SETTING_KEYS, 1, program);
        IS_STR(secrets(d.channel), "x1@exec:/bin/key ********",
               "what is said to it may be a secret, too");
    }
    return tap_end();
}
