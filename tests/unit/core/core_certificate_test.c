/* Covers: core_certificate.c, and alarms of kind duplicate. Certificates that end; two clients with one
 * identity. */
#include "server/core/rule_machine.h"
#include "tests/unit/core/core_rig.h"

enum { DAY_S = 86400, HOUR_S = 3600 };
enum { CERT, DUP };

static struct rig *begin(double on_s) {
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 2,
                        .gateways = {{.name = "G1"}},
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "CERT", .kind = ALARM_CERTIFICATE, .priority = 4, .on_s = on_s},
                                   {.name = "DUP", .kind = ALARM_DUPLICATE, .priority = 2, .off_s = 600}}};
    return rig_new(&spec);
}

/* The certificate ends so many seconds after the start; 0: there is none. */
static void tell(struct rig *r, double end_s) {
    rig_apply(r, &(struct event){.kind = EVENT_CERTIFICATE,
                                 .certificate = {.alarm = spec_alarm_index(r->model, CERT),
                                                 .end_us = end_s > 0 ? rig_us(end_s) : 0}});
}

static void attempt(struct rig *r, const char *text) {
    rig_apply(r, &(struct event){.kind = EVENT_DUPLICATE,
                                 .duplicate = {.alarm = spec_alarm_index(r->model, DUP), .text = text}});
}

static void a_certificate_rings_at_30_7_and_1_days_each_time_more_urgent(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 90.0 * DAY_S);
    rig_at(r, 60.0 * DAY_S - 1);
    rig_expect(r, "");
    assert_false(rig_view(r, CERT).untrusted);
    rig_at(r, 60.0 * DAY_S);
    rig_expect(r, "raise CERT A>B ring");
    const struct alarm_record *raise = &r->records[r->n_records - 1];
    assert_true(raise->priority == 4 && raise->value == 30 && raise->limit == 30);
    assert_true(raise->src_us == rig_us(60.0 * DAY_S) && raise->quality == QUALITY_GOOD);
    assert_string_equal(raise->unit, "d");
    assert_int_equal(rig_ack(r, CERT), ALARM_OK);
    rig_expect(r, "ack CERT B>C");
    rig_at(r, 83.0 * DAY_S);
    rig_expect(r, "prio CERT C>B ring");
    assert_int_equal(rig_view(r, CERT).priority, 3);
    rig_at(r, 89.0 * DAY_S);
    rig_expect(r, "prio CERT B>B ring");
    assert_int_equal(rig_view(r, CERT).priority, 2);
    rig_at(r, 95.0 * DAY_S); /* it has ended: nothing better and nothing worse */
    rig_expect(r, "");
    assert_int_equal(rig_letter(r, CERT), 'B');
    rig_free(r);
}

static void a_renewed_certificate_returns_it_and_the_next_occurrence_begins_low(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 20.0 * DAY_S);
    rig_expect(r, "raise CERT A>B ring");
    rig_at(r, 14.0 * DAY_S);
    rig_expect(r, "prio CERT B>B ring");
    tell(r, 100.0 * DAY_S);
    rig_expect(r, "rtn CERT B>D");
    assert_int_equal(rig_ack(r, CERT), ALARM_OK);
    rig_at(r, 70.0 * DAY_S);
    rig_expect(r, "ack CERT D>A, raise CERT A>B ring");
    assert_int_equal(rig_view(r, CERT).priority, 4);
    tell(r, 0); /* revoked: there is none any more */
    rig_expect(r, "rtn CERT B>D");
    rig_at(r, 200.0 * DAY_S);
    rig_expect(r, "");
    rig_free(r);
}

static void one_that_is_known_late_begins_as_urgent_as_it_is(void **state) {
    (void)state;
    struct rig *r = begin(HOUR_S);
    rig_link(r, 0, false); /* a gateway that is not there counts, too */
    tell(r, 5.0 * DAY_S);
    rig_expect(r, "raise CERT A>B ring"); /* the delay is for the first step: there is no time to lose */
    assert_int_equal(rig_view(r, CERT).priority, 3);
    assert_int_equal(r->records[r->n_records - 1].limit, 7);
    rig_free(r);
}

static void a_renewal_that_has_just_begun_has_the_delay_to_finish(void **state) {
    (void)state;
    struct rig *r = begin(HOUR_S);
    tell(r, 31.0 * DAY_S);
    rig_at(r, 1.0 * DAY_S + HOUR_S - 1);
    tell(r, 91.0 * DAY_S);
    rig_at(r, 40.0 * DAY_S);
    rig_expect(r, "");
    rig_at(r, 61.0 * DAY_S + HOUR_S);
    rig_expect(r, "raise CERT A>B ring");
    rig_free(r);
}

static void while_it_is_shelved_the_priority_rises_without_a_sound(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 8.0 * DAY_S);
    assert_int_equal(rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_SHELVE,
                                                       .alarm = CERT,
                                                       .duration_us = spec_us(HOUR_S),
                                                       .comment = "the new one is on its way"}),
                     ALARM_OK);
    tell(r, 7.0 * DAY_S);
    rig_expect(r, "raise CERT A>B ring, shelve CERT B>G, prio CERT G>G");
    rig_at(r, HOUR_S);
    rig_expect(r, "unshelve CERT G>B ring");
    assert_int_equal(rig_view(r, CERT).priority, 3);
    rig_free(r);
}

static void a_restart_keeps_it_until_somebody_tells(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 6.0 * DAY_S);
    rig_expect(r, "raise CERT A>B ring");
    rig_restart(r, NULL, 0);
    rig_at(r, 60);
    rig_expect(r, "");
    assert_true(rig_letter(r, CERT) == 'B' && rig_view(r, CERT).untrusted && rig_view(r, CERT).priority == 3);
    tell(r, 6.0 * DAY_S);
    rig_expect(r, "");
    assert_false(rig_view(r, CERT).untrusted);
    rig_at(r, 5.0 * DAY_S);
    rig_expect(r, "prio CERT B>B ring");
    rig_revise(r); /* what was told goes over into a new revision */
    tell(r, 60.0 * DAY_S);
    rig_expect(r, "rtn CERT B>D");
    rig_free(r);
}

static void of_a_disabled_gateway_there_is_none(void **state) {
    (void)state;
    struct rig *r = begin(0);
    tell(r, 6.0 * DAY_S);
    r->spec.gateways[0].disabled = true;
    rig_revise(r);
    rig_expect(r, "raise CERT A>B ring, rtn CERT B>D");
    assert_int_equal(rig_ack(r, CERT), ALARM_OK);
    tell(r, 5.0 * DAY_S); /* however near its end is: nothing, not even a priority */
    rig_expect(r, "ack CERT D>A");
    rig_free(r);
}

static void why_it_is_on_tells_the_days(void **state) {
    (void)state;
    struct rig *r = begin(0);
    struct rule_part parts[8];
    struct slice source = {0};
    tell(r, 6.0 * DAY_S);
    uint32_t n = core_alarm_explain(r->core, spec_alarm_index(r->model, CERT), &source, parts, 8);
    assert_true(slice_is(source, "days left of the certificate of G1 < 7 d"));
    assert_true(n == 2 && parts[1].value.v == 6 && slice_is(parts[1].unit, "d"));
    rig_free(r);
}

static void a_second_client_is_an_alarm_that_returns_when_it_stays_away(void **state) {
    (void)state;
    struct rig *r = begin(0);
    rig_at(r, 10);
    attempt(r, "10.0.0.9:5555 with certificate 2a came while 10.0.0.1:4444 is there");
    rig_expect(r, "raise DUP A>B ring");
    assert_string_equal(r->records[r->n_records - 1].comment,
                        "10.0.0.9:5555 with certificate 2a came while 10.0.0.1:4444 is there");
    assert_int_equal(r->records[r->n_records - 1].priority, 2);
    rig_at(r, 500);
    attempt(r, "again");
    rig_at(r, 1099);
    rig_expect(r, "");
    rig_at(r, 1100); /* ten minutes after the newest attempt */
    rig_expect(r, "rtn DUP B>D");
    assert_int_equal(rig_ack(r, DUP), ALARM_OK);
    attempt(r, "and again");
    rig_expect(r, "ack DUP D>A, raise DUP A>B ring");
    assert_int_equal(rig_view(r, DUP).occ, 2);
    rig_free(r);
}

static void a_restart_lets_the_second_client_return_only_after_its_delay(void **state) {
    (void)state;
    struct rig *r = begin(0);
    attempt(r, "somebody");
    rig_at(r, 300);
    rig_restart(r, NULL, 0);
    rig_at(r, 899);
    rig_expect(r, "raise DUP A>B ring");
    rig_at(r, 900);
    rig_expect(r, "rtn DUP B>D");
    rig_free(r);
}

static void two_cores_that_were_told_otherwise_are_not_equal(void **state) {
    (void)state;
    struct rig *a = begin(0);
    struct rig *b = begin(0);
    tell(a, 90.0 * DAY_S);
    tell(b, 90.0 * DAY_S);
    assert_true(core_hash(a->core) == core_hash(b->core));
    tell(b, 91.0 * DAY_S);
    assert_false(core_hash(a->core) == core_hash(b->core));
    rig_free(a);
    rig_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_rings_at_30_7_and_1_days_each_time_more_urgent),
        cmocka_unit_test(a_renewed_certificate_returns_it_and_the_next_occurrence_begins_low),
        cmocka_unit_test(one_that_is_known_late_begins_as_urgent_as_it_is),
        cmocka_unit_test(a_renewal_that_has_just_begun_has_the_delay_to_finish),
        cmocka_unit_test(while_it_is_shelved_the_priority_rises_without_a_sound),
        cmocka_unit_test(a_restart_keeps_it_until_somebody_tells),
        cmocka_unit_test(of_a_disabled_gateway_there_is_none),
        cmocka_unit_test(why_it_is_on_tells_the_days),
        cmocka_unit_test(a_second_client_is_an_alarm_that_returns_when_it_stays_away),
        cmocka_unit_test(a_restart_lets_the_second_client_return_only_after_its_delay),
        cmocka_unit_test(two_cores_that_were_told_otherwise_are_not_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
