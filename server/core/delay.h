/* The delay stage: NORMAL, PENDING_ON, ACTIVE, PENDING_OFF. Delays run in source time, because buffering and
 * lag must not change what is an alarm; where no further sample comes, a server timer stands in, due at
 * now + delay - age of the sample that started it. An unknown condition stops a running delay; only known
 * time counts. Time is a parameter. Pure. */
#ifndef PENSTOCK_CORE_DELAY_H
#define PENSTOCK_CORE_DELAY_H

#include "server/core/condition.h"

#include <stdbool.h>
#include <stdint.h>

enum delay_state { DELAY_NORMAL, DELAY_PENDING_ON, DELAY_ACTIVE, DELAY_PENDING_OFF };

struct delay {
    int64_t t0_us;   /* source time at which the pending condition began */
    int64_t mark_us; /* while it runs: server time at which the timer stands in; while it is paused: what was
                        gathered before */
    uint8_t state;   /* enum delay_state */
    bool paused;
};

struct delay_config {
    int64_t on_us;
    int64_t off_us;
};

struct delay_input {
    enum truth condition;
    int64_t ts_us;  /* source time of the evidence */
    int64_t now_us; /* server time */
};

enum delay_result { DELAY_NOTHING, DELAY_ACTIVATE, DELAY_RETURN };

/* A restored alarm begins in DELAY_ACTIVE, any other in DELAY_NORMAL. */
struct delay delay_initial(bool active);
/* Takes evidence. *ret_src_us is set with DELAY_ACTIVATE and DELAY_RETURN: when it happened at the source. */
enum delay_result delay_step(struct delay *d, struct delay_config cfg, struct delay_input in,
                             int64_t *ret_src_us);
/* A delay is running: its timer belongs at d->mark_us. */
bool delay_is_running(const struct delay *d);
/* ACTIVE or PENDING_OFF. */
bool delay_is_active(const struct delay *d);
/* Its delay ended before ts: to be completed before a sample of that time is applied. */
bool delay_ended_before(const struct delay *d, struct delay_config cfg, int64_t ts_us);
/* The delay has run out (timer, or a later sample proves it). It must be running. */
enum delay_result delay_complete(struct delay *d, struct delay_config cfg, int64_t *ret_src_us);
/* A pending delay begins anew at in.ts_us (a new command restarts the travel time). */
void delay_restart(struct delay *d, struct delay_config cfg, struct delay_input in);
/* The delays' lengths were changed: a running one keeps its start. */
void delay_reconfigure(struct delay *d, struct delay_config before, struct delay_config after);

#endif
