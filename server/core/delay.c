#include "server/core/delay.h"

#include "server/base/check.h"

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : smaller(x, high);
}

static int64_t length_us(const struct delay *d, struct delay_config cfg) {
    return d->state == DELAY_PENDING_OFF ? cfg.off_us : cfg.on_us;
}

static bool is_pending(const struct delay *d) {
    return d->state == DELAY_PENDING_ON || d->state == DELAY_PENDING_OFF;
}

struct delay delay_initial(bool active) {
    return (struct delay){.state = active ? DELAY_ACTIVE : DELAY_NORMAL};
}

bool delay_is_running(const struct delay *d) {
    return is_pending(d) && !d->paused;
}

bool delay_is_active(const struct delay *d) {
    return d->state == DELAY_ACTIVE || d->state == DELAY_PENDING_OFF;
}

bool delay_ended_before(const struct delay *d, struct delay_config cfg, int64_t ts_us) {
    return delay_is_running(d) && d->t0_us + length_us(d, cfg) < ts_us;
}

static void settle(struct delay *d, enum delay_state state) {
    *d = (struct delay){.state = (uint8_t)state};
}

static enum delay_result begin(struct delay *d, enum delay_state pending, const struct delay_config *cfg,
                               const struct delay_input *in, int64_t *ret_src_us) {
    *d = (struct delay){.state = (uint8_t)pending, .t0_us = in->ts_us};
    d->mark_us = smaller(in->now_us, in->ts_us) + length_us(d, *cfg);
    if (length_us(d, *cfg) > 0) {
        return DELAY_NOTHING;
    }
    return delay_complete(d, *cfg, ret_src_us);
}

static void pause_at(struct delay *d, struct delay_config cfg, int64_t ts_us) {
    if (d->paused) {
        return;
    }
    d->paused = true;
    d->mark_us = clamp(ts_us - d->t0_us, 0, length_us(d, cfg));
}

/* Goes on with what was gathered. Evidence from before the pause (a snapshot that repeats the last sample)
 * speaks for the time since itself: the delay then ran all the while. */
static void resume(struct delay *d, struct delay_config cfg, const struct delay_input *in) {
    if (!d->paused) {
        return;
    }
    int64_t gathered = smaller(d->mark_us, clamp(in->ts_us - d->t0_us, 0, INT64_MAX));
    d->t0_us = in->ts_us - gathered;
    d->mark_us = smaller(in->now_us, in->ts_us) + length_us(d, cfg) - gathered;
    d->paused = false;
}

enum delay_result delay_complete(struct delay *d, struct delay_config cfg, int64_t *ret_src_us) {
    CHECK(delay_is_running(d));
    *ret_src_us = d->t0_us + length_us(d, cfg);
    bool on = d->state == DELAY_PENDING_ON;
    settle(d, on ? DELAY_ACTIVE : DELAY_NORMAL);
    return on ? DELAY_ACTIVATE : DELAY_RETURN;
}

enum delay_result delay_step(struct delay *d, struct delay_config cfg, struct delay_input in,
                             int64_t *ret_src_us) {
    if (in.condition == TRUTH_UNKNOWN) {
        if (is_pending(d)) {
            pause_at(d, cfg, in.ts_us);
        }
        return DELAY_NOTHING;
    }
    bool is_true = in.condition == TRUTH_TRUE;
    switch ((enum delay_state)d->state) {
    case DELAY_NORMAL:
        return is_true ? begin(d, DELAY_PENDING_ON, &cfg, &in, ret_src_us) : DELAY_NOTHING;
    case DELAY_ACTIVE:
        return is_true ? DELAY_NOTHING : begin(d, DELAY_PENDING_OFF, &cfg, &in, ret_src_us);
    case DELAY_PENDING_ON:
        if (is_true) {
            resume(d, cfg, &in);
        } else {
            settle(d, DELAY_NORMAL);
        }
        return DELAY_NOTHING;
    case DELAY_PENDING_OFF:
        if (is_true) {
            settle(d, DELAY_ACTIVE);
        } else {
            resume(d, cfg, &in);
        }
        return DELAY_NOTHING;
    }
    check_failed(__FILE__, __LINE__, "delay state is one of the enum");
}

void delay_restart(struct delay *d, struct delay_config cfg, struct delay_input in) {
    CHECK(is_pending(d));
    d->t0_us = in.ts_us;
    d->mark_us = smaller(in.now_us, in.ts_us) + length_us(d, cfg);
    d->paused = false;
}

void delay_reconfigure(struct delay *d, struct delay_config before, struct delay_config after) {
    if (!is_pending(d)) {
        return;
    }
    if (d->paused) {
        d->mark_us = clamp(d->mark_us, 0, length_us(d, after));
    } else {
        d->mark_us += length_us(d, after) - length_us(d, before);
    }
}
