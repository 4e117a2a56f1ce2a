/* Certificates for a test, made on the spot with OpenSSL and written as PEM files. */
#ifndef PENSTOCK_TESTS_CLIENT_PKI_H
#define PENSTOCK_TESTS_CLIENT_PKI_H

#include "tests/unit/client/dir.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct pki {
    EVP_PKEY *ca_key;
    X509 *ca;
    const EVP_MD *digest; /* of signatures; NULL: SHA-256 */
    long serial;
};

static inline void pki_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

enum pki_kind { PKI_AUTHORITY, PKI_END };

static inline X509 *pki_sign_as(struct pki *p, EVP_PKEY *key, enum pki_kind kind, const char *name,
                                const char *san, const char *usage) {
    X509 *cert = X509_new();
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++p->serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 36000));
    X509_NAME *subject = X509_get_subject_name(cert);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(p->ca != NULL ? p->ca : cert)), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    X509 *issuer = p->ca != NULL ? p->ca : cert;
    if (kind == PKI_AUTHORITY) {
        pki_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
        pki_extension(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        pki_extension(cert, issuer, NID_subject_alt_name, san);
        if (usage != NULL) {
            pki_extension(cert, issuer, NID_ext_key_usage, usage);
        }
    }
    assert_true(
        X509_sign(cert, p->ca != NULL ? p->ca_key : key, p->digest != NULL ? p->digest : EVP_sha256()) > 0);
    return cert;
}

static inline X509 *pki_sign_authority(struct pki *p, EVP_PKEY *key, const char *name) {
    return pki_sign_as(p, key, PKI_AUTHORITY, name, NULL, NULL);
}

static inline X509 *pki_sign(struct pki *p, EVP_PKEY *key, const char *name, const char *san,
                             const char *usage) {
    return pki_sign_as(p, key, PKI_END, name, san, usage);
}

static inline void pki_write(const struct dir *d, const char *name, X509 *cert, EVP_PKEY *key) {
    char base[60];
    char file[400];
    (void)snprintf(base, sizeof base, "%s.pem", name);
    dir_file(d, base, file);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, cert), 1);
    (void)fclose(out);
    (void)snprintf(base, sizeof base, "%s.key", name);
    dir_file(d, base, file);
    out = fopen(file, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(out);
}

/* Makes an authority; its certificate is NAME.pem. */
static inline void pki_init(struct pki *p, const struct dir *d, const char *name) {
    *p = (struct pki){.ca_key = EVP_EC_gen("P-256")};
    assert_non_null(p->ca_key);
    p->ca = pki_sign_authority(p, p->ca_key, name);
    pki_write(d, name, p->ca, p->ca_key);
}

static inline void pki_done(struct pki *p) {
    X509_free(p->ca);
    EVP_PKEY_free(p->ca_key);
}

/* The same for a key that the caller has made. */
static inline void pki_issue_for(struct pki *p, const struct dir *d, const char *name, const char *san,
                                 const char *usage, EVP_PKEY *key) {
    assert_non_null(key);
    X509 *cert = pki_sign(p, key, name, san, usage);
    pki_write(d, name, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* NAME.pem and NAME.key. usage: "serverAuth" or the like; NULL: the certificate does not say. */
static inline void pki_issue(struct pki *p, const struct dir *d, const char *name, const char *san,
                             const char *usage) {
    pki_issue_for(p, d, name, san, usage, EVP_EC_gen("P-256"));
}

/* The same, signed by the last of n authorities of which the first is signed by p; NAME.pem has them all. */
static inline void pki_issue_chain(struct pki *p, const struct dir *d, const char *name, const char *san,
                                   const char *usage, int n) {
    char base[60];
    char file[400];
    struct pki last = {.ca_key = p->ca_key, .ca = p->ca, .digest = p->digest, .serial = p->serial + 100};
    X509 *between[8];
    EVP_PKEY *keys[8];
    assert_true(n <= 8);
    for (int i = 0; i < n; i++) {
        keys[i] = EVP_EC_gen("P-256");
        (void)snprintf(base, sizeof base, "between %d", i);
        between[i] = pki_sign_authority(&last, keys[i], base);
        last.ca = between[i];
        last.ca_key = keys[i];
    }
    pki_issue(&last, d, name, san, usage);
    (void)snprintf(base, sizeof base, "%s.pem", name);
    dir_file(d, base, file);
    FILE *out = fopen(file, "a");
    assert_non_null(out);
    for (int i = n - 1; i >= 0; i--) {
        assert_int_equal(PEM_write_X509(out, between[i]), 1);
        X509_free(between[i]);
        EVP_PKEY_free(keys[i]);
    }
    (void)fclose(out);
}

#endif
