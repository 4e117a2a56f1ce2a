/* The live table: long messages, pairs of equal time, samples of strangers, what waits to be shown. */
#include "server/core/message_order.h"
#include "tests/unit/core/core_rig.h"

/* --- messages --- */

static const struct spec two_tags = {
    .n_gateways = 2,
    .n_tags = 3,
    .n_alarms = 2,
    .gateways = {{.name = "G"}, {.name = "H"}},
    .tags = {{.name = "A"}, {.name = "B"}, {.name = "STRANGER", .gateway = 1}},
    .alarms = {{.name = "DEV", .kind = ALARM_DEV, .second_tag = 1, .limit = 5},
               {.name = "HIGH", .limit = 80}}};

static void samples_of_one_time_are_judged_together(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_tags);
    rig_send(r, 0, 10);
    rig_send(r, 1, 10);
    rig_at(r, 1);
    /* Both jump: neither half of the message is a deviation, in whatever order it comes. */
    struct sample v[] = {rig_sample(r, 1, 50), rig_sample(r, 0, 50)};
    rig_message(r, 0, LANE_LIVE, v, 2);
    rig_expect(r, "");
    rig_at(r, 2);
    struct sample w[] = {rig_sample(r, 0, 20), rig_sample(r, 1, 20)};
    rig_message(r, 0, LANE_LIVE, w, 2);
    rig_expect(r, "");
    /* One microsecond between them is a deviation. */
    rig_at(r, 3);
    struct sample x[] = {rig_sample(r, 0, 60), rig_sample(r, 1, 60)};
    x[0].t_us--;
    rig_message(r, 0, LANE_LIVE, x, 2);
    rig_expect(r, "raise DEV A>B ring, rtn DEV B>D");
    assert_int_equal(rig_view(r, 0).raised_us, rig_us(3) - 1);
    /* Of two of one tag and time the later one stays. */
    rig_at(r, 4);
    struct sample y[] = {rig_sample(r, 0, 95), rig_sample(r, 1, 62), rig_sample(r, 0, 61)};
    rig_message(r, 0, LANE_LIVE, y, 3);
    rig_expect(r, "");
    assert_true(core_tag(r->core, 0).value == 61);
    rig_free(r);
}

/* Each piece of a long message is sorted for itself: what is older than the piece before it is late. */
static void a_message_longer_than_the_order_is_taken_in_pieces(void **state) {
    (void)state;
    enum { N = MESSAGE_ORDER_MAX + 10 };
    struct rig *r = rig_new(&two_tags);
    struct sample *v = calloc(N, sizeof *v);
    assert_non_null(v);
    rig_at(r, 100);
    for (uint32_t i = 0; i < N; i++) {
        v[i] = rig_sample(r, i % 2, i % 2 == 0 ? 20 : 21);
        v[i].t_us = rig_us(0) + (int64_t)(i ^ 1U); /* neighbours are swapped */
    }
    v[7].value = 90; /* of B; its time is behind that of the sample before it */
    v[N - 2].value = 85;
    rig_message(r, 0, LANE_LIVE, v, N);
    rig_expect(r, "raise DEV A>B ring, rtn DEV B>D, reraise DEV D>B ring, raise HIGH A>B ring");
    struct core_counts c = core_counts(r->core);
    assert_int_equal(c.samples, N);
    assert_int_equal(c.late, 0);
    assert_true(core_tag(r->core, 0).value == 85);
    assert_int_equal(core_tag(r->core, 0).t_us, rig_us(0) + N - 1);
    v[N - 1].t_us = rig_us(0); /* of B, in the second piece */
    v[N - 2].t_us++;
    v[N - 4].t_us = rig_us(0) + 1; /* of A: behind its first piece in time */
    rig_at(r, 101);
    rig_message(r, 0, LANE_LIVE, v, N);
    c = core_counts(r->core);
    assert_int_equal(c.samples + c.late, 2 * N);
    assert_int_equal(core_tag(r->core, 0).t_us, rig_us(0) + N);
    free(v);
    rig_free(r);
}

static void a_strangers_samples_are_counted_and_never_applied(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_tags);
    rig_send(r, 0, 20);
    struct sample v[] = {rig_sample(r, 0, 85), rig_sample(r, 2, 7)};
    v[0].t_us++;
    rig_message(r, 1, LANE_LIVE, v, 2);
    assert_true(core_tag(r->core, 0).value == 20);
    assert_true(core_tag(r->core, 2).value == 7);
    rig_message(r, 1, LANE_SNAPSHOT, v, 1);
    rig_message(r, 1, LANE_BACKLOG, v, 1);
    assert_int_equal(core_counts(r->core).foreign, 2);
    assert_int_equal(core_counts(r->core).samples, 2);
    rig_expect(r, "");
    /* Nor one of a quiet tag, which takes the short way. */
    v[0].value = 21;
    v[0].t_us = rig_us(0) + 5;
    rig_message(r, 1, LANE_LIVE, v, 1);
    assert_true(core_tag(r->core, 0).value == 20);
    assert_int_equal(core_counts(r->core).foreign, 3);
    rig_free(r);
}

/* --- what waits to be shown --- */

static uint32_t taken(struct rig *r) {
    uint32_t tags[8];
    return core_take_changed(r->core, tags, 8);
}

static void the_displays_deadband_counts_from_what_was_taken(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 1,
                              .n_alarms = 1,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T", .deadband = 2}},
                              .alarms = {{.name = "H", .limit = 80}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 10);
    assert_int_equal(taken(r), 1);
    /* Creeping: each step is small, their sum is shown when it reaches the deadband. */
    for (uint32_t i = 1; i < 4; i++) {
        rig_at(r, i);
        rig_send(r, 0, 10 + i * 0.5);
        assert_int_equal(taken(r), 0);
    }
    rig_at(r, 4);
    rig_send(r, 0, 12);
    assert_int_equal(taken(r), 1);
    rig_at(r, 5);
    rig_send(r, 0, 10.5);
    assert_int_equal(taken(r), 0);
    /* What waits is counted from what was taken, not from what waits. */
    rig_at(r, 6);
    rig_send(r, 0, 20);
    rig_at(r, 7);
    rig_send(r, 0, 12.5);
    assert_int_equal(taken(r), 1);
    rig_at(r, 8);
    rig_send(r, 0, 14);
    assert_int_equal(taken(r), 0);
    /* The deadband is of the display: alarms see every value. */
    rig_at(r, 9);
    rig_send(r, 0, 79);
    assert_int_equal(taken(r), 1);
    rig_at(r, 10);
    rig_send(r, 0, 80.5);
    assert_int_equal(taken(r), 0);
    rig_expect(r, "raise H A>B ring");
    rig_revise(r);
    assert_int_equal(taken(r), 0);
    rig_at(r, 11);
    rig_send(r, 0, 81);
    assert_int_equal(taken(r), 1);
    rig_free(r);
}

/* The short way and the long one see the same; the alarm's edges are not passed by. */
static void a_quiet_value_takes_the_short_way_up_to_the_very_edge(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 1,
                              .n_alarms = 3,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}},
                              .alarms = {{.name = "H", .limit = 80, .deadband = 5},
                                         {.name = "I", .limit = 90, .options = ALARM_INCLUSIVE},
                                         {.name = "L", .kind = ALARM_LOW, .limit = 10, .deadband = 1}}};
    struct rig *r = rig_new(&spec);
    const double values[] = {
        50, 80, nextafter(80, 81), 75.5, 75, nextafter(90, 0), 90, nextafter(90, 0), 10, nextafter(10, 0),
        11, 50};
    for (uint32_t i = 0; i < COUNT(values); i++) {
        rig_at(r, i);
        rig_send(r, 0, values[i]);
        struct tag_live t = core_tag(r->core, 0);
        assert_true(t.value == values[i]);
        assert_int_equal(t.t_us, r->now_us);
        assert_int_equal(t.received_us, r->now_us);
    }
    rig_expect(r, "raise H A>B ring, rtn H B>D, reraise H D>B ring, raise I A>B ring, rtn I B>D, rtn H B>D, "
                  "raise L A>B ring, rtn L B>D");
    assert_int_equal(rig_view(r, 0).raised_us, rig_us(5));
    assert_int_equal(core_counts(r->core).samples, COUNT(values));
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_one_time_are_judged_together),
        cmocka_unit_test(a_message_longer_than_the_order_is_taken_in_pieces),
        cmocka_unit_test(a_strangers_samples_are_counted_and_never_applied),
        cmocka_unit_test(the_displays_deadband_counts_from_what_was_taken),
        cmocka_unit_test(a_quiet_value_takes_the_short_way_up_to_the_very_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
