#include "protocol/client/segment.h"
#include "protocol/msg.h"
#include "tests/unit/client/dir.h"

enum { RECORDS = 6 };

struct fixture {
    struct dir d;
    int fd;
    struct segment *s;
    struct buf body;
};

static struct segment_entry entry(uint64_t seq, uint8_t type, const char *body) {
    return (struct segment_entry){.seq = seq,
                                  .dict = 1,
                                  .t_us = 1000 + (int64_t)seq,
                                  .samples = type == MSG_DATA ? 3 : 0,
                                  .flags = 8,
                                  .type = type,
                                  .body = slice_str(body)};
}

/* seq 10: DICT; 11, 12, 14, 15, 16: DATA */
static int setup(void **state) {
    static const char *const bodies[RECORDS] = {"dictionary", "one", "", "three three three", "four", "five"};
    static const uint64_t seqs[RECORDS] = {10, 11, 12, 14, 15, 16};
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    f->fd = open(f->d.path, O_RDONLY | O_DIRECTORY);
    buf_init(&f->body, 1000);
    assert_int_equal(segment_create(f->fd, 7, 0xabcdef, &f->s, NULL), OK);
    for (int i = 0; i < RECORDS; i++) {
        struct segment_entry e = entry(seqs[i], i == 0 ? MSG_DICT : MSG_DATA, bodies[i]);
        assert_int_equal(segment_append(f->s, &e, NULL), OK);
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    segment_free(&f->s);
    buf_done(&f->body);
    (void)close(f->fd);
    dir_remove(&f->d);
    free(f);
    return 0;
}

static void expect_record(struct fixture *f, const struct segment *s, uint32_t i, uint64_t seq,
                          const char *body) {
    struct segment_entry e = {0};
    assert_int_equal(segment_read(s, i, &f->body, &e, NULL), OK);
    assert_true(e.seq == seq);
    assert_true(slice_is(e.body, body));
    assert_true(e.t_us == 1000 + (int64_t)seq);
    assert_int_equal(e.flags, 8);
    assert_true(e.dict == 1);
}

static void records_come_back_as_written_also_after_loading(void **state) {
    struct fixture *f = *state;
    struct segment *again = NULL;
    assert_int_equal(segment_load(f->fd, f->s->name, &again, NULL), OK);
    assert_int_equal(again->n, RECORDS);
    assert_int_equal(again->damaged, 0);
    assert_true(again->epoch == 0xabcdef);
    expect_record(f, f->s, 3, 14, "three three three");
    expect_record(f, again, 0, 10, "dictionary");
    expect_record(f, again, 2, 12, "");
    expect_record(f, again, 5, 16, "five");
    segment_free(&again);
}

static void names_are_parsed_strictly(void **state) {
    (void)state;
    uint64_t number = 0;
    uint64_t epoch = 0;
    assert_true(segment_parse_name("000000000007-0000000000abcdef.seg1", &number, &epoch));
    assert_true(number == 7 && epoch == 0xabcdef);
    assert_false(segment_parse_name("000000000007-0000000000abcdef.seg2", &number, &epoch));
    assert_false(segment_parse_name("000000000007-0000000000ABCDEF.seg1", &number, &epoch));
    assert_false(segment_parse_name("00000000000x-0000000000abcdef.seg1", &number, &epoch));
    assert_false(segment_parse_name("000000000007-0000000000abcdef.seg1x", &number, &epoch));
    assert_false(segment_parse_name("", &number, &epoch));
}

static void a_file_cut_at_any_byte_keeps_the_whole_records_before_the_cut(void **state) {
    struct fixture *f = *state;
    uint8_t p[2000];
    size_t n = dir_read(&f->d, f->s->name, p, sizeof p);
    for (size_t cut = 0; cut <= n; cut++) {
        dir_write(&f->d, f->s->name, p, cut);
        struct segment *s = NULL;
        assert_int_equal(segment_load(f->fd, f->s->name, &s, NULL), OK);
        uint32_t whole = 0;
        while (whole < RECORDS &&
               f->s->records[whole].offset + SEGMENT_HEAD + f->s->records[whole].len <= cut) {
            whole++;
        }
        assert_int_equal(s->n, whole);
        segment_free(&s);
    }
}

static void a_flipped_bit_costs_one_record(void **state) {
    struct fixture *f = *state;
    uint8_t p[2000];
    size_t n = dir_read(&f->d, f->s->name, p, sizeof p);
    for (size_t bit = 0; bit < n * 8; bit++) {
        p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        dir_write(&f->d, f->s->name, p, n);
        struct segment *s = NULL;
        assert_int_equal(segment_load(f->fd, f->s->name, &s, NULL), OK);
        assert_int_equal(s->n, RECORDS - 1);
        assert_true(s->damaged > 0);
        p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        segment_free(&s);
    }
}

static void swapped_records_do_not_make_sequence_numbers_fall(void **state) {
    struct fixture *f = *state;
    uint8_t p[2000];
    size_t n = dir_read(&f->d, f->s->name, p, sizeof p);
    uint32_t from = f->s->records[4].offset;
    size_t len = f->s->records[5].offset - from;
    memmove(p + len, p, from);
    (void)dir_read(&f->d, f->s->name, p + n, sizeof p - n);
    memcpy(p, p + n + from, len);
    dir_write(&f->d, f->s->name, p, n);
    struct segment *s = NULL;
    assert_int_equal(segment_load(f->fd, f->s->name, &s, NULL), OK);
    for (uint32_t i = 1; i < s->n; i++) {
        assert_true(segment_seq(s, i) > segment_seq(s, i - 1));
    }
    assert_true(s->n >= 1);
    segment_free(&s);
}

static void damage_after_loading_is_found_when_reading(void **state) {
    struct fixture *f = *state;
    uint8_t p[2000];
    size_t n = dir_read(&f->d, f->s->name, p, sizeof p);
    p[f->s->records[3].offset + SEGMENT_HEAD + 2] ^= 1;
    char file[400];
    dir_file(&f->d, f->s->name, file);
    int fd = open(file, O_WRONLY);
    assert_int_equal(pwrite(fd, p, n, 0), (ssize_t)n);
    (void)close(fd);
    struct segment_entry e = {0};
    assert_int_equal(segment_read(f->s, 3, &f->body, &e, NULL), ERR_IO);
    assert_int_equal(segment_read(f->s, 4, &f->body, &e, NULL), OK);
}

static void find_gives_the_first_at_or_after(void **state) {
    struct fixture *f = *state;
    assert_int_equal(segment_find(f->s, 0), 0);
    assert_int_equal(segment_find(f->s, 12), 2);
    assert_int_equal(segment_find(f->s, 13), 3);
    assert_int_equal(segment_find(f->s, 16), 5);
    assert_int_equal(segment_find(f->s, 17), 6);
}

static void commits_are_counted_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(segment_commit(f->s, 12, 15), 2);
    assert_int_equal(segment_commit(f->s, 0, 15), 2);
    assert_int_equal(segment_commit(f->s, 0, 15), 0);
    assert_int_equal(f->s->left, 2);
    assert_int_equal(f->s->low, 4);
    assert_int_equal(segment_commit(f->s, 0, UINT64_MAX), 2);
    assert_int_equal(f->s->left, 0);
    assert_int_equal(f->s->left_bytes, 0);
}

static void rewriting_drops_what_is_committed_and_keeps_dictionaries(void **state) {
    struct fixture *f = *state;
    (void)segment_commit(f->s, 0, 15);
    struct loss loss;
    uint32_t bytes = segment_rewritten_bytes(f->s, SEGMENT_DROP_COMMITTED, SEGMENT_MIDDLE);
    assert_false(segment_loss(f->s, SEGMENT_DROP_COMMITTED, SEGMENT_MIDDLE, &loss));
    assert_int_equal(segment_rewrite(f->s, SEGMENT_DROP_COMMITTED, SEGMENT_MIDDLE, NULL), OK);
    assert_int_equal(f->s->bytes, bytes);
    assert_int_equal(f->s->n, 3);
    assert_int_equal(f->s->left, 2);
    assert_int_equal(f->s->left_bytes, 2 * SEGMENT_HEAD + 8);
    expect_record(f, f->s, 0, 10, "dictionary");
    expect_record(f, f->s, 1, 15, "four");
    expect_record(f, f->s, 2, 16, "five");
    struct segment *again = NULL;
    assert_int_equal(segment_load(f->fd, f->s->name, &again, NULL), OK);
    assert_int_equal(again->n, 3);
    segment_free(&again);
}

static void rewriting_for_room_drops_samples_but_not_the_last_record(void **state) {
    struct fixture *f = *state;
    (void)segment_commit(f->s, 0, 12);
    struct loss loss;
    assert_true(segment_loss(f->s, SEGMENT_DROP_SAMPLES, SEGMENT_LAST, &loss));
    assert_true(loss.epoch == f->s->epoch && loss.samples == 9 && loss.end == 16);
    assert_true(segment_loss(f->s, SEGMENT_DROP_SAMPLES, SEGMENT_MIDDLE, &loss));
    assert_true(loss.samples == 12 && loss.end == 17);
    assert_int_equal(segment_rewrite(f->s, SEGMENT_DROP_SAMPLES, SEGMENT_LAST, NULL), OK);
    assert_int_equal(f->s->n, 2);
    expect_record(f, f->s, 1, 16, "five");
}

static void the_times_of_the_oldest_and_the_newest_sample_are_kept(void **state) {
    struct fixture *f = *state;
    struct segment_entry e = entry(20, MSG_DATA, "six");
    e.t_last_us = 7000;
    assert_int_equal(segment_append(f->s, &e, NULL), OK);
    e = entry(21, MSG_DATA, "7");
    assert_int_equal(segment_append(f->s, &e, NULL), OK);
    expect_record(f, f->s, f->s->n - 2, 20, "six");
    expect_record(f, f->s, f->s->n - 1, 21, "7");
    struct segment *again = NULL;
    assert_int_equal(segment_load(f->fd, f->s->name, &again, NULL), OK);
    assert_int_equal(again->n, f->s->n);
    assert_int_equal(again->damaged, 0);
    expect_record(f, again, again->n - 2, 20, "six");
    struct loss loss;
    segment_record_loss(again, again->n - 2, &loss);
    assert_true(loss.first == 20 && loss.end == 21 && loss.samples == 3);
    assert_true(loss.from_us == 1020 && loss.to_us == 7000);
    segment_record_loss(again, again->n - 1, &loss);
    assert_true(loss.from_us == 1021 && loss.to_us == 1021);
    segment_free(&again);
}

static void giving_up_marks_samples_only(void **state) {
    struct fixture *f = *state;
    uint64_t first = segment_seq(f->s, 0);
    uint32_t samples = 0;
    for (uint32_t i = 0; i < f->s->n; i++) {
        samples += f->s->records[i].type == MSG_DATA ? 1 : 0;
    }
    assert_true(segment_has_samples(f->s, first, UINT64_MAX));
    assert_int_equal(segment_give_up(f->s, first, UINT64_MAX), samples);
    assert_int_equal(segment_give_up(f->s, first, UINT64_MAX), 0);
    assert_int_equal(f->s->left, f->s->n - samples);
    assert_false(segment_has_samples(f->s, first, UINT64_MAX));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(records_come_back_as_written_also_after_loading),
        T(names_are_parsed_strictly),
        T(a_file_cut_at_any_byte_keeps_the_whole_records_before_the_cut),
        T(a_flipped_bit_costs_one_record),
        T(swapped_records_do_not_make_sequence_numbers_fall),
        T(damage_after_loading_is_found_when_reading),
        T(find_gives_the_first_at_or_after),
        T(commits_are_counted_once),
        T(rewriting_drops_what_is_committed_and_keeps_dictionaries),
        T(rewriting_for_room_drops_samples_but_not_the_last_record),
        T(the_times_of_the_oldest_and_the_newest_sample_are_kept),
        T(giving_up_marks_samples_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
