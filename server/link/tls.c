#include "server/link/tls.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/link/crl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { GATEWAY_SIZE = LINK_NAME_MAX + 1 };

struct tls_context {
    SSL_CTX *ssl;
    enum tls_role role;
    const struct issuer *issuer;
    struct crl *crl; /* NULL: there is none */
};

struct tls {
    SSL *ssl;
    BIO *in; /* owned by ssl, as out is */
    BIO *out;
    enum tls_role role;
    enum tls_state state;
    char reason[TLS_REASON_SIZE];
    char subject[TLS_SUBJECT_SIZE];
    char gateway[GATEWAY_SIZE];
    const struct issuer *issuer;
    bool enrols;
    struct tls_certificate certificate;
};

/* The wire form of the protocols that are spoken here: the first, and for a server with an issuer both. */
static const unsigned char alpn_wire[] = "\x0f" LINK_ALPN "\x10" LINK_ALPN_ENROL;
_Static_assert(sizeof LINK_ALPN == 15 + 1, "the first byte is the length of the name");
_Static_assert(sizeof LINK_ALPN_ENROL == 16 + 1, "and the one before the second");
enum { ALPN_LINK_LEN = 16, ALPN_BOTH_LEN = sizeof alpn_wire - 1 };

/* What OpenSSL says of these is for those who know it well; a stranger at the door is told to people. */
static const struct {
    int reason;
    const char *text;
} told[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no certificate was shown"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "the certificates that were shown are longer than 16 KiB"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the other side does not speak TLS 1.3"},
    {SSL_R_NO_SHARED_CIPHER, "no common cipher of TLS 1.3"},
};
_Static_assert(TLS_CERTIFICATES_MAX == 16 * 1024, "the text above names it");

static const char *told_reason(unsigned long code) {
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == told[i].reason) {
            return told[i].text;
        }
    }
    return ERR_reason_error_string(code);
}

/* Takes the newest entry of OpenSSL's error queue as a reason; the queue is shared with everybody on this
 * thread, so it is emptied. */
static const char *queue_reason(void) {
    unsigned long code = ERR_peek_error();
    const char *text = code == 0 ? NULL : told_reason(code);
    ERR_clear_error();
    return text == NULL ? "no reason given" : text;
}

static enum status file_error(struct error *err, const char *file, const char *what) {
    const char *reason = queue_reason();
    return error_set(err, ERR_INVALID, file, "%s: %s", what, reason);
}

/* --- who is there --- */

static bool is_name_char(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Copies NAME of urn:penstock:gateway:NAME; false if it is anything else. */
static bool uri_gateway(const ASN1_IA5STRING *uri, char ret_gateway[GATEWAY_SIZE]) {
    static const size_t prefix_len = sizeof LINK_URI_PREFIX - 1;
    const unsigned char *p = ASN1_STRING_get0_data(uri);
    int length = ASN1_STRING_length(uri);
    size_t n = length > 0 ? (size_t)length : 0;
    if (n <= prefix_len || n - prefix_len > LINK_NAME_MAX || memcmp(p, LINK_URI_PREFIX, prefix_len) != 0) {
        return false;
    }
    for (size_t i = prefix_len; i < n; i++) {
        if (!is_name_char(p[i])) {
            return false;
        }
    }
    memcpy(ret_gateway, p + prefix_len, n - prefix_len);
    ret_gateway[n - prefix_len] = '\0';
    return true;
}

/* A certificate that could stand for two gateways stands for none. Returns why it is refused, or NULL. */
static const char *certificate_gateway(X509 *cert, char ret_gateway[GATEWAY_SIZE]) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) {
        return "certificate names no gateway (no SAN URI " LINK_URI_PREFIX "NAME)";
    }
    const char *fault = "certificate names no gateway (no SAN URI " LINK_URI_PREFIX "NAME)";
    int uris = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) {
            continue;
        }
        uris++;
        if (uris > 1) {
            fault = "certificate has more than one SAN URI; exactly one is allowed";
        } else if (uri_gateway(name->d.uniformResourceIdentifier, ret_gateway)) {
            fault = NULL;
        } else {
            fault = "the SAN URI of the certificate is not " LINK_URI_PREFIX "NAME";
        }
    }
    GENERAL_NAMES_free(names);
    return fault;
}

/* OpenSSL's purpose check lets certificates pass that say nothing of their use; here they must say it. */
static const char *certificate_fault(struct tls *t, X509 *cert) {
    uint32_t use = X509_get_extended_key_usage(cert);
    uint32_t wanted = t->role == TLS_SERVER ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
    if (use == UINT32_MAX || (use & wanted) == 0) {
        return t->role == TLS_SERVER ? "certificate is not for clients (extended key usage clientAuth)"
                                     : "certificate is not for servers (extended key usage serverAuth)";
    }
    return t->role == TLS_SERVER ? certificate_gateway(cert, t->gateway) : NULL;
}

static void set_reason(struct tls *t, const char *reason) {
    if (t->reason[0] == '\0') {
        (void)snprintf(t->reason, sizeof t->reason, "%s", reason);
    }
}

/* Who enrols may show a certificate that has ended, but not long ago. */
static bool ended_lately(const struct tls *t, const X509_STORE_CTX *store, const X509 *cert) {
    if (!t->enrols || X509_STORE_CTX_get_error(store) != X509_V_ERR_CERT_HAS_EXPIRED ||
        X509_STORE_CTX_get_error_depth(store) != 0) {
        return false;
    }
    int days = 0;
    int seconds = 0;
    return ASN1_TIME_diff(&days, &seconds, X509_get0_notAfter(cert), NULL) == 1 &&
           days < IDENTITY_WINDOW_DAYS;
}

static int on_verify(int ok, X509_STORE_CTX *store) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    X509 *own = X509_STORE_CTX_get0_cert(store);
    int depth = X509_STORE_CTX_get_error_depth(store);
    if (own != NULL) {
        (void)X509_NAME_oneline(X509_get_subject_name(own), t->subject, (int)sizeof t->subject);
    }
    if (!ok && cert != NULL && ended_lately(t, store, cert)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (!ok) {
        set_reason(t, X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        return 0;
    }
    const char *fault = depth == 0 && cert != NULL ? certificate_fault(t, cert) : NULL;
    if (fault != NULL) {
        set_reason(t, fault);
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return 1;
}

/* --- ALPN --- */

static int on_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len, const unsigned char *in,
                   unsigned int in_len, void *ctx) {
    (void)ctx;
    struct tls *t = SSL_get_app_data(ssl);
    unsigned char *chosen = NULL;
    unsigned int len = t->issuer != NULL ? ALPN_BOTH_LEN : ALPN_LINK_LEN;
    if (SSL_select_next_proto(&chosen, ret_len, alpn_wire, len, in, in_len) != OPENSSL_NPN_NEGOTIATED) {
        set_reason(t, "the other side does not speak " LINK_ALPN " (ALPN)");
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *ret_name = chosen;
    t->enrols = *ret_len == sizeof LINK_ALPN_ENROL - 1;
    /* The certificate request of the server comes after this. */
    if (t->enrols) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
        if (SSL_add1_chain_cert(ssl, issuer_certificate(t->issuer)) != 1) {
            set_reason(t, "out of memory");
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

/* on_alpn is not asked when the client offers nothing at all. */
static int on_client_hello(SSL *ssl, int *ret_alert, void *ctx) {
    (void)ctx;
    const unsigned char *p = NULL;
    size_t n = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) != 1) {
        set_reason(SSL_get_app_data(ssl), "the other side does not say what it speaks (no ALPN)");
        *ret_alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- contexts --- */

static enum status load_authority(struct tls_context *c, const struct tls_config *cfg, struct error *err) {
    SSL_CTX *ssl = c->ssl;
    if (SSL_CTX_load_verify_locations(ssl, cfg->ca_file, NULL) != 1) {
        return file_error(err, cfg->ca_file, "cannot read the authority's certificates");
    }
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl);
    unsigned long flags = X509_V_FLAG_X509_STRICT;
    if (cfg->crl_file != NULL) {
        enum status status = crl_read(cfg->crl_file, SSL_CTX_get_cert_store(ssl), &c->crl, err);
        if (status != OK) {
            return status;
        }
        flags |= X509_V_FLAG_CRL_CHECK;
    }
    int purpose = cfg->role == TLS_SERVER ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1 ||
        X509_VERIFY_PARAM_set_purpose(param, purpose) != 1) {
        return file_error(err, cfg->ca_file, "cannot set up the check of certificates");
    }
    SSL_CTX_set_verify_depth(ssl, TLS_DEPTH_MAX);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    return OK;
}

static enum status load_own(SSL_CTX *ssl, const struct tls_config *cfg, struct error *err) {
    if (cfg->cert_file == NULL) {
        return OK;
    }
    if (SSL_CTX_use_certificate_chain_file(ssl, cfg->cert_file) != 1) {
        return file_error(err, cfg->cert_file, "cannot read the certificate");
    }
    if (SSL_CTX_use_PrivateKey_file(ssl, cfg->key_file, SSL_FILETYPE_PEM) != 1) {
        return file_error(err, cfg->key_file, "cannot use the key (is it the certificate's?)");
    }
    return OK;
}

static enum status set_up(SSL_CTX *ssl, const struct tls_config *cfg, struct error *err) {
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 || SSL_CTX_set_num_tickets(ssl, 0) != 1 ||
        SSL_CTX_set_max_early_data(ssl, 0) != 1 || SSL_CTX_set_recv_max_early_data(ssl, 0) != 1) {
        return file_error(err, "TLS", "this OpenSSL cannot do TLS 1.3 as it is needed");
    }
    SSL_CTX_set_security_level(ssl, LINK_TLS_SECURITY_LEVEL); /* whatever this system's default is */
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(ssl, TLS_CERTIFICATES_MAX);
    if (cfg->role == TLS_SERVER) {
        SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
        SSL_CTX_set_client_hello_cb(ssl, on_client_hello, NULL);
    } else if (SSL_CTX_set_alpn_protos(ssl, alpn_wire, ALPN_LINK_LEN) != 0) {
        return file_error(err, "TLS", "cannot offer " LINK_ALPN);
    }
    return OK;
}

enum status tls_context_new(const struct tls_config *cfg, struct tls_context **ret, struct error *err) {
    CHECK(cfg->role == TLS_CLIENT || cfg->cert_file != NULL);
    CHECK(cfg->cert_file == NULL || cfg->key_file != NULL);
    ERR_clear_error();
    struct tls_context *c = calloc(1, sizeof *c);
    SSL_CTX *ssl = SSL_CTX_new(cfg->role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    if (c == NULL || ssl == NULL) {
        free(c);
        SSL_CTX_free(ssl);
        ERR_clear_error();
        return error_set(err, ERR_NOMEM, "TLS", "out of memory");
    }
    c->ssl = ssl;
    c->role = cfg->role;
    enum status status = set_up(ssl, cfg, err);
    status = status == OK ? load_authority(c, cfg, err) : status;
    status = status == OK ? load_own(ssl, cfg, err) : status;
    if (status != OK) {
        tls_context_free(&c);
        return status;
    }
    *ret = c;
    return OK;
}

void tls_context_enrol(struct tls_context *c, const struct issuer *issuer) {
    CHECK(c->role == TLS_SERVER);
    c->issuer = issuer;
}

void tls_context_free(struct tls_context **c) {
    if (*c != NULL) {
        crl_free(&(*c)->crl);
        SSL_CTX_free((*c)->ssl);
        free(*c);
        *c = NULL;
    }
}

int64_t tls_context_crl_ends_us(const struct tls_context *c) {
    return c->crl == NULL ? INT64_MAX : crl_ends_us(c->crl);
}

int64_t tls_context_crl_warn_us(const struct tls_context *c) {
    return c->crl == NULL ? INT64_MAX : crl_warn_us(c->crl);
}

bool tls_is_revoked(const struct tls *t, const struct tls_context *c) {
    X509 *shown = SSL_get0_peer_certificate(t->ssl);
    return shown != NULL && c->crl != NULL && crl_has(c->crl, shown);
}

/* --- one connection --- */

/* The server's certificate must name what the client meant to reach: an address or a DNS name. */
static bool expect_host(SSL *ssl, const char *host) {
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ||
           X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

enum status tls_new(struct tls_context *c, const char *host, struct tls **ret, struct error *err) {
    CHECK((c->role == TLS_CLIENT) == (host != NULL));
    ERR_clear_error();
    struct tls *t = calloc(1, sizeof *t);
    SSL *ssl = SSL_new(c->ssl);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (t == NULL || ssl == NULL || in == NULL || out == NULL || (host != NULL && !expect_host(ssl, host))) {
        free(t);
        SSL_free(ssl);
        (void)BIO_free(in);
        (void)BIO_free(out);
        ERR_clear_error();
        return error_set(err, ERR_NOMEM, "TLS", "out of memory");
    }
    SSL_set_bio(ssl, in, out);
    *t = (struct tls){
        .ssl = ssl, .in = in, .out = out, .role = c->role, .issuer = c->issuer, .state = TLS_HANDSHAKE};
    SSL_set_app_data(ssl, t);
    if (c->role == TLS_SERVER) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    *ret = t;
    return OK;
}

void tls_free(struct tls **t) {
    if (*t != NULL) {
        SSL_free((*t)->ssl);
        free(*t);
        *t = NULL;
    }
}

/* What a result below 1 means. The first reason stays: it is the cause. */
static void note_result(struct tls *t, int result) {
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        ERR_clear_error();
        return;
    case SSL_ERROR_ZERO_RETURN:
        ERR_clear_error();
        t->state = TLS_CLOSED;
        return;
    default:
        set_reason(t, queue_reason());
        t->state = TLS_FAILED;
        return;
    }
}

/* Asserted again after the fact: no option may have weakened another. */
static const char *handshake_fault(const struct tls *t) {
    const unsigned char *name = NULL;
    unsigned int len = 0;
    SSL_get0_alpn_selected(t->ssl, &name, &len);
    struct slice agreed = slice_of(name, len);
    if (!slice_is(agreed, t->enrols ? LINK_ALPN_ENROL : LINK_ALPN)) {
        return "the other side does not speak " LINK_ALPN " (ALPN)";
    }
    if (SSL_version(t->ssl) != TLS1_3_VERSION) {
        return "not TLS 1.3";
    }
    if (t->enrols && SSL_get0_peer_certificate(t->ssl) == NULL) {
        return NULL;
    }
    if (SSL_get0_peer_certificate(t->ssl) == NULL || SSL_get_verify_result(t->ssl) != X509_V_OK) {
        return "no verified certificate";
    }
    return t->role == TLS_SERVER && t->gateway[0] == '\0' ? "certificate names no gateway" : NULL;
}

/* False if OpenSSL has no memory. */
static bool note_serial(struct tls *t, const ASN1_INTEGER *serial) {
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *text = number == NULL ? NULL : BN_bn2hex(number);
    if (text != NULL) {
        (void)snprintf(t->certificate.serial, sizeof t->certificate.serial, "%s", text);
    }
    bool noted = text != NULL;
    OPENSSL_free(text);
    BN_free(number);
    return noted;
}

/* False if OpenSSL has no memory. */
static bool note_certificate(struct tls *t) {
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    unsigned int n = 0;
    struct tm tm = {0};
    if (cert == NULL) {
        return true;
    }
    if (X509_digest(cert, EVP_sha256(), t->certificate.fingerprint, &n) != 1 ||
        ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
        return false;
    }
    t->certificate.not_after_us = (int64_t)timegm(&tm) * TM_SECOND_US;
    return note_serial(t, X509_get0_serialNumber(cert));
}

static void shake_hands(struct tls *t) {
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    if (result != 1) {
        note_result(t, result);
        return;
    }
    const char *fault = handshake_fault(t);
    if (fault == NULL && !note_certificate(t)) {
        fault = "the certificate cannot be read";
    }
    if (fault != NULL) {
        set_reason(t, fault);
        t->state = TLS_FAILED;
        return;
    }
    t->state = TLS_OPEN;
}

enum status tls_feed(struct tls *t, const void *p, size_t n) {
    CHECK(n <= INT_MAX);
    if (t->state == TLS_CLOSED || t->state == TLS_FAILED) {
        return OK;
    }
    ERR_clear_error();
    if (n > 0 && BIO_write(t->in, p, (int)n) != (int)n) {
        ERR_clear_error();
        return ERR_NOMEM;
    }
    if (t->state == TLS_HANDSHAKE) {
        shake_hands(t);
    }
    return OK;
}

size_t tls_read(struct tls *t, void *p, size_t max) {
    if (t->state != TLS_OPEN || max == 0) {
        return 0;
    }
    ERR_clear_error();
    size_t n = 0;
    int result = SSL_read_ex(t->ssl, p, max, &n);
    if (result != 1) {
        note_result(t, result);
        return 0;
    }
    return n;
}

enum status tls_write(struct tls *t, const void *p, size_t n) {
    if (t->state != TLS_OPEN) {
        return ERR_WRONG_STATE;
    }
    if (n == 0) {
        return OK;
    }
    ERR_clear_error();
    size_t written = 0;
    int result = SSL_write_ex(t->ssl, p, n, &written);
    if (result != 1) {
        note_result(t, result);
        return ERR_IO;
    }
    CHECK(written == n);
    return OK;
}

void tls_close(struct tls *t) {
    if (t->state == TLS_OPEN || t->state == TLS_CLOSED) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
}

size_t tls_take_cipher(struct tls *t, void *p, size_t max) {
    CHECK(max <= INT_MAX);
    int n = BIO_read(t->out, p, (int)max);
    return n > 0 ? (size_t)n : 0;
}

enum tls_state tls_state(const struct tls *t) {
    return t->state;
}

const char *tls_reason(const struct tls *t) {
    return t->reason;
}

const char *tls_subject(const struct tls *t) {
    return t->subject;
}

const char *tls_gateway(const struct tls *t) {
    return t->gateway;
}

bool tls_enrols(const struct tls *t) {
    return t->enrols;
}

struct tls_certificate tls_certificate(const struct tls *t) {
    return t->certificate;
}
