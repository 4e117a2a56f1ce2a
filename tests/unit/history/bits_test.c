#include "server/base/rand.h"
#include "server/history/bits.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 2000 };

static int64_t in[MANY];
static int64_t out[MANY];

/* Bytes of the column of in[0..n), which must come back whole, and from no shorter piece. */
static size_t column_of(uint32_t n) {
    struct buf b;
    buf_init(&b, 1 << 20);
    column_write(&b, in, n);
    assert_false(b.failed);
    size_t size = b.n;
    buf_text(&b, "what follows");
    memset(out, 0x55, sizeof out);
    assert_int_equal(column_read(buf_slice(&b), n, out), size);
    assert_memory_equal(out, in, n * sizeof in[0]);
    uint8_t *exact = malloc(size);
    assert_non_null(exact);
    for (size_t cut = 0; cut < size; cut += 1 + size / 50) {
        memcpy(exact, b.p, cut);
        assert_true(column_read(slice_of(exact, cut), n, out) == 0);
    }
    free(exact);
    buf_done(&b);
    return size;
}

static void bits_come_back_in_any_width(void **state) {
    (void)state;
    struct rand r;
    uint8_t room[MANY * 8 + 16];
    uint64_t v[MANY];
    unsigned n[MANY];
    struct bit_writer w;
    rand_seed(&r, 1);
    bits_init(&w, room);
    for (int i = 0; i < MANY; i++) {
        n[i] = (unsigned)rand_below(&r, 65);
        v[i] = rand_u64(&r);
        bits_put(&w, v[i], n[i]);
        v[i] = n[i] == 64 ? v[i] : v[i] & ((UINT64_C(1) << n[i]) - 1);
    }
    size_t size = bits_end(&w);
    struct bit_reader b;
    bits_open(&b, room, size);
    for (int i = 0; i < MANY; i++) {
        assert_true(bits_get(&b, n[i]) == v[i]);
    }
    assert_false(b.failed);
    assert_int_equal(bits_used(&b), size);
    assert_true(bits_get(&b, 9) == 0);
    assert_true(b.failed);
}

static void a_clock_that_ticks_takes_no_bits(void **state) {
    (void)state;
    for (int i = 0; i < MANY; i++) {
        in[i] = INT64_C(1700000000000000) + INT64_C(1000000) * i;
    }
    assert_in_range(column_of(MANY), 1, 16);
}

static void small_steps_take_few_bits(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 2);
    in[0] = 1000;
    for (int i = 1; i < MANY; i++) {
        in[i] = in[i - 1] + (int64_t)rand_below(&r, 9) - 4;
    }
    assert_in_range(column_of(MANY) * 8, MANY * 3, MANY * 4 + 200);
}

/* Steps of 250 cost what steps of one do. */
static void a_common_unit_is_found(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 2);
    in[0] = -17;
    for (int i = 1; i < MANY; i++) {
        in[i] = in[i - 1] + 250 * ((int64_t)rand_below(&r, 9) - 4);
    }
    assert_in_range(column_of(MANY) * 8, MANY * 3, MANY * 4 + 200);
}

/* … whatever it is: odd, a power of two, or both, up to the largest that there can be. */
static void any_unit_is_found(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 4);
    for (unsigned wide = 1; wide < 62; wide++) {
        uint64_t unit = rand_u64(&r) >> (64 - wide) | UINT64_C(1) << (wide - 1);
        unit = wide % 3 == 0 ? UINT64_C(1) << (wide - 1) : unit;
        in[0] = INT64_C(1) << 61;
        for (int i = 1; i < 200; i++) {
            in[i] = in[0] - (int64_t)(unit * rand_below(&r, i < 3 ? 3 : 2));
        }
        in[1] = in[0] - (int64_t)unit;
        assert_in_range(column_of(200), 1, 60 + 20);
    }
}

/* Steady means with one step for all, and steps are counted modulo 2^64. */
static void what_is_steady_takes_no_bits(void **state) {
    (void)state;
    static const int64_t steps[] = {0, 1, 7, INT64_C(1) << 40, INT64_MAX};
    for (size_t s = 0; s < COUNT(steps); s++) {
        for (int i = 0; i < MANY; i++) {
            in[i] = (int64_t)(UINT64_C(5) + (uint64_t)i * (uint64_t)steps[s]);
        }
        assert_in_range(column_of(MANY), 3, 12);
    }
    for (int i = 0; i < MANY; i++) {
        in[i] = 9 - 1000 * i;
    }
    assert_in_range(column_of(MANY), MANY / 8, MANY / 8 + 16);
    for (int odd = 1; odd < 6; odd++) {
        for (int i = 0; i < 6; i++) {
            in[i] = 1000 * i + (i >= odd);
        }
        column_of(6);
    }
}

/* A column is judged by a part of it: that part must not be of one phase of what repeats itself. */
static void what_repeats_itself_is_seen_whole(void **state) {
    (void)state;
    for (int period = 2; period <= 64; period++) {
        for (int phase = 0; phase < period; phase++) {
            for (int i = 0; i < 512; i++) {
                in[i] = i % period == phase ? 3 : 1000 * (i % 2 == 0 ? 1 : -1) + i * 7 % 13;
            }
            assert_in_range(column_of(512), 1, 512 * 13 / 8 + 16);
        }
    }
}

static void extremes_come_back(void **state) {
    (void)state;
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, 0, -1, INT64_MIN, INT64_MIN + 1,
                                  INT64_MAX, 1,         5, 5,  5};
    memcpy(in, odd, sizeof odd);
    for (uint32_t n = 1; n <= COUNT(odd); n++) {
        column_of(n);
    }
    in[0] = INT64_MIN;
    in[1] = 0;
    in[2] = INT64_MIN;
    column_of(3);
}

static void anything_comes_back(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 3 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < 300; round++) {
        uint32_t n = 1 + (uint32_t)rand_below(&r, 200);
        unsigned wide = (unsigned)rand_below(&r, 65);
        unsigned rare = 1 + (unsigned)rand_below(&r, 20);
        int64_t v = (int64_t)rand_u64(&r);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t step = wide == 0 ? 0 : rand_u64(&r) >> (64 - wide);
            step = rand_below(&r, rare) == 0 ? rand_u64(&r) : step;
            v = (int64_t)((uint64_t)v + step);
            in[i] = v;
        }
        column_of(n);
    }
}

static void a_broken_column_is_refused(void **state) {
    (void)state;
    static const uint8_t order3[] = {0xC0, 0, 1, 0, 0};
    static const uint8_t k62[] = {0x3E, 0, 1, 0, 0};
    assert_true(column_read(slice_of(order3, sizeof order3), 2, out) == 0);
    assert_true(column_read(slice_of(k62, sizeof k62), 2, out) == 0);
    assert_true(column_read(slice_of("", 0), 2, out) == 0);
}

static size_t runs_of(const uint8_t *v, uint32_t n) {
    uint8_t back[300];
    struct buf b;
    buf_init(&b, 4096);
    runs_write(&b, v, n);
    size_t size = b.n;
    assert_false(b.failed);
    buf_text(&b, "behind");
    assert_int_equal(runs_read(buf_slice(&b), n, back), size);
    assert_memory_equal(back, v, n);
    for (size_t cut = 0; cut < size; cut++) {
        assert_true(runs_read(slice_of(b.p, cut), n, back) == 0);
    }
    buf_done(&b);
    return size;
}

static void runs_come_back(void **state) {
    (void)state;
    uint8_t v[300] = {0};
    assert_int_equal(runs_of(v, 300), 2);
    assert_int_equal(runs_of(v, 1), 2);
    v[0] = 7;
    v[299] = 9;
    assert_int_equal(runs_of(v, 300), 1 + 2 + 3 + 1);
    for (int i = 0; i < 300; i++) {
        v[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(runs_of(v, 300), 301);
    assert_int_equal(runs_of(v, 2), 3);
    assert_int_equal(runs_of(v, 3), 4);
}

/* Lengths that are more than there is. */
static void a_run_too_long_is_refused(void **state) {
    (void)state;
    static const uint8_t runs[] = {2, 5, 9, 6};
    uint8_t back[8];
    assert_true(runs_read(slice_of(runs, sizeof runs), 8, back) == 0);
    assert_true(runs_read(slice_of(runs, 1), 1, back) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_come_back_in_any_width),
        cmocka_unit_test(a_clock_that_ticks_takes_no_bits),
        cmocka_unit_test(small_steps_take_few_bits),
        cmocka_unit_test(a_common_unit_is_found),
        cmocka_unit_test(any_unit_is_found),
        cmocka_unit_test(what_is_steady_takes_no_bits),
        cmocka_unit_test(what_repeats_itself_is_seen_whole),
        cmocka_unit_test(extremes_come_back),
        cmocka_unit_test(anything_comes_back),
        cmocka_unit_test(a_broken_column_is_refused),
        cmocka_unit_test(runs_come_back),
        cmocka_unit_test(a_run_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
