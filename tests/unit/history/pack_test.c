/* The packer against a list that knows every moment: batches in any order, packed as a database would be,
 * hold what the list holds, in chunks that keep the rules. */
#include "server/base/rand.h"
#include "server/history/pack.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOMENTS = 6000, ROWS_MAX = 4000, BATCH_MAX = 400 };

static struct chunk_work work;
static struct chunk_sample back[CHUNK_SAMPLES_MAX];

/* What a moment holds in truth; t_us is 0 if nothing. */
static struct chunk_sample truth[MOMENTS];

struct row {
    struct pack_chunk c;
    uint8_t *bytes;
};
static struct row rows[ROWS_MAX];
static uint32_t n_rows;
static uint64_t written; /* samples, in all chunks ever */

static int by_start(const void *a, const void *b) {
    int64_t x = ((const struct row *)a)->c.head.from_us;
    int64_t y = ((const struct row *)b)->c.head.from_us;
    return x < y ? -1 : x > y;
}

static enum status keep(void *ctx, const struct pack_chunk *c) {
    (void)ctx;
    assert_in_range(n_rows, 0, ROWS_MAX - 1);
    struct row *r = &rows[n_rows++];
    r->c = *c;
    r->bytes = malloc(c->bytes.n);
    assert_non_null(r->bytes);
    memcpy(r->bytes, c->bytes.p, c->bytes.n);
    r->c.bytes = slice_of(r->bytes, c->bytes.n);
    written += c->head.n;
    return OK;
}

static void remove_row(uint32_t i) {
    free(rows[i].bytes);
    memmove(&rows[i], &rows[i + 1], (--n_rows - i) * sizeof rows[0]);
}

/* What the store will do: one period's samples at a time. */
static void pack_batch(const struct chunk_sample *v, uint32_t n, bool weak) {
    struct pack p;
    struct pack_head heads[ROWS_MAX];
    int64_t from_us = v[0].t_us;
    int64_t to_us = v[0].t_us;
    uint32_t n_heads = 0;
    uint32_t base = 0;
    uint32_t first = 0;
    for (uint32_t i = 0; i < n; i++) {
        from_us = v[i].t_us < from_us ? v[i].t_us : from_us;
        to_us = v[i].t_us > to_us ? v[i].t_us : to_us;
    }
    while (base < n_rows && rows[base].c.head.from_us < pack_period(from_us)) {
        base++;
    }
    for (uint32_t i = base; i < n_rows && rows[i].c.head.from_us <= to_us; i++) {
        heads[n_heads++] = rows[i].c.head;
    }
    pack_reach(heads, n_heads, from_us, to_us, n, &first);
    pack_init(&p, &work);
    for (uint32_t i = first; i < n_heads; i++) {
        assert_int_equal(pack_chunk_in(&p, rows[base + i].c.bytes, NULL), OK);
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(pack_sample_in(&p, &v[i], weak), OK);
    }
    struct row old[ROWS_MAX];
    uint32_t n_old = n_heads - first;
    memcpy(old, &rows[base + first], n_old * sizeof old[0]);
    memmove(&rows[base + first], &rows[base + n_heads], (n_rows - base - n_heads) * sizeof rows[0]);
    n_rows -= n_old;
    assert_int_equal(pack_out(&p, keep, NULL), OK);
    for (uint32_t i = 0; i < n_old; i++) {
        free(old[i].bytes);
    }
    pack_done(&p);
    qsort(rows, n_rows, sizeof rows[0], by_start);
}

static void check_row(const struct row *r, uint32_t *moment, int64_t (*time_of)(uint32_t)) {
    uint32_t n = 0;
    uint32_t usable = 0;
    double min = NAN;
    double max = NAN;
    assert_int_equal(chunk_read(r->c.bytes, &work, back, &n, NULL), OK);
    assert_int_equal(n, r->c.head.n);
    assert_int_equal(r->c.head.bytes, r->c.bytes.n);
    assert_true(back[0].t_us == r->c.head.from_us && back[n - 1].t_us == r->c.head.to_us);
    assert_true(pack_period(r->c.head.from_us) == pack_period(r->c.head.to_us));
    assert_true(n <= PACK_SAMPLES_MOST && (n == 1 || r->c.head.bytes <= PACK_BYTES));
    for (uint32_t i = 0; i < n; i++) {
        while (*moment < MOMENTS && truth[*moment].t_us == 0) {
            ++*moment;
        }
        const struct chunk_sample *t = &truth[(*moment)++];
        assert_true(back[i].t_us == time_of((uint32_t)(t - truth)));
        assert_int_equal(back[i].quality, t->quality);
        assert_true(back[i].number == t->number);
        if (t->quality < 128) {
            usable++;
            min = isnan(min) || t->number < min ? t->number : min;
            max = isnan(max) || t->number > max ? t->number : max;
        }
    }
    assert_int_equal(r->c.usable, usable);
    assert_int_equal(r->c.bad, n - usable);
    assert_true(usable == 0 || (r->c.min == min && r->c.max == max));
}

static void check_all(int64_t (*time_of)(uint32_t)) {
    uint32_t moment = 0;
    for (uint32_t i = 0; i < n_rows; i++) {
        assert_true(i == 0 || rows[i].c.head.from_us > rows[i - 1].c.head.to_us);
        check_row(&rows[i], &moment, time_of);
    }
    while (moment < MOMENTS && truth[moment].t_us == 0) {
        moment++;
    }
    assert_int_equal(moment, MOMENTS);
}

static void forget(void) {
    while (n_rows > 0) {
        remove_row(n_rows - 1);
    }
    memset(truth, 0, sizeof truth);
    written = 0;
}

static int64_t each_second(uint32_t moment) {
    return INT64_C(1764000000000000) + moment * INT64_C(1000000);
}

/* Moments around the border of a period. */
static int64_t around_a_border(uint32_t moment) {
    return pack_period(INT64_C(1764000000000000)) + ((int64_t)moment - MOMENTS / 2) * INT64_C(777777);
}

static struct chunk_sample any_sample(struct rand *r, int64_t t_us) {
    return (struct chunk_sample){.t_us = t_us,
                                 .kind = CHUNK_NUMBER,
                                 .quality = rand_below(r, 20) == 0 ? 0x82 : 0,
                                 .number =
                                     rand_below(r, 3) == 0 ? rand_unit(r) : (double)rand_below(r, 500) / 10};
}

/* Samples of one period only, as the store gives them. */
static uint32_t cut_at_border(struct chunk_sample *v, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (pack_period(v[i].t_us) == pack_period(v[0].t_us)) {
            v[kept++] = v[i];
        }
    }
    return kept;
}

static void remember(const struct chunk_sample *s, uint32_t moment, bool weak) {
    if (!weak || truth[moment].t_us == 0) {
        truth[moment] = *s;
    }
}

static void any_order(struct rand *r, int64_t (*time_of)(uint32_t)) {
    struct chunk_sample v[BATCH_MAX];
    uint32_t moments[BATCH_MAX];
    uint32_t front = 0;
    for (int round = 0; round < 150; round++) {
        bool weak = rand_below(r, 10) == 0;
        bool late = rand_below(r, 4) == 0;
        uint32_t n = 1 + (uint32_t)rand_below(r, rand_below(r, 5) == 0 ? BATCH_MAX : 40);
        for (uint32_t i = 0; i < n; i++) {
            moments[i] = late ? (uint32_t)rand_below(r, MOMENTS) : (front + i) % MOMENTS;
            v[i] = any_sample(r, time_of(moments[i]));
        }
        front += late ? 0 : n;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (pack_period(v[i].t_us) == pack_period(v[0].t_us)) {
                moments[kept++] = moments[i];
            }
        }
        n = cut_at_border(v, n);
        for (uint32_t i = 0; i < n; i++) {
            remember(&v[i], moments[i], weak);
        }
        pack_batch(v, n, weak);
        if (round % 10 == 0) {
            check_all(time_of);
        }
    }
    check_all(time_of);
    forget();
}

static void batches_in_any_order_hold_what_was_sent(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 4 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < 4; round++) {
        any_order(&r, each_second);
        any_order(&r, around_a_border);
    }
}

/* Two samples at a time, as of a tag that changes twice in five minutes: each is written a few times, not a
 * thousand, and in the end nearly all are in chunks that are full. */
static void a_slow_tag_is_not_written_again_and_again(void **state) {
    (void)state;
    for (uint32_t i = 0; i < MOMENTS; i += 2) {
        struct chunk_sample v[2];
        for (uint32_t k = 0; k < 2; k++) {
            v[k] = (struct chunk_sample){
                .t_us = each_second(i + k), .kind = CHUNK_NUMBER, .number = (i + k) % 7};
            truth[i + k] = v[k];
        }
        pack_batch(v, 2, false);
    }
    check_all(each_second);
    assert_in_range(written, MOMENTS, MOMENTS * 10);
    assert_in_range(n_rows, MOMENTS / PACK_SAMPLES_MOST, MOMENTS / PACK_SAMPLES + 10);
    forget();
}

/* Handfuls of any size, of numbers that take few bytes or many: no sample is written more than some times,
 * and what is full stays as it is. */
static void full_chunks_are_left_alone_whatever_the_size_of_handfuls(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 1);
    for (uint32_t size = 20; size <= BATCH_MAX; size += 20) {
        for (int bytes = 0; bytes < 2; bytes++) {
            for (uint32_t at = 0; at < MOMENTS; at += size) {
                struct chunk_sample v[BATCH_MAX];
                uint32_t n = MOMENTS - at < size ? MOMENTS - at : size;
                for (uint32_t k = 0; k < n; k++) {
                    v[k] = (struct chunk_sample){.t_us = each_second(at + k), .kind = CHUNK_NUMBER};
                    v[k].number = bytes == 0 ? (double)rand_below(&r, 7) : rand_unit(&r);
                    truth[at + k] = v[k];
                }
                pack_batch(v, n, false);
            }
            check_all(each_second);
            assert_in_range(written, MOMENTS, MOMENTS * 5);
            assert_in_range(n_rows, 1,
                            bytes == 0 ? MOMENTS / PACK_SAMPLES + 10 : MOMENTS * 9 / (PACK_BYTES / 2) + 10);
            forget();
        }
    }
}

static void periods_begin_where_they_should(void **state) {
    (void)state;
    assert_true(pack_period(0) == 0);
    assert_true(pack_period(PACK_PERIOD_US - 1) == 0);
    assert_true(pack_period(PACK_PERIOD_US) == PACK_PERIOD_US);
    assert_true(pack_period(-1) == -PACK_PERIOD_US);
}

/* One pack may have samples of several periods, before 1970, too: each period has its own chunks. */
static void no_chunk_crosses_a_period(void **state) {
    (void)state;
    enum { EACH = 5, PERIODS = 4 };
    struct pack p;
    pack_init(&p, &work);
    for (int i = 0; i < EACH * PERIODS; i++) {
        const struct chunk_sample s = {
            .t_us = (i - EACH * 2) * (PACK_PERIOD_US / EACH), .kind = CHUNK_NUMBER, .number = i};
        assert_int_equal(pack_sample_in(&p, &s, false), OK);
    }
    uint32_t before = n_rows;
    assert_int_equal(pack_out(&p, keep, NULL), OK);
    assert_int_equal(n_rows - before, PERIODS);
    while (n_rows > before) {
        const struct pack_head *h = &rows[n_rows - 1].c.head;
        assert_int_equal(h->n, EACH);
        assert_true(pack_period(h->from_us) == pack_period(h->to_us));
        remove_row(n_rows - 1);
    }
    pack_done(&p);
}

static void a_damaged_chunk_is_told(void **state) {
    (void)state;
    struct pack p;
    struct error err;
    pack_init(&p, &work);
    assert_int_equal(pack_chunk_in(&p, slice_str("\x01no chunk"), &err), ERR_INVALID);
    assert_int_equal(p.n, 0);
    pack_done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_in_any_order_hold_what_was_sent),
        cmocka_unit_test(a_slow_tag_is_not_written_again_and_again),
        cmocka_unit_test(full_chunks_are_left_alone_whatever_the_size_of_handfuls),
        cmocka_unit_test(periods_begin_where_they_should),
        cmocka_unit_test(no_chunk_crosses_a_period),
        cmocka_unit_test(a_damaged_chunk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
