/* UTF-8 as of RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. Pure. */
#ifndef PENSTOCK_BASE_UTF8_H
#define PENSTOCK_BASE_UTF8_H

#include "server/base/slice.h"

/* Length in bytes (1 to 4) of the character at p, 0 if there is no whole valid one within n bytes. */
size_t utf8_char(const char *p, size_t n);
/* How many of the first n bytes are whole valid characters. */
size_t utf8_valid_prefix(const char *p, size_t n);
/* All valid, and without NUL. */
bool utf8_is_text(struct slice text);

#endif
