/* The rule compiler: what it takes, what it refuses and where, what it says about a rule. */
/* Covers: rule_lex.c, rule_parse.c, rule_check.c, rule_expr.c, rule_emit.c, rule_set.c */
#include "server/base/buf.h"
#include "server/core/rule.h"
#include "server/core/rule_lex.h"
#include "tests/unit/core/rule_rig.h"

static void what_the_grammar_allows_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *source;
        enum rule_type type;
        const char *unit;
    } cases[] = {
        {"true", RULE_BOOL, ""},
        {"false", RULE_BOOL, ""},
        {"R", RULE_BOOL, ""},
        {"R or S or N", RULE_BOOL, ""},
        {"R and S and not N", RULE_BOOL, ""},
        {"not not R", RULE_BOOL, ""},
        {"not P > 5", RULE_BOOL, ""},
        {"P < 1", RULE_BOOL, ""},
        {"P <= 1", RULE_BOOL, ""},
        {"P > 1", RULE_BOOL, ""},
        {"P >= 1", RULE_BOOL, ""},
        {"P == 1", RULE_BOOL, ""},
        {"P != 1", RULE_BOOL, ""},
        {"R == S", RULE_BOOL, ""},
        {"R != true", RULE_BOOL, ""},
        {"P + Q - 1", RULE_NUMBER, ""},
        {"P * Q / 2", RULE_NUMBER, ""},
        {"--P", RULE_NUMBER, ""},
        {"-P * -2", RULE_NUMBER, ""},
        {"((P))", RULE_NUMBER, ""},
        {"(P > 1) == (Q > 1)", RULE_BOOL, ""},
        {"12", RULE_NUMBER, ""},
        {"12.5e-3", RULE_NUMBER, ""},
        {"1E3", RULE_NUMBER, ""},
        {" \t\n\r12\n", RULE_NUMBER, ""},
        {"level", RULE_NUMBER, "m"},
        {"\"S1/L_T1\" > 4.2 m", RULE_BOOL, ""},
        {"\"odd name: 'ä'\"", RULE_BOOL, ""},
        {"$this.level > 4.2m", RULE_BOOL, ""},
        {"P101.flow", RULE_NUMBER, "l/s"},
        {"min > 5 and min(min, 5s) > 3", RULE_BOOL, ""},
        {"level + level2 - 30 cm", RULE_NUMBER, "m"},
        {"level * 2", RULE_NUMBER, ""},
        {"level * 2 > width", RULE_BOOL, ""},
        {"level / width > 5 m", RULE_BOOL, ""},
        {"4.2 m + 30 cm", RULE_NUMBER, "m"},
        {"M == 'fault'", RULE_BOOL, ""},
        {"'on' != M", RULE_BOOL, ""},
        {"M == M2", RULE_BOOL, ""},
        {"if(R, M, 'off') == 'on'", RULE_BOOL, ""},
        {"prev(M) != M", RULE_BOOL, ""},
        {"value_or(M, 'off') == 'on'", RULE_BOOL, ""},
        {"avg(level, 5min)", RULE_NUMBER, "m"},
        {"min(level, 1d)", RULE_NUMBER, "m"},
        {"max(level, 500ms)", RULE_NUMBER, "m"},
        {"stddev(level, 7d)", RULE_NUMBER, "m"},
        {"delta(level, 1 h)", RULE_NUMBER, "m"},
        {"rate(level, 10s)", RULE_NUMBER, ""},
        {"abs(rate(\"S1/L_T1\", 10s))", RULE_NUMBER, ""},
        {"count(R, 60s)", RULE_NUMBER, ""},
        {"duration(R, 60s) > 30s", RULE_BOOL, ""},
        {"duration(R, 60s) / 1s", RULE_NUMBER, ""},
        {"duration(R, 60s) * 2 > 1min", RULE_BOOL, ""},
        {"duration(R, 60s) / 2 > 1min - 5s", RULE_BOOL, ""},
        {"2 * duration(R, 60s) > -5s", RULE_BOOL, ""},
        {"abs(duration(R, 60s) - duration(S, 60s)) > 5s", RULE_BOOL, ""},
        {"for(P > 5, 30s)", RULE_BOOL, ""},
        {"prev(level)", RULE_NUMBER, "m"},
        {"prev(R)", RULE_BOOL, ""},
        {"age(P) > 2 * 30s", RULE_BOOL, ""},
        {"good(P) and bad(M)", RULE_BOOL, ""},
        {"between(07:00, 17:00)", RULE_BOOL, ""},
        {"if(R, level, 2 m)", RULE_NUMBER, "m"},
        {"if(R, 1, 2)", RULE_NUMBER, ""},
        {"if(R, S, true)", RULE_BOOL, ""},
        {"abs(level)", RULE_NUMBER, "m"},
        {"value_or(level, 0)", RULE_NUMBER, "m"},
        {"count(P != prev(P), 1h) > 3", RULE_BOOL, ""},
        {"avg(P, 2 * 30s)", RULE_NUMBER, ""},
        {"avg(value_or(P, 0), 60s/2)", RULE_NUMBER, ""},
        {"delay > 5 min", RULE_BOOL, ""},
        {"turb > 4 NTU", RULE_BOOL, ""},
        {"temp - temp2 > 5 K", RULE_BOOL, ""},
        {"temp + 5 K > 20 degC", RULE_BOOL, ""},
        {"60 % > P * 100", RULE_BOOL, ""},
    };
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(rig_add(&r, cases[i].source), i);
    }
    rig_start(&r);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        if (rule_set_type(r.set, i) != cases[i].type || !slice_is(rule_set_unit(r.set, i), cases[i].unit)) {
            fail_msg("%s is a %s in '%.*s'", cases[i].source, rule_type_name(rule_set_type(r.set, i)),
                     SLICE_ARG(rule_set_unit(r.set, i)));
        }
        assert_true(slice_is(rule_set_source(r.set, i), cases[i].source));
    }
    assert_int_equal(rule_set_count(r.set), COUNT(cases));
    rig_done(&r);
}

struct refusal {
    const char *source;
    enum rule_code code;
    uint32_t pos;
    uint32_t len;
};

static void expect_refusal(struct rig *r, const struct refusal *c, enum rule_want want) {
    struct rule_fault fault = {0};
    uint32_t program = 77;
    enum status status = rig_try(r, slice_str(c->source), want, "", &program, &fault);
    if (status != ERR_INVALID || fault.code != c->code || fault.pos != c->pos || fault.len != c->len) {
        fail_msg("%s: %d %s at %u+%u: %s", c->source, status, rule_code_name(fault.code), fault.pos,
                 fault.len, fault.text);
    }
    assert_true(strlen(fault.text) > 10);
    assert_int_equal(program, 77);
}

static void what_cannot_be_read_is_refused_where_it_is(void **state) {
    (void)state;
    static const struct refusal cases[] = {
        {"", RULE_E_SYNTAX, 0, 0},
        {"  ", RULE_E_SYNTAX, 2, 0},
        {"P >", RULE_E_SYNTAX, 3, 0},
        {"P > > 5", RULE_E_SYNTAX, 4, 1},
        {"P 5", RULE_E_SYNTAX, 2, 1},
        {"(P > 5", RULE_E_SYNTAX, 6, 0},
        {"(P > Q R", RULE_E_SYNTAX, 7, 1},
        {"P > 5)", RULE_E_SYNTAX, 5, 1},
        {"P = 5", RULE_E_SYNTAX, 2, 1},
        {"R && S", RULE_E_SYNTAX, 2, 1},
        {"R || S", RULE_E_SYNTAX, 2, 1},
        {"!R", RULE_E_SYNTAX, 0, 1},
        {"P ^ 2 > 1", RULE_E_SYNTAX, 2, 1},
        {"P % 2 == 1", RULE_E_SYNTAX, 2, 1},
        {"P > 5 ; R", RULE_E_SYNTAX, 6, 1},
        {"P > ü", RULE_E_SYNTAX, 4, 2},
        {"P > \xFF", RULE_E_SYNTAX, 4, 1},
        {"P > 5.", RULE_E_SYNTAX, 4, 2},
        {"P > .5", RULE_E_SYNTAX, 4, 1},
        {"P > 1e999", RULE_E_SYNTAX, 4, 5},
        {"P > 12345678901234567890123456789012345678901234567890123456789012345", RULE_E_SYNTAX, 4, 65},
        {"age(P) > 200000d", RULE_E_SYNTAX, 9, 7},
        {"between(7:00, 17:00)", RULE_E_SYNTAX, 8, 2},
        {"between(07:0, 17:00)", RULE_E_SYNTAX, 8, 3},
        {"between(07:00, 24:00)", RULE_E_SYNTAX, 15, 3},
        {"between(07:60, 17:00)", RULE_E_SYNTAX, 8, 3},
        {"\"S1/L > 5", RULE_E_SYNTAX, 0, 9},
        {"M == 'on", RULE_E_SYNTAX, 5, 3},
        {"M == ''", RULE_E_SYNTAX, 5, 2},
        {"P. > 5", RULE_E_SYNTAX, 0, 2},
        {"$ > 5", RULE_E_SYNTAX, 0, 1},
        {"nofunc(P) > 5", RULE_E_SYNTAX, 0, 6},
        {"avg(P 10s) > 5", RULE_E_SYNTAX, 6, 3},
        {"avg(P, 10s,) > 5", RULE_E_SYNTAX, 11, 1},
        {"avg(, 10s) > 5", RULE_E_SYNTAX, 4, 1},
        {"P101.flow(3) > 5", RULE_E_SYNTAX, 0, 9},
        {"\"avg\"(P, 10s)", RULE_E_SYNTAX, 5, 1},
        {"R == not S", RULE_E_SYNTAX, 5, 3},
        {"P + and R", RULE_E_SYNTAX, 4, 3},
        {"1 < P < 5", RULE_E_CHAINED, 6, 1},
        {"R == S == N", RULE_E_CHAINED, 7, 2},
        {"1 < P and 2 < Q != R", RULE_E_CHAINED, 16, 2},
        {"avg(P) > 5", RULE_E_SYNTAX, 0, 6},
        {"R and if(R, 1) > 0", RULE_E_SYNTAX, 6, 8},
        {"abs() > 0", RULE_E_SYNTAX, 0, 5},
        {"abs(P, Q, L, P, Q) > 0", RULE_E_SYNTAX, 0, 18},
    };
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_refusal(&r, &cases[i], RULE_WANT_BOOL);
    }
    rig_done(&r);
}

static void what_makes_no_sense_is_refused_where_it_is(void **state) {
    (void)state;
    static const struct refusal cases[] = {
        {"X > 5", RULE_E_TAG, 0, 1},
        {"R and \"no/such\"", RULE_E_TAG, 6, 9},
        {"$other.level > 5", RULE_E_TAG, 0, 12},
        {"p > 5", RULE_E_TAG, 0, 1}, /* names are case-sensitive */
        {"P", RULE_E_TYPE, 0, 1},
        {"P + 1", RULE_E_TYPE, 0, 5},
        {"5s", RULE_E_TYPE, 0, 2},
        {"M", RULE_E_TYPE, 0, 1},
        {"07:00", RULE_E_TYPE, 0, 5},
        {"P and R", RULE_E_TYPE, 0, 1},
        {"R and P", RULE_E_TYPE, 6, 1},
        {"R or 1", RULE_E_TYPE, 5, 1},
        {"not P", RULE_E_TYPE, 4, 1},
        {"-R == S", RULE_E_TYPE, 1, 1},
        {"abs(M) > 1", RULE_E_TYPE, 4, 1},
        {"R + 1 > 0", RULE_E_TYPE, 0, 1},
        {"1 + M > 0", RULE_E_TYPE, 4, 1},
        {"R * 2 > 0", RULE_E_TYPE, 0, 1},
        {"R > S", RULE_E_TYPE, 0, 5},
        {"M < 'on'", RULE_E_TYPE, 0, 8},
        {"P == R", RULE_E_TYPE, 5, 1},
        {"P > 5s", RULE_E_TYPE, 4, 2},
        {"level > 5 min", RULE_E_TYPE, 8, 5},
        {"age(P) > 5", RULE_E_TYPE, 9, 1},
        {"M == 1", RULE_E_TYPE, 5, 1},
        {"M == 'open'", RULE_E_TYPE, 5, 6},
        {"M == V", RULE_E_TYPE, 5, 1},
        {"'on' == 'on'", RULE_E_TYPE, 0, 4},
        {"if(R, 'on', 'off') == M", RULE_E_TYPE, 6, 4},
        {"if(P, 1, 2) > 0", RULE_E_TYPE, 3, 1},
        {"if(R, 1, S) > 0", RULE_E_TYPE, 9, 1},
        {"value_or(P, R) > 0", RULE_E_TYPE, 12, 1},
        {"5s * 5s > 1s", RULE_E_TYPE, 5, 2},
        {"5 / 5s > 1", RULE_E_TYPE, 4, 2},
        {"5s + 5 > 1s", RULE_E_TYPE, 5, 1},
        {"avg(R, 10s) > 0", RULE_E_TYPE, 4, 1},
        {"count(P, 10s) > 0", RULE_E_TYPE, 6, 1},
        {"duration(P, 10s) > 0s", RULE_E_TYPE, 9, 1},
        {"for(P, 10s)", RULE_E_TYPE, 4, 1},
        {"avg(5, 10s) > 0", RULE_E_TYPE, 4, 1},
        {"for(true, 10s)", RULE_E_TYPE, 4, 4},
        {"prev(P + 1) > 0", RULE_E_TYPE, 5, 5},
        {"age(5) > 1s", RULE_E_TYPE, 4, 1},
        {"good(P > 5)", RULE_E_TYPE, 5, 5},
        {"bad(avg(P, 5s))", RULE_E_TYPE, 4, 10},
        {"between(1, 2)", RULE_E_TYPE, 8, 1},
        {"between(07:00, 5s)", RULE_E_TYPE, 15, 2},
        {"07:00 < 08:00", RULE_E_TYPE, 0, 5},
        {"level > 4 s", RULE_E_TYPE, 8, 3},
        {"level > 4.5 s", RULE_E_UNIT, 8, 5},
        {"level > 4 foo", RULE_E_UNIT, 8, 5},
        {"level > 4 NTU", RULE_E_UNIT, 8, 5},
        {"4 bar < level", RULE_E_UNIT, 0, 5},
        {"level > width", RULE_E_UNIT, 8, 5},
        {"level + width > 3", RULE_E_UNIT, 8, 5},
        {"level - temp > 3", RULE_E_UNIT, 8, 4},
        {"P > 4 m", RULE_E_UNIT, 4, 3},
        {"4 m > 3 s/m", RULE_E_UNIT, 6, 5},
        {"if(R, level, width) > 3", RULE_E_UNIT, 13, 5},
        {"value_or(level, 3 bar) > 3", RULE_E_UNIT, 16, 5},
        {"avg(level, 5s) > 3 bar", RULE_E_UNIT, 17, 5},
        {"avg(P, 0s) > 0", RULE_E_WINDOW, 7, 2},
        {"avg(P, 8d) > 0", RULE_E_WINDOW, 7, 2},
        {"avg(P, 604800001ms) > 0", RULE_E_WINDOW, 7, 11},
        {"avg(P, -5s) > 0", RULE_E_WINDOW, 7, 3},
        {"avg(P, 10) > 0", RULE_E_WINDOW, 7, 2},
        {"avg(P, 1s/0) > 0", RULE_E_WINDOW, 7, 4},
        {"avg(P, age(Q)) > 0", RULE_E_WINDOW, 7, 6},
        {"for(R, 0s)", RULE_E_WINDOW, 7, 2},
        {"avg(1 + avg(P, 5s), 5s) > 0", RULE_E_NESTED, 8, 10},
        {"for(age(P) > 5s, 5s)", RULE_E_NESTED, 4, 6},
        {"count(R and between(07:00, 08:00), 5s) > 0", RULE_E_NESTED, 12, 21},
        {"max(P + Q * delta(L, 1s), 5s) > 0", RULE_E_NESTED, 12, 12},
    };
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_refusal(&r, &cases[i], RULE_WANT_BOOL);
    }
    rig_done(&r);
}

static void the_result_must_be_what_is_wanted(void **state) {
    (void)state;
    static const struct refusal not_numbers[] = {{"P > 5", RULE_E_TYPE, 0, 5},
                                                 {"duration(R, 1h)", RULE_E_TYPE, 0, 15}};
    static const struct refusal not_values[] = {{"age(P)", RULE_E_TYPE, 0, 6}, {"M", RULE_E_TYPE, 0, 1}};
    struct rig r;
    struct rule_fault fault = {0};
    uint32_t p = 0;
    rig_init(&r);
    for (size_t i = 0; i < 2; i++) {
        expect_refusal(&r, &not_numbers[i], RULE_WANT_NUMBER);
        expect_refusal(&r, &not_values[i], RULE_WANT_VALUE);
    }
    assert_int_equal(rig_try(&r, slice_str("level + width"), RULE_WANT_NUMBER, "m", &p, &fault), ERR_INVALID);
    assert_int_equal(rig_try(&r, slice_str("width"), RULE_WANT_NUMBER, "m", &p, &fault), ERR_INVALID);
    assert_int_equal(fault.code, RULE_E_UNIT);
    assert_int_equal(fault.len, 5);
    assert_int_equal(rig_try(&r, slice_str("5 bar"), RULE_WANT_VALUE, "m", &p, &fault), ERR_INVALID);
    assert_int_equal(fault.code, RULE_E_UNIT);
    assert_int_equal(rig_try(&r, slice_str("level"), RULE_WANT_NUMBER, "m", &p, &fault), OK);
    assert_int_equal(rig_try(&r, slice_str("width / 100"), RULE_WANT_NUMBER, "m", &p, &fault), OK);
    assert_int_equal(rig_try(&r, slice_str("P > 5"), RULE_WANT_VALUE, "m", &p, &fault), OK);
    assert_int_equal(rig_try(&r, slice_str("250 cm"), RULE_WANT_NUMBER, "m", &p, &fault), OK);
    rig_start(&r);
    rig_expect(&r, p, 0, 2.5);
    rig_done(&r);
}

/* n times the text, then the rest. */
static struct slice repeated(struct buf *b, const char *text, unsigned n, const char *rest) {
    buf_clear(b);
    for (unsigned i = 0; i < n; i++) {
        buf_text(b, text);
    }
    buf_text(b, rest);
    assert_false(b->failed);
    return buf_slice(b);
}

static void limit(struct slice source, enum rule_code code, uint32_t pos) {
    struct rig r;
    struct rule_fault fault = {0};
    uint32_t p = 0;
    rig_init(&r);
    enum status status = rig_try(&r, source, RULE_WANT_VALUE, "", &p, &fault);
    if (status != (code == RULE_OK ? OK : ERR_INVALID) || fault.code != code || fault.pos != pos) {
        fail_msg("%.60s…: %s at %u: %s", source.p, rule_code_name(fault.code), fault.pos, fault.text);
    }
    rig_done(&r);
}

static void a_rule_has_limits(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    limit(repeated(&b, " ", RULE_SOURCE_MAX - 1, "R"), RULE_OK, 0);
    limit(repeated(&b, " ", RULE_SOURCE_MAX, "R"), RULE_E_TOO_LONG, RULE_SOURCE_MAX);
    /* nesting */
    limit(repeated(&b, "not ", 64, "R"), RULE_OK, 0);
    limit(repeated(&b, "not ", 65, "R"), RULE_E_DEPTH, 64 * 4);
    limit(repeated(&b, "-", 64, "P"), RULE_OK, 0);
    limit(repeated(&b, "-", 65, "P"), RULE_E_DEPTH, 64);
    limit(repeated(&b, "(", 65, "P"), RULE_E_DEPTH, 64);
    limit(repeated(&b, "abs(", 65, "P"), RULE_E_DEPTH, 64 * 4 + 3);
    limit(repeated(&b, "(-", 32, "P))))))))))))))))))))))))))))))))"), RULE_OK, 0);
    limit(repeated(&b, "(-", 33, "P"), RULE_E_DEPTH, 64);
    limit(repeated(&b, "not R and ", 100, "R"), RULE_OK, 0);
    limit(repeated(&b, "-P + ", 100, "P"), RULE_OK, 0);
    limit(repeated(&b, "abs(P) + ", 100, "P"), RULE_OK, 0);
    limit(repeated(&b, "(R) and ", 200, "R"), RULE_OK, 0); /* depth is given back; one instruction each */
    buf_done(&b);
}

static void a_rule_has_at_most_256_instructions(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    /* P, Q and n times a sum that is like no other */
    for (unsigned n = 253; n <= 255; n++) {
        struct rig r;
        struct rule_fault fault = {0};
        uint32_t p = 0;
        rig_init(&r);
        enum status status = rig_try(&r, repeated(&b, "P+", n, "Q"), RULE_WANT_VALUE, "", &p, &fault);
        assert_int_equal(status, n <= 254 ? OK : ERR_INVALID);
        if (status == OK) {
            rig_start(&r);
            assert_int_equal(rule_set_cost(r.set, p), n + 2);
        } else {
            assert_int_equal(fault.code, RULE_E_TOO_BIG);
            assert_non_null(strstr(fault.text, "256 instructions"));
        }
        rig_done(&r);
    }
    /* what feeds a window counts, too */
    buf_clear(&b);
    buf_text(&b, "avg(");
    for (int i = 0; i < 127; i++) {
        buf_text(&b, "P+");
    }
    buf_text(&b, "Q, 5s) > 1 or min(");
    for (int i = 0; i < 127; i++) {
        buf_text(&b, "Q+");
    }
    buf_text(&b, "P, 5s) > 2");
    limit(buf_slice(&b), RULE_E_TOO_BIG, 530); /* within the second one */
    /* a chain as long as a source can be */
    limit(repeated(&b, "1+", 2047, "P"), RULE_OK, 0);
    limit(repeated(&b, "P+", 2047, "P"), RULE_E_TOO_BIG, 0);
    buf_done(&b);
}

static void a_rule_has_at_most_64_inputs(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 63; i >= 0; i--) {
        buf_printf(&b, "t%d + ", i);
    }
    buf_text(&b, "t0");
    struct rig r;
    const uint32_t *tags = NULL;
    rig_init(&r);
    buf_byte(&b, '\0');
    uint32_t p = rig_add(&r, (const char *)b.p);
    rig_start(&r);
    assert_int_equal(rule_set_inputs(r.set, p, &tags), 64);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(tags[i], 100 + i);
    }
    rig_done(&r);
    b.n--;
    uint32_t pos = (uint32_t)b.n + 3;
    buf_text(&b, " + t64");
    limit(buf_slice(&b), RULE_E_TOO_BIG, pos);
    buf_done(&b);
}

static void a_rule_has_at_most_16_windows(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 1; i <= 16; i++) { /* the same window with another function is no other window */
        buf_printf(&b, "avg(P, %ds) > min(P, %ds) or ", i, i);
    }
    size_t n = b.n;
    buf_text(&b, "R");
    limit(buf_slice(&b), RULE_OK, 0);
    b.n = n;
    buf_text(&b, "max(P, 17s) > 3");
    limit(buf_slice(&b), RULE_E_TOO_BIG, (uint32_t)n);
    buf_done(&b);
}

static void a_rule_names_its_inputs_once_and_in_order(void **state) {
    (void)state;
    struct rig r;
    const uint32_t *tags = NULL;
    rig_init(&r);
    uint32_t p =
        rig_add(&r, "avg(Q + L, 5s) > P or good(S) or age(N) > 5s or prev(R) or L > 2 or for(S, 5s)");
    uint32_t none = rig_add(&r, "between(07:00, 08:00)");
    rig_start(&r);
    assert_int_equal(rule_set_inputs(r.set, p, &tags), 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(tags[i], i); /* P Q L R S N */
    }
    assert_int_equal(rule_set_inputs(r.set, none, &tags), 0);
    rig_done(&r);
}

static void a_rule_knows_whether_time_changes_it(void **state) {
    (void)state;
    static const struct {
        const char *source;
        bool has_time;
    } cases[] = {{"P > 5", false},           {"prev(P) > 5", false},
                 {"good(P)", false},         {"avg(P, 5s) > 5", true},
                 {"R or age(P) > 5s", true}, {"for(R, 5s)", true},
                 {"count(R, 5s) > 1", true}, {"if(between(07:00, 08:00), P, Q) > 5", true}};
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)rig_add(&r, cases[i].source);
    }
    rig_start(&r);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(rule_set_has_time(r.set, i), cases[i].has_time);
    }
    rig_done(&r);
}

static void windows_are_shared_by_all_rules(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    (void)rig_add(&r, "avg(level, 5min) > 4 m");
    (void)rig_add(&r, "R and avg( \"level\" , 300s) > 2 m");
    (void)rig_add(&r, "max(level, 5min) - min(level, 5min) < 10 cm");
    (void)rig_add(&r, "abs(rate(level, 5min)) > 1");
    (void)rig_add(&r, "count(level > 3 m, 1h) > 1");
    (void)rig_add(&r, "duration(level > 300 cm, 1h) > 1min"); /* the literal is converted */
    (void)rig_add(&r, "duration(level > 2 + 1, 1h) > 1min");  /* and folded */
    uint32_t cost = rig_add(&r, "avg(level, 5min) > 4 m and avg(level, 5min) < 5 m");
    rig_start(&r);
    assert_int_equal(rule_set_windows(r.set), 2);
    /* avg, 4, >, 5, <, and; the level that feeds the window; the window */
    assert_int_equal(rule_set_cost(r.set, cost), 8);
    rig_done(&r);
    rig_init(&r);
    (void)rig_add(&r, "avg(level, 5min) > avg(level, 6min)");
    (void)rig_add(&r, "avg(level2, 5min) > 1");
    rig_start(&r);
    assert_int_equal(rule_set_windows(r.set), 3);
    rig_done(&r);
}

static void a_refused_rule_leaves_no_trace(void **state) {
    (void)state;
    struct rig r;
    struct rule_fault fault = {0};
    uint32_t p = 0;
    rig_init(&r);
    (void)rig_add(&r, "P > 1");
    assert_int_equal(rig_try(&r, slice_str("avg(Q, 5s) > L and X"), RULE_WANT_BOOL, "", &p, &fault),
                     ERR_INVALID);
    assert_int_equal(rig_add(&r, "P > 2"), 1);
    rig_start(&r);
    assert_int_equal(rule_set_count(r.set), 2);
    assert_int_equal(rule_set_windows(r.set), 0);
    rig_done(&r);
}

static void a_fault_may_be_nobodys_business(void **state) {
    (void)state;
    struct rig r;
    uint32_t p = 0;
    rig_init(&r);
    assert_int_equal(
        rule_builder_add(r.builder, slice_str("P >"), &r.scope, RULE_WANT_BOOL, slice_str(""), &p, NULL),
        ERR_INVALID);
    rig_done(&r);
}

static void texts_are_valid_whatever_the_source_holds(void **state) {
    (void)state;
    struct rig r;
    struct rule_fault fault = {0};
    uint32_t p = 0;
    char source[300];
    memset(source, '\xC3', sizeof source); /* half characters */
    source[0] = '"';
    source[sizeof source - 1] = '"';
    rig_init(&r);
    assert_int_equal(rig_try(&r, slice_of(source, sizeof source), RULE_WANT_BOOL, "", &p, &fault),
                     ERR_INVALID);
    assert_int_equal(fault.code, RULE_E_TAG);
    assert_non_null(strstr(fault.text, "???"));
    rig_done(&r);
}

static void codes_and_types_have_names(void **state) {
    (void)state;
    static const char *const codes[] = {"OK",        "E_SYNTAX", "E_CHAINED", "E_TAG",      "E_TYPE",
                                        "E_UNIT",    "E_WINDOW", "E_NESTED",  "E_TOO_LONG", "E_DEPTH",
                                        "E_TOO_BIG", "E_CYCLE",  "E_MEMORY"};
    static const char *const types[] = {"number", "bool", "duration", "clock", "state"};
    for (int i = 0; i < (int)COUNT(codes); i++) {
        assert_string_equal(rule_code_name((enum rule_code)i), codes[i]);
    }
    for (int i = 0; i < (int)COUNT(types); i++) {
        assert_string_equal(rule_type_name((enum rule_type)i), types[i]);
    }
}

static void a_set_that_does_not_fit_is_refused_whole(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    (void)rig_add(&r, "avg(P, 5s) > 1 and Q > 2");
    struct rule_set *set = NULL;
    bool done = false;
    for (size_t max = 16; !done; max += 16) {
        struct arena small;
        struct error err = {0};
        arena_init(&small, max);
        enum status status = rule_builder_finish(r.builder, &small, &set, &err);
        done = status == OK;
        assert_true(done || (status == ERR_NOMEM && err.text[0] != '\0'));
        arena_done(&small);
        assert_true(max < 100000);
    }
    rig_done(&r);
}

/* --- levels --- */

static void calculated_tags_have_levels(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t programs[RIG_TAGS];
    uint32_t levels[RIG_TAGS];
    for (int i = 0; i < RIG_TAGS; i++) {
        programs[i] = RULE_NONE;
    }
    programs[rig_tag("t3")] = rig_add(&r, "t2 + t1 + P");
    programs[rig_tag("t1")] = rig_add(&r, "P + Q");
    programs[rig_tag("t2")] = rig_add(&r, "avg(t1, 5s)");
    programs[rig_tag("t4")] = rig_add(&r, "5");
    rig_start(&r);
    struct rule_cycle cycle = {0};
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, &cycle), OK);
    assert_int_equal(levels[rig_tag("P")], 0);
    assert_int_equal(levels[rig_tag("t1")], 1);
    assert_int_equal(levels[rig_tag("t2")], 2);
    assert_int_equal(levels[rig_tag("t3")], 3);
    assert_int_equal(levels[rig_tag("t4")], 1);
    rig_done(&r);
}

static void a_cycle_is_named(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t programs[RIG_TAGS];
    uint32_t levels[RIG_TAGS];
    for (int i = 0; i < RIG_TAGS; i++) {
        programs[i] = RULE_NONE;
    }
    programs[rig_tag("t1")] = rig_add(&r, "t2 + 1");
    programs[rig_tag("t2")] = rig_add(&r, "P + t3");
    programs[rig_tag("t3")] = rig_add(&r, "avg(t4, 5s)");
    programs[rig_tag("t4")] = rig_add(&r, "if(good(t2), 1, 2)");
    uint32_t itself = rig_add(&r, "prev(t5) + 1");
    rig_start(&r);
    struct rule_cycle cycle = {0};
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, &cycle), ERR_INVALID);
    assert_int_equal(cycle.n, 3); /* t1 is not in it */
    assert_int_equal(cycle.tags[0], rig_tag("t2"));
    assert_int_equal(cycle.tags[1], rig_tag("t3"));
    assert_int_equal(cycle.tags[2], rig_tag("t4"));
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, NULL), ERR_INVALID);
    programs[rig_tag("t2")] = RULE_NONE;
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, &cycle), OK);
    programs[rig_tag("t5")] = itself;
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, &cycle), ERR_INVALID);
    assert_int_equal(cycle.n, 1);
    rig_done(&r);
}

static void a_long_chain_of_calculated_tags_needs_no_deep_stack(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t programs[RIG_TAGS];
    uint32_t levels[RIG_TAGS];
    for (int i = 0; i < RIG_TAGS; i++) {
        programs[i] = RULE_NONE;
    }
    for (uint32_t i = 0; i < 99; i++) {
        char source[32];
        (void)snprintf(source, sizeof source, "t%u + 1", i + 1);
        programs[100 + i] = rig_add(&r, source);
    }
    rig_start(&r);
    assert_int_equal(rule_levels(r.set, programs, RIG_TAGS, levels, NULL), OK);
    assert_int_equal(levels[100], 99);
    assert_int_equal(levels[199], 0);
    rig_done(&r);
}

/* --- words --- */

static void words_know_their_place(void **state) {
    (void)state;
    static const struct {
        enum rule_token_kind kind;
        uint32_t pos;
        uint32_t len;
        double v;
        const char *text;
        const char *unit;
    } words[] = {
        {RULE_TOKEN_NAME, 0, 2, 0, "P1", ""},        {RULE_TOKEN_LE, 2, 2, 0, "", ""},
        {RULE_TOKEN_NUMBER, 4, 8, 4.5, "", "m3/h"},  {RULE_TOKEN_AND, 14, 3, 0, "and", ""},
        {RULE_TOKEN_DURATION, 18, 5, 60e6, "", "s"}, {RULE_TOKEN_DIVIDE, 23, 1, 0, "", ""},
        {RULE_TOKEN_NUMBER, 24, 2, 10, "", ""},      {RULE_TOKEN_OR, 27, 2, 0, "or", ""},
        {RULE_TOKEN_CLOCK, 30, 5, 25500, "", ""},    {RULE_TOKEN_QUOTED, 36, 5, 0, "a'b", ""},
        {RULE_TOKEN_STATE, 42, 5, 0, "c\"d", ""},    {RULE_TOKEN_NUMBER, 48, 5, 7, "", "µm"},
        {RULE_TOKEN_NAME, 54, 5, 0, "$x.y2", ""},    {RULE_TOKEN_END, 59, 0, 0, "", ""},
    };
    struct rule_lexer lexer = {0};
    lexer.source = slice_str("P1<=4.5 m3/h  and 60  s/10 or 07:05 \"a'b\" 'c\"d' 7 µm $x.y2");
    for (size_t i = 0; i < COUNT(words); i++) {
        struct rule_token t = {0};
        struct rule_fault fault = {0};
        assert_true(rule_lex_next(&lexer, &t, &fault));
        if (t.kind != words[i].kind || t.pos != words[i].pos || t.len != words[i].len || t.v != words[i].v ||
            !slice_is(t.text, words[i].text) || !slice_is(t.unit, words[i].unit)) {
            fail_msg("word %zu is kind %d at %u+%u, %g '%.*s' '%.*s'", i, t.kind, t.pos, t.len, t.v,
                     SLICE_ARG(t.text), SLICE_ARG(t.unit));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grammar_allows_is_taken),
        cmocka_unit_test(what_cannot_be_read_is_refused_where_it_is),
        cmocka_unit_test(what_makes_no_sense_is_refused_where_it_is),
        cmocka_unit_test(the_result_must_be_what_is_wanted),
        cmocka_unit_test(a_rule_has_limits),
        cmocka_unit_test(a_rule_has_at_most_256_instructions),
        cmocka_unit_test(a_rule_has_at_most_64_inputs),
        cmocka_unit_test(a_rule_has_at_most_16_windows),
        cmocka_unit_test(a_rule_names_its_inputs_once_and_in_order),
        cmocka_unit_test(a_rule_knows_whether_time_changes_it),
        cmocka_unit_test(windows_are_shared_by_all_rules),
        cmocka_unit_test(a_refused_rule_leaves_no_trace),
        cmocka_unit_test(a_fault_may_be_nobodys_business),
        cmocka_unit_test(texts_are_valid_whatever_the_source_holds),
        cmocka_unit_test(codes_and_types_have_names),
        cmocka_unit_test(a_set_that_does_not_fit_is_refused_whole),
        cmocka_unit_test(calculated_tags_have_levels),
        cmocka_unit_test(a_cycle_is_named),
        cmocka_unit_test(a_long_chain_of_calculated_tags_needs_no_deep_stack),
        cmocka_unit_test(words_know_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
