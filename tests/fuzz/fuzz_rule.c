/* The source of a rule, then a zero byte and bytes that become samples. What compiles holds its limits, runs
 * without a crash, never promises a time that has passed, and says the same twice. */
#include "server/base/tm.h"
#include "server/core/rule_machine.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

enum { TAGS = 80, PARTS_MAX = 5000, ARENA_MAX = 1 << 26 };

static const struct slice states[] = {{"off", 3}, {"on", 2}, {"fault", 5}};

/* n0 … n39 are numbers in various units, b0 … b19 bools, s0 … s19 states; any other name is a number by its
 * length. */
static bool find(const void *ctx, struct slice name, struct rule_symbol *ret) {
    static const char *const units[] = {"", "m", "cm", "degC", "K", "m3/h", "s"};
    (void)ctx;
    uint32_t number = name.n > 1 ? (uint32_t)(name.p[name.n - 1] & 15) : 0;
    if (name.n == 7) {
        return false;
    }
    *ret = (struct rule_symbol){.tag = number + 16 * (uint32_t)(name.n % 3),
                                .type = RULE_NUMBER,
                                .unit = slice_str(units[number % 7])};
    if (name.p[0] == 'b') {
        *ret = (struct rule_symbol){.tag = 48 + number, .type = RULE_BOOL};
    } else if (name.p[0] == 's') {
        *ret = (struct rule_symbol){.tag = 64 + number, .type = RULE_STATE, .states = states, .n_states = 3};
    }
    return true;
}

struct plant {
    struct rule_value tags[TAGS];
};

static struct rule_value read_tag(const void *ctx, uint32_t tag) {
    const struct plant *plant = ctx;
    CHECK(tag < TAGS);
    return plant->tags[tag];
}

static void check_fault(const struct rule_fault *fault, enum status status, size_t n) {
    CHECK(status == ERR_INVALID);
    CHECK(fault->code > RULE_OK && fault->code < RULE_E_CYCLE);
    CHECK(fault->pos <= n);
    CHECK(fault->len <= n - fault->pos);
    CHECK(fault->text[0] != '\0');
}

static void check_limits(const struct rule_set *set) {
    const uint32_t *inputs = NULL;
    uint32_t n = rule_set_inputs(set, 0, &inputs);
    CHECK(n <= RULE_INPUTS_MAX);
    for (uint32_t i = 1; i < n; i++) {
        CHECK(inputs[i - 1] < inputs[i]);
    }
    CHECK(rule_set_cost(set, 0) <= RULE_INSTRUCTIONS_MAX + RULE_WINDOWS_MAX);
    CHECK(rule_set_windows(set) <= RULE_WINDOWS_MAX);
    CHECK(rule_set_source(set, 0).n <= RULE_SOURCE_MAX);
}

static void check_value(enum rule_type type, struct rule_value v) {
    CHECK(isfinite(v.v));
    CHECK(v.known || (v.v == 0 && !v.uncertain));
    CHECK(type != RULE_BOOL || v.v == 0 || v.v == 1);
}

static void check_parts(struct rule_machine *m, const struct rule_reader *reader, const struct rule_set *set,
                        int64_t t_us, struct rule_value result) {
    struct rule_part *parts = calloc(PARTS_MAX, sizeof *parts);
    CHECK(parts != NULL);
    uint32_t n = rule_machine_explain(m, reader, 0, t_us, parts, PARTS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(parts[i].pos + parts[i].len <= rule_set_source(set, 0).n);
        CHECK(i == 0 || parts[i - 1].pos <= parts[i].pos);
        check_value(parts[i].type, parts[i].value);
    }
    CHECK(n == 0 ||
          (parts[0].depth == 0 && parts[0].value.known == result.known && parts[0].value.v == result.v));
    free(parts);
}

/* Four bytes a message: tag, value, quality and kind, time. */
static void run(const struct rule_set *set, const uint8_t *p, size_t n) {
    struct plant plant = {0};
    const struct rule_reader reader = {.ctx = &plant, .read = read_tag};
    struct rule_machine *m = NULL;
    CHECK(rule_machine_new(set, &m, NULL) == OK);
    int64_t t_us = INT64_C(1767225600000000);
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t tag = p[0] % TAGS;
        struct rule_value *v = &plant.tags[tag];
        double value = tag < 48 ? (double)p[1] / 2 - 20 : (tag < 64 ? p[1] & 1 : p[1] % 3);
        *v = (struct rule_value){.v = p[1] == 255 && tag < 48 ? (double)INFINITY : value,
                                 .known = (p[2] & 3) != 0,
                                 .uncertain = (p[2] & 3) == 1};
        t_us += (int64_t)p[3] * p[3] * 1000;
        if ((p[2] & 4) == 0) {
            rule_machine_touch(m, &reader, &tag, 1, t_us - (p[2] >> 3) * 100000);
        } else {
            rule_machine_quality(m, &reader, &tag, 1, t_us);
        }
        uint64_t hash = rule_machine_hash(m);
        struct rule_result r = rule_machine_eval(m, &reader, 0, t_us);
        struct rule_result again = rule_machine_eval(m, &reader, 0, t_us);
        check_value(rule_set_type(set, 0), r.value);
        CHECK(r.next_us > t_us);
        CHECK(r.next_us == INT64_MAX || r.next_us % TM_SECOND_US == 0);
        CHECK(rule_set_has_time(set, 0) || r.next_us == INT64_MAX);
        CHECK(again.value.v == r.value.v && again.value.known == r.value.known && again.next_us == r.next_us);
        CHECK(rule_machine_hash(m) == hash);
        check_parts(m, &reader, set, t_us, r.value);
    }
    rule_machine_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    const uint8_t *zero = n > 0 ? memchr(p, 0, n) : NULL;
    size_t source = zero == NULL ? n : (size_t)(zero - p);
    const struct rule_scope scope = {.find = find};
    struct rule_builder *builder = NULL;
    CHECK(rule_builder_new(&builder, NULL) == OK);
    for (int want = RULE_WANT_BOOL; want <= RULE_WANT_VALUE; want++) {
        struct rule_fault fault = {0};
        uint32_t program = RULE_NONE;
        enum status status =
            rule_builder_add(builder, slice_of(p, source), &scope, (enum rule_want)want,
                             slice_str(want == RULE_WANT_NUMBER ? "m" : ""), &program, &fault);
        if (status != OK) {
            check_fault(&fault, status, source);
            continue;
        }
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        struct rule_set *set = NULL;
        CHECK(program == 0);
        CHECK(rule_builder_finish(builder, &arena, &set, NULL) == OK);
        check_limits(set);
        if (zero != NULL) {
            run(set, zero + 1, n - source - 1);
        }
        arena_done(&arena);
        break;
    }
    rule_builder_free(&builder);
    return 0;
}
