#include "protocol/gateway/modbus.h"

#include "protocol/gateway/device_health.h"
#include "protocol/gateway/modbus_config.h"
#include "protocol/gateway/modbus_job.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <math.h>
#include <stdlib.h>

enum { WRITES_MAX = 16 }; /* that wait for one device */

struct device {
    struct modbus_source *source;
    const struct modbus_device *cfg;
    struct modbus_plan plan;
    struct modbus_io *io;
    struct device_health health;
    uint32_t handle;           /* the gateway's, of the device */
    uint32_t *tags;            /* the gateway's, of each tag */
    struct report *reports;    /* of each tag */
    enum modbus_outcome *told; /* of each read: what the log has */
    struct modbus_job job;
    uv_thread_t thread;
    bool running; /* the job is the thread's */
    bool stopping;
    bool open; /* the handles */
    int64_t began_mono_us;
    uv_async_t ended;
    uv_timer_t timer;
    struct source_write writes[WRITES_MAX]; /* the first is the job's while it is a write */
    uint32_t n_writes;
};

struct modbus_source {
    struct source base;
    uint32_t n_devices;
    struct device *devices;
};

static void go_on(struct device *d);
static bool start_job(struct device *d, enum modbus_job_kind kind);

/* ---- samples ---- */

static double in_unit(const struct modbus_tag *t, double raw) {
    return raw * t->scale + t->offset;
}

static void put_value(struct device *d, uint32_t i, int64_t t_us, const struct modbus_value *v) {
    const struct source_host *host = &d->source->base.host;
    const struct modbus_tag *t = &d->cfg->tags[i];
    bool as_integer = v->is_integer && t->def.type != VALUE_F64 && t->def.type != VALUE_F32;
    if (as_integer) {
        host->put_integer(host->ctx, d->tags[i], t_us, v->integer, SOURCE_GOOD);
    } else {
        host->put(host->ctx, d->tags[i], t_us, in_unit(t, v->number), SOURCE_GOOD);
    }
}

/* A quality without a value. */
static void put_bad(struct device *d, uint32_t i, int64_t t_us, uint8_t quality, int64_t mono_us) {
    const struct source_host *host = &d->source->base.host;
    if (report_due(&d->reports[i], &d->cfg->tags[i].rule, NAN, quality, mono_us)) {
        host->put(host->ctx, d->tags[i], t_us, NAN, quality);
    }
}

static void put_read(struct device *d, uint32_t i, int64_t mono_us) {
    const struct modbus_result *result = &d->job.results[d->plan.read_of[i]];
    switch (result->outcome) {
    case MODBUS_ANSWERED: {
        const struct modbus_tag *t = &d->cfg->tags[i];
        struct modbus_value v;
        modbus_decode(&d->cfg->points[i], d->job.words + d->plan.first_word[i], &v);
        if (report_due(&d->reports[i], &t->rule, in_unit(t, v.number), SOURCE_GOOD, mono_us)) {
            put_value(d, i, result->t_us, &v);
        }
        break;
    }
    case MODBUS_NO_SUCH_POINT:
        put_bad(d, i, result->t_us, SOURCE_BAD_CONFIG, mono_us);
        break;
    case MODBUS_REFUSED:
    case MODBUS_FAILED:
        put_bad(d, i, result->t_us, SOURCE_BAD_COMMS, mono_us);
        break;
    }
}

/* ---- after a job ---- */

/* A person has to know which read the device does not like; once, not at each poll. */
static void tell_read(struct device *d, uint32_t r) {
    enum modbus_outcome outcome = d->job.results[r].outcome;
    if (d->told[r] != outcome) {
        const struct modbus_read *read = &d->plan.reads[r];
        if (outcome == MODBUS_ANSWERED) {
            log_event(LOG_INFO, "modbus.read_again", "device=%s address=%u count=%u", d->cfg->name,
                      (unsigned)read->address, (unsigned)read->n);
        } else {
            log_event(LOG_WARN, "modbus.not_read", "device=%s reason=%s", d->cfg->name,
                      LOG_Q(slice_str(d->job.results[r].err.text)));
        }
        d->told[r] = outcome;
    }
}

static void put_reads(struct device *d, int64_t mono_us) {
    for (uint32_t r = 0; r < d->job.n_done; r++) {
        tell_read(d, r);
    }
    for (uint32_t i = 0; i < d->cfg->n_tags; i++) {
        if (d->plan.read_of[i] < d->job.n_done) {
            put_read(d, i, mono_us);
        }
    }
}

static void put_all_bad(struct device *d, int64_t mono_us) {
    int64_t t_us = clock_wall_us();
    for (uint32_t i = 0; i < d->cfg->n_tags; i++) {
        put_bad(d, i, t_us, SOURCE_BAD_COMMS, mono_us);
    }
}

static void end_poll(struct device *d) {
    const struct source_host *host = &d->source->base.host;
    int64_t mono_us = clock_mono_us();
    const struct error *failure = modbus_job_failure(&d->job, &d->plan);
    switch (device_health_step(&d->health, failure == NULL ? DEVICE_ANSWERED : DEVICE_FAILED)) {
    case DEVICE_COME_UP:
        host->device(host->ctx, d->handle, SOURCE_DEVICE_UP, "");
        put_reads(d, mono_us);
        break;
    case DEVICE_NO_CHANGE:
        if (d->health.state != DEVICE_DOWN) {
            put_reads(d, mono_us);
        }
        break;
    case DEVICE_GONE_DOWN:
        host->device(host->ctx, d->handle, SOURCE_DEVICE_DOWN, failure->text);
        put_all_bad(d, mono_us);
        break;
    }
}

/* Which of the device's tags it is; n_tags if none. */
static uint32_t place_of(const struct device *d, uint32_t tag) {
    uint32_t i = 0;
    while (i < d->cfg->n_tags && d->tags[i] != tag) {
        i++;
    }
    return i;
}

static void end_write(struct device *d, enum status st) {
    struct source_write w = d->writes[0];
    d->n_writes--;
    memmove(d->writes, d->writes + 1, d->n_writes * sizeof d->writes[0]);
    double value = NAN;
    if (st == OK && d->job.read_back_us != 0) {
        uint32_t i = place_of(d, w.tag);
        struct modbus_value v;
        modbus_decode(&d->job.point, d->job.read_back, &v);
        value = in_unit(&d->cfg->tags[i], v.number);
        /* Given whatever the deadband: an operator waits for it. */
        d->reports[i] =
            (struct report){.any = true, .quality = SOURCE_GOOD, .value = value, .mono_us = clock_mono_us()};
        put_value(d, i, d->job.read_back_us, &v);
    }
    w.on_written(w.ctx, st, value, &d->job.err);
}

/* The device is there: now or never. */
static void end_look(struct device *d) {
    const struct source_write *w = &d->writes[0];
    if (d->job.ended != OK) {
        end_write(d, d->job.ended);
    } else if (!w->may_begin(w->ctx)) {
        end_write(d, error_set(&d->job.err, ERR_TIMEOUT, "gateway", "it is not wanted any more"));
    } else if (!start_job(d, MODBUS_WRITE)) {
        end_write(d, error_set(&d->job.err, ERR_UNAVAILABLE, "gateway", "no thread for it"));
    }
}

static void on_job_ended(uv_async_t *async) {
    struct device *d = async->data;
    if (!d->running) {
        return;
    }
    (void)uv_thread_join(&d->thread);
    d->running = false;
    switch (d->job.kind) {
    case MODBUS_POLL:
        if (!d->stopping) {
            end_poll(d);
        }
        break;
    case MODBUS_LOOK:
        end_look(d);
        break;
    case MODBUS_WRITE:
        end_write(d, d->job.ended);
        break;
    }
    go_on(d);
}

/* ---- jobs ---- */

static void in_thread(void *arg) {
    struct device *d = arg;
    modbus_job_run(&d->job, d->io, &d->plan);
    (void)uv_async_send(&d->ended);
}

static bool start_job(struct device *d, enum modbus_job_kind kind) {
    CHECK(!d->running);
    d->job.kind = kind;
    d->running = uv_thread_create(&d->thread, in_thread, d) == 0;
    if (!d->running) {
        log_event(LOG_ERROR, "modbus.no_thread", "device=%s", d->cfg->name);
    }
    return d->running;
}

static void on_timer(uv_timer_t *timer) {
    struct device *d = timer->data;
    if (!d->running) {
        d->began_mono_us = clock_mono_us();
        if (!start_job(d, MODBUS_POLL)) {
            go_on(d);
        }
    }
}

static void start_write(struct device *d) {
    const struct source_write *w = &d->writes[0];
    uint32_t i = place_of(d, w->tag);
    const struct modbus_tag *t = &d->cfg->tags[i];
    d->job.point = d->cfg->points[i];
    d->job.read_back_us = 0;
    /* It fitted when it was asked for. */
    CHECK(modbus_encode(&d->job.point, (w->value - t->offset) / t->scale, d->job.write_words, NULL) == OK);
    if (!start_job(d, MODBUS_LOOK)) {
        end_write(d, error_set(&d->job.err, ERR_UNAVAILABLE, "gateway", "no thread for it"));
    }
}

static void close_handles(struct device *d) {
    if (d->open) {
        d->open = false;
        uv_close((uv_handle_t *)&d->timer, NULL);
        uv_close((uv_handle_t *)&d->ended, NULL);
    }
}

/* What is next: nothing more, a write, or the poll that is due some time from now. */
static void go_on(struct device *d) {
    while (d->n_writes > 0 && !d->running) {
        start_write(d);
    }
    if (d->running) {
        return;
    }
    if (d->stopping) {
        close_handles(d);
        return;
    }
    int64_t now = clock_mono_us();
    int64_t due = d->began_mono_us + device_health_wait_us(&d->health);
    (void)uv_timer_start(&d->timer, on_timer, due <= now ? 0 : (uint64_t)((due - now) / 1000 + 1), 0);
}

/* ---- the source ---- */

static enum status source_start(struct source *base, struct error *err) {
    struct modbus_source *s = (struct modbus_source *)base;
    for (uint32_t i = 0; i < s->n_devices; i++) {
        struct device *d = &s->devices[i];
        int rc = uv_async_init(base->host.loop, &d->ended, on_job_ended);
        if (rc != 0) {
            return error_set(err, ERR_INTERNAL, "modbus", "%s", uv_strerror(rc));
        }
        (void)uv_timer_init(base->host.loop, &d->timer);
        d->ended.data = d;
        d->timer.data = d;
        d->open = true;
        (void)uv_timer_start(&d->timer, on_timer, 0, 0);
    }
    return OK;
}

static void source_stop(struct source *base) {
    struct modbus_source *s = (struct modbus_source *)base;
    for (uint32_t i = 0; i < s->n_devices; i++) {
        struct device *d = &s->devices[i];
        d->stopping = true;
        atomic_store(&d->job.cancel, true);
        if (!d->running) {
            close_handles(d);
        }
    }
}

static struct device *device_of(struct modbus_source *s, uint32_t tag, uint32_t *ret_i) {
    for (uint32_t n = 0; n < s->n_devices; n++) {
        *ret_i = place_of(&s->devices[n], tag);
        if (*ret_i < s->devices[n].cfg->n_tags) {
            return &s->devices[n];
        }
    }
    return NULL;
}

static enum status source_write(struct source *base, const struct source_write *w, struct error *err) {
    uint32_t i = 0;
    struct device *d = device_of((struct modbus_source *)base, w->tag, &i);
    if (d == NULL) {
        return ERR_NOT_FOUND;
    }
    const struct modbus_tag *t = &d->cfg->tags[i];
    if (!t->writable) {
        return error_set(err, ERR_UNSUPPORTED, "tag", "it cannot be written");
    }
    if (d->stopping) {
        return error_set(err, ERR_UNAVAILABLE, "gateway", "the gateway stops");
    }
    uint16_t words[MODBUS_WORDS_MAX];
    enum status st = modbus_encode(&d->cfg->points[i], (w->value - t->offset) / t->scale, words, err);
    if (st != OK) {
        return st;
    }
    if (d->n_writes == WRITES_MAX) {
        return error_set(err, ERR_FULL, "device", "%d writes wait for it", WRITES_MAX);
    }
    d->writes[d->n_writes++] = *w;
    if (!d->running) {
        go_on(d);
    }
    return OK;
}

static bool source_is_done(const struct source *base) {
    (void)base;
    return false;
}

static void source_free(struct source *base) {
    struct modbus_source *s = (struct modbus_source *)base;
    for (uint32_t i = 0; i < s->n_devices; i++) {
        struct device *d = &s->devices[i];
        modbus_io_free(&d->io);
        modbus_job_done(&d->job);
        modbus_plan_done(&d->plan);
        free(d->tags);
        free(d->reports);
        free(d->told);
    }
    free(s->devices);
    free(s);
}

static enum status open_device(struct modbus_source *s, struct device *d, const struct modbus_device *cfg,
                               struct error *err) {
    const struct source_host *host = &s->base.host;
    d->source = s;
    d->cfg = cfg;
    device_health_init(&d->health, cfg->failures, cfg->poll_ms * INT64_C(1000),
                       cfg->retry_s * INT64_C(1000000));
    enum status st = modbus_plan_init(&d->plan, cfg->points, cfg->n_tags, &cfg->limits, err);
    st = st == OK ? modbus_job_init(&d->job, &d->plan, err) : st;
    st = st == OK ? modbus_io_new(cfg->host, cfg->port, cfg->unit, cfg->timeout_ms, &d->io, err) : st;
    st = st == OK ? host->define_device(host->ctx, cfg->name, &d->handle, err) : st;
    if (st != OK) {
        return st;
    }
    d->tags = calloc(cfg->n_tags, sizeof *d->tags);
    d->reports = calloc(cfg->n_tags, sizeof *d->reports);
    d->told = calloc(d->plan.n_reads, sizeof *d->told);
    if (d->tags == NULL || d->reports == NULL || d->told == NULL) {
        return error_set(err, ERR_NOMEM, "modbus", "no memory");
    }
    for (uint32_t i = 0; st == OK && i < cfg->n_tags; i++) {
        st = host->define(host->ctx, &cfg->tags[i].def, &d->tags[i], err);
    }
    return st;
}

static const struct source_ops ops = {.start = source_start,
                                      .stop = source_stop,
                                      .write = source_write,
                                      .is_done = source_is_done,
                                      .free = source_free};

static enum status source_open(const void *settings, const struct source_host *host, struct source **ret,
                               struct error *err) {
    const struct modbus_config *cfg = settings;
    struct modbus_source *s = calloc(1, sizeof *s);
    struct device *devices = calloc(cfg->n_devices, sizeof *devices);
    if (s == NULL || devices == NULL) {
        free(s);
        free(devices);
        return error_set(err, ERR_NOMEM, "modbus", "no memory");
    }
    *s = (struct modbus_source){
        .base = {.ops = &ops, .host = *host}, .n_devices = cfg->n_devices, .devices = devices};
    enum status st = OK;
    for (uint32_t i = 0; st == OK && i < cfg->n_devices; i++) {
        st = open_device(s, &devices[i], &cfg->devices[i], err);
    }
    if (st != OK) {
        source_free(&s->base);
        return st;
    }
    *ret = &s->base;
    return OK;
}

const struct source_kind modbus_source_kind = {
    .name = "modbus", .read = modbus_config_read, .open = source_open};
