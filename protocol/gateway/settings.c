#include "protocol/gateway/settings.h"

#include "protocol/gateway/json_place.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The gateway's own tags (health.h) are named so. */
#define RESERVED_PREFIX "_gateway."

enum { SHOWN_SIZE = 60, DEVICE_NAME_MAX = 64 };

enum status settings_init(struct settings *r, struct arena *arena, struct settings_faults *faults,
                          struct slice text, struct error *err) {
    /* The file is the owner's: nobody has to be kept from choosing names that collide. */
    static const uint64_t seed[2] = {1, 2};
    *r = (struct settings){.arena = arena, .faults = faults, .text = text};
    return map_init(&r->names, LINK_TAGS_MAX, seed, err);
}

void settings_done(struct settings *r) {
    map_done(&r->names);
}

static struct settings_fault *new_fault(struct settings *r) {
    if (r->faults->n == SETTINGS_FAULTS_MAX) {
        r->faults->more++;
        return NULL;
    }
    struct settings_fault *f = &r->faults->v[r->faults->n++];
    *f = (struct settings_fault){0};
    return f;
}

/* What the parser says in its own words of two common mistakes, in ours. */
static const char *plain_words(struct slice text, const json_error_t *bad) {
    static const char mark[] = "\xEF\xBB\xBF";
    if (text.n == 0) {
        return "the file is empty; a JSON object is needed: {…}";
    }
    if (text.n >= sizeof mark - 1 && memcmp(text.p, mark, sizeof mark - 1) == 0) {
        return "the file begins with a byte order mark; it must be UTF-8 without one";
    }
    return json_error_code(bad) == json_error_invalid_utf8 ? "a byte here is no UTF-8; the file must be UTF-8"
                                                           : bad->text;
}

bool settings_parse(struct settings *r, json_t **ret) {
    json_error_t bad = {.text = ""};
    json_t *root = json_loadb(r->text.p, r->text.n, JSON_REJECT_DUPLICATES, &bad);
    struct settings_fault *f = root == NULL ? new_fault(r) : NULL;
    if (f != NULL) {
        f->line = bad.line > 0 ? (unsigned)bad.line : 1;
        f->column = bad.column > 0 ? (unsigned)bad.column : 1;
        (void)snprintf(f->text, sizeof f->text, "%s", plain_words(r->text, &bad));
    }
    *ret = root;
    return root != NULL;
}

static int compare_faults(const void *a, const void *b) {
    const struct settings_fault *x = a;
    const struct settings_fault *y = b;
    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    return (x->column > y->column) - (x->column < y->column);
}

void settings_sort(struct settings_faults *faults) {
    if (faults->n > 0) {
        qsort(faults->v, faults->n, sizeof faults->v[0], compare_faults);
    }
}

/* Appends "/key", escaped as RFC 6901 wants it, cut where there is no room. */
static void add_to_pointer(char pointer[SETTINGS_POINTER_SIZE], const char *key) {
    size_t n = strlen(pointer);
    if (n + 1 < SETTINGS_POINTER_SIZE) {
        pointer[n++] = '/';
    }
    for (const char *c = key; *c != '\0' && n + 2 < SETTINGS_POINTER_SIZE; c++) {
        if (*c == '~' || *c == '/') {
            pointer[n++] = '~';
            pointer[n++] = *c == '~' ? '0' : '1';
        } else {
            pointer[n++] = *c;
        }
    }
    pointer[n] = '\0';
}

void settings_fault(struct settings *r, const struct place *p, const char *key, const char *fmt, ...) {
    struct settings_fault *f = new_fault(r);
    if (f == NULL) {
        return;
    }
    memcpy(f->pointer, p->pointer, sizeof f->pointer);
    if (key[0] != '\0') {
        add_to_pointer(f->pointer, key);
    }
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
    struct json_place at = json_place_find(r->text, f->pointer);
    f->line = at.line;
    f->column = at.column;
}

/* What is there, for people. */
struct shown {
    char text[SHOWN_SIZE];
};

static struct shown show(const json_t *v) {
    struct shown s = {"nothing"};
    char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text != NULL) {
        (void)snprintf(s.text, sizeof s.text, "%s", text);
        if (strlen(text) >= sizeof s.text) {
            size_t cut = sizeof s.text - sizeof "…";
            while (cut > 0 && ((unsigned char)s.text[cut] & 0xC0) == 0x80) {
                cut--;
            }
            memcpy(s.text + cut, "…", sizeof "…");
        }
        free(text);
    }
    return s;
}

bool settings_has(const struct place *p, const char *key) {
    return json_object_get(p->value, key) != NULL;
}

struct place settings_member(const struct place *p, const char *key) {
    struct place child = *p;
    child.value = json_object_get(p->value, key);
    add_to_pointer(child.pointer, key);
    return child;
}

struct place settings_element(const struct place *list, size_t i) {
    char index[24];
    (void)snprintf(index, sizeof index, "%zu", i);
    struct place child = *list;
    child.value = json_array_get(list->value, i);
    add_to_pointer(child.pointer, index);
    return child;
}

/* "a", "b" or "c" */
struct choices {
    char text[240];
};

static struct choices list_choices(const char *const *names) {
    struct choices c = {""};
    size_t n = 0;
    for (size_t i = 0; names[i] != NULL && n < sizeof c.text; i++) {
        const char *before = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
        int added = snprintf(c.text + n, sizeof c.text - n, "%s\"%s\"", before, names[i]);
        n += added > 0 ? (size_t)added : 0;
    }
    return c;
}

bool settings_object(struct settings *r, const struct place *p, const char *const *keys) {
    if (!json_is_object(p->value)) {
        settings_fault(r, p, "", "%s is here, an object is needed: {…}", show(p->value).text);
        return false;
    }
    /* jansson's iterators want it without const; nothing is changed. */
    json_t *object = (json_t *)p->value;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        bool known = false;
        for (const char *const *k = keys; *k != NULL; k++) {
            known = known || strcmp(*k, key) == 0;
        }
        if (!known) {
            settings_fault(r, p, key, "there is no such key here; misspelt? Known are %s",
                           list_choices(keys).text);
        }
    }
    return true;
}

size_t settings_list(struct settings *r, const struct place *p, const char *key, size_t min, size_t max) {
    const json_t *list = json_object_get(p->value, key);
    size_t n = json_array_size(list);
    if (!json_is_array(list)) {
        settings_fault(r, p, key, "%s is here, a list is needed: […]", show(list).text);
        return 0;
    }
    if (n < min || n > max) {
        settings_fault(r, p, key, "a list of %zu is here, %zu to %zu are needed", n, min, max);
        return 0;
    }
    return n;
}

const char *settings_text(struct settings *r, const struct place *p, const char *key, const char *otherwise) {
    const json_t *v = json_object_get(p->value, key);
    if (v == NULL && otherwise != NULL) {
        return otherwise;
    }
    if (!json_is_string(v) || (otherwise == NULL && json_string_length(v) == 0)) {
        settings_fault(r, p, key, "%s is here, a text is needed", show(v).text);
        return "";
    }
    struct slice copy = arena_copy(r->arena, slice_of(json_string_value(v), json_string_length(v)));
    if (copy.p == NULL) {
        settings_fault(r, p, key, "the configuration is too big");
        return "";
    }
    return copy.p;
}

double settings_number(struct settings *r, const struct place *p, const char *key, double otherwise,
                       double low, double high) {
    const json_t *v = json_object_get(p->value, key);
    if (v == NULL && !isnan(otherwise)) {
        return otherwise;
    }
    double number = json_number_value(v);
    if (!json_is_number(v) || !(number >= low && number <= high)) {
        settings_fault(r, p, key, "%s is here, a number from %g to %g is needed", show(v).text, low, high);
        return low;
    }
    return number;
}

int64_t settings_integer(struct settings *r, const struct place *p, const char *key, int64_t otherwise,
                         int64_t low, int64_t high) {
    const json_t *v = json_object_get(p->value, key);
    if (v == NULL && otherwise >= 0) {
        return otherwise;
    }
    int64_t number = json_integer_value(v);
    if (!json_is_integer(v) || number < low || number > high) {
        settings_fault(r, p, key, "%s is here, a whole number from %lld to %lld is needed", show(v).text,
                       (long long)low, (long long)high);
        return low;
    }
    return number;
}

bool settings_bool(struct settings *r, const struct place *p, const char *key, bool otherwise) {
    const json_t *v = json_object_get(p->value, key);
    if (v == NULL) {
        return otherwise;
    }
    if (!json_is_boolean(v)) {
        settings_fault(r, p, key, "%s is here, true or false is needed", show(v).text);
    }
    return json_is_true(v);
}

int settings_choice(struct settings *r, const struct place *p, const char *key, const char *const *choices,
                    int otherwise) {
    const json_t *v = json_object_get(p->value, key);
    if (v == NULL && otherwise >= 0) {
        return otherwise;
    }
    for (int i = 0; json_is_string(v) && choices[i] != NULL; i++) {
        if (strcmp(choices[i], json_string_value(v)) == 0) {
            return i;
        }
    }
    settings_fault(r, p, key, "%s is here, needed is %s", show(v).text, list_choices(choices).text);
    return otherwise >= 0 ? otherwise : 0;
}

const char *settings_address(struct settings *r, const struct place *p, const char *key) {
    const char *host = settings_text(r, p, key, NULL);
    struct in6_addr address;
    if (host[0] != '\0' && inet_pton(AF_INET, host, &address) != 1 &&
        inet_pton(AF_INET6, host, &address) != 1) {
        settings_fault(r, p, key,
                       "\"%.40s\" is no numeric address; needed is one such as 192.0.2.1 or 2001:db8::1",
                       host);
    }
    return host;
}

void *settings_alloc(struct settings *r, const struct place *p, size_t n, size_t size) {
    void *memory = arena_alloc(r->arena, n, size);
    if (memory == NULL) {
        settings_fault(r, p, "", "the configuration is too big");
    }
    return memory;
}

static struct slice tag_text(struct settings *r, const struct place *p, const char *key,
                             const char *otherwise, size_t max) {
    struct slice text = slice_str(settings_text(r, p, key, otherwise));
    if (text.n > max) {
        settings_fault(r, p, key, "%zu bytes are here, at most %zu are allowed", text.n, max);
    }
    return text;
}

static void claim_name(struct settings *r, const struct place *p, struct slice name) {
    if (name.n == 0) {
        return; /* told already */
    }
    if (name.n >= strlen(RESERVED_PREFIX) && memcmp(name.p, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0) {
        settings_fault(r, p, "name", "names that begin with \"" RESERVED_PREFIX "\" are the gateway's own");
    }
    enum status st = map_put(&r->names, name, r->n_tags);
    if (st == ERR_EXISTS) {
        settings_fault(r, p, "name", "there is another tag \"%.*s\"; each name is used once",
                       SLICE_ARG(name));
    } else if (st != OK) {
        settings_fault(r, p, "name", "a gateway has at most %d tags", LINK_TAGS_MAX);
    }
    r->n_tags++;
}

void settings_tag(struct settings *r, const struct place *p, struct tag_def *ret) {
    *ret = (struct tag_def){.name = tag_text(r, p, "name", NULL, LINK_NAME_MAX),
                            .unit = tag_text(r, p, "unit", "", LINK_UNIT_MAX),
                            .description = tag_text(r, p, "description", "", LINK_TEXT_MAX),
                            .flags = DICT_HISTORISE};
    claim_name(r, p, ret->name);
    bool low = settings_has(p, "low");
    bool high = settings_has(p, "high");
    if (low != high) {
        settings_fault(r, p, low ? "low" : "high", "low and high belong together: give both or none");
    } else if (low) {
        ret->has_range = true;
        ret->low = settings_number(r, p, "low", NAN, -1e300, 1e300);
        ret->high = settings_number(r, p, "high", NAN, -1e300, 1e300);
        if (ret->low >= ret->high) {
            settings_fault(r, p, "high", "high (%g) must be above low (%g)", ret->high, ret->low);
        }
    }
}

const char *settings_device(struct settings *r, const struct place *p, const char *key) {
    const char *name = settings_text(r, p, key, NULL);
    size_t n = strlen(name);
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (n > DEVICE_NAME_MAX || strspn(name, allowed) != n) {
        settings_fault(r, p, key, "\"%.80s\" is no device's name: 1 to %d characters of A-Z a-z 0-9 . _ -",
                       name, DEVICE_NAME_MAX);
    }
    /* It becomes a tag (health.h), and is claimed as one. */
    char text[sizeof RESERVED_PREFIX + DEVICE_NAME_MAX + sizeof ".up"];
    (void)snprintf(text, sizeof text, RESERVED_PREFIX "%s.up", name);
    struct slice tag = arena_copy(r->arena, slice_str(text));
    if (n > 0 && tag.p != NULL && map_put(&r->names, tag, r->n_tags++) == ERR_EXISTS) {
        settings_fault(r, p, key, "there is another device \"%.80s\"; each name is used once", name);
    }
    return name;
}

void settings_scale(struct settings *r, const struct place *p, struct tag_def *def) {
    if (def->type == VALUE_SCALED) {
        def->scale = settings_number(r, p, "scale", NAN, -1e12, 1e12);
        def->offset = settings_number(r, p, "offset", 0, -1e12, 1e12);
        if (fabs(def->scale) < 1e-12) {
            settings_fault(r, p, "scale", "a scale of 1e-12 or more is needed (negative ones turn the sign)");
        }
        return;
    }
    static const char *const keys[] = {"scale", "offset"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (settings_has(p, keys[i])) {
            settings_fault(r, p, keys[i], "a tag of this type takes no %s", keys[i]);
        }
    }
}
