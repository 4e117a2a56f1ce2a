/* One case against the real core: a model by the real configuration, events and requests at their times, the
 * journal against what is expected. Meant to run in a process of its own: the first thing that is wrong is
 * printed and ends it. */
#ifndef PENSTOCK_TESTS_CASE_RUN_H
#define PENSTOCK_TESTS_CASE_RUN_H

#include "server/core/core.h"
#include "tests/cases/case_file.h"
#include "tests/cases/case_model.h"

enum { CASE_RECORDS_MAX = 65536, CASE_ACCUMULATORS_MAX = 256 };

/* What a case is run with. */
struct case_run {
    struct arena arena;
    const char *file;
    const struct case_block *block;
    const struct case_line *line; /* the one that is looked at, for messages */
    struct case_setup setup;
    struct model *model; /* NULL before the first compilation */
    struct core *core;   /* NULL while the process is down */
    struct alarm_record *records;
    uint32_t n_records;
    struct alarm_accumulator accumulators[CASE_ACCUMULATORS_MAX];
    uint32_t n_accumulators;
    bool link_up[CASE_GATEWAYS_MAX];
    int64_t now_us;
    struct effect reply;
    bool replied;
    struct case_line *expect;
    uint32_t n_expect;
    bool expects;      /* it says what the journal must be */
    uint32_t n_checks; /* everything in the case that could have failed */
    bool show_journal;
};

/* Returns if all is as the case says, else prints and exits with 1. */
void case_run(const char *file, const struct case_block *block, bool show_journal);

/* Prints the case, the line and the message, and exits with 1. */
_Noreturn void case_fail(const struct case_run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Time of the case ("10", "7.5") to the core's. */
int64_t case_time_us(const struct case_run *run, const char *text);
/* … and back. */
const char *case_time_text(struct case_run *run, int64_t us);
/* Index of the alarm in the present model, MODEL_NONE if there is none. */
uint32_t case_alarm_index(const struct case_run *run, const char *name);

/* case_expect.c: the journal so far against what is expected. */
void case_compare_journal(struct case_run *run);
void case_print_journal(struct case_run *run);
/* case_check.c: a line `check A key=value …`. */
void case_check(struct case_run *run, const struct case_line *line);

#endif
