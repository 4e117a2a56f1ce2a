#include "tests/cases/case_model.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#define SITE CASE_SITE
/* 1970-01-01 of a case is 2026-01-01: the same day of the week, the same leap years, and source times before
 * it stay positive. */
#define BASE_DEFAULT_US INT64_C(20454) * TM_DAY_US

void case_setup_init(struct case_setup *s, struct arena *arena) {
    *s = (struct case_setup){.arena = arena, .tz = "", .base_us = BASE_DEFAULT_US, .next_key = 1};
    s->def = arena_alloc(arena, CASE_DEFS_MAX, sizeof *s->def);
    CHECK(s->def != NULL);
}

static struct case_word *copy_words(struct arena *arena, const struct case_word *words, uint32_t n) {
    struct case_word *copy = arena_alloc(arena, CASE_KEYS_MAX, sizeof *copy);
    CHECK(copy != NULL);
    if (n > 0) {
        memcpy(copy, words, n * sizeof *copy);
    }
    return copy;
}

void case_setup_copy(const struct case_setup *from, struct case_setup *ret) {
    *ret = *from;
    ret->def = arena_alloc(from->arena, CASE_DEFS_MAX, sizeof *ret->def);
    CHECK(ret->def != NULL);
    memcpy(ret->def, from->def, from->n * sizeof *ret->def);
    for (uint32_t i = 0; i < ret->n; i++) {
        ret->def[i].word = copy_words(from->arena, from->def[i].word, from->def[i].n);
    }
}

struct case_def *case_setup_find_any(const struct case_setup *s, enum case_item item, const char *name) {
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->def[i].item == item && strcmp(s->def[i].name, name) == 0) {
            return &s->def[i];
        }
    }
    return NULL;
}

struct case_def *case_setup_find(const struct case_setup *s, enum case_item item, const char *name) {
    struct case_def *def = case_setup_find_any(s, item, name);
    return def == NULL || def->removed ? NULL : def;
}

struct case_def *case_setup_by_key(const struct case_setup *s, int64_t key) {
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->def[i].item == CASE_ITEM_ALARM && s->def[i].key == key) {
            return &s->def[i];
        }
    }
    return NULL;
}

uint32_t case_setup_gateway(const struct case_setup *s, const char *name) {
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        if (strcmp(s->gateway[i].name, name) == 0) {
            return i;
        }
    }
    return MODEL_NONE;
}

const char *case_def_get(const struct case_def *def, const char *key) {
    for (uint32_t i = 0; i < def->n; i++) {
        if (strcmp(def->word[i].key, key) == 0) {
            return def->word[i].text;
        }
    }
    return NULL;
}

void case_setup_set(struct case_setup *s, struct case_def *def, const char *key, const char *text) {
    (void)s;
    for (uint32_t i = 0; i < def->n; i++) {
        if (strcmp(def->word[i].key, key) == 0) {
            def->word[i].text = text;
            return;
        }
    }
    CHECK(def->n < CASE_KEYS_MAX);
    def->word[def->n++] = (struct case_word){.key = key, .text = text};
}

const char *case_plain_name(struct arena *arena, const char *name) {
    char *copy = arena_alloc(arena, strlen(name) + 1, 1);
    CHECK(copy != NULL);
    for (size_t i = 0; name[i] != '\0'; i++) {
        bool plain = isalnum((unsigned char)name[i]) || strchr("._-", name[i]) != NULL;
        copy[i] = plain ? name[i] : '_';
    }
    return copy;
}

static struct case_def *put_def(struct case_setup *s, enum case_item item, const char *name) {
    struct case_def *def = case_setup_find_any(s, item, name);
    if (def == NULL) {
        CHECK(s->n < CASE_DEFS_MAX);
        def = &s->def[s->n];
        *def = (struct case_def){.item = item, .name = name, .key = s->next_key++};
        const char *plain = case_plain_name(s->arena, name);
        switch (item) {
        case CASE_ITEM_TAG:
            def->item_name = case_text(s->arena, SITE "/%s", name);
            break;
        case CASE_ITEM_ALARM:
            def->item_name = case_text(s->arena, SITE "/%05u.%s", (unsigned)s->n, plain);
            break;
        case CASE_ITEM_CLASS:
        case CASE_ITEM_GROUP:
            def->item_name = name;
            break;
        }
        s->n++;
    }
    def->word = copy_words(s->arena, NULL, 0);
    def->n = 0;
    def->removed = false;
    return def;
}

const char *const case_own_kinds[CASE_OWN] = {"comm", "clock", "certificate", "duplicate"};

uint32_t case_own_kind(const char *kind) {
    uint32_t i = 0;
    CHECK(kind != NULL);
    while (i < CASE_OWN && strcmp(kind, case_own_kinds[i]) != 0) {
        i++;
    }
    return i;
}

static uint32_t put_gateway(struct case_setup *s, const char *name) {
    uint32_t i = case_setup_gateway(s, name);
    if (i == MODEL_NONE) {
        CHECK(s->n_gateways < CASE_GATEWAYS_MAX);
        i = s->n_gateways++;
        s->gateway[i] = (struct case_gateway){.name = name};
        for (uint32_t k = 0; k < CASE_OWN; k++) {
            s->gateway[i].own[k] = MODEL_NONE;
        }
    }
    return i;
}

const char *case_setup_gateway_name(const struct case_def *def) {
    const char *name = case_def_get(def, "gw");
    if (name == NULL) {
        name = case_def_get(def, "gateway");
    }
    return name == NULL ? "G1" : name;
}

static void note_gateway(struct case_setup *s, struct case_def *def) {
    uint32_t index = (uint32_t)(def - s->def);
    if (def->item == CASE_ITEM_TAG && case_def_get(def, "expr") == NULL) {
        (void)put_gateway(s, case_setup_gateway_name(def));
    } else if (def->item == CASE_ITEM_ALARM && case_own_kind(def->kind) < CASE_OWN) {
        struct case_gateway *g = &s->gateway[put_gateway(s, case_setup_gateway_name(def))];
        uint32_t *own = &g->own[case_own_kind(def->kind)];
        *own = *own == MODEL_NONE ? index : *own;
    }
}

const char *case_setup_change(struct case_setup *s, struct case_def *def, const struct case_line *line,
                              uint32_t from, uint32_t end) {
    for (uint32_t i = from; i < end; i++) {
        if (line->word[i].key == NULL) {
            return case_text(s->arena, "\"%s\" should be key=value", line->word[i].text);
        }
        if (def->n == CASE_KEYS_MAX) {
            return "too many keys";
        }
        case_setup_set(s, def, line->word[i].key, line->word[i].text);
    }
    note_gateway(s, def);
    return NULL;
}

static const char *set_clock(struct case_setup *s, const struct case_line *line, uint32_t from,
                             uint32_t end) {
    for (uint32_t i = from; i < end; i++) {
        const struct case_word *w = &line->word[i];
        if (w->key != NULL && strcmp(w->key, "tz") == 0) {
            s->tz = w->text;
        } else if (w->key != NULL && strcmp(w->key, "base") == 0) {
            const char *t = w->text;
            if (strchr(t, 'T') == NULL) {
                t = case_text(s->arena, "%sT00:00:00Z", t);
            } else if (strpbrk(strchr(t, 'T'), "Zz+-") == NULL) {
                t = case_text(s->arena, "%sZ", t);
            }
            struct error err = {0};
            if (tm_parse(slice_str(t), &s->base_us, &err) != OK) {
                return case_text(s->arena, "base=%s is no time", w->text);
            }
            if (s->base_us < TM_YEAR_2000_US) {
                s->base_us += BASE_DEFAULT_US;
            }
        } else {
            return "clock takes base= and tz=";
        }
    }
    return NULL;
}

static const struct {
    const char *key;
    const char *kind;
    const char *name;
    const char *prio;
} limit_alarms[] = {{"hh", "high", "limits.hh", "critical"},
                    {"h", "high", "limits.h", "high"},
                    {"ll", "low", "limits.ll", "critical"},
                    {"l", "low", "limits.l", "high"}};
enum { LIMIT_ALARMS = sizeof limit_alarms / sizeof limit_alarms[0] };

static const char *add_limits(struct case_setup *s, const struct case_line *line, uint32_t from,
                              uint32_t end) {
    const char *limit[LIMIT_ALARMS] = {NULL};
    const char *db = NULL;
    for (uint32_t i = from; i < end; i++) {
        const struct case_word *w = &line->word[i];
        uint32_t k = 0;
        while (k < LIMIT_ALARMS && (w->key == NULL || strcmp(limit_alarms[k].key, w->key) != 0)) {
            k++;
        }
        if (k < LIMIT_ALARMS) {
            limit[k] = w->text;
        } else if (w->key != NULL && strcmp(w->key, "db") == 0) {
            db = w->text;
        } else {
            return "limits takes hh= h= l= ll= db=";
        }
    }
    struct case_def *tag = put_def(s, CASE_ITEM_TAG, "limits");
    note_gateway(s, tag);
    for (uint32_t k = 0; k < LIMIT_ALARMS; k++) {
        if (limit[k] != NULL) {
            struct case_def *def = put_def(s, CASE_ITEM_ALARM, limit_alarms[k].name);
            def->kind = limit_alarms[k].kind;
            def->item_name = case_text(s->arena, SITE "/%s", limit_alarms[k].name);
            case_setup_set(s, def, "tag", "limits");
            case_setup_set(s, def, "limit", limit[k]);
            case_setup_set(s, def, "prio", limit_alarms[k].prio);
            case_setup_set(s, def, "level", limit_alarms[k].key);
            if (db != NULL) {
                case_setup_set(s, def, "db", db);
            }
        }
    }
    return NULL;
}

const char *case_setup_add(struct case_setup *s, const struct case_line *line, uint32_t first, uint32_t end) {
    static const struct {
        const char *word;
        enum case_item item;
    } items[] = {{"tag", CASE_ITEM_TAG},
                 {"alarm", CASE_ITEM_ALARM},
                 {"class", CASE_ITEM_CLASS},
                 {"group", CASE_ITEM_GROUP}};
    const char *what = first < end && line->word[first].key == NULL ? line->word[first].text : "";
    if (strcmp(what, "clock") == 0) {
        return set_clock(s, line, first + 1, end);
    }
    if (strcmp(what, "limits") == 0) {
        return add_limits(s, line, first + 1, end);
    }
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (strcmp(items[i].word, what) != 0) {
            continue;
        }
        uint32_t names = items[i].item == CASE_ITEM_ALARM ? 2 : 1;
        if (first + names >= end || line->word[first + 1].key != NULL ||
            line->word[first + names].key != NULL) {
            return case_text(s->arena, "%s needs a name%s", what, names == 2 ? " and a kind" : "");
        }
        struct case_def *def = put_def(s, items[i].item, line->word[first + 1].text);
        def->kind = names == 2 ? line->word[first + 2].text : NULL;
        const char *fault = case_setup_change(s, def, line, first + 1 + names, end);
        def->declares_states = case_def_get(def, "states") != NULL;
        return fault;
    }
    return case_text(s->arena, "\"%s\" is nothing that a case begins with", what);
}

void case_setup_name_states(struct case_setup *s, const char *tag, const char *state) {
    struct case_def *def = case_setup_find(s, CASE_ITEM_TAG, tag);
    if (def == NULL || def->declares_states) {
        return;
    }
    const char *known = case_def_get(def, "states");
    size_t n = strlen(state);
    for (const char *p = known; p != NULL; p = strchr(p, ',') == NULL ? NULL : strchr(p, ',') + 1) {
        if (strncmp(p, state, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return;
        }
    }
    case_setup_set(s, def, "states",
                   known == NULL ? case_text(s->arena, "%s", state)
                                 : case_text(s->arena, "%s,%s", known, state));
}
