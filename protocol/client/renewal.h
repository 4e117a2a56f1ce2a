/* Which certificate a client connects with, and how it gets the next one over its link: the server offers,
 * the client makes a new key and asks, and what it gets is tried from the next connection on. The old pair
 * stays until a session was made with the new one; while that fails, the two are tried in turn. */
#ifndef PENSTOCK_CLIENT_RENEWAL_H
#define PENSTOCK_CLIENT_RENEWAL_H

#include "protocol/cert_msg.h"
#include "protocol/client/identity.h"
#include "protocol/client/tls.h"

struct renewal;

MUSTCHECK enum status renewal_new(const char *name, const struct tls_client_config *cfg, struct renewal **ret,
                                  struct error *err);
void renewal_free(struct renewal **r);

/* What the next connection is made with, read from the disk anew if that is possible; lent until the next
 * call that changes anything. */
struct tls_client *renewal_tls(struct renewal *r);
/* A session was made with it. True if a new certificate took its place for good; err then says nothing. */
bool renewal_up(struct renewal *r, struct error *err);
/* The connection ended before a session was made. */
void renewal_failed(struct renewal *r);

/* The server offers: a request to send, appended. ERR_WRONG_STATE: one waits to be tried already. */
MUSTCHECK enum status renewal_request(struct renewal *r, struct buf *request, struct error *err);
/* OK: the new pair is on disk; whoever wants it tried soon makes a new connection. ERR_DENIED: refused, or
 * not ours. */
MUSTCHECK enum status renewal_answer(struct renewal *r, const struct msg_cert_issued *m, struct error *err);
/* Somebody else (window.h) wrote a new pair in place of the present one. */
MUSTCHECK enum status renewal_reload(struct renewal *r, struct error *err);
struct identity_config renewal_files(const struct renewal *r, const char *name);
const char *renewal_server_name(const struct renewal *r);
/* When the certificate that is in use ends; 0: not known. */
int64_t renewal_ends_us(const struct renewal *r);

#endif
