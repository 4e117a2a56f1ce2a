/* Covers: config_msg.c */
#include "protocol/config_msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/message_table.h"

CODEC(config_offer)
CODEC(config_get)
CODEC(config_chunk)
CODEC(config_result)

static char chunk[LINK_CONFIG_CHUNK_MAX];

static void config_offer_full(void *ret) {
    struct msg_config_offer *m = ret;
    *m = (struct msg_config_offer){
        .version = UINT64_MAX, .size = LINK_CONFIG_MAX, .text = text_of(LINK_TEXT_MAX)};
    memset(m->sha256, 0xFF, sizeof m->sha256);
}

static void config_get_full(void *ret) {
    *(struct msg_config_get *)ret = (struct msg_config_get){
        .version = UINT64_MAX, .offset = LINK_CONFIG_MAX - 1, .length = LINK_CONFIG_CHUNK_MAX};
}

static void config_chunk_full(void *ret) {
    memset(chunk, 'c', sizeof chunk);
    *(struct msg_config_chunk *)ret = (struct msg_config_chunk){.version = UINT64_MAX,
                                                                .offset = LINK_CONFIG_MAX - sizeof chunk,
                                                                .bytes = slice_of(chunk, sizeof chunk)};
}

static void config_result_full(void *ret) {
    *(struct msg_config_result *)ret = (struct msg_config_result){.version = UINT64_MAX,
                                                                  .outcome = UINT8_MAX,
                                                                  .t_us = LINK_TIME_MIN_US,
                                                                  .text = text_of(LINK_TEXT_MAX)};
}

static const struct codec codecs[] = {
    ROW("CFG_OFFER", config_offer, 0),
    ROW("CFG_GET", config_get, 0),
    ROW("CFG_CHUNK", config_chunk, 0),
    ROW("CFG_RESULT after its prefix", config_result, 0),
};

static const struct codec *message_codecs(size_t *ret_n) {
    *ret_n = COUNT(codecs);
    return codecs;
}

#define ZERO   "\x00\x00\x00\x00\x00\x00\x00\x00"
#define ONE    "\x01\x00\x00\x00\x00\x00\x00\x00"
#define DIGEST "0123456789abcdef0123456789abcdef"

static void versions_start_at_1(void **state) {
    (void)state;
    static const char text[] = "version 0: versions start at 1";
    static const struct bad offer = {BYTES(ZERO DIGEST "\x01\x00"), ERR_INVALID, "CFG_OFFER, offset 0", text};
    static const struct bad get = {BYTES(ZERO "\x00\x01"), ERR_INVALID, "CFG_GET, offset 0", text};
    static const struct bad part = {BYTES(ZERO "\x00\x00"), ERR_INVALID, "CFG_CHUNK, offset 0", text};
    static const struct bad result = {BYTES(ZERO "\x00" ZERO "\x00"), ERR_INVALID,
                                      "CFG_RESULT after its prefix, offset 0", text};
    check_bad(&codecs[0], &offer, 1);
    check_bad(&codecs[1], &get, 1);
    check_bad(&codecs[2], &part, 1);
    check_bad(&codecs[3], &result, 1);
}

static void sizes_have_their_limits(void **state) {
    (void)state;
    static const struct bad offer[] = {
        {BYTES(ONE DIGEST "\x00\x00"), ERR_INVALID, "CFG_OFFER, offset 40",
         "size is 0, must be 1 to 1048576"},
        {BYTES(ONE DIGEST "\x81\x80\x40\x00"), ERR_TOO_BIG, "CFG_OFFER, offset 40",
         "size is 1048577, at most 1048576 is allowed"},
    };
    static const struct bad get[] = {
        {BYTES(ONE "\x00\x00"), ERR_INVALID, "CFG_GET, offset 9", "length is 0, must be 1 to 65536"},
        {BYTES(ONE "\x00\x81\x80\x04"), ERR_TOO_BIG, "CFG_GET, offset 9",
         "length is 65537, at most 65536 is allowed"},
        {BYTES(ONE "\x80\x80\x40\x01"), ERR_TOO_BIG, "CFG_GET, offset 8",
         "offset is 1048576, at most 1048575 is allowed"},
    };
    static const struct bad part[] = {
        {BYTES(ONE "\x80\x80\x40\x00"), ERR_TOO_BIG, "CFG_CHUNK, offset 8",
         "offset is 1048576, at most 1048575 is allowed"},
        {BYTES(ONE "\xff\xff\x3f\x02xx"), ERR_TOO_BIG, "CFG_CHUNK, offset 11",
         "2 bytes at offset 1048575: a configuration has at most 1048576"},
        {BYTES(ONE "\x00\x81\x80\x04"), ERR_TOO_BIG, "CFG_CHUNK, offset 9",
         "bytes is 65537, at most 65536 is allowed"},
    };
    static const struct bad result[] = {
        {BYTES(ONE "\x00\xff\xff\xff\xff\xff\xff\xff\x7f\x00"), ERR_INVALID,
         "CFG_RESULT after its prefix, offset 9",
         "time 9223372036854775807 is outside of the years 0001 to 9999"},
        {BYTES(ONE "\x00" ZERO "\x81\x04"), ERR_TOO_BIG, "CFG_RESULT after its prefix, offset 17",
         "text is 513, at most 512 is allowed"},
    };
    check_bad(&codecs[0], offer, COUNT(offer));
    check_bad(&codecs[1], get, COUNT(get));
    check_bad(&codecs[2], part, COUNT(part));
    check_bad(&codecs[3], result, COUNT(result));
}

static void the_fields_come_in_their_order(void **state) {
    (void)state;
    struct msg_config_offer offer;
    static const char bytes[] = ONE DIGEST "\xac\x02\x02hi";
    assert_int_equal(config_offer_decode(slice_of(bytes, sizeof bytes - 1), &offer, NULL), OK);
    assert_true(offer.version == 1);
    assert_memory_equal(offer.sha256, DIGEST, sizeof offer.sha256);
    assert_int_equal(offer.size, 300);
    assert_true(slice_is(offer.text, "hi"));
    struct msg_config_chunk part;
    assert_int_equal(config_chunk_decode(slice_of(ONE "\x05\x00", 10), &part, NULL), OK);
    assert_int_equal(part.offset, 5);
    assert_int_equal(part.bytes.n, 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        MESSAGE_TESTS,
        cmocka_unit_test(versions_start_at_1),
        cmocka_unit_test(sizes_have_their_limits),
        cmocka_unit_test(the_fields_come_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
