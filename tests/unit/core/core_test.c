/* Covers: core_alarms.c. The core's rules as stories. */
#include "tests/lib/core_story.h"

#include <stdlib.h>

/* --- the state machine --- */

static void raise_acknowledge_return(void **state) {
    (void)state;
    story_run("tag T\n"
              "alarm A high tag=T limit=80\n"
              "input\n"
              "0  sample T=50\n"
              "10 sample T=85\n"
              "11 check A st=B occ=1 call=1 raised=10 value=85 untrusted=0 acked=0\n"
              "11 counts unacked=1 active=1\n"
              "20 ack A call=1 by=anna comment=seen -> OK call=1 by=anna at=20\n"
              "21 check A st=C by=anna acked=20 n=2\n"
              "21 counts unacked=0 active=1\n"
              "30 sample T=60\n"
              "40 check A st=A n=3 changed=30\n"
              "40 counts unacked=0 active=0\n"
              "expect\n"
              "10 RAISE A A>B occ=1 call=1 src=10 raised=10 value=85 limit=80 prio=3 q=good/none n=1 by=\n"
              "20 ACK A B>C call=1 src=20 raised=10 value=85 by=anna comment=seen\n"
              "30 RTN A C>A occ=1 src=30 raised=10 value=60\n");
}

static void samples_that_do_not_change_the_condition_make_no_record(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 sample T=86\n2 sample T=99\n3 sample T=81\n"
              "expect\n0 RAISE A A>B occ=1 call=1\n");
}

static void one_sample_that_crosses_two_limits_raises_both_in_order_of_configuration(void **state) {
    (void)state;
    story_run("tag T\nalarm HH high tag=T limit=90 prio=1\nalarm H high tag=T limit=80\ninput\n"
              "0 sample T=95\n"
              "1 counts unacked=2 unacked1=1 unacked3=1 active=2\n"
              "expect\n0 RAISE HH A>B prio=1\n0 RAISE H A>B prio=3\n");
}

static void return_before_acknowledgement_waits_for_it(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n"
              "5 sample T=20\n"
              "6 check A st=D\n"
              "6 counts unacked=1 active=0\n"
              "7 ack A call=1 -> OK\n"
              "8 check A st=A by=anna\n"
              "expect\n0 RAISE A A>B\n5 RTN A B>D\n7 ACK A D>A\n");
}

static void acknowledging_at_the_very_instant_of_return_records_both(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n5 sample T=20\n5 ack A call=1 -> OK\n"
              "expect\n0 RAISE A A>B\n5 RTN A B>D\n5 ACK A D>A\n");
}

static void a_second_acknowledgement_is_told_who_was_first(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n"
              "5 ack A by=anna -> OK\n"
              "6 ack A call=1 by=bela -> ALREADY by=anna at=5 call=1\n"
              "7 sample T=20\n"
              "8 ack A call=1 by=bela -> ALREADY by=anna at=5\n"
              "expect\n0 RAISE A A>B\n5 ACK A B>C\n7 RTN A C>A\n");
}

static void a_new_occurrence_between_look_and_click_is_not_acknowledged(void **state) {
    (void)state;
    story_run(
        "tag T\nalarm A high tag=T limit=80\ninput\n"
        "0  sample T=85\n5  sample T=50\n9  sample T=90\n"
        "9  ack A call=1 -> STALE_CALL call=2\n"
        "10 check A st=B call=2 occ=2\n"
        "11 ack A call=2 -> OK\n"
        "expect\n"
        "0 RAISE A A>B call=1\n5 RTN A B>D\n9 RERAISE A D>B occ=2 call=2 value=90\n11 ACK A B>C call=2\n");
}

static void a_reraise_needs_acknowledgement_anew_also_when_the_first_was_acknowledged(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 ack A -> OK\n2 sample T=20\n3 sample T=85\n"
              "4 check A st=B occ=2 call=2 acked=0 by=\n"
              "expect\n0 RAISE A A>B\n1 ACK A B>C\n2 RTN A C>A\n3 RAISE A A>B occ=2 call=2\n");
}

static void an_acknowledgement_carries_the_value_of_the_activation(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 sample T=99\n2 ack A -> OK\n3 check A value=85\n"
              "expect\n0 RAISE A A>B value=85\n2 ACK A B>C value=85\n");
}

static void calls_that_never_were_are_refused(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 ack A call=0 -> E_CALL\n"
              "0 ack A call=1 -> E_CALL\n"
              "1 sample T=85\n"
              "2 ack A call=2 -> E_CALL\n"
              "2 ack A call=0 -> E_CALL\n"
              "3 ack NOPE call=1 -> E_UNKNOWN\n"
              "expect\n1 RAISE A A>B\n");
}

/* --- deadband and delays --- */

static void no_return_until_limit_minus_deadband_is_reached(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 db=5\ninput\n"
              "0 sample T=81\n1 sample T=79\n2 sample T=81\n3 sample T=75.001\n4 sample T=75\n"
              "5 sample T=80\n"
              "expect\n0 RAISE A A>B\n4 RTN A B>D\n");
}

static void a_low_alarm_mirrors_a_high_one(void **state) {
    (void)state;
    story_run("tag T\nalarm A low tag=T limit=10 db=2\ninput\n"
              "0 sample T=10\n1 sample T=9.99\n2 sample T=11.99\n3 sample T=12\n"
              "expect\n1 RAISE A A>B value=9.99 limit=10\n3 RTN A B>D\n");
}

static void exactly_at_the_limit_is_not_beyond_it(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\nalarm L low tag=T limit=80\ninput\n"
              "0 sample T=80\n"
              "expect\nnone\n");
}

static void an_excursion_shorter_than_the_on_delay_makes_nothing(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0  sample T=85\n9  sample T=50\n60 check A st=A occ=0\n"
              "expect\nnone\n");
}

static void the_on_delay_ends_by_itself_when_no_further_sample_comes(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0  sample T=85\n60 wait\n"
              "expect\n10 RAISE A A>B src=10 raised=10\n");
}

static void the_on_delay_starts_again_after_an_interruption(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0  sample T=85\n6  sample T=50\n7  sample T=85\n12 check A st=A\n60 wait\n"
              "expect\n17 RAISE A A>B src=17\n");
}

static void a_sample_older_than_the_on_delay_raises_at_once(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "100 sample T=85@30\n"
              "expect\n100 RAISE A A>B src=40\n");
}

static void the_age_of_the_sample_shortens_the_timer(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "100 sample T=85@97\n120 wait\n"
              "expect\n107 RAISE A A>B src=107\n");
}

static void a_sample_from_a_clock_ahead_waits_the_whole_delay(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "100 sample T=85@103\n120 wait\n"
              "expect\n110 RAISE A A>B src=113\n");
}

static void the_condition_must_still_hold_at_the_end_of_the_delay(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n10 sample T=50\n60 wait\n"
              "expect\nnone\n");
}

static void a_later_sample_is_evidence_for_what_was_before_it(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "100 sample T=85@30 T=50@45\n"
              "expect\n100 RAISE A A>B src=40 value=85\n100 RTN A B>D src=45 value=50\n");
}

static void the_last_value_must_have_held_longer_than_the_delay_to_be_evidence(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "100 sample T=85@30 T=50@40\n"
              "expect\nnone\n");
}

static void an_acknowledged_alarm_in_its_off_delay_stays_acknowledged_when_it_comes_back(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 off=10\ninput\n"
              "0  sample T=85\n2  ack A -> OK\n5  sample T=50\n9  sample T=85\n"
              "20 check A st=C occ=1 call=1\n"
              "expect\n0 RAISE A A>B\n2 ACK A B>C\n");
}

static void the_off_delay_returns_by_itself(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 off=10\ninput\n"
              "0 sample T=85\n5 sample T=50\n14 check A st=B\n30 wait\n"
              "expect\n0 RAISE A A>B\n15 RTN A B>D src=15 value=50\n");
}

static void an_off_delay_that_ended_before_a_later_sample_is_a_return_and_a_new_occurrence(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 off=10\ninput\n"
              "100 sample T=85@10 T=50@20 T=85@31\n"
              "expect\n"
              "100 RAISE A A>B src=10\n100 RTN A B>D src=30\n100 RERAISE A D>B src=31 occ=2 call=2\n");
}

static void zero_delays_act_within_the_same_message(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "1 sample T=85@1 T=50@1.5\n"
              "expect\n1 RAISE A A>B src=1\n1 RTN A B>D src=1.5\n");
}

static void the_samples_of_a_message_are_taken_in_order_of_their_time(void **state) {
    (void)state;
    story_run("tag T\ntag U\nalarm A high tag=T limit=80\nalarm B high tag=U limit=80\ninput\n"
              "5 sample U=90@3 T=50@2 T=85@1 U=10@1\n"
              "expect\n5 RAISE A A>B src=1\n5 RTN A B>D src=2\n5 RAISE B A>B src=3\n");
}

static void half_a_message_never_rings(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "5 sample T=85@5 T=20@5\n"
              "6 tag T v=20\n"
              "expect\nnone\n");
}

/* --- order, late samples, backlog, clocks --- */

static void another_value_at_the_same_time_corrects(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "5 sample T=85@5\n6 sample T=20@5\n"
              "7 counts samples=2 late=0\n"
              "expect\n5 RAISE A A>B src=5\n6 RTN A B>D src=5\n");
}

static void a_late_sample_is_counted_and_changes_nothing(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=20\n"
              "11 sample T=85@9\n"
              "12 tag T v=20 t=10 r=10\n"
              "12 counts samples=1 late=1\n"
              "expect\nnone\n");
}

static void a_time_in_the_future_is_not_believed_and_does_not_block_the_tag(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=85@999999\n"
              "10 tag T v=85 t=10 q=uncertain/clock\n"
              "11 sample T=20\n"
              "12 counts future=1 samples=2 late=0\n"
              "12 tag T q=good\n"
              "expect\n10 RAISE A A>B src=10 q=uncertain/clock\n11 RTN A B>D src=11\n");
}

static void five_seconds_ahead_is_believed(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=85@15\n"
              "10 tag T t=15 q=good\n"
              "11 counts future=0\n"
              "expect\n10 RAISE A A>B src=15\n");
}

static void backlog_moves_and_rings_nothing(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=20\n"
              "20 stored T=85@11 T=86@12\n"
              "20 stored T=20@15\n"
              "21 tag T v=20 t=10 r=10\n"
              "21 check A st=A occ=0 call=0 raised=-1767225600\n"
              "21 counts samples=1 late=0 backlog=3 future=0 unacked=0 active=0\n"
              "expect\n20 HIST_RAISE A A>A src=11 value=85 n=1\n20 HIST_RTN A A>A src=15 value=20 n=2\n");
}

/* One wrong year would make all that was stored behind it look old. */
static void a_stored_time_in_the_future_is_not_believed(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=20\n20 linkdown G1\n30 linkup G1\n31 snapshot T=20\n"
              "32 stored T=85@999999\n33 stored T=20@33\n"
              "expect\n32 HIST_RAISE A A>A src=32\n33 HIST_RTN A A>A src=33\n");
}

static void another_gateways_tag_is_not_touched(void **state) {
    (void)state;
    story_run("tag T\ntag U gw=G2\nalarm A high tag=T limit=80\ninput\n"
              "10 sample T=85 gw=G2\n"
              "11 tag T v=nan\n"
              "11 counts foreign=1 samples=0\n"
              "expect\nnone\n");
}

/* --- quality --- */

static void before_the_first_sample_a_tag_is_bad_initial_without_a_value(void **state) {
    (void)state;
    story_run("tag T\nalarm A low tag=T limit=80\ninput\n"
              "1 tag T v=nan q=bad/initial/novalue\n"
              "1 check A st=A untrusted=1\n"
              "expect\nnone\n");
}

static void a_bad_value_never_raises(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=20\n5 sample T=999!bad\n60 check A st=A untrusted=1\n"
              "60 tag T v=999 q=bad/sensor\n"
              "expect\nnone\n");
}

static void a_bad_value_never_returns_an_alarm(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n5 sample T=20!bad\n6 check A st=B untrusted=1\n7 sample T=20\n"
              "expect\n0 RAISE A A>B\n7 RTN A B>D\n");
}

static void an_uncertain_value_counts(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85!uncertain\n1 check A untrusted=0\n"
              "expect\n0 RAISE A A>B q=uncertain\n");
}

static void not_a_number_is_bad_quality_never_a_value(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\nalarm L low tag=T limit=10\ninput\n"
              "0 sample T=50\n1 sample T=nan\n1 tag T v=50 t=1 q=bad/sensor/novalue\n"
              "2 sample T=inf\n3 sample T=-inf\n"
              "4 check A st=A\n4 check L st=A\n4 tag T v=50\n"
              "expect\nnone\n");
}

static void a_sample_without_a_value_keeps_the_last_one_and_is_unknown(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 sample T=0!none\n2 tag T v=85 t=1 q=bad/sensor/novalue\n2 check A st=B "
              "untrusted=1\n"
              "expect\n0 RAISE A A>B\n");
}

static void bad_quality_stops_the_on_delay_and_only_known_time_counts(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0  sample T=85\n4  sample T=85!bad\n20 sample T=86\n25 check A st=A\n60 wait\n"
              "expect\n26 RAISE A A>B src=26\n");
}

static void a_known_false_after_bad_quality_resets_the_on_delay(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n9 sample T=85!bad\n20 sample T=50\n21 sample T=85\n60 wait\n"
              "expect\n31 RAISE A A>B src=31\n");
}

static void bad_quality_stops_the_off_delay_too(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 off=10\ninput\n"
              "0 sample T=85\n10 sample T=50\n13 sample T=50!bad\n100 sample T=50\n200 wait\n"
              "expect\n0 RAISE A A>B\n107 RTN A B>D src=107\n");
}

static void a_known_true_after_bad_quality_cancels_the_off_delay(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 off=10\ninput\n"
              "0 sample T=85\n10 sample T=50\n13 sample T=50!bad\n100 sample T=85\n200 wait\n"
              "expect\n0 RAISE A A>B\n");
}

static void deadband_memory_survives_bad_quality(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 db=5\ninput\n"
              "0 sample T=85\n5 sample T=0!bad\n9 sample T=78\n10 check A st=B\n11 sample T=74\n"
              "expect\n0 RAISE A A>B\n11 RTN A B>D\n");
}

/* --- staleness --- */

static void a_tag_that_says_nothing_for_its_time_is_stale(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0   sample T=20\n50  sample T=20\n100 check A st=A untrusted=0\n"
              "100 tag T q=good\n"
              "120 check A st=B untrusted=0\n120 tag T v=20 q=bad/stale\n"
              "130 sample T=20\n131 tag T q=good\n"
              "expect\n110 RAISE A A>B src=110 limit=nan value=20 q=bad/stale\n130 RTN A B>D src=130\n");
}

static void a_tag_that_never_said_anything_is_stale_too(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 linkdown G1\n10 linkup G1\n"
              "60 tag T q=bad/initial\n71 tag T q=bad/stale/novalue\n"
              "expect\n70 RAISE A A>B src=70 value=nan\n");
}

static void stale_makes_limit_alarms_unknown_and_stops_their_delays(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A high tag=T limit=80 on=100\ninput\n"
              "0 sample T=85\n61 check A st=A untrusted=1\n300 sample T=86\n400 wait\n"
              "expect\n340 RAISE A A>B src=340\n");
}

static void staleness_rests_while_the_link_is_down_and_starts_anew_with_it(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n10 linkdown G1\n"
              "100 check A st=A untrusted=1\n100 tag T q=bad/comms\n"
              "500 linkup G1\n559 tag T q=bad/comms\n600 wait\n"
              "expect\n560 RAISE A A>B src=560\n");
}

static void a_stale_alarm_is_held_through_an_outage(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n70 linkdown G1\n"
              "100 check A st=B untrusted=1\n100 tag T q=bad/comms\n"
              "500 linkup G1\n510 check A st=B\n520 sample T=20\n"
              "expect\n60 RAISE A A>B src=60\n520 RTN A B>D src=520\n");
}

static void a_stale_alarm_has_its_own_on_delay(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T on=30\ninput\n"
              "0 sample T=20\n80 sample T=20\n200 wait\n"
              "expect\n170 RAISE A A>B src=170\n");
}

static void a_stale_alarms_delay_starts_anew_after_an_outage(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T on=30\ninput\n"
              "0 sample T=20\n80 linkdown G1\n85 check A st=A untrusted=1\n100 linkup G1\n300 wait\n"
              "expect\n190 RAISE A A>B src=190\n");
}

static void a_delay_that_ends_when_its_tag_falls_silent_has_run_to_its_end(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A high tag=T limit=80 on=60\ninput\n"
              "0 sample T=85\n100 check A st=B untrusted=1\n"
              "expect\n60 RAISE A A>B src=60\n");
}

static void what_happens_at_one_time_comes_before_the_timers_of_that_time(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n10 linkup G1\n10 sample T=50\n"
              "100 sample T=85@30\n100 sample T=50@35\n"
              "expect\nnone\n");
}

static void a_delayed_message_is_no_return_in_the_past_for_staleness(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n100 sample T=21@50\n"
              "expect\n60 RAISE A A>B src=60\n100 RTN A B>D src=100\n");
}

/* --- links --- */

static void a_lost_link_is_one_alarm_and_makes_all_its_tags_bad_at_once(void **state) {
    (void)state;
    story_run("tag T\ntag U\ntag V gw=G2\n"
              "alarm A high tag=T limit=80\nalarm B high tag=U limit=80\nalarm C low tag=U limit=10\n"
              "alarm GW comm gw=G1 after=30\ninput\n"
              "0  sample T=85 U=20\n0 sample V=1\n"
              "10 linkdown G1\n"
              "10 tag T v=85 t=0 q=bad/comms\n10 tag U q=bad/comms\n10 tag V q=good\n"
              "10 check A st=B untrusted=1\n10 check B st=A untrusted=1\n"
              "60 linkup G1\n"
              "60 tag T q=bad/comms\n"
              "61 snapshot T=85@0 U=20@0\n"
              "61 tag T v=85 t=0 r=61 q=good\n61 check A st=B untrusted=0\n"
              "expect\n"
              "0 RAISE A A>B\n"
              "40 RAISE GW A>B src=40 raised=40 value=nan limit=nan q=bad/comms/novalue\n"
              "60 RTN GW B>D src=60 q=good/none/novalue\n");
}

static void a_short_break_of_the_link_is_not_an_alarm(void **state) {
    (void)state;
    story_run("tag T\nalarm GW comm gw=G1 after=30\ninput\n"
              "0  sample T=20\n10 linkdown G1\n39 linkup G1\n100 check GW st=A untrusted=0\n"
              "expect\nnone\n");
}

static void link_news_twice_is_news_once(void **state) {
    (void)state;
    story_run("tag T\nalarm GW comm gw=G1 after=30\ninput\n"
              "10 linkdown G1\n20 linkdown G1\n50 linkup G1\n60 linkup G1\n"
              "expect\n40 RAISE GW A>B\n50 RTN GW B>D\n");
}

static void a_new_value_after_an_outage_counts_known_time_only(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0    sample T=85\n5    linkdown G1\n1000 linkup G1\n1000 sample T=86\n"
              "1004 check A st=A\n1100 wait\n"
              "expect\n1005 RAISE A A>B src=1005\n");
}

static void the_same_value_and_time_after_an_outage_proves_that_it_held(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0    sample T=85\n5    linkdown G1\n1000 linkup G1\n1000 snapshot T=85@0\n"
              "expect\n1000 RAISE A A>B src=10\n");
}

static void the_same_on_the_live_lane_proves_it_too(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0    sample T=85\n5    linkdown G1\n7 linkup G1\n7 sample T=85@0\n20 wait\n"
              "expect\n10 RAISE A A>B src=10\n");
}

static void a_snapshot_from_within_the_outage_counts_from_its_own_time(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n5 linkdown G1\n1000 linkup G1\n1000 snapshot T=86@997\n1010 wait\n"
              "expect\n1002 RAISE A A>B src=1002\n");
}

static void a_clock_ahead_loses_no_gathered_time(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85@3\n1 sample T=86@4\n2 linkdown G1\n3 linkup G1\n3 snapshot T=86@4\n20 wait\n"
              "expect\n12 RAISE A A>B src=13\n");
}

static void samples_while_the_link_is_down_prove_nothing(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=20\n10 linkdown G1\n11 sample T=85\n"
              "11 tag T v=85 q=bad/comms\n12 check A st=A untrusted=1\n"
              "20 linkup G1\n20 tag T q=bad/comms\n21 snapshot T=85@11\n"
              "expect\n21 RAISE A A>B src=11\n");
}

static void an_old_time_in_the_snapshot_is_live(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=20\n10 linkdown G1\n1000 linkup G1\n1000 snapshot T=85@950\n"
              "1001 stored T=85@100 T=20@300 T=85@950\n"
              "1003 check A st=B occ=1\n"
              "expect\n1000 RAISE A A>B src=950\n1001 HIST_RAISE A B>B src=100\n1001 HIST_RTN A B>B src=300\n"
              "1001 HIST_RAISE A B>B src=950\n");
}

/* --- what changed for the display --- */

static void take_changed(struct core *core, const uint32_t *want, uint32_t n) {
    uint32_t tags[8];
    assert_int_equal(core_take_changed(core, tags, 8), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(tags[i], want[i]);
    }
}

static void send(struct core *core, uint32_t tag, double value, uint8_t quality, int64_t t_us) {
    struct sample v = {.tag = tag, .value = value, .quality = quality, .t_us = t_us};
    struct story sink = {0};
    const struct event event = {.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &v}};
    core_apply(core, &event, t_us, story_sink(&sink));
}

static void each_changed_tag_is_taken_once_oldest_change_first(void **state) {
    (void)state;
    struct spec spec = {
        .n_gateways = 1, .n_tags = 3, .tags = {{.name = "A"}, {.name = "B"}, {.name = "C", .deadband = 2}}};
    struct model *model = spec_model(&spec);
    struct core *core = NULL;
    struct story sink = {0};
    assert_int_equal(core_new(model, NULL, 1, &core, NULL), OK);
    take_changed(core, NULL, 0);
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    core_apply(core, &up, 1, story_sink(&sink));
    take_changed(core, NULL, 0);
    send(core, 2, 10, 0, 2);
    send(core, 0, 1, 0, 3);
    send(core, 2, 20, 0, 4);
    take_changed(core, (uint32_t[]){2, 0}, 2);
    take_changed(core, NULL, 0);
    /* Without a deadband each new time is a change; with one, only what reaches it, or another quality. */
    send(core, 0, 1, 0, 5);
    send(core, 2, 21.9, 0, 5);
    take_changed(core, (uint32_t[]){0}, 1);
    assert_true(core_tag(core, 2).value == 21.9);
    send(core, 2, 22, 0, 6);
    take_changed(core, (uint32_t[]){2}, 1);
    send(core, 2, 22, QUALITY_UNCERTAIN, 7);
    take_changed(core, (uint32_t[]){2}, 1);
    const struct event down = {.kind = EVENT_LINK, .link = {.up = false}};
    core_apply(core, &down, 8, story_sink(&sink));
    take_changed(core, (uint32_t[]){0, 2}, 2);
    /* The ring goes round, and a small taker gets the rest later. */
    core_apply(core, &up, 9, story_sink(&sink));
    for (int64_t i = 10; i < 20; i++) {
        send(core, 1, (double)i, 0, i);
        send(core, 0, (double)i, 0, i);
        uint32_t one = MODEL_NONE;
        assert_int_equal(core_take_changed(core, &one, 1), 1);
        assert_int_equal(one, 1);
        take_changed(core, (uint32_t[]){0}, 1);
    }
    core_free(&core);
    model_free(&model);
}

/* --- time --- */

static void server_time_never_falls(void **state) {
    (void)state;
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .tags = {{.name = "A"}},
                        .n_alarms = 1,
                        .alarms = {{.name = "H", .limit = 80}}};
    struct model *model = spec_model(&spec);
    struct core *core = NULL;
    struct story sink = {0};
    assert_int_equal(core_new(model, NULL, 1000, &core, NULL), OK);
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    core_apply(core, &up, 5000, story_sink(&sink));
    struct sample v = {.value = 85, .t_us = 3000};
    const struct event event = {.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &v}};
    core_apply(core, &event, 3000, story_sink(&sink));
    assert_int_equal(sink.n_records, 1);
    assert_int_equal(sink.records[0].at_us, 5000);
    assert_int_equal(sink.records[0].src_us, 3000);
    assert_int_equal(core_tag(core, 0).received_us, 5000);
    core_free(&core);
    model_free(&model);
}

static void what_was_due_before_an_event_is_completed_before_it(void **state) {
    (void)state;
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .tags = {{.name = "A"}},
                        .n_alarms = 1,
                        .alarms = {{.name = "H", .limit = 80, .on_s = 10}}};
    struct model *model = spec_model(&spec);
    struct core *core = NULL;
    struct story sink = {0};
    assert_int_equal(core_new(model, NULL, 0, &core, NULL), OK);
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    core_apply(core, &up, 0, story_sink(&sink));
    send(core, 0, 85, QUALITY_GOOD, 0);
    assert_int_equal(core_next_wake(core), 10000000);
    /* The loop was busy: nobody came at 10 s. At 12 s a message of 9 s arrives, too late to stop the alarm.
     */
    struct sample v = {.value = 20, .t_us = 9000000};
    const struct event event = {.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &v}};
    core_apply(core, &event, 12000000, story_sink(&sink));
    assert_int_equal(sink.n_records, 2);
    assert_int_equal(sink.records[0].kind, RECORD_RAISE);
    assert_int_equal(sink.records[0].src_us, 10000000);
    assert_int_equal(sink.records[0].at_us, 12000000);
    assert_int_equal(sink.records[1].kind, RECORD_RTN);
    assert_int_equal(sink.records[1].src_us, 9000000);
    core_free(&core);
    model_free(&model);
}

static void extreme_times_and_values_do_no_harm(void **state) {
    (void)state;
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .tags = {{.name = "A", .stale_s = 5}},
                        .n_alarms = 1,
                        .alarms = {{.name = "H", .limit = 80, .on_s = 1e6, .off_s = 1e6}}};
    struct model *model = spec_model(&spec);
    struct core *core = NULL;
    struct story sink = {0};
    assert_int_equal(core_new(model, NULL, STORY_BASE_US, &core, NULL), OK);
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    core_apply(core, &up, STORY_BASE_US, story_sink(&sink));
    struct sample v[] = {{.value = 1e308, .t_us = INT64_MIN},
                         {.value = -1e308, .t_us = INT64_MIN + 1},
                         {.value = 1e308, .t_us = INT64_MAX}};
    const struct event event = {.kind = EVENT_SAMPLES, .samples = {.n = 3, .v = v}};
    core_apply(core, &event, STORY_BASE_US + 1, story_sink(&sink));
    assert_int_equal(core_tag(core, 0).t_us, STORY_BASE_US + 1);
    /* The same as history, within a gap. */
    const struct event down = {.kind = EVENT_LINK, .link = {.up = false}};
    const struct event stored = {.kind = EVENT_SAMPLES, .samples = {.lane = LANE_BACKLOG, .n = 3, .v = v}};
    const struct event end = {.kind = EVENT_BACKLOG_END, .backlog_end = {.te_us = INT64_MAX}};
    core_apply(core, &down, STORY_BASE_US + 2, story_sink(&sink));
    core_apply(core, &up, STORY_BASE_US + 3, story_sink(&sink));
    core_apply(core, &stored, STORY_BASE_US + 4, story_sink(&sink));
    core_apply(core, &end, STORY_BASE_US + 5, story_sink(&sink));
    core_free(&core);
    model_free(&model);
}

static void a_long_name_and_comment_are_cut_at_a_character(void **state) {
    (void)state;
    struct spec spec = {.n_gateways = 1,
                        .n_tags = 1,
                        .tags = {{.name = "A"}},
                        .n_alarms = 1,
                        .alarms = {{.name = "H", .limit = 80}}};
    struct model *model = spec_model(&spec);
    struct core *core = NULL;
    struct story sink = {0};
    assert_int_equal(core_new(model, NULL, 1, &core, NULL), OK);
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    core_apply(core, &up, 1, story_sink(&sink));
    send(core, 0, 85, 0, 2);
    char name[200];
    for (size_t i = 0; i + 2 < sizeof name; i += 3) {
        memcpy(name + i, "\xE6\xB0\xB4",
               3); /* three bytes a character: 63 is a whole number of them, 64 is not */
    }
    name[198] = '\0';
    char comment[400];
    memset(comment, 'x', sizeof comment);
    comment[399] = '\0';
    /* The actor's own state is untouched by the text before it. */
    const struct event ack = {
        .kind = EVENT_REQUEST,
        .request = {.ask = {.kind = ALARM_ASK_ACK, .call = 1, .actor = name + 0, .comment = comment}}};
    struct story *records = calloc(1, sizeof *records);
    core_apply(core, &ack, 3, story_sink(records));
    assert_int_equal(strlen(records->records[0].actor), 63);
    assert_int_equal(strlen(records->records[0].comment), ALARM_COMMENT_SIZE - 1);
    assert_string_equal(core_alarm(core, 0).acked_by, records->records[0].actor);
    free(records);
    core_free(&core);
    model_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raise_acknowledge_return),
        cmocka_unit_test(samples_that_do_not_change_the_condition_make_no_record),
        cmocka_unit_test(one_sample_that_crosses_two_limits_raises_both_in_order_of_configuration),
        cmocka_unit_test(return_before_acknowledgement_waits_for_it),
        cmocka_unit_test(acknowledging_at_the_very_instant_of_return_records_both),
        cmocka_unit_test(a_second_acknowledgement_is_told_who_was_first),
        cmocka_unit_test(a_new_occurrence_between_look_and_click_is_not_acknowledged),
        cmocka_unit_test(a_reraise_needs_acknowledgement_anew_also_when_the_first_was_acknowledged),
        cmocka_unit_test(an_acknowledgement_carries_the_value_of_the_activation),
        cmocka_unit_test(calls_that_never_were_are_refused),
        cmocka_unit_test(no_return_until_limit_minus_deadband_is_reached),
        cmocka_unit_test(a_low_alarm_mirrors_a_high_one),
        cmocka_unit_test(exactly_at_the_limit_is_not_beyond_it),
        cmocka_unit_test(an_excursion_shorter_than_the_on_delay_makes_nothing),
        cmocka_unit_test(the_on_delay_ends_by_itself_when_no_further_sample_comes),
        cmocka_unit_test(the_on_delay_starts_again_after_an_interruption),
        cmocka_unit_test(a_sample_older_than_the_on_delay_raises_at_once),
        cmocka_unit_test(the_age_of_the_sample_shortens_the_timer),
        cmocka_unit_test(a_sample_from_a_clock_ahead_waits_the_whole_delay),
        cmocka_unit_test(the_condition_must_still_hold_at_the_end_of_the_delay),
        cmocka_unit_test(a_later_sample_is_evidence_for_what_was_before_it),
        cmocka_unit_test(the_last_value_must_have_held_longer_than_the_delay_to_be_evidence),
        cmocka_unit_test(an_acknowledged_alarm_in_its_off_delay_stays_acknowledged_when_it_comes_back),
        cmocka_unit_test(the_off_delay_returns_by_itself),
        cmocka_unit_test(an_off_delay_that_ended_before_a_later_sample_is_a_return_and_a_new_occurrence),
        cmocka_unit_test(zero_delays_act_within_the_same_message),
        cmocka_unit_test(the_samples_of_a_message_are_taken_in_order_of_their_time),
        cmocka_unit_test(half_a_message_never_rings),
        cmocka_unit_test(another_value_at_the_same_time_corrects),
        cmocka_unit_test(a_late_sample_is_counted_and_changes_nothing),
        cmocka_unit_test(a_time_in_the_future_is_not_believed_and_does_not_block_the_tag),
        cmocka_unit_test(five_seconds_ahead_is_believed),
        cmocka_unit_test(backlog_moves_and_rings_nothing),
        cmocka_unit_test(a_stored_time_in_the_future_is_not_believed),
        cmocka_unit_test(another_gateways_tag_is_not_touched),
        cmocka_unit_test(before_the_first_sample_a_tag_is_bad_initial_without_a_value),
        cmocka_unit_test(a_bad_value_never_raises),
        cmocka_unit_test(a_bad_value_never_returns_an_alarm),
        cmocka_unit_test(an_uncertain_value_counts),
        cmocka_unit_test(not_a_number_is_bad_quality_never_a_value),
        cmocka_unit_test(a_sample_without_a_value_keeps_the_last_one_and_is_unknown),
        cmocka_unit_test(bad_quality_stops_the_on_delay_and_only_known_time_counts),
        cmocka_unit_test(a_known_false_after_bad_quality_resets_the_on_delay),
        cmocka_unit_test(bad_quality_stops_the_off_delay_too),
        cmocka_unit_test(a_known_true_after_bad_quality_cancels_the_off_delay),
        cmocka_unit_test(deadband_memory_survives_bad_quality),
        cmocka_unit_test(a_tag_that_says_nothing_for_its_time_is_stale),
        cmocka_unit_test(a_tag_that_never_said_anything_is_stale_too),
        cmocka_unit_test(stale_makes_limit_alarms_unknown_and_stops_their_delays),
        cmocka_unit_test(staleness_rests_while_the_link_is_down_and_starts_anew_with_it),
        cmocka_unit_test(a_stale_alarm_is_held_through_an_outage),
        cmocka_unit_test(a_stale_alarm_has_its_own_on_delay),
        cmocka_unit_test(a_stale_alarms_delay_starts_anew_after_an_outage),
        cmocka_unit_test(a_delay_that_ends_when_its_tag_falls_silent_has_run_to_its_end),
        cmocka_unit_test(what_happens_at_one_time_comes_before_the_timers_of_that_time),
        cmocka_unit_test(a_delayed_message_is_no_return_in_the_past_for_staleness),
        cmocka_unit_test(a_lost_link_is_one_alarm_and_makes_all_its_tags_bad_at_once),
        cmocka_unit_test(a_short_break_of_the_link_is_not_an_alarm),
        cmocka_unit_test(link_news_twice_is_news_once),
        cmocka_unit_test(a_new_value_after_an_outage_counts_known_time_only),
        cmocka_unit_test(the_same_value_and_time_after_an_outage_proves_that_it_held),
        cmocka_unit_test(the_same_on_the_live_lane_proves_it_too),
        cmocka_unit_test(a_snapshot_from_within_the_outage_counts_from_its_own_time),
        cmocka_unit_test(a_clock_ahead_loses_no_gathered_time),
        cmocka_unit_test(samples_while_the_link_is_down_prove_nothing),
        cmocka_unit_test(an_old_time_in_the_snapshot_is_live),
        cmocka_unit_test(each_changed_tag_is_taken_once_oldest_change_first),
        cmocka_unit_test(server_time_never_falls),
        cmocka_unit_test(what_was_due_before_an_event_is_completed_before_it),
        cmocka_unit_test(extreme_times_and_values_do_no_harm),
        cmocka_unit_test(a_long_name_and_comment_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
