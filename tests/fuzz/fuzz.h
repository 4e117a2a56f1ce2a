/* The entry point that libFuzzer and replay.c call, and what a target does when an answer is wrong. */
#ifndef PENSTOCK_TESTS_FUZZ_H
#define PENSTOCK_TESTS_FUZZ_H

#include "server/base/buf.h"
#include "server/base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A refusal must say where and what. */
static inline void check_refusal(enum status status, const struct error *err) {
    CHECK(err->code == status);
    CHECK(err->where[0] != '\0');
    CHECK(err->text[0] != '\0');
}

#endif
