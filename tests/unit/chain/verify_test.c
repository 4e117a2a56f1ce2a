#include "server/chain/verify.h"
#include "tests/lib/unit.h"

#include <string.h>

enum { ROWS = 8 };
#define START INT64_C(1700000000000000)

/* A chain of audit rows 1, 2, 3, … of one column each, sealed a second apart. */
struct world {
    uint8_t bytes[ROWS][8];
    struct chain_field fields[ROWS];
    struct chain_seal seals[ROWS];
};

static void seal_all(struct world *w) {
    for (int i = 0; i < ROWS; i++) {
        if (i > 0) {
            memcpy(w->seals[i].prev, w->seals[i - 1].hash, CHAIN_HASH_SIZE);
        }
        struct chain_row row = {&w->fields[i], 1};
        assert_int_equal(chain_hash(&w->seals[i], &row, w->seals[i].hash, NULL), OK);
    }
}

static void make_world(struct world *w, enum chain_source source) {
    memset(w, 0, sizeof *w);
    for (int i = 0; i < ROWS; i++) {
        w->bytes[i][7] = (uint8_t)i;
        w->fields[i] = (struct chain_field){w->bytes[i], 8};
        w->seals[i] = (struct chain_seal){.pos = i + 1,
                                          .form = CHAIN_FORM,
                                          .source = (int16_t)source,
                                          .row_id = i + 1,
                                          .sealed_us = START + i * INT64_C(1000000)};
    }
    seal_all(w);
}

/* Walks over all; *ret_where: what was named. */
static enum status walk(const struct world *w, struct verify *v, struct error *err) {
    enum status status = OK;
    verify_init(v, w->seals[0].pos);
    for (int i = 0; i < ROWS && status == OK; i++) {
        struct chain_row row = {&w->fields[i], 1};
        status = verify_seal(v, &w->seals[i], &row, err);
    }
    return status;
}

static void a_whole_chain_is_right_from_any_place(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    make_world(&w, CHAIN_AUDIT);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(v.pos, ROWS);
    verify_init(&v, 3);
    struct chain_row row = {&w.fields[2], 1};
    assert_int_equal(verify_seal(&v, &w.seals[2], &row, NULL), OK);
}

static void what_is_broken_is_named(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    w.bytes[4][0] = 1;
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 5 (position 5)");
    assert_non_null(strstr(err.text, "changed"));
    seal_all(&w); /* a forger's new chain holds in itself */
    assert_int_equal(walk(&w, &v, &err), OK);

    make_world(&w, CHAIN_AUDIT);
    w.seals[3].pos = 5;
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "position 4 is missing"));

    make_world(&w, CHAIN_AUDIT);
    w.seals[3].prev[0] ^= 1;
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 4 (position 4)");
    assert_non_null(strstr(err.text, "does not follow"));

    make_world(&w, CHAIN_AUDIT);
    w.seals[2].form = 9;
    assert_int_equal(walk(&w, &v, &err), ERR_UNSUPPORTED);

    make_world(&w, CHAIN_AUDIT);
    verify_init(&v, 1);
    assert_int_equal(verify_seal(&v, &w.seals[0], NULL, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 1 (position 1)");
    assert_string_equal(err.text, "was deleted");
}

static void an_audit_row_may_come_a_little_late_and_not_much(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    w.seals[5].row_id = 40;
    w.seals[6].row_id = 39;
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), OK);
    w.seals[6].sealed_us = w.seals[5].sealed_us + VERIFY_LATE_US + 1;
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 39 (position 7)");
    assert_non_null(strstr(err.text, "put in afterwards"));
}

/* However many rows came in the meantime. */
static void a_row_put_in_behind_thousands_is_named(void **state) {
    (void)state;
    static struct verify v;
    struct error err = {0};
    struct chain_seal s = {.form = CHAIN_FORM, .source = CHAIN_AUDIT, .sealed_us = START};
    uint8_t value[8] = {0};
    const struct chain_field field = {value, 8};
    const struct chain_row row = {&field, 1};
    int64_t n = 3 * VERIFY_MOMENTS;
    verify_init(&v, 1);
    for (int64_t i = 1; i <= n + 2; i++) {
        s.pos = i;
        s.row_id = i <= n ? 2 * i : i == n + 1 ? 2 * n - 11 : 2 * (n - 4000) - 1;
        s.sealed_us += 1000000;
        memcpy(s.prev, s.hash, sizeof s.prev);
        assert_int_equal(chain_hash(&s, &row, s.hash, NULL), OK);
        assert_int_equal(verify_seal(&v, &s, &row, &err), i <= n + 1 ? OK : ERR_INVALID);
    }
    assert_non_null(strstr(err.text, "put in afterwards"));
    s.row_id = 1; /* longer ago than is remembered */
    assert_int_equal(chain_hash(&s, &row, s.hash, NULL), OK);
    assert_int_equal(verify_seal(&v, &s, &row, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "put in afterwards"));
}

/* Numbers that no row of the audit can have, and one that has a place already. */
static void numbers_that_cannot_be_are_named(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    w.seals[0].row_id = -3;
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit -3 (position 1)");
    make_world(&w, CHAIN_AUDIT);
    w.seals[4].row_id = 4;
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 4 (position 5)");
}

static void a_gap_in_the_journal_is_named(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_JOURNAL);
    assert_int_equal(walk(&w, &v, &err), OK);
    for (int i = 4; i < ROWS; i++) {
        w.seals[i].row_id++;
    }
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "alarm_journal 5");
    for (int i = 0; i < 4; i++) {
        w.seals[i].row_id++; /* its beginning is missing, too */
    }
    seal_all(&w);
    assert_int_equal(walk(&w, &v, &err), ERR_INVALID);
    assert_string_equal(err.where, "alarm_journal 1");
}

static void checkpoints_show_a_new_chain_and_a_cut_one(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    struct point p = {.pos = ROWS};
    memcpy(p.hash, w.seals[ROWS - 1].hash, CHAIN_HASH_SIZE);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_point(&v, &p, NULL, &err), OK);
    p.pos = ROWS + 1;
    assert_int_equal(verify_point(&v, &p, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "tail was cut off"));
    w.bytes[2][0] = 1;
    seal_all(&w);
    p.pos = ROWS;
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_point(&v, &p, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "written anew"));
}

static void signatures_are_to_reach_near_the_end(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_signed(&v, &err), OK);
    w.seals[ROWS - 1].sealed_us += VERIFY_UNSIGNED_US;
    seal_all(&w);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_signed(&v, &err), ERR_INVALID);
    struct point p = {.pos = ROWS};
    memcpy(p.hash, w.seals[ROWS - 1].hash, CHAIN_HASH_SIZE);
    assert_int_equal(verify_point(&v, &p, NULL, &err), OK);
    assert_int_equal(verify_signed(&v, &err), OK);
}

static void a_row_without_a_place_was_put_in_or_has_just_come(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, 4, START, &err), OK);
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, 4, START - INT64_C(60000000), &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 4");
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, 0, START, &err), ERR_INVALID);
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, ROWS + 1, 0, &err), OK);
    v.newest[CHAIN_AUDIT] = VERIFY_LATE_ROWS + 4;
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, 4, START, &err), ERR_INVALID); /* nobody looks there */
    assert_int_equal(verify_unsealed(&v, CHAIN_AUDIT, 5, START, &err), OK);
    v.newest[CHAIN_JOURNAL] = 9;
    assert_int_equal(verify_unsealed(&v, CHAIN_JOURNAL, 8, 0, &err), ERR_INVALID);
    assert_int_equal(verify_unsealed(&v, CHAIN_JOURNAL, 10, 0, &err), OK);
}

static void a_row_that_waits_for_long_says_that_the_chain_lacks_its_end(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    verify_init(&v, 1);
    assert_int_equal(verify_waiting(&v, CHAIN_AUDIT, 1, START, START + VERIFY_WAITING_US, &err), OK);
    assert_int_equal(verify_waiting(&v, CHAIN_AUDIT, 1, START + 1, START, &err), OK); /* a clock set back */
    assert_int_equal(verify_waiting(&v, CHAIN_AUDIT, 1, START, START + VERIFY_WAITING_US + 1, &err),
                     ERR_INVALID);
    assert_string_equal(err.where, "audit 1");
    assert_non_null(strstr(err.text, "since 2023-11-14T22:13:20Z: all of the chain was removed"));
    make_world(&w, CHAIN_AUDIT);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_waiting(&v, CHAIN_JOURNAL, 9, 0, START, &err), ERR_INVALID);
    assert_string_equal(err.where, "alarm_journal 9");
    assert_non_null(strstr(err.text, "the end of the chain was cut off"));
}

static void what_was_exported_is_in_the_chain(void **state) {
    (void)state;
    struct world w;
    static struct verify v;
    struct error err;
    make_world(&w, CHAIN_AUDIT);
    assert_int_equal(walk(&w, &v, NULL), OK);
    assert_int_equal(verify_exported(&v, ROWS, &err), OK);
    assert_int_equal(verify_exported(&v, ROWS + 1, &err), ERR_INVALID);
    assert_string_equal(err.where, "chain");
    assert_non_null(strstr(err.text, "ends at position 8, but was exported up to 9"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_chain_is_right_from_any_place),
        cmocka_unit_test(what_is_broken_is_named),
        cmocka_unit_test(an_audit_row_may_come_a_little_late_and_not_much),
        cmocka_unit_test(a_row_put_in_behind_thousands_is_named),
        cmocka_unit_test(numbers_that_cannot_be_are_named),
        cmocka_unit_test(a_gap_in_the_journal_is_named),
        cmocka_unit_test(checkpoints_show_a_new_chain_and_a_cut_one),
        cmocka_unit_test(signatures_are_to_reach_near_the_end),
        cmocka_unit_test(a_row_without_a_place_was_put_in_or_has_just_come),
        cmocka_unit_test(a_row_that_waits_for_long_says_that_the_chain_lacks_its_end),
        cmocka_unit_test(what_was_exported_is_in_the_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
