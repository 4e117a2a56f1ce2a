#include "server/config/what_if.h"

#include "server/base/check.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is tried: each delay with each other and each deadband. */
static const double on_delays_s[] = {0, 2, 5, 10, 30};
static const double off_delays_s[] = {0, 5, 10, 20, 30, 60, 120};
static const double deadbands[] = {0, 0.005, 0.01, 0.02, 0.05}; /* of the tag's range */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    TRIED = COUNT(on_delays_s) * COUNT(off_delays_s) * COUNT(deadbands),
    ROUNDS = COUNT(deadbands) + 4, /* a round leaves out what the last one was refused for */
    NAME_SIZE = MODEL_NAME_MAX + 1,
};
_Static_assert(TRIED + 1 <= BACKTEST_VARIANTS_MAX, "all settings fit beside the present one");

/* --- what differs */

static bool backtest_item_of(enum config_kind kind, enum backtest_item *ret) {
    switch (kind) {
    case CONFIG_SITE:
        *ret = BACKTEST_SITE;
        return true;
    case CONFIG_GATEWAY:
        *ret = BACKTEST_GATEWAY;
        return true;
    case CONFIG_TAG:
        *ret = BACKTEST_TAG;
        return true;
    case CONFIG_ALARM:
        *ret = BACKTEST_ALARM;
        return true;
    case CONFIG_GROUP:
        *ret = BACKTEST_GROUP;
        return true;
    case CONFIG_CLASS: /* what they change stands in the alarms */
    case CONFIG_POLICY:
        return false;
    }
    return false;
}

/* The order of two items by name; one that is not there comes last. */
static int order_of(const struct config_item *a, const struct config_item *b) {
    if (a == NULL || b == NULL) {
        return a == NULL ? 1 : -1;
    }
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = memcmp(a->name.p, b->name.p, n);
    return order != 0 ? order : (a->name.n < b->name.n ? -1 : a->name.n > b->name.n);
}

/* Items of one kind that are in one set only or have another body; adds them if there is where to. */
static uint32_t differences(const struct config_set *now, const struct config_set *then,
                            enum config_kind kind, enum backtest_item item, struct what_if *w) {
    uint32_t n = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    for (;;) {
        const struct config_item *a = config_set_at(now, kind, i);
        const struct config_item *b = config_set_at(then, kind, j);
        if (a == NULL && b == NULL) {
            return n;
        }
        int order = order_of(a, b);
        bool same = a != NULL && b != NULL && order == 0 && slice_eq(a->body, b->body);
        if (!same && w != NULL) {
            struct slice name = a != NULL && order <= 0 ? a->name : b->name;
            w->changed[w->n_changed++] =
                (struct backtest_changed){.kind = item, .name = arena_copy(&w->arena, name)};
        }
        n += same ? 0 : 1;
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
}

static enum status note_differences(struct what_if *w, const struct config_set *now,
                                    const struct config_set *then, struct error *err) {
    enum backtest_item item = BACKTEST_SITE;
    uint32_t n = 0;
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        if (backtest_item_of((enum config_kind)kind, &item)) {
            n += differences(now, then, (enum config_kind)kind, item, NULL);
        }
    }
    w->changed = arena_alloc(&w->arena, (size_t)n + 1, sizeof *w->changed);
    for (unsigned kind = 0; kind < CONFIG_KINDS && w->changed != NULL; kind++) {
        if (backtest_item_of((enum config_kind)kind, &item)) {
            (void)differences(now, then, (enum config_kind)kind, item, w);
        }
    }
    for (uint32_t i = 0; i < w->n_changed; i++) {
        if (w->changed[i].name.p == NULL) {
            w->changed = NULL;
            w->n_changed = 0;
        }
    }
    return w->changed != NULL ? OK : error_set(err, ERR_NOMEM, "backtest", "no memory");
}

/* What is not stored has no key yet; here each needs one of its own, which is none of history's. */
static enum status number(struct config_set *set, struct error *err) {
    int64_t next = -1;
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_item *item = NULL;
        for (uint32_t i = 0; (item = config_set_at(set, (enum config_kind)kind, i)) != NULL; i++) {
            if (item->key == 0 &&
                config_set_stored(set, item->kind, item->name, next--, item->revision) != OK) {
                return error_set(err, ERR_NOMEM, "backtest", "no memory");
            }
        }
    }
    return OK;
}

static enum status compile(const struct config_set *from, const uint64_t seed[2], struct model **ret,
                           struct config_fault *faults, uint32_t *ret_faults, struct error *err) {
    struct config_set *set = NULL;
    enum status status = config_set_copy(from, &set, err);
    if (status == OK) {
        status = number(set, err);
    }
    if (status == OK) {
        status = config_compile(set, 0, seed, ret, faults, ret_faults, err);
    }
    config_set_free(&set);
    return status;
}

/* --- settings of one alarm */

struct variant {
    char name[NAME_SIZE];
    double on_s;
    double off_s;
    double deadband;
    bool has_deadband;
    bool left_out;
};

static bool has_deadband(enum alarm_kind kind) {
    return kind == ALARM_HIGH || kind == ALARM_LOW || kind == ALARM_DEV;
}

/* Delays of a stale, comm or disc alarm are its condition, and a change has none. */
static bool can_vary(enum alarm_kind kind) {
    return has_deadband(kind) || kind == ALARM_ROC || kind == ALARM_STATE || kind == ALARM_QUALITY ||
           kind == ALARM_EXPR || kind == ALARM_CUSUM || kind == ALARM_CUSUM_LOW;
}

static enum status refuse(struct config_fault *faults, uint32_t *ret_faults, struct error *err,
                          enum status status, const char *text) {
    (void)snprintf(faults[0].pointer, sizeof faults[0].pointer, "/suggest");
    (void)snprintf(faults[0].text, sizeof faults[0].text, "%s", text);
    *ret_faults = 1;
    return error_set(err, status, "/suggest", "%s", text);
}

static uint32_t make_variants(struct variant *v, struct slice name, const struct model_alarm *a,
                              const struct model_tag *tag) {
    bool with_deadband = has_deadband((enum alarm_kind)a->kind) && tag != NULL;
    uint32_t n = 0;
    for (size_t d = 0; d < (with_deadband ? COUNT(deadbands) : 1); d++) {
        for (size_t on = 0; on < COUNT(on_delays_s); on++) {
            for (size_t off = 0; off < COUNT(off_delays_s); off++) {
                struct variant *to = &v[n];
                *to = (struct variant){
                    .on_s = on_delays_s[on], .off_s = off_delays_s[off], .has_deadband = with_deadband};
                to->deadband = with_deadband ? deadbands[d] * (tag->high - tag->low) : 0;
                (void)snprintf(to->name, sizeof to->name, "%.*s.-%u", SLICE_ARG(name), n);
                n++;
            }
        }
    }
    return n;
}

/* The alarm's own body, under another name and with other settings. */
static enum status put_variant(struct config_set *set, const json_t *body, const struct variant *v,
                               struct error *err) {
    json_t *copy = json_deep_copy(body);
    bool made = copy != NULL && json_object_set_new(copy, "name", json_string(v->name)) == 0 &&
                json_object_set_new(copy, "on_delay_s", json_real(v->on_s)) == 0 &&
                json_object_set_new(copy, "off_delay_s", json_real(v->off_s)) == 0 &&
                (!v->has_deadband || json_object_set_new(copy, "deadband", json_real(v->deadband)) == 0);
    char *text = made ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(copy);
    if (text == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status =
        config_set_put(set, CONFIG_ALARM, slice_str(v->name), slice_str(text), 0, 0, faults, &n);
    free(text);
    return status;
}

/* Each setting as an alarm of its own. What the item alone says no to is left out. */
static enum status put_variants(struct config_set *set, const struct config_item *item, struct variant *v,
                                uint32_t n, struct error *err) {
    json_t *body = json_loadb(item->body.p, item->body.n, JSON_REJECT_DUPLICATES, NULL);
    enum status status = json_is_object(body) ? OK : error_set(err, ERR_NOMEM, "backtest", "no memory");
    for (uint32_t i = 0; i < n && status == OK; i++) {
        if (config_set_find(set, CONFIG_ALARM, slice_str(v[i].name)) != NULL) {
            v[i].left_out = true;
            continue;
        }
        status = put_variant(set, body, &v[i], err);
        if (status == ERR_INVALID || status == ERR_TOO_BIG) {
            v[i].left_out = true;
            status = OK;
        }
    }
    json_decref(body);
    return status;
}

/* "/alarm/S1~1L.high.-3/deadband" is about "S1/L.high.-3". */
static bool is_about(const struct config_fault *f, const char *name) {
    static const char start[] = "/alarm/";
    if (strncmp(f->pointer, start, sizeof start - 1) != 0) {
        return false;
    }
    const char *p = f->pointer + sizeof start - 1;
    while (*name != '\0') {
        char c = *p++;
        if (c == '~') {
            c = *p++ == '1' ? '/' : '~';
        }
        if (c != *name++) {
            return false;
        }
    }
    return *p == '/' || *p == '\0';
}

static bool is_refused(const struct variant *v, const struct config_fault *faults, uint32_t n_faults) {
    for (uint32_t f = 0; f < n_faults; f++) {
        if (is_about(&faults[f], v->name)) {
            return true;
        }
    }
    return false;
}

/* Settings that the whole configuration says no to leave the set, and with one that is refused all that have
 * as large a deadband. If no fault names one, those with the largest deadband go: that is what else may break
 * an order of limits. False: nothing is left to leave out. */
static bool leave_out(struct config_set *set, struct variant *v, uint32_t n,
                      const struct config_fault *faults, uint32_t n_faults) {
    double largest = 0;
    double refused = INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (!v[i].left_out) {
            largest = fmax(largest, v[i].deadband);
            refused = is_refused(&v[i], faults, n_faults) ? fmin(refused, v[i].deadband) : refused;
        }
    }
    double least = isinf(refused) ? largest : refused;
    bool left = false;
    for (uint32_t i = 0; i < n; i++) {
        bool bad = (least > 0 && v[i].deadband >= least) || is_refused(&v[i], faults, n_faults);
        if (bad && !v[i].left_out && config_set_remove(set, CONFIG_ALARM, slice_str(v[i].name)) == OK) {
            v[i].left_out = true;
            left = true;
        }
    }
    return left;
}

static enum status compile_variants(struct what_if *w, struct config_set *set, struct variant *v, uint32_t n,
                                    const uint64_t seed[2], struct error *err) {
    enum status status = ERR_INVALID;
    for (uint32_t round = 0; round < ROUNDS && status == ERR_INVALID; round++) {
        struct config_fault faults[CONFIG_FAULTS_MAX];
        uint32_t n_faults = 0;
        status = compile(set, seed, &w->variants, faults, &n_faults, err);
        if (status == ERR_INVALID && !leave_out(set, v, n, faults, n_faults)) {
            return status;
        }
    }
    for (uint32_t i = 0; i < n && status == OK; i++) {
        uint32_t alarm = v[i].left_out ? MODEL_NONE : model_find_alarm(w->variants, slice_str(v[i].name));
        if (alarm != MODEL_NONE) {
            w->alarms[w->n_alarms++] = alarm;
        }
    }
    return status;
}

static enum status vary(struct what_if *w, const struct what_if_input *in, const struct config_item *item,
                        struct error *err) {
    struct variant *v = calloc(TRIED, sizeof *v);
    struct config_set *set = NULL;
    enum status status =
        v != NULL ? config_set_copy(in->then, &set, err) : error_set(err, ERR_NOMEM, "backtest", "no memory");
    if (status == OK) {
        const struct model_alarm *a = &w->then->alarms[w->alarms[0]];
        const struct model_tag *tag = a->tag == MODEL_NONE ? NULL : &w->then->tags[a->tag];
        uint32_t n = make_variants(v, item->name, a, tag);
        status = put_variants(set, item, v, n, err);
        if (status == OK) {
            status = compile_variants(w, set, v, n, in->seed, err);
        }
    }
    if (status == OK) {
        w->alarms[0] = model_find_alarm(w->variants, item->name);
        CHECK(w->alarms[0] != MODEL_NONE);
    }
    config_set_free(&set);
    free(v);
    return status;
}

static enum status suggest_for(struct what_if *w, const struct what_if_input *in, struct config_fault *faults,
                               uint32_t *ret_faults, struct error *err) {
    struct slice name = in->suggest;
    const struct config_item *item = config_set_find(in->then, CONFIG_ALARM, name);
    uint32_t alarm = model_find_alarm(w->then, name);
    if (item == NULL || alarm == MODEL_NONE) {
        return refuse(faults, ret_faults, err, ERR_NOT_FOUND, "there is no such alarm");
    }
    if (!can_vary((enum alarm_kind)w->then->alarms[alarm].kind)) {
        return refuse(faults, ret_faults, err, ERR_INVALID,
                      "is of a kind that has no deadband and no delays to be tried");
    }
    if (name.n + sizeof ".-999" > MODEL_NAME_MAX) {
        return refuse(faults, ret_faults, err, ERR_INVALID, "has too long a name to be tried");
    }
    w->suggest = arena_copy(&w->arena, name);
    w->alarms[w->n_alarms++] = alarm;
    if (w->then->alarms[alarm].tag != MODEL_NONE) {
        w->unit = w->then->tags[w->then->alarms[alarm].tag].unit;
    }
    return w->suggest.p != NULL ? vary(w, in, item, err) : error_set(err, ERR_NOMEM, "backtest", "no memory");
}

/* --- the whole */

enum status what_if_new(const struct what_if_input *in, struct what_if **ret, struct config_fault *faults,
                        uint32_t *ret_faults, struct error *err) {
    *ret_faults = 0;
    struct what_if *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    arena_init(&w->arena, (size_t)1 << 30);
    enum status status = compile(in->now, in->seed, &w->now, faults, ret_faults, err);
    if (status == OK) {
        status = compile(in->then, in->seed, &w->then, faults, ret_faults, err);
    }
    if (status == OK) {
        status = note_differences(w, in->now, in->then, err);
    }
    if (status == OK && in->suggest.n > 0) {
        status = suggest_for(w, in, faults, ret_faults, err);
    }
    if (status != OK) {
        what_if_free(&w);
        return status;
    }
    *ret = w;
    return OK;
}

void what_if_free(struct what_if **w) {
    if (w == NULL || *w == NULL) {
        return;
    }
    model_free(&(*w)->now);
    model_free(&(*w)->then);
    model_free(&(*w)->variants);
    arena_done(&(*w)->arena);
    free(*w);
    *w = NULL;
}

struct backtest_config what_if_config(const struct what_if *w) {
    return (struct backtest_config){
        .now = w->now,
        .then = w->then,
        .variants = {.model = w->variants, .alarms = w->alarms, .n = w->n_alarms},
        .changed = w->changed,
        .n_changed = w->n_changed,
        .links = true,
        .warm_us = BACKTEST_WARM_US,
    };
}
