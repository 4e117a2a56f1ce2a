#include "server/base/rand.h"
#include "server/history/numbers.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct chunk_work work;
static double in[CHUNK_SAMPLES_MAX];
static double out[CHUNK_SAMPLES_MAX];

/* Bytes of in[0..n), all bits of which must come back; in *ret_codec what was chosen. */
static size_t packed(uint32_t n, enum chunk_codec *ret_codec) {
    struct buf b;
    buf_init(&b, 1 << 20);
    numbers_write(&b, in, n, &work);
    assert_false(b.failed);
    size_t size = b.n;
    *ret_codec = (enum chunk_codec)b.p[0];
    buf_text(&b, "behind");
    memset(out, 0x55, sizeof out);
    memset(&work, 0x77, sizeof work);
    assert_int_equal(numbers_read(buf_slice(&b), n, &work, out), size);
    assert_memory_equal(out, in, n * sizeof in[0]);
    uint8_t *exact = malloc(size);
    assert_non_null(exact);
    for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
        memcpy(exact, b.p, cut);
        assert_true(numbers_read(slice_of(exact, cut), n, &work, out) == 0);
    }
    free(exact);
    buf_done(&b);
    return size;
}

static void walk(uint64_t seed, double step, double start, double (*make)(int64_t steps, double step)) {
    struct rand r;
    rand_seed(&r, seed);
    int64_t at = (int64_t)(start / step);
    for (int i = 0; i < CHUNK_SAMPLES_MAX; i++) {
        at += (int64_t)rand_below(&r, 9) - 4;
        in[i] = make(at, step);
    }
}

static double divided(int64_t steps, double step) {
    return (double)steps / (1 / step);
}
static double multiplied(int64_t steps, double step) {
    return (double)steps * step;
}
static double single(int64_t steps, double step) {
    return (double)(float)((double)steps / (1 / step));
}
static double odd(int64_t steps, double step) {
    return (double)steps * 0.037234567891234567 - 40.3 + 0 * step;
}

static void the_same_number_is_written_once(void **state) {
    (void)state;
    enum chunk_codec codec;
    for (int i = 0; i < 1000; i++) {
        in[i] = M_PI;
    }
    assert_int_equal(packed(1000, &codec), 9);
    assert_int_equal(codec, CHUNK_CONSTANT);
    assert_int_equal(packed(1, &codec), 9);
}

/* However the gateway made its hundredths: by division, by multiplication, as a float. */
static void hundredths_are_steps_whoever_made_them(void **state) {
    (void)state;
    double (*const makers[])(int64_t, double) = {divided, multiplied, single};
    for (size_t i = 0; i < COUNT(makers); i++) {
        enum chunk_codec codec;
        walk(i, 0.01, 57.3, makers[i]);
        assert_in_range(packed(4096, &codec), 1, 4096);
        assert_int_equal(codec, CHUNK_SCALED);
    }
}

/* Whole numbers of an instrument, scaled by numbers that nobody told: the scale is found. */
static void a_scale_is_found(void **state) {
    (void)state;
    enum chunk_codec codec;
    walk(4, 0.037234567891234567, 12, odd);
    assert_in_range(packed(4096, &codec), 1, 4096 * 7 / 8);
    assert_int_equal(codec, CHUNK_SCALED);
}

/* -0.0, NaN and a number with all digits among hundredths cost their own bytes, not everybody's. */
static void strangers_stand_apart(void **state) {
    (void)state;
    enum chunk_codec codec;
    walk(5, 0.01, 57.3, divided);
    size_t pure = packed(4096, &codec);
    in[0] = -0.0;
    in[77] = NAN;
    in[78] = INFINITY;
    in[4000] = M_PI;
    in[4095] = 5e-324;
    assert_in_range(packed(4096, &codec), pure + 40, pure + 100);
    assert_int_equal(codec, CHUNK_SCALED);
}

static void odd_bits_come_back(void **state) {
    (void)state;
    static const uint64_t bits[] = {0,
                                    0x8000000000000000,
                                    1,
                                    0x7FF8000000000001,
                                    0xFFF8DEADBEEF0001,
                                    0x7FF0000000000001,
                                    0x7FF0000000000000,
                                    0xFFF0000000000000,
                                    0x7FEFFFFFFFFFFFFF,
                                    0x000FFFFFFFFFFFFF,
                                    0x3FF0000000000000,
                                    0x4340000000000000,
                                    0x4340000000000001,
                                    0xC340000000000001};
    enum chunk_codec codec;
    memcpy(in, bits, sizeof bits);
    for (uint32_t n = 1; n <= COUNT(bits); n++) {
        packed(n, &codec);
    }
    struct rand r;
    rand_seed(&r, 6);
    for (int i = 0; i < 4096; i++) {
        memcpy(&in[i], &bits[rand_below(&r, COUNT(bits))], sizeof in[i]);
    }
    packed(4096, &codec);
}

static void noise_costs_no_more_than_its_bytes(void **state) {
    (void)state;
    enum chunk_codec codec;
    struct rand r;
    rand_seed(&r, 7);
    for (int i = 0; i < 4096; i++) {
        uint64_t bits = rand_u64(&r);
        memcpy(&in[i], &bits, sizeof bits);
    }
    assert_in_range(packed(4096, &codec), 4096 * 7, 4096 * 8 + 1);
    for (int i = 0; i < 4096; i++) {
        in[i] = rand_unit(&r);
    }
    assert_in_range(packed(4096, &codec), 4096 * 6, 4096 * 8 + 1);
    /* What changes little is what xor is for. */
    double v = 1000;
    for (int i = 0; i < 4096; i++) {
        v = rand_below(&r, 8) == 0 ? v * 1.0000001 : v;
        in[i] = v;
    }
    assert_in_range(packed(4096, &codec), 1, 4096 * 2);
    assert_int_equal(codec, CHUNK_XOR);
}

static double any_number(struct rand *r, uint64_t style, double last) {
    uint64_t bits = rand_u64(r);
    double v;
    switch (style) {
    case 0:
        return (double)(int64_t)rand_below(r, 1000) / 10;
    case 1:
        return (double)(float)rand_unit(r);
    case 2:
        return last + rand_unit(r) * 1e-6;
    case 3:
        return last;
    case 4:
        memcpy(&v, &bits, sizeof v);
        return v;
    case 5:
        return (double)(int64_t)bits;
    case 6:
        return odd((int64_t)rand_below(r, 1000), 1);
    default:
        return floor(last) + 1;
    }
}

static void anything_comes_back(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 8 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < 1000; round++) {
        enum chunk_codec codec;
        uint32_t n = 1 + (uint32_t)rand_below(&r, 150);
        uint64_t style = rand_below(&r, 8);
        uint64_t rare = 1 + rand_below(&r, 100);
        double last = 0;
        for (uint32_t i = 0; i < n; i++) {
            last = any_number(&r, rand_below(&r, rare) == 0 ? rand_below(&r, 8) : style, last);
            in[i] = last;
        }
        packed(n, &codec);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_number_is_written_once),
        cmocka_unit_test(hundredths_are_steps_whoever_made_them),
        cmocka_unit_test(a_scale_is_found),
        cmocka_unit_test(strangers_stand_apart),
        cmocka_unit_test(odd_bits_come_back),
        cmocka_unit_test(noise_costs_no_more_than_its_bytes),
        cmocka_unit_test(anything_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
