/* A small seeded generator (splitmix64): for jitter, simulations and tests, where the same seed must give the
 * same run. Never for secrets: those come from OpenSSL or libsodium. */
#ifndef PENSTOCK_BASE_RAND_H
#define PENSTOCK_BASE_RAND_H

#include <stdint.h>

struct rand {
    uint64_t state;
};

void rand_seed(struct rand *r, uint64_t seed);
uint64_t rand_u64(struct rand *r);
/* 0 to n - 1; n > 0. */
uint64_t rand_below(struct rand *r, uint64_t n);
/* 0 <= x < 1 */
double rand_unit(struct rand *r);

#endif
