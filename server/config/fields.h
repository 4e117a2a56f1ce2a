/* The table of fields of each kind of item. It is the only place that knows names, types, defaults and ranges
 * of fields. */
#ifndef PENSTOCK_CONFIG_FIELDS_H
#define PENSTOCK_CONFIG_FIELDS_H

#include "server/config/item.h"

enum field_type {
    FIELD_NAME,         /* slice: a plain name */
    FIELD_SITE_NAME,    /* slice: SITE/LOCAL */
    FIELD_STRING,       /* slice: free text of one line, in one language */
    FIELD_WORD,         /* slice: one of words, or empty */
    FIELD_RULE,         /* slice: source text of a rule, several lines */
    FIELD_DATE,         /* slice: "2026-11-24" */
    FIELD_ZONE,         /* slice: name of a time zone */
    FIELD_NAMES,        /* slice: list of plain names, at most max */
    FIELD_STATE_NAMES,  /* slice: list of texts, at most max */
    FIELD_STATES,       /* slice: list of numbers and texts, at most max */
    FIELD_TEXT,         /* struct model_text */
    FIELD_NUMBER,       /* double from min to max */
    FIELD_INTEGER,      /* double without fraction from min to max */
    FIELD_QUANTITY,     /* struct quantity */
    FIELD_BOOL,         /* bool */
    FIELD_ENUM,         /* uint32_t: the index in words */
    FIELD_MATRIX,       /* struct config_matrix */
    FIELD_DISTRIBUTION, /* double[CONFIG_PRIORITIES] */
    FIELD_SHIFTS,       /* slice: list, see site_calendar.h; at most max, as the next two */
    FIELD_TARIFFS,
    FIELD_KEEP,
    FIELD_LINES, /* list of texts, at most max; only checked, kept in the body alone */
};

enum need { OPTIONAL, REQUIRED };

struct field {
    const char *name;
    enum field_type type;
    enum need need;
    size_t offset; /* in struct config_parsed; FIELD_ONLY_IN_BODY: nowhere */
    double min;    /* of a number; most bytes of a string are max */
    double max;
    const char *const *words; /* NULL-terminated */
    const char *code;         /* of a value that cannot be; NULL: E_RANGE, E_NAME */
};

#define FIELD_ONLY_IN_BODY SIZE_MAX
enum { FIELD_LINE_MAX = 500 }; /* bytes of a text in a list */

/* Rows sorted as people write them; *ret_n of them, at most 64. */
const struct field *fields_of(enum config_kind kind, uint32_t *ret_n);
/* Its row in the table; as many as there are rows if there is no such field. */
uint32_t field_row(enum config_kind kind, const char *name);
/* Bit of the field in config_parsed.present. The name must be in the table. */
uint64_t field_bit(enum config_kind kind, const char *name);
/* Bytes of the value in struct config_parsed; 0 if it is only in the body. */
size_t field_size(const struct field *field);
/* The texts of the value at `at`: none, one, or two of a model_text. */
uint32_t field_slices(const struct field *field, void *at, struct slice *ret[2]);
/* All defaults set. */
void fields_defaults(enum config_kind kind, struct config_parsed *ret);
/* Takes from the class what the alarm does not say itself. */
void fields_take_class(struct config_parsed *alarm, const struct config_parsed *class);
/* Microseconds of "s", "min", "h", in that order. */
int64_t fields_per_us(uint32_t per);

#endif
