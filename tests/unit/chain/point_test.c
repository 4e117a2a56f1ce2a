#include "server/chain/point.h"
#include "tests/lib/unit.h"

#include <string.h>

struct pair {
    struct buf secret;
    struct buf open;
};

static struct pair make_pair(void) {
    struct pair p;
    buf_init(&p.secret, POINT_PEM_MAX);
    buf_init(&p.open, POINT_KEYS_MAX * POINT_PEM_MAX);
    assert_int_equal(point_key_make(&p.secret, &p.open, NULL), OK);
    return p;
}

static void free_pair(struct pair *p) {
    buf_done(&p->secret);
    buf_done(&p->open);
}

static struct point signed_by(const struct pair *pair, int64_t pos) {
    struct point_key *key = NULL;
    struct point p = {.pos = pos, .at_us = 1700000000000000};
    memset(p.hash, 7, sizeof p.hash);
    assert_int_equal(point_key_read(buf_slice(&pair->secret), &key, NULL), OK);
    assert_int_equal(point_sign(key, &p, NULL), OK);
    point_key_free(&key);
    assert_null(key);
    return p;
}

static enum status check_with(const struct pair *pair, const struct point *p) {
    struct point_keys *keys = NULL;
    assert_int_equal(point_keys_read(buf_slice(&pair->open), &keys, NULL), OK);
    enum status status = point_check(keys, p, NULL);
    point_keys_free(&keys);
    assert_null(keys);
    return status;
}

static void what_was_signed_is_believed_and_nothing_else(void **state) {
    (void)state;
    struct pair own = make_pair();
    struct pair other = make_pair();
    struct point p = signed_by(&own, 1000);
    assert_int_equal(check_with(&own, &p), OK);
    assert_int_equal(check_with(&other, &p), ERR_NOT_FOUND);
    struct point changed[] = {p, p, p, p};
    changed[0].pos++;
    changed[1].hash[0] ^= 1;
    changed[2].at_us++;
    changed[3].signature[63] ^= 1;
    for (size_t i = 0; i < COUNT(changed); i++) {
        assert_int_equal(check_with(&own, &changed[i]), ERR_INVALID);
    }
    free_pair(&own);
    free_pair(&other);
}

static void of_several_keys_the_right_one_is_taken(void **state) {
    (void)state;
    struct pair old = make_pair();
    struct pair new = make_pair();
    struct point p = signed_by(&new, 5);
    buf_append(&old.open, new.open.p, new.open.n);
    assert_int_equal(check_with(&old, &p), OK);
    free_pair(&old);
    free_pair(&new);
}

static void texts_that_hold_no_such_key_are_refused(void **state) {
    (void)state;
    struct pair pair = make_pair();
    struct point_key *key = NULL;
    struct point_keys *keys = NULL;
    assert_int_equal(point_key_read(slice_str(""), &key, NULL), ERR_INVALID);
    assert_int_equal(point_key_read(buf_slice(&pair.open), &key, NULL), ERR_INVALID);
    assert_int_equal(point_keys_read(slice_str("hello"), &keys, NULL), ERR_INVALID);
    assert_int_equal(point_keys_read(buf_slice(&pair.secret), &keys, NULL), ERR_INVALID);
    assert_null(key);
    assert_null(keys);
    free_pair(&pair);
}

static void a_line_reads_back_as_the_same_checkpoint(void **state) {
    (void)state;
    struct pair pair = make_pair();
    struct point p = signed_by(&pair, 123456789);
    struct point back;
    struct buf line;
    buf_init(&line, POINT_LINE_MAX);
    point_json(&line, &p);
    assert_int_equal(buf_status(&line, NULL), OK);
    assert_int_equal(point_parse(buf_slice(&line), &back, NULL), OK);
    assert_memory_equal(&p, &back, sizeof p);
    assert_int_equal(check_with(&pair, &back), OK);
    for (size_t n = 0; n < line.n; n++) {
        assert_int_not_equal(point_parse(slice_of((const char *)line.p, n), &back, NULL), OK);
    }
    assert_int_equal(point_parse(slice_str("{\"pos\":1,\"hash\":\"00\"}"), &back, NULL), ERR_NOT_FOUND);
    assert_int_equal(point_parse(slice_str("{\"checkpoint\":0,\"hash\":\"00\"}"), &back, NULL), ERR_INVALID);
    buf_done(&line);
    free_pair(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_is_believed_and_nothing_else),
        cmocka_unit_test(of_several_keys_the_right_one_is_taken),
        cmocka_unit_test(texts_that_hold_no_such_key_are_refused),
        cmocka_unit_test(a_line_reads_back_as_the_same_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
