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
    {"{\"baseUrls\":[\"https://conf.example/other\"]}", 0, "none"},
    {"{\"baseUrls\":[\"https://conf.example\",\"https://o.example\"]}", 0, "rules"},
    {"{\"baseUrls\":[\"https://o.example\"],\"proxy\":\"Off\"}", 1, "rules"},
    {"{\"baseUrls\":[\"https://o.example\"],\"proxy\":null}", 1, "rules"},
    {"{\"proxy\":\"http://p.example:3128\"}", 0, "rules"},
    {"{\"proxy\":\"http://p.example:3128\"}", 1, "rules"},
    {"{\"proxy\":\"http://u:p@conf.example:3128\"}", 1, "none"},
    {"{\"proxy\":\"Off\"}", 1, "none"},
};

static const struct {
    const char *channel;
    const char *error;
} forbidden[] = {
    {"{\"baseUrls\":[\"https://conf.example\",\"https://2852039166/\"]}",
     "channels.one.baseUrls.1: 'https://2852039166/': 169.254.169.254 is a link-local address; it "
     "has to be listed in ClaudeUpstreamHosts if channels shall go there"},
    {"{\"baseUrl\":\"https://[fe80::1]\"}",
     "channels.one.baseUrls.0: 'https://[fe80::1]': fe80::1 is a link-local address; it has to be "
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

/* What the overlay may say, as long as `list` is ClaudeUpstreamHosts. */
static clp_channel_source bound_to(const char *list)
{
    clp_channel_source source = plain_source;
    clp_host_rules *rules = clp_host_rules_make(pool);
    char *rest = apr_pstrdup(pool, list);
    char *next;

    for (char *one = apr_strtok(rest, " ", &next); one; one = apr_strtok(NULL, " ", &next)) {
        OK(!clp_host_rules_add(rules, one), "%s can be listed", one);
    }
    source.hosts = rules;
    return source;
}

static void hosts(void)
{
    clp_channel_source source = bound_to("o.example p.example");
    clp_document_error error = {"", ""};

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
    source = bound_to("");
    for (apr_size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        OK(!lay_bound(forbidden[i].channel, &source, 0, &error), "%s", forbidden[i].channel);
        IS_STR(apr_pstrcat(pool, error.path, ": ", error.message, NULL), forbidden[i].error,
               "... and why");
    }
}

/* --- secrets of the configuration -------------------------------------------------- */

/* What its section says of a channel beside its service and key, as a document; what
 * ClaudeUpstreamHosts lists; what the overlay says; and the setting with words of why it is
 * refused, or NULL. */
static const struct {
    const char *section, *list, *said, *setting, *why;
} secrecy[] = {
#define ELSEWHERE "its keys go elsewhere only if the host is listed in ClaudeUpstreamHosts; list it"
#define PLAIN     "its keys do not go over http://; say https:// here, or make a channel of its own"
#define HTTPS     "'baseUrls':['https://h.example']"
#define HTTP      "'baseUrls':['http://h.example:8080/v1']"
    /* hosts of the section */
    {HTTPS, "", "'baseUrls':['https://h.example/other#']", NULL, NULL},
    {HTTPS, "", "'baseUrls':['https://H.Example:443']", NULL, NULL},
    {HTTPS, "l.example", "'baseUrls':['https://h.example/other']", NULL, NULL},
    {HTTPS, "", "'baseUrls':['https://h.example:8443']", "baseUrls.0", ELSEWHERE},
    {HTTPS, "h.example", "'baseUrls':['https://h.example:8443']", NULL, NULL},
    {HTTPS, "", "'baseUrls':['https://x.h.example']", "baseUrls.0", ELSEWHERE},
    {HTTPS, "", "'baseUrls':['https://h.example','https://h.example.x.example']", "baseUrls.1",
     ELSEWHERE},
    {HTTPS, "", "'baseUrl':'https://x.example/h.example'", "baseUrls.0", ELSEWHERE},
    {"'baseUrls':['https://h.example','https://i.example']", "",
     "'baseUrls':['https://i.example','https://h.example']", NULL, NULL},
    {"'baseUrls':['https://[2001:db8::1]']", "", "'baseUrls':['https://[2001:DB8:0::1]/v1']", NULL,
     NULL},
    {"'baseUrls':['https://[2001:db8::1]']", "", "'baseUrls':['https://[2001:db8::2]']",
     "baseUrls.0", ELSEWHERE},
    {"'baseUrls':['http://169.254.169.254']", "", "'baseUrls':['http://169.254.169.254/v1']", NULL,
     NULL},
    /* hosts that are listed */
    {HTTPS, "x.example", "'baseUrls':['https://x.example']", NULL, NULL},
    {HTTPS, "*.example", "'baseUrls':['https://x.example']", NULL, NULL},
    {HTTPS, "192.0.2.0/24", "'baseUrls':['https://192.0.2.7']", NULL, NULL},
    {HTTPS, "All", "'baseUrls':['https://x.example']", "baseUrls.0", ELSEWHERE},
    {HTTPS, "All x.example", "'baseUrls':['https://x.example']", NULL, NULL},
    {HTTPS, "l.example", "'baseUrls':['https://x.example']", "baseUrls.0",
     "x.example is no host that ClaudeUpstreamHosts lists"},
    /* https stays https */
    {HTTPS, "", "'baseUrls':['http://h.example']", "baseUrls.0", PLAIN},
    {HTTPS, "", "'baseUrls':['http://h.example:443']", "baseUrls.0", PLAIN},
    {HTTPS, "h.example x.example", "'baseUrls':['http://x.example']", "baseUrls.0", PLAIN},
    {HTTPS, "h.example x.example", "'baseUrls':['http://h.example']", "baseUrls.0", PLAIN},
    {HTTP, "", "'baseUrls':['http://h.example:8080']", NULL, NULL},
    {HTTP, "", "'baseUrls':['https://h.example:8080']", NULL, NULL},
    {HTTP, "", "'baseUrls':['http://h.example']", "baseUrls.0", ELSEWHERE},
    {HTTP, "x.example", "'baseUrls':['http://x.example']", NULL, NULL},
    {"'baseUrls':['http://h.example']", "", "'baseUrls':['https://h.example']", NULL, NULL},
    {"'baseUrls':['http://h.example']", "", "'baseUrls':['http://h.example:80']", NULL, NULL},
    {"'baseUrls':['https://h.example','http://i.example']", "h.example i.example",
     "'baseUrls':['http://i.example:8080']", NULL, NULL},
    {"'baseUrls':['https://h.example','http://i.example']", "h.example i.example",
     "'baseUrls':['http://h.example']", "baseUrls.0", PLAIN},
    /* proxies */
    {HTTPS, "", "'proxy':'http://p.example:3128'", "proxy", ELSEWHERE},
    {HTTPS, "", "'proxy':'http://h.example'", "proxy", ELSEWHERE},
    {HTTPS, "p.example", "'proxy':'socks5h://p.example'", NULL, NULL},
    {HTTPS ",'proxy':'http://u:p@p.example:3128'", "", "'proxy':'http://v:w@p.example:3128'", NULL,
     NULL},
    {HTTPS ",'proxy':'http://u:p@p.example:3128'", "", "'proxy':'http://p.example:3129'", "proxy",
     ELSEWHERE},
    {HTTPS ",'proxy':'https://p.example:3128'", "", "'proxy':'http://p.example:3128'", "proxy",
     ELSEWHERE},
    {HTTPS ",'proxy':'http://p.example'", "", "'proxy':'http://p.example@x.example'", "proxy",
     ELSEWHERE},
    {HTTPS ",'proxy':'http://p.example'", "", "'proxy':'Off'", NULL, NULL},
    {HTTPS ",'proxy':'http://p.example'", "", "'proxy':null", NULL, NULL},
    /* who reads along */
    {HTTPS, "h.example", "'tlsVerify':false", "tlsVerify", "cannot be turned off"},
    {HTTPS, "h.example", "'insecureSkipVerify':true", "tlsVerify", "cannot be turned off"},
    {HTTPS, "", "'tlsVerify':true", NULL, NULL},
    {HTTPS ",'tlsVerify':false", "", "'tlsVerify':false", NULL, NULL},
    {HTTPS ",'tlsVerify':false", "", "'tlsVerify':true", NULL, NULL},
    {HTTPS ",'tlsCAPath':'/'", "", "'tlsCAPath':null", "tlsCAPath", "is what the configuration"},
    {HTTPS, "", "'tlsCAPath':null,'tlsCAFile':null,'tlsCertificate':null", NULL, NULL},
    {HTTPS, "h.example", "'auth':['header','x-request-id']", "auth", "cannot name a field"},
    {HTTPS ",'auth':['header','x-key']", "", "'auth':['header','x-request-id']", "auth",
     "cannot name a field"},
    {HTTPS ",'auth':['header','x-key']", "", "'auth':['header','X-Key']", NULL, NULL},
    {HTTPS ",'auth':['header','x-key']", "", "'auth':'bearer'", NULL, NULL},
    /* what the keys are for does not count */
    {HTTPS, "", "'apiKeys':['other'],'baseUrls':['https://x.example']", "baseUrls.0", ELSEWHERE},
};

/* Channel "one" as its section says it. */
static apr_array_header_t *configured_as(const char *section)
{
    apr_array_header_t *all = apr_array_make(pool, 1, sizeof(const clp_channel *));
    clp_document_error error = {"", ""};
    clp_channel_draft d;
    const cJSON *said = clp_document_parse(
        clp_span_str(apr_pstrcat(pool, "{\"serviceType\":\"claude\",\"apiKeys\":[\"key\"],",
                                 section, "}", NULL)),
        pool, &error);

    clp_channel_draft_begin(&d, "one", "httpd.conf:1", &plain_source, pool);
    OK(said && clp_channel_json_read(&d, said, NULL, &error), "%s: %s %s", section, error.path,
       error.message);
    APR_ARRAY_PUSH(all, const clp_channel *) = d.channel;
    return all;
}

/* With ' for ", to be read at all. */
static const char *quoted(const char *text)
{
    char *copy = apr_pstrdup(pool, text);

    for (char *c = copy; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

/* What is refused of that said about a channel; NULL = nothing. */
static const clp_document_error *refused(const apr_array_header_t *base,
                                         const clp_channel_source *source, const char *name,
                                         const char *said)
{
    clp_document_error *error = apr_pcalloc(pool, sizeof(*error));
    const char *text = apr_pstrcat(pool, "\"", name, "\":{", quoted(said), "}", NULL);
    clp_overlay *o = clp_overlay_parse(clp_span_str(document(text)), pool, error);
    apr_array_header_t *laid;

    OK(o != NULL, "%s is a document", text);
    return clp_overlay_lay(o, base, source, pool, &laid, error) ? NULL : error;
}

static void check_refused(const clp_document_error *got, const char *setting, const char *why,
                          const char *name)
{
    if (!setting) {
        OK(!got, "%s: %s", name, got ? got->message : "may be said");
        return;
    }
    OK(got && strstr(got->message, why), "%s: %s", name, got ? got->message : "is not refused");
    IS_STR(got ? got->path : "", apr_pstrcat(pool, "channels.one.", setting, NULL), "... where");
}

/* What is refused may be said of a channel that has only keys of the overlay. */
static void check_own(const clp_channel_source *source, const char *said)
{
    const char *whole = "'serviceType':'claude'";

    if (!strstr(said, "apiKeys")) {
        whole = apr_pstrcat(pool, whole, ",'apiKeys':['key']", NULL);
    }
    if (!strstr(said, "baseUrl")) {
        whole = apr_pstrcat(pool, whole, ",'baseUrls':['https://h.example']", NULL);
    }
    OK(!refused(apr_array_make(pool, 1, sizeof(const clp_channel *)), source, "own",
                apr_pstrcat(pool, whole, ",", said, NULL)),
       "%s: in a channel of the overlay", said);
}

static void secrets_stay(void)
{
    for (apr_size_t i = 0; i < sizeof(secrecy) / sizeof(secrecy[0]); i++) {
        clp_channel_source source = bound_to(secrecy[i].list);
        const char *section = quoted(secrecy[i].section);
        const apr_array_header_t *base = configured_as(section);
        const clp_document_error *error = refused(base, &source, "one", secrecy[i].said);

        check_refused(error, secrecy[i].setting, secrecy[i].why,
                      apr_pstrcat(pool, secrecy[i].section, " [", secrecy[i].list, "] ",
                                  secrecy[i].said, NULL));
        if (secrecy[i].setting && !*secrecy[i].list) {
            check_own(&source, secrecy[i].said);
        }
        OK(!refused(base, &plain_source, "one", secrecy[i].said), "... and nobody else is bound");
    }
}

/* A section that names a file; there is none here to name. */
static void authorities_stay(void)
{
    clp_channel_source source = bound_to("");
    apr_array_header_t *base = configured_as(quoted(HTTPS));

    APR_ARRAY_IDX(base, 0, clp_channel *)->tls.ca_file = "ca.pem";
    check_refused(refused(base, &source, "one", "'tlsCAFile':null"), "tlsCAFile",
                  "is what the configuration trusts", "the section's CA file");
    check_refused(refused(base, &source, "one", "'priority':1"), NULL, NULL, "another setting");
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

/* What is wrong with a channel of so many URLs and keys; "" = nothing. */
static const char *wrong_with_places(int urls, int keys)
{
    const char *wrong;
    clp_buffer *text = clp_buffer_make(pool, 0);
    clp_buffer_printf(text, "\"new\":{\"serviceType\":\"claude\",\"baseUrls\":[");
    for (int i = 0; i < urls; i++) {
        clp_buffer_printf(text, "%s\"https://h%d\"", i ? "," : "", i);
    }
    clp_buffer_printf(text, "],\"apiKeys\":[");
    for (int i = 0; i < keys; i++) {
        clp_buffer_printf(text, "%s\"k%d\"", i ? "," : "", i);
    }
    clp_buffer_printf(text, "]}");
    lay(document(clp_buffer_cstr(text, pool)), &wrong);
    return wrong ? wrong : "";
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
    IS_STR(wrong_with_places(CLP_CHANNEL_URLS_MAX, CLP_CHANNEL_KEYS_MAX), "",
           "as many URLs and keys as may be");
    IS_STR(wrong_with_places(CLP_CHANNEL_URLS_MAX + 1, 1),
           "channels.new.baseUrls.100: a channel has 100 URLs at most", "one more URL");
    IS_STR(wrong_with_places(1, CLP_CHANNEL_KEYS_MAX + 1),
           "channels.new.apiKeys.1000: a channel has 1000 keys at most", "one more key");
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
    secrets_stay();
    authorities_stay();
    errors();
    cut_off();
    bounds();
    text_of_it();
    return tap_end();
}
