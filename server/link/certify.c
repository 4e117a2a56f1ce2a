/* From a request for a certificate to its answer: made at once, kept until the host says that the database
 * has it, handed over then. */
#include "server/base/check.h"
#include "server/base/log.h"
#include "server/link/link_internal.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

static void refuse(struct conn *c, const char *why, struct link_now now) {
    const struct msg_cert_issued answer = {.status = CERT_REFUSED, .text = slice_str(why)};
    session_certified(c->session, &answer, now);
}

/* Tokens are guessed at in vain, 128 bits; this is for the work that guessing makes. Live sessions have their
 * own limit in the database. */
static bool may_try(struct link *l, enum identity_why why, struct link_now now) {
    return why == IDENTITY_RENEW ||
           bucket_take(&l->enrolments, now.mono_us, CERTIFY_INTERVAL_US, CERTIFY_BURST);
}

static enum status make(struct conn *c, enum identity_why why, const struct msg_enrol *ask,
                        struct identity_issue *ret, struct link_now now, struct error *err) {
    *ret = (struct identity_issue){.why = why};
    (void)snprintf(ret->gateway, sizeof ret->gateway, "%.*s", SLICE_ARG(ask->name));
    memcpy(ret->shown, session_certificate(c->session), sizeof ret->shown);
    if (why == IDENTITY_ENROL) {
        /* Compared by the database as a hash: the time that takes tells nothing about the secret. */
        CHECK(SHA256((const unsigned char *)ask->secret.p, ask->secret.n, ret->token_hash) != NULL);
    }
    enum status status = issue(c->link->issuer, ask->request, ret->gateway, now.wall_us, c->issued, err);
    ret->certificate = c->issued->certificate;
    return status;
}

void certify_ask(void *ctx, struct session *s, enum identity_why why, const struct msg_enrol *ask,
                 struct link_now now) {
    (void)ctx;
    struct conn *c = session_user(s);
    struct link *l = c->link;
    struct error err = {0};
    struct identity_issue wish;
    if (!may_try(l, why, now)) {
        refuse(c, "too many ask for a certificate now: try again in a minute", now);
        return;
    }
    free(c->issued);
    c->issued = calloc(1, sizeof *c->issued);
    if (c->issued == NULL) {
        refuse(c, "the server is out of memory", now);
        return;
    }
    if (make(c, why, ask, &wish, now, &err) != OK) {
        refuse(c, err.text, now);
        return;
    }
    c->certify_token = ++l->certify_tokens;
    l->host.certify(l->host.ctx, c->certify_token, &wish, c->peer);
}

static struct conn *waiting_for(const struct link *l, uint64_t token) {
    for (struct conn *c = l->conns; c != NULL; c = c->next) {
        if (c->certify_token == token && c->phase == CONN_OPEN) {
            return c;
        }
    }
    return NULL;
}

void link_certified(struct link *l, uint64_t token, enum status status, const char *text) {
    struct link_now now = link_now();
    struct conn *c = token == 0 ? NULL : waiting_for(l, token);
    if (c == NULL) {
        return; /* it has gone; what was issued is in the database, and in nobody's hands */
    }
    c->certify_token = 0;
    if (status != OK) {
        refuse(c, status == ERR_DENIED ? text : "the server cannot store it now: try again later", now);
        return;
    }
    const struct msg_cert_issued answer = {.status = CERT_ISSUED,
                                           .chain = slice_of(c->issued->pem, c->issued->pem_n)};
    log_event(LOG_INFO, "link.certificate_issued", "peer=%s gateway=%s", c->peer,
              LOG_Q(session_gateway_name(c->session)));
    session_certified(c->session, &answer, now);
}

const uint8_t *link_authority(const struct link *l) {
    return l->issuer == NULL ? NULL : issuer_fingerprint(l->issuer);
}

bool link_revoked(const struct link *l, const uint8_t fingerprint[IDENTITY_HASH_SIZE]) {
    return session_env_revoked(&l->env, fingerprint);
}

void link_set_revoked(struct link *l, const uint8_t *fingerprints, size_t n) {
    uint8_t *copy = malloc(n * IDENTITY_HASH_SIZE + 1);
    CHECK(copy != NULL); /* without it a revoked gateway would come in */
    if (n > 0) {
        memcpy(copy, fingerprints, n * IDENTITY_HASH_SIZE);
    }
    free(l->revoked);
    l->revoked = copy;
    l->env.revoked = copy;
    l->env.n_revoked = n;
    roster_end_revoked(l->roster, link_now());
}
