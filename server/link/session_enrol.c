/* Certificates: the first one (ENROL), the next one (CERT_REQUEST of a live session), and one in place of one
 * that has ended (CERT_REQUEST where enrolment is spoken). */
#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)

/* Of a CERT_ISSUED, all but its chain: status, text, the lengths. */
enum { CERT_ISSUED_REST_MAX = 1 + 2 + LINK_TEXT_MAX + 3 };
_Static_assert(CERT_ISSUED_REST_MAX + LINK_CERT_CHAIN_MAX <= LINK_BODY_MAX_ENROLLED,
               "who enrols gets any certificate");

void session_set_certificate(struct session *s, const uint8_t fingerprint[IDENTITY_HASH_SIZE],
                             int64_t not_after_us, const char *serial) {
    CHECK(s->state == SESSION_HANDSHAKE);
    memcpy(s->certificate, fingerprint, sizeof s->certificate);
    memcpy(s->status.certificate, fingerprint, sizeof s->status.certificate);
    s->status.certificate_ends_us = not_after_us;
    (void)snprintf(s->serial, sizeof s->serial, "%s", serial);
}

const char *session_serial(const struct session *s) {
    return s->serial;
}

const uint8_t *session_certificate(const struct session *s) {
    return s->certificate;
}

static int compare_fingerprints(const void *a, const void *b) {
    return memcmp(a, b, IDENTITY_HASH_SIZE);
}

bool session_env_revoked(const struct session_env *env, const uint8_t fingerprint[IDENTITY_HASH_SIZE]) {
    return env->n_revoked > 0 && bsearch(fingerprint, env->revoked, env->n_revoked, IDENTITY_HASH_SIZE,
                                         compare_fingerprints) != NULL;
}

void session_open_enrolment(struct session *s, const char *gateway, struct link_now now) {
    CHECK(s->state == SESSION_HANDSHAKE);
    (void)snprintf(s->name, sizeof s->name, "%s", gateway);
    s->state = SESSION_ENROLLING;
    s->max_rx_body = LINK_BODY_MAX_ENROLLED;
    s->deadline_mono_us = now.mono_us + s->env->limits.link.hello_ms * MS_US;
    s->seen_mono_us = now.mono_us;
}

/* --- answering --- */

/* A chain that is longer than all that the gateway takes is of no use to it. */
static struct msg_cert_issued fitted(const struct session *s, const struct msg_cert_issued *answer,
                                     char ret_text[LINK_TEXT_MAX]) {
    struct msg_cert_issued told = *answer;
    told.text = slice_of(told.text.p, utf8_valid_prefix(told.text.p, told.text.n));
    if (CERT_ISSUED_REST_MAX + told.chain.n <= s->max_rx_body) {
        return told;
    }
    int n = snprintf(ret_text, LINK_TEXT_MAX,
                     "the certificate with its chain has %zu bytes, too many for a gateway that takes frames "
                     "of %zu (max_rx_frame in its HELLO)",
                     told.chain.n, s->max_rx_body);
    return (struct msg_cert_issued){.status = CERT_REFUSED, .text = slice_of(ret_text, (size_t)n)};
}

static void put_answer(struct session *s, const struct msg_cert_issued *answer, struct link_now now) {
    char text[LINK_TEXT_MAX];
    struct msg_cert_issued told = fitted(s, answer, text);
    size_t mark = frame_begin(&s->out, MSG_CERT_ISSUED, 0);
    cert_issued_encode(&s->out, &told);
    session_end_frame(s, mark);
    if (told.status != CERT_ISSUED) {
        session_incident(s, "link.certificate_refused", now, "%.*s", SLICE_ARG(told.text));
    }
    if (s->state == SESSION_ENROLLING) {
        session_close(s, told.status == CERT_ISSUED ? "enrolled" : "no certificate was issued", now);
    }
    s->env->owner.wake(s->env->owner.ctx, s);
}

void session_certified(struct session *s, const struct msg_cert_issued *answer, struct link_now now) {
    s->certifying = false;
    if (s->state == SESSION_LIVE || s->state == SESSION_ENROLLING) { /* else it has gone meanwhile */
        put_answer(s, answer, now);
    }
}

/* What the owner was asked before is still to come. */
static void refuse_request(struct session *s, const char *why, struct link_now now) {
    const struct msg_cert_issued answer = {.status = CERT_REFUSED, .text = slice_str(why)};
    put_answer(s, &answer, now);
}

/* --- asking --- */

static enum verdict bad_body(struct session *s, const struct frame *f, const struct error *err,
                             struct link_now now) {
    const struct msg_error about = {.ref_type = f->type};
    session_fail(s, LINK_BAD_FRAME, &about, now, "%s: %s", err->where, err->text);
    return VERDICT_NEXT;
}

static enum verdict ask(struct session *s, enum identity_why why, const struct msg_enrol *m,
                        struct link_now now) {
    if (s->certifying) {
        refuse_request(s, "one request at a time", now);
        return VERDICT_NEXT;
    }
    if (s->env->owner.certify == NULL) {
        refuse_request(s, "this server issues no certificates", now);
        return VERDICT_NEXT;
    }
    s->certifying = true;
    if (s->state == SESSION_ENROLLING) {
        s->deadline_mono_us = now.mono_us + s->env->limits.settle_ms * MS_US;
    }
    s->env->owner.certify(s->env->owner.ctx, s, why, m, now);
    return VERDICT_NEXT;
}

enum verdict session_on_enrol(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_enrol m = {{0}, {0}, {0}};
    struct error err = {0};
    return enrol_decode(f->body, &m, &err) == OK ? ask(s, IDENTITY_ENROL, &m, now)
                                                 : bad_body(s, f, &err, now);
}

/* True in the last days of its life, and after it. */
static bool is_due(const struct session *s, struct link_now now) {
    return s->status.certificate_ends_us - now.wall_us <= IDENTITY_RENEW_DAYS * TM_DAY_US;
}

enum verdict session_on_cert_request(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_cert_request m = {{0}};
    struct error err = {0};
    if (cert_request_decode(f->body, &m, &err) != OK) {
        return bad_body(s, f, &err, now);
    }
    bool live = s->state == SESSION_LIVE;
    if (live && strcmp(s->name, s->holder) != 0) {
        char text[64 + LINK_NAME_MAX];
        (void)snprintf(text, sizeof text,
                       "the certificate is of gateway \"%s\": it is renewed on the connection of that",
                       s->holder);
        refuse_request(s, text, now);
    } else if (s->name[0] == '\0') {
        refuse_request(s, "without a certificate there is nothing to renew: enrol with a token", now);
    } else if (session_env_revoked(s->env, s->certificate)) {
        refuse_request(s, "the certificate was revoked: the gateway must be enrolled again", now);
    } else if (!live && s->status.certificate_ends_us > now.wall_us) {
        refuse_request(s, "the certificate has not expired: it is renewed over the link", now);
    } else if (!is_due(s, now)) {
        char text[128];
        (void)snprintf(text, sizeof text, "too early: a certificate is renewed in its last %d days",
                       IDENTITY_RENEW_DAYS);
        refuse_request(s, text, now);
    } else {
        const struct msg_enrol wish = {.name = slice_str(s->name), .request = m.request};
        return ask(s, live ? IDENTITY_RENEW : IDENTITY_WINDOW, &wish, now);
    }
    return VERDICT_NEXT;
}

void session_offer_renewal(struct session *s, struct link_now now) {
    if (s->offered || !s->renews || s->status.certificate_ends_us == 0 || s->env->owner.certify == NULL ||
        !is_due(s, now) || strcmp(s->name, s->holder) != 0) {
        return;
    }
    s->offered = true;
    session_end_frame(s, frame_begin(&s->out, MSG_CERT_OFFER, 0));
    s->env->owner.wake(s->env->owner.ctx, s);
}
