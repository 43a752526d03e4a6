/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "admin_call.h"
#include "wire/instant.h"

#define DURATION_MAX (366 * 24 * 3600) /* seconds */

static int make_promotion(clp_admin_edit *e)
{
    return clp_edit_promote(&e->edit, e->call->name, &e->promotion, e->call->site->now);
}

/* The time is kept in whole seconds: no promotion shall be shorter than it was asked for. */
static int take_duration(clp_admin_call *call, const cJSON *duration, apr_time_t *until)
{
    double seconds = duration->valuedouble;

    if (!cJSON_IsNumber(duration) || seconds > DURATION_MAX) {
        clp_admin_fail(call, 400, "duration",
                       "duration: has to be a number of seconds, a year at most; 0 or null ends "
                       "the promotion");
        return 0;
    }
    if (seconds > 0) {
        apr_time_t end = call->site->now + (apr_time_t)(seconds * APR_USEC_PER_SEC);
        *until = apr_time_from_sec((end + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC);
    }
    return 1;
}

static int take_until(clp_admin_call *call, const cJSON *value, apr_time_t *until)
{
    if (!cJSON_IsString(value) || !clp_instant_parse(value->valuestring, until) ||
        *until <= call->site->now) {
        clp_admin_fail(call, 400, "until",
                       "until: has to be a time to come, as 2027-01-31T18:00:00Z; null ends the "
                       "promotion");
        return 0;
    }
    return 1;
}

/* {"duration": seconds} as the predecessor has it, or {"until": time}. */
static int take_time(clp_admin_call *call, const cJSON *object, apr_time_t *until)
{
    const cJSON *duration = cJSON_GetObjectItemCaseSensitive(object, "duration");
    const cJSON *end = cJSON_GetObjectItemCaseSensitive(object, "until");

    if (!duration == !end) {
        clp_admin_fail(call, 400, end ? "until" : "duration",
                       "Say for how long as \"duration\" in seconds, or \"until\" when.");
        return 0;
    }
    if (cJSON_IsNull(duration) || cJSON_IsNull(end)) {
        return 1;
    }
    return duration ? take_duration(call, duration, until) : take_until(call, end, until);
}

static int take_protocols(clp_admin_call *call, const cJSON *object, apr_uint32_t *protocols)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "protocols");

    if (list && (!cJSON_IsString(list) || !(*protocols = clp_protocols_read(list->valuestring)))) {
        clp_admin_fail(call, 400, "protocols",
                       "protocols: has to be a list of messages, chat, responses and gemini, as "
                       "\"messages,chat\"");
        return 0;
    }
    return 1;
}

static const char *did(const clp_admin_call *call, apr_time_t until)
{
    if (!until) {
        return apr_pstrcat(call->pool, "channel ", call->name, " is not promoted any more", NULL);
    }
    return apr_pstrcat(call->pool, "channel ", call->name, " goes before all others until ",
                       clp_instant_text(until, call->pool), NULL);
}

void clp_admin_promote(clp_admin_call *call)
{
    static const char *const members[] = {"duration", "until", "protocols", NULL};
    const cJSON *object = clp_admin_object(call, members);
    clp_admin_edit e = {.make = make_promotion};
    apr_time_t until;
    clp_jw w;

    if (!object || !take_time(call, object, &e.promotion.until) ||
        !take_protocols(call, object, &e.promotion.protocols) || !clp_admin_write(call, &e)) {
        return;
    }
    until = clp_admin_changed(call)->promotion.until;
    clp_admin_done(call, &w, did(call, until));
    if (until) {
        clp_jw_kstr(&w, "promotionUntil", clp_instant_text(until, call->pool));
    }
    else {
        clp_jw_knull(&w, "promotionUntil");
    }
    clp_admin_tell_channel(call, &w);
    clp_jw_end_object(&w);
}
