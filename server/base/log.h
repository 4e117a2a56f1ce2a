/* The structured log: one line an event, `level event key=value …` on stderr, with a UTC time in front. Event
 * names are stable
 * ("link.up"); values that need it are quoted and escaped. Only app, adapters and programs log, once, where
 * an error is handled. Lines are limited per event name (a burst of 20, then 2 a second; the next line says
 * how many were left out). The level and the limiter are the program's only mutable globals beside the signal
 * flag. One thread. */
#ifndef PENSTOCK_BASE_LOG_H
#define PENSTOCK_BASE_LOG_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug"; false for anything else. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* fmt gives the key=value part. Texts from outside go through LOG_Q so that they cannot forge lines. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

enum { LOG_QUOTED_SIZE = 400 };
struct log_quoted {
    char text[LOG_QUOTED_SIZE];
};
/* "quoted", control characters and quotes escaped, cut when too long. */
struct log_quoted log_quote(struct slice text);
#define LOG_Q(s) (log_quote(s).text)

#endif
