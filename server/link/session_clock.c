/* The gateway's clock: by how much it is off, as PING and PONG measure it; what the gateway says of it; and
 * which records it does not vouch for. */
#include "server/base/tm.h"
#include "server/link/session_internal.h"

enum {
    JUDGING_PROBES = 3,    /* one after the other must say the same */
    TELL_EVERY_S = 10 * 60 /* while nothing changes */
};

/* offset = ((t1 - t0) + (t2 - t3)) / 2, delay = (t3 - t0) - (t2 - t1); gateway minus server. False if the
 * gateway's times cannot be right. */
static bool measure(const struct msg_pong *pong, int64_t t3_us, struct clock_probe *ret) {
    int64_t there = 0;
    int64_t back = 0;
    int64_t inside = 0;
    int64_t sum = 0;
    if (__builtin_sub_overflow(pong->t1_us, pong->t0_us, &there) ||
        __builtin_sub_overflow(pong->t2_us, t3_us, &back) ||
        __builtin_sub_overflow(pong->t2_us, pong->t1_us, &inside) ||
        __builtin_add_overflow(there, back, &sum) ||
        __builtin_sub_overflow(t3_us - pong->t0_us, inside, &ret->delay_us)) {
        return false;
    }
    ret->offset_us = sum / 2;
    return inside >= 0 && ret->delay_us >= 0;
}

/* A clock that is known to be ahead may be so far ahead: the larger of what the gateway says itself and what
 * was measured, of whose delay half may be the way there alone. Bounded, since both are the gateway's words.
 */
static void believe(struct session *s, const struct clock_probe *best) {
    const int64_t most_us = s->env->limits.link.future_s * TM_SECOND_US;
    int64_t error_us = s->clock_error_us < (uint64_t)most_us ? (int64_t)s->clock_error_us : most_us;
    int64_t ahead_us = 0;
    if (best != NULL) {
        s->status.clock_offset_us = best->offset_us;
        s->status.clock_measure_us = best->delay_us / 2;
        if (__builtin_add_overflow(best->offset_us, best->delay_us / 2, &ahead_us)) {
            ahead_us = most_us;
        }
    }
    error_us = ahead_us > error_us ? ahead_us : error_us;
    s->status.clock_error_us = error_us < most_us ? error_us : most_us;
}

/* --- off or good --- */

static const char *source_name(enum clock_source source) {
    static const char *const names[] = {
        [CLOCK_NONE] = "nothing", [CLOCK_NTP] = "NTP", [CLOCK_PTP] = "PTP", [CLOCK_GNSS] = "GNSS"};
    return names[source];
}

static void report(struct session *s, struct link_now now) {
    const struct link_clock *c = &s->clock.told;
    if (!c->off) {
        session_incident(s, "gateway.clock_good", now, "its clock is within 0.5 s again (%+.3f s)",
                         (double)c->offset_us / 1e6);
        return;
    }
    session_incident(
        s, "gateway.clock_off", now,
        "its clock is %.3f s %s the server's (measured to %.3f s); it is disciplined by %s, as the "
        "gateway says",
        (double)(c->offset_us < 0 ? -c->offset_us : c->offset_us) / 1e6,
        c->offset_us < 0 ? "behind" : "ahead of", (double)c->error_us / 1e6, source_name(c->source));
}

static int64_t magnitude(int64_t us) {
    return us < 0 ? (us == INT64_MIN ? INT64_MAX : -us) : us;
}

/* By each probe alone, since the best of the last ones may be from before the clock was set: of what it
 * shows, half of its delay may be the line's. */
static void judge(struct session *s, const struct clock_probe *probe, struct link_now now) {
    struct session_clock *c = &s->clock;
    int64_t at_least_us = magnitude(probe->offset_us) - probe->delay_us / 2;
    c->n_off = at_least_us > LINK_CLOCK_OFF_US ? c->n_off + 1 : 0;
    c->n_good = at_least_us < LINK_CLOCK_GOOD_US ? c->n_good + 1 : 0;
    bool off = c->told.off ? c->n_good < JUDGING_PROBES : c->n_off >= JUDGING_PROBES;
    bool judged = c->judged || c->n_off >= JUDGING_PROBES || c->n_good >= JUDGING_PROBES;
    bool changed = off != c->told.off;
    c->changed = c->changed || changed || judged != c->judged;
    c->judged = judged;
    c->told.off = off;
    s->status.clock_off = off;
    if (changed) {
        c->told.offset_us = probe->offset_us;
        c->told.error_us = probe->delay_us / 2;
        report(s, now);
    }
}

/* --- what is told --- */

void session_clock_tell(struct session *s, struct link_now now) {
    struct session_clock *c = &s->clock;
    if (c->told.from_us == 0) {
        return; /* nothing was measured */
    }
    c->changed = false;
    c->due_mono_us = now.mono_us + TELL_EVERY_S * TM_SECOND_US;
    c->told.gateway_key = s->gateway_key;
    c->told.session = s->status.session;
    s->env->host.clock(s->env->host.ctx, s->gateway, &c->told, c->judged);
}

void session_clock_said(struct session *s, const struct msg_hello *hello, struct link_now now) {
    s->clock_error_us = hello->clock_error_us;
    s->clock.told.source = hello->clock_source;
    s->clock.told.said_error_us =
        hello->clock_error_us < INT64_MAX ? (int64_t)hello->clock_error_us : INT64_MAX;
    s->status.clock_source = hello->clock_source;
    s->status.clock_said_us = s->clock.told.said_error_us;
    s->status.clock_unsynced = hello->clock_source == CLOCK_NONE;
    s->status.clock_measure_us = -1;
    if (__builtin_sub_overflow(hello->now_us, now.wall_us, &s->status.clock_offset_us)) {
        s->status.clock_offset_us = 0;
    }
    believe(s, NULL);
}

void session_clock_pong(struct session *s, const struct msg_pong *pong, struct link_now now) {
    struct clock_probe probe = {0};
    if (s->ping_id == 0 || pong->id != s->ping_id || pong->t0_us != s->ping_t0_us ||
        !measure(pong, now.wall_us, &probe)) {
        return; /* an old or a strange answer measures nothing, but shows life */
    }
    s->probes[s->n_probes % SESSION_CLOCK_PROBES] = probe;
    s->n_probes++;
    uint32_t n = s->n_probes < SESSION_CLOCK_PROBES ? s->n_probes : SESSION_CLOCK_PROBES;
    struct clock_probe best = s->probes[0];
    for (uint32_t i = 1; i < n; i++) {
        best = s->probes[i].delay_us < best.delay_us ? s->probes[i] : best;
    }
    believe(s, &best);
    struct link_clock *told = &s->clock.told;
    told->offset_us = best.offset_us;
    told->error_us = best.delay_us / 2;
    told->worst_us = magnitude(best.offset_us) > magnitude(told->worst_us) ? best.offset_us : told->worst_us;
    told->from_us = told->from_us == 0 ? now.wall_us : told->from_us;
    told->to_us = now.wall_us;
    judge(s, &probe, now);
    if (s->n_probes == 1 || s->clock.changed || now.mono_us >= s->clock.due_mono_us) {
        session_clock_tell(s, now);
    }
}

/* --- the flag U --- */

struct unsynced session_clock_unsynced(const struct session *s, const struct frame *f,
                                       const struct msg_prefix *prefix, int lane) {
    const struct unsynced *before = &s->epochs[prefix->ep].unsynced[lane];
    struct unsynced with = {.is_so = (f->flags & FRAME_CLOCK_UNSYNCED) != 0, .first = prefix->seq};
    if (with.is_so && before->is_so && before->first < prefix->seq) {
        with.first = before->first;
    }
    return with;
}

void session_clock_take(struct session *s, const struct frame *f, const struct msg_prefix *prefix, int lane) {
    struct unsynced with = session_clock_unsynced(s, f, prefix, lane);
    s->epochs[prefix->ep].unsynced[lane] = with;
    if (lane == RATE_LIVE) {
        s->status.clock_unsynced = with.is_so;
    }
}
