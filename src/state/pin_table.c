/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "state/pin_table.h"

#include <time.h>

#include "wire/text.h"

/* Without them atomics would lock inside one process and guard nothing between two. */
_Static_assert(__GCC_ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");

#define MAGIC   APR_UINT64_C(0x31306e6970706c63) /* "clppin01" */
#define WAYS    8
#define RETRIES 8

/* A writer holds a row for some nanoseconds; one that holds it this long was killed. */
#define DEAD_AFTER_NS APR_INT64_C(1000000000)

/*
 * One cache line. `seq` is odd while the row is written. All members are read
 * and written as whole words; `check` binds them together, so that a row that
 * two writers filled (one of them taken for dead) is recognised.
 */
typedef struct pin_row {
    apr_uint64_t seq;
    apr_uint64_t claimed; /* monotonic time of the claim, for writers only */
    apr_uint64_t what[2]; /* hash of the name */
    apr_uint64_t channel;
    apr_uint64_t key;
    apr_uint64_t expires;
    apr_uint64_t check;
} pin_row;

_Static_assert(sizeof(pin_row) == 64, "a row is one cache line");

struct clp_pin_table {
    apr_uint64_t magic; /* written last */
    apr_uint64_t buckets;
    apr_uint64_t row_size;
    apr_uint64_t ways;
    apr_uint64_t unused[4];
    pin_row rows[];
};

_Static_assert(sizeof(clp_pin_table) == 64, "rows begin on a cache line");

static apr_uint64_t load(const apr_uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store(apr_uint64_t *p, apr_uint64_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static apr_uint64_t buckets_for(apr_uint32_t rows)
{
    apr_uint64_t buckets = 1;
    while (buckets * WAYS < rows) {
        buckets *= 2;
    }
    return buckets;
}

apr_size_t clp_pin_table_size(apr_uint32_t rows)
{
    return sizeof(clp_pin_table) + buckets_for(rows) * WAYS * sizeof(pin_row);
}

apr_uint32_t clp_pin_table_rows(apr_size_t size)
{
    return (apr_uint32_t)((size - sizeof(clp_pin_table)) / sizeof(pin_row));
}

apr_size_t clp_pin_table_bytes(const clp_pin_table *t)
{
    return sizeof(*t) + t->buckets * WAYS * sizeof(pin_row);
}

clp_pin_table *clp_pin_table_format(void *memory, apr_uint32_t rows)
{
    clp_pin_table *t = memory;
    t->buckets = buckets_for(rows);
    t->row_size = sizeof(pin_row);
    t->ways = WAYS;
    __atomic_store_n(&t->magic, MAGIC, __ATOMIC_RELEASE);
    return t;
}

clp_pin_table *clp_pin_table_open(void *memory, apr_size_t size)
{
    clp_pin_table *t = memory;
    if (size < sizeof(*t) || __atomic_load_n(&t->magic, __ATOMIC_ACQUIRE) != MAGIC ||
        t->row_size != sizeof(pin_row) || t->ways != WAYS || !t->buckets ||
        (t->buckets & (t->buckets - 1)) ||
        t->buckets > (size - sizeof(*t)) / (WAYS * sizeof(pin_row))) {
        return NULL;
    }
    return t;
}

clp_pin_name clp_pin_name_of(clp_span what)
{
    clp_pin_name name = {{0, 0}};
    unsigned char raw[32];
    clp_sha256(what, raw);
    for (int i = 0; i < 16; i++) {
        name.half[i / 8] = name.half[i / 8] << 8 | raw[i];
    }
    return name;
}

apr_uint64_t clp_pin_hash(clp_span s)
{
    return clp_pin_name_of(s).half[0];
}

static apr_uint64_t mix(apr_uint64_t h, apr_uint64_t v)
{
    h = (h ^ v) * APR_UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static apr_uint64_t checksum(const pin_row *r)
{
    apr_uint64_t h = mix(MAGIC, r->what[0]);
    h = mix(h, r->what[1]);
    h = mix(h, r->channel);
    h = mix(h, r->key);
    return mix(h, r->expires);
}

static pin_row *bucket_of(const clp_pin_table *t, const apr_uint64_t what[2])
{
    return (pin_row *)t->rows + (what[0] & (t->buckets - 1)) * WAYS;
}

/* A consistent copy of a row; 0 if it is empty or being written. */
static int row_read(const pin_row *r, pin_row *copy)
{
    for (int i = 0; i < RETRIES; i++) {
        apr_uint64_t seq = __atomic_load_n(&r->seq, __ATOMIC_ACQUIRE);
        if (!seq || (seq & 1)) {
            return 0;
        }
        copy->seq = seq;
        copy->what[0] = load(&r->what[0]);
        copy->what[1] = load(&r->what[1]);
        copy->channel = load(&r->channel);
        copy->key = load(&r->key);
        copy->expires = load(&r->expires);
        copy->check = load(&r->check);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (load(&r->seq) == seq) {
            return copy->check == checksum(copy);
        }
    }
    return 0;
}

static apr_uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000000000 + (apr_uint64_t)ts.tv_nsec;
}

/* Make the row ours: the odd number to release it by, or 0 if another has it. */
static apr_uint64_t row_claim(pin_row *r, apr_uint64_t now)
{
    apr_uint64_t seq = load(&r->seq);
    apr_uint64_t mine;
    if ((seq & 1) && (apr_int64_t)(now - load(&r->claimed)) < DEAD_AFTER_NS) {
        return 0;
    }
    mine = (seq & 1) ? seq + 2 : seq + 1;
    if (!__atomic_compare_exchange_n(&r->seq, &seq, mine, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return 0;
    }
    store(&r->claimed, now);
    /* Readers that see any of the new words must see the odd number too. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    return mine;
}

static void row_write(pin_row *r, apr_uint64_t mine, const pin_row *row)
{
    store(&r->what[0], row->what[0]);
    store(&r->what[1], row->what[1]);
    store(&r->channel, row->channel);
    store(&r->key, row->key);
    store(&r->expires, row->expires);
    store(&r->check, checksum(row));
    /* Fails if we were taken for dead: then the row is another's. */
    __atomic_compare_exchange_n(&r->seq, &mine, mine + 1, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Which row to write: the name's own, an unused one, else what expires first. */
static pin_row *row_choose(pin_row *bucket, const apr_uint64_t what[2], unsigned busy)
{
    pin_row *best = NULL;
    apr_uint64_t best_expires = 0;
    for (int i = 0; i < WAYS; i++) {
        pin_row copy;
        apr_uint64_t expires = 0;
        if (busy & (1u << i)) {
            continue;
        }
        if (row_read(&bucket[i], &copy)) {
            if (copy.what[0] == what[0] && copy.what[1] == what[1]) {
                return &bucket[i];
            }
            expires = copy.expires;
        }
        if (!best || expires < best_expires) {
            best = &bucket[i];
            best_expires = expires;
        }
    }
    return best;
}

void clp_pin_table_put(clp_pin_table *t, clp_pin_name what, clp_pin pin, apr_time_t expires)
{
    pin_row row = {.what = {what.half[0], what.half[1]},
                   .channel = pin.channel,
                   .key = pin.key,
                   .expires = (apr_uint64_t)expires};
    pin_row *bucket = bucket_of(t, row.what);
    pin_row *r;
    apr_uint64_t now = clock_ns();
    unsigned busy = 0;
    while ((r = row_choose(bucket, row.what, busy))) {
        apr_uint64_t mine = row_claim(r, now);
        if (mine) {
            row_write(r, mine, &row);
            return;
        }
        busy |= 1u << (r - bucket);
    }
}

int clp_pin_table_get(const clp_pin_table *t, clp_pin_name what, apr_time_t now, clp_pin *pin)
{
    const pin_row *bucket = bucket_of(t, what.half);
    apr_uint64_t best = 0;
    for (int i = 0; i < WAYS; i++) {
        pin_row copy;
        /* Two writers at once may have left two rows: the later one counts. */
        if (row_read(&bucket[i], &copy) && copy.what[0] == what.half[0] &&
            copy.what[1] == what.half[1] && copy.expires > best) {
            best = copy.expires;
            pin->channel = copy.channel;
            pin->key = copy.key;
        }
    }
    return best > (apr_uint64_t)now;
}

void clp_pin_table_each(const clp_pin_table *t, apr_time_t now, clp_pin_visit_fn *visit,
                        void *baton)
{
    int more = 1;
    for (apr_uint64_t i = 0; more && i < t->buckets * WAYS; i++) {
        pin_row copy;
        if (row_read(&t->rows[i], &copy) && copy.expires > (apr_uint64_t)now) {
            clp_pin_name what = {{copy.what[0], copy.what[1]}};
            clp_pin pin = {copy.channel, copy.key};
            more = visit(baton, what, pin, (apr_time_t)copy.expires);
        }
    }
}

typedef struct tally {
    clp_pin_counts_fn *counts;
    void *baton;
    apr_uint64_t n;
} tally;

static int count_one(void *baton, clp_pin_name what, clp_pin pin, apr_time_t expires)
{
    tally *to = baton;
    (void)what;
    (void)expires;
    to->n += !to->counts || to->counts(to->baton, &pin);
    return 1;
}

apr_uint64_t clp_pin_table_count(const clp_pin_table *t, apr_time_t now, clp_pin_counts_fn *counts,
                                 void *baton)
{
    tally sum = {counts, baton, 0};
    clp_pin_table_each(t, now, count_one, &sum);
    return sum.n;
}

static int copy_one(void *to, clp_pin_name what, clp_pin pin, apr_time_t expires)
{
    clp_pin_table_put(to, what, pin, expires);
    return 1;
}

void clp_pin_table_copy(clp_pin_table *to, const clp_pin_table *from, apr_time_t now)
{
    clp_pin_table_each(from, now, copy_one, to);
}
