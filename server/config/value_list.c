#include "server/base/check.h"
#include "server/config/reading.h"

#include <math.h>
#include <stdio.h>

enum { STATE_NAME_MAX = 63 };

/* --- lists */

/* False and a fault if it is no list, or too long. */
static bool is_list(const struct reading *r, size_t max) {
    if (!json_is_array(r->value)) {
        reading_wrong_type(r, "a list");
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
        reading_name(r, &text);
        return text;
    }
    if (r->field->type == FIELD_STATES && json_is_number(r->value)) {
        double number = json_number_value(r->value) + 0.0; /* + 0.0: a negative zero becomes zero */
        if (!isfinite(number) || trunc(number) != number) {
            faults_add(r->faults, "E_RANGE", r->pointer, "is %.10g; a state is a whole number", number);
            return text;
        }
        (void)snprintf(room, MODEL_NAME_MAX + 2, "=%.17g", number);
        return slice_str(room);
    }
    if (!reading_string(r, STATE_NAME_MAX, &text)) {
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

void reading_list(const struct reading *r, struct slice *ret) {
    if (!is_list(r, (size_t)r->field->max)) {
        return;
    }
    size_t start = r->lists->n;
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        char room[MODEL_NAME_MAX + 2];
        struct reading inner = reading_of_entry(r, i, pointer);
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
void reading_lines(const struct reading *r) {
    if (!is_list(r, (size_t)r->field->max)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        struct slice text = {0};
        struct reading inner = reading_of_entry(r, i, pointer);
        (void)reading_string(&inner, FIELD_LINE_MAX, &text);
    }
}

/* --- tables of the policy */

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
    struct reading inner = reading_of_part(r, time, within.name, pointer);
    inner.field = &within;
    bool right = reading_number(&inner, &ret->within_s);
    inner = reading_of_part(r, rank, priority.name, pointer);
    inner.field = &priority;
    return reading_number(&inner, &ret->priority) && right;
}

static void read_steps(const struct reading *r, struct config_matrix_step *steps, uint32_t *ret_n) {
    if (!is_list(r, CONFIG_MATRIX_STEPS)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        struct reading inner = reading_of_entry(r, i, pointer);
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

void reading_matrix(const struct reading *r, struct config_matrix *ret) {
    if (!json_is_object(r->value)) {
        reading_wrong_type(r, "{\"severe\": [{\"within_s\": …, \"priority\": …}], \"major\": …}");
        return;
    }
    json_t *o = (json_t *)r->value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        char pointer[POINTER_SIZE];
        const char *key = json_object_iter_key(it);
        struct reading inner = reading_of_part(r, json_object_iter_value(it), key, pointer);
        int severity = reading_word_index(r->field->words, slice_str(key));
        if (severity < 0) {
            faults_add(r->faults, "E_FIELD", pointer,
                       "is no severity; those are minor, moderate, major, severe");
        } else {
            read_steps(&inner, ret->steps[severity], &ret->n[severity]);
        }
    }
}

void reading_distribution(const struct reading *r, double ret[CONFIG_PRIORITIES]) {
    if (!json_is_array(r->value) || json_array_size(r->value) != CONFIG_PRIORITIES) {
        reading_wrong_type(r, "a list of four numbers, the percentages of priority 1 to 4");
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < CONFIG_PRIORITIES; i++) {
        char pointer[POINTER_SIZE];
        struct reading inner = reading_of_entry(r, i, pointer);
        if (!reading_number(&inner, &ret[i])) {
            return;
        }
        sum += ret[i];
    }
    if (sum < 95 || sum > 105) { /* a distribution of about 80/15/5 is said with rounded numbers */
        faults_add(r->faults, "E_RANGE", r->pointer, "adds up to %.10g percent; about 100 would be right",
                   sum);
    }
}
