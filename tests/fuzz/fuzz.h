/* The entry point that libFuzzer and replay.c call, and what a target does when an answer is wrong. */
#ifndef PENSTOCK_TESTS_FUZZ_H
#define PENSTOCK_TESTS_FUZZ_H

#include "server/base/buf.h"
#include "server/base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What a target may define: what of that which its corpus must reach it has not, for people; NULL: nothing.
 * Asked after a replay of the whole corpus. */
__attribute__((weak)) const char *fuzz_not_reached(void);

/* A refusal must say where and what. */
static inline void check_refusal(enum status status, const struct error *err) {
    CHECK(err->code == status);
    CHECK(err->where[0] != '\0');
    CHECK(err->text[0] != '\0');
}

/* An input that is a list of operations: what is left of it, taken from the front. */
struct input {
    const uint8_t *p;
    size_t n;
};

static inline struct slice take(struct input *in, size_t n) {
    n = n < in->n ? n : in->n;
    struct slice part = slice_of(in->p, n);
    in->p += n;
    in->n -= n;
    return part;
}

static inline uint8_t take_byte(struct input *in) {
    struct slice part = take(in, 1);
    return part.n == 0 ? 0 : (uint8_t)part.p[0];
}

#endif
