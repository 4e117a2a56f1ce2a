#include "protocol/client/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 256 };

struct renewal {
    struct identity *identity;
    struct tls_client *tls;
    char server_name[NAME_SIZE];
    bool with_new; /* tls has the new pair */
    bool asked;
    int64_t ends_us;
};

/* Makes tls of the pair; the one before stays when that fails. */
static enum status load(struct renewal *r, bool with_new, struct error *err) {
    const struct tls_client_config cfg = {.ca_file = identity_ca_file(r->identity),
                                          .cert_file = identity_cert_file(r->identity, with_new),
                                          .key_file = identity_key_file(r->identity, with_new),
                                          .server_name = r->server_name};
    struct tls_client *tls = NULL;
    enum status status = tls_client_new(&cfg, &tls, err);
    if (status == OK) {
        tls_client_free(&r->tls);
        r->tls = tls;
        r->with_new = with_new && identity_has_new(r->identity);
        r->ends_us = identity_ends_us(r->identity);
    }
    return status;
}

enum status renewal_new(const char *name, const struct tls_client_config *cfg, struct renewal **ret,
                        struct error *err) {
    struct renewal *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_set(err, ERR_NOMEM, "client", "no memory");
    }
    const struct identity_config files = {
        .name = name, .ca_file = cfg->ca_file, .cert_file = cfg->cert_file, .key_file = cfg->key_file};
    enum status status = strlen(cfg->server_name) < NAME_SIZE
                             ? identity_new(&files, &r->identity, err)
                             : error_set(err, ERR_INVALID, "server name", "at most %d bytes", NAME_SIZE - 1);
    if (status == OK) {
        (void)snprintf(r->server_name, sizeof r->server_name, "%s", cfg->server_name);
        status = load(r, true, err);
    }
    if (status != OK) {
        renewal_free(&r);
        return status;
    }
    *ret = r;
    return OK;
}

void renewal_free(struct renewal **r) {
    if (*r != NULL) {
        tls_client_free(&(*r)->tls);
        identity_free(&(*r)->identity);
        free(*r);
        *r = NULL;
    }
}

struct tls_client *renewal_tls(struct renewal *r) {
    (void)load(r, r->with_new, NULL); /* the gateway may have been enrolled again meanwhile */
    return r->tls;
}

bool renewal_up(struct renewal *r, struct error *err) {
    r->asked = false; /* a session of before may have taken the answer with it */
    if (!r->with_new) {
        return false;
    }
    if (identity_settle(r->identity, err) != OK) {
        return false;
    }
    r->with_new = false;
    r->ends_us = identity_ends_us(r->identity);
    return true;
}

void renewal_failed(struct renewal *r) {
    if (identity_has_new(r->identity)) {
        (void)load(r, !r->with_new, NULL);
    }
}

enum status renewal_request(struct renewal *r, struct buf *request, struct error *err) {
    if (r->asked || identity_has_new(r->identity)) {
        return error_set(err, ERR_WRONG_STATE, "certificate", "a new one is on its way already");
    }
    enum status status = identity_request(r->identity, request, err);
    r->asked = status == OK;
    return status;
}

enum status renewal_answer(struct renewal *r, const struct msg_cert_issued *m, struct error *err) {
    r->asked = false;
    if (m->status != CERT_ISSUED) {
        return error_set(err, ERR_DENIED, "certificate", "the server issues none: %.*s", SLICE_ARG(m->text));
    }
    enum status status = identity_take(r->identity, m->chain, err);
    return status == OK ? load(r, true, err) : status;
}

enum status renewal_reload(struct renewal *r, struct error *err) {
    return load(r, false, err);
}

struct identity_config renewal_files(const struct renewal *r, const char *name) {
    return (struct identity_config){.name = name,
                                    .ca_file = identity_ca_file(r->identity),
                                    .cert_file = identity_cert_file(r->identity, false),
                                    .key_file = identity_key_file(r->identity, false)};
}

const char *renewal_server_name(const struct renewal *r) {
    return r->server_name;
}

int64_t renewal_ends_us(const struct renewal *r) {
    return r->ends_us;
}
