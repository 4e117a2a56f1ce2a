/* HTTPS and WebSocket by libwebsockets on the caller's loop: the only place that knows that library, and
 * where its version 4.1 is contained (each rule is explained in web.c or web_conn.c). Everybody else sees
 * struct http_request and struct web_socket.
 *
 * Of a connection: one request, one answer, close; or one WebSocket. A request is handed over when its head
 * is there (host->head may refuse it at once, and sets how much body it may have) and again when its body is
 * (host->request); it is answered whenever the handler calls http_done. Nothing is written outside of
 * libwebsockets' WRITEABLE callback. One thread: the loop's. */
#ifndef PENSTOCK_API_WEB_H
#define PENSTOCK_API_WEB_H

#include "server/api/http.h"

#include <uv.h>

struct web;
struct web_socket;

struct web_limits {
    uint32_t connections_max; /* of this port, all in all */
    uint32_t per_address_max; /* from one address */
    int64_t first_byte_us;    /* from the connection to its first byte */
    int64_t head_us;          /* … to the whole head */
    int64_t body_us;          /* from the head to the whole body */
    int64_t write_us;         /* between two pieces of an answer that the peer takes */
    int64_t handler_us;       /* from the whole request to its answer */
    int64_t linger_us;        /* reading on behind a refusal, so that it is not lost */
};

/* What a WebSocket's owner wants after its turn to write. */
enum web_write {
    WEB_WROTE, /* a piece is in the buffer */
    WEB_IDLE,  /* nothing to send now */
    WEB_CLOSE, /* close now, with the code given */
};

/* One piece to send: a WebSocket message goes out in pieces of at most WEB_PIECE_MAX bytes. */
enum { WEB_PIECE_MAX = 64 * 1024, WEB_MESSAGE_MAX = 64 * 1024 };
struct web_piece {
    uint8_t *to; /* room for WEB_PIECE_MAX */
    size_t n;
    bool first;
    bool last;
    bool more;           /* call again when there is room */
    uint16_t close_code; /* with WEB_CLOSE */
    const char *close_text;
};

struct web_host {
    void *ctx;
    /* The head is complete and sane. Sets r->body.max; may answer (refuse) at once. */
    void (*head)(void *ctx, struct http_request *r);
    /* All of it is there. To be answered once, now or later. */
    void (*request)(void *ctx, struct http_request *r);
    /* May this become a WebSocket? Answers r if not, leaves it unanswered if so. Called twice for one. */
    void (*socket_filter)(void *ctx, struct http_request *r);
    /* It did. NULL: memory is out, close. The request is only lent. */
    void *(*socket_open)(void *ctx, struct web_socket *s, const struct http_request *r);
    void (*socket_message)(void *owner, struct slice text);
    enum web_write (*socket_write)(void *owner, struct web_piece *piece);
    /* The last call for this socket, unless web_socket_drop was called. */
    void (*socket_closed)(void *owner);
};

struct web_config {
    uv_loop_t *loop;
    const char *address;
    uint16_t port;
    const char *cert_file;
    const char *key_file;
    struct web_limits limits;
};

MUSTCHECK enum status web_new(const struct web_config *cfg, const struct web_host *host, struct web **ret,
                              struct error *err);
uint16_t web_port(const struct web *w);
/* The hosts that a request may name; borrowed. Before the first call no request is taken. */
struct origins;
void web_set_origins(struct web *w, const struct origins *origins);
/* Once per turn: deadlines, and what libwebsockets would otherwise forget. */
void web_turn_end(struct web *w, int64_t now_mono_us);
/* Closes all; on_stopped when libwebsockets' handles are gone from the loop, then web_free. */
void web_stop(struct web *w, void (*on_stopped)(void *ctx), void *ctx);
void web_free(struct web **w);

/* Asks for a call of socket_write. */
void web_socket_want_write(struct web_socket *s);
const char *web_socket_peer(const struct web_socket *s);
/* Closes without a word; socket_closed is not called. */
void web_socket_drop(struct web_socket *s);

/* --- pure, for the tests */
struct web_deadline {
    int64_t accepted_mono_us;
    int64_t head_mono_us;    /* 0: not yet */
    int64_t body_mono_us;    /* whole; 0: not yet */
    int64_t written_mono_us; /* last progress of the answer; 0: not answered yet */
    bool any_byte;
    bool finished; /* answered; the peer may still send a body that nobody wants */
    bool socket;
};
/* What it waited too long for, NULL if it did not. */
const char *web_overdue(const struct web_deadline *d, const struct web_limits *limits, int64_t now_mono_us);

#endif
