/* A gateway asks for a certificate where it has none that a session could be made with (ALPN
 * penstock-enrol/1): with a one-time token, knowing the authority by the token's fingerprint alone; or with a
 * certificate that has expired, in a window that somebody opened in the control room. One connection, one
 * question. It blocks, 5 s for each step: for a command, or for a thread of its own. */
#ifndef PENSTOCK_CLIENT_ENROLMENT_H
#define PENSTOCK_CLIENT_ENROLMENT_H

#include "protocol/client/identity.h"
#include "protocol/enrol.h"

struct enrolment_server {
    const char *host; /* numeric */
    uint16_t port;
    const char *name; /* as in the server's certificate */
};

/* Key, certificate and authority are in their places after it. ERR_DENIED: the server has refused, or is not
 * the one that the token is of. */
MUSTCHECK enum status enrolment_with_token(struct identity *i, const struct enrolment_server *server,
                                           const struct enrol_token *token, struct error *err);
/* The present certificate, which has expired, is shown, and replaced. */
MUSTCHECK enum status enrolment_renew(struct identity *i, const struct enrolment_server *server,
                                      struct error *err);

#endif
