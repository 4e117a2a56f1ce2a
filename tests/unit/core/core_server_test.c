/* What the server tells of itself, by levels. */
#include "tests/unit/core/core_rig.h"

#include <math.h>

enum { DISK };

static struct rig *begin(double on_s) {
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .gateways = {{.name = "G1"}},
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "DISK", .kind = ALARM_SERVER, .priority = 3, .on_s = on_s}}};
    return rig_new(&spec);
}

static void tell(struct rig *r, uint8_t level, double value, double limit) {
    rig_apply(r, &(struct event){.kind = EVENT_SERVER,
                                 .server = {.alarm = spec_alarm_index(r->model, DISK),
                                            .level = level,
                                            .value = value,
                                            .limit = limit}});
}

static void each_level_is_more_urgent_and_calls_anew(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 0, 40, 10);
    rig_expect(r, "");
    tell(r, 1, 9.5, 10);
    rig_expect(r, "raise DISK A>B ring");
    const struct alarm_record *raise = &r->records[r->n_records - 1];
    assert_true(raise->priority == 3 && raise->value == 9.5 && raise->limit == 10);
    assert_int_equal(raise->quality, QUALITY_GOOD);
    assert_int_equal(rig_ack(r, DISK), ALARM_OK);
    rig_expect(r, "ack DISK B>C");
    tell(r, 1, 8, 10);
    rig_expect(r, "");
    tell(r, 2, 4.9, 5);
    rig_expect(r, "prio DISK C>B ring");
    assert_int_equal(rig_view(r, DISK).priority, 2);
    assert_true(rig_view(r, DISK).value == 4.9 && rig_view(r, DISK).limit == 5);
    tell(r, 3, 1, 2);
    rig_expect(r, "prio DISK B>B ring");
    assert_int_equal(rig_view(r, DISK).priority, 1);
    assert_true(rig_view(r, DISK).value == 1 && rig_view(r, DISK).limit == 2);
    tell(r, 2, 4, 5); /* better, but nobody is told less than he was */
    rig_expect(r, "");
    assert_int_equal(rig_view(r, DISK).priority, 1);
    tell(r, 0, 60, 10);
    rig_expect(r, "rtn DISK B>D");
    assert_int_equal(rig_ack(r, DISK), ALARM_OK);
    tell(r, 1, 9, 10);
    rig_expect(r, "ack DISK D>A, raise DISK A>B ring");
    assert_int_equal(rig_view(r, DISK).priority, 3);
    rig_free(r);
}

static void one_that_is_told_late_begins_as_urgent_as_it_is(void **state) {
    (void)state;
    struct rig *r = begin(3600);
    tell(r, 2, 3, 5);
    rig_expect(r, "raise DISK A>B ring"); /* the delay is for the first level: there is no time to lose */
    assert_int_equal(rig_view(r, DISK).priority, 2);
    tell(r, 0, 30, 10);
    rig_expect(r, "rtn DISK B>D");
    tell(r, 1, 9, 10);
    rig_expect(r, "");
    rig_at(r, 3600);
    rig_expect(r, "reraise DISK D>B ring");
    rig_free(r);
}

static void a_level_needs_no_number(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 1, (double)NAN, (double)NAN);
    rig_expect(r, "raise DISK A>B ring");
    assert_true(isnan(r->records[r->n_records - 1].value));
    rig_free(r);
}

static void a_restart_leaves_it_standing_until_somebody_tells(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 2, 4, 5);
    rig_expect(r, "raise DISK A>B ring");
    tell(r, 3, 1, 2);
    rig_expect(r, "prio DISK B>B ring");
    rig_restart(r, NULL, 0);
    rig_at(r, 10);
    rig_expect(r, "");
    assert_int_equal(rig_letter(r, DISK), 'B');
    assert_true(rig_view(r, DISK).value == 1);
    tell(r, 3, 1, 2);
    rig_expect(r, "");
    tell(r, 0, 50, 10);
    rig_expect(r, "rtn DISK B>D");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_is_more_urgent_and_calls_anew),
        cmocka_unit_test(one_that_is_told_late_begins_as_urgent_as_it_is),
        cmocka_unit_test(a_level_needs_no_number),
        cmocka_unit_test(a_restart_leaves_it_standing_until_somebody_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
