/* Time zones by name. */
#include "server/base/tm.h"
#include "server/base/zone_file.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

enum { ARENA_MAX = 1 << 20 };

static void a_zone_is_found_by_its_name(void **state) {
    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        print_message("the package tzdata is not installed; skipped\n");
        skip();
    }
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct zone *z = NULL;
    struct error err = {0};
    assert_int_equal(zone_load("Europe/Berlin", &arena, &z, &err), OK);
    assert_int_equal(zone_offset_s(z, INT64_C(1782864000) * TM_SECOND_US), 7200); /* 2026-07-01 */
    assert_int_equal(zone_load("America/New_York", &arena, &z, &err), OK);
    assert_int_equal(zone_offset_s(z, INT64_C(1782864000) * TM_SECOND_US), -14400);
    assert_int_equal(zone_load("Asia/Shanghai", &arena, &z, &err), OK);
    assert_int_equal(zone_offset_s(z, INT64_C(1782864000) * TM_SECOND_US), 28800);
    assert_int_equal(zone_load("Etc/GMT+5", &arena, &z, &err), OK);
    assert_int_equal(zone_offset_s(z, 0), -18000);
    arena_done(&arena);
}

static void a_name_that_leads_elsewhere_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {
        "",
        "/etc/passwd",
        "../../etc/passwd",
        "Europe/../UTC",
        "Europe/Berlin ",
        "Europe/",
        "a:b",
        "Europe\\Berlin",
        "%s",
        "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        struct zone *z = NULL;
        struct error err = {0};
        assert_int_equal(zone_load(names[i], &arena, &z, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "Europe/Berlin"));
        arena_done(&arena);
    }
}

static void a_zone_that_is_not_there_is_told(void **state) {
    (void)state;
    static const char *const names[] = {"Europe/Nowhere", "Europe"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        struct zone *z = NULL;
        struct error err = {0};
        assert_int_equal(zone_load(names[i], &arena, &z, &err), ERR_NOT_FOUND);
        assert_non_null(strstr(err.text, names[i]));
        arena_done(&arena);
    }
}

static void a_file_that_is_no_zone_is_refused_by_its_name(void **state) {
    (void)state;
    if (access("/usr/share/zoneinfo/leapseconds", R_OK) != 0) {
        print_message("there is no file of leap seconds here; skipped\n");
        skip();
    }
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct zone *z = NULL;
    struct error err = {0};
    assert_int_equal(zone_load("zone1970-tab", &arena, &z, &err), ERR_NOT_FOUND);
    assert_int_equal(zone_load("leapseconds", &arena, &z, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "/usr/share/zoneinfo/leapseconds"));
    arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_is_found_by_its_name),
        cmocka_unit_test(a_name_that_leads_elsewhere_is_refused),
        cmocka_unit_test(a_zone_that_is_not_there_is_told),
        cmocka_unit_test(a_file_that_is_no_zone_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
