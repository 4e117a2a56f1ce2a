/* JSON of a configuration in and out: text to a jansson value within limits, and a value to its canonical
 * text. Canonical: keys sorted by byte, no white space, numbers in the shortest form that reads back the same
 * (5.0 is 5, -0 is 0), so that equal items have equal texts. Values are at most JSON_ITEM_DEPTH levels deep,
 * which is checked before parsing: nothing here or in the parser recurses on input beyond that. */
#ifndef PENSTOCK_CONFIG_JSON_H
#define PENSTOCK_CONFIG_JSON_H

#include "server/base/buf.h"

#include <jansson.h>

enum {
    JSON_ITEM_DEPTH = 4,                       /* {"matrix": {"severe": [{"within_s": …}]}} */
    JSON_DOCUMENT_DEPTH = 2 + JSON_ITEM_DEPTH, /* {"tags": [item]} */
    JSON_KEYS_MAX = 64,                        /* in one object within an item */
    JSON_GROWTH = 6,                           /* canonical bytes for one byte of text, at most (\u007f) */
};

/* ERR_INVALID: not UTF-8, not JSON, a duplicate key, too deep, a number that does not fit; err->where is
 * "line 3 column 5". ERR_TOO_BIG, ERR_NOMEM. The caller json_decrefs *ret. */
MUSTCHECK enum status json_read(struct slice text, size_t max_bytes, unsigned depth, json_t **ret,
                                struct error *err);
/* Makes *out a buffer of that many bytes at once, so that a later failure to write means "too big" and
 * nothing else. ERR_NOMEM. */
MUSTCHECK enum status json_buf_init(struct buf *out, size_t max_bytes, struct error *err);
/* Appends the canonical text of an item (an object, at most JSON_ITEM_DEPTH levels deep). ERR_INVALID if an
 * object has more than JSON_KEYS_MAX keys, ERR_TOO_BIG if it does not fit. */
MUSTCHECK enum status json_write_item(const json_t *item, struct buf *out, struct error *err);
/* "a string", "a number", … */
const char *json_type_words(const json_t *value);

/* Levels of brackets outside strings; whether they match is the parser's to say. To be asked before jansson,
 * which stops only at 2048 levels. */
unsigned json_depth(struct slice text);

#endif
