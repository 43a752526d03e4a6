/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/key_list.h"

#include <apr_strings.h>

#include "tap.h"
#include "wire/text.h"

static apr_pool_t *pool;

static const char *find(const clp_key_list *list, const char *key)
{
    unsigned char digest[CLP_KEY_DIGEST];

    clp_sha256(clp_span_str(key), digest);
    return clp_key_list_find(list, digest);
}

static void check_single_keys(void)
{
    clp_key_list *list = clp_key_list_make(pool);
    char hex[65];

    OK(!find(list, "anything"), "an empty list knows nobody");
    OK(!find(list, ""), "not even the empty key");
    OK(!clp_key_list_add_text(list, "alice", clp_span_str("alice-key")), "a plain key");
    clp_sha256_hex(clp_span_str("bob-key"), hex);
    OK(!clp_key_list_add_text(list, "bob", clp_span_str(apr_pstrcat(pool, "sha256:", hex, NULL))),
       "a digest");
    IS_STR(find(list, "alice-key"), "alice", "by plain key");
    IS_STR(find(list, "bob-key"), "bob", "by digest");
    OK(!find(list, "alice-ke") && !find(list, "alice-key ") && !find(list, ""), "nothing else");
    OK(!clp_key_list_add_text(list, "alice", clp_span_str("alice-key")), "the same again");
    IS_INT(clp_key_list_count(list), 2, "counts once");
    OK(!clp_key_list_add_text(list, "alice", clp_span_str("second")), "a second key for one name");
    IS_STR(find(list, "second"), "alice", "counts too");

    OK(clp_key_list_add_text(list, "carol", clp_span_str("alice-key")), "one key, two names");
    OK(clp_key_list_add_text(list, "carol", clp_span_str("")), "no key");
    OK(clp_key_list_add_text(list, "carol", clp_span_str("a b")), "a blank inside");
    OK(clp_key_list_add_text(list, "carol", clp_span_str("a\x7f")), "a control character inside");
    OK(clp_key_list_add_text(list, "carol", clp_span_str("sha256:")), "an empty digest");
    hex[63] = 'g';
    OK(clp_key_list_add_text(list, "carol", clp_span_str(apr_pstrcat(pool, "sha256:", hex, NULL))),
       "a digest that is not hex");
    OK(clp_key_list_add_text(list, "", clp_span_str("key")), "no name");
    IS_INT(clp_key_list_count(list), 3, "refused keys are not there");
}

static void check_names(void)
{
    OK(clp_key_name_ok("alice.b_c-d@example.org+1"), "all that a name may hold");
    OK(!clp_key_name_ok("") && !clp_key_name_ok("a b") && !clp_key_name_ok("a\"") &&
           !clp_key_name_ok("a\n") && !clp_key_name_ok("\xc3\xa4"),
       "and what it may not");
    OK(clp_key_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
       "64 long");
    OK(!clp_key_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
       "not 65");
}

static void check_lines(void)
{
    static const struct {
        const char *text;
        int count;
        int line; /* of the mistake; 0 = none */
    } cases[] = {
        {"", 0, 0},
        {"\n\n", 0, 0},
        {"a key", 1, 0},
        {"a key\n", 1, 0},
        {"  a\t key \r\n# a comment\n\n b other # with a comment\r\n", 2, 0},
        {"a key#1\n", 1, 0},
        {"#a key\n", 0, 0},
        {"a\n", 0, 1},
        {"a # key\n", 0, 1},
        {"a key\nb other third\nc more\n", 1, 2},
        {"a key\nb key\n", 1, 2},
        {"a key\na key\n", 1, 0},
        {"a key\n\n# x\nb sha256:00\n", 1, 4},
        {NULL, 0, 0},
    };
    clp_key_list *list;
    int line, plain;

    for (int i = 0; cases[i].text; i++) {
        const char *wrong;

        list = clp_key_list_make(pool);
        wrong = clp_key_list_add_lines(list, clp_span_str(cases[i].text), &line, &plain);
        OK(!wrong == !cases[i].line, "lines %d: %s", i, wrong ? wrong : "fine");
        if (wrong) {
            IS_INT(line, cases[i].line, "line of the mistake");
        }
        IS_INT(clp_key_list_count(list), cases[i].count, "keys");
    }
    list = clp_key_list_make(pool);
    clp_key_list_add_lines(list, clp_span_str("a k1\n#\nb k2\n"), &line, &plain);
    IS_INT(plain, 2, "plain keys are counted");
    list = clp_key_list_make(pool);
    OK(clp_key_list_add_lines(list, clp_span_of("a k\0ey\n", 7), &line, &plain), "a NUL byte");
}

/** More than the first tables hold, so that they grow and collide. */
static void check_many(void)
{
    clp_key_list *list = clp_key_list_make(pool);
    int missing = 0;

    for (int i = 0; i < 5000; i++) {
        const char *name = apr_psprintf(pool, "user%d", i);

        clp_key_list_add_text(list, name, clp_span_str(apr_psprintf(pool, "key-%d", i)));
    }
    IS_INT(clp_key_list_count(list), 5000, "many keys");
    for (int i = 0; i < 5000; i++) {
        const char *name = find(list, apr_psprintf(pool, "key-%d", i));

        missing += !name || strcmp(name, apr_psprintf(pool, "user%d", i)) != 0;
    }
    IS_INT(missing, 0, "all found under their names");
    OK(!find(list, "key-5000"), "and no other");
}

int main(void)
{
    pool = tap_begin();
    check_single_keys();
    check_names();
    check_lines();
    check_many();
    return tap_end();
}
