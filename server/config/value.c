#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/config/json.h"
#include "server/config/reading.h"
#include "server/config/site_calendar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *code_of(const struct reading *r, const char *code) {
    return r->field->code == NULL ? code : r->field->code;
}

struct reading reading_of_part(const struct reading *r, const json_t *value, const char *part,
                               char pointer[POINTER_SIZE]) {
    struct reading inner = *r;
    (void)snprintf(pointer, POINTER_SIZE, "%s", r->pointer);
    faults_pointer_add(pointer, slice_str(part));
    inner.value = value;
    inner.pointer = pointer;
    return inner;
}

struct reading reading_of_entry(const struct reading *r, size_t i, char pointer[POINTER_SIZE]) {
    char part[24];
    (void)snprintf(part, sizeof part, "%zu", i);
    return reading_of_part(r, json_array_get(r->value, i), part, pointer);
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

void reading_wrong_type(const struct reading *r, const char *wanted) {
    const char *code = strcmp(code_of(r, ""), "E_PRIO") == 0 ? "E_PRIO" : "E_TYPE";
    faults_add(r->faults, code, r->pointer, "is %s; it must be %s%s", json_type_words(r->value), wanted,
               json_is_null(r->value) ? ", or be left out" : "");
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool reading_string(const struct reading *r, size_t max, struct slice *ret) {
    if (!json_is_string(r->value)) {
        reading_wrong_type(r, "a string");
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

void reading_name(const struct reading *r, struct slice *ret) {
    struct slice text = {0};
    bool plain = r->field->type != FIELD_SITE_NAME;
    if (!reading_string(r, MODEL_NAME_MAX, &text)) {
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
                     : "it must be SITE/LOCAL, with exactly one '/' (below the site levels are separated by "
                       "'.'), both parts");
}

int reading_word_index(const char *const *words, struct slice text) {
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
    if (!reading_string(r, MODEL_NAME_MAX, &text)) {
        return -1;
    }
    int index = reading_word_index(r->field->words, text);
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
        (void)reading_string(r, max, &ret->en);
        return;
    }
    if (!json_is_object(r->value)) {
        reading_wrong_type(r, "a string or {\"en\": …, \"zh\": …}");
        return;
    }
    json_t *o = (json_t *)r->value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        char pointer[POINTER_SIZE];
        const char *key = json_object_iter_key(it);
        struct reading inner = reading_of_part(r, json_object_iter_value(it), key, pointer);
        if (strcmp(key, "en") == 0) {
            (void)reading_string(&inner, max, &ret->en);
        } else if (strcmp(key, "zh") == 0) {
            (void)reading_string(&inner, max, &ret->zh);
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
    if (!reading_string(r, MODEL_NAME_MAX, &text)) {
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
    if (!reading_string(r, (size_t)r->field->max, &text)) {
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

bool reading_number(const struct reading *r, double *ret) {
    if (!json_is_number(r->value)) {
        reading_wrong_type(r, "a number");
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
            (void)reading_number(r, &ret->value);
        } else {
            reading_wrong_type(r, "a number, or a number with a unit (\"4.2 m\")");
        }
        return;
    }
    if (!reading_string(r, sizeof number - 1, &text)) {
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
        reading_wrong_type(r, "true or false");
    }
}

static void read_single(const struct reading *r, void *to) {
    switch (r->field->type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
        reading_name(r, to);
        return;
    case FIELD_STRING:
    case FIELD_RULE:
        (void)reading_string(r, (size_t)r->field->max, to);
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
        (void)reading_number(r, to);
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
        reading_list(r, to);
        return;
    case FIELD_LINES:
        reading_lines(r);
        return;
    case FIELD_MATRIX:
        reading_matrix(r, to);
        return;
    case FIELD_DISTRIBUTION:
        reading_distribution(r, to);
        return;
    case FIELD_SHIFTS:
        reading_shifts(r, to);
        return;
    case FIELD_TARIFFS:
        reading_tariffs(r, to);
        return;
    case FIELD_KEEP:
        reading_keep(r, to);
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
