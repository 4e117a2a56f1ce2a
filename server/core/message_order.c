#include "server/core/message_order.h"

#include "server/base/check.h"

#include <stdlib.h>

struct context {
    const struct sample *v;
    int64_t now_us;
};

enum status message_order_init(struct message_order *o, struct error *err) {
    o->order = calloc(MESSAGE_ORDER_MAX, sizeof *o->order);
    o->scratch = calloc(MESSAGE_ORDER_MAX, sizeof *o->scratch);
    if (o->order == NULL || o->scratch == NULL) {
        message_order_done(o);
        return error_set(err, ERR_NOMEM, "core", "no memory to sort %u samples", (unsigned)MESSAGE_ORDER_MAX);
    }
    return OK;
}

void message_order_done(struct message_order *o) {
    free(o->order);
    free(o->scratch);
    *o = (struct message_order){0};
}

static bool in_order(const struct context *c, uint32_t a, uint32_t b) {
    int64_t time_a = message_time(c->v[a].t_us, c->now_us);
    int64_t time_b = message_time(c->v[b].t_us, c->now_us);
    if (time_a != time_b) {
        return time_a < time_b;
    }
    return c->v[a].tag <= c->v[b].tag;
}

/* Merges from[low, middle) and from[middle, high) into to: equals keep their order. */
static void merge(const struct context *c, const uint32_t *from, uint32_t *to, const uint32_t bounds[3]) {
    uint32_t left = bounds[0];
    uint32_t right = bounds[1];
    for (uint32_t out = bounds[0]; out < bounds[2]; out++) {
        bool take_left = left < bounds[1] && (right >= bounds[2] || in_order(c, from[left], from[right]));
        to[out] = take_left ? from[left++] : from[right++];
    }
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

const uint32_t *message_order_sort(struct message_order *o, const struct sample *v, uint32_t n,
                                   int64_t now_us) {
    CHECK(n <= MESSAGE_ORDER_MAX);
    const struct context c = {.v = v, .now_us = now_us};
    bool sorted = true;
    for (uint32_t i = 0; i < n; i++) {
        o->order[i] = i;
        sorted = sorted && (i == 0 || in_order(&c, i - 1, i));
    }
    for (uint32_t width = 1; !sorted && width < n; width *= 2) {
        for (uint32_t low = 0; low < n; low += 2 * width) {
            const uint32_t bounds[3] = {low, smaller(low + width, n), smaller(low + 2 * width, n)};
            merge(&c, o->order, o->scratch, bounds);
        }
        uint32_t *swap = o->order;
        o->order = o->scratch;
        o->scratch = swap;
    }
    return o->order;
}
