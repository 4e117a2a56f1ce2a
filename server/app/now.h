/* Server time for the core: the wall clock, made steady. It follows the monotonic clock and is drawn towards
 * the wall clock by at most 1 part in 200, so that a step of the system's clock moves no running delay. Never
 * falls. Pure: both clocks are parameters. */
#ifndef PENSTOCK_APP_NOW_H
#define PENSTOCK_APP_NOW_H

#include <stdint.h>

struct now {
    int64_t time_us;
    int64_t mono_us;
    int64_t apart_us; /* wall clock minus server time at the last update */
};

void now_init(struct now *n, int64_t wall_us, int64_t mono_us);
/* Returns the server time. */
int64_t now_update(struct now *n, int64_t wall_us, int64_t mono_us);

#endif
