/* Checkpoints of the alarms' accumulators on their way into PostgreSQL: the newest counts, so a checkpoint
 * that was not stored when the next one comes is dropped. In small statements of their own on the connection
 * of audit and requests; alarms have another one. */
#ifndef PENSTOCK_STORE_CHECKPOINT_H
#define PENSTOCK_STORE_CHECKPOINT_H

#include "server/core/core.h"
#include "server/store/pg.h"

enum { CHECKPOINT_GROUP_MAX = 5000, CHECKPOINT_RETRY_MS = 1000 };

struct checkpoint;

struct checkpoint_config {
    uv_loop_t *loop;
    struct pg *pg; /* borrowed; used only while open */
    void *ctx;
    void (*fatal)(void *ctx, const struct error *error);
};

MUSTCHECK enum status checkpoint_new(const struct checkpoint_config *cfg, struct checkpoint **ret,
                                     struct error *err);
void checkpoint_open(struct checkpoint *c);
void checkpoint_down(struct checkpoint *c);
/* Copied. Each alarm once. Without memory for it nothing happens: the next one comes soon. */
void checkpoint_put(struct checkpoint *c, const struct alarm_accumulator *v, uint32_t n, int64_t at_us);
/* Submits what waits, and again what failed a while ago. */
void checkpoint_turn_end(struct checkpoint *c);
bool checkpoint_is_empty(const struct checkpoint *c);
/* After the connection was closed. */
void checkpoint_free(struct checkpoint **checkpoint);

#endif
