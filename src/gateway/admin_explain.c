/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin_call.h"
#include "sched/explanation.h"
#include "wire/instant.h"

static const struct {
    const char *name;
    const clp_dialect *dialect;
} clients[] = {
    {"messages", &clp_dialect_messages},       {"chat", &clp_dialect_chat},
    {"responses", &clp_dialect_responses},     {"gemini", &clp_dialect_gemini},
    {"completions", &clp_dialect_completions},
};

/* A text of the question; NULL if it is left out, or if it is wrong: then that is answered. */
static const char *text_of(clp_admin_call *call, const cJSON *object, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, member);

    if (value && !cJSON_IsString(value)) {
        clp_admin_fail(call, 400, member, "%s: has to be a string", member);
        return NULL;
    }
    return value ? value->valuestring : NULL;
}

static const clp_dialect *client_of(clp_admin_call *call, const char *name)
{
    for (apr_size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        if (!strcmp(clients[i].name, name ? name : "messages")) {
            return clients[i].dialect;
        }
    }
    clp_admin_fail(call, 400, "protocol",
                   "protocol: has to be messages, chat, responses, gemini or completions");
    return NULL;
}

static void write_explanation(clp_jw *w, const clp_explanation *x, const clp_plan_query *query,
                              apr_pool_t *pool)
{
    clp_jw_object(w);
    clp_jw_kstr(w, "channel", x->channel->name);
    if (x->obstacle == CLP_OBSTACLE_NONE) {
        clp_jw_kstr(w, "pick", clp_pick_name(x->pick));
    }
    else {
        clp_jw_kstr(w, "obstacle", clp_obstacle_name(x->obstacle));
    }
    if (x->until) {
        clp_jw_kstr(w, "until", clp_instant_text(x->until, pool));
    }
    if (query->model) {
        clp_jw_kstr(w, "upstreamModel", clp_channel_model(x->channel, query->model, pool));
    }
    clp_jw_kint(w, "priority", x->channel->priority);
    clp_jw_end_object(w);
}

void clp_admin_explain(clp_admin_call *call)
{
    static const char *const members[] = {"protocol", "model", "identity", "set", NULL};
    const cJSON *object = clp_admin_object(call, members);
    clp_plan_query query = call->site->scheduling;
    const char *protocol, *identity, *set_name;
    const clp_channel_set *set;
    apr_array_header_t *all;
    clp_jw w;

    if (!object) {
        return;
    }
    protocol = text_of(call, object, "protocol");
    query.model = text_of(call, object, "model");
    identity = text_of(call, object, "identity");
    set_name = text_of(call, object, "set");
    if (call->status != 200 || !(query.client = client_of(call, protocol))) {
        return;
    }
    query.conversation =
        clp_conversation_id_make(clp_protocol_of(query.client), identity, call->pool);
    set = call->site->set(call->site->ctx, set_name);
    if (!set) {
        clp_admin_fail(call, 400, "set", "set: there is no set '%s' in this server", set_name);
        return;
    }
    all = clp_plan_explain(set, &query, call->pool);
    clp_jw_init(&w, call->out);
    clp_jw_object(&w);
    clp_jw_key(&w, "channels");
    clp_jw_array(&w);
    for (int i = 0; i < all->nelts; i++) {
        write_explanation(&w, &APR_ARRAY_IDX(all, i, clp_explanation), &query, call->pool);
    }
    clp_jw_end_array(&w);
    clp_jw_end_object(&w);
}
