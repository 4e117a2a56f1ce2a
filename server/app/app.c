#include "server/app/app.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADAPTERS = 6, STOP_COMMIT_MS = 5000, TICK_MS = 100 };

static void on_prepare(uv_prepare_t *handle) {
    turn_end(handle->data);
}

/* The loop has been waiting until here: what follows is the turn's own work. */
static void on_check(uv_check_t *handle) {
    struct app *a = handle->data;
    a->turn_mono_us = clock_mono_us();
}

static void on_tick(uv_timer_t *handle) {
    (void)handle; /* its only use is that a turn takes place */
}

static void on_signal(uv_signal_t *handle, int number) {
    struct app *a = handle->data;
    log_event(LOG_INFO, "server.stopping", "signal=%d", number);
    app_stop(a, 0);
}

static void on_hup(uv_signal_t *handle, int number) {
    struct app *a = handle->data;
    struct error err = {0};
    log_event(LOG_INFO, "server.reloading", "signal=%d", number);
    (void)!link_reload(a->link, &err); /* it tells what is wrong */
}

static void init_handles(struct app *a) {
    int rc = uv_loop_init(&a->loop);
    CHECK(rc == 0);
    rc = uv_prepare_init(&a->loop, &a->prepare);
    CHECK(rc == 0);
    rc = uv_check_init(&a->loop, &a->check);
    CHECK(rc == 0);
    rc = uv_timer_init(&a->loop, &a->wake);
    CHECK(rc == 0);
    rc = uv_timer_init(&a->loop, &a->tick);
    CHECK(rc == 0);
    rc = uv_signal_init(&a->loop, &a->sigterm);
    CHECK(rc == 0);
    rc = uv_signal_init(&a->loop, &a->sigint);
    CHECK(rc == 0);
    rc = uv_signal_init(&a->loop, &a->sighup);
    CHECK(rc == 0);
    a->prepare.data = a;
    a->check.data = a;
    a->wake.data = a;
    a->tick.data = a;
    a->sigterm.data = a;
    a->sigint.data = a;
    a->sighup.data = a;
}

static enum status init_store(struct app *a, struct error *err) {
    size_t n = 0;
    const struct alarm_record *left = a->spool == NULL ? NULL : spool_left(a->spool, &n);
    struct store_config cfg = {
        .loop = &a->loop,
        .conninfo = a->opts.db,
        .migrations_dir = a->opts.migrations,
        .path = a->opts.store_path,
        .limit_bytes = (int64_t)a->opts.store_limit_gib << 30,
        .tail_from = n == 0 ? 0 : left[0].seq,
        .tail_to = n == 0 ? 0 : left[n - 1].seq,
        /* 0 is the store's word for its default: as soon as can be is 1 */
        .pack_after_us = a->opts.pack_after_s == 0 ? 1 : (int64_t)a->opts.pack_after_s * TM_SECOND_US,
        .keep_raw_us = a->opts.keep_raw_h == 0 ? 1 : (int64_t)a->opts.keep_raw_h * 3600 * TM_SECOND_US};
    struct store_host host = route_store_host(a);
    return store_new(&cfg, &host, &a->store, err);
}

static enum status init_link(struct app *a, struct error *err) {
    struct link_config cfg = {
        .loop = &a->loop,
        .address = a->opts.link.address,
        .port = a->opts.link.port,
        .ca_file = a->opts.link.ca,
        .cert_file = a->opts.link.cert,
        .key_file = a->opts.link.key,
        .crl_file = a->opts.link.crl[0] == '\0' ? NULL : a->opts.link.crl,
        .ca_key_file = a->opts.link.ca_key[0] == '\0' ? NULL : a->opts.link.ca_key,
        .sessions_max = a->opts.link.sessions_max,
        .backlog_rate = a->opts.link.backlog_rate,
        .limits = &a->opts.link.limits,
        .mutant_ack_before_commit = a->opts.mutant_ack_before_commit,
    };
    struct link_host host = route_link_host(a);
    return link_new(&cfg, &host, &a->link, err);
}

static enum status init_api(struct app *a, struct error *err) {
    struct api_config cfg = {
        .loop = &a->loop,
        .address = a->opts.web.address,
        .port = a->opts.web.port,
        .cert_file = a->opts.web.cert,
        .key_file = a->opts.web.key,
        .web_dir = a->opts.web.dir,
        .origins = a->opts.web.origins,
        .build = PENSTOCK_VERSION,
        .password_mib = a->opts.web.password_mib,
    };
    struct api_host host = route_api_host(a);
    return api_new(&cfg, &host, &a->api, err);
}

static enum status init_backtests(struct app *a, struct error *err) {
    a->past = (struct backtest_history){.conninfo = a->opts.db};
    struct backtest_jobs_config cfg = {
        .loop = &a->loop, .source = backtest_history_source(&a->past), .now_us = a->started_us};
    enum status status = backtest_jobs_new(&cfg, &a->backtests, err);
    a->past.stop = status == OK ? backtest_jobs_borrow_stop(a->backtests) : NULL;
    return status;
}

static enum status init_auditor(struct app *a, struct error *err) {
    const struct auditor_config cfg = {.loop = &a->loop,
                                       .ctx = a,
                                       .reported = audit_watch_on_report,
                                       .conninfo = a->opts.db,
                                       .key_file = a->opts.audit_key,
                                       .file = a->opts.audit_file,
                                       .host = a->opts.syslog.host,
                                       .port = a->opts.syslog.port,
                                       .ca_file = a->opts.syslog.ca,
                                       .cert_file = a->opts.syslog.cert,
                                       .cert_key_file = a->opts.syslog.key};
    return auditor_new(&cfg, &a->auditor, err);
}

/* Scripts and tests that asked for port 0 learn here what they got. Written whole or not at all. */
static enum status write_ports(const struct app *a, struct error *err) {
    if (a->opts.ports_file[0] == '\0') {
        return OK;
    }
    char part[OPTS_TEXT_SIZE + 8];
    (void)snprintf(part, sizeof part, "%s.part", a->opts.ports_file);
    FILE *file = fopen(part, "we");
    if (file == NULL) {
        return error_set(err, ERR_IO, "/ports_file", "%s cannot be written: %s", part,
                         strerrordesc_np(errno));
    }
    int n = fprintf(file, "{\"link\":%u,\"web\":%u}\n", link_port(a->link), api_port(a->api));
    bool bad = n < 0;
    bad = fclose(file) != 0 || bad;
    if (bad || rename(part, a->opts.ports_file) != 0) {
        return error_set(err, ERR_IO, "/ports_file", "%s cannot be written: %s", a->opts.ports_file,
                         strerrordesc_np(errno));
    }
    return OK;
}

enum status app_init(struct app *a, const struct opts *opts, struct error *err) {
    *a = (struct app){.opts = *opts, .store_state = STORE_AWAY};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN); /* until app_run: what it asks for is being done */
    now_init(&a->now, clock_wall_us(), clock_mono_us());
    a->started_us = a->now.time_us;
    a->lag_since_mono_us = clock_mono_us();
    a->turn_mono_us = a->lag_since_mono_us;
    (void)error_set(&a->store_error, ERR_UNAVAILABLE, "store", "starting");
    init_handles(a);
    a->samples = calloc(APP_SAMPLES_MAX, sizeof *a->samples);
    a->stored = calloc(APP_SAMPLES_MAX, sizeof *a->stored);
    if (a->samples == NULL || a->stored == NULL) {
        return error_set(err, ERR_NOMEM, "start", "no memory for %d samples", APP_SAMPLES_MAX);
    }
    enum status status = OK;
    if (a->opts.spool[0] != '\0') {
        status = spool_open(a->opts.spool, &a->spool, err);
    }
    status = status == OK ? init_api(a, err) : status;
    status = status == OK ? init_link(a, err) : status;
    status = status == OK ? init_store(a, err) : status;
    if (status == OK) {
        certificates_read(a);
    }
    status = status == OK ? init_backtests(a, err) : status;
    status = status == OK ? keeping_new(&a->loop, a->opts.db, &a->keeping, err) : status;
    status = status == OK ? init_auditor(a, err) : status;
    return status == OK ? write_ports(a, err) : status;
}

int app_run(struct app *a) {
    int rc = uv_prepare_start(&a->prepare, on_prepare);
    CHECK(rc == 0);
    rc = uv_check_start(&a->check, on_check);
    CHECK(rc == 0);
    rc = uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
    CHECK(rc == 0);
    rc = uv_signal_start(&a->sigterm, on_signal, SIGTERM);
    CHECK(rc == 0);
    rc = uv_signal_start(&a->sigint, on_signal, SIGINT);
    CHECK(rc == 0);
    rc = uv_signal_start(&a->sighup, on_hup, SIGHUP);
    CHECK(rc == 0);
    log_event(LOG_INFO, "server.started", "version=%s link=%s:%u web=https://%s:%u", PENSTOCK_VERSION,
              a->opts.link.address, link_port(a->link), a->opts.web.address, api_port(a->api));
    (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    log_event(LOG_INFO, "server.stopped", "code=%d", a->exit_code);
    return a->exit_code;
}

static void on_adapter_stopped(void *ctx) {
    struct app *a = ctx;
    a->stopped++;
    if (a->stopped == ADAPTERS) {
        uv_close((uv_handle_t *)&a->prepare, NULL);
    }
}

/* Gateways and browsers first, so that nothing new comes; the store last commits what waits. */
void app_stop(struct app *a, int exit_code) {
    if (a->stopping) {
        return;
    }
    a->exit_code = exit_code;
    if (a->core != NULL) {
        turn_end(a);
        struct app_checkpoint_host host = app_checkpoint_host(a);
        app_checkpoint_now(&a->checkpoint, &host, app_now_us(a));
    }
    a->stopping = true;
    uv_close((uv_handle_t *)&a->check, NULL);
    uv_close((uv_handle_t *)&a->wake, NULL);
    uv_close((uv_handle_t *)&a->tick, NULL);
    uv_close((uv_handle_t *)&a->sigterm, NULL);
    uv_close((uv_handle_t *)&a->sigint, NULL);
    uv_close((uv_handle_t *)&a->sighup, NULL);
    link_stop(a->link, on_adapter_stopped, a);
    api_stop(a->api, on_adapter_stopped, a);
    backtest_jobs_stop(a->backtests, on_adapter_stopped, a);
    keeping_stop(a->keeping, on_adapter_stopped, a);
    auditor_stop(a->auditor, on_adapter_stopped, a);
    store_stop(a->store, STOP_COMMIT_MS, on_adapter_stopped, a);
}

/* What the database has not got by now stays on this disk for the next start. */
static void close_spool(struct app *a) {
    struct error err;
    if (a->spool != NULL && spool_sync(a->spool, &err) != OK) {
        log_event(LOG_ERROR, "spool.failed", "where=%s text=%s", LOG_Q(slice_str(err.where)),
                  LOG_Q(slice_str(err.text)));
    }
    spool_close(&a->spool);
}

void app_done(struct app *a) {
    store_free(&a->store);
    link_free(&a->link);
    api_free(&a->api);
    backtest_jobs_free(&a->backtests);
    keeping_free(&a->keeping);
    auditor_free(&a->auditor);
    core_free(&a->core);
    model_free(&a->model);
    config_set_free(&a->config);
    free(a->change);
    free(a->issued);
    for (uint32_t i = 0; i < a->n_requests; i++) {
        free(a->requests[i].v);
    }
    close_spool(a);
    app_checkpoint_done(&a->checkpoint);
    free(a->records);
    free(a->samples);
    free(a->stored);
    quarantine_done(a);
    (void)uv_loop_close(&a->loop);
}
