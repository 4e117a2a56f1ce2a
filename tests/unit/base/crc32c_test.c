#include "server/base/crc32c.h"
#include "tests/lib/unit.h"

#include <string.h>

static void the_published_check_values_come_out(void **state) {
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA); /* RFC 3720, B.4 */
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void pieces_give_the_same_as_the_whole(void **state) {
    (void)state;
    const char text[] = "pump station, three pumps, one well";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        uint32_t crc = crc32c(0, text, cut);
        assert_int_equal(crc32c(crc, text + cut, sizeof text - cut), crc32c(0, text, sizeof text));
    }
}

static void the_table_says_the_same_at_every_length_and_place(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 151 + 7);
    }
    for (size_t at = 0; at < 8; at++) {
        for (size_t n = 0; at + n <= sizeof bytes; n++) {
            assert_int_equal(crc32c((uint32_t)n, bytes + at, n), crc32c_by_table((uint32_t)n, bytes + at, n));
        }
    }
    assert_int_equal(crc32c_by_table(0, "123456789", 9), 0xE3069283);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_check_values_come_out),
        cmocka_unit_test(pieces_give_the_same_as_the_whole),
        cmocka_unit_test(the_table_says_the_same_at_every_length_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
