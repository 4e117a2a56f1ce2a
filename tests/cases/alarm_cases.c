/* Runs case files: alarm_cases [--journal] [--only ID] FILE…
 * Each case runs in a process of its own, so that one that dies is one that failed. Prints the first
 * difference of each case that fails and closes with "N passed, N failed". Exit status 1 if any failed. */
#include "server/base/check.h"
#include "tests/cases/case_run.h"
#include "tests/lib/kpi_case.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_MAX = 120, FILE_MAX = 64 * 1024 * 1024 };

struct tally {
    uint32_t passed;
    uint32_t failed;
    bool show_journal;
    const char *only; /* one case's id; NULL: all */
};

static char *read_file(const char *path, size_t *ret_size) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
    char *text = malloc(FILE_MAX);
    CHECK(text != NULL);
    *ret_size = fread(text, 1, FILE_MAX, f);
    bool whole = ferror(f) == 0 && *ret_size < FILE_MAX;
    (void)fclose(f);
    if (!whole) {
        free(text);
        return NULL;
    }
    /* Only what was read: each case's process looks for leaks in all that is kept here. */
    char *fitting = realloc(text, *ret_size + 1);
    CHECK(fitting != NULL);
    return fitting;
}

/* A figure of the report that is demanded: without one the block would pass whatever it says. */
static bool expects_figures(const char *text) {
    const char *expect = strstr(text, "expect");
    return expect != NULL && strchr(expect, '=') != NULL;
}

static void run_report(const char *path, const struct case_block *block) {
    char *text = strndup(block->text.p, block->text.n);
    CHECK(text != NULL);
    char why[KPI_CASE_WHY] = "the case checks nothing";
    if (!expects_figures(text) || !kpi_case_run(text, why, sizeof why)) {
        printf("FAIL %.*s\n  %s:%u\n  %s\n", SLICE_ARG(block->title), path, block->line, why);
        (void)fflush(stdout);
        _exit(1);
    }
    free(text);
}

static void run_block(const char *path, const struct case_block *block, bool show_journal) {
    switch (block->kind) {
    case CASE_STORY:
        case_run(path, block, show_journal);
        return;
    case CASE_KPI:
        run_report(path, block);
        return;
    }
}

/* In a process of its own. */
static void judge(const char *path, const struct case_block *block, struct tally *tally) {
    (void)fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)alarm(SECONDS_MAX);
        run_block(path, block, tally->show_journal);
        exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        CHECK(errno == EINTR);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        tally->passed++;
        return;
    }
    tally->failed++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
        printf("FAIL %.*s\n  %s:%u\n  the process died: %s %d\n", SLICE_ARG(block->title), path, block->line,
               WIFSIGNALED(status) ? "signal" : "exit status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

static void run_file(const char *path, struct tally *tally) {
    size_t size = 0;
    char *text = read_file(path, &size);
    if (text == NULL) {
        printf("FAIL %s\n  the file cannot be read\n", path);
        tally->failed++;
        return;
    }
    struct case_file file;
    struct case_block block;
    const char *fault = NULL;
    uint32_t n = 0;
    case_file_init(&file, slice_of(text, size));
    while (case_file_next(&file, &block, &fault)) {
        n++;
        if (tally->only == NULL || slice_is(block.id, tally->only)) {
            judge(path, &block, tally);
        }
    }
    if (fault != NULL || n == 0) {
        printf("FAIL %s\n  %s\n", path, fault != NULL ? fault : "there are no cases in it");
        tally->failed++;
    }
    free(text);
}

int main(int argc, char **argv) {
    struct tally tally = {0};
    uint32_t n_files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--journal") == 0) {
            tally.show_journal = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            tally.only = argv[++i];
        } else {
            n_files++;
            run_file(argv[i], &tally);
        }
    }
    if (n_files == 0) {
        (void)fprintf(stderr, "usage: alarm_cases [--journal] [--only ID] FILE...\n");
        return 2;
    }
    printf("%u passed, %u failed\n", tally.passed, tally.failed);
    return tally.failed == 0 ? 0 : 1;
}
