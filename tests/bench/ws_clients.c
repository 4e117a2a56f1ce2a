#include "tests/bench/ws_clients.h"

#include "server/base/buf.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS = 64, IN_MAX = 1 << 20, MASKED = 0x80, FIN = 0x80, TEXT = 1, CLOSE = 8, LENGTH_16 = 126 };

struct client {
    SSL *ssl;
    struct buf in;
};

static SSL *connect_tls(const struct ws_clients *c, SSL_CTX *ctx) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(c->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1; /* as browsers do */
    bench_need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "no delay");
    bench_need(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
    SSL *ssl = SSL_new(ctx);
    bench_need(ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "handshake");
    return ssl;
}

/* A request with the session's cookie; reads the answer's head, and leaves what came behind it in `in`. */
static void ask(const struct ws_clients *c, SSL *ssl, uint32_t session, const char *path, const char *headers,
                const char *answer, struct buf *in) {
    struct buf out;
    buf_init(&out, 4096);
    /* 256 bits and an end far away, as hexadecimal */
    buf_printf(&out,
               "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: https://127.0.0.1:%u\r\n"
               "Cookie: __Host-penstock=%064x-f0000000\r\n%s\r\n",
               path, c->port, c->port, session, headers);
    bench_need(SSL_write(ssl, out.p, (int)out.n) == (int)out.n, "request");
    buf_done(&out);
    const uint8_t *end = NULL;
    while (end == NULL) {
        uint8_t bytes[4096];
        int n = SSL_read(ssl, bytes, sizeof bytes);
        bench_need(n > 0, "answer");
        buf_append(in, bytes, (size_t)n);
        end = memmem(in->p, in->n, "\r\n\r\n", 4);
    }
    if (strncmp((const char *)in->p, answer, strlen(answer)) != 0) {
        bench_die(path, (const char *)in->p);
    }
    buf_consume(in, (size_t)(end - in->p) + 4);
}

static void subscribe(const struct ws_clients *c, SSL *ssl, uint32_t i) {
    char text[128];
    uint8_t out[160] = {FIN | TEXT};
    int n = snprintf(text, sizeof text, "{\"op\":\"sub\",\"id\":1,\"view\":\"site/S%u\",\"ms\":200}",
                     i % c->views);
    out[1] = (uint8_t)(MASKED | n); /* shorter than 126; the mask is zero */
    memcpy(out + 6, text, (size_t)n);
    bench_need(SSL_write(ssl, out, n + 6) == n + 6, "subscription");
}

static void show_session(const struct ws_clients *c, SSL_CTX *ctx, uint32_t session) {
    struct buf in;
    buf_init(&in, IN_MAX);
    SSL *ssl = connect_tls(c, ctx);
    ask(c, ssl, session, "/api/session", "", "HTTP/1.1 200", &in);
    (void)close(SSL_get_fd(ssl));
    SSL_free(ssl);
    buf_done(&in);
}

static void open_client(const struct ws_clients *c, SSL_CTX *ctx, uint32_t i, struct client *ret) {
    static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Protocol: penstock.v1\r\n";
    if (c->per_session > 0 && i % c->per_session == 0) {
        show_session(c, ctx, i / c->per_session);
    }
    buf_init(&ret->in, IN_MAX);
    ret->ssl = connect_tls(c, ctx);
    ask(c, ret->ssl, c->per_session > 0 ? i / c->per_session : 0, "/api/live", upgrade, "HTTP/1.1 101",
        &ret->in);
    subscribe(c, ret->ssl, i);
    bench_need(fcntl(SSL_get_fd(ret->ssl), F_SETFL, O_NONBLOCK) == 0, "non-blocking");
}

/* Takes whole frames from the start of what was read; only short and middle lengths are sent to us. */
static void count_frames(struct ws_clients *c, struct buf *in) {
    size_t at = 0;
    while (in->n - at >= 4) {
        const uint8_t *p = in->p + at;
        size_t n = p[1];
        bench_need(n <= LENGTH_16 && (p[0] & 0x0f) != CLOSE, "the live socket");
        size_t head = n == LENGTH_16 ? 4 : 2;
        n = n == LENGTH_16 ? (size_t)p[2] << 8 | p[3] : n;
        if (in->n - at < head + n) {
            break;
        }
        at += head + n;
        atomic_fetch_add(&c->frames, (p[0] & FIN) != 0 ? 1 : 0);
        atomic_fetch_add(&c->bytes, n);
    }
    buf_consume(in, at);
}

static void read_client(struct ws_clients *c, struct client *client) {
    uint8_t bytes[16384];
    int n = 0;
    while ((n = SSL_read(client->ssl, bytes, sizeof bytes)) > 0) {
        buf_append(&client->in, bytes, (size_t)n);
        count_frames(c, &client->in);
    }
    bench_need(SSL_get_error(client->ssl, n) == SSL_ERROR_WANT_READ, "the live socket's connection");
}

/* Reads what is there within the time; -1: waits for something. Returns how many had something. */
static int read_ready(struct ws_clients *c, struct client *v, int set, int timeout_ms) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(set, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        read_client(c, &v[events[i].data.u32]);
    }
    return n;
}

/* What is sent to the first while the last still come in is read at once: nothing piles up that would be
 * counted later. */
static void *run(void *arg) {
    struct ws_clients *c = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct client *v = calloc(c->n, sizeof *v);
    int set = epoll_create1(EPOLL_CLOEXEC);
    bench_need(ctx != NULL && v != NULL && set >= 0, "clients");
    bench_need(SSL_CTX_load_verify_locations(ctx, c->ca, NULL) == 1, "the authority's certificate");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    for (uint32_t i = 0; i < c->n; i++) {
        open_client(c, ctx, i, &v[i]);
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        bench_need(epoll_ctl(set, EPOLL_CTL_ADD, SSL_get_fd(v[i].ssl), &e) == 0, "epoll");
        read_client(c, &v[i]);
        while (read_ready(c, v, set, 0) > 0) {
        }
    }
    atomic_store(&c->ready, true);
    for (;;) {
        (void)read_ready(c, v, set, -1);
    }
    return NULL;
}

void ws_clients_start(struct ws_clients *c) {
    pthread_t thread;
    bench_need(pthread_create(&thread, NULL, run, c) == 0, "thread");
    bench_need(pthread_detach(thread) == 0, "detach");
}
