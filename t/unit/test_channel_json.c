/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include <apr_strings.h>

#include "gateway/channel_json.h"
#include "plain_source.h"

static apr_pool_t *pool;

/* What a name stands for: two keys in every file. */
static const char *read_secrets(void *ctx, const char *label, const char *arg,
                                apr_array_header_t *out, apr_pool_t *p)
{
    (void)ctx;
    if (!*arg) {
        return apr_pstrcat(p, label, ": the key is empty", NULL);
    }
    APR_ARRAY_PUSH(out, const char *) = apr_pstrcat(p, arg, "-0123456789-secret", NULL);
    if (!strncmp(arg, "file:", 5)) {
        APR_ARRAY_PUSH(out, const char *) = apr_pstrcat(p, arg, "-9876543210-secret", NULL);
    }
    return NULL;
}

static const clp_channel_source source = {NULL, NULL, plain_path, read_secrets};

static const char *const besides[] = {"name", NULL};

/* Read a document into a new channel; the error as "path: message", or NULL. */
static const char *read_into(clp_channel_draft *d, const char *text)
{
    clp_document_error error = {"", ""};
    cJSON *object = cJSON_Parse(text);
    int fits;
    clp_channel_draft_begin(d, "a", "here", &source, pool);
    fits = clp_channel_json_read(d, object, besides, &error);
    cJSON_Delete(object);
    return fits ? NULL : apr_psprintf(pool, "%s: %s", error.path, error.message);
}

static const char *written(const clp_channel *c)
{
    cJSON *object = cJSON_CreateObject();
    char *text;
    const char *kept;
    clp_channel_json_write(object, c, pool);
    text = cJSON_PrintUnformatted(object);
    kept = apr_pstrdup(pool, text);
    cJSON_free(text);
    cJSON_Delete(object);
    return kept;
}

static const char *conf_of(const clp_channel *c)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_channel_conf_write(out, c, pool);
    return apr_pstrmemdup(pool, out->p, out->n);
}

/* One value for each setting that is not its default; a new setting without a line here fails. */
static const char *const samples[CLP_SETTING_COUNT] = {
    [CLP_SETTING_SERVICE] = "\"openai-legacy\"",
    [CLP_SETTING_URLS] = "[\"https://h.example/v1\",\"http://127.0.0.1:8/r#\"]",
    [CLP_SETTING_KEYS] = "[\"env:A\",\"file:b\"]",
    [CLP_SETTING_PRIORITY] = "7",
    [CLP_SETTING_STATUS] = "\"suspended\"",
    [CLP_SETTING_MODEL_MAP] = "{\"claude-*\":\"gpt-*\",\"b\":\"c d\"}",
    [CLP_SETTING_MODELS] = "[\"gpt-*\",\"o?\"]",
    [CLP_SETTING_TIMEOUTS] =
        "{\"connect\":\"1500ms\",\"first-byte\":\"2min\",\"idle\":\"1h\",\"total\":0}",
    [CLP_SETTING_TLS_VERIFY] = "false",
    [CLP_SETTING_TLS_CA_PATH] = "\"/\"",
    [CLP_SETTING_PROXY] = "\"socks5://127.0.0.1:9\"",
    [CLP_SETTING_HTTP2] = "true",
    [CLP_SETTING_HEADERS] = "{\"x-gone\":null}",
    [CLP_SETTING_USER_AGENT] = "\"an \\\"agent\\\"/1.0\"",
    [CLP_SETTING_AUTH] = "[\"header\",\"x-own\"]",
    [CLP_SETTING_OPTIONS] = "{\"developer-role\":true,\"sampling\":false}",
    [CLP_SETTING_API_VERSION] = "\"2026-10-21\"",
    [CLP_SETTING_BREAKER] =
        "{\"window\":20,\"min\":7,\"percent\":25,\"open\":\"1min\",\"probe\":\"90s\"}",
    [CLP_SETTING_COOLDOWN] = "{\"default\":\"90s\",\"repeated\":\"15min\",\"max\":\"12h\"}",
    [CLP_SETTING_RETRY_ON] = "[\"404\",\"5xx/busy:come * later\"]",
    [CLP_SETTING_NEVER_RETRY_ON] = "[\"500-502\",\"/odd\"]",
    [CLP_SETTING_HEALTH_CHECK] = "{\"interval\":\"1min\",\"timeout\":\"1500ms\","
                                 "\"request\":\"small\",\"rise\":2,\"fall\":4}",
    [CLP_SETTING_WEIGHT] = "5",
    [CLP_SETTING_KEY_ORDER] = "\"rotate\"",
    [CLP_SETTING_LIMIT] = "{\"concurrent\":5,\"requests\":60,\"tokens\":100000}",
    [CLP_SETTING_KEY_LIMIT] = "{\"concurrent\":1,\"requests\":2,\"tokens\":3}",
    [CLP_SETTING_PROMOTION] =
        "{\"until\":\"2027-01-31T18:00:00Z\",\"protocols\":\"messages,gemini\"}",
};

/* Paths of files have no sample: they are checked when they are said. */
static int wants_file(int id)
{
    return id == CLP_SETTING_TLS_CA_FILE || id == CLP_SETTING_TLS_CERTIFICATE;
}

static void every_setting_comes_back(void)
{
    for (int i = 0; i < CLP_SETTING_COUNT; i++) {
        clp_channel_setting_id id = (clp_channel_setting_id)i;
        const char *member = clp_setting_member(id);
        clp_channel_draft d;
        const char *json;
        if (wants_file(i)) {
            continue;
        }
        OK(samples[i] != NULL, "%s has a sample", member);
        if (!samples[i]) {
            continue;
        }
        json = apr_psprintf(pool, "{\"%s\":%s}", member, samples[i]);
        IS_STR(read_into(&d, json) ? read_into(&d, json) : "", "", member);
        OK(!clp_channel_is_default(d.channel, id, pool), "%s: not the default", member);
        if (id != CLP_SETTING_KEYS) {
            const char *expect = apr_psprintf(pool, "\"%s\":%s", member, samples[i]);
            OK(strstr(written(d.channel), expect) != NULL, "%s: written as it was read", member);
        }
        for (int k = 0; k < CLP_SETTING_COUNT; k++) {
            if (k != i) {
                OK(clp_channel_is_default(d.channel, (clp_channel_setting_id)k, pool),
                   "%s leaves %s alone", member, clp_setting_member((clp_channel_setting_id)k));
            }
        }
        clp_channel_draft_clear(&d, id);
        OK(clp_channel_is_default(d.channel, id, pool), "%s: cleared", member);
    }
}

static void keys_are_masked(void)
{
    clp_channel_draft d;
    const char *json;
    const char *conf;
    OK(!read_into(&d, "{\"apiKeys\":[\"sk-planted\",\"file:two\"]}"), "keys are taken");
    json = written(d.channel);
    conf = conf_of(d.channel);
    IS_INT(d.channel->keys->nelts, 3, "a file holds several");
    OK(!strstr(json, "-secret") && !strstr(json, "0123456789-s"), "no secret in the document");
    OK(!strstr(conf, "-secret"), "nor in the configuration");
    OK(strstr(json, "\"source\":\"file:two\"") != NULL, "the document names the source");
    OK(strstr(conf, "\n    ChannelKey file:two\n") && strstr(conf, "\n    # ChannelKey sk-"),
       "a source is said once, a literal key is a comment: %s", conf);
}

/* What is off, is so in one word. */
static void settings_off(void)
{
    static const char *const off[] = {"breaker", "cooldown", "healthCheck", "promotion"};
    for (apr_size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        clp_channel_draft d;
        const char *member = apr_psprintf(pool, "\"%s\":\"Off\"", off[i]);
        IS_STR(read_into(&d, apr_psprintf(pool, "{%s}", member)), NULL, member);
        OK(strstr(written(d.channel), member) != NULL, "and back: %s", member);
    }
}

static void configuration_text(void)
{
    clp_channel_draft d;
    OK(!read_into(&d, "{\"serviceType\":\"openai\",\"baseUrls\":[\"https://h\"],\"priority\":1,"
                      "\"userAgent\":\"a \\\"b\\\"\",\"modelMapping\":{\"a\":\"b\",\"c*\":\"d*\"},"
                      "\"timeouts\":{\"idle\":\"5s\"},\"headers\":{\"x-a\":\"planted\"}}"),
       "a document");
    IS_STR(conf_of(d.channel),
           "<ClaudeChannel a>\n"
           "    ChannelService openai\n"
           "    ChannelURL https://h\n"
           "    ChannelPriority 1\n"
           "    ChannelModelMap a b\n"
           "    ChannelModelMap c* d*\n"
           "    ChannelTimeout connect=10s first-byte=5min idle=5s total=0\n"
           "    # ChannelHeader set x-a ********\n"
           "    ChannelUserAgent \"a \\\"b\\\"\"\n"
           "</ClaudeChannel>\n",
           "what differs from the defaults, as httpd reads it");
}

static void like_another(void)
{
    clp_channel_draft base;
    clp_channel_draft d;
    clp_document_error error;
    cJSON *object = cJSON_Parse("{\"priority\":3,\"models\":null,\"apiKeys\":[\"new\"]}");
    read_into(&base, "{\"serviceType\":\"claude\",\"baseUrls\":[\"https://h\"],\"models\":[\"m\"],"
                     "\"apiKeys\":[\"old\"],\"priority\":9}");
    clp_channel_draft_begin_from(&d, base.channel, &source, pool);
    OK(clp_channel_json_read(&d, object, NULL, &error), "overrides are read");
    IS_INT(d.channel->priority, 3, "said anew");
    IS_INT(d.channel->models->nelts, 0, "null is the default");
    IS_INT(d.channel->keys->nelts, 1, "a list replaces the list");
    OK(d.channel->urls == base.channel->urls, "the rest is the other's");
    OK(base.channel->priority == 9 && base.channel->models->nelts == 1 &&
           strstr(APR_ARRAY_IDX(base.channel->keys, 0, clp_key).secret, "old"),
       "which stays as it is");
    cJSON_Delete(object);
}

static const struct {
    const char *json, *error;
} wrong[] = {
    {"[]", ": a channel has to be an object"},
    {"{\"nope\":1}", "nope: is no setting of a channel"},
    {"{\"priority\":1,\"priority\":2}", "priority: is said twice"},
    {"{\"baseUrl\":\"https://a\",\"baseUrls\":[\"https://b\"]}", "baseUrls: is said twice"},
    {"{\"baseUrl\":[\"https://a\"]}", "baseUrl: is no setting of a channel"},
    {"{\"priority\":\"1\"}", "priority: has to be a number without sign and fraction"},
    {"{\"priority\":1.5}", "priority: has to be a number without sign and fraction"},
    {"{\"priority\":-1}", "priority: has to be a number without sign and fraction"},
    {"{\"priority\":1e300}", "priority: has to be a number without sign and fraction"},
    {"{\"priority\":9999999}", "priority: '9999999' is not a number from 0 to 1000000"},
    {"{\"http2\":\"On\"}", "http2: has to be true or false"},
    {"{\"serviceType\":\"acme\"}",
     "serviceType: 'acme' is no known service; use claude, openai, openai-legacy, "
     "responses or gemini"},
    {"{\"baseUrls\":\"https://a\"}", "baseUrls: has to be a list of strings"},
    {"{\"baseUrls\":[1]}", "baseUrls.0: has to be a string"},
    {"{\"baseUrls\":[\"https://a\",\"https://a\"]}", "baseUrls.1: 'https://a' is given twice"},
    {"{\"modelMapping\":{\"a\":1}}", "modelMapping.a: has to be a string"},
    {"{\"modelMapping\":[\"a\"]}", "modelMapping: has to be an object"},
    {"{\"timeouts\":{\"connect\":[]}}", "timeouts.connect: has to be a string"},
    {"{\"timeouts\":{\"lunch\":\"1h\"}}",
     "timeouts: 'lunch=1h' is none of connect=TIME, first-byte=TIME, idle=TIME, "
     "total=TIME"},
    {"{\"userAgent\":\"a\\nb\"}", "userAgent: holds a control character"},
    {"{\"headers\":{\"x-a\":\"********\"}}",
     "headers.x-a: the value of x-a is what is shown instead of it; say the value itself"},
    {"{\"headers\":{\"host\":\"h\"}}", "headers.host: cannot set host: it follows from ChannelURL"},
    {"{\"apiKeys\":[\"\"]}", "apiKeys.0: the key is empty"},
    {"{\"apiKeys\":[{\"id\":\"0123\"}]}", "apiKeys.0: has to be a string"},
};

static void errors(void)
{
    char *longer = apr_palloc(pool, 8194);
    clp_channel_draft d;
    const char *got;
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        got = read_into(&d, wrong[i].json);
        IS_STR(got ? got : "taken", wrong[i].error, wrong[i].json);
    }
    memset(longer, 'a', 8193);
    longer[8193] = '\0';
    got = read_into(&d, apr_pstrcat(pool, "{\"userAgent\":\"", longer, "\"}", NULL));
    IS_STR(got ? got : "taken", "userAgent: is longer than 8192 bytes", "a long text");
    got = read_into(&d, apr_pstrcat(pool, "{\"serviceType\":\"claude\",\"userAgent\":\"",
                                    longer + 1, "\"}", NULL));
    IS_STR(got ? got : "taken", "taken", "a text just not too long");
}

int main(void)
{
    pool = tap_begin();
    every_setting_comes_back();
    keys_are_masked();
    settings_off();
    configuration_text();
    like_another();
    errors();
    return tap_end();
}
