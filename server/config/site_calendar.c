#include "server/config/site_calendar.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { PART_SIZE = 300 };

/* --- one entry: an object with just these texts --------------------------------------------------------- */

static const char *const shift_keys[] = {"name", "from", NULL};
static const char *const tariff_keys[] = {"name", "days", "from", "to", NULL};
static const char *const keep_keys[] = {"name", "days", NULL};

/* False and a fault if it is no object, lacks a key or has another one. */
static bool has_keys(const struct reading *r, const char *const *keys) {
    if (!json_is_object(r->value)) {
        reading_wrong_type(r, "an object");
        return false;
    }
    bool right = true;
    json_t *o = (json_t *)r->value; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        const char *key = json_object_iter_key(it);
        char pointer[POINTER_SIZE];
        struct reading inner = reading_of_part(r, json_object_iter_value(it), key, pointer);
        if (reading_word_index(keys, slice_str(key)) < 0) {
            faults_add(r->faults, "E_FIELD", inner.pointer, "is no field of this; remove it");
            right = false;
        }
    }
    for (int i = 0; keys[i] != NULL; i++) {
        if (json_object_get(r->value, keys[i]) == NULL) {
            faults_add(r->faults, "E_MISSING", r->pointer, "has no \"%s\"", keys[i]);
            right = false;
        }
    }
    return right;
}

static bool entry_name(const struct reading *r, struct slice *ret) {
    char pointer[POINTER_SIZE];
    struct reading inner = reading_of_part(r, json_object_get(r->value, "name"), "name", pointer);
    *ret = (struct slice){0};
    reading_name(&inner, ret);
    return ret->n > 0;
}

static bool entry_time(const struct reading *r, const char *key, bool is_end, int32_t *ret_min,
                       struct slice *ret_text) {
    char pointer[POINTER_SIZE];
    struct reading inner = reading_of_part(r, json_object_get(r->value, key), key, pointer);
    if (!reading_string(&inner, MODEL_NAME_MAX, ret_text)) {
        return false;
    }
    if (!calendar_read_time(*ret_text, ret_min) || (!is_end && *ret_min == CALENDAR_DAY_MIN) ||
        (is_end && *ret_min == 0)) {
        faults_add(r->faults, "E_RANGE", pointer, "\"%.*s\" is no time of a day; %s would be right",
                   SLICE_ARG(*ret_text), is_end ? "00:01 to 24:00" : "00:00 to 23:59");
        return false;
    }
    return true;
}

static bool entry_days(const struct reading *r, struct slice *ret_text) {
    char pointer[POINTER_SIZE];
    uint8_t days = 0;
    struct reading inner = reading_of_part(r, json_object_get(r->value, "days"), "days", pointer);
    if (!reading_string(&inner, MODEL_NAME_MAX, ret_text)) {
        return false;
    }
    if (!calendar_read_days(*ret_text, &days)) {
        faults_add(r->faults, "E_RANGE", pointer,
                   "\"%.*s\" are no days; mo-fr, sa,su or daily would be right", SLICE_ARG(*ret_text));
        return false;
    }
    return true;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

struct entries {
    const struct reading *r;
    size_t start;         /* of this list in r->lists */
    int32_t earliest_min; /* the next shift must not begin before */
};

/* The text of a part behind its last space. */
static struct slice name_of(struct slice part) {
    size_t at = part.n;
    while (at > 0 && part.p[at - 1] != ' ') {
        at--;
    }
    return slice_of(part.p + at, part.n - at);
}

static bool is_new(const struct entries *e, const struct reading *r, struct slice name) {
    struct slice list = slice_of(e->r->lists->p + e->start, e->r->lists->n - e->start);
    struct slice part = {0};
    while (item_list_next(&list, &part)) {
        if (slice_eq(name_of(part), name)) {
            faults_add(r->faults, "E_RANGE", r->pointer, "has the name \"%.*s\" of one before it",
                       SLICE_ARG(name));
            return false;
        }
    }
    return true;
}

static void add_shift(struct entries *e, const struct reading *r) {
    struct slice name = {0};
    struct slice text = {0};
    int32_t from_min = 0;
    if (!has_keys(r, shift_keys) || !entry_name(r, &name) || !is_new(e, r, name) ||
        !entry_time(r, "from", false, &from_min, &text)) {
        return;
    }
    if (from_min < e->earliest_min) {
        faults_add(r->faults, "E_RANGE", r->pointer,
                   "must begin later in the day than the one before it: each shift lasts until the next one");
        return;
    }
    e->earliest_min = from_min + 1;
    buf_printf(r->lists, "%.*s %.*s\n", SLICE_ARG(text), SLICE_ARG(name));
}

/* A name may come back: peak from 7 to 11 and from 17 to 20. */
static void add_tariff(struct entries *e, const struct reading *r) {
    struct slice name = {0};
    struct slice days = {0};
    struct slice from = {0};
    struct slice to = {0};
    int32_t from_min = 0;
    int32_t to_min = 0;
    (void)e;
    if (!has_keys(r, tariff_keys) || !entry_name(r, &name) || !entry_days(r, &days) ||
        !entry_time(r, "from", false, &from_min, &from) || !entry_time(r, "to", true, &to_min, &to)) {
        return;
    }
    if (from_min == to_min) {
        faults_add(r->faults, "E_RANGE", r->pointer,
                   "ends when it begins; from 00:00 to 24:00 would be all of the day");
        return;
    }
    buf_printf(r->lists, "%.*s %.*s %.*s %.*s\n", SLICE_ARG(days), SLICE_ARG(from), SLICE_ARG(to),
               SLICE_ARG(name));
}

static void add_keep(struct entries *e, const struct reading *r) {
    static const struct field days = {"days", FIELD_INTEGER, REQUIRED, 0, 1, SITE_KEEP_DAYS_MAX, NULL, NULL};
    struct slice name = {0};
    double number = 0;
    char pointer[POINTER_SIZE];
    if (!has_keys(r, keep_keys) || !entry_name(r, &name) || !is_new(e, r, name)) {
        return;
    }
    struct reading inner = reading_of_part(r, json_object_get(r->value, days.name), days.name, pointer);
    inner.field = &days;
    if (reading_number(&inner, &number)) {
        buf_printf(r->lists, "%05d %.*s\n", (int)number, SLICE_ARG(name)); /* a whole number, checked */
    }
}

static void read_entries(const struct reading *r, void (*add)(struct entries *, const struct reading *),
                         struct slice *ret) {
    struct entries e = {.r = r, .start = r->lists->n};
    size_t most = (size_t)r->field->max;
    if (!json_is_array(r->value)) {
        reading_wrong_type(r, "a list");
        return;
    }
    if (json_array_size(r->value) > most) {
        faults_add(r->faults, "E_RANGE", r->pointer, "has %zu entries; at most %zu are allowed",
                   json_array_size(r->value), most);
        return;
    }
    for (size_t i = 0; i < json_array_size(r->value); i++) {
        char pointer[POINTER_SIZE];
        struct reading inner = reading_of_entry(r, i, pointer);
        add(&e, &inner);
    }
    CHECK(!r->lists->failed); /* the caller has reserved enough */
    *ret = slice_of(r->lists->p + e.start, r->lists->n - e.start);
}

void reading_shifts(const struct reading *r, struct slice *ret) {
    read_entries(r, add_shift, ret);
}

void reading_tariffs(const struct reading *r, struct slice *ret) {
    read_entries(r, add_tariff, ret);
}

void reading_keep(const struct reading *r, struct slice *ret) {
    read_entries(r, add_keep, ret);
}

/* --- into the model ---------------------------------------------------------------------------------------
 */

static uint32_t parts_of(struct slice list) {
    struct slice part = {0};
    uint32_t n = 0;
    while (item_list_next(&list, &part)) {
        n++;
    }
    return n;
}

/* Takes a part's next word off it. */
static struct slice take_word(struct slice *part) {
    const char *end = memchr(part->p, ' ', part->n);
    CHECK(end != NULL); /* as written above */
    struct slice word = slice_of(part->p, (size_t)(end - part->p));
    *part = slice_of(end + 1, part->n - word.n - 1);
    return word;
}

static int32_t take_time(struct slice *part) {
    int32_t minute = 0;
    bool right = calendar_read_time(take_word(part), &minute);
    CHECK(right); /* checked when it was read */
    return minute;
}

static bool copy_name(struct arena *arena, struct slice name, struct slice *ret) {
    *ret = arena_copy(arena, name);
    return ret->p != NULL;
}

static bool make_shifts(struct arena *arena, struct slice list, struct calendar *c) {
    c->n_shifts = parts_of(list);
    struct calendar_shift *v = arena_alloc(arena, c->n_shifts, sizeof *v);
    struct slice part = {0};
    for (uint32_t i = 0; v != NULL && item_list_next(&list, &part); i++) {
        v[i].from_min = take_time(&part);
        if (!copy_name(arena, part, &v[i].name)) {
            return false;
        }
    }
    c->shifts = v;
    return v != NULL;
}

static bool make_bands(struct arena *arena, struct slice list, struct calendar *c) {
    c->n_bands = parts_of(list);
    struct calendar_band *v = arena_alloc(arena, c->n_bands, sizeof *v);
    struct slice part = {0};
    for (uint32_t i = 0; v != NULL && item_list_next(&list, &part); i++) {
        bool right = calendar_read_days(take_word(&part), &v[i].days);
        CHECK(right); /* checked when it was read */
        v[i].from_min = take_time(&part);
        v[i].to_min = take_time(&part);
        if (!copy_name(arena, part, &v[i].name)) {
            return false;
        }
    }
    c->bands = v;
    return v != NULL;
}

const struct calendar *site_calendar_make(struct arena *arena, const struct zone *zone, struct slice shifts,
                                          struct slice tariffs) {
    struct calendar *c = arena_alloc(arena, 1, sizeof *c);
    if (c == NULL || !make_shifts(arena, shifts, c) || !make_bands(arena, tariffs, c)) {
        return NULL;
    }
    c->zone = zone;
    return c;
}

struct model_keep *site_keeps_make(struct arena *arena, struct slice list, uint32_t *ret_n) {
    struct model_keep *v = arena_alloc(arena, parts_of(list) + 1, sizeof *v);
    struct slice part = {0};
    uint32_t n = 1;
    if (v == NULL || !copy_name(arena, slice_str(SITE_KEEP_STANDARD), &v[0].name)) {
        return NULL;
    }
    while (item_list_next(&list, &part)) {
        struct slice days = take_word(&part);
        struct model_keep *k = slice_is(part, SITE_KEEP_STANDARD) ? &v[0] : &v[n++];
        for (size_t i = 0; i < days.n; i++) {
            k->days = k->days * 10 + (days.p[i] - '0');
        }
        if (!copy_name(arena, part, &k->name)) {
            return NULL;
        }
    }
    *ret_n = n;
    return v;
}
