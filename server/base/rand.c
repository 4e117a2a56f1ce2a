#include "server/base/rand.h"

#include "server/base/check.h"

void rand_seed(struct rand *r, uint64_t seed) {
    r->state = seed;
}

uint64_t rand_u64(struct rand *r) {
    r->state += 0x9e3779b97f4a7c15U;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t rand_below(struct rand *r, uint64_t n) {
    CHECK(n > 0);
    /* The bias is below n / 2^64; nothing here is a lottery. */
    return rand_u64(r) % n;
}

double rand_unit(struct rand *r) {
    return (double)(rand_u64(r) >> 11) * 0x1.0p-53;
}
