#include "server/link/crl.h"

#include "server/base/tm.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define WARN_US (3 * TM_DAY_US)

struct crl {
    STACK_OF(X509_CRL) * lists;
    int64_t ends_us;
    int64_t warn_us;
};

/* False if it is no time. */
static bool time_us(const ASN1_TIME *t, int64_t *ret) {
    struct tm tm = {0};
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
        return false;
    }
    *ret = (int64_t)timegm(&tm) * TM_SECOND_US;
    return true;
}

/* An authority that is not in the store signed it, perhaps one between: that is seen when a certificate of it
 * is shown. */
static bool is_forged(X509_CRL *list, X509_STORE *store) {
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    bool known = false;
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (authority != NULL &&
            X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(list)) == 0) {
            known = true;
            if (X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1) {
                return false;
            }
        }
    }
    return known;
}

/* Takes list. Returns what is wrong with it, or NULL. */
static const char *add(struct crl *c, X509_CRL *list, X509_STORE *store) {
    int64_t from_us = 0;
    int64_t ends_us = 0;
    const char *fault = NULL;
    if (!time_us(X509_CRL_get0_lastUpdate(list), &from_us) ||
        !time_us(X509_CRL_get0_nextUpdate(list), &ends_us)) {
        fault = "a list of revoked certificates must say until when it is good (nextUpdate)";
    } else if (is_forged(list, store)) {
        fault = "the list of revoked certificates is not signed by the authority that it names";
    } else if (X509_STORE_add_crl(store, list) != 1 || sk_X509_CRL_push(c->lists, list) <= 0) {
        fault = "out of memory";
    }
    if (fault != NULL) {
        X509_CRL_free(list);
        return fault;
    }
    int64_t quarter_us = (ends_us - from_us) / 4;
    int64_t warn_us = ends_us - (quarter_us < WARN_US ? quarter_us : WARN_US);
    c->ends_us = ends_us < c->ends_us ? ends_us : c->ends_us;
    c->warn_us = warn_us < c->warn_us ? warn_us : c->warn_us;
    return NULL;
}

static const char *read_all(struct crl *c, BIO *in, X509_STORE *store) {
    const char *fault = NULL;
    X509_CRL *list = NULL;
    while (fault == NULL && (list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
        fault = add(c, list, store);
    }
    /* "No start line" is the end of the file; anything else is a list that is broken. */
    unsigned long code = ERR_peek_last_error();
    if (fault == NULL && (sk_X509_CRL_num(c->lists) == 0 || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)) {
        fault = "cannot read the list of revoked certificates (PEM, X509 CRL)";
    }
    return fault;
}

enum status crl_read(const char *file, X509_STORE *store, struct crl **ret, struct error *err) {
    ERR_clear_error();
    struct crl *c = calloc(1, sizeof *c);
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    if (c == NULL || lists == NULL) {
        free(c);
        sk_X509_CRL_free(lists);
        return error_set(err, ERR_NOMEM, file, "out of memory");
    }
    *c = (struct crl){.lists = lists, .ends_us = INT64_MAX, .warn_us = INT64_MAX};
    BIO *in = BIO_new_file(file, "r");
    const char *fault = in == NULL ? "cannot open the list of revoked certificates" : read_all(c, in, store);
    BIO_free(in);
    ERR_clear_error();
    if (fault != NULL) {
        crl_free(&c);
        return error_set(err, ERR_INVALID, file, "%s", fault);
    }
    *ret = c;
    return OK;
}

void crl_free(struct crl **c) {
    if (*c != NULL) {
        sk_X509_CRL_pop_free((*c)->lists, X509_CRL_free);
        free(*c);
        *c = NULL;
    }
}

bool crl_has(const struct crl *c, X509 *certificate) {
    for (int i = 0; i < sk_X509_CRL_num(c->lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(c->lists, i);
        X509_REVOKED *entry = NULL;
        if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(certificate)) == 0 &&
            X509_CRL_get0_by_cert(list, &entry, certificate) == 1) {
            return true; /* 2 would be: taken off it again */
        }
    }
    return false;
}

int64_t crl_ends_us(const struct crl *c) {
    return c->ends_us;
}

int64_t crl_warn_us(const struct crl *c) {
    return c->warn_us;
}
