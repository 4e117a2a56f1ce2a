#include "server/base/check.h"
#include "server/base/zone_file.h"
#include "tests/cases/case_model.h"

#include <stdio.h>

#define SITE CASE_SITE
/* No range check of a tag may stand in the way of what a case tells. */
#define RANGE "1e18"

enum { BODY_MAX = 16384, OWN_KEY = 900000, OWN_KEYS = 10000, SERVER_KEY = 980000, GROUP_KEY = 990000 };

/* Names of gateways and of their own alarms: those of a gateway whose first one of them stands in the case
 * sort where it stands there. Given once, so that they stay over revisions. */
static void name_gateways(struct case_setup *s) {
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        struct case_gateway *g = &s->gateway[i];
        const char *plain = case_plain_name(s->arena, g->name);
        uint32_t place = MODEL_NONE;
        for (uint32_t k = CASE_OWN; k > 0; k--) {
            place = g->own[k - 1] != MODEL_NONE ? g->own[k - 1] : place;
        }
        if (g->item_name == NULL && place == MODEL_NONE) {
            g->item_name = case_text(s->arena, "z.%s", plain);
        } else if (g->item_name == NULL) {
            g->item_name = case_text(s->arena, "%05u.%s", (unsigned)place, plain);
        }
        for (uint32_t k = 0; k < CASE_OWN; k++) {
            if (g->own[k] != MODEL_NONE) {
                s->def[g->own[k]].item_name =
                    case_text(s->arena, SITE "/%s.%s", g->item_name, case_own_kinds[k]);
            }
        }
    }
}

/* {"name":…,"key":value…}; false if a value is nothing that JSON can say. */
struct body {
    struct buf out;
    bool finite;
};

static void body_begin(struct body *b, const char *name) {
    buf_init(&b->out, BODY_MAX);
    b->finite = true;
    buf_text(&b->out, "{\"name\":");
    buf_json_string(&b->out, slice_str(name));
}

static void body_field(struct body *b, const char *field) {
    buf_byte(&b->out, ',');
    buf_json_string(&b->out, slice_str(field));
    buf_byte(&b->out, ':');
}

static void body_string(struct body *b, const char *field, const char *text) {
    body_field(b, field);
    buf_json_string(&b->out, slice_str(text));
}

static void write_limit(const struct case_setup *s, struct body *b, const char *text) {
    double number = 0;
    if (!case_number(text, &number) && case_setup_find(s, CASE_ITEM_TAG, text) != NULL) {
        body_string(b, "limit_tag", case_text(s->arena, SITE "/%s", text));
        return;
    }
    body_field(b, "limit");
    b->finite = case_field_write(&b->out, CASE_NUMBER, text) && b->finite;
}

static void write_word(const struct case_setup *s, struct body *b, enum case_item item,
                       const struct case_word *w) {
    const struct case_field *field = case_field_find(item, w->key);
    if (field == NULL) {
        body_field(b, w->key);
        b->finite = case_field_write(&b->out, CASE_NUMBER, w->text) && b->finite;
        return;
    }
    switch (field->type) {
    case CASE_LIMIT:
        write_limit(s, b, w->text);
        return;
    case CASE_TAG:
        body_string(b, field->field, case_text(s->arena, SITE "/%s", w->text));
        return;
    case CASE_ALARM: {
        const struct case_def *def = case_setup_find(s, CASE_ITEM_ALARM, w->text);
        body_string(b, field->field, def == NULL ? case_text(s->arena, SITE "/%s", w->text) : def->item_name);
        return;
    }
    case CASE_GATEWAY: {
        uint32_t g = case_setup_gateway(s, w->text);
        body_string(b, field->field, g == MODEL_NONE ? w->text : s->gateway[g].item_name);
        return;
    }
    case CASE_NUMBER:
    case CASE_DURATION:
    case CASE_BOOL:
    case CASE_WORD:
    case CASE_PRIORITY:
    case CASE_LIST:
    case CASE_STATES:
    case CASE_ESCALATE:
    case CASE_TAG_TYPE:
        body_field(b, field->field);
        b->finite = case_field_write(&b->out, field->type, w->text) && b->finite;
        return;
    }
}

static bool has_gateway_key(const struct case_def *def) {
    return case_def_get(def, "gw") != NULL || case_def_get(def, "gateway") != NULL;
}

/* The tag's values are states: it names them, or an alarm asks for some. */
static bool has_states(const struct case_setup *s, const struct case_def *tag) {
    bool has = case_def_get(tag, "states") != NULL;
    for (uint32_t i = 0; i < s->n && !has; i++) {
        const struct case_def *a = &s->def[i];
        const char *watched = a->item == CASE_ITEM_ALARM && !a->removed && strcmp(a->kind, "state") == 0
                                  ? case_def_get(a, "tag")
                                  : NULL;
        has = watched != NULL && strcmp(watched, tag->name) == 0;
    }
    return has;
}

static void write_defaults(const struct case_setup *s, struct body *b, const struct case_def *def) {
    bool calculated = case_def_get(def, "expr") != NULL;
    const char *type = case_def_get(def, "type");
    if (def->item == CASE_ITEM_TAG && type == NULL && has_states(s, def)) {
        buf_text(&b->out, ",\"type\":\"int\"");
    }
    if (def->item == CASE_ITEM_TAG && (type == NULL || type[0] != 'b')) {
        if (case_def_get(def, "low") == NULL) {
            buf_text(&b->out, ",\"low\":-" RANGE);
        }
        if (case_def_get(def, "high") == NULL) {
            buf_text(&b->out, ",\"high\":" RANGE);
        }
    }
    bool of_gateway = (def->item == CASE_ITEM_TAG && !calculated) ||
                      (def->item == CASE_ITEM_ALARM && case_own_kind(def->kind) < CASE_OWN);
    if (of_gateway && !has_gateway_key(def)) {
        body_string(b, "gateway", s->gateway[case_setup_gateway(s, "G1")].item_name);
    }
    if (def->item == CASE_ITEM_ALARM && case_def_get(def, "prio") == NULL &&
        case_def_get(def, "class") == NULL && case_def_get(def, "severity") == NULL) {
        buf_text(&b->out, ",\"priority\":3");
    }
}

static void refuse_in_words(struct case_refusal *r, const char *text) {
    (void)snprintf(r->text, sizeof r->text, "%s", text);
}

static void refuse(struct case_refusal *r, const struct config_fault *faults, uint32_t n,
                   const char *otherwise) {
    if (n == 0) {
        refuse_in_words(r, otherwise);
        return;
    }
    (void)snprintf(r->text, sizeof r->text, "%s %s: %s", faults->code, faults->pointer, faults->text);
    for (uint32_t i = 0; i < n && r->n < CASE_CODES_MAX; i++) {
        (void)snprintf(r->code[r->n++], sizeof r->code[0], "%s", faults[i].code);
    }
}

static bool put_item(struct config_set *set, const char *kind_name, const char *name, struct body *b,
                     int64_t key, int64_t revision, struct case_refusal *r) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    buf_byte(&b->out, '}');
    CHECK(!b->out.failed);
    bool put = false;
    enum config_kind kind = CONFIG_SITE;
    if (!config_kind_parse(slice_str(kind_name), &kind)) {
        refuse_in_words(r, "the configuration has no such kind of item");
    } else if (!b->finite) {
        /* JSON has no such number: no configuration can hold it. */
        (void)snprintf(r->code[r->n++], sizeof r->code[0], "E_RANGE");
        refuse_in_words(r, "E_RANGE: the number is not finite");
    } else {
        enum status status =
            config_set_put(set, kind, slice_str(name), buf_slice(&b->out), key, revision, faults, &n);
        put = status == OK;
        if (!put) {
            refuse(r, faults, n, status_name(status));
        }
    }
    buf_done(&b->out);
    return put;
}

static bool put_def_item(struct case_setup *s, struct config_set *set, const struct case_def *def,
                         struct case_refusal *r) {
    static const char *const kinds[] = {[CASE_ITEM_TAG] = "tag",
                                        [CASE_ITEM_ALARM] = "alarm",
                                        [CASE_ITEM_CLASS] = "class",
                                        [CASE_ITEM_GROUP] = "group"};
    struct body b;
    body_begin(&b, def->item_name);
    if (def->item == CASE_ITEM_ALARM) {
        body_string(&b, "kind", def->kind);
    }
    for (uint32_t i = 0; i < def->n; i++) {
        write_word(s, &b, def->item, &def->word[i]);
    }
    write_defaults(s, &b, def);
    return put_item(set, kinds[def->item], def->item_name, &b, def->key, s->revision, r);
}

static bool put_site(struct case_setup *s, struct config_set *set, struct case_refusal *r) {
    struct body b;
    body_begin(&b, SITE);
    if (s->tz[0] != '\0') {
        body_string(&b, "tz", s->tz);
    }
    if (!put_item(set, "site", SITE, &b, 1, s->revision, r)) {
        return false;
    }
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        body_begin(&b, s->gateway[i].item_name);
        body_string(&b, "site", SITE);
        if (!put_item(set, "gateway", s->gateway[i].item_name, &b, 1 + (int64_t)i, s->revision, r)) {
            return false;
        }
    }
    return true;
}

/* Groups that alarms name, but no line of the case. */
static bool put_groups(struct case_setup *s, struct config_set *set, struct case_refusal *r) {
    int64_t key = GROUP_KEY;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct case_def *def = &s->def[i];
        const char *groups =
            case_def_get(def, "group") != NULL ? case_def_get(def, "group") : case_def_get(def, "groups");
        if (def->item != CASE_ITEM_ALARM || def->removed || groups == NULL) {
            continue;
        }
        for (const char *p = groups; *p != '\0'; p += *p == ',') {
            size_t n = strcspn(p, ",");
            const char *name = case_text(s->arena, "%.*s", (int)n, p);
            p += n;
            enum config_kind kind = CONFIG_SITE;
            if (case_setup_find_any(s, CASE_ITEM_GROUP, name) != NULL ||
                (config_kind_parse(slice_str("group"), &kind) &&
                 config_set_find(set, kind, slice_str(name)) != NULL)) {
                continue;
            }
            struct body b;
            body_begin(&b, name);
            if (!put_item(set, "group", name, &b, key++, s->revision, r)) {
                return false;
            }
        }
    }
    return true;
}

static void key_own_alarm(const struct case_setup *s, struct config_set *set, struct slice name,
                          int64_t key) {
    const struct config_item *item = config_set_find(set, CONFIG_ALARM, name);
    if (item != NULL && item->key == 0) {
        enum status status = config_set_stored(set, CONFIG_ALARM, name, key, s->revision);
        CHECK(status == OK);
    }
}

/* Alarms that the configuration adds by itself get keys that stay over revisions. */
static void key_own_alarms(const struct case_setup *s, struct config_set *set) {
    static const char *const servers[] = {
        "_server/link.certificate", "_server/web.certificate", "_server/authority.certificate",
        "_server/disk.forecast",    "_server/disk.free",       "_server/disk.full",
        "_server/history.late",     "_server/audit.behind",    "_server/audit.broken",
        "_server/spool.aside"};
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        for (uint32_t k = 0; k < CASE_OWN; k++) {
            const char *name = case_text(s->arena, SITE "/%s.%s", s->gateway[i].item_name, case_own_kinds[k]);
            key_own_alarm(s, set, slice_str(name), OWN_KEY + (int64_t)k * OWN_KEYS + i);
        }
    }
    for (uint32_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        key_own_alarm(s, set, slice_str(servers[i]), SERVER_KEY + i);
    }
}

static bool fill_set(struct case_setup *s, struct config_set *set, struct case_refusal *r) {
    if (!put_site(s, set, r) || !put_groups(s, set, r)) {
        return false;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        if (!s->def[i].removed && !put_def_item(s, set, &s->def[i], r)) {
            return false;
        }
    }
    struct error err = {0};
    if (config_set_complete(set, NULL, NULL, &err) != OK) {
        refuse_in_words(r, err.text);
        return false;
    }
    key_own_alarms(s, set);
    return true;
}

bool case_setup_compile(struct case_setup *s, struct model **ret, struct case_refusal *refusal) {
    static const uint64_t seed[2] = {1, 2};
    *refusal = (struct case_refusal){0};
    s->revision++;
    name_gateways(s);
    struct config_set *set = NULL;
    CHECK(config_set_new(&set, NULL) == OK);
    config_set_zones(set, zone_load);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    bool done = fill_set(s, set, refusal);
    if (done && config_compile(set, s->revision, seed, ret, faults, &n, &err) != OK) {
        refuse(refusal, faults, n, err.text);
        done = false;
    }
    config_set_free(&set);
    return done;
}
