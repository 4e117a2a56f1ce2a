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

/* The lines of a case's three parts, empty ones left out. */
struct case_parts {
    struct case_line *head;
    struct case_line *input;
    uint32_t n_head;
    uint32_t n_input;
};

/* case_core.c: the core, its time, and its death. */
void case_apply(struct case_run *run, const struct event *event);
/* Runs every timer that is due before until_us, each at its own time. */
void case_advance(struct case_run *run, int64_t until_us);
void case_link(struct case_run *run, uint32_t gateway, bool up);
void case_backlog_end(struct case_run *run, uint32_t gateway, int64_t te_us);
void case_new_core(struct case_run *run, const struct core_restore *restore);
/* The next revision, which is the case's from now on. */
void case_take_over(struct case_run *run, struct model *model);
void case_crash(struct case_run *run);
void case_start(struct case_run *run);

/* case_samples.c: a line of samples, as messages. */
void case_samples(struct case_run *run, const struct case_line *line, enum lane lane);

/* case_ask.c: what people ask for. The reply that the line demands at place i of its list; NULL if none. */
const char *case_wanted_reply(struct case_run *run, const struct case_line *line, uint32_t place);
void case_judge_reply(struct case_run *run, const struct case_line *line, uint32_t place, const char *got);
/* False if the verb is no request. */
bool case_ask(struct case_run *run, const struct case_line *line, const char *verb);
void case_ackall(struct case_run *run, const struct case_line *line);
void case_silence(struct case_run *run, const struct case_line *line);

/* case_change.c: changes of the configuration. "OK", or the code that is wanted if it is among those of the
 * refusal, else the refusal in words. */
const char *case_verdict(struct case_run *run, bool accepted, const struct case_refusal *r,
                         const char *wanted);
void case_config(struct case_run *run, const struct case_line *line);
void case_remove(struct case_run *run, const struct case_line *line);

/* case_head.c: the text in parts, and what it configures. */
struct case_parts case_read_parts(struct case_run *run);
void case_read_head(struct case_run *run, const struct case_parts *parts);

/* case_expect.c: the journal so far against what is expected. */
void case_compare_journal(struct case_run *run);
void case_print_journal(struct case_run *run);
/* case_check.c: a line `check A key=value …`. */
void case_check(struct case_run *run, const struct case_line *line);
/* Counts that are shown on every page: "T counts unacked=2 flood=3 …". */
void case_counts(struct case_run *run, const struct case_line *line);

#endif
