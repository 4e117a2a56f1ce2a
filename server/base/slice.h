/* A view of bytes that somebody else owns: the string type inside Penstock. Not NUL-terminated. Header only.
 */
#ifndef PENSTOCK_BASE_SLICE_H
#define PENSTOCK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

/* For printf: "%.*s", SLICE_ARG(s) */
#define SLICE_ARG(s) ((int)(s).n), ((s).p)

static inline struct slice slice_of(const void *p, size_t n) {
    return (struct slice){.p = p, .n = n};
}

/* NULL gives the empty slice. */
static inline struct slice slice_str(const char *text) {
    return (struct slice){.p = text, .n = text == NULL ? 0 : strlen(text)};
}

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *text) {
    return slice_eq(a, slice_str(text));
}

#endif
