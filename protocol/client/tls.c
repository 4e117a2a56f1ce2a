#include "protocol/client/tls.h"

#include "protocol/limits.h"
#include "server/base/check.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 256, PLAIN_SIZE = 16 * 1024 };

struct tls_client {
    SSL_CTX *ctx;
    char server_name[NAME_SIZE];
};

struct tls_line {
    SSL *ssl;
    BIO *in;  /* owned by ssl */
    BIO *out; /* owned by ssl */
    bool up;
};

/* A sentence from OpenSSL's error queue, which is emptied. */
static enum status tls_error(struct error *err, enum status code, const char *where, const char *what) {
    char reason[256] = "unknown reason";
    unsigned long e = ERR_peek_last_error();
    if (e != 0) {
        const char *text = ERR_reason_error_string(e);
        (void)snprintf(reason, sizeof reason, "%s", text != NULL ? text : "unknown reason");
    }
    ERR_clear_error();
    return error_set(err, code, where, "%s: %s", what, reason);
}

static enum status load_files(SSL_CTX *ctx, const struct tls_client_config *cfg, struct error *err) {
    if (SSL_CTX_load_verify_locations(ctx, cfg->ca_file, NULL) != 1) {
        return tls_error(err, ERR_INVALID, cfg->ca_file, "cannot read the authority's certificates (PEM)");
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, cfg->cert_file) != 1) {
        return tls_error(err, ERR_INVALID, cfg->cert_file, "cannot read the gateway's certificate (PEM)");
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, cfg->key_file, SSL_FILETYPE_PEM) != 1) {
        return tls_error(err, ERR_INVALID, cfg->key_file, "cannot read the gateway's key (PEM)");
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return tls_error(err, ERR_INVALID, cfg->key_file, "the key does not belong to the certificate");
    }
    return OK;
}

void tls_limit(struct ssl_ctx_st *ctx) {
    SSL_CTX_set_security_level(ctx, LINK_TLS_SECURITY_LEVEL); /* whatever this system's default is */
    SSL_CTX_set_verify_depth(ctx, LINK_TLS_INTERMEDIATES_MAX);
    SSL_CTX_set_max_cert_list(ctx, LINK_TLS_CERTIFICATES_MAX);
}

enum status tls_client_new(const struct tls_client_config *cfg, struct tls_client **ret, struct error *err) {
    if (strlen(cfg->server_name) == 0 || strlen(cfg->server_name) >= NAME_SIZE) {
        return error_set(err, ERR_INVALID, "server name", "a name of 1 to %d bytes is needed", NAME_SIZE - 1);
    }
    static const unsigned char alpn[] = {
        sizeof LINK_ALPN - 1, 'p', 'e', 'n', 's', 't', 'o', 'c', 'k', '-', 'l', 'i', 'n', 'k', '/', '1'};
    _Static_assert(sizeof alpn == sizeof LINK_ALPN, "the protocol's name, with its length before it");
    ERR_clear_error();
    struct tls_client *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return error_set(err, ERR_NOMEM, "tls", "no memory");
    }
    (void)snprintf(t->server_name, sizeof t->server_name, "%s", cfg->server_name);
    enum status st = OK;
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL || SSL_CTX_set_min_proto_version(t->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(t->ctx, alpn, sizeof alpn) != 0) {
        st = tls_error(err, ERR_INTERNAL, "tls", "cannot set up TLS 1.3");
    }
    if (st == OK) {
        (void)SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
        tls_limit(t->ctx);
        st = load_files(t->ctx, cfg, err);
    }
    if (st != OK) {
        tls_client_free(&t);
        return st;
    }
    *ret = t;
    return OK;
}

void tls_client_free(struct tls_client **t) {
    if (*t == NULL) {
        return;
    }
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

/* OpenSSL's purpose check lets certificates pass that say nothing of their use; a gateway's must not do: one
 * that was made for something else would do as a server. */
static int verify_use(int good, X509_STORE_CTX *ctx) {
    if (!good || X509_STORE_CTX_get_error_depth(ctx) > 0) {
        return good;
    }
    uint32_t use = X509_get_extended_key_usage(X509_STORE_CTX_get_current_cert(ctx));
    if (use == UINT32_MAX || (use & XKU_SSL_SERVER) == 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_INVALID_PURPOSE);
        return 0;
    }
    return good;
}

bool tls_expect_server(struct ssl_st *ssl, const char *name) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER, verify_use);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1) {
        return true;
    }
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

const char *tls_refusal(const struct ssl_st *ssl) {
    long verified = SSL_get_verify_result(ssl);
    return verified == X509_V_OK                    ? NULL
           : verified == X509_V_ERR_INVALID_PURPOSE ? "it is not for servers (extended key usage serverAuth)"
                                                    : X509_verify_cert_error_string(verified);
}

const char *tls_refusal_hint(const struct ssl_st *ssl) {
    switch (SSL_get_verify_result(ssl)) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "; the name to connect to (server.name, --name) must be one that it was made for";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "; is the clock of this machine right?";
    default:
        return "";
    }
}

/* Drives the handshake; sets up when it is done and all is as it must be. */
static enum status handshake(struct tls_line *l, struct error *err) {
    ERR_clear_error();
    int rc = SSL_do_handshake(l->ssl);
    if (rc != 1) {
        int reason = SSL_get_error(l->ssl, rc);
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
            return OK;
        }
        const char *refusal = tls_refusal(l->ssl);
        if (refusal != NULL) {
            ERR_clear_error();
            return error_set(err, ERR_DENIED, "tls", "the server's certificate is refused: %s%s", refusal,
                             tls_refusal_hint(l->ssl));
        }
        return tls_error(err, ERR_INVALID, "tls", "the handshake failed");
    }
    const unsigned char *alpn = NULL;
    unsigned int alpn_len = 0;
    SSL_get0_alpn_selected(l->ssl, &alpn, &alpn_len);
    if (!slice_is(slice_of(alpn, alpn_len), LINK_ALPN)) {
        return error_set(err, ERR_INVALID, "tls", "the server does not speak " LINK_ALPN);
    }
    if (SSL_version(l->ssl) != TLS1_3_VERSION || SSL_get0_peer_certificate(l->ssl) == NULL ||
        SSL_get_verify_result(l->ssl) != X509_V_OK) {
        return error_set(err, ERR_DENIED, "tls", "the connection is not as safe as it must be");
    }
    l->up = true;
    return OK;
}

enum status tls_line_new(struct tls_client *t, struct tls_line **ret, struct error *err) {
    ERR_clear_error();
    struct tls_line *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return error_set(err, ERR_NOMEM, "tls", "no memory");
    }
    l->ssl = SSL_new(t->ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (l->ssl == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        tls_line_free(&l);
        return tls_error(err, ERR_NOMEM, "tls", "cannot make a connection");
    }
    (void)BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(l->ssl, in, out);
    l->in = in;
    l->out = out;
    SSL_set_connect_state(l->ssl);
    enum status st = tls_expect_server(l->ssl, t->server_name)
                         ? handshake(l, err)
                         : tls_error(err, ERR_INVALID, "tls", "the server's name cannot be used");
    if (st != OK) {
        tls_line_free(&l);
        return st;
    }
    *ret = l;
    return OK;
}

void tls_line_free(struct tls_line **l) {
    if (*l == NULL) {
        return;
    }
    SSL_free((*l)->ssl);
    free(*l);
    *l = NULL;
}

static enum status read_plain(struct tls_line *l, struct buf *out, bool *ret_closed, struct error *err) {
    for (;;) {
        uint8_t *p = buf_reserve(out, PLAIN_SIZE);
        if (p == NULL) {
            return buf_status(out, err);
        }
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(l->ssl, p, PLAIN_SIZE, &n) == 1) {
            out->n += n;
            continue;
        }
        int reason = SSL_get_error(l->ssl, 0);
        if (reason == SSL_ERROR_WANT_READ) {
            return OK;
        }
        if (reason == SSL_ERROR_ZERO_RETURN) {
            *ret_closed = true;
            return OK;
        }
        return tls_error(err, ERR_INVALID, "tls", "the server ended the connection");
    }
}

enum status tls_line_receive(struct tls_line *l, const void *p, size_t n, struct buf *out, bool *ret_closed,
                             struct error *err) {
    *ret_closed = false;
    CHECK(n <= INT_MAX);
    ERR_clear_error();
    if (n > 0 && BIO_write(l->in, p, (int)n) != (int)n) {
        return tls_error(err, ERR_NOMEM, "tls", "no memory for what came");
    }
    if (!l->up) {
        enum status st = handshake(l, err);
        if (st != OK || !l->up) {
            return st;
        }
    }
    return read_plain(l, out, ret_closed, err);
}

bool tls_line_is_up(const struct tls_line *l) {
    return l->up;
}

enum status tls_line_send(struct tls_line *l, const void *p, size_t n, struct error *err) {
    CHECK(l->up);
    size_t done = 0;
    ERR_clear_error();
    if (n > 0 && (SSL_write_ex(l->ssl, p, n, &done) != 1 || done != n)) {
        return tls_error(err, ERR_INVALID, "tls", "cannot encrypt");
    }
    return OK;
}

void tls_line_close(struct tls_line *l) {
    if (l->up) {
        ERR_clear_error();
        (void)SSL_shutdown(l->ssl);
        ERR_clear_error();
    }
}

enum status tls_line_take(struct tls_line *l, struct buf *out, struct error *err) {
    size_t n = BIO_ctrl_pending(l->out);
    if (n == 0) {
        return OK;
    }
    CHECK(n <= INT_MAX);
    uint8_t *p = buf_reserve(out, n);
    if (p == NULL) {
        return buf_status(out, err);
    }
    ERR_clear_error();
    int taken = BIO_read(l->out, p, (int)n);
    if (taken != (int)n) {
        return tls_error(err, ERR_INTERNAL, "tls", "cannot read what is to be sent");
    }
    out->n += n;
    return OK;
}
