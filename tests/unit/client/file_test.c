#include "protocol/client/file.h"
#include "tests/unit/client/dir.h"

static void numbers_are_little_endian_and_come_back(void **state) {
    (void)state;
    uint8_t p[8];
    put_u64(p, UINT64_C(0x0123456789abcdef));
    assert_int_equal(p[0], 0xef);
    assert_int_equal(p[7], 0x01);
    assert_true(get_u64(p) == UINT64_C(0x0123456789abcdef));
    put_u32(p, 0xfffefdfc);
    assert_true(get_u32(p) == 0xfffefdfc);
    assert_int_equal(get_u16(p), 0xfdfc);
}

static void a_file_is_replaced_as_a_whole(void **state) {
    (void)state;
    struct dir d;
    dir_make(&d);
    int fd = open(d.path, O_RDONLY | O_DIRECTORY);
    uint8_t p[16];
    assert_int_equal(file_replace(fd, "x", "first one", 9, NULL), OK);
    assert_int_equal(file_replace(fd, "x", "second", 6, NULL), OK);
    assert_int_equal(dir_read(&d, "x", p, sizeof p), 6);
    assert_memory_equal(p, "second", 6);
    (void)close(fd);
    dir_remove(&d);
}

static void a_failure_names_the_file_and_the_reason(void **state) {
    (void)state;
    struct dir d;
    dir_make(&d);
    int fd = open(d.path, O_RDONLY | O_DIRECTORY);
    struct error err = {0};
    assert_int_equal(file_replace(fd, "no/such", "x", 1, &err), ERR_IO);
    assert_non_null(strstr(err.where, "no/such"));
    assert_non_null(strstr(err.text, "No such file"));
    (void)close(fd);
    dir_remove(&d);
}

static void reading_past_the_end_is_an_error(void **state) {
    (void)state;
    struct dir d;
    dir_make(&d);
    dir_write(&d, "x", (const uint8_t *)"abc", 3);
    char file[400];
    dir_file(&d, "x", file);
    int fd = open(file, O_RDONLY);
    uint8_t p[4];
    assert_int_equal(file_read_at(fd, "x", p, 3, 0, NULL), OK);
    assert_int_equal(file_read_at(fd, "x", p, 4, 0, NULL), ERR_IO);
    (void)close(fd);
    dir_remove(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian_and_come_back),
        cmocka_unit_test(a_file_is_replaced_as_a_whole),
        cmocka_unit_test(a_failure_names_the_file_and_the_reason),
        cmocka_unit_test(reading_past_the_end_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
