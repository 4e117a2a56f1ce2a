#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)

enum { RETRY_MS = 10000, INCIDENT_BURST = 20 };

static const char text_first[] = "the first frame must be HELLO";

/* --- life
 * ------------------------------------------------------------------------------------------------------------
 */

enum status session_new(const struct session_env *env, const char *peer, void *user, struct link_now now,
                        struct session **ret) {
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->env = env;
    s->user = user;
    s->gateway = MODEL_NONE;
    s->max_body = LINK_BODY_MAX_HELLO;
    s->deadline_mono_us = now.mono_us + env->limits.handshake_ms * MS_US;
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
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        ranges_done(&(*s)->epochs[i].committed);
    }
    free((*s)->flights);
    free(*s);
    *s = NULL;
}

void session_open(struct session *s, const char *gateway, struct link_now now) {
    CHECK(s->state == SESSION_HANDSHAKE);
    (void)snprintf(s->name, sizeof s->name, "%s", gateway);
    s->state = SESSION_HELLO;
    s->deadline_mono_us = now.mono_us + s->env->limits.hello_ms * MS_US;
    s->seen_mono_us = now.mono_us;
}

void session_close(struct session *s, const char *reason, struct link_now now) {
    if (s->state == SESSION_CLOSING) {
        return;
    }
    s->status.up = false;
    s->state = SESSION_CLOSING;
    s->blocked = false;
    s->status.since_us = now.wall_us;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", reason);
    buf_clear(&s->in);
    s->env->owner.closed(s->env->owner.ctx, s, now);
    s->env->owner.wake(s->env->owner.ctx, s);
}

void session_lost(struct session *s, const char *reason, struct link_now now) {
    session_close(s, reason, now);
    buf_clear(&s->out);
}

/* --- what it says
 * ---------------------------------------------------------------------------------------------------- */

/* Texts may be cut by snprintf within a character; what leaves must be UTF-8. */
static struct slice text_slice(const char *text) {
    size_t n = strnlen(text, LINK_TEXT_MAX);
    return slice_of(text, utf8_valid_prefix(text, n));
}

static void put_error(struct session *s, const struct msg_error *error) {
    size_t mark = frame_begin(&s->out, MSG_ERROR, 0);
    error_encode(&s->out, error);
    frame_end(&s->out, mark);
}

static void put_bye(struct session *s, enum bye_reason reason, uint32_t after_ms, const char *text) {
    struct msg_bye bye = {
        .reason = (uint8_t)reason, .reconnect_after_ms = after_ms, .text = text_slice(text)};
    size_t mark = frame_begin(&s->out, MSG_BYE, 0);
    bye_encode(&s->out, &bye);
    frame_end(&s->out, mark);
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
    if (s->breached) {
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

void session_incident(struct session *s, const char *action, struct link_now now, const char *fmt, ...) {
    if (!bucket_take(&s->incidents, now.mono_us, TM_MINUTE_US, INCIDENT_BURST)) {
        s->incidents_left_out++;
        return;
    }
    char detail[SESSION_REASON_SIZE + 64];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    if (s->incidents_left_out > 0) {
        size_t n = strlen(detail);
        (void)snprintf(detail + n, sizeof detail - n, " (and %llu more before, not listed)",
                       (unsigned long long)s->incidents_left_out);
        s->incidents_left_out = 0;
    }
    s->env->host.incident(s->env->host.ctx, action, s->status.peer, s->name, detail);
}

/* --- HELLO and WELCOME
 * ----------------------------------------------------------------------------------------------- */

/* Whether this gateway may come in at all, by its certificate and the configuration. */
static bool known_gateway(struct session *s, const struct msg_hello *hello, struct link_now now) {
    if (!slice_eq(hello->gateway, slice_str(s->name))) {
        session_fail(s, LINK_IDENTITY, NULL, now, "HELLO says \"%.*s\", the certificate is of \"%s\"",
                     SLICE_ARG(hello->gateway), s->name);
        return false;
    }
    if (s->env->model == NULL) {
        session_bye(s, BYE_RETRY, RETRY_MS, "the server is starting", now);
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
    }
    struct link_status *status = &s->status;
    (void)snprintf(status->software, sizeof status->software, "%.*s", SLICE_ARG(hello->software));
    status->software[utf8_valid_prefix(status->software, strlen(status->software))] = '\0';
    status->backlog_bytes = hello->journal_bytes;
    status->oldest_sample_us = hello->oldest_sample_us;
    status->dropped_total = hello->dropped_total;
    if (__builtin_sub_overflow(hello->now_us, now.wall_us, &status->clock_offset_us)) {
        status->clock_offset_us = 0;
    }
}

static enum verdict on_hello(struct session *s, const struct frame *f, struct link_now now) {
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

static const struct msg_epoch *settled_epoch(const struct link_settled *settled, uint64_t epoch) {
    for (uint32_t i = 0; i < settled->n_epochs; i++) {
        if (settled->epochs[i].epoch == epoch) {
            return &settled->epochs[i];
        }
    }
    return NULL;
}

/* False if there is no memory. */
static bool take_committed(struct session *s, const struct link_settled *settled) {
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        const struct msg_epoch *e = settled_epoch(settled, s->epochs[i].epoch);
        for (uint32_t j = 0; e != NULL && j < e->n_ranges; j++) {
            if (e->ranges[j].first < e->ranges[j].end &&
                ranges_add(&s->epochs[i].committed, e->ranges[j].first, e->ranges[j].end) != OK) {
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
        uint64_t end = ranges_end(&s->epochs[i].committed);
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
                                  .window_bytes = LINK_WINDOW_BYTES,
                                  .window_frames = LINK_WINDOW_FRAMES,
                                  .max_frame = LINK_BODY_MAX,
                                  .heartbeat_ms = limits->heartbeat_ms,
                                  .dead_ms = limits->dead_ms,
                                  .backlog_rate = limits->backlog_rate,
                                  .state = s->env->store_state};
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
    s->flights = calloc(LINK_WINDOW_FRAMES, sizeof *s->flights);
    if (s->flights == NULL || !take_committed(s, settled)) {
        session_bye(s, BYE_RETRY, RETRY_MS, "the server is out of memory", now);
        return false;
    }
    if (rolled_back(s, now)) {
        return false;
    }
    s->gateway_key = settled->gateway_key;
    s->status.session = settled->session;
    session_load_dicts(s, settled);
    return true;
}

void session_settled(struct session *s, const struct link_settled *settled, struct link_now now) {
    CHECK(s->state == SESSION_SETTLING);
    if (settled->status == ERR_NOT_FOUND || settled->status == ERR_DENIED) {
        session_incident(s, "link.refused", now, "%s", settled->error.text);
        session_fail(s, LINK_NOT_ALLOWED, NULL, now, "%s", settled->error.text);
        return;
    }
    if (settled->status != OK) {
        char text[SESSION_REASON_SIZE];
        (void)snprintf(text, sizeof text, "the server cannot store now: %s", settled->error.text);
        session_bye(s, BYE_RETRY, RETRY_MS, text, now);
        return;
    }
    if (!take_settled(s, settled, now)) {
        return;
    }
    put_welcome(s, now);
    s->state = SESSION_LIVE;
    s->max_body = LINK_BODY_MAX;
    s->in.max = LINK_FRAME_HEAD + LINK_BODY_MAX + SESSION_IN_SLACK;
    s->seen_mono_us = now.mono_us;
    s->ping_mono_us = now.mono_us; /* the first at once: it measures the clock */
    s->status.up = true;
    s->status.since_us = now.wall_us;
    s->status.last_seen_us = now.wall_us;
    s->env->owner.wake(s->env->owner.ctx, s);
}

/* --- control messages
 * ------------------------------------------------------------------------------------------------ */

static enum verdict bad_body(struct session *s, const struct frame *f, const struct error *err,
                             struct link_now now) {
    const struct msg_error about = {.ref_type = f->type};
    session_fail(s, LINK_BAD_FRAME, &about, now, "%s: %s: %s", msg_type_name(f->type), err->where, err->text);
    return VERDICT_NEXT;
}

static enum verdict on_ping(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_ping ping = {0};
    struct error err = {0};
    if (ping_decode(f->body, &ping, &err) != OK) {
        return bad_body(s, f, &err, now);
    }
    struct msg_pong pong = {.id = ping.id,
                            .t0_us = ping.t0_us,
                            .t1_us = now.wall_us,
                            .t2_us = now.wall_us,
                            .state = s->env->store_state,
                            .commit_lag_ms = s->env->commit_lag_ms};
    size_t mark = frame_begin(&s->out, MSG_PONG, 0);
    pong_encode(&s->out, &pong);
    frame_end(&s->out, mark);
    return VERDICT_NEXT;
}

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

static enum verdict on_pong(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_pong pong = {0};
    struct error err = {0};
    if (pong_decode(f->body, &pong, &err) != OK) {
        return bad_body(s, f, &err, now);
    }
    struct clock_probe probe = {0};
    if (s->ping_id == 0 || pong.id != s->ping_id || pong.t0_us != s->ping_t0_us ||
        !measure(&pong, now.wall_us, &probe)) {
        return VERDICT_NEXT; /* an old or a strange answer measures nothing, but shows life */
    }
    s->probes[s->n_probes % SESSION_CLOCK_PROBES] = probe;
    s->n_probes++;
    uint32_t n = s->n_probes < SESSION_CLOCK_PROBES ? s->n_probes : SESSION_CLOCK_PROBES;
    struct clock_probe best = s->probes[0];
    for (uint32_t i = 1; i < n; i++) {
        best = s->probes[i].delay_us < best.delay_us ? s->probes[i] : best;
    }
    s->status.clock_offset_us = best.offset_us;
    return VERDICT_NEXT;
}

static enum verdict on_error(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_error error = {0};
    struct error err = {0};
    if (error_decode(f->body, &error, &err) != OK) {
        return bad_body(s, f, &err, now);
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
        return bad_body(s, f, &err, now);
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

/* --- refusals
 * --------------------------------------------------------------------------------------------------------
 */

static enum verdict refuse(struct session *s, const struct frame *f, enum link_code code, const char *why,
                           struct link_now now) {
    const struct msg_error about = {.ref_type = f->type};
    session_fail(s, code, &about, now, "%s (type 0x%02x): %s", msg_type_name(f->type), f->type, why);
    return VERDICT_NEXT;
}

static enum verdict not_first(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, text_first, now);
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

static enum verdict not_so(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_BAD_FRAME, "flags J and S do not go with this type", now);
}

static enum verdict not_known(struct session *s, const struct frame *f, struct link_now now) {
    return refuse(s, f, LINK_UNSUPPORTED, "this server does not know it", now);
}

/* --- states times frames
 * ---------------------------------------------------------------------------------------------- */

enum frame_class {
    CLASS_HELLO,
    CLASS_RECORD,   /* J */
    CLASS_SNAPSHOT, /* DATA with S, without J */
    CLASS_PING,
    CLASS_PONG,
    CLASS_ERROR,
    CLASS_BYE,
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
    case MSG_WELCOME:
    case MSG_WINDOW:
    case MSG_REFRESH:
    case MSG_ACK:
        return CLASS_SERVER;
    default:
        return type >= MSG_CRITICAL ? CLASS_CRITICAL : CLASS_UNKNOWN;
    }
}

static enum frame_class classify(const struct frame *f) {
    bool journaled = (f->flags & FRAME_JOURNALED) != 0;
    if (f->type == MSG_DICT || f->type == MSG_DATA || f->type == MSG_EVENT) {
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
            [CLASS_HELLO] = on_hello,
            [CLASS_RECORD] = not_first,
            [CLASS_SNAPSHOT] = not_first,
            [CLASS_PING] = not_first,
            [CLASS_PONG] = not_first,
            [CLASS_ERROR] = on_error,
            [CLASS_BYE] = on_bye,
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
            [CLASS_SERVER] = not_yours,
            [CLASS_FLAGS] = not_so,
            [CLASS_UNKNOWN] = skip,
            [CLASS_CRITICAL] = not_known,
        },
};

static bool takes_frames(const struct session *s) {
    return !s->blocked && !s->frozen &&
           (s->state == SESSION_HELLO || s->state == SESSION_SETTLING || s->state == SESSION_LIVE);
}

static enum verdict on_frame(struct session *s, const struct frame *f, struct link_now now) {
    s->seen_mono_us = now.mono_us;
    s->status.last_seen_us = now.wall_us;
    return handlers[s->state][classify(f)](s, f, now);
}

/* Handles every whole frame in s->in. A blocked record stays in it. */
static void process(struct session *s, struct link_now now) {
    size_t at = 0;
    enum verdict verdict = VERDICT_NEXT;
    while (takes_frames(s) && verdict == VERDICT_NEXT && at < s->in.n) {
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        enum frame_result result = frame_parse(s->in.p + at, s->in.n - at, s->max_body, &f, &need, &err);
        if (result != FRAME_OK) {
            if (result == FRAME_BAD) {
                enum link_code code = err.code == ERR_TOO_BIG       ? LINK_TOO_BIG
                                      : err.code == ERR_UNSUPPORTED ? LINK_UNSUPPORTED
                                                                    : LINK_BAD_FRAME;
                session_fail(s, code, NULL, now, "%s", err.text);
            }
            break;
        }
        verdict = on_frame(s, &f, now);
        at += verdict == VERDICT_NEXT ? need : 0;
    }
    if (s->state == SESSION_CLOSING) {
        buf_clear(&s->in);
    } else {
        buf_consume(&s->in, at);
    }
    s->blocked = verdict == VERDICT_BLOCKED && s->state == SESSION_LIVE;
    /* The frame that is now first has a deadline from the moment that it is first; a blocked one waits for
     * us. */
    if (s->in.n == 0 || s->blocked || s->frozen) {
        s->frame_mono_us = 0;
    } else if (at > 0 || s->frame_mono_us == 0) {
        s->frame_mono_us = now.mono_us;
    }
    if (s->out.failed) {
        session_lost(s, "the gateway does not take what is sent to it", now);
    }
    if (s->in.n == 0 && s->in.cap > SESSION_IN_SLACK) {
        size_t max = s->in.max;
        buf_done(&s->in);
        buf_init(&s->in, max);
    }
}

size_t session_room(const struct session *s) {
    return takes_frames(s) ? s->in.max - s->in.n : 0;
}

void session_receive(struct session *s, const void *p, size_t n, struct link_now now) {
    CHECK(n <= session_room(s));
    buf_append(&s->in, p, n);
    if (s->in.failed) {
        session_bye(s, BYE_RETRY, RETRY_MS, "the server is out of memory", now);
        return;
    }
    process(s, now);
}

bool session_blocked(const struct session *s) {
    return s->blocked;
}

void session_resume(struct session *s, struct link_now now) {
    if (s->blocked) {
        s->blocked = false;
        s->seen_mono_us = now.mono_us; /* it was us who did not listen */
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

/* --- time
 * ------------------------------------------------------------------------------------------------------------
 */

static void send_ping(struct session *s, struct link_now now) {
    s->ping_id++;
    s->ping_t0_us = now.wall_us;
    s->ping_mono_us = now.mono_us + s->env->limits.heartbeat_ms * MS_US;
    struct msg_ping ping = {.id = s->ping_id, .t0_us = s->ping_t0_us};
    size_t mark = frame_begin(&s->out, MSG_PING, 0);
    ping_encode(&s->out, &ping);
    frame_end(&s->out, mark);
    s->env->owner.wake(s->env->owner.ctx, s);
}

static void tick_live(struct session *s, struct link_now now) {
    const struct session_limits *limits = &s->env->limits;
    bool listening = !s->blocked && !s->frozen;
    if (listening && now.mono_us - s->seen_mono_us >= limits->dead_ms * MS_US) {
        session_fail(s, LINK_TIMEOUT, NULL, now, "nothing was heard for %u ms", limits->dead_ms);
    } else if (now.mono_us >= s->ping_mono_us) {
        send_ping(s, now);
    }
}

void session_tick(struct session *s, struct link_now now) {
    if (s->frame_mono_us != 0 && now.mono_us - s->frame_mono_us >= s->env->limits.frame_ms * MS_US &&
        s->state != SESSION_CLOSING) {
        session_fail(s, LINK_TIMEOUT, NULL, now, "a frame was not complete within %u ms",
                     s->env->limits.frame_ms);
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
            session_fail(s, LINK_TIMEOUT, NULL, now, "no HELLO within %u ms", s->env->limits.hello_ms);
        }
        return;
    case SESSION_SETTLING:
        if (late) {
            session_bye(s, BYE_RETRY, RETRY_MS, "the database does not answer", now);
        }
        return;
    case SESSION_LIVE:
        tick_live(s, now);
        return;
    case SESSION_CLOSING:
        return;
    }
}

/* --- the rest
 * --------------------------------------------------------------------------------------------------------
 */

void session_set_gateway(struct session *s, uint32_t gateway) {
    s->gateway = gateway;
}

void session_model_changed(struct session *s) {
    shelf_forget_tags(&s->shelf);
    if (s->state == SESSION_LIVE) {
        /* New tags have no value yet: ask for all that is true now. */
        frame_append(&s->out, MSG_REFRESH, 0, (struct slice){0});
        s->env->owner.wake(s->env->owner.ctx, s);
    }
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
