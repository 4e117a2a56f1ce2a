/* Covers: cert_msg.c */
#include "protocol/cert_msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/message_table.h"

CODEC(cert_request)
CODEC(cert_issued)

static char chain[LINK_CERT_CHAIN_MAX + 1];

static void cert_request_full(void *ret) {
    *(struct msg_cert_request *)ret = (struct msg_cert_request){.request = text_of(LINK_CERT_REQUEST_MAX)};
}

static void cert_issued_full(void *ret) {
    memset(chain, 'c', sizeof chain);
    *(struct msg_cert_issued *)ret = (struct msg_cert_issued){.text = text_of(LINK_TEXT_MAX),
                                                              .chain = slice_of(chain, LINK_CERT_CHAIN_MAX)};
}

static const struct codec codecs[] = {
    ROW("CERT_REQUEST", cert_request, 0),
    ROW("CERT_ISSUED", cert_issued, 0),
};

static const struct codec *message_codecs(size_t *ret_n) {
    *ret_n = COUNT(codecs);
    return codecs;
}

static void requests_and_chains_have_their_limits(void **state) {
    (void)state;
    static const struct bad request[] = {
        {BYTES("\x00"), ERR_INVALID, "CERT_REQUEST, offset 0", "the request is empty"},
        {BYTES("\x81\x20x"), ERR_TOO_BIG, "CERT_REQUEST, offset 0",
         "request is 4097, at most 4096 is allowed"},
    };
    static const struct bad issued[] = {
        {BYTES("\x00\x00\x81\x80\x01x"), ERR_TOO_BIG, "CERT_ISSUED, offset 2",
         "chain is 16385, at most 16384 is allowed"},
        {BYTES("\x00\x81\x04x"), ERR_TOO_BIG, "CERT_ISSUED, offset 1", "text is 513, at most 512 is allowed"},
        {BYTES("\x00\x00\x00"), ERR_INVALID, "CERT_ISSUED, offset 2",
         "a certificate goes with status 0 (issued), and only with that"},
        {BYTES("\x01\x00\x01x"), ERR_INVALID, "CERT_ISSUED, offset 2",
         "a certificate goes with status 0 (issued), and only with that"},
    };
    check_bad(&codecs[0], request, COUNT(request));
    check_bad(&codecs[1], issued, COUNT(issued));
}

static void a_status_of_a_later_version_is_a_refusal(void **state) {
    (void)state;
    struct msg_cert_issued m;
    assert_int_equal(cert_issued_decode(slice_of("\x09\x02no\x00", 5), &m, NULL), OK);
    assert_int_equal(m.status, CERT_REFUSED);
    assert_true(slice_is(m.text, "no"));
    assert_int_equal(m.chain.n, 0);
}

static void an_offer_says_nothing_yet(void **state) {
    (void)state;
    assert_int_equal(cert_offer_decode((struct slice){0}, NULL), OK);
    assert_int_equal(cert_offer_decode(slice_of("\x63\x03new", 5), NULL), OK);
    struct error err = {0};
    assert_int_equal(cert_offer_decode(slice_of("\x63\x04new", 5), &err), ERR_INVALID);
    assert_string_equal(err.where, "CERT_OFFER, offset 0");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        MESSAGE_TESTS,
        cmocka_unit_test(requests_and_chains_have_their_limits),
        cmocka_unit_test(a_status_of_a_later_version_is_a_refusal),
        cmocka_unit_test(an_offer_says_nothing_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
