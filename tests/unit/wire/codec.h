/* What the codec's tests share. */
#ifndef PENSTOCK_TESTS_WIRE_CODEC_H
#define PENSTOCK_TESTS_WIRE_CODEC_H

#include "server/base/buf.h"
#include "server/base/rand.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy in exactly n bytes of heap, so that the sanitizer sees a read of one byte too many. */
static inline struct slice heap_copy(const void *p, size_t n) {
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    if (n > 0) {
        memcpy(copy, p, n);
    }
    return slice_of(copy, n);
}

static inline void heap_free(struct slice s) {
    free((void *)(uintptr_t)s.p);
}

/* SEED=… in the environment repeats a run. */
static inline void seed_from_environment(struct rand *r) {
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(r, seed);
}

/* Changes some bytes of p, cuts or stretches it (within cap); returns the new length. */
static inline size_t mutate(struct rand *r, uint8_t *p, size_t n, size_t cap) {
    for (uint64_t i = rand_below(r, 4) + 1; i > 0 && n > 0; i--) {
        switch (rand_below(r, 4)) {
        case 0:
            p[rand_below(r, n)] = (uint8_t)rand_u64(r);
            break;
        case 1:
            p[rand_below(r, n)] ^= (uint8_t)(1U << rand_below(r, 8));
            break;
        case 2:
            n = (size_t)rand_below(r, n) + 1;
            break;
        default:
            if (n < cap) {
                size_t at = (size_t)rand_below(r, n);
                memmove(p + at + 1, p + at, n - at);
                p[at] = (uint8_t)rand_u64(r);
                n++;
            }
            break;
        }
    }
    return n;
}

#endif
