#include "server/export/file_sink.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64];
    char path[96];
    char old[112];
    struct file_sink *sink;
};

static int set_up(void **state) {
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/penstock-sink-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/audit", p->dir);
    (void)snprintf(p->old, sizeof p->old, "%s.1", p->path);
    assert_int_equal(file_sink_new(p->path, &p->sink, NULL), OK);
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    file_sink_free(&p->sink);
    assert_null(p->sink);
    (void)unlink(p->path);
    (void)unlink(p->old);
    (void)rmdir(p->path);
    (void)rmdir(p->dir);
    free(p);
    return 0;
}

static enum status put(const struct place *p, const char *text) {
    return file_sink_write(p->sink, slice_str(text), NULL);
}

static void expect(const char *path, const char *text) {
    char found[256] = "";
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    found[fread(found, 1, sizeof found - 1, f)] = '\0';
    (void)fclose(f);
    assert_string_equal(found, text);
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void lines_are_appended_and_a_renamed_file_is_made_anew(void **state) {
    const struct place *p = *state;
    write_text(p->path, "from before\n");
    assert_int_equal(put(p, "one\n"), OK);
    assert_int_equal(put(p, "two\n"), OK);
    expect(p->path, "from before\none\ntwo\n");
    assert_int_equal(rename(p->path, p->old), 0);
    assert_int_equal(put(p, "three\n"), OK);
    expect(p->old, "from before\none\ntwo\n");
    expect(p->path, "three\n");
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 027, 0);
}

static void what_a_crash_left_of_a_line_is_taken_away(void **state) {
    const struct place *p = *state;
    write_text(p->path, "whole\nhalf");
    assert_int_equal(put(p, "one\n"), OK);
    expect(p->path, "whole\none\n");
}

static void half_a_line_alone_is_taken_away_too(void **state) {
    const struct place *p = *state;
    static char text[200001];
    memset(text, 'x', sizeof text - 1);
    write_text(p->path, text);
    assert_int_equal(put(p, "one\n"), OK);
    expect(p->path, "one\n");
}

/* As on a full disk: a part of it fits. */
static void a_write_that_does_not_fit_counts_for_nothing(void **state) {
    const struct place *p = *state;
    struct rlimit before;
    assert_int_equal(put(p, "one\n"), OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit tight = {.rlim_cur = 8, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum status first = put(p, "two two two\n");
    enum status again = put(p, "two two two\n");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(first, ERR_IO);
    assert_int_equal(again, ERR_IO);
    assert_int_equal(put(p, "two two two\n"), OK);
    expect(p->path, "one\ntwo two two\n");
}

static void what_is_no_file_is_refused_until_it_is_one(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_int_equal(file_sink_write(p->sink, slice_str("x\n"), &err), ERR_IO);
    assert_string_equal(err.where, p->path);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(mkdir(p->path, 0700), 0);
    assert_int_equal(put(p, "x\n"), ERR_IO);
    assert_int_equal(rmdir(p->path), 0);
    assert_int_equal(put(p, "x\n"), OK);
    expect(p->path, "x\n");
}

static void a_path_that_is_too_long_is_refused(void **state) {
    (void)state;
    char path[FILE_SINK_PATH_MAX + 2];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct file_sink *sink = NULL;
    assert_int_equal(file_sink_new(path, &sink, NULL), ERR_TOO_BIG);
    assert_null(sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_appended_and_a_renamed_file_is_made_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_crash_left_of_a_line_is_taken_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_line_alone_is_taken_away_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_does_not_fit_counts_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_until_it_is_one, set_up, tear_down),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
