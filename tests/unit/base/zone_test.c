/* Reading time zones: real files of the system, and small ones made here byte by byte. */
#include "server/base/buf.h"
#include "server/base/tm.h"
#include "server/base/zone.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 1 << 20, FILE_MAX = 1 << 16 };

static const struct zone *system_zone(struct arena *arena, const char *name) {
    char path[100];
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("%s is not there: the package tzdata is not installed; skipped\n", path);
        skip();
    }
    char *bytes = malloc(FILE_MAX);
    assert_non_null(bytes);
    size_t n = fread(bytes, 1, FILE_MAX, file);
    (void)fclose(file);
    struct zone *z = NULL;
    struct error err = {0};
    enum status status = zone_read(slice_of(bytes, n), arena, &z, &err);
    free(bytes);
    if (status != OK) {
        fail_msg("%s: %s", name, err.text);
    }
    return z;
}

static int64_t us(const char *text) {
    int64_t t_us = 0;
    assert_int_equal(tm_parse(slice_str(text), &t_us, NULL), OK);
    return t_us;
}

static void offsets_of_real_zones(void **state) {
    (void)state;
    static const struct {
        const char *zone;
        const char *at;
        int32_t offset_s;
    } cases[] = {
        {"Europe/Berlin", "1850-01-01T00:00:00Z", 3208},
        {"Europe/Berlin", "1945-07-01T00:00:00Z", 10800},
        {"Europe/Berlin", "2026-01-01T00:00:00Z", 3600},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Berlin", "2099-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2099-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2100-10-31T01:00:00Z", 3600},
        {"Europe/Berlin", "2150-07-01T00:00:00Z", 3600},
        {"America/New_York", "2026-03-08T06:59:59Z", -18000},
        {"America/New_York", "2026-03-08T07:00:00Z", -14400},
        {"America/New_York", "2026-11-01T06:00:00Z", -18000},
        {"America/New_York", "2080-07-01T00:00:00Z", -14400},
        {"Asia/Shanghai", "1988-07-01T00:00:00Z", 32400},
        {"Asia/Shanghai", "2026-07-01T00:00:00Z", 28800},
        {"Asia/Shanghai", "2099-07-01T00:00:00Z", 28800},
        {"America/Santiago", "2090-01-15T00:00:00Z", -10800},
        {"America/Santiago", "2090-07-15T00:00:00Z", -14400},
        {"UTC", "2026-07-01T00:00:00Z", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        const struct zone *z = system_zone(&arena, cases[i].zone);
        int32_t is_s = zone_offset_s(z, us(cases[i].at));
        if (is_s != cases[i].offset_s) {
            fail_msg("%s at %s is %d", cases[i].zone, cases[i].at, is_s);
        }
        arena_done(&arena);
    }
}

static void the_next_change_is_the_first_one_later(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    const struct zone *z = system_zone(&arena, "Europe/Berlin");
    assert_int_equal(zone_next_change_us(z, us("2026-01-15T00:00:00Z")), us("2026-03-29T01:00:00Z"));
    assert_int_equal(zone_next_change_us(z, us("2026-03-29T01:00:00Z") - 1), us("2026-03-29T01:00:00Z"));
    assert_int_equal(zone_next_change_us(z, us("2026-03-29T01:00:00Z")), us("2026-10-25T01:00:00Z"));
    assert_int_equal(zone_next_change_us(z, us("2060-06-01T00:00:00Z")), us("2060-10-31T01:00:00Z"));
    assert_int_equal(zone_next_change_us(z, us("2100-12-01T00:00:00Z")), INT64_MAX);
    for (uint32_t i = 1; i < z->n; i++) {
        assert_true(z->at_us[i - 1] < z->at_us[i]);
    }
    arena_done(&arena);
}

static void no_zone_is_utc(void **state) {
    (void)state;
    assert_int_equal(zone_offset_s(NULL, us("2026-07-01T00:00:00Z")), 0);
    assert_int_equal(zone_next_change_us(NULL, 0), INT64_MAX);
}

/* --- files made here --- */

static void put32(struct buf *b, uint32_t v) {
    const uint8_t p[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_append(b, p, sizeof p);
}

static void put_header(struct buf *b, char version, uint32_t times, uint32_t types) {
    buf_text(b, "TZif");
    buf_byte(b, (uint8_t)version);
    for (int i = 0; i < 15; i++) {
        buf_byte(b, 0);
    }
    const uint32_t counts[] = {0, 0, 0, times, types, 4};
    for (size_t i = 0; i < COUNT(counts); i++) {
        put32(b, counts[i]);
    }
}

/* Two types: 0 at +1 h, 1 at +2 h. */
static void put_types(struct buf *b) {
    const uint8_t types[] = {0, 0, 0x0E, 0x10, 0, 0, 0, 0, 0x1C, 0x20, 1, 0};
    buf_append(b, types, sizeof types);
    buf_append(b, "XYZ", 4);
}

/* As zic -b slim writes it: nothing in the old block, the rule in the footer. times: seconds, each to type 1.
 */
static void put_slim(struct buf *b, const uint32_t *times, uint32_t n, const char *footer) {
    const uint8_t type[] = {0, 0, 0, 0, 0, 0};
    put_header(b, '2', 0, 1);
    buf_append(b, type, sizeof type);
    buf_append(b, "XYZ", 4);
    put_header(b, '2', n, 2);
    for (uint32_t i = 0; i < n; i++) {
        put32(b, 0);
        put32(b, times[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        buf_byte(b, 1);
    }
    put_types(b);
    buf_printf(b, "\n%s\n", footer);
}

static enum status read_slim(const char *footer, struct arena *arena, struct zone **ret, struct error *err) {
    static const uint32_t times[] = {1000};
    struct buf b;
    buf_init(&b, 4096);
    put_slim(&b, times, 1, footer);
    enum status status = zone_read(buf_slice(&b), arena, ret, err);
    buf_done(&b);
    return status;
}

static void a_slim_file_is_its_footer(void **state) {
    (void)state;
    static const struct {
        const char *footer;
        const char *at;
        int32_t offset_s;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2028-10-29T00:59:59Z", 7200},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14400},
        {"EST5EDT4,M3.2.0,M11.1.0", "2026-11-01T06:00:00Z", -18000},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01T00:00:00Z", 39600},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-06-01T00:00:00Z", 37800},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0}, /* winter time is the other one */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600},
        {"AAA0BBB,J60,J300", "2028-02-29T12:00:00Z", 0}, /* J60 is 1 March in leap years, too */
        {"AAA0BBB,J60,J300", "2028-03-01T12:00:00Z", 3600},
        {"AAA0BBB,59/0,299", "2028-02-28T12:00:00Z", 0},
        {"AAA0BBB,59/0,299", "2028-02-29T12:00:00Z", 3600},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        struct zone *z = NULL;
        struct error err = {0};
        if (read_slim(cases[i].footer, &arena, &z, &err) != OK) {
            fail_msg("%s: %s", cases[i].footer, err.text);
        }
        int32_t is_s = zone_offset_s(z, us(cases[i].at));
        if (is_s != cases[i].offset_s) {
            fail_msg("%s at %s is %d", cases[i].footer, cases[i].at, is_s);
        }
        assert_int_equal(zone_offset_s(z, 0), 3600);
        arena_done(&arena);
    }
}

static void a_footer_without_daylight_saving_adds_nothing(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct zone *z = NULL;
    assert_int_equal(read_slim("CST-8", &arena, &z, NULL), OK);
    assert_int_equal(z->n, 1);
    assert_int_equal(zone_offset_s(z, us("2050-01-01T00:00:00Z")), 7200);
    arena_done(&arena);
}

static void a_file_that_is_broken_is_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const footers[] = {"X",
                                          "CET",
                                          "CET-1CEST",
                                          "CET-1CEST,M3.5.0",
                                          "CET-1CEST,M13.5.0,M10.5.0",
                                          "CET-1CEST,M3.6.0,M10.5.0",
                                          "CET-1CEST,M3.5.0,M10.5.0/3x",
                                          "CET-999",
                                          "CET-1CEST,J0,J5",
                                          "<CET-1",
                                          "CET-1CEST,366,5"};
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct zone *z = NULL;
    for (size_t i = 0; i < COUNT(footers); i++) {
        struct error err = {0};
        assert_int_equal(read_slim(footers[i], &arena, &z, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "footer"));
    }
    struct buf b;
    buf_init(&b, 4096);
    static const uint32_t times[] = {1000};
    put_slim(&b, times, 1, "CET-1CEST,M3.5.0,M10.5.0/3");
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
        bool whole_without_footer = b.p[n] == '\n' && n > 100 && n < b.n - 1;
        struct error err = {0};
        enum status status = zone_read(slice_of(b.p, n), &arena, &z, &err);
        assert_int_equal(status, whole_without_footer ? OK : ERR_INVALID);
        assert_true(status == OK || err.text[0] != '\0');
    }
    b.p[0] = 'X';
    assert_int_equal(zone_read(buf_slice(&b), &arena, &z, NULL), ERR_INVALID);
    buf_done(&b);
    arena_done(&arena);
}

static void an_old_file_has_32_bit_times(void **state) {
    (void)state;
    struct buf b;
    struct arena arena;
    struct zone *z = NULL;
    arena_init(&arena, ARENA_MAX);
    buf_init(&b, 4096);
    put_header(&b, '\0', 1, 2);
    put32(&b, 0xFFFFFFFF);
    buf_byte(&b, 1);
    put_types(&b);
    assert_int_equal(zone_read(buf_slice(&b), &arena, &z, NULL), OK);
    assert_int_equal(zone_offset_s(z, -1000001), 3600);
    assert_int_equal(zone_offset_s(z, -1000000), 7200);
    buf_done(&b);
    arena_done(&arena);
}

static void no_room_is_told(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    struct zone *z = NULL;
    struct error err = {0};
    assert_int_equal(read_slim("CST-8", &arena, &z, &err), ERR_NOMEM);
    arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_of_real_zones),
        cmocka_unit_test(the_next_change_is_the_first_one_later),
        cmocka_unit_test(no_zone_is_utc),
        cmocka_unit_test(a_slim_file_is_its_footer),
        cmocka_unit_test(a_footer_without_daylight_saving_adds_nothing),
        cmocka_unit_test(a_file_that_is_broken_is_refused_with_a_reason),
        cmocka_unit_test(an_old_file_has_32_bit_times),
        cmocka_unit_test(no_room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
