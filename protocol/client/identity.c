#include "protocol/client/identity.h"

#include "protocol/client/file.h"
#include "protocol/limits.h"
#include "server/base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMON_NAME_MAX = 64, NEW_SIZE = IDENTITY_PATH_SIZE + 8, TRY_SIZE = 16384 };

struct identity {
    char name[LINK_NAME_MAX + 1];
    char ca[IDENTITY_PATH_SIZE];
    char cert[IDENTITY_PATH_SIZE];
    char key[IDENTITY_PATH_SIZE];
    char new_cert[NEW_SIZE];
    char new_key[NEW_SIZE];
    bool has_new;
    EVP_PKEY *asked; /* the key of the request that is under way */
};

static enum status ssl_error(struct error *err, enum status code, const char *where, const char *what) {
    unsigned long e = ERR_peek_last_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    ERR_clear_error();
    return error_set(err, code, where, "%s: %s", what, reason == NULL ? "no reason given" : reason);
}

/* --- files --- */

static EVP_PKEY *read_key(const char *name) {
    FILE *file = fopen(name, "re");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    ERR_clear_error();
    return key;
}

static X509 *read_cert(const char *name) {
    FILE *file = fopen(name, "re");
    X509 *cert = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    ERR_clear_error();
    return cert;
}

static bool fit(const char *cert_file, const char *key_file) {
    X509 *cert = read_cert(cert_file);
    EVP_PKEY *key = read_key(key_file);
    bool good = cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1;
    ERR_clear_error();
    X509_free(cert);
    EVP_PKEY_free(key);
    return good;
}

static enum status sync_directory(const char *file, struct error *err) {
    char dir[NEW_SIZE];
    (void)snprintf(dir, sizeof dir, "%s", file);
    char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        (void)snprintf(dir, sizeof dir, ".");
    } else {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, dir, "open the directory");
    }
    enum status status = file_sync(fd, dir, err);
    (void)close(fd);
    return status;
}

/* Whole or not at all, and durable. */
static enum status write_file(const char *name, struct slice bytes, mode_t mode, struct error *err) {
    char part[NEW_SIZE + 8];
    (void)snprintf(part, sizeof part, "%s.part", name);
    if (unlink(part) != 0 && errno != ENOENT) {
        return file_error(err, part, "remove");
    }
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return file_error(err, part, "write");
    }
    enum status status = file_write_at(fd, part, bytes.p, bytes.n, 0, err);
    status = status == OK ? file_sync(fd, part, err) : status;
    (void)close(fd);
    if (status == OK && rename(part, name) != 0) {
        status = file_error(err, name, "put in place");
    }
    return status == OK ? sync_directory(name, err) : status;
}

/* That a file of some size can be made beside this one. */
static enum status try_to_write(const char *name, struct error *err) {
    static const char zeros[TRY_SIZE];
    char part[NEW_SIZE + 8];
    (void)snprintf(part, sizeof part, "%s.part", name);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return file_error(err, part, "write");
    }
    enum status status = file_write_at(fd, part, zeros, sizeof zeros, 0, err);
    status = status == OK ? file_sync(fd, part, err) : status;
    (void)close(fd);
    (void)unlink(part);
    return status;
}

/* --- life --- */

/* The key is moved first: a certificate that is still beside it tells that its key has gone ahead. */
static enum status finish(struct identity *i, struct error *err) {
    if (rename(i->new_cert, i->cert) != 0) {
        return file_error(err, i->cert, "put in place");
    }
    i->has_new = false;
    return sync_directory(i->cert, err);
}

static enum status look(struct identity *i, struct error *err) {
    i->has_new = fit(i->new_cert, i->new_key);
    if (i->has_new) {
        return OK;
    }
    if (access(i->new_key, F_OK) != 0 && fit(i->new_cert, i->key)) {
        return finish(i, err);
    }
    /* What does not fit was never shown to anybody: the certificate is written after its key. */
    (void)unlink(i->new_cert);
    (void)unlink(i->new_key);
    return OK;
}

enum status identity_new(const struct identity_config *cfg, struct identity **ret, struct error *err) {
    if (strlen(cfg->name) > LINK_NAME_MAX || strlen(cfg->ca_file) >= IDENTITY_PATH_SIZE ||
        strlen(cfg->cert_file) >= IDENTITY_PATH_SIZE || strlen(cfg->key_file) >= IDENTITY_PATH_SIZE) {
        return error_set(err, ERR_TOO_BIG, "identity", "names of files may have %d bytes",
                         IDENTITY_PATH_SIZE - 1);
    }
    struct identity *i = calloc(1, sizeof *i);
    if (i == NULL) {
        return error_set(err, ERR_NOMEM, "identity", "no memory");
    }
    (void)snprintf(i->name, sizeof i->name, "%s", cfg->name);
    (void)snprintf(i->ca, sizeof i->ca, "%s", cfg->ca_file);
    (void)snprintf(i->cert, sizeof i->cert, "%s", cfg->cert_file);
    (void)snprintf(i->key, sizeof i->key, "%s", cfg->key_file);
    (void)snprintf(i->new_cert, sizeof i->new_cert, "%s.new", cfg->cert_file);
    (void)snprintf(i->new_key, sizeof i->new_key, "%s.new", cfg->key_file);
    enum status status = look(i, err);
    if (status != OK) {
        identity_free(&i);
        return status;
    }
    *ret = i;
    return OK;
}

void identity_free(struct identity **i) {
    if (*i != NULL) {
        EVP_PKEY_free((*i)->asked);
        free(*i);
        *i = NULL;
    }
}

const char *identity_cert_file(const struct identity *i, bool prefer_new) {
    return prefer_new && i->has_new ? i->new_cert : i->cert;
}

const char *identity_key_file(const struct identity *i, bool prefer_new) {
    return prefer_new && i->has_new ? i->new_key : i->key;
}

const char *identity_ca_file(const struct identity *i) {
    return i->ca;
}

bool identity_has_new(const struct identity *i) {
    return i->has_new;
}

int64_t identity_ends_us(const struct identity *i) {
    struct tm tm = {0};
    X509 *cert = read_cert(i->cert);
    bool good = cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1;
    X509_free(cert);
    return good ? (int64_t)timegm(&tm) * 1000000 : 0;
}

/* --- asking --- */

static bool make_request(struct identity *i, X509_REQ *request) {
    int n = (int)strnlen(i->name, COMMON_NAME_MAX);
    return i->asked != NULL && request != NULL && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
           X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                      (const unsigned char *)i->name, n, -1, 0) == 1 &&
           X509_REQ_set_pubkey(request, i->asked) == 1 && X509_REQ_sign(request, i->asked, EVP_sha256()) > 0;
}

enum status identity_request(struct identity *i, struct buf *request, struct error *err) {
    const char *const files[] = {i->new_key, i->new_cert};
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        enum status writable = try_to_write(files[k], err);
        if (writable != OK) {
            return writable;
        }
    }
    ERR_clear_error();
    EVP_PKEY_free(i->asked);
    i->asked = EVP_EC_gen("P-256");
    X509_REQ *made = X509_REQ_new();
    unsigned char *der = NULL;
    int n = make_request(i, made) ? i2d_X509_REQ(made, &der) : -1;
    enum status status = OK;
    if (n <= 0 || n > IDENTITY_REQUEST_SIZE) {
        status = ssl_error(err, ERR_INTERNAL, "key", "no key or request could be made");
    } else {
        buf_append(request, der, (size_t)n);
        status = buf_status(request, err);
    }
    OPENSSL_free(der);
    X509_REQ_free(made);
    return status;
}

/* --- taking --- */

static bool names(const char *gateway, X509 *cert) {
    char wanted[sizeof LINK_URI_PREFIX + LINK_NAME_MAX];
    (void)snprintf(wanted, sizeof wanted, LINK_URI_PREFIX "%s", gateway);
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int n = 0; n < sk_GENERAL_NAME_num(all); n++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, n);
        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
            found = slice_is(slice_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)), wanted);
        }
    }
    GENERAL_NAMES_free(all);
    return found;
}

/* The server may have several authorities; one of the file must have signed it. */
static bool is_signed(const struct identity *i, X509 *cert) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = store != NULL && ctx != NULL && X509_STORE_load_locations(store, i->ca, NULL) == 1 &&
                X509_STORE_CTX_init(ctx, store, cert, NULL) == 1;
    if (good) {
        /* This machine's clock may be wrong; the server's is what counts. */
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
        good = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return good;
}

static const char *fault_of(const struct identity *i, X509 *cert) {
    if (cert == NULL) {
        return "it cannot be read";
    }
    if (X509_check_private_key(cert, i->asked) != 1) {
        ERR_clear_error();
        return "it is not of the key that was made here";
    }
    if (!names(i->name, cert)) {
        return "it names another gateway";
    }
    return is_signed(i, cert) ? NULL : "it is not signed by the authority";
}

static enum status write_pair(struct identity *i, struct slice chain, struct error *err) {
    BIO *out = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    enum status status = OK;
    if (out == NULL || PEM_write_bio_PrivateKey(out, i->asked, NULL, NULL, 0, NULL, NULL) != 1) {
        status = ssl_error(err, ERR_INTERNAL, "key", "it cannot be written down");
    } else {
        long n = BIO_get_mem_data(out, &pem);
        status = write_file(i->new_key, slice_of(pem, (size_t)n), 0600, err);
    }
    (void)BIO_free(out);
    return status == OK ? write_file(i->new_cert, chain, 0644, err) : status;
}

enum status identity_take(struct identity *i, struct slice chain, struct error *err) {
    ERR_clear_error();
    if (i->asked == NULL || chain.n > INT_MAX) {
        return error_set(err, ERR_WRONG_STATE, "certificate", "none was asked for");
    }
    BIO *in = BIO_new_mem_buf(chain.p, (int)chain.n);
    X509 *cert = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
    (void)BIO_free(in);
    const char *fault = fault_of(i, cert);
    X509_free(cert);
    ERR_clear_error();
    enum status status = fault == NULL ? write_pair(i, chain, err)
                                       : error_set(err, ERR_DENIED, "certificate",
                                                   "the certificate from the server: %s", fault);
    EVP_PKEY_free(i->asked);
    i->asked = NULL;
    i->has_new = status == OK;
    return status;
}

enum status identity_settle(struct identity *i, struct error *err) {
    if (!i->has_new) {
        return OK;
    }
    if (rename(i->new_key, i->key) != 0) {
        return file_error(err, i->key, "put in place");
    }
    enum status status = sync_directory(i->key, err);
    return status == OK ? finish(i, err) : status;
}

enum status identity_set_ca(struct identity *i, struct slice pem, struct error *err) {
    return write_file(i->ca, pem, 0644, err);
}

/* --- what is wrong with the files --- */

static const char *cannot_open(const char *file) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? "there is no such file; penstock-gateway enrol makes it"
                               : strerrordesc_np(errno);
    }
    (void)close(fd);
    return NULL;
}

static const char *cert_fault(const struct identity_config *cfg, const char *file, bool ours) {
    const char *fault = cannot_open(file);
    if (fault != NULL) {
        return fault;
    }
    X509 *cert = read_cert(file);
    fault = cert == NULL ? "no certificate (PEM) is in it"
            : ours && !names(cfg->name, cert)
                ? "it is not the certificate of this gateway: its URI among the "
                  "alternative names must be urn:penstock:gateway:NAME"
                : NULL;
    X509_free(cert);
    ERR_clear_error();
    return fault;
}

static const char *key_fault(const struct identity_config *cfg) {
    const char *fault = cannot_open(cfg->key_file);
    if (fault != NULL) {
        return fault;
    }
    EVP_PKEY *key = read_key(cfg->key_file);
    X509 *cert = read_cert(cfg->cert_file);
    fault = key == NULL ? "no key (PEM, without a password) is in it"
            : cert != NULL && X509_check_private_key(cert, key) != 1
                ? "it is not the key of the certificate: the two are made together"
                : NULL;
    EVP_PKEY_free(key);
    X509_free(cert);
    ERR_clear_error();
    return fault;
}

const char *identity_file_fault(const struct identity_config *cfg, enum identity_file which) {
    char waiting[NEW_SIZE];
    (void)snprintf(waiting, sizeof waiting, "%.*s.new", IDENTITY_PATH_SIZE, cfg->cert_file);
    if (which != IDENTITY_CA && access(waiting, F_OK) == 0) {
        return NULL;
    }
    switch (which) {
    case IDENTITY_CA:
        return cert_fault(cfg, cfg->ca_file, false);
    case IDENTITY_CERT:
        return cert_fault(cfg, cfg->cert_file, true);
    case IDENTITY_KEY:
        return key_fault(cfg);
    }
    return NULL;
}
