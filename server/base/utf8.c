#include "server/base/utf8.h"

#include <stdint.h>

static bool continues(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

size_t utf8_char(const char *p, size_t n) {
    const uint8_t *u = (const uint8_t *)p;
    if (n == 0) {
        return 0;
    }
    if (u[0] < 0x80) {
        return 1;
    }
    if (u[0] >= 0xC2 && u[0] <= 0xDF) {
        return n >= 2 && continues(u[1]) ? 2 : 0;
    }
    if ((u[0] & 0xF0) == 0xE0) {
        if (n < 3 || !continues(u[1]) || !continues(u[2])) {
            return 0;
        }
        bool overlong = u[0] == 0xE0 && u[1] < 0xA0;
        bool surrogate = u[0] == 0xED && u[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (u[0] >= 0xF0 && u[0] <= 0xF4) {
        if (n < 4 || !continues(u[1]) || !continues(u[2]) || !continues(u[3])) {
            return 0;
        }
        bool overlong = u[0] == 0xF0 && u[1] < 0x90;
        bool beyond = u[0] == 0xF4 && u[1] >= 0x90;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
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
