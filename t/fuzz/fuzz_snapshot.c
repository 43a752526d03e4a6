/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "state/snapshot.h"
#include "wire/text.h"

/*
 * The input: a snapshot as anybody could make it who may write to the state directory, so size
 * and check sum are made right. Holds: whatever it says, it is read within its bytes and into the
 * tables there are; what was read is written to a snapshot that reads the same.
 */
#define HEAD 64

static char *made_right(const uint8_t *data, size_t size)
{
    char *document = malloc(size + 1);
    apr_uint64_t n = size;
    FUZZ_CHECK(document);
    memcpy(document, data, size);
    memcpy(document, "clpsnp01", 8);
    memcpy(document + 8, &n, 8);
    clp_sha256(clp_span_of(document + HEAD, size - HEAD), (unsigned char *)document + 32);
    return document;
}

/* Tables of one bucket each: pins displace each other. */
static clp_pin_table *make_pin_table(apr_pool_t *pool)
{
    char *memory = apr_pcalloc(pool, clp_pin_table_size(8) + 63);
    return clp_pin_table_format((void *)(((apr_uintptr_t)memory + 63) & ~(apr_uintptr_t)63), 8);
}

static clp_snapshot_pins make_pins(apr_pool_t *pool)
{
    clp_snapshot_pins pins = {make_pin_table(pool), make_pin_table(pool)};
    return pins;
}

static apr_uint64_t in_force(const clp_snapshot_pins *pins, apr_time_t now)
{
    return clp_pin_table_count(pins->affinity, now, NULL, NULL) +
           clp_pin_table_count(pins->threads, now, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const clp_capacity capacity = {3, 3, 3, 3, 3, 1, 16};
    apr_time_t now = apr_time_from_sec(1700000000);
    apr_pool_t *pool;
    clp_tables *t;
    clp_snapshot_pins pins, others;
    clp_buffer *written;
    clp_snapshot_told told, again;
    char *document;

    if (size < HEAD) {
        return 0;
    }
    pool = fuzz_pool();
    t = clp_tables_make_private(&capacity, pool);
    pins = make_pins(pool);
    others = make_pins(pool);
    document = made_right(data, size);
    told = clp_snapshot_read(t, &pins, clp_span_of(document, size), now, pool);
    FUZZ_CHECK(!told.wrong);
    written = clp_buffer_make(pool, 0);
    clp_snapshot_write(t->layout, t->blocks, CLP_TABLES, &pins, now, written);
    again = clp_snapshot_read(clp_tables_make_private(&capacity, pool), &others,
                              clp_buffer_all(written), now, pool);
    FUZZ_CHECK(!again.wrong && again.rows <= told.rows && !again.left_out && !again.other_layout);
    FUZZ_CHECK(again.pins <= told.pins && again.pins == in_force(&pins, now) &&
               again.pins == in_force(&others, now));
    free(document);
    apr_pool_destroy(pool);
    return 0;
}
