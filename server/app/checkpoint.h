/* When the alarms' accumulators (running time, totals, cusum sums) are taken from the core and given to the
 * store: every ten seconds, in each turn in which one began or ceased to grow, and before an orderly stop. A
 * crash costs at most so much of them; what the journal keeps costs nothing. */
#ifndef PENSTOCK_APP_CHECKPOINT_H
#define PENSTOCK_APP_CHECKPOINT_H

#include "server/core/core.h"

#define APP_CHECKPOINT_EVERY_US INT64_C(10000000)

struct app_checkpoint {
    int64_t due_mono_us; /* 0: with the first turn */
    uint64_t changes;    /* core_accumulator_changes when they were taken last */
    struct alarm_accumulator *v;
    uint32_t cap;
};

struct app_checkpoint_host {
    void *ctx;
    uint32_t (*take)(void *ctx, uint32_t first, struct alarm_accumulator *ret, uint32_t max);
    void (*store)(void *ctx, const struct alarm_accumulator *v, uint32_t n, int64_t at_us);
};

/* Takes and stores, if it is time or there were changes. */
void app_checkpoint_turn(struct app_checkpoint *c, const struct app_checkpoint_host *host, uint64_t changes,
                         int64_t now_us, int64_t mono_us);
/* At once. */
void app_checkpoint_now(struct app_checkpoint *c, const struct app_checkpoint_host *host, int64_t now_us);
void app_checkpoint_done(struct app_checkpoint *c);

#endif
