/* The gateway's end of TLS over memory: cipher bytes in, plain bytes out, and the other way round; no socket.
 * TLS 1.3 only, both sides with certificates, ALPN penstock-link/1, no session tickets; the server's chain
 * and name are verified. Errors are sentences for people. One thread. */
#ifndef PENSTOCK_CLIENT_TLS_H
#define PENSTOCK_CLIENT_TLS_H

#include "server/base/buf.h"

#include <stdbool.h>

struct tls_client;
struct tls_line;

struct tls_client_config {
    const char *ca_file;   /* PEM: who may sign the server */
    const char *cert_file; /* PEM chain of the gateway */
    const char *key_file;
    const char *server_name; /* in the server's certificate: DNS name or numeric address */
};

/* Reads the files. */
MUSTCHECK enum status tls_client_new(const struct tls_client_config *cfg, struct tls_client **ret,
                                     struct error *err);
void tls_client_free(struct tls_client **t);

/* One connection; the first cipher bytes are ready in tls_line_take. */
MUSTCHECK enum status tls_line_new(struct tls_client *t, struct tls_line **ret, struct error *err);
void tls_line_free(struct tls_line **l);
/* Takes cipher bytes from the network; appends plain ones to out. *ret_closed: the server said that it will
 * send no more. ERR_DENIED: a certificate was refused; ERR_INVALID: not TLS as it should be. */
MUSTCHECK enum status tls_line_receive(struct tls_line *l, const void *p, size_t n, struct buf *out,
                                       bool *ret_closed, struct error *err);
/* True after the handshake and all its checks. */
bool tls_line_is_up(const struct tls_line *l);
/* Encrypts. Only when up. */
MUSTCHECK enum status tls_line_send(struct tls_line *l, const void *p, size_t n, struct error *err);
/* Says that no more will come. */
void tls_line_close(struct tls_line *l);
/* Appends the cipher bytes that are to be sent to out. */
MUSTCHECK enum status tls_line_take(struct tls_line *l, struct buf *out, struct error *err);

/* For every connection to the server, whatever it is for: how weak keys and signatures may be, how long the
 * server's chain, in certificates and in bytes. */
struct ssl_ctx_st;
void tls_limit(struct ssl_ctx_st *ctx);

/* For every connection, too: the certificate must name this server (an address
 * is looked for among the addresses) and be for servers. Checked in the handshake, before anything is told.
 * False if the name cannot be used. */
struct ssl_st;
bool tls_expect_server(struct ssl_st *ssl, const char *name);
/* Why the server's certificate was refused, for people; NULL: it was not. */
const char *tls_refusal(const struct ssl_st *ssl);
/* What to look at then, behind that; "" for most reasons. */
const char *tls_refusal_hint(const struct ssl_st *ssl);

#endif
