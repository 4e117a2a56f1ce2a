#include "server/api/web_priv.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* --- connections */

static bool peer_text(int fd, char to[PEER_SIZE]) {
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    return getpeername(fd, (struct sockaddr *)&sa, &n) == 0 &&
           getnameinfo((struct sockaddr *)&sa, n, to, PEER_SIZE, NULL, 0, NI_NUMERICHOST) == 0;
}

/* Before the library even knows of it: nobody takes all connections. */
static int on_accept_filter(struct web *w, int fd) {
    char peer[PEER_SIZE];
    if (w->stopping || w->origins == NULL || !peer_text(fd, peer)) {
        return -1;
    }
    uint32_t same = 0;
    for (const struct web_conn *c = w->conns; c != NULL; c = c->next) {
        same += strcmp(c->peer, peer) == 0 ? 1 : 0;
    }
    if (same < w->cfg.limits.per_address_max) {
        return 0;
    }
    log_event(LOG_WARN, "web.too_many", "peer=%s connections=%u", peer, same);
    return -1;
}

static int on_accepted(struct web *w, struct lws *wsi) {
    struct web_conn *c = calloc(1, sizeof *c);
    int fd = lws_get_socket_fd(wsi);
    if (c == NULL || !peer_text(fd, c->peer)) {
        free(c);
        return -1;
    }
    /* What the kernel holds for a reader that has stopped is picture that grows old. */
    int size = 256 * 1024;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    c->web = w;
    c->wsi = wsi;
    c->deadline.accepted_mono_us = clock_mono_us();
    c->socket.conn = c;
    buf_init(&c->head, 32768);
    buf_init(&c->socket.in, WEB_MESSAGE_MAX);
    c->next = w->conns;
    if (w->conns != NULL) {
        w->conns->prev = c;
    }
    w->conns = c;
    w->n_conns++;
    lws_set_opaque_user_data(wsi, c);
    return 0;
}

static void release_request(struct web_conn *c) {
    struct http_request *r = c->request;
    c->request = NULL;
    if (r == NULL) {
        return;
    }
    bool in_pieces = r->writer.room != NULL && !r->ended;
    bool with_handler = (c->request_whole && !r->answered) || in_pieces;
    if (!with_handler) {
        http_request_free(&r);
        return;
    }
    r->holder = NULL; /* its handler is not done: on_done frees it */
    if (in_pieces) {
        r->writer.gone(r->writer.ctx);
    } else if (r->watcher.left != NULL) {
        r->watcher.left(r->watcher.ctx, r->watcher.token);
    }
}

static void close_socket(struct web_conn *c) {
    void *owner = c->socket.owner;
    c->socket.owner = NULL;
    if (owner != NULL) {
        c->web->host.socket_closed(owner);
    }
}

static void on_destroyed(struct web *w, struct lws *wsi) {
    struct web_conn *c = lws_get_opaque_user_data(wsi);
    if (c == NULL) {
        return; /* the listening one */
    }
    lws_set_opaque_user_data(wsi, NULL);
    close_socket(c);
    release_request(c);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        w->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    w->n_conns--;
    buf_done(&c->head);
    buf_done(&c->socket.in);
    free(c);
}

/* --- requests */

/* A request whose bytes are all there must not be read any further: in that state the library asks the kernel
 * again and again for bytes that it then does not take. But it also does not write while reading is off. So
 * reading is on only from the moment the kernel has room for the answer (web_pump sees that) until the next
 * piece is written; meanwhile the loop sleeps. */
static void want_write(struct web_conn *c) {
    if (!c->closing) {
        c->wants_write = true;
        lws_callback_on_writable(c->wsi);
    }
}

static void set_reading(struct web_conn *c, int on) {
    if (c->request_whole) {
        (void)lws_rx_flow_control(c->wsi, on);
    }
}

void web_pump(struct web *w) {
    for (struct web_conn *c = w->conns; c != NULL; c = c->next) {
        if (!c->wants_write || c->closing || !c->request_whole) {
            continue;
        }
        struct pollfd p = {.fd = lws_get_socket_fd(c->wsi), .events = POLLOUT};
        bool room = poll(&p, 1, 0) > 0;
        set_reading(c, room ? 1 : 0);
        if (room) {
            lws_callback_on_writable(c->wsi);
        }
    }
}

/* Without its last chunk the peer knows that something is missing. */
static void cut(struct web_conn *c) {
    c->closing = true;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    lws_cancel_service(c->web->context);
}

/* Nothing is read while an answer is made, so that its end would not be seen either: the kernel is asked. */
static bool peer_left(const struct web_conn *c) {
    struct pollfd p = {.fd = lws_get_socket_fd(c->wsi), .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0;
}

void web_find_left(struct web *w) {
    for (struct web_conn *c = w->conns; c != NULL; c = c->next) {
        const struct http_request *r = c->request;
        bool watched = r != NULL && c->request_whole && !r->answered && r->watcher.left != NULL;
        if (watched && !c->closing && peer_left(c)) {
            cut(c);
        }
    }
}

/* The answer is there; of one in pieces, also each next one of them. */
static void on_done(struct http_request *r) {
    struct web_conn *c = r->holder;
    if (c == NULL) {
        bool more = r->writer.room != NULL && !r->ended;
        if (!more) {
            http_request_free(&r); /* nobody waits for it any more */
        }
        return;
    }
    c->deadline.written_mono_us = clock_mono_us();
    if (r->broken) {
        cut(c);
        return;
    }
    if (!c->head_made) {
        c->head_made = true;
        buf_clear(&c->head);
        http_write_head(r, c->web->hsts, &c->head);
    }
    want_write(c);
}

static struct http_request *take_head(struct web_conn *c) {
    struct http_request *r = http_request_new();
    if (r == NULL) {
        return NULL;
    }
    r->holder = c;
    r->on_done = on_done;
    memcpy(r->peer, c->peer, sizeof r->peer);
    c->request = r;
    c->deadline.head_mono_us = clock_mono_us();
    return r;
}

static void run_request(struct web_conn *c) {
    c->deadline.body_mono_us = clock_mono_us();
    c->request_whole = true;
    set_reading(c, 0);
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
    if (!c->request->answered) {
        c->web->host.request(c->web->host.ctx, c->request);
    }
}

static int on_head(struct web *w, struct web_conn *c) {
    struct http_request *r = c->request == NULL ? take_head(c) : NULL;
    if (r == NULL) {
        return -1; /* a second request on this connection, or no memory */
    }
    if (web_read_head(w, c->wsi, r)) {
        w->host.head(w->host.ctx, r);
    }
    if (r->content_length > 0 && (size_t)r->content_length > r->body.max && !r->answered) {
        http_problem(r, 413, "too_big", "the body has %lld bytes; at most %zu are taken",
                     (long long)r->content_length, r->body.max);
    }
    /* An empty POST is told as a body, all other empty ones are not. A refused request may have a body of any
     * length behind it: it is read for a while, else the answer would be lost when the connection closes. */
    bool may_have = r->method == HTTP_POST || r->method == HTTP_PUT;
    c->expects_body = r->content_length > 0 || (r->content_length == 0 && r->method == HTTP_POST) ||
                      (r->answered && may_have && r->content_length < 0);
    if (!c->expects_body) {
        run_request(c);
    }
    return 0;
}

static int on_body_end(struct web_conn *c) {
    if (c->request == NULL || !c->expects_body) {
        return -1;
    }
    c->expects_body = false;
    run_request(c);
    return c->finished ? -1 : 0;
}

/* Takes what belongs to the body. libwebsockets 4.3 hands over what comes behind it, too, and then waits for
 * the end of a body that is over. */
static int on_body(struct web_conn *c, const void *in, size_t n) {
    struct http_request *r = c->request;
    if (r == NULL || (!c->expects_body && !r->answered)) {
        return -1;
    }
    if (n == 0 || r->answered) {
        return 0;
    }
    size_t rest = (size_t)r->content_length - r->body.n;
    buf_append(&r->body, in, n < rest ? n : rest);
    if (r->body.failed) {
        return -1;
    }
    return n > rest ? on_body_end(c) : 0;
}

/* All is sent: the buffers are free for what comes next. A writer that has something already is not asked. */
static void next_piece(struct web_conn *c, struct http_request *r) {
    bool idle = c->sent > 0;
    buf_clear(&c->head);
    buf_clear(&r->out);
    c->sent = 0;
    if (idle) {
        r->writer.room(r->writer.ctx);
    }
}

/* Sends the next piece of head and body. -1: close. */
static int write_answer(struct web *w, struct web_conn *c) {
    struct http_request *r = c->request;
    set_reading(c, 0);
    if (r == NULL || !r->answered) {
        return 0;
    }
    c->wants_write = false;
    size_t body = r->method == HTTP_HEAD ? 0 : http_body_length(r);
    size_t all = c->head.n + body;
    if (c->sent == all && r->writer.room != NULL && !r->ended) {
        next_piece(c, r);
        return 0;
    }
    if (c->sent == all) {
        /* The kernel has it all. If the peer is still sending a refused body, it is let finish for a moment:
         * closing on it would take the answer away from it. */
        c->finished = true;
        return c->expects_body ? 0 : -1;
    }
    uint8_t *to = w->scratch + LWS_PRE;
    size_t n = 0;
    if (c->sent < c->head.n) {
        n = c->head.n - c->sent;
        memcpy(to, c->head.p + c->sent, n);
    }
    size_t from = c->sent + n - c->head.n;
    size_t rest = body - from;
    size_t take = rest < WEB_PIECE_MAX - n ? rest : WEB_PIECE_MAX - n;
    if (take > 0) {
        memcpy(to + n, http_body(r).p + from, take);
        n += take;
    }
    if (lws_write(c->wsi, to, n, LWS_WRITE_HTTP) < 0) {
        return -1;
    }
    c->sent += n;
    c->deadline.written_mono_us = clock_mono_us();
    want_write(c);
    return 0;
}

/* A refusal while the connection is being upgraded: short, and the connection closes behind it. */
static void write_refusal(struct web *w, struct web_conn *c) {
    size_t body = http_body_length(c->request);
    uint8_t *to = w->scratch + LWS_PRE;
    if (c->head.n + body <= WEB_PIECE_MAX) {
        memcpy(to, c->head.p, c->head.n);
        memcpy(to + c->head.n, http_body(c->request).p, body);
        (void)lws_write(c->wsi, to, c->head.n + body, LWS_WRITE_HTTP);
    }
}

/* The library lets "Upgrade: h2c" through on TLS, and answers an unknown one itself and goes on with what it
 * has freed: `in` is not touched here, the header is read again, and only "websocket" passes. */
static int on_upgrade(struct web *w, struct web_conn *c) {
    char upgrade[16];
    if (c->request != NULL || lws_hdr_copy(c->wsi, upgrade, sizeof upgrade, WSI_TOKEN_UPGRADE) <= 0 ||
        strcasecmp(upgrade, "websocket") != 0) {
        return -1;
    }
    struct http_request *r = take_head(c);
    if (r == NULL) {
        return -1;
    }
    if (web_read_head(w, c->wsi, r)) {
        w->host.socket_filter(w->host.ctx, r);
    }
    if (r->answered) {
        write_refusal(w, c);
        return -1;
    }
    return 0;
}

static int on_conn_event(struct web *w, struct web_conn *c, enum lws_callback_reasons reason, const void *in,
                         size_t n) {
    /* Not an enum of ours: only some of its many values concern us. */
    if (reason == LWS_CALLBACK_HTTP) {
        return on_head(w, c);
    }
    if (reason == LWS_CALLBACK_HTTP_BODY) {
        return on_body(c, in, n);
    }
    if (reason == LWS_CALLBACK_HTTP_BODY_COMPLETION) {
        return on_body_end(c);
    }
    if (reason == LWS_CALLBACK_HTTP_WRITEABLE) {
        return write_answer(w, c);
    }
    if (reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE) {
        return on_upgrade(w, c);
    }
    if (reason == LWS_CALLBACK_CLOSED_HTTP) {
        c->closing = true;
    }
    /* A WebSocket without our subprotocol, or bytes that are no HTTP at all (CONNECT). */
    bool foreign = reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION || reason == LWS_CALLBACK_ESTABLISHED ||
                   reason == LWS_CALLBACK_RAW_ADOPT || reason == LWS_CALLBACK_RAW_RX;
    return foreign ? -1 : 0;
}

int web_on_http(struct web *w, struct lws *wsi, enum lws_callback_reasons reason, const void *in, size_t n) {
    if (reason == LWS_CALLBACK_FILTER_NETWORK_CONNECTION) {
        return on_accept_filter(w, (int)(intptr_t)in);
    }
    if (reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED) {
        return on_accepted(w, wsi);
    }
    if (reason == LWS_CALLBACK_WSI_DESTROY) {
        on_destroyed(w, wsi);
        return 0;
    }
    bool about_one = reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_HTTP_BODY ||
                     reason == LWS_CALLBACK_HTTP_BODY_COMPLETION || reason == LWS_CALLBACK_HTTP_WRITEABLE ||
                     reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE || reason == LWS_CALLBACK_CLOSED_HTTP ||
                     reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION ||
                     reason == LWS_CALLBACK_ESTABLISHED || reason == LWS_CALLBACK_RAW_ADOPT ||
                     reason == LWS_CALLBACK_RAW_RX;
    if (!about_one) {
        return 0;
    }
    struct web_conn *c = lws_get_opaque_user_data(wsi);
    int rc = c == NULL ? -1 : on_conn_event(w, c, reason, in, n);
    if (c != NULL && rc != 0) {
        c->closing = true;
    }
    return rc;
}

/* --- sockets */

/* Asked again here, where the library decides: in HTTP_CONFIRM_UPGRADE it could only be answered. */
static int on_socket_filter(struct web *w, struct web_conn *c) {
    char protocol[64];
    struct http_request *r = c->request;
    if (r == NULL || r->answered || !web_copy_header(c->wsi, WSI_TOKEN_PROTOCOL, protocol, sizeof protocol) ||
        strcmp(protocol, w->protocols[1].name) != 0) {
        return -1;
    }
    w->host.socket_filter(w->host.ctx, r);
    return r->answered ? -1 : 0;
}

static int on_socket_open(struct web *w, struct web_conn *c) {
    c->deadline.socket = true;
    c->socket.owner = w->host.socket_open(w->host.ctx, &c->socket, c->request);
    release_request(c);
    return c->socket.owner == NULL ? -1 : 0;
}

static int refuse_message(struct lws *wsi, enum lws_close_status code, const char *why) {
    unsigned char text[64];
    (void)snprintf((char *)text, sizeof text, "%s", why);
    lws_close_reason(wsi, code, text, strlen(why));
    return -1;
}

static int on_socket_data(struct web *w, struct web_conn *c, const void *in, size_t n) {
    if (lws_frame_is_binary(c->wsi)) {
        return refuse_message(c->wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "text only");
    }
    if (lws_is_first_fragment(c->wsi)) {
        buf_clear(&c->socket.in);
    }
    if (n > 0) {
        buf_append(&c->socket.in, in, n);
    }
    if (c->socket.in.failed) {
        return refuse_message(c->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "64 KiB at most");
    }
    if (lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0 &&
        c->socket.owner != NULL) {
        w->host.socket_message(c->socket.owner, buf_slice(&c->socket.in));
        buf_clear(&c->socket.in);
    }
    return 0;
}

/* Returning -1 from WRITEABLE closes without a close frame: its bytes are written here, and then it is
 * closed. */
static int write_close(struct web_conn *c, const struct web_piece *piece) {
    enum { FRAME_CLOSE = 0x88, CONTROL_MAX = 125 };
    size_t n = strlen(piece->close_text);
    CHECK(n + 2 <= CONTROL_MAX);
    piece->to[0] = FRAME_CLOSE;
    piece->to[1] = (uint8_t)(n + 2);
    piece->to[2] = (uint8_t)(piece->close_code >> 8);
    piece->to[3] = (uint8_t)piece->close_code;
    memcpy(piece->to + 4, piece->close_text, n);
    c->close_sent = true;
    if (lws_write(c->wsi, piece->to, n + 4, LWS_WRITE_RAW) < 0) {
        return -1;
    }
    lws_callback_on_writable(c->wsi);
    return 0;
}

static int on_socket_writeable(struct web *w, struct web_conn *c) {
    struct web_piece piece = {.to = w->scratch + LWS_PRE};
    if (c->socket.owner == NULL || c->close_sent) {
        return -1;
    }
    switch (w->host.socket_write(c->socket.owner, &piece)) {
    case WEB_WROTE: {
        enum lws_write_protocol flags = piece.first ? LWS_WRITE_TEXT : LWS_WRITE_CONTINUATION;
        if (!piece.last) {
            /* The library's flags are added to its enum. */
            flags = (enum lws_write_protocol)((int)flags | (int)LWS_WRITE_NO_FIN);
        }
        if (lws_write(c->wsi, piece.to, piece.n, flags) < 0) {
            return -1;
        }
        if (piece.more) {
            lws_callback_on_writable(c->wsi);
        }
        return 0;
    }
    case WEB_IDLE:
        return 0;
    case WEB_CLOSE:
        return write_close(c, &piece);
    }
    return -1;
}

int web_on_socket(struct web *w, struct lws *wsi, enum lws_callback_reasons reason, const void *in,
                  size_t n) {
    struct web_conn *c = lws_get_opaque_user_data(wsi);
    int rc = 0;
    if (c == NULL) {
        return 0;
    }
    if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION) {
        rc = on_socket_filter(w, c);
    } else if (reason == LWS_CALLBACK_ESTABLISHED) {
        rc = on_socket_open(w, c);
    } else if (reason == LWS_CALLBACK_RECEIVE) {
        rc = on_socket_data(w, c, in, n);
    } else if (reason == LWS_CALLBACK_SERVER_WRITEABLE) {
        rc = on_socket_writeable(w, c);
    } else if (reason == LWS_CALLBACK_CLOSED) {
        c->closing = true;
        close_socket(c);
    }
    if (rc != 0) {
        c->closing = true;
        close_socket(c);
    }
    return rc;
}

void web_socket_want_write(struct web_socket *s) {
    if (!s->conn->closing) {
        lws_callback_on_writable(s->conn->wsi);
    }
}

const char *web_socket_peer(const struct web_socket *s) {
    return s->conn->peer;
}

void web_socket_drop(struct web_socket *s) {
    s->owner = NULL;
    s->conn->closing = true;
    lws_set_timeout(s->conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    lws_cancel_service(s->conn->web->context);
}
