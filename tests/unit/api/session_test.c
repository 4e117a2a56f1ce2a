#include "server/api/session.h"
#include "tests/lib/unit.h"

#include <string.h>

static void hash(uint8_t ret[TOKEN_HASH_SIZE], uint8_t x) {
    memset(ret, x, TOKEN_HASH_SIZE);
}

static void a_session_is_found_by_its_whole_hash(void **state) {
    (void)state;
    struct sessions s;
    uint8_t h[TOKEN_HASH_SIZE];
    assert_int_equal(sessions_init(&s, 4, NULL), OK);
    hash(h, 1);
    struct session *v = sessions_put(&s, h);
    assert_non_null(v);
    assert_ptr_equal(sessions_find(&s, h), v);
    assert_ptr_equal(sessions_put(&s, h), v);
    h[TOKEN_HASH_SIZE - 1] = 2;
    assert_null(sessions_find(&s, h));
    hash(h, 1);
    v->used = false;
    assert_null(sessions_find(&s, h));
    sessions_done(&s);
}

static void the_longest_unchecked_without_sockets_gives_way(void **state) {
    (void)state;
    struct sessions s;
    uint8_t h[TOKEN_HASH_SIZE];
    assert_int_equal(sessions_init(&s, 3, NULL), OK);
    for (uint8_t i = 1; i <= 3; i++) {
        hash(h, i);
        struct session *v = sessions_put(&s, h);
        v->checked_mono_us = i;
        v->sockets = i == 1 ? 1 : 0;
    }
    hash(h, 4);
    assert_non_null(sessions_put(&s, h));
    hash(h, 1);
    assert_non_null(sessions_find(&s, h));
    hash(h, 2);
    assert_null(sessions_find(&s, h));
    sessions_done(&s);
}

static void when_all_are_in_use_there_is_no_room(void **state) {
    (void)state;
    struct sessions s;
    uint8_t h[TOKEN_HASH_SIZE];
    assert_int_equal(sessions_init(&s, 2, NULL), OK);
    hash(h, 1);
    sessions_put(&s, h)->sockets = 1;
    hash(h, 2);
    sessions_put(&s, h)->asking = true;
    hash(h, 3);
    assert_null(sessions_put(&s, h));
    sessions_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_found_by_its_whole_hash),
        cmocka_unit_test(the_longest_unchecked_without_sockets_gives_way),
        cmocka_unit_test(when_all_are_in_use_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
