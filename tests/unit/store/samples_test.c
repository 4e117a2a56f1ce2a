/* Trends as the store answers them. */
#include "server/base/rand.h"
#include "server/core/quality.h"
#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;

enum { TAG = 11, N = 1500 };
static const int64_t START_US = INT64_C(1700000000000000);

struct fact {
    int64_t t_us;
    double value; /* NaN: none */
    uint8_t quality;
};

/* Facts in order of time, with gaps, equal values, bad ones and ones without a value; stored by SQL. */
static void make_facts(struct rand *rand, struct fact *v) {
    static const uint8_t qualities[] = {0, 0, 0, 0, 0x43, 0x83, 0x87, 0xA1, 0x60};
    int64_t t = START_US;
    for (int i = 0; i < N; i++) {
        t += 1 + (int64_t)rand_below(rand, 2000000) * (rand_below(rand, 50) == 0 ? 100 : 1);
        v[i] = (struct fact){.t_us = t,
                             .value = (double)(int64_t)rand_below(rand, 200) / 4 - 25,
                             .quality = qualities[rand_below(rand, sizeof qualities)]};
        if ((v[i].quality & QUALITY_NO_VALUE) != 0) {
            v[i].value = (double)NAN;
        }
    }
}

static void store_facts(const struct fact *v) {
    PGconn *conn = PQconnectdb(pg.conninfo);
    PQclear(PQexec(conn, "begin"));
    for (int i = 0; i < N; i++) {
        char sql[256];
        char value[32] = "null";
        if (!isnan(v[i].value)) {
            (void)snprintf(value, sizeof value, "%.17g", v[i].value);
        }
        (void)snprintf(sql, sizeof sql, "insert into sample_row values (%d, %lld, %s, %u)", TAG,
                       (long long)v[i].t_us, value, v[i].quality);
        PQclear(PQexec(conn, sql));
    }
    PQclear(PQexec(conn, "commit"));
    PQfinish(conn);
}

static bool same(double a, double b) {
    return (isnan(a) && isnan(b)) || a == b;
}

/* The naive model: one fact into the bucket that it belongs to. */
static void model_add(struct sample_point *p, const struct fact *f) {
    bool good = f->quality < 128 && !isnan(f->value);
    if (p->count == 0) {
        *p = (struct sample_point){.first_us = f->t_us,
                                   .first = (double)NAN,
                                   .min = (double)NAN,
                                   .max = (double)NAN,
                                   .last = (double)NAN,
                                   .quality = f->quality};
    } else if ((f->quality & QUALITY_CLASS_MASK) > (p->quality & QUALITY_CLASS_MASK)) {
        p->quality = f->quality;
    }
    p->count++;
    p->last_us = f->t_us;
    p->bad += f->quality >= 128 ? 1 : 0;
    if (!good) {
        return;
    }
    if (isnan(p->first)) {
        p->first = f->value;
    }
    p->last = f->value;
    if (isnan(p->min) || f->value < p->min) {
        p->min = f->value;
        p->min_us = f->t_us;
    }
    if (isnan(p->max) || f->value > p->max) {
        p->max = f->value;
        p->max_us = f->t_us;
    }
}

static uint32_t model(const struct fact *v, const struct request *ask, struct sample_point *ret,
                      bool *ret_raw) {
    int64_t from = ask->samples.from_us;
    int64_t to = ask->samples.to_us;
    uint32_t inside = 0;
    for (int i = 0; i < N; i++) {
        inside += v[i].t_us >= from && v[i].t_us < to ? 1 : 0;
    }
    *ret_raw = inside <= ask->samples.points;
    int64_t width = *ret_raw ? 1 : (to - from + ask->samples.points - 1) / ask->samples.points;
    uint32_t n = 0;
    int64_t bucket = -1;
    for (int i = 0; i < N; i++) {
        if (v[i].t_us < from || v[i].t_us >= to) {
            continue;
        }
        if ((v[i].t_us - from) / width != bucket || n == 0) {
            bucket = (v[i].t_us - from) / width;
            ret[n++] = (struct sample_point){0};
        }
        model_add(&ret[n - 1], &v[i]);
    }
    return n;
}

static void check_point(const struct sample_point *got, const struct sample_point *want, bool raw) {
    assert_true(got->first_us == want->first_us && got->last_us == want->last_us);
    assert_true(got->count == want->count && got->bad == want->bad && got->quality == want->quality);
    assert_true(same(got->first, want->first) && same(got->last, want->last));
    assert_true(same(got->min, want->min) && same(got->max, want->max));
    if (!raw) {
        assert_true(got->min_us == want->min_us && got->max_us == want->max_us);
    }
}

static void a_trend_equals_a_naive_model_for_any_span_and_number_of_points(void **state) {
    (void)state;
    struct rand rand;
    uint64_t seed = unit_seed();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&rand, seed);
    rig_migrate(&pg);
    static struct fact facts[N];
    static struct sample_point want[N];
    make_facts(&rand, facts);
    store_facts(facts);
    struct rig *r = rig_new(&pg);
    uint64_t whole = (uint64_t)(facts[N - 1].t_us - START_US);
    bool seen[2] = {false, false};
    for (int round = 0; round < 60; round++) {
        int64_t from = START_US + (int64_t)rand_below(&rand, whole) - 1000;
        int64_t to = round == 0 ? facts[N - 1].t_us + 1 : from + 1 + (int64_t)rand_below(&rand, whole);
        from = round == 0 ? START_US : from;
        struct request ask = {.kind = REQ_SAMPLES,
                              .samples = {.tags = {TAG},
                                          .n_tags = 1,
                                          .from_us = from,
                                          .to_us = to,
                                          .points = 1 + (uint32_t)rand_below(&rand, 1000)}};
        bool raw = false;
        uint32_t n = model(facts, &ask, want, &raw);
        const struct rig_reply *reply = rig_ask(r, &ask);
        assert_int_equal(reply->reply.status, OK);
        assert_int_equal(reply->trend.n, n);
        assert_true(reply->trend.raw == raw);
        seen[raw ? 1 : 0] = true;
        for (uint32_t i = 0; i < n; i++) {
            check_point(&r->points[i], &want[i], raw);
        }
        assert_true(reply->trend.has_before == (facts[0].t_us < from));
        if (reply->trend.has_before) {
            int64_t before = reply->trend.before.first_us;
            assert_true(before < from && before >= facts[0].t_us);
        }
    }
    assert_true(seen[0] && seen[1]);
    rig_stop(&r, 5000);
}

static void the_edges_of_a_span_are_from_included_to_excluded(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(
        &pg, "insert into sample_row select 1, 1700000000000000 + i * 10, i, 0 from generate_series(0, 9) i");
    struct rig *r = rig_new(&pg);
    struct request ask = {
        .kind = REQ_SAMPLES,
        .samples = {
            .tags = {1}, .n_tags = 1, .from_us = START_US + 20, .to_us = START_US + 50, .points = 10}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->trend.n, 3);
    assert_true(reply->trend.raw);
    assert_true(r->points[0].first == 2 && r->points[2].last == 4);
    assert_true(reply->trend.has_before && reply->trend.before.last == 1);
    ask.samples.points = 1;
    reply = rig_ask(r, &ask);
    assert_int_equal(reply->trend.n, 1);
    assert_false(reply->trend.raw);
    assert_true(r->points[0].count == 3 && r->points[0].min == 2 && r->points[0].max == 4);
    rig_stop(&r, 5000);
}

static void a_span_without_samples_has_no_points(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct request ask = {
        .kind = REQ_SAMPLES,
        .samples = {.tags = {1}, .n_tags = 1, .from_us = INT64_MIN, .to_us = INT64_MAX, .points = 10}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    assert_int_equal(reply->trend.n, 0);
    assert_false(reply->trend.has_before);
    rig_stop(&r, 5000);
}

static void a_span_that_makes_no_sense_is_refused(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct request ask = {.kind = REQ_SAMPLES,
                          .samples = {.tags = {1}, .n_tags = 1, .from_us = 5, .to_us = 5, .points = 10}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    ask.samples.to_us = 6;
    ask.samples.points = 0;
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    ask.samples.points = SAMPLES_POINTS_MAX + 1;
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    ask.samples.points = SAMPLES_POINTS_MAX;
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trend_equals_a_naive_model_for_any_span_and_number_of_points),
        cmocka_unit_test(the_edges_of_a_span_are_from_included_to_excluded),
        cmocka_unit_test(a_span_without_samples_has_no_points),
        cmocka_unit_test(a_span_that_makes_no_sense_is_refused),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
