#include "server/base/log.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was written to stderr while body ran. */
static char *capture(void (*body)(void)) {
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stderr);
    int kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    body();
    (void)fflush(stderr);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    long size = ftell(file);
    size = size > 0 ? size : (fseek(file, 0, SEEK_END), ftell(file));
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    (void)fclose(file);
    return text;
}

static void log_forged(void) {
    struct slice evil = slice_str("x\" level=info\nerror forged");
    log_event(LOG_INFO, "link.up", "site=%s", LOG_Q(evil));
}

static void a_text_from_outside_cannot_forge_a_line(void **state) {
    (void)state;
    char *text = capture(log_forged);
    assert_non_null(strstr(text, "info link.up site=\"x\\\" level=info\\x0aerror forged\""));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void log_flood(void) {
    for (int i = 0; i < 1000; i++) {
        log_event(LOG_WARN, "test.flood", "i=%d", i);
    }
    log_event(LOG_WARN, "test.other", "x=1");
}

static void a_flood_of_one_event_is_limited_and_leaves_others_alone(void **state) {
    (void)state;
    char *text = capture(log_flood);
    int lines = 0;
    for (const char *p = text; (p = strstr(p, "test.flood")) != NULL; p++) {
        lines++;
    }
    assert_in_range(lines, 20, 60);
    assert_non_null(strstr(text, "test.other x=1"));
    free(text);
}

static void log_debug_line(void) {
    log_event(LOG_DEBUG, "test.debug", "x=1");
}

static void a_level_below_the_set_one_is_silent(void **state) {
    (void)state;
    char *text = capture(log_debug_line);
    assert_string_equal(text, "");
    free(text);
    enum log_level level = LOG_ERROR;
    assert_true(log_level_parse("debug", &level));
    log_set_level(level);
    text = capture(log_debug_line);
    assert_non_null(strstr(text, "debug test.debug x=1"));
    free(text);
    log_set_level(LOG_INFO);
    assert_false(log_level_parse("loud", &level));
}

static void a_long_text_is_cut_and_still_closed(void **state) {
    (void)state;
    char text[5000];
    memset(text, '\x01', sizeof text);
    struct log_quoted q = log_quote(slice_of(text, sizeof text));
    size_t n = strlen(q.text);
    assert_true(n < LOG_QUOTED_SIZE);
    assert_int_equal(q.text[0], '"');
    assert_int_equal(q.text[n - 1], '"');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_from_outside_cannot_forge_a_line),
        cmocka_unit_test(a_flood_of_one_event_is_limited_and_leaves_others_alone),
        cmocka_unit_test(a_level_below_the_set_one_is_silent),
        cmocka_unit_test(a_long_text_is_cut_and_still_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
