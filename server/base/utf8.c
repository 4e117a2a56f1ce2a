#include "server/base/utf8.h"

#include <stdint.h>

static bool continues(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* The length that the first byte announces, 0 if no character starts with it. */
static size_t announced(uint8_t first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if ((first & 0xF0) == 0xE0) {
        return 3;
    }
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* Overlong forms, surrogates and what lies beyond U+10FFFF: told by the first two bytes. */
static bool forbidden(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xE0:
        return second < 0xA0;
    case 0xED:
        return second >= 0xA0;
    case 0xF0:
        return second < 0x90;
    case 0xF4:
        return second >= 0x90;
    default: /* a byte, not an enum */
        return false;
    }
}

size_t utf8_char(const char *p, size_t n) {
    const uint8_t *u = (const uint8_t *)p;
    size_t len = n == 0 ? 0 : announced(u[0]);
    if (len == 0 || len > n) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!continues(u[i])) {
            return 0;
        }
    }
    return len > 1 && forbidden(u[0], u[1]) ? 0 : len;
}

size_t utf8_valid_prefix(const char *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        size_t len = utf8_char(p + i, n - i);
        if (len == 0) {
            break;
        }
        i += len;
    }
    return i;
}

bool utf8_is_text(struct slice text) {
    return utf8_valid_prefix(text.p, text.n) == text.n &&
           (text.n == 0 || memchr(text.p, '\0', text.n) == NULL);
}
