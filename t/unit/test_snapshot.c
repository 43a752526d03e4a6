/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "state/children.h"
#include "state/row_claim.h"
#include "state/snapshot.h"

#define NOW apr_time_from_sec(1700000000)

static apr_pool_t *pool;

static clp_row_ref claim(clp_tables *t, clp_table_kind kind, const char *name)
{
    return clp_tables_claim(t, kind, clp_row_id(clp_span_str(name)), clp_span_str(name), 1);
}

static clp_row_ref find(const clp_tables *t, clp_table_kind kind, const char *name)
{
    return clp_tables_find(t, kind, clp_row_id(clp_span_str(name)));
}

static clp_capacity capacity(apr_uint32_t rows)
{
    clp_capacity c = {rows, rows, rows, rows, rows, 2, 16};
    return c;
}

/* Channels c0 …, each with something to remember it by. */
static clp_tables *filled(apr_uint32_t rows)
{
    clp_capacity c = capacity(rows);
    clp_tables *t = clp_tables_make_private(&c, pool);
    for (apr_uint32_t i = 0; i < rows; i++) {
        const char *name = apr_psprintf(pool, "c%u", i);
        clp_row_ref ref = claim(t, CLP_TABLE_CHANNELS, name);
        clp_row_ref key = claim(t, CLP_TABLE_KEYS, name);
        t->channels[ref.row].head.used = 1000 + i;
        t->channels[ref.row].failures = i;
        t->channel_history[ref.row].hours[3].words[1] = i;
        t->keys[key.row].cooling.until = 500 + i;
        t->key_history[key.row].quarters[95].words[3] = i;
    }
    return t;
}

static clp_span written(const clp_tables *t)
{
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_snapshot_write(t->layout, t->blocks, CLP_TABLES, NULL, NOW, out);
    return clp_buffer_all(out);
}

static void test_larger(void)
{
    clp_tables *from = filled(3);
    clp_capacity c = capacity(7);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_snapshot_told told;
    char name[CLP_NAME_ROOM];
    unsigned row;
    claim(from, CLP_TABLE_CIRCUITS, "u");
    claim(from, CLP_TABLE_USERS, "someone");
    from->models[0].traffic.counts.attempts = 8;
    from->head->cursors[2] = 5;
    from->head->protocols[4].duration[3] = 6;
    from->head->watches[0] = 9;
    from->head->born = 11;
    told = clp_snapshot_read(to, NULL, written(from), NOW, pool);
    OK(!told.wrong && told.rows == 8 && !told.left_out && told.made == NOW, "all rows are read");
    row = find(to, CLP_TABLE_CHANNELS, "c2").row;
    OK(row && to->channels[row].failures == 2 && to->channel_history[row].hours[3].words[1] == 2,
       "a channel and its history");
    clp_row_name_get(to->channels[row].name.words, CLP_NAME_WORDS, name);
    IS_STR(name, "c2", "with its name");
    row = find(to, CLP_TABLE_KEYS, "c1").row;
    OK(row && to->keys[row].cooling.until == 501 && to->key_history[row].quarters[95].words[3] == 1,
       "a key and its history");
    OK(find(to, CLP_TABLE_CIRCUITS, "u").row && find(to, CLP_TABLE_USERS, "someone").row,
       "circuits and users");
    IS_INT(to->models[0].traffic.counts.attempts, 8, "models without a row");
    OK(to->head->cursors[2] == 5 && to->head->born == 11 && to->head->protocols[4].duration[3] == 6,
       "what there is one of");
    OK(to->head->capacity[0] == 7 && to->head->watches[0] == 0, "and not what is of the memory");
}

static void test_smaller(void)
{
    clp_tables *from = filled(5);
    clp_capacity c = capacity(2);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_snapshot_told told = clp_snapshot_read(to, NULL, written(from), NOW, pool);
    OK(told.left_out == 6 && told.rows == 4, "what finds no room is left out");
    OK(find(to, CLP_TABLE_CHANNELS, "c4").row && find(to, CLP_TABLE_CHANNELS, "c3").row &&
           !find(to, CLP_TABLE_CHANNELS, "c0").row,
       "what was used last comes first");
}

static void put(clp_circuit *c, apr_time_t at, int failed)
{
    unsigned i = (unsigned)(c->recorded++ % CLP_CIRCUIT_RESULTS);
    apr_uint32_t result =
        (apr_uint32_t)(apr_time_sec(at) - CLP_CIRCUIT_EPOCH) << 1 | (apr_uint32_t)failed;
    c->results[i / 2] = clp_half_put(c->results[i / 2], i, result);
}

static void test_circuits(void)
{
    clp_tables *from = filled(1);
    clp_capacity c = capacity(1);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_row_ref ref = find(from, CLP_TABLE_CHANNELS, "c0");
    clp_circuit *was = &from->channels[ref.row].circuit;
    const clp_circuit *is;
    for (int i = 0; i < 40; i++) {
        put(was, NOW - apr_time_from_sec(40 - i), i % 3 == 0);
    }
    was->probe = 5;
    was->open_until = 6;
    clp_snapshot_read(to, NULL, written(from), NOW + apr_time_from_sec(900 - 10), pool);
    is = &to->channels[find(to, CLP_TABLE_CHANNELS, "c0").row].circuit;
    IS_INT(is->recorded, 9, "results of the last 15 minutes come back");
    IS_INT(clp_half_of(is->results[0], 0) & 1, 0, "in order");
    IS_INT(clp_half_of(is->results[1], 2) & 1, 1, "each as it was");
    IS_INT(clp_half_of(is->results[4], 8) >> 1, apr_time_sec(NOW) - 1 - CLP_CIRCUIT_EPOCH,
           "to the latest");
    OK(is->open_until == 6 && is->probe == 0, "open ones stay open, and no probe is under way");
}

static void test_in_flight(void)
{
    clp_tables *from = filled(1);
    clp_capacity c = capacity(1);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_child_begin(from, NOW);
    clp_in_flight_add(from, CLP_TABLE_CHANNELS, 1);
    clp_snapshot_read(to, NULL, written(from), NOW, pool);
    IS_INT(clp_in_flight(to, CLP_TABLE_CHANNELS, 1), 0, "what is in flight stays behind");
}

static void enter(void *tables, const clp_booking *b, clp_writes *w)
{
    const clp_tables *t = tables;
    clp_writes_add(w, &t->models[CLP_NO_ROW].traffic.counts.attempts, b->attempts);
}

static void test_take(void)
{
    clp_tables *from = filled(1);
    clp_capacity c = capacity(1);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_booking b = {.kind = CLP_BOOK_REQUEST, .attempts = 3};
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_ledger_post(from->ledger, &b);
    clp_ledger_use(from->ledger, enter, from);
    OK(clp_snapshot_take(from, NULL, out), "taken");
    clp_snapshot_read(to, NULL, clp_buffer_all(out), NOW, pool);
    IS_INT(to->models[CLP_NO_ROW].traffic.counts.attempts, 3, "with what was posted before");
}

/* As a version whose rows were shorter, and one that laid out models otherwise, would write. */
static void test_versions(void)
{
    clp_tables *from = filled(2);
    clp_capacity c = capacity(2);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_table_layout layout[CLP_TABLES];
    void *blocks[CLP_TABLES];
    clp_snapshot_told told;
    clp_buffer *out = clp_buffer_make(pool, 0);
    char *shorter = apr_pcalloc(pool, 3 * 128);
    apr_uint64_t ids[2] = {clp_row_id(CLP_SPAN_LIT("x")), clp_row_id(CLP_SPAN_LIT("y"))};
    memcpy(layout, from->layout, sizeof(layout));
    memcpy(blocks, from->blocks, sizeof(blocks));
    memcpy(shorter + 128, &ids[0], 8);
    memcpy(shorter + 256, &ids[1], 8);
    memset(shorter + 256 + sizeof(clp_row_head), 'y', 64);
    layout[CLP_TABLE_USERS].row_size = 128;
    blocks[CLP_TABLE_USERS] = shorter;
    layout[CLP_TABLE_KEYS].layout = 99;
    clp_snapshot_write(layout, blocks, CLP_TABLES, NULL, NOW, out);
    told = clp_snapshot_read(to, NULL, clp_buffer_all(out), NOW, pool);
    OK(!told.wrong && told.other_layout == 1, "a table of another layout is left out");
    OK(find(to, CLP_TABLE_CHANNELS, "c1").row && !find(to, CLP_TABLE_KEYS, "c1").row,
       "the others are read");
    OK(find(to, CLP_TABLE_USERS, "x").row &&
           to->users[find(to, CLP_TABLE_USERS, "y").row].name.words[7] ==
               APR_UINT64_C(0x7979797979797979) &&
           to->users[find(to, CLP_TABLE_USERS, "y").row].counts.attempts == 0,
       "of shorter rows what there is");
    layout[CLP_TABLE_KEYS].name = "doors";
    clp_buffer_clear(out);
    clp_snapshot_write(layout, blocks, CLP_TABLES, NULL, NOW, out);
    told =
        clp_snapshot_read(clp_tables_make_private(&c, pool), NULL, clp_buffer_all(out), NOW, pool);
    OK(!told.wrong && !told.other_layout && told.rows == 4, "tables without these are read");
}

static void test_damaged(void)
{
    clp_span good = written(filled(2));
    clp_capacity c = capacity(2);
    clp_tables *to = clp_tables_make_private(&c, pool);
    char *bytes = apr_pmemdup(pool, good.p, good.n);
    OK(clp_snapshot_read(to, NULL, clp_span_of(good.p, good.n - 1), NOW, pool).wrong, "cut off");
    OK(clp_snapshot_read(to, NULL, clp_span_of(good.p, 20), NOW, pool).wrong, "next to nothing");
    OK(clp_snapshot_read(to, NULL, CLP_SPAN_LIT(""), NOW, pool).wrong, "nothing");
    bytes[good.n - 1] ^= 1;
    OK(clp_snapshot_read(to, NULL, clp_span_of(bytes, good.n), NOW, pool).wrong, "a bit turned");
    IS_INT(find(to, CLP_TABLE_CHANNELS, "c1").row, CLP_NO_ROW, "nothing of that is read");
}

static clp_pin_table *pin_table(apr_uint32_t rows)
{
    char *memory = apr_pcalloc(pool, clp_pin_table_size(rows) + 63);
    return clp_pin_table_format((void *)(((apr_uintptr_t)memory + 63) & ~(apr_uintptr_t)63), rows);
}

static void put_pin(clp_pin_table *t, const char *name, apr_uint64_t channel, apr_time_t expires)
{
    clp_pin_table_put(t, clp_pin_name_of(clp_span_str(name)), (clp_pin){channel, ~channel},
                      expires);
}

/* What is pinned there; 0 = nothing. */
static apr_uint64_t pinned(const clp_pin_table *t, const char *name, apr_time_t now)
{
    clp_pin pin;
    return clp_pin_table_get(t, clp_pin_name_of(clp_span_str(name)), now, &pin) &&
                   pin.key == ~pin.channel
               ? pin.channel
               : 0;
}

static void test_pins(void)
{
    clp_tables *from = filled(1);
    clp_capacity c = capacity(1);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_snapshot_pins pins = {pin_table(64), pin_table(64)};
    clp_snapshot_pins others = {pin_table(16), NULL};
    clp_snapshot_pins both = {pin_table(64), pin_table(128)};
    clp_buffer *out = clp_buffer_make(pool, 0);
    clp_snapshot_told told;
    put_pin(pins.affinity, "talk", 5, NOW + 100);
    put_pin(pins.affinity, "over", 6, NOW);
    put_pin(pins.threads, "msg_1", 7, NOW + 200);
    clp_snapshot_write(from->layout, from->blocks, CLP_TABLES, &pins, NOW, out);
    told = clp_snapshot_read(to, &both, clp_buffer_all(out), NOW + 1, pool);
    OK(!told.wrong && told.pins == 2 && !told.other_layout, "pins are read");
    OK(pinned(both.affinity, "talk", NOW + 99) == 5 && !pinned(both.affinity, "talk", NOW + 100),
       "a conversation, as long as it was bound");
    IS_INT(pinned(both.threads, "msg_1", NOW + 199), 7, "a thread, in a table of its own");
    OK(!pinned(both.threads, "talk", NOW) && !pinned(both.affinity, "over", 0), "and nothing else");
    told = clp_snapshot_read(to, &others, clp_buffer_all(out), NOW + 100, pool);
    OK(!told.pins && !clp_pin_table_count(others.affinity, 0, NULL, NULL),
       "not what has expired meanwhile");
    told = clp_snapshot_read(to, NULL, clp_buffer_all(out), NOW, pool);
    OK(!told.wrong && !told.pins && told.rows == 2, "nobody has to take them");
    OK(!memmem(out->p, out->n, "msg_1", 5) && !memmem(out->p, out->n, "talk", 4),
       "their names are hashes");
}

/* A channel is bound to together with the epoch of its row. */
static void test_epoch(void)
{
    clp_tables *from = filled(2);
    clp_capacity c = capacity(3);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_row_ref was = clp_tables_claim(from, CLP_TABLE_CHANNELS, clp_row_id(CLP_SPAN_LIT("new")),
                                       CLP_SPAN_LIT("new"), 2);
    OK(was.row && was.epoch == 1, "a row goes to another");
    clp_snapshot_read(to, NULL, written(from), NOW, pool);
    IS_INT(find(to, CLP_TABLE_CHANNELS, "new").epoch, 1, "and is known as such afterwards");
}

static int exists(const char *path)
{
    apr_finfo_t info;
    return apr_stat(&info, path, APR_FINFO_TYPE, pool) == APR_SUCCESS;
}

static void test_files(void)
{
    char template[] = "/tmp/clp-snapshot-XXXXXX";
    const char *dir = mkdtemp(template);
    const char *path = apr_pstrcat(pool, dir, "/state", NULL);
    const char *bad = apr_pstrcat(pool, path, ".bad", NULL);
    clp_tables *from = filled(2);
    clp_capacity c = capacity(2);
    clp_tables *to = clp_tables_make_private(&c, pool);
    clp_snapshot_told told;
    apr_finfo_t info;
    apr_file_t *f;
    apr_status_t rv;
    told = clp_snapshot_load(to, NULL, path, NOW, pool, &rv);
    OK(APR_STATUS_IS_ENOENT(rv) && !told.wrong, "no file is nothing wrong");
    IS_INT(clp_snapshot_save(from, NULL, path, pool), APR_SUCCESS, "written");
    IS_INT(clp_snapshot_save(from, NULL, path, pool), APR_SUCCESS, "and replaced");
    apr_stat(&info, path, APR_FINFO_PROT, pool);
    IS_INT(info.protection & (APR_FPROT_GREAD | APR_FPROT_WREAD), 0, "for nobody else to read");
    told = clp_snapshot_load(to, NULL, path, NOW, pool, &rv);
    OK(rv == APR_SUCCESS && told.rows == 4 && find(to, CLP_TABLE_CHANNELS, "c1").row, "read again");
    apr_file_open(&f, path, APR_FOPEN_WRITE | APR_FOPEN_APPEND, APR_FPROT_OS_DEFAULT, pool);
    apr_file_putc('x', f);
    apr_file_close(f);
    told = clp_snapshot_load(to, NULL, path, NOW, pool, &rv);
    OK(rv == APR_EGENERAL && told.wrong, "a damaged file is not read");
    OK(!exists(path) && exists(bad), "but put aside");
    unlink(bad);
    apr_dir_make(path, APR_FPROT_OS_DEFAULT, pool);
    told = clp_snapshot_load(to, NULL, path, NOW, pool, &rv);
    OK(told.wrong && !exists(path), "so is what is no file");
    IS_INT(clp_snapshot_save(from, NULL, apr_pstrcat(pool, dir, "/none/state", NULL), pool),
           APR_ENOENT, "no directory, no file");
    rmdir(bad);
    IS_INT(rmdir(dir), 0, "nothing is left beside");
}

int main(void)
{
    pool = tap_begin();
    test_larger();
    test_smaller();
    test_circuits();
    test_in_flight();
    test_take();
    test_pins();
    test_epoch();
    test_versions();
    test_damaged();
    test_files();
    return tap_end();
}
