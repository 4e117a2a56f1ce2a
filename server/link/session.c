#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)

enum { INCIDENT_BURST = 20, EVENT_BURST = 100 };

/* --- life --- */

enum status session_new(const struct session_env *env, const char *peer, void *user, struct link_now now,
                        struct session **ret) {
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->env = env;
    s->user = user;
    s->gateway = MODEL_NONE;
    s->shelf.limits = &env->limits.link;
    s->max_body = LINK_BODY_MAX_HELLO;
    s->max_rx_body = LINK_BODY_MAX_HELLO;
    s->deadline_mono_us = now.mono_us + env->limits.link.handshake_ms * MS_US;
    buf_init(&s->in, LINK_FRAME_HEAD + LINK_BODY_MAX_HELLO + SESSION_IN_SLACK);
    buf_init(&s->out, SESSION_OUT_MAX);
    (void)snprintf(s->status.peer, sizeof s->status.peer, "%s", peer);
    s->status.since_us = now.wall_us;
    *ret = s;
    return OK;
}

void session_free(struct session **s) {
    if (*s == NULL) {
        return;
    }
    buf_done(&(*s)->in);
    buf_done(&(*s)->out);
    shelf_done(&(*s)->shelf);
    session_load_done(*s);
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        ranges_done(&(*s)->epochs[i].committed);
        ranges_done(&(*s)->epochs[i].gone);
    }
    free((*s)->flights);
    free(*s);
    *s = NULL;
}

void session_open(struct session *s, const char *gateway, struct link_now now) {
    CHECK(s->state == SESSION_HANDSHAKE);
    (void)snprintf(s->name, sizeof s->name, "%s", gateway);
    (void)snprintf(s->holder, sizeof s->holder, "%s", gateway);
    s->state = SESSION_HELLO;
    s->deadline_mono_us = now.mono_us + s->env->limits.link.hello_ms * MS_US;
    s->seen_mono_us = now.mono_us;
}

void session_close(struct session *s, const char *reason, struct link_now now) {
    if (s->state == SESSION_CLOSING) {
        return;
    }
    session_tell_repeats(s, true, now);
    session_clock_tell(s, now);
    s->status.up = false;
    s->state = SESSION_CLOSING;
    s->blocked = false;
    s->status.since_us = now.wall_us;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", reason);
    buf_clear(&s->in);
    session_load_done(s);
    s->env->owner.closed(s->env->owner.ctx, s, now);
    s->env->owner.wake(s->env->owner.ctx, s);
}

void session_lost(struct session *s, const char *reason, struct link_now now) {
    session_close(s, reason, now);
    buf_clear(&s->out);
}

/* --- what it says --- */

/* What is said is bounded by its kind (limits.h), or was found to fit before: a longer frame would be a fault
 * of this program, for which a sound gateway would have to close. */
void session_end_frame(struct session *s, size_t mark) {
    frame_end(&s->out, mark);
    CHECK(s->out.failed || s->out.n - mark <= LINK_FRAME_HEAD + s->max_rx_body);
}

/* Texts may be cut by snprintf within a character; what leaves must be UTF-8. */
static struct slice text_slice(const char *text) {
    size_t n = strnlen(text, LINK_TEXT_MAX);
    return slice_of(text, utf8_valid_prefix(text, n));
}

static void put_error(struct session *s, const struct msg_error *error) {
    size_t mark = frame_begin(&s->out, MSG_ERROR, 0);
    error_encode(&s->out, error);
    session_end_frame(s, mark);
}

static void put_bye(struct session *s, enum bye_reason reason, uint32_t after_ms, const char *text) {
    struct msg_bye bye = {
        .reason = (uint8_t)reason, .reconnect_after_ms = after_ms, .text = text_slice(text)};
    size_t mark = frame_begin(&s->out, MSG_BYE, 0);
    bye_encode(&s->out, &bye);
    session_end_frame(s, mark);
}

void session_complain(struct session *s, const struct msg_error *error) {
    put_error(s, error);
    s->env->owner.wake(s->env->owner.ctx, s);
}

/* Breaches are what a sound gateway never does; being too new, too slow or restored from a backup is none. */
static bool is_breach(enum link_code code) {
    return code == LINK_BAD_FRAME || code == LINK_TOO_BIG || code == LINK_FLOW || code == LINK_UNSUPPORTED ||
           code == LINK_SEQ_CONFLICT || code == LINK_IDENTITY;
}

void session_fail(struct session *s, enum link_code code, const struct msg_error *about, struct link_now now,
                  const char *fmt, ...) {
    if (s->state == SESSION_CLOSING) {
        return;
    }
    char text[SESSION_REASON_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct msg_error error = {.code = (uint16_t)code, .fatal = true, .text = text_slice(text)};
    if (about != NULL) {
        error.ref_type = about->ref_type;
        error.ep = about->ep;
        error.seq = about->seq;
    }
    put_error(s, &error);
    s->breached = is_breach(code);
    char reason[SESSION_REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "%s: %s", link_code_name((uint16_t)code), text);
    if (s->breached && code != LINK_SEQ_CONFLICT) { /* of a fork people are told by the roster */
        session_incident(s, "link.protocol_error", now, "%s", reason);
    }
    session_close(s, reason, now);
}

void session_refuse(struct session *s, enum link_code code, const char *text, struct link_now now) {
    session_fail(s, code, NULL, now, "%s", text);
}

void session_bye(struct session *s, enum bye_reason reason, uint32_t after_ms, const char *text,
                 struct link_now now) {
    if (s->state == SESSION_CLOSING) {
        return;
    }
    /* Before TLS is done there is nobody to say it to. */
    if (s->state != SESSION_HANDSHAKE) {
        put_bye(s, reason, after_ms, text);
    }
    session_close(s, text, now);
}

static void tell(struct session *s, const struct told *told, const char *action, const char *fmt,
                 va_list args) PRINTF_LIKE(4, 0);
static void tell(struct session *s, const struct told *told, const char *action, const char *fmt,
                 va_list args) {
    char detail[LINK_NAME_MAX + LINK_TEXT_MAX + SESSION_REASON_SIZE];
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    size_t n = utf8_valid_prefix(detail, strlen(detail));
    detail[n] = '\0';
    if (told->left_out > 0) {
        (void)snprintf(detail + n, sizeof detail - n, " (and %llu more before, not listed)",
                       (unsigned long long)told->left_out);
    }
    s->env->host.incident(s->env->host.ctx, action, s->status.peer, s->name, detail);
}

void session_incident(struct session *s, const char *action, struct link_now now, const char *fmt, ...) {
    struct told *told = &s->env->owner.budget(s->env->owner.ctx, s)->incidents;
    if (!bucket_take(&told->bucket, now.mono_us, TM_MINUTE_US, INCIDENT_BURST)) {
        told->left_out++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    tell(s, told, action, fmt, args);
    va_end(args);
    told->left_out = 0;
}

void session_event(struct session *s, const char *action, struct link_now now, const char *fmt, ...) {
    struct told *told = &s->env->owner.budget(s->env->owner.ctx, s)->events;
    if (!bucket_take(&told->bucket, now.mono_us, TM_MINUTE_US, EVENT_BURST)) {
        told->left_out++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    tell(s, told, action, fmt, args);
    va_end(args);
    told->left_out = 0;
}

/* --- time --- */

static void send_ping(struct session *s, struct link_now now) {
    s->ping_id++;
    s->ping_t0_us = now.wall_us;
    s->ping_mono_us = now.mono_us + s->env->limits.heartbeat_ms * MS_US;
    struct msg_ping ping = {.id = s->ping_id, .t0_us = s->ping_t0_us};
    size_t mark = frame_begin(&s->out, MSG_PING, 0);
    ping_encode(&s->out, &ping);
    session_end_frame(s, mark);
    s->env->owner.wake(s->env->owner.ctx, s);
}

static void tick_live(struct session *s, struct link_now now) {
    const struct session_limits *limits = &s->env->limits;
    session_pause_tick(s, now);
    session_held_tick(s, now);
    if (s->state != SESSION_LIVE) {
        return;
    }
    bool listening = !s->blocked && !s->paused && !s->held;
    bool silent = !s->frozen && now.mono_us - s->seen_mono_us >= limits->dead_ms * MS_US;
    session_tell_repeats(s, false, now);
    if (silent && listening) {
        session_fail(s, LINK_TIMEOUT, NULL, now, "nothing was heard for %u ms", limits->dead_ms);
    } else if (silent) {
        /* Nobody knows whether the line is still there, and what is shown of it is as old: it must not pass
         * for good any longer. The gateway has all that was not acknowledged. */
        char text[SESSION_REASON_SIZE];
        (void)snprintf(text, sizeof text, "%s: nothing was read from it for %u ms",
                       s->blocked || s->held ? "the server cannot store what it sends"
                                             : "it sent more than it may",
                       limits->dead_ms);
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, text, now);
    } else if (now.mono_us >= s->reauth_mono_us) {
        session_bye(s, BYE_REAUTH, 0, "the certificate is to be shown again after a day", now);
    } else if (now.mono_us >= s->ping_mono_us) {
        send_ping(s, now);
        session_offer_renewal(s, now);
    }
}

void session_tick(struct session *s, struct link_now now) {
    if (s->frame_mono_us != 0 && now.mono_us - s->frame_mono_us >= s->env->limits.link.frame_ms * MS_US &&
        s->state != SESSION_CLOSING) {
        session_fail(s, LINK_TIMEOUT, NULL, now, "a frame was not complete within %u ms",
                     s->env->limits.link.frame_ms);
        return;
    }
    bool late = now.mono_us >= s->deadline_mono_us;
    switch (s->state) {
    case SESSION_HANDSHAKE:
        if (late) {
            session_lost(s, "TLS was not done in time", now);
        }
        return;
    case SESSION_HELLO:
        if (late) {
            session_fail(s, LINK_TIMEOUT, NULL, now, "no HELLO within %u ms", s->env->limits.link.hello_ms);
        }
        return;
    case SESSION_SETTLING:
        if (late && !session_loading(s)) {
            session_settled_late(s, now);
        }
        return;
    case SESSION_LIVE:
        tick_live(s, now);
        return;
    case SESSION_ENROLLING:
        if (late) {
            session_fail(s, LINK_TIMEOUT, NULL, now, "%s",
                         s->certifying ? "the database does not answer" : "nothing was asked for in time");
        }
        return;
    case SESSION_CLOSING:
        return;
    }
}

/* --- the rest --- */

void session_set_gateway(struct session *s, uint32_t gateway) {
    s->gateway = gateway;
}

void session_ask_refresh(struct session *s) {
    if (s->state == SESSION_LIVE) {
        session_end_frame(s, frame_begin(&s->out, MSG_REFRESH, 0));
        s->env->owner.wake(s->env->owner.ctx, s);
    }
}

void session_model_changed(struct session *s) {
    shelf_forget_tags(&s->shelf);
    session_ask_refresh(s); /* new tags have no value yet */
}

enum session_state session_state(const struct session *s) {
    return s->state;
}

const char *session_reason(const struct session *s) {
    return s->reason;
}

bool session_breached(const struct session *s) {
    return s->breached;
}

struct slice session_gateway_name(const struct session *s) {
    return slice_str(s->name);
}

uint32_t session_gateway(const struct session *s) {
    return s->gateway;
}

const struct link_status *session_status(const struct session *s) {
    return &s->status;
}

const char *session_peer(const struct session *s) {
    return s->status.peer;
}

void *session_user(const struct session *s) {
    return s->user;
}

struct buf *session_out(struct session *s) {
    return &s->out;
}
