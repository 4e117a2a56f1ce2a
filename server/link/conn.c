#include "server/base/check.h"
#include "server/base/log.h"
#include "server/link/link_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)

enum { KEEPALIVE_S = 30 };

struct write {
    uv_write_t req;
    uint8_t data[];
};

static void on_close(uv_handle_t *handle) {
    struct conn *c = handle->data;
    c->phase = CONN_GONE;
    c->link->n_gone++;
    link_handle_closed(c->link);
}

/* The one way out: whatever happened, the session is told, and the socket goes. */
static void drop(struct conn *c, const char *reason, struct link_now now) {
    if (c->phase == CONN_CLOSED || c->phase == CONN_GONE) {
        return;
    }
    c->phase = CONN_CLOSED;
    if (c->session != NULL) {
        session_lost(c->session, reason, now);
    }
    door_leave(c->link->door, &c->guest);
    buf_done(&c->knock);
    uv_close((uv_handle_t *)&c->tcp, on_close);
}

void conn_wake(struct conn *c) {
    if (!c->woken) {
        c->woken = true;
        c->link->n_woken++;
    }
}

/* --- to the line --- */

static void on_written(uv_write_t *req, int status) {
    struct conn *c = req->data;
    free(req); /* the first member of struct write */
    if (status < 0 && status != UV_ECANCELED) {
        drop(c, uv_strerror(status), link_now());
    }
    conn_wake(c);
}

/* False if the connection is lost. */
static bool send_cipher(struct conn *c, const uint8_t *p, size_t n, struct link_now now) {
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    uv_buf_t buf = uv_buf_init((char *)p, (unsigned int)n);
    int sent = uv_stream_get_write_queue_size(stream) == 0 ? uv_try_write(stream, &buf, 1) : 0;
    if (sent < 0 && sent != UV_EAGAIN) {
        drop(c, uv_strerror(sent), now);
        return false;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done == n) {
        return true;
    }
    struct write *w = malloc(sizeof *w + n - done);
    if (w == NULL) {
        drop(c, "the server is out of memory", now);
        return false;
    }
    memcpy(w->data, p + done, n - done);
    w->req.data = c;
    buf = uv_buf_init((char *)w->data, (unsigned int)(n - done));
    int rc = uv_write(&w->req, stream, &buf, 1, on_written);
    if (rc < 0) {
        free(w);
        drop(c, uv_strerror(rc), now);
        return false;
    }
    return true;
}

static void send_all(struct conn *c, struct link_now now) {
    struct buf *out = session_out(c->session);
    if (out->n > 0 && tls_state(c->tls) == TLS_OPEN) {
        if (tls_write(c->tls, out->p, out->n) != OK) {
            drop(c, tls_reason(c->tls), now);
            return;
        }
        buf_clear(out);
    }
    size_t n = 0;
    while ((n = tls_take_cipher(c->tls, c->link->cipher, sizeof c->link->cipher)) > 0) {
        if (!send_cipher(c, c->link->cipher, n, now)) {
            return;
        }
    }
}

/* --- from the line --- */

static void handshake_done(struct conn *c, struct link_now now) {
    door_leave(c->link->door, &c->guest);
    struct tls_certificate shown = tls_certificate(c->tls);
    session_set_certificate(c->session, shown.fingerprint, shown.not_after_us, shown.serial);
    if (tls_enrols(c->tls)) {
        session_open_enrolment(c->session, tls_gateway(c->tls), now);
    } else {
        session_open(c->session, tls_gateway(c->tls), now);
    }
    listener_continue(c->link);
}

static void handshake_failed(struct conn *c, struct link_now now) {
    char reason[TLS_REASON_SIZE + 32];
    (void)snprintf(reason, sizeof reason, "TLS refused: %s", tls_reason(c->tls));
    link_stranger(c->link, c->peer, tls_subject(c->tls), tls_reason(c->tls), now);
    session_lost(c->session, reason, now);
}

/* Moves what TLS has to the session, as far as it takes it. */
static void pump(struct conn *c, struct link_now now) {
    struct link *l = c->link;
    if (session_state(c->session) == SESSION_HANDSHAKE) {
        if (tls_state(c->tls) == TLS_OPEN) {
            handshake_done(c, now);
        } else if (tls_state(c->tls) == TLS_FAILED) {
            handshake_failed(c, now);
        }
    }
    size_t room = 0;
    while ((room = session_room(c->session)) > 0) {
        size_t n = tls_read(c->tls, l->plain, room < sizeof l->plain ? room : sizeof l->plain);
        if (n == 0) {
            break;
        }
        session_receive(c->session, l->plain, n, now);
    }
    /* After the last words of the other side were taken. */
    if (session_state(c->session) != SESSION_CLOSING && tls_state(c->tls) == TLS_CLOSED) {
        session_lost(c->session, "connection closed by gateway", now);
    } else if (session_state(c->session) != SESSION_CLOSING && tls_state(c->tls) == TLS_FAILED) {
        session_lost(c->session, tls_reason(c->tls), now);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    struct conn *c = handle->data;
    size_t room = c->phase == CONN_KNOCKS ? LINK_KNOCK_MAX - c->knock.n : sizeof c->link->cipher;
    *ret = uv_buf_init((char *)c->link->cipher, (unsigned int)room); /* at most LINK_READ_SIZE */
}

static void stop_reading(struct conn *c) {
    if (c->reading) {
        c->reading = false;
        (void)uv_read_stop((uv_stream_t *)&c->tcp);
    }
}

/* Whether TLS has something to answer: a ClientHello that is whole, as far as it can be told so early, or
 * what is none and never will be. */
static bool is_whole_knock(const uint8_t *p, size_t n) {
    enum { RECORD_HEAD = 5, MESSAGE_HEAD = 4, HANDSHAKE = 22, CLIENT_HELLO = 1 };
    if (n == 0) {
        return false;
    }
    if (n >= LINK_KNOCK_MAX || p[0] != HANDSHAKE || (n > RECORD_HEAD && p[RECORD_HEAD] != CLIENT_HELLO)) {
        return true;
    }
    if (n < RECORD_HEAD + MESSAGE_HEAD) {
        return false;
    }
    size_t length = (size_t)p[RECORD_HEAD + 1] << 16 | (size_t)p[RECORD_HEAD + 2] << 8 | p[RECORD_HEAD + 3];
    return n >= RECORD_HEAD + MESSAGE_HEAD + length;
}

/* No TLS and no session before a ClientHello came: a thousand that say nothing, or a byte now and then, cost
 * little and keep nobody waiting. */
static void take_knock(struct conn *c, const void *p, size_t n, struct link_now now) {
    buf_append(&c->knock, p, n);
    if (c->knock.failed) {
        drop(c, "the server is out of memory", now);
        return;
    }
    if (c->knock.n == LINK_KNOCK_MAX) {
        stop_reading(c);
    }
    if (c->guest.stage == DOOR_SILENT && is_whole_knock(c->knock.p, c->knock.n)) {
        door_ready(c->link->door, &c->guest, now.mono_us);
        listener_continue(c->link);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct conn *c = stream->data;
    struct link_now now = link_now();
    if (n < 0) {
        drop(c, n == UV_EOF ? "connection closed by gateway" : uv_strerror((int)n), now);
        return;
    }
    if (c->phase == CONN_KNOCKS) {
        take_knock(c, buf->base, (size_t)n, now);
        return;
    }
    if (c->phase != CONN_OPEN) {
        return; /* lingering: read, so that what was said last is not lost in a reset */
    }
    c->turn_bytes += (size_t)n;
    if (c->turn_bytes >= c->link->env.limits.link.turn_bytes) {
        stop_reading(c); /* its turn is over: conn_turn_end lets it read again */
    }
    if (tls_feed(c->tls, buf->base, (size_t)n) != OK) {
        drop(c, "the server is out of memory", now);
        return;
    }
    pump(c, now);
    conn_wake(c);
}

static void start_reading(struct conn *c, struct link_now now) {
    if (c->reading) {
        return;
    }
    int rc = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    if (rc < 0) {
        drop(c, uv_strerror(rc), now);
        return;
    }
    c->reading = true;
}

/* --- phases --- */

static void on_shutdown(uv_shutdown_t *req, int status) {
    struct conn *c = req->data;
    if (status < 0 && status != UV_ECANCELED) {
        drop(c, uv_strerror(status), link_now());
    }
}

/* The session is CLOSING: say goodbye in TLS and TCP, then wait a little for the other side to do so. */
static void linger(struct conn *c, struct link_now now) {
    c->phase = CONN_LINGER;
    c->deadline_mono_us = now.mono_us + LINK_LINGER_MS * MS_US;
    door_leave(c->link->door, &c->guest);
    tls_close(c->tls);
    send_all(c, now);
    if (c->phase != CONN_LINGER) {
        return;
    }
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) < 0) {
        drop(c, "connection closed", now);
        return;
    }
    start_reading(c, now);
}

/* Reads when, and only when, what is read can go somewhere. */
static void choose_reading(struct conn *c, struct link_now now) {
    size_t waits = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
    bool stuck = waits > LINK_WRITE_MAX;
    c->stuck_mono_us = !stuck ? 0 : c->stuck_mono_us == 0 ? now.mono_us : c->stuck_mono_us;
    bool takes = session_state(c->session) == SESSION_HANDSHAKE || session_room(c->session) > 0;
    if (takes && !stuck) {
        start_reading(c, now);
    } else {
        stop_reading(c);
    }
}

void conn_turn_end(struct conn *c, struct link_now now) {
    if (c->woken) {
        c->woken = false;
        c->link->n_woken--;
    }
    c->turn_bytes = 0;
    if (c->phase != CONN_OPEN) {
        return;
    }
    pump(c, now); /* a session that takes bytes again finds them in TLS first */
    session_send_acks(c->session);
    send_all(c, now);
    if (c->phase != CONN_OPEN) {
        return;
    }
    if (session_state(c->session) == SESSION_CLOSING) {
        linger(c, now);
    } else {
        choose_reading(c, now);
    }
}

void conn_tick(struct conn *c, struct link_now now) {
    if (c->phase == CONN_KNOCKS) {
        if (c->guest.stage == DOOR_SILENT &&
            now.mono_us - c->guest.since_mono_us >= c->link->env.limits.link.handshake_ms * MS_US) {
            drop(c, "no ClientHello in time", now);
        }
    } else if (c->phase == CONN_OPEN) {
        session_tick(c->session, now);
        if (c->stuck_mono_us != 0 && now.mono_us - c->stuck_mono_us >= LINK_WRITE_STUCK_MS * MS_US) {
            drop(c, "the gateway does not take what is sent to it", now);
        }
    } else if (c->phase == CONN_LINGER && now.mono_us >= c->deadline_mono_us) {
        drop(c, "connection closed", now);
    }
}

void conn_resume(struct conn *c, struct link_now now) {
    session_resume(c->session, now);
    pump(c, now); /* what TLS still holds comes next */
    conn_wake(c);
}

void conn_turn_away(struct conn *c, struct link_now now) {
    drop(c, "TLS is not done, and others wait", now);
}

/* --- in and out of the list --- */

static void peer_text(struct conn *c, const struct sockaddr_storage *addr) {
    char host[INET6_ADDRSTRLEN] = "";
    (void)snprintf(c->peer, sizeof c->peer, "unknown");
    if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
        if (uv_ip6_name(in6, host, sizeof host) == 0) {
            (void)snprintf(c->peer, sizeof c->peer, "[%s]:%u", host, ntohs(in6->sin6_port));
        }
    } else if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
        if (uv_ip4_name(in, host, sizeof host) == 0) {
            (void)snprintf(c->peer, sizeof c->peer, "%s:%u", host, ntohs(in->sin_port));
        }
    }
}

static void enlist(struct link *l, struct conn *c) {
    c->next = l->conns;
    if (l->conns != NULL) {
        l->conns->prev = c;
    }
    l->conns = c;
    l->n_conns++;
}

/* Its address, for people and for the door. */
static void come_to_the_door(struct conn *c, struct link_now now) {
    struct sockaddr_storage addr = {0}; /* of no family: unknown, as of one that has gone already */
    int len = sizeof addr;
    (void)uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len);
    peer_text(c, &addr);
    struct door_key key = door_key(&addr);
    c->guest.user = c;
    door_enter(c->link->door, &c->guest, &key, now.mono_us);
}

void conn_accept(struct link *l, uv_stream_t *from) {
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return; /* tried again by listener_tick */
    }
    struct link_now now = link_now();
    c->link = l;
    buf_init(&c->knock, LINK_KNOCK_MAX);
    int rc = uv_tcp_init(l->loop, &c->tcp);
    CHECK(rc == 0);
    c->tcp.data = c;
    enlist(l, c);
    l->listener.waiting = false;
    rc = uv_accept(from, (uv_stream_t *)&c->tcp);
    if (rc < 0) {
        drop(c, uv_strerror(rc), now);
        return;
    }
    come_to_the_door(c, now);
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_tcp_keepalive(&c->tcp, 1, KEEPALIVE_S);
    start_reading(c, now);
}

/* Of those that are inside, or on their way in. */
static bool too_many_sessions(const struct link *l) {
    uint32_t outside = door_count(l->door, DOOR_SILENT) + door_count(l->door, DOOR_READY);
    return l->n_conns - outside > l->sessions_max + l->env.limits.link.handshakes;
}

void conn_begin(struct conn *c, struct link_now now) {
    struct link *l = c->link;
    struct error err = {0};
    door_shake(l->door, &c->guest, now.mono_us);
    if (too_many_sessions(l)) {
        log_event(LOG_WARN, "link.refused", "peer=%s reason=\"more than %u sessions\"", c->peer,
                  l->sessions_max);
        drop(c, "too many sessions", now);
        return;
    }
    if (tls_new(l->tls, NULL, &c->tls, &err) != OK ||
        session_new(&l->env, c->peer, c, now, &c->session) != OK ||
        tls_feed(c->tls, c->knock.p, c->knock.n) != OK) {
        log_event(LOG_ERROR, "link.refused", "peer=%s reason=\"out of memory\"", c->peer);
        drop(c, "the server is out of memory", now);
        return;
    }
    buf_done(&c->knock);
    c->phase = CONN_OPEN;
    pump(c, now);
    conn_wake(c);
}

static void unlist(struct link *l, struct conn *c) {
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        l->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
}

void conn_move_behind(struct conn *c, struct conn **last) {
    if (c == *last) {
        return;
    }
    unlist(c->link, c);
    c->next = NULL;
    c->prev = *last;
    (*last)->next = c;
    *last = c;
}

void conn_free(struct conn *c) {
    struct link *l = c->link;
    CHECK(c->phase == CONN_GONE);
    if (c->woken) {
        l->n_woken--;
    }
    unlist(l, c);
    l->n_conns--;
    l->n_gone--;
    session_free(&c->session);
    tls_free(&c->tls);
    free(c->issued);
    free(c);
}
