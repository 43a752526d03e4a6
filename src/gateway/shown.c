/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include <string.h>

#include <apr_base64.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <apr_uri.h>

#include "wire/text.h"

#define MASK "****"

enum { KEY, PASSWORD, BASIC, SECRETS };

typedef struct shown {
    const char *secret[SECRETS]; /* NULL = there is none */
} shown;

static const char *decoded(const char *part, apr_pool_t *pool)
{
    const char *text = part ? apr_punescape_url(pool, part, NULL, NULL, 0) : NULL;

    return text ? text : part ? part : "";
}

/* As the proxy gets it: in Proxy-Authorization, or in the greeting of SOCKS. */
static void add_proxy(shown *s, const char *proxy, apr_pool_t *pool)
{
    const char *login;
    apr_uri_t uri;
    char *code;

    if (!strchr(proxy, '@') || apr_uri_parse(pool, proxy, &uri) != APR_SUCCESS || !uri.password) {
        return;
    }
    s->secret[PASSWORD] = decoded(uri.password, pool);
    login = apr_pstrcat(pool, decoded(uri.user, pool), ":", s->secret[PASSWORD], NULL);
    code = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)strlen(login)));
    apr_base64_encode(code, login, (int)strlen(login));
    s->secret[BASIC] = code;
}

static shown shown_to(const clp_candidate *asked, apr_pool_t *pool)
{
    shown s = {{NULL}};

    if (asked->key) {
        s.secret[KEY] = asked->key->secret;
    }
    if (asked->channel->proxy) {
        add_proxy(&s, asked->channel->proxy, pool);
    }
    return s;
}

const char *clp_shown_hide(const char *text, const clp_candidate *asked, apr_pool_t *pool)
{
    shown s = shown_to(asked, pool);

    if (asked->key) {
        text = clp_hide_secret(text, s.secret[KEY], asked->key->mask, pool);
    }
    for (int i = PASSWORD; i < SECRETS; i++) {
        text = clp_hide_secret(text, s.secret[i], MASK, pool);
    }
    return text;
}

int clp_shown_in(clp_span text, const clp_candidate *asked, apr_pool_t *pool)
{
    shown s = shown_to(asked, pool);

    for (int i = 0; i < SECRETS; i++) {
        if (clp_holds_secret(text, s.secret[i])) {
            return 1;
        }
    }
    return 0;
}

void clp_shown_erase(char *text, apr_size_t n, const clp_candidate *asked, apr_pool_t *pool)
{
    shown s = shown_to(asked, pool);

    for (int i = 0; i < SECRETS; i++) {
        clp_erase_secret(text, n, s.secret[i]);
    }
}
