#include "server/base/crc32c.h"
#include "server/base/rand.h"
#include "server/history/chunk.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct chunk_work work;
static struct chunk_sample in[CHUNK_SAMPLES_MAX];
static struct chunk_sample out[CHUNK_SAMPLES_MAX];

static void same(const struct chunk_sample *a, const struct chunk_sample *b) {
    assert_true(a->t_us == b->t_us);
    assert_true(a->tag_key == b->tag_key);
    assert_int_equal(a->quality, b->quality);
    assert_int_equal(a->kind, b->kind);
    if (a->kind == CHUNK_NUMBER) {
        assert_memory_equal(&a->number, &b->number, sizeof a->number);
    }
    if (a->kind == CHUNK_TEXT) {
        assert_true(slice_eq(a->text, b->text));
    }
}

static size_t packed_as(uint32_t n, bool mixed) {
    struct buf b;
    struct error err;
    uint32_t ret_n = 0;
    buf_init(&b, 64 << 20);
    if (mixed) {
        chunk_put_columns(&work.columns, in, n);
        chunk_write_columns_mixed(&b, &work);
    } else {
        chunk_write(&b, in, n, &work);
    }
    assert_false(b.failed);
    memset(&work, 0x77, sizeof work);
    assert_int_equal(chunk_read(buf_slice(&b), &work, out, &ret_n, &err), OK);
    assert_int_equal(ret_n, n);
    for (uint32_t i = 0; i < n; i++) {
        same(&in[i], &out[i]);
    }
    size_t size = b.n;
    buf_done(&b);
    return size;
}

static size_t packed(uint32_t n) {
    return packed_as(n, false);
}

/* A pressure at one hertz, hundredths: the usual. */
static void pressure(uint32_t n) {
    struct rand r;
    int64_t at = 523;
    rand_seed(&r, 1);
    for (uint32_t i = 0; i < n; i++) {
        at += (int64_t)rand_below(&r, 7) - 3;
        in[i] = (struct chunk_sample){.t_us = INT64_C(1764400000000000) + i * INT64_C(1000000),
                                      .kind = CHUNK_NUMBER,
                                      .number = (double)at / 100};
    }
}

static void an_analogue_tag_takes_half_a_byte_a_sample(void **state) {
    (void)state;
    pressure(600);
    assert_in_range(packed(600), 100, 600 / 2);
}

static void a_state_that_stays_takes_nothing(void **state) {
    (void)state;
    pressure(4096);
    for (int i = 0; i < 4096; i++) {
        in[i].number = 1;
    }
    assert_in_range(packed(4096), 20, 40);
    assert_in_range(packed(1), 20, 40);
}

static void qualities_texts_and_absent_values_come_back(void **state) {
    (void)state;
    char text[CHUNK_TEXT_MAX];
    memset(text, 'x', sizeof text);
    pressure(600);
    for (int i = 100; i < 200; i++) {
        in[i].quality = 0x88;
        in[i].kind = CHUNK_NOTHING;
    }
    for (int i = 300; i < 400; i++) {
        in[i].kind = CHUNK_TEXT;
        in[i].text = slice_str(i % 3 == 0 ? "filling" : i % 3 == 1 ? "" : "settling, then emptying");
    }
    in[300].text = slice_of(text, sizeof text);
    assert_in_range(packed(600), 4096, 4096 + 600);
    for (int i = 0; i < 600; i++) {
        in[i].kind = CHUNK_NOTHING;
    }
    packed(600);
}

static void texts_that_never_repeat_come_back(void **state) {
    (void)state;
    static char texts[CHUNK_SAMPLES_MAX][8];
    pressure(CHUNK_SAMPLES_MAX);
    for (int i = 0; i < CHUNK_SAMPLES_MAX; i++) {
        in[i].kind = CHUNK_TEXT;
        in[i].text = slice_of(texts[i], (size_t)snprintf(texts[i], sizeof texts[i], "%d", i * 7 % 3000));
    }
    packed(CHUNK_SAMPLES_MAX);
}

/* A record's worth: forty tags at one moment, some of them behind the others, some of an hour ago. */
static void samples_of_several_tags_come_back(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 3);
    pressure(400);
    for (int i = 0; i < 400; i++) {
        in[i].tag_key = 1000 + i % 40 * 3;
        in[i].t_us =
            INT64_C(1764400000000000) + i / 40 * INT64_C(1000000) - (i % 7 == 0 ? INT64_C(3600000000) : 0);
        in[i].number = (double)rand_below(&r, 10000) / 100;
    }
    assert_in_range(packed_as(400, true), 400, 400 * 6);
    for (int i = 0; i < 400; i++) {
        in[i].tag_key = 0;
    }
}

static void anything_comes_back(void **state) {
    (void)state;
    const char *seed_text = getenv("SEED");
    uint64_t seed = seed_text == NULL ? 9 : strtoull(seed_text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    static const char letters[] = "abcdefghij";
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < 500; round++) {
        uint32_t n = 1 + (uint32_t)rand_below(&r, 300);
        unsigned wide = 1 + (unsigned)rand_below(&r, 40);
        int64_t t_us = (int64_t)rand_below(&r, 1 << 30);
        uint64_t mixed = rand_below(&r, 4);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t bits = rand_u64(&r);
            t_us += 1 + (int64_t)(rand_u64(&r) >> (64 - wide));
            in[i] = (struct chunk_sample){.t_us = t_us,
                                          .quality = (uint8_t)(mixed == 0 ? 0 : rand_below(&r, 256)),
                                          .kind = (uint8_t)(mixed == 0 ? 1 : rand_below(&r, 3)),
                                          .text = slice_of(letters, rand_below(&r, 11))};
            memcpy(&in[i].number, &bits, sizeof bits);
        }
        packed(n);
        for (uint32_t i = 0; i < n; i++) {
            in[i].tag_key = (int64_t)rand_u64(&r) >> rand_below(&r, 64);
            in[i].t_us = (int64_t)rand_u64(&r);
        }
        packed_as(n, true);
        for (uint32_t i = 0; i < n; i++) {
            in[i].tag_key = 0;
        }
    }
}

/* Every bit is guarded; with the guard made right again nothing breaks but the answer. */
static void damage_is_told(void **state) {
    (void)state;
    struct buf b;
    struct error err;
    uint32_t n = 77;
    buf_init(&b, 1 << 20);
    pressure(50);
    in[20].kind = CHUNK_TEXT;
    in[20].text = slice_str("text");
    in[21].quality = 3;
    chunk_write(&b, in, 50, &work);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum status status = chunk_read(buf_slice(&b), &work, out, &n, &err);
        assert_int_equal(status, bit < 8 && b.p[0] != 2 ? ERR_UNSUPPORTED : ERR_INVALID);
        assert_int_equal(n, 77);
        b.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < b.n; cut++) {
        uint8_t *exact = malloc(cut + 4);
        assert_non_null(exact);
        memcpy(exact, b.p, cut);
        uint32_t crc = crc32c(0, exact, cut);
        memcpy(exact + cut, &crc, sizeof crc);
        if (cut + 4 != b.n) {
            assert_int_not_equal(chunk_read(slice_of(exact, cut + 4), &work, out, &n, &err), OK);
            assert_int_not_equal(chunk_read(slice_of(exact, cut), &work, out, &n, &err), OK);
        }
        free(exact);
    }
    buf_done(&b);
}

/* Columns take the samples of several chunks, of all kinds, and nothing of one that cannot be read. */
static void chunks_are_read_behind_each_other(void **state) {
    (void)state;
    struct buf b;
    struct error err;
    buf_init(&b, 1 << 20);
    pressure(90);
    for (uint32_t i = 0; i < 90; i++) {
        in[i].kind = (uint8_t)(i % 3);
        in[i].text = slice_str(i % 2 == 0 ? "open" : "shut");
        in[i].tag_key = i < 30 ? 0 : 7 + i % 5;
    }
    chunk_write(&b, in, 30, &work);
    size_t first = b.n;
    chunk_put_columns(&work.columns, in + 30, 60);
    chunk_write_columns_mixed(&b, &work);
    struct slice parts[] = {slice_of(b.p, first), slice_of(b.p + first, b.n - first)};
    memset(&work, 0x77, sizeof work);
    chunk_columns_clear(&work.columns);
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_int_equal(chunk_read_columns(parts[i], &work, &err), OK);
        b.p[b.n - 1] ^= 1;
        assert_int_equal(chunk_read_columns(parts[1], &work, &err), ERR_INVALID);
        b.p[b.n - 1] ^= 1;
    }
    assert_int_equal(work.columns.n, 90);
    assert_int_equal(work.columns.n_numbers, 30);
    assert_int_equal(work.columns.n_texts, 30);
    chunk_take_columns(&work.columns, out);
    for (uint32_t i = 0; i < 90; i++) {
        same(&in[i], &out[i]);
    }
    while (work.columns.n + 60 <= CHUNK_SAMPLES_MAX) {
        assert_int_equal(chunk_read_columns(parts[1], &work, &err), OK);
    }
    assert_int_equal(chunk_read_columns(parts[1], &work, &err), ERR_TOO_BIG);
    assert_int_equal(chunk_read_columns(parts[0], &work, &err), OK);
    buf_done(&b);
    for (uint32_t i = 0; i < 90; i++) {
        in[i].tag_key = 0;
    }
}

static void a_full_buffer_is_marked(void **state) {
    (void)state;
    struct buf b;
    pressure(600);
    for (size_t max = 1; max < 200; max += 7) {
        buf_init(&b, max);
        chunk_write(&b, in, 600, &work);
        assert_true(b.failed);
        buf_done(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_analogue_tag_takes_half_a_byte_a_sample),
        cmocka_unit_test(a_state_that_stays_takes_nothing),
        cmocka_unit_test(qualities_texts_and_absent_values_come_back),
        cmocka_unit_test(texts_that_never_repeat_come_back),
        cmocka_unit_test(samples_of_several_tags_come_back),
        cmocka_unit_test(anything_comes_back),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(chunks_are_read_behind_each_other),
        cmocka_unit_test(a_full_buffer_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
