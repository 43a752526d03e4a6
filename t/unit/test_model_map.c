/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <apr_strings.h>
#include <apr_time.h>

#include "sched/channel.h"

static void test_matches(apr_pool_t *pool)
{
    static const struct {
        const char *pattern;
        const char *name;
        int fits;
        const char *star; /* what the first '*' took; NULL = no '*' */
    } rows[] = {
        {"claude", "claude", 1, NULL},
        {"claude", "Claude", 0, NULL},
        {"claude", "claude-3", 0, NULL},
        {"claude-3", "claude", 0, NULL},
        {"", "", 1, NULL},
        {"", "a", 0, NULL},
        {"*", "", 1, ""},
        {"*", "anything/at:all", 1, "anything/at:all"},
        {"claude-*", "claude-sonnet-4-5", 1, "sonnet-4-5"},
        {"claude-*", "claude-", 1, ""},
        {"claude-*", "claude", 0, NULL},
        {"*-latest", "gpt-latest", 1, "gpt"},
        {"*-latest", "gpt-latest-2", 0, NULL},
        {"*-latest", "a-latest-latest", 1, "a-latest"},
        {"a*b*c", "abc", 1, ""},
        {"a*b*c", "axxbyyc", 1, "xx"},
        {"a*b*c", "abxbxc", 1, ""},
        {"a*b*c", "axxbyy", 0, NULL},
        {"*b*", "aaab", 1, "aaa"},
        {"a**c", "abbc", 1, ""},
        {"a**", "abb", 1, ""},
        {"a**", "a", 1, ""},
        {"**", "ab", 1, ""},
        {"gpt-?", "gpt-4", 1, NULL},
        {"gpt-?", "gpt-", 0, NULL},
        {"gpt-?", "gpt-4o", 0, NULL},
        {"?*", "", 0, NULL},
        {"?*", "ab", 1, "b"},
        {"*?", "ab", 1, "a"},
        {"*?", "", 0, NULL},
        {"*a?", "xaxab", 1, "xax"},
        {"claude.3", "claude-3", 0, NULL},
        {"[ab]", "a", 0, NULL},
    };
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *star = "unset";
        const char *line = apr_psprintf(pool, "'%s' and '%s'", rows[i].pattern, rows[i].name);
        int fits = clp_model_matches(rows[i].pattern, rows[i].name, &star, pool);
        IS_INT(fits, rows[i].fits, line);
        IS_INT(clp_model_matches(rows[i].pattern, rows[i].name, NULL, NULL), fits, line);
        if (fits && rows[i].fits) {
            IS_STR(star, rows[i].star, apr_psprintf(pool, "%s: the star", line));
        }
    }
}

/* Patterns of many stars must not take exponential time. */
static void test_bounded(apr_pool_t *pool)
{
    char *name = apr_palloc(pool, 10001);
    char pattern[201];
    apr_time_t began = apr_time_now();
    memset(name, 'a', 10000);
    name[10000] = '\0';
    for (int i = 0; i < 200; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[199] = 'b';
    pattern[200] = '\0';
    OK(!clp_model_matches(pattern, name, NULL, NULL), "a hundred stars do not fit");
    OK(apr_time_now() - began < apr_time_from_sec(1), "and say so soon");
}

static clp_channel *channel(const char *const *models, const char *const *map, apr_pool_t *pool)
{
    clp_channel *c = clp_channel_make("test", pool);
    for (; models && *models; models++) {
        APR_ARRAY_PUSH(c->models, const char *) = *models;
    }
    for (; map && *map; map += 2) {
        clp_model_rule rule = {map[0], map[1]};
        APR_ARRAY_PUSH(c->model_map, clp_model_rule) = rule;
    }
    return c;
}

static void test_map(apr_pool_t *pool)
{
    static const char *const map[] = {
        "claude-opus-4",
        "gpt-5",
        "claude-*-4",
        "fixed",
        "claude-*",
        "anthropic/claude-*",
        "x-*-*",
        "*.*",
        "plain",
        "a*b",
        "drop-*",
        "",
        NULL,
    };
    static const char *const rows[][2] = {
        {"claude-opus-4", "gpt-5"}, /* the first match wins */
        {"claude-haiku-4", "fixed"},
        {"claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"},
        {"claude-", "anthropic/claude-"},
        {"x-1-2", "1.1"}, /* each star of the target is the pattern's first */
        {"plain", "a*b"}, /* no star was matched: the target is what it is */
        {"drop-x", ""},
        {"unknown", "unknown"},
    };
    clp_channel *c = channel(NULL, map, pool);
    clp_channel bare = {.name = "bare"};
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IS_STR(clp_channel_model(c, rows[i][0], pool), rows[i][1], rows[i][0]);
    }
    IS_STR(clp_channel_model(&bare, "m", pool), "m", "no map");
}

static void test_serves(apr_pool_t *pool)
{
    static const char *const models[] = {"claude-*", "gpt-4o", NULL};
    static const char *const map[] = {"fast", "claude-haiku", NULL};
    clp_channel *all = channel(NULL, map, pool);
    clp_channel *some = channel(models, map, pool);
    OK(clp_channel_serves(all, "whatever"), "an empty list serves all");
    OK(clp_channel_serves(some, "claude-x"), "by pattern");
    OK(clp_channel_serves(some, "gpt-4o"), "by name");
    OK(!clp_channel_serves(some, "gpt-4o-mini"), "not by part of a name");
    OK(clp_channel_serves(some, "fast"), "what the map names is served");
    OK(!clp_channel_serves(some, "slow"), "else not");
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    test_matches(pool);
    test_bounded(pool);
    test_map(pool);
    test_serves(pool);
    return tap_end();
}
