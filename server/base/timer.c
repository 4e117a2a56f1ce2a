#include "server/base/timer.h"

#include "server/base/check.h"

#include <stdlib.h>

enum status timer_init(struct timer_queue *q, uint32_t max, struct error *err) {
    *q = (struct timer_queue){.max = max};
    q->heap = calloc(max > 0 ? max : 1, sizeof *q->heap);
    q->place = calloc(max > 0 ? max : 1, sizeof *q->place);
    if (q->heap == NULL || q->place == NULL) {
        timer_done(q);
        return error_set(err, ERR_NOMEM, "timers", "no memory for %u timers", max);
    }
    return OK;
}

void timer_done(struct timer_queue *q) {
    free(q->heap);
    free(q->place);
    *q = (struct timer_queue){0};
}

static bool before(const struct timer_entry *a, const struct timer_entry *b) {
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->armed < b->armed;
}

static void put(struct timer_queue *q, uint32_t at, struct timer_entry entry) {
    q->heap[at] = entry;
    q->place[entry.id] = at + 1;
}

static void sift_up(struct timer_queue *q, uint32_t at, struct timer_entry entry) {
    while (at > 0 && before(&entry, &q->heap[(at - 1) / 2])) {
        put(q, at, q->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(q, at, entry);
}

static void sift_down(struct timer_queue *q, uint32_t at, struct timer_entry entry) {
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= q->n) {
            break;
        }
        if (child + 1 < q->n && before(&q->heap[child + 1], &q->heap[child])) {
            child++;
        }
        if (!before(&q->heap[child], &entry)) {
            break;
        }
        put(q, at, q->heap[child]);
        at = child;
    }
    put(q, at, entry);
}

static void remove_at(struct timer_queue *q, uint32_t at) {
    q->place[q->heap[at].id] = 0;
    q->n--;
    if (at == q->n) {
        return;
    }
    struct timer_entry last = q->heap[q->n];
    if (at > 0 && before(&last, &q->heap[(at - 1) / 2])) {
        sift_up(q, at, last);
    } else {
        sift_down(q, at, last);
    }
}

void timer_arm(struct timer_queue *q, uint32_t id, int64_t due_us) {
    CHECK(id < q->max);
    timer_disarm(q, id);
    q->n++;
    sift_up(q, q->n - 1, (struct timer_entry){.due_us = due_us, .armed = q->calls++, .id = id});
}

void timer_disarm(struct timer_queue *q, uint32_t id) {
    CHECK(id < q->max);
    if (q->place[id] != 0) {
        remove_at(q, q->place[id] - 1);
    }
}

bool timer_is_armed(const struct timer_queue *q, uint32_t id, int64_t *ret_due_us) {
    CHECK(id < q->max);
    if (q->place[id] == 0) {
        return false;
    }
    *ret_due_us = q->heap[q->place[id] - 1].due_us;
    return true;
}

bool timer_pop(struct timer_queue *q, int64_t now_us, uint32_t *ret_id, int64_t *ret_due_us) {
    if (q->n == 0 || q->heap[0].due_us > now_us) {
        return false;
    }
    *ret_id = q->heap[0].id;
    *ret_due_us = q->heap[0].due_us;
    remove_at(q, 0);
    return true;
}

int64_t timer_next(const struct timer_queue *q) {
    return q->n == 0 ? INT64_MAX : q->heap[0].due_us;
}
