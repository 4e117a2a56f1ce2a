#include "server/api/password.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

struct result {
    int calls;
    bool ok;
    char hash[PASSWORD_HASH_SIZE];
};

static void note(void *ctx, bool ok, const char *hash) {
    struct result *r = ctx;
    r->calls++;
    r->ok = ok;
    (void)snprintf(r->hash, sizeof r->hash, "%s", hash);
}

static void note_stopped(void *ctx) {
    *(bool *)ctx = true;
}

static struct passwords *make(uv_loop_t *loop) {
    struct passwords *p = NULL;
    assert_int_equal(uv_loop_init(loop), 0);
    assert_int_equal(passwords_new(loop, 8, &p, NULL), OK);
    return p;
}

static void end(uv_loop_t *loop, struct passwords *p) {
    bool stopped = false;
    passwords_stop(p, note_stopped, &stopped);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    assert_true(stopped);
    passwords_free(&p);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void what_was_hashed_is_verified_and_nothing_else(void **state) {
    (void)state;
    uv_loop_t loop;
    struct passwords *p = make(&loop);
    struct result hashed = {0};
    struct result right = {0};
    struct result wrong = {0};
    struct result unknown = {0};
    assert_int_equal(passwords_hash(p, "correct horse", note, &hashed), OK);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(hashed.ok);
    assert_memory_equal(hashed.hash, "$argon2id$", 10);
    assert_int_equal(passwords_verify(p, "correct horse", hashed.hash, note, &right), OK);
    assert_int_equal(passwords_verify(p, "correct horsf", hashed.hash, note, &wrong), OK);
    assert_int_equal(passwords_verify(p, "correct horse", "", note, &unknown), OK);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(right.ok);
    assert_false(wrong.ok);
    assert_false(unknown.ok);
    assert_string_equal(unknown.hash, "");
    end(&loop, p);
}

static void beyond_two_running_and_32_waiting_there_is_no_room(void **state) {
    (void)state;
    uv_loop_t loop;
    struct passwords *p = make(&loop);
    struct result r = {0};
    int taken = 0;
    while (passwords_verify(p, "x", "", note, &r) == OK) {
        taken++;
    }
    assert_int_equal(taken, PASSWORD_RUNNING_MAX + PASSWORD_WAITING_MAX);
    end(&loop, p); /* those that wait are told, those that run are waited for */
    assert_int_equal(r.calls, taken);
}

static void memory_beyond_reason_is_refused(void **state) {
    (void)state;
    struct passwords *p = NULL;
    struct error err;
    assert_int_equal(passwords_new(NULL, 4, &p, &err), ERR_INVALID);
    assert_int_equal(passwords_new(NULL, 4096, &p, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "MiB"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_hashed_is_verified_and_nothing_else),
        cmocka_unit_test(beyond_two_running_and_32_waiting_there_is_no_room),
        cmocka_unit_test(memory_beyond_reason_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
