/* When to try to connect again: the first retry soon, then after a random part (full jitter) of 1, 2, 4 … 60
 * seconds, so that a thousand gateways do not come back in step; never earlier than the server asked. A
 * session that held for BACKOFF_GOOD_US starts it anew. Pure: time and seed are given. */
#ifndef PENSTOCK_CLIENT_BACKOFF_H
#define PENSTOCK_CLIENT_BACKOFF_H

#include "server/base/rand.h"

#include <stdint.h>

#define BACKOFF_FIRST_US INT64_C(200000)
#define BACKOFF_MIN_US   INT64_C(1000000)
#define BACKOFF_MAX_US   INT64_C(60000000)
#define BACKOFF_GOOD_US  INT64_C(10000000)

struct backoff {
    struct rand rand;
    uint32_t failures;
};

void backoff_init(struct backoff *b, uint64_t seed);
/* How long to wait now that an attempt has ended which was up for up_us (0: never). at_least_us: what the
 * server asked for. */
int64_t backoff_next_us(struct backoff *b, int64_t up_us, int64_t at_least_us);

#endif
