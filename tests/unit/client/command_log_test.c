#include "protocol/client/command_log.h"
#include "tests/unit/client/dir.h"

struct fixture {
    struct dir d;
    int dir_fd;
    struct command_log log;
    struct command_memory v[100];
    uint32_t n;
    int64_t since_us;
};

static enum status on_entry(void *ctx, const struct command_memory *m, struct error *err) {
    (void)err;
    struct fixture *f = ctx;
    f->v[f->n++] = *m;
    return OK;
}

static void reopen(struct fixture *f) {
    command_log_close(&f->log);
    f->n = 0;
    assert_int_equal(command_log_open(&f->log, f->dir_fd, on_entry, f, &f->since_us, NULL), OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    f->dir_fd = open(f->d.path, O_RDONLY | O_DIRECTORY);
    f->log.fd = -1;
    reopen(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    command_log_close(&f->log);
    (void)close(f->dir_fd);
    dir_remove(&f->d);
    free(f);
    return 0;
}

static struct command_memory memory(uint8_t number) {
    struct command_memory m = {.id = {{number, 2, 3}},
                               .stage = COMMAND_STAGE_EXECUTED,
                               .reason = 3,
                               .name_crc = 0x11223344,
                               .value_crc = 0x55667788,
                               .value = {.type = VALUE_F64, .f = -1.5}};
    return m;
}

static void expect(const struct fixture *f, uint32_t i, uint8_t number) {
    struct command_memory m = memory(number);
    assert_memory_equal(&f->v[i].id, &m.id, sizeof m.id);
    assert_true(f->v[i].stage == m.stage && f->v[i].reason == m.reason && f->v[i].name_crc == m.name_crc &&
                f->v[i].value_crc == m.value_crc && f->v[i].value.type == VALUE_F64 &&
                f->v[i].value.f == -1.5);
}

static void entries_come_back_in_their_order(void **state) {
    struct fixture *f = *state;
    assert_true(f->n == 0 && f->since_us == 0);
    assert_int_equal(command_log_rewrite(&f->log, NULL, 0, 4711, NULL), OK);
    for (uint8_t i = 0; i < 5; i++) {
        struct command_memory m = memory(i);
        assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
    }
    reopen(f);
    assert_int_equal(f->n, 5);
    assert_true(f->since_us == 4711);
    for (uint8_t i = 0; i < 5; i++) {
        expect(f, i, i);
    }
    struct command_memory two[] = {memory(8), memory(9)};
    assert_int_equal(command_log_rewrite(&f->log, two, 2, 4712, NULL), OK);
    struct command_memory m = memory(10);
    assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
    reopen(f);
    assert_int_equal(f->n, 3);
    assert_true(f->since_us == 4712);
    expect(f, 2, 10);
}

static void what_is_written_before_the_first_session_is_kept_but_not_complete(void **state) {
    struct fixture *f = *state;
    struct command_memory m = memory(1);
    assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
    reopen(f);
    assert_int_equal(f->n, 1);
    assert_true(f->since_us == 0);
}

static void a_torn_tail_costs_nothing_that_was_promised(void **state) {
    struct fixture *f = *state;
    uint8_t p[1000];
    assert_int_equal(command_log_rewrite(&f->log, NULL, 0, 4711, NULL), OK);
    for (uint8_t i = 0; i < 3; i++) {
        struct command_memory m = memory(i);
        assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
    }
    size_t n = dir_read(&f->d, "commands", p, sizeof p);
    assert_int_equal(n, 4 * 64);
    for (size_t cut = 3 * 64; cut < n; cut++) {
        dir_write(&f->d, "commands", p, cut);
        reopen(f);
        assert_int_equal(f->n, 2);
        assert_true(f->since_us == 4711);
        struct command_memory m = memory(7);
        assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
        reopen(f);
        assert_int_equal(f->n, 3);
        expect(f, 2, 7);
        assert_true(f->since_us == 4711);
    }
}

static void any_other_damage_makes_the_memory_incomplete(void **state) {
    struct fixture *f = *state;
    uint8_t p[1000];
    assert_int_equal(command_log_rewrite(&f->log, NULL, 0, 4711, NULL), OK);
    for (uint8_t i = 0; i < 3; i++) {
        struct command_memory m = memory(i);
        assert_int_equal(command_log_append(&f->log, &m, NULL), OK);
    }
    size_t n = dir_read(&f->d, "commands", p, sizeof p);
    for (size_t i = 0; i < n; i++) {
        p[i] ^= 0x20;
        dir_write(&f->d, "commands", p, n);
        reopen(f);
        assert_int_equal(f->n, i < 64 ? 3 : 2);
        assert_true(f->since_us == 0);
        p[i] ^= 0x20;
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(entries_come_back_in_their_order),
        T(what_is_written_before_the_first_session_is_kept_but_not_complete),
        T(a_torn_tail_costs_nothing_that_was_promised),
        T(any_other_damage_makes_the_memory_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
