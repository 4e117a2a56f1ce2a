/* A case file is Markdown: each fenced block whose first word is `case` or `kpi` is a case; its id is the
 * first word of the nearest heading above it. */
#ifndef PENSTOCK_TESTS_CASE_FILE_H
#define PENSTOCK_TESTS_CASE_FILE_H

#include "server/base/slice.h"

#include <stdint.h>

enum case_kind { CASE_STORY, CASE_KPI };

struct case_block {
    enum case_kind kind;
    struct slice title; /* of the heading, its id in front; empty if there is none */
    struct slice id;
    struct slice text;
    uint32_t line; /* number of the text's first line in the file, from 1 */
};

struct case_file {
    struct slice left;
    uint32_t line; /* number of the first line in left */
    struct slice title;
};

void case_file_init(struct case_file *f, struct slice text);
/* False behind the last one. *ret_fault is set if a block is not closed. */
bool case_file_next(struct case_file *f, struct case_block *ret, const char **ret_fault);
/* Takes one line off the front, without its end; false if nothing is left. */
bool case_take_line(struct slice *left, struct slice *ret);

#endif
