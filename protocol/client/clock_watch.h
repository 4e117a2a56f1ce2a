/* Notices that the wall clock was set: it moved against the monotonic one by more than a second between two
 * looks. What was stamped around such a moment is not to be trusted, so the clock counts as unsure for a
 * while after it: until a daemon that disciplines it had time to look again. A slow correction (slewing) is
 * no step. Pure; to be asked at least every few seconds. */
#ifndef PENSTOCK_CLIENT_CLOCK_WATCH_H
#define PENSTOCK_CLIENT_CLOCK_WATCH_H

#include "protocol/client/moment.h"

#include <stdbool.h>

#define CLOCK_STEP_US   INT64_C(1000000)
#define CLOCK_UNSURE_US INT64_C(64000000)

struct clock_watch {
    bool has_base;
    int64_t base_us;      /* wall minus monotonic, at the last look */
    int64_t sure_mono_us; /* from when on the clock is sure again */
};

/* 0, or by how much the clock was set: forward is positive. */
int64_t clock_watch_look(struct clock_watch *w, struct moment now);
bool clock_watch_is_sure(const struct clock_watch *w, struct moment now);

#endif
