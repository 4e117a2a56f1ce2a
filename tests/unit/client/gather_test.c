/* Covers: journal_gather.c */
#include "protocol/client/gather.h"
#include "protocol/client/journal_state.h"
#include "protocol/frame.h"
#include "tests/unit/client/dir.h"

#include <errno.h>
#include <sys/syscall.h>

enum { CAPACITY = 1 << 20, SEGMENT = 8192, T0 = 1000000, RECORD_MAX = 4000 };

static const char file_name[] = "gathered";

/* A full disk takes no byte more than it has; these take the place of the C library's. */
static bool disk_is_full;
static bool sync_fails;

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved */
ssize_t pwrite(int fd, const void *p, size_t n, off_t offset) {
    struct stat info;
    if (disk_is_full && fstat(fd, &info) == 0 && offset + (off_t)n > info.st_size) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, p, n, offset);
}

int fdatasync(int fd) {
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

struct fixture {
    struct dir d;
    struct journal *j;
    uint64_t epoch;
    struct buf body;
    struct link_sample found[RECORD_MAX]; /* of the last record that was read */
    char texts[RECORD_MAX];
    uint32_t n_found;
    size_t n_texts;
};

static enum status try_open(struct fixture *f) {
    struct journal_config cfg = {
        .dir = f->d.path, .capacity_bytes = CAPACITY, .segment_bytes = SEGMENT, .epoch = ++f->epoch};
    return journal_open(&cfg, &f->j, NULL);
}

static void reopen(struct fixture *f) {
    journal_close(&f->j);
    assert_int_equal(try_open(f), OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    buf_init(&f->body, 1 << 20);
    disk_is_full = false;
    sync_fails = false;
    reopen(f);
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

static void append(struct fixture *f, uint8_t type) {
    struct segment_entry e = {.type = type, .dict = type == MSG_DICT ? 1 : 0, .body = slice_str("x")};
    uint64_t seq = 0;
    assert_int_equal(journal_append(f->j, &e, &seq, NULL), OK);
}

static const struct gather_head usual = {.dict = 1};

/* As the recorder does it. True if it gathers. */
static bool hold_with(struct fixture *f, const struct gather_head *head, const struct link_sample *v,
                      uint32_t n) {
    bool fits = false;
    assert_int_equal(journal_ready(f->j, head, v, n, &fits, NULL), OK);
    if (fits) {
        assert_int_equal(journal_hold(f->j, head, v, n, NULL), OK);
    }
    return fits;
}

/* One sample of tag 1 that says which it is. */
static bool hold(struct fixture *f, int64_t k) {
    const struct link_sample s = {.alias = 1, .type = VALUE_INT, .t_us = T0 + k, .i = k};
    return hold_with(f, &usual, &s, 1);
}

static uint8_t type_of(void *ctx, uint32_t alias) {
    (void)ctx;
    static const uint8_t types[] = {0, VALUE_INT, VALUE_STRING, VALUE_F64, VALUE_BOOL};
    return alias < COUNT(types) ? types[alias] : 0;
}

static enum status on_sample(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct fixture *f = ctx;
    assert_true(f->n_found < RECORD_MAX);
    struct link_sample *to = &f->found[f->n_found++];
    *to = *s;
    if (s->type == VALUE_STRING && (s->quality & LINK_QUALITY_NO_VALUE) == 0) {
        memcpy(f->texts + f->n_texts, s->s.p, s->s.n);
        to->s.p = f->texts + f->n_texts;
        f->n_texts += s->s.n;
    }
    return OK;
}

/* Reads a record's samples; false if there is none. */
static bool look(struct fixture *f, uint64_t epoch, uint64_t seq, struct segment_entry *ret) {
    f->n_found = 0;
    f->n_texts = 0;
    if (journal_read(f->j, epoch, seq, &f->body, ret, NULL) != OK) {
        return false;
    }
    assert_int_equal(data_decode(ret->body, type_of, on_sample, f, NULL), OK);
    assert_int_equal(f->n_found, ret->samples);
    return true;
}

static void check_numbers(const struct fixture *f, uint32_t n) {
    assert_int_equal(f->n_found, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(f->found[i].i == (int64_t)i && f->found[i].t_us == T0 + (int64_t)i);
    }
}

static void what_gathers_has_no_number_until_it_is_one_record(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    for (int64_t k = 0; k < 50; k++) {
        assert_true(hold(f, k));
        assert_true(journal_holds(f->j) && journal_next_seq(f->j) == 1);
    }
    assert_false(journal_is_durable(f->j));
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_true(journal_is_durable(f->j) && journal_durable_seq(f->j) == 1);
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_true(!journal_holds(f->j) && journal_next_seq(f->j) == 2 && !journal_is_durable(f->j));
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_true(journal_durable_seq(f->j) == 2);
    struct segment_entry e;
    assert_true(look(f, f->epoch, 1, &e));
    check_numbers(f, 50);
    assert_true(e.type == MSG_DATA && e.dict == 1 && e.t_us == T0 && e.t_last_us == T0 + 49);
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_true(journal_next_seq(f->j) == 2);
}

static void samples_of_all_types_come_back_sorted_by_tag_and_time(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    const struct link_sample late[] = {
        {.alias = 2, .type = VALUE_STRING, .t_us = T0 + 9, .s = slice_str("late")},
        {.alias = 3, .type = VALUE_F64, .t_us = T0 + 9, .f = 2.5},
    };
    const struct link_sample early[] = {
        {.alias = 1, .type = VALUE_INT, .t_us = T0 + 5, .i = INT64_MIN},
        {.alias = 2, .type = VALUE_STRING, .t_us = T0 + 5, .s = slice_str("")},
        {.alias = 2, .type = VALUE_STRING, .t_us = T0 + 6, .quality = 0x80 | LINK_QUALITY_NO_VALUE},
        {.alias = 4, .type = VALUE_BOOL, .t_us = T0 + 5, .u = 1, .quality = 0x40},
    };
    assert_true(hold_with(f, &usual, late, COUNT(late)));
    assert_true(hold_with(f, &usual, early, COUNT(early)));
    reopen(f);
    struct segment_entry e;
    assert_true(look(f, f->epoch - 1, 1, &e));
    assert_int_equal(f->n_found, 6);
    assert_true(f->found[0].i == INT64_MIN && f->found[1].s.n == 0 && f->found[1].t_us == T0 + 5);
    assert_true((f->found[2].quality & LINK_QUALITY_NO_VALUE) != 0);
    assert_true(slice_is(f->found[3].s, "late") && f->found[3].t_us == T0 + 9);
    assert_true(f->found[4].f == 2.5 && f->found[5].u == 1 && f->found[5].quality == 0x40);
    assert_true(e.t_us == T0 + 5 && e.t_last_us == T0 + 9);
}

static void after_a_crash_it_is_the_record_that_it_was_to_be_and_only_once(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    assert_true(hold(f, 0) && hold(f, 1));
    uint64_t epoch = f->epoch;
    uint8_t file[4000];
    assert_int_equal(journal_sync(f->j, NULL), OK);
    size_t n = dir_read(&f->d, file_name, file, sizeof file);
    for (int i = 0; i < 3; i++) {
        reopen(f);
        struct segment_entry e;
        assert_true(look(f, epoch, 1, &e));
        check_numbers(f, 2);
        assert_false(look(f, epoch, 2, &e));
        struct journal_stats stats;
        journal_get_stats(f->j, &stats);
        assert_true(stats.waiting == 2 && stats.damaged_bytes == 0);
        /* Had the crash come before the file was emptied. */
        dir_write(&f->d, file_name, file, n);
    }
}

static void whatever_else_gets_a_number_seals_it_first(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    assert_true(hold(f, 0));
    append(f, MSG_EVENT);
    assert_true(journal_next_seq(f->j) == 3 && !journal_holds(f->j));
    struct segment_entry e;
    assert_true(look(f, f->epoch, 1, &e));
    /* Another dictionary, or another mark of the clock. */
    assert_true(hold(f, 0));
    const struct link_sample s = {.alias = 1, .type = VALUE_INT, .t_us = T0 + 1, .i = 1};
    const struct gather_head other[] = {{.dict = 2}, {.dict = 2, .flags = FRAME_CLOCK_UNSYNCED}};
    for (uint64_t i = 0; i < COUNT(other); i++) {
        assert_true(hold_with(f, &other[i], &s, 1));
        assert_true(journal_next_seq(f->j) == 4 + i);
    }
    assert_int_equal(journal_new_epoch(f->j, ++f->epoch, NULL), OK);
    assert_true(look(f, f->epoch - 1, 5, &e));
    assert_true(e.dict == 2 && e.flags == FRAME_CLOCK_UNSYNCED);
    assert_true(journal_next_seq(f->j) == 0 && !journal_holds(f->j));
}

static void a_record_that_is_large_enough_is_sealed_and_another_begun(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    uint32_t sum = 0;
    int64_t k = 0;
    while (journal_next_seq(f->j) < 4) {
        assert_true(hold(f, k++));
    }
    for (uint64_t seq = 1; seq < 4; seq++) {
        struct segment_entry e;
        assert_true(look(f, f->epoch, seq, &e));
        assert_true(e.body.n <= SEGMENT / 2 && e.body.n > SEGMENT / 4);
        assert_true(f->found[0].i == sum);
        sum += f->n_found;
    }
    assert_true(sum == k - 1);
    /* What is too large for it goes its own way. */
    static struct link_sample many[RECORD_MAX];
    for (uint32_t i = 0; i < RECORD_MAX; i++) {
        many[i] = (struct link_sample){
            .alias = 1, .type = VALUE_INT, .t_us = T0 + i, .i = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15))};
    }
    assert_false(hold_with(f, &usual, many, RECORD_MAX));
    assert_false(journal_holds(f->j));
}

static void it_counts_as_one_record_that_waits(void **state) {
    struct fixture *f = *state;
    struct journal_stats before;
    struct journal_stats stats;
    journal_get_stats(f->j, &before);
    assert_true(hold(f, 7) && hold(f, 3));
    journal_get_stats(f->j, &stats);
    assert_true(stats.waiting == 1 && stats.waiting_bytes > 0 && stats.bytes == stats.waiting_bytes);
    assert_true(stats.oldest_sample_us == T0 + 3);
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_int_equal(journal_sync(f->j, NULL), OK);
    journal_get_stats(f->j, &stats);
    assert_true(stats.waiting == 1 && stats.oldest_sample_us == T0 + 3);
    assert_int_equal(journal_commit(f->j, f->epoch, 0, 1, NULL), OK);
    journal_get_stats(f->j, &stats);
    assert_true(stats.waiting == 0 && before.waiting == 0);
}

static void a_file_cut_or_flipped_anywhere_gives_whole_additions_from_its_beginning(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    for (int64_t k = 0; k < 4; k++) {
        assert_true(hold(f, k));
    }
    uint8_t file[1000];
    size_t n = dir_read(&f->d, file_name, file, sizeof file);
    journal_close(&f->j);
    uint32_t most = 0;
    for (size_t at = 0; at < 2 * n; at++) {
        struct gather g;
        int dir_fd = open(f->d.path, O_RDONLY | O_DIRECTORY);
        uint8_t bad[1000];
        memcpy(bad, file, n);
        bad[at % n] ^= at < n ? 0 : 0x40;
        dir_write(&f->d, file_name, bad, at < n ? at : n);
        gather_init(&g, dir_fd);
        assert_int_equal(gather_load(&g, NULL), OK);
        assert_true(g.n < 4 && (g.state == GATHER_OPEN) == (g.n > 0));
        for (uint32_t i = 0; i < g.n; i++) {
            assert_true(g.v[i].sample.i == (int64_t)i);
        }
        most = g.n > most ? g.n : most;
        gather_done(&g);
        (void)close(dir_fd);
    }
    assert_int_equal(most, 3);
    assert_int_equal(try_open(f), OK);
}

static void remains_of_an_earlier_record_are_no_part_of_the_next(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    assert_true(hold(f, 0) && hold(f, 1) && hold(f, 2));
    uint8_t old[1000];
    size_t n_old = dir_read(&f->d, file_name, old, sizeof old);
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_true(hold(f, 50)); /* as long as the first */
    uint8_t fresh[1000];
    size_t n = dir_read(&f->d, file_name, fresh, sizeof fresh);
    assert_true(n < n_old);
    memcpy(old, fresh, n);
    uint64_t epoch = f->epoch;
    journal_close(&f->j);
    dir_write(&f->d, file_name, old, n_old);
    assert_int_equal(try_open(f), OK);
    struct segment_entry e;
    assert_true(look(f, epoch, 2, &e));
    assert_true(f->n_found == 1 && f->found[0].i == 50);
}

static void on_a_full_disk_it_gathers_on_and_is_sent_when_there_is_room(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    assert_true(hold(f, 0) && hold(f, 1));
    uint64_t epoch = f->epoch;
    journal_close(&f->j);
    disk_is_full = true;
    assert_int_equal(try_open(f), OK);
    struct segment_entry e;
    struct journal_stats stats;
    assert_false(look(f, epoch, 1, &e));
    assert_true(journal_holds(f->j) && journal_epoch(f->j) == f->epoch);
    journal_get_stats(f->j, &stats);
    assert_true(stats.waiting == 2);
    assert_int_equal(journal_seal(f->j, NULL), OK); /* a former process's: no failure of this one */
    assert_true(journal_holds(f->j));
    /* The server has all else of that epoch: it stays all the same. */
    assert_int_equal(journal_commit(f->j, epoch, 0, 1, NULL), OK);
    disk_is_full = false;
    sync_fails = true;
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_true(journal_holds(f->j));
    sync_fails = false;
    assert_false(hold(f, 5)); /* what is new does not join it */
    assert_int_equal(journal_seal(f->j, NULL), OK);
    assert_false(journal_holds(f->j));
    assert_true(look(f, epoch, 1, &e));
    check_numbers(f, 2);
    assert_true(hold(f, 5));
}

static void when_it_cannot_be_made_durable_it_moves_to_the_new_epoch(void **state) {
    struct fixture *f = *state;
    append(f, MSG_DICT);
    assert_true(hold(f, 0));
    sync_fails = true;
    assert_int_equal(journal_sync(f->j, NULL), ERR_IO);
    sync_fails = false;
    const struct link_sample s = {.alias = 1, .type = VALUE_INT, .t_us = T0 + 1, .i = 1};
    assert_int_equal(journal_hold(f->j, &usual, &s, 1, NULL), ERR_IO);
    assert_int_equal(journal_seal(f->j, NULL), ERR_IO);
    assert_int_equal(journal_refile(f->j, f->epoch, journal_durable_seq(f->j), f->epoch + 1, NULL), OK);
    f->epoch++;
    assert_int_equal(journal_sync(f->j, NULL), OK);
    struct segment_entry e;
    assert_true(journal_epoch(f->j) == f->epoch && look(f, f->epoch, 1, &e));
    check_numbers(f, 1);
    /* The same for one that is written and not durable. */
    assert_true(hold(f, 0));
    assert_int_equal(journal_seal(f->j, NULL), OK);
    sync_fails = true;
    assert_int_equal(journal_sync(f->j, NULL), ERR_IO);
    sync_fails = false;
    assert_int_equal(journal_refile(f->j, f->epoch, journal_durable_seq(f->j), f->epoch + 1, NULL), OK);
    uint64_t epoch = ++f->epoch;
    reopen(f);
    assert_true(look(f, epoch, 1, &e));
    check_numbers(f, 1);
    assert_false(look(f, epoch, 2, &e));
}

static void an_epoch_has_an_end(void **state) {
    struct fixture *f = *state;
    f->j->epochs[f->j->n_epochs - 1].next_seq = LINK_SEQ_MAX - 2;
    append(f, MSG_EVENT);
    struct segment_entry e = {.type = MSG_EVENT};
    uint64_t seq = 0;
    struct error err;
    assert_int_equal(journal_append(f->j, &e, &seq, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.text, "has no more numbers"));
    assert_int_equal(journal_new_epoch(f->j, ++f->epoch, NULL), OK);
    append(f, MSG_EVENT);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_gathers_has_no_number_until_it_is_one_record),
        T(samples_of_all_types_come_back_sorted_by_tag_and_time),
        T(after_a_crash_it_is_the_record_that_it_was_to_be_and_only_once),
        T(whatever_else_gets_a_number_seals_it_first),
        T(a_record_that_is_large_enough_is_sealed_and_another_begun),
        T(it_counts_as_one_record_that_waits),
        T(a_file_cut_or_flipped_anywhere_gives_whole_additions_from_its_beginning),
        T(remains_of_an_earlier_record_are_no_part_of_the_next),
        T(on_a_full_disk_it_gathers_on_and_is_sent_when_there_is_room),
        T(when_it_cannot_be_made_durable_it_moves_to_the_new_epoch),
        T(an_epoch_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
