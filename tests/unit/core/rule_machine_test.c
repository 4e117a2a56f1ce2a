/* The rules' machine: the acceptance cases of the language, plain operations, explaining, and passing on what
 * is remembered. rule_window_test.c has the functions of time; tests/sim/rule_oracle.c holds random rules
 * against a plain oracle. */
/* Covers: rule_run.c, rule_value.c */
#include "server/core/rule_machine.h"
#include "tests/unit/core/rule_rig.h"

#define UNKNOWN ((double)NAN)
#define NEVER   ((double)INFINITY)

/* --- the acceptance cases: an alarm without delays over one rule --- */

/* One message at server time t; a value of NAN is a bad one. next: in the same message. */
struct event {
    double t;
    const char *tag;
    double v;
};

/* What the alarm does, as text: "8 on, 30 off". */
struct alarm_story {
    bool on;
    char text[200];
};

static void watch(struct alarm_story *a, struct rule_value v, double t) {
    if (!v.known || (v.v != 0) == a->on) {
        return; /* unknown holds */
    }
    a->on = v.v != 0;
    size_t n = strlen(a->text);
    (void)snprintf(a->text + n, sizeof a->text - n, "%s%g %s", n > 0 ? ", " : "", t, a->on ? "on" : "off");
}

/* Evaluates at each event and at the whole seconds that the machine asks for. */
static void expect_story(struct rig *r, const struct event *events, double until, const char *story) {
    struct alarm_story a = {0};
    double next = NEVER;
    for (const struct event *e = events;; e++) {
        double end = e->tag == NULL ? until : e->t;
        while (next < end || (next == end && e->tag == NULL)) {
            double t = next;
            struct rule_result result = rig_eval(r, 0, t);
            watch(&a, result.value, t);
            next = rig_next(r, 0, t);
        }
        if (e->tag == NULL) {
            break;
        }
        if (isnan(e->v)) {
            rig_bad(r, e->tag, e->t);
        } else {
            rig_sample(r, e->tag, e->t, e->v);
        }
        if (e[1].tag != NULL && e[1].t == e->t) {
            continue; /* one message: evaluated once */
        }
        watch(&a, rig_eval(r, 0, e->t).value, e->t);
        next = rig_next(r, 0, e->t);
    }
    assert_string_equal(a.text, story);
}

static void acceptance_cases_of_the_language(void **state) {
    (void)state;
    static const struct {
        const char *rule;
        struct event events[8];
        double until;
        const char *story;
    } cases[] = {
        /* unknown and false is false; unknown or true is true */
        {"R and P > 5", {{0, "P", 9}, {0, "R", 1}, {1, "P", NAN}, {2, "R", 0}}, 10, "0 on, 2 off"},
        {"R or P > 5", {{0, "P", 9}, {0, "R", 1}, {1, "P", NAN}, {2, "R", 0}}, 10, "0 on"},
        /* a default for an unknown value */
        {"value_or(P, 0) > 5", {{0, "P", 9}, {1, "P", NAN}}, 10, "0 on, 1 off"},
        /* an average is unknown until 80 % of the window is known */
        {"avg(P, 10s) > 5", {{0, "P", 10}}, 20, "8 on"},
        {"min(P, 10s) > 5", {{0, "P", 0}, {10, "P", 9}}, 60, "20 on"},
        {"duration(R, 60s) > 30s", {{0, "R", 0}, {60, "R", 1}, {200, "R", 0}}, 300, "91 on, 230 off"},
        {"rate(L, 10s) > 1", {{0, "L", 0}, {20, "L", 20}}, 40, "20 on, 30 off"},
        {"P > if(N, 50, 80)", {{0, "P", 60}, {0, "N", 0}, {1, "N", 1}, {2, "P", 40}}, 10, "1 on, 2 off"},
        /* bad input never raises and never returns by itself */
        {"P + Q > 10", {{0, "P", 4}, {0, "Q", 4}, {1, "P", NAN}, {2, "Q", 99}, {4, "P", 4}}, 10, "4 on"},
        /* true from the first sample on is no edge */
        {"count(R, 60s) >= 1", {{0, "R", 1}}, 100, ""},
        /* what is lost holds, the rest of the rule still counts */
        {"P > 10 and Q > 10", {{0, "P", 20}, {0, "Q", 20}, {5, "P", NAN}, {10, "Q", 5}}, 20, "0 on, 10 off"},
        /* a frozen signal: updates arrive, the value does not move */
        {"max(P, 60s) - min(P, 60s) < 0.1",
         {{0, "P", 20}, {30, "P", 20}, {59, "P", 20}, {65, "P", 20}, {80, "P", 21}},
         150,
         "48 on, 80 off, 140 on"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        rig_rule(&r, cases[i].rule);
        expect_story(&r, cases[i].events, cases[i].until, cases[i].story);
        rig_done(&r);
    }
}

/* Berlin, winter 2025/26 and summer 2026. */
static int64_t berlin_us[] = {INT64_C(1761440400000000), INT64_C(1774746000000000),
                              INT64_C(1792890000000000)};
static int32_t berlin_s[] = {3600, 7200, 3600};
static const struct zone berlin = {.at_us = berlin_us, .offset_s = berlin_s, .n = 3, .first_offset_s = 7200};

static int64_t utc(const char *text) {
    int64_t us = 0;
    assert_int_equal(tm_parse(slice_str(text), &us, NULL), OK);
    return us;
}

static void clock_rule(struct rig *r, const char *source, const char *base) {
    rig_init(r);
    r->scope.zone = &berlin;
    r->base_us = utc(base);
    (void)rig_add(r, source);
    rig_start(r);
}

static void time_of_day_is_the_sites(void **state) {
    (void)state;
    static const struct event events[] = {{0, "R", 1}, {0, NULL, 0}};
    struct rig r;
    clock_rule(&r, "R and between(07:00, 17:00)", "2026-01-15T05:59:58Z");
    expect_story(&r, events, 9, "2 on");
    rig_done(&r);
}

static void times_of_day_include_their_start_and_not_their_end(void **state) {
    (void)state;
    struct rig r;
    clock_rule(&r, "between(07:00, 17:00)", "2026-01-15T06:00:00Z");
    rig_expect(&r, 0, -0.000001, 0);
    rig_expect(&r, 0, 0, 1);
    assert_true(rig_next(&r, 0, 0) == 36000);
    rig_expect(&r, 0, 35999.999999, 1);
    rig_expect(&r, 0, 36000, 0);
    assert_true(rig_next(&r, 0, 36000) == 86400);
    rig_done(&r);
    clock_rule(&r, "between(22:00, 06:00)", "2026-01-15T21:00:00Z"); /* over midnight */
    rig_expect(&r, 0, -1, 0);
    rig_expect(&r, 0, 0, 1);
    rig_expect(&r, 0, 7 * 3600, 1);
    assert_true(rig_next(&r, 0, 7 * 3600) == 8 * 3600);
    rig_expect(&r, 0, 8 * 3600, 0);
    rig_done(&r);
    clock_rule(&r, "between(07:00, 07:00)", "2026-01-15T06:00:00Z");
    rig_expect(&r, 0, 0, 0);
    rig_done(&r);
}

static void the_hour_that_daylight_saving_skips_is_never(void **state) {
    (void)state;
    struct rig r;
    clock_rule(&r, "between(02:10, 02:50)",
               "2026-03-29T00:00:00Z"); /* 01:00 local; at 01:00 UTC it is 03:00 */
    for (int minute = 0; minute < 180; minute++) {
        rig_expect(&r, 0, minute * 60, 0);
    }
    rig_done(&r);
    clock_rule(&r, "between(02:30, 04:00)", "2026-03-29T00:59:59Z");
    rig_expect(&r, 0, 0, 0);
    assert_true(rig_next(&r, 0, 0) == 1); /* the change itself */
    rig_expect(&r, 0, 1, 1);
    assert_true(rig_next(&r, 0, 1) == 3601);
    rig_done(&r);
    clock_rule(&r, "between(02:30, 02:45)", "2026-10-25T00:00:00Z"); /* 02:00 local, twice */
    rig_expect(&r, 0, 30 * 60, 1);
    rig_expect(&r, 0, 45 * 60, 0);
    rig_expect(&r, 0, 90 * 60, 1);
    rig_expect(&r, 0, 105 * 60, 0);
    rig_done(&r);
}

/* --- plain operations --- */

static void constants_and_precedence(void **state) {
    (void)state;
    static const struct {
        const char *source;
        double value;
    } cases[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"10 - 4 - 3", 3},
        {"16 / 4 / 2", 2},
        {"-2 * -3", 6},
        {"--2", 2},
        {"2 - -2", 4},
        {"true or false and false", 1},
        {"(true or false) and false", 0},
        {"not false and false", 0},
        {"not (false and false)", 1},
        {"not 1 > 2", 1},
        {"1 + 1 == 2 and 3 > 2", 1},
        {"1 / 0", UNKNOWN},
        {"0 / 0", UNKNOWN},
        {"1e308 * 10", UNKNOWN},
        {"1 / 0 > 5 or true", 1},
        {"1 / 0 > 5 and true", UNKNOWN},
        {"value_or(1 / 0, 7)", 7},
        {"abs(-4.5)", 4.5},
        {"if(1 > 2, 3, 4)", 4},
        {"4.2 m + 30 cm == 4.5 m", 1},
        {"90 min == 1 h + 1800 s", 1},
        {"1d / 1h", 24},
        {"3 * 20s > 59999ms", 1},
        {"2.5e1", 25},
        {"true != false", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        rig_rule(&r, cases[i].source);
        rig_expect(&r, 0, 0, cases[i].value);
        assert_true(rig_next(&r, 0, 0) == NEVER);
        assert_int_equal(rule_set_cost(r.set, 0), 1); /* folded */
        rig_done(&r);
    }
}

static void unknown_follows_kleene(void **state) {
    (void)state;
    static const double values[] = {0, 1, NAN};
    struct rig r;
    rig_init(&r);
    uint32_t both = rig_add(&r, "R and S");
    uint32_t either = rig_add(&r, "R or S");
    uint32_t not_r = rig_add(&r, "not R");
    rig_start(&r);
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
            r.values[rig_tag("R")] = rule_known(values[a], false);
            r.values[rig_tag("S")] = rule_known(values[b], false);
            rig_expect(&r, both, 0, a == 0 || b == 0 ? 0 : (a == 1 && b == 1 ? 1 : UNKNOWN));
            rig_expect(&r, either, 0, a == 1 || b == 1 ? 1 : (a == 0 && b == 0 ? 0 : UNKNOWN));
            rig_expect(&r, not_r, 0, a == 2 ? UNKNOWN : 1 - values[a]);
        }
    }
    rig_done(&r);
}

static void arithmetic_with_unknown_is_unknown(void **state) {
    (void)state;
    static const char *const rules[] = {"P + Q",  "P - Q",  "P * Q",  "P / Q", "P < Q",
                                        "P == Q", "P != Q", "abs(P)", "-P",    "if(P > 1, 1, 2)"};
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct rig r;
        rig_rule(&r, rules[i]);
        rig_set(&r, "Q", 3);
        rig_expect(&r, 0, 0, UNKNOWN);
        rig_set(&r, "P", 6);
        assert_true(!isnan(rig_value(&r, 0, 0)));
        rig_done(&r);
    }
    struct rig r;
    rig_rule(&r, "P / Q");
    rig_set(&r, "P", 6);
    rig_set(&r, "Q", 0);
    rig_expect(&r, 0, 0, UNKNOWN);
    rig_set(&r, "Q", 5e-324);
    rig_expect(&r, 0, 0, UNKNOWN); /* overflow */
    r.values[rig_tag("Q")] = (struct rule_value){.v = INFINITY, .known = true};
    rig_expect(&r, 0, 0, UNKNOWN);
    rig_done(&r);
}

static void quality_tests_are_never_unknown(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t good = rig_add(&r, "good(P)");
    uint32_t bad = rig_add(&r, "bad(P)");
    rig_start(&r);
    rig_expect(&r, good, 0, 0);
    rig_expect(&r, bad, 0, 1);
    r.values[0] = (struct rule_value){.v = 1, .known = true, .uncertain = true};
    rig_expect(&r, good, 0, 1);
    rig_expect(&r, bad, 0, 0);
    rig_done(&r);
}

static void uncertain_passes_as_good_with_a_mark(void **state) {
    (void)state;
    static const struct {
        const char *source;
        bool uncertain;
    } cases[] = {{"P", true},
                 {"Q", false},
                 {"P + Q", true},
                 {"-P", true},
                 {"P > 3", true},
                 {"P > 3 and Q > 3", true},
                 {"P > 3 and Q > 100", false}, /* Q alone decides */
                 {"P > 100 and Q > 3", true},
                 {"P > 3 or Q > 3", false},
                 {"if(Q > 3, Q, P)", false},
                 {"if(P > 3, Q, Q)", true},
                 {"value_or(P, 1)", true},
                 {"avg(P, 5s)", true},
                 {"delta(P, 5s)", true},
                 {"duration(P > 3, 5s) > 1s", true},
                 {"for(P > 3, 1s)", true},
                 {"avg(Q, 5s)", false},
                 {"age(P) > 1s", true}};
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)rig_add(&r, cases[i].source);
    }
    rig_start(&r);
    rig_sample(&r, "Q", 0, 5);
    r.values[rig_tag("P")] = (struct rule_value){.v = 5, .known = true, .uncertain = true};
    rig_touch(&r, "P", 0);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        struct rule_value v = rig_eval(&r, i, 10).value;
        if (!v.known || v.uncertain != cases[i].uncertain) {
            fail_msg("%s", cases[i].source);
        }
    }
    rig_done(&r);
}

static void literals_are_converted(void **state) {
    (void)state;
    static const struct {
        const char *source;
        const char *tag;
        double off;
        double on;
    } cases[] = {
        {"level > 420 cm", "level", 4.19, 4.21},
        {"420 cm < level", "level", 4.19, 4.21},
        {"level > 4.2", "level", 4.19, 4.21},
        {"width > 1 m + 20 cm", "width", 119, 121},
        {"temp > 300 K", "temp", 26.8, 26.9},
        {"temp > -5 degC", "temp", -5.1, -4.9},
        {"tk > 20 degC", "tk", 293.1, 293.2},
        {"temp + 5 K > 20 degC", "temp", 14.9, 15.1},
        {"temp - 5 K > 20 degC", "temp", 24.9, 25.1},
        {"temp - 41 degF > 20 degC", "temp", 20 + 41 * 5 / 9.0 - 0.1, 20 + 41 * 5 / 9.0 + 0.1},
        {"avg(width, 1s) > 1 m", "width", 99, 101},
        {"abs(level) > 100 cm", "level", 0.5, -1.5},
        {"if(level > 0, level, 50 cm) > 2 m", "level", -5, 2.5},
        {"delay > 5 min", "delay", 299, 301},
        {"P101.flow > 36 m3/h", "P101.flow", 9.9, 10.1},
        {"turb > 4 NTU", "turb", 3.9, 4.1},
        {"prev(level) * 0 + level > 4", "level", 3.9, 4.1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        rig_rule(&r, cases[i].source);
        rig_sample(&r, cases[i].tag, 0, cases[i].off);
        rig_sample(&r, cases[i].tag, 10, cases[i].off);
        if (rig_value(&r, 0, 15) != 0) {
            fail_msg("%s is true at %g", cases[i].source, cases[i].off);
        }
        rig_sample(&r, cases[i].tag, 20, cases[i].on);
        if (rig_value(&r, 0, 30) != 1) {
            fail_msg("%s is false at %g", cases[i].source, cases[i].on);
        }
        rig_done(&r);
    }
}

static void differences_of_temperatures_have_no_zero(void **state) {
    (void)state;
    static const char *const rules[] = {"temp - temp2 > 5 K", "delta(temp, 1min) > 5 K", "5 K < temp - temp2",
                                        "stddev(temp, 1min) * 0 + temp - temp2 > 5"};
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct rig r;
        rig_rule(&r, rules[i]);
        rig_sample(&r, "temp2", 0, 20);
        rig_sample(&r, "temp", 0, 20);
        rig_sample(&r, "temp", 60, 24.9);
        rig_expect(&r, 0, 60, 0);
        rig_sample(&r, "temp", 61, 25.1);
        rig_expect(&r, 0, 61, 1);
        rig_done(&r);
    }
}

static void states_are_compared_by_name(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t fault = rig_add(&r, "M == 'fault'");
    uint32_t same = rig_add(&r, "M == M2");
    uint32_t chosen = rig_add(&r, "if(M == 'off', 'on', M) != 'on'");
    uint32_t lost = rig_add(&r, "value_or(M, 'fault') == 'fault'");
    rig_start(&r);
    rig_expect(&r, fault, 0, UNKNOWN);
    rig_expect(&r, lost, 0, 1);
    rig_set(&r, "M", 2);
    rig_set(&r, "M2", 1);
    rig_expect(&r, fault, 1, 1);
    rig_expect(&r, same, 1, 0);
    rig_expect(&r, chosen, 1, 1);
    rig_set(&r, "M", 0);
    rig_expect(&r, fault, 2, 0);
    rig_expect(&r, chosen, 2, 0);
    rig_expect(&r, lost, 2, 0);
    rig_done(&r);
}

/* --- evidence --- */

struct counting {
    struct rig *rig;
    uint32_t reads;
};

static struct rule_value count_read(const void *ctx, uint32_t tag) {
    const struct counting *c = ctx;
    ((struct counting *)(uintptr_t)c)->reads++;
    return rig_read(c->rig, tag);
}

static void what_depends_on_several_samples_is_evaluated_once(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    (void)rig_add(&r, "avg(P + Q, 10s) > 1");
    (void)rig_add(&r, "max(P + Q, 20s) > 1 or for(R, 5s)");
    rig_start(&r);
    struct counting c = {.rig = &r};
    const struct rule_reader reader = {.ctx = &c, .read = count_read};
    const uint32_t tags[] = {rig_tag("P"), rig_tag("Q"), rig_tag("L"), rig_tag("P")};
    rule_machine_touch(r.m, &reader, tags, COUNT(tags), 0);
    assert_int_equal(c.reads, 2); /* one expression of two tags, for both windows */
    rule_machine_touch(r.m, &reader, &tags[2], 1, 1);
    assert_int_equal(c.reads, 2);
    rig_done(&r);
}

/* --- explain --- */

static void a_rule_explains_itself(void **state) {
    (void)state;
    static const char source[] = "(level > 4 m) and avg(level + level2, 10s) > 2 * 3 or bad(P)";
    static const struct {
        const char *text;
        uint32_t depth;
        enum rule_type type;
        double value;
        const char *unit;
    } parts[] = {
        {source, 0, RULE_BOOL, 1, ""},
        {"(level > 4 m) and avg(level + level2, 10s) > 2 * 3", 1, RULE_BOOL, 0, ""},
        {"(level > 4 m)", 2, RULE_BOOL, 1, ""},
        {"level", 3, RULE_NUMBER, 5, "m"},
        {"avg(level + level2, 10s) > 2 * 3", 2, RULE_BOOL, 0, ""},
        {"avg(level + level2, 10s)", 3, RULE_NUMBER, 6, "m"},
        {"level + level2", 4, RULE_NUMBER, 6, "m"},
        {"level", 5, RULE_NUMBER, 5, "m"},
        {"level2", 5, RULE_NUMBER, 1, "m"},
        {"bad(P)", 1, RULE_BOOL, 1, ""},
        {"P", 2, RULE_NUMBER, NAN, ""},
    };
    struct rig r;
    struct rule_part is[20];
    rig_init(&r);
    (void)rig_add(&r, "Q > avg(level + level2, 10s)"); /* another rule has that window, too */
    uint32_t p = rig_add(&r, source);
    rig_start(&r);
    rig_set(&r, "level", 5);
    rig_sample(&r, "level2", 0, 1);
    struct rule_reader reader = rig_reader(&r);
    uint32_t n = rule_machine_explain(r.m, &reader, p, rig_us(&r, 20), is, 20);
    assert_int_equal(n, COUNT(parts));
    for (uint32_t i = 0; i < n; i++) {
        double v = is[i].value.known ? is[i].value.v : (double)NAN;
        struct slice text = slice_of(source + is[i].pos, is[i].len);
        bool same = isnan(parts[i].value) ? isnan(v) : v == parts[i].value;
        if (!slice_is(text, parts[i].text) || is[i].depth != parts[i].depth || is[i].type != parts[i].type ||
            !same || !slice_is(is[i].unit, parts[i].unit)) {
            fail_msg("part %u is '%.*s', depth %u, %g", i, SLICE_ARG(text), is[i].depth, v);
        }
    }
    assert_int_equal(rule_machine_explain(r.m, &reader, p, rig_us(&r, 20), is, 3), 3);
    rig_done(&r);
}

/* --- from one machine to another --- */

static void start_with(struct rig *r, const char *const *rules, uint32_t n) {
    rig_init(r);
    for (uint32_t i = 0; i < n; i++) {
        (void)rig_add(r, rules[i]);
    }
    rig_start(r);
}

static void a_new_configuration_keeps_what_means_the_same(void **state) {
    (void)state;
    static const char *const before[] = {"avg(P + 1, 10s)", "for(R, 20s)",    "prev(Q)",
                                         "avg(P, 10s)",     "count(S, 1min)", "count(Q != prev(Q), 1h)"};
    static const char *const after[] = {"2 * avg(L + 1, 10s)",
                                        "for(R, 20s)",
                                        "prev(Q)",
                                        "avg(L, 11s)",
                                        "for(R, 21s)",
                                        "min(L + 2, 10s)",
                                        "count(Q != prev(Q), 1h)",
                                        "count(S, 1min)"};
    struct rig old;
    struct rig now;
    start_with(&old, before, COUNT(before));
    start_with(&now, after, COUNT(after));
    rig_sample(&old, "R", 0, 1);
    rig_sample(&old, "S", 0, 0);
    rig_sample(&old, "S", 1, 1);
    rig_sample(&old, "P", 0, 4);
    rig_sample(&old, "Q", 0, 1);
    rig_sample(&old, "Q", 1, 1);
    rig_sample(&old, "Q", 5, 2);
    uint32_t map[RIG_TAGS];
    for (uint32_t i = 0; i < RIG_TAGS; i++) {
        map[i] = i;
    }
    map[rig_tag("P")] = rig_tag("L"); /* the index has moved */
    map[rig_tag("S")] = RULE_NONE;    /* this tag is gone, its namesake is another */
    /* avg(L + 1), for(R, 20s), the newest of Q, count(Q != prev(Q)) */
    assert_int_equal(rule_machine_adopt(now.m, old.m, map), 4);
    rig_expect(&now, 0, 10, 10);
    rig_expect(&now, 1, 19, 0);
    rig_set(&now, "R", 1);
    rig_expect(&now, 1, 20, 1);
    rig_expect(&now, 2, 20, 1);
    rig_expect(&now, 3, 20, UNKNOWN);
    rig_expect(&now, 4, 30, UNKNOWN);
    rig_expect(&now, 5, 20, UNKNOWN);
    rig_expect(&now, 6, 20, 1);
    rig_expect(&now, 7, 20, UNKNOWN);
    rig_done(&old);
    rig_done(&now);
}

static void new_rules_begin_with_what_is_there(void **state) {
    (void)state;
    static const char *const before[] = {"avg(P, 10s)"};
    static const char *const after[] = {"avg(P, 10s)", "avg(P + Q, 10s)", "for(R, 20s)",
                                        "age(Q) / 1s", "prev(Q)",         "avg(L, 10s)"};
    struct rig old;
    struct rig now;
    start_with(&old, before, COUNT(before));
    start_with(&now, after, COUNT(after));
    rig_sample(&old, "P", 0, 0);
    rig_sample(&old, "P", 100, 10);
    uint32_t map[RIG_TAGS];
    int64_t ts_us[RIG_TAGS];
    for (uint32_t i = 0; i < RIG_TAGS; i++) {
        map[i] = i;
        ts_us[i] = INT64_MIN;
    }
    assert_int_equal(rule_machine_adopt(now.m, old.m, map), 1);
    rig_set(&now, "P", 10);
    rig_set(&now, "Q", 2);
    rig_set(&now, "R", 1);
    ts_us[rig_tag("P")] = rig_us(&now, 100);
    ts_us[rig_tag("Q")] = rig_us(&now, 98);
    ts_us[rig_tag("R")] = rig_us(&now, 50);
    struct rule_reader reader = rig_reader(&now);
    for (int again = 0; again < 2; again++) {
        rule_machine_prime(now.m, &reader, ts_us);
        rig_expect(&now, 0, 105, 5); /* adopted: it knows what was before */
        rig_expect(&now, 1, 107, UNKNOWN);
        rig_expect(&now, 1, 108, 12);
        rig_expect(&now, 2, 108, 1);
        rig_expect(&now, 3, 108, 10);
        rig_expect(&now, 4, 108, UNKNOWN);
        rig_expect(&now, 5, 200, UNKNOWN); /* never seen */
        if (again == 0) {
            rule_machine_free(&now.m);
            assert_int_equal(rule_machine_new(now.set, &now.m, NULL), OK);
            assert_int_equal(rule_machine_adopt(now.m, old.m, map), 1);
            rule_machine_prime(now.m, &reader, ts_us);
        }
    }
    rig_sample(&now, "Q", 110, 3);
    rig_expect(&now, 4, 110, 2);
    rig_done(&old);
    rig_done(&now);
}

static void a_shadow_takes_what_depends_on_selected_tags_only(void **state) {
    (void)state;
    static const char *const rules[] = {"avg(P, 10s)", "avg(P + Q, 10s)", "for(R, 5s)", "prev(P)", "prev(Q)"};
    struct rig live;
    bool selected[RIG_TAGS] = {false};
    start_with(&live, rules, COUNT(rules));
    struct rule_machine *shadow = NULL;
    assert_int_equal(rule_machine_new(live.set, &shadow, NULL), OK);
    assert_true(rule_machine_size(shadow) > 3 * sizeof(double) * 256);
    rig_sample(&live, "P", 0, 4);
    rig_sample(&live, "Q", 0, 4);
    rig_sample(&live, "R", 0, 1);
    rig_sample(&live, "P", 1, 4);
    rig_sample(&live, "Q", 1, 4);
    uint64_t hash = rule_machine_hash(live.m);
    assert_true(rule_machine_hash(shadow) != hash);
    selected[rig_tag("P")] = true;
    struct rule_reader reader = rig_reader(&live);
    (void)rule_machine_eval(shadow, &reader, 0, rig_us(&live, 1000));
    rule_machine_copy_nodes(shadow, live.m, selected);
    assert_true(rule_machine_eval(shadow, &reader, 0, rig_us(&live, 7)).next_us ==
                rig_us(&live, 8)); /* not 1001 */
    static const bool known[] = {true, false, false, true, false};
    for (uint32_t i = 0; i < COUNT(rules); i++) {
        assert_int_equal(rule_machine_eval(shadow, &reader, i, rig_us(&live, 20)).value.known, known[i]);
    }
    selected[rig_tag("Q")] = true;
    selected[rig_tag("R")] = true;
    rule_machine_copy_nodes(shadow, live.m, selected);
    assert_true(rule_machine_hash(shadow) == hash); /* evaluations do not count */
    rig_sample(&live, "P", 30, 5);
    assert_true(rule_machine_hash(live.m) != hash);
    rule_machine_free(&shadow);
    rig_done(&live);
}

static void times_beyond_all_reason_do_no_harm(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P, 7d) > 1 or age(P) > 5s or for(P > 3, 1h) or between(07:00, 08:00)");
    rig_set(&r, "P", 1);
    struct rule_reader reader = rig_reader(&r);
    uint32_t tag = rig_tag("P");
    static const int64_t times[] = {INT64_MIN, -1, 0, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT(times); i++) {
        rule_machine_touch(r.m, &reader, &tag, 1, times[i]);
        struct rule_result result = rule_machine_eval(r.m, &reader, 0, times[i]);
        assert_true(result.next_us == INT64_MAX || result.next_us % TM_SECOND_US == 0);
    }
    rig_done(&r);
}

static void nothing_happens_to_a_machine_without_rules(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_start(&r);
    rig_sample(&r, "P", 0, 1);
    uint32_t map[RIG_TAGS] = {0};
    assert_int_equal(rule_machine_adopt(r.m, r.m, map), 0);
    rig_done(&r);
    rule_machine_free(&r.m); /* NULL is fine */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acceptance_cases_of_the_language),
        cmocka_unit_test(time_of_day_is_the_sites),
        cmocka_unit_test(times_of_day_include_their_start_and_not_their_end),
        cmocka_unit_test(the_hour_that_daylight_saving_skips_is_never),
        cmocka_unit_test(constants_and_precedence),
        cmocka_unit_test(unknown_follows_kleene),
        cmocka_unit_test(arithmetic_with_unknown_is_unknown),
        cmocka_unit_test(quality_tests_are_never_unknown),
        cmocka_unit_test(uncertain_passes_as_good_with_a_mark),
        cmocka_unit_test(literals_are_converted),
        cmocka_unit_test(differences_of_temperatures_have_no_zero),
        cmocka_unit_test(states_are_compared_by_name),
        cmocka_unit_test(what_depends_on_several_samples_is_evaluated_once),
        cmocka_unit_test(a_rule_explains_itself),
        cmocka_unit_test(a_new_configuration_keeps_what_means_the_same),
        cmocka_unit_test(new_rules_begin_with_what_is_there),
        cmocka_unit_test(a_shadow_takes_what_depends_on_selected_tags_only),
        cmocka_unit_test(times_beyond_all_reason_do_no_harm),
        cmocka_unit_test(nothing_happens_to_a_machine_without_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
