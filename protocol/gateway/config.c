#include "protocol/gateway/config.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXTS_MAX = 32 * 1024 * 1024, FLUSH_MS_MAX = 60000, MIB = 1024 * 1024 };

/* One object being read: where it is, and the first thing that was wrong with anything. */
struct reader {
    struct arena *arena;
    struct error *err;
    enum status status;
};

struct place {
    const json_t *object;
    char pointer[100];
};

static void fail(struct reader *r, const struct place *p, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static void fail(struct reader *r, const struct place *p, const char *key, const char *fmt, ...) {
    if (r->status != OK) {
        return;
    }
    char where[160];
    char text[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)snprintf(where, sizeof where, "%s%s%s", p->pointer, key[0] != '\0' ? "/" : "", key);
    r->status = error_set(r->err, ERR_INVALID, where[0] != '\0' ? where : "/", "%s", text);
}

static const char *text_of(struct reader *r, const struct place *p, const char *key, const char *otherwise) {
    const json_t *v = json_object_get(p->object, key);
    if (v == NULL && otherwise != NULL) {
        return otherwise;
    }
    if (!json_is_string(v) || (otherwise == NULL && json_string_length(v) == 0)) {
        fail(r, p, key, "a text is needed here");
        return "";
    }
    struct slice copy = arena_copy(r->arena, slice_of(json_string_value(v), json_string_length(v)));
    if (copy.p == NULL) {
        fail(r, p, key, "the configuration is too big");
        return "";
    }
    return copy.p;
}

static double number_of(struct reader *r, const struct place *p, const char *key, double otherwise,
                        double low, double high) {
    const json_t *v = json_object_get(p->object, key);
    if (v == NULL && !isnan(otherwise)) {
        return otherwise;
    }
    double number = json_number_value(v);
    if (!json_is_number(v) || !(number >= low && number <= high)) {
        fail(r, p, key, "a number from %g to %g is needed here", low, high);
        return low;
    }
    return number;
}

static uint64_t integer_of(struct reader *r, const struct place *p, const char *key, int64_t otherwise,
                           int64_t low, int64_t high) {
    const json_t *v = json_object_get(p->object, key);
    if (v == NULL && otherwise >= 0) {
        return (uint64_t)otherwise;
    }
    int64_t number = json_integer_value(v);
    if (!json_is_integer(v) || number < low || number > high) {
        fail(r, p, key, "a whole number from %lld to %lld is needed here", (long long)low, (long long)high);
        return (uint64_t)low;
    }
    return (uint64_t)number;
}

static bool bool_of(struct reader *r, const struct place *p, const char *key, bool otherwise) {
    const json_t *v = json_object_get(p->object, key);
    if (v == NULL) {
        return otherwise;
    }
    if (!json_is_boolean(v)) {
        fail(r, p, key, "true or false is needed here");
    }
    return json_is_true(v);
}

/* Every key must be one of these. */
static void known_keys(struct reader *r, const struct place *p, const char *const *keys) {
    const char *key = NULL;
    const json_t *value = NULL;
    json_object_foreach((json_t *)p->object, key,
                        value) { /* jansson's iterators want it so; nothing is changed */
        bool known = false;
        for (const char *const *k = keys; *k != NULL; k++) {
            known = known || strcmp(*k, key) == 0;
        }
        if (!known) {
            fail(r, p, key, "there is no such key; misspelt?");
        }
    }
}

static struct place object_of(struct reader *r, const struct place *p, const char *key,
                              const char *const *keys) {
    struct place child = {.object = json_object_get(p->object, key)};
    (void)snprintf(child.pointer, sizeof child.pointer, "%s/%s", p->pointer, key);
    if (!json_is_object(child.object)) {
        fail(r, p, key, "an object is needed here");
    } else {
        known_keys(r, &child, keys);
    }
    return child;
}

static enum value_type type_of(struct reader *r, const struct place *p) {
    static const struct {
        const char *name;
        enum value_type type;
    } types[] = {{"bool", VALUE_BOOL}, {"int", VALUE_INT}, {"scaled", VALUE_SCALED}, {"f64", VALUE_F64}};
    const char *name = text_of(r, p, "type", NULL);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return types[i].type;
        }
    }
    fail(r, p, "type", "must be \"bool\", \"int\", \"scaled\" or \"f64\"");
    return VALUE_F64;
}

static void read_tag(struct reader *r, const struct place *p, struct gateway_tag *ret) {
    static const char *const keys[] = {"column", "name", "type",        "scale", "offset",
                                       "unit",   "low",  "description", "high",  NULL};
    known_keys(r, p, keys);
    ret->column = text_of(r, p, "column", NULL);
    ret->def = (struct tag_def){.name = slice_str(text_of(r, p, "name", NULL)),
                                .unit = slice_str(text_of(r, p, "unit", "")),
                                .description = slice_str(text_of(r, p, "description", "")),
                                .type = type_of(r, p),
                                .flags = DICT_HISTORISE};
    if (ret->def.type == VALUE_SCALED) {
        ret->def.scale = number_of(r, p, "scale", NAN, 1e-12, 1e12);
        ret->def.offset = number_of(r, p, "offset", 0, -1e12, 1e12);
    } else if (json_object_get(p->object, "scale") != NULL || json_object_get(p->object, "offset") != NULL) {
        fail(r, p, "scale", "scale and offset go with type \"scaled\" only");
    }
    bool low = json_object_get(p->object, "low") != NULL;
    bool high = json_object_get(p->object, "high") != NULL;
    if (low != high) {
        fail(r, p, low ? "high" : "low", "low and high belong together");
    } else if (low) {
        ret->def.has_range = true;
        ret->def.low = number_of(r, p, "low", NAN, -1e300, 1e300);
        ret->def.high = number_of(r, p, "high", NAN, -1e300, 1e300);
    }
}

static void read_tags(struct reader *r, const struct place *source, struct gateway_config *c) {
    const json_t *tags = json_object_get(source->object, "tags");
    size_t n = json_array_size(tags);
    if (!json_is_array(tags) || n == 0 || n > LINK_TAGS_MAX) {
        fail(r, source, "tags", "a list of 1 to %d tags is needed here", LINK_TAGS_MAX);
        return;
    }
    c->tags = arena_alloc(r->arena, n, sizeof *c->tags);
    if (c->tags == NULL) {
        fail(r, source, "tags", "the configuration is too big");
        return;
    }
    c->n_tags = (uint32_t)n;
    for (size_t i = 0; i < n && r->status == OK; i++) {
        struct place p = {.object = json_array_get(tags, i)};
        (void)snprintf(p.pointer, sizeof p.pointer, "%.40s/tags/%zu", source->pointer, i);
        if (!json_is_object(p.object)) {
            fail(r, &p, "", "an object is needed here");
        } else {
            read_tag(r, &p, &c->tags[i]);
        }
    }
}

static void read_source(struct reader *r, const struct place *top, struct gateway_config *c) {
    static const char *const keys[] = {"kind", "file", "time_column", "speed", "start",
                                       "loop", "rows", "tags",        NULL};
    static const char *const start_keys[] = {"offset_s", NULL};
    struct place p = object_of(r, top, "source", keys);
    if (r->status != OK) {
        return;
    }
    if (strcmp(text_of(r, &p, "kind", NULL), "replay") != 0) {
        fail(r, &p, "kind", "must be \"replay\"");
    }
    c->file = text_of(r, &p, "file", NULL);
    c->time_column = text_of(r, &p, "time_column", "t_s");
    c->speed = number_of(r, &p, "speed", 1, 0.001, 1e6);
    c->loop = bool_of(r, &p, "loop", true);
    c->rows = integer_of(r, &p, "rows", INT64_MAX, 0, INT64_MAX);
    if (json_object_get(p.object, "start") != NULL) {
        struct place start = object_of(r, &p, "start", start_keys);
        c->offset_s = number_of(r, &start, "offset_s", 0, 0, 1e12);
    }
    read_tags(r, &p, c);
}

/* Numeric only: a name server can then never hold the link up. */
static bool is_address(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void read_all(struct reader *r, const json_t *root, struct gateway_config *c) {
    static const char *const keys[] = {"name",           "server",   "ca",      "cert",   "key",
                                       "journal",        "flush_ms", "sync_ms", "source", "ledger",
                                       "exit_when_done", NULL};
    static const char *const server_keys[] = {"host", "port", "name", NULL};
    static const char *const journal_keys[] = {"dir", "capacity_mib", "segment_kib", NULL};
    struct place top = {.object = root};
    if (!json_is_object(root)) {
        fail(r, &top, "", "an object is needed here");
        return;
    }
    known_keys(r, &top, keys);
    c->name = text_of(r, &top, "name", NULL);
    struct place server = object_of(r, &top, "server", server_keys);
    c->host = text_of(r, &server, "host", NULL);
    if (!is_address(c->host)) {
        fail(r, &server, "host", "a numeric address is needed here, such as 192.0.2.1 or 2001:db8::1");
    }
    c->port = (uint16_t)integer_of(r, &server, "port", LINK_PORT, 1, UINT16_MAX);
    c->server_name = text_of(r, &server, "name", NULL);
    c->ca = text_of(r, &top, "ca", NULL);
    c->cert = text_of(r, &top, "cert", NULL);
    c->key = text_of(r, &top, "key", NULL);
    struct place journal = object_of(r, &top, "journal", journal_keys);
    c->journal_dir = text_of(r, &journal, "dir", NULL);
    c->journal_bytes = integer_of(r, &journal, "capacity_mib", 64, 1, 1024) * MIB;
    c->segment_bytes = (uint32_t)integer_of(r, &journal, "segment_kib", 0, 4, 16384) * 1024;
    c->flush_ms = (uint32_t)integer_of(r, &top, "flush_ms", 1000, 10, FLUSH_MS_MAX);
    c->sync_ms = (uint32_t)integer_of(r, &top, "sync_ms", 200, 0, FLUSH_MS_MAX);
    c->ledger = json_object_get(root, "ledger") != NULL ? text_of(r, &top, "ledger", NULL) : NULL;
    c->exit_when_done = bool_of(r, &top, "exit_when_done", false);
    read_source(r, &top, c);
}

enum status gateway_config_read(const char *file, struct gateway_config *ret, struct error *err) {
    json_error_t bad;
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &bad);
    if (root == NULL) {
        char where[160];
        if (bad.line > 0) {
            (void)snprintf(where, sizeof where, "%.120s:%d:%d", file, bad.line, bad.column);
        } else {
            (void)snprintf(where, sizeof where, "%.150s", file);
        }
        return error_set(err, ERR_INVALID, where, "%s", bad.text);
    }
    struct gateway_config c = {0};
    arena_init(&c.arena, TEXTS_MAX);
    struct reader r = {.arena = &c.arena, .err = err};
    read_all(&r, root, &c);
    json_decref(root);
    if (r.status != OK) {
        arena_done(&c.arena);
        return r.status;
    }
    *ret = c;
    return OK;
}

void gateway_config_done(struct gateway_config *c) {
    arena_done(&c->arena);
}
