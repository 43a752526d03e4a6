/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <apr_strings.h>

#include "cases.h"
#include "upstream/host_rules.h"

static const char *text(const cases_row *row, int i, apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, row->field[i].p, row->field[i].n);
}

static void fits(const char *got, const char *want, const char *name)
{
    int ok = strcmp(want, "ok") == 0 ? !got : got && strstr(got, want);

    OK(ok, "%s", name);
    if (!ok) {
        tap_diag("got: %s", got ? got : "(allowed)");
        tap_diag("expected: %s", want);
    }
}

/* A connection that goes there is judged alike, whichever family's socket it has. */
static void check_socket(const clp_ip *ip, const char *shown)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    clp_ip read;

    memcpy(&a6.sin6_addr, ip->byte, sizeof(ip->byte));
    OK(clp_ip_of_sockaddr(&read, (struct sockaddr *)&a6) && !memcmp(&read, ip, sizeof(read)),
       "%s: from a socket of IPv6", shown);
    if (inet_pton(AF_INET, shown, &a4.sin_addr) == 1) {
        OK(clp_ip_of_sockaddr(&read, (struct sockaddr *)&a4) && !memcmp(&read, ip, sizeof(read)),
           "%s: from one of IPv4", shown);
    }
}

static void check_ip(const cases_row *row, apr_pool_t *pool)
{
    const char *spelled = text(row, 1, pool);
    const char *shown = text(row, 2, pool);
    const char *want = text(row, 3, pool);
    char buffer[CLP_IP_TEXT];
    int bits = -1;
    clp_ip ip;

    if (!strcmp(shown, "-")) {
        OK(!clp_ip_parse(&ip, spelled), "'%s' is no address", spelled);
        return;
    }
    if (!clp_ip_parse(&ip, spelled)) {
        OK(0, "'%s' is an address", spelled);
        return;
    }
    IS_STR(clp_ip_show(&ip, buffer), shown, spelled);
    fits(clp_ip_refused(&ip, &bits), strcmp(want, "-") ? want : "ok", spelled);
    OK((bits < 0) == !strcmp(want, "-") && bits <= 128, "%s: %d bits tell it", spelled, bits);
    check_socket(&ip, shown);
}

static void check_pattern(const cases_row *row, apr_pool_t *pool)
{
    const char *pattern = text(row, 1, pool);

    fits(clp_host_rules_add(clp_host_rules_make(pool), pattern), text(row, 2, pool), pattern);
}

static clp_host_rules *rules_of(char *list, apr_pool_t *pool)
{
    clp_host_rules *rules = clp_host_rules_make(pool);
    char *next;

    if (strcmp(list, "-") != 0) {
        for (char *one = apr_strtok(list, " ", &next); one; one = apr_strtok(NULL, " ", &next)) {
            OK(!clp_host_rules_add(rules, one), "%s can be listed", one);
        }
    }
    return rules;
}

static void check_url(const cases_row *row, apr_pool_t *pool)
{
    const char *list = text(row, 1, pool);
    const char *url = text(row, 2, pool);
    const clp_host_rules *rules = rules_of(apr_pstrdup(pool, list), pool);

    fits(clp_host_rules_check_url(rules, url, pool), text(row, 3, pool),
         apr_pstrcat(pool, list, ": ", url, NULL));
}

static void check_listed(const cases_row *row, apr_pool_t *pool)
{
    const char *list = text(row, 1, pool);
    const char *url = text(row, 2, pool);
    const clp_host_rules *rules = rules_of(apr_pstrdup(pool, list), pool);

    IS_STR(clp_host_rules_list_url(rules, url, pool) ? "yes" : "no", text(row, 3, pool),
           apr_pstrcat(pool, list, " lists ", url, NULL));
}

static void check_row(void *ctx, const cases_row *row)
{
    apr_pool_t *pool = ctx;

    if (clp_span_is(row->field[0], "ip") && row->n == 4) {
        check_ip(row, pool);
    }
    else if (clp_span_is(row->field[0], "list") && row->n == 3) {
        check_pattern(row, pool);
    }
    else if (clp_span_is(row->field[0], "url") && row->n == 4) {
        check_url(row, pool);
    }
    else if (clp_span_is(row->field[0], "listed") && row->n == 4) {
        check_listed(row, pool);
    }
    else {
        OK(0, "line %d is of no kind", row->line);
    }
}

/* What names lead to: to list a name, or a network around, opens none of the refused addresses. */
static void test_connections(apr_pool_t *pool)
{
    static const struct {
        const char *list, *ip, *what;
    } rows[] = {
        {"-", "192.0.2.1", NULL},
        {"-", "127.0.0.1", NULL},
        {"-", "169.254.169.254", "a link-local address"},
        {"api.example.com", "192.0.2.1", NULL},
        {"api.example.com", "10.0.0.1", NULL},
        {"api.example.com", "169.254.169.254", "a link-local address"},
        {"api.example.com 0.0.0.0/0", "169.254.169.254", "a link-local address"},
        {"api.example.com 169.254.169.254", "169.254.169.254", NULL},
        {"metadata.google.internal", "169.254.169.254", "a link-local address"},
        {"All", "169.254.169.254", NULL},
    };

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const clp_host_rules *rules = rules_of(apr_pstrdup(pool, rows[i].list), pool);
        clp_ip ip;
        OK(clp_ip_parse(&ip, rows[i].ip), "%s", rows[i].ip);
        IS_STR(clp_host_rules_check_ip(rules, &ip), rows[i].what, rows[i].list);
    }
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    const struct sockaddr other = {.sa_family = AF_UNIX};
    clp_ip ip;

    OK(cases_each(pool, "t/cases/host_rules.txt", check_row, pool) > 200, "the cases were read");
    test_connections(pool);
    OK(!clp_ip_of_sockaddr(&ip, &other), "an address of another family is none");
    return tap_end();
}
