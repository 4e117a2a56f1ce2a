#include "server/link/issue.h"

#include "protocol/limits.h"
#include "server/base/check.h"
#include "server/base/tm.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKDATED_US (5 * TM_MINUTE_US)
#define LIFE_US      (ISSUE_DAYS * TM_DAY_US)
#define LEAST_US     TM_DAY_US /* what the authority must still have */

enum { REQUEST_MAX = 4096, COMMON_NAME_MAX = 64 };

struct issuer {
    X509 *ca;
    EVP_PKEY *key;
    uint8_t fingerprint[IDENTITY_HASH_SIZE];
    int64_t ends_us;
};

/* --- the authority --- */

static enum status ssl_error(struct error *err, enum status code, const char *where, const char *what) {
    unsigned long e = ERR_peek_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    ERR_clear_error();
    return error_set(err, code, where, "%s: %s", what, reason == NULL ? "no reason given" : reason);
}

static int64_t time_us(const ASN1_TIME *t) {
    struct tm tm = {0};
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * TM_SECOND_US : 0;
}

static enum status check_private(FILE *file, const char *name, struct error *err) {
    struct stat st;
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
        return error_set(err, ERR_INVALID, name, "the authority's key must be a file");
    }
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return error_set(err, ERR_DENIED, name,
                         "the authority's key must belong to the server's user, with mode 0600: it can make "
                         "any gateway (it has mode %04o, owner %u)",
                         (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid);
    }
    return OK;
}

static enum status read_key(struct issuer *i, const char *name, struct error *err) {
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        return error_set(err, ERR_IO, name, "the authority's key cannot be read: %s", strerrordesc_np(errno));
    }
    enum status status = check_private(file, name, err);
    if (status == OK) {
        i->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        status = i->key == NULL ? ssl_error(err, ERR_INVALID, name, "the authority's key (PEM) is unreadable")
                                : OK;
    }
    (void)fclose(file);
    return status;
}

/* Its key, signed by itself, and an authority: X509_check_ca says 1 for a proper one of version 3. */
static bool is_ours(const struct issuer *i, X509 *x) {
    bool same = X509_check_private_key(x, i->key) == 1;
    bool root = same && X509_check_ca(x) == 1 && X509_self_signed(x, 1) == 1;
    ERR_clear_error();
    return root;
}

static enum status find_certificate(struct issuer *i, const char *name, struct error *err) {
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        return error_set(err, ERR_IO, name, "cannot be read: %s", strerrordesc_np(errno));
    }
    X509 *x = NULL;
    while (i->ca == NULL && (x = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
        if (is_ours(i, x)) {
            i->ca = x;
        } else {
            X509_free(x);
        }
    }
    (void)fclose(file);
    ERR_clear_error();
    if (i->ca == NULL) {
        return error_set(err, ERR_INVALID, name,
                         "has no authority that is signed by itself with the key link.ca_key");
    }
    return OK;
}

enum status issuer_new(const char *ca_file, const char *key_file, struct issuer **ret, struct error *err) {
    ERR_clear_error();
    struct issuer *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return error_set(err, ERR_NOMEM, "link", "out of memory");
    }
    enum status status = read_key(i, key_file, err);
    status = status == OK ? find_certificate(i, ca_file, err) : status;
    unsigned int n = 0;
    if (status == OK && X509_digest(i->ca, EVP_sha256(), i->fingerprint, &n) != 1) {
        status = ssl_error(err, ERR_INTERNAL, ca_file, "no fingerprint");
    }
    if (status != OK) {
        issuer_free(&i);
        return status;
    }
    i->ends_us = time_us(X509_get0_notAfter(i->ca));
    *ret = i;
    return OK;
}

void issuer_free(struct issuer **i) {
    if (*i != NULL) {
        X509_free((*i)->ca);
        EVP_PKEY_free((*i)->key);
        free(*i);
        *i = NULL;
    }
}

const uint8_t *issuer_fingerprint(const struct issuer *i) {
    return i->fingerprint;
}

X509 *issuer_certificate(const struct issuer *i) {
    return i->ca;
}

/* --- the request --- */

/* NULL if it is P-256 as it must be written, else what is wrong. */
static const char *key_fault(EVP_PKEY *key) {
    char group[64] = "";
    int written_out = 0;
    if (key == NULL) {
        return "it has no key that can be read";
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        return "its key must be of the curve P-256";
    }
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &written_out) != 1 ||
        written_out != 0) {
        return "its key must name the curve P-256, not write out its parameters";
    }
    return NULL;
}

static const char *request_fault(X509_REQ *request) {
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    const char *fault = key_fault(key);
    if (fault != NULL) {
        return fault;
    }
    int signature = X509_REQ_get_signature_nid(request);
    if (signature != NID_ecdsa_with_SHA256 && signature != NID_ecdsa_with_SHA384 &&
        signature != NID_ecdsa_with_SHA512) {
        return "it must be signed by ECDSA with SHA-256, SHA-384 or SHA-512";
    }
    return X509_REQ_verify(request, key) == 1
               ? NULL
               : "its signature is not of its own key: who sends it must have the key";
}

static enum status read_request(struct slice der, X509_REQ **ret, struct error *err) {
    if (der.n == 0 || der.n > REQUEST_MAX) {
        return error_set(err, ERR_INVALID, "request", "a PKCS#10 request has 1 to %d bytes, this one %zu",
                         REQUEST_MAX, der.n);
    }
    const unsigned char *p = (const unsigned char *)der.p;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)der.n);
    bool whole = request != NULL && p == (const unsigned char *)der.p + der.n;
    const char *fault = whole ? request_fault(request) : "it is not one PKCS#10 request (DER) and no more";
    ERR_clear_error();
    if (fault != NULL) {
        X509_REQ_free(request);
        return error_set(err, ERR_INVALID, "request", "the certification request is refused: %s", fault);
    }
    *ret = request;
    return OK;
}

/* --- the certificate --- */

static bool set_time(ASN1_TIME *to, int64_t t_us) {
    return ASN1_TIME_set(to, (time_t)(t_us / TM_SECOND_US)) != NULL;
}

static bool set_serial(X509 *x, uint8_t serial[IDENTITY_SERIAL_SIZE]) {
    if (RAND_bytes(serial, IDENTITY_SERIAL_SIZE) != 1) {
        return false;
    }
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and always of 16 bytes */
    BIGNUM *number = BN_bin2bn(serial, IDENTITY_SERIAL_SIZE, NULL);
    bool done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return done;
}

static bool add_extension(X509 *x, X509 *ca, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool done = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* The name has none of the characters that OpenSSL's little language knows. */
static bool add_extensions(X509 *x, X509 *ca, const char *gateway) {
    char san[sizeof "URI:" LINK_URI_PREFIX + LINK_NAME_MAX];
    (void)snprintf(san, sizeof san, "URI:" LINK_URI_PREFIX "%s", gateway);
    return add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, ca, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, ca, NID_ext_key_usage, "clientAuth") &&
           add_extension(x, ca, NID_subject_key_identifier, "hash") &&
           add_extension(x, ca, NID_authority_key_identifier, "keyid:always") &&
           add_extension(x, ca, NID_subject_alt_name, san);
}

/* Only for people who look at the certificate; longer names are cut. */
static bool set_subject(X509 *x, const char *gateway) {
    int n = (int)strnlen(gateway, COMMON_NAME_MAX);
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                      (const unsigned char *)gateway, n, -1, 0) == 1;
}

static bool make(const struct issuer *i, EVP_PKEY *key, const char *gateway, X509 *x,
                 struct identity_certificate *c) {
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, c->serial) &&
           X509_set_issuer_name(x, X509_get_subject_name(i->ca)) == 1 && set_subject(x, gateway) &&
           set_time(X509_getm_notBefore(x), c->not_before_us) &&
           set_time(X509_getm_notAfter(x), c->not_after_us) && X509_set_pubkey(x, key) == 1 &&
           add_extensions(x, i->ca, gateway) && X509_sign(x, i->key, EVP_sha256()) > 0;
}

static bool write_down(X509 *x, struct issued *to) {
    struct identity_certificate *c = &to->certificate;
    unsigned int n = 0;
    unsigned char *spki = NULL;
    int spki_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    bool done = spki_n > 0 && spki_n <= IDENTITY_KEY_MAX;
    if (done) {
        memcpy(c->key, spki, (size_t)spki_n);
        c->key_n = (uint32_t)spki_n;
    }
    OPENSSL_free(spki);
    BIO *out = BIO_new(BIO_s_mem());
    done = done && out != NULL && PEM_write_bio_X509(out, x) == 1 &&
           X509_digest(x, EVP_sha256(), c->fingerprint, &n) == 1;
    if (done) {
        int length = BIO_read(out, to->pem, ISSUE_PEM_SIZE - 1);
        done = length > 0 && BIO_ctrl_pending(out) == 0;
        to->pem_n = done ? (size_t)length : 0;
        to->pem[to->pem_n] = '\0';
    }
    (void)BIO_free(out);
    return done;
}

enum status issue(const struct issuer *i, struct slice request, const char *gateway, int64_t now_us,
                  struct issued *ret, struct error *err) {
    X509_REQ *read = NULL;
    ERR_clear_error();
    enum status status = read_request(request, &read, err);
    if (status != OK) {
        return status;
    }
    struct issued made = {.pem_n = 0};
    int64_t ends_us = now_us - BACKDATED_US + LIFE_US;
    made.certificate.not_before_us = (now_us - BACKDATED_US) / TM_SECOND_US * TM_SECOND_US;
    made.certificate.not_after_us =
        (ends_us < i->ends_us ? ends_us : i->ends_us) / TM_SECOND_US * TM_SECOND_US;
    X509 *x = NULL;
    if (i->ends_us - now_us < LEAST_US) {
        status = error_set(err, ERR_UNAVAILABLE, "authority",
                           "the server's authority ends within a day: it must be renewed first");
    } else if ((x = X509_new()) == NULL ||
               !make(i, X509_REQ_get0_pubkey(read), gateway, x, &made.certificate) || !write_down(x, &made)) {
        status = ssl_error(err, ERR_INTERNAL, "certificate", "it could not be made");
    }
    X509_free(x);
    X509_REQ_free(read);
    if (status == OK) {
        *ret = made;
    }
    return status;
}
