/* A timer queue over dense ids 0..max-1: each id has at most one due time. A binary heap ordered by (due,
 * order of arming), so that two runs with the same calls expire in the same order. Time is a parameter;
 * nothing allocates after timer_init. */
#ifndef PENSTOCK_BASE_TIMER_H
#define PENSTOCK_BASE_TIMER_H

#include "server/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer_entry {
    int64_t due_us;
    uint64_t armed; /* number of the call that armed it */
    uint32_t id;
};

struct timer_queue {
    struct timer_entry *heap;
    uint32_t *place; /* id -> position in heap + 1, 0 if not armed */
    uint32_t n;
    uint32_t max;
    uint64_t calls;
};

MUSTCHECK enum status timer_init(struct timer_queue *q, uint32_t max, struct error *err);
void timer_done(struct timer_queue *q);
/* Arms id, or moves it if it is armed. */
void timer_arm(struct timer_queue *q, uint32_t id, int64_t due_us);
/* Nothing happens if it is not armed. */
void timer_disarm(struct timer_queue *q, uint32_t id);
bool timer_is_armed(const struct timer_queue *q, uint32_t id, int64_t *ret_due_us);
/* Takes the first that is due at now_us or before. False if there is none. */
bool timer_pop(struct timer_queue *q, int64_t now_us, uint32_t *ret_id, int64_t *ret_due_us);
/* INT64_MAX if nothing is armed. */
int64_t timer_next(const struct timer_queue *q);

#endif
