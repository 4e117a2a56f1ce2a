/* Limit program: the least that any server must do to receive bytes over mutual TLS 1.3: accept, handshake,
 * SSL_read into a buffer. usage: bench_limit_tls PKI BYTES */
#include "tests/bench/bench.h"
#include "tests/bench/tls_pair.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                   unsigned n, void *arg) {
    (void)ssl;
    (void)arg;
    (void)n;
    *out = in + 1;
    *out_n = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void hear(void *ctx, const uint8_t *p, size_t n) {
    (void)ctx;
    (void)p;
    (void)n;
}

static void next(void *ctx, const uint8_t **ret_p, size_t *ret_n) {
    (void)ctx;
    static const uint8_t bytes[65536];
    *ret_p = bytes;
    *ret_n = sizeof bytes;
}

static SSL_CTX *make_context(const char *pki) {
    char name[512];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bench_need(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1, "TLS 1.3");
    (void)snprintf(name, sizeof name, "%s/link.pem", pki);
    bench_need(SSL_CTX_use_certificate_chain_file(ctx, name) == 1, "the server's certificate");
    (void)snprintf(name, sizeof name, "%s/link.key", pki);
    bench_need(SSL_CTX_use_PrivateKey_file(ctx, name, SSL_FILETYPE_PEM) == 1, "the server's key");
    (void)snprintf(name, sizeof name, "%s/ca.pem", pki);
    bench_need(SSL_CTX_load_verify_locations(ctx, name, NULL) == 1, "the authority's certificate");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return ctx;
}

/* Listens, has the writer connect, and returns the connection. */
static SSL *accept_writer(const char *pki) {
    SSL_CTX *ctx = make_context(pki);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    bench_need(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0 &&
                   getsockname(listener, (struct sockaddr *)&at, &len) == 0,
               "listen");
    tls_writer_start(&(struct tls_writer){
        .pki = pki, .name = "gw-s1", .port = ntohs(at.sin_port), .hear = hear, .next = next});
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    SSL *ssl = SSL_new(ctx);
    bench_need(fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1, "accept");
    return ssl;
}

int main(int argc, char **argv) {
    SSL *ssl = accept_writer(argc > 1 ? argv[1] : ".");
    uint64_t most = bench_arg(argc, argv, 2, 500000000);
    double cpu = bench_thread_cpu_s();
    double wall = bench_wall_s();
    uint64_t done = 0;
    static uint8_t buffer[65536];
    while (done < most) {
        int n = SSL_read(ssl, buffer, sizeof buffer);
        bench_need(n > 0, "read");
        done += (uint64_t)n;
    }
    bench_report("limit_tls", done, bench_thread_cpu_s() - cpu, bench_wall_s() - wall, "");
    bench_end(0);
}
