#include "protocol/msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/codec.h"

#include <math.h>

#define T0 INT64_C(1764000000000000)

enum { TYPE_LATER = 77 };

/* The dictionary of these tests: alias modulo 10 is the type, 0 is none. */
static uint8_t type_of(void *ctx, uint32_t alias) {
    (void)ctx;
    return alias == TYPE_LATER ? TYPE_LATER : (uint8_t)(alias % 10);
}

struct list {
    struct link_sample *v;
    uint32_t n;
    uint32_t cap;
    uint32_t stop_at; /* 0: never */
};

static enum status keep(void *ctx, const struct link_sample *s, struct error *err) {
    struct list *l = ctx;
    if (l->stop_at > 0 && l->n + 1 == l->stop_at) {
        return error_set(err, ERR_DENIED, "here", "no more");
    }
    assert_in_range(l->n, 0, l->cap - 1);
    l->v[l->n++] = *s;
    return OK;
}

static struct list list_of(uint32_t cap) {
    struct list l = {.v = calloc(cap, sizeof *l.v), .cap = cap};
    assert_non_null(l.v);
    return l;
}

static bool has_value(const struct link_sample *s) {
    return (s->quality & LINK_QUALITY_NO_VALUE) == 0;
}

static void assert_same(const struct link_sample *a, const struct link_sample *b) {
    assert_int_equal(a->alias, b->alias);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->quality, b->quality);
    assert_true(a->t_us == b->t_us);
    if (!has_value(a)) {
        return;
    }
    if (a->type == VALUE_STRING || a->type == VALUE_BYTES) {
        assert_true(slice_eq(a->s, b->s));
    } else {
        assert_memory_equal(&a->u, &b->u, sizeof a->u); /* floats to the bit: -0 is not 0 */
    }
}

static size_t round_trip(const struct link_sample *v, uint32_t n) {
    struct buf b;
    buf_init(&b, (size_t)LINK_BODY_MAX_HARD * 4);
    data_encode(&b, v, n);
    assert_int_equal(buf_status(&b, NULL), OK);
    size_t size = b.n;
    struct slice copy = heap_copy(b.p, b.n);
    struct list out = list_of(n);
    struct error err = {0};
    enum status status = data_decode(copy, type_of, keep, &out, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(status, OK);
    assert_int_equal(out.n, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_same(&v[i], &out.v[i]);
    }
    heap_free(copy);
    free(out.v);
    buf_done(&b);
    return size;
}

static struct link_sample whole(uint32_t alias, int64_t t_us, int64_t value) {
    return (struct link_sample){.alias = alias, .type = type_of(NULL, alias), .t_us = t_us, .i = value};
}

static struct link_sample real(uint32_t alias, int64_t t_us, double value) {
    return (struct link_sample){.alias = alias, .type = type_of(NULL, alias), .t_us = t_us, .f = value};
}

static struct link_sample text(uint32_t alias, int64_t t_us, struct slice value) {
    return (struct link_sample){.alias = alias, .type = type_of(NULL, alias), .t_us = t_us, .s = value};
}

static struct link_sample none(uint32_t alias, int64_t t_us, uint8_t quality) {
    return (struct link_sample){.alias = alias,
                                .type = type_of(NULL, alias),
                                .t_us = t_us,
                                .quality = quality | LINK_QUALITY_NO_VALUE};
}

static const char text4096[LINK_STRING_MAX + 1];

static void every_type_comes_back_with_its_extremes(void **state) {
    (void)state;
    char longest[LINK_STRING_MAX];
    memset(longest, 'x', sizeof longest);
    const struct link_sample v[] = {
        whole(1, T0, 0),
        whole(1, T0, 1),
        whole(1, T0, 0),
        whole(2, T0, INT64_MIN),
        whole(2, T0, INT64_MAX),
        whole(2, T0, INT64_MIN),
        whole(2, T0, -1),
        whole(3, T0, -1), /* UINT64_MAX */
        whole(3, T0, 0),
        whole(3, T0, INT64_MIN),
        whole(4, T0, -12345),
        real(5, T0, 0),
        real(5, T0, -0.0),
        real(5, T0, 3.4028234663852886e38),
        real(5, T0, 1.401298464324817e-45),
        real(5, T0, -2.5),
        real(6, T0, -0.0),
        real(6, T0, 1.7976931348623157e308),
        real(6, T0, 4.9406564584124654e-324),
        real(6, T0, 0.1),
        real(6, T0, 0.1),
        real(6, T0, 0.2),
        whole(7, T0, -3),
        text(8, T0, slice_str("")),
        text(8, T0, slice_of(longest, sizeof longest)),
        text(8, T0, slice_str("Grüße")),
        text(9, T0, slice_of(text4096, LINK_STRING_MAX)),
        text(9, T0, slice_of("\xff\x00", 2)),
    };
    (void)round_trip(v, COUNT(v));
    for (uint32_t i = 0; i < COUNT(v); i++) {
        (void)round_trip(&v[i], 1);
    }
}

static void qualities_come_back_in_runs(void **state) {
    (void)state;
    struct link_sample v[8];
    for (uint32_t i = 0; i < COUNT(v); i++) {
        v[i] = whole(2, T0 + i, 10 + i);
    }
    v[2].quality = 0x81;
    v[3].quality = 0x81;
    v[4] = none(2, T0 + 4, 0x81);
    v[7].quality = 0xFF;
    v[7].i = 0;
    size_t mixed = round_trip(v, COUNT(v));
    for (uint32_t i = 0; i < COUNT(v); i++) {
        v[i] = whole(2, T0 + i, 10 + i);
    }
    size_t good = round_trip(v, COUNT(v));
    assert_int_equal(mixed, good + (size_t)(2 * 5 - 2)); /* five runs of quality, two values less */
    for (uint32_t i = 0; i < COUNT(v); i++) {
        v[i].quality = 0x40;
    }
    assert_int_equal(round_trip(v, COUNT(v)), good + 2);
    assert_int_equal(round_trip(v, 1), 8 + 1 + 1 + 1 + 1 + 1); /* a single one needs no count */
}

static void a_missing_value_does_not_disturb_the_differences(void **state) {
    (void)state;
    const struct link_sample v[] = {
        none(6, T0, 0x81),
        real(6, T0, 1.5),
        none(6, T0, 0x80),
        real(6, T0, 1.5),
        none(6, T0, 0x80),
        none(8, T0 + 1, 0x87),
        text(8, T0 + 1, slice_str("on")),
        none(9, T0 + 1, 0),
    };
    (void)round_trip(v, COUNT(v));
    struct link_sample all_null[3] = {none(6, T0, 0x81), none(6, T0, 0x81), none(6, T0, 0x81)};
    assert_int_equal(round_trip(all_null, 3), 10 + 1 + 1 + 2 + 2); /* key, count, quality run, two steps */
}

static uint8_t tick_of(const struct link_sample *v, uint32_t n) {
    struct buf b;
    buf_init(&b, 4096);
    data_encode(&b, v, n);
    uint8_t tick = b.p[8];
    buf_done(&b);
    return tick;
}

static void the_tick_is_the_largest_power_of_ten_that_divides_all_distances(void **state) {
    (void)state;
    static const struct {
        int64_t offset_us[3];
        uint8_t tick;
    } table[] = {
        {{0, 0, 0}, 6},
        {{0, 1000000, 60000000}, 6},
        {{0, 100000, 1000000}, 5},
        {{0, 20000, 40000}, 4},
        {{0, 1000, 20000}, 3},
        {{0, 100, 1000}, 2},
        {{0, 10, 1000000}, 1},
        {{0, 1, 1000000}, 0},
        {{500, 1500, 2500}, 3},
        {{7, 1000007, 2000007}, 6},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct link_sample v[3];
        for (uint32_t k = 0; k < 3; k++) {
            v[k] = whole(2, T0 + table[i].offset_us[k], 1);
        }
        assert_int_equal(tick_of(v, 3), table[i].tick);
        (void)round_trip(v, 3);
    }
}

static void a_steady_scan_costs_one_byte_a_time_and_one_a_value(void **state) {
    (void)state;
    struct link_sample v[1000];
    for (uint32_t i = 0; i < COUNT(v); i++) {
        v[i] = whole(4, T0 + i * INT64_C(1000000), 7000 + i % 3);
    }
    size_t size = round_trip(v, COUNT(v));
    assert_int_equal(size, 8 + 1 + 1 + 1 + 2 + 999 + 2 + 999);
}

static void floats_that_change_little_cost_little(void **state) {
    (void)state;
    struct link_sample v[3] = {real(6, T0, 1.0), real(6, T0, 1.0), real(6, T0, 1.5)};
    /* raw, same, one byte changed */
    assert_int_equal(round_trip(v, 3), 10 + 1 + 1 + 2 + 8 + 1 + 2);
    v[0].alias = v[1].alias = v[2].alias = 5;
    v[0].type = v[1].type = v[2].type = VALUE_F32;
    assert_int_equal(round_trip(v, 3), 10 + 1 + 1 + 2 + 4 + 1 + 2);
}

static void runs_go_back_and_forth_in_time(void **state) {
    (void)state;
    const struct link_sample v[] = {
        whole(2, T0 + 5000000, 1), whole(2, T0 + 9000000, 1),  whole(3, T0, 1),
        whole(4, T0, 1),           whole(12, T0 + 7000000, 1), whole(12, T0 + 7000000, 2),
    };
    (void)round_trip(v, COUNT(v));
    const struct link_sample far[] = {whole(2, LINK_TIME_MIN_US, 1), whole(2, LINK_TIME_MAX_US, 1),
                                      whole(3, LINK_TIME_MIN_US + 1, 1), whole(4, LINK_TIME_MAX_US, 1)};
    (void)round_trip(far, COUNT(far));
}

static void the_largest_alias_and_count_pass_and_one_more_does_not(void **state) {
    (void)state;
    const struct link_sample highest = real(LINK_ALIAS_MAX, T0, 1);
    (void)round_trip(&highest, 1);
    struct link_sample *v = calloc(LINK_SAMPLES_MAX, sizeof *v);
    assert_non_null(v);
    for (uint32_t i = 0; i < LINK_SAMPLES_MAX; i++) {
        v[i] = none(2, T0, 0x81);
    }
    (void)round_trip(v, LINK_SAMPLES_MAX);
    v[LINK_SAMPLES_MAX - 1] = none(3, T0, 0x81);
    (void)round_trip(v, LINK_SAMPLES_MAX);
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    data_encode(&b, v, LINK_SAMPLES_MAX);
    b.p[9] = 3; /* a third run, of one sample too many */
    buf_append(&b, "\x04\x81", 2);
    struct list out = list_of(LINK_SAMPLES_MAX);
    struct error err = {0};
    assert_int_equal(data_decode(buf_slice(&b), type_of, keep, &out, &err), ERR_TOO_BIG);
    assert_string_equal(err.text, "more than 65536 samples");
    free(out.v);
    buf_done(&b);
    free(v);
}

/* --- bad bytes */

#define BYTES(text)                                                                                          \
    { (text), sizeof(text) - 1 }
#define AT0  "\x00\x00\x00\x00\x00\x00\x00\x00"
#define HEAD AT0 "\x00\x01" /* tick 0, one run */
/* a run of two samples of alias 2 at t0 */
#define TWO HEAD "\x12\x02"

static void what_breaks_a_rule_is_refused_with_its_offset(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        enum status status;
        const char *where; /* offset */
        const char *text;
    } table[] = {
        {BYTES(AT0 "\x07\x01\x10\x00"), ERR_INVALID, "8", "tick is 7, at most 6 is allowed"},
        {BYTES(AT0 "\x00\x00"), ERR_INVALID, "9", "no runs: there must be at least one sample"},
        {BYTES(AT0 "\x00\x02\x10\x00"), ERR_INVALID, "9",
         "number of runs is 2, which do not fit into the 2 bytes that are left"},
        {BYTES("\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x01\x10\x00"), ERR_INVALID, "0",
         "first time 9223372036854775807 is not in the years 0001 to 9999"},
        {BYTES("\x00\x00\x00\x00\x00\x00\x00\x80\x00\x01\x10\x00"), ERR_INVALID, "0",
         "first time -9223372036854775808 is not in the years 0001 to 9999"},
        {BYTES(HEAD "\x88\x80\x80\x04\x00"), ERR_TOO_BIG, "10",
         "key of a run is 8388616, at most 8388615 is allowed"},
        {BYTES(AT0 "\x00\x02\x80\x80\x80\x04" AT0 "\x00\x00"), ERR_TOO_BIG, "22",
         "alias 1048577, at most 1048576 is allowed"},
        {BYTES(HEAD "\x50\x00"), ERR_NOT_FOUND, "10", "alias 10 is not in the dictionary"},
        {BYTES(HEAD "\xe8\x04\x00"), ERR_UNSUPPORTED, "10",
         "alias 77 has value type 77, which this version does not know"},
        {BYTES(HEAD "\x11\x01\x00"), ERR_INVALID, "11",
         "alias 2: a run must not start before the frame's first time"},
        {BYTES(HEAD "\x11\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), ERR_INVALID, "21",
         "alias 2: a time after the year 9999"},
        {BYTES(AT0 "\x06\x01\x11\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), ERR_INVALID, "21",
         "alias 2: a time after the year 9999"},
        {BYTES(HEAD "\x12\x01\x00\x00"), ERR_INVALID, "11",
         "a run of many with 1 samples, must be 2 or more"},
        {BYTES(HEAD "\x12\x03\x00\x00"), ERR_INVALID, "11",
         "number of samples in a run is 3, which do not fit into the 2 bytes that are left"},
        {BYTES(HEAD "\x12\x81\x80\x04\x00"), ERR_TOO_BIG, "11",
         "number of samples in a run is 65537, at most 65536 is allowed"},
        {BYTES(TWO "\x01\x00\x00"), ERR_INVALID, "12",
         "alias 2: time must not fall within a run, nor pass the year 9999"},
        {BYTES(HEAD "\x16\x02\x81\x03\x00\x00\x00"), ERR_TOO_BIG, "13",
         "repeat of a quality is 3, at most 2 is allowed"},
        {BYTES(HEAD "\x16\x02\x81\x00\x00\x00\x00"), ERR_INVALID, "13", "a quality that is repeated 0 times"},
        {BYTES(HEAD "\x16\x02\x81\x01\x00\x02\x00\x00"), ERR_TOO_BIG, "15",
         "repeat of a quality is 2, at most 1 is allowed"},
        {BYTES(HEAD "\x08\x04"), ERR_INVALID, "11", "alias 1: a bool must be 0 or 1"},
        {BYTES(HEAD "\x08\x01"), ERR_INVALID, "11", "alias 1: a bool must be 0 or 1"},
        {BYTES(HEAD "\x28\x00\x00\x80\x7f"), ERR_INVALID, "11",
         "alias 5: NaN and infinity are no values; send quality 'no value' (0x20) instead"},
        {BYTES(HEAD "\x28\x01\x00\x80\xff"), ERR_INVALID, "11",
         "alias 5: NaN and infinity are no values; send quality 'no value' (0x20) instead"},
        {BYTES(HEAD "\x30\x00\x00\x00\x00\x00\x00\xf0\xff"), ERR_INVALID, "11",
         "alias 6: NaN and infinity are no values; send quality 'no value' (0x20) instead"},
        {BYTES(HEAD "\x34\x81\x00\x00\x00\x00\x00\x00\xf8\x7f"), ERR_INVALID, "12",
         "alias 6: NaN and infinity are no values; send quality 'no value' (0x20) instead"},
        {BYTES(HEAD "\x32\x02\x00" AT0 "\x81\x01"), ERR_INVALID, "21",
         "change of a float: 1 bytes above 8 zero bytes; it has 8 bytes"},
        {BYTES(HEAD "\x32\x02\x00" AT0 "\x10"), ERR_INVALID, "21",
         "change of a float: 0 bytes above 1 zero bytes; it has 8 bytes"},
        {BYTES(HEAD "\x32\x02\x00" AT0 "\x02\x01\x00"), ERR_INVALID, "21",
         "change of a float with a zero byte at an end, where fewer bytes would do"},
        {BYTES(HEAD "\x32\x02\x00" AT0 "\x02\x00\x01"), ERR_INVALID, "21",
         "change of a float with a zero byte at an end, where fewer bytes would do"},
        {BYTES(HEAD "\x2a\x02\x00\x00\x00\x00\x00\x41\x01"), ERR_INVALID, "17",
         "change of a float: 1 bytes above 4 zero bytes; it has 4 bytes"},
        {BYTES(HEAD "\x40\x01\xff"), ERR_INVALID, "12", "value is not UTF-8, or has a NUL in it"},
        {BYTES(HEAD "\x40\x81\x20"), ERR_TOO_BIG, "11", "value is 4097, at most 4096 is allowed"},
        {BYTES(HEAD "\x48\x81\x20"), ERR_TOO_BIG, "11", "value is 4097, at most 4096 is allowed"},
        {BYTES(HEAD "\x10\x80\x00"), ERR_INVALID, "11", "value: a varint of 2 bytes where fewer would do"},
        {BYTES(HEAD "\x10\x00\x00"), ERR_INVALID, "12", "1 bytes too many: nothing may follow here"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct list out = list_of(16);
        struct error err = {0};
        enum status status = data_decode(copy, type_of, keep, &out, &err);
        assert_string_equal(err.text, table[i].text);
        assert_string_equal(err.where + strlen("DATA after its prefix, offset "), table[i].where);
        assert_int_equal(status, table[i].status);
        free(out.v);
        heap_free(copy);
    }
}

static void the_last_moment_of_the_year_9999_passes_and_the_next_does_not(void **state) {
    (void)state;
    for (int64_t over = 0; over <= 1; over++) {
        struct buf b;
        buf_init(&b, 64);
        write_i64(&b, LINK_TIME_MAX_US - 1);
        buf_append(&b, "\x00\x01\x11", 3);
        write_svarint(&b, 1 + over);
        buf_byte(&b, 0);
        struct list out = list_of(1);
        assert_int_equal(data_decode(buf_slice(&b), type_of, keep, &out, NULL), over == 0 ? OK : ERR_INVALID);
        free(out.v);
        buf_done(&b);
    }
}

static void the_callback_may_stop_it(void **state) {
    (void)state;
    const struct link_sample v[] = {whole(2, T0, 1), whole(2, T0 + 1, 2), whole(3, T0, 3)};
    struct buf b;
    buf_init(&b, 64);
    data_encode(&b, v, COUNT(v));
    for (uint32_t stop = 1; stop <= 3; stop++) {
        struct list out = list_of(3);
        out.stop_at = stop;
        struct error err = {0};
        assert_int_equal(data_decode(buf_slice(&b), type_of, keep, &out, &err), ERR_DENIED);
        assert_int_equal(out.n, stop - 1);
        assert_string_equal(err.text, "no more");
        free(out.v);
    }
    buf_done(&b);
}

/* --- random batches */

static uint64_t any_bits(struct rand *r) {
    return rand_u64(r) >> rand_below(r, 64);
}

static void random_value(struct rand *r, struct link_sample *s, const struct link_sample *before) {
    static const char texts[] = "pump running, valve open, level high";
    switch ((enum value_type)s->type) {
    case VALUE_BOOL:
        s->i = (int64_t)rand_below(r, 2);
        break;
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        s->u = rand_below(r, 2) == 0 ? any_bits(r) : before->u + rand_below(r, 9) - 4;
        break;
    case VALUE_F32:
        s->f = (double)(float)((rand_unit(r) - 0.5) * 1000);
        break;
    case VALUE_F64:
        s->f = rand_below(r, 4) == 0 ? before->f : (rand_unit(r) - 0.5) * 1e6;
        s->f = isfinite(s->f) ? s->f : 0;
        break;
    case VALUE_STRING:
    case VALUE_BYTES:
        s->s = slice_of(texts, (size_t)rand_below(r, sizeof texts));
        break;
    }
}

static uint32_t random_batch(struct rand *r, struct link_sample *v, uint32_t max) {
    static const int64_t units[] = {1, 10, 1000, 100000, 1000000, 7};
    int64_t unit_us = units[rand_below(r, COUNT(units))];
    uint32_t n = 0;
    uint32_t alias = 0;
    while (n == 0 || (n < max && rand_below(r, 12) != 0)) {
        do {
            alias += (uint32_t)rand_below(r, rand_below(r, 5) == 0 ? 3000 : 4) + 1;
        } while (alias % 10 == 0 || alias == TYPE_LATER);
        struct link_sample before = {.alias = alias, .type = type_of(NULL, alias)};
        before.t_us = T0 + (int64_t)rand_below(r, 100) * unit_us;
        bool many = rand_below(r, 3) == 0;
        bool poor = rand_below(r, 4) == 0;
        for (uint64_t k = many ? rand_below(r, 40) + 1 : 1; k > 0 && n < max; k--) {
            struct link_sample s = before;
            s.t_us += k % 3 == 0 ? (int64_t)rand_below(r, 50) * unit_us : unit_us;
            s.quality = !poor || rand_below(r, 2) == 0 ? before.quality : (uint8_t)rand_u64(r);
            if (has_value(&s)) {
                random_value(r, &s, &before);
            }
            v[n++] = s;
            before = s;
        }
    }
    return n;
}

static void random_batches_come_back(void **state) {
    (void)state;
    struct rand r;
    seed_from_environment(&r);
    struct link_sample v[500];
    for (int turn = 0; turn < 4000; turn++) {
        (void)round_trip(v, random_batch(&r, v, COUNT(v)));
    }
}

static void every_cut_of_random_batches_is_refused_and_exactly_full_fits(void **state) {
    (void)state;
    struct rand r;
    seed_from_environment(&r);
    struct link_sample v[60];
    struct list out = list_of(COUNT(v));
    for (int turn = 0; turn < 150; turn++) {
        uint32_t n = random_batch(&r, v, COUNT(v));
        struct buf b;
        buf_init(&b, LINK_BODY_MAX);
        data_encode(&b, v, n);
        for (size_t cut = 0; cut < b.n; cut++) {
            struct slice copy = heap_copy(b.p, cut);
            out.n = 0;
            struct error err = {0};
            assert_int_equal(data_decode(copy, type_of, keep, &out, &err), ERR_INVALID);
            assert_memory_equal(err.where, "DATA after its prefix, offset ", 30);
            heap_free(copy);
        }
        struct buf tight;
        buf_init(&tight, b.n);
        data_encode(&tight, v, n);
        assert_int_equal(buf_status(&tight, NULL), OK);
        buf_done(&tight);
        buf_init(&tight, b.n - 1);
        data_encode(&tight, v, n);
        assert_int_equal(buf_status(&tight, NULL), ERR_TOO_BIG);
        buf_done(&tight);
        buf_done(&b);
    }
    free(out.v);
}

static void mutated_batches_are_refused_or_mean_what_they_encode_to(void **state) {
    (void)state;
    struct rand r;
    seed_from_environment(&r);
    struct link_sample v[60];
    struct list out = list_of(LINK_SAMPLES_MAX);
    uint32_t accepted = 0;
    for (int turn = 0; turn < 60000; turn++) {
        uint32_t n = random_batch(&r, v, COUNT(v));
        struct buf b;
        buf_init(&b, LINK_BODY_MAX);
        data_encode(&b, v, n);
        uint8_t bytes[8192];
        size_t size = b.n < sizeof bytes - 8 ? b.n : sizeof bytes - 8;
        memcpy(bytes, b.p, size);
        size = mutate(&r, bytes, size, sizeof bytes);
        struct slice copy = heap_copy(bytes, size);
        out.n = 0;
        struct error err = {0};
        if (data_decode(copy, type_of, keep, &out, &err) == OK) {
            accepted++;
            (void)round_trip(out.v, out.n);
        } else {
            assert_non_null(strstr(err.where, "offset "));
        }
        heap_free(copy);
        buf_done(&b);
    }
    assert_in_range(accepted, 100, 60000);
    free(out.v);
}

/* --- sizes */

/* One second of a site of 200 analog tags that report by exception, and five minutes of its backlog. */
static double bytes_per_sample(struct rand *r, uint32_t seconds, double share) {
    enum { TAGS = 200 };
    struct link_sample *v = calloc((size_t)TAGS * seconds, sizeof *v);
    assert_non_null(v);
    uint32_t n = 0;
    for (uint32_t tag = 0; tag < TAGS; tag++) {
        int64_t value = 500 + (int64_t)rand_below(r, 9000);
        for (uint32_t s = 0; s < seconds; s++) {
            value += (int64_t)rand_below(r, 41) - 20;
            if (rand_unit(r) < share) {
                v[n++] = whole(4 + tag * 10, T0 + s * INT64_C(1000000) + tag % 5 * INT64_C(100000), value);
            }
        }
    }
    size_t size = LINK_FRAME_HEAD + 5 + round_trip(v, n);
    free(v);
    return (double)size / n;
}

static void realistic_batches_are_small(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 7);
    double live = bytes_per_sample(&r, 1, 0.14);
    double live_all = bytes_per_sample(&r, 1, 1);
    double backlog = bytes_per_sample(&r, 300, 0.14);
    double backlog_all = bytes_per_sample(&r, 300, 1);
    print_message("bytes per sample, frame head included: live by exception %.2f, live all tags %.2f, "
                  "backlog by exception %.2f, backlog all tags %.2f\n",
                  live, live_all, backlog, backlog_all);
    assert_true(live < 6);
    assert_true(live_all < 5);
    assert_true(backlog < 4);
    assert_true(backlog_all < 2.5);
}

static void a_samples_number_is_scaled_or_missing(void **state) {
    (void)state;
    const struct dict_entry scaled = {.type = VALUE_SCALED, .scale = 0.1, .offset = -40};
    double number = 0;
    struct link_sample s = whole(4, T0, 615);
    assert_true(link_sample_number(&s, &scaled, &number));
    assert_true(fabs(number - 21.5) < 1e-9);
    s.quality = 0x80;
    assert_true(link_sample_number(&s, &scaled, &number));
    s.quality = 0x80 | LINK_QUALITY_NO_VALUE;
    assert_false(link_sample_number(&s, &scaled, &number));
    s = whole(3, T0, -1);
    assert_true(link_sample_number(&s, NULL, &number));
    assert_true(number == 18446744073709551616.0);
    s = whole(2, T0, -1);
    assert_true(link_sample_number(&s, NULL, &number));
    assert_true(number == -1);
    s = real(6, T0, 2.5);
    assert_true(link_sample_number(&s, NULL, &number));
    assert_true(number == 2.5);
    s = text(8, T0, slice_str("on"));
    assert_false(link_sample_number(&s, NULL, &number));
    s.type = TYPE_LATER;
    assert_false(link_sample_number(&s, NULL, &number));
    const struct dict_entry huge = {.type = VALUE_SCALED, .scale = 1e300, .offset = 0};
    s = whole(4, T0, INT64_MAX);
    assert_false(link_sample_number(&s, &huge, &number));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_with_its_extremes),
        cmocka_unit_test(qualities_come_back_in_runs),
        cmocka_unit_test(a_missing_value_does_not_disturb_the_differences),
        cmocka_unit_test(the_tick_is_the_largest_power_of_ten_that_divides_all_distances),
        cmocka_unit_test(a_steady_scan_costs_one_byte_a_time_and_one_a_value),
        cmocka_unit_test(floats_that_change_little_cost_little),
        cmocka_unit_test(runs_go_back_and_forth_in_time),
        cmocka_unit_test(the_largest_alias_and_count_pass_and_one_more_does_not),
        cmocka_unit_test(what_breaks_a_rule_is_refused_with_its_offset),
        cmocka_unit_test(the_last_moment_of_the_year_9999_passes_and_the_next_does_not),
        cmocka_unit_test(the_callback_may_stop_it),
        cmocka_unit_test(random_batches_come_back),
        cmocka_unit_test(every_cut_of_random_batches_is_refused_and_exactly_full_fits),
        cmocka_unit_test(mutated_batches_are_refused_or_mean_what_they_encode_to),
        cmocka_unit_test(realistic_batches_are_small),
        cmocka_unit_test(a_samples_number_is_scaled_or_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
