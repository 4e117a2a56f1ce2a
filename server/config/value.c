#include "server/config/value.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/config/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTER_SIZE = sizeof(((struct config_fault *)0)->pointer), STATE_NAME_MAX = 63 };

/* What a value is read with: the row, the value, where faults go. */
struct reading {
    const struct field *field;
    const json_t *value;
    const char *pointer;
    struct buf *lists;
    struct faults *faults;
};

static const char *code_of(const struct reading *r, const char *code) {
    return r->field->code == NULL ? code : r->field->code;
}

/* The same for a part of the value. */
static struct reading part_of(const struct reading *r, const json_t *value, const char *part,
                              char pointer[POINTER_SIZE]) {
    struct reading inner = *r;
    (void)snprintf(pointer, POINTER_SIZE, "%s", r->pointer);
    faults_pointer_add(pointer, slice_str(part));
    inner.value = value;
    inner.pointer = pointer;
    return inner;
}

/* --- names */

static bool name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool value_is_name(struct slice text) {
    bool only_dots = true; /* "." and ".." mean something else in a path of the interface */
    for (size_t i = 0; i < text.n; i++) {
        if (!name_char(text.p[i])) {
            return false;
        }
        only_dots = only_dots && text.p[i] == '.';
    }
    return text.n <= MODEL_NAME_MAX && !only_dots;
}

bool value_is_site_name(struct slice text) {
    return text.n <= MODEL_NAME_MAX && memchr(text.p, '/', text.n) != NULL &&
           value_is_name(item_site_of(text)) && value_is_name(item_local_of(text));
}

/* --- texts */

static void wrong_type(const struct reading *r, const char *wanted) {
    const char *code = strcmp(code_of(r, ""), "E_PRIO") == 0 ? "E_PRIO" : "E_TYPE";
    faults_add(r->faults, code, r->pointer, "is %s; it must be %s%s", json_type_words(r->value), wanted,
               json_is_null(r->value) ? ", or be left out" : "");
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The text of a JSON string; false (and a fault) if it is none, too long or not one line. */
static bool read_string(const struct reading *r, size_t max, struct slice *ret) {
    if (!json_is_string(r->value)) {
        wrong_type(r, "a string");
        return false;
    }
    struct slice text = slice_of(json_string_value(r->value), json_string_length(r->value));
    for (size_t i = 0; i < text.n; i++) {
        bool white = r->field->type == FIELD_RULE && (text.p[i] == '\n' || text.p[i] == '\t');
        if (is_control(text.p[i]) && !white) {
            faults_add(r->faults, "E_RANGE", r->pointer,
                       "has a control character (byte %zu); write it in one line", i + 1);
            return false;
        }
    }
    if (text.n > max) {
        faults_add(r->faults, r->field->type == FIELD_RULE ? "E_TOO_LONG" : "E_RANGE", r->pointer,
                   "has %zu bytes; at most %zu are allowed", text.n, max);
        return false;
    }
    *ret = text;
    return true;
}

static void read_name(const struct reading *r, struct slice *ret) {
    struct slice text = {0};
    bool plain = r->field->type != FIELD_SITE_NAME;
    if (!read_string(r, MODEL_NAME_MAX, &text)) {
        return;
    }
    if (plain ? value_is_name(text) : value_is_site_name(text)) {
        *ret = text;
        return;
    }
    faults_add(r->faults, code_of(r, "E_NAME"), r->pointer,
               "\"%.*s\" is no name of this kind; %s of A-Z a-z 0-9 . _ - (not only dots)",
               (int)(text.n < 80 ? text.n : utf8_valid_prefix(text.p, 80)), text.p,
               plain ? "it must be 1 to 200 characters"
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
static int read_word(const struct reading *r) {
    struct slice text = {0};
    if (!read_string(r, MODEL_NAME_MAX, &text)) {
        return -1;
    }
    int index = word_index(r->field->words, text);
    if (index < 0) {
        struct buf list;
        buf_init(&list, 256);
        for (int i = 0; r->field->words[i] != NULL; i++) {
            buf_printf(&list, "%s%s", i == 0 ? "" : ", ", r->field->words[i]);
        }
        faults_add(r->faults, "E_RANGE", r->pointer, "\"%.*s\" is unknown; it must be one of: %.*s",
                   SLICE_ARG(text), SLICE_ARG(buf_slice(&list)));
        buf_done(&list);
    }
    return index;
}

static void read_text(const struct reading *r, struct model_text *ret) {
    size_t max = (size_t)r->field->max;
    if (json_is_string(r->value)) {
        (void)read_string(r, max, &ret->en);
        return;
    }
    if (!json_is_object(r->value)) {
        wrong_type(r, "a string or {\"en\": …, \"zh\": …}");
        return;
    }
    json_t *o = (json_t *)r->value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        char pointer[POINTER_SIZE];
        const char *key = json_object_iter_key(it);
        struct reading inner = part_of(r, json_object_iter_value(it), key, pointer);
        if (strcmp(key, "en") == 0) {
            (void)read_string(&inner, max, &ret->en);
        } else if (strcmp(key, "zh") == 0) {
            (void)read_string(&inner, max, &ret->zh);
        } else {
            faults_add(r->faults, "E_FIELD", pointer,
                       "is no language of the product; the languages are en and zh");
        }
    }
    if (json_object_get(r->value, "en") == NULL) {
        faults_add(r->faults, "E_MISSING", r->pointer,
                   "has no \"en\"; the English text is required, \"zh\" is optional");
    }
}

/* "2026-11-24" */
static void read_date(const struct reading *r, struct slice *ret) {
    struct slice text = {0};
    char moment[TM_TEXT_SIZE];
    int64_t t_us = 0;
    if (!read_string(r, MODEL_NAME_MAX, &text)) {
        return;
    }
    (void)snprintf(moment, sizeof moment, "%.*sT00:00:00Z", SLICE_ARG(text));
    if (text.n != strlen("2026-11-24") || tm_parse(slice_str(moment), &t_us, NULL) != OK) {
        faults_add(r->faults, "E_RANGE", r->pointer,
                   "is no date; write year, month and day as in 2026-11-24");
        return;
    }
    *ret = text;
}

/* A name that cannot lead out of the folder of zones. */
static void read_zone(const struct reading *r, struct slice *ret) {
    struct slice text = {0};
    if (!read_string(r, (size_t)r->field->max, &text)) {
        return;
    }
    bool right = text.n == 0 || (text.p[0] != '/' && text.p[text.n - 1] != '/');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        right = right && (c != '.' && (name_char(c) || c == '/' || c == '+'));
    }
    if (!right) {
        faults_add(r->faults, "E_RANGE", r->pointer,
                   "is no name of a time zone; a name such as Europe/Berlin or UTC would be right");
        return;
    }
    *ret = text;
}

/* --- numbers */

static bool in_range(const struct reading *r, double number) {
    if (isfinite(number) && number >= r->field->min && number <= r->field->max) {
        return true;
    }
    faults_add(r->faults, code_of(r, "E_RANGE"), r->pointer, "is %.10g; it must be from %.10g to %.10g",
               number, r->field->min, r->field->max);
    return false;
}

static bool read_number(const struct reading *r, double *ret) {
    if (!json_is_number(r->value)) {
        wrong_type(r, "a number");
        return false;
    }
    double number = json_number_value(r->value) + 0.0; /* + 0.0: a negative zero becomes zero */
    if (!in_range(r, number)) {
        return false;
    }
    if (r->field->type == FIELD_INTEGER && trunc(number) != number) {
        faults_add(r->faults, code_of(r, "E_RANGE"), r->pointer,
                   "is %.10g; it must be a whole number from %.10g to %.10g", number, r->field->min,
                   r->field->max);
        return false;
    }
    *ret = number;
    return true;
}

static size_t digits(struct slice text, size_t at) {
    size_t n = 0;
    while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9') {
        n++;
    }
    return n;
}

/* Bytes of the decimal number that the text begins with; 0 if it begins with none. */
static size_t number_length(struct slice text) {
    size_t at = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+') ? 1 : 0;
    size_t whole = digits(text, at);
    at += whole;
    size_t fraction = at < text.n && text.p[at] == '.' ? digits(text, at + 1) : 0;
    at += fraction > 0 ? fraction + 1 : 0;
    if (whole == 0 && fraction == 0) {
        return 0;
    }
    if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
        size_t sign = at + 1 < text.n && (text.p[at + 1] == '-' || text.p[at + 1] == '+') ? 1 : 0;
        size_t exponent = digits(text, at + 1 + sign);
        at += exponent > 0 ? 1 + sign + exponent : 0;
    }
    return at;
}

/* A number, or a number with a unit. */
static void read_quantity(const struct reading *r, struct quantity *ret) {
    struct slice text = {0};
    char number[64];
    if (!json_is_string(r->value)) {
        if (json_is_number(r->value)) {
            (void)read_number(r, &ret->value);
        } else {
            wrong_type(r, "a number, or a number with a unit (\"4.2 m\")");
        }
        return;
    }
    if (!read_string(r, sizeof number - 1, &text)) {
        return;
    }
    size_t n = number_length(text);
    if (n == 0) {
        faults_add(r->faults, "E_RANGE", r->pointer,
                   "\"%.*s\" does not begin with a number; a number with a unit (\"4.2 m\") would be right",
                   SLICE_ARG(text));
        return;
    }
    (void)snprintf(number, sizeof number, "%.*s", (int)n, text.p); /* n is below 64 */
    double value = strtod(number, NULL) + 0.0;
    while (n < text.n && text.p[n] == ' ') {
        n++;
    }
    if (in_range(r, value)) {
        *ret = (struct quantity){.value = value, .unit = slice_of(text.p + n, text.n - n)};
    }
}

/* --- lists and tables */

/* False and a fault if it is no list, or too long. */
static bool is_list(const struct reading *r, size_t max) {
    if (!json_is_array(r->value)) {
        wrong_type(r, "a list");
        return false;
    }
    if (json_array_size(r->value) > max) {
        faults_add(r->faults, "E_RANGE", r->pointer, "has %zu entries; at most %zu are allowed",
                   json_array_size(r->value), max);
        return false;
    }
    return true;
}

static bool is_listed(struct slice list, struct slice part) {
    struct slice other = {0};
    while (item_list_next(&list, &other)) {
        if (slice_eq(other, part)) {
            return true;
        }
    }
    return false;
}

/* One entry of a list as its text in the list; empty if it cannot be one. room is for a number. */
static struct slice entry_text(const struct reading *r, char room[MODEL_NAME_MAX + 2]) {
    struct slice text = {0};
    if (r->field->type == FIELD_NAMES) {
        read_name(r, &text);
        return text;
    }
    if (r->field->type == FIELD_STATES && json_is_number(r->value)) {
        double number = 0;
        if (!isfinite(json_number_value(r->value)) ||
            trunc(json_number_value(r->value)) != json_number_value(r->value)) {
            faults_add(r->faults, "E_RANGE", r->pointer, "is %.10g; a state is a whole number",
                       json_number_value(r->value));
            return text;
        }
        number = json_number_value(r->value) + 0.0;
        (void)snprintf(room, MODEL_NAME_MAX + 2, "=%.17g", number);
        return slice_str(room);
    }
    if (!read_string(r, STATE_NAME_MAX, &text)) {
        return (struct slice){0};
    }
    if (text.n == 0 || memchr(text.p, '\'', text.n) != NULL) {
        faults_add(r->faults, "E_NAME", r->pointer,
                   "is no name of a state; it must be 1 to %d bytes without the sign '", (int)STATE_NAME_MAX);
        return (struct slice){0};
    }
    if (r->field->type == FIELD_STATES) {
        (void)snprintf(room, MODEL_NAME_MAX + 2, ">%.*s", SLICE_ARG(text));
        return slice_str(room);
    }
    return text;
}

static void read_list(const struct reading *r, struct slice *ret) {
    if (!is_list(r, (size_t)r->field->max)) {
        return;
    }
    size_t start = r->lists->n;
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        char part[24];
        char room[MODEL_NAME_MAX + 2];
        (void)snprintf(part, sizeof part, "%zu", i);
        struct reading inner = part_of(r, json_array_get(r->value, i), part, pointer);
        struct slice text = entry_text(&inner, room);
        struct slice before = slice_of(r->lists->p + start, r->lists->n - start);
        if (text.n > 0 && is_listed(before, text)) {
            faults_add(r->faults, "E_RANGE", pointer, "is there twice; each once");
        } else if (text.n > 0) {
            buf_append(r->lists, text.p, text.n);
            buf_byte(r->lists, '\n');
        }
    }
    CHECK(!r->lists->failed); /* the caller has reserved enough */
    *ret = slice_of(r->lists->p + start, r->lists->n - start);
}

/* Only checked: it is read from the body by who needs it. */
static void read_lines(const struct reading *r) {
    if (!is_list(r, (size_t)r->field->max)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        char part[24];
        struct slice text = {0};
        (void)snprintf(part, sizeof part, "%zu", i);
        struct reading inner = part_of(r, json_array_get(r->value, i), part, pointer);
        (void)read_string(&inner, FIELD_LINE_MAX, &text);
    }
}

/* {"within_s": 300, "priority": 1} */
static bool read_step(const struct reading *r, struct config_matrix_step *ret) {
    static const struct field within = {"within_s", FIELD_NUMBER, REQUIRED, 0, 1, 2592000, NULL, NULL};
    static const struct field priority = {"priority", FIELD_INTEGER,          REQUIRED, 0,
                                          1,          CONFIG_PRIORITY_LOWEST, NULL,     "E_PRIO"};
    char pointer[POINTER_SIZE];
    const json_t *time = json_object_get(r->value, within.name);
    const json_t *rank = json_object_get(r->value, priority.name);
    if (time == NULL || rank == NULL || json_object_size(r->value) != 2) {
        faults_add(r->faults, "E_TYPE", r->pointer, "must be {\"within_s\": seconds, \"priority\": 1 to 4}");
        return false;
    }
    struct reading inner = part_of(r, time, within.name, pointer);
    inner.field = &within;
    bool right = read_number(&inner, &ret->within_s);
    inner = part_of(r, rank, priority.name, pointer);
    inner.field = &priority;
    return read_number(&inner, &ret->priority) && right;
}

static void read_steps(const struct reading *r, struct config_matrix_step *steps, uint32_t *ret_n) {
    if (!is_list(r, CONFIG_MATRIX_STEPS)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        char part[24];
        (void)snprintf(part, sizeof part, "%zu", i);
        struct reading inner = part_of(r, json_array_get(r->value, i), part, pointer);
        if (!read_step(&inner, &steps[i])) {
            return;
        }
        if (i > 0 &&
            (steps[i].within_s <= steps[i - 1].within_s || steps[i].priority < steps[i - 1].priority)) {
            faults_add(r->faults, "E_RANGE", pointer,
                       "must allow more time than the one before it, and be no more urgent");
            return;
        }
    }
    *ret_n = (uint32_t)json_array_size(r->value); /* at most CONFIG_MATRIX_STEPS */
}

static void read_matrix(const struct reading *r, struct config_matrix *ret) {
    if (!json_is_object(r->value)) {
        wrong_type(r, "{\"severe\": [{\"within_s\": …, \"priority\": …}], \"major\": …}");
        return;
    }
    json_t *o = (json_t *)r->value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        char pointer[POINTER_SIZE];
        const char *key = json_object_iter_key(it);
        struct reading inner = part_of(r, json_object_iter_value(it), key, pointer);
        int severity = word_index(r->field->words, slice_str(key));
        if (severity < 0) {
            faults_add(r->faults, "E_FIELD", pointer,
                       "is no severity; those are minor, moderate, major, severe");
        } else {
            read_steps(&inner, ret->steps[severity], &ret->n[severity]);
        }
    }
}

static void read_distribution(const struct reading *r, double ret[CONFIG_PRIORITIES]) {
    if (!json_is_array(r->value) || json_array_size(r->value) != CONFIG_PRIORITIES) {
        wrong_type(r, "a list of four numbers, the percentages of priority 1 to 4");
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < CONFIG_PRIORITIES; i++) {
        char pointer[POINTER_SIZE];
        char part[24];
        (void)snprintf(part, sizeof part, "%zu", i);
        struct reading inner = part_of(r, json_array_get(r->value, i), part, pointer);
        if (!read_number(&inner, &ret[i])) {
            return;
        }
        sum += ret[i];
    }
    if (sum < 95 || sum > 105) { /* a distribution of about 80/15/5 is said with rounded numbers */
        faults_add(r->faults, "E_RANGE", r->pointer, "adds up to %.10g percent; about 100 would be right",
                   sum);
    }
}

static void read_choice(const struct reading *r, void *to) {
    if (r->field->type == FIELD_WORD && json_is_string(r->value) && json_string_length(r->value) == 0) {
        return;
    }
    int index = read_word(r);
    if (index < 0) {
        return;
    }
    if (r->field->type == FIELD_WORD) {
        *(struct slice *)to = slice_str(r->field->words[index]);
    } else {
        *(uint32_t *)to = (uint32_t)index;
    }
}

static void read_bool(const struct reading *r, bool *ret) {
    if (json_is_boolean(r->value)) {
        *ret = json_is_true(r->value);
    } else {
        wrong_type(r, "true or false");
    }
}

static void read_single(const struct reading *r, void *to) {
    switch (r->field->type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
        read_name(r, to);
        return;
    case FIELD_STRING:
    case FIELD_RULE:
        (void)read_string(r, (size_t)r->field->max, to);
        return;
    case FIELD_DATE:
        read_date(r, to);
        return;
    case FIELD_ZONE:
        read_zone(r, to);
        return;
    case FIELD_TEXT:
        read_text(r, to);
        return;
    case FIELD_NUMBER:
    case FIELD_INTEGER:
        (void)read_number(r, to);
        return;
    case FIELD_QUANTITY:
        read_quantity(r, to);
        return;
    case FIELD_BOOL:
        read_bool(r, to);
        return;
    case FIELD_WORD:
    case FIELD_ENUM:
        read_choice(r, to);
        return;
    case FIELD_NAMES:
    case FIELD_STATE_NAMES:
    case FIELD_STATES:
        read_list(r, to);
        return;
    case FIELD_LINES:
        read_lines(r);
        return;
    case FIELD_MATRIX:
        read_matrix(r, to);
        return;
    case FIELD_DISTRIBUTION:
        read_distribution(r, to);
        return;
    }
}

void value_read(const struct field *field, const json_t *value, const char *pointer,
                struct config_parsed *parsed, struct buf *lists, struct faults *faults) {
    struct reading r = {.field = field, .value = value, .pointer = pointer, .lists = lists, .faults = faults};
    struct model_text thrown_away = {0}; /* the biggest value that is only in the body */
    read_single(&r, field->offset == FIELD_ONLY_IN_BODY ? (void *)&thrown_away
                                                        : (void *)((char *)parsed + field->offset));
}
