/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include <apr_strings.h>

#include "gateway/overlay_edit.h"
#include "plain_source.h"

static apr_pool_t *pool;

/* Channels "one" and "two" as a configuration has them. */
static apr_array_header_t *configured(void)
{
    apr_array_header_t *all = apr_array_make(pool, 2, sizeof(const clp_channel *));
    const char *const names[] = {"one", "two"};
    for (int i = 0; i < 2; i++) {
        clp_channel_draft d;
        const char *const service[] = {"claude"};
        const char *const url[] = {"https://conf.example"};
        const char *const keys[] = {"key-a", "key-b", "key-c"};
        clp_channel_draft_begin(&d, names[i], "httpd.conf:1", &plain_source, pool);
        d.label = "";
        clp_channel_draft_set(&d, CLP_SETTING_SERVICE, 1, service);
        clp_channel_draft_set(&d, CLP_SETTING_URLS, 1, url);
        clp_channel_draft_set(&d, CLP_SETTING_KEYS, 3, keys);
        APR_ARRAY_PUSH(all, const clp_channel *) = d.channel;
    }
    return all;
}

static const char *document(const char *channels)
{
    return apr_psprintf(pool, "{\"version\":1,\"revision\":7,\"channels\":{%s}}", channels);
}

/* The channels that come of it; NULL and *wrong = "path: message". */
static apr_array_header_t *lay(const char *text, const char **wrong)
{
    clp_document_error error = {"", ""};
    clp_overlay *o = clp_overlay_parse(clp_span_str(text), pool, &error);
    apr_array_header_t *laid = NULL;
    if (o && clp_overlay_lay(o, configured(), &plain_source, pool, &laid, &error)) {
        *wrong = "";
        return laid;
    }
    *wrong = apr_psprintf(pool, "%s: %s", error.path, error.message);
    return NULL;
}

static const clp_channel *channel(const apr_array_header_t *laid, int i)
{
    return APR_ARRAY_IDX(laid, i, const clp_channel *);
}

static const char *secrets(const apr_array_header_t *keys)
{
    const char *all = "";
    for (int i = 0; keys && i < keys->nelts; i++) {
        all = apr_pstrcat(pool, all, i ? " " : "", APR_ARRAY_IDX(keys, i, clp_key).secret, NULL);
    }
    return all;
}

static const char *id_of(const char *secret)
{
    const apr_array_header_t *keys = channel(configured(), 0)->keys;
    for (int i = 0; i < keys->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(keys, i, clp_key).secret, secret)) {
            return APR_ARRAY_IDX(keys, i, clp_key).id;
        }
    }
    return "";
}

static void overrides(void)
{
    const char *wrong;
    apr_array_header_t *laid =
        lay(document("\"two\":{\"status\":\"suspended\",\"priority\":1},"
                     "\"new\":{\"serviceType\":\"openai\",\"baseUrls\":[\"https://n.example\"],"
                     "\"apiKeys\":[\"k\"]}"),
            &wrong);
    IS_STR(wrong, "", "a document");
    IS_INT(laid->nelts, 3, "the configuration's channels, and a new one");
    OK(!channel(laid, 0)->live && channel(laid, 0)->priority == 100, "the first is untouched");
    IS_INT(channel(laid, 1)->status, CLP_CHANNEL_SUSPENDED, "the second has another status");
    IS_INT(channel(laid, 1)->priority, 1, "and priority");
    IS_STR(channel(laid, 1)->defined_in, "httpd.conf:1", "and is still the configuration's");
    IS_STR(secrets(channel(laid, 1)->keys), "key-a key-b key-c", "with its keys");
    OK(!channel(laid, 2)->defined_in && channel(laid, 2)->live, "the third is the overlay's alone");
}

static void keys(void)
{
    const char *wrong;
    const char *said = apr_psprintf(
        pool,
        "\"one\":{\"keysAdded\":[\"key-d\"],\"keysDisabled\":[\"%s\",\"ffffffffffffffff\"],"
        "\"keyOrder\":[\"%s\"]}",
        id_of("key-a"), id_of("key-c"));
    apr_array_header_t *laid = lay(document(said), &wrong);
    IS_STR(wrong, "", "keys are added, switched off and moved");
    IS_STR(secrets(channel(laid, 0)->keys), "key-c key-b key-d", "keys in use");
    IS_STR(secrets(channel(laid, 0)->keys_off), "key-a", "and not in use");
    IS_STR(secrets(channel(laid, 1)->keys), "key-a key-b key-c", "another channel keeps its own");
    laid = lay(document(apr_psprintf(pool, "\"one\":{\"keysDisabled\":[\"%s\",\"%s\",\"%s\"]}",
                                     id_of("key-a"), id_of("key-b"), id_of("key-c"))),
               &wrong);
    IS_STR(wrong, "", "all keys may be switched off");
    IS_STR(secrets(channel(laid, 0)->keys), "", "none is left");
}

static void keys_there(void)
{
    const char *wrong;
    apr_array_header_t *laid =
        lay(document("\"one\":{\"keysAdded\":[\"key-a\",\"key-d\"]}"), &wrong);
    IS_STR(wrong, "", "a key may be added that the configuration has got meanwhile");
    IS_STR(secrets(channel(laid, 0)->keys), "key-a key-b key-c key-d", "and counts once");
}

static void reloads(void)
{
    clp_document_error error;
    clp_overlay *o = clp_overlay_empty(pool);
    clp_edit e = {.overlay = o, .pool = pool};
    IS_INT(o->reloads, 0, "files of keys are as the configuration read them");
    OK(clp_edit_reload(&e) && clp_edit_reload(&e), "they are to be read again");
    o = clp_overlay_parse(clp_overlay_text(o, pool), pool, &error);
    OK(o && o->reloads == 2, "twice, as the document says");
}

static void deleted(void)
{
    const char *wrong;
    apr_array_header_t *laid = lay(document("\"one\":{\"deleted\":true}"), &wrong);
    IS_INT(channel(laid, 0)->status, CLP_CHANNEL_DISABLED, "a deleted channel is out of use");
    laid = lay(document("\"one\":{\"deleted\":false}"), &wrong);
    IS_INT(channel(laid, 0)->status, CLP_CHANNEL_ACTIVE, "one that is not deleted is in use");
}

/* --- hosts: the configuration may name any, the overlay not ----------------------- */

/* "none": connections of the channel may go anywhere; "rules": as the overlay's may. */
static const struct {
    const char *channel; /* what the overlay says of channel "one" */
    int proxied;         /* it has a proxy by the configuration */
    const char *bound;
} bindings[] = {
    {"{\"priority\":1}", 0, "none"},
    {"{\"priority\":1}", 1, "none"},
    {"{\"baseUrls\":[\"https://o.example\"]}", 0, "rules"},
    {"{\"baseUrl\":\"https://o.example\"}", 0, "rules"},
    {"{\"baseUrls\":[\"https://o.example\"]}", 1, "none"},
    {"{\"baseUrls\":[\"https://o.example\"],\"proxy\":\"Off\"}", 1, "rules"},
    {"{\"baseUrls\":[\"https://o.example\"],\"proxy\":null}", 1, "rules"},
    {"{\"proxy\":\"http://p.example:3128\"}", 0, "rules"},
    {"{\"proxy\":\"http://p.example:3128\"}", 1, "rules"},
    {"{\"proxy\":\"Off\"}", 1, "none"},
};

static const struct {
    const char *channel;
    const char *error;
} forbidden[] = {
    {"{\"baseUrls\":[\"https://o.example\",\"http://2852039166/\"]}",
     "channels.one.baseUrls.1: 'http://2852039166/': 169.254.169.254 is a link-local address; it "
     "has to be listed in ClaudeUpstreamHosts if channels shall go there"},
    {"{\"baseUrl\":\"http://[fe80::1]\"}",
     "channels.one.baseUrls.0: 'http://[fe80::1]': fe80::1 is a link-local address; it has to be "
     "listed in ClaudeUpstreamHosts if channels shall go there"},
    {"{\"proxy\":\"http://u:secret@169.254.169.254:3128\"}",
     "channels.one.proxy: 'http://u:********@169.254.169.254:3128': 169.254.169.254 is a "
     "link-local address; it has to be listed in ClaudeUpstreamHosts if channels shall go there"},
};

static apr_array_header_t *lay_bound(const char *said, const clp_channel_source *source,
                                     int proxied, clp_document_error *error)
{
    clp_overlay *o = clp_overlay_parse(
        clp_span_str(document(apr_pstrcat(pool, "\"one\":", said, NULL))), pool, error);
    apr_array_header_t *base = configured();
    apr_array_header_t *laid = NULL;

    if (proxied) {
        APR_ARRAY_IDX(base, 0, clp_channel *)->proxy = "http://conf.example:3128";
    }
    return clp_overlay_lay(o, base, source, pool, &laid, error) ? laid : NULL;
}

static void hosts(void)
{
    clp_channel_source source = plain_source;
    clp_document_error error = {"", ""};

    source.hosts = clp_host_rules_make(pool);
    for (apr_size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++) {
        apr_array_header_t *laid =
            lay_bound(bindings[i].channel, &source, bindings[i].proxied, &error);
        clp_transfer_request request = {0};
        clp_channel_route(channel(laid, 0), &request);
        OK(request.hosts == (strcmp(bindings[i].bound, "none") ? source.hosts : NULL), "%s%s: %s",
           bindings[i].channel, bindings[i].proxied ? " with a proxy" : "", bindings[i].bound);
        request.hosts = source.hosts;
        clp_channel_route(channel(laid, 1), &request);
        OK(!request.hosts, "another channel is as it was");
    }
    for (apr_size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        OK(!lay_bound(forbidden[i].channel, &source, 0, &error), "%s", forbidden[i].channel);
        IS_STR(apr_pstrcat(pool, error.path, ": ", error.message, NULL), forbidden[i].error,
               "... and why");
    }
}

static const struct {
    const char *text, *error;
} broken[] = {
    {"", ": is no JSON: the JSON ends too early at byte 0"},
    {"{\"version\":1,", ": is no JSON: the JSON ends too early at byte 13"},
    {"{} x", ": is no JSON: more bytes after the JSON value at byte 3"},
    {"{\"version\":1,\"revision\":0,\"channels\":{\"a\":{\"proxy\":\"a\\u0000b\"}}}",
     "channels.a.proxy: holds a NUL"},
    {"{\"version\":1,\"revision\":0,\"channels\":{\"a\":{\"options\":{\"x\":1,\"x\":2}}}}",
     "channels.a.options.x: is said twice"},
    {"{\"a\\u0000\":1}", ": has a member whose name holds a NUL"},
    {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", ": has to be an object"},
    {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
     ": is no JSON: the JSON is nested too deeply at byte 16"},
    {"\"\xff\"", ": is no JSON: invalid UTF-8 at byte 1"},
    {"[]", ": has to be an object"},
    {"{\"version\":2,\"revision\":0,\"channels\":{}}", "version: has to be 1"},
    {"{\"version\":1,\"revision\":-1,\"channels\":{}}",
     "revision: has to be a number without sign"},
    {"{\"version\":1,\"revision\":0,\"channels\":[]}", "channels: has to be an object"},
    {"{\"version\":1,\"revision\":0,\"channels\":{},\"x\":1}",
     ": has other members than version, revision, reloads and channels"},
    {"{\"version\":1,\"revision\":0,\"reloads\":\"1\",\"channels\":{}}",
     "reloads: has to be a number without sign"},
};

static const struct {
    const char *channels, *error;
} wrong_channels[] = {
    {"\"a b\":{}",
     "channels.a b: cannot be a channel's name: use 1 to 64 letters, digits and . _ -"},
    {"\"metrics\":{}", "channels.metrics: cannot be a channel's name: paths of the admin API mean "
                       "something else by it"},
    {"\"one\":{},\"one\":{}", "channels.one: is said twice"},
    {"\"one\":[]", "channels.one: a channel has to be an object"},
    {"\"one\":{\"priority\":\"x\"}",
     "channels.one.priority: has to be a number without sign and fraction"},
    {"\"new\":{\"serviceType\":\"claude\"}", "channels.new: has no ChannelURL"},
    {"\"new\":{\"deleted\":true}",
     "channels.new.deleted: is for channels of the configuration; leave this channel out instead"},
    {"\"one\":{\"deleted\":1}", "channels.one.deleted: has to be true or false"},
    {"\"one\":{\"keysAdded\":\"k\"}", "channels.one.keysAdded: has to be a list of strings"},
    {"\"one\":{\"keysAdded\":[1]}", "channels.one.keysAdded: has to be a list of strings"},
    {"\"one\":{\"keysAdded\":[\"key-d\",\"key-d\"]}",
     "channels.one.keysAdded: the key: key 4 and key 5 of channel 'one' are the same"},
    {"\"one\":{\"keyOrder\":[\"x\",\"x\"]}", "channels.one.keyOrder: names a key twice"},
};

static void errors(void)
{
    const char *wrong;
    for (apr_size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        lay(broken[i].text, &wrong);
        IS_STR(wrong, broken[i].error, broken[i].text);
    }
    for (apr_size_t i = 0; i < sizeof(wrong_channels) / sizeof(wrong_channels[0]); i++) {
        lay(document(wrong_channels[i].channels), &wrong);
        IS_STR(wrong, wrong_channels[i].error, wrong_channels[i].channels);
    }
}

/* What is wrong with `n` channels about which nothing is said; "" = nothing. */
static const char *wrong_with(int n)
{
    clp_document_error error = {"", ""};
    clp_buffer *text = clp_buffer_make(pool, 0);
    for (int i = 0; i < n; i++) {
        clp_buffer_printf(text, "%s\"c%d\":{}", i ? "," : "", i);
    }
    clp_overlay_parse(clp_span_str(document(clp_buffer_cstr(text, pool))), pool, &error);
    return error.message;
}

/* What is wrong with a document of `n` bytes, blanks for the most part. */
static const char *wrong_with_bytes(apr_size_t n)
{
    clp_document_error error = {"", ""};
    const char *text = document("");
    char *bytes = apr_palloc(pool, n);
    memset(bytes, ' ', n);
    memcpy(bytes, text, strlen(text));
    clp_overlay_parse(clp_span_of(bytes, n), pool, &error);
    return error.message;
}

static void bounds(void)
{
    clp_document_error error;
    clp_buffer *text = clp_buffer_make(pool, 0);
    clp_overlay *o;
    apr_array_header_t *laid;
    for (int i = 0; i < 500; i++) {
        clp_buffer_printf(text,
                          "%s\"c%d\":{\"serviceType\":\"claude\",\"baseUrls\":[\"https://h\"],"
                          "\"apiKeys\":[\"k%d\"]}",
                          i ? "," : "", i, i);
    }
    clp_buffer_append(text, "", 1);
    o = clp_overlay_parse(clp_span_str(document(text->p)), pool, &error);
    OK(o && clp_overlay_lay(o, configured(), &plain_source, pool, &laid, &error) &&
           laid->nelts == 502,
       "500 channels");
    IS_STR(wrong_with(CLP_OVERLAY_CHANNELS_MAX), "", "as many channels as may be");
    IS_STR(wrong_with(CLP_OVERLAY_CHANNELS_MAX + 1), "has more than 2000 members", "one more");
    IS_STR(wrong_with_bytes(CLP_OVERLAY_SIZE_MAX), "", "a document as large as may be");
    IS_STR(wrong_with_bytes(CLP_OVERLAY_SIZE_MAX + 1), "is larger than 4 MiB", "a byte more");
}

/* Half a document is none, wherever it ends. */
static void cut_off(void)
{
    const char *whole = document("\"one\":{\"status\":\"suspended\",\"keysDisabled\":[\"x\"]},"
                                 "\"new\":{\"serviceType\":\"claude\",\"baseUrls\":[\"https://h\"],"
                                 "\"modelMapping\":{\"a*\":\"\\u00e9\"},\"apiKeys\":[\"k\"]}");
    apr_size_t n = strlen(whole);
    apr_size_t taken = 0;
    const char *wrong;
    for (apr_size_t i = 0; i < n; i++) {
        taken += lay(apr_pstrmemdup(pool, whole, i), &wrong) != NULL;
    }
    IS_INT(taken, 0, "half a document is refused, wherever it ends");
    OK(lay(whole, &wrong), "the whole one is not: %s", wrong);
}

static void text_of_it(void)
{
    clp_document_error error;
    clp_overlay *o = clp_overlay_empty(pool);
    clp_span text;
    o->revision = 12;
    text = clp_overlay_text(o, pool);
    o = clp_overlay_parse(text, pool, &error);
    OK(o && o->revision == 12, "an empty overlay is read back: %.*s", (int)text.n, text.p);
    OK(o && !clp_overlay_channel(o, "one"), "and says nothing");
}

int main(void)
{
    pool = tap_begin();
    overrides();
    keys();
    keys_there();
    reloads();
    deleted();
    hosts();
    errors();
    cut_off();
    bounds();
    text_of_it();
    return tap_end();
}
