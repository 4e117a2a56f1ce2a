#include "server/app/auditor.h"

#include "server/app/audit_export.h"
#include "server/app/audit_key.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/export/file_sink.h"
#include "server/export/syslog_sink.h"
#include "server/export/syslog_text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A thread, and what it told last. */
struct worker {
    struct auditor *owner;
    const char *name;
    struct audit_export *export; /* NULL: it seals */
    uv_thread_t thread;
    _Atomic(struct audit_report *) box; /* from the thread to the loop, who takes it frees it */
    atomic_bool ended;
    struct audit_report seen; /* the loop's */
    bool has_told;
    int64_t bad_since_us; /* 0: it does its work */
};

struct auditor {
    void *ctx;
    void (*reported)(void *ctx);
    uv_async_t async;
    atomic_bool stop;
    int stop_fd; /* readable when the threads are to end */
    char host[SYSLOG_HOST_MAX + 1];
    struct point_key *key;
    struct audit_seal seal;
    struct file_sink *file;
    struct syslog_sink *syslog;
    struct audit_export exports[AUDITOR_EXPORTS_MAX];
    struct worker workers[1 + AUDITOR_EXPORTS_MAX];
    uint32_t n_exports;
    uint32_t n_running;
    bool closing;
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

/* --- the threads --- */

static uint32_t turn(struct worker *w, struct audit_report *report) {
    return w->export == NULL ? audit_seal_turn(&w->owner->seal, clock_wall_us(), report)
                             : audit_export_turn(w->export, clock_wall_us(), clock_mono_us(), report);
}

/* Without memory the loop hears of it at the next turn. */
static void tell(struct worker *w, const struct audit_report *report) {
    struct audit_report *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = *report;
        free(atomic_exchange(&w->box, copy));
        (void)uv_async_send(&w->owner->async);
    }
}

static bool is_to_end(const struct worker *w, uint32_t wait_ms) {
    struct pollfd fd = {.fd = w->owner->stop_fd, .events = POLLIN};
    return poll(&fd, 1, (int)wait_ms) > 0 || atomic_load(&w->owner->stop);
}

static void run(void *arg) {
    struct worker *w = arg;
    struct audit_report report = {0};
    uint32_t wait_ms = 0;
    while (!is_to_end(w, wait_ms)) {
        wait_ms = turn(w, &report);
        tell(w, &report);
    }
    atomic_store(&w->ended, true);
    (void)uv_async_send(&w->owner->async);
}

/* --- the loop --- */

static void log_change(const struct worker *w, const struct audit_report *now) {
    if (now->breaks != w->seen.breaks) {
        log_event(LOG_ERROR, "audit.broken", "where=%s text=%s", LOG_Q(slice_str(now->broken.where)),
                  LOG_Q(slice_str(now->broken.text)));
    }
    bool was_bad = w->seen.err.code != OK;
    bool is_bad = now->err.code != OK;
    if (is_bad && (!was_bad || strcmp(w->seen.err.text, now->err.text) != 0)) {
        log_event(LOG_WARN, w->export == NULL ? "audit.not_sealed" : "audit.not_exported",
                  "name=%s where=%s text=%s", w->name, LOG_Q(slice_str(now->err.where)),
                  LOG_Q(slice_str(now->err.text)));
    } else if (!is_bad && was_bad) {
        log_event(LOG_INFO, w->export == NULL ? "audit.sealed_again" : "audit.exported_again",
                  "name=%s pos=%lld", w->name, (long long)now->pos);
    }
}

static void on_closed(uv_handle_t *handle) {
    struct auditor *a = handle->data;
    a->on_stopped(a->stopped_ctx);
}

static void close_when_ended(struct auditor *a) {
    for (uint32_t i = 0; i < a->n_running; i++) {
        if (!atomic_load(&a->workers[i].ended)) {
            return;
        }
    }
    if (a->on_stopped == NULL || a->closing) {
        return;
    }
    a->closing = true;
    for (uint32_t i = 0; i < a->n_running; i++) {
        int rc = uv_thread_join(&a->workers[i].thread);
        CHECK(rc == 0);
    }
    a->n_running = 0;
    uv_close((uv_handle_t *)&a->async, on_closed);
}

static void take_report(struct worker *w) {
    struct audit_report *report = atomic_exchange(&w->box, NULL);
    if (report == NULL) {
        return;
    }
    log_change(w, report);
    if (report->err.code == OK) {
        w->bad_since_us = 0;
    } else if (w->bad_since_us == 0) {
        w->bad_since_us = clock_wall_us();
    }
    w->seen = *report;
    w->has_told = true;
    free(report);
}

static void on_async(uv_async_t *async) {
    struct auditor *a = async->data;
    for (uint32_t i = 0; i < a->n_running; i++) {
        take_report(&a->workers[i]);
    }
    if (!atomic_load(&a->stop)) {
        a->reported(a->ctx);
    }
    close_when_ended(a);
}

void auditor_start(struct auditor *a) {
    CHECK(a->n_running == 0);
    for (uint32_t i = 0; i < 1 + a->n_exports; i++) {
        struct worker *w = &a->workers[i];
        if (uv_thread_create(&w->thread, run, w) != 0) {
            log_event(LOG_ERROR, "audit.not_started", "name=%s text=\"the system gives no thread\"", w->name);
            return;
        }
        a->n_running++;
    }
}

void auditor_status(const struct auditor *a, struct auditor_status *ret) {
    *ret = (struct auditor_status){
        .signs = a->key != NULL, .seal = a->workers[0].seen, .n_exports = a->n_exports};
    for (uint32_t i = 0; i < a->n_exports; i++) {
        ret->exports[i].name = a->workers[1 + i].name;
        ret->exports[i].report = a->workers[1 + i].seen;
    }
}

bool auditor_behind(const struct auditor *a, int64_t now_us, int64_t *ret_us) {
    int64_t worst_us = 0;
    for (uint32_t i = 0; i < 1 + a->n_exports; i++) {
        const struct worker *w = &a->workers[i];
        int64_t since_us = w->export == NULL ? w->bad_since_us : w->seen.waiting_since_us;
        if (!w->has_told) {
            return false;
        }
        worst_us = since_us != 0 && now_us - since_us > worst_us ? now_us - since_us : worst_us;
    }
    *ret_us = worst_us;
    return true;
}

void auditor_stop(struct auditor *a, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(a->on_stopped == NULL);
    a->on_stopped = on_stopped;
    a->stopped_ctx = ctx;
    atomic_store(&a->stop, true);
    static const uint64_t one = 1;
    ssize_t n = write(a->stop_fd, &one, sizeof one);
    CHECK(n == (ssize_t)sizeof one);
    close_when_ended(a);
}

/* --- making --- */

static enum status send_to_file(void *ctx, struct slice text, struct error *err) {
    return file_sink_write(ctx, text, err);
}

static enum status send_to_syslog(void *ctx, struct slice text, struct error *err) {
    return syslog_sink_send(ctx, text, err);
}

static enum status confirm_syslog(void *ctx, struct error *err) {
    return syslog_sink_confirm(ctx, err);
}

static void drop_syslog(void *ctx) {
    syslog_sink_drop(ctx);
}

static void add_export(struct auditor *a, const struct auditor_config *cfg, const struct audit_sink *sink) {
    struct audit_export *e = &a->exports[a->n_exports];
    struct worker *w = &a->workers[1 + a->n_exports];
    a->n_exports++;
    *e = (struct audit_export){
        .conninfo = cfg->conninfo, .sink = *sink, .host = a->host, .pid = getpid(), .stop = &a->stop};
    audit_export_init(e);
    w->owner = a;
    w->name = sink->name;
    w->export = e;
}

static enum status make_file(struct auditor *a, const struct auditor_config *cfg, struct error *err) {
    if (cfg->file[0] == '\0') {
        return OK;
    }
    enum status status = file_sink_new(cfg->file, &a->file, err);
    if (status == OK) {
        add_export(a, cfg,
                   &(struct audit_sink){
                       .name = "file", .format = AUDIT_LINES, .ctx = a->file, .send = send_to_file});
    }
    return status;
}

static enum status make_syslog(struct auditor *a, const struct auditor_config *cfg, struct error *err) {
    if (cfg->host[0] == '\0') {
        return OK;
    }
    struct syslog_sink_config sink = {.host = cfg->host,
                                      .port = cfg->port,
                                      .ca_file = cfg->ca_file,
                                      .cert_file = cfg->cert_file[0] == '\0' ? NULL : cfg->cert_file,
                                      .key_file = cfg->cert_key_file[0] == '\0' ? NULL : cfg->cert_key_file,
                                      .stop = &a->stop};
    enum status status = syslog_sink_new(&sink, &a->syslog, err);
    if (status == OK) {
        add_export(a, cfg,
                   &(struct audit_sink){.name = "syslog",
                                        .format = AUDIT_SYSLOG,
                                        .ctx = a->syslog,
                                        .send = send_to_syslog,
                                        .confirm = confirm_syslog,
                                        .drop = drop_syslog});
    }
    return status;
}

enum status auditor_new(const struct auditor_config *cfg, struct auditor **ret, struct error *err) {
    struct auditor *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return error_set(err, ERR_NOMEM, "audit", "no memory");
    }
    if (gethostname(a->host, sizeof a->host - 1) != 0) {
        a->host[0] = '\0';
    }
    a->ctx = cfg->ctx;
    a->reported = cfg->reported;
    a->stop_fd = eventfd(0, EFD_CLOEXEC);
    enum status status = a->stop_fd >= 0 ? OK : error_set(err, ERR_IO, "audit", "%s", strerrordesc_np(errno));
    if (status == OK && cfg->key_file[0] != '\0') {
        status = audit_key_read(cfg->key_file, &a->key, err);
    }
    a->seal = (struct audit_seal){.conninfo = cfg->conninfo, .key = a->key, .stop = &a->stop};
    a->workers[0] = (struct worker){.owner = a, .name = "seal"};
    status = status == OK ? make_file(a, cfg, err) : status;
    status = status == OK ? make_syslog(a, cfg, err) : status;
    if (status != OK) {
        auditor_free(&a);
        return status;
    }
    int rc = uv_async_init(cfg->loop, &a->async, on_async);
    CHECK(rc == 0);
    a->async.data = a;
    *ret = a;
    return OK;
}

void auditor_free(struct auditor **auditor) {
    struct auditor *a = *auditor;
    if (a == NULL) {
        return;
    }
    CHECK(a->n_running == 0);
    audit_seal_done(&a->seal);
    for (uint32_t i = 0; i < a->n_exports; i++) {
        audit_export_done(&a->exports[i]);
    }
    for (uint32_t i = 0; i < 1 + AUDITOR_EXPORTS_MAX; i++) {
        free(atomic_load(&a->workers[i].box));
    }
    file_sink_free(&a->file);
    syslog_sink_free(&a->syslog);
    point_key_free(&a->key);
    if (a->stop_fd >= 0) {
        (void)close(a->stop_fd);
    }
    free(a);
    *auditor = NULL;
}
