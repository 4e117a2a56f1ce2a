/* Who a gateway is, on its disk: key, certificate, and whose word it takes (PEM files). A new key and its
 * certificate wait beside the present ones as KEY.new and CERT.new until a session was made with them; a
 * power cut at any moment leaves a pair that fits. Keys have mode 0600 and never leave.
 *
 *     identity_request -> (the server) -> identity_take -> (a session with the new pair) -> identity_settle
 *
 * Errors are sentences for people. One thread. */
#ifndef PENSTOCK_CLIENT_IDENTITY_H
#define PENSTOCK_CLIENT_IDENTITY_H

#include "server/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDENTITY_PATH_SIZE = 1024, IDENTITY_REQUEST_SIZE = 1024 };

struct identity;

struct identity_config {
    const char *name; /* of the gateway */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
};

/* Finishes what a power cut has interrupted, drops a new pair that does not fit. The files may be missing
 * (enrolment). */
MUSTCHECK enum status identity_new(const struct identity_config *cfg, struct identity **ret,
                                   struct error *err);
void identity_free(struct identity **i);

/* The pair to connect with: the new one if there is one and prefer_new is set. */
const char *identity_cert_file(const struct identity *i, bool prefer_new);
const char *identity_key_file(const struct identity *i, bool prefer_new);
const char *identity_ca_file(const struct identity *i);
bool identity_has_new(const struct identity *i);
/* When the present certificate ends; 0 if there is none that can be read. */
int64_t identity_ends_us(const struct identity *i);

enum identity_file { IDENTITY_CA, IDENTITY_CERT, IDENTITY_KEY };
/* Why this file cannot be used, for people; NULL: it can. Whether a certificate has expired does not count:
 * this machine's clock may be wrong. Of a pair that waits or is half in place nothing is said: identity_new
 * sees to it. */
const char *identity_file_fault(const struct identity_config *cfg, enum identity_file which);

/* A new key and a request for it (PKCS#10, DER), appended to request. A former request is forgotten. Fails
 * when the answer could not be written: what it costs (a token, the former certificate) is spent when it
 * comes. */
MUSTCHECK enum status identity_request(struct identity *i, struct buf *request, struct error *err);
/* The answer (PEM). ERR_DENIED: it is not of the key that was asked for, not of this gateway, or not of the
 * authority. Both files are durable after it. */
MUSTCHECK enum status identity_take(struct identity *i, struct slice chain, struct error *err);
/* The new pair takes the place of the present one. Nothing happens if there is none. */
MUSTCHECK enum status identity_settle(struct identity *i, struct error *err);
/* Writes the authority's certificate (PEM) in place of what was there. */
MUSTCHECK enum status identity_set_ca(struct identity *i, struct slice pem, struct error *err);

#endif
