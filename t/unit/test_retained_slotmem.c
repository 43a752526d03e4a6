/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The provider as it is, over what little it needs of httpd. */
#include "httpd/retained_slotmem.c"

#undef OK /* httpd's */
#include "tap.h"

static apr_pool_t *pool;
static const ap_slotmem_provider_t *registered;

apr_pool_t *ap_pglobal;

void *ap_retained_data_get(const char *key)
{
    void *data = NULL;
    apr_pool_userdata_get(&data, key, ap_pglobal);
    return data;
}

void *ap_retained_data_create(const char *key, apr_size_t size)
{
    void *data = apr_pcalloc(ap_pglobal, size);
    apr_pool_userdata_set(data, key, apr_pool_cleanup_null, ap_pglobal);
    return data;
}

apr_status_t ap_register_provider(apr_pool_t *p, const char *group, const char *name,
                                  const char *version, const void *which)
{
    OK(p && !strcmp(group, "slotmem") && !strcmp(name, "retained") && !strcmp(version, "0"),
       "registered as slotmem, retained, 0");
    registered = which;
    return APR_SUCCESS;
}

void *ap_lookup_provider(const char *group, const char *name, const char *version)
{
    (void)group;
    (void)name;
    (void)version;
    return (void *)registered;
}

static ap_slotmem_instance_t *create(const char *name, apr_size_t size, unsigned int n,
                                     ap_slotmem_type_t type)
{
    ap_slotmem_instance_t *s = NULL;
    IS_INT(registered->create(&s, name, size, n, type, pool), APR_SUCCESS, "created");
    return s;
}

static void *item(ap_slotmem_instance_t *s, unsigned int id)
{
    void *mem = NULL;
    registered->dptr(s, id, &mem);
    return mem;
}

static void test_retained(void)
{
    ap_slotmem_instance_t *s = create("a", 24, 3, 0);
    ap_slotmem_instance_t *found = NULL;
    apr_size_t size = 0;
    unsigned int n = 0;
    char *first = item(s, 0);
    OK(first && ((apr_uintptr_t)first & 63) == 0 && (char *)item(s, 2) == first + 48,
       "items begin aligned and lie one behind the other");
    OK(!item(s, 3), "there are no more");
    IS_INT(first[0] | first[71], 0, "zeroed");
    strcpy(first, "kept");
    s = create("a", 24, 3, 0);
    OK(item(s, 0) == first && !strcmp(first, "kept"), "asked again: the same, as it is");
    IS_INT(registered->attach(&found, "a", &size, &n, pool), APR_SUCCESS, "attached");
    OK(item(found, 0) == first && size == 24 && n == 3, "with its sizes");
    OK(registered->attach(&found, "b", &size, &n, pool) != APR_SUCCESS, "an unknown name is not");
    OK(item(create("b", 24, 3, 0), 0) != first, "another name, other memory");
    IS_INT(((char *)item(create("a", 24, 4, 0), 0))[0], 0, "another size: new memory");
    IS_INT(registered->create(&found, "c", 8, 1, AP_SLOTMEM_TYPE_PERSIST, pool), APR_ENOTIMPL,
           "files are not kept");
    IS_INT(registered->create(&found, NULL, 8, 1, 0, pool), APR_EINVAL, "nameless is refused");
    IS_INT(registered->create(&found, "d", APR_SIZE_MAX / 2, 3, 0, pool), APR_EINVAL,
           "so is what nobody has");
}

/* More than any system has. */
#define REFUSED ((apr_size_t)1 << 46)

static void test_refused(void)
{
    ap_slotmem_instance_t *s = create("kept", 24, 3, 0);
    char *first = item(s, 0);
    strcpy(first, "kept");
    OK(registered->create(&s, "kept", REFUSED, 1, 0, pool) != APR_SUCCESS, "no memory");
    OK(item(create("kept", 24, 3, 0), 0) == first && !strcmp(first, "kept"),
       "what there is stays as it is");
}

static void move_text(void *to, apr_size_t to_size, void *from, apr_size_t from_size)
{
    memcpy(to, from, from_size < to_size ? from_size : to_size);
}

static void test_resized(void)
{
    apr_size_t size = 8;
    apr_status_t rv;
    char *first = clp_retained_resized("item", &size, move_text, pool, &rv);
    char *larger;
    OK(first && rv == APR_SUCCESS && size == 8, "made");
    strcpy(first, "text");
    OK(clp_retained_resized("item", &size, move_text, pool, &rv) == first, "the same again");
    size = 100;
    larger = clp_retained_resized("item", &size, move_text, pool, &rv);
    OK(larger && !strcmp(larger, "text") && rv == APR_SUCCESS && size == 100,
       "larger: its content has moved");
    OK(clp_retained_find("item", 100, 1, pool) == larger, "and is found there");
    size = REFUSED;
    OK(clp_retained_resized("item", &size, move_text, pool, &rv) == larger && rv != APR_SUCCESS &&
           size == 100 && !strcmp(larger, "text"),
       "refused: it stays, and is told how large");
    size = REFUSED;
    OK(!clp_retained_resized("new", &size, move_text, pool, &rv) && rv != APR_SUCCESS,
       "refused and new: there is none");
}

/* A child of an older configuration goes on with its memory when the parent has other. */
static void test_children(void)
{
    int *shared = item(create("children", 8, 2, 0), 1);
    int go[2];
    int status;
    char byte = 1;
    fflush(stdout);
    if (pipe(go) != 0) {
        return;
    }
    if (!fork()) {
        *shared = 7;
        _exit(read(go[0], &byte, 1) == 1 && *shared == 7 ? 0 : 1);
    }
    while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) != 7) {
        usleep(1000);
    }
    OK(1, "a child's writes are the parent's");
    IS_INT(*(int *)item(create("children", 8, 3, 0), 1), 0,
           "the next configuration has other memory");
    OK(write(go[1], &byte, 1) == 1 && wait(&status) > 0 && status == 0,
       "the child goes on with what it had");
}

static void test_get_put(void)
{
    ap_slotmem_instance_t *s = create("bytes", 4, 2, 0);
    unsigned char out[8] = {0};
    unsigned char in[8] = "abcdefg";
    IS_INT(registered->get(s, 0, out, 4), APR_NOTFOUND, "nothing to get");
    IS_INT(registered->put(s, 0, in, 4), APR_SUCCESS, "put");
    IS_INT(registered->get(s, 0, out, 4), APR_SUCCESS, "got");
    OK(!memcmp(out, "abcd", 5), "what was put");
    OK(registered->put(s, 0, in, 5) == APR_EINVAL && registered->get(s, 0, out, 5) == APR_EINVAL,
       "not beyond the item");
    OK(registered->put(s, 2, in, 1) == APR_EINVAL && registered->get(s, 2, out, 1) == APR_EINVAL,
       "nor where there is none");
}

static apr_status_t count(void *mem, void *data, apr_pool_t *p)
{
    (void)p;
    *(int *)data += *(int *)mem + 1;
    return *(int *)mem == 100 ? APR_EGENERAL : APR_SUCCESS;
}

static void test_grab(void)
{
    ap_slotmem_instance_t *s = create("slots", 8, 3, 0);
    unsigned int id = 9;
    int sum = 0;
    OK(registered->num_slots(s) == 3 && registered->num_free_slots(s) == 3 &&
           registered->slot_size(s) == 8,
       "three of eight bytes, all free");
    OK(registered->grab(s, &id) == APR_SUCCESS && id == 0, "the first");
    OK(registered->fgrab(s, 1) == APR_SUCCESS && registered->grab(s, &id) == APR_SUCCESS && id == 2,
       "the one behind that which was asked for");
    IS_INT(registered->grab(s, &id), APR_EINVAL, "then none is left");
    IS_INT(registered->release(s, 1), APR_SUCCESS, "given back");
    OK(registered->release(s, 1) == APR_NOTFOUND && registered->release(s, 3) == APR_EINVAL &&
           registered->fgrab(s, 3) == APR_EINVAL,
       "once, and only what there is");
    IS_INT(registered->num_free_slots(s), 1, "one is free");
    *(int *)item(s, 0) = 4;
    IS_INT(registered->doall(s, count, &sum, pool), APR_SUCCESS, "for all in use");
    IS_INT(sum, 5 + 1, "and for no other");
    *(int *)item(s, 0) = 100;
    IS_INT(registered->doall(s, count, &sum, pool), APR_EGENERAL, "until one says no");
    s = create("slots", 8, 3, AP_SLOTMEM_TYPE_CLEARINUSE);
    OK(registered->num_free_slots(s) == 3 && *(int *)item(s, 0) == 100,
       "all free again, as they are");
    IS_INT(registered->num_free_slots(create("slots", 8, 3, AP_SLOTMEM_TYPE_PREGRAB)), 0,
           "or all in use");
}

static void test_items(void)
{
    apr_status_t rv;
    char *first = clp_retained_items("items", 16, 4, pool, &rv);
    OK(first && rv == APR_SUCCESS, "items by one call");
    OK(clp_retained_find("items", 16, 4, pool) == first, "found");
    OK(!clp_retained_find("items", 16, 5, pool), "not as another number");
    clp_retained_forget("items", pool);
    OK(!clp_retained_find("items", 16, 4, pool), "forgotten");
    clp_retained_forget("never", pool);
    OK(clp_retained_items("items", 16, 4, pool, &rv), "and made anew");
    OK(!clp_retained_items("none", 0, 4, pool, &rv) && rv == APR_EINVAL, "nothing of no size");
}

int main(void)
{
    pool = tap_begin();
    ap_pglobal = pool;
    clp_retained_slotmem_register(pool);
    test_retained();
    test_refused();
    test_resized();
    test_children();
    test_get_put();
    test_grab();
    test_items();
    return tap_end();
}
