/* Covers: session_load.c, and how the roster divides the work of loading. */
#include "tests/unit/link/rig.h"

enum { PARTS = 4000, BODY_MAX = 64 };

/* Parts of one dictionary, as the database gives them: the last one makes it whole. */
struct stored {
    struct link_dict dicts[PARTS];
    struct buf bodies[PARTS];
};

static struct stored *store_parts(uint64_t epoch) {
    struct stored *st = malloc(sizeof *st);
    CHECK(st != NULL);
    for (uint32_t i = 0; i < PARTS; i++) {
        struct buf *b = &st->bodies[i];
        struct dict_entry e = rig_entry(1, "L_T1", VALUE_F64);
        buf_init(b, BODY_MAX);
        prefix_encode(b, true, &(struct msg_prefix){.seq = i, .dict = 1});
        dict_encode(b, 0, i + 1 < PARTS, &e, 1);
        CHECK(!b->failed);
        st->dicts[i] = (struct link_dict){.epoch = epoch, .dict = 1, .body = buf_slice(b)};
    }
    return st;
}

/* Nothing of it may be used after the call that hands it over. */
static void free_parts(struct stored *st) {
    for (uint32_t i = 0; i < PARTS; i++) {
        memset(st->bodies[i].p, 0xEE, st->bodies[i].n);
        buf_done(&st->bodies[i]);
    }
    free(st);
}

static struct session *settling(struct rig *r, const char *name) {
    struct session *s = rig_connect(r, name);
    struct msg_hello hello = rig_hello_msg(0);
    hello.gateway = slice_str(name);
    rig_send_hello(r, s, &hello);
    struct stored *st = store_parts(RIG_EPOCH);
    struct link_settled settled = rig_settled_ok();
    settled.gateway_key = strcmp(name, "gw-s1") == 0 ? RIG_KEY : RIG_KEY + 1;
    settled.dicts = st->dicts;
    settled.n_dicts = PARTS;
    rig_settle(r, &settled);
    free_parts(st);
    return s;
}

static int set_up(void **state) {
    int rc = rig_set_up(state);
    struct rig *r = *state;
    r->env.limits.link.dictionary_parts = PARTS;
    return rc;
}

static void many_stored_parts_are_loaded_over_many_turns(void **state) {
    struct rig *r = *state;
    struct session *s = settling(r, "gw-s1");
    assert_true(session_loading(s));
    assert_true(roster_loading(r->roster));
    rig_expect_said(r, s, "");
    uint32_t turns = 0;
    while (roster_load(r->roster, r->now)) {
        assert_int_equal(session_state(s), SESSION_SETTLING);
        turns++;
    }
    assert_true(turns > 20);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_expect_said(r, s, "WELCOME");
    rig_expect_heard(r, "settle gw-s1; up 0");
    rig_send_data(r, s, FRAME_JOURNALED, 0, PARTS, 1);
    rig_expect_heard(r, "DATA 700/4000");
    rig_end(r, s);
}

static void two_that_load_take_turns(void **state) {
    struct rig *r = *state;
    struct session *a = settling(r, "gw-s1");
    struct session *b = settling(r, "gw-s2");
    uint32_t turns = 0;
    while (session_loading(a) && session_loading(b)) {
        (void)roster_load(r->roster, r->now);
        turns++;
    }
    assert_true(turns > 100);                     /* the work of both */
    assert_false(roster_load(r->roster, r->now)); /* the other one was as good as done, too */
    assert_int_equal(session_state(a), SESSION_LIVE);
    assert_int_equal(session_state(b), SESSION_LIVE);
    rig_end(r, b);
    rig_end(r, a);
}

static void loading_may_take_longer_than_settling_and_ends_with_the_connection(void **state) {
    struct rig *r = *state;
    struct session *s = settling(r, "gw-s1");
    rig_advance(r, TM_MINUTE_US);
    session_tick(s, r->now);
    assert_true(session_loading(s));
    session_lost(s, "gone", r->now);
    assert_false(roster_load(r->roster, r->now));
    session_free(&s);
}

static void an_epoch_that_hello_does_not_name_is_not_loaded(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    struct stored *st = store_parts(4711);
    struct link_settled settled = rig_settled_ok();
    settled.dicts = st->dicts;
    settled.n_dicts = PARTS;
    rig_settle(r, &settled);
    free_parts(st);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(many_stored_parts_are_loaded_over_many_turns),
        IN_RIG(two_that_load_take_turns),
        IN_RIG(loading_may_take_longer_than_settling_and_ends_with_the_connection),
        IN_RIG(an_epoch_that_hello_does_not_name_is_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
