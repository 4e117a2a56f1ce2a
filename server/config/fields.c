#include "server/config/fields.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/core/rule.h"
#include "server/history/calendar.h"

#define AT(member) offsetof(struct config_parsed, member)

enum {
    TITLE_MAX = 200,
    MESSAGE_MAX = 500,
    GUIDANCE_MAX = 2000,
    WORD_MAX = 63,
    UNIT_MAX = 16,
    REFERENCE_MAX = 500,
    DAY_S = 86400,
    WEEK_S = 7 * DAY_S,
    MONTH_S = 30 * DAY_S,
    YEAR_DAYS = 366,
    DECIMALS_MAX = 10,
    DECIMALS_DEFAULT = 2,
    GROUPS_MAX = 8,      /* of one alarm */
    TAG_STATES_MAX = 64, /* of one tag */
    GATEWAY_TAGS_MAX = 10000,
    DOCUMENTS_MAX = 20,
    ALARMS_MAX = MODEL_ALARMS_MAX,
};

/* Beyond that a double has lost the units, and no instrument measures it. */
#define NUMBER_MAX 1e18
#define SHORTEST_S 0.001
#define SHELVE_S   (MODEL_SHELVE_MAX_US / TM_SECOND_US)

static const char *const interpolations[] = {
    [INTERPOLATE_BY_TYPE] = "type", [INTERPOLATE_STEP] = "step", [INTERPOLATE_LINEAR] = "linear", NULL};
static const char *const tag_types[] = {[TAG_FLOAT] = "float", [TAG_INT] = "int", [TAG_BOOL] = "bool", NULL};
static const char *const roles[] = {"level", "flow", "power", "run", "suction_pressure", "discharge_pressure",
                                    NULL};
static const char *const ack_modes[] = {
    [ACK_MANUAL] = "manual", [ACK_AUTO] = "auto", [ACK_NONE] = "none", NULL};
static const char *const on_bads[] = {
    [ON_BAD_HOLD] = "hold", [ON_BAD_ALARM] = "alarm", [ON_BAD_NORMAL] = "normal", NULL};
static const char *const uncertains[] = {"use", "bad", NULL};
static const char *const pers[] = {"s", "min", "h", NULL};
static const char *const levels[] = {"none", "ll", "l", "h", "hh", NULL};
static const char *const severities[] = {"minor", "moderate", "major", "severe", NULL};

/* clang-format off */
#define NAME(name, need, at)            {(name), FIELD_NAME, (need), (at), 0, MODEL_NAME_MAX, NULL, NULL}
#define TAG_NAME(name, at)              {(name), FIELD_SITE_NAME, OPTIONAL, (at), 0, MODEL_NAME_MAX, NULL, "E_TAG"}
#define STRING(name, at, max)           {(name), FIELD_STRING, OPTIONAL, (at), 0, (max), NULL, NULL}
#define TEXT(name, at, max)             {(name), FIELD_TEXT, OPTIONAL, (at), 0, (max), NULL, NULL}
#define RULE(name, at)                  {(name), FIELD_RULE, OPTIONAL, (at), 0, RULE_SOURCE_MAX, NULL, NULL}
#define NUMBER(name, at, min, max)      {(name), FIELD_NUMBER, OPTIONAL, (at), (min), (max), NULL, NULL}
#define ANY_NUMBER(name, at)            NUMBER(name, at, -NUMBER_MAX, NUMBER_MAX)
#define PRIORITY(name, at)              {(name), FIELD_INTEGER, OPTIONAL, (at), 1, CONFIG_PRIORITY_LOWEST, NULL, "E_PRIO"}
#define BOOL(name, at)                  {(name), FIELD_BOOL, OPTIONAL, (at), 0, 0, NULL, NULL}
#define ENUM(name, at, words)           {(name), FIELD_ENUM, OPTIONAL, (at), 0, 0, (words), NULL}
#define LIST(name, type, at, max)       {(name), (type), OPTIONAL, (at), 0, (max), NULL, NULL}
#define DATE(name, at)                  {(name), FIELD_DATE, OPTIONAL, (at), 0, 0, NULL, NULL}

/* The same rows in the same order for classes and alarms: fields_take_class counts on it. */
#define IN_COMMON(at, member)           ((at) + offsetof(struct parsed_common, member))
#define COMMON(at) \
    NUMBER("on_delay_s", IN_COMMON(at, on_delay_s), 0, DAY_S), \
    NUMBER("off_delay_s", IN_COMMON(at, off_delay_s), 0, DAY_S), \
    PRIORITY("priority", IN_COMMON(at, priority)), \
    BOOL("latch", IN_COMMON(at, latch)), \
    BOOL("confirm", IN_COMMON(at, confirm)), \
    BOOL("comment", IN_COMMON(at, comment)), \
    ENUM("ack", IN_COMMON(at, ack), ack_modes), \
    ENUM("on_bad", IN_COMMON(at, on_bad), on_bads), \
    ENUM("uncertain", IN_COMMON(at, uncertain), uncertains), \
    NUMBER("realarm_s", IN_COMMON(at, realarm_s), 0, MONTH_S), \
    NUMBER("escalate_after_s", IN_COMMON(at, escalate_after_s), 0, WEEK_S), \
    PRIORITY("escalate_priority", IN_COMMON(at, escalate_priority)), \
    BOOL("shelvable", IN_COMMON(at, shelvable)), \
    NUMBER("max_shelve_s", IN_COMMON(at, max_shelve_s), 1, MONTH_S)

static const struct field site_fields[] = {
    NAME("name", REQUIRED, AT(name)),
    TEXT("title", AT(title), TITLE_MAX),
    STRING("area", AT(site.area), TITLE_MAX),
    STRING("kind", AT(site.kind), WORD_MAX),
    {"tz", FIELD_ZONE, OPTIONAL, AT(site.tz), 0, WORD_MAX, NULL, NULL},
    NAME("position", OPTIONAL, AT(site.position)),
    LIST("shifts", FIELD_SHIFTS, AT(site.shifts), CALENDAR_SHIFTS_MAX),
    LIST("tariffs", FIELD_TARIFFS, AT(site.tariffs), CALENDAR_BANDS_MAX),
};

static const struct field gateway_fields[] = {
    NAME("name", REQUIRED, AT(name)),
    NAME("site", REQUIRED, AT(gateway.site)),
    TEXT("title", AT(title), TITLE_MAX),
    BOOL("enabled", AT(gateway.enabled)),
    NAME("certificate_of", OPTIONAL, AT(gateway.certificate_of)),
    {"tags_max", FIELD_INTEGER, OPTIONAL, AT(gateway.tags_max), 1, GATEWAY_TAGS_MAX, NULL, NULL},
};

static const struct field tag_fields[] = {
    {"name", FIELD_SITE_NAME, REQUIRED, AT(name), 0, MODEL_NAME_MAX, NULL, NULL},
    NAME("gateway", OPTIONAL, AT(tag.gateway)),
    TEXT("title", AT(title), TITLE_MAX),
    ENUM("type", AT(tag.type), tag_types),
    STRING("unit", AT(tag.unit), UNIT_MAX),
    ANY_NUMBER("low", AT(tag.low)),
    ANY_NUMBER("high", AT(tag.high)),
    ANY_NUMBER("scale", AT(tag.scale)),
    ANY_NUMBER("offset", AT(tag.offset)),
    NUMBER("deadband", AT(tag.deadband), 0, NUMBER_MAX),
    NUMBER("stale_s", AT(tag.stale_s), 0, DAY_S),
    {"decimals", FIELD_INTEGER, OPTIONAL, AT(tag.decimals), 0, DECIMALS_MAX, NULL, NULL},
    STRING("equipment", AT(tag.equipment), WORD_MAX),
    {"role", FIELD_WORD, OPTIONAL, AT(tag.role), 0, 0, roles, NULL},
    LIST("states", FIELD_STATE_NAMES, AT(tag.states), TAG_STATES_MAX),
    RULE("expr", AT(tag.expr)),
    ENUM("interpolate", AT(tag.interpolate), interpolations),
    BOOL("counter", AT(tag.counter)),
    NUMBER("modulus", AT(tag.modulus), 0, NUMBER_MAX),
    NAME("keep", OPTIONAL, AT(tag.keep)),
};

static const struct field class_fields[] = {
    COMMON(AT(class.common)),
    NAME("name", REQUIRED, AT(name)),
    TEXT("title", AT(title), TITLE_MAX),
    BOOL("highly_managed", AT(class.highly_managed)),
};

static const struct field group_fields[] = {
    NAME("name", REQUIRED, AT(name)),
    TEXT("title", AT(title), TITLE_MAX),
    BOOL("first_out", AT(group.first_out)),
    RULE("suppress_when", AT(group.suppress_when)),
    NUMBER("unsuppress_delay_s", AT(group.unsuppress_delay_s), 0, DAY_S),
};

static const struct field policy_fields[] = {
    NAME("name", REQUIRED, AT(name)),
    {"matrix", FIELD_MATRIX, OPTIONAL, AT(policy.matrix), 0, MONTH_S, severities, NULL},
    {"distribution", FIELD_DISTRIBUTION, OPTIONAL, AT(policy.distribution), 0, 100, NULL, NULL},
    NUMBER("distribution_tolerance", AT(policy.distribution_tolerance), 0, 100),
    NUMBER("distribution_min_alarms", AT(policy.distribution_min_alarms), 0, ALARMS_MAX),
    NUMBER("review_after_days", AT(policy.review_after_days), 1, 10 * YEAR_DAYS),
    NUMBER("silent_days", AT(policy.silent_days), 1, 10 * YEAR_DAYS),
    LIST("keep", FIELD_KEEP, AT(policy.keep), MODEL_KEEPS_MAX - 1),
    {"rollup_keep_days", FIELD_INTEGER, OPTIONAL, AT(policy.rollup_keep_days), 1, 100 * YEAR_DAYS, NULL, NULL},
};

static const struct field alarm_fields[] = {
    COMMON(AT(alarm.common)),
    {"name", FIELD_SITE_NAME, REQUIRED, AT(name), 0, MODEL_NAME_MAX, NULL, NULL},
    {"kind", FIELD_ENUM, REQUIRED, AT(alarm.kind), 0, 0, alarm_kind_names, NULL},
    TAG_NAME("tag", AT(alarm.tag)),
    NAME("gateway", OPTIONAL, AT(alarm.gateway)),
    {"limit", FIELD_QUANTITY, OPTIONAL, AT(alarm.limit), -NUMBER_MAX, NUMBER_MAX, NULL, NULL},
    TAG_NAME("limit_tag", AT(alarm.limit_tag)),
    TAG_NAME("setpoint", AT(alarm.setpoint)),
    TAG_NAME("command", AT(alarm.command)),
    TAG_NAME("feedback", AT(alarm.feedback)),
    LIST("states", FIELD_STATES, AT(alarm.states), MODEL_STATES_MAX),
    NUMBER("after_s", AT(alarm.after_s), 0, DAY_S),
    {"over_s", FIELD_NUMBER, OPTIONAL, AT(alarm.over_s), SHORTEST_S, WEEK_S, NULL, "E_WINDOW"},
    RULE("expr", AT(alarm.expr)),
    ENUM("per", AT(alarm.per), pers),
    ANY_NUMBER("target", AT(alarm.target)),
    NUMBER("k", AT(alarm.k), 0, NUMBER_MAX),
    NUMBER("h", AT(alarm.h), 0, NUMBER_MAX),
    NUMBER("every_s", AT(alarm.every_s), SHORTEST_S, DAY_S),
    NUMBER("deadband", AT(alarm.deadband), 0, NUMBER_MAX),
    BOOL("inclusive", AT(alarm.inclusive)),
    RULE("suppress_when", AT(alarm.suppress_when)),
    NUMBER("unsuppress_delay_s", AT(alarm.unsuppress_delay_s), 0, DAY_S),
    ENUM("level", AT(alarm.level), levels),
    {"hidden_by", FIELD_SITE_NAME, OPTIONAL, AT(alarm.hidden_by), 0, MODEL_NAME_MAX, NULL, "E_ALARM"},
    LIST("groups", FIELD_NAMES, AT(alarm.groups), GROUPS_MAX),
    NAME("class", OPTIONAL, AT(alarm.class)),
    NAME("position", OPTIONAL, AT(alarm.position)),
    BOOL("test", AT(alarm.test)),
    BOOL("enabled", AT(alarm.enabled)),
    TEXT("message", AT(alarm.message), MESSAGE_MAX),
    TEXT("cause", AT(alarm.cause), GUIDANCE_MAX),
    TEXT("consequence", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    TEXT("action", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    ENUM("severity", AT(alarm.severity), severities),
    NUMBER("time_to_act_s", AT(alarm.time_to_act_s), 1, MONTH_S),
    TEXT("priority_reason", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    TEXT("basis", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    TEXT("suppression_basis", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    TEXT("shelving_policy", FIELD_ONLY_IN_BODY, GUIDANCE_MAX),
    LIST("documents", FIELD_LINES, FIELD_ONLY_IN_BODY, DOCUMENTS_MAX),
    ANY_NUMBER("trip_point", AT(alarm.trip_point)),
    STRING("display", FIELD_ONLY_IN_BODY, REFERENCE_MAX),
    STRING("reviewed_by", FIELD_ONLY_IN_BODY, TITLE_MAX),
    DATE("reviewed_on", AT(alarm.reviewed_on)),
    DATE("next_review", AT(alarm.next_review)),
    BOOL("snapshot", AT(alarm.snapshot)),
};
/* clang-format on */

#define ROWS(table) (uint32_t)(sizeof(table) / sizeof(table)[0])

enum { COMMON_ROWS = 14 };

_Static_assert(ROWS(alarm_fields) <= 64, "one bit a field");
_Static_assert(ROWS(class_fields) == COMMON_ROWS + 3, "the common rows, and name, title, highly_managed");

const struct field *fields_of(enum config_kind kind, uint32_t *ret_n) {
    static const struct {
        const struct field *v;
        uint32_t n;
    } tables[CONFIG_KINDS] = {
        [CONFIG_SITE] = {site_fields, ROWS(site_fields)},
        [CONFIG_GATEWAY] = {gateway_fields, ROWS(gateway_fields)},
        [CONFIG_TAG] = {tag_fields, ROWS(tag_fields)},
        [CONFIG_CLASS] = {class_fields, ROWS(class_fields)},
        [CONFIG_GROUP] = {group_fields, ROWS(group_fields)},
        [CONFIG_POLICY] = {policy_fields, ROWS(policy_fields)},
        [CONFIG_ALARM] = {alarm_fields, ROWS(alarm_fields)},
    };
    CHECK((unsigned)kind < CONFIG_KINDS);
    *ret_n = tables[kind].n;
    return tables[kind].v;
}

uint32_t field_row(enum config_kind kind, const char *name) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (table[i].name[0] == name[0] && strcmp(table[i].name, name) == 0) {
            return i;
        }
    }
    return n;
}

uint64_t field_bit(enum config_kind kind, const char *name) {
    uint32_t n = 0;
    (void)fields_of(kind, &n);
    uint32_t row = field_row(kind, name);
    CHECK(row < n);
    return UINT64_C(1) << row;
}

static size_t size_of_type(enum field_type type) {
    switch (type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
    case FIELD_STRING:
    case FIELD_WORD:
    case FIELD_RULE:
    case FIELD_DATE:
    case FIELD_ZONE:
    case FIELD_NAMES:
    case FIELD_STATE_NAMES:
    case FIELD_STATES:
    case FIELD_SHIFTS:
    case FIELD_TARIFFS:
    case FIELD_KEEP:
        return sizeof(struct slice);
    case FIELD_TEXT:
        return sizeof(struct model_text);
    case FIELD_NUMBER:
    case FIELD_INTEGER:
        return sizeof(double);
    case FIELD_QUANTITY:
        return sizeof(struct quantity);
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_ENUM:
        return sizeof(uint32_t);
    case FIELD_MATRIX:
        return sizeof(struct config_matrix);
    case FIELD_DISTRIBUTION:
        return CONFIG_PRIORITIES * sizeof(double);
    case FIELD_LINES:
        return 0;
    }
    check_failed(__FILE__, __LINE__, "field type is one of the enum");
}

size_t field_size(const struct field *field) {
    return field->offset == FIELD_ONLY_IN_BODY ? 0 : size_of_type(field->type);
}

uint32_t field_slices(const struct field *field, void *at, struct slice *ret[2]) {
    if (field->offset == FIELD_ONLY_IN_BODY) {
        return 0;
    }
    switch (field->type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
    case FIELD_STRING:
    case FIELD_WORD:
    case FIELD_RULE:
    case FIELD_DATE:
    case FIELD_ZONE:
    case FIELD_NAMES:
    case FIELD_STATE_NAMES:
    case FIELD_STATES:
    case FIELD_SHIFTS:
    case FIELD_TARIFFS:
    case FIELD_KEEP:
        ret[0] = at;
        return 1;
    case FIELD_TEXT:
        ret[0] = &((struct model_text *)at)->en;
        ret[1] = &((struct model_text *)at)->zh;
        return 2;
    case FIELD_QUANTITY:
        ret[0] = &((struct quantity *)at)->unit;
        return 1;
    case FIELD_NUMBER:
    case FIELD_INTEGER:
    case FIELD_BOOL:
    case FIELD_ENUM:
    case FIELD_MATRIX:
    case FIELD_DISTRIBUTION:
    case FIELD_LINES:
        return 0;
    }
    check_failed(__FILE__, __LINE__, "field type is one of the enum");
}

static struct parsed_common common_default(void) {
    return (struct parsed_common){
        .ack = ACK_MANUAL, .on_bad = ON_BAD_HOLD, .shelvable = true, .max_shelve_s = SHELVE_S};
}

void fields_defaults(enum config_kind kind, struct config_parsed *ret) {
    *ret = (struct config_parsed){0};
    switch (kind) {
    case CONFIG_SITE:
        return;
    case CONFIG_GATEWAY:
        ret->gateway.enabled = true;
        return;
    case CONFIG_TAG:
        ret->tag = (struct parsed_tag){.type = TAG_FLOAT, .scale = 1, .decimals = DECIMALS_DEFAULT};
        return;
    case CONFIG_CLASS:
        ret->class.common = common_default();
        return;
    case CONFIG_GROUP:
        ret->group.first_out = true;
        return;
    case CONFIG_POLICY:
        ret->policy = config_policy_default();
        return;
    case CONFIG_ALARM:
        ret->alarm = (struct parsed_alarm){.common = common_default(), .enabled = true};
        return;
    }
}

void fields_take_class(struct config_parsed *alarm, const struct config_parsed *class) {
    uint64_t take = class->present & ~alarm->present & ((UINT64_C(1) << COMMON_ROWS) - 1);
    for (uint32_t i = 0; i < COMMON_ROWS; i++) {
        if ((take >> i & 1) != 0) {
            memcpy((char *)alarm + alarm_fields[i].offset, (const char *)class + class_fields[i].offset,
                   field_size(&alarm_fields[i]));
        }
    }
    alarm->present |= take;
    if (class->class.highly_managed) {
        alarm->alarm.common.shelvable = false;
        alarm->alarm.common.comment = true;
    }
}

int64_t fields_per_us(uint32_t per) {
    static const int64_t us[] = {TM_SECOND_US, TM_MINUTE_US, TM_HOUR_US};
    CHECK(per < sizeof us / sizeof us[0]);
    return us[per];
}

_Static_assert(sizeof(enum tag_type) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
_Static_assert(sizeof(enum alarm_kind) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
_Static_assert(sizeof(enum alarm_ack_mode) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
_Static_assert(sizeof(enum alarm_on_bad) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
_Static_assert(sizeof(enum config_severity) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
