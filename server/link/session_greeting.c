/* HELLO, settling, WELCOME. */
#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)
/* TLS 1.3 never asks for a certificate twice, so that one that has expired or was revoked would be good for
 * as long as its connection lasts. Spread, so that not all come back in the same minute. */
#define REAUTH_US       (24 * TM_HOUR_US)
#define REAUTH_SPREAD_S 3600

/* A gateway that is switched off speaks for nobody. */
static bool may_speak(const struct model *m, struct slice holder, struct slice gateway) {
    if (slice_eq(holder, gateway)) {
        return true;
    }
    uint32_t of = model_find_gateway(m, gateway);
    uint32_t by = model_find_gateway(m, holder);
    return of != MODEL_NONE && by != MODEL_NONE && m->gateways[by].enabled &&
           slice_eq(m->gateways[of].certificate_of, holder);
}

bool session_may_speak(const struct session *s, const struct model *m) {
    return may_speak(m, slice_str(s->holder), slice_str(s->name));
}

/* Whether this gateway may come in at all, by its certificate and the configuration. */
static bool known_gateway(struct session *s, const struct msg_hello *hello, struct link_now now) {
    if (s->env->model == NULL) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is starting", now);
        return false;
    }
    if (!may_speak(s->env->model, slice_str(s->holder), hello->gateway)) {
        session_fail(
            s, LINK_IDENTITY, NULL, now,
            "HELLO says \"%.*s\", the certificate is of \"%s\", and the configuration of \"%.*s\" does "
            "not name that in certificate_of",
            SLICE_ARG(hello->gateway), s->holder, SLICE_ARG(hello->gateway));
        return false;
    }
    /* Not longer than its holder's or a configured name. */
    (void)snprintf(s->name, sizeof s->name, "%.*s", SLICE_ARG(hello->gateway));
    if (session_env_revoked(s->env, s->certificate)) {
        session_incident(s, "link.refused", now, "certificate is revoked");
        session_fail(s, LINK_NOT_ALLOWED, NULL, now, "the certificate of gateway \"%s\" is revoked", s->name);
        return false;
    }
    uint32_t gateway = model_find_gateway(s->env->model, slice_str(s->name));
    if (gateway == MODEL_NONE || !s->env->model->gateways[gateway].enabled) {
        const char *why = gateway == MODEL_NONE ? "is not in the configuration" : "is disabled";
        session_incident(s, "link.refused", now, "gateway %s", why);
        session_fail(s, LINK_NOT_ALLOWED, NULL, now, "gateway \"%s\" %s", s->name, why);
        return false;
    }
    session_set_gateway(s, gateway);
    return true;
}

static void take_hello(struct session *s, const struct msg_hello *hello, struct link_now now) {
    s->n_epochs = hello->n_epochs;
    for (uint32_t i = 0; i < hello->n_epochs; i++) {
        s->epochs[i].epoch = hello->epochs[i].epoch;
        s->epochs[i].next_seq = hello->epochs[i].next_seq;
        /* What lies below and is not committed is gone. */
        session_note_gone(s, hello->epochs[i].epoch, 0, hello->epochs[i].oldest_unacked);
    }
    struct link_status *status = &s->status;
    (void)snprintf(status->software, sizeof status->software, "%.*s", SLICE_ARG(hello->software));
    status->software[utf8_valid_prefix(status->software, strlen(status->software))] = '\0';
    s->max_rx_body = hello->max_rx_frame; /* WELCOME has a limit of its own */
    s->renews = (hello->caps & LINK_CAP_RENEWAL) != 0;
    status->backlog_bytes = hello->journal_bytes;
    status->oldest_sample_us = hello->oldest_sample_us;
    status->dropped_total = hello->dropped_total;
    s->hello_us = hello->now_us;
    s->tells_oldest = hello->journal_capacity > 0;
    session_clock_said(s, hello, now);
}

enum verdict session_on_hello(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_hello hello = {0};
    struct error err = {0};
    const struct msg_error about = {.ref_type = MSG_HELLO};
    if (hello_decode(f->body, &hello, &err) != OK) {
        session_fail(s, LINK_BAD_FRAME, &about, now, "HELLO: %s: %s", err.where, err.text);
        return VERDICT_NEXT;
    }
    if (!known_gateway(s, &hello, now)) {
        return VERDICT_NEXT;
    }
    if (hello.version_min > LINK_VERSION || hello.version_max < LINK_VERSION) {
        session_fail(s, LINK_VERSION_MISMATCH, &about, now,
                     "the gateway speaks versions %u to %u, the server %d to %d", hello.version_min,
                     hello.version_max, LINK_VERSION, LINK_VERSION);
        return VERDICT_NEXT;
    }
    take_hello(s, &hello, now);
    s->state = SESSION_SETTLING;
    s->deadline_mono_us = now.mono_us + s->env->limits.settle_ms * MS_US;
    s->env->owner.hello(s->env->owner.ctx, s, hello.epochs, hello.n_epochs, now);
    return VERDICT_NEXT;
}

/* False if there is no memory. More ranges than are kept: what of the others comes again is recognised by the
 * store; where they end must be known all the same. */
static bool take_range(struct session_epoch *e, const struct link_range *r) {
    if (r->first >= r->end) {
        return true;
    }
    e->stored_end = r->end > e->stored_end ? r->end : e->stored_end;
    enum status status = ranges_add(&e->committed, r->first, r->end);
    return status == OK || status == ERR_FULL;
}

/* False if there is no memory. */
static bool take_committed(struct session *s, const struct link_settled *settled) {
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        for (uint32_t j = 0; j < settled->n_committed; j++) {
            const struct link_range *r = &settled->committed[j];
            if (r->epoch == s->epochs[i].epoch && !take_range(&s->epochs[i], r)) {
                return false;
            }
        }
        ranges_unmark_all(&s->epochs[i].committed); /* WELCOME tells them */
    }
    return true;
}

/* A gateway whose journal ends before what it has sent was set back by a restored disk: the numbers that it
 * would give out next are taken. */
static bool rolled_back(struct session *s, struct link_now now) {
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        uint64_t end = s->epochs[i].stored_end;
        if (s->epochs[i].next_seq < end) {
            const struct msg_error about = {.ref_type = MSG_HELLO, .ep = i, .seq = end};
            session_incident(s, "link.epoch_rollback", now, "next is %llu, stored is up to %llu",
                             (unsigned long long)s->epochs[i].next_seq, (unsigned long long)end);
            session_fail(s, LINK_EPOCH_ROLLBACK, &about, now,
                         "the gateway would go on with %llu, but %llu are stored: open a new epoch",
                         (unsigned long long)s->epochs[i].next_seq, (unsigned long long)end);
            return true;
        }
    }
    return false;
}

static void put_welcome(struct session *s, struct link_now now) {
    const struct session_limits *limits = &s->env->limits;
    struct msg_welcome welcome = {.version = LINK_VERSION,
                                  .session = s->status.session,
                                  .n_epochs = s->n_epochs,
                                  .now_us = now.wall_us,
                                  .window_bytes = limits->link.window_bytes,
                                  .window_frames = limits->link.window_frames,
                                  .max_frame = limits->link.frame_bytes,
                                  .heartbeat_ms = limits->heartbeat_ms,
                                  .dead_ms = limits->dead_ms,
                                  .backlog_rate = s->backlog_rate,
                                  .state = s->env->store_state,
                                  .caps = s->env->owner.certify == NULL ? 0 : LINK_CAP_RENEWAL};
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        welcome.epochs[i].epoch = s->epochs[i].epoch;
    }
    /* WELCOME must fit the small frame of a greeting. To tell fewer ranges is safe: what is sent again is
     * dropped and acknowledged. */
    size_t start = s->out.n;
    for (uint32_t most = LINK_ACK_RANGES_MAX;; most /= 2) {
        s->out.n = start;
        for (uint32_t i = 0; i < s->n_epochs; i++) {
            const struct ranges *r = &s->epochs[i].committed;
            welcome.epochs[i].n_ranges = r->n < most ? r->n : most;
            for (uint32_t j = 0; j < welcome.epochs[i].n_ranges; j++) {
                welcome.epochs[i].ranges[j] = r->v[j].r;
            }
        }
        size_t mark = frame_begin(&s->out, MSG_WELCOME, 0);
        welcome_encode(&s->out, &welcome);
        frame_end(&s->out, mark);
        if (s->out.failed || most == 0 || s->out.n - start <= LINK_FRAME_HEAD + LINK_BODY_MAX_HELLO) {
            return;
        }
    }
}

/* The host knows the gateway; what it knows is taken over. */
static bool take_settled(struct session *s, const struct link_settled *settled, struct link_now now) {
    s->flights = calloc(s->env->limits.link.window_frames, sizeof *s->flights);
    if (s->flights == NULL || !take_committed(s, settled)) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is out of memory", now);
        return false;
    }
    if (rolled_back(s, now)) {
        return false;
    }
    s->gateway_key = settled->gateway_key;
    s->status.session = settled->session;
    for (uint32_t i = 0; i < settled->n_gone; i++) {
        session_note_gone(s, settled->gone[i].epoch, settled->gone[i].first, settled->gone[i].end);
    }
    if (!session_load_begin(s, settled)) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is out of memory", now);
        return false;
    }
    return true;
}

static void go_live(struct session *s, struct link_now now) {
    put_welcome(s, now);
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        session_ask_order(s, i);
    }
    session_expect_backlog(s);
    s->backlog_mono_us = now.mono_us;
    s->state = SESSION_LIVE;
    s->max_body = s->env->limits.link.frame_bytes;
    s->in.max = LINK_FRAME_HEAD + s->max_body + SESSION_IN_SLACK;
    s->seen_mono_us = now.mono_us;
    s->ping_mono_us = now.mono_us; /* the first at once: it measures the clock */
    s->reauth_mono_us =
        now.mono_us + REAUTH_US + (int64_t)(s->status.session % REAUTH_SPREAD_S) * TM_SECOND_US;
    s->status.up = true;
    s->status.since_us = now.wall_us;
    s->status.last_seen_us = now.wall_us;
    session_start_pace(s, now);
    s->env->owner.wake(s->env->owner.ctx, s);
}

bool session_loading(const struct session *s) {
    return s->state == SESSION_SETTLING && s->load.v != NULL;
}

void session_load(struct session *s, uint32_t *budget, struct link_now now) {
    CHECK(session_loading(s));
    if (session_load_slice(s, budget)) {
        go_live(s, now);
    }
}

/* ERROR says what it is, BYE when to come again. */
static void store_is_down(struct session *s, const char *why, struct link_now now) {
    char text[SESSION_REASON_SIZE];
    (void)snprintf(text, sizeof text, "the server cannot store now: %s", why);
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    session_complain(
        s, &(struct msg_error){.code = LINK_STORE_DOWN, .ref_type = MSG_HELLO, .text = slice_str(text)});
    session_bye(s, BYE_RETRY, SESSION_RETRY_MS, text, now);
}

void session_settled_late(struct session *s, struct link_now now) {
    store_is_down(s, "the database does not answer", now);
}

void session_settled(struct session *s, const struct link_settled *settled, struct link_now now) {
    CHECK(s->state == SESSION_SETTLING);
    if (settled->status == ERR_NOT_FOUND || settled->status == ERR_DENIED) {
        session_incident(s, "link.refused", now, "%s", settled->error.text);
        session_fail(s, LINK_NOT_ALLOWED, NULL, now, "%s", settled->error.text);
        return;
    }
    if (settled->status != OK) {
        store_is_down(s, settled->error.text, now);
        return;
    }
    if (!take_settled(s, settled, now)) {
        return;
    }
    uint32_t budget = SESSION_LOAD_SLICE;
    if (session_load_slice(s, &budget)) {
        go_live(s, now);
    }
}
