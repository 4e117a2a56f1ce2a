/* A blocking HTTPS and WebSocket client for tests of the interface, on OpenSSL, and a certificate to talk to.
 * Sends what it is told to, right or wrong. Header only. */
#ifndef PENSTOCK_TESTS_API_TLS_CLIENT_H
#define PENSTOCK_TESTS_API_TLS_CLIENT_H

#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TLS_CLIENT_PATIENCE_S = 120 };

struct tls_client {
    SSL_CTX *ctx;
    uint16_t port;
    int receive_buffer; /* of the next connections; 0: as the kernel likes */
    char cookie[256];   /* "__Host-penstock=…", kept from the last Set-Cookie */
};

struct answer {
    int status;       /* 0: nothing came */
    struct buf bytes; /* all of it, NUL-terminated */
    const char *head;
    const char *body;
};

struct stream {
    int fd;
    SSL *ssl;
    struct buf in;
};

static inline void tls_client_make_cert(const char *cert_file, const char *key_file) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    CHECK(key != NULL);
    CHECK(cert != NULL);
    X509V3_CTX v3;
    X509V3_set_ctx_nodb(&v3);
    X509V3_set_ctx(&v3, cert, cert, NULL, NULL, 0);
    CHECK(X509_set_version(cert, 2) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME *name = X509_get_subject_name(cert);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0) ==
          1);
    CHECK(X509_set_issuer_name(cert, name) == 1);
    CHECK(X509_set_pubkey(cert, key) == 1);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    CHECK(san != NULL);
    CHECK(X509_add_ext(cert, san, -1) == 1);
    X509_EXTENSION_free(san);
    CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_file, "we");
    CHECK(f != NULL);
    CHECK(PEM_write_X509(f, cert) == 1);
    (void)fclose(f);
    f = fopen(key_file, "we");
    CHECK(f != NULL);
    CHECK(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    (void)fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void tls_client_init(struct tls_client *c, uint16_t port, const char *cert_file) {
    memset(c, 0, sizeof *c);
    c->port = port;
    c->ctx = SSL_CTX_new(TLS_client_method());
    CHECK(c->ctx != NULL);
    CHECK(SSL_CTX_load_verify_locations(c->ctx, cert_file, NULL) == 1);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
}

static inline void tls_client_done(struct tls_client *c) {
    SSL_CTX_free(c->ctx);
}

static inline int tls_client_tcp(const struct tls_client *c) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    if (c->receive_buffer != 0) {
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &c->receive_buffer, sizeof c->receive_buffer) == 0);
    }
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    /* A server that says nothing fails the test instead of hanging it. */
    struct timeval wait = {.tv_sec = TLS_CLIENT_PATIENCE_S};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    return fd;
}

/* Whether to call again. A libuv that uses io_uring interrupts the waiting calls of the thread that made the
 * loop, without any signal; a call with a time limit then ends with EINTR. */
static inline bool stream_interrupted(const struct stream *s, int rc, int64_t since_mono_us) {
    int why = SSL_get_error(s->ssl, rc);
    return (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) &&
           clock_mono_us() - since_mono_us < (int64_t)TLS_CLIENT_PATIENCE_S * 1000000;
}

static inline ssize_t tls_client_recv(int fd, void *p, size_t n) {
    ssize_t got = -1;
    do {
        got = recv(fd, p, n, 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* False: the server closed before its handshake was over. The stream is the caller's to close either way. */
static inline bool stream_try_open(const struct tls_client *c, struct stream *s) {
    s->fd = tls_client_tcp(c);
    s->ssl = SSL_new(c->ctx);
    CHECK(s->ssl != NULL);
    CHECK(SSL_set_fd(s->ssl, s->fd) == 1);
    int64_t begin = clock_mono_us();
    int rc = -1;
    do {
        ERR_clear_error();
        rc = SSL_connect(s->ssl);
    } while (rc != 1 && stream_interrupted(s, rc, begin));
    buf_init(&s->in, (size_t)64 << 20);
    return rc == 1;
}

static inline void stream_open(const struct tls_client *c, struct stream *s) {
    bool open = stream_try_open(c, s);
    CHECK(open);
}

static inline void stream_close(struct stream *s) {
    SSL_free(s->ssl);
    (void)close(s->fd);
    buf_done(&s->in);
}

static inline bool stream_send(struct stream *s, const void *p, size_t n) {
    int64_t begin = clock_mono_us();
    int rc = -1;
    do {
        ERR_clear_error();
        rc = n == 0 ? 0 : SSL_write(s->ssl, p, (int)n);
    } while (n > 0 && rc <= 0 && stream_interrupted(s, rc, begin));
    return rc == (int)n;
}

/* Reads once; false at the end. */
static inline bool stream_more(struct stream *s) {
    uint8_t bytes[65536];
    int64_t begin = clock_mono_us();
    int n = -1;
    do {
        ERR_clear_error();
        n = SSL_read(s->ssl, bytes, sizeof bytes);
    } while (n <= 0 && stream_interrupted(s, n, begin));
    if (n > 0) {
        buf_append(&s->in, bytes, (size_t)n);
    }
    return n > 0;
}

static inline void answer_done(struct answer *a) {
    buf_done(&a->bytes);
}

static inline void tls_client_keep_cookie(struct tls_client *c, const struct answer *a) {
    const char *p = a->head == NULL ? NULL : strcasestr(a->head, "\r\nSet-Cookie: ");
    if (p != NULL && p < a->body) {
        p += strlen("\r\nSet-Cookie: ");
        size_t n = strcspn(p, ";\r");
        CHECK(n < sizeof c->cookie);
        memcpy(c->cookie, p, n);
        c->cookie[n] = '\0';
    }
}

/* Sends the bytes and reads until the server closes. */
static inline struct answer tls_client_raw(struct tls_client *c, struct slice bytes) {
    struct stream s;
    struct answer a = {0};
    stream_open(c, &s);
    (void)stream_send(&s, bytes.p, bytes.n);
    while (stream_more(&s)) {
    }
    buf_byte(&s.in, 0);
    a.bytes = s.in;
    SSL_free(s.ssl);
    (void)close(s.fd);
    const char *text = (const char *)a.bytes.p;
    const char *end = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.", 7) == 0 && end != NULL) {
        a.status = (int)strtol(text + 9, NULL, 10);
        a.head = text;
        a.body = end + 4;
        tls_client_keep_cookie(c, &a);
    } else {
        a.body = "";
    }
    return a;
}

/* A request as our pages send it; headers: more lines, each with \r\n. body may be NULL. */
static inline struct answer tls_client_ask(struct tls_client *c, const char *method, const char *path,
                                           const char *headers, const char *body) {
    struct buf b;
    buf_init(&b, (size_t)64 << 20);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", method, path, c->port);
    if (strcmp(method, "GET") != 0) {
        buf_text(&b, "X-Penstock: 1\r\n");
    }
    if (c->cookie[0] != '\0') {
        buf_printf(&b, "Cookie: %s\r\n", c->cookie);
    }
    if (body != NULL) {
        buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    }
    buf_printf(&b, "%s\r\n", headers);
    buf_text(&b, body == NULL ? "" : body);
    CHECK(!b.failed);
    struct answer a = tls_client_raw(c, buf_slice(&b));
    buf_done(&b);
    return a;
}

static inline const char *answer_header(const struct answer *a, const char *name) {
    static char value[1024];
    char key[64];
    (void)snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *p = a->head == NULL ? NULL : strcasestr(a->head, key);
    if (p == NULL || p > a->body) {
        return NULL;
    }
    p += strlen(key);
    size_t n = strcspn(p, "\r");
    CHECK(n < sizeof value);
    memcpy(value, p, n);
    value[n] = '\0';
    return value;
}

/* --- WebSocket */

/* False: refused; *ret_status says how. */
static inline bool ws_open(struct tls_client *c, struct stream *s, const char *origin, const char *protocol,
                           int *ret_status) {
    struct buf b;
    buf_init(&b, 8192);
    stream_open(c, s);
    buf_printf(&b,
               "GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
               c->port);
    if (origin != NULL) {
        buf_printf(&b, "Origin: %s\r\n", origin);
    }
    if (protocol != NULL) {
        buf_printf(&b, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    }
    if (c->cookie[0] != '\0') {
        buf_printf(&b, "Cookie: %s\r\n", c->cookie);
    }
    buf_text(&b, "\r\n");
    (void)stream_send(s, b.p, b.n);
    buf_done(&b);
    const uint8_t *end = NULL;
    while (end == NULL && stream_more(s)) {
        end = memmem(s->in.p, s->in.n, "\r\n\r\n", 4);
    }
    *ret_status = s->in.n > 12 ? (int)strtol((const char *)s->in.p + 9, NULL, 10) : 0;
    if (end == NULL || *ret_status != 101) {
        return false;
    }
    buf_consume(&s->in, (size_t)(end - s->in.p) + 4);
    return true;
}

static inline void ws_send(struct stream *s, uint8_t first_byte, const char *text, size_t n) {
    uint8_t head[14] = {first_byte};
    size_t h = 2;
    if (n < 126) {
        head[1] = (uint8_t)(0x80 | n);
    } else if (n < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        h = 4;
    } else {
        head[1] = 0x80 | 127;
        for (size_t i = 0; i < 8; i++) {
            head[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
        }
        h = 10;
    }
    /* The mask is zero: allowed, and the bytes stay readable. */
    (void)stream_send(s, head, h + 4);
    (void)stream_send(s, text, n);
}

static inline void ws_say(struct stream *s, const char *text) {
    ws_send(s, 0x81, text, strlen(text));
}

/* The next whole text message, NUL-terminated, in ret; false when the socket ends (*ret_code says how: the
 * code of the close frame, 0 without one). */
static inline bool ws_next(struct stream *s, struct buf *ret, int *ret_code) {
    buf_clear(ret);
    *ret_code = 0;
    for (;;) {
        size_t need = 2;
        size_t n = 0;
        while (s->in.n < need ||
               (n = s->in.p[1] & 0x7f, need = n == 126 ? 4 : (n == 127 ? 10 : 2), s->in.n < need)) {
            if (!stream_more(s)) {
                return false;
            }
        }
        if (need > 2) {
            n = 0;
            for (size_t i = 2; i < need; i++) {
                n = n << 8 | s->in.p[i];
            }
        }
        while (s->in.n < need + n) {
            if (!stream_more(s)) {
                return false;
            }
        }
        uint8_t first = s->in.p[0];
        if ((first & 0x0f) == 8) {
            *ret_code = n >= 2 ? s->in.p[need] << 8 | s->in.p[need + 1] : 0;
            return false;
        }
        buf_append(ret, s->in.p + need, n);
        buf_consume(&s->in, need + n);
        if ((first & 0x80) != 0) {
            buf_byte(ret, 0);
            return true;
        }
    }
}

#endif
