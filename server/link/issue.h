/* An authority that signs gateways: its key, and what it makes of a certification request (PKCS#10). Of the
 * request only the public key counts, and it must be proven (the request's own signature), of P-256, named,
 * not written out as parameters. Subject, names and extensions that it asks for are not looked at: who the
 * gateway is says the caller, who knows by a token or by a session. Certificates are good for 90 days from 5
 * minutes ago (never longer than the authority's own), for clients only, with the one SAN URI
 * urn:penstock:gateway:NAME. No I/O but issuer_new; time is a parameter. */
#ifndef PENSTOCK_LINK_ISSUE_H
#define PENSTOCK_LINK_ISSUE_H

#include "server/base/slice.h"
#include "server/base/status.h"
#include "server/core/identity.h"

#include <openssl/x509.h>

enum { ISSUE_DAYS = 90, ISSUE_PEM_SIZE = 3072 };

struct issuer;

struct issued {
    struct identity_certificate certificate;
    char pem[ISSUE_PEM_SIZE]; /* NUL-terminated */
    size_t pem_n;
};

/* ca_file: PEM, authorities that the server trusts; key_file: the key of one of them that is signed by itself
 * (a gateway that enrols gets that one as its authority). The file must belong to who runs this, and nobody
 * else may read it. */
MUSTCHECK enum status issuer_new(const char *ca_file, const char *key_file, struct issuer **ret,
                                 struct error *err);
void issuer_free(struct issuer **i);
/* SHA-256 of the authority's certificate (DER), IDENTITY_HASH_SIZE bytes. */
const uint8_t *issuer_fingerprint(const struct issuer *i);
X509 *issuer_certificate(const struct issuer *i);

/* request: DER. gateway: a name as in certificates. ERR_INVALID: the request is not as it must be;
 * ERR_UNAVAILABLE: the authority itself has ended. */
MUSTCHECK enum status issue(const struct issuer *i, struct slice request, const char *gateway, int64_t now_us,
                            struct issued *ret, struct error *err);

#endif
