/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/session_table.h"

#include "state/pin_table.h"

#define MAGIC APR_UINT64_C(0x3131736573706c63) /* "clpses11" */

/* One row of the index for so many bytes of the ring. */
#define BYTES_PER_ROW 512

/* Two writers at once may have left two rows of a name. */
#define MOST_ROWS 8

/*
 * Positions count all bytes that were ever reserved, so they never come again;
 * the place in the ring is what remains of them by its size.
 */
struct clp_session_table {
    apr_uint64_t magic; /* written last */
    apr_uint64_t size;  /* of the whole block */
    apr_uint64_t index_size;
    apr_uint64_t ring_at; /* from the block's start */
    apr_uint64_t ring_size;
    apr_uint64_t unused[3];
    apr_uint64_t reserved; /* where the next value goes; on a line of its own */
    apr_uint64_t unused2[7];
};

_Static_assert(sizeof(clp_session_table) == 128, "index and ring begin on a cache line");

/* What stands in front of a value in the ring. */
typedef struct value_head {
    apr_uint64_t position;
    apr_uint64_t check;
} value_head;

static apr_uint64_t aligned(apr_uint64_t n)
{
    return (n + 63) & ~(apr_uint64_t)63;
}

static apr_size_t index_size_for(apr_size_t size)
{
    apr_size_t rows = size / BYTES_PER_ROW;
    return clp_pin_table_size(rows > 0x1000000 ? 0x1000000 : (apr_uint32_t)rows);
}

clp_session_table *clp_session_table_format(void *memory, apr_size_t size)
{
    clp_session_table *t = memory;
    t->size = size;
    t->index_size = index_size_for(size);
    t->ring_at = sizeof(*t) + aligned(t->index_size);
    t->ring_size = (size - t->ring_at) & ~(apr_uint64_t)63;
    t->reserved = 0;
    clp_pin_table_format(
        (char *)memory + sizeof(*t),
        (apr_uint32_t)(size / BYTES_PER_ROW > 0x1000000 ? 0x1000000 : size / BYTES_PER_ROW));
    __atomic_store_n(&t->magic, MAGIC, __ATOMIC_RELEASE);
    return t;
}

clp_session_table *clp_session_table_open(void *memory, apr_size_t size)
{
    clp_session_table *t = memory;
    if (size < CLP_SESSION_TABLE_MIN || __atomic_load_n(&t->magic, __ATOMIC_ACQUIRE) != MAGIC ||
        t->size != size || t->index_size != index_size_for(size) ||
        t->ring_at != sizeof(*t) + aligned(t->index_size) ||
        t->ring_size != ((size - t->ring_at) & ~(apr_uint64_t)63) ||
        !clp_pin_table_open((char *)memory + sizeof(*t), (apr_size_t)t->index_size)) {
        return NULL;
    }
    return t;
}

static clp_pin_table *index_of(const clp_session_table *t)
{
    return (clp_pin_table *)((const char *)t + sizeof(*t));
}

static char *place_of(const clp_session_table *t, apr_uint64_t position)
{
    return (char *)t + t->ring_at + position % t->ring_size;
}

apr_size_t clp_session_table_max(const clp_session_table *t)
{
    return (apr_size_t)(t->ring_size / 4 - sizeof(value_head));
}

/* --- the check sum -------------------------------------------------------------- */

static apr_uint64_t mix(apr_uint64_t h, apr_uint64_t v)
{
    h = (h ^ v) * APR_UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

/* Four lanes, so that the multiplications do not wait for each other. */
static apr_uint64_t checksum(apr_uint64_t position, const char *p, apr_size_t n)
{
    apr_uint64_t lane[4] = {position, ~position, n, ~(apr_uint64_t)n};
    apr_uint64_t words[4];
    while (n >= sizeof(words)) {
        memcpy(words, p, sizeof(words));
        for (int i = 0; i < 4; i++) {
            lane[i] = mix(lane[i], words[i]);
        }
        p += sizeof(words);
        n -= sizeof(words);
    }
    memset(words, 0, sizeof(words));
    memcpy(words, p, n);
    for (int i = 0; i < 4; i++) {
        lane[i] = mix(lane[i], words[i]);
    }
    return mix(mix(lane[0], lane[1]), mix(lane[2], lane[3]));
}

/* --- the ring ---------------------------------------------------------------------- */

static apr_uint64_t reserve(clp_session_table *t, apr_uint64_t need)
{
    apr_uint64_t at = __atomic_load_n(&t->reserved, __ATOMIC_RELAXED);
    apr_uint64_t start;
    do {
        apr_uint64_t left = t->ring_size - at % t->ring_size;
        start = left < need ? at + left : at;
    } while (!__atomic_compare_exchange_n(&t->reserved, &at, start + need, 1, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    /* Whoever sees a byte that is written from here on must see it reserved, too. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    return start;
}

/* Has nobody begun to write over what stands at `position`, `margin` bytes ahead included? */
static int still_there(const clp_session_table *t, apr_uint64_t position, apr_uint64_t margin)
{
    apr_uint64_t reserved = __atomic_load_n(&t->reserved, __ATOMIC_RELAXED);
    return position < reserved && reserved + margin <= position + t->ring_size;
}

static int fits(const clp_session_table *t, apr_uint64_t position, apr_uint64_t n)
{
    return n && n <= clp_session_table_max(t) &&
           position % t->ring_size + sizeof(value_head) + n <= t->ring_size;
}

int clp_session_table_put(clp_session_table *t, clp_span name, clp_span value, apr_time_t expires)
{
    value_head head;
    clp_pin pin;
    char *to;

    if (!value.n || value.n > clp_session_table_max(t)) {
        return 0;
    }
    head.position = reserve(t, aligned(sizeof(head) + value.n));
    head.check = checksum(head.position, value.p, value.n);
    to = place_of(t, head.position);
    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), value.p, value.n);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    pin.channel = head.position;
    pin.key = value.n;
    clp_pin_table_put(index_of(t), clp_pin_name_of(name), pin, expires);
    return 1;
}

int clp_session_table_get(const clp_session_table *t, clp_span name, apr_time_t now,
                          clp_buffer *out)
{
    value_head head;
    const char *from;
    clp_pin pin;
    char *to;

    if (!clp_pin_table_get(index_of(t), clp_pin_name_of(name), now, &pin) ||
        !fits(t, pin.channel, pin.key) || !still_there(t, pin.channel, 0)) {
        return 0;
    }
    to = clp_buffer_reserve(out, (apr_size_t)pin.key);
    if (!to) {
        return 0;
    }
    from = place_of(t, pin.channel);
    memcpy(&head, from, sizeof(head));
    memcpy(to, from + sizeof(head), (apr_size_t)pin.key);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!still_there(t, pin.channel, 0) || head.position != pin.channel ||
        head.check != checksum(pin.channel, to, (apr_size_t)pin.key)) {
        return 0;
    }
    out->n += (apr_size_t)pin.key;
    return 1;
}

void clp_session_table_remove(clp_session_table *t, clp_span name, apr_time_t now)
{
    clp_pin_name what = clp_pin_name_of(name);
    clp_pin pin;
    for (int i = 0; i < MOST_ROWS && clp_pin_table_get(index_of(t), what, now, &pin); i++) {
        clp_pin_table_put(index_of(t), what, (clp_pin){0, 0}, 0);
        /* What writers may reach while we wipe is left to them. */
        if (fits(t, pin.channel, pin.key) && still_there(t, pin.channel, t->ring_size / 8)) {
            memset(place_of(t, pin.channel), 0, sizeof(value_head) + (apr_size_t)pin.key);
        }
    }
}

static int can_be_got(void *table, const clp_pin *pin)
{
    const clp_session_table *t = table;
    return fits(t, pin->channel, pin->key) && still_there(t, pin->channel, 0);
}

void clp_session_table_use(const clp_session_table *t, apr_time_t now, clp_session_usage *usage)
{
    apr_uint64_t reserved = __atomic_load_n(&t->reserved, __ATOMIC_RELAXED);
    usage->bytes = reserved < t->ring_size ? reserved : t->ring_size;
    usage->room = t->ring_size;
    /* Memory that nobody has used is not there until somebody looks at it. */
    usage->values = reserved ? clp_pin_table_count(index_of(t), now, can_be_got, (void *)t) : 0;
}
