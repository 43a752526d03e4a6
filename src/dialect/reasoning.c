/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "reasoning.h"

#include "models.h"

/* Google's own steps between its OpenAI-compatible efforts and its budgets. */
static const struct {
    const char *word;
    apr_int64_t budget;
} efforts[] = {
    [CLP_EFFORT_UNSET] = {NULL, -1},          [CLP_EFFORT_NONE] = {"none", 0},
    [CLP_EFFORT_MINIMAL] = {"minimal", 1024}, [CLP_EFFORT_LOW] = {"low", 1024},
    [CLP_EFFORT_MEDIUM] = {"medium", 8192},   [CLP_EFFORT_HIGH] = {"high", 24576},
    [CLP_EFFORT_XHIGH] = {"xhigh", 32768},    [CLP_EFFORT_MAX] = {"max", 32768},
};

apr_int64_t clp_effort_budget(clp_effort effort)
{
    return efforts[effort].budget;
}

const char *clp_effort_word(clp_effort effort)
{
    return efforts[effort].word;
}

clp_effort clp_budget_effort(apr_int64_t budget, unsigned model_takes)
{
    if (budget < 0) {
        return CLP_EFFORT_UNSET;
    }
    if (budget == 0) {
        return CLP_EFFORT_NONE;
    }
    if (budget <= 1024) {
        return CLP_EFFORT_LOW;
    }
    if (budget <= 8192) {
        return CLP_EFFORT_MEDIUM;
    }
    if (budget > 24576 && (model_takes & CLP_MODEL_EFFORT_XHIGH)) {
        return CLP_EFFORT_XHIGH;
    }
    return CLP_EFFORT_HIGH;
}

/* The effort asked for; a said one wins over what a budget amounts to. */
static clp_effort wanted(const clp_reasoning *r, unsigned model_takes)
{
    if (r->mode == CLP_THINKING_OFF) {
        return CLP_EFFORT_NONE;
    }
    if (r->effort != CLP_EFFORT_UNSET) {
        return r->effort;
    }
    return clp_budget_effort(r->budget, model_takes);
}

const char *clp_reasoning_chat(const clp_reasoning *r, unsigned model_takes)
{
    clp_effort e = wanted(r, model_takes);

    if (!(model_takes & CLP_MODEL_REASONS)) {
        return NULL;
    }
    if (e == CLP_EFFORT_NONE && !(model_takes & CLP_MODEL_EFFORT_NONE)) {
        return model_takes & CLP_MODEL_EFFORT_MINIMAL ? "minimal" : NULL;
    }
    if (e == CLP_EFFORT_MINIMAL && !(model_takes & CLP_MODEL_EFFORT_MINIMAL)) {
        e = CLP_EFFORT_LOW;
    }
    if (e >= CLP_EFFORT_XHIGH) {
        e = model_takes & CLP_MODEL_EFFORT_XHIGH ? CLP_EFFORT_XHIGH : CLP_EFFORT_HIGH;
    }
    return clp_effort_word(e);
}

static const char *messages_effort(clp_effort e, unsigned model_takes)
{
    if (e == CLP_EFFORT_MINIMAL) {
        e = CLP_EFFORT_LOW;
    }
    if (e == CLP_EFFORT_XHIGH && !(model_takes & CLP_MODEL_EFFORT_XHIGH)) {
        e = CLP_EFFORT_HIGH;
    }
    if (e == CLP_EFFORT_MAX && !(model_takes & CLP_MODEL_EFFORT_MAX)) {
        e = CLP_EFFORT_HIGH;
    }
    return clp_effort_word(e);
}

clp_thinking_plan clp_reasoning_messages(const clp_reasoning *r, unsigned model_takes,
                                         apr_int64_t max_tokens)
{
    clp_thinking_plan plan = {CLP_THINKING_UNSET, -1, NULL};
    clp_effort e = wanted(r, model_takes);

    if (!(model_takes & CLP_MODEL_REASONS) ||
        (r->mode == CLP_THINKING_UNSET && e == CLP_EFFORT_UNSET)) {
        return plan;
    }
    if (e == CLP_EFFORT_NONE) {
        plan.mode = CLP_THINKING_OFF;
        return plan;
    }
    if (model_takes & CLP_MODEL_ADAPTIVE) {
        plan.mode = CLP_THINKING_ADAPTIVE;
        plan.effort = messages_effort(e, model_takes);
        return plan;
    }
    plan.budget = r->budget > 0 && r->effort == CLP_EFFORT_UNSET ? r->budget : clp_effort_budget(e);
    if (plan.budget < 0) {
        plan.budget = clp_effort_budget(CLP_EFFORT_MEDIUM);
    }
    if (plan.budget >= max_tokens) {
        plan.budget = max_tokens - 1;
    }
    plan.mode = plan.budget < CLP_BUDGET_MIN ? CLP_THINKING_UNSET : CLP_THINKING_ON;
    return plan;
}
