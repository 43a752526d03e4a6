/* Copyright the mod_claude_proxy authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CLP_T_FUZZ_H
#define CLP_T_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "wire/span.h"

/**
 * @file fuzz.h
 * @brief What fuzz targets share. A target is one t/fuzz/fuzz_NAME.c that
 * defines LLVMFuzzerTestOneInput() and asserts properties by FUZZ_CHECK; its
 * seeds lie in t/fuzz/corpus/NAME/. `make fuzz-replay` runs the seeds with the
 * usual compiler, `make fuzz` looks for new inputs with libFuzzer.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** A pool for one input; destroy it at the end. */
static inline apr_pool_t *fuzz_pool(void)
{
    static int ready;
    apr_pool_t *pool;
    if (!ready) {
        FUZZ_CHECK(apr_initialize() == APR_SUCCESS);
        ready = 1;
    }
    FUZZ_CHECK(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    return pool;
}

/** The input's next byte, 0 when it is used up. For choices that the fuzzer shall make. */
static inline unsigned fuzz_byte(clp_span *in)
{
    if (!in->n) {
        return 0;
    }
    in->n--;
    return (unsigned char)*in->p++;
}

/**
 * The input split up: the pieces' lengths are the bytes of `plan`, used round
 * and round; gives the next piece and takes it from `in`.
 */
static inline clp_span fuzz_piece(clp_span *in, clp_span plan, size_t *turn)
{
    size_t n = plan.n ? (unsigned char)plan.p[(*turn)++ % plan.n] : 1;
    clp_span piece = clp_span_of(in->p, n < in->n ? n : in->n);
    if (!piece.n && in->n) {
        /* an empty piece is worth a try, but not for ever */
        piece.n = *turn % 2;
    }
    in->p += piece.n;
    in->n -= piece.n;
    return piece;
}

#endif
