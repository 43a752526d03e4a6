/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <apr_strings.h>

#include "dialect/models.h"
#include "tap.h"

/* a = adaptive thinking, M = effort max, m = effort minimal, n = effort none, r = reasons,
 * s = no sampling, x = effort xhigh */
static const struct {
    const char *model;
    const char *takes;
} rows[] = {
    {"claude-2.1", ""},
    {"claude-instant-1.2", ""},
    {"claude-3-5-sonnet-20241022", ""},
    {"claude-3-7-sonnet-20250219", "r"},
    {"anthropic.claude-3.7-sonnet", "r"},
    {"claude-sonnet-4-20250514", "r"},
    {"claude-opus-4-1-20250805", "r"},
    {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "r"},
    {"anthropic/claude-opus-4.5", "r"},
    {"claude-opus-4-6", "aMr"},
    {"anthropic/claude-sonnet-4.6", "aMr"},
    {"claude-opus-4-7", "aMrsx"},
    {"anthropic/claude-opus-4.8", "aMrsx"},
    {"claude-haiku-4-9", "aMrsx"},
    {"Claude-Opus-5-5", "aMrsx"},
    {"gpt-4o", ""},
    {"gpt-4.1-mini", ""},
    {"gpt-5", "mrs"},
    {"gpt-5-mini-2025-08-07", "mrs"},
    {"gpt-5-chat-latest", ""},
    {"gpt-5.1", "nrs"},
    {"gpt-5.1-codex", "nrs"},
    {"gpt-5.1-codex-max", "nrsx"},
    {"gpt-5.2", "nrsx"},
    {"gpt-5.2-chat-latest", ""},
    {"openai/gpt-6", "nrsx"},
    {"gpt-oss-120b", "r"},
    {"codex-mini-latest", "rs"},
    {"o1", "rs"},
    {"o1-mini", "s"},
    {"o1-preview-2024-09-12", "s"},
    {"o3", "rs"},
    {"o4-mini", "rs"},
    {"openai/o1", "rs"},
    {"openai/o3", "rs"},
    {"openai/o4-mini", "rs"},
    {"olmo3", ""},
    {"grok-3-mini", "r"},
    {"grok-3", ""},
    {"gemini-2.5-pro", "r"},
    {"gemini-3-pro-preview", "r"},
    {"gemini-2.0-flash", ""},
    {"my-model", ""},
};

static const struct {
    char letter;
    unsigned bit;
} letters[] = {{'a', CLP_MODEL_ADAPTIVE},       {'M', CLP_MODEL_EFFORT_MAX},
               {'m', CLP_MODEL_EFFORT_MINIMAL}, {'n', CLP_MODEL_EFFORT_NONE},
               {'r', CLP_MODEL_REASONS},        {'s', CLP_MODEL_NO_SAMPLING},
               {'x', CLP_MODEL_EFFORT_XHIGH}};

static const char *takes(const char *model, const clp_traits *traits, apr_pool_t *pool)
{
    clp_target target = {model, traits, 1, 0};
    unsigned bits = clp_model_takes(&target);
    char *out = apr_pcalloc(pool, sizeof(letters) / sizeof(letters[0]) + 1);
    apr_size_t n = 0;
    for (apr_size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        if (bits & letters[i].bit) {
            out[n++] = letters[i].letter;
            bits &= ~letters[i].bit;
        }
    }
    IS_INT(bits, 0, "every bit has a letter");
    return out;
}

int main(void)
{
    apr_pool_t *pool = tap_begin();
    clp_traits traits = clp_traits_default();

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IS_STR(takes(rows[i].model, &traits, pool), rows[i].takes, rows[i].model);
    }
    traits.reasoning = 1;
    traits.adaptive_thinking = 1;
    traits.sampling = 0;
    IS_STR(takes("my-model", &traits, pool), "ars", "traits add");
    traits.reasoning = 0;
    traits.adaptive_thinking = 0;
    traits.sampling = 1;
    IS_STR(takes("claude-opus-4-8", &traits, pool), "Mx", "traits take away");
    return tap_end();
}
