#include "protocol/frame.h"
#include "tests/unit/wire/codec.h"

static struct frame parse_ok(const struct buf *b, size_t max_body) {
    struct frame f = {0};
    size_t need = 0;
    struct error err = {0};
    assert_int_equal(frame_parse(b->p, b->n, max_body, &f, &need, &err), FRAME_OK);
    assert_int_equal(need, LINK_FRAME_HEAD + f.body.n);
    return f;
}

static void a_frame_comes_back(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    frame_append(&b, 0x11, FRAME_JOURNALED | FRAME_BACKLOG, slice_str("body"));
    frame_append(&b, 0x08, 0, slice_str(""));
    assert_memory_equal(b.p,
                        "\xb7\x11\x03\x00\x04\x00\x00\x00"
                        "body\xb7\x08\x00\x00\x00\x00\x00\x00",
                        20);
    struct frame f = parse_ok(&b, 4);
    assert_int_equal(f.type, 0x11);
    assert_int_equal(f.flags, FRAME_JOURNALED | FRAME_BACKLOG);
    assert_true(slice_is(f.body, "body"));
    buf_consume(&b, LINK_FRAME_HEAD + 4);
    f = parse_ok(&b, 4);
    assert_int_equal(f.type, 0x08);
    assert_int_equal(f.body.n, 0);
    buf_done(&b);
}

static void a_frame_in_pieces_says_how_much_it_needs(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    frame_append(&b, 0x11, 0, slice_str("hello, world"));
    for (size_t n = 0; n < b.n; n++) {
        struct slice copy = heap_copy(b.p, n);
        struct frame f;
        size_t need = 0;
        assert_int_equal(frame_parse((const uint8_t *)copy.p, n, 100, &f, &need, NULL), FRAME_MORE);
        assert_int_equal(need, n < LINK_FRAME_HEAD ? LINK_FRAME_HEAD : LINK_FRAME_HEAD + 12);
        heap_free(copy);
    }
    buf_done(&b);
}

static void what_cannot_be_a_frame_is_refused_as_soon_as_it_shows(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        size_t max_body;
        enum status status;
        const char *where;
    } table[] = {
        {{"GET / HTTP/1.1", 14}, 100, ERR_INVALID, "frame, offset 0"},
        {{"\x16", 1}, 100, ERR_INVALID, "frame, offset 0"},
        {{"\xb7\x11\x10\x00\x00\x00\x00\x00", 8}, 100, ERR_UNSUPPORTED, "frame, offset 2"},
        {{"\xb7\x11\x80\x00\x00\x00\x00\x00", 8}, 100, ERR_UNSUPPORTED, "frame, offset 2"},
        {{"\xb7\x11\x00\x00\x65\x00\x00\x00", 8}, 100, ERR_TOO_BIG, "frame, offset 4"},
        {{"\xb7\x11\x00\x00\xff\xff\xff\xff", 8}, LINK_BODY_MAX_HARD, ERR_TOO_BIG, "frame, offset 4"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct frame f;
        size_t need = 0;
        struct error err = {0};
        assert_int_equal(frame_parse((const uint8_t *)copy.p, copy.n, table[i].max_body, &f, &need, &err),
                         FRAME_BAD);
        assert_int_equal(err.code, table[i].status);
        assert_string_equal(err.where, table[i].where);
        heap_free(copy);
    }
}

static void the_longest_body_passes_and_one_byte_more_does_not(void **state) {
    (void)state;
    static const size_t limits[] = {0, 1, LINK_BODY_MAX_HELLO, LINK_BODY_MAX, LINK_BODY_MAX_HARD};
    uint8_t *body = calloc(1, LINK_BODY_MAX_HARD);
    assert_non_null(body);
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct buf b;
        buf_init(&b, LINK_FRAME_HEAD + LINK_BODY_MAX_HARD);
        frame_append(&b, 0x11, 0, slice_of(body, limits[i]));
        assert_int_equal(buf_status(&b, NULL), OK);
        assert_int_equal(parse_ok(&b, limits[i]).body.n, limits[i]);
        if (limits[i] > 0) {
            struct frame f;
            size_t need = 0;
            assert_int_equal(frame_parse(b.p, b.n, limits[i] - 1, &f, &need, NULL), FRAME_BAD);
        }
        buf_done(&b);
    }
    free(body);
}

static void reserved_flags_that_may_be_ignored_are(void **state) {
    (void)state;
    struct frame f;
    size_t need = 0;
    assert_int_equal(frame_parse((const uint8_t *)"\xb7\x11\x01\xff\x00\x00\x00\x00", 8, 0, &f, &need, NULL),
                     FRAME_OK);
    assert_int_equal(f.flags & 0xff, FRAME_JOURNALED);
}

static void a_body_written_in_place_gets_its_length(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    buf_text(&b, "before");
    size_t mark = frame_begin(&b, 0x18, 0);
    for (int i = 0; i < 300; i++) {
        buf_byte(&b, 1);
    }
    frame_end(&b, mark);
    buf_consume(&b, 6);
    assert_int_equal(parse_ok(&b, 300).body.n, 300);
    buf_done(&b);
}

static void a_frame_that_does_not_fit_leaves_the_whole_ones_before(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, (size_t)2 * (LINK_FRAME_HEAD + 4));
    frame_append(&b, 0x11, 0, slice_str("four"));
    frame_append(&b, 0x11, 0, slice_str("five!"));
    assert_int_equal(buf_status(&b, NULL), ERR_TOO_BIG);
    assert_int_equal(b.n, LINK_FRAME_HEAD + 4);
    buf_clear(&b);
    frame_append(&b, 0x11, 0, slice_str("four"));
    frame_append(&b, 0x11, 0, slice_str("four"));
    assert_int_equal(buf_status(&b, NULL), OK);
    buf_done(&b);
}

static void random_bytes_never_break_it(void **state) {
    (void)state;
    struct rand r;
    seed_from_environment(&r);
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[24];
        size_t n = (size_t)rand_below(&r, sizeof bytes + 1);
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (uint8_t)(rand_u64(&r) & (rand_below(&r, 2) == 0 ? 0x0F : 0xFF));
        }
        if (n > 0 && rand_below(&r, 8) != 0) {
            bytes[0] = FRAME_MAGIC;
        }
        struct slice copy = heap_copy(bytes, n);
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        switch (frame_parse((const uint8_t *)copy.p, n, 100, &f, &need, &err)) {
        case FRAME_OK:
            assert_in_range(need, LINK_FRAME_HEAD, n);
            assert_int_equal(need, LINK_FRAME_HEAD + f.body.n);
            break;
        case FRAME_MORE:
            assert_in_range(need, n + 1, LINK_FRAME_HEAD + 100);
            break;
        case FRAME_BAD:
            assert_int_not_equal(err.code, OK);
            assert_true(err.text[0] != '\0');
            break;
        }
        heap_free(copy);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_comes_back),
        cmocka_unit_test(a_frame_in_pieces_says_how_much_it_needs),
        cmocka_unit_test(what_cannot_be_a_frame_is_refused_as_soon_as_it_shows),
        cmocka_unit_test(the_longest_body_passes_and_one_byte_more_does_not),
        cmocka_unit_test(reserved_flags_that_may_be_ignored_are),
        cmocka_unit_test(a_body_written_in_place_gets_its_length),
        cmocka_unit_test(a_frame_that_does_not_fit_leaves_the_whole_ones_before),
        cmocka_unit_test(random_bytes_never_break_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
