#include "server/core/kpi_flood.h"

#include "server/base/check.h"

static int64_t nth_newest(const struct kpi_flood_live *f, uint32_t n) {
    return f->ring[(f->first + f->count - n) % KPI_FLOOD_RING];
}

void kpi_flood_init_with(struct kpi_flood_live *f, int64_t window_us, uint32_t on, uint32_t off) {
    CHECK(window_us > 0);
    CHECK(on < KPI_FLOOD_RING);
    CHECK(off > 0);
    CHECK(off <= on);
    *f = (struct kpi_flood_live){.window_us = window_us, .on = on, .off = off, .now_us = INT64_MIN};
}

void kpi_flood_init(struct kpi_flood_live *f) {
    kpi_flood_init_with(f, INT64_C(600000000), 10, 5);
}

int64_t kpi_flood_due_us(const struct kpi_flood_live *f) {
    /* While it is on, at least `off` are in the window: the off-th newest is the one whose leaving ends it.
     */
    return f->flood ? nth_newest(f, f->off) + f->window_us : INT64_MAX;
}

static void forget(struct kpi_flood_live *f) {
    while (f->count > 0 && nth_newest(f, f->count) <= f->now_us - f->window_us) {
        f->first = (f->first + 1) % KPI_FLOOD_RING;
        f->count--;
    }
}

static bool end_at(struct kpi_flood_live *f, int64_t at_us) {
    f->since_us = at_us;
    f->flood = false;
    return true;
}

bool kpi_flood_advance(struct kpi_flood_live *f, int64_t now_us) {
    f->now_us = now_us > f->now_us ? now_us : f->now_us;
    int64_t due_us = kpi_flood_due_us(f);
    forget(f);
    return due_us <= f->now_us && end_at(f, due_us);
}

bool kpi_flood_add(struct kpi_flood_live *f, int64_t at_us) {
    f->now_us = at_us > f->now_us ? at_us : f->now_us;
    int64_t due_us = kpi_flood_due_us(f);
    /* What is due at this very time is decided with this one counted. */
    bool changed = due_us < f->now_us && end_at(f, due_us);
    forget(f);
    if (f->count == KPI_FLOOD_RING) {
        f->first = (f->first + 1) % KPI_FLOOD_RING;
        f->count--;
    }
    f->ring[(f->first + f->count) % KPI_FLOOD_RING] = f->now_us;
    f->count++;
    if (!f->flood && f->count > f->on) { /* not if it ended just now: fewer than `off` were left */
        f->flood = true;
        f->since_us = f->now_us;
        changed = true;
    } else if (f->flood && f->count < f->off) {
        changed = end_at(f, f->now_us);
    }
    return changed;
}
