#include "protocol/client/journal_state.h"
#include "protocol/client/recorder.h"
#include "protocol/frame.h"
#include "server/base/tm.h"
#include "tests/unit/client/dir.h"

#include <inttypes.h>

#define T0 (TM_YEAR_2000_US + 1000000)

struct fixture {
    struct dir d;
    struct tags *tags;
    struct journal *journal;
    struct recorder r;
    struct moment now;
    uint64_t epoch;
    struct buf body;
    uint32_t told;       /* records that on_record saw */
    uint64_t told_epoch; /* of the last one */
    uint64_t told_seq;
    uint64_t next_when_told; /* journal_next_seq at that moment */
};

static uint64_t new_epoch(void *ctx) {
    struct fixture *f = ctx;
    return ++f->epoch;
}

static void on_record(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n) {
    struct fixture *f = ctx;
    assert_true(n > 0 && v != NULL);
    f->told++;
    f->told_epoch = epoch;
    f->told_seq = seq;
    f->next_when_told = journal_next_seq(f->journal);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    f->epoch = 10;
    f->now = (struct moment){.wall_us = T0, .mono_us = 1000000};
    buf_init(&f->body, 1000000);
    assert_int_equal(tags_new(&f->tags, NULL), OK);
    struct journal_config cfg = {.dir = f->d.path, .capacity_bytes = 1 << 20, .epoch = 10};
    assert_int_equal(journal_open(&cfg, &f->journal, NULL), OK);
    struct recorder_host host = {.ctx = f, .new_epoch = new_epoch, .on_record = on_record};
    recorder_init(&f->r, f->tags, f->journal, 200000, &host);
    struct tag_def def = {.name = slice_str("a"), .type = VALUE_F64};
    uint32_t tag = 0;
    assert_int_equal(tags_define(f->tags, &def, &tag, NULL), OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    journal_close(&f->journal);
    tags_free(&f->tags);
    buf_done(&f->body);
    dir_remove(&f->d);
    free(f);
    return 0;
}

static void put(struct fixture *f, double value) {
    f->now.wall_us += 1000;
    assert_int_equal(tags_put(f->tags, 0, f->now.wall_us, value, 0, NULL), OK);
}

static uint8_t type_at(struct fixture *f, uint64_t seq) {
    struct segment_entry e;
    return journal_read(f->journal, journal_epoch(f->journal), seq, &f->body, &e, NULL) == OK ? e.type : 0;
}

static void the_first_flush_writes_the_dictionary_and_then_the_samples(void **state) {
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_int_equal(type_at(f, 0), MSG_DICT);
    assert_int_equal(type_at(f, 1), MSG_DATA);
    assert_true(f->r.dict.id == 1 && f->r.dict.first == 0 && f->r.dict.end == 1 && f->r.dict.n_tags == 1);
    put(f, 2);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_int_equal(type_at(f, 2), MSG_DATA);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(journal_next_seq(f->journal) == 3);
}

static void a_record_is_told_before_the_journal_has_it(void **state) {
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_int_equal(f->told, 1);
    assert_true(f->told_epoch == 10 && f->told_seq == 1 && f->next_when_told == 1);
}

static void a_new_tag_makes_a_new_dictionary(void **state) {
    struct fixture *f = *state;
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    struct tag_def def = {.name = slice_str("b"), .type = VALUE_F64};
    uint32_t tag = 0;
    assert_int_equal(tags_define(f->tags, &def, &tag, NULL), OK);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(f->r.dict.id == 2 && f->r.dict.first == 1 && f->r.dict.n_tags == 2);
}

static void more_dictionaries_than_an_epoch_may_have_open_a_new_one(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < LINK_DICTS_MAX + 1; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%d", i);
        struct tag_def def = {.name = slice_str(name), .type = VALUE_F64};
        uint32_t tag = 0;
        assert_int_equal(tags_define(f->tags, &def, &tag, NULL), OK);
        assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    }
    assert_true(journal_epoch(f->journal) == 11);
    assert_true(f->r.dict.epoch == 11 && f->r.dict.first == 0);
}

static void the_disk_is_asked_at_most_every_so_often(void **state) {
    struct fixture *f = *state;
    assert_true(recorder_next_mono_us(&f->r) == MOMENT_NEVER);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_int_equal(recorder_sync(&f->r, f->now, NULL), OK);
    assert_true(journal_durable_seq(f->journal) == 1);
    put(f, 1);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(recorder_next_mono_us(&f->r) == f->now.mono_us + 200000);
    f->now.mono_us += 199999;
    assert_int_equal(recorder_sync(&f->r, f->now, NULL), OK);
    assert_true(journal_durable_seq(f->journal) == 1);
    f->now.mono_us += 1;
    assert_int_equal(recorder_sync(&f->r, f->now, NULL), OK);
    assert_true(journal_durable_seq(f->journal) == 2);
}

static void samples_that_the_disk_refuses_are_counted_and_the_rest_goes_on(void **state) {
    struct fixture *f = *state;
    /* A full journal of records that must stay. */
    struct segment_entry e = {.type = MSG_EVENT, .body = slice_of("", 0)};
    uint64_t seq = 0;
    while (journal_append(f->journal, &e, &seq, NULL) == OK) {
    }
    put(f, 1);
    put(f, 2);
    struct error err = {0};
    assert_int_equal(recorder_flush(&f->r, f->now, &err), ERR_FULL);
    assert_true(f->r.lost == 2);
    assert_true(f->r.dict.id == 0);
    assert_true(tags_changed(f->tags, 1));
    (void)journal_commit(f->journal, 10, 0, seq + 1, NULL);
    put(f, 3);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(f->r.dict.id == 2);
    assert_true(f->r.lost == 2);
    /* … and told as soon as the disk takes it. */
    struct journal_stats stats;
    journal_get_stats(f->journal, &stats);
    assert_true(stats.dropped_total == 2 && f->r.untold.samples == 0);
    struct buf body;
    buf_init(&body, 1000);
    uint64_t last = journal_next_seq(f->journal) - 1;
    assert_int_equal(journal_read(f->journal, 10, last, &body, &e, NULL), OK);
    struct msg_event m;
    assert_int_equal(event_decode(e.body, &m, NULL), OK);
    assert_true(m.code == EVENT_SAMPLES_LOST && m.lost.samples == 2 && m.lost.first == m.lost.end);
    buf_done(&body);
}

static void a_fork_of_the_present_epoch_writes_the_dictionary_anew(void **state) {
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_int_equal(recorder_refile(&f->r, 10, 0, NULL), OK);
    assert_true(journal_epoch(f->journal) == 11);
    assert_true(f->r.dict.id == 0);
    assert_int_equal(type_at(f, 0), MSG_DICT);
    assert_int_equal(type_at(f, 1), MSG_DATA);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(f->r.dict.id == 2 && f->r.dict.first == 2 && f->r.dict.epoch == 11);
}

static void what_is_recorded_with_an_unsure_clock_is_marked(void **state) {
    struct fixture *f = *state;
    struct buf body;
    buf_init(&body, 10000);
    f->r.clock_unsure = true;
    put(f, 1);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    f->r.clock_unsure = false;
    put(f, 2);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    struct segment_entry e;
    assert_int_equal(journal_read(f->journal, 10, 1, &body, &e, NULL), OK);
    assert_true(e.type == MSG_DATA && e.flags == FRAME_CLOCK_UNSYNCED);
    assert_int_equal(journal_read(f->journal, 10, 2, &body, &e, NULL), OK);
    assert_true(e.type == MSG_DATA && e.flags == 0);
    buf_done(&body);
}

static void an_event_is_journaled_and_one_that_breaks_the_rules_is_refused(void **state) {
    struct fixture *f = *state;
    struct msg_event m = {.code = EVENT_DEVICE_DOWN,
                          .severity = EVENT_WARNING,
                          .t_us = T0,
                          .path = slice_str("modbus/plc1"),
                          .text = slice_str("no answer in 3 s")};
    assert_int_equal(recorder_event(&f->r, &m, NULL), OK);
    struct buf body;
    buf_init(&body, 10000);
    struct segment_entry e;
    assert_int_equal(journal_read(f->journal, 10, 0, &body, &e, NULL), OK);
    struct msg_event back;
    assert_int_equal(event_decode(e.body, &back, NULL), OK);
    assert_true(e.type == MSG_EVENT && e.dict == 0 && e.samples == 0);
    assert_true(back.code == EVENT_DEVICE_DOWN && slice_eq(back.path, m.path) && slice_eq(back.text, m.text));
    buf_done(&body);
    static char text[LINK_TEXT_MAX + 1];
    memset(text, 'x', sizeof text);
    m.text = slice_of(text, sizeof text);
    assert_int_equal(recorder_event(&f->r, &m, NULL), ERR_TOO_BIG);
    m.text = slice_str("\xff");
    assert_int_equal(recorder_event(&f->r, &m, NULL), ERR_INVALID);
    m.text = slice_str("");
    m.t_us = INT64_MAX;
    assert_int_equal(recorder_event(&f->r, &m, NULL), ERR_INVALID);
    assert_true(journal_next_seq(f->journal) == 1);
}

/* Puts a sample each second for so long and flushes each. */
static void run_seconds(struct fixture *f, int seconds) {
    for (int i = 0; i < seconds; i++) {
        f->now.mono_us += 1000000;
        put(f, i);
        assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
        assert_int_equal(recorder_sync(&f->r, f->now, NULL), OK);
        assert_true(journal_is_durable(f->journal));
    }
}

static void while_nothing_can_be_sent_ten_minutes_make_one_record(void **state) {
    struct fixture *f = *state;
    f->r.gathers = true;
    run_seconds(f, 600);
    assert_true(journal_holds(f->journal) && journal_next_seq(f->journal) == 1);
    assert_true(f->told == 600 && f->told_epoch == 10 && f->told_seq == 1);
    run_seconds(f, 2);
    assert_true(f->told_seq == 2 && type_at(f, 1) == MSG_DATA);
    f->r.gather_us = 5000000;
    run_seconds(f, 20);
    assert_true(journal_next_seq(f->journal) == 6);
}

static void when_the_line_is_back_what_gathered_goes_before_what_is_new(void **state) {
    struct fixture *f = *state;
    f->r.gathers = true;
    run_seconds(f, 3);
    f->r.gathers = false;
    put(f, 9);
    assert_int_equal(recorder_flush(&f->r, f->now, NULL), OK);
    assert_true(!journal_holds(f->journal) && journal_next_seq(f->journal) == 3 && f->told_seq == 2);
    struct segment_entry e;
    assert_int_equal(journal_read(f->journal, 10, 1, &f->body, &e, NULL), OK);
    assert_true(e.samples == 3);
    assert_int_equal(journal_read(f->journal, 10, 2, &f->body, &e, NULL), OK);
    assert_true(e.samples == 1);
    /* A session begins: all is a record and durable. */
    f->r.gathers = true;
    run_seconds(f, 1);
    assert_int_equal(recorder_settle(&f->r, f->now, NULL), OK);
    assert_true(journal_durable_seq(f->journal) == 4 && !journal_holds(f->journal));
    assert_int_equal(recorder_settle(&f->r, f->now, NULL), OK);
    assert_true(journal_next_seq(f->journal) == 4);
}

static void long_before_an_epoch_ends_another_is_opened(void **state) {
    struct fixture *f = *state;
    run_seconds(f, 1);
    f->journal->epochs[f->journal->n_epochs - 1].next_seq = RECORDER_SEQ_MAX;
    run_seconds(f, 1);
    assert_true(journal_epoch(f->journal) == 11 && type_at(f, 0) == MSG_DICT && type_at(f, 1) == MSG_DATA);
    assert_true(f->r.lost == 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_first_flush_writes_the_dictionary_and_then_the_samples),
        T(a_record_is_told_before_the_journal_has_it),
        T(a_new_tag_makes_a_new_dictionary),
        T(more_dictionaries_than_an_epoch_may_have_open_a_new_one),
        T(the_disk_is_asked_at_most_every_so_often),
        T(samples_that_the_disk_refuses_are_counted_and_the_rest_goes_on),
        T(a_fork_of_the_present_epoch_writes_the_dictionary_anew),
        T(what_is_recorded_with_an_unsure_clock_is_marked),
        T(an_event_is_journaled_and_one_that_breaks_the_rules_is_refused),
        T(while_nothing_can_be_sent_ten_minutes_make_one_record),
        T(when_the_line_is_back_what_gathered_goes_before_what_is_new),
        T(long_before_an_epoch_ends_another_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
