#include "protocol/gateway/operate.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>

enum { TAG = 7 };

struct fixture {
    struct source source; /* first: what the operations get is the fixture */
    struct source_write asked;
    enum status takes; /* what write says */
    bool wanted;
    unsigned told;
    struct msg_command_result result;
    char text[100];
};

static enum status fake_write(struct source *s, const struct source_write *w, struct error *err) {
    struct fixture *f = (struct fixture *)s;
    if (w->tag != TAG) {
        return ERR_NOT_FOUND;
    }
    f->asked = *w;
    return f->takes == OK ? OK : error_set(err, f->takes, "tag", "because");
}

static const struct source_ops ops = {.write = fake_write};

static bool still_wanted(void *ctx, const struct command_id *id) {
    const struct fixture *f = ctx;
    assert_int_equal(id->bytes[0], 42);
    return f->wanted;
}

static void done(void *ctx, const struct msg_command_result *result) {
    struct fixture *f = ctx;
    assert_int_equal(result->id.bytes[0], 42);
    f->told++;
    f->result = *result;
    (void)snprintf(f->text, sizeof f->text, "%.*s", SLICE_ARG(result->text));
}

static const struct dict_entry scaled = {.type = VALUE_SCALED, .scale = 0.5, .offset = 10};
static const struct dict_entry boolean = {.type = VALUE_BOOL};

static struct fixture fixture(void) {
    return (struct fixture){.source = {.ops = &ops}, .wanted = true};
}

static void order(struct fixture *f, const struct dict_entry *entry, uint32_t tag, struct link_value value) {
    struct source *sources[] = {&f->source};
    const struct operate_host host = {.ctx = f, .may_begin = still_wanted, .done = done};
    const struct command_order o = {.id = {.bytes = {42}}, .tag = tag, .value = value};
    operate(sources, 1, entry, &o, &host);
}

static void end(struct fixture *f, enum status st, double value) {
    struct error err = {0};
    (void)error_set(&err, st, "modbus", "because");
    f->asked.on_written(f->asked.ctx, st, value, &err);
}

static void a_raw_integer_is_written_in_the_tags_unit_and_told_as_the_integer(void **state) {
    (void)state;
    struct fixture f = fixture();
    order(&f, &scaled, TAG, (struct link_value){.type = VALUE_SCALED, .i = 51});
    assert_true(f.asked.value == 35.5);
    assert_int_equal(f.told, 0);
    assert_true(f.asked.may_begin(f.asked.ctx));
    end(&f, OK, 35.5);
    assert_int_equal(f.told, 1);
    assert_int_equal(f.result.stage, COMMAND_STAGE_EXECUTED);
    assert_int_equal(f.result.reason, COMMAND_OK);
    assert_int_equal(f.result.value.type, VALUE_SCALED);
    assert_int_equal(f.result.value.i, 51);
}

/* Each way in which a write can end, and what is told of it. */
static void each_end_has_its_stage_and_reason(void **state) {
    (void)state;
    static const struct {
        enum status st;
        double read_back;
        enum command_stage stage;
        enum command_reason reason;
    } cases[] = {
        {OK, 1, COMMAND_STAGE_EXECUTED, COMMAND_OK},
        {OK, NAN, COMMAND_STAGE_EXECUTED, COMMAND_OK},
        {OK, 0, COMMAND_STAGE_FAILED, COMMAND_NO_EFFECT},
        {ERR_DENIED, NAN, COMMAND_STAGE_FAILED, COMMAND_DEVICE_REFUSED},
        {ERR_UNAVAILABLE, NAN, COMMAND_STAGE_FAILED, COMMAND_DEVICE_SILENT},
        {ERR_IO, NAN, COMMAND_STAGE_IN_DOUBT, COMMAND_DEVICE_SILENT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f = fixture();
        order(&f, &boolean, TAG, (struct link_value){.type = VALUE_BOOL, .i = 1});
        end(&f, cases[i].st, cases[i].read_back);
        assert_int_equal(f.told, 1);
        assert_int_equal(f.result.stage, cases[i].stage);
        assert_int_equal(f.result.reason, cases[i].reason);
        assert_int_equal(f.result.value.type, isnan(cases[i].read_back) ? 0 : VALUE_BOOL);
    }
}

static void what_is_not_wanted_any_more_was_told_by_who_said_so(void **state) {
    (void)state;
    struct fixture f = fixture();
    f.wanted = false;
    order(&f, &boolean, TAG, (struct link_value){.type = VALUE_BOOL, .i = 1});
    assert_false(f.asked.may_begin(f.asked.ctx));
    end(&f, ERR_TIMEOUT, NAN);
    assert_int_equal(f.told, 0);
}

static void what_no_source_takes_is_rejected(void **state) {
    (void)state;
    static const struct {
        enum status takes;
        enum command_reason reason;
    } cases[] = {{ERR_UNSUPPORTED, COMMAND_NOT_WRITABLE},
                 {ERR_INVALID, COMMAND_BAD_VALUE},
                 {ERR_FULL, COMMAND_BUSY},
                 {ERR_UNAVAILABLE, COMMAND_BUSY}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f = fixture();
        f.takes = cases[i].takes;
        order(&f, &boolean, TAG, (struct link_value){.type = VALUE_BOOL, .i = 1});
        assert_int_equal(f.told, 1);
        assert_int_equal(f.result.stage, COMMAND_STAGE_REJECTED);
        assert_int_equal(f.result.reason, cases[i].reason);
        assert_string_equal(f.text, "because");
    }
    struct fixture f = fixture();
    order(&f, &boolean, TAG + 1, (struct link_value){.type = VALUE_BOOL, .i = 1});
    assert_int_equal(f.result.reason, COMMAND_NOT_WRITABLE);
    order(&f, &boolean, TAG, (struct link_value){.type = VALUE_STRING, .s = slice_str("on")});
    assert_int_equal(f.result.reason, COMMAND_BAD_VALUE);
}

static void a_value_of_each_type_reads_back_as_it_was(void **state) {
    (void)state;
    static const struct link_value values[] = {
        {.type = VALUE_BOOL, .i = 1},     {.type = VALUE_INT, .i = -7},   {.type = VALUE_UINT, .u = 7},
        {.type = VALUE_SCALED, .i = -20}, {.type = VALUE_F32, .f = 0.25}, {.type = VALUE_F64, .f = 1e6}};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct fixture f = fixture();
        const struct dict_entry entry = {.type = values[i].type, .scale = 0.5, .offset = 10};
        order(&f, &entry, TAG, values[i]);
        end(&f, OK, f.asked.value);
        assert_int_equal(f.result.stage, COMMAND_STAGE_EXECUTED);
        assert_memory_equal(&f.result.value.u, &values[i].u, sizeof values[i].u);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raw_integer_is_written_in_the_tags_unit_and_told_as_the_integer),
        cmocka_unit_test(each_end_has_its_stage_and_reason),
        cmocka_unit_test(what_is_not_wanted_any_more_was_told_by_who_said_so),
        cmocka_unit_test(what_no_source_takes_is_rejected),
        cmocka_unit_test(a_value_of_each_type_reads_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
