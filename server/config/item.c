#include "server/config/item.h"

#include "server/base/check.h"
#include "server/config/alarm_item.h"
#include "server/config/fields.h"
#include "server/config/json.h"
#include "server/config/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { PACK_ALIGN = 8, LISTS_SPARE = 64 };

struct slice item_site_of(struct slice name) {
    const char *slash = name.n == 0 ? NULL : memchr(name.p, '/', name.n);
    return slash == NULL ? name : slice_of(name.p, (size_t)(slash - name.p));
}

struct slice item_local_of(struct slice name) {
    size_t site = item_site_of(name).n;
    return site == name.n ? (struct slice){0} : slice_of(name.p + site + 1, name.n - site - 1);
}

bool item_list_next(struct slice *list, struct slice *ret) {
    const char *end = list->n == 0 ? NULL : memchr(list->p, '\n', list->n);
    if (end == NULL) {
        return false;
    }
    *ret = slice_of(list->p, (size_t)(end - list->p));
    *list = slice_of(end + 1, list->n - ret->n - 1);
    return true;
}

/* --- packed values */

static size_t packed_size(const struct field *field) {
    return (field_size(field) + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
}

static bool is_present(uint64_t present, uint32_t i) {
    return (present >> i & 1) != 0;
}

static void move_slice(struct slice *text, char **at) {
    if (text->n > 0) {
        memcpy(*at, text->p, text->n);
    }
    text->p = *at;
    *at += text->n;
}

struct sizes {
    size_t values;
    size_t texts;
};

static struct sizes sizes_of(enum config_kind kind, const struct config_parsed *parsed) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    struct config_parsed copy = *parsed;
    struct sizes sizes = {0};
    for (uint32_t i = 0; i < n; i++) {
        struct slice *texts[2];
        if (!is_present(parsed->present, i) || field_size(&table[i]) == 0) {
            continue;
        }
        uint32_t n_texts = field_slices(&table[i], (char *)&copy + table[i].offset, texts);
        for (uint32_t j = 0; j < n_texts; j++) {
            sizes.texts += texts[j]->n;
        }
        sizes.values += packed_size(&table[i]);
    }
    return sizes;
}

/* Values behind the struct, texts behind the values. */
static void pack(struct item *item, const struct config_parsed *parsed, char *texts_at) {
    uint32_t n = 0;
    const struct field *table = fields_of(item->pub.kind, &n);
    char *at = (char *)(item + 1);
    item->present = parsed->present;
    for (uint32_t i = 0; i < n; i++) {
        struct slice *texts[2];
        if (!is_present(parsed->present, i) || field_size(&table[i]) == 0) {
            continue;
        }
        memcpy(at, (const char *)parsed + table[i].offset, field_size(&table[i]));
        uint32_t n_texts = field_slices(&table[i], at, texts);
        for (uint32_t j = 0; j < n_texts; j++) {
            move_slice(texts[j], &texts_at);
        }
        at += packed_size(&table[i]);
    }
}

void item_unpack(const struct item *item, struct config_parsed *ret) {
    uint32_t n = 0;
    const struct field *table = fields_of(item->pub.kind, &n);
    const char *at = (const char *)(item + 1);
    fields_defaults(item->pub.kind, ret);
    ret->present = item->present;
    for (uint32_t i = 0; i < n; i++) {
        if (is_present(item->present, i) && field_size(&table[i]) > 0) {
            memcpy((char *)ret + table[i].offset, at, field_size(&table[i]));
            at += packed_size(&table[i]);
        }
    }
}

_Static_assert(sizeof(struct item) % PACK_ALIGN == 0, "values stand behind the struct");

struct config_policy config_policy_of(const struct config_set *set) {
    const struct config_item *item = config_set_find(set, CONFIG_POLICY, slice_str(CONFIG_POLICY_NAME));
    const struct config_item *history = config_set_find(set, CONFIG_POLICY, slice_str(CONFIG_POLICY_HISTORY));
    struct config_policy policy = config_policy_default();
    struct config_parsed parsed;
    if (item != NULL) {
        item_unpack((const struct item *)(const void *)item, &parsed); /* pub is the item's first member */
        policy = parsed.policy;
    }
    if (history != NULL) {
        item_unpack((const struct item *)(const void *)history, &parsed);
        policy.keep = parsed.policy.keep;
        policy.rollup_keep_days = parsed.policy.rollup_keep_days;
    }
    return policy;
}

/* --- checks across the fields of one item */

static bool given(const struct config_parsed *parsed, enum config_kind kind, const char *field) {
    return (parsed->present & field_bit(kind, field)) != 0;
}

static void check_tag_range(const struct config_parsed *parsed, struct faults *faults) {
    const struct parsed_tag *t = &parsed->tag;
    bool low = given(parsed, CONFIG_TAG, "low");
    bool high = given(parsed, CONFIG_TAG, "high");
    if (!low && t->expr.n == 0) {
        faults_add(faults, "E_MISSING", "/low", "is missing; give the lower end of the instrument's range");
    }
    if (!high && t->expr.n == 0) {
        faults_add(faults, "E_MISSING", "/high", "is missing; give the upper end of the instrument's range");
    }
    if (!low || !high) {
        return;
    }
    if (t->low >= t->high) {
        faults_add(faults, "E_RANGE", "/high", "is %.10g and low is %.10g; high must be above low", t->high,
                   t->low);
    } else if (t->deadband >= t->high - t->low) {
        faults_add(faults, "E_RANGE", "/deadband",
                   "is %.10g; it must be smaller than the range from low to high, %.10g", t->deadband,
                   t->high - t->low);
    }
}

/* A calculated tag takes nothing from a gateway; any other one must. */
static void check_tag_source(const struct config_parsed *parsed, struct faults *faults) {
    static const char *const received[] = {"gateway", "scale", "offset", "stale_s"};
    if (parsed->tag.expr.n == 0) {
        if (!given(parsed, CONFIG_TAG, "gateway")) {
            faults_add(faults, "E_MISSING", "/gateway",
                       "is missing; a tag comes from a gateway, or is calculated by an expr");
        }
        return;
    }
    for (size_t i = 0; i < sizeof received / sizeof received[0]; i++) {
        if (given(parsed, CONFIG_TAG, received[i])) {
            char pointer[64];
            (void)snprintf(pointer, sizeof pointer, "/%s", received[i]);
            faults_add(faults, "E_FIELD", pointer, "has no meaning for a calculated tag; leave it out");
        }
    }
}

static void check_tag_history(const struct parsed_tag *t, struct faults *faults) {
    bool states = t->type == TAG_BOOL || t->states.n > 0;
    if (t->interpolate == INTERPOLATE_LINEAR && (states || t->counter)) {
        faults_add(
            faults, "E_TYPE", "/interpolate",
            "is linear; there is nothing between two states, or two readings of a counter: leave it out");
    }
    if (t->counter && states) {
        faults_add(faults, "E_TYPE", "/counter", "is true; a tag with states counts nothing");
    }
    if (t->modulus > 0 && !t->counter) {
        faults_add(faults, "E_FIELD", "/modulus",
                   "is of counters alone: give \"counter\": true, or leave it out");
    }
}

static void check_tag(const struct config_parsed *parsed, struct faults *faults) {
    const struct parsed_tag *t = &parsed->tag;
    if (t->type == TAG_BOOL) {
        bool fits = (!given(parsed, CONFIG_TAG, "low") || t->low == 0) &&
                    (!given(parsed, CONFIG_TAG, "high") || t->high == 1) && t->deadband < 1;
        if (!fits) {
            faults_add(faults, "E_RANGE", "/type",
                       "is bool, which goes from 0 to 1; leave out low, high and deadband");
        }
    } else {
        check_tag_range(parsed, faults);
    }
    check_tag_source(parsed, faults);
    check_tag_history(t, faults);
    if (t->scale == 0) {
        faults_add(faults, "E_RANGE", "/scale",
                   "is 0, so that every value would be the offset; leave it out for 1");
    }
    if (t->states.n > 0 && t->type == TAG_FLOAT) {
        faults_add(faults, "E_TYPE", "/states",
                   "are names of whole numbers; the tag's type must be int or bool");
    }
}

static void check_policy(const struct config_parsed *parsed, struct faults *faults) {
    bool history = slice_is(parsed->name, CONFIG_POLICY_HISTORY);
    if (parsed->name.n > 0 && !history && !slice_is(parsed->name, CONFIG_POLICY_NAME)) {
        faults_add(faults, "E_NAME", "/name",
                   "must be \"" CONFIG_POLICY_NAME "\" or \"" CONFIG_POLICY_HISTORY
                   "\", which are the only policies");
        return;
    }
    uint32_t n = 0;
    const struct field *fields = fields_of(CONFIG_POLICY, &n);
    for (uint32_t i = 0; i < n; i++) {
        bool of_history = fields[i].offset == offsetof(struct config_parsed, policy.keep) ||
                          fields[i].offset == offsetof(struct config_parsed, policy.rollup_keep_days);
        if (fields[i].need == OPTIONAL && is_present(parsed->present, i) && of_history != history) {
            char pointer[64];
            (void)snprintf(pointer, sizeof pointer, "/%s", fields[i].name);
            faults_add(faults, "E_FIELD", pointer, "is a field of the policy \"%s\"",
                       of_history ? CONFIG_POLICY_HISTORY : CONFIG_POLICY_NAME);
        }
    }
}

static void check_class(const struct config_parsed *parsed, struct faults *faults) {
    if (parsed->class.common.ack == ACK_NONE && parsed->class.common.latch) {
        faults_add(faults, "E_LATCH_ACK", "/latch",
                   "is true, but ack is none: nobody would acknowledge what must be reset");
    }
}

static void check_across(enum config_kind kind, const struct config_parsed *parsed, struct faults *faults) {
    switch (kind) {
    case CONFIG_SITE:
    case CONFIG_GATEWAY:
    case CONFIG_GROUP:
        return;
    case CONFIG_TAG:
        check_tag(parsed, faults);
        return;
    case CONFIG_CLASS:
        check_class(parsed, faults);
        return;
    case CONFIG_POLICY:
        check_policy(parsed, faults);
        return;
    case CONFIG_ALARM:
        alarm_item_check(parsed, faults);
        return;
    }
}

/* --- from JSON */

/* Every field that is there, in the order of the body; what is no field is a fault. */
static void read_fields(enum config_kind kind, const json_t *root, struct buf *lists,
                        struct config_parsed *parsed, struct faults *faults) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    json_t *o = (json_t *)root; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        const char *key = json_object_iter_key(it);
        uint32_t row = field_row(kind, key);
        char pointer[sizeof faults->v->pointer] = "";
        faults_pointer_add(pointer, slice_str(key));
        if (row < n) {
            parsed->present |= UINT64_C(1) << row;
            value_read(&table[row], json_object_iter_value(it), pointer, parsed, lists, faults);
        } else {
            faults_add(faults, "E_FIELD", pointer, "is no field of a %s; remove it, or correct its name",
                       config_kind_name(kind));
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (table[i].need == REQUIRED && !is_present(parsed->present, i)) {
            char pointer[64];
            (void)snprintf(pointer, sizeof pointer, "/%s", table[i].name);
            faults_add(faults, "E_MISSING", pointer, "is missing; a %s must have it", config_kind_name(kind));
        }
    }
}

/* Slices of parsed point into root and lists. */
static void parse(enum config_kind kind, struct slice name, const json_t *root, struct buf *lists,
                  struct config_parsed *parsed, struct faults *faults) {
    fields_defaults(kind, parsed);
    read_fields(kind, root, lists, parsed, faults);
    /* What could not be read would cause faults that are none. */
    if (faults->n == 0) {
        check_across(kind, parsed, faults);
    }
    if (parsed->name.n > 0 && !slice_eq(parsed->name, name)) {
        faults_add(faults, "E_NAME", "/name",
                   "is \"%.*s\", but this is item \"%.*s\"; a name cannot be changed",
                   SLICE_ARG(parsed->name), SLICE_ARG(name));
    }
}

static struct item *make(enum config_kind kind, struct slice name, struct slice body,
                         const struct config_parsed *parsed) {
    struct sizes sizes = sizes_of(kind, parsed);
    size_t size = sizeof(struct item) + sizes.values + sizes.texts + name.n + body.n;
    struct item *item = calloc(1, size);
    if (item == NULL) {
        return NULL;
    }
    char *at = (char *)(item + 1) + sizes.values;
    item->refs = 1;
    item->pub = (struct config_item){.kind = kind, .name = name, .body = body};
    pack(item, parsed, at);
    at += sizes.texts;
    move_slice(&item->pub.name, &at);
    move_slice(&item->pub.body, &at);
    CHECK(at == (char *)item + size);
    return item;
}

static enum status from_json(enum config_kind kind, struct slice name, const json_t *root,
                             size_t source_bytes, struct faults *faults, struct item **ret) {
    if (!json_is_object(root)) {
        faults_add(faults, "E_JSON", "", "is %s; it must be an object", json_type_words(root));
        return ERR_INVALID;
    }
    struct config_parsed parsed;
    struct buf lists;
    struct buf body;
    struct error err;
    /* No list takes more than its canonical text would, with a byte for each bracket and comma. */
    enum status status = json_buf_init(&lists, source_bytes * JSON_GROWTH + LISTS_SPARE, &err);
    if (status != OK) {
        return status;
    }
    parse(kind, name, root, &lists, &parsed, faults);
    status = faults->n > 0 ? ERR_INVALID : json_buf_init(&body, source_bytes * JSON_GROWTH, &err);
    if (status == OK) {
        status = json_write_item(root, &body, &err);
        CHECK(status == OK); /* no unknown field and JSON_GROWTH times the room: nothing is left to fail */
        *ret = make(kind, name, buf_slice(&body), &parsed);
        status = *ret == NULL ? ERR_NOMEM : OK;
        buf_done(&body);
    }
    buf_done(&lists);
    return status;
}

enum status item_new(enum config_kind kind, struct slice name, struct slice body, struct faults *faults,
                     struct item **ret) {
    json_t *root = NULL;
    struct error err;
    enum status status = json_read(body, CONFIG_BODY_MAX, JSON_ITEM_DEPTH, &root, &err);
    if (status != OK) {
        if (status != ERR_NOMEM) {
            faults_add(faults, status == ERR_TOO_BIG ? "E_TOO_BIG" : "E_JSON", "", "%s", err.text);
        }
        return status;
    }
    struct item *item = NULL;
    status = from_json(kind, name, root, body.n, faults, &item);
    json_decref(root);
    if (status == OK) {
        *ret = item;
    }
    return status;
}

struct item *item_with_key(const struct item *item, int64_t key, int64_t revision) {
    struct config_parsed parsed;
    item_unpack(item, &parsed);
    struct item *copy = make(item->pub.kind, item->pub.name, item->pub.body, &parsed);
    if (copy != NULL) {
        copy->pub.key = key;
        copy->pub.revision = revision;
    }
    return copy;
}

void item_release(struct item **item) {
    if (*item != NULL && --(*item)->refs == 0) {
        free(*item);
    }
    *item = NULL;
}
