/* Lines of the case files (tests/cases/README.md): a line is cut into words, a word is a text or key=text.
 * Quotes ("…" or '…', with \ before a character that stands for itself) keep blanks together; # and // begin
 * a comment where a word could begin. "->" is a word of its own, blanks around it or not. */
#ifndef PENSTOCK_TESTS_CASE_LINE_H
#define PENSTOCK_TESTS_CASE_LINE_H

#include "server/base/arena.h"

#include <stdint.h>

enum { CASE_WORDS_MAX = 512 };

struct case_word {
    const char *key;  /* NULL: no '=' in it */
    const char *text; /* without quotes */
    bool quoted;      /* some of it stood in quotes */
};

struct case_line {
    uint32_t number; /* in the file */
    struct slice raw;
    struct case_word *word;
    uint32_t n;
};

/* NULL if all went well, else what is wrong with the line. Words are in the arena. A line without words has n
 * 0. */
const char *case_line_read(struct arena *arena, struct slice raw, uint32_t number, struct case_line *ret);
/* Index of "->", n if there is none. */
uint32_t case_line_arrow(const struct case_line *line);

/* The whole text is a number (nan, inf, -inf too). */
bool case_number(const char *text, double *ret);
/* A number of seconds, or several with ms, s, min, m, h, d behind them: "90", "1.5h", "1h30min", "-5". */
bool case_duration_us(const char *text, int64_t *ret_us);
bool case_bool(const char *text, bool *ret);
/* low, medium, high, critical or a number; 0 if it is none of them. */
int case_priority(const char *text);
const char *case_priority_name(uint8_t priority);
/* Seconds as people write them: "10", "7.5". */
const char *case_seconds(struct arena *arena, int64_t us);
/* printf into the arena. */
const char *case_text(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
