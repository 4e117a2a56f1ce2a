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

/* --- what it sends --- */

static struct session_budget *budget_of(const struct session *s) {
    return s->env->owner.budget(s->env->owner.ctx, s);
}

static void narrow(struct session *s, struct link_now now) {
    bool was = s->narrow_mono_us != 0;
    s->narrow_mono_us = now.mono_us + SESSION_NARROW_S * TM_SECOND_US;
    if (!was) {
        put_window(s);
    }
}

static void pause_for(struct session *s, int64_t wait_us, struct link_now now) {
    int64_t until = now.mono_us + wait_us;
    s->paused_mono_us = s->paused && s->paused_mono_us > until ? s->paused_mono_us : until;
    s->paused = true;
}

/* What is over some rate, for one who looks at the gateway and one who sets limits. */
struct over {
    const char *action; /* a literal */
    const char *what;
    uint32_t per_s;
    uint32_t burst_s;
    int64_t wait_us;
};

static void slow_down(struct session *s, const struct over *over, struct link_now now) {
    if (over->wait_us == 0 || s->state != SESSION_LIVE) {
        return;
    }
    if (s->narrow_mono_us == 0) {
        session_incident(s, over->action, now,
                         "more than %u %s a second, and %u s of that in a burst: it is slowed down to that",
                         over->per_s, over->what, over->burst_s);
        (void)snprintf(s->status.fault, sizeof s->status.fault, "sends more than %u %s a second: slowed down",
                       over->per_s, over->what);
    }
    pause_for(s, over->wait_us, now);
    narrow(s, now);
}

static uint32_t cut(uint64_t v) {
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* A backlog comes in bulk by nature: of samples and frames it may have in a second what is a burst of the
 * live lane. What it may cost is a matter of its rate in bytes. */
static uint32_t lane_rate(const struct link_limits *limits, uint32_t per_s, int lane) {
    return cut((uint64_t)per_s * (lane == RATE_BACKLOG ? limits->samples_burst_s : 1));
}

void session_take_samples(struct session *s, uint32_t n, int lane, struct link_now now) {
    const struct link_limits *limits = &s->env->limits.link;
    struct over over = {.action = "link.too_many_samples",
                        .what = "samples",
                        .per_s = lane_rate(limits, limits->samples_per_s, lane),
                        .burst_s = limits->samples_burst_s};
    over.wait_us = rate_take(&budget_of(s)->samples[lane], n, over.per_s, over.burst_s, now.mono_us);
    slow_down(s, &over, now);
}

enum { ENTRIES_S = 10, ENTRIES_BURST_S = 10 * ENTRIES_S };

/* The largest dictionary there may be, each ENTRIES_S; ten of them at once. */
void session_take_entries(struct session *s, uint32_t n, struct link_now now) {
    struct over over = {.action = "link.too_many_entries",
                        .what = "entries of dictionaries",
                        .per_s = s->env->limits.link.dictionary_tags / ENTRIES_S + 1,
                        .burst_s = ENTRIES_BURST_S};
    over.wait_us = rate_take(&budget_of(s)->entries, n, over.per_s, over.burst_s, now.mono_us);
    slow_down(s, &over, now);
}

/* A gateway counts its bytes somewhat differently, and a smaller rate reaches it when a window of records is
 * on its way already: one that keeps to what it was told never gets here. */
static struct over backlog_bytes(const struct session *s) {
    uint64_t told = s->backlog_rate < PACE_RATE_LEAST ? PACE_RATE_LEAST : s->backlog_rate;
    uint32_t per_s = cut(told + told / 4);
    return (struct over){.action = "link.too_much_backlog",
                         .what = "bytes of its backlog",
                         .per_s = per_s,
                         .burst_s = s->env->limits.link.samples_burst_s +
                                    s->env->limits.link.window_bytes / per_s + 1};
}

static struct over live_bytes(const struct link_limits *limits) {
    return (struct over){.action = "link.too_many_bytes",
                         .what = "bytes",
                         .per_s = limits->bytes_per_s,
                         .burst_s = limits->samples_burst_s};
}

/* As hand_over sees it: flag H, or a former epoch, whose index is the first of the body. */
static int lane_of(const struct frame *f) {
    bool journaled = (f->flags & FRAME_JOURNALED) != 0;
    bool backlog = (f->flags & FRAME_BACKLOG) != 0 || (f->body.n > 0 && f->body.p[0] != 0);
    return journaled && backlog ? RATE_BACKLOG : RATE_LIVE;
}

void session_take_frame(struct session *s, const struct frame *f, struct link_now now) {
    const struct link_limits *limits = &s->env->limits.link;
    struct session_budget *budget = budget_of(s);
    int lane = lane_of(f);
    struct over bytes = lane == RATE_BACKLOG ? backlog_bytes(s) : live_bytes(limits);
    uint32_t n = (uint32_t)f->body.n + (lane == RATE_LIVE ? LINK_FRAME_HEAD : 0);
    bytes.wait_us = rate_take(&budget->bytes[lane], n, bytes.per_s, bytes.burst_s, now.mono_us);
    slow_down(s, &bytes, now);
    struct over frames = {.action = "link.too_many_frames",
                          .what = "frames",
                          .per_s = lane_rate(limits, limits->frames_per_s, lane),
                          .burst_s = limits->samples_burst_s};
    frames.wait_us = rate_take(&budget->frames[lane], 1, frames.per_s, frames.burst_s, now.mono_us);
    slow_down(s, &frames, now);
}

void session_start_pace(struct session *s, struct link_now now) {
    const struct link_limits *limits = &s->env->limits.link;
    struct session_budget *budget = budget_of(s);
    int64_t most = rate_take(&budget->entries, 0, 1, ENTRIES_BURST_S, now.mono_us);
    for (int lane = 0; lane < RATES; lane++) {
        const struct over bytes = lane == RATE_BACKLOG ? backlog_bytes(s) : live_bytes(limits);
        const int64_t waits[] = {
            rate_take(&budget->bytes[lane], 0, bytes.per_s, bytes.burst_s, now.mono_us),
            rate_take(&budget->samples[lane], 0, 1, limits->samples_burst_s, now.mono_us),
            rate_take(&budget->frames[lane], 0, 1, limits->samples_burst_s, now.mono_us),
        };
        for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
            most = waits[i] > most ? waits[i] : most;
        }
    }
    if (most > 0) {
        pause_for(s, most, now);
    }
}

/* --- what cannot be used --- */

enum { DAY_S = 86400 };

void session_take_quarantine(struct session *s, size_t n, struct link_now now) {
    uint32_t a_day = s->env->limits.link.quarantine_bytes_per_day;
    int64_t wait_us = rate_take(&budget_of(s)->quarantine, (uint32_t)n, a_day / DAY_S, DAY_S, now.mono_us);
    if (wait_us > 0 && s->state == SESSION_LIVE) {
        s->suspends_us = wait_us > TM_MINUTE_US ? wait_us : TM_MINUTE_US;
        session_fail(
            s, LINK_SUSPENDED, NULL, now,
            "more than %u bytes of records in a day that cannot be used: see what stands in quarantine",
            a_day);
    }
}

int64_t session_suspends_us(const struct session *s) {
    return s->suspends_us;
}

/* --- its pause --- */

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
