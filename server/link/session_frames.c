/* From bytes to frames, and what each type of frame does in each state. */
#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdio.h>

/* --- control messages --- */

enum verdict session_bad_body(struct session *s, const struct frame *f, const struct error *err,
                              struct link_now now) {
    const struct msg_error about = {.ref_type = f->type};
    session_fail(s, LINK_BAD_FRAME, &about, now, "%s: %s: %s", msg_type_name(f->type), err->where, err->text);
    return VERDICT_NEXT;
}

static enum verdict on_ping(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_ping ping = {0};
    struct error err = {0};
    if (ping_decode(f->body, &ping, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    struct msg_pong pong = {.id = ping.id,
                            .t0_us = ping.t0_us,
                            .t1_us = now.wall_us,
                            .t2_us = now.wall_us,
                            .state = s->env->store_state,
                            .commit_lag_ms = s->env->commit_lag_ms};
    size_t mark = frame_begin(&s->out, MSG_PONG, 0);
    pong_encode(&s->out, &pong);
    session_end_frame(s, mark);
    return VERDICT_NEXT;
}

static enum verdict on_pong(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_pong pong = {0};
    struct error err = {0};
    if (pong_decode(f->body, &pong, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    session_clock_pong(s, &pong, now);
    return VERDICT_NEXT;
}

static enum verdict on_error(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_error error = {0};
    struct error err = {0};
    if (error_decode(f->body, &error, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    char text[SESSION_REASON_SIZE];
    (void)snprintf(text, sizeof text, "gateway reports %s: %.*s", link_code_name(error.code),
                   SLICE_ARG(error.text));
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    session_incident(s, "link.gateway_error", now, "%s", text);
    if (error.fatal) {
        session_close(s, text, now);
    } else {
        (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", text);
    }
    return VERDICT_NEXT;
}

static enum verdict on_bye(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_bye bye = {0};
    struct error err = {0};
    if (bye_decode(f->body, &bye, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    char text[SESSION_REASON_SIZE];
    (void)snprintf(text, sizeof text, "gateway said goodbye%s%.*s", bye.text.n > 0 ? ": " : "",
                   SLICE_ARG(bye.text));
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    session_close(s, text, now);
    return VERDICT_NEXT;
}

static enum verdict skip(struct session *s, const struct frame *f, struct link_now now) {
    (void)f;
    (void)now;
    s->skipped++;
    return VERDICT_NEXT;
}

/* --- refusals --- */

static enum verdict refuse(struct session *s, const struct frame *f, enum link_code code, const char *why,
                           struct link_now now) {
    const struct msg_error about = {.ref_type = f->type};
    session_fail(s, code, &about, now, "%s (type 0x%02x): %s", msg_type_name(f->type), f->type, why);
    return VERDICT_NEXT;
}

static enum verdict not_first(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "the first frame must be HELLO", now);
}

static enum verdict not_yet(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "not before WELCOME", now);
}

static enum verdict not_again(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "only once, at the beginning", now);
}

static enum verdict not_yours(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "only the server sends this", now);
}

static enum verdict not_here(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "only on a connection that speaks " LINK_ALPN_ENROL, now);
}

static enum verdict not_enrolled(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "this connection is for ENROL or CERT_REQUEST", now);
}

static enum verdict not_so(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "flags J and S do not go with this type", now);
}

static enum verdict not_known(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_UNSUPPORTED, "this server does not know it", now);
}

/* --- states times frames --- */

enum frame_class {
    CLASS_HELLO,
    CLASS_RECORD,   /* J */
    CLASS_SNAPSHOT, /* DATA with S, without J */
    CLASS_PING,
    CLASS_PONG,
    CLASS_ERROR,
    CLASS_BYE,
    CLASS_ENROL,
    CLASS_CERT_REQUEST,
    CLASS_CMD_ACK,
    CLASS_CFG_GET,
    CLASS_SERVER,   /* what only the server says */
    CLASS_FLAGS,    /* flags that do not go with the type */
    CLASS_UNKNOWN,  /* may be skipped */
    CLASS_CRITICAL, /* must be understood and is not */
};
enum { CLASSES = CLASS_CRITICAL + 1 };

static enum frame_class class_of_control(uint8_t type) {
    switch (type) {
    case MSG_HELLO:
        return CLASS_HELLO;
    case MSG_PING:
        return CLASS_PING;
    case MSG_PONG:
        return CLASS_PONG;
    case MSG_ERROR:
        return CLASS_ERROR;
    case MSG_BYE:
        return CLASS_BYE;
    case MSG_ENROL:
        return CLASS_ENROL;
    case MSG_CERT_REQUEST:
        return CLASS_CERT_REQUEST;
    case MSG_CMD_ACK:
        return CLASS_CMD_ACK;
    case MSG_CFG_GET:
        return CLASS_CFG_GET;
    default:
        if (msg_type_sender(type) == MSG_BY_SERVER) {
            return CLASS_SERVER;
        }
        return type >= MSG_CRITICAL ? CLASS_CRITICAL : CLASS_UNKNOWN;
    }
}

static enum frame_class classify(const struct frame *f) {
    bool journaled = (f->flags & FRAME_JOURNALED) != 0;
    if (msg_type_is_record(f->type)) {
        if (journaled) {
            return CLASS_RECORD;
        }
        return f->type == MSG_DATA && (f->flags & FRAME_SNAPSHOT) != 0 ? CLASS_SNAPSHOT : CLASS_FLAGS;
    }
    enum frame_class class = class_of_control(f->type);
    if (journaled && class != CLASS_CRITICAL) {
        return class == CLASS_UNKNOWN ? CLASS_RECORD : CLASS_FLAGS;
    }
    return class;
}

typedef enum verdict (*frame_handler)(struct session *s, const struct frame *f, struct link_now now);

/* Frames are taken in these states only; see process(). */
static const frame_handler handlers[][CLASSES] = {
    [SESSION_HELLO] =
        {
            [CLASS_HELLO] = session_on_hello,
            [CLASS_RECORD] = not_first,
            [CLASS_SNAPSHOT] = not_first,
            [CLASS_PING] = not_first,
            [CLASS_PONG] = not_first,
            [CLASS_ERROR] = on_error,
            [CLASS_BYE] = on_bye,
            [CLASS_ENROL] = not_here,
            [CLASS_CERT_REQUEST] = not_first,
            [CLASS_CMD_ACK] = not_first,
            [CLASS_CFG_GET] = not_first,
            [CLASS_SERVER] = not_yours,
            [CLASS_FLAGS] = not_first,
            [CLASS_UNKNOWN] = skip,
            [CLASS_CRITICAL] = not_known,
        },
    [SESSION_SETTLING] =
        {
            [CLASS_HELLO] = not_again,
            [CLASS_RECORD] = not_yet,
            [CLASS_SNAPSHOT] = not_yet,
            [CLASS_PING] = on_ping,
            [CLASS_PONG] = on_pong,
            [CLASS_ERROR] = on_error,
            [CLASS_BYE] = on_bye,
            [CLASS_ENROL] = not_here,
            [CLASS_CERT_REQUEST] = not_yet,
            [CLASS_CMD_ACK] = not_yet,
            [CLASS_CFG_GET] = not_yet,
            [CLASS_SERVER] = not_yours,
            [CLASS_FLAGS] = not_yet,
            [CLASS_UNKNOWN] = skip,
            [CLASS_CRITICAL] = not_known,
        },
    [SESSION_LIVE] =
        {
            [CLASS_HELLO] = not_again,
            [CLASS_RECORD] = session_on_record,
            [CLASS_SNAPSHOT] = session_on_snapshot,
            [CLASS_PING] = on_ping,
            [CLASS_PONG] = on_pong,
            [CLASS_ERROR] = on_error,
            [CLASS_BYE] = on_bye,
            [CLASS_ENROL] = not_here,
            [CLASS_CERT_REQUEST] = session_on_cert_request,
            [CLASS_CMD_ACK] = session_on_unasked,
            [CLASS_CFG_GET] = session_on_config_get,
            [CLASS_SERVER] = not_yours,
            [CLASS_FLAGS] = not_so,
            [CLASS_UNKNOWN] = skip,
            [CLASS_CRITICAL] = not_known,
        },
    [SESSION_ENROLLING] =
        {
            [CLASS_HELLO] = not_enrolled,
            [CLASS_RECORD] = not_enrolled,
            [CLASS_SNAPSHOT] = not_enrolled,
            [CLASS_PING] = not_enrolled,
            [CLASS_PONG] = not_enrolled,
            [CLASS_ERROR] = on_error,
            [CLASS_BYE] = on_bye,
            [CLASS_ENROL] = session_on_enrol,
            [CLASS_CERT_REQUEST] = session_on_cert_request,
            [CLASS_CMD_ACK] = not_enrolled,
            [CLASS_CFG_GET] = not_enrolled,
            [CLASS_SERVER] = not_yours,
            [CLASS_FLAGS] = not_enrolled,
            [CLASS_UNKNOWN] = skip,
            [CLASS_CRITICAL] = not_known,
        },
};

static bool takes_frames(const struct session *s) {
    return !s->blocked && !s->frozen && !s->paused && !s->held &&
           (s->state == SESSION_HELLO || s->state == SESSION_SETTLING || s->state == SESSION_LIVE ||
            s->state == SESSION_ENROLLING);
}

static enum verdict on_frame(struct session *s, const struct frame *f, struct link_now now) {
    bool live = s->state == SESSION_LIVE;
    enum verdict verdict = handlers[s->state][classify(f)](s, f, now);
    if (verdict == VERDICT_BLOCKED) {
        return verdict; /* it was seen before, and is none of what came meanwhile */
    }
    s->seen_mono_us = now.mono_us;
    s->status.last_seen_us = now.wall_us;
    if (live && s->state == SESSION_LIVE) {
        session_take_frame(s, f, now);
    }
    return verdict;
}

static void bad_bytes(struct session *s, const struct error *err, struct link_now now) {
    enum link_code code = err->code == ERR_TOO_BIG       ? LINK_TOO_BIG
                          : err->code == ERR_UNSUPPORTED ? LINK_UNSUPPORTED
                                                         : LINK_BAD_FRAME;
    session_fail(s, code, NULL, now, "%s", err->text);
}

/* Handles every whole frame at the start of s->in. Returns how many bytes are done with. */
static size_t take_frames(struct session *s, struct link_now now) {
    size_t at = 0;
    while (takes_frames(s) && at < s->in.n) {
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        enum frame_result result = frame_parse(s->in.p + at, s->in.n - at, s->max_body, &f, &need, &err);
        if (result == FRAME_BAD) {
            bad_bytes(s, &err, now);
        }
        if (result != FRAME_OK) {
            break;
        }
        enum verdict verdict = on_frame(s, &f, now);
        if (verdict != VERDICT_NEXT) { /* it is looked at again */
            s->blocked = verdict == VERDICT_BLOCKED && s->state == SESSION_LIVE;
            s->held = s->held || verdict == VERDICT_HELD;
            break;
        }
        at += need;
    }
    return at;
}

/* The frame that is now first has a deadline from the moment that it is first; a blocked one waits for us. */
static void set_frame_deadline(struct session *s, bool moved, struct link_now now) {
    if (s->in.n == 0 || s->blocked || s->frozen || s->paused || s->held) {
        s->frame_mono_us = 0;
    } else if (moved || s->frame_mono_us == 0) {
        s->frame_mono_us = now.mono_us;
    }
}

/* A big frame leaves no big buffer behind: there may be thousands of sessions. */
static void shrink(struct buf *in) {
    if (in->n == 0 && in->cap > SESSION_IN_SLACK) {
        size_t max = in->max;
        buf_done(in);
        buf_init(in, max);
    }
}

static void process(struct session *s, struct link_now now) {
    size_t done = take_frames(s, now);
    if (s->state == SESSION_CLOSING) {
        buf_clear(&s->in);
    } else {
        buf_consume(&s->in, done);
    }
    set_frame_deadline(s, done > 0, now);
    shrink(&s->in);
    if (s->out.failed) {
        session_lost(s, "the gateway does not take what is sent to it", now);
    }
}

size_t session_room(const struct session *s) {
    return takes_frames(s) ? s->in.max - s->in.n : 0;
}

void session_receive(struct session *s, const void *p, size_t n, struct link_now now) {
    CHECK(n <= session_room(s));
    buf_append(&s->in, p, n);
    if (s->in.failed) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is out of memory", now);
        return;
    }
    process(s, now);
}

void session_go_on(struct session *s, struct link_now now) {
    process(s, now);
    s->env->owner.wake(s->env->owner.ctx, s);
}

bool session_blocked(const struct session *s) {
    return s->blocked;
}

void session_resume(struct session *s, struct link_now now) {
    if (s->blocked) {
        s->blocked = false;
        process(s, now);
    }
}

void session_freeze(struct session *s) {
    s->frozen = true;
    s->frame_mono_us = 0;
}

void session_thaw(struct session *s, struct link_now now) {
    if (s->frozen) {
        s->frozen = false;
        s->seen_mono_us = now.mono_us;
        process(s, now);
        s->env->owner.wake(s->env->owner.ctx, s);
    }
}
