#include "protocol/wire.h"
#include "tests/unit/wire/codec.h"

#include <math.h>

static struct reader reader_of(struct slice s, struct error *err) {
    struct reader r;
    *err = (struct error){0};
    reader_init(&r, s, "TEST", err);
    return r;
}

static void varints_come_back_and_are_as_short_as_can_be(void **state) {
    (void)state;
    static const struct {
        uint64_t v;
        size_t size;
    } table[] = {
        {0, 1},
        {1, 1},
        {127, 1},
        {128, 2},
        {16383, 2},
        {16384, 3},
        {UINT32_MAX, 5},
        {(UINT64_C(1) << 56) - 1, 8},
        {UINT64_C(1) << 56, 9},
        {INT64_MAX, 9},
        {UINT64_C(1) << 63, 10},
        {UINT64_MAX, 10},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 16);
        write_varint(&b, table[i].v);
        assert_int_equal(b.n, table[i].size);
        assert_int_equal(varint_size(table[i].v), table[i].size);
        struct slice copy = heap_copy(b.p, b.n);
        struct error err;
        struct reader r = reader_of(copy, &err);
        assert_true(reader_varint(&r, "x") == table[i].v);
        assert_int_equal(reader_done(&r), OK);
        for (size_t n = 0; n < copy.n; n++) {
            r = reader_of(slice_of(copy.p, n), &err);
            assert_int_equal(reader_varint(&r, "x"), 0);
            assert_int_equal(reader_done(&r), ERR_INVALID);
            assert_string_equal(err.where, "TEST, offset 0");
        }
        heap_free(copy);
        buf_done(&b);
    }
}

static void varints_that_are_longer_than_needed_or_than_64_bits_are_refused(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        const char *text;
    } table[] = {
        {{"\x80\x00", 2}, "x: a varint of 2 bytes where fewer would do"},
        {{"\xff\x80\x00", 3}, "x: a varint of 3 bytes where fewer would do"},
        {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10}, "x: a varint of 10 bytes where fewer would do"},
        {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, "x: a varint of more than 64 bits"},
        {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11}, "x: a varint of more than 64 bits"},
        {{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 12}, "x: a varint of more than 64 bits"},
        {{"\x80", 1}, "x: the bytes end within a varint"},
        {{"", 0}, "x: the bytes end within a varint"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct error err;
        struct reader r = reader_of(copy, &err);
        assert_int_equal(reader_varint(&r, "x"), 0);
        assert_false(reader_ok(&r));
        assert_int_equal(reader_left(&r), 0);
        assert_int_equal(reader_done(&r), ERR_INVALID);
        assert_string_equal(err.text, table[i].text);
        heap_free(copy);
    }
}

static void signed_varints_come_back(void **state) {
    (void)state;
    static const int64_t table[] = {0, -1, 1, -64, 63, 64, INT64_MAX, INT64_MIN, -65};
    static const size_t sizes[] = {1, 1, 1, 1, 1, 2, 10, 10, 2};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 16);
        write_svarint(&b, table[i]);
        assert_int_equal(b.n, sizes[i]);
        struct error err;
        struct reader r = reader_of(buf_slice(&b), &err);
        assert_true(reader_svarint(&r, "x") == table[i]);
        buf_done(&b);
    }
}

static void integers_are_little_endian(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    write_u16(&b, 0x0201);
    write_u32(&b, 0x04030201);
    write_u64(&b, UINT64_C(0x0807060504030201));
    write_i64(&b, -2);
    write_f64(&b, -2.5);
    assert_int_equal(b.n, 30);
    assert_memory_equal(
        b.p,
        "\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08\xfe\xff\xff\xff\xff\xff\xff\xff"
        "\x00\x00\x00\x00\x00\x00\x04\xc0",
        30);
    struct error err;
    struct reader r = reader_of(buf_slice(&b), &err);
    assert_int_equal(reader_u16(&r, "a"), 0x0201);
    assert_int_equal(reader_u32(&r, "b"), 0x04030201);
    assert_true(reader_u64(&r, "c") == UINT64_C(0x0807060504030201));
    assert_int_equal(reader_i64(&r, "d"), -2);
    assert_true(reader_f64(&r, "e") == -2.5);
    assert_int_equal(reader_done(&r), OK);
    buf_done(&b);
}

static void the_first_failure_stays_and_all_that_follows_reads_as_nothing(void **state) {
    (void)state;
    struct slice copy = heap_copy("\x01\x02\x03", 3);
    struct error err;
    struct reader r = reader_of(copy, &err);
    assert_int_equal(reader_u8(&r, "first"), 1);
    assert_int_equal(reader_u64(&r, "second"), 0);
    assert_string_equal(err.where, "TEST, offset 1");
    assert_string_equal(err.text, "second needs 8 bytes, 2 are left");
    assert_int_equal(reader_u8(&r, "third"), 0);
    assert_int_equal(reader_varint(&r, "fourth"), 0);
    assert_null(reader_counted(&r, "fifth", 10).p);
    assert_int_equal(reader_rest(&r).n, 0);
    reader_fail(&r, 0, ERR_TOO_BIG, "another");
    assert_int_equal(reader_done(&r), ERR_INVALID);
    assert_string_equal(err.text, "second needs 8 bytes, 2 are left");
    heap_free(copy);
}

static void bytes_left_over_are_a_failure(void **state) {
    (void)state;
    struct error err;
    struct reader r = reader_of(slice_str("ab"), &err);
    (void)reader_u8(&r, "first");
    assert_int_equal(reader_done(&r), ERR_INVALID);
    assert_string_equal(err.where, "TEST, offset 1");
    assert_string_equal(err.text, "1 bytes too many: nothing may follow here");
}

static void counts_are_held_against_the_limit_and_the_bytes_left(void **state) {
    (void)state;
    struct error err;
    struct reader r = reader_of(slice_of("\x03xxxxxx", 7), &err);
    assert_int_equal(reader_count(&r, "things", 3, 2), 3);
    r = reader_of(slice_of("\x03xxxxx", 6), &err);
    assert_int_equal(reader_count(&r, "things", 3, 2), 0);
    assert_int_equal(reader_done(&r), ERR_INVALID);
    assert_string_equal(err.text, "things is 3, which do not fit into the 5 bytes that are left");
    r = reader_of(slice_of("\x04xxxxxxxx", 9), &err);
    assert_int_equal(reader_count(&r, "things", 3, 2), 0);
    assert_int_equal(reader_done(&r), ERR_TOO_BIG);
    assert_string_equal(err.text, "things is 4, at most 3 is allowed");
}

static void texts_have_a_limit_and_are_utf8(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        enum status status;
    } table[] = {
        {{"\x00", 1}, OK},
        {{"\x03"
          "abc",
          4},
         OK},
        {{"\x04"
          "abcd",
          5},
         ERR_TOO_BIG},
        {{"\x03"
          "ab",
          3},
         ERR_INVALID},
        {{"\x01\xff", 2}, ERR_INVALID},
        {{"\x01\x00", 2}, ERR_INVALID},
        {{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}, ERR_TOO_BIG},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct error err;
        struct reader r = reader_of(copy, &err);
        struct slice text = reader_text(&r, "x", 3);
        assert_int_equal(reader_done(&r), table[i].status);
        assert_int_equal(text.n, table[i].status == OK ? copy.n - 1 : 0);
        heap_free(copy);
    }
}

static void a_length_is_put_before_what_was_written(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    buf_text(&b, "head");
    size_t mark = b.n;
    for (int i = 0; i < 200; i++) {
        buf_byte(&b, (uint8_t)i);
    }
    write_length_before(&b, mark);
    assert_int_equal(b.n, 4 + 2 + 200);
    assert_memory_equal(b.p, "head\xc8\x01\x00\x01\x02", 9);
    assert_int_equal(b.p[205], 199);
    buf_clear(&b);
    write_length_before(&b, 0);
    assert_int_equal(b.n, 1);
    buf_done(&b);
    buf_init(&b, 4);
    buf_text(&b, "head");
    write_length_before(&b, 0);
    assert_int_equal(buf_status(&b, NULL), ERR_TOO_BIG);
    assert_memory_equal(b.p, "head", 4);
    buf_done(&b);
}

/* --- TLVs */

struct pair {
    uint8_t a;
    uint8_t b;
};

static void a_read(struct reader *r, void *message) {
    struct pair *m = message;
    m->a = reader_u8(r, "a");
}

static void a_write(struct buf *out, const void *message) {
    const struct pair *m = message;
    buf_byte(out, m->a);
}

static void b_read(struct reader *r, void *message) {
    struct pair *m = message;
    m->b = reader_u8(r, "b");
}

static void b_write(struct buf *out, const void *message) {
    const struct pair *m = message;
    if (m->b != 0) {
        buf_byte(out, m->b);
    }
}

static const struct tlv_field fields[] = {{2, true, "a", a_read, a_write}, {4, false, "b", b_read, b_write}};

static void fields_are_found_unknown_ones_skipped_and_wrong_ones_named(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        enum status status;
        const char *where;
        const char *text;
    } table[] = {
        {{"\x02\x01\x07", 3}, OK, "", ""},
        {{"\x02\x01\x07\x04\x01\x08", 6}, OK, "", ""},
        {{"\x01\x00\x02\x01\x07\x03\x02xx\x04\x01\x08\x05\x00", 14}, OK, "", ""},
        {{"", 0}, ERR_INVALID, "TEST, offset 0", "field 2 (a) is missing"},
        {{"\x04\x01\x08", 3}, ERR_INVALID, "TEST, offset 0", "field 2 (a) is missing"},
        {{"\x01\x00", 2}, ERR_INVALID, "TEST, offset 2", "field 2 (a) is missing"},
        {{"\x02\x01\x07\x02\x01\x07", 6},
         ERR_INVALID,
         "TEST, offset 3",
         "field 2 after field 2: tags must ascend from 1"},
        {{"\x04\x01\x08\x02\x01\x07", 6}, ERR_INVALID, "TEST, offset 0", "field 2 (a) is missing"},
        {{"\x00\x00", 2}, ERR_INVALID, "TEST, offset 0", "field 0 after field 0: tags must ascend from 1"},
        {{"\x02\x02\x07\x07", 4}, ERR_INVALID, "TEST, offset 3", "1 bytes too many: nothing may follow here"},
        {{"\x02\x00", 2}, ERR_INVALID, "TEST, offset 2", "a needs 1 bytes, 0 are left"},
        {{"\x02\x05\x07", 3}, ERR_INVALID, "TEST, offset 0", "field 2 has 5 bytes, 1 are left"},
        {{"\x02", 1}, ERR_INVALID, "TEST, offset 1", "a field's length: the bytes end within a varint"},
        {{"\x02\x01\x07\x80\x00\x00", 6},
         ERR_INVALID,
         "TEST, offset 3",
         "a field's tag: a varint of 2 bytes where fewer would do"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct error err;
        struct reader r = reader_of(copy, &err);
        struct pair m = {0};
        tlv_read(&r, fields, COUNT(fields), &m);
        assert_int_equal(reader_done(&r), table[i].status);
        assert_string_equal(err.where, table[i].where);
        assert_string_equal(err.text, table[i].text);
        if (table[i].status == OK) {
            assert_int_equal(m.a, 7);
            assert_int_equal(m.b, i == 0 ? 0 : 8);
        }
        heap_free(copy);
    }
}

static void a_field_that_writes_nothing_is_left_out(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    tlv_write(&b, fields, COUNT(fields), &(struct pair){.a = 7});
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.p, "\x02\x01\x07", 3);
    buf_clear(&b);
    tlv_write(&b, fields, COUNT(fields), &(struct pair){.a = 7, .b = 8});
    assert_int_equal(b.n, 6);
    assert_memory_equal(b.p, "\x02\x01\x07\x04\x01\x08", 6);
    buf_done(&b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_come_back_and_are_as_short_as_can_be),
        cmocka_unit_test(varints_that_are_longer_than_needed_or_than_64_bits_are_refused),
        cmocka_unit_test(signed_varints_come_back),
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(the_first_failure_stays_and_all_that_follows_reads_as_nothing),
        cmocka_unit_test(bytes_left_over_are_a_failure),
        cmocka_unit_test(counts_are_held_against_the_limit_and_the_bytes_left),
        cmocka_unit_test(texts_have_a_limit_and_are_utf8),
        cmocka_unit_test(a_length_is_put_before_what_was_written),
        cmocka_unit_test(fields_are_found_unknown_ones_skipped_and_wrong_ones_named),
        cmocka_unit_test(a_field_that_writes_nothing_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
