/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "edit_promotion.h"

#include "edit_entry.h"
#include "wire/instant.h"

#define MEMBER "promotion"

/* All that a promotion can be for. */
#define EVERY_PROTOCOL ((1U << CLP_PROTOCOL_OTHER) - 1)

static apr_uint32_t protocols_of(const clp_promotion *promotion)
{
    return promotion->protocols ? promotion->protocols : EVERY_PROTOCOL;
}

static void say(clp_edit *e, const char *name, const clp_promotion *promotion)
{
    cJSON *said = cJSON_CreateObject();

    cJSON_AddStringToObject(said, "until", clp_instant_text(promotion->until, e->pool));
    if (promotion->protocols) {
        cJSON_AddStringToObject(said, "protocols",
                                clp_protocols_text(promotion->protocols, e->pool));
    }
    clp_edit_put(clp_edit_entry(e, name), MEMBER, said);
}

void clp_edit_end_promotion(clp_edit *e, const char *name)
{
    const clp_channel *base = clp_edit_base(e, name);
    cJSON *entry = clp_edit_entry(e, name);

    if (base && base->promotion.until) {
        clp_edit_put(entry, MEMBER, cJSON_CreateString("Off"));
        return;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(entry, MEMBER);
    clp_edit_tidy(e, name);
}

/* What another channel has of it, it loses; it keeps what it has for clients of other protocols. */
static void take_from(clp_edit *e, const clp_channel *other, const clp_promotion *taken)
{
    clp_promotion rest = {other->promotion.until,
                          protocols_of(&other->promotion) & ~protocols_of(taken)};

    if (!rest.protocols) {
        clp_edit_end_promotion(e, other->name);
    }
    else if (rest.protocols != protocols_of(&other->promotion)) {
        say(e, other->name, &rest);
    }
}

static int meet(const clp_edit *e, const clp_channel *one, const clp_channel *other)
{
    return one != other && (!e->in_one_server || e->in_one_server(one, other));
}

int clp_edit_promote(clp_edit *e, const char *name, const clp_promotion *promotion, apr_time_t now)
{
    const clp_channel *c = clp_edit_find(e, name);

    if (!c) {
        return 0;
    }
    if (!promotion->until) {
        clp_edit_end_promotion(e, name);
        return 1;
    }
    if (c->status != CLP_CHANNEL_ACTIVE) {
        return clp_edit_fail(e, CLP_EDIT_CONFLICT, "",
                             "The channel is suspended or disabled and gets no requests: make it "
                             "active first.");
    }
    for (int i = 0; i < e->laid->nelts; i++) {
        const clp_channel *other = APR_ARRAY_IDX(e->laid, i, const clp_channel *);
        if (other->promotion.until > now && meet(e, c, other)) {
            take_from(e, other, promotion);
        }
    }
    say(e, name, promotion);
    return 1;
}
