#include "server/config/item.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/config/fields.h"
#include "server/config/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COMM_SUFFIX ".comm"

struct slice item_site_of(struct slice name) {
    const char *slash = name.n == 0 ? NULL : memchr(name.p, '/', name.n);
    return slash == NULL ? name : slice_of(name.p, (size_t)(slash - name.p));
}

struct slice item_local_of(struct slice name) {
    size_t site = item_site_of(name).n;
    return site == name.n ? (struct slice){0} : slice_of(name.p + site + 1, name.n - site - 1);
}

/* --- texts */

static void move_slice(struct slice *text, char **at) {
    if (text->n > 0) {
        memcpy(*at, text->p, text->n);
    }
    text->p = *at;
    *at += text->n;
}

/* The slices of the i-th field: none, one, or two of a text. */
static uint32_t slices_of(const struct field *field, struct config_parsed *parsed, struct slice *ret[2]) {
    void *at = (char *)parsed + field->offset;
    switch (field->type) {
    case FIELD_NAME:
    case FIELD_SITE_NAME:
    case FIELD_STRING:
    case FIELD_WORD:
        ret[0] = at;
        return 1;
    case FIELD_TEXT:
        ret[0] = &((struct model_text *)at)->en;
        ret[1] = &((struct model_text *)at)->zh;
        return 2;
    case FIELD_NUMBER:
    case FIELD_INTEGER:
    case FIELD_BOOL:
    case FIELD_ENUM:
        return 0;
    }
    check_failed(__FILE__, __LINE__, "field type is one of the enum");
}

size_t item_texts_size(enum config_kind kind, const struct config_parsed *parsed) {
    uint32_t n = 0;
    size_t size = 0;
    const struct field *table = fields_of(kind, &n);
    struct config_parsed copy = *parsed;
    for (uint32_t i = 0; i < n; i++) {
        struct slice *texts[2];
        uint32_t n_texts = slices_of(&table[i], &copy, texts);
        for (uint32_t j = 0; j < n_texts; j++) {
            size += texts[j]->n;
        }
    }
    return size;
}

void item_texts_move(enum config_kind kind, struct config_parsed *parsed, char **at) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    for (uint32_t i = 0; i < n; i++) {
        struct slice *texts[2];
        uint32_t n_texts = slices_of(&table[i], parsed, texts);
        for (uint32_t j = 0; j < n_texts; j++) {
            move_slice(texts[j], at);
        }
    }
    if (kind == CONFIG_TAG) {
        parsed->as_tag.local = item_local_of(parsed->as_tag.name);
    }
}

/* --- checks across the fields of one item */

static bool given(const struct config_parsed *parsed, enum config_kind kind, const char *field) {
    return (parsed->present & field_bit(kind, field)) != 0;
}

static void check_tag_range(const struct config_parsed *parsed, struct faults *faults) {
    const struct model_tag *t = &parsed->as_tag;
    bool low = given(parsed, CONFIG_TAG, "low");
    bool high = given(parsed, CONFIG_TAG, "high");
    if (!low) {
        faults_add(faults, "/low", "is missing; give the lower end of the instrument's range");
    }
    if (!high) {
        faults_add(faults, "/high", "is missing; give the upper end of the instrument's range");
    }
    if (!low || !high) {
        return;
    }
    if (t->low >= t->high) {
        faults_add(faults, "/high", "is %.10g and low is %.10g; high must be above low", t->high, t->low);
    } else if (t->deadband >= t->high - t->low) {
        faults_add(faults, "/deadband", "is %.10g; it must be smaller than the range from low to high, %.10g",
                   t->deadband, t->high - t->low);
    }
}

static void check_tag(struct config_parsed *parsed, struct faults *faults) {
    struct model_tag *t = &parsed->as_tag;
    if (t->type == TAG_BOOL) {
        bool fits = (!given(parsed, CONFIG_TAG, "low") || t->low == 0) &&
                    (!given(parsed, CONFIG_TAG, "high") || t->high == 1) && t->deadband < 1;
        if (!fits) {
            faults_add(faults, "/type", "is bool, which goes from 0 to 1; leave out low, high and deadband");
        }
        t->high = 1; /* and low is 0 */
    } else {
        check_tag_range(parsed, faults);
    }
    if (t->scale == 0) {
        faults_add(faults, "/scale", "is 0, so that every value would be the offset; leave it out for 1");
    }
    t->stale_us = llround(parsed->stale_s * (double)TM_SECOND_US);
    t->decimals = (uint8_t)parsed->decimals; /* 0 to 10 */
}

static void refuse_field(const struct config_parsed *parsed, const char *field, const char *why,
                         struct faults *faults) {
    if (given(parsed, CONFIG_ALARM, field)) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/%s", field);
        faults_add(faults, pointer, "has no meaning for %s; leave it out", why);
    }
}

static bool ends_with(struct slice text, const char *suffix) {
    size_t n = strlen(suffix);
    return text.n >= n && memcmp(text.p + text.n - n, suffix, n) == 0;
}

static void check_comm_alarm(const struct config_parsed *parsed, struct faults *faults) {
    struct slice local = item_local_of(parsed->alarm_text.name);
    const char *why = "an alarm of a gateway's link (kind comm)";
    refuse_field(parsed, "tag", why, faults);
    refuse_field(parsed, "limit", why, faults);
    refuse_field(parsed, "deadband", why, faults);
    if (!given(parsed, CONFIG_ALARM, "gateway")) {
        faults_add(faults, "/gateway", "is missing; a comm alarm watches the link of one gateway");
    } else if (parsed->gateway.n > 0 && local.n > 0 &&
               (!ends_with(local, COMM_SUFFIX) ||
                !slice_eq(slice_of(local.p, local.n - strlen(COMM_SUFFIX)), parsed->gateway))) {
        faults_add(faults, "/name",
                   "must be SITE/%.*s" COMM_SUFFIX ": each gateway has exactly one comm alarm",
                   SLICE_ARG(parsed->gateway));
    }
}

static void check_tag_alarm(const struct config_parsed *parsed, struct faults *faults) {
    struct slice name = parsed->alarm_text.name;
    refuse_field(parsed, "gateway", "an alarm of a tag", faults);
    if (!given(parsed, CONFIG_ALARM, "tag")) {
        faults_add(faults, "/tag", "is missing; name the tag that the alarm watches");
    } else if (parsed->tag.n > 0 && name.n > 0 && !slice_eq(item_site_of(name), item_site_of(parsed->tag))) {
        faults_add(faults, "/tag",
                   "is of site %.*s and the alarm of site %.*s; both must be of the same site",
                   SLICE_ARG(item_site_of(parsed->tag)), SLICE_ARG(item_site_of(name)));
    }
    if (ends_with(name, COMM_SUFFIX)) {
        faults_add(faults, "/name",
                   "ends with \"" COMM_SUFFIX "\", which is kept for alarms of gateways' links");
    }
    if (parsed->alarm_kind == ALARM_STALE) {
        refuse_field(parsed, "limit", "an alarm of kind stale", faults);
        refuse_field(parsed, "deadband", "an alarm of kind stale", faults);
    } else if (!given(parsed, CONFIG_ALARM, "limit")) {
        faults_add(faults, "/limit", "is missing; an alarm of kind high or low needs one");
    }
}

static void check_alarm(struct config_parsed *parsed, struct faults *faults) {
    struct model_alarm *a = &parsed->as_alarm;
    if (given(parsed, CONFIG_ALARM, "kind")) {
        if (parsed->alarm_kind == ALARM_COMM) {
            check_comm_alarm(parsed, faults);
        } else {
            check_tag_alarm(parsed, faults);
        }
    }
    a->on_delay_us = llround(parsed->on_delay_s * (double)TM_SECOND_US);
    a->off_delay_us = llround(parsed->off_delay_s * (double)TM_SECOND_US);
    a->priority = (uint8_t)parsed->priority; /* 1 to 4 */
    a->kind = (uint8_t)parsed->alarm_kind;
    a->options |= parsed->alarm_enabled ? ALARM_ENABLED : 0;
}

static void check_across(enum config_kind kind, struct config_parsed *parsed, struct faults *faults) {
    switch (kind) {
    case CONFIG_SITE:
    case CONFIG_GATEWAY:
        return;
    case CONFIG_TAG:
        check_tag(parsed, faults);
        return;
    case CONFIG_ALARM:
        check_alarm(parsed, faults);
        return;
    }
}

/* --- from JSON */

static struct slice name_of(enum config_kind kind, const struct config_parsed *parsed) {
    switch (kind) {
    case CONFIG_SITE:
        return parsed->as_site.name;
    case CONFIG_GATEWAY:
        return parsed->as_gateway.name;
    case CONFIG_TAG:
        return parsed->as_tag.name;
    case CONFIG_ALARM:
        return parsed->alarm_text.name;
    }
    check_failed(__FILE__, __LINE__, "kind is one of the enum");
}

static void refuse_unknown(enum config_kind kind, const json_t *root, struct faults *faults) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    json_t *o = (json_t *)root; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        const char *key = json_object_iter_key(it);
        bool known = false;
        for (uint32_t i = 0; i < n && !known; i++) {
            known = strcmp(key, table[i].name) == 0;
        }
        if (!known) {
            char pointer[sizeof faults->v->pointer] = "";
            faults_pointer_add(pointer, slice_str(key));
            faults_add(faults, pointer, "is no field of a %s; remove it, or correct its name",
                       config_kind_name(kind));
        }
    }
}

/* Slices of parsed point into root. */
static void parse(enum config_kind kind, struct slice name, const json_t *root, struct config_parsed *parsed,
                  struct faults *faults) {
    uint32_t n = 0;
    const struct field *table = fields_of(kind, &n);
    fields_defaults(kind, parsed);
    for (uint32_t i = 0; i < n; i++) {
        char pointer[64];
        (void)snprintf(pointer, sizeof pointer, "/%s", table[i].name);
        const json_t *value = json_object_get(root, table[i].name);
        if (value != NULL) {
            parsed->present |= UINT32_C(1) << i;
            field_read(&table[i], value, pointer, parsed, faults);
        } else if (table[i].need == REQUIRED) {
            faults_add(faults, pointer, "is missing; a %s must have it", config_kind_name(kind));
        }
    }
    refuse_unknown(kind, root, faults);
    /* What could not be read would cause faults that are none. */
    if (faults->n == 0) {
        check_across(kind, parsed, faults);
    }
    struct slice inner = name_of(kind, parsed);
    if (inner.n > 0 && !slice_eq(inner, name)) {
        faults_add(faults, "/name", "is \"%.*s\", but this is item \"%.*s\"; a name cannot be changed",
                   SLICE_ARG(inner), SLICE_ARG(name));
    }
}

static struct item *make(enum config_kind kind, struct slice name, struct slice body,
                         const struct config_parsed *parsed) {
    size_t size = sizeof(struct item) + name.n + body.n + item_texts_size(kind, parsed);
    struct item *item = calloc(1, size);
    if (item == NULL) {
        return NULL;
    }
    char *at = (char *)(item + 1);
    item->refs = 1;
    item->parsed = *parsed;
    item->pub = (struct config_item){.kind = kind, .name = name, .body = body};
    move_slice(&item->pub.name, &at);
    move_slice(&item->pub.body, &at);
    item_texts_move(kind, &item->parsed, &at);
    CHECK(at == (char *)item + size);
    return item;
}

static enum status from_json(enum config_kind kind, struct slice name, const json_t *root,
                             size_t source_bytes, struct faults *faults, struct item **ret) {
    if (!json_is_object(root)) {
        faults_add(faults, "", "is %s; it must be an object", json_type_words(root));
        return ERR_INVALID;
    }
    struct config_parsed parsed;
    parse(kind, name, root, &parsed, faults);
    if (faults->n > 0) {
        return ERR_INVALID;
    }
    struct buf body;
    struct error err;
    enum status status = json_buf_init(&body, source_bytes * JSON_GROWTH, &err);
    if (status != OK) {
        return status;
    }
    status = json_write_item(root, &body, &err);
    CHECK(status == OK); /* no unknown field and JSON_GROWTH times the room: there is nothing left to fail */
    *ret = make(kind, name, buf_slice(&body), &parsed);
    buf_done(&body);
    return *ret == NULL ? ERR_NOMEM : OK;
}

enum status item_new(enum config_kind kind, struct slice name, struct slice body, struct faults *faults,
                     struct item **ret) {
    json_t *root = NULL;
    struct error err;
    enum status status = json_read(body, CONFIG_BODY_MAX, JSON_ITEM_DEPTH, &root, &err);
    if (status != OK) {
        if (status != ERR_NOMEM) {
            faults_add(faults, "", "%s", err.text);
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
    struct item *copy = make(item->pub.kind, item->pub.name, item->pub.body, &item->parsed);
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
