/* Covers: settings.c, sources.c */
#include "protocol/gateway/config.h"
#include "tests/unit/client/dir.h"

static enum status read_text(const char *text, struct gateway_config *ret, struct settings_faults *faults,
                             struct error *err) {
    struct dir d;
    dir_make(&d);
    dir_write(&d, "gateway.json", (const uint8_t *)text, strlen(text));
    char file[400];
    dir_file(&d, "gateway.json", file);
    enum status st = gateway_config_read(file, GATEWAY_CONFIG_TEXT, ret, faults, err);
    dir_remove(&d);
    return st;
}

/* What is expected: a line and a column, a pointer, and a part of the text. */
struct expected {
    unsigned line;
    unsigned column;
    const char *pointer;
    const char *says;
};

static void expect_faults(const char *text, const struct expected *v, size_t n) {
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    assert_int_equal(read_text(text, &cfg, &faults, &err), ERR_INVALID);
    for (size_t i = 0; i < n; i++) {
        const struct settings_fault *f = &faults.v[i];
        if (i >= faults.n || f->line != v[i].line || f->column != v[i].column ||
            strcmp(f->pointer, v[i].pointer) != 0 || strstr(f->text, v[i].says) == NULL) {
            fail_msg("fault %zu is %u:%u %s: %s", i, f->line, f->column, f->pointer, f->text);
        }
    }
    assert_int_equal(faults.n, n);
    assert_int_equal(faults.more, 0);
}

#define HEAD                                                                                                 \
    "{\"name\": \"g\", \"server\": {\"host\": \"127.0.0.1\", \"name\": \"localhost\"},\n"                    \
    " \"ca\": \"ca\", \"cert\": \"c\", \"key\": \"k\", \"journal\": {\"dir\": \"j\"},\n"

static void a_file_is_read_with_its_defaults(void **state) {
    (void)state;
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    static const char text[] =
        HEAD " \"sources\": [\n"
             "  {\"kind\": \"replay\", \"file\": \"a.csv\", \"tags\": [\n"
             "    {\"column\": \"a\", \"name\": \"A\", \"type\": \"scaled\", \"scale\": 0.01, \"low\": 0, "
             "\"high\": 6}]},\n"
             "  {\"kind\": \"replay\", \"file\": \"b.csv\", \"tags\": [\n"
             "    {\"column\": \"a\", \"name\": \"B\", \"type\": \"bool\"}]}]}\n";
    enum status st = read_text(text, &cfg, &faults, &err);
    if (st != OK) {
        fail_msg("%s: %s", faults.v[0].pointer, faults.v[0].text);
    }
    assert_string_equal(cfg.host, "127.0.0.1");
    assert_int_equal(cfg.port, 7411);
    assert_int_equal(cfg.flush_ms, 1000);
    assert_int_equal(cfg.segment_bytes, 0);
    assert_null(cfg.ledger);
    assert_false(cfg.exit_when_done);
    assert_int_equal(cfg.n_sources, 2);
    assert_string_equal(cfg.sources[1].kind->name, "replay");
    assert_non_null(cfg.sources[1].settings);
    gateway_config_done(&cfg);
}

static void all_faults_are_told_at_once_in_the_order_of_the_file(void **state) {
    (void)state;
    static const char text[] =
        "{\"name\": \"\", \"colour\": 1,\n"
        " \"server\": {\"host\": \"penstock.example\", \"port\": 70000, \"name\": 5},\n"
        " \"ca\": \"ca\", \"cert\": \"c\",\n"
        " \"journal\": {\"dir\": \"j\", \"segment_kib\": 1},\n"
        " \"exit_when_done\": \"yes\",\n"
        " \"sources\": [\n"
        "  {\"kind\": \"magic\"},\n"
        "  {\"kind\": \"replay\", \"file\": \"a.csv\", \"tags\": [\n"
        "    {\"column\": \"a\", \"name\": \"A\", \"type\": \"colour\"},\n"
        "    {\"column\": \"a\", \"name\": \"A\", \"type\": \"scaled\"},\n"
        "    {\"column\": \"a\", \"name\": \"_gateway.link\", \"type\": \"bool\", \"scale\": 2},\n"
        "    {\"column\": \"a\", \"name\": \"B\", \"type\": \"f64\", \"low\": 5, \"high\": 1},\n"
        "    {\"column\": \"a\", \"name\": \"C\", \"type\": \"f64\", \"low\": 5, \"unit\": "
        "\"seventeen-letters\"},\n"
        "    7]},\n"
        "  {\"kind\": \"replay\", \"file\": \"a.csv\", \"tags\": []}]}\n";
    static const struct expected expected[] = {
        {1, 1, "/key", "nothing is here, a text is needed"},
        {1, 2, "/name", "\"\" is here, a text is needed"},
        {1, 14, "/colour", "Known are \"name\", \"server\""},
        {2, 13, "/server/host", "\"penstock.example\" is no numeric address"},
        {2, 41, "/server/port", "70000 is here, a whole number from 1 to 65535 is needed"},
        {2, 56, "/server/name", "5 is here, a text is needed"},
        {4, 26, "/journal/segment_kib", "1 is here, a whole number from 4 to 16384"},
        {5, 2, "/exit_when_done", "true or false"},
        {7, 4, "/sources/0/kind", "\"magic\" is here, needed is \"replay\", \"modbus\" or \"plant\""},
        {9, 34, "/sources/1/tags/0/type", "\"bool\", \"int\", \"scaled\" or \"f64\""},
        {10, 5, "/sources/1/tags/1/scale", "nothing is here, a number"},
        {10, 21, "/sources/1/tags/1/name", "each name is used once"},
        {11, 21, "/sources/1/tags/2/name", "are the gateway's own"},
        {11, 62, "/sources/1/tags/2/scale", "takes no scale"},
        {12, 59, "/sources/1/tags/3/high", "high (1) must be above low (5)"},
        {13, 49, "/sources/1/tags/4/low", "low and high belong together"},
        {13, 59, "/sources/1/tags/4/unit", "17 bytes are here, at most 16"},
        {14, 5, "/sources/1/tags/5", "7 is here, an object is needed"},
        {15, 39, "/sources/2/tags", "a list of 0 is here"},
    };
    expect_faults(text, expected, COUNT(expected));
}

static void what_is_no_json_is_told_with_its_place(void **state) {
    (void)state;
    static const struct expected twice[] = {{2, 7, "", "duplicate object key"}};
    expect_faults("{\"name\": \"a\",\n \"name\": \"b\"}", twice, 1);
    static const struct expected comma[] = {{3, 1, "", "near '}'"}};
    expect_faults("{\"name\": \"a\",\n \"ca\": 1,\n}", comma, 1);
    static const struct expected list[] = {{1, 1, "", "[1] is here, an object is needed"}};
    expect_faults("[1]", list, 1);
    static const struct expected nothing[] = {{1, 1, "", "the file is empty; a JSON object is needed"}};
    expect_faults("", nothing, 1);
    static const struct expected mark[] = {{1, 1, "", "UTF-8 without one"}};
    expect_faults("\xEF\xBB\xBF{}", mark, 1);
    static const struct expected latin[] = {{2, 11, "", "the file must be UTF-8"}};
    expect_faults("{\"name\": \"a\",\n \"ca\": \"Sch\xFC\"}", latin, 1);
}

#define DEVICE_HEAD                                                                                          \
    HEAD " \"sources\": [{\"kind\": \"modbus\", \"devices\": [{\"name\": \"p\", \"host\": \"192.0.2.1\", "   \
         "\"tags\": [\n"

static void registers_belong_to_one_value_or_to_several_of_just_the_same(void **state) {
    (void)state;
    static const struct expected expected[] = {
        {5, 35, "/sources/0/devices/0/tags/1/address",
         "registers 8 to 8 are wanted, but tag \"A\" has 7 to 8"},
        {7, 35, "/sources/0/devices/0/tags/3/address",
         "registers 5 to 8 are wanted, but tag \"B\" has 8 to 8"},
    };
    expect_faults(DEVICE_HEAD
                  "{\"name\": \"A\", \"table\": \"holding\", \"address\": 7, \"type\": \"int32\"},\n"
                  "{\"name\": \"B\", \"table\": \"holding\", \"address\": 8},\n"
                  "{\"name\": \"C\", \"table\": \"holding\", \"address\": 9},\n"
                  "{\"name\": \"D\", \"table\": \"holding\", \"address\": 5, \"type\": \"float64\"},\n"
                  "{\"name\": \"E\", \"table\": \"input\", \"address\": 7},\n" /* another table */
                  "{\"name\": \"F\", \"table\": \"input\", \"address\": 7, \"scale\": 2},\n"
                  "{\"name\": \"G\", \"table\": \"input\", \"address\": 7, \"type\": \"bit\", \"bit\": 3},\n"
                  "{\"name\": \"H\", \"table\": \"input\", \"address\": 65535}]}]}]}",
                  expected, COUNT(expected));
}

static void a_file_without_end_is_refused(void **state) {
    (void)state;
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    assert_int_equal(gateway_config_read("/dev/zero", GATEWAY_CONFIG_TEXT, &cfg, &faults, &err), ERR_TOO_BIG);
    assert_string_equal(err.text, "the file is too big; at most 8 MiB");
}

static void keys_are_looked_at_together_with_all_else(void **state) {
    (void)state;
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    static const char text[] = HEAD " \"flush_ms\": 1, \"sources\": []}";
    struct dir d;
    dir_make(&d);
    dir_write(&d, "gateway.json", (const uint8_t *)text, strlen(text));
    char file[400];
    dir_file(&d, "gateway.json", file);
    assert_int_equal(gateway_config_read(file, GATEWAY_CONFIG_AND_KEYS, &cfg, &faults, &err), ERR_INVALID);
    dir_remove(&d);
    const char *const pointers[] = {"/ca", "/cert", "/key", "/flush_ms", "/sources"};
    assert_int_equal(faults.n, COUNT(pointers));
    for (size_t i = 0; i < COUNT(pointers); i++) {
        assert_string_equal(faults.v[i].pointer, pointers[i]);
        assert_true(i > 2 ||
                    strstr(faults.v[i].text, "there is no such file; penstock-gateway enrol") != NULL);
    }
}

static void more_faults_than_fit_are_counted(void **state) {
    (void)state;
    static char text[20000] = HEAD " \"sources\": [1";
    for (int i = 0; i < 60; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ", 1");
    }
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    assert_int_equal(read_text(text, &cfg, &faults, &err), ERR_INVALID);
    assert_int_equal(faults.n, SETTINGS_FAULTS_MAX);
    assert_int_equal(faults.n + faults.more, 61);
    assert_string_equal(err.text, "61 faults");
}

static void a_file_that_is_not_there_is_told(void **state) {
    (void)state;
    static struct settings_faults faults;
    struct gateway_config cfg;
    struct error err = {0};
    assert_int_equal(gateway_config_read("/nonexistent/g.json", GATEWAY_CONFIG_TEXT, &cfg, &faults, &err),
                     ERR_IO);
    assert_string_equal(err.where, "/nonexistent/g.json");
    assert_int_equal(faults.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_with_its_defaults),
        cmocka_unit_test(all_faults_are_told_at_once_in_the_order_of_the_file),
        cmocka_unit_test(what_is_no_json_is_told_with_its_place),
        cmocka_unit_test(registers_belong_to_one_value_or_to_several_of_just_the_same),
        cmocka_unit_test(a_file_without_end_is_refused),
        cmocka_unit_test(keys_are_looked_at_together_with_all_else),
        cmocka_unit_test(more_faults_than_fit_are_counted),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
