#include "protocol/client/enrolment.h"

#include "protocol/cert_msg.h"
#include "protocol/client/tls.h"
#include "protocol/frame.h"
#include "protocol/msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 5, ANSWER_MAX = 64 * 1024, ASK_MAX = 8 * 1024 };

/* One connection. */
struct line {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    const struct enrol_token *token; /* NULL: the authority's file says who may sign */
    X509 *authority;                 /* that the token named; owned */
};

static enum status ssl_error(struct error *err, enum status code, const char *where, const char *what) {
    unsigned long e = ERR_peek_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    ERR_clear_error();
    return error_set(err, code, where, "%s: %s", what, reason == NULL ? "the connection ended" : reason);
}

/* --- whom to trust --- */

static bool is_named(const struct enrol_token *token, X509 *cert) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    return X509_digest(cert, EVP_sha256(), digest, &n) == 1 && n >= ENROL_AUTHORITY_SIZE &&
           memcmp(digest, token->authority, ENROL_AUTHORITY_SIZE) == 0;
}

/* The one among those that the server shows whose fingerprint the token has is trusted, and no other. */
static int verify_by_token(X509_STORE_CTX *ctx, void *arg) {
    struct line *l = arg;
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(ctx);
    STACK_OF(X509) *trusted = sk_X509_new_null();
    for (int i = 0; i < sk_X509_num(shown) && l->authority == NULL; i++) {
        X509 *cert = sk_X509_value(shown, i);
        if (is_named(l->token, cert) && X509_up_ref(cert) == 1) {
            l->authority = cert;
        }
    }
    int good = 0;
    if (trusted == NULL || l->authority == NULL || sk_X509_push(trusted, l->authority) <= 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_UNTRUSTED);
    } else {
        X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
        good = X509_verify_cert(ctx);
    }
    sk_X509_free(trusted);
    return good;
}

/* --- the connection --- */

static enum status set_up_tls(struct line *l, const struct identity *i, const char *name, struct error *err) {
    static const unsigned char alpn[] = "\x10" LINK_ALPN_ENROL;
    l->ctx = SSL_CTX_new(TLS_client_method());
    if (l->ctx == NULL || SSL_CTX_set_min_proto_version(l->ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(l->ctx, alpn, sizeof alpn - 1) != 0) {
        return ssl_error(err, ERR_INTERNAL, "TLS", "cannot set up TLS 1.3");
    }
    tls_limit(l->ctx);
    if (l->token != NULL) {
        SSL_CTX_set_cert_verify_callback(l->ctx, verify_by_token, l);
    } else if (SSL_CTX_load_verify_locations(l->ctx, identity_ca_file(i), NULL) != 1 ||
               SSL_CTX_use_certificate_chain_file(l->ctx, identity_cert_file(i, false)) != 1 ||
               SSL_CTX_use_PrivateKey_file(l->ctx, identity_key_file(i, false), SSL_FILETYPE_PEM) != 1) {
        return ssl_error(err, ERR_INVALID, identity_cert_file(i, false),
                         "authority, certificate or key cannot be read");
    }
    l->ssl = SSL_new(l->ctx);
    if (l->ssl == NULL || SSL_set_fd(l->ssl, l->fd) != 1 || !tls_expect_server(l->ssl, name)) {
        return ssl_error(err, ERR_INVALID, name, "cannot be used as the server's name");
    }
    return OK;
}

static enum status dial(const struct enrolment_server *server, int *ret_fd, struct error *err) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(server->port)};
    bool is_v4 = inet_pton(AF_INET, server->host, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, server->host, &v6.sin6_addr) != 1) {
        return error_set(err, ERR_INVALID, "host",
                         "\"%s\" is no numeric address such as 192.0.2.1 or 2001:db8::1", server->host);
    }
    const struct sockaddr *address = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, address, is_v4 ? sizeof v4 : sizeof v6) != 0) {
        enum status status = error_set(err, ERR_UNAVAILABLE, server->host, "cannot connect to port %u: %s",
                                       server->port, strerrordesc_np(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    *ret_fd = fd;
    return OK;
}

static enum status shake_hands(struct line *l, struct error *err) {
    ERR_clear_error();
    if (SSL_connect(l->ssl) != 1) {
        const char *refusal = tls_refusal(l->ssl);
        if (l->token != NULL && SSL_get_verify_result(l->ssl) == X509_V_ERR_CERT_UNTRUSTED) {
            ERR_clear_error();
            return error_set(
                err, ERR_DENIED, "server",
                "it does not have the authority that the token names: another server, or somebody "
                "between; nothing was told to it");
        }
        if (refusal != NULL) {
            ERR_clear_error();
            return error_set(err, ERR_DENIED, "server", "its certificate is refused: %s%s", refusal,
                             tls_refusal_hint(l->ssl));
        }
        return ssl_error(err, ERR_UNAVAILABLE, "server",
                         "TLS failed (does it issue certificates? its link.ca_key)");
    }
    const unsigned char *alpn = NULL;
    unsigned int n = 0;
    SSL_get0_alpn_selected(l->ssl, &alpn, &n);
    if (!slice_is(slice_of(alpn, n), LINK_ALPN_ENROL)) {
        return error_set(err, ERR_DENIED, "server", "it is not a server that enrols gateways");
    }
    return OK;
}

/* --- question and answer --- */

/* The body of the first frame that decides, from all that the server sends. */
static enum status read_answer(struct line *l, struct buf *in, struct frame *ret, struct error *err) {
    for (;;) {
        size_t need = 0;
        struct frame f = {0};
        size_t at = 0;
        enum frame_result result = FRAME_MORE;
        while ((result = frame_parse(in->p + at, in->n - at, LINK_BODY_MAX, &f, &need, err)) == FRAME_OK) {
            if (f.type == MSG_CERT_ISSUED || f.type == MSG_ERROR || f.type == MSG_BYE) {
                *ret = f;
                return OK;
            }
            at += need;
        }
        if (result == FRAME_BAD) {
            return ERR_INVALID;
        }
        uint8_t *p = buf_reserve(in, ASK_MAX);
        size_t n = 0;
        ERR_clear_error();
        if (p == NULL) {
            return buf_status(in, err);
        }
        if (SSL_read_ex(l->ssl, p, ASK_MAX, &n) != 1) {
            return ssl_error(err, ERR_UNAVAILABLE, "server", "no answer came");
        }
        in->n += n;
    }
}

static enum status read_chain(const struct frame *f, struct msg_cert_issued *ret, struct error *err) {
    struct msg_error error = {0};
    if (f->type == MSG_ERROR && error_decode(f->body, &error, err) == OK) {
        return error_set(err, ERR_DENIED, "server", "%.*s", SLICE_ARG(error.text));
    }
    if (f->type != MSG_CERT_ISSUED) {
        return error_set(err, ERR_UNAVAILABLE, "server", "it said goodbye instead of an answer");
    }
    if (cert_issued_decode(f->body, ret, err) != OK) {
        return ERR_INVALID;
    }
    return ret->status == CERT_ISSUED
               ? OK
               : error_set(err, ERR_DENIED, "server", "it issues no certificate: %.*s", SLICE_ARG(ret->text));
}

static void put_question(struct buf *out, const struct line *l, struct slice request) {
    size_t mark = frame_begin(out, l->token != NULL ? MSG_ENROL : MSG_CERT_REQUEST, 0);
    if (l->token != NULL) {
        const struct msg_enrol m = {.name = slice_str(l->token->name),
                                    .secret = slice_of(l->token->secret, ENROL_SECRET_SIZE),
                                    .request = request};
        enrol_encode(out, &m);
    } else {
        cert_request_encode(out, &(struct msg_cert_request){.request = request});
    }
    frame_end(out, mark);
}

static enum status write_authority(const struct line *l, struct identity *i, struct error *err) {
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL;
    enum status status = OK;
    if (out == NULL || PEM_write_bio_X509(out, l->authority) != 1) {
        status = ssl_error(err, ERR_INTERNAL, "authority", "cannot be written down");
    } else {
        long n = BIO_get_mem_data(out, &pem);
        status = identity_set_ca(i, slice_of(pem, (size_t)n), err);
    }
    (void)BIO_free(out);
    return status;
}

static enum status ask(struct line *l, struct identity *i, struct error *err) {
    struct buf out;
    struct buf request;
    struct buf in;
    buf_init(&out, ASK_MAX);
    buf_init(&request, ASK_MAX);
    buf_init(&in, ANSWER_MAX);
    struct frame f = {0};
    struct msg_cert_issued issued = {.status = CERT_REFUSED};
    size_t done = 0;
    enum status status = identity_request(i, &request, err);
    if (status == OK) {
        put_question(&out, l, buf_slice(&request));
        status = buf_status(&out, err);
    }
    ERR_clear_error();
    if (status == OK && SSL_write_ex(l->ssl, out.p, out.n, &done) != 1) {
        status = ssl_error(err, ERR_UNAVAILABLE, "server", "the request could not be sent");
    }
    status = status == OK ? read_answer(l, &in, &f, err) : status;
    status = status == OK ? read_chain(&f, &issued, err) : status;
    if (status == OK && l->token != NULL) {
        status = write_authority(l, i, err);
    }
    status = status == OK ? identity_take(i, issued.chain, err) : status;
    if (out.p != NULL) {
        OPENSSL_cleanse(out.p, out.n);
    }
    buf_done(&out);
    buf_done(&request);
    buf_done(&in);
    return status == OK ? identity_settle(i, err) : status;
}

static enum status run(struct identity *i, const struct enrolment_server *server,
                       const struct enrol_token *token, struct error *err) {
    struct line l = {.fd = -1, .token = token};
    enum status status = dial(server, &l.fd, err);
    status = status == OK ? set_up_tls(&l, i, server->name, err) : status;
    status = status == OK ? shake_hands(&l, err) : status;
    status = status == OK ? ask(&l, i, err) : status;
    if (l.ssl != NULL) {
        (void)SSL_shutdown(l.ssl);
    }
    SSL_free(l.ssl);
    SSL_CTX_free(l.ctx);
    X509_free(l.authority);
    ERR_clear_error();
    if (l.fd >= 0) {
        (void)close(l.fd);
    }
    return status;
}

enum status enrolment_with_token(struct identity *i, const struct enrolment_server *server,
                                 const struct enrol_token *token, struct error *err) {
    return run(i, server, token, err);
}

enum status enrolment_renew(struct identity *i, const struct enrolment_server *server, struct error *err) {
    return run(i, server, NULL, err);
}
