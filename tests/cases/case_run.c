#include "tests/cases/case_run.h"

#include "server/base/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_MAX = 256 * 1024 * 1024 };

_Noreturn void case_fail(const struct case_run *run, const char *fmt, ...) {
    printf("FAIL %.*s\n", SLICE_ARG(run->block->title.n > 0 ? run->block->title : slice_str("(no heading)")));
    if (run->line != NULL) {
        printf("  %s:%u: %.*s\n", run->file, run->line->number, SLICE_ARG(run->line->raw));
    } else {
        printf("  %s:%u\n", run->file, run->block->line);
    }
    va_list args;
    va_start(args, fmt);
    printf("  ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
    if (run->show_journal) {
        static void begin(struct case_run *run, const struct case_parts *parts) {
    struct case_refusal refusal = {0};
    if (!case_setup_compile(&run->setup, &run->model, &refusal)) {
        case_fail(run, "refused: %s", refusal.text);
    }
    run->now_us = run->setup.base_us;
    if (parts->n_input == 0) {
        return; /* only a configuration is tried */
    }
    run->line = &parts->input[0];
    int64_t first_us = case_time_us(run, parts->input[0].word[0].text);
    run->now_us = first_us < run->now_us ? first_us : run->now_us;
    case_new_core(run, NULL);
    for (uint32_t g = 0; g < run->setup.n_gateways; g++) {
        case_link(run, g, true);
    }
    run->line = NULL;
}

void case_run(const char *file, const struct case_block *block, bool show_journal) {
    struct case_run *run = calloc(1, sizeof *run);
    CHECK(run != NULL);
    run->file = file;
    run->block = block;
    run->show_journal = show_journal;
    arena_init(&run->arena, ARENA_MAX);
    run->records = calloc(CASE_RECORDS_MAX, sizeof *run->records);
    CHECK(run->records != NULL);
    case_setup_init(&run->setup, &run->arena);
    struct case_parts parts = case_read_parts(run);
    case_read_head(run, &parts);
    begin(run, &parts);
    for (uint32_t i = 0; i < parts.n_input; i++) {
        run->line = &parts.input[i];
        do_line(run, run->line);
    }
    case_advance(run, run->now_us + 1);
    run->line = NULL;
    if (run->expects) {
        case_compare_journal(run);
    } else if (run->n_checks == 0) {
        case_fail(run, "the case checks nothing");
    }
    if (run->show_journal) {
        case_print_journal(run);
    }
    core_free(&run->core);
    model_free(&run->model);
    free(run->records);
    arena_done(&run->arena);
    free(run);
}
