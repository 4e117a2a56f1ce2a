/* The table of fields of each kind of item, and what reads one JSON value by a row of it. The table is the
 * only place that knows names, types, defaults and ranges of fields. */
#ifndef PENSTOCK_CONFIG_FIELDS_H
#define PENSTOCK_CONFIG_FIELDS_H

#include "server/config/item.h"

#include <jansson.h>

enum field_type {
    FIELD_NAME,      /* slice: a plain name */
    FIELD_SITE_NAME, /* slice: SITE/LOCAL */
    FIELD_STRING,    /* slice: free text of one line, in one language */
    FIELD_WORD,      /* slice: one of words, or empty */
    FIELD_TEXT,      /* struct model_text */
    FIELD_NUMBER,    /* double from min to max */
    FIELD_INTEGER,   /* double without fraction from min to max */
    FIELD_BOOL,      /* bool */
    FIELD_ENUM,      /* uint32_t: the index in words */
};

enum need { OPTIONAL, REQUIRED };

struct field {
    const char *name;
    enum field_type type;
    enum need need;
    size_t offset; /* in struct config_parsed */
    double min;    /* of a number; most bytes of a string are max */
    double max;
    const char *const *words; /* NULL-terminated */
};

/* Rows sorted as people write them; *ret_n of them, at most 32. */
const struct field *fields_of(enum config_kind kind, uint32_t *ret_n);
/* Bit of the field in config_parsed.present. The name must be in the table. */
uint32_t field_bit(enum config_kind kind, const char *name);
/* All defaults set. */
void fields_defaults(enum config_kind kind, struct config_parsed *ret);
/* Reads one value into parsed; slices point into it. A fault names pointer. */
void field_read(const struct field *field, const json_t *value, const char *pointer,
                struct config_parsed *parsed, struct faults *faults);
/* A plain name: 1 to MODEL_NAME_MAX of A-Z a-z 0-9 . _ -, not only dots. */
bool field_is_name(struct slice text);
bool field_is_site_name(struct slice text);

#endif
