/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "state/rows.h"
#include "wire/instant.h"
#include "wire/quantity.h"

#define MAX_LIMIT 1000000000

const char *clp_set_weight(clp_channel_draft *d, int argc, const char *const *argv)
{
    apr_int64_t n;

    (void)argc;
    if (!clp_count_parse(argv[0], &n) || n < 1 || n > CLP_WEIGHT_MAX) {
        return apr_psprintf(d->pool, "%s: '%s' is not a number from 1 to %d", d->label, argv[0],
                            CLP_WEIGHT_MAX);
    }
    d->channel->weight = (apr_uint32_t)n;
    return NULL;
}

void clp_show_weight(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, apr_itoa(to->pool, (int)c->weight));
}

static const char *const key_orders[] = {
    [CLP_KEYS_ORDERED] = "ordered", [CLP_KEYS_ROTATE] = "rotate", [CLP_KEYS_RANDOM] = "random"};

static const char *key_order_name(clp_key_order order)
{
    return key_orders[order];
}

const char *clp_set_key_order(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    for (apr_size_t i = 0; i < sizeof(key_orders) / sizeof(key_orders[0]); i++) {
        if (strcasecmp(argv[0], key_orders[i]) == 0) {
            d->channel->key_order = (clp_key_order)i;
            return NULL;
        }
    }
    return apr_pstrcat(d->pool, d->label, ": '", argv[0], "' is not ordered, rotate or random",
                       NULL);
}

void clp_show_key_order(clp_setting_lines *to, const clp_channel *c)
{
    clp_lines_one(to, key_order_name(c->key_order));
}

static const char *set_limits(const clp_channel_draft *d, int argc, const char *const *argv,
                              clp_limits *limits)
{
    enum { CONCURRENT, REQUESTS, TOKENS, N };
    static const char range[] = "a number up to 1000000000; 0 is no limit";
    clp_argument args[N] = {
        [CONCURRENT] = {"concurrent", CLP_ARGUMENT_COUNT, 0, MAX_LIMIT, range, 0, NULL},
        [REQUESTS] = {"requests", CLP_ARGUMENT_COUNT, 0, MAX_LIMIT, range, 0, NULL},
        [TOKENS] = {"tokens", CLP_ARGUMENT_COUNT, 0, MAX_LIMIT, range, 0, NULL},
    };
    apr_uint32_t *const members[N] = {&limits->concurrent, &limits->requests, &limits->tokens};
    const char *wrong = clp_setting_arguments(d, argc, argv, args, N);

    for (int i = 0; i < N && !wrong; i++) {
        if (args[i].number != -1) {
            *members[i] = (apr_uint32_t)args[i].number;
        }
    }
    return wrong;
}

const char *clp_set_limit(clp_channel_draft *d, int argc, const char *const *argv)
{
    return set_limits(d, argc, argv, &d->channel->limits);
}

const char *clp_set_key_limit(clp_channel_draft *d, int argc, const char *const *argv)
{
    return set_limits(d, argc, argv, &d->channel->key_limits);
}

static void show_limits(clp_setting_lines *to, const clp_limits *limits)
{
    apr_array_header_t *line = clp_lines_new(to);
    clp_line_count(line, "concurrent", limits->concurrent);
    clp_line_count(line, "requests", limits->requests);
    clp_line_count(line, "tokens", limits->tokens);
}

void clp_show_limit(clp_setting_lines *to, const clp_channel *c)
{
    show_limits(to, &c->limits);
}

void clp_show_key_limit(clp_setting_lines *to, const clp_channel *c)
{
    show_limits(to, &c->key_limits);
}

const char *clp_set_promotion(clp_channel_draft *d, int argc, const char *const *argv)
{
    enum { UNTIL, PROTOCOLS, N };
    clp_argument args[N] = {
        [UNTIL] = {"until", CLP_ARGUMENT_TEXT, 0, 0, "a time", 0, NULL},
        [PROTOCOLS] = {"protocols", CLP_ARGUMENT_TEXT, 0, 0, "a list of protocols", 0, NULL},
    };
    clp_promotion promotion = {0, 0};
    const char *wrong;

    if (clp_setting_is_off(argc, argv)) {
        d->channel->promotion = promotion;
        return NULL;
    }
    wrong = clp_setting_arguments(d, argc, argv, args, N);
    if (wrong) {
        return wrong;
    }
    if (!args[UNTIL].text || !clp_instant_parse(args[UNTIL].text, &promotion.until) ||
        promotion.until <= 0) {
        return apr_pstrcat(d->pool, d->label, " wants a time as until=2027-01-31T18:00:00Z", NULL);
    }
    if (args[PROTOCOLS].text && !(promotion.protocols = clp_protocols_read(args[PROTOCOLS].text))) {
        return apr_pstrcat(d->pool, d->label, ": protocols='", args[PROTOCOLS].text,
                           "' is no list of messages, chat, responses and gemini", NULL);
    }
    d->channel->promotion = promotion;
    return NULL;
}

void clp_show_promotion(clp_setting_lines *to, const clp_channel *c)
{
    const char *names = clp_protocols_text(c->promotion.protocols, to->pool);
    apr_array_header_t *line = clp_lines_new(to);
    if (!c->promotion.until) {
        clp_line_add(line, "Off");
        return;
    }
    clp_line_add(line, apr_pstrcat(to->pool,
                                   "until=", clp_instant_text(c->promotion.until, to->pool), NULL));
    if (names) {
        clp_line_add(line, apr_pstrcat(to->pool, "protocols=", names, NULL));
    }
}
