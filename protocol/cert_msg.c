#include "protocol/cert_msg.h"

#include "protocol/wire.h"
#include "server/base/check.h"

enum status cert_offer_decode(struct slice body, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CERT_OFFER", err);
    tlv_skip(&r);
    return reader_done(&r);
}

enum status cert_request_decode(struct slice body, struct msg_cert_request *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CERT_REQUEST", err);
    struct msg_cert_request m = {.request = reader_counted(&r, "request", LINK_CERT_REQUEST_MAX)};
    if (reader_ok(&r) && m.request.n == 0) {
        reader_fail(&r, 0, ERR_INVALID, "the request is empty");
    }
    tlv_skip(&r);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void cert_request_encode(struct buf *out, const struct msg_cert_request *m) {
    CHECK(m->request.n > 0);
    CHECK(m->request.n <= LINK_CERT_REQUEST_MAX);
    write_counted(out, m->request);
}

enum status cert_issued_decode(struct slice body, struct msg_cert_issued *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CERT_ISSUED", err);
    uint8_t how = reader_u8(&r, "status");
    struct msg_cert_issued m = {.status = how == CERT_ISSUED ? CERT_ISSUED : CERT_REFUSED};
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    size_t at = r.at;
    m.chain = reader_counted(&r, "chain", LINK_CERT_CHAIN_MAX);
    if (reader_ok(&r) && (m.chain.n == 0) != (m.status == CERT_REFUSED)) {
        reader_fail(&r, at, ERR_INVALID, "a certificate goes with status 0 (issued), and only with that");
    }
    tlv_skip(&r);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void cert_issued_encode(struct buf *out, const struct msg_cert_issued *m) {
    CHECK(m->status <= CERT_REFUSED);
    CHECK(m->chain.n <= LINK_CERT_CHAIN_MAX);
    CHECK((m->chain.n == 0) == (m->status == CERT_REFUSED));
    buf_byte(out, (uint8_t)m->status);
    write_text(out, m->text, LINK_TEXT_MAX);
    write_counted(out, m->chain);
}
