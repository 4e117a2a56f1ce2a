#include "protocol/gateway/replay_source.h"

#include "protocol/gateway/replay.h"
#include "server/base/clock.h"

#include <math.h>
#include <stdlib.h>

struct replay_source {
    struct source base;
    const struct replay_config *cfg;
    struct replay *replay;
    uint32_t *tags; /* of the gateway, for each of the recording */
    uv_timer_t timer;
    bool open_timer;
};

/* ---- settings ---- */

static void read_tag(struct settings *r, const struct place *p, struct replay_tag *ret) {
    static const char *const keys[] = {"column", "type", "scale", "offset", SETTINGS_TAG_KEYS, NULL};
    static const char *const types[] = {"bool", "int", "scaled", "f64", NULL};
    static const enum value_type of[] = {VALUE_BOOL, VALUE_INT, VALUE_SCALED, VALUE_F64};
    if (!settings_object(r, p, keys)) {
        return;
    }
    ret->column = settings_text(r, p, "column", NULL);
    settings_tag(r, p, &ret->def);
    ret->def.type = of[settings_choice(r, p, "type", types, -1)];
    settings_scale(r, p, &ret->def);
}

static const void *read_settings(struct settings *r, const struct place *p) {
    static const char *const keys[] = {"kind", "file", "time_column", "speed", "start",
                                       "loop", "rows", "tags",        NULL};
    static const char *const start_keys[] = {"offset_s", NULL};
    struct replay_config *c = settings_alloc(r, p, 1, sizeof *c);
    if (!settings_object(r, p, keys) || c == NULL) {
        return NULL;
    }
    c->file = settings_text(r, p, "file", NULL);
    c->time_column = settings_text(r, p, "time_column", "t_s");
    c->speed = settings_number(r, p, "speed", 1, 0.001, 1e6);
    c->loop = settings_bool(r, p, "loop", true);
    c->rows = (uint64_t)settings_integer(r, p, "rows", INT64_MAX, 0, INT64_MAX);
    if (settings_has(p, "start")) {
        struct place start = settings_member(p, "start");
        if (settings_object(r, &start, start_keys)) {
            c->offset_s = settings_number(r, &start, "offset_s", 0, 0, 1e12);
        }
    }
    size_t n = settings_list(r, p, "tags", 1, LINK_TAGS_MAX);
    c->tags = n > 0 ? settings_alloc(r, p, n, sizeof *c->tags) : NULL;
    if (c->tags == NULL) {
        return NULL;
    }
    c->n_tags = (uint32_t)n; /* at most LINK_TAGS_MAX */
    struct place tags = settings_member(p, "tags");
    for (size_t i = 0; i < n; i++) {
        struct place tag = settings_element(&tags, i);
        read_tag(r, &tag, &c->tags[i]);
    }
    return c;
}

/* ---- running ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct replay_source *s, int64_t mono_us) {
    int64_t next = replay_next_mono_us(s->replay);
    if (next != INT64_MAX) {
        uint64_t wait_ms = next <= mono_us ? 0 : (uint64_t)((next - mono_us) / 1000 + 1);
        (void)uv_timer_start(&s->timer, on_timer, wait_ms, 0);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct replay_source *s = timer->data;
    const struct source_host *host = &s->base.host;
    int64_t mono_us = clock_mono_us();
    int64_t wall_us = clock_wall_us();
    int64_t t_us = 0;
    const double *values = NULL;
    while (replay_take(s->replay, wall_us, mono_us, &t_us, &values)) {
        for (uint32_t i = 0; i < s->cfg->n_tags; i++) {
            host->put(host->ctx, s->tags[i], t_us, values[i], SOURCE_GOOD);
        }
    }
    arm(s, mono_us);
}

static enum status source_start(struct source *base, struct error *err) {
    struct replay_source *s = (struct replay_source *)base;
    int rc = uv_timer_init(base->host.loop, &s->timer);
    if (rc != 0) {
        return error_set(err, ERR_INTERNAL, "replay", "%s", uv_strerror(rc));
    }
    s->timer.data = s;
    s->open_timer = true;
    int64_t mono_us = clock_mono_us();
    replay_start(s->replay, mono_us);
    arm(s, mono_us);
    return OK;
}

static void source_stop(struct source *base) {
    struct replay_source *s = (struct replay_source *)base;
    if (s->open_timer) {
        s->open_timer = false;
        uv_close((uv_handle_t *)&s->timer, NULL);
    }
}

static enum status source_write(struct source *base, const struct source_write *w, struct error *err) {
    const struct replay_source *s = (const struct replay_source *)base;
    for (uint32_t i = 0; i < s->cfg->n_tags; i++) {
        if (s->tags[i] == w->tag) {
            return error_set(err, ERR_UNSUPPORTED, "tag", "a recording cannot be written to");
        }
    }
    return ERR_NOT_FOUND;
}

static bool source_is_done(const struct source *base) {
    const struct replay_source *s = (const struct replay_source *)base;
    return replay_next_mono_us(s->replay) == INT64_MAX;
}

static void source_free(struct source *base) {
    struct replay_source *s = (struct replay_source *)base;
    replay_free(&s->replay);
    free(s->tags);
    free(s);
}

static const struct source_ops ops = {.start = source_start,
                                      .stop = source_stop,
                                      .write = source_write,
                                      .is_done = source_is_done,
                                      .free = source_free};

static enum status source_open(const void *settings, const struct source_host *host, struct source **ret,
                               struct error *err) {
    const struct replay_config *cfg = settings;
    struct replay_source *s = calloc(1, sizeof *s);
    uint32_t *tags = calloc(cfg->n_tags, sizeof *tags);
    if (s == NULL || tags == NULL) {
        free(s);
        free(tags);
        return error_set(err, ERR_NOMEM, "replay", "no memory");
    }
    *s = (struct replay_source){.base = {.ops = &ops, .host = *host}, .cfg = cfg, .tags = tags};
    enum status st = replay_new(cfg, &s->replay, err);
    for (uint32_t i = 0; st == OK && i < cfg->n_tags; i++) {
        st = host->define(host->ctx, &cfg->tags[i].def, &tags[i], err);
    }
    if (st != OK) {
        source_free(&s->base);
        return st;
    }
    *ret = &s->base;
    return OK;
}

const struct source_kind replay_source_kind = {.name = "replay", .read = read_settings, .open = source_open};
