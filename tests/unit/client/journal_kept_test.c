#include "protocol/client/journal.h"
#include "protocol/msg.h"
#include "tests/unit/client/dir.h"

struct fixture {
    struct dir d;
    struct journal *j;
    struct buf body;
    uint64_t epoch;
};

enum { CAPACITY = 1 << 20, SEGMENT = 4096, KEEP = 256 * 1024 };

static void open_with(struct fixture *f, uint64_t capacity, uint64_t keep) {
    journal_close(&f->j);
    struct journal_config cfg = {.dir = f->d.path,
                                 .capacity_bytes = capacity,
                                 .segment_bytes = SEGMENT,
                                 .keep_bytes = keep,
                                 .epoch = ++f->epoch};
    assert_int_equal(journal_open(&cfg, &f->j, NULL), OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    buf_init(&f->body, 100000);
    f->epoch = 100;
    open_with(f, CAPACITY, KEEP);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    journal_close(&f->j);
    buf_done(&f->body);
    dir_remove(&f->d);
    free(f);
    return 0;
}

/* Its body is the number that it will have. */
static void append(struct fixture *f, uint8_t type) {
    char text[500];
    int n = snprintf(text, sizeof text, "%0499llu", (unsigned long long)journal_next_seq(f->j));
    struct segment_entry e = {.type = type,
                              .dict = 1,
                              .t_us = 1000,
                              .samples = type == MSG_DATA ? 2 : 0,
                              .body = slice_of(text, (size_t)n)};
    uint64_t seq = 0;
    assert_int_equal(journal_append(f->j, &e, &seq, NULL), OK);
}

/* A dictionary and so many records, durable. */
static uint64_t fill(struct fixture *f, int n) {
    append(f, MSG_DICT);
    for (int i = 1; i < n; i++) {
        append(f, MSG_DATA);
    }
    assert_int_equal(journal_sync(f->j, NULL), OK);
    return journal_epoch(f->j);
}

static void commit(struct fixture *f, uint64_t epoch, uint64_t end) {
    assert_int_equal(journal_commit(f->j, epoch, 0, end, NULL), OK);
}

static struct journal_stats stats(const struct fixture *f) {
    struct journal_stats st;
    journal_get_stats(f->j, &st);
    return st;
}

static void recall(struct fixture *f) {
    assert_int_equal(journal_recall(f->j, ++f->epoch, NULL), OK);
}

/* The records of an epoch that wait, each as it was; returns how many, and the first number. */
static uint64_t count(struct fixture *f, uint64_t epoch, uint64_t *ret_first) {
    uint64_t n = 0;
    struct journal_found found = {0};
    for (uint64_t seq = 0; journal_find(f->j, epoch, seq, UINT64_MAX, &found); seq = found.seq + 1) {
        struct segment_entry e = {0};
        assert_int_equal(journal_read(f->j, epoch, found.seq, &f->body, &e, NULL), OK);
        assert_int_equal(strtoull(e.body.p, NULL, 10), found.seq);
        if (n++ == 0) {
            *ret_first = found.seq;
        }
    }
    return n;
}

static void what_the_server_has_no_more_waits_again_under_its_numbers(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = fill(f, 60);
    commit(f, epoch, 60);
    assert_true(stats(f).waiting == 0);
    const struct seq_range all[] = {{0, 60}};
    const struct seq_range some[] = {{0, 30}};
    const struct seq_range late[] = {{0, 59}};
    assert_false(journal_misses(f->j, epoch, all, 1));
    assert_true(journal_misses(f->j, epoch, some, 1));
    assert_true(journal_misses(f->j, epoch, late, 1)); /* of the file that is written to */
    assert_true(journal_misses(f->j, epoch, NULL, 0));
    assert_false(journal_misses(f->j, 4711, NULL, 0));
    recall(f);
    uint64_t first = 99;
    assert_true(count(f, epoch, &first) == 60 && first == 0);
    assert_true(journal_epoch(f->j) == f->epoch && journal_next_seq(f->j) == 0);
    assert_true(stats(f).waiting == 60);
    commit(f, epoch, 30);
    assert_true(count(f, epoch, &first) == 30 && first == 30);
    append(f, MSG_DATA);
    assert_int_equal(journal_sync(f->j, NULL), OK);
    commit(f, epoch, 60);
    assert_true(stats(f).waiting == 1);
}

static void starts_that_ended_are_kept_too_also_over_a_restart(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = fill(f, 20);
    open_with(f, CAPACITY, KEEP);
    commit(f, epoch, 20);
    open_with(f, CAPACITY, KEEP);
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 1); /* nothing of it waits */
    recall(f);
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 2);
    assert_true(v[1].epoch == epoch && v[1].oldest_unacked == 0 && v[1].next_seq == 20);
    uint64_t first = 99;
    assert_true(count(f, epoch, &first) == 20 && first == 0);
}

/* Told once, the server has it: it is not told again by every recall. */
static void what_was_sent_again_is_kept_again(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = fill(f, 40);
    commit(f, epoch, 40);
    for (int i = 0; i < 3; i++) {
        recall(f);
        uint64_t first = 99;
        assert_true(count(f, epoch, &first) == 40);
        commit(f, epoch, 40);
        assert_true(stats(f).waiting == 0);
    }
}

static void what_is_kept_takes_no_more_than_it_may_and_goes_before_samples(void **state) {
    struct fixture *f = *state;
    enum { SMALL = 64 * 1024, LITTLE = 16 * 1024 };
    open_with(f, SMALL, LITTLE);
    uint64_t epoch = fill(f, 100);
    commit(f, epoch, 100);
    assert_true(stats(f).bytes <= LITTLE + 2 * SEGMENT);
    assert_true(stats(f).bytes > LITTLE / 2);
    for (int i = 0; i < 100; i++) {
        append(f, MSG_DATA); /* all of the capacity */
        assert_true(stats(f).bytes <= SMALL);
    }
    assert_true(stats(f).dropped_total == 0);
    assert_true(stats(f).waiting == 100);
}

static void what_is_left_of_a_start_that_ended_has_its_dictionary(void **state) {
    struct fixture *f = *state;
    enum { LITTLE = 64 * 1024 };
    uint64_t old = 0;
    for (int i = 0; i < 6; i++) {
        open_with(f, CAPACITY, LITTLE);
        old = fill(f, 50);
        open_with(f, CAPACITY, LITTLE);
        commit(f, old, 50);
    }
    recall(f);
    struct journal_epoch v[LINK_EPOCHS_MAX];
    uint32_t n = journal_epochs(f->j, v, LINK_EPOCHS_MAX, NULL);
    assert_true(n > 1 && n < 7);
    for (uint32_t i = 1; i < n; i++) {
        uint64_t first = 99;
        assert_true(count(f, v[i].epoch, &first) == 50 && first == 0);
    }
    assert_true(v[n - 1].epoch == old);
}

static void a_journal_that_keeps_nothing_never_doubts_the_server(void **state) {
    struct fixture *f = *state;
    open_with(f, CAPACITY, 0);
    uint64_t epoch = fill(f, 60);
    commit(f, epoch, 60);
    assert_false(journal_misses(f->j, epoch, NULL, 0));
}

/* Samples went and events stayed: there are gaps, which no server can have. */
static void what_was_dropped_is_not_missed(void **state) {
    struct fixture *f = *state;
    enum { SMALL = 32 * 1024, RECORDS = 100 };
    open_with(f, SMALL, SMALL);
    append(f, MSG_DICT);
    for (int i = 1; i < RECORDS; i++) {
        append(f, i % 3 == 0 ? MSG_EVENT : MSG_DATA);
    }
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_true(stats(f).dropped_total > 0);
    uint64_t epoch = journal_epoch(f->j);
    struct seq_range has[RECORDS];
    uint32_t n = 0;
    struct journal_found found = {0};
    for (uint64_t seq = 0; journal_find(f->j, epoch, seq, UINT64_MAX, &found); seq = found.seq + 1) {
        has[n++] = (struct seq_range){found.seq, found.seq + 1};
    }
    for (uint32_t i = 1; i < n;) {
        if (has[i - 1].end != has[i].first) {
            i++;
            continue;
        }
        has[i - 1].end = has[i].end;
        memmove(&has[i], &has[i + 1], (--n - i) * sizeof has[0]);
    }
    assert_true(n > 3);
    commit(f, epoch, RECORDS);
    assert_true(stats(f).waiting == 0);
    assert_false(journal_misses(f->j, epoch, has, n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_server_has_no_more_waits_again_under_its_numbers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(starts_that_ended_are_kept_too_also_over_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sent_again_is_kept_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept_takes_no_more_than_it_may_and_goes_before_samples, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_left_of_a_start_that_ended_has_its_dictionary, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_journal_that_keeps_nothing_never_doubts_the_server, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_dropped_is_not_missed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
