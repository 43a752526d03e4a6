/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "gateway/admin.h"
#include "sched_world.h"
#include "state/ledger_memory.h"

/* The admin API where something is missing that a server always has; all else is tested in one
 * (t/admin.t). */

static apr_pool_t *pool;
static sched_world *world;
static clp_admin_site site;

static clp_transport *no_transport(void *ctx)
{
    (void)ctx;
    return NULL;
}

static int written;

static clp_write_result full_disk(apr_int64_t revision, clp_overlay_edit_fn *edit, void *ctx,
                                  apr_pool_t *p, clp_overlay_change *change)
{
    (void)revision;
    (void)edit;
    (void)ctx;
    (void)p;
    memset(change, 0, sizeof(*change));
    change->error = (clp_document_error){"", "no space left"};
    written++;
    return CLP_WRITE_FAILED;
}

static void set_up(void)
{
    sched_clock = apr_time_from_sec(1800000000);
    world = sched_world_make("a b(s=suspended)", pool);
    memset(&site, 0, sizeof(site));
    site.channels = world->set->channels;
    site.configured = world->set->channels;
    site.revision = 7;
    site.write = full_disk;
    site.scheduling = world->query;
    site.take_transport = no_transport;
    site.now = sched_clock;
}

/* The status, and the answer behind it. */
static const char *ask(const char *method, const char *path, apr_int64_t revision)
{
    clp_admin_call call;

    clp_admin_begin(&call, &site, pool);
    call.method = method;
    call.path = path;
    call.revision = revision;
    if (clp_admin_find(&call)) {
        clp_admin_answer(&call);
    }
    return apr_psprintf(pool, "%d%s %.*s", call.status,
                        apr_table_get(call.headers, "Retry-After") ? " later" : "",
                        (int)clp_buffer_all(call.out).n, clp_buffer_all(call.out).p);
}

static void answers(const char *path, const char *begin, const char *name)
{
    const char *got = ask(strstr(path, "ping") ? "GET" : "POST", path, CLP_ANY_REVISION);

    OK(!strncmp(got, begin, strlen(begin)), "%s: %s", name, got);
}

/** A field If-Match, and the revision that it names. */
static const struct match {
    const char *field;
    apr_int64_t names;
} matches[] = {
    {"\"12\"", 12},
    {" \"12\"", 12},
    {"\"12-gzip\"", 12},
    {"W/\"12\"", 12},
    {"\"0\"", 0},
    {"\"12\", \"13\"", 12},
    {"*", CLP_ANY_REVISION},
    {"12", -2},
    {"\"\"", -2},
    {"\"-1\"", -2},
    {"\"12", -2},
    {"\"12a\"", -2},
    {"", -2},
};

static void match_fields(void)
{
    for (apr_size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
        IS_INT(clp_admin_if_match(matches[i].field), matches[i].names, matches[i].field);
    }
}

int main(void)
{
    pool = tap_begin();
    set_up();
    match_fields();
    answers("/api/ping", "503 {\"error\":{\"code\":\"unavailable\"", "no transport");
    answers("/api/ping/a", "503 {\"error\":{\"code\":\"unavailable\"", "no transport, one channel");

    answers("/api/channels/b/resume", "500 {\"error\":{\"code\":\"internal\"", "a full disk");
    IS_INT(written, 1, "a suspended channel has to be written");
    answers("/api/channels/a/resume", "200 {\"message\":\"channel a is reset\"",
            "one in use has not,");
    IS_INT(written, 1, "... and works without");
    IS_INT(strncmp(ask("POST", "/api/channels/a/resume", 6), "412", 3), 0, "another revision");

    world->tables->ledger->m->owner = (apr_uint64_t)getpid() << 32;
    answers("/api/channels/a/resume", "503 later ", "another process keeps the tables");
    answers("/api/channels/a/keys/k/resume", "503 later ", "... and those of a key");
    world->tables->ledger->m->owner = 0;

    site.scheduling.tables = NULL;
    answers("/api/channels/a/resume", "503 {\"error\":{\"code\":\"unavailable\"",
            "no shared state");
    answers("/api/channels/b/resume", "503 {", "... for a suspended channel, too");
    answers("/api/channels/a/keys/k/resume", "503 {", "... nor for a key");
    IS_INT(written, 1, "nothing else is written");
    return tap_end();
}
