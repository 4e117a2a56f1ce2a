/* The last events of the alarm stream as text, by their gapless number, so that a client that was away for a
 * moment can go on where it was. Pure. */
#ifndef PENSTOCK_API_RING_H
#define PENSTOCK_API_RING_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { RING_MAX = 4096 };

struct ring {
    uint64_t newest; /* number of the newest event; before the first: where the stream stands */
    uint32_t n;
    struct ring_text {
        char *p;
        size_t n;
    } texts[RING_MAX]; /* of number x at x % RING_MAX */
};

void ring_init(struct ring *r, uint64_t newest);
void ring_done(struct ring *r);
/* The event's text is copied. A number that is not newest + 1 empties the ring first: what is held must have
 * no gap. ERR_NOMEM empties it, too. */
MUSTCHECK enum status ring_put(struct ring *r, uint64_t number, struct slice text);
/* False if it is not held. */
bool ring_get(const struct ring *r, uint64_t number, struct slice *ret_text);
/* True if all events after `number` are held, or there are none. */
bool ring_holds_after(const struct ring *r, uint64_t number);

#endif
