#include "server/api/ring.h"

#include <stdlib.h>

void ring_init(struct ring *r, uint64_t newest) {
    memset(r, 0, sizeof *r);
    r->newest = newest;
}

void ring_done(struct ring *r) {
    for (uint32_t i = 0; i < RING_MAX; i++) {
        free(r->texts[i].p);
    }
    ring_init(r, r->newest);
}

enum status ring_put(struct ring *r, uint64_t number, struct slice text) {
    if (number != r->newest + 1) {
        ring_done(r);
    }
    r->newest = number;
    char *copy = malloc(text.n == 0 ? 1 : text.n);
    if (copy == NULL) {
        ring_done(r);
        return ERR_NOMEM;
    }
    if (text.n > 0) {
        memcpy(copy, text.p, text.n);
    }
    struct ring_text *place = &r->texts[number % RING_MAX];
    free(place->p);
    *place = (struct ring_text){.p = copy, .n = text.n};
    r->n = r->n == RING_MAX ? RING_MAX : r->n + 1;
    return OK;
}

bool ring_get(const struct ring *r, uint64_t number, struct slice *ret_text) {
    if (number > r->newest || r->newest - number >= r->n) {
        return false;
    }
    const struct ring_text *held = &r->texts[number % RING_MAX];
    *ret_text = slice_of(held->p, held->n);
    return true;
}

bool ring_holds_after(const struct ring *r, uint64_t number) {
    return number <= r->newest && r->newest - number <= r->n;
}
