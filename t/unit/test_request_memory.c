/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */

/*
 * What a conversion of a large request costs: body, conversation and output
 * together stay below four times the body.
 */
#include <malloc.h>

#include "dialect/dialect.h"
#include "tap.h"

#define MEBIBYTE (1024 * 1024)

static apr_size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* A conversation of one image. */
static void make_image(clp_buffer *body)
{
    clp_buffer_puts(
        body, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":"
              "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"image/png\",\"data\":\"");
    while (body->n < 8 * MEBIBYTE) {
        clp_buffer_puts(body, "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk");
    }
    clp_buffer_puts(body, "\"}}]}]}");
}

/* A long session: calls with arguments that have escapes, results of some lines. */
static void make_session(clp_buffer *body)
{
    clp_buffer_puts(body, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
                          "\"content\":\"begin\"}");
    for (int i = 0; body->n < 4 * MEBIBYTE; i++) {
        clp_buffer_printf(
            body,
            ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Next.\"},"
            "{\"type\":\"tool_use\",\"id\":\"toolu_%d\",\"name\":\"Edit\",\"input\":"
            "{\"path\":\"/a\",\"lines\":[%d,2],\"text\":\"",
            i, i);
        for (int k = 0; k < 20; k++) {
            clp_buffer_puts(body, "int main(void)\\n{\\n    return \\\"x\\\";\\n}\\n");
        }
        clp_buffer_printf(body,
                          "\"}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                          "\"tool_use_id\":\"toolu_%d\",\"content\":\"",
                          i);
        for (int k = 0; k < 20; k++) {
            clp_buffer_puts(body, "The file has been changed as you wanted it.\\n");
        }
        clp_buffer_puts(body, "\"}]}");
    }
    clp_buffer_puts(body, "]}");
}

static void measure(const char *what, void (*make)(clp_buffer *), apr_pool_t *root)
{
    static const clp_intake intake = {CLP_JSON_DEPTH_DEFAULT, 0, NULL, -1, NULL};
    clp_traits traits = clp_traits_default();
    clp_target target = {"up", &traits, 8192, 0};
    clp_buffer *body = clp_buffer_make(root, 0);
    clp_sniffed sniffed;
    clp_conversation *c;
    clp_buffer *out;
    apr_table_t *names;
    apr_pool_t *pool;
    apr_size_t before;
    apr_size_t used;

    make(body);
    before = in_use();
    apr_pool_create(&pool, root);
    out = clp_buffer_make(pool, 0);
    OK(!clp_dialect_messages.sniff(&sniffed, clp_buffer_all(body), &intake, pool) &&
           !clp_dialect_messages.read_request(&c, clp_buffer_all(body), &intake, pool) &&
           !clp_dialect_chat.write_request(c, &target, out, &names, pool),
       "%s: converts", what);
    OK(out->n > body->n / 2, "%s: holds what the body held", what);
    OK(out->room < body->n + body->n / 2, "%s: the output's memory did not double", what);
    used = body->n + in_use() - before;
    /* The sanitizer's allocator does not tell what is in use. */
    OK(used < 4 * body->n, "%s: %lu KiB for a body of %lu KiB", what, (unsigned long)(used / 1024),
       (unsigned long)(body->n / 1024));
    apr_pool_destroy(pool);
}

int main(void)
{
    apr_pool_t *pool = tap_begin();

    measure("image", make_image, pool);
    measure("session", make_session, pool);
    return tap_end();
}
