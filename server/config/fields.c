#include "server/config/fields.h"

#include "server/base/check.h"
#include "server/base/utf8.h"
#include "server/config/json.h"

#include <math.h>

#define AT(member) offsetof(struct config_parsed, member)

enum {
    TITLE_MAX = 200,
    MESSAGE_MAX = 500,
    WORD_MAX = 63,
    UNIT_MAX = 16,
    DAY_S = 86400,
    DECIMALS_MAX = 10,
    DECIMALS_DEFAULT = 2,
    LOWEST_PRIORITY = 4,
};

/* Beyond that a double has lost the units, and no instrument measures it. */
#define NUMBER_MAX 1e18

static const char *const tag_types[] = {[TAG_FLOAT] = "float", [TAG_INT] = "int", [TAG_BOOL] = "bool", NULL};
static const char *const alarm_kinds[] = {
    [ALARM_HIGH] = "high", [ALARM_LOW] = "low", [ALARM_STALE] = "stale", [ALARM_COMM] = "comm", NULL};
static const char *const roles[] = {"level", "flow", "power", "run", "suction_pressure", "discharge_pressure",
                                    NULL};

static const struct field site_fields[] = {
    {"name", FIELD_NAME, REQUIRED, AT(as_site.name), 0, MODEL_NAME_MAX, NULL},
    {"title", FIELD_TEXT, OPTIONAL, AT(as_site.title), 0, TITLE_MAX, NULL},
    {"area", FIELD_STRING, OPTIONAL, AT(as_site.area), 0, TITLE_MAX, NULL},
    {"kind", FIELD_STRING, OPTIONAL, AT(as_site.kind), 0, WORD_MAX, NULL},
};

static const struct field gateway_fields[] = {
    {"name", FIELD_NAME, REQUIRED, AT(as_gateway.name), 0, MODEL_NAME_MAX, NULL},
    {"site", FIELD_NAME, REQUIRED, AT(site), 0, MODEL_NAME_MAX, NULL},
    {"title", FIELD_TEXT, OPTIONAL, AT(as_gateway.title), 0, TITLE_MAX, NULL},
    {"enabled", FIELD_BOOL, OPTIONAL, AT(as_gateway.enabled), 0, 0, NULL},
};

static const struct field tag_fields[] = {
    {"name", FIELD_SITE_NAME, REQUIRED, AT(as_tag.name), 0, MODEL_NAME_MAX, NULL},
    {"gateway", FIELD_NAME, REQUIRED, AT(gateway), 0, MODEL_NAME_MAX, NULL},
    {"title", FIELD_TEXT, OPTIONAL, AT(as_tag.title), 0, TITLE_MAX, NULL},
    {"type", FIELD_ENUM, OPTIONAL, AT(as_tag.type), 0, 0, tag_types},
    {"unit", FIELD_STRING, OPTIONAL, AT(as_tag.unit), 0, UNIT_MAX, NULL},
    {"low", FIELD_NUMBER, OPTIONAL, AT(as_tag.low), -NUMBER_MAX, NUMBER_MAX, NULL},
    {"high", FIELD_NUMBER, OPTIONAL, AT(as_tag.high), -NUMBER_MAX, NUMBER_MAX, NULL},
    {"scale", FIELD_NUMBER, OPTIONAL, AT(as_tag.scale), -NUMBER_MAX, NUMBER_MAX, NULL},
    {"offset", FIELD_NUMBER, OPTIONAL, AT(as_tag.offset), -NUMBER_MAX, NUMBER_MAX, NULL},
    {"deadband", FIELD_NUMBER, OPTIONAL, AT(as_tag.deadband), 0, NUMBER_MAX, NULL},
    {"stale_s", FIELD_NUMBER, OPTIONAL, AT(stale_s), 0, DAY_S, NULL},
    {"decimals", FIELD_INTEGER, OPTIONAL, AT(decimals), 0, DECIMALS_MAX, NULL},
    {"equipment", FIELD_STRING, OPTIONAL, AT(as_tag.equipment), 0, WORD_MAX, NULL},
    {"role", FIELD_WORD, OPTIONAL, AT(as_tag.role), 0, 0, roles},
};

static const struct field alarm_fields[] = {
    {"name", FIELD_SITE_NAME, REQUIRED, AT(alarm_text.name), 0, MODEL_NAME_MAX, NULL},
    {"kind", FIELD_ENUM, REQUIRED, AT(alarm_kind), 0, 0, alarm_kinds},
    {"tag", FIELD_SITE_NAME, OPTIONAL, AT(tag), 0, MODEL_NAME_MAX, NULL},
    {"gateway", FIELD_NAME, OPTIONAL, AT(gateway), 0, MODEL_NAME_MAX, NULL},
    {"limit", FIELD_NUMBER, OPTIONAL, AT(as_alarm.limit), -NUMBER_MAX, NUMBER_MAX, NULL},
    {"deadband", FIELD_NUMBER, OPTIONAL, AT(as_alarm.deadband), 0, NUMBER_MAX, NULL},
    {"on_delay_s", FIELD_NUMBER, OPTIONAL, AT(on_delay_s), 0, DAY_S, NULL},
    {"off_delay_s", FIELD_NUMBER, OPTIONAL, AT(off_delay_s), 0, DAY_S, NULL},
    {"priority", FIELD_INTEGER, REQUIRED, AT(priority), 1, LOWEST_PRIORITY, NULL},
    {"message", FIELD_TEXT, OPTIONAL, AT(alarm_text.message), 0, MESSAGE_MAX, NULL},
    {"enabled", FIELD_BOOL, OPTIONAL, AT(alarm_enabled), 0, 0, NULL},
};

#define ROWS(table) (uint32_t)(sizeof(table) / sizeof(table)[0])

const struct field *fields_of(enum config_kind kind, uint32_t *ret_n) {
    switch (kind) {
    case CONFIG_SITE:
        *ret_n = ROWS(site_fields);
        return site_fields;
    case CONFIG_GATEWAY:
        *ret_n = ROWS(gateway_fields);
        return gateway_fields;
    case CONFIG_TAG:
        *ret_n = ROWS(tag_fields);
        return tag_fields;
    case CONFIG_ALARM:
        *ret_n = ROWS(alarm_fields);
        return alarm_fields;
    }
    check_failed(__FILE__, __LINE__, "kind is one of the enum");
}

uint32_t field_bit(enum config_kind kind, const char *name) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return UINT32_C(1) << i;
        }
    }
    check_failed(__FILE__, __LINE__, "the field is in the table");
}

void fields_defaults(enum config_kind kind, struct config_parsed *ret) {
    *ret = (struct config_parsed){.decimals = DECIMALS_DEFAULT};
    switch (kind) {
    case CONFIG_SITE:
        ret->as_site = (struct model_site){0};
        return;
    case CONFIG_GATEWAY:
        ret->as_gateway = (struct model_gateway){.enabled = true};
        return;
    case CONFIG_TAG:
        ret->as_tag = (struct model_tag){.type = TAG_FLOAT, .scale = 1, .program = MODEL_NONE};
        return;
    case CONFIG_ALARM:
        ret->alarm_enabled = true;
        ret->as_alarm = (struct model_alarm){.options = ALARM_SHELVABLE, .more = MODEL_NONE};
        return;
    }
}

static bool name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool field_is_name(struct slice text) {
    bool only_dots = true; /* "." and ".." mean something else in a path of the interface */
    for (size_t i = 0; i < text.n; i++) {
        if (!name_char(text.p[i])) {
            return false;
        }
        only_dots = only_dots && text.p[i] == '.';
    }
    return text.n <= MODEL_NAME_MAX && !only_dots;
}

bool field_is_site_name(struct slice text) {
    return text.n <= MODEL_NAME_MAX && memchr(text.p, '/', text.n) != NULL &&
           field_is_name(item_site_of(text)) && field_is_name(item_local_of(text));
}

static void wrong_type(const json_t *value, const char *pointer, const char *wanted, struct faults *faults) {
    faults_add(faults, pointer, "is %s; it must be %s%s", json_type_words(value), wanted,
               json_is_null(value) ? ", or be left out" : "");
}

/* The text of a JSON string; false (and a fault) if it is none, too long or not one line. */
static bool read_string(const json_t *value, size_t max, const char *pointer, struct slice *ret,
                        struct faults *faults) {
    if (!json_is_string(value)) {
        wrong_type(value, pointer, "a string", faults);
        return false;
    }
    struct slice text = slice_of(json_string_value(value), json_string_length(value));
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
            faults_add(faults, pointer, "has a control character (byte %zu); write it in one line", i + 1);
            return false;
        }
    }
    if (text.n > max) {
        faults_add(faults, pointer, "has %zu bytes; at most %zu are allowed", text.n, max);
        return false;
    }
    *ret = text;
    return true;
}

static void read_name(const struct field *field, const json_t *value, const char *pointer, struct slice *ret,
                      struct faults *faults) {
    struct slice text = {0};
    if (!read_string(value, MODEL_NAME_MAX, pointer, &text, faults)) {
        return;
    }
    if (field->type == FIELD_NAME ? field_is_name(text) : field_is_site_name(text)) {
        *ret = text;
        return;
    }
    faults_add(faults, pointer, "\"%.*s\" is no name of this kind; %s of A-Z a-z 0-9 . _ - (not only dots)",
               (int)(text.n < 80 ? text.n : utf8_valid_prefix(text.p, 80)), text.p,
               field->type == FIELD_NAME ? "it must be 1 to 200 characters"
                                         : "it must be SITE/LOCAL, with exactly one '/', both parts");
}

static int word_index(const char *const *words, struct slice text) {
    for (int i = 0; words[i] != NULL; i++) {
        if (slice_is(text, words[i])) {
            return i;
        }
    }
    return -1;
}

/* The index of the word; -1 (and a fault that lists them) if it is none. */
static int read_word(const struct field *field, const json_t *value, const char *pointer,
                     struct faults *faults) {
    struct slice text = {0};
    if (!read_string(value, MODEL_NAME_MAX, pointer, &text, faults)) {
        return -1;
    }
    int index = word_index(field->words, text);
    if (index < 0) {
        struct buf list;
        buf_init(&list, 256);
        for (int i = 0; field->words[i] != NULL; i++) {
            buf_printf(&list, "%s%s", i == 0 ? "" : ", ", field->words[i]);
        }
        faults_add(faults, pointer, "\"%.*s\" is unknown; it must be one of: %.*s", SLICE_ARG(text),
                   SLICE_ARG(buf_slice(&list)));
        buf_done(&list);
    }
    return index;
}

static void read_text(const struct field *field, const json_t *value, const char *pointer,
                      struct model_text *ret, struct faults *faults) {
    size_t max = (size_t)field->max;
    if (json_is_string(value)) {
        (void)read_string(value, max, pointer, &ret->en, faults);
        return;
    }
    if (!json_is_object(value)) {
        wrong_type(value, pointer, "a string or {\"en\": …, \"zh\": …}", faults);
        return;
    }
    json_t *o = (json_t *)value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        char inner[sizeof faults->v->pointer];
        (void)snprintf(inner, sizeof inner, "%s", pointer);
        struct slice key = slice_str(json_object_iter_key(it));
        faults_pointer_add(inner, key);
        if (slice_is(key, "en")) {
            (void)read_string(json_object_iter_value(it), max, inner, &ret->en, faults);
        } else if (slice_is(key, "zh")) {
            (void)read_string(json_object_iter_value(it), max, inner, &ret->zh, faults);
        } else {
            faults_add(faults, inner, "is no language of the product; the languages are en and zh");
        }
    }
    if (json_object_get(value, "en") == NULL) {
        faults_add(faults, pointer, "has no \"en\"; the English text is required, \"zh\" is optional");
    }
}

static void read_number(const struct field *field, const json_t *value, const char *pointer, double *ret,
                        struct faults *faults) {
    if (!json_is_number(value)) {
        wrong_type(value, pointer, "a number", faults);
        return;
    }
    double number = json_number_value(value) + 0.0; /* + 0.0: a negative zero becomes zero */
    if (!isfinite(number) || number < field->min || number > field->max) {
        faults_add(faults, pointer, "is %.10g; it must be from %.10g to %.10g", number, field->min,
                   field->max);
    } else if (field->type == FIELD_INTEGER && trunc(number) != number) {
        faults_add(faults, pointer, "is %.10g; it must be a whole number from %.10g to %.10g", number,
                   field->min, field->max);
    } else {
        *ret = number;
    }
}

void field_read(const struct field *field, const json_t *value, const char *pointer,
                struct config_parsed *parsed, struct faults *faults) {
    void *to = (char *)parsed + field->offset;
    int index = -1;
    switch (field->type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
        read_name(field, value, pointer, to, faults);
        return;
    case FIELD_STRING:
        (void)read_string(value, (size_t)field->max, pointer, to, faults);
        return;
    case FIELD_WORD:
        if (json_is_string(value) && json_string_length(value) == 0) {
            return;
        }
        index = read_word(field, value, pointer, faults);
        if (index >= 0) {
            *(struct slice *)to = slice_str(field->words[index]);
        }
        return;
    case FIELD_TEXT:
        read_text(field, value, pointer, to, faults);
        return;
    case FIELD_NUMBER:
    case FIELD_INTEGER:
        read_number(field, value, pointer, to, faults);
        return;
    case FIELD_BOOL:
        if (json_is_boolean(value)) {
            *(bool *)to = json_is_true(value);
        } else {
            wrong_type(value, pointer, "true or false", faults);
        }
        return;
    case FIELD_ENUM:
        index = read_word(field, value, pointer, faults);
        if (index >= 0) {
            *(uint32_t *)to = (uint32_t)index;
        }
        return;
    }
}

_Static_assert(sizeof(enum tag_type) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
_Static_assert(sizeof(enum alarm_kind) == sizeof(uint32_t), "FIELD_ENUM writes an enum as uint32_t");
