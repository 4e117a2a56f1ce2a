/* Covers: item.c, fields.c, faults.c, alarm_item.c, value.c, value_list.c */
#include "server/base/rand.h"
#include "server/config/config.h"
#include "server/config/faults.h"
#include "server/config/item.h"
#include "tests/lib/config_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config_set *new_set(void) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    return set;
}

static enum status put(struct config_set *set, enum config_kind kind, const char *name, const char *body,
                       struct config_fault *faults, uint32_t *ret_n) {
    return config_set_put(set, kind, slice_str(name), slice_str(body), 0, 0, faults, ret_n);
}

static void put_ok(struct config_set *set, enum config_kind kind, const char *name, const char *body) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 7;
    enum status status = put(set, kind, name, body, faults, &n);
    if (status != OK) {
        fail_msg("%s: %s: %s", name, n > 0 ? faults[0].pointer : "",
                 n > 0 ? faults[0].text : status_name(status));
    }
    assert_int_equal(n, 0);
}

/* --- faults of one item */

struct bad {
    enum config_kind kind;
    const char *name;
    const char *body;
    const char *pointer;
    const char *text; /* a part of it */
};

#define TAG(rest)   "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":0,\"high\":5" rest "}"
#define ALARM(rest) "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"priority\":2" rest "}"
#define HIGH        ",\"kind\":\"high\",\"limit\":4"

static const struct bad bad[] = {
    /* syntax */
    {CONFIG_SITE, "S1", "", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\"", "", "not valid JSON at line 1"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",}", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\"} x", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"name\":\"S1\"}", "", "duplicate"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"a\",\"en\":\"b\"}}", "", "duplicate"},
    {CONFIG_SITE, "S1", "{\"name\":\"S\xff\"}", "", "byte 11 is not UTF-8"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\\u0000\"}", "", "not valid JSON"},
    {CONFIG_SITE, "S1", "{\"name\":[[[[1]]]]}", "", "nested 5 levels deep"},
    {CONFIG_SITE, "S1", "[]", "", "is a list; it must be an object"},
    {CONFIG_SITE, "S1", "\"S1\"", "", "is a string; it must be an object"},
    {CONFIG_SITE, "S1", "7", "", "is a number; it must be an object"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":1e999"), "", "not valid JSON"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":99999999999999999999"), "", "not valid JSON"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":NaN"), "", "not valid JSON"},
    /* names */
    {CONFIG_SITE, "S1", "{}", "/name", "is missing"},
    {CONFIG_SITE, "S1", "{\"name\":\"S2\"}", "/name", "is \"S2\", but this is item \"S1\""},
    {CONFIG_SITE, "", "{\"name\":\"\"}", "/name", "1 to 200 characters"},
    {CONFIG_SITE, "S 1", "{\"name\":\"S 1\"}", "/name", "A-Z a-z 0-9 . _ -"},
    {CONFIG_SITE, "S/1", "{\"name\":\"S/1\"}", "/name", "A-Z a-z 0-9 . _ -"},
    {CONFIG_SITE, "..", "{\"name\":\"..\"}", "/name", "not only dots"},
    {CONFIG_SITE, "站", "{\"name\":\"站\"}", "/name", "\"站\" is no name"},
    {CONFIG_SITE, "S1", "{\"name\":1}", "/name", "is a number; it must be a string"},
    {CONFIG_SITE, "S1", "{\"name\":null}", "/name", "is null; it must be a string, or be left out"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\",\"site\":\"S1/x\"}", "/site", "A-Z"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\"}", "/site", "is missing; a gateway must have it"},
    {CONFIG_TAG, "L", "{\"name\":\"L\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    {CONFIG_TAG, "S1/L/x", "{\"name\":\"S1/L/x\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name",
     "exactly one '/'"},
    {CONFIG_TAG, "S1/", "{\"name\":\"S1/\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    {CONFIG_TAG, "/L", "{\"name\":\"/L\",\"gateway\":\"g\",\"low\":0,\"high\":5}", "/name", "SITE/LOCAL"},
    /* fields */
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"colour\":1}", "/colour", "is no field of a site"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"a/b~c\":1}", "/a~1b~0c", "is no field"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":5}", "/title",
     "is a number; it must be a string or {\"en\""},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"zh\":\"a\"}}", "/title", "has no \"en\""},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"a\",\"de\":\"b\"}}", "/title/de",
     "languages are en and zh"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":1}}", "/title/en", "must be a string"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":\"a\\nb\"}", "/title", "control character (byte 2)"},
    {CONFIG_SITE, "S1", "{\"name\":\"S1\",\"area\":\"\\u007f\"}", "/area", "control character"},
    {CONFIG_GATEWAY, "g", "{\"name\":\"g\",\"site\":\"S1\",\"enabled\":1}", "/enabled",
     "must be true or false"},
    {CONFIG_TAG, "S1/L", TAG(",\"unit\":\"12345678901234567\""), "/unit", "has 17 bytes; at most 16"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"double\""), "/type", "one of: float, int, bool"},
    {CONFIG_TAG, "S1/L", TAG(",\"role\":\"levels\""), "/role", "one of: level, flow, power, run"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":0"), "/scale", "is 0"},
    {CONFIG_TAG, "S1/L", TAG(",\"scale\":\"1\""), "/scale", "is a string; it must be a number"},
    {CONFIG_TAG, "S1/L", TAG(",\"offset\":1e19"), "/offset", "must be from -1e+18 to 1e+18"},
    {CONFIG_TAG, "S1/L", TAG(",\"deadband\":-0.1"), "/deadband", "must be from 0"},
    {CONFIG_TAG, "S1/L", TAG(",\"deadband\":5"), "/deadband", "smaller than the range from low to high, 5"},
    {CONFIG_TAG, "S1/L", TAG(",\"stale_s\":86401"), "/stale_s", "from 0 to 86400"},
    {CONFIG_TAG, "S1/L", TAG(",\"decimals\":1.5"), "/decimals", "a whole number"},
    {CONFIG_TAG, "S1/L", TAG(",\"decimals\":11"), "/decimals", "from 0 to 10"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"high\":5}", "/low", "is missing"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":5}", "/high", "is missing"},
    {CONFIG_TAG, "S1/L", "{\"name\":\"S1/L\",\"gateway\":\"g\",\"low\":5,\"high\":5}", "/high",
     "high must be above low"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"bool\""), "/type", "is bool, which goes from 0 to 1"},
    {CONFIG_TAG, "S1/L", TAG(",\"interpolate\":\"spline\""), "/interpolate", "step"},
    {CONFIG_TAG, "S1/L", TAG(",\"interpolate\":\"linear\",\"counter\":true"), "/interpolate",
     "nothing between"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"int\",\"states\":[\"a\"],\"interpolate\":\"linear\""),
     "/interpolate", "nothing between two states"},
    {CONFIG_TAG, "S1/L", TAG(",\"type\":\"int\",\"states\":[\"a\"],\"counter\":true"), "/counter",
     "a tag with states counts nothing"},
    {CONFIG_TAG, "S1/L", TAG(",\"modulus\":65536"), "/modulus", "is of counters alone"},
    {CONFIG_TAG, "S1/L", TAG(",\"counter\":true,\"modulus\":-1"), "/modulus", "0"},
    /* alarms */
    {CONFIG_ALARM, "S1/L.high", ALARM(""), "/kind", "is missing"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"hihi\",\"limit\":4"), "/kind",
     "one of: high, low, stale, comm, dev, roc, state"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"high\""), "/limit", "is missing"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"gateway\":\"g\""), "/gateway",
     "no meaning for an alarm of kind high"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"deadband\":-1"), "/deadband", "must be from 0"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"on_delay_s\":86400.5"), "/on_delay_s", "from 0 to 86400"},
    {CONFIG_ALARM, "S1/L.high", ALARM(HIGH ",\"off_delay_s\":-1"), "/off_delay_s", "from 0 to 86400"},
    {CONFIG_ALARM, "S1/L.high", ALARM(",\"kind\":\"stale\",\"limit\":1"), "/limit",
     "no meaning for an alarm of kind stale"},
    {CONFIG_ALARM, "S1/L.high", "{\"name\":\"S1/L.high\",\"kind\":\"high\",\"limit\":1,\"priority\":2}",
     "/tag", "is missing"},
    {CONFIG_ALARM, "S1/L.high", "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1}",
     "/priority", "is missing"},
    {CONFIG_ALARM, "S1/L.high",
     "{\"name\":\"S1/L.high\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1,\"priority\":5}", "/priority",
     "from 1 to 4"},
    {CONFIG_ALARM, "S1/L.high",
     "{\"name\":\"S1/L.high\",\"tag\":\"S2/L\",\"kind\":\"high\",\"limit\":1,\"priority\":1}", "/tag",
     "must be of the same site"},
    {CONFIG_ALARM, "S1/L.comm",
     "{\"name\":\"S1/L.comm\",\"tag\":\"S1/L\",\"kind\":\"high\",\"limit\":1,\"priority\":1}", "/name",
     "ends as the names of alarms of gateways do"},
    {CONFIG_ALARM, "S1/g.comm", "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1}", "/gateway",
     "is missing"},
    {CONFIG_ALARM, "S1/g.comm",
     "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\",\"tag\":\"S1/L\"}", "/tag",
     "no meaning"},
    {CONFIG_ALARM, "S1/g.comm",
     "{\"name\":\"S1/g.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\",\"limit\":1}", "/limit",
     "no meaning"},
    {CONFIG_ALARM, "S1/h.comm", "{\"name\":\"S1/h.comm\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\"}",
     "/name", "must be SITE/g.comm"},
    {CONFIG_ALARM, "S1/g", "{\"name\":\"S1/g\",\"kind\":\"comm\",\"priority\":1,\"gateway\":\"g\"}", "/name",
     "must be SITE/g.comm"},
};

static void each_bad_body_is_refused_with_where_and_what(void **state) {
    (void)state;
    struct config_set *set = new_set();
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct config_fault faults[CONFIG_FAULTS_MAX] = {0};
        uint32_t n = 0;
        enum status status = put(set, bad[i].kind, bad[i].name, bad[i].body, faults, &n);
        if (status != ERR_INVALID || n != 1 || strcmp(faults[0].pointer, bad[i].pointer) != 0 ||
            strstr(faults[0].text, bad[i].text) == NULL || strncmp(faults[0].code, "E_", 2) != 0) {
            fail_msg("%s: %s, %u faults, first: \"%s\" %s", bad[i].body, status_name(status), n,
                     faults[0].pointer, faults[0].text);
        }
        assert_int_equal(config_set_count(set, bad[i].kind), 0);
    }
    config_set_free(&set);
}

/* --- each field's own faults, with the code that programs go by */

struct coded {
    enum config_kind kind;
    const char *name;
    const char *rest;
    const char *code; /* NULL: right */
    const char *pointer;
};

#define CH       "\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":2"
#define OF(kind) "\"kind\":\"" kind "\",\"priority\":2"
#define ON_L     ",\"tag\":\"S1/L\""
#define CALC     "\"expr\":\"L\""

static const struct coded coded[] = {
    {CONFIG_SITE, "S1", "\"tz\":\"America/Argentina/Buenos_Aires\",\"position\":\"north\"", NULL, NULL},
    {CONFIG_SITE, "S1", "\"tz\":\"Etc/GMT+3\"", NULL, NULL},
    {CONFIG_SITE, "S1", "\"tz\":\"../etc/passwd\"", "E_RANGE", "/tz"},
    {CONFIG_SITE, "S1", "\"tz\":\"/Europe/Berlin\"", "E_RANGE", "/tz"},
    {CONFIG_SITE, "S1", "\"tz\":\"Europe/\"", "E_RANGE", "/tz"},
    {CONFIG_SITE, "S1", "\"tz\":1", "E_TYPE", "/tz"},
    {CONFIG_SITE, "S1", "\"position\":\"a b\"", "E_NAME", "/position"},
    {CONFIG_TAG, "S1/M",
     "\"gateway\":\"g\",\"type\":\"int\",\"low\":0,\"high\":1,\"states\":[\"shut\",\"half open\"]", NULL,
     NULL},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":[\"off\",\"on\"]", NULL, NULL},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"low\":0,\"high\":1,\"states\":[\"a\"]", "E_TYPE", "/states"},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":\"a\"", "E_TYPE", "/states"},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":[1]", "E_TYPE", "/states/0"},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":[\"a\",\"b\",\"a\"]", "E_RANGE",
     "/states/2"},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":[\"it's\"]", "E_NAME", "/states/0"},
    {CONFIG_TAG, "S1/M", "\"gateway\":\"g\",\"type\":\"bool\",\"states\":[\"\"]", "E_NAME", "/states/0"},
    {CONFIG_TAG, "S1/C", CALC, NULL, NULL},
    {CONFIG_TAG, "S1/C", CALC ",\"low\":0,\"high\":1,\"unit\":\"m\",\"deadband\":0.1", NULL, NULL},
    {CONFIG_TAG, "S1/C", CALC ",\"low\":1,\"high\":1", "E_RANGE", "/high"},
    {CONFIG_TAG, "S1/C", CALC ",\"gateway\":\"g\"", "E_FIELD", "/gateway"},
    {CONFIG_TAG, "S1/C", CALC ",\"scale\":2", "E_FIELD", "/scale"},
    {CONFIG_TAG, "S1/C", CALC ",\"offset\":2", "E_FIELD", "/offset"},
    {CONFIG_TAG, "S1/C", CALC ",\"stale_s\":2", "E_FIELD", "/stale_s"},
    {CONFIG_TAG, "S1/C", "\"low\":0,\"high\":1", "E_MISSING", "/gateway"},
    {CONFIG_CLASS, "c", "", NULL, NULL},
    {CONFIG_CLASS, "c", "\"title\":\"x\",\"highly_managed\":true,\"priority\":1,\"max_shelve_s\":1", NULL,
     NULL},
    {CONFIG_CLASS, "c", "\"priority\":5", "E_PRIO", "/priority"},
    {CONFIG_CLASS, "c", "\"priority\":\"high\"", "E_PRIO", "/priority"},
    {CONFIG_CLASS, "c", "\"escalate_priority\":0", "E_PRIO", "/escalate_priority"},
    {CONFIG_CLASS, "c", "\"max_shelve_s\":0", "E_RANGE", "/max_shelve_s"},
    {CONFIG_CLASS, "c", "\"realarm_s\":-1", "E_RANGE", "/realarm_s"},
    {CONFIG_CLASS, "c", "\"escalate_after_s\":604801", "E_RANGE", "/escalate_after_s"},
    {CONFIG_CLASS, "c", "\"on_delay_s\":-1", "E_RANGE", "/on_delay_s"},
    {CONFIG_CLASS, "c", "\"ack\":\"never\"", "E_RANGE", "/ack"},
    {CONFIG_CLASS, "c", "\"ack\":\"none\",\"latch\":true", "E_LATCH_ACK", "/latch"},
    {CONFIG_CLASS, "c", "\"limit\":1", "E_FIELD", "/limit"},
    {CONFIG_CLASS, "c/d", "", "E_NAME", "/name"},
    {CONFIG_GROUP, "g",
     "\"title\":\"x\",\"first_out\":false,\"suppress_when\":\"a\\n\\tb\",\"unsuppress_delay_s\":5", NULL,
     NULL},
    {CONFIG_GROUP, "g", "\"first_out\":1", "E_TYPE", "/first_out"},
    {CONFIG_GROUP, "g", "\"suppress_when\":true", "E_TYPE", "/suppress_when"},
    {CONFIG_GROUP, "g", "\"suppress_when\":\"a\\u0001\"", "E_RANGE", "/suppress_when"},
    {CONFIG_GROUP, "g", "\"unsuppress_delay_s\":-1", "E_RANGE", "/unsuppress_delay_s"},
    {CONFIG_GROUP, "g", "\"members\":[]", "E_FIELD", "/members"},
    /* fields that all alarms have */
    {CONFIG_ALARM, "S1/A", CH, NULL, NULL},
    {CONFIG_ALARM, "S1/A",
     CH
     ",\"groups\":[\"a\",\"b\"],\"class\":\"c\",\"position\":\"p\",\"hidden_by\":\"S1/B\",\"test\":true,"
     "\"suppress_when\":\"\",\"cause\":\"a\",\"consequence\":{\"en\":\"b\",\"zh\":\"乙\"},\"action\":\"c\","
     "\"severity\":\"major\",\"time_to_act_s\":60,\"priority_reason\":\"d\",\"basis\":\"e\",\"suppression_"
     "basis\":\"f\","
     "\"shelving_policy\":\"g\",\"documents\":[\"P&ID "
     "7\",\"http://x/y\"],\"trip_point\":9,\"display\":\"S1\","
     "\"reviewed_by\":\"Li\",\"reviewed_on\":\"2024-02-29\",\"next_review\":\"2027-01-31\"",
     NULL, NULL},
    {CONFIG_ALARM, "S1/A", CH ",\"groups\":\"a\"", "E_TYPE", "/groups"},
    {CONFIG_ALARM, "S1/A", CH ",\"groups\":[\"a b\"]", "E_NAME", "/groups/0"},
    {CONFIG_ALARM, "S1/A", CH ",\"groups\":[\"a\",\"a\"]", "E_RANGE", "/groups/1"},
    {CONFIG_ALARM, "S1/A", CH ",\"groups\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]",
     "E_RANGE", "/groups"},
    {CONFIG_ALARM, "S1/A", CH ",\"hidden_by\":\"B\"", "E_ALARM", "/hidden_by"},
    {CONFIG_ALARM, "S1/A", CH ",\"class\":\"\"", "E_NAME", "/class"},
    {CONFIG_ALARM, "S1/A", CH ",\"reviewed_on\":\"2025-02-29\"", "E_RANGE", "/reviewed_on"},
    {CONFIG_ALARM, "S1/A", CH ",\"next_review\":\"2025-2-9\"", "E_RANGE", "/next_review"},
    {CONFIG_ALARM, "S1/A", CH ",\"severity\":\"fatal\"", "E_RANGE", "/severity"},
    {CONFIG_ALARM, "S1/A", CH ",\"time_to_act_s\":0", "E_RANGE", "/time_to_act_s"},
    {CONFIG_ALARM, "S1/A", CH ",\"documents\":[1]", "E_TYPE", "/documents/0"},
    {CONFIG_ALARM, "S1/A", CH ",\"documents\":\"a\"", "E_TYPE", "/documents"},
    {CONFIG_ALARM, "S1/A", CH ",\"action\":7", "E_TYPE", "/action"},
    {CONFIG_ALARM, "S1/A", CH ",\"cause\":{\"zh\":\"甲\"}", "E_MISSING", "/cause"},
    {CONFIG_ALARM, "S1/A", CH ",\"on_bad\":\"ignore\"", "E_RANGE", "/on_bad"},
    {CONFIG_ALARM, "S1/A", CH ",\"uncertain\":\"good\"", "E_RANGE", "/uncertain"},
    {CONFIG_ALARM, "S1/A", CH ",\"ack\":\"none\",\"latch\":true", "E_LATCH_ACK", "/latch"},
    {CONFIG_ALARM, "S1/A", CH ",\"priority\":0", "E_JSON", ""}, /* twice */
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\"", "E_MISSING", "/priority"},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"severity\":\"minor\"", "E_MISSING",
     "/priority"},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"severity\":\"minor\",\"time_to_act_s\":1",
     NULL, NULL},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"class\":\"c\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":5", "E_PRIO", "/priority"},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":1.5", "E_PRIO", "/priority"},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"L\",\"priority\":1", "E_TAG", "/tag"},
    {CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S2/L\",\"priority\":1", "E_TAG", "/tag"},
    /* limits as numbers and as texts */
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"4.2 m\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"-.5e1m\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"4\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"m\"", "E_RANGE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"\"", "E_RANGE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"nan\"", "E_RANGE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"inf\"", "E_RANGE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":\"1e999 m\"", "E_RANGE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":true", "E_TYPE", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L, "E_MISSING", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit_tag\":\"S2/X\",\"inclusive\":true", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":1,\"limit_tag\":\"S1/X\"", "E_FIELD", "/limit_tag"},
    {CONFIG_ALARM, "S1/A", OF("high") ON_L ",\"limit\":1,\"deadband\":-1", "E_RANGE", "/deadband"},
    /* what each kind needs and does not know */
    {CONFIG_ALARM, "S1/A", OF("low") ",\"limit\":1", "E_MISSING", "/tag"},
    {CONFIG_ALARM, "S1/A", OF("dev") ON_L ",\"limit\":1", "E_MISSING", "/setpoint"},
    {CONFIG_ALARM, "S1/A", OF("dev") ON_L ",\"limit\":1,\"setpoint\":\"S1/X\",\"inclusive\":true", "E_FIELD",
     "/inclusive"},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"limit\":1", "E_MISSING", "/over_s"},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"limit\":1,\"over_s\":0", "E_WINDOW", "/over_s"},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"limit\":1,\"over_s\":604801", "E_WINDOW", "/over_s"},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"limit\":1,\"over_s\":604800", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"over_s\":1", "E_MISSING", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("roc") ON_L ",\"over_s\":1,\"limit\":1,\"limit_tag\":\"S1/X\"", "several", ""},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L, "E_MISSING", "/states"},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L ",\"states\":[]", "E_MISSING", "/states"},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L ",\"states\":[1.5]", "E_RANGE", "/states/0"},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L ",\"states\":[1,-2,1]", "E_RANGE", "/states/2"},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L ",\"states\":[true]", "E_TYPE", "/states/0"},
    {CONFIG_ALARM, "S1/A", OF("state") ON_L ",\"states\":[1,\"1\"]", NULL, NULL},
    {CONFIG_ALARM, "S1/A", CH ",\"on_delay_s\":1", "E_FIELD", "/on_delay_s"},
    {CONFIG_ALARM, "S1/A", CH ",\"off_delay_s\":1", "E_FIELD", "/off_delay_s"},
    {CONFIG_ALARM, "S1/A", CH ",\"on_delay_s\":0,\"off_delay_s\":0", NULL, NULL},
    {CONFIG_ALARM, "S1/A", CH ",\"limit\":1", "E_FIELD", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("stale") ON_L ",\"after_s\":5", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("quality") ON_L ",\"after_s\":5", "E_FIELD", "/after_s"},
    {CONFIG_ALARM, "S1/A", OF("disc") ",\"command\":\"S1/X\"", "E_MISSING", "/feedback"},
    {CONFIG_ALARM, "S1/A", OF("disc") ",\"feedback\":\"S1/X\"", "E_MISSING", "/command"},
    {CONFIG_ALARM, "S1/A", OF("disc") ",\"command\":\"S2/X\",\"feedback\":\"S2/X\"", "E_TAG", "/command"},
    {CONFIG_ALARM, "S1/A", OF("disc") ON_L ",\"command\":\"S1/X\",\"feedback\":\"S1/Y\"", "E_FIELD", "/tag"},
    {CONFIG_ALARM, "S1/A", OF("expr"), "E_MISSING", "/expr"},
    {CONFIG_ALARM, "S1/A", OF("expr") ",\"expr\":\"\"", "E_MISSING", "/expr"},
    {CONFIG_ALARM, "S1/A", OF("expr") ON_L ",\"expr\":\"a\"", "E_FIELD", "/tag"},
    {CONFIG_ALARM, "S1/A", OF("runtime") ON_L ",\"limit\":\"2h\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("runtime") ON_L, "E_MISSING", "/limit"},
    {CONFIG_ALARM, "S1/A", OF("total") ON_L ",\"limit\":1,\"per\":\"h\"", NULL, NULL},
    {CONFIG_ALARM, "S1/A", OF("total") ON_L ",\"limit\":1,\"per\":\"d\"", "E_RANGE", "/per"},
    {CONFIG_ALARM, "S1/A", OF("total") ON_L ",\"limit\":1,\"deadband\":1", "E_FIELD", "/deadband"},
    {CONFIG_ALARM, "S1/A", OF("cusum") ON_L ",\"target\":1,\"h\":1", "E_MISSING", "/every_s"},
    {CONFIG_ALARM, "S1/A", OF("cusum") ON_L ",\"target\":1,\"every_s\":1", "E_MISSING", "/h"},
    {CONFIG_ALARM, "S1/A", OF("cusum_low") ON_L ",\"h\":1,\"every_s\":1", "E_MISSING", "/target"},
    {CONFIG_ALARM, "S1/A", OF("cusum") ON_L ",\"target\":1,\"h\":0,\"every_s\":1", "E_RANGE", "/h"},
    {CONFIG_ALARM, "S1/A", OF("cusum") ON_L ",\"target\":1,\"h\":1,\"every_s\":0", "E_RANGE", "/every_s"},
    {CONFIG_ALARM, "S1/A", OF("cusum") ON_L ",\"target\":1,\"h\":1,\"every_s\":1,\"k\":-1", "E_RANGE", "/k"},
    {CONFIG_ALARM, "S1/g.clock", OF("clock") ",\"gateway\":\"g\",\"off_delay_s\":60", NULL, NULL},
    {CONFIG_ALARM, "S1/g.clock", OF("clock"), "E_MISSING", "/gateway"},
    {CONFIG_ALARM, "S1/g.comm", OF("clock") ",\"gateway\":\"g\"", "E_NAME", "/name"},
    {CONFIG_ALARM, "S1/x.clock", CH, "E_NAME", "/name"},
    {CONFIG_ALARM, "S1/g.certificate", OF("certificate") ",\"gateway\":\"g\",\"on_delay_s\":5", NULL, NULL},
    {CONFIG_ALARM, "S1/g.certificate", OF("certificate"), "E_MISSING", "/gateway"},
    {CONFIG_ALARM, "_server/web.certificate", OF("certificate"), NULL, NULL},
    {CONFIG_ALARM, "_server/disk.full", OF("server"), NULL, NULL},
    {CONFIG_ALARM, "_server/disk.empty", OF("server"), "E_NAME", "/name"},
    {CONFIG_ALARM, "S1/disk.full", OF("server"), "E_NAME", "/name"},
    {CONFIG_ALARM, "_server/disk.full", OF("certificate") ",\"gateway\":\"g\"", "E_NAME", "/name"},
    {CONFIG_ALARM, "_server/other.certificate", OF("certificate"), "E_MISSING", "/gateway"},
    {CONFIG_ALARM, "S1/g.duplicate", OF("duplicate") ",\"gateway\":\"g\",\"off_delay_s\":5", NULL, NULL},
    {CONFIG_ALARM, "S1/g.duplicate", OF("duplicate") ",\"gateway\":\"g\",\"on_delay_s\":5", "E_FIELD",
     "/on_delay_s"},
    {CONFIG_ALARM, "S1/L.certificate", OF("quality") ",\"tag\":\"S1/L\"", "E_NAME", "/name"},
    {CONFIG_ALARM, "S1/g.comm", OF("comm") ",\"gateway\":\"g\",\"after_s\":5", NULL, NULL},
    {CONFIG_ALARM, "S1/g.comm", OF("comm") ",\"gateway\":\"g\",\"on_delay_s\":5", NULL, NULL},
    {CONFIG_ALARM, "S1/g.comm", OF("comm") ",\"gateway\":\"g\",\"on_delay_s\":5,\"after_s\":5", "E_FIELD",
     "/on_delay_s"},
};

static void each_field_has_its_faults_and_their_codes(void **state) {
    (void)state;
    struct config_set *set = new_set();
    for (size_t i = 0; i < COUNT(coded); i++) {
        struct config_fault fault = {.code = ""};
        const char *code = rig_try_put(set, coded[i].kind, coded[i].name, coded[i].rest, &fault);
        bool right = coded[i].code == NULL
                         ? code == NULL
                         : code != NULL && strcmp(code, coded[i].code) == 0 &&
                               (strcmp(code, "several") == 0 || strcmp(fault.pointer, coded[i].pointer) == 0);
        if (!right) {
            fail_msg("%s %s: %s %s %s", coded[i].name, coded[i].rest, code == NULL ? "right" : code,
                     fault.pointer, fault.text);
        }
    }
    config_set_free(&set);
}

static void a_rule_and_a_guidance_have_their_longest(void **state) {
    (void)state;
    static char rest[6000];
    struct config_fault fault;
    struct config_set *set = new_set();
    static const struct {
        const char *field;
        int most;
        const char *code;
    } fields[] = {
        {"suppress_when", 4096, "E_TOO_LONG"}, {"cause", 2000, "E_RANGE"}, {"action", 2000, "E_RANGE"}};
    for (size_t i = 0; i < COUNT(fields); i++) {
        (void)snprintf(rest, sizeof rest, CH ",\"%s\":\"%0*d\"", fields[i].field, fields[i].most, 0);
        assert_null(rig_try_put(set, CONFIG_ALARM, "S1/A", rest, &fault));
        (void)snprintf(rest, sizeof rest, CH ",\"%s\":\"%0*d\"", fields[i].field, fields[i].most + 1, 0);
        assert_string_equal(rig_try_put(set, CONFIG_ALARM, "S1/A", rest, &fault), fields[i].code);
    }
    config_set_free(&set);
}

/* What is packed comes out again, and what was not given has its default. */
static void an_item_gives_back_what_was_given(void **state) {
    (void)state;
    struct config_set *set = new_set();
    struct config_parsed p;
    rig_put(set, CONFIG_ALARM, "S1/A",
            OF("state") ON_L
            ",\"states\":[7,\"on\"],\"groups\":[\"x\",\"y\"],\"cause\":{\"en\":\"a\",\"zh\":\"甲\"},"
            "\"action\":\"only in the body\",\"trip_point\":9.5,\"reviewed_on\":\"2026-11-24\"");
    const struct config_item *item = config_set_find(set, CONFIG_ALARM, slice_str("S1/A"));
    item_unpack((const struct item *)(const void *)item, &p);
    assert_true(slice_is(p.name, "S1/A") && slice_is(p.alarm.tag, "S1/L") && p.alarm.kind == ALARM_STATE);
    assert_true(slice_is(p.alarm.states, "=7\n>on\n") && slice_is(p.alarm.groups, "x\ny\n"));
    assert_true(slice_is(p.alarm.cause.zh, "甲") && p.alarm.trip_point == 9.5 && p.alarm.enabled);
    assert_true(slice_is(p.alarm.reviewed_on, "2026-11-24") && p.alarm.common.shelvable);
    assert_true(p.alarm.expr.n == 0 && p.alarm.common.priority == 2);
    assert_int_equal(config_set_stored(set, CONFIG_ALARM, slice_str("S1/A"), 5, 6), OK);
    struct config_set *copy = NULL;
    assert_int_equal(config_set_copy(set, &copy, NULL), OK);
    assert_int_equal(config_set_stored(copy, CONFIG_ALARM, slice_str("S1/A"), 8, 9), OK);
    config_set_free(&set);
    item = config_set_find(copy, CONFIG_ALARM, slice_str("S1/A"));
    item_unpack((const struct item *)(const void *)item, &p);
    assert_true(item->key == 8 && slice_is(p.alarm.cause.en, "a") && slice_is(p.alarm.groups, "x\ny\n"));
    config_set_free(&copy);
}

static void all_faults_of_a_body_are_told_at_once_but_no_more_than_fit(void **state) {
    (void)state;
    struct config_set *set = new_set();
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(
        put(set, CONFIG_TAG, "S1/L",
            "{\"name\":\"S1/L\",\"gateway\":1,\"type\":\"x\",\"scale\":\"\",\"decimals\":-1,\"low\":[]}",
            faults, &n),
        ERR_INVALID);
    assert_int_equal(n, 5);
    char body[8192] = "{\"name\":\"S1\"";
    size_t at = strlen(body);
    for (int i = 0; i < CONFIG_FAULTS_MAX + 20; i++) {
        at += (size_t)snprintf(body + at, sizeof body - at, ",\"x%d\":0", i);
    }
    (void)snprintf(body + at, sizeof body - at, "}");
    assert_int_equal(put(set, CONFIG_SITE, "S1", body, faults, &n), ERR_INVALID);
    assert_int_equal(n, CONFIG_FAULTS_MAX);
    config_set_free(&set);
}

static void a_long_pointer_is_cut_and_still_text(void **state) {
    (void)state;
    char pointer[sizeof(((struct config_fault *)0)->pointer)] = "/tags";
    char part[300];
    memset(part, '/', sizeof part);
    faults_pointer_add(pointer, slice_of(part, sizeof part));
    assert_true(strlen(pointer) < sizeof pointer);
    assert_int_equal(strncmp(pointer, "/tags/~1~1", 10), 0);
    faults_pointer_add(pointer, slice_str("more"));
    struct config_fault fault;
    struct faults list = {.v = &fault};
    memset(part, 'a', sizeof part);
    (void)snprintf(part + 157, sizeof part - 157, "站站站");
    faults_add(&list, "E_RANGE", part, "%s%s%s", part, part, part);
    assert_int_equal(strlen(fault.pointer), 157);
    assert_true(strlen(fault.text) > 300);
}

static void a_body_over_the_limit_is_refused(void **state) {
    (void)state;
    struct config_set *set = new_set();
    size_t size = CONFIG_BODY_MAX + 1;
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, ' ', size);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(
        config_set_put(set, CONFIG_SITE, slice_str("S1"), slice_of(body, size), 0, 0, faults, &n),
        ERR_TOO_BIG);
    assert_int_equal(n, 1);
    assert_non_null(strstr(faults[0].text, "65537 bytes; at most 65536"));
    memcpy(body, "{\"name\":\"S1\"}", 13);
    assert_int_equal(
        config_set_put(set, CONFIG_SITE, slice_str("S1"), slice_of(body, CONFIG_BODY_MAX), 0, 0, faults, &n),
        OK);
    free(body);
    config_set_free(&set);
}

static void one_site_too_many_is_refused(void **state) {
    (void)state;
    struct config_set *set = new_set();
    char name[32];
    char body[64];
    for (int i = 0; i < MODEL_SITES_MAX; i++) {
        (void)snprintf(name, sizeof name, "S%d", i);
        (void)snprintf(body, sizeof body, "{\"name\":\"%s\"}", name);
        put_ok(set, CONFIG_SITE, name, body);
    }
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(put(set, CONFIG_SITE, "X", "{\"name\":\"X\"}", faults, &n), ERR_TOO_BIG);
    assert_int_equal(n, 1);
    assert_non_null(strstr(faults[0].text, "at most 2000"));
    put_ok(set, CONFIG_SITE, "S7", "{\"name\":\"S7\",\"area\":\"changed\"}"); /* replacing is no new one */
    config_set_free(&set);
}

/* --- canonical text */

static void assert_canonical(enum config_kind kind, const char *name, const char *body, const char *wanted) {
    struct config_set *set = new_set();
    put_ok(set, kind, name, body);
    const struct config_item *item = config_set_find(set, kind, slice_str(name));
    assert_non_null(item);
    if (!slice_is(item->body, wanted)) {
        fail_msg("%.*s is not %s", SLICE_ARG(item->body), wanted);
    }
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(item->body));
    put_ok(set, kind, name, copy);
    assert_true(slice_is(config_set_find(set, kind, slice_str(name))->body, wanted));
    config_set_free(&set);
}

static void the_text_is_sorted_compact_and_the_same_after_a_round_trip(void **state) {
    (void)state;
    assert_canonical(CONFIG_SITE, "S1",
                     " { \"title\" : { \"zh\" : \"\\u4e00\", \"en\":\"a\\\"b\" } , \"name\" : \"S1\" } ",
                     "{\"name\":\"S1\",\"title\":{\"en\":\"a\\\"b\",\"zh\":\"一\"}}");
    assert_canonical(
        CONFIG_POLICY, "alarms",
        "{\"name\":\"alarms\",\"matrix\":{\"severe\":[{\"within_s\":60.0,\"priority\":1},{\"priority\":2,"
        "\"within_s\":90}],"
        "\"minor\":[]},\"distribution\":[1,5,14,80.0]}",
        "{\"distribution\":[1,5,14,80],\"matrix\":{\"minor\":[],\"severe\":[{\"priority\":1,\"within_s\":60},"
        "{\"priority\":2,\"within_s\":90}]},\"name\":\"alarms\"}");
    assert_canonical(
        CONFIG_TAG, "S1/L",
        "{\"low\":-0.0,\"high\":5.0,\"scale\":0.1,\"offset\":1e2,\"name\":\"S1/L\",\"gateway\":\"g\","
        "\"deadband\":0.10000000000000001}",
        "{\"deadband\":0.1,\"gateway\":\"g\",\"high\":5,\"low\":0,\"name\":\"S1/L\",\"offset\":100,"
        "\"scale\":0.1}");
}

static void what_is_optional_may_be_empty_or_left_out(void **state) {
    (void)state;
    struct config_set *set = new_set();
    put_ok(set, CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":\"\",\"area\":\"\",\"kind\":\"\"}");
    put_ok(set, CONFIG_TAG, "S1/R", "{\"name\":\"S1/R\",\"gateway\":\"g\",\"type\":\"bool\",\"role\":\"\"}");
    put_ok(set, CONFIG_TAG, "S1/Q",
           "{\"name\":\"S1/Q\",\"gateway\":\"g\",\"type\":\"bool\",\"low\":0,\"high\":1}");
    put_ok(set, CONFIG_ALARM, "S1/L.x",
           "{\"name\":\"S1/L.x\",\"tag\":\"S1/L\",\"kind\":\"stale\",\"priority\":4}");
    config_set_free(&set);
}

/* --- the set */

static void items_are_found_replaced_listed_by_name_and_removed(void **state) {
    (void)state;
    struct config_set *set = new_set();
    static const char *const names[] = {"b", "a", "c", "B", "a.b", "a-b"};
    static const char *const sorted[] = {"B", "a", "a-b", "a.b", "b", "c"};
    char body[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(body, sizeof body, "{\"name\":\"%s\"}", names[i]);
        put_ok(set, CONFIG_SITE, names[i], body);
    }
    for (uint32_t i = 0; i < COUNT(sorted); i++) {
        assert_true(slice_is(config_set_at(set, CONFIG_SITE, i)->name, sorted[i]));
    }
    assert_null(config_set_at(set, CONFIG_SITE, COUNT(sorted)));
    put_ok(set, CONFIG_SITE, "a", "{\"name\":\"a\",\"area\":\"x\"}");
    assert_int_equal(config_set_count(set, CONFIG_SITE), COUNT(sorted));
    assert_true(
        slice_is(config_set_find(set, CONFIG_SITE, slice_str("a"))->body, "{\"area\":\"x\",\"name\":\"a\"}"));
    assert_int_equal(config_set_remove(set, CONFIG_SITE, slice_str("a")), OK);
    assert_int_equal(config_set_remove(set, CONFIG_SITE, slice_str("a")), ERR_NOT_FOUND);
    assert_null(config_set_find(set, CONFIG_SITE, slice_str("a")));
    assert_null(config_set_find(set, CONFIG_GATEWAY, slice_str("b")));
    config_set_free(&set);
    assert_null(set);
    config_set_free(&set);
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    struct config_set *set = new_set();
    put_ok(set, CONFIG_SITE, "S1", "{\"name\":\"S1\"}");
    put_ok(set, CONFIG_SITE, "S2", "{\"name\":\"S2\"}");
    struct config_set *copy = NULL;
    assert_int_equal(config_set_copy(set, &copy, NULL), OK);
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S1"), 11, 22), OK);
    put_ok(copy, CONFIG_SITE, "S2", "{\"name\":\"S2\",\"area\":\"new\"}");
    put_ok(copy, CONFIG_SITE, "S3", "{\"name\":\"S3\"}");
    assert_int_equal(config_set_count(set, CONFIG_SITE), 2);
    assert_int_equal(config_set_find(set, CONFIG_SITE, slice_str("S1"))->key, 0);
    assert_true(slice_is(config_set_find(set, CONFIG_SITE, slice_str("S2"))->body, "{\"name\":\"S2\"}"));
    const struct config_item *own = config_set_find(copy, CONFIG_SITE, slice_str("S1"));
    config_set_free(&set);
    assert_int_equal(own->key, 11);
    assert_int_equal(own->revision, 22);
    assert_true(slice_is(own->body, "{\"name\":\"S1\"}"));
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S1"), 12, 23), OK);
    assert_int_equal(config_set_find(copy, CONFIG_SITE, slice_str("S1"))->key, 12);
    assert_int_equal(config_set_stored(copy, CONFIG_SITE, slice_str("S9"), 1, 1), ERR_NOT_FOUND);
    config_set_free(&copy);
}

static void kinds_have_names_and_back(void **state) {
    (void)state;
    for (unsigned k = 0; k < CONFIG_KINDS; k++) {
        enum config_kind kind = CONFIG_ALARM;
        assert_true(config_kind_parse(slice_str(config_kind_name((enum config_kind)k)), &kind));
        assert_int_equal(kind, k);
    }
    enum config_kind kind = CONFIG_TAG;
    assert_false(config_kind_parse(slice_str("sites"), &kind));
    assert_false(config_kind_parse(slice_str(""), &kind));
    assert_int_equal(kind, CONFIG_TAG);
}

/* Bytes changed, dropped and doubled at random: nothing but OK or a fault, and what is taken reads back. */
static void damaged_bodies_never_do_harm(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 20261124 : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    static const char body[] =
        "{\"name\":\"S1/L\",\"gateway\":\"g\",\"title\":{\"en\":\"a\",\"zh\":\"一\"},\"low\":0,"
        "\"high\":5e0,\"unit\":\"m\",\"type\":\"int\"}";
    struct config_set *set = new_set();
    uint32_t taken = 0;
    for (int i = 0; i < 20000; i++) {
        char damaged[2 * sizeof body];
        size_t n = 0;
        for (size_t k = 0; k < sizeof body - 1; k++) {
            uint64_t what = rand_below(&r, 120);
            if (what != 0) { /* 0: dropped */
                damaged[n++] = what == 1 ? (char)rand_below(&r, 256) : body[k];
            }
            if (what == 2) {
                damaged[n++] = body[k];
            }
        }
        struct config_fault faults[CONFIG_FAULTS_MAX];
        uint32_t n_faults = 0;
        enum status status =
            config_set_put(set, CONFIG_TAG, slice_str("S1/L"), slice_of(damaged, n), 0, 0, faults, &n_faults);
        assert_true(status == OK || (status == ERR_INVALID && n_faults > 0));
        taken += status == OK ? 1 : 0;
    }
    assert_true(taken > 100 && taken < 19900);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_body_is_refused_with_where_and_what),
        cmocka_unit_test(each_field_has_its_faults_and_their_codes),
        cmocka_unit_test(a_rule_and_a_guidance_have_their_longest),
        cmocka_unit_test(an_item_gives_back_what_was_given),
        cmocka_unit_test(all_faults_of_a_body_are_told_at_once_but_no_more_than_fit),
        cmocka_unit_test(a_long_pointer_is_cut_and_still_text),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(one_site_too_many_is_refused),
        cmocka_unit_test(the_text_is_sorted_compact_and_the_same_after_a_round_trip),
        cmocka_unit_test(what_is_optional_may_be_empty_or_left_out),
        cmocka_unit_test(items_are_found_replaced_listed_by_name_and_removed),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(kinds_have_names_and_back),
        cmocka_unit_test(damaged_bodies_never_do_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
