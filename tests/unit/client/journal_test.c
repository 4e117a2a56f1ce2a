/* Covers: journal_files.c, journal_losses.c */
#include "protocol/client/journal.h"
#include "protocol/event_msg.h"
#include "protocol/msg.h"
#include "server/base/rand.h"
#include "tests/unit/client/dir.h"

#include <errno.h>
#include <sys/syscall.h>

/* The disk fails when a test says so: these take the place of the C library's. */
static bool sync_fails;

int fdatasync(int fd) {
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

struct fixture {
    struct dir d;
    struct journal *j;
    struct buf body;
    uint64_t epoch;
};

static enum status try_open(struct fixture *f, uint64_t capacity, uint32_t segment, struct journal **ret,
                            struct error *err) {
    struct journal_config cfg = {
        .dir = f->d.path, .capacity_bytes = capacity, .segment_bytes = segment, .epoch = ++f->epoch};
    return journal_open(&cfg, ret, err);
}

static void reopen(struct fixture *f) {
    journal_close(&f->j);
    assert_int_equal(try_open(f, 1 << 20, 4096, &f->j, NULL), OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    buf_init(&f->body, 100000);
    f->epoch = 100;
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

static uint64_t append(struct fixture *f, uint8_t type, size_t size) {
    static const char text[3000];
    struct segment_entry e = {.type = type,
                              .dict = 1,
                              .t_us = 1000,
                              .samples = type == MSG_DATA ? 2 : 0,
                              .body = slice_of(text, size)};
    uint64_t seq = UINT64_MAX;
    assert_int_equal(journal_append(f->j, &e, &seq, NULL), OK);
    return seq;
}

static uint64_t waiting(const struct fixture *f) {
    struct journal_stats st;
    journal_get_stats(f->j, &st);
    return st.waiting;
}

static uint64_t dropped(const struct fixture *f) {
    struct journal_stats st;
    journal_get_stats(f->j, &st);
    return st.dropped_total;
}

static void sequence_numbers_run_from_zero_and_only_synced_ones_are_durable(void **state) {
    struct fixture *f = *state;
    assert_true(append(f, MSG_DICT, 10) == 0);
    assert_true(append(f, MSG_DATA, 10) == 1);
    assert_true(journal_next_seq(f->j) == 2);
    assert_true(journal_durable_seq(f->j) == 0);
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_true(journal_durable_seq(f->j) == 2);
    assert_true(append(f, MSG_DATA, 10) == 2);
    assert_true(journal_durable_seq(f->j) == 2);
}

static void a_closed_epochs_records_wait_under_their_own_epoch(void **state) {
    struct fixture *f = *state;
    uint64_t first = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    (void)append(f, MSG_DATA, 20);
    (void)append(f, MSG_DATA, 30);
    reopen(f);
    struct journal_epoch v[LINK_EPOCHS_MAX];
    bool more = true;
    assert_int_equal(journal_epochs(f->j, v, LINK_EPOCHS_MAX, &more), 2);
    assert_false(more);
    assert_true(v[0].epoch == journal_epoch(f->j) && v[0].next_seq == 0);
    assert_true(v[1].epoch == first && v[1].next_seq == 3 && v[1].oldest_unacked == 0);
    struct journal_found found;
    assert_true(journal_find(f->j, first, 1, UINT64_MAX, &found));
    assert_true(found.seq == 1 && found.len == 20 && found.type == MSG_DATA);
    assert_false(journal_find(f->j, first, 1, 1, &found));
    struct segment_entry e;
    assert_int_equal(journal_read(f->j, first, 2, &f->body, &e, NULL), OK);
    assert_int_equal(e.body.n, 30);
    assert_int_equal(journal_read(f->j, first, 3, &f->body, &e, NULL), ERR_NOT_FOUND);
}

static void a_closed_epoch_is_removed_when_all_is_committed(void **state) {
    struct fixture *f = *state;
    char name[300];
    uint64_t first = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    (void)append(f, MSG_DATA, 20);
    reopen(f);
    assert_int_equal(journal_commit(f->j, first, 1, 2, NULL), OK);
    assert_int_equal(dir_segments(&f->d, name), 1);
    assert_int_equal(journal_commit(f->j, first, 0, 1, NULL), OK);
    assert_int_equal(dir_segments(&f->d, name), 0);
    struct journal_epoch v[2];
    assert_int_equal(journal_epochs(f->j, v, 2, NULL), 1);
    assert_int_equal(journal_commit(f->j, first, 0, 9, NULL), OK);
}

static void full_segments_are_removed_when_committed_but_dictionaries_stay(void **state) {
    struct fixture *f = *state;
    char name[300];
    (void)append(f, MSG_DICT, 100);
    for (int i = 0; i < 40; i++) {
        (void)append(f, MSG_DATA, 500);
    }
    assert_true(dir_segments(&f->d, name) > 4);
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_int_equal(journal_commit(f->j, journal_epoch(f->j), 0, 41, NULL), OK);
    assert_int_equal(dir_segments(&f->d, name), 2);
    struct segment_entry e;
    assert_int_equal(journal_read(f->j, journal_epoch(f->j), 0, &f->body, &e, NULL), OK);
    assert_true(waiting(f) == 0);
}

static void the_end_of_an_epoch_is_known_after_its_end_was_committed_first(void **state) {
    struct fixture *f = *state;
    uint64_t first = journal_epoch(f->j);
    for (int i = 0; i < 40; i++) {
        (void)append(f, MSG_DATA, 500);
    }
    reopen(f);
    assert_int_equal(journal_commit(f->j, first, 10, 40, NULL), OK);
    reopen(f);
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 2);
    assert_true(v[1].epoch == first && v[1].next_seq == 40 && v[1].oldest_unacked == 0);
}

static void the_end_of_an_epoch_is_known_after_a_power_loss_took_a_younger_file(void **state) {
    struct fixture *f = *state;
    char name[300];
    uint64_t epoch = journal_epoch(f->j);
    while (dir_segments(&f->d, name) < 2) {
        assert_int_equal(journal_sync(f->j, NULL), OK);
        (void)append(f, MSG_DATA, 500); /* the first one of the second file is not synced */
    }
    uint64_t end = journal_durable_seq(f->j);
    assert_true(end > 4 && end + 1 == journal_next_seq(f->j));
    assert_int_equal(journal_commit(f->j, epoch, 0, end, NULL), OK);
    journal_close(&f->j);
    dir_write(&f->d, name, (const uint8_t *)"", 0);
    reopen(f);
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 2);
    assert_true(v[1].epoch == epoch && v[1].next_seq == end);
}

static void a_second_process_is_refused(void **state) {
    struct fixture *f = *state;
    struct journal *second = NULL;
    struct error err = {0};
    assert_int_equal(try_open(f, 1 << 20, 4096, &second, &err), ERR_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(err.text, "another process"));
}

static void when_full_the_oldest_samples_go_and_are_counted_for_ever(void **state) {
    struct fixture *f = *state;
    journal_close(&f->j);
    assert_int_equal(try_open(f, 32768, 4096, &f->j, NULL), OK);
    uint64_t epoch = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 100);
    (void)append(f, MSG_EVENT, 100);
    for (int i = 0; i < 300; i++) {
        (void)append(f, MSG_DATA, 500);
    }
    struct journal_stats st;
    journal_get_stats(f->j, &st);
    assert_true(st.bytes <= 32768);
    uint64_t still = 0;
    struct journal_found found = {0};
    for (uint64_t seq = 2; journal_find(f->j, epoch, seq, UINT64_MAX, &found); seq = found.seq + 1) {
        still++;
    }
    assert_true(still > 20);
    assert_true(st.dropped_total == 2 * (300 - still));
    assert_true(journal_find(f->j, epoch, 0, 1, &found));
    assert_true(journal_find(f->j, epoch, 1, 2, &found));
    reopen(f);
    assert_true(dropped(f) == st.dropped_total);
    assert_true(waiting(f) == still + 2);
}

static void committed_records_are_no_loss_when_the_journal_is_full(void **state) {
    struct fixture *f = *state;
    journal_close(&f->j);
    assert_int_equal(try_open(f, 32768, 4096, &f->j, NULL), OK);
    for (int i = 0; i < 300; i++) {
        uint64_t seq = append(f, MSG_DATA, 500);
        (void)journal_commit(f->j, journal_epoch(f->j), seq, seq + 1, NULL);
    }
    assert_true(dropped(f) == 0);
}

static void a_journal_full_of_what_must_stay_says_so(void **state) {
    struct fixture *f = *state;
    struct segment_entry e = {.type = MSG_EVENT, .body = slice_of("", 0)};
    uint64_t seq = 0;
    journal_close(&f->j);
    assert_int_equal(try_open(f, 16384, 4096, &f->j, NULL), OK);
    enum status st = OK;
    for (int i = 0; i < 1000 && st == OK; i++) {
        st = journal_append(f->j, &e, &seq, NULL);
    }
    assert_int_equal(st, ERR_FULL);
}

static void refiled_records_keep_their_contents_under_a_new_present_epoch(void **state) {
    struct fixture *f = *state;
    uint64_t old = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 11);
    (void)append(f, MSG_DATA, 12);
    (void)append(f, MSG_DATA, 13);
    (void)journal_commit(f->j, old, 0, 2, NULL);
    assert_int_equal(journal_refile(f->j, old, 0, 999, NULL), OK);
    assert_true(journal_epoch(f->j) == 999);
    assert_true(journal_next_seq(f->j) == 2 && journal_durable_seq(f->j) == 2);
    struct segment_entry e;
    assert_int_equal(journal_read(f->j, 999, 0, &f->body, &e, NULL), OK);
    assert_int_equal(e.type, MSG_DICT);
    assert_int_equal(journal_read(f->j, 999, 1, &f->body, &e, NULL), OK);
    assert_int_equal(e.body.n, 13);
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 1);
    assert_true(append(f, MSG_DATA, 14) == 2);
    assert_int_equal(journal_refile(f->j, old, 0, 1000, NULL), ERR_NOT_FOUND);
}

static void a_closed_epoch_is_refiled_behind_the_present_one(void **state) {
    struct fixture *f = *state;
    uint64_t old = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 11);
    (void)append(f, MSG_DATA, 12);
    reopen(f);
    uint64_t now = journal_epoch(f->j);
    (void)append(f, MSG_DATA, 15);
    assert_int_equal(journal_refile(f->j, old, 0, 999, NULL), OK);
    assert_true(journal_epoch(f->j) == now);
    assert_true(append(f, MSG_DATA, 16) == 1);
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 2);
    assert_true(v[1].epoch == 999 && v[1].next_seq == 2);
    reopen(f);
    assert_true(waiting(f) == 4);
}

static void a_new_epoch_leaves_nothing_behind_when_the_old_one_is_committed(void **state) {
    struct fixture *f = *state;
    char name[300];
    (void)append(f, MSG_DICT, 11);
    (void)journal_commit(f->j, journal_epoch(f->j), 0, 1, NULL);
    assert_int_equal(journal_new_epoch(f->j, 555, NULL), OK);
    assert_int_equal(dir_segments(&f->d, name), 0);
    assert_int_equal(journal_new_epoch(f->j, 555, NULL), ERR_EXISTS);
}

static void many_restarts_without_a_server_keep_the_samples_and_drop_empty_epochs(void **state) {
    struct fixture *f = *state;
    uint64_t with_samples = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    (void)append(f, MSG_DATA, 10);
    for (int i = 0; i < JOURNAL_EPOCHS_MAX + 20; i++) {
        reopen(f);
        (void)append(f, MSG_DICT, 10);
    }
    struct journal_epoch v[LINK_EPOCHS_MAX];
    bool more = false;
    assert_int_equal(journal_epochs(f->j, v, LINK_EPOCHS_MAX, &more), LINK_EPOCHS_MAX);
    assert_true(more);
    assert_true(v[1].epoch == with_samples);
    assert_true(dropped(f) == 0);
}

static void a_record_given_up_waits_no_longer_and_is_counted(void **state) {
    struct fixture *f = *state;
    uint64_t seq = append(f, MSG_DATA, 10);
    journal_give_up(f->j, journal_epoch(f->j), seq);
    journal_give_up(f->j, journal_epoch(f->j), seq);
    assert_true(waiting(f) == 0);
    assert_true(dropped(f) == 2);
}

static void a_journal_cut_at_any_byte_opens_with_the_whole_records(void **state) {
    struct fixture *f = *state;
    uint8_t p[2000];
    char name[300];
    for (int i = 0; i < 5; i++) {
        (void)append(f, MSG_DATA, (size_t)(10 + i));
    }
    uint64_t epoch = journal_epoch(f->j);
    journal_close(&f->j);
    assert_int_equal(dir_segments(&f->d, name), 1);
    size_t n = dir_read(&f->d, name, p, sizeof p);
    for (size_t cut = 0; cut <= n; cut++) {
        dir_write(&f->d, name, p, cut);
        assert_int_equal(try_open(f, 1 << 20, 4096, &f->j, NULL), OK);
        uint64_t whole = waiting(f);
        size_t bytes = 0;
        for (uint64_t seq = 0; seq < whole; seq++) {
            struct segment_entry e;
            assert_int_equal(journal_read(f->j, epoch, seq, &f->body, &e, NULL), OK);
            bytes += SEGMENT_HEAD + e.body.n;
        }
        assert_true(bytes <= cut && cut < bytes + SEGMENT_HEAD + 15);
        journal_close(&f->j);
    }
    reopen(f);
}

static void sizes_that_do_not_go_together_are_refused(void **state) {
    struct fixture *f = *state;
    static const struct {
        uint64_t capacity;
        uint32_t segment;
        enum status expected;
    } cases[] = {
        {4 * 4096 - 1, 4096, ERR_INVALID},
        {4 * 4096, 4096, OK},
        {UINT64_C(257) * 4096, 4096, ERR_INVALID},
        {UINT64_C(64) << 20, SEGMENT_BYTES_MAX + 1, ERR_INVALID},
        {UINT64_C(4) << 30, 0, OK},
        {UINT64_C(8) << 30, 0, ERR_INVALID},
    };
    journal_close(&f->j);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(try_open(f, cases[i].capacity, cases[i].segment, &f->j, NULL), cases[i].expected);
        journal_close(&f->j);
    }
    reopen(f);
}

static void leftovers_of_a_crash_and_foreign_files_do_no_harm(void **state) {
    struct fixture *f = *state;
    (void)append(f, MSG_DATA, 10);
    journal_close(&f->j);
    dir_write(&f->d, "dropped.tmp", (const uint8_t *)"x", 1);
    dir_write(&f->d, "losses", (const uint8_t *)"rubbish", 7);
    dir_write(&f->d, "000000000900-00000000000000aa.seg1", (const uint8_t *)"", 0);
    dir_write(&f->d, "README", (const uint8_t *)"hello", 5);
    assert_int_equal(try_open(f, 1 << 20, 4096, &f->j, NULL), OK);
    assert_true(waiting(f) == 1);
    assert_true(dropped(f) == 0);
    uint8_t p[8];
    assert_int_equal(dir_read(&f->d, "README", p, sizeof p), 5);
}

/* ---- tombstones ---- */

/* The tombstones that wait, in the order of epochs and numbers. */
static uint32_t tombstones(struct fixture *f, struct event_lost *v, uint32_t max) {
    struct journal_epoch epochs[JOURNAL_EPOCHS_MAX];
    uint32_t n = journal_epochs(f->j, epochs, JOURNAL_EPOCHS_MAX, NULL);
    uint32_t found_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct journal_found found = {0};
        for (uint64_t seq = 0; journal_find(f->j, epochs[i].epoch, seq, UINT64_MAX, &found);
             seq = found.seq + 1) {
            struct segment_entry e;
            struct msg_event m;
            assert_int_equal(journal_read(f->j, epochs[i].epoch, found.seq, &f->body, &e, NULL), OK);
            if (e.type == MSG_EVENT && event_decode(e.body, &m, NULL) == OK && m.code == EVENT_SAMPLES_LOST) {
                assert_true(found_n < max);
                assert_true(m.severity == EVENT_TROUBLE && m.t_us == 77);
                v[found_n++] = m.lost;
            }
        }
    }
    return found_n;
}

static void open_small(struct fixture *f) {
    journal_close(&f->j);
    assert_int_equal(try_open(f, 32768, 4096, &f->j, NULL), OK);
}

/* DATA number n holds 2 samples, at n * 1000 and 600 later. */
static uint64_t append_timed(struct fixture *f) {
    static const char text[500];
    uint64_t n = journal_next_seq(f->j);
    struct segment_entry e = {.type = MSG_DATA,
                              .dict = 1,
                              .t_us = (int64_t)n * 1000,
                              .t_last_us = (int64_t)n * 1000 + 600,
                              .samples = 2,
                              .body = slice_of(text, sizeof text)};
    uint64_t seq = 0;
    assert_int_equal(journal_append(f->j, &e, &seq, NULL), OK);
    return seq;
}

static uint64_t first_waiting(const struct fixture *f, uint64_t epoch, uint64_t from) {
    struct journal_found found;
    return journal_find(f->j, epoch, from, UINT64_MAX, &found) ? found.seq : UINT64_MAX;
}

static void what_a_full_journal_drops_is_told_by_one_tombstone(void **state) {
    struct fixture *f = *state;
    open_small(f);
    uint64_t epoch = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    for (int i = 0; i < 200; i++) {
        (void)append_timed(f);
    }
    uint64_t next = first_waiting(f, epoch, 1);
    assert_true(next > 100);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].epoch == epoch && v[0].first == 1 && v[0].end == next);
    assert_true(v[0].samples == 2 * (next - 1) && v[0].samples == dropped(f));
    assert_true(v[0].from_us == 1000 && v[0].to_us == (int64_t)(next - 1) * 1000 + 600);
    assert_true(journal_durable_seq(f->j) == journal_next_seq(f->j));
}

static void while_a_tombstone_waits_further_losses_are_merged_and_told_after_it(void **state) {
    struct fixture *f = *state;
    open_small(f);
    uint64_t epoch = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    for (int i = 0; i < 2000; i++) {
        (void)append_timed(f);
        assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    }
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    uint64_t end = v[0].end;
    uint64_t samples = v[0].samples;
    /* What the server has stored is followed by one for all the rest. */
    for (int round = 0; round < 2; round++) {
        struct journal_found found = {0};
        uint64_t seq = 0;
        while (journal_find(f->j, epoch, seq, UINT64_MAX, &found) && found.type != MSG_EVENT) {
            seq = found.seq + 1;
        }
        assert_int_equal(found.type, MSG_EVENT);
        assert_int_equal(journal_commit(f->j, epoch, found.seq, found.seq + 1, NULL), OK);
        assert_int_equal(journal_tell(f->j, 77, NULL), OK);
        if (round == 0) {
            assert_int_equal(tombstones(f, v, 4), 1);
            assert_true(v[0].first >= end && v[0].end > v[0].first);
            samples += v[0].samples;
        } else {
            assert_true(tombstones(f, v, 4) <= 1);
        }
    }
    assert_true(samples == dropped(f));
}

static void a_tombstone_survives_restarts_and_is_told_once(void **state) {
    struct fixture *f = *state;
    open_small(f);
    uint64_t epoch = journal_epoch(f->j);
    for (int i = 0; i < 200; i++) {
        (void)append_timed(f);
    }
    open_small(f); /* not told yet */
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 0);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].epoch == epoch);
    uint64_t told_epoch = journal_epoch(f->j);
    open_small(f);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_int_equal(journal_commit(f->j, told_epoch, 0, UINT64_MAX, NULL), OK);
    open_small(f);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(tombstones(f, v, 4), 0);
}

static void records_that_a_crash_left_after_their_loss_was_noted_go_at_the_next_start(void **state) {
    struct fixture *f = *state;
    static uint8_t old[40][8192];
    static char names[40][300];
    static size_t sizes[40];
    open_small(f);
    uint64_t epoch = journal_epoch(f->j);
    while (dropped(f) == 0) {
        /* The segments as they are before the drop come back after it: only the list was written. */
        DIR *list = opendir(f->d.path);
        assert_non_null(list);
        unsigned n = 0;
        for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
            if (strstr(e->d_name, ".seg1") != NULL) {
                (void)snprintf(names[n], sizeof names[n], "%s", e->d_name);
                sizes[n] = dir_read(&f->d, e->d_name, old[n], sizeof old[n]);
                n++;
            }
        }
        (void)closedir(list);
        names[n][0] = '\0';
        (void)append_timed(f);
    }
    uint64_t lost = dropped(f);
    uint64_t first = first_waiting(f, epoch, 0);
    assert_true(first > 0);
    journal_close(&f->j);
    for (unsigned i = 0; names[i][0] != '\0'; i++) {
        dir_write(&f->d, names[i], old[i], sizes[i]);
    }
    open_small(f);
    assert_true(first_waiting(f, epoch, 0) == first);
    assert_true(dropped(f) == lost);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].samples == lost && v[0].first == 0 && v[0].end == first);
}

static void losses_with_waiting_samples_between_are_told_apart(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 9; i++) {
        (void)append_timed(f);
    }
    uint64_t epoch = journal_epoch(f->j);
    journal_give_up(f->j, epoch, 2);
    journal_give_up(f->j, epoch, 4);
    journal_give_up(f->j, epoch, 5);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 2);
    assert_true(v[0].first == 2 && v[0].end == 3 && v[1].first == 4 && v[1].end == 6);
    assert_true(v[0].samples == 2 && v[1].samples == 4);
}

static void a_tombstone_that_cannot_be_read_any_more_is_told_again(void **state) {
    struct fixture *f = *state;
    (void)append_timed(f);
    (void)append_timed(f);
    uint64_t epoch = journal_epoch(f->j);
    journal_give_up(f->j, epoch, 0);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    journal_give_up(f->j, epoch, 2); /* the tombstone itself */
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 0);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].first == 0 && v[0].end == 1);
}

static void samples_that_never_got_a_number_are_told(void **state) {
    struct fixture *f = *state;
    (void)append_timed(f);
    assert_int_equal(journal_lost(f->j, 5, 100, 200, NULL), OK);
    assert_int_equal(journal_lost(f->j, 6, 50, 150, NULL), OK);
    assert_true(dropped(f) == 11);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].first == 1 && v[0].end == 1 && v[0].samples == 11);
    assert_true(v[0].from_us == 50 && v[0].to_us == 200);
}

static void a_refiled_tombstone_is_still_known(void **state) {
    struct fixture *f = *state;
    (void)append_timed(f);
    (void)append_timed(f);
    uint64_t epoch = journal_epoch(f->j);
    journal_give_up(f->j, epoch, 0);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(journal_refile(f->j, epoch, 0, 4711, NULL), OK);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_int_equal(journal_commit(f->j, 4711, 0, UINT64_MAX, NULL), OK);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    assert_int_equal(tombstones(f, v, 4), 1); /* of the refiling itself */
    assert_true(v[0].epoch == epoch && v[0].samples == 0);
}

static void the_numbers_that_a_refiling_leaves_behind_are_told(void **state) {
    struct fixture *f = *state;
    uint64_t epoch = journal_epoch(f->j);
    for (int i = 0; i < 4; i++) {
        (void)append_timed(f);
    }
    assert_int_equal(journal_commit(f->j, epoch, 0, 2, NULL), OK);
    assert_int_equal(journal_refile(f->j, epoch, 0, 4711, NULL), OK);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].epoch == epoch && v[0].first == 2 && v[0].end == 4 && v[0].samples == 0);
    assert_true(dropped(f) == 0);
    reopen(f); /* the list of losses must not take them away from where they are now */
    assert_true(waiting(f) == 2 + 1);
}

static void events_survive_more_restarts_than_there_may_be_epochs(void **state) {
    struct fixture *f = *state;
    struct buf body;
    buf_init(&body, 1000);
    for (int i = 0; i < JOURNAL_EPOCHS_MAX + 20; i++) {
        reopen(f);
        buf_clear(&body);
        event_encode(&body, &(struct msg_event){.code = EVENT_STARTED, .t_us = i});
        struct segment_entry e = {.type = MSG_EVENT, .body = buf_slice(&body)};
        uint64_t seq = 0;
        assert_int_equal(journal_append(f->j, &e, &seq, NULL), OK);
    }
    buf_done(&body);
    assert_true(waiting(f) == JOURNAL_EPOCHS_MAX + 20);
    assert_true(dropped(f) == 0);
}

static void an_epoch_that_must_go_leaves_a_tombstone(void **state) {
    struct fixture *f = *state;
    reopen(f);
    uint64_t victim = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    (void)append_timed(f);
    (void)append_timed(f);
    for (int i = 0; i < JOURNAL_EPOCHS_MAX; i++) {
        reopen(f);
        (void)append_timed(f);
    }
    assert_true(dropped(f) == 4);
    assert_int_equal(journal_tell(f->j, 77, NULL), OK);
    struct event_lost v[4];
    assert_int_equal(tombstones(f, v, 4), 1);
    assert_true(v[0].epoch == victim && v[0].first == 1 && v[0].end == 3 && v[0].samples == 4);
}

static void a_list_of_losses_that_is_damaged_starts_anew(void **state) {
    struct fixture *f = *state;
    (void)append_timed(f);
    journal_give_up(f->j, journal_epoch(f->j), 0);
    uint8_t p[2000];
    journal_close(&f->j);
    size_t n = dir_read(&f->d, "losses", p, sizeof p);
    p[n / 2] ^= 1;
    dir_write(&f->d, "losses", p, n);
    reopen(f);
    struct journal_stats st;
    journal_get_stats(f->j, &st);
    assert_true(st.dropped_total == 0 && st.damaged_bytes == n);
}

static void a_failed_sync_moves_what_is_not_durable_to_a_new_epoch(void **state) {
    struct fixture *f = *state;
    uint64_t old = journal_epoch(f->j);
    (void)append(f, MSG_DICT, 10);
    (void)append(f, MSG_DATA, 20);
    assert_int_equal(journal_sync(f->j, NULL), OK);
    (void)append(f, MSG_DATA, 30);
    (void)append(f, MSG_DATA, 40);
    sync_fails = true;
    struct error err = {0};
    assert_int_equal(journal_sync(f->j, &err), ERR_IO);
    assert_non_null(strstr(err.text, "fdatasync"));
    assert_true(journal_is_broken(f->j) && journal_durable_seq(f->j) == 2);
    struct segment_entry e = {.type = MSG_DATA, .body = slice_str("x")};
    uint64_t seq = 0;
    assert_int_equal(journal_append(f->j, &e, &seq, NULL), ERR_IO);
    assert_int_equal(journal_refile(f->j, old, 2, 900, NULL), ERR_IO);
    assert_true(journal_is_broken(f->j) && journal_epoch(f->j) == old);
    sync_fails = false;
    /* A sync that says yes now proves nothing: the page cache may have dropped what it could not write. */
    assert_int_equal(journal_sync(f->j, NULL), ERR_IO);
    assert_int_equal(journal_refile(f->j, old, 2, 901, NULL), OK);
    assert_false(journal_is_broken(f->j));
    struct journal_epoch v[4];
    assert_int_equal(journal_epochs(f->j, v, 4, NULL), 2);
    assert_true(v[0].epoch == 901 && v[0].next_seq == 3 && journal_durable_seq(f->j) == 3);
    assert_true(v[1].epoch == old && v[1].oldest_unacked == 0 && v[1].next_seq == 2);
    assert_true(waiting(f) == 2 + 3);
}

static void a_loss_that_cannot_be_written_down_is_not_suffered(void **state) {
    struct fixture *f = *state;
    open_small(f);
    uint64_t epoch = journal_epoch(f->j);
    enum status st = OK;
    for (int i = 0; i < 50; i++) {
        (void)append_timed(f);
    }
    assert_int_equal(journal_sync(f->j, NULL), OK);
    assert_true(dropped(f) == 0);
    sync_fails = true;
    static const char text[500];
    struct segment_entry e = {.type = MSG_DATA, .samples = 2, .body = slice_of(text, sizeof text)};
    uint64_t seq = 0;
    for (int i = 0; i < 200 && st == OK; i++) {
        st = journal_append(f->j, &e, &seq, NULL);
    }
    sync_fails = false;
    assert_int_equal(st, ERR_IO);
    assert_true(dropped(f) == 0 && first_waiting(f, epoch, 0) == 0);
}

/* ---- random faults ---- */

struct data_record {
    uint64_t epoch;
    uint64_t seq;
    bool committed; /* the server has it */
};

struct world {
    struct fixture *f;
    struct rand r;
    struct data_record v[6000];
    uint32_t n;
    uint64_t durable_epoch;
    uint64_t durable_seq;
    struct {
        char name[300];
        off_t size;
    } synced[600]; /* what a power loss leaves of each file */
    uint32_t n_synced;
    struct event_lost told[3000]; /* what the server was told */
    uint32_t n_told;
};

static void remember_files(struct world *w) {
    DIR *list = opendir(w->f->d.path);
    assert_non_null(list);
    w->n_synced = 0;
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        char file[400];
        struct stat info;
        dir_file(&w->f->d, e->d_name, file);
        if (strstr(e->d_name, ".seg1") != NULL && stat(file, &info) == 0 && w->n_synced < COUNT(w->synced)) {
            (void)snprintf(w->synced[w->n_synced].name, sizeof w->synced[0].name, "%s", e->d_name);
            w->synced[w->n_synced++].size = info.st_size;
        }
    }
    (void)closedir(list);
    w->durable_epoch = journal_epoch(w->f->j);
    w->durable_seq = journal_durable_seq(w->f->j);
}

/* The present epoch's newest file loses a part of what was not synced. */
static void lose_power(struct world *w) {
    char name[300];
    char file[400];
    struct stat info;
    if (dir_segments(&w->f->d, name) == 0) {
        return;
    }
    dir_file(&w->f->d, name, file);
    off_t kept = 0;
    for (uint32_t i = 0; i < w->n_synced; i++) {
        kept = strcmp(w->synced[i].name, name) == 0 ? w->synced[i].size : kept;
    }
    assert_int_equal(stat(file, &info), 0);
    if (info.st_size > kept) {
        off_t size = kept + (off_t)rand_below(&w->r, (uint64_t)(info.st_size - kept) + 1);
        assert_int_equal(truncate(file, size), 0);
    }
}

/* The server stores every tombstone that waits. */
static void take_tombstones(struct world *w) {
    static struct event_lost v[64];
    struct fixture *f = w->f;
    struct journal_epoch epochs[JOURNAL_EPOCHS_MAX];
    uint32_t n = tombstones(f, v, COUNT(v));
    for (uint32_t i = 0; i < n; i++) {
        w->told[w->n_told++] = v[i];
    }
    uint32_t n_epochs = journal_epochs(f->j, epochs, JOURNAL_EPOCHS_MAX, NULL);
    for (uint32_t i = 0; i < n_epochs; i++) {
        struct journal_found found = {0};
        for (uint64_t seq = 0; journal_find(f->j, epochs[i].epoch, seq, UINT64_MAX, &found);
             seq = found.seq + 1) {
            if (found.type == MSG_EVENT) {
                (void)journal_commit(f->j, epochs[i].epoch, found.seq, found.seq + 1, NULL);
            }
        }
    }
}

static bool is_told(const struct world *w, const struct data_record *d) {
    for (uint32_t i = 0; i < w->n_told; i++) {
        if (w->told[i].epoch == d->epoch && d->seq >= w->told[i].first && d->seq < w->told[i].end) {
            return true;
        }
    }
    return false;
}

/* Every record that was durable waits, or is committed, or was told as lost; and never is one that waits. */
static void check_world(struct world *w) {
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_tell(w->f->j, 77, NULL), OK);
        take_tombstones(w);
    }
    remember_files(w);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct data_record *d = &w->v[i];
        struct journal_found found;
        bool waits = journal_find(w->f->j, d->epoch, d->seq, d->seq + 1, &found);
        assert_true(waits || d->committed || is_told(w, d));
        assert_false(waits && !d->committed && is_told(w, d));
    }
}

static void restart(struct world *w, bool with_power_loss) {
    struct fixture *f = w->f;
    uint64_t epoch = journal_epoch(f->j);
    /* Closing would make durable what a crash does not. */
    sync_fails = true;
    journal_close(&f->j);
    sync_fails = false;
    if (with_power_loss) {
        lose_power(w);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < w->n; i++) {
            bool was_durable =
                w->v[i].epoch != epoch || (w->durable_epoch == epoch && w->v[i].seq < w->durable_seq);
            if (was_durable) {
                w->v[kept++] = w->v[i];
            }
        }
        w->n = kept;
    }
    assert_int_equal(try_open(f, 32768, 4096, &f->j, NULL), OK);
    remember_files(w);
}

static void step(struct world *w) {
    struct fixture *f = w->f;
    uint64_t dice = rand_below(&w->r, 1000);
    if (dice < 800) {
        w->v[w->n].committed = false;
        w->v[w->n].epoch = journal_epoch(f->j);
        w->v[w->n++].seq = append_timed(f);
    } else if (dice < 900) {
        assert_int_equal(journal_sync(f->j, NULL), OK);
        remember_files(w);
    } else if (dice < 960) {
        /* Only what is durable was ever sent. */
        struct data_record *d = &w->v[rand_below(&w->r, w->n)];
        for (uint32_t i = 0; i < w->n; i++) {
            bool sent = w->v[i].epoch != journal_epoch(f->j) || w->v[i].seq < journal_durable_seq(f->j);
            struct journal_found found;
            bool near = w->v[i].epoch == d->epoch && w->v[i].seq >= d->seq && w->v[i].seq < d->seq + 20;
            w->v[i].committed |=
                near && sent && journal_find(f->j, d->epoch, w->v[i].seq, w->v[i].seq + 1, &found);
            if (near && w->v[i].committed) {
                (void)journal_commit(f->j, d->epoch, w->v[i].seq, w->v[i].seq + 1, NULL);
            }
        }
    } else if (dice < 970) {
        assert_int_equal(journal_tell(f->j, 77, NULL), OK);
        remember_files(w);
    } else if (dice < 980) {
        take_tombstones(w);
    } else if (dice < 985) {
        const struct data_record *d = &w->v[rand_below(&w->r, w->n)];
        if (!d->committed) {
            journal_give_up(f->j, d->epoch, d->seq);
        }
    } else if (dice < 992) {
        restart(w, dice < 989);
    } else {
        check_world(w);
    }
}

static void whatever_happens_every_record_is_kept_stored_or_told_as_lost(void **state) {
    struct fixture *f = *state;
    enum { STEPS = 4000 };
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->f = f;
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 20261129;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&w->r, seed);
    open_small(f);
    remember_files(w);
    w->v[w->n].epoch = journal_epoch(f->j);
    w->v[w->n++].seq = append_timed(f);
    for (int i = 0; i < STEPS; i++) {
        if (w->n == 0) {
            w->v[w->n].epoch = journal_epoch(f->j);
            w->v[w->n++].seq = append_timed(f);
        }
        step(w);
    }
    check_world(w);
    bool much_happened = dropped(f) > 1000 && w->n_told > 20;
    free(w);
    assert_true(much_happened);
}

/* Random appends, commits, restarts; a plain list of what waits is the oracle. */
static void random_histories_agree_with_a_plain_list(void **state) {
    struct fixture *f = *state;
    enum { STEPS = 3000, MANY = 4000 };
    static struct {
        uint64_t epoch, seq;
        bool known_committed;
    } list[MANY];
    uint32_t n = 0;
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 20260101;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int step = 0; step < STEPS && n < MANY; step++) {
        uint64_t dice = rand_below(&r, 100);
        if (dice < 80) {
            list[n].epoch = journal_epoch(f->j);
            list[n].known_committed = false;
            list[n++].seq = append(f, rand_below(&r, 20) == 0 ? MSG_DICT : MSG_DATA, rand_below(&r, 400));
        } else if (dice < 98 && n > 0) {
            uint64_t epoch = list[rand_below(&r, n)].epoch;
            uint64_t first = rand_below(&r, 200);
            uint64_t end = first + rand_below(&r, 100);
            assert_int_equal(journal_commit(f->j, epoch, first, end, NULL), OK);
            for (uint32_t i = 0; i < n; i++) {
                list[i].known_committed |=
                    list[i].epoch == epoch && list[i].seq >= first && list[i].seq < end;
            }
        } else {
            reopen(f); /* what was committed may wait again, or be gone */
        }
        for (uint32_t i = 0; i < n; i++) {
            struct journal_found found;
            bool waits = journal_find(f->j, list[i].epoch, list[i].seq, list[i].seq + 1, &found);
            assert_true(waits || list[i].known_committed);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(journal_commit(f->j, list[i].epoch, 0, UINT64_MAX, NULL), OK);
    }
    assert_true(waiting(f) == 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sequence_numbers_run_from_zero_and_only_synced_ones_are_durable),
        T(a_closed_epochs_records_wait_under_their_own_epoch),
        T(a_closed_epoch_is_removed_when_all_is_committed),
        T(full_segments_are_removed_when_committed_but_dictionaries_stay),
        T(the_end_of_an_epoch_is_known_after_its_end_was_committed_first),
        T(the_end_of_an_epoch_is_known_after_a_power_loss_took_a_younger_file),
        T(a_second_process_is_refused),
        T(when_full_the_oldest_samples_go_and_are_counted_for_ever),
        T(committed_records_are_no_loss_when_the_journal_is_full),
        T(a_journal_full_of_what_must_stay_says_so),
        T(refiled_records_keep_their_contents_under_a_new_present_epoch),
        T(a_closed_epoch_is_refiled_behind_the_present_one),
        T(a_new_epoch_leaves_nothing_behind_when_the_old_one_is_committed),
        T(many_restarts_without_a_server_keep_the_samples_and_drop_empty_epochs),
        T(a_record_given_up_waits_no_longer_and_is_counted),
        T(a_journal_cut_at_any_byte_opens_with_the_whole_records),
        T(sizes_that_do_not_go_together_are_refused),
        T(leftovers_of_a_crash_and_foreign_files_do_no_harm),
        T(what_a_full_journal_drops_is_told_by_one_tombstone),
        T(while_a_tombstone_waits_further_losses_are_merged_and_told_after_it),
        T(a_tombstone_survives_restarts_and_is_told_once),
        T(records_that_a_crash_left_after_their_loss_was_noted_go_at_the_next_start),
        T(losses_with_waiting_samples_between_are_told_apart),
        T(a_tombstone_that_cannot_be_read_any_more_is_told_again),
        T(samples_that_never_got_a_number_are_told),
        T(a_refiled_tombstone_is_still_known),
        T(the_numbers_that_a_refiling_leaves_behind_are_told),
        T(events_survive_more_restarts_than_there_may_be_epochs),
        T(an_epoch_that_must_go_leaves_a_tombstone),
        T(a_list_of_losses_that_is_damaged_starts_anew),
        T(a_failed_sync_moves_what_is_not_durable_to_a_new_epoch),
        T(a_loss_that_cannot_be_written_down_is_not_suffered),
        T(whatever_happens_every_record_is_kept_stored_or_told_as_lost),
        T(random_histories_agree_with_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
