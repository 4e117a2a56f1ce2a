/* A trend from chunks and from samples against one that looks at each sample for each pixel. */
#include "server/base/rand.h"
#include "server/history/trend.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 3000, POINTS_MAX = 700 };

static struct chunk_work work;
static struct chunk_sample v[MANY];
static struct sample_point got[POINTS_MAX];

/* What is known of chunks of up to 100 samples; and the samples. */
static struct pack_chunk chunks[MANY];
static uint32_t n_chunks;

static enum status note(void *ctx, const struct pack_chunk *c) {
    (void)ctx;
    chunks[n_chunks++] = *c;
    return OK;
}

static void make_history(struct rand *r) {
    int64_t t_us = INT64_C(1700000000000000);
    n_chunks = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        t_us += 1 + (int64_t)rand_below(r, rand_below(r, 40) == 0 ? 90000000 : 900000);
        v[i] = (struct chunk_sample){.t_us = t_us, .kind = CHUNK_NUMBER, .number = (double)rand_below(r, 90)};
        if (rand_below(r, 9) == 0) {
            v[i].quality = rand_below(r, 2) == 0 ? 0x83 : 0x44;
            v[i].kind = rand_below(r, 2) == 0 ? CHUNK_NOTHING : CHUNK_NUMBER;
        }
    }
    struct pack p;
    pack_init(&p, &work);
    for (uint32_t at = 0, n = 0; at < MANY; at += n) {
        n = 1 + (uint32_t)rand_below(r, 100);
        n = n > MANY - at ? MANY - at : n;
        pack_clear(&p);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(pack_sample_in(&p, &v[at + i], false), OK);
        }
        assert_int_equal(pack_out(&p, note, NULL), OK);
    }
    pack_done(&p);
}

static void look_at_value(struct sample_point *p, const struct chunk_sample *s) {
    p->first = isnan(p->first) ? s->number : p->first;
    p->last = s->number;
    if (isnan(p->min) || s->number < p->min) {
        p->min = s->number;
        p->min_us = s->t_us;
    }
    if (isnan(p->max) || s->number > p->max) {
        p->max = s->number;
        p->max_us = s->t_us;
    }
}

/* The pixel from a to b, by looking at everything. */
static struct sample_point look(int64_t a_us, int64_t b_us) {
    struct sample_point p = {.first = NAN, .min = NAN, .max = NAN, .last = NAN};
    for (uint32_t i = 0; i < MANY; i++) {
        const struct chunk_sample *s = &v[i];
        if (s->t_us < a_us || s->t_us >= b_us) {
            continue;
        }
        p.quality = p.count == 0 || (s->quality & 0xC0) > (p.quality & 0xC0) ? s->quality : p.quality;
        p.first_us = p.count++ == 0 ? s->t_us : p.first_us;
        p.last_us = s->t_us;
        p.bad += s->quality >= 128;
        if (s->quality < 128 && s->kind == CHUNK_NUMBER) {
            look_at_value(&p, s);
        }
    }
    return p;
}

static bool same(double a, double b) {
    return (isnan(a) && isnan(b)) || a == b;
}

static void check(const struct sample_point *a, const struct sample_point *b) {
    assert_true(a->first_us == b->first_us && a->last_us == b->last_us);
    assert_true(a->count == b->count && a->bad == b->bad && a->quality == b->quality);
    assert_true(same(a->first, b->first) && same(a->last, b->last));
    assert_true(same(a->min, b->min) && same(a->max, b->max));
    assert_true(a->min_us == b->min_us && a->max_us == b->max_us);
}

static uint32_t draw(struct trend *t, bool by_chunks, uint32_t *spared) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < n_chunks; i++) {
        bool whole = by_chunks && trend_add_chunk(t, &chunks[i]);
        *spared += whole;
        for (uint32_t k = 0; k < chunks[i].head.n && !whole; k++) {
            trend_add(t, &v[at + k]);
        }
        at += chunks[i].head.n;
    }
    return trend_end(t);
}

static void check_all(const struct trend *t, uint32_t n) {
    uint32_t at = 0;
    for (int64_t a_us = t->from_us; a_us < t->to_us; a_us += t->width_us) {
        int64_t b_us = a_us + t->width_us < t->to_us ? a_us + t->width_us : t->to_us;
        struct sample_point want = look(a_us, b_us);
        if (want.count > 0) {
            check(&got[at++], &want);
        }
    }
    assert_int_equal(at, n);
}

static void a_trend_shows_what_each_pixel_holds(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 5 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    uint32_t spared = 0;
    rand_seed(&r, seed);
    for (int round = 0; round < 60; round++) {
        struct trend t;
        make_history(&r);
        int64_t from_us = v[rand_below(&r, MANY / 2)].t_us - (int64_t)rand_below(&r, 3);
        int64_t to_us = v[MANY / 2 + rand_below(&r, MANY / 2)].t_us + (int64_t)rand_below(&r, 3);
        trend_begin(&t, from_us, to_us, 1 + (uint32_t)rand_below(&r, round % 4 < 2 ? 10 : POINTS_MAX), got);
        uint32_t n = draw(&t, round % 2 == 0, &spared);
        check_all(&t, n);
    }
    assert_in_range(spared, 100, 100000);
}

static void the_longest_time_has_pixels(void **state) {
    (void)state;
    struct trend t;
    trend_begin(&t, INT64_MIN / 4, INT64_MAX / 4, 1, got);
    trend_add(&t, &(struct chunk_sample){.t_us = 0, .kind = CHUNK_NUMBER, .number = 1});
    assert_int_equal(trend_end(&t), 1);
    trend_begin(&t, 5, 6, POINTS_MAX, got);
    assert_int_equal(t.width_us, 1);
    assert_int_equal(trend_end(&t), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trend_shows_what_each_pixel_holds),
        cmocka_unit_test(the_longest_time_has_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
