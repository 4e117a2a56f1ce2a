#include "tests/cases/case_line.h"

#include "server/base/check.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *case_text(struct arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(n >= 0);
    char *text = arena_alloc(arena, (size_t)n + 1, 1);
    CHECK(text != NULL);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

struct reader {
    struct arena *arena;
    const char *p;
    const char *end;
    char *out; /* room for what is left of the line */
};

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool at_arrow(const struct reader *r) {
    return r->end - r->p >= 2 && r->p[0] == '-' && r->p[1] == '>';
}

static char unescape(char c) {
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* From behind the opening quote to behind the closing one. */
static bool read_quoted(struct reader *r, char quote) {
    while (r->p < r->end && *r->p != quote) {
        if (*r->p == '\\' && r->p + 1 < r->end) {
            r->p++;
            *r->out++ = unescape(*r->p);
        } else {
            *r->out++ = *r->p;
        }
        r->p++;
    }
    if (r->p == r->end) {
        return false;
    }
    r->p++;
    return true;
}

static const char *read_word(struct reader *r, struct case_word *ret) {
    char *start = r->out;
    *ret = (struct case_word){.text = start};
    while (r->p < r->end && !blank(*r->p) && !(r->out != start && at_arrow(r))) {
        char c = *r->p++;
        if (c == '"' || (c == '\'' && (r->out == start || r->out[-1] == '\0'))) {
            ret->quoted = true;
            if (!read_quoted(r, c)) {
                return "a quote is not closed";
            }
        } else if (c == '=' && ret->key == NULL && r->out != start && !ret->quoted) {
            ret->key = start;
            *r->out++ = '\0';
            ret->text = r->out;
        } else {
            *r->out++ = c;
        }
        if (ret->key == NULL && r->out - start == 2 && !ret->quoted && memcmp(start, "->", 2) == 0) {
            break;
        }
    }
    *r->out++ = '\0';
    return NULL;
}

const char *case_line_read(struct arena *arena, struct slice raw, uint32_t number, struct case_line *ret) {
    *ret = (struct case_line){.number = number, .raw = raw};
    struct reader r = {.arena = arena, .p = raw.p, .end = raw.p + raw.n};
    /* Each word adds at most its end and the one between key and text. */
    r.out = arena_alloc(arena, 3 * raw.n + 4, 1);
    struct case_word *words = arena_alloc(arena, raw.n + 1, sizeof *words);
    CHECK(r.out != NULL);
    CHECK(words != NULL);
    ret->word = words;
    for (;;) {
        while (r.p < r.end && blank(*r.p)) {
            r.p++;
        }
        if (r.p == r.end || *r.p == '#' || (r.end - r.p >= 2 && r.p[0] == '/' && r.p[1] == '/')) {
            return NULL;
        }
        const char *fault = read_word(&r, &words[ret->n++]);
        if (fault != NULL) {
            return fault;
        }
    }
}

uint32_t case_line_arrow(const struct case_line *line) {
    for (uint32_t i = 0; i < line->n; i++) {
        if (line->word[i].key == NULL && !line->word[i].quoted && strcmp(line->word[i].text, "->") == 0) {
            return i;
        }
    }
    return line->n;
}

bool case_number(const char *text, double *ret) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0') {
        return false;
    }
    *ret = number;
    return true;
}

static const struct {
    const char *name;
    long double us;
} units[] = {{"ms", 1e3L}, {"min", 60e6L}, {"us", 1},      {"s", 1e6L},
             {"m", 60e6L}, {"h", 3600e6L}, {"d", 86400e6L}};

static bool read_unit(const char **p, long double *ret_us) {
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t n = strlen(units[i].name);
        if (strncmp(*p, units[i].name, n) == 0 && !isalpha((unsigned char)(*p)[n])) {
            *p += n;
            *ret_us = units[i].us;
            return true;
        }
    }
    return false;
}

bool case_duration_us(const char *text, int64_t *ret_us) {
    const char *p = text;
    long double sum = 0;
    do {
        char *end = NULL;
        long double number = strtold(p, &end);
        if (end == p || !isfinite(number)) {
            return false;
        }
        p = end;
        long double us = 1e6L;
        if (*p != '\0' && !read_unit(&p, &us)) {
            return false;
        }
        sum += number * us;
    } while (*p != '\0');
    if (sum > 9e18L || sum < -9e18L) {
        return false;
    }
    *ret_us = llroundl(sum);
    return true;
}

bool case_bool(const char *text, bool *ret) {
    static const char *const yes[] = {"1", "yes", "true", "on", "y"};
    static const char *const no[] = {"0", "no", "false", "off", "n"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static const char *const priorities[] = {"", "critical", "high", "medium", "low"};

int case_priority(const char *text) {
    for (int i = 1; i <= 4; i++) {
        if (strcmp(text, priorities[i]) == 0 || (text[0] == '0' + i && text[1] == '\0')) {
            return i;
        }
    }
    return 0;
}

const char *case_priority_name(uint8_t priority) {
    return priority >= 1 && priority <= 4 ? priorities[priority] : "?";
}

const char *case_seconds(struct arena *arena, int64_t us) {
    uint64_t whole = us < 0 ? (uint64_t)0 - (uint64_t)us : (uint64_t)us;
    char fraction[8] = "";
    if (whole % 1000000 != 0) {
        int n = snprintf(fraction, sizeof fraction, ".%06u", (unsigned)(whole % 1000000));
        while (n > 0 && fraction[n - 1] == '0') {
            fraction[--n] = '\0';
        }
    }
    return case_text(arena, "%s%llu%s", us < 0 ? "-" : "", (unsigned long long)(whole / 1000000), fraction);
}
