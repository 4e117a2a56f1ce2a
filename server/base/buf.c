#include "server/base/buf.h"

#include "server/base/check.h"
#include "server/base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max) {
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b) {
    b->n = 0;
    b->failed = false;
}

uint8_t *buf_reserve(struct buf *b, size_t n) {
    if (b->failed || n > b->max || b->n > b->max - n) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + n;
    if (need > b->cap || b->p == NULL) {
        size_t cap = b->cap < 64 ? 64 : b->cap;
        while (cap < need) {
            cap *= 2;
        }
        if (cap > b->max && need <= b->max) {
            cap = b->max > 0 ? b->max : 1;
        }
        uint8_t *p = realloc(b->p, cap);
        if (p == NULL) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_append(struct buf *b, const void *p, size_t n) {
    uint8_t *to = buf_reserve(b, n);
    if (to != NULL && n > 0) {
        memcpy(to, p, n);
        b->n += n;
    }
}

void buf_byte(struct buf *b, uint8_t byte) {
    buf_append(b, &byte, 1);
}

void buf_text(struct buf *b, const char *text) {
    buf_append(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    char small[256];
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    CHECK(len >= 0);
    if ((size_t)len < sizeof small) {
        buf_append(b, small, (size_t)len);
    } else {
        uint8_t *to = buf_reserve(b, (size_t)len + 1);
        if (to != NULL) {
            (void)vsnprintf((char *)to, (size_t)len + 1, fmt, again);
            b->n += (size_t)len;
        }
    }
    va_end(again);
}

static void json_char(struct buf *b, const uint8_t *p, size_t len) {
    switch (p[0]) {
    case '"':
        buf_text(b, "\\\"");
        return;
    case '\\':
        buf_text(b, "\\\\");
        return;
    case '\n':
        buf_text(b, "\\n");
        return;
    case '\t':
        buf_text(b, "\\t");
        return;
    default:
        break;
    }
    if (p[0] < 0x20 || p[0] == 0x7f) {
        buf_printf(b, "\\u%04x", p[0]);
    } else {
        buf_append(b, p, len);
    }
}

void buf_json_string(struct buf *b, struct slice text) {
    buf_byte(b, '"');
    for (size_t i = 0; i < text.n;) {
        size_t len = utf8_char(text.p + i, text.n - i);
        if (len == 0) {
            buf_text(b, "\xEF\xBF\xBD");
            i++;
            continue;
        }
        json_char(b, (const uint8_t *)text.p + i, len);
        i += len;
    }
    buf_byte(b, '"');
}

void buf_json_number(struct buf *b, double number) {
    if (!isfinite(number)) {
        buf_text(b, "null");
        return;
    }
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    buf_text(b, text);
}

void buf_consume(struct buf *b, size_t n) {
    CHECK(n <= b->n);
    if (n > 0 && n < b->n) {
        memmove(b->p, b->p + n, b->n - n);
    }
    b->n -= n;
}

struct slice buf_slice(const struct buf *b) {
    return slice_of(b->p, b->n);
}

enum status buf_status(const struct buf *b, struct error *err) {
    if (!b->failed) {
        return OK;
    }
    return error_set(err, ERR_TOO_BIG, "buffer", "does not fit into %zu bytes", b->max);
}
