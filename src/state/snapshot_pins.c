/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <apr_strings.h>

#include "snapshot_document.h"

#define LAYOUT 1

/* What a row holds, as words. */
enum { NAME, NAME_END, CHANNEL, KEY, EXPIRES, WORDS };

#define ROW_SIZE (WORDS * sizeof(apr_uint64_t))

typedef struct known_pins {
    const char *name;
    clp_pin_table *table; /* NULL = there is none */
} known_pins;

enum { AFFINITY, THREADS, KNOWN };

static void known_of(const clp_snapshot_pins *pins, known_pins known[KNOWN])
{
    known[AFFINITY] = (known_pins){"affinity", pins ? pins->affinity : NULL};
    known[THREADS] = (known_pins){"threads", pins ? pins->threads : NULL};
}

/* --- writing ------------------------------------------------------------------------------- */

typedef struct writing {
    clp_section_head head;
    clp_buffer *out;
} writing;

static int write_pin(void *baton, clp_pin_name what, clp_pin pin, apr_time_t expires)
{
    writing *to = baton;
    const apr_uint64_t number = 0;
    const apr_uint64_t words[WORDS] = {[NAME] = what.half[0],
                                       [NAME_END] = what.half[1],
                                       [CHANNEL] = pin.channel,
                                       [KEY] = pin.key,
                                       [EXPIRES] = (apr_uint64_t)expires};
    clp_buffer_append(to->out, (const char *)&number, sizeof(number));
    clp_buffer_append(to->out, (const char *)words, sizeof(words));
    return ++to->head.rows < CLP_SNAPSHOT_PINS_MAX;
}

static void write_section(const known_pins *known, apr_time_t now, clp_buffer *out)
{
    writing to = {.head = {.layout = LAYOUT, .row_size = ROW_SIZE}, .out = out};
    apr_size_t head_at = out->n;
    apr_cpystrn(to.head.name, known->name, sizeof(to.head.name));
    clp_buffer_append(out, (const char *)&to.head, sizeof(to.head));
    clp_pin_table_each(known->table, now, write_pin, &to);
    memcpy(out->p + head_at, &to.head, sizeof(to.head));
}

void clp_snapshot_pins_write(const clp_snapshot_pins *pins, apr_time_t now, clp_buffer *out)
{
    known_pins known[KNOWN];
    known_of(pins, known);
    for (int i = 0; i < KNOWN; i++) {
        if (known[i].table) {
            write_section(&known[i], now, out);
        }
    }
}

/* --- reading ------------------------------------------------------------------------------- */

static int read_pin(clp_pin_table *to, const char *row, apr_time_t now)
{
    apr_uint64_t words[WORDS];
    memcpy(words, row + CLP_ROW_NUMBER, sizeof(words));
    if (words[EXPIRES] <= (apr_uint64_t)now) {
        return 0;
    }
    clp_pin_table_put(to, (clp_pin_name){{words[NAME], words[NAME_END]}},
                      (clp_pin){words[CHANNEL], words[KEY]}, (apr_time_t)words[EXPIRES]);
    return 1;
}

static void read_section(clp_pin_table *to, const clp_section *s, apr_time_t now,
                         clp_snapshot_told *told)
{
    if (s->head.layout != LAYOUT || s->head.row_size < ROW_SIZE) {
        told->other_layout++;
        return;
    }
    for (apr_uint32_t i = 0; i < s->head.rows; i++) {
        told->pins += (unsigned)read_pin(to, clp_section_row(s, i), now);
    }
}

int clp_snapshot_pins_read(const clp_snapshot_pins *pins, const clp_section *s, apr_time_t now,
                           clp_snapshot_told *told)
{
    known_pins known[KNOWN];
    known_of(pins, known);
    for (int i = 0; i < KNOWN; i++) {
        if (!strcmp(known[i].name, s->head.name)) {
            if (known[i].table) {
                read_section(known[i].table, s, now, told);
            }
            return 1;
        }
    }
    return 0;
}
