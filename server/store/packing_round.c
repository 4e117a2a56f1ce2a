#include "server/store/packing_round.h"

#include "server/base/check.h"

#include <stdlib.h>

void round_init(struct round *r) {
    *r = (struct round){.n = 0};
}

void round_done(struct round *r) {
    free(r->v);
    round_init(r);
}

void round_clear(struct round *r) {
    r->n = r->at = 0;
    r->by_arrival = true;
}

bool round_reserve(struct round *r, uint32_t n) {
    if (n > r->cap) {
        struct round_row *v = realloc(r->v, (size_t)n * sizeof *v);
        if (v == NULL) {
            return false;
        }
        r->v = v;
        r->cap = n;
    }
    return true;
}

bool round_is_over(const struct round *r) {
    return r->at == r->n;
}

static int by_id(const void *a, const void *b) {
    const struct round_row *x = a;
    const struct round_row *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_gateway(const void *a, const void *b) {
    const struct round_row *x = a;
    const struct round_row *y = b;
    if (x->gateway_key != y->gateway_key) {
        return x->gateway_key < y->gateway_key ? -1 : 1;
    }
    return by_id(a, b);
}

static void arrange(struct round *r, bool by_arrival) {
    if (r->by_arrival != by_arrival && !round_is_over(r)) {
        qsort(r->v + r->at, r->n - r->at, sizeof *r->v, by_arrival ? by_id : by_gateway);
    }
    r->by_arrival = by_arrival;
}

/* How many rows are within the limits; *ret_whole: how many of them are of gateways that are whole. */
static uint32_t within(const struct round *r, struct round_limits limits, uint32_t *ret_whole) {
    const struct round_row *v = r->v + r->at;
    uint32_t left = r->n - r->at;
    uint64_t samples = 0;
    uint64_t bytes = 0;
    uint32_t n = 0;
    *ret_whole = 0;
    for (; n < left && n < limits.rows && samples < limits.samples && bytes < limits.bytes; n++) {
        samples += v[n].n;
        bytes += v[n].bytes;
        if (n + 1 == left || v[n + 1].gateway_key != v[n].gateway_key) {
            *ret_whole = n + 1;
        }
    }
    return n;
}

uint32_t round_next(struct round *r, struct round_limits limits, bool by_arrival) {
    uint32_t whole = 0;
    arrange(r, by_arrival);
    uint32_t n = within(r, limits, &whole);
    return by_arrival || whole == 0 ? n : whole;
}

void round_took(struct round *r, uint32_t n) {
    CHECK(n <= r->n - r->at);
    r->at += n;
}
