/* Limit program: the least that any server must do to tell browsers something: a WebSocket frame that was
 * made before, written by SSL_write to each of them. No HTTP, no sessions, no subscriptions, no JSON. usage:
 * bench_limit_ws PKI CLIENTS FRAMES FRAME_BYTES */
#include "tests/bench/ws_count.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

enum { PERIOD_MS = 200, FRAME_MAX = 65535, HEAD = 4 };

struct limit {
    struct ws_clients clients;
    struct ws_count count;
    SSL **v;
    uint8_t frame[HEAD + FRAME_MAX];
    int n_frame;
};

static SSL_CTX *make_context(const char *pki) {
    char name[512];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    (void)snprintf(name, sizeof name, "%s/web.pem", pki);
    bench_need(ctx != NULL && SSL_CTX_use_certificate_chain_file(ctx, name) == 1, "the server's certificate");
    (void)snprintf(name, sizeof name, "%s/web.key", pki);
    bench_need(SSL_CTX_use_PrivateKey_file(ctx, name, SSL_FILETYPE_PEM) == 1, "the server's key");
    return ctx;
}

static int listen_anywhere(uint16_t *ret_port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    bench_need(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0 &&
                   getsockname(fd, (struct sockaddr *)&at, &len) == 0,
               "listen");
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* Says yes to whatever is asked, and lets the subscription lie. */
static SSL *accept_client(SSL_CTX *ctx, int listener) {
    static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    char scrap[4096];
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    bench_need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "no delay");
    SSL *ssl = SSL_new(ctx);
    bench_need(fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1, "accept");
    bench_need(SSL_read(ssl, scrap, sizeof scrap) > 0, "request");
    bench_need(SSL_write(ssl, yes, sizeof yes - 1) == (int)sizeof yes - 1, "answer");
    bench_need(SSL_read(ssl, scrap, sizeof scrap) > 0, "subscription");
    return ssl;
}

static void on_timer(uv_timer_t *timer) {
    struct limit *l = timer->data;
    for (uint32_t i = 0; i < l->clients.n; i++) {
        bench_need(SSL_write(l->v[i], l->frame, l->n_frame) == l->n_frame, "frame");
    }
    ws_count_tick(&l->count, &l->clients);
}

int main(int argc, char **argv) {
    static struct limit l;
    char ca[512];
    const char *pki = argc > 1 ? argv[1] : ".";
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", pki);
    l.clients = (struct ws_clients){.ca = ca, .n = (uint32_t)bench_arg(argc, argv, 2, 200), .views = 1};
    l.count = (struct ws_count){.name = "limit_ws", .most = bench_arg(argc, argv, 3, 5000)};
    uint64_t n = bench_arg(argc, argv, 4, 1500);
    bench_need(n > 125 && n <= FRAME_MAX, "frame's size: 126 to 65535");
    memcpy(l.frame, (uint8_t[]){0x81, 126, (uint8_t)(n >> 8), (uint8_t)n}, HEAD);
    memset(l.frame + HEAD, 'x', n);
    l.n_frame = (int)n + HEAD;
    SSL_CTX *ctx = make_context(pki);
    int listener = listen_anywhere(&l.clients.port);
    l.v = calloc(l.clients.n, sizeof(SSL *));
    bench_need(l.v != NULL, "memory");
    ws_clients_start(&l.clients);
    for (uint32_t i = 0; i < l.clients.n; i++) {
        l.v[i] = accept_client(ctx, listener);
    }
    uv_loop_t loop;
    uv_timer_t timer = {.data = &l};
    bench_need(uv_loop_init(&loop) == 0 && uv_timer_init(&loop, &timer) == 0 &&
                   uv_timer_start(&timer, on_timer, PERIOD_MS, PERIOD_MS) == 0,
               "loop");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return 1;
}
