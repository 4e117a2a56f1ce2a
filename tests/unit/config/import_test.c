#include "server/config/config.h"
#include "server/core/rule.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct got {
    char text[2000];
    uint32_t n;
    uint32_t stop_at; /* 0: never */
};

static enum status on_item(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct got *g = ctx;
    g->n++;
    size_t at = strlen(g->text);
    (void)snprintf(g->text + at, sizeof g->text - at, "%s %.*s %.*s\n", config_kind_name(kind),
                   SLICE_ARG(name), SLICE_ARG(body));
    return g->n == g->stop_at ? ERR_FULL : OK;
}

static void items_come_in_the_order_of_kinds_with_canonical_bodies(void **state) {
    (void)state;
    struct got got = {0};
    struct error err;
    static const char document[] =
        "{\"alarms\": [{\"name\": \"S1/a\", \"limit\": 1.0}],\n \"tags\": [{\"x\": [1, 2], \"name\": "
        "\"S1/L\"}],\n"
        " \"sites\": [{\"name\": \"S2\", \"title\": {\"zh\": \"二\", \"en\": \"b\"}}, {\"name\": \"S1\"}]}";
    assert_int_equal(config_import(slice_str(document), on_item, &got, &err), OK);
    assert_string_equal(got.text, "site S2 {\"name\":\"S2\",\"title\":{\"en\":\"b\",\"zh\":\"二\"}}\n"
                                  "site S1 {\"name\":\"S1\"}\n"
                                  "tag S1/L {\"name\":\"S1/L\",\"x\":[1,2]}\n"
                                  "alarm S1/a {\"limit\":1,\"name\":\"S1/a\"}\n");
    got = (struct got){.stop_at = 2};
    assert_int_equal(config_import(slice_str(document), on_item, &got, &err), ERR_FULL);
    assert_int_equal(got.n, 2);
    got = (struct got){0};
    assert_int_equal(config_import(slice_str("{}"), on_item, &got, &err), OK);
    assert_int_equal(got.n, 0);
}

static void a_bad_document_is_refused_with_where_and_what(void **state) {
    (void)state;
    static const struct {
        const char *document;
        const char *where;
        const char *text;
    } bad[] = {
        {"", "line 1 column 0", "not valid JSON"},
        {"[]", "", "is a list; a configuration is"},
        {"{\"tag\":[]}", "/tag", "is no list of a configuration"},
        {"{\"tags\":{}}", "/tags", "is an object; it must be a list"},
        {"{\"tags\":[{\"name\":\"S1/L\"},7]}", "/tags/1", "is a number; it must be an object"},
        {"{\"sites\":[{}]}", "/sites/0", "has no \"name\""},
        {"{\"sites\":[{\"name\":7}]}", "/sites/0", "has no \"name\""},
        {"{\"sites\":[{\"name\":\"S1\",\"title\":{\"en\":[[[1]]]}}]}", "", "nested 7 levels deep"},
        {"{\"sites\":[],\"sites\":[]}", "line 1 column 19", "duplicate"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct got got = {0};
        struct error err = {0};
        assert_int_equal(config_import(slice_str(bad[i].document), on_item, &got, &err), ERR_INVALID);
        assert_string_equal(err.where, bad[i].where);
        if (strstr(err.text, bad[i].text) == NULL) {
            fail_msg("%s: %s", bad[i].document, err.text);
        }
    }
}

static void an_item_that_is_too_big_is_named(void **state) {
    (void)state;
    size_t size = 600 * 1024;
    char *document = malloc(size);
    assert_non_null(document);
    static const char head[] = "{\"sites\":[{\"name\":\"S1\"},{\"name\":\"S2\",\"title\":\"";
    static const char tail[] = "\"}]}";
    memset(document, 'x', size);
    memcpy(document, head, sizeof head - 1);
    memcpy(document + size - (sizeof tail - 1), tail, sizeof tail - 1);
    struct got got = {0};
    struct error err;
    assert_int_equal(config_import(slice_of(document, size), on_item, &got, &err), ERR_TOO_BIG);
    assert_string_equal(err.where, "/sites/1");
    assert_int_equal(got.n, 1);
    free(document);
}

/* --- the demo's document is right */

static enum status put_item(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(ctx, kind, name, body, 0, 0, faults, &n);
    if (status != OK) {
        print_message("%.*s%s: %s\n", SLICE_ARG(name), faults[0].pointer, faults[0].text);
    }
    return status;
}

static void the_demo_compiles(void **state) {
    (void)state;
    FILE *file = fopen("deploy/demo-config.json", "re");
    assert_non_null(file);
    static char text[256 * 1024];
    size_t n = fread(text, 1, sizeof text, file);
    assert_true(n > 0 && n < sizeof text);
    assert_int_equal(fclose(file), 0);
    struct config_set *set = NULL;
    struct error err = {0};
    assert_int_equal(config_set_new(&set, NULL), OK);
    assert_int_equal(config_import(slice_of(text, n), put_item, set, &err), OK);
    uint64_t seed[2] = {0};
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n_faults = 0;
    if (config_compile(set, 1, seed, &m, faults, &n_faults, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(m->n_sites, 5);
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        assert_true(m->tags[i].title.zh.n > 0);
        assert_int_equal(m->tags[i].role.n == 0, m->tags[i].gateway == MODEL_NONE);
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        assert_true(m->alarm_texts[i].message.zh.n > 0);
        kinds |= UINT32_C(1) << m->alarms[i].kind;
    }
    /* Everything that there is to show. */
    assert_int_equal(kinds | UINT32_C(1) << ALARM_CLOCK | UINT32_C(1) << ALARM_CERTIFICATE |
                         UINT32_C(1) << ALARM_DUPLICATE | UINT32_C(1) << ALARM_SERVER |
                         UINT32_C(1) << ALARM_CUSUM,
                     (UINT32_C(1) << ALARM_KINDS) - 1);
    assert_true(m->n_groups > 0 && m->n_calculated > 0 && m->n_positions > 1 && rule_set_count(m->rules) > 5);
    model_free(&m);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_the_order_of_kinds_with_canonical_bodies),
        cmocka_unit_test(a_bad_document_is_refused_with_where_and_what),
        cmocka_unit_test(an_item_that_is_too_big_is_named),
        cmocka_unit_test(the_demo_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
