#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* --- the server's own --- */

/* Which of a file's certificates counts. */
enum which {
    FIRST_TO_END, /* of a chain: when one of it has ended, it is good for nothing */
    LAST_TO_END,  /* of authorities: an old one may stand beside its successor */
};

/* 0: none can be read. */
static int64_t ends_us(const char *file, enum which which) {
    int64_t found_us = 0;
    X509 *x = NULL;
    BIO *in = BIO_new_file(file, "r");
    while (in != NULL && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        struct tm tm = {0};
        int64_t us =
            ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1 ? (int64_t)timegm(&tm) * TM_SECOND_US : 0;
        bool counts = found_us == 0 || (which == FIRST_TO_END ? us < found_us : us > found_us);
        found_us = counts ? us : found_us;
        X509_free(x);
    }
    BIO_free(in);
    ERR_clear_error();
    if (found_us == 0) {
        log_event(LOG_WARN, "certificate.unreadable", "file=%s text=\"no certificate can be read from it\"",
                  LOG_Q(slice_str(file)));
    }
    return found_us;
}

void certificates_read(struct app *a) {
    a->server_ends_us[SERVER_CERTIFICATE_LINK] = ends_us(a->opts.link.cert, FIRST_TO_END);
    a->server_ends_us[SERVER_CERTIFICATE_WEB] = ends_us(a->opts.web.cert, FIRST_TO_END);
    a->server_ends_us[SERVER_CERTIFICATE_AUTHORITY] = ends_us(a->opts.link.ca, LAST_TO_END);
}

/* --- the gateways' --- */

static int compare_keys(const void *a, const void *b) {
    int64_t x = ((const struct store_certificate *)a)->gateway_key;
    int64_t y = ((const struct store_certificate *)b)->gateway_key;
    return (x > y) - (x < y);
}

static void tell(struct app *a, uint32_t alarm, int64_t end_us) {
    if (alarm != MODEL_NONE) {
        app_apply(
            a, &(struct event){.kind = EVENT_CERTIFICATE, .certificate = {.alarm = alarm, .end_us = end_us}});
    }
}

/* What the gateway shows, or showed last, is what it uses; of one that was not here since the start the
 * database tells, and of one that nobody knows anything of there is nothing to tell. */
void certificates_tell(struct app *a, uint32_t gateway) {
    const struct model_gateway *g = &a->model->gateways[gateway];
    const struct link_status *s = link_borrow_status(a->link, gateway);
    const struct store_certificate wanted = {.gateway_key = g->key};
    const struct store_certificate *known =
        a->n_issued == 0 ? NULL : bsearch(&wanted, a->issued, a->n_issued, sizeof *a->issued, compare_keys);
    bool shown = s != NULL && s->certificate_ends_us != 0;
    if (shown && !link_revoked(a->link, s->certificate)) {
        tell(a, g->certificate_alarm, s->certificate_ends_us);
    } else if (known != NULL) {
        tell(a, g->certificate_alarm, known->ends_us);
    } else if (shown) {
        tell(a, g->certificate_alarm, 0);
    }
}

void certificates_tell_all(struct app *a) {
    for (unsigned i = 0; i < SERVER_CERTIFICATES; i++) {
        tell(a, a->model->server_alarms[i], a->server_ends_us[i]);
    }
    for (uint32_t i = 0; i < a->model->n_gateways; i++) {
        certificates_tell(a, i);
    }
}

void certificates_issued(struct app *a, const struct store_certificate *v, size_t n) {
    struct store_certificate *copy = calloc(n + 1, sizeof *copy);
    if (copy == NULL) {
        log_event(LOG_ERROR, "certificates.not_kept", "text=\"out of memory\"");
        return;
    }
    if (n > 0) {
        memcpy(copy, v, n * sizeof *copy);
    }
    free(a->issued);
    a->issued = copy;
    a->n_issued = n;
    if (a->core != NULL) {
        certificates_tell_all(a);
    }
}
