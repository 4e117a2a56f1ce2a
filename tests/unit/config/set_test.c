/* Covers: item.c, fields.c, faults.c */
#include "server/base/rand.h"
#include "server/config/config.h"
#include "server/config/faults.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config_set *new_set(void) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    return set;
}

static enum status put(struct config_set *set, enum config_kind kind, const char *name, const char *body,
                       struct config_fault *faults, uint32_t *ret_n) {
    return config_set_put(set, kind, slice_str(name), slice_str(body), 0, 0, faults, ret_n);
}

static void put_ok(struct config_set *set, enum config_kind kind, const char *name, const char *body) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 7;
    enum status status = put(set, kind, name, body, faults, &n);
    if (status != OK) {
        fail_msg("%s: %s: %s", name, n > 0 ? faults[0].pointer : "",
                 n > 0 ? faults[0].text : status_name(status));
    }
    assert_int_equal(n, 0);
}

/* --- faults of one item */

struct bad {
    enum config_kind kind;
    const char *name;
    const char *body;
    const char *pointer;
    const char *text; /* a part of it */
};

#define TAG(rest)   "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":0,\"high\":5" rest "}"
#define ALARM(rest) "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"priority\":2" rest "}"
#define HIGH        ",\"kind\":\"high\",\"limit\":4"

static const struct bad bad[] = {
    /* syntax */
    {CONFIG_SITE, "S1", "", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\"", "", "not valid JSON at line 1"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",}", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\"} x", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"name\":\"S1\"}", "", "duplicate"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"a\",\"en\":\"b\"}}", "", "duplicate"},
    {CONFIG_SITE, "S1", "{\"name\":\"S\xff\"}", "", "byte 11 is not UTF-8"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\\u0000\"}", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":[[[[1]]]]}", "", "nested 5 levels deep"},
    {CONFIG_SITE, "S1", "[]", "", "is a list; it must be an object"},
    {CONFIG_SITE, "S1", "\"S1\"", "", "is a string; it must be an object"},
    {CONFIG_SITE, "S1", "7", "", "is a number; it must be an object"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":1e999"), "", "not valid JSON"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":99999999999999999999"), "", "not valid JSON"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":NaN"), "", "not valid JSON"},
    /* names */
    {CONFIG_SITE, "S1", "{}", "/name", "is missing"},
    {CONFIG_SITE, "S1", "{\"name\":\"S2\"}", "/name", "is \"S2\", but this is item \"S1\""},
    {CONFIG_SITE, "", "{\"name\":\"\"}", "/name", "1 to 200 characters"},
    {CONFIG_SITE, "S 1", "{\"name\":\"S 1\"}", "/name", "A-Z a-z 0-9 . _ -"},
    {CONFIG_SITE, "S/1", "{\"name\":\"S/1\"}", "/name", "A-Z a-z 0-9 . _ -"},
    {CONFIG_SITE, "..", "{\"name\":\"..\"}", "/name", "not only dots"},
    {CONFIG_SITE, "站", "{\"name\":\"站\"}", "/name", "\"站\" is no name"},
    {CONFIG_SITE, "S1", "{\"name\":1}", "/name", "is a number; it must be a string"},
    {CONFIG_SITE, "S1", "{\"name\":null}", "/name", "is null; it must be a string, or be left out"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\",\"site\":\"S1/x\"}", "/site", "A-Z"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\"}", "/site", "is missing; a gateway must have it"},
    {CONFIG_TAG, "L", "{\"name\":\"L\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    {CONFIG_TAG, "S1/L/x", "{\"name\":\"S1/L/x\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name",
     "exactly one '/'"},
    {CONFIG_TAG, "S1/", "{\"name\":\"S1/\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    {CONFIG_TAG, "/L", "{\"name\":\"/L\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    /* fields */
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"colour\":1}", "/colour", "is no field of a site"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"a/b~c\":1}", "/a~1b~0c", "is no field"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":5}", "/title",
     "is a number; it must be a string or {\"en\""},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"zh\":\"a\"}}", "/title", "has no \"en\""},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"a\",\"de\":\"b\"}}", "/title/de",
     "languages are en and zh"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":1}}", "/title/en", "must be a string"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":\"a\\nb\"}", "/title", "control character (byte 2)"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"area\":\"\\u007f\"}", "/area", "control character"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\",\"site\":\"S1\",\"enabled\":1}", "/enabled",
     "must be true or false"},
    {CONFIG_TAG, "S1/L", TAG(",\"unit\":\"12345678901234567\""), "/unit", "has 17 bytes; at most 16"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"double\""), "/type", "one of: float, int, bool"},
    {CONFIG_TAG, "S1/L", TAG(",\"role\":\"levels\""), "/role", "one of: level, flow, power, run"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":0"), "/scale", "is 0"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":\"1\""), "/scale", "is a string; it must be a number"},
    {CONFIG_TAG, "S1/L", TAG(",\"offset\":1e19"), "/offset", "must be from -1e+18 to 1e+18"},
    {CONFIG_TAG, "S1/L", TAG(",\"deadband\":-0.1"), "/deadband", "must be from 0"},
    {CONFIG_TAG, "S1/L", TAG(",\"deadband\":5"), "/deadband", "smaller than the range from low to high, 5"},
    {CONFIG_TAG, "S1/L", TAG(",\"stale_s\":86401"), "/stale_s", "from 0 to 86400"},
    {CONFIG_TAG, "S1/L", TAG(",\"decimals\":1.5"), "/decimals", "a whole number"},
    {CONFIG_TAG, "S1/L", TAG(",\"decimals\":11"), "/decimals", "from 0 to 10"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"high\":5}", "/low", "is missing"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":5}", "/high", "is missing"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":5,\"high\":5}", "/high",
     "high must be above low"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"bool\""), "/type", "is bool, which goes from 0 to 1"},
    /* alarms */
    {CONFIG_ALARM, "S1/L.high", ALARM(""), "/kind", "is missing"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"hihi\",\"limit\":4"), "/kind",
     "one of: high, low, stale, comm, dev, roc, state"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"high\""), "/limit", "is missing"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"gateway\":\"g\""), "/gateway",
     "no meaning for an alarm of kind high"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"deadband\":-1"), "/deadband", "must be from 0"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"on_delay_s\":86400.5"), "/on_delay_s", "from 0 to 86400"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"off_delay_s\":-1"), "/off_delay_s", "from 0 to 86400"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"stale\",\"limit\":1"), "/limit",
     "no meaning for an alarm of kind stale"},
    {CONFIG_ALARM, "S1/L.high", "{\"name\":\"S1/L.high\",\"kind\":\"high\",\"limit\":1,\"priority\":2}",
     "/tag", "is missing"},
    {CONFIG_ALARM, "S1/L.high", "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1}",
     "/priority", "is missing"},
    {CONFIG_ALARM, "S1/L.high",
     "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1,\"priority\":5}", "/priority",
     "from 1 to 4"},
    {CONFIG_ALARM, "S1/L.high",
     "{\"name\":\"S1/L.high\",\"tag\":\"S2/L\",\"kind\":\"high\",\"limit\":1,\"priority\":1}", "/tag",
     "must be of the same site"},
    {CONFIG_ALARM, "S1/L.comm",
     "{\"name\":\"S1/L.comm\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1,\"priority\":1}", "/name",
     "ends as the names of alarms of gateways do"},
    {CONFIG_ALARM, "S1/g.comm", "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1}", "/gateway",
     "is missing"},
    {CONFIG_ALARM, "S1/g.comm",
     "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\",\"tag\":\"S1/L\"}", "/tag",
     "no meaning"},
    {CONFIG_ALARM, "S1/g.comm",
     "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\",\"limit\":1}", "/limit",
     "no meaning"},
    {CONFIG_ALARM, "S1/h.comm", "{\"name\":\"S1/h.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\"}",
     "/name", "must be SITE/g.comm"},
    {CONFIG_ALARM, "S1/g", "{\"name\":\"S1/g\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\"}", "/name",
     "must be SITE/g.comm"},
};

static void each_bad_body_is_refused_with_where_and_what(void **state) {
    (void)state;
    struct config_set *set = new_set();
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct config_fault faults[CONFIG_FAULTS_MAX] = {0};
        uint32_t n = 0;
        enum status status = put(set, bad[i].kind, bad[i].name, bad[i].body, faults, &n);
        if (status != ERR_INVALID || n != 1 || strcmp(faults[0].pointer, bad[i].pointer) != 0 ||
            strstr(faults[0].text, bad[i].text) == NULL) {
            fail_msg("%s: %s, %u faults, first: \"%s\" %s", bad[i].body, status_name(status), n,
                     faults[0].pointer, faults[0].text);
        }
        assert_int_equal(config_set_count(set, bad[i].kind), 0);
    }
    config_set_free(&set);
}

static void all_faults_of_a_body_are_told_at_once_but_no_more_than_fit(void **state) {
    (void)state;
    struct config_set *set = new_set();
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(
        put(set, CONFIG_TAG, "S1/L",
            "{\"name\":\"S1/L\",\"gateway\":1,\"type\":\"x\",\"scale\":\"\",\"decimals\":-1,\"low\":[]}",
            faults, &n),
        ERR_INVALID);
    assert_int_equal(n, 5);
    char body[8192] = "{\"name\":\"S1\"";
    size_t at = strlen(body);
    for (int i = 0; i < CONFIG_FAULTS_MAX + 20; i++) {
        at += (size_t)snprintf(body + at, sizeof body - at, ",\"x%d\":0", i);
    }
    (void)snprintf(body + at, sizeof body - at, "}");
    assert_int_equal(put(set, CONFIG_SITE, "S1", body, faults, &n), ERR_INVALID);
    assert_int_equal(n, CONFIG_FAULTS_MAX);
    config_set_free(&set);
}

static void a_long_pointer_is_cut_and_still_text(void **state) {
    (void)state;
    char pointer[sizeof(((struct config_fault *)0)->pointer)] = "/tags";
    char part[300];
    memset(part, '/', sizeof part);
    faults_pointer_add(pointer, slice_of(part, sizeof part));
    assert_true(strlen(pointer) < sizeof pointer);
    assert_int_equal(strncmp(pointer, "/tags/~1~1", 10), 0);
    faults_pointer_add(pointer, slice_str("more"));
    struct config_fault fault;
    struct faults list = {.v = &fault};
    memset(part, 'a', sizeof part);
    (void)snprintf(part + 157, sizeof part - 157, "站站站");
    faults_add(&list, "E_RANGE", part, "%s%s%s", part, part, part);
    assert_int_equal(strlen(fault.pointer), 157);
    assert_true(strlen(fault.text) > 300);
}

static void a_body_over_the_limit_is_refused(void **state) {
    (void)state;
    struct config_set *set = new_set();
    size_t size = CONFIG_BODY_MAX + 1;
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, ' ', size);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(
        config_set_put(set, CONFIG_SITE, slice_str("S1"), slice_of(body, size), 0, 0, faults, &n),
        ERR_TOO_BIG);
    assert_int_equal(n, 1);
    assert_non_null(strstr(faults[0].text, "65537 bytes; at most 65536"));
    memcpy(body, "{\"name\":\"S1\"}", 13);
    assert_int_equal(
        config_set_put(set, CONFIG_SITE, slice_str("S1"), slice_of(body, CONFIG_BODY_MAX), 0, 0, faults, &n),
        OK);
    free(body);
    config_set_free(&set);
}

static void one_site_too_many_is_refused(void **state) {
    (void)state;
    struct config_set *set = new_set();
    char name[32];
    char body[64];
    for (int i = 0; i < MODEL_SITES_MAX; i++) {
        (void)snprintf(name, sizeof name, "S%d", i);
        (void)snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
        put_ok(set, CONFIG_SITE, name, body);
    }
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(put(set, CONFIG_SITE, "X", "{\"name\":\"X\"}", faults, &n), ERR_TOO_BIG);
    assert_int_equal(n, 1);
    assert_non_null(strstr(faults[0].text, "at most 2000"));
    put_ok(set, CONFIG_SITE, "S7", "{\"name\":\"S7\",\"area\":\"changed\"}"); /* replacing is no new one */
    config_set_free(&set);
}

/* --- canonical text */

static void assert_canonical(enum config_kind kind, const char *name, const char *body, const char *wanted) {
    struct config_set *set = new_set();
    put_ok(set, kind, name, body);
    const struct config_item *item = config_set_find(set, kind, slice_str(name));
    assert_non_null(item);
    if (!slice_is(item->body, wanted)) {
        fail_msg("%.*s is not %s", SLICE_ARG(item->body), wanted);
    }
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(item->body));
    put_ok(set, kind, name, copy);
    assert_true(slice_is(config_set_find(set, kind, slice_str(name))->body, wanted));
    config_set_free(&set);
}

static void the_text_is_sorted_compact_and_the_same_after_a_round_trip(void **state) {
    (void)state;
    assert_canonical(CONFIG_SITE, "S1",
                     " { \"title\" : { \"zh\" : \"\\u4e00\", \"en\":\"a\\\"b\" } , \"name\" : \"S1\" } ",
                     "{\"name\":\"S1\",\"title\":{\"en\":\"a\\\"b\",\"zh\":\"一\"}}");
    assert_canonical(
        CONFIG_TAG, "S1/L",
        "{\"low\":-0.0,\"high\":5.0,\"scale\":0.1,\"offset\":1e2,\"name\":\"S1/L\",\"gateway\":\"g\","
        "\"deadband\":0.10000000000000001}",
        "{\"deadband\":0.1,\"gateway\":\"g\",\"high\":5,\"low\":0,\"name\":\"S1/L\",\"offset\":100,"
        "\"scale\":0.1}");
}

static void what_is_optional_may_be_empty_or_left_out(void **state) {
    (void)state;
    struct config_set *set = new_set();
    put_ok(set, CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":\"\",\"area\":\"\",\"kind\":\"\"}");
    put_ok(set, CONFIG_TAG, "S1/R", "{\"name\":\"S1/R\",\"gateway\":\"g\",\"type\":\"bool\",\"role\":\"\"}");
    put_ok(set, CONFIG_TAG, "S1/Q",
           "{\"name\":\"S1/Q\",\"gateway\":\"g\",\"type\":\"bool\",\"low\":0,\"high\":1}");
    put_ok(set, CONFIG_ALARM, "S1/L.x",
           "{\"name\":\"S1/L.x\",\"tag\":\"S1/L\",\"kind\":\"stale\",\"priority\":4}");
    config_set_free(&set);
}

/* --- the set */

static void items_are_found_replaced_listed_by_name_and_removed(void **state) {
    (void)state;
    struct config_set *set = new_set();
    static const char *const names[] = {"b", "a", "c", "B", "a.b", "a-b"};
    static const char *const sorted[] = {"B", "a", "a-b", "a.b", "b", "c"};
    char body[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(body, sizeof body, "{\"name\":\"%s\"}", names[i]);
        put_ok(set, CONFIG_SITE, names[i], body);
    }
    for (uint32_t i = 0; i < COUNT(sorted); i++) {
        assert_true(slice_is(config_set_at(set, CONFIG_SITE, i)->name, sorted[i]));
    }
    assert_null(config_set_at(set, CONFIG_SITE, COUNT(sorted)));
    put_ok(set, CONFIG_SITE, "a", "{\"name\":\"a\",\"area\":\"x\"}");
    assert_int_equal(config_set_count(set, CONFIG_SITE), COUNT(sorted));
    assert_true(
        slice_is(config_set_find(set, CONFIG_SITE, slice_str("a"))->body, "{\"area\":\"x\",\"name\":\"a\"}"));
    assert_int_equal(config_set_remove(set, CONFIG_SITE, slice_str("a")), OK);
    assert_int_equal(config_set_remove(set, CONFIG_SITE, slice_str("a")), ERR_NOT_FOUND);
    assert_null(config_set_find(set, CONFIG_SITE, slice_str("a")));
    assert_null(config_set_find(set, CONFIG_GATEWAY, slice_str("b")));
    config_set_free(&set);
    assert_null(set);
    config_set_free(&set);
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    struct config_set *set = new_set();
    put_ok(set, CONFIG_SITE, "S1", "{\"name\":\"S1\"}");
    put_ok(set, CONFIG_SITE, "S2", "{\"name\":\"S2\"}");
    struct config_set *copy = NULL;
    assert_int_equal(config_set_copy(set, &copy, NULL), OK);
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S1"), 11, 22), OK);
    put_ok(copy, CONFIG_SITE, "S2", "{\"name\":\"S2\",\"area\":\"new\"}");
    put_ok(copy, CONFIG_SITE, "S3", "{\"name\":\"S3\"}");
    assert_int_equal(config_set_count(set, CONFIG_SITE), 2);
    assert_int_equal(config_set_find(set, CONFIG_SITE, slice_str("S1"))->key, 0);
    assert_true(slice_is(config_set_find(set, CONFIG_SITE, slice_str("S2"))->body, "{\"name\":\"S2\"}"));
    const struct config_item *own = config_set_find(copy, CONFIG_SITE, slice_str("S1"));
    config_set_free(&set);
    assert_int_equal(own->key, 11);
    assert_int_equal(own->revision, 22);
    assert_true(slice_is(own->body, "{\"name\":\"S1\"}"));
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S1"), 12, 23), OK);
    assert_int_equal(config_set_find(copy, CONFIG_SITE, slice_str("S1"))->key, 12);
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S9"), 1, 1), ERR_NOT_FOUND);
    config_set_free(&copy);
}

static void kinds_have_names_and_back(void **state) {
    (void)state;
    for (unsigned k = 0; k < CONFIG_KINDS; k++) {
        enum config_kind kind = CONFIG_ALARM;
        assert_true(config_kind_parse(slice_str(config_kind_name((enum config_kind)k)), &kind));
        assert_int_equal(kind, k);
    }
    enum config_kind kind = CONFIG_TAG;
    assert_false(config_kind_parse(slice_str("sites"), &kind));
    assert_false(config_kind_parse(slice_str(""), &kind));
    assert_int_equal(kind, CONFIG_TAG);
}

/* Bytes changed, dropped and doubled at random: nothing but OK or a fault, and what is taken reads back. */
static void damaged_bodies_never_do_harm(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 20261124 : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    static const char body[] =
        "{\"name\":\"S1/L\",\"gateway\":\"g\",\"title\":{\"en\":\"a\",\"zh\":\"一\"},\"low\":0,"
        "\"high\":5e0,\"unit\":\"m\",\"type\":\"int\"}";
    struct config_set *set = new_set();
    uint32_t taken = 0;
    for (int i = 0; i < 20000; i++) {
        char damaged[2 * sizeof body];
        size_t n = 0;
        for (size_t k = 0; k < sizeof body - 1; k++) {
            uint64_t what = rand_below(&r, 120);
            if (what != 0) { /* 0: dropped */
                damaged[n++] = what == 1 ? (char)rand_below(&r, 256) : body[k];
            }
            if (what == 2) {
                damaged[n++] = body[k];
            }
        }
        struct config_fault faults[CONFIG_FAULTS_MAX];
        uint32_t n_faults = 0;
        enum status status =
            config_set_put(set, CONFIG_TAG, slice_str("S1/L"), slice_of(damaged, n), 0, 0, faults, &n_faults);
        assert_true(status == OK || (status == ERR_INVALID && n_faults > 0));
        taken += status == OK ? 1 : 0;
    }
    assert_true(taken > 100 && taken < 19900);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_body_is_refused_with_where_and_what),
        cmocka_unit_test(all_faults_of_a_body_are_told_at_once_but_no_more_than_fit),
        cmocka_unit_test(a_long_pointer_is_cut_and_still_text),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(one_site_too_many_is_refused),
        cmocka_unit_test(the_text_is_sorted_compact_and_the_same_after_a_round_trip),
        cmocka_unit_test(what_is_optional_may_be_empty_or_left_out),
        cmocka_unit_test(items_are_found_replaced_listed_by_name_and_removed),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(kinds_have_names_and_back),
        cmocka_unit_test(damaged_bodies_never_do_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
