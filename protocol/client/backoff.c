#include "protocol/client/backoff.h"

enum { DOUBLINGS_MAX = 6 };

void backoff_init(struct backoff *b, uint64_t seed) {
    b->failures = 0;
    rand_seed(&b->rand, seed);
}

int64_t backoff_next_us(struct backoff *b, int64_t up_us, int64_t at_least_us) {
    if (up_us >= BACKOFF_GOOD_US) {
        b->failures = 0;
    }
    int64_t most_us = BACKOFF_FIRST_US;
    if (b->failures > 0) {
        uint32_t doublings = b->failures - 1 < DOUBLINGS_MAX ? b->failures - 1 : DOUBLINGS_MAX;
        most_us = BACKOFF_MIN_US << doublings;
        most_us = most_us > BACKOFF_MAX_US ? BACKOFF_MAX_US : most_us;
    }
    b->failures += b->failures < UINT32_MAX ? 1 : 0;
    int64_t wait_us = (int64_t)(rand_unit(&b->rand) * (double)most_us);
    if (at_least_us > 0) {
        /* Those who were asked together shall not come together either. */
        return at_least_us + wait_us;
    }
    return wait_us;
}
