#include "server/core/rule_lex.h"

#include "server/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_MAX = 64 };

bool rule_fault_set(struct rule_fault *fault, enum rule_code code, uint32_t pos, uint32_t len,
                    const char *fmt, ...) {
    if (fault == NULL) {
        return false;
    }
    *fault = (struct rule_fault){.code = code, .pos = pos, .len = len};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof fault->text, fmt, args);
    va_end(args);
    /* Text of the source may be in it: cut and made valid. */
    size_t n = strnlen(fault->text, sizeof fault->text);
    for (size_t i = 0; i < n;) {
        size_t size = utf8_char(fault->text + i, n - i);
        if (size == 0) {
            fault->text[i] = '?';
            size = 1;
        }
        i += size;
    }
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_name(char c) {
    return is_name_start(c) || is_digit(c);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* '\0' beyond the end */
static char peek(const struct rule_lexer *l, size_t ahead) {
    return l->at + ahead < l->source.n ? l->source.p[l->at + ahead] : '\0';
}

static void skip_blanks(struct rule_lexer *l) {
    while (l->at < l->source.n && is_blank(l->source.p[l->at])) {
        l->at++;
    }
}

static bool is_keyword(struct slice word, enum rule_token_kind *ret) {
    static const struct {
        const char *word;
        enum rule_token_kind kind;
    } keywords[] = {{"and", RULE_TOKEN_AND},
                    {"or", RULE_TOKEN_OR},
                    {"not", RULE_TOKEN_NOT},
                    {"true", RULE_TOKEN_TRUE},
                    {"false", RULE_TOKEN_FALSE}};
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (slice_is(word, keywords[i].word)) {
            *ret = keywords[i].kind;
            return true;
        }
    }
    return false;
}

/* A letter, a percent sign, or a character beyond ASCII (°, µ, ³). */
static bool is_unit_start(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '%' || (unsigned char)c >= 0x80;
}

/* Looks for a unit behind a number. "/" belongs to it when a letter follows at once: "m3/h", but not
 * "60s/10". */
static struct slice take_unit(struct rule_lexer *l) {
    struct rule_lexer try = *l;
    skip_blanks(&try);
    if (!is_unit_start(peek(&try, 0))) {
        return slice_of(NULL, 0);
    }
    size_t start = try.at;
    while (is_unit_start(peek(&try, 0)) || is_digit(peek(&try, 0)) ||
           (peek(&try, 0) == '/' && is_unit_start(peek(&try, 1)))) {
        try.at++;
    }
    struct slice unit = slice_of(l->source.p + start, try.at - start);
    enum rule_token_kind keyword = RULE_TOKEN_END;
    if (is_keyword(unit, &keyword)) {
        return slice_of(NULL, 0);
    }
    l->at = try.at;
    return unit;
}

static int64_t duration_unit_us(struct slice unit) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"ms", 1000},
                 {"s", 1000000},
                 {"min", 60000000},
                 {"h", INT64_C(3600000000)},
                 {"d", INT64_C(86400000000)}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_is(unit, units[i].name)) {
            return units[i].us;
        }
    }
    return 0;
}

static bool finish(const struct rule_lexer *l, size_t start, struct rule_token *ret) {
    ret->pos = (uint32_t)start; /* sources are at most RULE_SOURCE_MAX */
    ret->len = (uint32_t)(l->at - start);
    return true;
}

static bool lex_clock(struct rule_lexer *l, size_t start, struct rule_token *ret, struct rule_fault *fault) {
    const char *p = l->source.p + start;
    bool whole = l->at - start == 2 && is_digit(peek(l, 1)) && is_digit(peek(l, 2)) && !is_digit(peek(l, 3));
    int hour = whole ? (p[0] - '0') * 10 + (p[1] - '0') : 99;
    int minute = whole ? (p[3] - '0') * 10 + (p[4] - '0') : 99;
    if (hour > 23 || minute > 59) {
        return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)(l->at + 1 - start),
                              "a time of day is written with two digits each, from 00:00 to 23:59");
    }
    l->at += 3;
    ret->kind = RULE_TOKEN_CLOCK;
    ret->v = hour * 3600 + minute * 60;
    return finish(l, start, ret);
}

static bool lex_number(struct rule_lexer *l, struct rule_token *ret, struct rule_fault *fault) {
    size_t start = l->at;
    bool whole = true;
    while (is_digit(peek(l, 0))) {
        l->at++;
    }
    if (peek(l, 0) == ':') {
        return lex_clock(l, start, ret, fault);
    }
    if (peek(l, 0) == '.') {
        if (!is_digit(peek(l, 1))) {
            return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)(l->at + 1 - start),
                                  "a digit must follow the decimal point, as in 4.0");
        }
        whole = false;
        l->at++;
        while (is_digit(peek(l, 0))) {
            l->at++;
        }
    }
    size_t sign = peek(l, 1) == '-' || peek(l, 1) == '+' ? 1 : 0;
    if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && is_digit(peek(l, 1 + sign))) {
        whole = false;
        l->at += 1 + sign;
        while (is_digit(peek(l, 0))) {
            l->at++;
        }
    }
    char text[NUMBER_MAX + 1];
    size_t n = l->at - start;
    if (n > NUMBER_MAX) {
        return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)n,
                              "a number has at most %d characters", NUMBER_MAX);
    }
    memcpy(text, l->source.p + start, n);
    text[n] = '\0';
    ret->v = strtod(text, NULL);
    if (!isfinite(ret->v)) {
        return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)n,
                              "this number is too large; at most 1.7e308");
    }
    ret->kind = RULE_TOKEN_NUMBER;
    ret->unit = take_unit(l);
    int64_t us = duration_unit_us(ret->unit);
    if (whole && us > 0) {
        ret->kind = RULE_TOKEN_DURATION;
        ret->v *= (double)us;
        if (ret->v > 9e15) { /* beyond which a double skips microseconds */
            return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)(l->at - start),
                                  "this duration is too long; at most 100000 days");
        }
    }
    return finish(l, start, ret);
}

static bool lex_quoted(struct rule_lexer *l, struct rule_token *ret, struct rule_fault *fault) {
    size_t start = l->at;
    char quote = l->source.p[start];
    const char *from = l->source.p + start + 1;
    const char *end = memchr(from, quote, l->source.n - start - 1);
    if (end == NULL) {
        return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)(l->source.n - start),
                              "the closing %c is missing", quote);
    }
    ret->text = slice_of(from, (size_t)(end - from));
    l->at = (size_t)(end - l->source.p) + 1;
    if (ret->text.n == 0) {
        return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, 2,
                              "nothing is between the quotes; a name is expected");
    }
    ret->kind = quote == '"' ? RULE_TOKEN_QUOTED : RULE_TOKEN_STATE;
    return finish(l, start, ret);
}

static bool lex_name(struct rule_lexer *l, struct rule_token *ret, struct rule_fault *fault) {
    size_t start = l->at;
    if (peek(l, 0) == '$') {
        l->at++;
        if (!is_name_start(peek(l, 0))) {
            return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, 1,
                                  "a name must follow $, as in $this.level");
        }
    }
    for (;;) {
        while (is_name(peek(l, 0))) {
            l->at++;
        }
        if (peek(l, 0) != '.') {
            break;
        }
        l->at++;
        if (!is_name_start(peek(l, 0))) {
            return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, (uint32_t)(l->at - start),
                                  "a name must follow the point; odd names are written in double quotes");
        }
    }
    ret->text = slice_of(l->source.p + start, l->at - start);
    ret->kind = RULE_TOKEN_NAME;
    (void)is_keyword(ret->text, &ret->kind);
    return finish(l, start, ret);
}

static bool lex_operator(struct rule_lexer *l, struct rule_token *ret, struct rule_fault *fault) {
    static const struct {
        const char *text;
        enum rule_token_kind kind;
    } operators[] = {/* longer ones first */
                     {"<=", RULE_TOKEN_LE},    {">=", RULE_TOKEN_GE},   {"==", RULE_TOKEN_EQ},
                     {"!=", RULE_TOKEN_NE},    {"<", RULE_TOKEN_LT},    {">", RULE_TOKEN_GT},
                     {"+", RULE_TOKEN_PLUS},   {"-", RULE_TOKEN_MINUS}, {"*", RULE_TOKEN_TIMES},
                     {"/", RULE_TOKEN_DIVIDE}, {"(", RULE_TOKEN_OPEN},  {")", RULE_TOKEN_CLOSE},
                     {",", RULE_TOKEN_COMMA}};
    static const struct {
        char c;
        const char *right;
    } mistakes[] = {{'=', "write == to compare"},
                    {'!', "write not, or != to compare"},
                    {'&', "there is no & here; write and"},
                    {'|', "there is no | here; write or"},
                    {'^', "there is no ^ here; multiply instead"},
                    {'%', "% stands behind a number"}};
    size_t start = l->at;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t n = strlen(operators[i].text);
        if (n <= l->source.n - start && memcmp(l->source.p + start, operators[i].text, n) == 0) {
            l->at += n;
            ret->kind = operators[i].kind;
            return finish(l, start, ret);
        }
    }
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        if (l->source.p[start] == mistakes[i].c) {
            return rule_fault_set(fault, RULE_E_SYNTAX, (uint32_t)start, 1, "%s", mistakes[i].right);
        }
    }
    size_t size = utf8_char(l->source.p + start, l->source.n - start);
    return rule_fault_set(
        fault, RULE_E_SYNTAX, (uint32_t)start, size > 0 ? (uint32_t)size : 1,
        "this character has no meaning here; odd names of tags are written in double quotes");
}

bool rule_lex_next(struct rule_lexer *lexer, struct rule_token *ret, struct rule_fault *ret_fault) {
    *ret = (struct rule_token){0};
    skip_blanks(lexer);
    char c = peek(lexer, 0);
    if (lexer->at >= lexer->source.n) {
        return finish(lexer, lexer->at, ret);
    }
    if (is_digit(c)) {
        return lex_number(lexer, ret, ret_fault);
    }
    if (c == '"' || c == '\'') {
        return lex_quoted(lexer, ret, ret_fault);
    }
    if (is_name_start(c) || c == '$') {
        return lex_name(lexer, ret, ret_fault);
    }
    return lex_operator(lexer, ret, ret_fault);
}
