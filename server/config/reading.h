/* One value that is being read: what value.c and value_list.c share. */
#ifndef PENSTOCK_CONFIG_READING_H
#define PENSTOCK_CONFIG_READING_H

#include "server/config/value.h"

enum { POINTER_SIZE = sizeof(((struct config_fault *)0)->pointer) };

/* What a value is read with: its row, the value, where faults go. */
struct reading {
    const struct field *field;
    const json_t *value;
    const char *pointer;
    struct buf *lists;
    struct faults *faults;
};

/* The same for a part of the value, whose pointer is written. */
struct reading reading_of_part(const struct reading *r, const json_t *value, const char *part,
                               char pointer[POINTER_SIZE]);
struct reading reading_of_entry(const struct reading *r, size_t i, char pointer[POINTER_SIZE]);
/* A fault: it is of another type. */
void reading_wrong_type(const struct reading *r, const char *wanted);
/* The text of a JSON string; false (and a fault) if it is none, too long or not one line. */
bool reading_string(const struct reading *r, size_t max, struct slice *ret);
void reading_name(const struct reading *r, struct slice *ret);
/* Within the row's range; false (and a fault) if it is no number, or not. */
bool reading_number(const struct reading *r, double *ret);
/* Index in the words, -1 if it is none of them. */
int reading_word_index(const char *const *words, struct slice text);

/* value_list.c */
void reading_list(const struct reading *r, struct slice *ret);
void reading_lines(const struct reading *r);
void reading_matrix(const struct reading *r, struct config_matrix *ret);
void reading_distribution(const struct reading *r, double ret[CONFIG_PRIORITIES]);

#endif
