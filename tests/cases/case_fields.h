/* Keys of the case language and the fields of the configuration that they become. */
#ifndef PENSTOCK_TESTS_CASE_FIELDS_H
#define PENSTOCK_TESTS_CASE_FIELDS_H

#include "server/base/buf.h"

#include <stdint.h>

enum case_item { CASE_ITEM_TAG, CASE_ITEM_ALARM, CASE_ITEM_CLASS, CASE_ITEM_GROUP };

enum case_field_type {
    CASE_NUMBER,
    CASE_DURATION, /* seconds */
    CASE_BOOL,
    CASE_WORD,
    CASE_TAG,   /* a tag's name; in the configuration behind its site */
    CASE_ALARM, /* likewise an alarm's */
    CASE_GATEWAY,
    CASE_PRIORITY,
    CASE_LIMIT,    /* number, number with unit, duration or tag */
    CASE_LIST,     /* names, comma-separated */
    CASE_STATES,   /* numbers or names */
    CASE_ESCALATE, /* seconds:priority */
    CASE_TAG_TYPE,
};

struct case_field {
    const char *key;
    const char *field;
    enum case_field_type type;
};

/* NULL: no such key; then it goes into the configuration as it is, to be refused there. */
const struct case_field *case_field_find(enum case_item item, const char *key);
/* A JSON value for the text: number, true/false or string, whatever it looks like to the type. False if JSON
 * has no such value (not a finite number). CASE_TAG, CASE_ALARM, CASE_GATEWAY and CASE_LIMIT are the model's
 * to write. */
bool case_field_write(struct buf *out, enum case_field_type type, const char *text);

#endif
