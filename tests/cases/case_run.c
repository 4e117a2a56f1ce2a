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
        /* only reads, but takes texts from the arena */
        case_print_journal((struct case_run *)(uintptr_t)run);
    }
    (void)fflush(stdout);
    _exit(1);
}

static void do_stored_end(struct case_run *run, const struct case_line *line) {
    uint32_t g = line->n > 2 ? case_setup_gateway(&run->setup, line->word[2].text) : MODEL_NONE;
    if (g == MODEL_NONE || line->n < 4) {
        case_fail(run, "stored_end needs a gateway and a time");
    }
    case_backlog_end(run, g, case_time_us(run, line->word[3].text));
}

static void do_link(struct case_run *run, const struct case_line *line, bool up) {
    uint32_t g = case_setup_gateway(&run->setup, line->n > 2 ? line->word[2].text : "G1");
    if (g == MODEL_NONE) {
        case_fail(run, "there is no such gateway");
    }
    case_link(run, g, up);
}

static uint32_t alarm_of(const struct case_run *run, const struct case_line *line) {
    uint32_t alarm =
        line->n > 2 && run->core != NULL ? case_alarm_index(run, line->word[2].text) : MODEL_NONE;
    if (alarm == MODEL_NONE) {
        case_fail(run, "there is no such alarm, or no server");
    }
    return alarm;
}

/* T certificate A left=20d: so long is left of it; 0: there is none. */
static void do_certificate(struct case_run *run, const struct case_line *line) {
    int64_t left_us = 0;
    uint32_t alarm = alarm_of(run, line);
    bool told = line->n > 3 && line->word[3].key != NULL && strcmp(line->word[3].key, "left") == 0;
    if (!told || !case_duration_us(line->word[3].text, &left_us)) {
        case_fail(run, "certificate needs an alarm and left=TIME");
    }
    case_apply(run, &(struct event){
                        .kind = EVENT_CERTIFICATE,
                        .certificate = {.alarm = alarm, .end_us = left_us == 0 ? 0 : run->now_us + left_us}});
}

static void do_duplicate(struct case_run *run, const struct case_line *line) {
    case_apply(run, &(struct event){.kind = EVENT_DUPLICATE,
                                    .duplicate = {.alarm = alarm_of(run, line), .text = "somebody"}});
}

static void do_late(struct case_run *run, const struct case_line *line) {
    double wanted = 0;
    const char *text = line->n > 2 ? line->word[2].text : "";
    if (!case_number(text, &wanted) || run->core == NULL) {
        case_fail(run, "late needs a number");
    }
    run->n_checks++;
    uint64_t got = core_counts(run->core).late;
    if ((double)got != wanted) {
        case_fail(run, "samples refused as late\n  expected  %s\n  got       %llu", text,
                  (unsigned long long)got);
    }
}

static bool do_event(struct case_run *run, const struct case_line *line, const char *verb) {
    if (strcmp(verb, "sample") == 0) {
        case_samples(run, line, LANE_LIVE);
    } else if (strcmp(verb, "snapshot") == 0) {
        case_samples(run, line, LANE_SNAPSHOT);
    } else if (strcmp(verb, "stored") == 0) {
        case_samples(run, line, LANE_BACKLOG);
    } else if (strcmp(verb, "stored_end") == 0) {
        do_stored_end(run, line);
    } else if (strcmp(verb, "linkdown") == 0 || strcmp(verb, "linkup") == 0) {
        do_link(run, line, verb[4] == 'u');
    } else if (strcmp(verb, "certificate") == 0) {
        do_certificate(run, line);
    } else if (strcmp(verb, "duplicate") == 0) {
        do_duplicate(run, line);
    } else if (strcmp(verb, "silence") == 0) {
        case_silence(run, line);
    } else if (strcmp(verb, "crash") == 0) {
        case_crash(run);
    } else if (strcmp(verb, "start") == 0) {
        case_start(run);
    } else {
        return false;
    }
    return true;
}

static void do_line(struct case_run *run, const struct case_line *line) {
    if (line->n < 2 || line->word[0].key != NULL || line->word[1].key != NULL) {
        case_fail(run, "a line of the input is a time and what happens");
    }
    int64_t t_us = case_time_us(run, line->word[0].text);
    case_advance(run, t_us);
    run->now_us = t_us;
    const char *verb = line->word[1].text;
    if (do_event(run, line, verb) || case_ask(run, line, verb)) {
        return;
    }
    if (strcmp(verb, "check") == 0) {
        case_check(run, line);
    } else if (strcmp(verb, "counts") == 0) {
        case_counts(run, line);
    } else if (strcmp(verb, "config") == 0) {
        case_config(run, line);
    } else if (strcmp(verb, "remove") == 0) {
        case_remove(run, line);
    } else if (strcmp(verb, "ackall") == 0) {
        case_ackall(run, line);
    } else if (strcmp(verb, "late") == 0) {
        do_late(run, line);
    } else if (strcmp(verb, "wait") != 0) {
        case_fail(run, "\"%s\" is nothing that can happen", verb);
    }
}

static bool has_tag_of(const struct case_run *run, const struct case_line *line, uint32_t gateway) {
    for (uint32_t i = 2; i < line->n; i++) {
        const char *name = line->word[i].key;
        const struct case_def *tag = name == NULL ? NULL : case_setup_find(&run->setup, CASE_ITEM_TAG, name);
        const char *of = tag == NULL ? NULL : case_setup_gateway_name(tag);
        if (of != NULL && case_setup_gateway(&run->setup, of) == gateway) {
            return true;
        }
    }
    return false;
}

/* The case tells of samples that the gateway stored before its first contact: no gap comes before them. */
static bool brings_old_samples(const struct case_run *run, const struct case_parts *parts, uint32_t gateway) {
    for (uint32_t i = 0; i < parts->n_input; i++) {
        const struct case_line *line = &parts->input[i];
        const char *verb = line->n > 1 && line->word[1].key == NULL ? line->word[1].text : "";
        bool gap = strcmp(verb, "linkdown") == 0 || strcmp(verb, "crash") == 0;
        if (gap || (strcmp(verb, "stored") == 0 && has_tag_of(run, line, gateway))) {
            return !gap;
        }
    }
    return false;
}

static void begin(struct case_run *run, const struct case_parts *parts) {
    struct case_refusal refusal = {0};
    if (parts->n_input == 0 && run->n_checks > 0) {
        return; /* only lines that were tried, each for itself: what is left need not be whole */
    }
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
        if (!brings_old_samples(run, parts, g)) {
            case_backlog_end(run, g, run->now_us); /* nothing is stored from before the case */
        }
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
