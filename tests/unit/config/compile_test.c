/* Covers: cross.c, compile.c */
#include "server/base/tm.h"
#include "server/config/config.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t seed[2] = {1, 2};

struct line {
    enum config_kind kind;
    const char *name;
    const char *rest; /* of the body, behind the name */
};

static void put(struct config_set *set, enum config_kind kind, const char *name, const char *rest,
                int64_t key, int64_t revision) {
    char body[1024];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\"%s}", name, rest);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    if (config_set_put(set, kind, slice_str(name), slice_str(body), key, revision, faults, &n) != OK) {
        fail_msg("%s %s: %s", body, faults[0].pointer, faults[0].text);
    }
}

#define TAG5 ",\"gateway\":\"g1\",\"low\":0,\"high\":5,\"stale_s\":30"
#define ON_L ",\"tag\":\"S1/L\",\"priority\":2"
#define COMM1                                                                                                \
    { CONFIG_ALARM, "S1/g1.comm", ",\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":2" }

/* Two sites with a gateway each and a tag; right as it is. */
static const struct line good[] = {
    {CONFIG_SITE, "S1", ""},
    {CONFIG_SITE, "S2",
     ",\"title\":{\"en\":\"Two\",\"zh\":\"二\"},\"area\":\"North\",\"kind\":\"pump_station\""},
    {CONFIG_GATEWAY, "g1", ",\"site\":\"S1\""},
    {CONFIG_GATEWAY, "g2", ",\"site\":\"S2\",\"enabled\":false"},
    {CONFIG_TAG, "S1/L", TAG5},
    {CONFIG_TAG, "S2/L", ",\"gateway\":\"g2\",\"low\":-1,\"high\":1"},
    COMM1,
    {CONFIG_ALARM, "S2/g2.comm", ",\"kind\":\"comm\",\"gateway\":\"g2\",\"priority\":2"},
};

static struct config_set *set_of(const struct line *v, size_t n) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    for (size_t i = 0; i < n; i++) {
        put(set, v[i].kind, v[i].name, v[i].rest, (int64_t)i + 100, 7);
    }
    return set;
}

static struct model *compile_ok(const struct config_set *set) {
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    if (config_compile(set, 42, seed, &m, faults, &n, &err) != OK) {
        fail_msg("%u faults, %s: %s", n, err.where, err.text);
    }
    assert_int_equal(n, 0);
    return m;
}

/* --- what comes out */

static void an_empty_configuration_is_an_empty_model(void **state) {
    (void)state;
    struct config_set *set = set_of(good, 0);
    struct model *m = compile_ok(set);
    assert_int_equal(m->revision, 42);
    assert_int_equal(m->n_sites + m->n_gateways + m->n_tags + m->n_alarms, 0);
    assert_int_equal(model_find_tag(m, slice_str("S1/L")), MODEL_NONE);
    model_free(&m);
    config_set_free(&set);
}

static void every_field_arrives_and_outlives_the_set(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    put(set, CONFIG_TAG, "S1/V",
        ",\"gateway\":\"g1\",\"title\":{\"en\":\"Valve\",\"zh\":\"阀\"},\"type\":\"int\",\"unit\":\"%\","
        "\"low\":-5,"
        "\"high\":105,\"scale\":0.1,\"offset\":-3,\"deadband\":0.5,\"stale_s\":1.5,\"decimals\":0,"
        "\"equipment\":\"V2\","
        "\"role\":\"flow\",\"counter\":true,\"modulus\":100",
        900, 31);
    put(set, CONFIG_TAG, "S1/W", ",\"gateway\":\"g1\",\"low\":0,\"high\":1,\"interpolate\":\"step\"", 902,
        33);
    put(set, CONFIG_TAG, "S1/X",
        ",\"gateway\":\"g1\",\"type\":\"int\",\"low\":0,\"high\":1,\"interpolate\":\"linear\"", 903, 34);
    put(set, CONFIG_ALARM, "S1/V.low",
        ",\"kind\":\"low\",\"tag\":\"S1/"
        "V\",\"limit\":3,\"deadband\":0.25,\"on_delay_s\":2.5,\"off_delay_s\":60,"
        "\"priority\":4,\"message\":\"shut\",\"enabled\":false",
        901, 32);
    struct model *m = compile_ok(set);
    config_set_free(&set);
    const struct model_tag *t = &m->tags[model_find_tag(m, slice_str("S1/V"))];
    assert_int_equal(t->key, 900);
    assert_true(slice_is(t->name, "S1/V") && slice_is(t->local, "V") && slice_is(t->title.en, "Valve"));
    assert_true(slice_is(t->title.zh, "阀") && slice_is(t->unit, "%") && slice_is(t->equipment, "V2"));
    assert_true(slice_is(t->role, "flow"));
    assert_true(t->type == TAG_INT && t->low == -5 && t->high == 105 && t->scale == 0.1 && t->offset == -3);
    assert_true(t->deadband == 0.5 && t->stale_us == 1500000 && t->decimals == 0);
    assert_true(t->counter && t->modulus == 100 && t->stepped);
    assert_true(m->tags[model_find_tag(m, slice_str("S1/W"))].stepped);
    assert_false(m->tags[model_find_tag(m, slice_str("S1/X"))].stepped);
    const struct model_alarm *a = &m->alarms[model_find_alarm(m, slice_str("S1/V.low"))];
    assert_true(a->key == 901 && a->revision == 32 && a->kind == ALARM_LOW && a->limit == 3 &&
                a->deadband == 0.25);
    assert_true(a->on_delay_us == 2500000 && a->off_delay_us == 60 * TM_SECOND_US && a->priority == 4 &&
                !model_alarm_is(a, ALARM_ENABLED));
    const struct model_text *message = &m->alarm_texts[a - m->alarms].message;
    assert_true(slice_is(message->en, "shut") && message->zh.n == 0);
    const struct model_site *s = &m->sites[model_find_site(m, slice_str("S2"))];
    assert_true(slice_is(s->title.zh, "二") && slice_is(s->area, "North") &&
                slice_is(s->kind, "pump_station"));
    assert_false(m->gateways[model_find_gateway(m, slice_str("g2"))].enabled);
    model_free(&m);
}

static void defaults_are_those_of_the_manual(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    put(set, CONFIG_TAG, "S1/R", ",\"gateway\":\"g1\",\"type\":\"bool\"", 1, 1);
    put(set, CONFIG_ALARM, "S1/R.on", ",\"kind\":\"state\",\"tag\":\"S1/R\",\"states\":[1],\"priority\":1", 1,
        1);
    struct model *m = compile_ok(set);
    config_set_free(&set);
    const struct model_tag *t = &m->tags[model_find_tag(m, slice_str("S1/R"))];
    assert_true(t->type == TAG_BOOL && t->low == 0 && t->high == 1 && t->scale == 1 && t->offset == 0);
    assert_true(t->deadband == 0 && t->stale_us == 0 && t->decimals == 2 && t->unit.n == 0);
    assert_true(t->stepped && !t->counter && t->modulus == 0);
    t = &m->tags[model_find_tag(m, slice_str("S2/L"))];
    assert_true(t->type == TAG_FLOAT && !t->stepped);
    const struct model_alarm *a = &m->alarms[model_find_alarm(m, slice_str("S1/R.on"))];
    assert_true(a->deadband == 0 && a->on_delay_us == 0 && a->off_delay_us == 0);
    assert_int_equal(a->options, ALARM_ENABLED | ALARM_SHELVABLE);
    assert_int_equal(m->alarms[model_find_alarm(m, slice_str("S1/g1.comm"))].more, MODEL_NONE);
    assert_true(m->gateways[0].enabled);
    model_free(&m);
}

static bool above(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = memcmp(a.p, b.p, n);
    return order > 0 || (order == 0 && a.n > b.n);
}

/* What the core relies on: see model.h. */
static void assert_well_formed(const struct model *m) {
    for (uint32_t i = 0; i < m->n_sites; i++) {
        const struct model_site *s = &m->sites[i];
        assert_int_equal(model_find_site(m, s->name), i);
        for (uint32_t t = s->first_tag; t < s->first_tag + s->n_tags; t++) {
            assert_int_equal(m->tags[t].site, i);
        }
    }
    for (uint32_t i = 0; i < m->n_tags; i++) {
        const struct model_tag *t = &m->tags[i];
        assert_int_equal(model_find_tag(m, t->name), i);
        assert_true(t->site < m->n_sites && m->gateways[t->gateway].site == t->site);
        assert_true(i >= m->sites[t->site].first_tag &&
                    i < m->sites[t->site].first_tag + m->sites[t->site].n_tags);
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm *a = &m->alarms[i];
        bool of_gateway = alarm_kind_of_gateway((enum alarm_kind)a->kind) || a->kind == ALARM_SERVER;
        bool of_server = of_gateway && a->gateway == MODEL_NONE;
        assert_int_equal(model_find_alarm(m, m->alarm_texts[i].name), i);
        assert_true(i == 0 || above(m->alarm_texts[i].name, m->alarm_texts[i - 1].name));
        assert_int_equal(a->tag == MODEL_NONE, of_gateway);
        assert_true(of_server || a->site == m->gateways[a->gateway].site);
        assert_true(of_gateway || m->tags[a->tag].gateway == a->gateway);
    }
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        const struct model_gateway *g = &m->gateways[i];
        assert_int_equal(model_find_gateway(m, g->name), i);
        assert_int_equal(m->alarms[g->comm_alarm].gateway, i);
        assert_int_equal(m->alarms[g->comm_alarm].kind, ALARM_COMM);
        assert_int_equal(m->alarms[g->clock_alarm].gateway, i);
        assert_int_equal(m->alarms[g->clock_alarm].kind, ALARM_CLOCK);
        assert_int_equal(m->alarms[g->certificate_alarm].gateway, i);
        assert_int_equal(m->alarms[g->certificate_alarm].kind, ALARM_CERTIFICATE);
        assert_int_equal(m->alarms[g->duplicate_alarm].gateway, i);
        assert_int_equal(m->alarms[g->duplicate_alarm].kind, ALARM_DUPLICATE);
    }
    for (unsigned i = 0; i < SERVER_CERTIFICATES; i++) {
        const struct model_alarm *a = &m->alarms[m->server_alarms[i]];
        assert_true(a->kind == ALARM_CERTIFICATE && a->gateway == MODEL_NONE);
    }
    for (unsigned i = 0; i < SERVER_ALARMS; i++) {
        const struct model_alarm *a = &m->alarms[m->server_own[i]];
        assert_true(a->kind == ALARM_SERVER && a->gateway == MODEL_NONE && a->tag == MODEL_NONE);
    }
}

static void tags_are_grouped_by_site_and_alarms_stand_in_the_order_of_names(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    /* '-' and '.' sort before '/': the tags of S1-a and S1.b stand before those of S1, the sites behind it.
     */
    put(set, CONFIG_SITE, "S1-a", "", 1, 1);
    put(set, CONFIG_SITE, "S1.b", "", 1, 1);
    put(set, CONFIG_GATEWAY, "ga", ",\"site\":\"S1-a\"", 1, 1);
    put(set, CONFIG_GATEWAY, "gb", ",\"site\":\"S1.b\"", 1, 1);
    put(set, CONFIG_TAG, "S1-a/x", ",\"gateway\":\"ga\",\"type\":\"bool\",\"stale_s\":1", 1, 1);
    put(set, CONFIG_TAG, "S1.b/x", ",\"gateway\":\"gb\",\"type\":\"bool\"", 1, 1);
    put(set, CONFIG_TAG, "S1/A", TAG5, 1, 1);
    /* An alarm's name need not begin with its tag's. */
    put(set, CONFIG_ALARM, "S1/a", ",\"kind\":\"stale\"" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1/z", ",\"kind\":\"high\",\"limit\":4,\"tag\":\"S1/A\",\"priority\":1", 1, 1);
    put(set, CONFIG_ALARM, "S1/b", ",\"kind\":\"low\",\"limit\":1" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1-a/s", ",\"kind\":\"stale\",\"tag\":\"S1-a/x\",\"priority\":1", 1, 1);
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    struct model *m = compile_ok(set);
    assert_int_equal(m->n_alarms, 30);
    assert_well_formed(m);
    model_free(&m);
    config_set_free(&set);
}

/* --- faults of the whole */

struct bad {
    struct line line;
    const char *pointer;
    const char *text;
};

static const struct bad bad[] = {
    {{CONFIG_GATEWAY, "g3", ",\"site\":\"S9\""}, "/gateway/g3/site", "is \"S9\", but there is no such site"},
    {{CONFIG_GATEWAY, "g3", ",\"site\":\"S1\""}, "/gateway/g3/name", "add alarm S1/g3.comm of kind comm"},
    {{CONFIG_GATEWAY, "g1", ",\"site\":\"S1\",\"certificate_of\":\"g9\""},
     "/gateway/g1/certificate_of",
     "no such gateway"},
    {{CONFIG_GATEWAY, "g1", ",\"site\":\"S1\",\"certificate_of\":\"g1\""},
     "/gateway/g1/certificate_of",
     "is the gateway itself"},
    {{CONFIG_TAG, "S9/L", TAG5}, "/tag/S9~1L/name", "begins with site \"S9\", but there is no such site"},
    {{CONFIG_TAG, "S1/X", ",\"gateway\":\"g9\",\"low\":0,\"high\":5"},
     "/tag/S1~1X/gateway",
     "no such gateway"},
    {{CONFIG_TAG, "S1/X", ",\"gateway\":\"g2\",\"low\":0,\"high\":5"},
     "/tag/S1~1X/gateway",
     "is \"g2\" of site S2, but the tag is of site S1"},
    {{CONFIG_ALARM, "S1/X.high", ",\"kind\":\"high\",\"limit\":1,\"tag\":\"S1/X\",\"priority\":1"},
     "/alarm/S1~1X.high/tag",
     "is \"S1/X\", but there is no such tag"},
    {{CONFIG_ALARM, "S9/X.high", ",\"kind\":\"high\",\"limit\":1,\"tag\":\"S9/X\",\"priority\":1"},
     "/alarm/S9~1X.high/name",
     "no such site"},
    {{CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"limit\":5.1" ON_L},
     "/alarm/S1~1L.high/limit",
     "is 5.1; it must be within the range of its tag, 0 to 5"},
    {{CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"limit\":-0.1" ON_L}, "/alarm/S1~1L.low/limit", "0 to 5"},
    {{CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"limit\":1,\"deadband\":1.5" ON_L},
     "/alarm/S1~1L.high/deadband",
     "return only at -0.5"},
    {{CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"limit\":4,\"deadband\":1.5" ON_L},
     "/alarm/S1~1L.low/deadband",
     "return only at 5.5"},
    {{CONFIG_ALARM, "S2/L.stale", ",\"kind\":\"stale\",\"tag\":\"S2/L\",\"priority\":2"},
     "/alarm/S2~1L.stale/tag",
     "has stale_s 0"},
    {{CONFIG_ALARM, "S1/g9.comm", ",\"kind\":\"comm\",\"gateway\":\"g9\",\"priority\":1"},
     "/alarm/S1~1g9.comm/gateway",
     "no such gateway"},
    {{CONFIG_ALARM, "S2/g1.comm", ",\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":1"},
     "/alarm/S2~1g1.comm/name",
     "its alarm is S1/g1.comm"},
};

static void assert_fault(const struct config_set *set, const char *pointer, const char *text) {
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    assert_int_equal(config_compile(set, 1, seed, &m, faults, &n, &err), ERR_INVALID);
    assert_null(m);
    if (n != 1 || strcmp(faults[0].pointer, pointer) != 0 || strstr(faults[0].text, text) == NULL) {
        fail_msg("%u faults, first %s: %s; wanted %s: %s", n, faults[0].pointer, faults[0].text, pointer,
                 text);
    }
    assert_string_equal(err.where, faults[0].pointer);
}

static void what_does_not_fit_together_is_told_with_where_and_what(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct config_set *set = set_of(good, COUNT(good));
        put(set, bad[i].line.kind, bad[i].line.name, bad[i].line.rest, 1, 1);
        assert_fault(set, bad[i].pointer, bad[i].text);
        config_set_free(&set);
    }
}

static void low_limits_stay_below_high_limits_of_the_same_tag(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    put(set, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"limit\":3" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1/L.hh", ",\"kind\":\"high\",\"limit\":4" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1/L.ll", ",\"kind\":\"low\",\"limit\":1" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"limit\":2.9" ON_L, 1, 1);
    struct model *m = compile_ok(set);
    model_free(&m);
    put(set, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"limit\":3.1" ON_L, 1, 1);
    assert_fault(set, "/alarm/S1~1L.low/limit", "S1/L.high is at 3");
    config_set_free(&set);
}

static void limits_at_the_very_ends_of_the_range_are_right(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    put(set, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"limit\":5,\"deadband\":4" ON_L, 1, 1);
    put(set, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"limit\":0,\"deadband\":0.9" ON_L, 1, 1);
    struct model *m = compile_ok(set);
    model_free(&m);
    config_set_free(&set);
}

static void no_more_faults_are_told_than_fit(void **state) {
    (void)state;
    struct config_set *set = set_of(good, COUNT(good));
    for (int i = 0; i < CONFIG_FAULTS_MAX + 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "S9/t%d", i);
        put(set, CONFIG_TAG, name, TAG5, 1, 1);
    }
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(config_compile(set, 1, seed, &m, faults, &n, NULL), ERR_INVALID);
    assert_int_equal(n, CONFIG_FAULTS_MAX);
    config_set_free(&set);
}

/* --- size */

/* SIZE=n tags, each with two alarms; 20 000 if it is not given. */
static void a_big_configuration_is_well_formed(void **state) {
    (void)state;
    const char *given = getenv("SIZE");
    unsigned long n_tags = given == NULL ? 20000 : strtoul(given, NULL, 10);
    enum { SITES = 500 };
    struct config_set *set = set_of(good, 0);
    char name[64];
    char rest[256];
    for (unsigned i = 0; i < SITES; i++) {
        (void)snprintf(name, sizeof name, "S%u", i);
        put(set, CONFIG_SITE, name, "", i + 1, 1);
        (void)snprintf(name, sizeof name, "g%u", i);
        (void)snprintf(rest, sizeof rest, ",\"site\":\"S%u\"", i);
        put(set, CONFIG_GATEWAY, name, rest, i + 1, 1);
    }
    for (unsigned long i = 0; i < n_tags; i++) {
        (void)snprintf(name, sizeof name, "S%lu/t%lu", i % SITES, i);
        (void)snprintf(
            rest, sizeof rest,
            ",\"gateway\":\"g%lu\",\"title\":{\"en\":\"Level\",\"zh\":\"液位\"},\"unit\":\"m\",\"low\":0,"
            "\"high\":%lu,\"deadband\":0.01,\"stale_s\":30",
            i % SITES, 5 + i % 7);
        put(set, CONFIG_TAG, name, rest, (int64_t)i, 1);
        (void)snprintf(
            rest, sizeof rest,
            ",\"kind\":\"high\",\"limit\":4.5,\"deadband\":0.1,\"priority\":2,\"tag\":\"S%lu/t%lu\"",
            i % SITES, i);
        (void)snprintf(name, sizeof name, "S%lu/t%lu.high", i % SITES, i);
        put(set, CONFIG_ALARM, name, rest, (int64_t)i, 1);
        (void)snprintf(rest, sizeof rest, ",\"kind\":\"stale\",\"priority\":3,\"tag\":\"S%lu/t%lu\"",
                       i % SITES, i);
        (void)snprintf(name, sizeof name, "S%lu/t%lu.stale", i % SITES, i);
        put(set, CONFIG_ALARM, name, rest, (int64_t)i, 1);
    }
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    struct model *m = compile_ok(set);
    assert_int_equal(m->n_tags, n_tags);
    assert_int_equal(m->n_alarms, 2 * n_tags + 4 * SITES + SERVER_CERTIFICATES + SERVER_ALARMS);
    assert_well_formed(m);
    model_free(&m);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_configuration_is_an_empty_model),
        cmocka_unit_test(every_field_arrives_and_outlives_the_set),
        cmocka_unit_test(defaults_are_those_of_the_manual),
        cmocka_unit_test(tags_are_grouped_by_site_and_alarms_stand_in_the_order_of_names),
        cmocka_unit_test(what_does_not_fit_together_is_told_with_where_and_what),
        cmocka_unit_test(low_limits_stay_below_high_limits_of_the_same_tag),
        cmocka_unit_test(limits_at_the_very_ends_of_the_range_are_right),
        cmocka_unit_test(no_more_faults_are_told_than_fit),
        cmocka_unit_test(a_big_configuration_is_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
