/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "gateway/response_items.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "wire/json_scan.h"
#include "wire/json_write.h"
#include "wire/quantity.h"

#define PAGE_DEFAULT 20
#define PAGE_MAX     100

static const char *id_of(clp_jval item, const clp_session_record *record, int i, apr_pool_t *pool)
{
    const char *id = clp_jval_cstr(clp_jval_get(item, "id"), pool);
    /* "item_", the response's own characters, and the item's place. */
    return id && *id
               ? id
               : apr_psprintf(pool, "item_%s_%d",
                              !strncmp(record->id, "resp_", 5) ? record->id + 5 : record->id, i);
}

static void write_content(clp_jw *w, clp_jval content, int assistant)
{
    if (!clp_jval_is_string(content)) {
        clp_jw_raw(w, clp_jval_raw(content));
        return;
    }
    clp_jw_array(w);
    clp_jw_object(w);
    clp_jw_kstr(w, "type", assistant ? "output_text" : "input_text");
    clp_jw_kraw(w, "text", clp_jval_raw(content));
    if (assistant) {
        clp_jw_kraw(w, "annotations", CLP_SPAN_LIT("[]"));
    }
    clp_jw_end_object(w);
    clp_jw_end_array(w);
}

static void write_item(clp_jw *w, clp_jval item, const char *id)
{
    int is_message = clp_jval_str_is(clp_jval_get(item, "type"), "message") ||
                     clp_jval_nil(clp_jval_get(item, "type"));
    if (!clp_jval_is_object(item)) {
        clp_jw_raw(w, clp_jval_raw(item));
        return;
    }
    clp_jw_object(w);
    clp_jw_kstr(w, "id", id);
    if (is_message) {
        clp_jw_kstr(w, "type", "message");
    }
    CLP_JVAL_EACH (member, item) {
        if (clp_jval_named(member, "id") || (is_message && clp_jval_named(member, "type"))) {
            continue;
        }
        clp_jw_key_text(w, clp_jval_name(member));
        if (is_message && clp_jval_named(member, "content")) {
            write_content(w, member, clp_jval_str_is(clp_jval_get(item, "role"), "assistant"));
        }
        else {
            clp_jw_raw(w, clp_jval_raw(member));
        }
    }
    clp_jw_end_object(w);
}

static clp_problem *read_page(const clp_items_page *page, apr_int64_t *limit, int *descending,
                              apr_pool_t *pool)
{
    *limit = PAGE_DEFAULT;
    *descending = !page->order || !strcmp(page->order, "desc");
    if (page->limit && (!clp_count_parse(page->limit, limit) || *limit < 1 || *limit > PAGE_MAX)) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, "limit", "is a number from 1 to %d", PAGE_MAX);
    }
    if (!*descending && strcmp(page->order, "asc") != 0) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, "order", "is asc or desc");
    }
    return NULL;
}

typedef struct listed_item {
    clp_jval value;
    const char *id;
} listed_item;

/* All input items, in the order of the page. */
static apr_array_header_t *list_items(const clp_session_record *record, int descending,
                                      apr_pool_t *pool)
{
    clp_json_limits limits = {CLP_JSON_DEPTH_DEFAULT, 2, 0};
    clp_json *doc = clp_json_make(pool);
    apr_array_header_t *items = apr_array_make(pool, 32, sizeof(listed_item));

    if (clp_json_scan(doc, record->input, &limits, NULL) != CLP_JSON_OK) {
        return items;
    }
    CLP_JVAL_EACH (value, clp_json_root(doc)) {
        listed_item *item = &APR_ARRAY_PUSH(items, listed_item);
        item->value = value;
        item->id = id_of(value, record, items->nelts - 1, pool);
    }
    for (int i = 0, j = items->nelts - 1; descending && i < j; i++, j--) {
        listed_item swap = APR_ARRAY_IDX(items, i, listed_item);
        APR_ARRAY_IDX(items, i, listed_item) = APR_ARRAY_IDX(items, j, listed_item);
        APR_ARRAY_IDX(items, j, listed_item) = swap;
    }
    return items;
}

/* Where the page begins; -1 if the item it shall follow is not there. */
static int page_begin(const apr_array_header_t *items, const char *after)
{
    for (int i = 0; after && i < items->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(items, i, listed_item).id, after)) {
            return i + 1;
        }
    }
    return after ? -1 : 0;
}

static void write_end(clp_jw *w, const char *name, const apr_array_header_t *items, int at)
{
    clp_jw_key(w, name);
    if (at < 0) {
        clp_jw_null(w);
    }
    else {
        clp_jw_str(w, APR_ARRAY_IDX(items, at, listed_item).id);
    }
}

clp_problem *clp_response_items(clp_buffer *out, const clp_session_record *record,
                                const clp_items_page *page, apr_pool_t *pool)
{
    apr_array_header_t *items;
    apr_int64_t limit;
    int descending;
    int from;
    int to;
    clp_jw w;
    clp_problem *problem = read_page(page, &limit, &descending, pool);

    if (problem) {
        return problem;
    }
    items = list_items(record, descending, pool);
    from = page_begin(items, page->after);
    if (from < 0) {
        return clp_problem_at(pool, CLP_BAD_REQUEST, "after", "there is no such item");
    }
    to = items->nelts - from > limit ? from + (int)limit : items->nelts;
    clp_jw_init(&w, out);
    clp_jw_object(&w);
    clp_jw_kstr(&w, "object", "list");
    clp_jw_key(&w, "data");
    clp_jw_array(&w);
    for (int i = from; i < to; i++) {
        const listed_item *item = &APR_ARRAY_IDX(items, i, listed_item);
        write_item(&w, item->value, item->id);
    }
    clp_jw_end_array(&w);
    write_end(&w, "first_id", items, from < to ? from : -1);
    write_end(&w, "last_id", items, from < to ? to - 1 : -1);
    clp_jw_kbool(&w, "has_more", to < items->nelts);
    clp_jw_end_object(&w);
    return NULL;
}
