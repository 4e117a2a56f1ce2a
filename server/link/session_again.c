/* Records that came before: the same again, or another under its number (a fork of the journal). Those whose
 * number is committed are compared by the store, which has what stands there: they pass through the window as
 * all records do, so that no gateway has more compared than it may have in flight. */
#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/link/session_internal.h"

void session_tell_repeats(struct session *s, bool at_once, struct link_now now) {
    bool due = at_once || now.mono_us >= s->repeats_due_mono_us;
    if (due && s->repeats.n > s->repeats_told) {
        s->repeats_told = s->repeats.n;
        s->repeats_due_mono_us = now.mono_us + TM_SECOND_US;
        s->env->host.repeated(s->env->host.ctx, &s->repeats);
    }
}

static void count_repeat(struct session *s, struct link_now now) {
    int64_t day = now.wall_us / TM_DAY_US;
    s->status.duplicates++;
    if (s->repeats.day != day) {
        session_tell_repeats(s, true, now);
        s->repeats =
            (struct link_repeat){.gateway_key = s->gateway_key, .session = s->status.session, .day = day};
        s->repeats_told = 0;
    }
    s->repeats.n++;
}

/* Of another content it is not known yet whether the first one will stand: it waits, and then is looked at
 * once more. */
enum verdict session_on_flying(struct session *s, const struct flight *flight, uint32_t crc,
                               struct link_now now) {
    if (flight->crc != crc) {
        return VERDICT_HELD;
    }
    count_repeat(s, now);
    return VERDICT_NEXT;
}

void session_held_tick(struct session *s, struct link_now now) {
    if (!s->held || s->n_flights > 0 || s->state != SESSION_LIVE) {
        return;
    }
    s->held = false;
    if (s->forked) {
        session_send_acks(s); /* what was stored must not be filed anew */
        session_fail(s, LINK_SEQ_CONFLICT, &s->fork, now,
                     "another content is stored under number %llu: open a new epoch",
                     (unsigned long long)s->fork.seq);
    } else {
        s->seen_mono_us = now.mono_us; /* it was we who did not listen */
        session_go_on(s, now);
    }
}

void session_forked(struct session *s, uint64_t epoch, uint64_t seq, struct link_now now) {
    for (uint32_t ep = 0; ep < s->n_epochs && s->state == SESSION_LIVE; ep++) {
        struct flight *flight = s->epochs[ep].epoch == epoch ? session_find_flight(s, ep, seq) : NULL;
        if (flight == NULL) {
            continue;
        }
        s->flight_bytes -= flight->bytes;
        *flight = s->flights[--s->n_flights];
        if (!s->forked) {
            s->fork = (struct msg_error){.ep = ep, .seq = seq};
        }
        s->forked = true;
        s->held = true;
        session_held_tick(s, now);
        return;
    }
}
