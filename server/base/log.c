#include "server/base/log.h"

#include "server/base/clock.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_EVENTS_MAX = 256, LOG_BURST = 20, LOG_PER_SECOND = 2 };

struct log_budget {
    const char *event;
    int64_t since_mono_us;
    unsigned lines;
    unsigned left_out;
};

static struct {
    enum log_level level;
    struct log_budget budgets[LOG_EVENTS_MAX];
} sink = {.level = LOG_INFO};

void log_set_level(enum log_level level) {
    sink.level = level;
}

bool log_level_parse(const char *text, enum log_level *ret_level) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* The event's budget; event names are literals, so a small table is enough. When it is full, lines are not
 * limited. */
static struct log_budget *budget_of(const char *event) {
    for (size_t i = 0; i < LOG_EVENTS_MAX; i++) {
        struct log_budget *b = &sink.budgets[i];
        if (b->event == NULL) {
            b->event = event;
            return b;
        }
        if (b->event == event || strcmp(b->event, event) == 0) {
            return b;
        }
    }
    return NULL;
}

/* Says whether this line may be printed, and how many were left out before it. */
static bool within_budget(const char *event, unsigned *ret_left_out) {
    *ret_left_out = 0;
    struct log_budget *b = budget_of(event);
    if (b == NULL) {
        return true;
    }
    int64_t now = clock_mono_us();
    int64_t earned = (now - b->since_mono_us) / TM_SECOND_US * LOG_PER_SECOND;
    if (earned > 0) {
        b->lines = earned >= b->lines ? 0 : b->lines - (unsigned)earned;
        b->since_mono_us = now;
    }
    if (b->lines >= LOG_BURST) {
        b->left_out++;
        return false;
    }
    b->lines++;
    *ret_left_out = b->left_out;
    b->left_out = 0;
    return true;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...) {
    unsigned left_out = 0;
    if (level > sink.level || !within_budget(event, &left_out)) {
        return;
    }
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char time[TM_TEXT_SIZE] = "";
    if (tm_format(clock_wall_us(), time) != OK) {
        time[0] = '\0';
    }
    char line[2048];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (left_out > 0) {
        (void)fprintf(stderr, "%s %s %s %s left_out=%u\n", time, names[level], event, line, left_out);
    } else {
        (void)fprintf(stderr, "%s %s %s %s\n", time, names[level], event, line);
    }
}

struct log_quoted log_quote(struct slice text) {
    struct log_quoted out = {.text = "\""};
    size_t n = 1;
    for (size_t i = 0; i < text.n && n < LOG_QUOTED_SIZE - 8;) {
        size_t len = utf8_char(text.p + i, text.n - i);
        unsigned char c = (unsigned char)text.p[i];
        if (len == 0 || c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out.text + n, LOG_QUOTED_SIZE - n, "\\x%02x", c);
            i++;
        } else if (c == '"' || c == '\\') {
            out.text[n++] = '\\';
            out.text[n++] = (char)c;
            i++;
        } else {
            memcpy(out.text + n, text.p + i, len);
            n += len;
            i += len;
        }
    }
    out.text[n++] = '"';
    out.text[n] = '\0';
    return out;
}
