/* The end of the backlog: what of the numbers that HELLO named is still to come. */
#include "server/link/session_internal.h"

/* The newest record below (ep, end) that has not come and may still come: closed epochs come first,
 * ascending, the present one (0) last. */
static void expect_before(struct session *s, uint32_t ep, uint64_t end) {
    for (;;) {
        uint64_t seq = end;
        const struct session_epoch *e = &s->epochs[ep];
        bool missing = ranges_last_missing(&e->committed, end, &seq);
        bool gone = missing && ranges_has(&e->gone, seq);
        if (missing && !gone && session_find_flight(s, ep, seq) == NULL) {
            s->awaits_backlog = true;
            s->last_ep = ep;
            s->last_seq = seq;
            return;
        }
        if (gone) {
            /* The numbers below, down to the first that is not gone: there may be millions of them. */
            end = ranges_last_missing(&e->gone, seq, &seq) ? seq + 1 : 0;
        } else if (missing) {
            end = seq; /* it was sent ahead, as a dictionary may be */
        } else if (ep == 1 || s->n_epochs <= 1) {
            s->awaits_backlog = false;
            return;
        } else {
            ep = ep == 0 ? s->n_epochs - 1 : ep - 1;
            end = s->epochs[ep].next_seq;
        }
    }
}

void session_expect_backlog(struct session *s) {
    s->awaits_backlog = false;
    if (s->n_epochs > 0) {
        expect_before(s, 0, s->epochs[0].next_seq);
    }
}

static void tell_backlog_end(struct session *s) {
    if (!s->awaits_backlog && s->has_live && !s->told_backlog_end) {
        s->told_backlog_end = true;
        s->env->host.backlog_end(s->env->host.ctx, s->gateway, s->newest_us);
    }
}

void session_note_live(struct session *s, const struct sample *v, uint32_t n) {
    for (uint32_t i = 0; i < n && !s->has_live; i++) {
        s->newest_us = i == 0 || v[i].t_us > s->newest_us ? v[i].t_us : s->newest_us;
    }
    s->has_live = s->has_live || n > 0;
    tell_backlog_end(s);
}

void session_note_record(struct session *s, uint32_t ep, uint64_t seq) {
    if (s->awaits_backlog && ep == s->last_ep && seq == s->last_seq) {
        expect_before(s, s->last_ep, s->last_seq);
        tell_backlog_end(s);
    }
}

void session_note_gone(struct session *s, uint64_t epoch, uint64_t first, uint64_t end) {
    for (uint32_t ep = 0; ep < s->n_epochs && first < end; ep++) {
        /* Without room for it these numbers are waited for: the backlog stays open until the next session. */
        if (s->epochs[ep].epoch != epoch || ranges_add(&s->epochs[ep].gone, first, end) != OK) {
            continue;
        }
        if (s->awaits_backlog && s->last_ep == ep && ranges_has(&s->epochs[ep].gone, s->last_seq)) {
            expect_before(s, ep, s->last_seq + 1);
            tell_backlog_end(s);
        }
    }
}
