#include "protocol/gateway/device_health.h"

#include "server/base/check.h"

/* What a row does beside the change of state. */
enum action {
    NOTHING,
    COUNT,   /* a failure; from failures_max on the row's next state is DOWN */
    GO_DOWN, /* begins the pauses */
    STAY_DOWN,
    COME_UP,
};

static const struct row {
    enum device_state next;
    enum action action;
} table[4][2] = {
    [DEVICE_START] = {[DEVICE_ANSWERED] = {DEVICE_UP, COME_UP}, [DEVICE_FAILED] = {DEVICE_DOWN, GO_DOWN}},
    [DEVICE_UP] = {[DEVICE_ANSWERED] = {DEVICE_UP, NOTHING}, [DEVICE_FAILED] = {DEVICE_SHAKY, COUNT}},
    [DEVICE_SHAKY] = {[DEVICE_ANSWERED] = {DEVICE_UP, NOTHING}, [DEVICE_FAILED] = {DEVICE_SHAKY, COUNT}},
    [DEVICE_DOWN] = {[DEVICE_ANSWERED] = {DEVICE_UP, COME_UP}, [DEVICE_FAILED] = {DEVICE_DOWN, STAY_DOWN}},
};

void device_health_init(struct device_health *h, uint32_t failures_max, int64_t poll_us,
                        int64_t pause_max_us) {
    CHECK(failures_max >= 1);
    CHECK(poll_us > 0);
    CHECK(pause_max_us >= DEVICE_PAUSE_MIN_US);
    *h = (struct device_health){
        .failures_max = failures_max, .poll_us = poll_us, .pause_max_us = pause_max_us};
}

static enum device_change go_down(struct device_health *h) {
    h->state = DEVICE_DOWN;
    h->pause_us = DEVICE_PAUSE_MIN_US;
    return DEVICE_GONE_DOWN;
}

enum device_change device_health_step(struct device_health *h, enum device_event event) {
    const struct row *row = &table[h->state][event];
    h->state = row->next;
    h->failures = event == DEVICE_FAILED ? h->failures + 1 : 0;
    switch (row->action) {
    case NOTHING:
        break;
    case COUNT:
        return h->failures >= h->failures_max ? go_down(h) : DEVICE_NO_CHANGE;
    case GO_DOWN:
        return go_down(h);
    case STAY_DOWN:
        h->pause_us = h->pause_us * 2 < h->pause_max_us ? h->pause_us * 2 : h->pause_max_us;
        break;
    case COME_UP:
        return DEVICE_COME_UP;
    }
    return DEVICE_NO_CHANGE;
}

int64_t device_health_wait_us(const struct device_health *h) {
    if (h->state != DEVICE_DOWN) {
        return h->poll_us;
    }
    return h->pause_us > h->poll_us ? h->pause_us : h->poll_us;
}
