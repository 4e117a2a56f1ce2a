#include "protocol/client/config_push.h"
#include "tests/lib/unit.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 150000 };

struct fixture {
    struct config_push p;
    struct config_state disk;
    struct moment now;
    struct msg_config_get get;
    uint32_t gets;
    struct msg_config_result result;
    char text[600];
    uint32_t results;
    uint64_t in_force;
    uint32_t applied;
    uint32_t rollbacks;
    uint32_t reconnects;
    bool refuses;
    bool disk_fails;
    uint8_t bytes[SIZE];
};

static enum status save(void *ctx, const struct config_state *state, struct error *err) {
    struct fixture *f = ctx;
    if (f->disk_fails) {
        return error_set(err, ERR_IO, "config", "disk full");
    }
    f->disk = *state;
    return OK;
}

static void on_get(void *ctx, const struct msg_config_get *m) {
    struct fixture *f = ctx;
    f->get = *m;
    f->gets++;
}

static void on_result(void *ctx, const struct msg_config_result *m) {
    struct fixture *f = ctx;
    f->result = *m;
    (void)snprintf(f->text, sizeof f->text, "%.*s", SLICE_ARG(m->text));
    f->results++;
}

static enum status apply(void *ctx, uint64_t version, struct slice bytes, struct error *err) {
    struct fixture *f = ctx;
    assert_true(bytes.n == SIZE && memcmp(bytes.p, f->bytes, SIZE) == 0);
    assert_true(f->disk.trying == version);
    if (f->refuses) {
        return error_set(err, ERR_INVALID, "line 3", "no such pump");
    }
    f->in_force = version;
    f->applied++;
    return OK;
}

static void rollback(void *ctx, uint64_t version) {
    struct fixture *f = ctx;
    f->in_force = version;
    f->rollbacks++;
}

static void reconnect(void *ctx) {
    ((struct fixture *)ctx)->reconnects++;
}

static void start(struct fixture *f) {
    config_push_done(&f->p);
    const struct config_push_host host = {.ctx = f,
                                          .save = save,
                                          .get = on_get,
                                          .result = on_result,
                                          .apply = apply,
                                          .rollback = rollback,
                                          .reconnect = reconnect};
    struct config_state state = f->disk;
    config_push_init(&f->p, &host, &state, f->now);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    for (size_t i = 0; i < SIZE; i++) {
        f->bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    f->now = (struct moment){.wall_us = INT64_C(1800000000000000), .mono_us = 1000};
    start(f);
    config_push_up(&f->p);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    config_push_done(&f->p);
    free(f);
    return 0;
}

static void offer(struct fixture *f, uint64_t version) {
    struct msg_config_offer m = {.version = version, .size = SIZE, .text = slice_str("new pump")};
    assert_int_equal(EVP_Digest(f->bytes, SIZE, m.sha256, NULL, EVP_sha256(), NULL), 1);
    config_push_offer(&f->p, &m);
}

static enum status chunk(struct fixture *f) {
    uint32_t n = f->get.length < SIZE - f->get.offset ? f->get.length : SIZE - f->get.offset;
    struct msg_config_chunk m = {
        .version = f->get.version, .offset = f->get.offset, .bytes = slice_of(f->bytes + f->get.offset, n)};
    return config_push_chunk(&f->p, &m, f->now, NULL);
}

static void fetch(struct fixture *f, uint64_t version) {
    offer(f, version);
    while (f->p.fetching) {
        assert_int_equal(chunk(f), OK);
    }
}

static void a_configuration_is_fetched_in_parts_and_applied_whole(void **state) {
    struct fixture *f = *state;
    fetch(f, 5);
    assert_int_equal(f->gets, 3);
    assert_int_equal(f->applied, 1);
    assert_true(f->result.version == 5 && f->result.outcome == CONFIG_APPLIED);
    assert_int_equal(f->reconnects, 1);
    assert_true(f->disk.version == 5 && f->disk.former == 0 && f->disk.on_trial && f->disk.trying == 0);
    offer(f, 5);
    assert_int_equal(f->gets, 3);
    config_push_up(&f->p);
    assert_false(f->disk.on_trial);
    f->now.mono_us += 2 * CONFIG_TRIAL_US;
    config_push_advance(&f->p, f->now);
    assert_int_equal(f->rollbacks, 0);
    assert_true(config_push_next_mono_us(&f->p) == MOMENT_NEVER);
}

/* As the process does: whenever something is due. */
static void pass(struct fixture *f, int64_t us) {
    int64_t end_us = f->now.mono_us + us;
    while (config_push_next_mono_us(&f->p) <= end_us) {
        f->now.mono_us = config_push_next_mono_us(&f->p);
        config_push_advance(&f->p, f->now);
    }
    f->now.mono_us = end_us;
}

static void without_a_session_within_ten_minutes_it_is_taken_back_and_barred(void **state) {
    struct fixture *f = *state;
    fetch(f, 4);
    config_push_up(&f->p);
    fetch(f, 5);
    config_push_down(&f->p);
    pass(f, CONFIG_TRIAL_US - 1);
    assert_int_equal(f->rollbacks, 0);
    f->now.mono_us += 1;
    config_push_advance(&f->p, f->now);
    assert_int_equal(f->rollbacks, 1);
    assert_true(f->in_force == 4 && f->disk.version == 4 && f->disk.barred == 5);
    assert_true(f->result.version == 5 && f->result.outcome == CONFIG_ROLLED_BACK);
    config_push_advance(&f->p, f->now);
    assert_int_equal(f->rollbacks, 1);
    /* The server offers it again: not the same once more. */
    uint32_t gets = f->gets;
    start(f);
    config_push_up(&f->p);
    offer(f, 5);
    assert_int_equal(f->gets, gets);
    fetch(f, 6);
    assert_true(f->in_force == 6);
}

static void a_restart_does_not_make_the_trial_longer(void **state) {
    struct fixture *f = *state;
    fetch(f, 5);
    pass(f, CONFIG_TRIAL_US / 2 + 1);
    assert_true(f->disk.on_trial && f->disk.trial_us == CONFIG_TRIAL_US / 2);
    f->now.mono_us = 77; /* the machine started anew, too */
    start(f);
    pass(f, CONFIG_TRIAL_US / 2 - 1);
    assert_int_equal(f->rollbacks, 0);
    pass(f, 1);
    assert_true(f->rollbacks == 1 && f->in_force == 0);
    assert_int_equal(f->result.outcome, CONFIG_ROLLED_BACK);
    assert_non_null(strstr(f->text, "10 minutes"));
}

static void a_configuration_under_which_the_gateway_starts_again_and_again_is_taken_back(void **state) {
    struct fixture *f = *state;
    fetch(f, 5);
    for (int i = 0; i < CONFIG_TRIAL_STARTS; i++) {
        start(f); /* it ends at once, each time */
        assert_int_equal(f->rollbacks, 0);
        assert_int_equal(f->disk.starts, i + 1);
    }
    start(f);
    assert_true(f->rollbacks == 1 && f->in_force == 0);
    assert_true(f->disk.version == 0 && f->disk.barred == 5 && !f->disk.on_trial && f->disk.starts == 0);
    assert_true(f->result.version == 5 && f->result.outcome == CONFIG_ROLLED_BACK);
    assert_non_null(strstr(f->text, "started 3 times"));
    start(f);
    assert_int_equal(f->rollbacks, 1);
}

static void starts_after_a_session_count_nothing(void **state) {
    struct fixture *f = *state;
    fetch(f, 5);
    start(f);
    pass(f, CONFIG_TRIAL_NOTE_US);
    config_push_up(&f->p);
    assert_true(f->disk.starts == 0 && f->disk.trial_us == 0);
    for (int i = 0; i < 2 * CONFIG_TRIAL_STARTS; i++) {
        start(f);
    }
    pass(f, 2 * CONFIG_TRIAL_US);
    assert_int_equal(f->rollbacks, 0);
    /* The next one has all of its time. */
    fetch(f, 6);
    pass(f, CONFIG_TRIAL_US - 1);
    assert_int_equal(f->rollbacks, 0);
}

static void a_second_one_on_trial_goes_back_to_what_had_a_session(void **state) {
    struct fixture *f = *state;
    fetch(f, 4);
    config_push_up(&f->p);
    fetch(f, 5);
    fetch(f, 6);
    assert_true(f->disk.version == 6 && f->disk.former == 4);
}

static void a_death_while_applying_takes_it_back(void **state) {
    struct fixture *f = *state;
    fetch(f, 4);
    config_push_up(&f->p);
    f->disk.trying = 5;
    start(f);
    assert_int_equal(f->rollbacks, 1);
    assert_true(f->in_force == 4 && f->disk.version == 4 && f->disk.trying == 0 && f->disk.barred == 5);
    assert_true(f->result.version == 5 && f->result.outcome == CONFIG_ROLLED_BACK);
    start(f);
    assert_int_equal(f->rollbacks, 1);
    /* One that was on trial meanwhile still is. */
    fetch(f, 6);
    f->disk.trying = 7;
    start(f);
    assert_true(f->in_force == 6 && f->disk.version == 6 && f->disk.on_trial && f->disk.former == 4);
}

static void what_the_gateway_refuses_changes_nothing_and_says_why(void **state) {
    struct fixture *f = *state;
    f->refuses = true;
    fetch(f, 5);
    assert_int_equal(f->result.outcome, CONFIG_REFUSED);
    assert_string_equal(f->text, "line 3: no such pump");
    assert_true(f->disk.version == 0 && f->disk.trying == 0 && f->disk.barred == 5);
    assert_int_equal(f->reconnects, 0);
}

static void bytes_that_are_not_the_offered_ones_are_refused(void **state) {
    struct fixture *f = *state;
    offer(f, 5);
    f->bytes[100000] ^= 1;
    while (f->p.fetching) {
        assert_int_equal(chunk(f), OK);
    }
    assert_int_equal(f->result.outcome, CONFIG_REFUSED);
    assert_non_null(strstr(f->text, "SHA-256"));
    assert_int_equal(f->applied, 0);
}

static void parts_that_were_not_asked_for_are_ignored_or_a_breach(void **state) {
    struct fixture *f = *state;
    struct msg_config_chunk m = {.version = 5, .bytes = slice_of(f->bytes, 10)};
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), OK);
    offer(f, 5);
    m.version = 4;
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), OK);
    m.version = 5;
    m.offset = 1;
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), ERR_INVALID);
    m.offset = 0;
    m.bytes.n = LINK_CONFIG_CHUNK_MAX + 1;
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), ERR_INVALID);
    m.bytes.n = 10; /* fewer than asked is allowed */
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), OK);
    assert_int_equal(f->get.offset, 10);
    m.bytes.n = 0;
    assert_int_equal(config_push_chunk(&f->p, &m, f->now, NULL), OK);
    assert_false(f->p.fetching);
}

static void a_session_that_ends_forgets_what_was_not_whole(void **state) {
    struct fixture *f = *state;
    offer(f, 5);
    assert_int_equal(chunk(f), OK);
    config_push_down(&f->p);
    assert_int_equal(chunk(f), OK);
    assert_int_equal(f->applied, 0);
    fetch(f, 5);
    assert_int_equal(f->applied, 1);
    assert_int_equal(f->gets, 5);
}

static void a_disk_that_takes_nothing_lets_nothing_be_applied(void **state) {
    struct fixture *f = *state;
    f->disk_fails = true;
    fetch(f, 5);
    assert_int_equal(f->applied, 0);
    assert_int_equal(f->result.outcome, CONFIG_REFUSED);
    assert_string_equal(f->text, "disk full");
    f->disk_fails = false;
    fetch(f, 5);
    assert_int_equal(f->applied, 1);
}

static void the_states_file_comes_back_as_written(void **state) {
    (void)state;
    struct config_state s = {.version = 1,
                             .former = 2,
                             .trying = 3,
                             .barred = UINT64_MAX,
                             .on_trial = true,
                             .starts = 2,
                             .trial_us = CONFIG_TRIAL_US - 1};
    uint8_t p[CONFIG_STATE_SIZE];
    config_state_encode(&s, p);
    struct config_state back = {0};
    assert_true(config_state_decode(p, sizeof p, &back));
    assert_true(back.version == 1 && back.former == 2 && back.trying == 3 && back.barred == UINT64_MAX &&
                back.on_trial && back.starts == 2 && back.trial_us == CONFIG_TRIAL_US - 1);
    assert_false(config_state_decode(p, sizeof p - 1, &back));
    for (size_t i = 0; i < sizeof p; i++) {
        p[i] ^= 4;
        assert_false(config_state_decode(p, sizeof p, &back));
        p[i] ^= 4;
    }
}

/* A gateway that is updated while a configuration is on trial goes on with it. */
static void the_file_of_an_earlier_version_is_understood(void **state) {
    (void)state;
    static const uint8_t p[40] = {0x0b, 0x2d, 0xc8, 0xcb, 1, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 6};
    struct config_state back = {0};
    assert_true(config_state_decode(p, sizeof p, &back));
    assert_true(back.version == 7 && back.former == 6 && back.trying == 0 && back.barred == 0);
    assert_true(back.on_trial && back.starts == 0 && back.trial_us == 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_configuration_is_fetched_in_parts_and_applied_whole),
        T(without_a_session_within_ten_minutes_it_is_taken_back_and_barred),
        T(a_restart_does_not_make_the_trial_longer),
        T(a_configuration_under_which_the_gateway_starts_again_and_again_is_taken_back),
        T(starts_after_a_session_count_nothing),
        T(a_second_one_on_trial_goes_back_to_what_had_a_session),
        T(a_death_while_applying_takes_it_back),
        T(what_the_gateway_refuses_changes_nothing_and_says_why),
        T(bytes_that_are_not_the_offered_ones_are_refused),
        T(parts_that_were_not_asked_for_are_ignored_or_a_breach),
        T(a_session_that_ends_forgets_what_was_not_whole),
        T(a_disk_that_takes_nothing_lets_nothing_be_applied),
        T(the_states_file_comes_back_as_written),
        T(the_file_of_an_earlier_version_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
