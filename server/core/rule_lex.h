/* Words of the rule language (see rule.h). Pure; the lexer lends slices of the source. */
#ifndef PENSTOCK_CORE_RULE_LEX_H
#define PENSTOCK_CORE_RULE_LEX_H

#include "server/core/rule.h"

enum rule_token_kind {
    RULE_TOKEN_END,
    RULE_TOKEN_NUMBER,   /* v, unit if one follows */
    RULE_TOKEN_DURATION, /* v in microseconds, unit as written */
    RULE_TOKEN_CLOCK,    /* v in seconds of the day */
    RULE_TOKEN_STATE,    /* text without quotes */
    RULE_TOKEN_NAME,
    RULE_TOKEN_QUOTED, /* text without quotes */
    RULE_TOKEN_TRUE,
    RULE_TOKEN_FALSE,
    RULE_TOKEN_AND,
    RULE_TOKEN_OR,
    RULE_TOKEN_NOT,
    RULE_TOKEN_LT,
    RULE_TOKEN_LE,
    RULE_TOKEN_GT,
    RULE_TOKEN_GE,
    RULE_TOKEN_EQ,
    RULE_TOKEN_NE,
    RULE_TOKEN_PLUS,
    RULE_TOKEN_MINUS,
    RULE_TOKEN_TIMES,
    RULE_TOKEN_DIVIDE,
    RULE_TOKEN_OPEN,
    RULE_TOKEN_CLOSE,
    RULE_TOKEN_COMMA,
};

struct rule_token {
    enum rule_token_kind kind;
    uint32_t pos;
    uint32_t len;
    double v;
    struct slice text;
    struct slice unit;
};

struct rule_lexer {
    struct slice source;
    size_t at;
};

/* The next token; false with *ret_fault filled if there is none that makes sense. */
bool rule_lex_next(struct rule_lexer *lexer, struct rule_token *ret, struct rule_fault *ret_fault);

/* Fills a fault (if it is not NULL) and returns false. */
bool rule_fault_set(struct rule_fault *fault, enum rule_code code, uint32_t pos, uint32_t len,
                    const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
