/* The order in which the samples of one message are applied: by source time, then by tag, then as they
 * arrived. So samples of equal time stand together, and of two for the same tag and time the later one stays.
 * Nothing is allocated after message_order_init. */
#ifndef PENSTOCK_CORE_MESSAGE_ORDER_H
#define PENSTOCK_CORE_MESSAGE_ORDER_H

#include "server/base/status.h"
#include "server/core/core.h"

/* Longer messages are taken in pieces. */
enum { MESSAGE_ORDER_MAX = 65536 };

struct message_order {
    uint32_t *order;
    uint32_t *scratch;
};

MUSTCHECK enum status message_order_init(struct message_order *o, struct error *err);
void message_order_done(struct message_order *o);
/* The source time that the core believes: a time more than CORE_FUTURE_MAX_US ahead counts as now (one wrong
 * year would block the tag for ever), and none is so far back that arithmetic with it overflows. */
static inline int64_t message_time(int64_t t_us, int64_t now_us) {
    const int64_t min_us = -(INT64_C(1) << 60);
    if (t_us > now_us + CORE_FUTURE_MAX_US) {
        return now_us;
    }
    return t_us < min_us ? min_us : t_us;
}

/* n is at most MESSAGE_ORDER_MAX. The answer (indexes into v) is the order's own until the next call. */
const uint32_t *message_order_sort(struct message_order *o, const struct sample *v, uint32_t n,
                                   int64_t now_us);

#endif
