/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "gateway/channel_view.h"
#include "gateway/overlay_edit.h"
#include "plain_source.h"
#include "wire/text.h"

static apr_pool_t *pool;

static void begin(clp_channel_draft *d, const char *name, const char *defined_in)
{
    static const char *const service[] = {"claude"};
    static const char *const url[] = {"https://conf.example"};

    clp_channel_draft_begin(d, name, defined_in, &plain_source, pool);
    d->label = "";
    clp_channel_draft_set(d, CLP_SETTING_SERVICE, 1, service);
    clp_channel_draft_set(d, CLP_SETTING_URLS, 1, url);
}

/* A configuration with the channels "conf": keys key-a, key-b; a field of its header; and
 * "promoted", which is. */
static apr_array_header_t *configured(void)
{
    apr_array_header_t *all = apr_array_make(pool, 2, sizeof(const clp_channel *));
    static const char *const keys[] = {"key-a", "key-b"};
    static const char *const field[] = {"set", "X-Secret", "hidden"};
    static const char *const priority[] = {"7"};
    static const char *const promotion[] = {"until=2027-01-16T08:00:00Z", "protocols=gemini"};
    clp_channel_draft d;

    begin(&d, "conf", "httpd.conf:1");
    clp_channel_draft_set(&d, CLP_SETTING_KEYS, 2, keys);
    clp_channel_draft_set(&d, CLP_SETTING_HEADERS, 3, field);
    clp_channel_draft_set(&d, CLP_SETTING_PRIORITY, 1, priority);
    APR_ARRAY_PUSH(all, const clp_channel *) = d.channel;
    begin(&d, "promoted", "httpd.conf:9");
    clp_channel_draft_set(&d, CLP_SETTING_KEYS, 2, keys);
    clp_channel_draft_set(&d, CLP_SETTING_PROMOTION, 2, promotion);
    APR_ARRAY_PUSH(all, const clp_channel *) = d.channel;
    return all;
}

static const char *id_of(const char *secret)
{
    char digest[65];

    clp_sha256_hex(clp_span_str(secret), digest);
    return apr_pstrmemdup(pool, digest, 16);
}

/* Cases name ids as $KEY, e.g. $key-a. */
static const char *with_ids(const char *text)
{
    const char *out = "";
    const char *dollar;

    while ((dollar = strchr(text, '$'))) {
        apr_size_t n = strcspn(dollar + 1, "',]} ");
        out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, text, (apr_size_t)(dollar - text)),
                          id_of(apr_pstrmemdup(pool, dollar + 1, n)), NULL);
        text = dollar + 1 + n;
    }
    return apr_pstrcat(pool, out, text, NULL);
}

/* Quotes of JSON are ' in the cases. */
static const char *json(const char *text)
{
    char *out = apr_pstrdup(pool, with_ids(text));

    for (char *c = out; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return out;
}

typedef enum op {
    CREATE,
    REPLACE,
    MERGE,
    DELETE,
    ADD_KEYS,
    REMOVE_KEY,
    TOP,
    BOTTOM,
    ENABLE,
    DISABLE,
    ORDER,
    STATUS,
    RESUME,
    PROMOTE /* arg: UNTIL in seconds from now, 0 = no longer; and protocols */
} op;

/* A time in the documents, and one that is past. */
#define NOW    apr_time_from_sec(1800000000) /* 2027-01-15T08:00:00Z */
#define SOON   "'2027-01-15T08:01:00Z'"
#define LATER  "'2027-01-16T08:00:00Z'"
#define BEFORE "'2027-01-15T08:00:00Z'"

#define OWN_WITH(more)                                                                             \
    "'own':{'serviceType':'openai','baseUrls':['https://"                                          \
    "o.example'],'apiKeys':['key-x','key-y']" more "}"
#define OWN OWN_WITH("")

#define NOT_ACTIVE                                                                                 \
    "409 : The channel is suspended or disabled and gets no requests: make it active first."

/* Of "promoted", which is for clients of Gemini, nothing is left. */
#define NO_MORE ",'promoted':{'promotion':'Off'}"

static const struct {
    const char *before; /* channels of the overlay */
    op op;
    const char *name;
    const char *arg;   /* a document, or the id of a key */
    const char *after; /* channels, or "RESULT path: message" */
} cases[] = {
    /* create */
    {"", CREATE, "new", "{'name':'new','serviceType':'claude'}", "'new':{'serviceType':'claude'}"},
    {"", CREATE, "conf", "{}", "409 name: is a channel of the configuration; PUT or PATCH it"},
    {OWN, CREATE, "own", "{}", "409 name: is a channel already; PUT or PATCH it"},
    {"", CREATE, "a b", "{}",
     "400 name: cannot be a channel's name: use 1 to 64 letters, digits and . _ -"},
    {"", CREATE, "metrics", "{}",
     "400 name: cannot be a channel's name: paths of the admin API mean something else by it"},
    {"", CREATE, "x", "[]", "400 : a channel has to be an object"},
    {"", CREATE, "x", "{'name':'y'}",
     "400 name: is another than the channel's; a channel cannot be renamed"},
    {"", CREATE, "x", "{'apiKeys':[{'id':'$key-a'}]}",
     "400 apiKeys.0.id: has to be the id of a key that the channel has"},
    /* replace */
    {"'conf':{'priority':1}", REPLACE, "conf", "{'status':'disabled'}",
     "'conf':{'status':'disabled'}"},
    {"'conf':{'priority':1}", REPLACE, "conf", "{}", ""},
    {"'conf':{'priority':1}", REPLACE, "conf", "{'priority':1}", "'conf':{'priority':1}"},
    {"", REPLACE, "conf", "{'priority':7}", ""},
    {"", REPLACE, "new", "{'serviceType':'claude'}", "'new':{'serviceType':'claude'}"},
    {"", REPLACE, "conf", "{'headers':{'X-Secret':'********'}}", ""},
    {"", REPLACE, "conf", "{'headers':{'X-Secret':'********','X-New':'b'}}",
     "'conf':{'headers':{'X-Secret':'hidden','X-New':'b'}}"},
    {OWN, REPLACE, "own",
     "{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':[{'id':'$key-y'},'key-z',"
     "{'id':'$key-x','mask':'****','status':'disabled'}],'origins':{}}",
     "'own':{'serviceType':'openai','baseUrls':['https://o.example'],"
     "'apiKeys':['key-y','key-z','key-x'],'keysDisabled':['$key-x']}"},
    {"", REPLACE, "conf", "{'apiKeys':[{'id':'$key-b'},'key-c']}",
     "'conf':{'keyOrder':['$key-b','$key-c'],'keysAdded':['key-c'],'keysDisabled':['$key-a']}"},
    {"", REPLACE, "conf", "{'apiKeys':[{'id':'$key-b'},'key-b']}",
     "400 apiKeys.1: is the same key as one before it"},
    {"", REPLACE, "conf", "{'apiKeys':[{'id':'$key-b','secret':1}]}",
     "400 apiKeys.0: has a member that is none of a key: say id, and status if need be"},
    {"", REPLACE, "conf", "{'apiKeys':[{'id':'$key-b','status':'x'}]}",
     "400 apiKeys.0.status: has to be active or disabled"},
    {"", REPLACE, "conf", "{'apiKeys':[{'id':'$key-b'},1]}",
     "400 apiKeys.1: has to be a key, or an object with its id"},
    {"", REPLACE, "conf", "{'cooldown':{'max':'1d','default':'5min','repeated':'10min'}}", ""},
    /* merge */
    {"'conf':{'priority':1}", MERGE, "conf", "{'status':'disabled'}",
     "'conf':{'priority':1,'status':'disabled'}"},
    {"'conf':{'priority':1}", MERGE, "conf", "{'priority':null}", ""},
    {"'conf':{'baseUrl':'https://x'}", MERGE, "conf", "{'baseUrls':['https://y']}",
     "'conf':{'baseUrls':['https://y']}"},
    {"'conf':{'insecureSkipVerify':true}", MERGE, "conf", "{'tlsVerify':null}", ""},
    {"'conf':{'keysAdded':['key-c'],'keyOrder':['$key-c']}", MERGE, "conf", "{'apiKeys':null}", ""},
    {"'conf':{'modelMapping':{'a':'b','c':'d'}}", MERGE, "conf",
     "{'modelMapping':{'c':'d','a':'b'}}", "'conf':{'modelMapping':{'c':'d','a':'b'}}"},
    {"'conf':{'deleted':true}", MERGE, "conf", "{'deleted':null}", ""},
    {"", MERGE, "nobody", "{}", "404 : There is no channel of this name."},
    {"", MERGE, "0", "{}",
     "404 : There is no channel of this name. Channels are called by their name, not by a number."},
    /* delete */
    {OWN, DELETE, "own", NULL, ""},
    {"'conf':{'priority':1}", DELETE, "conf", NULL, "'conf':{'priority':1,'deleted':true}"},
    {"", DELETE, "own", NULL, "404 : There is no channel of this name."},
    /* keys */
    {"", ADD_KEYS, "conf", "['key-c']", "'conf':{'keysAdded':['key-c']}"},
    {OWN, ADD_KEYS, "own", "['key-z']",
     "'own':{'serviceType':'openai','baseUrls':['https://o.example'],"
     "'apiKeys':['key-x','key-y','key-z']}"},
    {"", ADD_KEYS, "conf", "['key-b']", "409 apiKeys.0: is a key that the channel has"},
    {"", ADD_KEYS, "conf", "['key-c','key-c']", "409 apiKeys.1: is a key that the channel has"},
    {"'conf':{'keysDisabled':['$key-b']}", ADD_KEYS, "conf", "['key-b']",
     "409 apiKeys.0: is a key that the channel has"},
    {"", ADD_KEYS, "conf", "['']", "400 apiKeys.0: has to be a key, not empty"},
    {"", ADD_KEYS, "conf", "[1]", "400 apiKeys.0: has to be a key, not empty"},
    {"", ADD_KEYS, "x", "['k']", "404 : There is no channel of this name."},
    {"'conf':{'keysAdded':['key-c'],'keyOrder':['$key-c'],'keysDisabled':['$key-c']}", REMOVE_KEY,
     "conf", "$key-c", ""},
    {"", REMOVE_KEY, "conf", "$key-a", "'conf':{'keysDisabled':['$key-a']}"},
    {OWN, REMOVE_KEY, "own", "$key-x",
     "'own':{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':['key-y']}"},
    {"'own':{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':['key-y']}",
     REMOVE_KEY, "own", "$key-y",
     "409 : It is the only key of the channel: add another first, or suspend or delete the "
     "channel."},
    {"", REMOVE_KEY, "conf", "key-a",
     "404 : The channel has no key of this id. Keys are called by the id that GET gives, not by "
     "themselves."},
    {"", TOP, "conf", "$key-b", "'conf':{'keyOrder':['$key-b','$key-a']}"},
    {"", BOTTOM, "conf", "$key-a", "'conf':{'keyOrder':['$key-b','$key-a']}"},
    {"'conf':{'keysDisabled':['$key-b']}", TOP, "conf", "$key-b",
     "409 : The key is disabled: enable it first."},
    {"", TOP, "conf", "0",
     "404 : The channel has no key of this id. Keys are called by the id that GET gives, not by "
     "themselves."},
    {"", DISABLE, "conf", "$key-b", "'conf':{'keysDisabled':['$key-b']}"},
    {"'conf':{'keysDisabled':['$key-b']}", DISABLE, "conf", "$key-b",
     "'conf':{'keysDisabled':['$key-b']}"},
    {"'conf':{'keysDisabled':['$key-b']}", ENABLE, "conf", "$key-b", ""},
    {"", ENABLE, "conf", "$key-b", ""},
    /* order and status */
    {OWN, ORDER, NULL, "['own','conf']",
     "'own':{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':['key-x','key-y'],"
     "'priority':1},'conf':{'priority':2}"},
    {"'own':{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':['k'],'priority':1}",
     ORDER, NULL, "['conf']",
     "'own':{'serviceType':'openai','baseUrls':['https://o.example'],'apiKeys':['k'],"
     "'priority':2},'conf':{'priority':1},'promoted':{'priority':101}"},
    {"", ORDER, NULL, "['conf','x']", "400 order.1: is no channel's name"},
    {"", ORDER, NULL, "['conf','conf']", "400 order.1: is named twice"},
    {"", ORDER, NULL, "[]", "400 order: has to be a list of names of channels"},
    {"", ORDER, NULL, "{}", "400 order: has to be a list of names of channels"},
    {"", ORDER, NULL, "[0]", "400 order.0: has to be a channel's name"},
    {"", STATUS, "conf", "'suspended'", "'conf':{'status':'suspended'}"},
    {"'conf':{'status':'suspended'}", STATUS, "conf", NULL, ""},
    {"", STATUS, "x", "'active'", "404 : There is no channel of this name."},
    {"'conf':{'status':'suspended','priority':1}", RESUME, "conf", NULL, "'conf':{'priority':1}"},
    {"'conf':{'deleted':true}", RESUME, "conf", NULL, "'conf':{'deleted':true}"},
    {"", RESUME, "conf", NULL, ""},
    {OWN_WITH(",'status':'suspended'"), RESUME, "own", NULL, OWN_WITH(",'status':'active'")},
    {OWN_WITH(",'status':'disabled'"), RESUME, "own", NULL, OWN_WITH(",'status':'disabled'")},
    {"", RESUME, "x", NULL, "404 : There is no channel of this name."},
    /* promotion: at most one for clients of a protocol, and none of who gets no requests */
    {"", PROMOTE, "conf", "60 messages,chat",
     "'conf':{'promotion':{'until':" SOON ",'protocols':'messages,chat'}}"},
    {"", PROMOTE, "conf", "60",
     "'promoted':{'promotion':'Off'},'conf':{'promotion':{'until':" SOON "}}"},
    {"'conf':{'promotion':{'until':" LATER "}}", PROMOTE, "conf", "0", ""},
    {"'conf':{'promotion':{'until':" LATER "},'priority':1}", PROMOTE, "conf", "60 chat",
     "'conf':{'promotion':{'until':" SOON ",'protocols':'chat'},'priority':1}"},
    {"", PROMOTE, "conf", "0", ""},
    {"", PROMOTE, "x", "60", "404 : There is no channel of this name."},
    {"'conf':{'status':'suspended'}", PROMOTE, "conf", "60", NOT_ACTIVE},
    {"'conf':{'deleted':true}", PROMOTE, "conf", "60", NOT_ACTIVE},
    {"'conf':{'status':'suspended'}", PROMOTE, "conf", "0", "'conf':{'status':'suspended'}"},
    {"'conf':{'promotion':{'until':" LATER "}}," OWN, PROMOTE, "own", "60",
     OWN_WITH(",'promotion':{'until':" SOON "}") NO_MORE},
    {"'conf':{'promotion':{'until':" LATER "}}," OWN, PROMOTE, "own", "60 chat",
     "'conf':{'promotion':{'until':" LATER ",'protocols':'messages,responses,gemini'}}," OWN_WITH(
         ",'promotion':{'until':" SOON ",'protocols':'chat'}")},
    {"'conf':{'promotion':{'until':" LATER ",'protocols':'chat,messages'}}," OWN, PROMOTE, "own",
     "60 chat,gemini",
     "'conf':{'promotion':{'until':" LATER ",'protocols':'messages'}}," OWN_WITH(
         ",'promotion':{'until':" SOON ",'protocols':'chat,gemini'}") NO_MORE},
    {"'conf':{'promotion':{'until':" LATER ",'protocols':'messages'}}," OWN, PROMOTE, "own",
     "60 chat",
     "'conf':{'promotion':{'until':" LATER
     ",'protocols':'messages'}}," OWN_WITH(",'promotion':{'until':" SOON ",'protocols':'chat'}")},
    {"'conf':{'status':'suspended','promotion':{'until':" LATER "}}," OWN, PROMOTE, "own", "60",
     "'conf':{'status':'suspended'}," OWN_WITH(",'promotion':{'until':" SOON "}") NO_MORE},
    {"'conf':{'promotion':{'until':" BEFORE "}}," OWN, PROMOTE, "own", "60 chat",
     "'conf':{'promotion':{'until':" BEFORE
     "}}," OWN_WITH(",'promotion':{'until':" SOON ",'protocols':'chat'}")},
    {"'elsewhere':{'serviceType':'openai','baseUrls':['https://e.example'],'apiKeys':['k']}",
     PROMOTE, "elsewhere", "60",
     "'elsewhere':{'serviceType':'openai','baseUrls':['https://e.example'],'apiKeys':['k'],"
     "'promotion':{'until':" SOON "}}"},
    {"", PROMOTE, "promoted", "60", "'promoted':{'promotion':{'until':" SOON "}}"},
    {"", PROMOTE, "promoted", "0", "'promoted':{'promotion':'Off'}"},
    {"", STATUS, "promoted", "'suspended'", "'promoted':{'status':'suspended','promotion':'Off'}"},
    {"'promoted':{'promotion':'Off'}", STATUS, "promoted", "'Active'",
     "'promoted':{'promotion':'Off','status':'Active'}"},
    {"'conf':{'promotion':{'until':" LATER "}}", STATUS, "conf", "'disabled'",
     "'conf':{'status':'disabled'}"},
    {"'conf':{'promotion':{'until':" LATER "}}", MERGE, "conf", "{'status':'suspended'}",
     "'conf':{'status':'suspended'}"},
    {"'conf':{'promotion':{'until':" LATER "}}", MERGE, "conf",
     "{'status':'suspended','Promotion':null}", "'conf':{'status':'suspended'}"},
    {"'conf':{'promotion':{'until':" LATER "}}", MERGE, "conf", "{'status':'active'}",
     "'conf':{'promotion':{'until':" LATER "}}"},
    {"", MERGE, "conf", "{'status':'suspended','promotion':{'until':" LATER "}}",
     "'conf':{'status':'suspended','promotion':{'until':" LATER "}}"},
    {"", DELETE, "promoted", NULL, "'promoted':{'deleted':true,'promotion':'Off'}"},
};

static int promote(clp_edit *e, const char *name, const char *arg)
{
    const char *list = strchr(arg, ' ');
    clp_promotion promotion = {0, list ? clp_protocols_read(list + 1) : 0};

    if (atoi(arg)) {
        promotion.until = NOW + apr_time_from_sec(atoi(arg));
    }
    return clp_edit_promote(e, name, &promotion, NOW);
}

/* The channel "elsewhere" is in a server of its own. */
static int in_one_server(const clp_channel *a, const clp_channel *b)
{
    return strcmp(a->name, "elsewhere") != 0 && strcmp(b->name, "elsewhere") != 0;
}

static int run(clp_edit *e, op what, const char *name, const char *arg)
{
    const cJSON *value =
        arg && what != REMOVE_KEY && what != PROMOTE && (what < TOP || what > DISABLE)
            ? clp_document_keep(cJSON_Parse(json(arg)), pool)
            : NULL;

    switch (what) {
    case CREATE: return clp_edit_create(e, name, value);
    case REPLACE: return clp_edit_replace(e, name, value);
    case MERGE: return clp_edit_merge(e, name, value);
    case DELETE: return clp_edit_delete(e, name);
    case ADD_KEYS: return clp_edit_add_keys(e, name, value);
    case REMOVE_KEY: return clp_edit_remove_key(e, name, json(arg));
    case TOP: return clp_edit_move_key(e, name, json(arg), 1);
    case BOTTOM: return clp_edit_move_key(e, name, json(arg), 0);
    case ENABLE: return clp_edit_enable_key(e, name, json(arg), 1);
    case DISABLE: return clp_edit_enable_key(e, name, json(arg), 0);
    case ORDER: return clp_edit_reorder(e, value);
    case STATUS: return clp_edit_set_status(e, name, value);
    case RESUME: return clp_edit_resume(e, name);
    case PROMOTE: return promote(e, name, arg);
    }
    return 0;
}

static const char *channels_of(const clp_overlay *o)
{
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(o->document, "channels"));
    const char *copy = apr_pstrdup(pool, text);

    cJSON_free(text);
    return copy;
}

static void check(apr_size_t i)
{
    static const int statuses[] = {200, 400, 404, 404, 409};
    static const char *const names[] = {"create",     "replace", "merge",  "delete", "add keys",
                                        "remove key", "top",     "bottom", "enable", "disable",
                                        "order",      "status",  "resume", "promote"};
    clp_document_error error = {"", ""};
    const char *text = apr_psprintf(pool, "{\"version\":1,\"revision\":1,\"channels\":{%s}}",
                                    json(cases[i].before));
    apr_array_header_t *laid;
    clp_edit e;
    const char *got;

    memset(&e, 0, sizeof(e));
    e.overlay = clp_overlay_parse(clp_span_str(text), pool, &error);
    e.base = configured();
    e.pool = pool;
    e.in_one_server = in_one_server;
    if (!e.overlay || !clp_overlay_lay(e.overlay, e.base, &plain_source, pool, &laid, &error)) {
        OK(0, "case %d cannot begin: %s %s", (int)i, error.path, error.message);
        return;
    }
    e.laid = laid;
    e.overlay->document = clp_document_copy(e.overlay->document, pool);
    got = run(&e, cases[i].op, cases[i].name, cases[i].arg)
              ? channels_of(e.overlay)
              : apr_psprintf(pool, "%d %s: %s", statuses[e.result], e.error.path, e.error.message);
    IS_STR(got,
           cases[i].after[0] >= '0' && cases[i].after[0] <= '9'
               ? cases[i].after
               : apr_pstrcat(pool, "{", json(cases[i].after), "}", NULL),
           apr_psprintf(pool, "%s of %s%s%s", names[cases[i].op],
                        cases[i].name ? cases[i].name : "all", cases[i].arg ? ": " : "",
                        cases[i].arg ? cases[i].arg : ""));
}

/* What GET shows, sent back by PUT, changes nothing. */
static void round_trip(const char *overlay, const char *name)
{
    clp_document_error error;
    const char *text =
        apr_psprintf(pool, "{\"version\":1,\"revision\":1,\"channels\":{%s}}", json(overlay));
    clp_overlay *o = clp_overlay_parse(clp_span_str(text), pool, &error);
    apr_array_header_t *base = configured();
    clp_edit e;
    apr_array_header_t *laid;
    cJSON *view = NULL;
    const char *before;
    char *shown;

    memset(&e, 0, sizeof(e));
    clp_overlay_lay(o, base, &plain_source, pool, &laid, &error);
    for (int i = 0; i < laid->nelts; i++) {
        const clp_channel *c = APR_ARRAY_IDX(laid, i, const clp_channel *);
        if (!strcmp(c->name, name)) {
            view = clp_document_keep(
                clp_channel_view_make(c, i ? NULL : APR_ARRAY_IDX(base, 0, const clp_channel *),
                                      pool),
                pool);
        }
    }
    o->document = clp_document_copy(o->document, pool);
    before = channels_of(o);
    e = (clp_edit){.overlay = o, .base = base, .laid = laid, .pool = pool};
    OK(clp_edit_replace(&e, name, view), "what is shown of %s can be said", name);
    IS_STR(channels_of(o), before, "and changes nothing");
    shown = cJSON_PrintUnformatted(view);
    OK(!strstr(shown, "hidden") && !strstr(shown, "long-enough"), "it holds no secret");
    cJSON_free(shown);
}

int main(void)
{
    pool = tap_begin();
    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(i);
    }
    round_trip("", "conf");
    round_trip("'conf':{'keysAdded':['key-long-enough-to-be-masked'],'deleted':true}", "conf");
    round_trip("'own':{'serviceType':'openai','baseUrls':['https://o.example'],"
               "'apiKeys':['key-long-enough-to-be-masked'],'modelMapping':{'b':'c','a':'d'},"
               "'proxy':'http://u:hidden@proxy.example','headers':{'X-A':'hidden','X-B':null}}",
               "own");
    return tap_end();
}
