#include "tests/bench/tls_pair.h"

#include "protocol/limits.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum { RECORD_MAX = 16384, POLL_MS = 1000 };

static SSL_CTX *make_context(const struct tls_writer *w) {
    static const unsigned char alpn[] = "\x0f" LINK_ALPN;
    _Static_assert(sizeof alpn == 1 + 0x0f + 1, "the length byte is that of the name");
    char cert[512];
    char key[512];
    char ca[512];
    (void)snprintf(cert, sizeof cert, "%s/gateways/%s.pem", w->pki, w->name);
    (void)snprintf(key, sizeof key, "%s/gateways/%s.key", w->pki, w->name);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", w->pki);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bench_need(ctx != NULL, "TLS context");
    bench_need(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1, "TLS 1.3");
    bench_need(SSL_CTX_use_certificate_chain_file(ctx, cert) == 1, "the gateway's certificate");
    bench_need(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1, "the gateway's key");
    bench_need(SSL_CTX_load_verify_locations(ctx, ca, NULL) == 1, "the authority's certificate");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    bench_need(SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) == 0, "ALPN");
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static SSL *connect_tls(const struct tls_writer *w) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    bench_need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "no delay");
    bench_need(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
    SSL *ssl = SSL_new(make_context(w));
    bench_need(ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "handshake");
    bench_need(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "non-blocking");
    return ssl;
}

/* Of a read or write that did not go: only waiting may be the reason. */
static void check_waits(SSL *ssl, int rc) {
    int why = SSL_get_error(ssl, rc);
    bench_need(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE, "the connection");
}

static void *run(void *arg) {
    const struct tls_writer *w = arg;
    static uint8_t in[65536];
    SSL *ssl = connect_tls(w);
    const uint8_t *p = NULL;
    size_t n = 0;
    for (;;) {
        int got = SSL_read(ssl, in, sizeof in);
        if (got > 0) {
            w->hear(w->ctx, in, (size_t)got);
        } else {
            check_waits(ssl, got);
        }
        if (n == 0) {
            w->next(w->ctx, &p, &n);
        }
        int sent = n == 0 ? 0 : SSL_write(ssl, p, (int)(n > RECORD_MAX ? RECORD_MAX : n));
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (n > 0) {
            check_waits(ssl, sent);
        }
        if (got <= 0 && sent <= 0) {
            struct pollfd wait = {.fd = SSL_get_fd(ssl),
                                  .events = (short)(n > 0 ? POLLIN | POLLOUT : POLLIN)};
            (void)poll(&wait, 1, POLL_MS);
        }
    }
    return NULL;
}

void tls_writer_start(const struct tls_writer *w) {
    pthread_t thread;
    static struct tls_writer copy;
    copy = *w;
    bench_need(pthread_create(&thread, NULL, run, &copy) == 0, "thread");
    bench_need(pthread_detach(thread) == 0, "detach");
}
