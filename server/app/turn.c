#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <stdlib.h>

int64_t app_now_us(struct app *a) {
    return now_update(&a->now, clock_wall_us(), clock_mono_us());
}

int64_t app_future_us(const struct app *a, int64_t clock_error_us) {
    return a->opts.link.limits.future_s * TM_SECOND_US + clock_error_us;
}

void app_keep_record(struct app *a, const struct alarm_record *r) {
    if (a->n_records == a->cap_records) {
        uint32_t cap = a->cap_records == 0 ? 1024 : a->cap_records * 2;
        struct alarm_record *v = realloc(a->records, cap * sizeof *v);
        /* A transition that cannot be kept would be lost; a restart restores the last durable state instead.
         */
        CHECK(v != NULL);
        a->records = v;
        a->cap_records = cap;
    }
    a->records[a->n_records++] = *r;
}

static void on_effect(void *ctx, const struct effect *e) {
    struct app *a = ctx;
    switch (e->kind) {
    case EFFECT_RECORD:
        app_keep_record(a, &e->record);
        if (a->spool != NULL) {
            spool_add(a->spool, &e->record);
        }
        return;
    case EFFECT_REPLY:
        requests_effect(a, e);
        return;
    case EFFECT_SILENCE:
        api_silence(a->api, e->silence.position);
        return;
    }
}

struct effect_sink app_sink(struct app *a) {
    return (struct effect_sink){.ctx = a, .emit = on_effect};
}

void app_apply(struct app *a, const struct event *event) {
    core_apply(a->core, event, app_now_us(a), app_sink(a));
}

void app_tell_server(struct app *a, enum server_alarm which, uint8_t level, double value, double limit) {
    uint32_t alarm = a->model->server_own[which];
    a->own_levels[which] = level;
    if (alarm != MODEL_NONE) {
        app_apply(
            a, &(struct event){.kind = EVENT_SERVER,
                               .server = {.alarm = alarm, .level = level, .value = value, .limit = limit}});
    }
}

/* Operator's position of a record's alarm; empty once it left the configuration. */
static struct slice position_of(const struct app *a, const struct alarm_record *r) {
    if (r->alarm == MODEL_NONE) {
        return slice_of(NULL, 0);
    }
    uint32_t position = a->model->alarms[r->alarm].position;
    return position < a->model->n_positions ? a->model->positions[position] : slice_of(NULL, 0);
}

/* Alarm transitions go to the journal and to every screen, in the order in which they happened. What the
 * store has no room for stays here, in order; meanwhile route.c takes no further records. */
static void route_records(struct app *a) {
    uint32_t sent = 0;
    bool was_full = a->n_records >= APP_RECORDS_MAX;
    while (sent < a->n_records &&
           store_journal(a->store, &a->records[sent], position_of(a, &a->records[sent])) == OK) {
        api_alarm(a->api, &a->records[sent]);
        sent++;
    }
    if (sent < a->n_records && sent > 0) {
        memmove(a->records, a->records + sent, (a->n_records - sent) * sizeof *a->records);
    }
    a->n_records -= sent;
    if (was_full && a->n_records < APP_RECORDS_MAX) {
        link_resume(a->link); /* it was told ERR_FULL, and nothing else would tell it to go on */
    }
}

static uint32_t on_take(void *ctx, uint32_t first, struct alarm_accumulator *ret, uint32_t max) {
    const struct app *a = ctx;
    return core_accumulators(a->core, first, ret, max);
}

static void on_checkpoint(void *ctx, const struct alarm_accumulator *v, uint32_t n, int64_t at_us) {
    struct app *a = ctx;
    store_checkpoint(a->store, v, n, at_us);
}

struct app_checkpoint_host app_checkpoint_host(struct app *a) {
    return (struct app_checkpoint_host){.ctx = a, .take = on_take, .store = on_checkpoint};
}

static void route_changes(struct app *a) {
    static const uint32_t most = APP_CHANGED_MAX;
    uint32_t tags[APP_CHANGED_MAX];
    uint32_t n = 0;
    do {
        n = core_take_changed(a->core, tags, most);
        api_tags_changed(a->api, tags, n);
    } while (n == most);
}

static void on_wake(uv_timer_t *timer) {
    (void)timer; /* turn_end, which follows, does what is due */
}

static void arm_wake(struct app *a, int64_t now_us) {
    int64_t due = core_next_wake(a->core);
    if (due == INT64_MAX) {
        (void)uv_timer_stop(&a->wake);
        return;
    }
    int64_t wait_us = due > now_us ? due - now_us : 0;
    uint64_t wait_ms = (uint64_t)(wait_us > TM_HOUR_US ? TM_HOUR_US : wait_us + 999) / 1000;
    uv_update_time(&a->loop);
    int rc = uv_timer_start(&a->wake, on_wake, wait_ms, 0);
    CHECK(rc == 0);
}

static void measure_lag(struct app *a, int64_t mono_us) {
    int64_t lag = mono_us - a->turn_mono_us;
    a->lag_worst_us = lag > a->lag_worst_us ? lag : a->lag_worst_us;
    if (mono_us - a->lag_since_mono_us > 10 * TM_SECOND_US) {
        a->lag_shown_us = a->lag_worst_us;
        a->lag_worst_us = 0;
        a->lag_since_mono_us = mono_us;
    }
}

/* What happens once per loop turn, in this order. The callbacks before it only turned the outside into
 * events. */
void turn_end(struct app *a) {
    int64_t now_us = app_now_us(a);
    int64_t mono_us = clock_mono_us();
    if (a->core != NULL && !a->stopping) {
        /* 1. What is due by now, before effects are routed, so that it travels with them. */
        if (core_next_wake(a->core) <= now_us) {
            app_apply(a, &(struct event){.kind = EVENT_TIME});
        }
        /* 2. Transitions to the journal and the screens. */
        route_records(a);
        struct app_checkpoint_host host = app_checkpoint_host(a);
        app_checkpoint_turn(&a->checkpoint, &host, core_accumulator_changes(a->core), now_us, mono_us);
    }
    if (!a->stopping) {
        /* 3. Durability first: submit what waits. Its commit comes back as an event. */
        store_turn_end(a->store);
        /* 4. Acknowledgements to gateways: only for what such an event named. */
        link_turn_end(a->link);
        requests_overdue(a, mono_us);
        spool_watch_turn(a, mono_us);
        /* 5. The live picture: after everything of this turn, so that a turn costs one push. */
        if (a->core != NULL) {
            route_changes(a);
            arm_wake(a, now_us);
        }
        api_turn_end(a->api, now_us, mono_us);
    }
    /* 6. How long this turn kept everybody waiting. */
    measure_lag(a, clock_mono_us());
}
