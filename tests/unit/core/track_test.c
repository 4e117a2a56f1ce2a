/* One core driven through the past: what is counted, kept, and when. */
#include "server/core/track.h"
#include "tests/lib/past_model.h"
#include "tests/lib/unit.h"

static const int64_t from_us = INT64_C(1700000000000000);
#define AT(s) (from_us + (int64_t)(s)*1000000)

struct rig {
    struct model *model;
    struct track *track;
};

static const struct past_spec one = {
    .n_tags = 1,
    .n_alarms = 2,
    .alarms = {{.name = "S1/T0.high", .kind = ALARM_HIGH, .limit = 10, .on_s = 5},
               {.name = "S1/T0.hh", .kind = ALARM_HIGH, .limit = 20}}};

static struct rig rig_open(const struct past_spec *spec, uint32_t max, const uint8_t classes[2]) {
    struct rig r = {.model = past_model(spec)};
    static const uint32_t positions[2] = {0, 1};
    const struct track_config cfg = {.model = r.model,
                                     .classes = classes,
                                     .positions = positions,
                                     .n_positions = 2,
                                     .start_us = AT(-3600),
                                     .from_us = from_us,
                                     .to_us = AT(2 * 86400),
                                     .occurrences_max = max};
    assert_int_equal(track_new(&cfg, &r.track, NULL), OK);
    track_link(r.track, 0, true, AT(-3600));
    return r;
}

static void rig_close(struct rig *r) {
    track_free(&r->track);
    model_free(&r->model);
}

static void value(struct rig *r, int64_t s, double v) {
    const struct sample sample = {.tag = 0, .t_us = AT(s), .value = v};
    track_samples(r->track, 0, LANE_LIVE, &sample, 1, AT(s));
}

static const uint8_t both[2] = {TRACK_TOUCHED, TRACK_OTHER};

static void an_occurrence_has_its_times_and_is_counted_by_day_and_position(void **state) {
    (void)state;
    struct rig r = rig_open(&one, 0, both);
    value(&r, 100, 15);
    value(&r, 200, 5);
    value(&r, 86400 + 700, 15);
    value(&r, 86400 + 710, 25);
    track_finish(r.track);
    uint32_t n = 0;
    const struct occurrence *v = track_occurrences(r.track, 0, &n);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].src_us, AT(105));
    assert_int_equal(v[0].at_us, AT(105)); /* the timer ran at its own time */
    assert_int_equal(v[0].end_us, AT(200));
    assert_int_equal(v[1].src_us, AT(86400 + 705));
    assert_true(v[1].end_us == INT64_MAX);
    const struct track_tally *touched = track_tally(r.track, TRACK_TOUCHED);
    const struct track_tally *other = track_tally(r.track, TRACK_OTHER);
    assert_int_equal(touched->n, 2);
    assert_int_equal(touched->days[0], 1);
    assert_int_equal(touched->days[1], 1);
    assert_int_equal(touched->bins[0], 1);
    assert_int_equal(touched->bins[145], 1);
    assert_int_equal(other->n, 1);
    assert_int_equal(track_days(r.track), 2);
    assert_int_equal(track_bins(r.track), 288);
    rig_close(&r);
}

static void what_rang_before_the_period_is_kept_but_not_counted(void **state) {
    (void)state;
    struct rig r = rig_open(&one, 0, both);
    value(&r, -86400, 15); /* long ago: its delay is over when the track begins */
    value(&r, 50, 5);
    track_finish(r.track);
    uint32_t n = 0;
    const struct occurrence *v = track_occurrences(r.track, 0, &n);
    assert_int_equal(n, 1);
    assert_int_equal(v[0].at_us, AT(-3600));
    assert_int_equal(v[0].end_us, AT(50));
    assert_int_equal(track_count(r.track, 0), 0);
    rig_close(&r);
}

static void tests_and_ignored_alarms_are_left_out(void **state) {
    (void)state;
    struct past_spec spec = one;
    spec.alarms[0].options = ALARM_TEST;
    static const uint8_t classes[2] = {TRACK_TOUCHED, TRACK_IGNORED};
    struct rig r = rig_open(&spec, 0, classes);
    value(&r, 100, 25);
    value(&r, 200, 5);
    track_finish(r.track);
    uint32_t n = 0;
    (void)track_occurrences(r.track, 0, &n);
    assert_int_equal(n, 0);
    (void)track_occurrences(r.track, 1, &n);
    assert_int_equal(n, 0);
    assert_int_equal(track_tally(r.track, TRACK_TOUCHED)->n, 0);
    rig_close(&r);
}

static void each_occurrence_is_acknowledged_so_that_the_next_is_one_of_its_own(void **state) {
    (void)state;
    struct rig r = rig_open(&one, 0, both);
    value(&r, 100, 25);
    assert_int_equal(core_alarm(track_core(r.track), 1).letter, ALARM_ACKED);
    value(&r, 200, 5);
    assert_int_equal(core_alarm(track_core(r.track), 1).letter, ALARM_NORMAL);
    rig_close(&r);
}

static void what_has_no_room_is_counted_and_said(void **state) {
    (void)state;
    struct rig r = rig_open(&one, 2, both);
    for (int i = 0; i < 5; i++) {
        value(&r, 100 + i * 100, 15);
        value(&r, 150 + i * 100, 5);
    }
    track_finish(r.track);
    uint32_t n = 0;
    const struct occurrence *v = track_occurrences(r.track, 0, &n);
    assert_int_equal(n, 2);
    assert_int_equal(v[1].end_us, AT(250));
    assert_int_equal(track_count(r.track, 0), 5);
    assert_int_equal(track_kept_until_us(r.track), AT(305));
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_occurrence_has_its_times_and_is_counted_by_day_and_position),
        cmocka_unit_test(what_rang_before_the_period_is_kept_but_not_counted),
        cmocka_unit_test(tests_and_ignored_alarms_are_left_out),
        cmocka_unit_test(each_occurrence_is_acknowledged_so_that_the_next_is_one_of_its_own),
        cmocka_unit_test(what_has_no_room_is_counted_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
