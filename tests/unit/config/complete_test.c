#include "server/config/config.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

static void put(struct config_set *set, enum config_kind kind, const char *name, const char *rest) {
    char body[512];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\"%s}", name, rest);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(config_set_put(set, kind, slice_str(name), slice_str(body), 5, 6, faults, &n), OK);
}

static struct config_set *two_gateways(void) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    put(set, CONFIG_SITE, "S1", "");
    put(set, CONFIG_SITE, "S2", "");
    put(set, CONFIG_GATEWAY, "g1", ",\"site\":\"S1\"");
    put(set, CONFIG_GATEWAY, "g2", ",\"site\":\"S1\"");
    return set;
}

#define SERVER                                                                                               \
    "+site _server\n+alarm _server/link.certificate\n+alarm _server/web.certificate\n"                       \
    "+alarm _server/authority.certificate\n+alarm _server/disk.forecast\n+alarm _server/disk.free\n"         \
    "+alarm _server/disk.full\n+alarm _server/history.late\n+alarm _server/audit.behind\n"                   \
    "+alarm _server/audit.broken\n+alarm _server/spool.aside\n"

static void what_stands_alone_has_no_alarms_of_the_server(void **state) {
    (void)state;
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    put(set, CONFIG_SITE, "S1", "");
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    assert_int_equal(config_set_count(set, CONFIG_SITE), 1);
    config_set_free(&set);
}

/* Each says what it comes from, what happens and what to do, and of which gateway: no two the same. */
static void the_alarms_of_identity_say_what_to_do(void **state) {
    (void)state;
    struct config_set *set = two_gateways();
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    static const char *const names[] = {"S1/g1.certificate",
                                        "S1/g2.duplicate",
                                        "_server/link.certificate",
                                        "_server/web.certificate",
                                        "_server/authority.certificate",
                                        "_server/disk.free",
                                        "_server/audit.broken",
                                        "_server/spool.aside"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct config_item *item = config_set_find(set, CONFIG_ALARM, slice_str(names[i]));
        assert_non_null(item);
        static const char *const wanted[] = {"\"cause\":\"", "\"consequence\":\"", "\"action\":\"",
                                             "\"zh\":\""};
        for (size_t k = 0; k < COUNT(wanted); k++) {
            assert_non_null(memmem(item->body.p, item->body.n, wanted[k], strlen(wanted[k])));
        }
        assert_null(memmem(item->body.p, item->body.n, "%", 1));
    }
    config_set_free(&set);
}

struct told {
    uint32_t n;
    char text[1000];
};

static void on_change(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct told *t = ctx;
    t->n++;
    size_t at = strlen(t->text);
    (void)snprintf(t->text + at, sizeof t->text - at, "%s%s %.*s\n", body.n == 0 ? "-" : "+",
                   config_kind_name(kind), SLICE_ARG(name));
}

static void each_gateway_gets_the_comm_alarm_that_it_lacks(void **state) {
    (void)state;
    struct config_set *set = two_gateways();
    put(set, CONFIG_ALARM, "S1/g2.comm", ",\"kind\":\"comm\",\"gateway\":\"g2\",\"priority\":1");
    struct told told = {0};
    assert_int_equal(config_set_complete(set, on_change, &told, NULL), OK);
    assert_string_equal(told.text, "+alarm S1/g1.comm\n+alarm S1/g1.clock\n+alarm S1/g1.certificate\n"
                                   "+alarm S1/g1.duplicate\n+alarm S1/g2.clock\n+alarm S1/g2.certificate\n"
                                   "+alarm S1/g2.duplicate\n" SERVER);
    const struct config_item *made = config_set_find(set, CONFIG_ALARM, slice_str("S1/g1.comm"));
    assert_non_null(made);
    assert_int_equal(made->key, 0);
    uint64_t seed[2] = {0};
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(config_compile(set, 1, seed, &m, faults, &n, NULL), OK);
    const struct model_alarm *a = &m->alarms[m->gateways[model_find_gateway(m, slice_str("g1"))].comm_alarm];
    assert_true(a->priority == 2 && a->on_delay_us == 30000000 && model_alarm_is(a, ALARM_ENABLED));
    assert_true(m->alarm_texts[a - m->alarms].message.zh.n > 0);
    a = &m->alarms[m->gateways[model_find_gateway(m, slice_str("g1"))].clock_alarm];
    assert_true(a->kind == ALARM_CLOCK && a->priority == 3 && a->on_delay_us == 0 &&
                a->off_delay_us == 60000000);
    a = &m->alarms[m->gateways[model_find_gateway(m, slice_str("g2"))].comm_alarm];
    assert_true(a->priority == 1 && a->key == 5);
    a = &m->alarms[m->gateways[model_find_gateway(m, slice_str("g1"))].certificate_alarm];
    assert_true(a->kind == ALARM_CERTIFICATE && a->priority == 4 && a->on_delay_us == 3600000000);
    a = &m->alarms[m->gateways[model_find_gateway(m, slice_str("g1"))].duplicate_alarm];
    assert_true(a->kind == ALARM_DUPLICATE && a->priority == 2 && a->off_delay_us == 600000000);
    a = &m->alarms[m->server_alarms[SERVER_CERTIFICATE_AUTHORITY]];
    assert_true(a->kind == ALARM_CERTIFICATE && a->gateway == MODEL_NONE && a->priority == 4);
    assert_true(slice_is(m->sites[a->site].name, "_server"));
    model_free(&m);
    assert_int_equal(config_set_complete(set, on_change, &told, NULL), OK);
    assert_int_equal(told.n, 7 + 1 + SERVER_CERTIFICATES + SERVER_ALARMS);
    config_set_free(&set);
}

static void the_comm_alarm_of_a_gateway_that_went_or_moved_goes_too(void **state) {
    (void)state;
    struct config_set *set = two_gateways();
    put(set, CONFIG_TAG, "S1/L", ",\"gateway\":\"g1\",\"type\":\"bool\",\"stale_s\":5");
    put(set, CONFIG_ALARM, "S1/L.stale", ",\"kind\":\"stale\",\"tag\":\"S1/L\",\"priority\":1");
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    assert_int_equal(config_set_remove(set, CONFIG_GATEWAY, slice_str("g1")), OK);
    put(set, CONFIG_GATEWAY, "g2", ",\"site\":\"S2\"");
    struct told told = {0};
    assert_int_equal(config_set_complete(set, on_change, &told, NULL), OK);
    assert_string_equal(
        told.text,
        "-alarm S1/g2.duplicate\n-alarm S1/g2.comm\n-alarm S1/g2.clock\n-alarm S1/g2.certificate\n"
        "-alarm S1/g1.duplicate\n-alarm S1/g1.comm\n-alarm S1/g1.clock\n-alarm S1/g1.certificate\n"
        "+alarm S2/g2.comm\n+alarm S2/g2.clock\n+alarm S2/g2.certificate\n+alarm S2/g2.duplicate\n");
    assert_int_equal(config_set_count(set, CONFIG_ALARM), 5 + SERVER_CERTIFICATES + SERVER_ALARMS);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_alone_has_no_alarms_of_the_server),
        cmocka_unit_test(the_alarms_of_identity_say_what_to_do),
        cmocka_unit_test(each_gateway_gets_the_comm_alarm_that_it_lacks),
        cmocka_unit_test(the_comm_alarm_of_a_gateway_that_went_or_moved_goes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
