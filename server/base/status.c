#include "server/base/status.h"

#include "server/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf cuts at a byte; a half character would make the text unusable in JSON. */
static void cut_at_character(char *text, size_t size) {
    text[utf8_valid_prefix(text, strnlen(text, size))] = '\0';
}

/* In parentheses: for the analyzer error_set is also a macro. */
enum status(error_set)(struct error *err, enum status code, const char *where, const char *fmt, ...) {
    if (err == NULL) {
        return code;
    }
    err->code = code;
    (void)snprintf(err->where, sizeof err->where, "%s", where);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    cut_at_character(err->where, sizeof err->where);
    cut_at_character(err->text, sizeof err->text);
    return code;
}

enum status error_wrap(struct error *err, const char *context) {
    if (err == NULL) {
        return ERR_INTERNAL;
    }
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    (void)snprintf(err->text, sizeof err->text, "%s: %s", context, inner);
    cut_at_character(err->text, sizeof err->text);
    return err->code;
}

const char *status_name(enum status code) {
    static const char *const names[] = {
        [OK] = "ok",
        [ERR_INVALID] = "invalid",
        [ERR_TOO_BIG] = "too_big",
        [ERR_FULL] = "full",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_EXISTS] = "exists",
        [ERR_CONFLICT] = "conflict",
        [ERR_WRONG_STATE] = "wrong_state",
        [ERR_DENIED] = "denied",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_NOMEM] = "no_memory",
        [ERR_IO] = "io",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_TIMEOUT] = "timeout",
        [ERR_INTERNAL] = "internal",
        [ERR_NO_SPACE] = "no_space",
    };
    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
