/* Certificates for tests, made on the fly with OpenSSL in a temporary directory: good ones, and each way of
 * being wrong. */
#ifndef PENSTOCK_TESTS_LINK_CERTS_H
#define PENSTOCK_TESTS_LINK_CERTS_H

#include "server/base/check.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { CERTS_PATH_SIZE = 160 };
#define CERTS_DAY_S (24 * 3600L)

struct certs {
    char dir[64];
    long serial;
};

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

struct cert_spec {
    const char *name;
    const char *san; /* as in openssl.cnf; NULL: none */
    const char *use; /* extended key usage; NULL: none */
    bool authority;
    bool loose;  /* without the key identifiers that RFC 5280 asks for */
    long from_s; /* from now; 0: an hour ago */
    long to_s;   /* 0: in a day */
};

static inline void certs_init(struct certs *c) {
    *c = (struct certs){.serial = 1000};
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/penstock-certs-XXXXXX");
    CHECK(mkdtemp(c->dir) != NULL);
}

static inline int certs_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void certs_done(struct certs *c) {
    CHECK(nftw(c->dir, certs_remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline void cert_done(struct cert *c) {
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    *c = (struct cert){0};
}

static inline void cert_extension(X509 *x509, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(extension != NULL);
    CHECK(X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signed by itself. */
static inline struct cert cert_make(struct certs *c, const struct cert *issuer,
                                    const struct cert_spec *spec) {
    struct cert made = {.x509 = X509_new(), .key = EVP_EC_gen("P-256")};
    CHECK(made.x509 != NULL && made.key != NULL);
    X509 *x = made.x509;
    CHECK(X509_set_version(x, X509_VERSION_3) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), c->serial++) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x), spec->from_s == 0 ? -3600 : spec->from_s) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(x), spec->to_s == 0 ? CERTS_DAY_S : spec->to_s) != NULL);
    CHECK(X509_set_pubkey(x, made.key) == 1);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                     (const unsigned char *)spec->name, -1, -1, 0) == 1);
    X509 *parent = issuer == NULL ? x : issuer->x509;
    CHECK(X509_set_issuer_name(x, X509_get_subject_name(parent)) == 1);
    cert_extension(x, parent, NID_basic_constraints,
                   spec->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    cert_extension(x, parent, NID_key_usage,
                   spec->authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!spec->loose) {
        cert_extension(x, parent, NID_subject_key_identifier, "hash");
        cert_extension(x, parent, NID_authority_key_identifier, "keyid:always");
    }
    if (spec->use != NULL) {
        cert_extension(x, parent, NID_ext_key_usage, spec->use);
    }
    if (spec->san != NULL) {
        cert_extension(x, parent, NID_subject_alt_name, spec->san);
    }
    CHECK(X509_sign(x, issuer == NULL ? made.key : issuer->key, EVP_sha256()) > 0);
    return made;
}

static inline const char *certs_path(const struct certs *c, const char *name, char ret[CERTS_PATH_SIZE]) {
    (void)snprintf(ret, CERTS_PATH_SIZE, "%s/%s", c->dir, name);
    return ret;
}

static inline FILE *certs_open(const struct certs *c, const char *name) {
    char path[CERTS_PATH_SIZE];
    FILE *file = fopen(certs_path(c, name, path), "w");
    CHECK(file != NULL);
    return file;
}

/* NAME.pem with the n certificates (the first is the end's own) and NAME.key with the first one's key. */
static inline void certs_write(const struct certs *c, const char *name, const struct cert *chain, size_t n) {
    char file_name[64];
    (void)snprintf(file_name, sizeof file_name, "%s.pem", name);
    FILE *file = certs_open(c, file_name);
    for (size_t i = 0; i < n; i++) {
        CHECK(PEM_write_X509(file, chain[i].x509) == 1);
    }
    CHECK(fclose(file) == 0);
    (void)snprintf(file_name, sizeof file_name, "%s.key", name);
    file = certs_open(c, file_name);
    CHECK(PEM_write_PrivateKey(file, chain[0].key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(fclose(file) == 0);
}

/* One of the usual kind, written. */
static inline void certs_issue(struct certs *c, const struct cert *ca, const char *file,
                               const struct cert_spec *spec) {
    struct cert made = cert_make(c, ca, spec);
    certs_write(c, file, &made, 1);
    cert_done(&made);
}

/* A list that revokes this certificate (NULL: none). to_s: when it is outdated. */
static inline void certs_write_crl(const struct certs *c, const char *name, const struct cert *ca,
                                   const X509 *revoked, long to_s) {
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_new();
    CHECK(crl != NULL && t != NULL);
    CHECK(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509)) == 1);
    CHECK(X509_gmtime_adj(t, -7200) != NULL && X509_CRL_set1_lastUpdate(crl, t) == 1);
    CHECK(X509_gmtime_adj(t, to_s) != NULL && X509_CRL_set1_nextUpdate(crl, t) == 1);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        CHECK(entry != NULL && X509_REVOKED_set_serialNumber(
                                   entry, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(revoked)) == 1);
        CHECK(X509_gmtime_adj(t, -3600) != NULL && X509_REVOKED_set_revocationDate(entry, t) == 1);
        CHECK(X509_CRL_add0_revoked(crl, entry) == 1);
    }
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, ca->x509, NULL, NULL, crl, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    CHECK(extension != NULL && X509_CRL_add_ext(crl, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_crl_number, "1");
    if (extension == NULL) {
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        CHECK(number != NULL && ASN1_INTEGER_set(number, 1) == 1);
        CHECK(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
        ASN1_INTEGER_free(number);
    } else {
        CHECK(X509_CRL_add_ext(crl, extension, -1) == 1);
        X509_EXTENSION_free(extension);
    }
    CHECK(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    FILE *file = certs_open(c, name);
    CHECK(PEM_write_X509_CRL(file, crl) == 1);
    CHECK(fclose(file) == 0);
    ASN1_TIME_free(t);
    X509_CRL_free(crl);
}

#endif
