/* Inside of web.c, web_conn.c (connections and what they carry) and web_head.c (reading a head). */
#ifndef PENSTOCK_API_WEB_PRIV_H
#define PENSTOCK_API_WEB_PRIV_H

#include "server/api/origin.h"
#include "server/api/web.h"

#include <libwebsockets.h>

struct web_socket {
    void *owner; /* NULL: not open, or dropped */
    struct buf in;
    struct web_conn *conn;
};

struct web_conn {
    struct web *web;
    struct lws *wsi;
    struct web_conn *next;
    struct web_conn *prev;
    struct http_request *request;
    struct buf head; /* of the answer, as it is sent */
    bool head_made;
    size_t sent; /* of head and body together */
    struct web_deadline deadline;
    struct web_socket socket;
    bool expects_body;
    bool request_whole; /* nothing more is read */
    bool wants_write;
    bool finished;   /* answered and sent; what still comes in is thrown away */
    bool close_sent; /* the WebSocket's close frame */
    bool closing;    /* libwebsockets is done with it, or was told to be */
    char peer[PEER_SIZE];
};

struct web {
    struct web_config cfg;
    struct web_host host;
    const struct origins *origins;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[3];
    struct web_conn *conns;
    uint32_t n_conns;
    uint16_t port;
    bool hsts;
    bool stopping;
    int64_t checked_mono_us;
    uv_timer_t stop_timer;
    uint32_t stop_turns;
    void (*on_stopped)(void *ctx);
    void *stop_ctx;
    uint8_t scratch[LWS_PRE + WEB_PIECE_MAX];
};

/* Fills a request from the head that libwebsockets has parsed. False: refused, the request is answered. */
bool web_read_head(struct web *w, struct lws *wsi, struct http_request *r);
/* The header's text, all of it; "" if it is not there. False: longer than there is room. */
bool web_copy_header(struct lws *wsi, enum lws_token_indexes token, char *to, size_t size);

/* Now and then: closes the connections of peers that left before their answer was there, where somebody wants
 * to know. */
void web_find_left(struct web *w);
/* Once per turn: lets answers go on for which the kernel has room. */
void web_pump(struct web *w);
int web_on_http(struct web *w, struct lws *wsi, enum lws_callback_reasons reason, const void *in, size_t n);
int web_on_socket(struct web *w, struct lws *wsi, enum lws_callback_reasons reason, const void *in, size_t n);

#endif
