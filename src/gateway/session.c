/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/session.h"

#include "wire/log.h"
#include "wire/text.h"

#define MAGIC     0x31736c63 /* "cls1" */
#define HEAD_SIZE 104

/* A store that fails is told of once in this time. */
#define TELL_EVERY apr_time_from_sec(60)

clp_session_owner clp_session_owner_of(const char *user)
{
    clp_session_owner owner;
    unsigned char raw[32];
    clp_sha256(clp_span_str(user), raw);
    memcpy(owner.hash, raw, sizeof(owner.hash));
    return owner;
}

/* --- records as bytes: numbers little-endian, for hosts of either kind -------------- */

static void put_number(clp_buffer *out, apr_uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        clp_buffer_putc(out, (char)(v >> (8 * i)));
    }
}

static apr_uint64_t take_number(const char **at, int bytes)
{
    apr_uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) {
        v = v << 8 | (unsigned char)(*at)[i];
    }
    *at += bytes;
    return v;
}

void clp_session_record_write(clp_buffer *out, const clp_session_record *record)
{
    const char *previous = record->previous ? record->previous : "";
    apr_size_t id_n = strlen(record->id);
    apr_size_t previous_n = strlen(previous);
    apr_size_t model_n = strlen(record->model);

    put_number(out, MAGIC, 4);
    put_number(out, record->items, 4);
    put_number(out, (apr_uint64_t)record->created, 8);
    put_number(out, (apr_uint64_t)record->used, 8);
    put_number(out, record->channel, 8);
    put_number(out, record->key, 8);
    put_number(out, (apr_uint64_t)record->tokens, 8);
    clp_buffer_append(out, (const char *)record->owner.hash, sizeof(record->owner.hash));
    put_number(out, id_n, 4);
    put_number(out, previous_n, 4);
    put_number(out, model_n, 4);
    put_number(out, record->input.n, 8);
    put_number(out, record->document.n, 8);
    put_number(out, (apr_uint64_t)(record->output.p - record->document.p), 8);
    put_number(out, record->output.n, 4);
    clp_buffer_append(out, record->id, id_n + 1);
    clp_buffer_append(out, previous, previous_n + 1);
    clp_buffer_append(out, record->model, model_n + 1);
    clp_buffer_span(out, record->input);
    clp_buffer_span(out, record->document);
}

/* The next `n` bytes; NULL if there are not as many. */
static const char *take_bytes(const char **at, const char *end, apr_uint64_t n)
{
    const char *p = *at;
    if ((apr_uint64_t)(end - p) < n) {
        return NULL;
    }
    *at += n;
    return p;
}

/* A string of `n` bytes with a NUL behind it, and none inside. */
static const char *take_string(const char **at, const char *end, apr_uint64_t n)
{
    const char *p = take_bytes(at, end, n + 1);
    return p && p[n] == '\0' && !memchr(p, '\0', (apr_size_t)n) ? p : NULL;
}

int clp_session_record_read(clp_session_record *record, clp_span bytes)
{
    const char *at = bytes.p;
    const char *end = bytes.p + bytes.n;
    apr_uint64_t id_n;
    apr_uint64_t previous_n;
    apr_uint64_t model_n;
    apr_uint64_t input_n;
    apr_uint64_t document_n;
    apr_uint64_t output_at;
    apr_uint64_t output_n;
    const char *input;
    const char *document;

    memset(record, 0, sizeof(*record));
    if (bytes.n < HEAD_SIZE || take_number(&at, 4) != MAGIC) {
        return 0;
    }
    record->items = (apr_uint32_t)take_number(&at, 4);
    record->created = (apr_time_t)take_number(&at, 8);
    record->used = (apr_time_t)take_number(&at, 8);
    record->channel = take_number(&at, 8);
    record->key = take_number(&at, 8);
    record->tokens = (apr_int64_t)take_number(&at, 8);
    memcpy(record->owner.hash, at, sizeof(record->owner.hash));
    at += sizeof(record->owner.hash);
    id_n = take_number(&at, 4);
    previous_n = take_number(&at, 4);
    model_n = take_number(&at, 4);
    input_n = take_number(&at, 8);
    document_n = take_number(&at, 8);
    output_at = take_number(&at, 8);
    output_n = take_number(&at, 4);
    if (!(record->id = take_string(&at, end, id_n)) ||
        !(record->previous = take_string(&at, end, previous_n)) ||
        !(record->model = take_string(&at, end, model_n)) ||
        !(input = take_bytes(&at, end, input_n)) ||
        !(document = take_bytes(&at, end, document_n)) || at != end || output_at > document_n ||
        output_n > document_n - output_at || record->tokens < 0) {
        return 0;
    }
    if (!previous_n) {
        record->previous = NULL;
    }
    record->input = clp_span_of(input, (apr_size_t)input_n);
    record->document = clp_span_of(document, (apr_size_t)document_n);
    record->output = clp_span_of(document + output_at, (apr_size_t)output_n);
    return 1;
}

/* --- failures ----------------------------------------------------------------------------- */

/* Is it this caller's turn to tell? */
static int take_turn(apr_time_t *last)
{
    apr_time_t now = apr_time_now();
    apr_time_t before = __atomic_load_n(last, __ATOMIC_RELAXED);

    return (now - before >= TELL_EVERY || now < before) &&
           __atomic_compare_exchange_n(last, &before, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void clp_session_store_tell(clp_session_store *s, clp_session_status status, const char *outcome,
                            void *subject)
{
    int full = status == CLP_SESSION_FULL;

    if ((full || status == CLP_SESSION_DOWN) && s->told &&
        take_turn(full ? &s->told->full : &s->told->down)) {
        clp_log(subject, CLP_LOG_WARNING, 0, 1600, "the session store %s: %s",
                full ? "takes nothing as large" : "does not answer", outcome);
    }
}

/* --- the shared table as a store -------------------------------------------------------- */

static clp_session_status put_in_table(clp_session_store *s, clp_span name, clp_span value,
                                       apr_time_t expires, apr_pool_t *pool)
{
    (void)pool;
    return clp_session_table_put(s->ctx, name, value, expires) ? CLP_SESSION_OK : CLP_SESSION_FULL;
}

static clp_session_status get_from_table(clp_session_store *s, clp_span name, apr_time_t now,
                                         clp_buffer *out, apr_pool_t *pool)
{
    (void)pool;
    return clp_session_table_get(s->ctx, name, now, out) ? CLP_SESSION_OK : CLP_SESSION_ABSENT;
}

static clp_session_status remove_from_table(clp_session_store *s, clp_span name, apr_time_t now,
                                            apr_pool_t *pool)
{
    (void)pool;
    clp_session_table_remove(s->ctx, name, now);
    return CLP_SESSION_OK;
}

clp_session_store *clp_session_store_of_table(clp_session_table *table, apr_pool_t *pool)
{
    clp_session_store *s = apr_pcalloc(pool, sizeof(*s));
    s->put = put_in_table;
    s->get = get_from_table;
    s->remove = remove_from_table;
    s->ctx = table;
    return s;
}
