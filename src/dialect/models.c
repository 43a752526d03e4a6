/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "models.h"

#include <apr_fnmatch.h>
#include <apr_lib.h>

/*
 * The first pattern that fits decides; case does not matter. Names may carry a
 * provider in front ("anthropic/…", "us.anthropic.…") and a date or version
 * behind. Models that no pattern knows are taken as plain ones: a parameter
 * that is missing costs less than one that is refused.
 */
static const struct {
    const char *pattern;
    unsigned takes;
} models[] = {
    {"*claude-3[-.]7*", CLP_MODEL_REASONS},
    {"*claude-3*", 0},
    {"*claude-2*", 0},
    {"*claude-instant*", 0},
    {"*claude-opus-4[-.]6*", CLP_MODEL_REASONS | CLP_MODEL_ADAPTIVE | CLP_MODEL_EFFORT_MAX},
    {"*claude-sonnet-4[-.]6*", CLP_MODEL_REASONS | CLP_MODEL_ADAPTIVE | CLP_MODEL_EFFORT_MAX},
    {"*claude-*-4[-.][789]*", CLP_MODEL_REASONS | CLP_MODEL_ADAPTIVE | CLP_MODEL_NO_SAMPLING |
                                  CLP_MODEL_EFFORT_XHIGH | CLP_MODEL_EFFORT_MAX},
    {"*claude-*-4*", CLP_MODEL_REASONS},
    {"*claude-*", CLP_MODEL_REASONS | CLP_MODEL_ADAPTIVE | CLP_MODEL_NO_SAMPLING |
                      CLP_MODEL_EFFORT_XHIGH | CLP_MODEL_EFFORT_MAX},

    {"*gpt-5*-chat*", 0},
    {"*gpt-5.1-codex-max*",
     CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING | CLP_MODEL_EFFORT_NONE | CLP_MODEL_EFFORT_XHIGH},
    {"*gpt-5.1*", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING | CLP_MODEL_EFFORT_NONE},
    {"*gpt-5.*",
     CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING | CLP_MODEL_EFFORT_NONE | CLP_MODEL_EFFORT_XHIGH},
    {"*gpt-5*", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING | CLP_MODEL_EFFORT_MINIMAL},
    {"*gpt-[6-9]*",
     CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING | CLP_MODEL_EFFORT_NONE | CLP_MODEL_EFFORT_XHIGH},
    {"*gpt-oss*", CLP_MODEL_REASONS},
    {"*codex-mini*", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING},
    {"o1-mini*", CLP_MODEL_NO_SAMPLING},
    {"o1-preview*", CLP_MODEL_NO_SAMPLING},
    {"o[1-9]", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING},
    {"o[1-9]-*", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING},
    {"*/o[1-9]", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING},
    {"*/o[1-9]-*", CLP_MODEL_REASONS | CLP_MODEL_NO_SAMPLING},
    {"*grok-3-mini*", CLP_MODEL_REASONS},
    {"*gemini-2.5*", CLP_MODEL_REASONS},
    {"*gemini-[3-9]*", CLP_MODEL_REASONS},
};

static unsigned set(unsigned takes, unsigned bit, int on)
{
    return on < 0 ? takes : (on ? takes | bit : takes & ~bit);
}

unsigned clp_model_takes(const clp_target *target)
{
    const clp_traits *t = target->traits;
    unsigned takes = 0;

    for (apr_size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (apr_fnmatch(models[i].pattern, target->model, APR_FNM_CASE_BLIND) == APR_SUCCESS) {
            takes = models[i].takes;
            break;
        }
    }
    takes = set(takes, CLP_MODEL_REASONS, t->reasoning);
    takes = set(takes, CLP_MODEL_ADAPTIVE, t->adaptive_thinking);
    return set(takes, CLP_MODEL_NO_SAMPLING, t->sampling < 0 ? -1 : !t->sampling);
}

int clp_model_gemini(const char *model)
{
    const char *at = strstr(model, "gemini-");

    if (!at) {
        return 0;
    }
    at += 7;
    /* gemini-flash-latest and its kind follow the newest */
    return apr_isdigit(*at) ? *at - '0' : strstr(at, "latest") ? 3 : 0;
}
