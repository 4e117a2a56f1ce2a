/* How fast gateways may send what they stored while their lines were down: one budget of bytes a second is
 * divided among those that have a backlog now, and it shrinks while the database is slow, so that fifty sites
 * that return together do not delay what is live. Pure; times are of the monotonic clock. */
#ifndef PENSTOCK_LINK_PACE_H
#define PENSTOCK_LINK_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_FULL = 1024,        /* of the budget */
    PACE_LEAST = 16,         /* it never goes below this share of it: a backlog must end some day */
    PACE_LAG_SLOW_MS = 500,  /* commits that wait longer halve it, once a second */
    PACE_LAG_GOOD_MS = 150,  /* below, it recovers by an eighth a second */
    PACE_RATE_LEAST = 4096,  /* of one gateway, bytes a second */
    PACE_SEEN_US = 10000000, /* a gateway that sent no backlog for so long has none */
};

struct pace {
    uint32_t budget;   /* bytes a second */
    uint32_t rate_max; /* of one gateway */
    uint32_t share;    /* of the budget in force, of PACE_FULL */
    int64_t changed_mono_us;
};

void pace_init(struct pace *p, uint32_t budget, uint32_t rate_max);
/* What commits lag by, as often as it is known. storing: false while nothing is stored at all. */
void pace_note_lag(struct pace *p, bool storing, uint64_t lag_ms, int64_t now_mono_us);
/* Bytes a second for each of n gateways with a backlog. */
uint32_t pace_rate(const struct pace *p, uint32_t n);
/* Is it worth telling, when `told` was told before? Small changes are not. */
bool pace_differs(uint32_t told, uint32_t rate);

#endif
