/* How much a gateway may send: its window, the rate of its backlog, and samples a second. */
#include "server/base/tm.h"
#include "server/link/pace.h"
#include "server/link/session_internal.h"

#include <stdio.h>

static void put_window(struct session *s) {
    const struct link_limits *limits = &s->env->limits.link;
    uint32_t by = s->narrow_mono_us != 0 ? SESSION_NARROW : 1;
    uint32_t bytes = limits->window_bytes / by;
    uint32_t frames = limits->window_frames / by;
    struct msg_window window = {.bytes = bytes < limits->frame_bytes ? limits->frame_bytes : bytes,
                                .frames = frames == 0 ? 1 : frames,
                                .backlog_rate = s->backlog_rate};
    size_t mark = frame_begin(&s->out, MSG_WINDOW, 0);
    window_encode(&s->out, &window);
    session_end_frame(s, mark);
    s->env->owner.wake(s->env->owner.ctx, s);
}

/* --- the backlog's rate --- */

void session_set_backlog_rate(struct session *s, uint32_t bytes_per_s) {
    if (s->state != SESSION_LIVE) {
        s->backlog_rate = bytes_per_s; /* WELCOME tells it */
    } else if (pace_differs(s->backlog_rate, bytes_per_s)) {
        s->backlog_rate = bytes_per_s;
        put_window(s);
    }
}

bool session_has_backlog(const struct session *s, struct link_now now) {
    return s->state == SESSION_LIVE && s->awaits_backlog && now.mono_us - s->backlog_mono_us < PACE_SEEN_US;
}

/* --- samples a second --- */

void session_set_rates(struct session *s, const struct sample_rate v[RATES]) {
    memcpy(s->rates, v, sizeof s->rates);
}

const struct sample_rate *session_rates(const struct session *s) {
    return s->rates;
}

static void narrow(struct session *s, struct link_now now) {
    bool was = s->narrow_mono_us != 0;
    s->narrow_mono_us = now.mono_us + SESSION_NARROW_S * TM_SECOND_US;
    if (!was) {
        put_window(s);
    }
}

void session_take_samples(struct session *s, uint32_t n, int lane, struct link_now now) {
    const struct link_limits *limits = &s->env->limits.link;
    /* A backlog comes in bulk by nature; what it may cost is a matter of its rate in bytes. */
    uint64_t per_s = (uint64_t)limits->samples_per_s * (lane == RATE_BACKLOG ? limits->samples_burst_s : 1);
    uint32_t most = per_s > UINT32_MAX ? UINT32_MAX : (uint32_t)per_s;
    int64_t wait_us = sample_rate_take(&s->rates[lane], n, most, limits->samples_burst_s, now.mono_us);
    if (wait_us == 0) {
        return;
    }
    if (s->narrow_mono_us == 0) {
        session_incident(s, "link.too_many_samples", now,
                         "more than %u samples a second, and %u in a burst: it is slowed down to that", most,
                         most * limits->samples_burst_s);
        (void)snprintf(s->status.fault, sizeof s->status.fault,
                       "sends more than %u samples a second: slowed down", most);
    }
    s->paused = true;
    s->paused_mono_us = now.mono_us + wait_us;
    narrow(s, now);
}

void session_pause_tick(struct session *s, struct link_now now) {
    if (s->narrow_mono_us != 0 && now.mono_us >= s->narrow_mono_us) {
        s->narrow_mono_us = 0;
        put_window(s);
    }
    if (s->paused && now.mono_us >= s->paused_mono_us) {
        s->paused = false;
        s->seen_mono_us = now.mono_us; /* it was we who did not listen */
        session_go_on(s, now);
    }
}
