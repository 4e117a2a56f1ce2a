/* Covers: command_rules.c */
#include "protocol/client/command_rules.h"
#include "protocol/client/commands.h"
#include "server/base/crc32c.h"
#include "server/base/rand.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>

#define WALL INT64_C(1800000000000000)

enum { TAGS = 4, DISK_MAX = 4096, LOG_MAX = 4096 };
enum { TAG_PUMP, TAG_VALVE, TAG_LEVEL, TAG_MODE };

/* A device, a disk, and what was answered. */
struct fixture {
    struct commands *c;
    struct dict_entry entries[TAGS];
    struct link_sample present[TAGS];
    struct command_memory disk[DISK_MAX];
    uint32_t n_disk;
    int64_t since_us;
    struct command_clock clock;
    struct msg_command_ack ack; /* the last ones */
    struct msg_command_result result;
    uint32_t acks;
    uint32_t results;
    struct command_id moved[LOG_MAX]; /* what was actuated */
    uint32_t n_moved;
    struct command_order order;
    enum command_reason check;
    bool disk_fails;
    bool dead;        /* the process is gone: nothing it does counts any more */
    int die_in_store; /* counts down; at 0 the process dies in that store … */
    bool die_after;   /* … after or before it reached the disk */
};

/* ---- the host ---- */

static enum status store(void *ctx, const struct command_memory *m, struct error *err) {
    struct fixture *f = ctx;
    bool dies = !f->dead && f->die_in_store > 0 && --f->die_in_store == 0;
    if (dies && !f->die_after) {
        f->dead = true;
    }
    if (f->dead || f->disk_fails) {
        return error_set(err, ERR_IO, "disk", "full");
    }
    assert_true(f->n_disk < DISK_MAX);
    f->disk[f->n_disk++] = *m;
    f->dead = f->dead || dies;
    return OK;
}

static enum status rewrite(void *ctx, const struct command_memory *v, uint32_t n, int64_t since_us,
                           struct error *err) {
    (void)err;
    struct fixture *f = ctx;
    if (!f->dead) {
        memcpy(f->disk, v, n * sizeof *v);
        f->n_disk = n;
        f->since_us = since_us;
    }
    return OK;
}

static void on_ack(void *ctx, const struct msg_command_ack *m) {
    struct fixture *f = ctx;
    f->ack = *m;
    f->acks++;
}

static void on_result(void *ctx, const struct msg_command_result *m) {
    struct fixture *f = ctx;
    f->result = *m;
    f->results++;
}

static bool find(void *ctx, uint64_t dict, uint32_t alias, struct command_tag *ret) {
    struct fixture *f = ctx;
    if (dict != 1 || alias == 0 || alias > TAGS) {
        return false;
    }
    *ret = (struct command_tag){
        .tag = alias - 1, .entry = &f->entries[alias - 1], .present = &f->present[alias - 1]};
    return true;
}

static enum command_reason check(void *ctx, const struct command_order *order) {
    (void)order;
    return ((struct fixture *)ctx)->check;
}

static void actuate(void *ctx, const struct command_order *order) {
    struct fixture *f = ctx;
    if (!f->dead) {
        assert_true(f->n_moved < LOG_MAX);
        f->moved[f->n_moved++] = order->id;
        f->order = *order;
    }
}

static void start(struct fixture *f) {
    commands_free(&f->c);
    struct commands_host host = {.ctx = f,
                                 .store = store,
                                 .rewrite = rewrite,
                                 .ack = on_ack,
                                 .result = on_result,
                                 .find = find,
                                 .check = check,
                                 .actuate = actuate};
    assert_int_equal(commands_new(&host, &f->c, NULL), OK);
    for (uint32_t i = 0; i < f->n_disk; i++) {
        assert_int_equal(commands_remember(f->c, &f->disk[i], NULL), OK);
    }
    f->dead = false;
    commands_recover(f->c, f->since_us, f->clock.now);
}

static void begin(struct fixture *f, uint64_t session) {
    commands_begin(f->c, &(struct commands_session){
                             .session = session, .allowed = true, .server_us = f->clock.now.wall_us});
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->entries[TAG_PUMP] = (struct dict_entry){
        .alias = 1, .type = VALUE_BOOL, .flags = DICT_WRITABLE, .name = slice_str("pump")};
    f->entries[TAG_VALVE] = (struct dict_entry){.alias = 2,
                                                .type = VALUE_SCALED,
                                                .flags = DICT_WRITABLE | DICT_SELECT,
                                                .scale = 0.1,
                                                .has_range = true,
                                                .low = 0,
                                                .high = 100,
                                                .name = slice_str("valve")};
    f->entries[TAG_LEVEL] = (struct dict_entry){.alias = 3, .type = VALUE_F64, .name = slice_str("level")};
    f->entries[TAG_MODE] = (struct dict_entry){
        .alias = 4, .type = VALUE_STRING, .flags = DICT_WRITABLE, .name = slice_str("mode")};
    f->present[TAG_PUMP] = (struct link_sample){.alias = 1, .type = VALUE_BOOL};
    f->present[TAG_VALVE] = (struct link_sample){.alias = 2, .type = VALUE_SCALED, .i = 500};
    f->clock = (struct command_clock){.now = {.wall_us = WALL, .mono_us = 5000000}, .synced = true};
    start(f);
    begin(f, 7);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    commands_free(&f->c);
    free(f);
    return 0;
}

/* ---- what the server says ---- */

static struct command_id make_id(const struct fixture *f, uint32_t number) {
    struct command_id id = {{0}};
    uint64_t ms = (uint64_t)f->clock.now.wall_us / 1000;
    for (int i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    id.bytes[6] = 0x70;
    id.bytes[8] = 0x80;
    memcpy(id.bytes + 12, &number, sizeof number);
    return id;
}

static struct msg_command order(const struct fixture *f, uint8_t op, uint32_t number, uint32_t tag,
                                int64_t value) {
    const struct dict_entry *e = &f->entries[tag];
    struct msg_command m = {.op = op,
                            .id = make_id(f, number),
                            .session = 7,
                            .dict = 1,
                            .alias = e->alias,
                            .name_crc = crc32c(0, e->name.p, e->name.n),
                            .value = {.type = e->type, .i = value},
                            .issued_us = f->clock.now.wall_us,
                            .ttl_ms = 10000,
                            .operator_name = slice_str("ann"),
                            .reason = slice_str("level low")};
    return m;
}

static void say(struct fixture *f, const struct msg_command *m) {
    commands_receive(f->c, m, &f->clock);
}

static enum status done(struct fixture *f, const struct msg_command *m, enum command_stage stage) {
    struct msg_command_result r = {.id = m->id,
                                   .stage = (uint8_t)stage,
                                   .t_us = f->clock.now.wall_us,
                                   .value = {.type = VALUE_BOOL, .i = 1}};
    return commands_done(f->c, &r, NULL);
}

static void wait(struct fixture *f, int64_t us) {
    f->clock.now.wall_us += us;
    f->clock.now.mono_us += us;
}

static void expect_rejected(struct fixture *f, const struct msg_command *m, enum command_reason reason) {
    uint32_t moved = f->n_moved;
    say(f, m);
    assert_int_equal(f->ack.status, COMMAND_REJECTED);
    assert_int_equal(f->ack.reason, reason);
    assert_int_equal(f->result.stage,
                     reason == COMMAND_TOO_LATE ? COMMAND_STAGE_EXPIRED : COMMAND_STAGE_REJECTED);
    assert_int_equal(f->result.reason, reason);
    assert_int_equal(f->n_moved, moved);
}

/* ---- tests ---- */

static void a_direct_command_is_written_down_and_then_done_once(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(f->ack.status, COMMAND_RECEIVED);
    assert_int_equal(f->results, 0);
    assert_int_equal(f->n_disk, 1);
    assert_int_equal(f->disk[0].stage, COMMAND_STAGE_RUNNING);
    assert_true(f->order.tag == TAG_PUMP && f->order.value.i == 1 && slice_is(f->order.operator_name, "ann"));
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), OK);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_int_equal(f->disk[1].stage, COMMAND_STAGE_EXECUTED);
    assert_int_equal(done(f, &m, COMMAND_STAGE_FAILED), ERR_NOT_FOUND);
    f->result = (struct msg_command_result){0};
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_true(f->result.value.type == VALUE_BOOL && f->result.value.i == 1);
    /* Also after a restart, and in another session. */
    start(f);
    begin(f, 8);
    f->result = (struct msg_command_result){0};
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_true(f->result.value.i == 1);
}

static void each_rule_that_is_broken_is_the_reason(void **state) {
    struct fixture *f = *state;
    uint32_t n = 100;
    struct msg_command m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.session = 6;
    expect_rejected(f, &m, COMMAND_WRONG_SESSION);
    m = order(f, 9, n++, TAG_PUMP, 1);
    expect_rejected(f, &m, COMMAND_UNSUPPORTED);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.flags = 2;
    expect_rejected(f, &m, COMMAND_UNSUPPORTED);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.id.bytes[6] = 0x40; /* no time in it: it could not be remembered right */
    expect_rejected(f, &m, COMMAND_UNSUPPORTED);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.dict = 2;
    expect_rejected(f, &m, COMMAND_UNKNOWN_TAG);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.alias = 99;
    expect_rejected(f, &m, COMMAND_UNKNOWN_TAG);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.name_crc ^= 1;
    expect_rejected(f, &m, COMMAND_OTHER_NAME);
    m = order(f, COMMAND_DIRECT, n++, TAG_LEVEL, 1);
    expect_rejected(f, &m, COMMAND_NOT_WRITABLE);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 2);
    expect_rejected(f, &m, COMMAND_BAD_VALUE);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    m.value.type = VALUE_INT;
    expect_rejected(f, &m, COMMAND_BAD_VALUE);
    m = order(f, COMMAND_SELECT, n++, TAG_VALVE, 1001);
    expect_rejected(f, &m, COMMAND_BAD_VALUE);
    m = order(f, COMMAND_DIRECT, n++, TAG_VALVE, 1000);
    expect_rejected(f, &m, COMMAND_NOT_SELECTED);
    m = order(f, COMMAND_EXECUTE, n++, TAG_VALVE, 1000);
    expect_rejected(f, &m, COMMAND_NOT_SELECTED);
    f->check = COMMAND_INTERLOCKED;
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    expect_rejected(f, &m, COMMAND_INTERLOCKED);
    /* And that stays so, whatever the site says later. */
    f->check = COMMAND_OK;
    uint32_t moved = f->n_moved;
    say(f, &m);
    assert_int_equal(f->n_moved, moved);
    assert_int_equal(f->result.reason, COMMAND_INTERLOCKED);
    m = order(f, COMMAND_DIRECT, n++, TAG_PUMP, 1);
    commands_begin(f->c, &(struct commands_session){.session = 7, .server_us = WALL});
    expect_rejected(f, &m, COMMAND_NOT_ALLOWED);
    assert_int_equal(f->n_moved, 0);
}

static void a_command_that_is_too_old_dies(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    m.issued_us = WALL - 10000000;
    expect_rejected(f, &m, COMMAND_TOO_LATE);
    m = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 1);
    m.issued_us = WALL - 9999999;
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_true(commands_may_begin(f->c, &m.id, f->clock.now));
    f->clock.now.mono_us += 1;
    assert_false(commands_may_begin(f->c, &m.id, f->clock.now));
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXPIRED);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), ERR_NOT_FOUND);
    assert_false(commands_may_begin(f->c, &m.id, f->clock.now));
}

static void its_age_is_by_the_servers_clock_where_that_is_known(void **state) {
    struct fixture *f = *state;
    f->clock.has_offset = true;
    f->clock.offset_us = 3600 * INT64_C(1000000); /* this clock is an hour behind */
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    expect_rejected(f, &m, COMMAND_TOO_LATE);
    m = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 1);
    m.issued_us = WALL + f->clock.offset_us;
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    /* One from the future has no age, and lives no longer than ttl from now. */
    m = order(f, COMMAND_DIRECT, 3, TAG_MODE, 0);
    m.value = (struct link_value){.type = VALUE_STRING, .s = slice_str("auto")};
    m.issued_us = INT64_MAX;
    say(f, &m);
    assert_int_equal(f->n_moved, 2);
    f->clock.now.mono_us += 10000000;
    assert_false(commands_may_begin(f->c, &m.id, f->clock.now));
    m = order(f, COMMAND_DIRECT, 4, TAG_PUMP, 1);
    m.issued_us = INT64_MIN;
    expect_rejected(f, &m, COMMAND_TOO_LATE);
}

static void without_any_idea_of_the_time_it_is_refused(void **state) {
    struct fixture *f = *state;
    f->clock.synced = false;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    expect_rejected(f, &m, COMMAND_CLOCK_UNKNOWN);
    f->clock.has_offset = true;
    m = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 1);
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
}

static void a_selection_is_held_executed_once_and_by_its_holder_alone(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_SELECT, 1, TAG_VALVE, 250);
    say(f, &m);
    assert_int_equal(f->result.stage, COMMAND_STAGE_SELECTED);
    assert_int_equal(f->n_moved, 0);
    say(f, &m);
    assert_int_equal(f->result.stage, COMMAND_STAGE_SELECTED);
    struct msg_command other = order(f, COMMAND_SELECT, 2, TAG_VALVE, 300);
    expect_rejected(f, &other, COMMAND_SELECTED_BY_OTHER);
    other = order(f, COMMAND_EXECUTE, 3, TAG_VALVE, 250);
    expect_rejected(f, &other, COMMAND_NOT_SELECTED);
    m.op = COMMAND_EXECUTE;
    m.value.i = 251;
    say(f, &m);
    assert_int_equal(f->ack.reason, COMMAND_ID_REUSED);
    assert_int_equal(f->n_moved, 0);
    m.value.i = 250;
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    other = order(f, COMMAND_SELECT, 4, TAG_VALVE, 300);
    expect_rejected(f, &other, COMMAND_BUSY);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), OK);
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    other = order(f, COMMAND_SELECT, 5, TAG_VALVE, 300);
    say(f, &other);
    assert_int_equal(f->result.stage, COMMAND_STAGE_SELECTED);
}

static void a_selection_ends_by_time_by_cancel_and_with_the_session(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_SELECT, 1, TAG_VALVE, 250);
    say(f, &m);
    assert_true(commands_next_mono_us(f->c) == f->clock.now.mono_us + LINK_SELECT_MS * INT64_C(1000));
    wait(f, LINK_SELECT_MS * INT64_C(1000) - 1);
    commands_advance(f->c, f->clock.now);
    assert_int_equal(f->result.stage, COMMAND_STAGE_SELECTED);
    wait(f, 1);
    commands_advance(f->c, f->clock.now);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);
    assert_int_equal(f->result.reason, COMMAND_SELECTION_ENDED);
    assert_true(commands_next_mono_us(f->c) == MOMENT_NEVER);
    m.op = COMMAND_EXECUTE;
    m.issued_us = f->clock.now.wall_us;
    say(f, &m);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);

    m = order(f, COMMAND_SELECT, 2, TAG_VALVE, 250);
    say(f, &m);
    struct msg_command c = m;
    c.op = COMMAND_CANCEL;
    c.value = (struct link_value){0};
    say(f, &c);
    assert_int_equal(f->ack.status, COMMAND_RECEIVED);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);

    m = order(f, COMMAND_SELECT, 3, TAG_VALVE, 250);
    say(f, &m);
    commands_end(f->c, f->clock.now);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);
    begin(f, 8);
    m.op = COMMAND_EXECUTE;
    m.session = 8;
    say(f, &m);
    assert_int_equal(f->n_moved, 0);
}

static void what_has_begun_cannot_be_cancelled_and_what_is_unknown_never_begins(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    say(f, &m);
    struct msg_command c = m;
    c.op = COMMAND_CANCEL;
    c.value = (struct link_value){0};
    say(f, &c);
    assert_int_equal(f->ack.reason, COMMAND_BUSY);
    assert_int_equal(f->results, 0);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), OK);
    say(f, &c);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    m = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 0);
    c = m;
    c.op = COMMAND_CANCEL;
    c.value = (struct link_value){0};
    say(f, &c);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_CANCELLED);
}

static void the_present_value_must_be_as_expected(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_SELECT, 1, TAG_VALVE, 700);
    m.flags = COMMAND_EXPECTS;
    m.expected = (struct link_value){.type = VALUE_SCALED, .i = 520};
    m.tolerance = 1.9; /* in units: 52.0 against 50.0 */
    expect_rejected(f, &m, COMMAND_NOT_AS_EXPECTED);
    m.id = make_id(f, 2);
    m.tolerance = 2;
    say(f, &m);
    assert_int_equal(f->result.stage, COMMAND_STAGE_SELECTED);
    /* It is looked at again when it comes to it, and must be good. */
    f->present[TAG_VALVE].quality = 0x41;
    m.op = COMMAND_EXECUTE;
    expect_rejected(f, &m, COMMAND_NOT_AS_EXPECTED);
    f->present[TAG_MODE] = (struct link_sample){.type = VALUE_STRING, .s = slice_str("hand")};
    m = order(f, COMMAND_DIRECT, 3, TAG_MODE, 0);
    m.value = (struct link_value){.type = VALUE_STRING, .s = slice_str("auto")};
    m.flags = COMMAND_EXPECTS;
    m.expected = (struct link_value){.type = VALUE_STRING, .s = slice_str("off")};
    expect_rejected(f, &m, COMMAND_NOT_AS_EXPECTED);
    m.id = make_id(f, 4);
    m.expected.s = slice_str("hand");
    say(f, &m);
    assert_int_equal(f->n_moved, 1);
}

static void one_tag_does_one_thing_at_a_time(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    say(f, &m);
    struct msg_command other = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 0);
    expect_rejected(f, &other, COMMAND_BUSY);
    assert_int_equal(done(f, &m, COMMAND_STAGE_FAILED), OK);
    other = order(f, COMMAND_DIRECT, 3, TAG_PUMP, 0);
    say(f, &other);
    assert_int_equal(f->n_moved, 2);
}

static void what_cannot_be_written_down_is_not_done(void **state) {
    struct fixture *f = *state;
    f->disk_fails = true;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    expect_rejected(f, &m, COMMAND_NOT_DURABLE);
    f->disk_fails = false;
    say(f, &m);
    assert_int_equal(f->n_moved, 0);
}

static void a_crash_between_intent_and_outcome_is_in_doubt_and_told_unasked(void **state) {
    struct fixture *f = *state;
    f->die_in_store = 1;
    f->die_after = true;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    say(f, &m);
    assert_int_equal(f->n_moved, 0); /* it died before it could */
    f->results = 0;
    start(f);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_IN_DOUBT);
    assert_int_equal(f->result.reason, COMMAND_RESTARTED);
    begin(f, 8);
    m.session = 8;
    say(f, &m);
    assert_int_equal(f->n_moved, 0);
    start(f);
    assert_int_equal(f->results, 2); /* told unasked but once, and when it was asked for */
}

static void a_query_moves_nothing_and_settles_an_unknown_id(void **state) {
    struct fixture *f = *state;
    wait(f, 1000000);
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    struct msg_command q = m;
    q.op = COMMAND_QUERY;
    q.value = (struct link_value){0};
    say(f, &q);
    assert_int_equal(f->acks, 0);
    assert_int_equal(f->result.stage, COMMAND_STAGE_NOT_RECEIVED);
    start(f);
    begin(f, 7);
    say(f, &m);
    assert_int_equal(f->n_moved, 0);
    assert_int_equal(f->result.stage, COMMAND_STAGE_NOT_RECEIVED);
    m = order(f, COMMAND_DIRECT, 2, TAG_PUMP, 1);
    q = m;
    q.op = COMMAND_QUERY;
    q.value = (struct link_value){0};
    say(f, &m);
    say(f, &q);
    assert_int_equal(f->result.stage, COMMAND_STAGE_RUNNING);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), OK);
    f->result.stage = 99;
    say(f, &q);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_int_equal(f->n_moved, 1);
    /* What cannot be written down is not answered: it will be asked again. */
    f->disk_fails = true;
    uint32_t results = f->results;
    q.id = make_id(f, 3);
    say(f, &q);
    assert_int_equal(f->results, results);
}

static void an_id_from_before_the_memory_is_in_doubt(void **state) {
    struct fixture *f = *state;
    f->clock.now.wall_us -= 1000; /* before the first session */
    struct msg_command q = order(f, COMMAND_QUERY, 1, TAG_PUMP, 0);
    f->clock.now.wall_us += 1000;
    q.value = (struct link_value){0};
    say(f, &q);
    assert_int_equal(f->result.stage, COMMAND_STAGE_IN_DOUBT);
    /* A disk that lost its memory starts it anew with the next session. */
    wait(f, 10000000);
    f->since_us = 0;
    start(f);
    q.id = make_id(f, 2);
    say(f, &q);
    assert_int_equal(f->result.stage, COMMAND_STAGE_IN_DOUBT);
    begin(f, 8);
    assert_true(f->since_us == f->clock.now.wall_us);
}

static void ids_are_forgotten_after_eight_days_and_not_before(void **state) {
    struct fixture *f = *state;
    struct msg_command m = order(f, COMMAND_DIRECT, 1, TAG_PUMP, 1);
    say(f, &m);
    assert_int_equal(done(f, &m, COMMAND_STAGE_EXECUTED), OK);
    wait(f, COMMANDS_KEEP_US);
    begin(f, 8);
    assert_int_equal(commands_count(f->c), 1);
    wait(f, 1000);
    begin(f, 9);
    assert_int_equal(commands_count(f->c), 0);
    assert_int_equal(f->n_disk, 0);
    struct msg_command q = m;
    q.op = COMMAND_QUERY;
    q.value = (struct link_value){0};
    say(f, &q);
    assert_int_equal(f->result.stage, COMMAND_STAGE_IN_DOUBT);
}

/* Frames come late, twice and out of order, sessions end, the process dies in any store, before or after it.
 * Whatever happens: no id moves the plant twice, none after its time, none of another session. */
static void whatever_happens_nothing_moves_twice_or_late(void **state) {
    struct fixture *f = *state;
    enum { ROUNDS = 500, STEPS = 60, IDS = 16 };
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 20261129;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    uint32_t total = 0;
    uint32_t deaths = 0;
    for (int round = 0; round < ROUNDS; round++) {
        f->n_disk = 0;
        f->n_moved = 0;
        f->since_us = 0;
        start(f);
        uint64_t session = 7;
        begin(f, session);
        struct msg_command sent[IDS];
        for (uint32_t i = 0; i < IDS; i++) {
            uint32_t tag = rand_below(&r, 2) == 0 ? TAG_PUMP : TAG_VALVE;
            sent[i] = order(f, COMMAND_DIRECT, i, tag, (int64_t)rand_below(&r, 2));
            sent[i].issued_us += (int64_t)rand_below(&r, 30000000);
            sent[i].session = session + rand_below(&r, 3);
        }
        for (int step = 0; step < STEPS; step++) {
            static const uint8_t ops[] = {COMMAND_SELECT, COMMAND_EXECUTE, COMMAND_EXECUTE, COMMAND_DIRECT,
                                          COMMAND_DIRECT, COMMAND_CANCEL,  COMMAND_QUERY};
            struct msg_command m = sent[rand_below(&r, IDS)];
            m.op = ops[rand_below(&r, COUNT(ops))];
            m.session = rand_below(&r, 3) > 0 ? session : m.session;
            f->die_in_store = rand_below(&r, 12) == 0 ? 1 + (int)rand_below(&r, 2) : 0;
            f->die_after = rand_below(&r, 2) == 0;
            uint32_t moved = f->n_moved;
            say(f, &m);
            if (f->n_moved > moved) {
                total++;
                assert_int_equal(f->n_moved, moved + 1);
                assert_true(m.op == COMMAND_EXECUTE || m.op == COMMAND_DIRECT);
                assert_true(m.session == session);
                assert_true(f->clock.now.wall_us < m.issued_us + (int64_t)m.ttl_ms * 1000);
                if (rand_below(&r, 3) > 0) {
                    (void)!done(f, &m, COMMAND_STAGE_EXECUTED);
                }
            }
            if (rand_below(&r, 5) == 0) {
                (void)!done(f, &sent[rand_below(&r, IDS)], COMMAND_STAGE_FAILED);
            }
            wait(f, (int64_t)rand_below(&r, 2000000));
            commands_advance(f->c, f->clock.now);
            if (f->dead || rand_below(&r, 15) == 0) {
                deaths++;
                f->die_in_store = 0;
                f->dead = false;
                start(f);
                begin(f, ++session);
            } else if (rand_below(&r, 15) == 0) {
                commands_end(f->c, f->clock.now);
                begin(f, ++session);
            }
        }
        for (uint32_t i = 0; i < f->n_moved; i++) {
            for (uint32_t k = i + 1; k < f->n_moved; k++) {
                assert_memory_not_equal(&f->moved[i], &f->moved[k], sizeof f->moved[i]);
            }
        }
    }
    print_message("%u moved, %u deaths\n", total, deaths);
    assert_true(total > ROUNDS && deaths > ROUNDS);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_direct_command_is_written_down_and_then_done_once),
        T(each_rule_that_is_broken_is_the_reason),
        T(a_command_that_is_too_old_dies),
        T(its_age_is_by_the_servers_clock_where_that_is_known),
        T(without_any_idea_of_the_time_it_is_refused),
        T(a_selection_is_held_executed_once_and_by_its_holder_alone),
        T(a_selection_ends_by_time_by_cancel_and_with_the_session),
        T(what_has_begun_cannot_be_cancelled_and_what_is_unknown_never_begins),
        T(the_present_value_must_be_as_expected),
        T(one_tag_does_one_thing_at_a_time),
        T(what_cannot_be_written_down_is_not_done),
        T(a_crash_between_intent_and_outcome_is_in_doubt_and_told_unasked),
        T(a_query_moves_nothing_and_settles_an_unknown_id),
        T(an_id_from_before_the_memory_is_in_doubt),
        T(ids_are_forgotten_after_eight_days_and_not_before),
        T(whatever_happens_nothing_moves_twice_or_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
