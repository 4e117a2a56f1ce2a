/* One end of a TLS 1.3 connection as a pure byte machine: cipher bytes in and out, plain bytes in and out, no
 * socket (memory BIOs). Mutual: both ends show a certificate that the one authority signed; the server wants
 * one for clients that names exactly one gateway, the client one for servers that names the host it meant.
 * ALPN "penstock-link/1" is required. No tickets, no resumption, no early data.
 *
 * A server that has an issuer takes "penstock-enrol/1" too: for gateways that want a certificate. There it
 * shows its authority's certificate with its own, and a client may show none, or one that ended at most
 * IDENTITY_WINDOW_DAYS ago; what such a client may do is for the caller to see to (tls_enrols).
 *
 * Two ends can be joined in a test. The role TLS_CLIENT is for that and for tools; gateways use
 * protocol/client. After any call, drain what waits to be sent with tls_take_cipher (an alert waits there
 * after a failure, too). One thread. */
#ifndef PENSTOCK_LINK_TLS_H
#define PENSTOCK_LINK_TLS_H

#include "protocol/enrol.h"
#include "server/base/buf.h"
#include "server/core/identity.h"
#include "server/link/issue.h"

struct tls_context;
struct tls;

enum tls_role { TLS_SERVER, TLS_CLIENT };

struct tls_config {
    enum tls_role role;
    const char *ca_file;   /* PEM: who may sign the other end */
    const char *cert_file; /* PEM chain of this end; NULL (client, in tests): none */
    const char *key_file;
    const char *crl_file; /* NULL: none. An outdated list refuses everybody */
};

enum {
    TLS_CERTIFICATES_MAX = LINK_TLS_CERTIFICATES_MAX, /* bytes of the other end's chain */
    TLS_DEPTH_MAX = LINK_TLS_INTERMEDIATES_MAX,       /* intermediate certificates */
    TLS_REASON_SIZE = 256,
    TLS_SUBJECT_SIZE = 128,
    TLS_SERIAL_SIZE = 2 * 20 + 1, /* RFC 5280: at most 20 bytes */
};

enum tls_state {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_CLOSED, /* the other end said that it sends no more */
    TLS_FAILED, /* see tls_reason */
};

/* Reads the files. The error names the file and what is wrong with it. */
MUSTCHECK enum status tls_context_new(const struct tls_config *cfg, struct tls_context **ret,
                                      struct error *err);
/* Connections that were made of it live on. */
void tls_context_free(struct tls_context **c);
/* When its list of revoked certificates is outdated, and from when on that is worth telling; INT64_MAX: it
 * has none. */
int64_t tls_context_crl_ends_us(const struct tls_context *c);
int64_t tls_context_crl_warn_us(const struct tls_context *c);
/* Server: from now on gateways are enrolled, with certificates of this authority, which must outlive it,
 * and the handshakes of its connections. */
void tls_context_enrol(struct tls_context *c, const struct issuer *issuer);

/* host: the DNS name or address that the server's certificate must have (TLS_CLIENT; else NULL). */
MUSTCHECK enum status tls_new(struct tls_context *c, const char *host, struct tls **ret, struct error *err);
void tls_free(struct tls **t);

/* Takes cipher bytes as they came from the line, and goes on with the handshake. ERR_NOMEM or OK; what they
 * lead to shows in tls_state. */
MUSTCHECK enum status tls_feed(struct tls *t, const void *p, size_t n);
/* Up to max plain bytes; 0: none now. */
size_t tls_read(struct tls *t, void *p, size_t max);
/* All of it or an error. Only when TLS_OPEN. */
MUSTCHECK enum status tls_write(struct tls *t, const void *p, size_t n);
/* Says goodbye (close_notify), if it can still be said. */
void tls_close(struct tls *t);
/* Up to max cipher bytes to be sent; 0: none now. */
size_t tls_take_cipher(struct tls *t, void *p, size_t max);

enum tls_state tls_state(const struct tls *t);
/* Why it failed, for people: "certificate has expired"; "" if it did not. */
const char *tls_reason(const struct tls *t);
/* Subject of the certificate that was refused or accepted; "" if none was shown. From outside: quote it. */
const char *tls_subject(const struct tls *t);
/* Server, when TLS_OPEN: the gateway's id from its certificate; "" if it showed none (tls_enrols). */
const char *tls_gateway(const struct tls *t);
/* Server, when TLS_OPEN: the client speaks penstock-enrol/1. */
bool tls_enrols(const struct tls *t);

struct tls_certificate {
    uint8_t fingerprint[IDENTITY_HASH_SIZE]; /* SHA-256; all zero if none was shown */
    int64_t not_after_us;
    char serial[TLS_SERIAL_SIZE]; /* hexadecimal; "" if none was shown */
};
/* When TLS_OPEN: of the other end. */
struct tls_certificate tls_certificate(const struct tls *t);
/* Whether the list of this context, which is newer than that of the handshake, has what was shown. */
bool tls_is_revoked(const struct tls *t, const struct tls_context *c);

#endif
