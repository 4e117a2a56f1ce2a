#include "protocol/gateway/plant.h"

#include "protocol/gateway/modbus.h"
#include "protocol/gateway/modbus_config.h"
#include "protocol/gateway/modbus_io.h"
#include "server/base/log.h"

#include <stdlib.h>

enum { HEAD_WORDS = 3, PAUSE_MIN_MS = 1000, PAUSE_MAX_MS = 30000 };

struct plant_settings {
    struct modbus_device device; /* without tags */
    bool writable;
};

struct plant {
    struct source base;
    const struct modbus_device *cfg; /* of settings */
    const struct plant_settings *settings;
    uint32_t handle;
    uv_timer_t timer;
    uv_work_t work;
    bool open; /* the timer */
    bool stopping;
    bool told_down;
    uint64_t pause_ms;
    /* The worker's while it runs. */
    struct modbus_io *io;
    struct buf map;
    enum status fetched;
    struct error err;
    /* Once the map was there. */
    struct arena arena;
    struct modbus_config device;
    struct source *inner;
};

/* ---- the map, in a worker thread ---- */

static enum status read_words(struct plant *s, uint16_t address, uint16_t n, uint16_t *ret) {
    return modbus_io_read(s->io, MODBUS_INPUT, address, n, ret, &s->err) == MODBUS_ANSWERED ? OK
                                                                                            : ERR_UNAVAILABLE;
}

static enum status fetch_map(struct plant *s) {
    uint16_t words[MODBUS_REGISTERS_MAX];
    enum status st = read_words(s, PLANT_MAP_AT, HEAD_WORDS, words);
    if (st != OK) {
        return st;
    }
    if (words[0] != PLANT_MAP_MAGIC || words[1] != PLANT_MAP_VERSION || words[2] < 1 ||
        words[2] > PLANT_MAP_MAX) {
        return error_set(&s->err, ERR_INVALID, "plant",
                         "input registers %d to %d are no head of a map; is this a simulated plant?",
                         PLANT_MAP_AT, PLANT_MAP_AT + HEAD_WORDS - 1);
    }
    size_t left = words[2];
    uint16_t address = PLANT_MAP_AT + HEAD_WORDS;
    while (st == OK && left > 0) {
        size_t n = (left + 1) / 2 < MODBUS_REGISTERS_MAX ? (left + 1) / 2 : MODBUS_REGISTERS_MAX;
        st = read_words(s, address, (uint16_t)n, words);
        for (size_t i = 0; st == OK && i < n && left > 0; i++) {
            const uint8_t bytes[2] = {(uint8_t)(words[i] >> 8), (uint8_t)(words[i] & 0xFF)};
            size_t take = left > 1 ? 2 : 1;
            buf_append(&s->map, bytes, take);
            left -= take;
        }
        address = (uint16_t)(address + n);
    }
    return st;
}

static void in_worker(uv_work_t *work) {
    struct plant *s = work->data;
    buf_clear(&s->map);
    s->err = (struct error){0};
    s->fetched = fetch_map(s);
}

/* ---- becoming a source "modbus" ---- */

static enum status inner_define(void *ctx, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    const struct source_host *host = &((struct plant *)ctx)->base.host;
    return host->define(host->ctx, def, ret_tag, err);
}

static void inner_put(void *ctx, uint32_t tag, int64_t t_us, double value, uint8_t quality) {
    const struct source_host *host = &((struct plant *)ctx)->base.host;
    host->put(host->ctx, tag, t_us, value, quality);
}

static void inner_put_integer(void *ctx, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality) {
    const struct source_host *host = &((struct plant *)ctx)->base.host;
    host->put_integer(host->ctx, tag, t_us, value, quality);
}

/* The device was defined with this source. */
static enum status inner_define_device(void *ctx, const char *name, uint32_t *ret_device, struct error *err) {
    (void)name;
    (void)err;
    *ret_device = ((struct plant *)ctx)->handle;
    return OK;
}

static void inner_device(void *ctx, uint32_t device, enum source_device state, const char *reason) {
    const struct source_host *host = &((struct plant *)ctx)->base.host;
    host->device(host->ctx, device, state, reason);
}

static enum status read_map(struct plant *s, struct modbus_device *d) {
    static const char *const keys[] = {"tags", NULL};
    struct settings_faults *faults = calloc(1, sizeof *faults);
    struct settings settings = {0};
    json_t *root = NULL;
    enum status st = faults != NULL ? settings_init(&settings, &s->arena, faults, buf_slice(&s->map), &s->err)
                                    : error_set(&s->err, ERR_NOMEM, "plant", "no memory");
    if (st == OK && settings_parse(&settings, &root)) {
        struct place top = {.value = root};
        if (settings_object(&settings, &top, keys)) {
            modbus_config_tags(&settings, &top, d);
        }
    }
    if (st == OK && faults->n > 0) {
        st = error_set(&s->err, ERR_INVALID, "plant", "its map: %s: %s", faults->v[0].pointer,
                       faults->v[0].text);
    }
    json_decref(root);
    settings_done(&settings);
    free(faults);
    return st;
}

/* Points for commands mean nothing to those who send none. */
static void leave_out_writable(struct modbus_device *d) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_tags; i++) {
        if (!d->tags[i].writable) {
            d->tags[n] = d->tags[i];
            d->points[n++] = d->points[i];
        }
    }
    d->n_tags = n;
}

static enum status begin_polling(struct plant *s) {
    arena_done(&s->arena); /* of an attempt that failed */
    arena_init(&s->arena, SETTINGS_TEXTS_MAX);
    struct modbus_device *d = arena_alloc(&s->arena, 1, sizeof *d);
    if (d == NULL) {
        return error_set(&s->err, ERR_NOMEM, "plant", "no memory");
    }
    *d = *s->cfg;
    s->device = (struct modbus_config){.n_devices = 1, .devices = d};
    const struct source_host host = {.ctx = s,
                                     .loop = s->base.host.loop,
                                     .define = inner_define,
                                     .put = inner_put,
                                     .put_integer = inner_put_integer,
                                     .define_device = inner_define_device,
                                     .device = inner_device};
    enum status st = read_map(s, d);
    if (st == OK && !s->settings->writable) {
        leave_out_writable(d);
    }
    st = st == OK ? modbus_source_kind.open(&s->device, &host, &s->inner, &s->err) : st;
    return st == OK ? s->inner->ops->start(s->inner, &s->err) : st;
}

static void on_fetched(uv_work_t *work, int status);

static void on_timer(uv_timer_t *timer) {
    struct plant *s = timer->data;
    (void)uv_queue_work(s->base.host.loop, &s->work, in_worker, on_fetched);
}

static void close_timer(struct plant *s) {
    if (s->open) {
        s->open = false;
        uv_close((uv_handle_t *)&s->timer, NULL);
    }
}

static void on_fetched(uv_work_t *work, int status) {
    struct plant *s = work->data;
    if (s->stopping || status != 0) {
        return;
    }
    enum status st = s->fetched == OK ? begin_polling(s) : s->fetched;
    if (st == OK) {
        modbus_io_free(&s->io); /* the device has a connection of its own */
        log_event(LOG_INFO, "plant.map", "device=%s tags=%u", s->cfg->name,
                  (unsigned)s->device.devices->n_tags);
        close_timer(s);
        return;
    }
    if (!s->told_down) {
        s->told_down = true;
        s->base.host.device(s->base.host.ctx, s->handle, SOURCE_DEVICE_DOWN, s->err.text);
    }
    if (s->inner != NULL || st == ERR_EXISTS) {
        log_event(LOG_ERROR, "plant.refused", "device=%s text=%s", s->cfg->name,
                  LOG_Q(slice_str(s->err.text)));
        return; /* a map that collides with other tags does so the next time as well */
    }
    (void)uv_timer_start(&s->timer, on_timer, s->pause_ms, 0);
    s->pause_ms = s->pause_ms * 2 < PAUSE_MAX_MS ? s->pause_ms * 2 : PAUSE_MAX_MS;
}

/* ---- the source ---- */

static const void *read_settings(struct settings *s, const struct place *p) {
    static const char *const keys[] = {"kind",    "name",       "host",     "port",
                                       "poll_ms", "timeout_ms", "writable", NULL};
    struct plant_settings *d = settings_alloc(s, p, 1, sizeof *d);
    if (d == NULL || !settings_object(s, p, keys)) {
        return NULL;
    }
    d->writable = settings_bool(s, p, "writable", true);
    d->device = (struct modbus_device){
        .name = settings_device(s, p, "name"),
        .host = settings_address(s, p, "host"),
        .port = (uint16_t)settings_integer(s, p, "port", -1, 1, UINT16_MAX),
        .unit = 1,
        .poll_ms = (uint32_t)settings_integer(s, p, "poll_ms", 500, 10, 3600000),
        .timeout_ms = (uint32_t)settings_integer(s, p, "timeout_ms", 1000, 10, 60000),
        .failures = 3,
        .retry_s = PAUSE_MAX_MS / 1000,
        .limits = {.registers = MODBUS_REGISTERS_MAX, .bits = MODBUS_BITS_MAX},
        .report_us = 10000000,
    };
    return d;
}

static enum status source_start(struct source *base, struct error *err) {
    struct plant *s = (struct plant *)base;
    int rc = uv_timer_init(base->host.loop, &s->timer);
    if (rc != 0) {
        return error_set(err, ERR_INTERNAL, "plant", "%s", uv_strerror(rc));
    }
    s->timer.data = s;
    s->work.data = s;
    s->open = true;
    (void)uv_timer_start(&s->timer, on_timer, 0, 0);
    return OK;
}

static void source_stop(struct source *base) {
    struct plant *s = (struct plant *)base;
    s->stopping = true;
    close_timer(s);
    if (s->inner != NULL) {
        s->inner->ops->stop(s->inner);
    }
}

static enum status source_write(struct source *base, const struct source_write *w, struct error *err) {
    struct plant *s = (struct plant *)base;
    return s->inner != NULL ? s->inner->ops->write(s->inner, w, err) : ERR_NOT_FOUND;
}

static bool source_is_done(const struct source *base) {
    (void)base;
    return false;
}

static void source_free(struct source *base) {
    struct plant *s = (struct plant *)base;
    if (s->inner != NULL) {
        s->inner->ops->free(s->inner);
    }
    modbus_io_free(&s->io);
    buf_done(&s->map);
    arena_done(&s->arena);
    free(s);
}

static const struct source_ops ops = {.start = source_start,
                                      .stop = source_stop,
                                      .write = source_write,
                                      .is_done = source_is_done,
                                      .free = source_free};

static enum status source_open(const void *settings, const struct source_host *host, struct source **ret,
                               struct error *err) {
    const struct plant_settings *all = settings;
    const struct modbus_device *cfg = &all->device;
    struct plant *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_set(err, ERR_NOMEM, "plant", "no memory");
    }
    *s = (struct plant){
        .base = {.ops = &ops, .host = *host}, .cfg = cfg, .settings = all, .pause_ms = PAUSE_MIN_MS};
    buf_init(&s->map, PLANT_MAP_MAX);
    arena_init(&s->arena, SETTINGS_TEXTS_MAX);
    enum status st = modbus_io_new(cfg->host, cfg->port, cfg->unit, cfg->timeout_ms, &s->io, err);
    st = st == OK ? host->define_device(host->ctx, cfg->name, &s->handle, err) : st;
    if (st != OK) {
        source_free(&s->base);
        return st;
    }
    *ret = &s->base;
    return OK;
}

const struct source_kind plant_source_kind = {.name = "plant", .read = read_settings, .open = source_open};
