/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include "tap.h"

/* What is passed to its own provider without the state of others. */

static apr_pool_t *pool;

static void check(const clp_dialect *d, const char *body, const char *want, const char *name)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    int dropped = clp_dialect_drop_foreign(out, clp_span_str(body), d, pool);
    if (want) {
        IS_SPAN(clp_buffer_all(out), clp_span_str(want), name);
    }
    OK(dropped == (want != NULL) && (want || !out->n), "%s: told", name);
}

int main(void)
{
    const clp_dialect *m = &clp_dialect_messages, *c = &clp_dialect_chat,
                      *r = &clp_dialect_responses, *g = &clp_dialect_gemini;
    pool = tap_begin();
    check(m,
          "{\"messages\" : [ {\"role\":\"user\",\"content\":\"R1dSM\"}, {\"x\":1.0,\"content\": [ "
          "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"R1dSMW9i\"} ,{\"type\":"
          "\"text\",\"text\":\"a\"}, {\"type\":\"redacted_thinking\",\"data\":\"R1dSMW9y\"}], "
          "\"y\":2}, {\"content\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
          "\"EqQB\"}]}] , \"z\":3}",
          "{\"messages\" : [{\"role\":\"user\",\"content\":\"R1dSM\"},{\"x\":1.0,\"content\": "
          "[{\"type\":\"text\",\"text\":\"a\"}], \"y\":2},{\"content\":[{\"type\":\"thinking\","
          "\"thinking\":\"\",\"signature\":\"EqQB\"}]}] , \"z\":3}",
          "blocks of Messages");
    check(m,
          "{\"messages\":[{\"content\":\"a\"},{\"content\":[{\"type\":\"thinking\",\"signature\":"
          "\"R1dSMW9i\"}]},{\"content\":\"b\"}]}",
          "{\"messages\":[{\"content\":\"a\"},{\"content\":\"b\"}]}", "a message of nothing else");
    check(m, "{\"messages\":[{\"content\":[{\"type\":\"thinking\",\"signature\":\"EqQB\"}]}]}",
          NULL, "Claude's own");
    check(r,
          "{\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
          "\"encrypted_content\":\"R1dSMWNi\"},{\"role\":\"user\",\"content\":\"a\"},{\"type\":"
          "\"reasoning\",\"encrypted_content\":\"gAAA\"}],\"model\":\"m\"}",
          "{\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"reasoning\","
          "\"encrypted_content\":\"gAAA\"}],\"model\":\"m\"}",
          "items of Responses");
    check(c,
          "{\"messages\" : [ {\"content\":\"R1dSM\"}, {\"tool_calls\":[ {\"id\":\"a\", \"type\":"
          "\"function\",\"extra_content\":{\"google\":{\"thought_signature\":\"R1dSMWdu\"}},"
          "\"function\" : {\"x\":1.0}} ,{\"id\":\"b\"}], \"y\":2}] , \"z\":3}",
          "{\"messages\" : [ {\"content\":\"R1dSM\"}, {\"tool_calls\":[ {\"id\":\"a\", \"type\":"
          "\"function\",\"function\" : {\"x\":1.0}} ,{\"id\":\"b\"}], \"y\":2}] , \"z\":3}",
          "calls of Chat");
    check(c,
          "{\"messages\":[{\"content\":\"R1dSM\",\"tool_calls\":[{\"extra_content\":{\"google\":{"
          "\"thought_signature\":\"c2ln\"}}}]}]}",
          NULL, "Google's own on a call");
    check(c,
          "{\"messages\":[{\"role\":\"assistant\", \"extra_content\" : {\"google\":"
          "{\"thought_signature\":\"R1dSMWdu\"}} , \"tool_calls\":[ {\"id\":\"1\" , "
          "\"extra_content\":{\"google\":{\"thought_signature\":\"R1dSMWdu\"}} }, "
          "{\"id\":\"2\"}]},{\"role\":\"user\",\"content\":\"R1dSM\"}], \"x\":1.0}",
          "{\"messages\":[{\"role\":\"assistant\",  \"tool_calls\":[ {\"id\":\"1\"  }, "
          "{\"id\":\"2\"}]},{\"role\":\"user\",\"content\":\"R1dSM\"}], \"x\":1.0}",
          "messages and calls of Chat, last and in between");
    check(c,
          "{\"messages\":[{\"tool_calls\":[{\"extra_content\":{\"google\":{"
          "\"thought_signature\":\"R1dSMWdu\"}},\"id\":\"1\"}],\"extra_content\":{"
          "\"google\":{\"thought_signature\":\"R1dSMWdu\"}}},{\"extra_content\":{\"google\":"
          "{\"thought_signature\":\"R1dSMWdu\"}}}]}",
          "{\"messages\":[{\"tool_calls\":[{\"id\":\"1\"}]},{}]}", "first, and alone");
    check(c,
          "{\"messages\":[{\"extra_content\":{\"google\":{\"thought_signature\":\"R1dSMWdu\"}},"
          "\"extra_content\":{\"google\":{\"thought_signature\":\"R1dSMWdu\"}}}]}",
          NULL, "twice: nothing that we gave");
    check(c, "{\"messages\":\"R1dSMWdu\"}", NULL, "no messages");
    check(
        g,
        "{\"contents\" : [ {\"role\":\"user\",\"parts\":[{\"text\":\"R1dSM\"}]}, "
        "{\"role\":\"model\","
        "\"parts\" : [ {\"functionCall\" : {\"name\":\"f\",\"args\":{\"x\":1.0}}, "
        "\"thoughtSignature\""
        " : \"R1dSMWNi\"}, {\"functionCall\":{\"name\":\"g\"}}], \"y\":2}] , \"z\":3}",
        "{\"contents\" : [{\"role\":\"user\",\"parts\":[{\"text\":\"R1dSM\"}]},{\"role\":\"model\","
        "\"parts\" : [{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":1.0}},\"thoughtSignature\":"
        "\"skip_thought_signature_validator\"},{\"functionCall\":{\"name\":\"g\"}}], \"y\":2}] , "
        "\"z\":3}",
        "calls of Gemini get Google's mark");
    check(
        g,
        "{\"contents\":[{\"parts\":[{\"text\":\"a\",\"thought_signature\":\"R1dSMWNi\"},{\"text\":"
        "\"b\",\"thoughtSignature\":\"c2ln\"},{\"text\":\"\",\"thoughtSignature\":\"R1dSMW9i\"}]}]"
        "}",
        "{\"contents\":[{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\",\"thoughtSignature\":\"c2ln\"}"
        "]}]}",
        "texts of Gemini stand alone, and one of nothing else is left out");
    check(g,
          "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{"
          "\"thoughtSignature\":\"R1dSMWNi\",\"text\":\"\"}]},{\"parts\":[{\"text\":\"b\"}]}]}",
          "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]},{\"parts\":[{\"text\":\"b\"}]}]}",
          "a content of nothing else");
    check(g,
          "{\"generateContentRequest\":{\"contents\":[{\"parts\":[{\"text\":\"a\","
          "\"thoughtSignature\":\"R1dSMWNi\"}]}],\"model\":\"m\"}}",
          "{\"generateContentRequest\":{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"model\":"
          "\"m\"}}",
          "a request of Gemini that is to be counted");
    check(g,
          "{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{"
          "\"thoughtSignature\":"
          "\"R1dSMWNi\"}},\"thoughtSignature\":\"c2ln\"}]}]}",
          NULL, "Gemini's own, and data that looks like an envelope");
    check(&clp_dialect_chat_legacy,
          "{\"messages\":[{\"tool_calls\":[{\"extra_content\":{\"google\":{\"thought_signature\":"
          "\"R1dSMWdu\"}}}]}]}",
          NULL, "the function era has no place for state");
    check(r, "{\"input\":\"R1dSMWNi\"}", NULL, "a text that looks like one");
    check(r, "{\"input\":[ {\"content\":\"R1dSMWNi\"} ]}", NULL, "and as a content");
    check(m, "{\"messages\":[ {\"content\":\"R1dSMWNi\"} ]}", NULL, "and in Messages");
    check(r, "{\"input\":[\"R1dSMWNi\"", NULL, "no JSON");
    return tap_end();
}
