#include "protocol/client/tags.h"

#include "server/base/arena.h"
#include "server/base/check.h"
#include "server/base/map.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* 10 000 tags with all texts at their maximum */
enum { TEXTS_MAX = LINK_TAGS_MAX * (LINK_NAME_MAX + LINK_UNIT_MAX + LINK_TEXT_MAX + 64) };
/* What a sample or an entry takes at most, without its texts. */
enum { SAMPLE_COST = 40, ENTRY_COST = 80 };
/* Integers beyond this are not exact as doubles. */
#define EXACT_MAX 9007199254740992.0

struct tag {
    struct dict_entry entry;
    struct link_sample last;
    char *text; /* of last, for STRING and BYTES */
    size_t text_cap;
    bool has_last;
    bool changed;
};

struct pending {
    struct link_sample sample; /* its text is texts[text_at, +text_n) */
    uint32_t order;
    uint32_t text_n;
    size_t text_at;
};

struct tags {
    struct arena arena;
    struct map names;
    struct tag *v;
    uint32_t n;
    uint32_t cap;
    struct pending *pending;
    uint32_t n_pending;
    uint32_t cap_pending;
    struct buf texts;
    struct link_sample *chunk;
    uint32_t cap_chunk;
};

enum status tags_new(struct tags **ret, struct error *err) {
    struct tags *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return error_set(err, ERR_NOMEM, "tags", "no memory");
    }
    /* Names are the gateway's own configuration, so the hash needs no secret. */
    static const uint64_t seed[2] = {1, 2};
    arena_init(&t->arena, TEXTS_MAX);
    buf_init(&t->texts, (size_t)64 * 1024 * 1024);
    enum status st = map_init(&t->names, LINK_TAGS_MAX, seed, err);
    if (st != OK) {
        tags_free(&t);
        return st;
    }
    *ret = t;
    return OK;
}

void tags_free(struct tags **ref) {
    struct tags *t = *ref;
    if (t == NULL) {
        return;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        free(t->v[i].text);
    }
    free(t->v);
    free(t->pending);
    free(t->chunk);
    buf_done(&t->texts);
    map_done(&t->names);
    arena_done(&t->arena);
    free(t);
    *ref = NULL;
}

static enum status check_text(struct slice text, const char *what, size_t min, size_t max,
                              struct error *err) {
    if (text.n < min) {
        return error_set(err, ERR_INVALID, what, "a tag needs a %s", what);
    }
    if (text.n > max) {
        return error_set(err, ERR_TOO_BIG, what, "%s has %zu bytes, at most %zu are allowed", what, text.n,
                         max);
    }
    if (!utf8_is_text(text)) {
        return error_set(err, ERR_INVALID, what, "%s is not UTF-8", what);
    }
    return OK;
}

static enum status check_def(const struct tag_def *d, struct error *err) {
    enum status st = check_text(d->name, "name", 1, LINK_NAME_MAX, err);
    if (st == OK) {
        st = check_text(d->unit, "unit", 0, LINK_UNIT_MAX, err);
    }
    if (st == OK) {
        st = check_text(d->description, "description", 0, LINK_TEXT_MAX, err);
    }
    if (st == OK && (d->type < VALUE_BOOL || d->type > VALUE_BYTES)) {
        st = error_set(err, ERR_INVALID, "type", "there is no value type %d", (int)d->type);
    }
    if (st == OK && d->type == VALUE_SCALED &&
        (!isfinite(d->scale) || d->scale == 0 || !isfinite(d->offset))) {
        st = error_set(err, ERR_INVALID, "scale", "scale and offset must be finite, and scale not 0");
    }
    if (st == OK && d->has_range && (!isfinite(d->low) || !isfinite(d->high) || d->low >= d->high)) {
        st = error_set(err, ERR_INVALID, "range", "low must be below high, and both finite");
    }
    return st;
}

static struct slice copy_text(struct tags *t, struct slice text, bool *failed) {
    struct slice copy = text.n > 0 ? arena_copy(&t->arena, text) : slice_of("", 0);
    *failed = *failed || copy.p == NULL;
    return copy;
}

enum status tags_define(struct tags *t, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    enum status st = check_def(def, err);
    if (st != OK) {
        return st;
    }
    if (t->n == LINK_TAGS_MAX) {
        return error_set(err, ERR_TOO_BIG, "tags", "a gateway has at most %d tags", LINK_TAGS_MAX);
    }
    if (t->n == t->cap) {
        uint32_t cap = t->cap == 0 ? 64 : t->cap * 2;
        struct tag *v = realloc(t->v, cap * sizeof *v);
        if (v == NULL) {
            return error_set(err, ERR_NOMEM, "tags", "no memory");
        }
        t->v = v;
        t->cap = cap;
    }
    bool failed = false;
    struct tag *tag = &t->v[t->n];
    *tag = (struct tag){.entry = {.alias = t->n + 1,
                                  .type = (uint8_t)def->type,
                                  .flags = def->flags,
                                  .scale = def->type == VALUE_SCALED ? def->scale : 0,
                                  .offset = def->type == VALUE_SCALED ? def->offset : 0,
                                  .name = copy_text(t, def->name, &failed),
                                  .unit = copy_text(t, def->unit, &failed),
                                  .description = copy_text(t, def->description, &failed),
                                  .has_range = def->has_range,
                                  .low = def->low,
                                  .high = def->high}};
    if (failed) {
        return error_set(err, ERR_NOMEM, "tags", "no memory");
    }
    st = map_put(&t->names, tag->entry.name, t->n);
    if (st != OK) {
        return error_set(err, st, "name", "there is a tag \"%.*s\" already", SLICE_ARG(def->name));
    }
    *ret_tag = t->n++;
    return OK;
}

uint32_t tags_count(const struct tags *t) {
    return t->n;
}

const struct dict_entry *tags_entry(const struct tags *t, uint32_t tag) {
    CHECK(tag < t->n);
    return &t->v[tag].entry;
}

/* ---- putting ---- */

static bool is_textual(uint8_t type) {
    return type == VALUE_STRING || type == VALUE_BYTES;
}

static enum status check_put(const struct tags *t, uint32_t tag, int64_t t_us, bool textual,
                             struct error *err) {
    if (tag >= t->n) {
        return error_set(err, ERR_INVALID, "tag", "there is no tag %" PRIu32, tag);
    }
    if (is_textual(t->v[tag].entry.type) != textual) {
        return error_set(err, ERR_INVALID, "value", "tag \"%.*s\" is of type %s",
                         SLICE_ARG(t->v[tag].entry.name), value_type_name(t->v[tag].entry.type));
    }
    if (t_us < TM_YEAR_2000_US || t_us > LINK_TIME_MAX_US) {
        return error_set(err, ERR_INVALID, "time",
                         "%" PRId64 " us is before the year 2000 or after 9999: set the clock", t_us);
    }
    if (t->n_pending == TAGS_PENDING_MAX) {
        return error_set(err, ERR_FULL, "samples", "%d samples wait for a flush", TAGS_PENDING_MAX);
    }
    return OK;
}

/* Keeps a text as the tag's present value. */
static bool keep_text(struct tag *tag, struct slice text) {
    if (text.n > tag->text_cap) {
        char *p = realloc(tag->text, text.n);
        if (p == NULL) {
            return false;
        }
        tag->text = p;
        tag->text_cap = text.n;
    }
    if (text.n > 0) {
        memcpy(tag->text, text.p, text.n);
    }
    return true;
}

static enum status add(struct tags *t, uint32_t tag, struct link_sample *s, struct slice text,
                       struct error *err) {
    if (t->n_pending == t->cap_pending) {
        uint32_t cap = t->cap_pending == 0 ? 256 : t->cap_pending * 2;
        struct pending *p = realloc(t->pending, cap * sizeof *p);
        if (p == NULL) {
            return error_set(err, ERR_NOMEM, "samples", "no memory");
        }
        t->pending = p;
        t->cap_pending = cap;
    }
    struct tag *to = &t->v[tag];
    s->alias = to->entry.alias;
    s->type = to->entry.type;
    size_t text_at = t->texts.n;
    buf_append(&t->texts, text.p, text.n);
    if (t->texts.failed) {
        t->texts.failed = false;
        return error_set(err, ERR_FULL, "samples", "the texts that wait for a flush are too many");
    }
    bool newest = !to->has_last || s->t_us >= to->last.t_us;
    if (newest && is_textual(s->type)) {
        if (!keep_text(to, text)) {
            return error_set(err, ERR_NOMEM, "samples", "no memory");
        }
        s->s = slice_of(to->text, text.n);
    }
    if (newest) {
        to->last = *s;
        to->has_last = true;
        to->changed = true;
    }
    t->pending[t->n_pending] =
        (struct pending){.sample = *s, .order = t->n_pending, .text_n = (uint32_t)text.n, .text_at = text_at};
    t->n_pending++;
    return OK;
}

static void no_value(struct link_sample *s, uint8_t quality) {
    /* A reason that the source gave is better than ours. */
    s->quality = (s->quality & 0x80) != 0 ? (uint8_t)(s->quality | LINK_QUALITY_NO_VALUE) : quality;
    s->u = 0;
}

static void set_integer(struct link_sample *s, const struct dict_entry *e, int64_t value) {
    bool fits = (e->type != VALUE_BOOL || value == 0 || value == 1) && (e->type != VALUE_UINT || value >= 0);
    s->i = value;
    if (!fits) {
        no_value(s, TAGS_BAD_OUT_OF_RANGE);
    }
}

static void set_number(struct link_sample *s, const struct dict_entry *e, double value) {
    if (!isfinite(value)) {
        no_value(s, TAGS_BAD_NO_VALUE);
        return;
    }
    if (e->type == VALUE_F64 || e->type == VALUE_F32) {
        s->f = e->type == VALUE_F32 ? (double)(float)value : value;
        if (!isfinite(s->f)) {
            no_value(s, TAGS_BAD_OUT_OF_RANGE);
        }
        return;
    }
    double raw = e->type == VALUE_SCALED ? round((value - e->offset) / e->scale) : value;
    if (fabs(raw) > EXACT_MAX || raw != trunc(raw)) {
        no_value(s, TAGS_BAD_OUT_OF_RANGE);
        return;
    }
    set_integer(s, e, (int64_t)raw); /* exact: checked above */
}

enum status tags_put(struct tags *t, uint32_t tag, int64_t t_us, double value, uint8_t quality,
                     struct error *err) {
    enum status st = check_put(t, tag, t_us, false, err);
    if (st != OK) {
        return st;
    }
    struct link_sample s = {.t_us = t_us, .quality = quality};
    if ((quality & LINK_QUALITY_NO_VALUE) == 0) {
        set_number(&s, &t->v[tag].entry, value);
    }
    return add(t, tag, &s, slice_of("", 0), err);
}

enum status tags_put_integer(struct tags *t, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality,
                             struct error *err) {
    enum status st = check_put(t, tag, t_us, false, err);
    if (st != OK) {
        return st;
    }
    struct link_sample s = {.t_us = t_us, .quality = quality};
    const struct dict_entry *e = &t->v[tag].entry;
    if (e->type == VALUE_F32 || e->type == VALUE_F64) {
        return error_set(err, ERR_INVALID, "value", "tag \"%.*s\" is of type %s", SLICE_ARG(e->name),
                         value_type_name(e->type));
    }
    if ((quality & LINK_QUALITY_NO_VALUE) == 0) {
        set_integer(&s, e, value);
    }
    return add(t, tag, &s, slice_of("", 0), err);
}

enum status tags_put_text(struct tags *t, uint32_t tag, int64_t t_us, struct slice value, uint8_t quality,
                          struct error *err) {
    enum status st = check_put(t, tag, t_us, true, err);
    if (st != OK) {
        return st;
    }
    struct link_sample s = {.t_us = t_us, .quality = quality};
    bool string = t->v[tag].entry.type == VALUE_STRING;
    if ((quality & LINK_QUALITY_NO_VALUE) == 0 &&
        (value.n > LINK_STRING_MAX || (string && !utf8_is_text(value)))) {
        no_value(&s, TAGS_BAD_OUT_OF_RANGE);
    }
    bool kept = (s.quality & LINK_QUALITY_NO_VALUE) == 0;
    return add(t, tag, &s, kept ? value : slice_of("", 0), err);
}

const struct link_sample *tags_present(const struct tags *t, uint32_t tag) {
    return tag < t->n && t->v[tag].has_last ? &t->v[tag].last : NULL;
}

uint32_t tags_pending(const struct tags *t) {
    return t->n_pending;
}

/* ---- taking ---- */

static int by_alias_and_time(const void *a, const void *b) {
    const struct pending *x = a;
    const struct pending *y = b;
    if (x->sample.alias != y->sample.alias) {
        return x->sample.alias < y->sample.alias ? -1 : 1;
    }
    if (x->sample.t_us != y->sample.t_us) {
        return x->sample.t_us < y->sample.t_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static size_t sample_cost(const struct link_sample *s) {
    return SAMPLE_COST + (is_textual(s->type) && (s->quality & LINK_QUALITY_NO_VALUE) == 0 ? s->s.n : 0);
}

/* Collects samples and hands them on whenever a record is full. */
struct chunker {
    struct tags *t;
    tags_on_samples on_samples;
    void *ctx;
    uint32_t n;
    size_t cost;
    enum status status;
    struct error *err;
};

static void chunk_end(struct chunker *c) {
    if (c->n > 0 && c->status == OK) {
        c->status = c->on_samples(c->ctx, c->t->chunk, c->n, c->err);
    }
    c->n = 0;
    c->cost = 0;
}

static void chunk_add(struct chunker *c, const struct link_sample *s) {
    size_t cost = sample_cost(s);
    if (c->cost + cost > TAGS_BODY_MAX) {
        chunk_end(c);
    }
    struct tags *t = c->t;
    if (c->n == t->cap_chunk) {
        uint32_t cap = t->cap_chunk == 0 ? 256 : t->cap_chunk * 2;
        struct link_sample *v = realloc(t->chunk, cap * sizeof *v);
        if (v == NULL) {
            c->status = error_set(c->err, ERR_NOMEM, "samples", "no memory");
            return;
        }
        t->chunk = v;
        t->cap_chunk = cap;
    }
    t->chunk[c->n++] = *s;
    c->cost += cost;
}

enum status tags_take(struct tags *t, tags_on_samples on_samples, void *ctx, struct error *err) {
    struct chunker c = {.t = t, .on_samples = on_samples, .ctx = ctx, .err = err};
    if (t->n_pending > 0) {
        qsort(t->pending, t->n_pending, sizeof *t->pending, by_alias_and_time);
    }
    for (uint32_t i = 0; i < t->n_pending && c.status == OK; i++) {
        struct link_sample s = t->pending[i].sample;
        if (is_textual(s.type)) {
            const uint8_t *texts = t->texts.p != NULL ? t->texts.p : (const uint8_t *)"";
            s.s = slice_of(texts + t->pending[i].text_at, t->pending[i].text_n);
        }
        chunk_add(&c, &s);
    }
    chunk_end(&c);
    t->n_pending = 0;
    buf_clear(&t->texts);
    return c.status;
}

enum status tags_snapshot(struct tags *t, uint32_t n, enum tags_which which, tags_on_samples on_samples,
                          void *ctx, struct error *err) {
    CHECK(n <= t->n);
    struct chunker c = {.t = t, .on_samples = on_samples, .ctx = ctx, .err = err};
    for (uint32_t i = 0; i < n && c.status == OK; i++) {
        struct tag *tag = &t->v[i];
        if (tag->has_last && (which == TAGS_ALL || tag->changed)) {
            chunk_add(&c, &tag->last);
            tag->changed = false;
        }
    }
    chunk_end(&c);
    return c.status;
}

bool tags_changed(const struct tags *t, uint32_t n) {
    for (uint32_t i = 0; i < n && i < t->n; i++) {
        if (t->v[i].changed) {
            return true;
        }
    }
    return false;
}

void tags_mark_sent(struct tags *t) {
    for (uint32_t i = 0; i < t->n; i++) {
        t->v[i].changed = false;
    }
}

enum status tags_dict(const struct tags *t, tags_on_dict on_dict, void *ctx, struct error *err) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    struct dict_entry *part = calloc(t->n > 0 ? t->n : 1, sizeof *part);
    enum status st = part != NULL ? OK : error_set(err, ERR_NOMEM, "dictionary", "no memory");
    for (uint32_t i = 0; st == OK && (i < t->n || i == 0);) {
        uint32_t n = 0;
        size_t cost = 0;
        while (i + n < t->n) {
            const struct dict_entry *e = &t->v[i + n].entry;
            cost += ENTRY_COST + e->name.n + e->unit.n + e->description.n;
            if (n > 0 && cost > TAGS_BODY_MAX) {
                break;
            }
            part[n++] = *e;
        }
        i += n;
        buf_clear(&body);
        dict_encode(&body, 0, i < t->n, part, n);
        st = buf_status(&body, err);
        if (st == OK) {
            st = on_dict(ctx, buf_slice(&body), err);
        }
        if (n == 0) {
            break; /* a gateway without tags: one empty part */
        }
    }
    free(part);
    buf_done(&body);
    return st;
}
