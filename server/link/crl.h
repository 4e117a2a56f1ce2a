/* The lists of revoked certificates (CRL) of one file: a list for each authority that has one. Read with the
 * signature of every list whose authority is known; immutable then. */
#ifndef PENSTOCK_LINK_CRL_H
#define PENSTOCK_LINK_CRL_H

#include "server/base/status.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

struct crl;

/* Adds the lists to the store, where the authorities are already. ERR_INVALID: the file cannot be read, has
 * no list, or one that the authority of its name did not sign. */
MUSTCHECK enum status crl_read(const char *file, X509_STORE *store, struct crl **ret, struct error *err);
void crl_free(struct crl **c);
bool crl_has(const struct crl *c, X509 *certificate);
/* When the first of them is outdated (nextUpdate); the authority refuses everybody from then on. */
int64_t crl_ends_us(const struct crl *c);
/* From when on somebody should be told that a newer one is due: in the last quarter of its life, at most
 * three days before its end. */
int64_t crl_warn_us(const struct crl *c);

#endif
