/* Covers: set.c, import.c, complete.c, compile.c, checks.c, two_people.c when memory runs out: each scenario
 * is run again and again, and the first, second, third … allocation fails, until none does. What must hold:
 * ERR_NOMEM and nothing else, no crash, and no leak (AddressSanitizer looks). */
#include "server/config/checks.h"
#include "server/config/two_people.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program's own malloc stands before the library's. Under gcc's AddressSanitizer the way on leads through
 * it, so that it still sees leaks; with another sanitizer there is no such way, and nothing is made to fail.
 */
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define NEXT(function) __interceptor_##function
#define CAN_FAIL       1
#elif !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define NEXT(function) __libc_##function
#define CAN_FAIL       1
#else
#define CAN_FAIL 0
#endif

static long fail_in = -1; /* allocations until one fails; -1: none does */

#if CAN_FAIL
void *NEXT(malloc)(size_t size);
void *NEXT(calloc)(size_t n, size_t size);
void *NEXT(realloc)(void *p, size_t size);

static bool fails_now(void) {
    if (fail_in >= 0 && fail_in-- == 0) {
        errno = ENOMEM;
        return true;
    }
    return false;
}

void *malloc(size_t size) {
    return fails_now() ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t n, size_t size) {
    return fails_now() ? NULL : NEXT(calloc)(n, size);
}

void *realloc(void *p, size_t size) {
    return fails_now() ? NULL : NEXT(realloc)(p, size);
}
#endif

/* Runs it until nothing fails any more; the scenario returns what the code under test said. */
static void exhaust(enum status (*scenario)(void)) {
    if (CAN_FAIL == 0) {
        print_message("with this compiler or sanitizer allocations cannot be made to fail; skipped\n");
        skip();
    }
    for (long n = 0;; n++) {
        fail_in = n;
        enum status status = scenario();
        bool failed = fail_in < 0;
        fail_in = -1;
        if (!failed) {
            assert_int_equal(status, OK);
            assert_true(n > 3);
            return;
        }
        if (status != ERR_NOMEM) {
            fail_msg("allocation %ld failed and the answer was %s", n, status_name(status));
        }
    }
}

static enum status put(struct config_set *set, enum config_kind kind, const char *name, const char *body) {
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(set, kind, slice_str(name), slice_str(body), 1, 1, faults, &n);
    return n > 0 ? ERR_INTERNAL : status;
}

/* No text here is 14, 30, 62 … bytes long: its closing quote would be what jansson 2.14 has no room for, and
 * it reads beyond its buffer then, before anybody can stop it. */
static const struct {
    enum config_kind kind;
    const char *name;
    const char *body;
} items[] = {
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"One\",\"zh\":\"一\"}}"},
    {CONFIG_GATEWAY, "g1", "{\"name\":\"g1\",\"site\":\"S1\"}"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g1\",\"low\":0,\"high\":5.5,\"unit\":\"m\"}"},
    {CONFIG_TAG, "S1/M",
     "{\"name\":\"S1/"
     "M\",\"gateway\":\"g1\",\"type\":\"int\",\"low\":0,\"high\":1,\"states\":[\"off\",\"on\"]}"},
    {CONFIG_TAG, "S1/C", "{\"name\":\"S1/C\",\"expr\":\"avg(L, 5s) * 2.5\",\"unit\":\"m\"}"},
    {CONFIG_CLASS, "c", "{\"name\":\"c\",\"priority\":3,\"latch\":true}"},
    {CONFIG_GROUP, "g", "{\"name\":\"g\",\"suppress_when\":\"M == 'off'\"}"},
    {CONFIG_POLICY, "alarms", "{\"name\":\"alarms\",\"silent_days\":30}"},
    {CONFIG_ALARM, "S1/E",
     "{\"name\":\"S1/E\",\"kind\":\"expr\",\"expr\":\"C > 4 "
     "m\",\"class\":\"c\",\"groups\":[\"g\"],\"cause\":\"x\"}"},
    {CONFIG_ALARM, "S1/M.on",
     "{\"name\":\"S1/M.on\",\"kind\":\"state\",\"tag\":\"S1/"
     "M\",\"states\":[\"on\"],\"priority\":1,\"cause\":\"x\"}"},
    {CONFIG_ALARM, "S1/L.high",
     "{\"name\":\"S1/L.high\",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":4,\"priority\":1}"},
};

static enum status fill(struct config_set **ret) {
    enum status status = config_set_new(ret, NULL);
    for (size_t i = 0; i < COUNT(items) && status == OK; i++) {
        status = put(*ret, items[i].kind, items[i].name, items[i].body);
    }
    return status;
}

static enum status scenario_put_copy_and_mark(void) {
    struct config_set *set = NULL;
    struct config_set *copy = NULL;
    enum status status = fill(&set);
    if (status == OK) {
        status = config_set_copy(set, &copy, NULL);
    }
    if (status == OK) {
        status = config_set_stored(copy, CONFIG_TAG, slice_str("S1/L"), 2, 2);
    }
    if (status == OK) { /* what failed must have left the copy as it was */
        status = config_set_find(set, CONFIG_TAG, slice_str("S1/L"))->key == 1 ? OK : ERR_INTERNAL;
    }
    config_set_free(&copy);
    config_set_free(&set);
    return status;
}

static enum status scenario_many(void) {
    struct config_set *set = NULL;
    enum status status = config_set_new(&set, NULL);
    for (int i = 0; i < 600 && status == OK; i++) { /* several chunks, split in the middle */
        char name[16];
        char body[64];
        (void)snprintf(name, sizeof name, "S%d", (i * 7919) % 600);
        (void)snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
        /* Only the chunks' allocations are looked at here: those of the item are in the other scenarios. */
        if (i % 100 != 0 && i != 255 && i != 256 && i != 257) {
            long kept = fail_in;
            fail_in = -1;
            status = put(set, CONFIG_SITE, name, body);
            fail_in = kept;
        } else {
            status = put(set, CONFIG_SITE, name, body);
        }
    }
    config_set_free(&set);
    return status;
}

static void on_finding(void *ctx, const struct config_finding *finding) {
    (void)finding;
    ++*(uint32_t *)ctx;
}

static enum status scenario_complete_compile_and_check(void) {
    struct config_set *set = NULL;
    struct model *m = NULL;
    const uint64_t seed[2] = {1, 2};
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    enum status status = fill(&set);
    if (status == OK) {
        status = config_set_complete(set, NULL, NULL, &err);
    }
    if (status == OK) {
        status = config_compile(set, 1, seed, &m, faults, &n, &err);
    }
    if (status == ERR_NOMEM && (m != NULL || n != 0)) {
        status = ERR_INTERNAL;
    }
    if (status == OK) {
        uint32_t findings = 0;
        status = config_checks(set, m, 0, NULL, on_finding, &findings, &err);
    }
    model_free(&m);
    config_set_free(&set);
    return status;
}

/* A class becomes highly managed: its alarm is touched. */
static enum status scenario_two_people(void) {
    static const uint64_t seed[2] = {1, 2};
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    struct config_set *set = NULL;
    struct config_set *copy = NULL;
    struct model *old = NULL;
    struct model *now = NULL;
    struct error err;
    uint32_t n = 0;
    enum status status = fill(&set);
    if (status == OK) {
        status = config_set_complete(set, NULL, NULL, &err);
    }
    if (status == OK) {
        status = config_set_copy(set, &copy, NULL);
    }
    long left = fail_in; /* the field's name is 14 bytes long: see above */
    fail_in = -1;
    if (status == OK) {
        status = put(copy, CONFIG_CLASS, "c", "{\"name\":\"c\",\"highly_managed\":true,\"priority\":3}");
    }
    fail_in = left;
    if (status == OK) {
        status = config_compile(set, 1, seed, &old, faults, &n, &err);
    }
    if (status == OK) {
        status = config_compile(copy, 2, seed, &now, faults, &n, &err);
    }
    if (status == OK) {
        struct config_touched_names names = {.n = 0};
        const struct config_side before = {.set = set, .model = old};
        const struct config_side after = {.set = copy, .model = now};
        status = config_touched(&before, &after, config_touched_add, &names, &err);
        status = status == OK && names.n != 1 ? ERR_INTERNAL : status;
    }
    model_free(&old);
    model_free(&now);
    config_set_free(&copy);
    config_set_free(&set);
    return status;
}

static enum status on_item(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    (void)kind;
    (void)name;
    (void)body;
    ++*(uint32_t *)ctx;
    return OK;
}

static enum status scenario_import(void) {
    uint32_t n = 0;
    struct error err;
    enum status status = config_import(slice_str("{\"sites\":[{\"name\":\"S1\",\"title\":{\"en\":\"a\"}}],"
                                                 "\"tags\":[{\"name\":\"S1/L\",\"low\":0.5}]}"),
                                       on_item, &n, &err);
    return status == OK && n != 2 ? ERR_INTERNAL : status;
}

static void items_copies_and_marks_survive_each_failing_allocation(void **state) {
    (void)state;
    exhaust(scenario_put_copy_and_mark);
}

static void many_items_survive_each_failing_allocation(void **state) {
    (void)state;
    exhaust(scenario_many);
}

static void completing_compiling_and_checking_survive_each_failing_allocation(void **state) {
    (void)state;
    exhaust(scenario_complete_compile_and_check);
}

static void who_must_agree_survives_each_failing_allocation(void **state) {
    (void)state;
    exhaust(scenario_two_people);
}

static void an_import_survives_each_failing_allocation(void **state) {
    (void)state;
    exhaust(scenario_import);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_copies_and_marks_survive_each_failing_allocation),
        cmocka_unit_test(many_items_survive_each_failing_allocation),
        cmocka_unit_test(completing_compiling_and_checking_survive_each_failing_allocation),
        cmocka_unit_test(who_must_agree_survives_each_failing_allocation),
        cmocka_unit_test(an_import_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
