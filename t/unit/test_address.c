/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "upstream/address.h"

/* Undo \t \n \\ \xHH in place. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (*s != '\\') {
            *to++ = *s;
        }
        else if (*++s == 'x') {
            char hex[3] = {s[1], s[2], '\0'};
            *to++ = (char)strtol(hex, NULL, 16);
            s += 2;
        }
        else {
            *to++ = *s == 't' ? '\t' : *s == 'n' ? '\n' : *s;
        }
    }
    *to = '\0';
}

static void row(const char *line, char *base, const char *what, const char *want, apr_pool_t *pool)
{
    const char *wrong;
    const char *got;
    unescape(base);
    wrong = clp_address_check(base, pool);
    if (!strcmp(what, "bad")) {
        OK(wrong && strstr(wrong, want), "%s", line);
        if (!wrong || !strstr(wrong, want)) {
            tap_diag("got: %s", wrong ? wrong : "(accepted)");
        }
        return;
    }
    if (!strcmp(what, "origin")) {
        got = clp_address_origin(base, pool);
    }
    else {
        OK(!wrong, "accepted: %s", line);
        got = !strcmp(what, "beta")
                  ? clp_address_make(base, "/v1beta", "/models/m:generateContent", NULL, pool)
                  : clp_address_make(base, "/v1", "/messages", !strcmp(what, "query") ? "a=b" : "",
                                     pool);
    }
    IS_STR(got, want, line);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    FILE *f = fopen("t/cases/address.txt", "r");
    char buf[1000];
    int rows = 0;
    if (!f) {
        printf("Bail out! t/cases/address.txt is missing\n");
        return 1;
    }
    while (fgets(buf, sizeof(buf), f)) {
        char *bar;
        char *next;
        buf[strcspn(buf, "\n")] = '\0';
        if (!buf[0] || buf[0] == '#') {
            continue;
        }
        const char *line = apr_pstrdup(pool, buf);
        char *fields[3] = {buf, NULL, NULL};
        for (int i = 1; i < 3 && (bar = strchr(fields[i - 1], '|')); i++) {
            *bar = '\0';
            fields[i] = bar + 1;
        }
        if (!fields[2]) {
            OK(0, "three fields: %s", line);
            continue;
        }
        for (int i = 0; i < 3; i++) {
            fields[i] += strspn(fields[i], " ");
            for (next = fields[i] + strlen(fields[i]); next > fields[i] && next[-1] == ' ';) {
                *--next = '\0';
            }
        }
        row(line, fields[0], fields[1], fields[2], pool);
        rows++;
    }
    fclose(f);
    OK(rows > 60, "all cases were read (%d)", rows);

    char *longest = apr_palloc(pool, 4000);
    memset(longest, 'a', 3999);
    memcpy(longest, "https://h/", 10);
    longest[3999] = '\0';
    OK(clp_address_check(longest, pool), "an endless URL is refused");
    longest[1900] = '\0';
    OK(!clp_address_check(longest, pool), "a long one is not");
    memcpy(longest, "https://hhh", 11);
    OK(clp_address_check(longest, pool), "an endless host name is refused");
    return tap_end();
}
