/* Covers: kpi_fold.c. The figures one by one, as cases in text (tests/lib/kpi_case.h). */
#include "server/core/kpi.h"
#include "tests/lib/kpi_case.h"
#include "tests/lib/unit.h"

struct row {
    const char *what;
    const char *body;
};

static void run_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char why[KPI_CASE_WHY] = "";
        if (!kpi_case_run(rows[i].body, why, sizeof why)) {
            fail_msg("%s: %s", rows[i].what, why);
        }
    }
}

static void annunciations_are_counted_by_bins(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"ten in a bin are no flood", "period 0 1200\nevents\nevery 60 from 0 count 10 RAISE A low\n"
                                      "expect\nn=10\npeak10=10\nfloods=none\npct_bins_gt10=0\nmean10=5\n"},
        {"eleven are", "period 0 1200\nevents\nevery 59 from 0 count 11 RAISE A low\n"
                       "expect\npeak10=11\nfloods=0-600:11:11\npct_bins_gt10=50\nflood_pct=50\n"},
        {"a bin begins with its first microsecond",
         "period 100 1300\nevents\nevery 1 from 690 count 10 RAISE A low\n700 RAISE A low\n"
         "expect\nn=11\npeak10=10\nbins=2\n"},
        {"a flood goes on through five, ends before four",
         "period 0 3600\nevents\nevery 1 from 600 count 12 RAISE A low\nevery 1 from 1200 count 5 RAISE A "
         "low\n"
         "every 1 from 1800 count 4 RAISE A low\nevery 1 from 2400 count 10 RAISE A low\n"
         "expect\nfloods=600-1800:17:12\nflood_count=1\nflood_s=1200\nflood_pct=33.33\n"},
        {"one that does not end ends with the period",
         "period 0 1500\nevents\nevery 1 from 600 count 11 RAISE A low\nevery 1 from 1200 count 5 RAISE A "
         "low\n"
         "expect\nfloods=600..1500:16\nbins=3\nmean10=5.33\nmean_hour=38.4\nmean_day=921.6\n"},
        {"two floods",
         "period 0 3000\nevents\nevery 1 from 0 count 11 RAISE A low\nevery 1 from 1200 count 20 "
         "RAISE A low\nexpect\nfloods=0-600:11,1200-1800:20\nfloods=2\n"},
        {"the period's end is not in it", "period 0 600\nevents\n0 RAISE A low\n599.999999 RAISE A low\n"
                                          "600 RAISE A low\nexpect\nn=2\n"},
        {"what was before it is not in it",
         "period 600 1200\nevents\n599.999999 RAISE A low\n600 RAISE A low\n"
         "expect\nn=1\n"},
        {"hidden and other kinds do not count",
         "period 0 600\nevents\n0 RAISE A low hidden\n1 RAISE B low test\n2 RAISE C low ack=none\n"
         "3 HIST_RAISE D low\n4 RERAISE A low\n5 REANNOUNCE A low\n6 ESCALATE A high\n7 PRIO A critical\n"
         "8 PRIO A low\nexpect\nn=1\nreannounced=1\nescalated=1\nprio_raised=1\n"},
        {"hidden by what happened before",
         "period 0 600\nevents\n0 SHELVE A\n1 RAISE A low\n2 UNSHELVE A\n3 RTN A\n4 RAISE A low\n"
         "expect\nn=1\ncame_back=1\nrtn=0\n"},
        {"nothing at all", "period 0 600\nevents\nexpect\nn=0\nmean10=0\npeak10=0\nfloods=none\ntop=none\n"
                           "top10_pct=0\ntta_p50=none\nrtn_unacked_pct=0\nstanding_mean=0\nstale=none\n"},
        {"a period without length", "period 5 5\nevents\n1 RAISE A low\nexpect\nn=0\nbins=0\nmean10=0\n"
                                    "mean_hour=0\nmean_day=0\npct_bins_gt10=0\nstanding_end=1\n"},
        {"after a trip",
         "period 0 3600\ntrip 100\nevents\n99 RAISE A low\n100 RAISE B low\n699.9 RAISE C low\n"
         "700 RAISE D low\nexpect\nupset=2\n"},
        {"after two", "period 0 3600\nevents\n1000 TRIP\n100 UPSET\n200 RAISE A\n300 RAISE A\n1599 RAISE A\n"
                      "expect\nupset=1,2\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void the_most_frequent_are_ranked(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"ties go by name",
         "period 0 3600\nevents\nevery 9 from 0 count 2 RAISE B low\nevery 9 from 0 count 2 "
         "RAISE A low\nevery 9 from 0 count 3 RAISE C high\n"
         "expect\ntop=C:3,A:2,B:2\ntop2=C,A\nprio_low=57.14\nprio_high=42.86\nprio_low_n=4\n"},
        {"the eleventh is not among ten",
         "period 0 3600\nevents\n1 RAISE A\n2 RAISE B\n3 RAISE C\n4 RAISE D\n5 RAISE E\n6 RAISE F\n7 RAISE "
         "G\n"
         "8 RAISE H\n9 RAISE I\n10 RAISE J\n11 RAISE K\n12 RAISE K\n"
         "expect\ntop=K:2,A:1,B:1,C:1,D:1,E:1,F:1,G:1,H:1,I:1\ntop10_pct=91.67\n"},
        {"bytes, not letters",
         "period 0 60\nevents\n1 RAISE b\n1 RAISE B\n1 RAISE a\nexpect\ntop=B:1,a:1,b:1\n"},
        {"all priorities", "period 0 60\nevents\n1 RAISE A critical\n1 RAISE B high\n1 RAISE C medium\n"
                           "1 RAISE D low\n1 RTN D\n1 RAISE D\n"
                           "expect\nprio_critical=20\nprio_high=20\nprio_medium=20\nprio_low=40\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void nuisance_is_found(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"three in exactly 60 s chatter", "period 0 600\nevents\nevery 30 from 0 count 3 RAISE A\n"
                                          "expect\nchattering=A\nchattering=A:1\nchattering=1\n"},
        {"in a microsecond more they do not",
         "period 0 600\nevents\n0 RAISE A\n30 RAISE A\n60.000001 RAISE A\nexpect\nchattering=none\n"},
        {"hidden ones do not chatter",
         "period 0 600\nevents\n0 RAISE A\n1 RAISE A hidden\n2 RAISE A\nexpect\nchattering=none\n"},
        {"those before the period do not", "period 10 600\nevents\n0 RAISE A\n9 RAISE A\n11 RAISE A\n12 "
                                           "RAISE A\nexpect\nchattering=none\npsi_A=1\n"},
        {"the index is the mean of 1/r",
         "period 0 600\nevents\n0 RAISE A\n10 RAISE A\n50 RAISE A\n50.2 RAISE A\n"
         "100 RAISE B\nexpect\npsi_A=0.375\npsi_B=0\npsi=A:0.375\n"},
        {"at its cut-off",
         "period 0 6000\nevents\nevery 20 from 0 count 50 RAISE A\nevery 20.1 from 0 count 50 "
         "RAISE B\nexpect\npsi_over=A\n"},
        {"fleeting", "period 0 3600\nevents\n100 RAISE A\n109.999999 RTN A\n500 RAISE B\n510 RTN B\nexpect\n"
                     "fleeting=A\n"},
        {"60 s before the next one is near",
         "period 0 3600\nevents\n100 RAISE A\n105 RTN A\n165 RAISE A\n170 RTN A\n200 RAISE B\n205 RTN B\n"
         "265.000001 RAISE B\n270 RTN B\nexpect\nfleeting=B:2\n"},
        {"a long one before it is near too", "period 0 3600\nevents\n0 RAISE A\n300 RTN A\n350 RAISE A\n351 "
                                             "RTN A\n0 RAISE B\n280 RTN B\n350 RAISE B\n"
                                             "351 RTN B\nexpect\nfleeting=B\n"},
        {"one before the period counts as near, one that lasts is not over",
         "period 1000 3600\nevents\n900 RAISE A\n950 RTN A\n1000 RAISE A\n1001 RTN A\n3595 RAISE B\nexpect\n"
         "fleeting=none\n"},
        {"what was hidden or ended by a person is not fleeting",
         "period 0 3600\nevents\n0 RAISE A hidden\n1 RTN A\n100 RAISE B\n101 DISABLE "
         "B\nexpect\nfleeting=none\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void what_stands_is_weighed_by_time(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"open at both ends", "period 100 200\nevents\n0 RAISE A\n150 RTN A\n175 RAISE B\n"
                              "expect\nstanding_end=B\nstanding_end=1\nstanding_mean=0.75\nn=1\n"},
        {"hidden stands not",
         "period 0 100\nevents\n0 RAISE A\n0 RAISE B hidden\n25 SHELVE A\n50 UNSHELVE A\n"
         "75 OOS_ON A\nexpect\nstanding=none\nstanding_mean=0.5\n"},
        {"until the last suppressor is gone",
         "period 0 100\nevents\n0 RAISE A\n10 SUPPRESS A src=g1\n20 SUPPRESS A src=g2\n30 UNSUPPRESS A "
         "src=g1 hidden\n"
         "40 UNSUPPRESS A src=g2\nexpect\nstanding_mean=0.7\ncame_back=1\nsuppressed_s=30\n"},
        {"disabling ends it",
         "period 0 100\nevents\n0 RAISE A\n50 DISABLE A\n60 ENABLE A\nexpect\nstanding_end=0\n"
         "standing_mean=0.5\ndisabled_s=10\ndisabled=none\n"},
        {"24 h are not stale", "period 0 86400\nevents\n0 RAISE A\nexpect\nstale=none\nstale_worst=0\n"},
        {"a microsecond more is", "period 0 86400.000001\nevents\n0 RAISE A\nexpect\nstale=A\nstale_worst=1\n"
                                  "stale_worst_from=86400\n"},
        {"from before the period",
         "period 90000 90001\nevents\n0 RAISE A\nexpect\nstale=A\nstale_worst=1\nn=0\n"},
        {"a return breaks it", "period 0 172800\nevents\n0 RAISE A\n86000 RTN A\n86000 RERAISE A\nexpect\n"
                               "stale=A\nstale_worst=1\nstale_worst_from=86400\n"},
        {"a shelf hides it but does not break it",
         "period 0 259200\nevents\n0 RAISE A\n80000 SHELVE A\n180000 UNSHELVE A\n190000 SHELVE A\nexpect\n"
         "stale=none\nstale_worst=1\nstale_worst_from=172800\n"},
        {"the worst day",
         "period 0 345600\nevents\n0 RAISE A\n0 RAISE B\n100000 RTN A\n180000 RTN B\n0 RAISE C\n"
         "86400 RTN C\nexpect\nstale=none\nstale_worst=2\nstale_worst_from=86400\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void acknowledgement_is_timed(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"nearest rank", "period 0 3600\nevents\n0 RAISE A high\n10 ACK A\n100 RAISE B high\n120 ACK B\n"
                         "200 RAISE C high\n230 ACK C\n300 RAISE D low\n340 ACK D\n"
                         "expect\ntta_p50_high=20\ntta_p95_high=30\ntta_p50_low=40\ntta_p50=20\ntta_p95=40\n"
                         "tta_p50_critical=none\ntta_n_high=3\n"},
        {"the first one of its occurrence, at the priority of its raise",
         "period 0 3600\nevents\n0 RAISE A low\n5 RTN A\n6 RERAISE A low\n7 ESCALATE A high\n16 ACK A\n20 "
         "REANNOUNCE A\n"
         "30 ACK A\nexpect\ntta_n=1\ntta_p50_low=10\nacks=2\n"},
        {"after the return as well", "period 0 3600\nevents\n0 RAISE A low\n5 RTN A\n50 ACK A\nexpect\n"
                                     "tta_p50=50\nrtn_unacked_pct=100\n"},
        {"only of what was annunciated in the period",
         "period 100 3600\nevents\n99 RAISE A low\n110 ACK A\n120 RAISE B low hidden\n130 ACK B\n3600 ACK C\n"
         "3000 RAISE C low\nexpect\ntta_p50=none\nacks=2\n"},
        {"returned unacknowledged",
         "period 0 3600\nevents\n0 RAISE A\n1 RTN A\n10 RAISE A\n11 ACK A\n12 RTN A\n"
         "20 RAISE A hidden\n21 RTN A\n30 RTN A\nexpect\nrtn=2\nrtn_unacked=1\n"},
        {"of before the period",
         "period 100 3600\nevents\n0 RAISE A\n0 RAISE B\n50 ACK B\n150 RTN A\n160 RTN B\n"
         "expect\nrtn_unacked_pct=50\n"},
        {"in less than 2 s", "period 0 3600\nevents\n0 RAISE A\n1.999999 ACK A\n10 RAISE B\n12 ACK B\n"
                             "expect\nrubber_stamp_pct=50\n"},
        {"five in 10 s are not too many, six are",
         "period 0 3600\nevents\nevery 2 from 100 count 5 ACK A by=x\nevery 2 from 200 count 6 ACK A by=y\n"
         "every 2.1 from 300 count 6 ACK A by=z\nexpect\nacks=17\nrubber_stamp=6\nrubber_stamp_pct=35.29\n"},
        {"each person for himself", "period 0 3600\nevents\nevery 2 from 100 count 4 ACK A by=x\n"
                                    "every 2 from 101 count 4 ACK A by=y\nexpect\nrubber_stamp=0\n"},
        {"all of a longer run", "period 0 3600\nevents\nevery 2 from 100 count 8 ACK A\n200 ACK A\nexpect\n"
                                "rubber_stamp=8\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void what_is_hidden_is_listed(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"shelves", "period 3600 10800\nevents\n0 SHELVE A\n5400 UNSHELVE A\n7200 SHELVE A\n7300 SHELVE A\n"
                    "9000 SHELVE B\nexpect\nshelved=A,B\nshelved_hours=2\nshelved_longest=5400\n"
                    "shelved_longest_h=1.5\nshelved_n=A:2,B:1\nshelved_n=3\n"},
        {"before the period is not in it", "period 3600 7200\nevents\n0 OOS_ON A\n3600 OOS_OFF A\nexpect\n"
                                           "oos=0\noos_hours=0\noos_longest=0\noos_n=0\n"},
        {"out of service never ends by itself",
         "period 0 3600\nevents\n0 OOS_ON A\n100 DISABLE A\n200 ENABLE A hidden\n"
         "expect\noos=A\noos_s=3600\ndisabled_s=100\n"},
        {"disabling ends a shelf and suppression",
         "period 0 100\nevents\n0 SHELVE A\n0 SUPPRESS A\n10 DISABLE A\n20 ENABLE A\nexpect\nshelved_s=10\n"
         "suppressed_s=10\ndisabled_s=10\noos=none\n"},
        {"removing ends all",
         "period 0 100\nevents\n0 SHELVE A\n0 SUPPRESS A\n0 OOS_ON A\n0 DISABLE B\n10 REMOVE A\n"
         "30 REMOVE B\nexpect\nshelved_s=10\nsuppressed_s=10\noos_s=10\ndisabled_s=30\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void bad_actors_have_their_own_row(void **state) {
    (void)state;
    static const char *const names[] = {"B", "A"};
    static const struct kpi_event events[] = {
        {.at_us = 0, .src_us = -5000000, .alarm = 0, .priority = 3, .kind = KPI_RAISE},
        {.at_us = 1000000, .src_us = 0, .alarm = 0, .kind = KPI_RTN},
        {.at_us = 2000000, .src_us = 2000000, .alarm = 0, .kind = KPI_RERAISE},
        {.at_us = 3000000, .src_us = 3000000, .alarm = 0, .actor_key = 7, .kind = KPI_ACK},
        {.at_us = 4000000, .src_us = 5000000, .alarm = 0, .kind = KPI_RTN},
    };
    struct kpi_input in = {.events = events,
                           .n_events = COUNT(events),
                           .names = names,
                           .n_alarms = 2,
                           .t1_us = 10000000,
                           .settings = kpi_defaults()};
    struct kpi_report *r = NULL;
    struct error err;
    assert_int_equal(kpi_report_new(&in, &r, &err), OK);
    assert_int_equal(r->by_name[0], 1);
    assert_int_equal(r->by_count[0], 0);
    assert_int_equal(r->alarms[0].n, 2);
    assert_int_equal(r->alarms[0].returned, 2);
    assert_int_equal(r->alarms[0].returned_unacked, 1);
    assert_true(fabs(r->alarms[0].mean_active_s - 4) < 1e-9);
    assert_int_equal(r->n_priority[3], 2);
    assert_int_equal(r->n_priority[KPI_ALL], 2);
    assert_int_equal(r->bins[0], 2);
    kpi_report_free(&r);
    assert_null(r);
    kpi_report_free(&r);
}

static void what_cannot_be_read_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"A"};
    struct kpi_event events[] = {{.at_us = 5, .kind = KPI_RAISE}, {.at_us = 5, .kind = KPI_RTN}};
    const int64_t far_us = INT64_C(1) << 61;
    int64_t trip_us = 0;
    struct kpi_input in = {.events = events,
                           .n_events = 2,
                           .names = names,
                           .n_alarms = 1,
                           .t1_us = 10,
                           .trips = &trip_us,
                           .n_trips = 1,
                           .settings = kpi_defaults()};
    struct kpi_report *r = NULL;
    struct error err;
    assert_int_equal(kpi_report_new(&in, &r, &err), OK);
    kpi_report_free(&r);
    events[1].at_us = 4;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    assert_string_equal(err.where, "event 1");
    events[1].at_us = far_us;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    events[1].at_us = 5;
    events[1].src_us = -far_us;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    events[1].src_us = 5;
    events[0].alarm = 1;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    assert_string_equal(err.where, "event 0");
    events[0].alarm = 0;
    trip_us = far_us;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    assert_string_equal(err.where, "trips");
    trip_us = 0;
    in.t1_us = -1;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    in.t1_us = far_us;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_INVALID);
    in.t1_us = INT64_C(600000000) * KPI_BINS_MAX;
    assert_int_equal(kpi_report_new(&in, &r, &err), ERR_TOO_BIG);
    assert_null(r);
}

static void nearest_rank_is_the_smallest_that_covers(void **state) {
    (void)state;
    int64_t v[100];
    for (int64_t i = 0; i < 100; i++) {
        v[i] = i + 1;
    }
    assert_int_equal(kpi_nearest_rank(v, 1, 50), 1);
    assert_int_equal(kpi_nearest_rank(v, 2, 50), 1);
    assert_int_equal(kpi_nearest_rank(v, 3, 50), 2);
    assert_int_equal(kpi_nearest_rank(v, 20, 95), 19);
    assert_int_equal(kpi_nearest_rank(v, 21, 95), 20);
    assert_int_equal(kpi_nearest_rank(v, 100, 95), 95);
    assert_int_equal(kpi_nearest_rank(v, 7, 43), 4);
    assert_int_equal(kpi_nearest_rank(v, 100, 0), 1);
    assert_int_equal(kpi_nearest_rank(v, 100, 100), 100);
}

static void the_live_banner_of_a_case(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"on and off",
         "period 0 3600\nevents\nevery 10 from 0 count 11 RAISE A\nexpect\nlive=100-660\nflood_on=100\n"
         "flood_off=660\n"},
        {"never",
         "period 0 3600\nevents\nevery 60 from 0 count 60 RAISE A\nexpect\nlive=none\nflood_on=none\n"},
    };
    run_rows(rows, COUNT(rows));
}

static void a_case_that_is_wrong_is_told_by_what_differs(void **state) {
    (void)state;
    static const struct {
        const char *body;
        const char *why;
    } rows[] = {
        {"period 0 60\nevents\n1 RAISE A\nexpect\nn=2\n", "n: is 1, expected 2"},
        {"period 0 60\nevents\n1 RAISE A\nexpect\nn=1\ntop=A:2\n", "top: is A:1, expected A:2"},
        {"period 0 60\nevents\n1 RAISE A\nexpect\ntop=A,B\n", "top: is A:1, expected A,B"},
        {"period 0 60\nevents\n1 RAISE A\n1 RAISE B\nexpect\ntop=B,A\n", "top: is A:1,B:1, expected B,A"},
        {"period 0 60\nevents\n1 RAISE A\n1 RAISE B\nexpect\nstanding=B,A\nstanding=B\n",
         "standing: is A:1,B:1, expected B"},
        {"period 0 60\nevents\n1 RAISE A\n1 RAISE B\nexpect\nstanding=none\n",
         "standing: is A:1,B:1, expected none"},
        {"period 0 3600\nevents\n1 RAISE A\nexpect\nmean10=0.16\n", "mean10: is 0.1666666667, expected 0.16"},
        {"period 0 60\nevents\nexpect\ntta_p50=0\n", "tta_p50: is none, expected 0"},
        {"period 0 600\nevents\nevery 1 from 0 count 11 RAISE A\nexpect\nfloods=0-600:12\n",
         "floods: is 0-600:11:11, expected 0-600:12"},
        {"period 0 60\nevents\nexpect\nbeauty=1\n", "beauty: is no figure"},
        {"period 0 60\nevents\n1 raise A\nexpect\nn=1\n", "not a kind of event: raise"},
        {"period 0 60\nevents\n1 RAISE A loud\nexpect\nn=1\n", "unknown word of an event: loud"},
        {"period 0 60\nevents\n1 RAISE\n", "no alarm is named: RAISE"},
        {"period 0 60\nevents\nevery 1 from 0 RAISE A\n", "every without an end: every"},
        {"period 0 60\nevents\nsoon RAISE A\n", "not a line of a case: soon"},
        {"period 0 later\n", "not a period: 0"},
        {"period 60 0\n", "the period ends before it begins: "},
        {"expect\nn\n", "not key=value: n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[KPI_CASE_WHY] = "";
        assert_false(kpi_case_run(rows[i].body, why, sizeof why));
        assert_string_equal(why, rows[i].why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annunciations_are_counted_by_bins),
        cmocka_unit_test(the_most_frequent_are_ranked),
        cmocka_unit_test(nuisance_is_found),
        cmocka_unit_test(what_stands_is_weighed_by_time),
        cmocka_unit_test(acknowledgement_is_timed),
        cmocka_unit_test(what_is_hidden_is_listed),
        cmocka_unit_test(bad_actors_have_their_own_row),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(nearest_rank_is_the_smallest_that_covers),
        cmocka_unit_test(the_live_banner_of_a_case),
        cmocka_unit_test(a_case_that_is_wrong_is_told_by_what_differs),
    };
    return cmocka_run_group_tests_name("kpi", tests, NULL, NULL);
}
