/* What a gateway may cost others: how often it may replace its own session, how many breaches of the protocol
 * are forgiven, how often one kind of message is worth telling. Pure; times are of the monotonic clock. */
#ifndef PENSTOCK_LINK_GUARD_H
#define PENSTOCK_LINK_GUARD_H

#include "server/link/link_limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Lets a burst through, then one in each interval. An all-zero struct is full. */
struct bucket {
    int64_t due_mono_us;
};
bool bucket_take(struct bucket *b, int64_t now_mono_us, int64_t interval_us, uint32_t burst);

/* What is told to people, at a bounded rate. */
struct told {
    struct bucket bucket;
    uint64_t left_out;
};

enum {
    GUARD_REPLACEMENTS_MAX = 16, /* of the limit of this name; one more and the present session is kept */
    GUARD_BREACHES_MAX = 100,
    GUARD_RETRY_MS = 60000,
};

/* Of one gateway; all-zero at first. */
struct guard {
    struct bucket sessions;
    int64_t replaced_mono_us[GUARD_REPLACEMENTS_MAX];
    int64_t breached_mono_us[GUARD_BREACHES_MAX];
    uint32_t n_replaced; /* ever; the newest is at (n - 1) % size */
    uint32_t n_breached; /* since the last suspension */
    int64_t keep_until_mono_us;
    int64_t suspended_until_mono_us;
    uint32_t suspend_min; /* length of the last suspension */
};

enum guard_answer {
    GUARD_ADMIT,
    GUARD_DUPLICATE, /* two sides fight for one identity: the present session stays */
    GUARD_SUSPENDED,
    GUARD_OFTEN, /* too many sessions, each orderly; it gets in again, at a slower rate */
};

/* A newcomer says HELLO. has_session: another session of the gateway is there, and would be replaced.
 * *ret_wait_us: how long a refused one is to wait. */
enum guard_answer guard_hello(struct guard *g, const struct link_limits *limits, bool has_session,
                              int64_t now_mono_us, int64_t *ret_wait_us);
/* A breach of the protocol. True if it led to a suspension: 1 minute, doubled each time up to the limit, from
 * 1 again after an hour without. */
bool guard_breach(struct guard *g, const struct link_limits *limits, int64_t now_mono_us);
/* It is kept out for so long for what it cost; that is no breach. */
void guard_suspend(struct guard *g, int64_t for_us, int64_t now_mono_us);
/* A person forgives: it may come in at once, and the next suspension is the first again. */
void guard_release(struct guard *g);

/* What one gateway sends: so much a second, and so many seconds' worth in a burst. An all-zero struct is
 * full. */
struct rate {
    int64_t due_mono_us; /* when what was taken so far is paid off */
};
/* Takes n. Returns how long the gateway is to wait before more is taken from it; 0: it need not. */
int64_t rate_take(struct rate *r, uint32_t n, uint32_t per_s, uint32_t burst_s, int64_t now_mono_us);

#endif
