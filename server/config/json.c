#include "server/config/json.h"

#include "server/base/check.h"
#include "server/base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

unsigned json_depth(struct slice text) {
    unsigned depth = 0;
    unsigned deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

struct source {
    struct slice left;
    bool no_memory;
};

/* One byte at a time: jansson 2.14 drops a byte of a string or number, and goes on, when it has no memory to
 * keep it. Only malloc's errno tells, and only until the next number is converted. Each byte that was kept is
 * followed by a call of this. */
static size_t on_byte(void *to, size_t room, void *ctx) {
    struct source *s = ctx;
    s->no_memory = s->no_memory || errno == ENOMEM;
    if (s->no_memory || s->left.n == 0 || room == 0) {
        return s->no_memory ? (size_t)-1 : 0;
    }
    *(char *)to = *s->left.p;
    s->left.p++;
    s->left.n--;
    return 1;
}

static enum status parse(struct slice text, json_t **ret, struct error *err) {
    struct source source = {.left = text};
    json_error_t fault;
    errno = 0;
    json_t *value = json_load_callback(on_byte, &source, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (source.no_memory || errno == ENOMEM) {
        json_decref(value);
        return error_set(err, ERR_NOMEM, "", "no memory to read it");
    }
    if (value == NULL) {
        char where[64];
        (void)snprintf(where, sizeof where, "line %d column %d", fault.line, fault.column);
        return error_set(err, ERR_INVALID, where, "not valid JSON at line %d column %d: %s", fault.line,
                         fault.column, fault.text);
    }
    *ret = value;
    return OK;
}

enum status json_read(struct slice text, size_t max_bytes, unsigned depth, json_t **ret, struct error *err) {
    if (text.n > max_bytes) {
        return error_set(err, ERR_TOO_BIG, "", "has %zu bytes; at most %zu are allowed", text.n, max_bytes);
    }
    size_t valid = utf8_valid_prefix(text.p, text.n);
    if (valid < text.n) {
        return error_set(err, ERR_INVALID, "", "byte %zu is not UTF-8; write the text in UTF-8", valid + 1);
    }
    unsigned deepest = json_depth(text);
    if (deepest > depth) {
        return error_set(err, ERR_INVALID, "", "nested %u levels deep; %u are enough for a configuration",
                         deepest, depth);
    }
    return parse(text, ret, err);
}

enum status json_buf_init(struct buf *out, size_t max_bytes, struct error *err) {
    buf_init(out, max_bytes);
    if (buf_reserve(out, max_bytes) == NULL) {
        buf_done(out);
        return error_set(err, ERR_NOMEM, "", "no memory for %zu bytes", max_bytes);
    }
    return OK;
}

static struct slice string_of(const json_t *value) {
    return slice_of(json_string_value(value), json_string_length(value));
}

static void write_scalar(const json_t *value, struct buf *out) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        buf_json_string(out, string_of(value));
        return;
    case JSON_INTEGER:
    case JSON_REAL:
        buf_json_number(out, json_number_value(value) + 0.0); /* + 0.0: a negative zero becomes zero */
        return;
    case JSON_TRUE:
        buf_text(out, "true");
        return;
    case JSON_FALSE:
        buf_text(out, "false");
        return;
    case JSON_NULL:
        buf_text(out, "null");
        return;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    check_failed(__FILE__, __LINE__, "the depth of a value was checked when it was read");
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object in order; they are the object's. */
static enum status sorted_keys(const json_t *object, const char *keys[JSON_KEYS_MAX], size_t *ret_n,
                               struct error *err) {
    size_t n = 0;
    if (json_object_size(object) > JSON_KEYS_MAX) {
        return error_set(err, ERR_INVALID, "", "has %zu fields; no kind of item has more than %d",
                         json_object_size(object), (int)JSON_KEYS_MAX);
    }
    /* jansson iterates over a const object only by a cast; it changes nothing. */
    json_t *o = (json_t *)object;
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        keys[n++] = json_object_iter_key(it);
    }
    qsort(keys, n, sizeof keys[0], by_name);
    *ret_n = n;
    return OK;
}

/* One object or array that is being written. */
struct level {
    const json_t *value;
    const char *keys[JSON_KEYS_MAX]; /* of an object */
    size_t n;
    size_t i; /* the next one */
};

static enum status open_level(struct level *l, const json_t *value, struct buf *out, struct error *err) {
    l->value = value;
    l->i = 0;
    if (json_is_array(value)) {
        l->n = json_array_size(value);
        buf_byte(out, '[');
        return OK;
    }
    buf_byte(out, '{');
    return sorted_keys(value, l->keys, &l->n, err);
}

/* What comes next in the level, with its key if it is an object; NULL at the end, which is written, too. */
static const json_t *next_of(struct level *l, struct buf *out) {
    bool object = json_is_object(l->value);
    if (l->i == l->n) {
        buf_byte(out, object ? '}' : ']');
        return NULL;
    }
    if (l->i > 0) {
        buf_byte(out, ',');
    }
    size_t i = l->i++;
    if (!object) {
        return json_array_get(l->value, i);
    }
    buf_json_string(out, slice_str(l->keys[i]));
    buf_byte(out, ':');
    return json_object_get(l->value, l->keys[i]);
}

enum status json_write_item(const json_t *item, struct buf *out, struct error *err) {
    CHECK(json_is_object(item));
    struct level levels[JSON_ITEM_DEPTH];
    unsigned depth = 1;
    enum status status = open_level(&levels[0], item, out, err);
    while (depth > 0 && status == OK) {
        const json_t *value = next_of(&levels[depth - 1], out);
        if (value == NULL) {
            depth--;
        } else if (!json_is_object(value) && !json_is_array(value)) {
            write_scalar(value, out);
        } else if (depth < JSON_ITEM_DEPTH) {
            status = open_level(&levels[depth++], value, out, err);
        } else {
            check_failed(__FILE__, __LINE__, "the depth of a value was checked when it was read");
        }
    }
    return status != OK ? status : buf_status(out, err);
}

const char *json_type_words(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    check_failed(__FILE__, __LINE__, "a JSON value has one of the types");
}
