/* The other end of TLS for a test, over memory. */
#ifndef PENSTOCK_TESTS_CLIENT_TLS_SERVER_H
#define PENSTOCK_TESTS_CLIENT_TLS_SERVER_H

#include "protocol/limits.h"
#include "server/base/buf.h"
#include "tests/unit/client/pki.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls_server_options {
    const char *cert; /* "server" */
    const char *alpn; /* NULL: none */
    int max_version;  /* 0: the newest */
};

struct tls_server {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in;
    BIO *out;
    unsigned char alpn[64]; /* as on the wire; what is chosen points in here */
    unsigned alpn_len;
};

static inline int tls_server_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                                  const unsigned char *in, unsigned int in_len, void *arg) {
    (void)ssl;
    const struct tls_server *s = arg;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, s->alpn, s->alpn_len, in,
                                 in_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

static inline void tls_server_init(struct tls_server *s, const struct dir *d,
                                   const struct tls_server_options *o) {
    char file[400];
    char base[60];
    *s = (struct tls_server){.ctx = SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_security_level(s->ctx, 0); /* it may show what the client must refuse */
    (void)snprintf(base, sizeof base, "%s.pem", o->cert);
    dir_file(d, base, file);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(s->ctx, file), 1);
    (void)snprintf(base, sizeof base, "%s.key", o->cert);
    dir_file(d, base, file);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(s->ctx, file, SSL_FILETYPE_PEM), 1);
    dir_file(d, "ca.pem", file);
    assert_int_equal(SSL_CTX_load_verify_locations(s->ctx, file, NULL), 1);
    SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (o->alpn != NULL) {
        size_t n = strlen(o->alpn);
        assert_true(n < sizeof s->alpn);
        s->alpn[0] = (unsigned char)n;
        memcpy(s->alpn + 1, o->alpn, n);
        s->alpn_len = (unsigned)n + 1;
        SSL_CTX_set_alpn_select_cb(s->ctx, tls_server_alpn, s);
    }
    if (o->max_version != 0) {
        assert_int_equal(SSL_CTX_set_max_proto_version(s->ctx, o->max_version), 1);
    }
    s->ssl = SSL_new(s->ctx);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_accept_state(s->ssl);
}

static inline void tls_server_done(struct tls_server *s) {
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
}

/* Takes cipher bytes; plain ones are appended to out. False when TLS failed. */
static inline bool tls_server_receive(struct tls_server *s, const void *p, size_t n, struct buf *out) {
    if (n > 0) {
        assert_int_equal(BIO_write(s->in, p, (int)n), (int)n);
    }
    for (;;) {
        uint8_t *to = buf_reserve(out, 20000);
        size_t got = 0;
        assert_non_null(to);
        ERR_clear_error();
        if (SSL_read_ex(s->ssl, to, 20000, &got) != 1) {
            int why = SSL_get_error(s->ssl, 0);
            ERR_clear_error();
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_ZERO_RETURN;
        }
        out->n += got;
    }
}

static inline void tls_server_send(struct tls_server *s, const void *p, size_t n) {
    size_t done = 0;
    assert_int_equal(SSL_write_ex(s->ssl, p, n, &done), 1);
}

/* Appends the cipher bytes to be sent. */
static inline void tls_server_take(struct tls_server *s, struct buf *out) {
    size_t n = BIO_ctrl_pending(s->out);
    uint8_t *p = buf_reserve(out, n + 1);
    assert_non_null(p);
    if (n > 0) {
        assert_int_equal(BIO_read(s->out, p, (int)n), (int)n);
        out->n += n;
    }
}

#endif
