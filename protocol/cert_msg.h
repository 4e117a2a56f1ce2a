/* CERT_OFFER, CERT_REQUEST, CERT_ISSUED: a gateway's certificate is renewed over its link
 * (protocol/README.md, "Renewal of the certificate"). The rules of msg.h hold. What the bytes say is not
 * looked at here. */
#ifndef PENSTOCK_PROTOCOL_CERT_MSG_H
#define PENSTOCK_PROTOCOL_CERT_MSG_H

#include "protocol/limits.h"
#include "server/base/buf.h"

/* CERT_OFFER: empty; a frame without body, or with fields of later versions. */
MUSTCHECK enum status cert_offer_decode(struct slice body, struct error *err);

struct msg_cert_request {
    struct slice request; /* PKCS#10, DER, 1 to LINK_CERT_REQUEST_MAX bytes */
};
MUSTCHECK enum status cert_request_decode(struct slice body, struct msg_cert_request *ret, struct error *err);
void cert_request_encode(struct buf *out, const struct msg_cert_request *m);

/* Any other status counts as refused. */
enum cert_status { CERT_ISSUED = 0, CERT_REFUSED = 1 };

struct msg_cert_issued {
    enum cert_status status;
    struct slice text; /* for people: why it was refused */
    struct slice
        chain; /* PEM, the gateway's own first; at most LINK_CERT_CHAIN_MAX bytes; empty if refused */
};
MUSTCHECK enum status cert_issued_decode(struct slice body, struct msg_cert_issued *ret, struct error *err);
void cert_issued_encode(struct buf *out, const struct msg_cert_issued *m);

#endif
