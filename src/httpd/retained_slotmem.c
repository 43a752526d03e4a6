/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include "retained_slotmem.h"

#include <apr_shm.h>
#include <apr_strings.h>

#include "ap_provider.h"
#include "ap_slotmem.h"
#include "http_config.h"
#include "http_main.h"

#define KEY_PREFIX "mod_claude_proxy_slotmem_v1:"

/* Retained under its name. A later version of the module finds it as this one left it, so another
 * layout needs another prefix. */
struct ap_slotmem_instance_t {
    apr_shm_t *shm; /* NULL = given up */
    apr_size_t item_size;
    unsigned int items;
    char *base;           /* items, 64-byte aligned */
    unsigned char *taken; /* a byte for each item, behind the items */
};

static apr_size_t aligned(apr_size_t n)
{
    return (n + 63) & ~(apr_size_t)63;
}

static const char *key_of(const char *name, apr_pool_t *p)
{
    return apr_pstrcat(p, KEY_PREFIX, name, NULL);
}

static void give_up(ap_slotmem_instance_t *s)
{
    if (s->shm) {
        apr_shm_destroy(s->shm);
        s->shm = NULL;
    }
}

static apr_status_t allocate(ap_slotmem_instance_t *s, apr_size_t item_size, unsigned int items)
{
    apr_size_t room = aligned(item_size * items);
    apr_status_t rv;
    if (!item_size || !items || item_size > (APR_SIZE_MAX / 2) / items) {
        return APR_EINVAL;
    }
    /* Zeroed by the system, and unbacked until it is used. */
    rv = apr_shm_create(&s->shm, room + items + 64, NULL, ap_pglobal);
    if (rv != APR_SUCCESS) {
        s->shm = NULL;
        return rv;
    }
    s->item_size = item_size;
    s->items = items;
    s->base = (char *)aligned((apr_size_t)apr_shm_baseaddr_get(s->shm));
    s->taken = (unsigned char *)s->base + room;
    return APR_SUCCESS;
}

static apr_status_t retained_create(ap_slotmem_instance_t **out, const char *name,
                                    apr_size_t item_size, unsigned int items,
                                    ap_slotmem_type_t type, apr_pool_t *pool)
{
    const char *key;
    ap_slotmem_instance_t *s;
    if (!name || (type & AP_SLOTMEM_TYPE_PERSIST)) {
        return name ? APR_ENOTIMPL : APR_EINVAL;
    }
    key = key_of(name, pool);
    s = ap_retained_data_get(key);
    if (!s) {
        s = ap_retained_data_create(key, sizeof(*s));
    }
    if (!s->shm || s->item_size != item_size || s->items != items) {
        ap_slotmem_instance_t fresh = {NULL, 0, 0, NULL, NULL};
        apr_status_t rv = allocate(&fresh, item_size, items);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        give_up(s);
        *s = fresh;
    }
    if (type & AP_SLOTMEM_TYPE_CLEARINUSE) {
        memset(s->taken, 0, items);
    }
    if (type & AP_SLOTMEM_TYPE_PREGRAB) {
        memset(s->taken, 1, items);
    }
    *out = s;
    return APR_SUCCESS;
}

static apr_status_t retained_attach(ap_slotmem_instance_t **out, const char *name,
                                    apr_size_t *item_size, unsigned int *items, apr_pool_t *pool)
{
    ap_slotmem_instance_t *s = name ? ap_retained_data_get(key_of(name, pool)) : NULL;
    if (!s || !s->shm) {
        return APR_ENOSHMAVAIL;
    }
    *out = s;
    *item_size = s->item_size;
    *items = s->items;
    return APR_SUCCESS;
}

static apr_status_t retained_dptr(ap_slotmem_instance_t *s, unsigned int id, void **mem)
{
    if (!s || id >= s->items) {
        return APR_EINVAL;
    }
    *mem = s->base + (apr_size_t)id * s->item_size;
    return APR_SUCCESS;
}

static int is_taken(const ap_slotmem_instance_t *s, unsigned int id)
{
    return __atomic_load_n(&s->taken[id], __ATOMIC_ACQUIRE);
}

static apr_status_t retained_get(ap_slotmem_instance_t *s, unsigned int id, unsigned char *dest,
                                 apr_size_t n)
{
    void *item;
    if (retained_dptr(s, id, &item) != APR_SUCCESS || n > s->item_size) {
        return APR_EINVAL;
    }
    if (!is_taken(s, id)) {
        return APR_NOTFOUND;
    }
    memcpy(dest, item, n);
    return APR_SUCCESS;
}

static apr_status_t retained_put(ap_slotmem_instance_t *s, unsigned int id, unsigned char *src,
                                 apr_size_t n)
{
    void *item;
    if (retained_dptr(s, id, &item) != APR_SUCCESS || n > s->item_size) {
        return APR_EINVAL;
    }
    __atomic_store_n(&s->taken[id], 1, __ATOMIC_RELEASE);
    memcpy(item, src, n);
    return APR_SUCCESS;
}

static unsigned int retained_num_slots(ap_slotmem_instance_t *s)
{
    return s->items;
}

static unsigned int retained_num_free_slots(ap_slotmem_instance_t *s)
{
    unsigned int n = 0;
    for (unsigned int i = 0; i < s->items; i++) {
        n += !is_taken(s, i);
    }
    return n;
}

static apr_size_t retained_slot_size(ap_slotmem_instance_t *s)
{
    return s->item_size;
}

/* Of two that want the same item one gets it. */
static int take(ap_slotmem_instance_t *s, unsigned int id)
{
    unsigned char was = 0;
    return __atomic_compare_exchange_n(&s->taken[id], &was, 1, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static apr_status_t retained_grab(ap_slotmem_instance_t *s, unsigned int *id)
{
    for (unsigned int i = 0; s && i < s->items; i++) {
        if (take(s, i)) {
            *id = i;
            return APR_SUCCESS;
        }
    }
    return s ? APR_EINVAL : APR_ENOSHMAVAIL;
}

static apr_status_t retained_fgrab(ap_slotmem_instance_t *s, unsigned int id)
{
    if (!s || id >= s->items) {
        return APR_EINVAL;
    }
    take(s, id);
    return APR_SUCCESS;
}

static apr_status_t retained_release(ap_slotmem_instance_t *s, unsigned int id)
{
    if (!s || id >= s->items) {
        return APR_EINVAL;
    }
    if (!is_taken(s, id)) {
        return APR_NOTFOUND;
    }
    __atomic_store_n(&s->taken[id], 0, __ATOMIC_RELEASE);
    return APR_SUCCESS;
}

static apr_status_t retained_doall(ap_slotmem_instance_t *s, ap_slotmem_callback_fn_t *fn,
                                   void *data, apr_pool_t *pool)
{
    apr_status_t rv = s ? APR_SUCCESS : APR_ENOSHMAVAIL;
    for (unsigned int i = 0; s && i < s->items && rv == APR_SUCCESS; i++) {
        if (is_taken(s, i)) {
            rv = fn(s->base + (apr_size_t)i * s->item_size, data, pool);
        }
    }
    return rv;
}

static const ap_slotmem_provider_t provider = {
    CLP_RETAINED_SLOTMEM,    retained_doall,     retained_create, retained_attach,
    retained_dptr,           retained_get,       retained_put,    retained_num_slots,
    retained_num_free_slots, retained_slot_size, retained_grab,   retained_release,
    retained_fgrab};

void clp_retained_slotmem_register(apr_pool_t *p)
{
    ap_register_provider(p, AP_SLOTMEM_PROVIDER_GROUP, CLP_RETAINED_SLOTMEM,
                         AP_SLOTMEM_PROVIDER_VERSION, &provider);
}

static const ap_slotmem_provider_t *lookup(void)
{
    return ap_lookup_provider(AP_SLOTMEM_PROVIDER_GROUP, CLP_RETAINED_SLOTMEM,
                              AP_SLOTMEM_PROVIDER_VERSION);
}

void *clp_retained_items(const char *name, apr_size_t item_size, unsigned int items, apr_pool_t *p,
                         apr_status_t *rv)
{
    const ap_slotmem_provider_t *retained = lookup();
    ap_slotmem_instance_t *instance;
    void *first = NULL;
    *rv = retained->create(&instance, name, item_size, items, AP_SLOTMEM_TYPE_PREGRAB, p);
    if (*rv == APR_SUCCESS) {
        *rv = retained->dptr(instance, 0, &first);
    }
    return first;
}

void *clp_retained_find(const char *name, apr_size_t item_size, unsigned int items, apr_pool_t *p)
{
    const ap_slotmem_provider_t *retained = lookup();
    ap_slotmem_instance_t *instance;
    apr_size_t found_size;
    unsigned int found_items;
    void *first = NULL;
    if (retained->attach(&instance, name, &found_size, &found_items, p) == APR_SUCCESS &&
        found_size == item_size && found_items == items) {
        retained->dptr(instance, 0, &first);
    }
    return first;
}

void *clp_retained_resized(const char *name, apr_size_t *size, clp_retained_move *move,
                           apr_pool_t *p, apr_status_t *rv)
{
    ap_slotmem_instance_t *s = ap_retained_data_get(key_of(name, p));
    ap_slotmem_instance_t fresh = {NULL, 0, 0, NULL, NULL};
    if (!s || !s->shm || s->items != 1 || s->item_size == *size) {
        return clp_retained_items(name, *size, 1, p, rv);
    }
    *rv = allocate(&fresh, *size, 1);
    if (*rv == APR_SUCCESS) {
        memset(fresh.taken, 1, 1);
        if (move) {
            move(fresh.base, *size, s->base, s->item_size);
        }
        give_up(s);
        *s = fresh;
    }
    *size = s->item_size;
    return s->base;
}

void clp_retained_forget(const char *name, apr_pool_t *p)
{
    ap_slotmem_instance_t *s = ap_retained_data_get(key_of(name, p));
    if (s) {
        give_up(s);
    }
}
