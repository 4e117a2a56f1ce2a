#include "server/app/opts.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status read_text(const char *text, struct opts *opts, struct error *err) {
    char name[] = "/tmp/penstock-opts-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    enum status status = opts_read(name, opts, err);
    (void)unlink(name);
    return status;
}

#define LINK "\"link\":{\"address\":\"127.0.0.1\",\"port\":7411,\"ca\":\"ca\",\"cert\":\"c\",\"key\":\"k\"}"
#define WEB  "\"web\":{\"address\":\"127.0.0.1\",\"port\":8443,\"cert\":\"c\",\"key\":\"k\",\"dir\":\"d\"}"

static void a_whole_file_is_read(void **state) {
    (void)state;
    struct opts opts;
    struct error err;
    assert_int_equal(
        read_text("{\"db\":\"host=x\",\"migrations\":\"m\",\"log\":\"debug\"," LINK "," WEB "}", &opts, &err),
        OK);
    assert_string_equal(opts.db, "host=x");
    assert_int_equal(opts.log_level, LOG_DEBUG);
    assert_int_equal(opts.link.port, 7411);
    assert_string_equal(opts.web.dir, "d");
    assert_string_equal(opts.link.crl, "");
    assert_string_equal(opts.spool, "");
    assert_int_equal(opts.link.sessions_max, 2000);
}

static void the_spool_is_a_file_of_ones_choice(void **state) {
    (void)state;
    struct opts opts;
    struct error err;
    assert_int_equal(read_text("{\"db\":\"x\",\"migrations\":\"m\",\"spool\":\"/var/lib/spool\"," LINK "," WEB
                               "}",
                               &opts, &err),
                     OK);
    assert_string_equal(opts.spool, "/var/lib/spool");
}

#define WITH(more) "{\"db\":\"x\",\"migrations\":\"m\"," LINK "," WEB "," more "}"

static void the_audits_key_and_exports_are_ones_choice(void **state) {
    (void)state;
    struct opts opts;
    struct error err;
    assert_int_equal(read_text(WITH("\"log\":\"info\""), &opts, &err), OK);
    assert_string_equal(opts.audit_key, "");
    assert_string_equal(opts.audit_file, "");
    assert_string_equal(opts.syslog.host, "");
    assert_int_equal(read_text(WITH("\"audit_key\":\"/k\",\"audit_file\":\"/f\",\"syslog\":{\"host\":\"h\","
                                    "\"port\":6514,\"ca\":\"a\",\"cert\":\"c\",\"key\":\"k\"}"),
                               &opts, &err),
                     OK);
    assert_string_equal(opts.audit_key, "/k");
    assert_string_equal(opts.audit_file, "/f");
    assert_string_equal(opts.syslog.host, "h");
    assert_int_equal(opts.syslog.port, 6514);
    assert_string_equal(opts.syslog.key, "k");
    assert_int_equal(read_text(WITH("\"syslog\":{\"host\":\"h\",\"port\":6514}"), &opts, &err), ERR_INVALID);
    assert_string_equal(err.where, "/syslog/ca");
    assert_int_equal(read_text(WITH("\"syslog\":5"), &opts, &err), ERR_INVALID);
    assert_string_equal(err.where, "/syslog");
    assert_int_equal(read_text(WITH("\"limits\":{}"), &opts, &err), ERR_INVALID);
    assert_string_equal(err.where, "/limits");
}

#define LIMITED(limits)                                                                                      \
    "{\"db\":\"x\",\"migrations\":\"m\"," WEB ",\"link\":{\"address\":\"127.0.0.1\",\"port\":7411,"          \
    "\"ca\":\"ca\",\"cert\":\"c\",\"key\":\"k\",\"limits\":" limits "}}"

static void limits_of_the_link_have_defaults_and_bounds(void **state) {
    (void)state;
    struct opts opts;
    struct error err;
    assert_int_equal(read_text(LIMITED("{\"samples_per_s\":77,\"unit_bytes\":0}"), &opts, &err), OK);
    assert_int_equal(opts.link.limits.samples_per_s, 77);
    assert_int_equal(opts.link.limits.unit_bytes, 0);
    assert_int_equal(opts.link.limits.handshakes_per_s, 50);
    static const struct {
        const char *text;
        const char *where;
        const char *says;
    } table[] = {
        {LIMITED("{\"colour\":1}"), "/link/limits/colour", "not a limit"},
        {LIMITED("{\"samples_per_s\":0}"), "/link/limits/samples_per_s", "from 1 to"},
        {LIMITED("{\"frame_samples\":65537}"), "/link/limits/frame_samples",
         "from 1 to 65536 (the default is 65536)"},
        {LIMITED("{\"hello_ms\":\"5 s\"}"), "/link/limits/hello_ms", "whole number"},
        {LIMITED("{\"window_bytes\":50000}"), "/link/limits/window_bytes", "frame_bytes"},
        {LIMITED("{\"frame_bytes\":4096}"), "/link/limits/frame_bytes", "from 49152 to"},
        {LIMITED("5"), "/link/limits", "object"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(read_text(table[i].text, &opts, &err), ERR_INVALID);
        assert_string_equal(err.where, table[i].where);
        assert_non_null(strstr(err.text, table[i].says));
    }
}

static void faults_are_named_by_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *where;
        const char *says;
    } table[] = {
        {"{\"migrations\":\"m\"," LINK "," WEB "}", "/db", "missing"},
        {"{\"db\":1,\"migrations\":\"m\"," LINK "," WEB "}", "/db", "text"},
        {"{\"db\":\"password=a hunter2=x\",\"migrations\":\"m\"," LINK "," WEB "}", "/db",
         "is no connection string"},
        {"{\"db\":\"\",\"migrations\":\"m\",\"colour\":1," LINK "," WEB "}", "/colour", "not a field"},
        {"{\"db\":\"\",\"migrations\":\"m\",\"log\":\"loud\"," LINK "," WEB "}", "/log", "debug"},
        {"{\"db\":\"\",\"migrations\":\"m\",\"link\":3," WEB "}", "/link", "object"},
        {"{\"db\":\"\",\"migrations\":\"m\",\"link\":{\"address\":\"a\",\"port\":70000}," WEB "}",
         "/link/port", "65535"},
        {"{\"db\":\"\",\"migrations\":\"m\",\"link\":{\"address\":\"a\",\"port\":1}," WEB "}", "/link/ca",
         "missing"},
        {"[]", "/", "object"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct opts opts;
        struct error err;
        assert_int_equal(read_text(table[i].text, &opts, &err), ERR_INVALID);
        assert_string_equal(err.where, table[i].where);
        assert_non_null(strstr(err.text, table[i].says));
    }
}

static void what_is_no_json_is_named_by_line_and_column(void **state) {
    (void)state;
    struct opts opts;
    struct error err;
    assert_int_equal(read_text("{\n \"db\": }", &opts, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "line 2"));
    assert_int_equal(read_text("{\"db\":\"a\",\"db\":\"b\"}", &opts, &err), ERR_INVALID);
    assert_int_equal(opts_read("/nonexistent/penstock.json", &opts, &err), ERR_IO);
    assert_string_equal(err.where, "/nonexistent/penstock.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(the_spool_is_a_file_of_ones_choice),
        cmocka_unit_test(the_audits_key_and_exports_are_ones_choice),
        cmocka_unit_test(limits_of_the_link_have_defaults_and_bounds),
        cmocka_unit_test(faults_are_named_by_their_place),
        cmocka_unit_test(what_is_no_json_is_named_by_line_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
