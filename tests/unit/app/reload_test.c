#include "server/app/app.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* A model with nothing but alarms of these names. */
static struct model *model_of(const char *const *names, uint32_t n) {
    static const uint64_t seed[2] = {1, 2};
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    arena_init(&m->arena, 1 << 16);
    m->n_alarms = n;
    m->alarms = arena_alloc(&m->arena, n, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, n, sizeof *m->alarm_texts);
    assert_non_null(m->alarms);
    assert_non_null(m->alarm_texts);
    assert_int_equal(map_init(&m->site_by_name, 1, seed, NULL), OK);
    assert_int_equal(map_init(&m->gateway_by_name, 1, seed, NULL), OK);
    assert_int_equal(map_init(&m->tag_by_name, 1, seed, NULL), OK);
    assert_int_equal(map_init(&m->alarm_by_name, n, seed, NULL), OK);
    for (uint32_t i = 0; i < n; i++) {
        m->alarm_texts[i] = (struct model_alarm_text){.name = slice_str(names[i])};
        assert_int_equal(map_put(&m->alarm_by_name, m->alarm_texts[i].name, i), OK);
    }
    return m;
}

/* A transition and a new configuration in one turn: the screens are told at its end, by the new model. */
static void a_record_from_before_a_change_still_names_its_alarm(void **state) {
    (void)state;
    static const char *const before[] = {"S1/a.high", "S1/b.high", "S1/c.high"};
    static const char *const after[] = {"S1/0.high", "S1/a.high", "S1/c.high"};
    struct model *old = model_of(before, 3);
    struct model *now = model_of(after, 3);
    struct alarm_record v[] = {{.alarm = 0}, {.alarm = 1}, {.alarm = 2}, {.alarm = MODEL_NONE}, {.alarm = 0}};
    reload_move_records(v, 4, old, now);
    assert_int_equal(v[0].alarm, 1);
    assert_int_equal(v[1].alarm, MODEL_NONE); /* it left the configuration */
    assert_int_equal(v[2].alarm, 2);
    assert_int_equal(v[3].alarm, MODEL_NONE);
    assert_int_equal(v[4].alarm, 0); /* made with the new model already */
    model_free(&old);
    model_free(&now);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_from_before_a_change_still_names_its_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
