/* What must hold for each message, whatever it says. A test program defines message_codecs() and lists
 * MESSAGE_TESTS among its tests. */
#ifndef PENSTOCK_TESTS_WIRE_MESSAGE_TABLE_H
#define PENSTOCK_TESTS_WIRE_MESSAGE_TABLE_H

#include "protocol/limits.h"
#include "tests/unit/wire/codec.h"

struct codec {
    const char *name; /* as errors name it */
    size_t size;      /* of the struct */
    enum status (*decode)(struct slice body, void *ret, struct error *err);
    void (*encode)(struct buf *out, const void *m);
    void (*full)(void *ret); /* every field at its largest; ret is zeroed */
    uint32_t optional_ends; /* how many of a full message's cuts are messages too: before an optional field */
};

static const struct codec *message_codecs(size_t *ret_n);

/* The functions that a row of the table names, for struct msg_KIND and KIND_encode, KIND_decode. */
#define CODEC(kind)                                                                                          \
    static enum status kind##_in(struct slice body, void *ret, struct error *err) {                          \
        return kind##_decode(body, ret, err);                                                                \
    }                                                                                                        \
    static void kind##_out(struct buf *out, const void *m) {                                                 \
        kind##_encode(out, m);                                                                               \
    }
#define ROW(name, kind, ends)                                                                                \
    { name, sizeof(struct msg_##kind), kind##_in, kind##_out, kind##_full, ends }

static char long_text[LINK_STRING_MAX + 1];

static inline struct slice text_of(size_t n) {
    memset(long_text, 'x', sizeof long_text);
    return slice_of(long_text, n);
}

static inline void *new_message(const struct codec *c, int filling) {
    void *m = malloc(c->size);
    assert_non_null(m);
    memset(m, filling, c->size);
    return m;
}

static inline void encode_message(const struct codec *c, const void *m, struct buf *out) {
    buf_clear(out);
    c->encode(out, m);
    assert_int_equal(buf_status(out, NULL), OK);
}

static inline void encode_full(const struct codec *c, struct buf *out) {
    void *m = new_message(c, 0);
    c->full(m);
    encode_message(c, m, out);
    free(m);
}

static void every_message_comes_back_with_every_field_at_its_largest(void **state) {
    (void)state;
    struct buf first;
    struct buf second;
    buf_init(&first, LINK_BODY_MAX);
    buf_init(&second, LINK_BODY_MAX);
    size_t n = 0;
    const struct codec *codecs = message_codecs(&n);
    for (size_t i = 0; i < n; i++) {
        encode_full(&codecs[i], &first);
        struct slice copy = heap_copy(first.p, first.n);
        void *back = new_message(&codecs[i], 0xEE);
        struct error err = {0};
        assert_int_equal(codecs[i].decode(copy, back, &err), OK);
        encode_message(&codecs[i], back, &second);
        assert_int_equal(first.n, second.n);
        assert_memory_equal(first.p, second.p, first.n);
        free(back);
        heap_free(copy);
    }
    buf_done(&first);
    buf_done(&second);
}

static void a_message_fits_exactly_and_not_into_one_byte_less(void **state) {
    (void)state;
    size_t n = 0;
    const struct codec *codecs = message_codecs(&n);
    for (size_t i = 0; i < n; i++) {
        struct buf b;
        buf_init(&b, LINK_BODY_MAX);
        encode_full(&codecs[i], &b);
        size_t size = b.n;
        buf_done(&b);
        buf_init(&b, size);
        encode_full(&codecs[i], &b);
        assert_int_equal(b.n, size);
        buf_done(&b);
        buf_init(&b, size - 1);
        void *m = new_message(&codecs[i], 0);
        codecs[i].full(m);
        codecs[i].encode(&b, m);
        assert_int_equal(buf_status(&b, NULL), ERR_TOO_BIG);
        free(m);
        buf_done(&b);
    }
}

static void every_cut_is_refused_with_the_offset_named(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    size_t n_codecs = 0;
    const struct codec *codecs = message_codecs(&n_codecs);
    for (size_t i = 0; i < n_codecs; i++) {
        encode_full(&codecs[i], &b);
        uint32_t accepted = 0;
        void *back = new_message(&codecs[i], 0);
        for (size_t n = 0; n < b.n; n++) {
            struct slice copy = heap_copy(b.p, n);
            struct error err = {0};
            enum status status = codecs[i].decode(copy, back, &err);
            accepted += status == OK;
            if (status != OK) {
                char start[64];
                (void)snprintf(start, sizeof start, "%s, offset ", codecs[i].name);
                assert_memory_equal(err.where, start, strlen(start));
                assert_true(err.text[0] != '\0');
            }
            heap_free(copy);
        }
        assert_int_equal(accepted, codecs[i].optional_ends);
        free(back);
    }
    buf_done(&b);
}

static void fields_of_later_versions_are_skipped(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    size_t n = 0;
    const struct codec *codecs = message_codecs(&n);
    for (size_t i = 0; i < n; i++) {
        encode_full(&codecs[i], &b);
        buf_append(&b, "\x63\x03new\x64\x00", 7);
        struct slice copy = heap_copy(b.p, b.n);
        void *back = new_message(&codecs[i], 0);
        struct error err = {0};
        assert_int_equal(codecs[i].decode(copy, back, &err), OK);
        heap_free(copy);
        copy = heap_copy(b.p, b.n - 1);
        assert_int_equal(codecs[i].decode(copy, back, &err), ERR_INVALID);
        heap_free(copy);
        free(back);
    }
    buf_done(&b);
}

static void mutated_messages_are_refused_or_mean_what_they_encode_to(void **state) {
    (void)state;
    enum { ROOM = LINK_CONFIG_CHUNK_MAX + 1024 };
    struct rand r;
    seed_from_environment(&r);
    struct buf b;
    struct buf again;
    buf_init(&b, LINK_BODY_MAX);
    buf_init(&again, LINK_BODY_MAX);
    size_t n_codecs = 0;
    const struct codec *codecs = message_codecs(&n_codecs);
    uint8_t *bytes = malloc(ROOM);
    assert_non_null(bytes);
    for (uint32_t turn = 0; turn < 5000 * n_codecs; turn++) {
        const struct codec *c = &codecs[turn % n_codecs];
        encode_full(c, &b);
        size_t n = rand_below(&r, 4) == 0 ? (size_t)rand_below(&r, 64) : b.n;
        n = n < b.n ? n : b.n;
        memcpy(bytes, b.p, n);
        n = mutate(&r, bytes, n, ROOM);
        struct slice copy = heap_copy(bytes, n);
        void *one = new_message(c, 0);
        void *two = new_message(c, 0);
        struct error err = {0};
        if (c->decode(copy, one, &err) == OK) {
            encode_message(c, one, &b);
            assert_int_equal(c->decode(buf_slice(&b), two, &err), OK);
            encode_message(c, two, &again);
            assert_int_equal(b.n, again.n);
            assert_memory_equal(b.p, again.p, b.n);
        } else {
            assert_non_null(strstr(err.where, "offset "));
        }
        free(one);
        free(two);
        heap_free(copy);
    }
    free(bytes);
    buf_done(&b);
    buf_done(&again);
}

static void nothing_is_written_on_failure(void **state) {
    (void)state;
    size_t n = 0;
    const struct codec *codecs = message_codecs(&n);
    for (size_t i = 0; i < n; i++) {
        void *m = new_message(&codecs[i], 0xEE);
        void *before = new_message(&codecs[i], 0xEE);
        assert_int_not_equal(codecs[i].decode(slice_str("\x02"), m, NULL), OK);
        assert_memory_equal(m, before, codecs[i].size);
        free(m);
        free(before);
    }
}

#define MESSAGE_TESTS                                                                                        \
    cmocka_unit_test(every_message_comes_back_with_every_field_at_its_largest),                              \
        cmocka_unit_test(a_message_fits_exactly_and_not_into_one_byte_less),                                 \
        cmocka_unit_test(every_cut_is_refused_with_the_offset_named),                                        \
        cmocka_unit_test(fields_of_later_versions_are_skipped),                                              \
        cmocka_unit_test(mutated_messages_are_refused_or_mean_what_they_encode_to),                          \
        cmocka_unit_test(nothing_is_written_on_failure)

/* --- refusals by a table --- */

struct bad {
    struct slice bytes;
    enum status status;
    const char *where;
    const char *text;
};

#define BYTES(text)                                                                                          \
    { (text), sizeof(text) - 1 }

static inline void check_bad(const struct codec *c, const struct bad *v, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct slice copy = heap_copy(v[i].bytes.p, v[i].bytes.n);
        struct error err = {0};
        void *m = new_message(c, 0);
        enum status status = c->decode(copy, m, &err);
        assert_string_equal(err.text, v[i].text);
        assert_string_equal(err.where, v[i].where);
        assert_int_equal(status, v[i].status);
        free(m);
        heap_free(copy);
    }
}

#endif
