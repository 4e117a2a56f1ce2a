/* The statements of REQ_IDENTITY and REQ_CERTIFICATE and their answers: tokens, certificates, revocations,
 * windows (migrations/0008_gateway_identity.sql). What may be is judged there, so that the command line
 * judges the same. */
#ifndef PENSTOCK_STORE_IDENTITY_SQL_H
#define PENSTOCK_STORE_IDENTITY_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

/* $1 op, $2 actor, $3 peer, $4 gateway; then $5 token hash or reason, $6 until (µs); of a revocation $5
 * reason, $6 fingerprint of a certificate that is in use (may be empty). One text comes back: empty, or why
 * not. */
#define IDENTITY_TOKEN_SQL                                                                                   \
    "select gateway_token_make($1, $2, $3, $4, $5, timestamptz 'epoch' + $6 * interval '1 microsecond')"
#define IDENTITY_OPEN_SQL                                                                                    \
    "select gateway_window_open($1, $2, $3, $4, $5, timestamptz 'epoch' + $6 * interval '1 microsecond')"
#define IDENTITY_REVOKE_SQL "select gateway_revoke($1, $2, $3, $4, $5, $6)"

void identity_send(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t op[16]);
/* ERR_DENIED with the reason if it was not done. */
void identity_reply(const PGresult *result, struct reply *ret);

#endif
