/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define DAY (24 * 3600)

/* What a health check is where little is said. */
#define CHECK_PATH     "/models"
#define CHECK_INTERVAL 30000
#define CHECK_TIMEOUT  10000
#define CHECK_RISE     1
#define CHECK_FALL     3

static apr_int64_t said_or(const clp_argument *arg, apr_int64_t otherwise)
{
    return arg->number != -1 ? arg->number : otherwise;
}

const char *clp_set_breaker(clp_channel_draft *d, int argc, const char *const *argv)
{
    enum { WINDOW, MIN, PERCENT, OPEN, PROBE, N };
    static const char time[] = "a time in whole seconds from 1s to 12d";
    clp_argument args[N] = {
        [WINDOW] = {"window", CLP_ARGUMENT_COUNT, CLP_BREAKER_WINDOW_MIN, CLP_BREAKER_WINDOW_MAX,
                    "a number from 3 to 32", 0, NULL},
        [MIN] = {"min", CLP_ARGUMENT_COUNT, 1, CLP_BREAKER_WINDOW_MAX,
                 "a number from 1 to that of window=", 0, NULL},
        [PERCENT] = {"percent", CLP_ARGUMENT_COUNT, 1, 100, "a number from 1 to 100", 0, NULL},
        [OPEN] = {"open", CLP_ARGUMENT_SECONDS, 1, 12 * DAY, time, 0, NULL},
        [PROBE] = {"probe", CLP_ARGUMENT_SECONDS, 1, 12 * DAY, time, 0, NULL},
    };
    clp_breaker_policy policy = clp_breaker_policy_default();
    const char *wrong;

    if (clp_setting_is_off(argc, argv)) {
        d->channel->breaker.on = 0;
        return NULL;
    }
    wrong = clp_setting_arguments(d, argc, argv, args, N);
    if (wrong) {
        return wrong;
    }
    policy.window = (int)said_or(&args[WINDOW], policy.window);
    if (policy.min > policy.window) {
        policy.min = policy.window;
    }
    policy.min = (int)said_or(&args[MIN], policy.min);
    if (policy.min > policy.window) {
        return apr_psprintf(d->pool, "%s: min=%d is more than window=%d holds", d->label,
                            policy.min, policy.window);
    }
    policy.percent = (int)said_or(&args[PERCENT], policy.percent);
    policy.open = apr_time_from_sec(said_or(&args[OPEN], apr_time_sec(policy.open)));
    policy.probe = apr_time_from_sec(said_or(&args[PROBE], apr_time_sec(policy.probe)));
    d->channel->breaker = policy;
    return NULL;
}

void clp_show_breaker(clp_setting_lines *to, const clp_channel *c)
{
    const clp_breaker_policy *policy = &c->breaker;
    apr_array_header_t *line = clp_lines_new(to);
    if (!policy->on) {
        clp_line_add(line, "Off");
        return;
    }
    clp_line_count(line, "window", policy->window);
    clp_line_count(line, "min", policy->min);
    clp_line_count(line, "percent", policy->percent);
    clp_line_interval(line, "open", policy->open);
    clp_line_interval(line, "probe", policy->probe);
}

const char *clp_set_cooldown(clp_channel_draft *d, int argc, const char *const *argv)
{
    enum { DEFAULT, REPEATED, MAX, N };
    static const char time[] = "a time in whole seconds from 1s to 24d";
    clp_argument args[N] = {
        [DEFAULT] = {"default", CLP_ARGUMENT_SECONDS, 1, 24 * DAY, time, 0, NULL},
        [REPEATED] = {"repeated", CLP_ARGUMENT_SECONDS, 1, 24 * DAY, time, 0, NULL},
        [MAX] = {"max", CLP_ARGUMENT_SECONDS, 1, 24 * DAY, time, 0, NULL},
    };
    clp_cooldown_policy policy = clp_cooldown_policy_default();
    const char *wrong;
    apr_int64_t assumed, repeated, max;

    if (clp_setting_is_off(argc, argv)) {
        memset(&d->channel->cooldown, 0, sizeof(d->channel->cooldown));
        return NULL;
    }
    wrong = clp_setting_arguments(d, argc, argv, args, N);
    if (wrong) {
        return wrong;
    }
    /* What is not said keeps its default, or follows what was said where the two would clash. */
    assumed = said_or(&args[DEFAULT], apr_time_sec(policy.assumed));
    max = said_or(&args[MAX], apr_time_sec(policy.max));
    if (args[DEFAULT].number == -1 && assumed > max) {
        assumed = max;
    }
    repeated = said_or(&args[REPEATED], apr_time_sec(policy.repeated));
    if (args[REPEATED].number == -1) {
        repeated = repeated < assumed ? assumed : repeated > max ? max : repeated;
    }
    if (args[DEFAULT].number == -1 && assumed > repeated) {
        assumed = repeated;
    }
    if (args[MAX].number == -1 && max < repeated) {
        max = repeated;
    }
    if (assumed > repeated || repeated > max) {
        return apr_pstrcat(
            d->pool, d->label,
            ": default= must not be longer than repeated=, nor that than max=", NULL);
    }
    policy.assumed = apr_time_from_sec(assumed);
    policy.repeated = apr_time_from_sec(repeated);
    policy.max = apr_time_from_sec(max);
    d->channel->cooldown = policy;
    return NULL;
}

void clp_show_cooldown(clp_setting_lines *to, const clp_channel *c)
{
    apr_array_header_t *line = clp_lines_new(to);
    if (!c->cooldown.max) {
        clp_line_add(line, "Off");
        return;
    }
    clp_line_interval(line, "default", c->cooldown.assumed);
    clp_line_interval(line, "repeated", c->cooldown.repeated);
    clp_line_interval(line, "max", c->cooldown.max);
}

static const char *add_rule(const clp_channel_draft *d, apr_array_header_t *rules, const char *spec)
{
    clp_verdict_rule rule;
    const char *wrong = clp_verdict_rule_read(&rule, spec, d->pool);

    if (wrong) {
        return apr_pstrcat(d->pool, d->label, ": ", wrong, NULL);
    }
    APR_ARRAY_PUSH(rules, clp_verdict_rule) = rule;
    return NULL;
}

const char *clp_set_retry_on(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return add_rule(d, d->channel->retry, argv[0]);
}

const char *clp_set_never_retry_on(clp_channel_draft *d, int argc, const char *const *argv)
{
    (void)argc;
    return add_rule(d, d->channel->never_retry, argv[0]);
}

static void show_rules(clp_setting_lines *to, const apr_array_header_t *rules)
{
    apr_array_header_t *line = rules->nelts ? clp_lines_new(to) : NULL;
    for (int i = 0; i < rules->nelts; i++) {
        clp_line_add(line, APR_ARRAY_IDX(rules, i, clp_verdict_rule).spec);
    }
}

void clp_show_retry(clp_setting_lines *to, const clp_channel *c)
{
    show_rules(to, c->retry);
}

void clp_show_never_retry(clp_setting_lines *to, const clp_channel *c)
{
    show_rules(to, c->never_retry);
}

/* Printable and without a fragment, so that it can stand in a request line as it is. */
static int path_ok(const char *path)
{
    for (const char *p = path; *p; p++) {
        if (!apr_isgraph(*p) || *p == '#') {
            return 0;
        }
    }
    return *path == '/';
}

const char *clp_set_health_check(clp_channel_draft *d, int argc, const char *const *argv)
{
    enum { INTERVAL, TIMEOUT, PATH, REQUEST, RISE, FALL, N };
    clp_argument args[N] = {
        [INTERVAL] = {"interval", CLP_ARGUMENT_TIME, 1000, DAY * 1000, "a time from 1s to 24h", 0,
                      NULL},
        [TIMEOUT] = {"timeout", CLP_ARGUMENT_TIME, 100, 600 * 1000, "a time from 100ms to 10m", 0,
                     NULL},
        [PATH] = {"path", CLP_ARGUMENT_TEXT, 0, 0, "a path", 0, NULL},
        [REQUEST] = {"request", CLP_ARGUMENT_TEXT, 0, 0, "a model's name", 0, NULL},
        [RISE] = {"rise", CLP_ARGUMENT_COUNT, 1, 100, "a number from 1 to 100", 0, NULL},
        [FALL] = {"fall", CLP_ARGUMENT_COUNT, 1, 100, "a number from 1 to 100", 0, NULL},
    };
    clp_health_check *health = &d->channel->health;
    const char *wrong;

    memset(health, 0, sizeof(*health));
    if (clp_setting_is_off(argc, argv)) {
        return NULL;
    }
    wrong = clp_setting_arguments(d, argc, argv, args, N);
    if (wrong) {
        return wrong;
    }
    if (args[PATH].text && args[REQUEST].text) {
        return apr_pstrcat(d->pool, d->label, ": it is either path= or request=", NULL);
    }
    if (args[PATH].text && !path_ok(args[PATH].text)) {
        return apr_pstrcat(d->pool, d->label, ": path='", args[PATH].text,
                           "' is not a path that begins with '/', without blanks and '#'", NULL);
    }
    health->interval = apr_time_from_msec(said_or(&args[INTERVAL], CHECK_INTERVAL));
    health->timeout = apr_time_from_msec(said_or(&args[TIMEOUT], CHECK_TIMEOUT));
    health->model = args[REQUEST].text;
    health->path = args[PATH].text ? args[PATH].text : health->model ? NULL : CHECK_PATH;
    health->rise = (int)said_or(&args[RISE], CHECK_RISE);
    health->fall = (int)said_or(&args[FALL], CHECK_FALL);
    return NULL;
}

void clp_show_health_check(clp_setting_lines *to, const clp_channel *c)
{
    const clp_health_check *health = &c->health;
    apr_array_header_t *line = clp_lines_new(to);
    if (!health->interval) {
        clp_line_add(line, "Off");
        return;
    }
    clp_line_interval(line, "interval", health->interval);
    clp_line_interval(line, "timeout", health->timeout);
    clp_line_add(line, health->model ? apr_pstrcat(to->pool, "request=", health->model, NULL)
                                     : apr_pstrcat(to->pool, "path=", health->path, NULL));
    clp_line_count(line, "rise", health->rise);
    clp_line_count(line, "fall", health->fall);
}
