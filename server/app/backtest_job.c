#include "server/app/backtest_job.h"

#include "server/app/backtest_build.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/config/what_if_json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct job {
    uint64_t id; /* 0: this place is free */
    enum backtest_state state;
    int64_t created_us;
    int64_t finished_us;
    struct backtest_period period;
    uint32_t n_items;
    char actor[USER_NAME_SIZE];
    char name[MODEL_NAME_MAX + 1];
    char suggest[MODEL_NAME_MAX + 1];
    struct what_if *w; /* until it is over */
    struct buf report;
    struct error err;
    enum status status; /* the thread's; read when it is gone */
};

struct backtest_jobs {
    uv_loop_t *loop;
    struct backtest_source source;
    struct job jobs[BACKTEST_KEPT_MAX];
    struct backtest_status rows[BACKTEST_KEPT_MAX]; /* lent */
    uint64_t newest;
    uv_async_t done;
    uv_thread_t thread;
    struct job *running; /* the thread has it */
    atomic_bool cancel;
    atomic_uint progress; /* in millionths */
    bool stopping;
    void (*on_stopped)(void *ctx);
    void *stop_ctx;
};

static bool is_over(const struct job *j) {
    return j->state == BACKTEST_DONE || j->state == BACKTEST_CANCELLED || j->state == BACKTEST_FAILED;
}

static void job_done(struct job *j) {
    what_if_free(&j->w);
    buf_done(&j->report);
    *j = (struct job){0};
}

/* --- the thread */

static bool on_go_on(void *ctx, double progress) {
    struct backtest_jobs *jobs = ctx;
    atomic_store(&jobs->progress, (unsigned)(progress * 1e6)); /* from 0 to 1 */
    return !atomic_load(&jobs->cancel);
}

static void work(void *arg) {
    struct backtest_jobs *jobs = arg;
    struct job *j = jobs->running;
    /* On Linux this is about the calling thread alone. If it is refused, the thread is only less polite. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BACKTEST_NICE);
    const struct backtest_watch watch = {.ctx = jobs, .go_on = on_go_on};
    const struct backtest_report *report = NULL;
    struct backtest *bt = NULL;
    j->status = backtest_run(j->w, &j->period, &jobs->source, &watch, &bt, &report, &j->err);
    if (j->status == OK) {
        what_if_json(j->w, report, &j->report);
        j->status = buf_status(&j->report, &j->err);
    }
    backtest_free(&bt);
    (void)uv_async_send(&jobs->done);
}

static struct job *first_waiting(struct backtest_jobs *jobs) {
    struct job *first = NULL;
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        struct job *j = &jobs->jobs[i];
        if (j->id != 0 && j->state == BACKTEST_WAITING && (first == NULL || j->id < first->id)) {
            first = j;
        }
    }
    return first;
}

static void finish(struct job *j, enum backtest_state state, int64_t now_us) {
    j->state = state;
    j->finished_us = now_us;
    what_if_free(&j->w);
    if (state != BACKTEST_DONE) {
        buf_done(&j->report);
    }
    log_event(LOG_INFO, "backtest.over", "id=%llu state=%s text=%s", (unsigned long long)j->id,
              backtest_state_name(state), LOG_Q(slice_str(state == BACKTEST_FAILED ? j->err.text : "")));
}

static void start_next(struct backtest_jobs *jobs) {
    struct job *j = jobs->stopping || jobs->running != NULL ? NULL : first_waiting(jobs);
    if (j == NULL) {
        return;
    }
    atomic_store(&jobs->cancel, false);
    atomic_store(&jobs->progress, 0);
    j->state = BACKTEST_RUNNING;
    jobs->running = j;
    if (uv_thread_create(&jobs->thread, work, jobs) != 0) {
        jobs->running = NULL;
        (void)error_set(&j->err, ERR_NOMEM, "backtest", "the system gives no thread");
        finish(j, BACKTEST_FAILED, j->created_us);
    }
}

static void on_closed(uv_handle_t *handle) {
    struct backtest_jobs *jobs = handle->data;
    jobs->on_stopped(jobs->stop_ctx);
}

static void on_done(uv_async_t *async) {
    struct backtest_jobs *jobs = async->data;
    struct job *j = jobs->running;
    if (j == NULL) {
        return;
    }
    int rc = uv_thread_join(&jobs->thread);
    CHECK(rc == 0);
    jobs->running = NULL;
    bool called_off = j->status != OK && atomic_load(&jobs->cancel);
    finish(j,
           j->status == OK ? BACKTEST_DONE
           : called_off    ? BACKTEST_CANCELLED
                           : BACKTEST_FAILED,
           clock_wall_us());
    start_next(jobs);
    if (jobs->stopping) {
        uv_close((uv_handle_t *)&jobs->done, on_closed);
    }
}

/* --- life */

enum status backtest_jobs_new(const struct backtest_jobs_config *cfg, struct backtest_jobs **ret,
                              struct error *err) {
    struct backtest_jobs *jobs = calloc(1, sizeof *jobs);
    if (jobs == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    jobs->loop = cfg->loop;
    jobs->source = cfg->source;
    jobs->newest = (uint64_t)(cfg->now_us / 1000000);
    int rc = uv_async_init(cfg->loop, &jobs->done, on_done);
    CHECK(rc == 0);
    jobs->done.data = jobs;
    *ret = jobs;
    return OK;
}

const atomic_bool *backtest_jobs_borrow_stop(const struct backtest_jobs *jobs) {
    return &jobs->cancel;
}

void backtest_jobs_stop(struct backtest_jobs *jobs, void (*on_stopped)(void *ctx), void *ctx) {
    jobs->stopping = true;
    jobs->on_stopped = on_stopped;
    jobs->stop_ctx = ctx;
    atomic_store(&jobs->cancel, true);
    if (jobs->running == NULL) {
        uv_close((uv_handle_t *)&jobs->done, on_closed);
    }
}

void backtest_jobs_free(struct backtest_jobs **jobs) {
    if (jobs == NULL || *jobs == NULL) {
        return;
    }
    CHECK((*jobs)->running == NULL);
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        job_done(&(*jobs)->jobs[i]);
    }
    free(*jobs);
    *jobs = NULL;
}

/* --- requests */

static struct job *find(struct backtest_jobs *jobs, uint64_t id) {
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        if (id != 0 && jobs->jobs[i].id == id) {
            return &jobs->jobs[i];
        }
    }
    return NULL;
}

/* A free place, or that of the oldest one that is over. There is one: fewer wait than there are places. */
static struct job *take_place(struct backtest_jobs *jobs) {
    struct job *place = NULL;
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        struct job *j = &jobs->jobs[i];
        if (j->id == 0) {
            return j;
        }
        if (is_over(j) && (place == NULL || j->id < place->id)) {
            place = j;
        }
    }
    CHECK(place != NULL);
    job_done(place);
    return place;
}

static uint32_t count_waiting(const struct backtest_jobs *jobs) {
    uint32_t n = 0;
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        n += jobs->jobs[i].id != 0 && jobs->jobs[i].state == BACKTEST_WAITING ? 1 : 0;
    }
    return n;
}

/* What PostgreSQL's library says may name hosts and accounts: that is for the log (finish), not for
 * everybody. */
static const char *error_of(const struct job *j) {
    if (j->state != BACKTEST_FAILED) {
        return "";
    }
    return j->status == ERR_UNAVAILABLE ? "the database does not answer; the server's log says more"
           : j->status == ERR_INTERNAL  ? "the database refuses to be read; the server's log says more"
                                        : j->err.text;
}

static struct backtest_status row_of(const struct backtest_jobs *jobs, const struct job *j) {
    double progress = j->state == BACKTEST_DONE ? 1 : 0;
    if (j == jobs->running) {
        progress = (double)atomic_load(&jobs->progress) / 1e6;
    }
    return (struct backtest_status){.id = j->id,
                                    .state = j->state,
                                    .progress = progress,
                                    .created_us = j->created_us,
                                    .finished_us = j->finished_us,
                                    .from_us = j->period.from_us,
                                    .to_us = j->period.to_us,
                                    .n_items = j->n_items,
                                    .actor = j->actor,
                                    .name = j->name,
                                    .suggest = j->suggest,
                                    .error = error_of(j)};
}

static void answer_one(struct backtest_jobs *jobs, const struct job *j, struct reply *ret) {
    jobs->rows[0] = row_of(jobs, j);
    if (j->state == BACKTEST_DONE) {
        jobs->rows[0].report = buf_slice(&j->report);
    }
    ret->backtests.v = jobs->rows;
    ret->backtests.n = 1;
}

static enum status check_period(const struct request *r, struct error *err) {
    int64_t from_us = r->backtest.from_us;
    int64_t to_us = r->backtest.to_us;
    if (from_us < 0 || from_us >= to_us || to_us > INT64_MAX / 2 ||
        to_us - from_us > BACKTEST_PERIOD_MAX_US) {
        return error_set(err, ERR_INVALID, "from", "must be before \"to\", by a year at most");
    }
    return OK;
}

static void start(struct backtest_jobs *jobs, const struct request *r, const struct config_set *present,
                  int64_t now_us, struct config_fault *faults, struct reply *ret) {
    uint32_t n_faults = 0;
    struct what_if *w = NULL;
    if (jobs->stopping || count_waiting(jobs) == BACKTEST_WAITING_MAX) {
        ret->status =
            error_set(&ret->error, ERR_FULL, "backtest",
                      "%d backtests wait already; try again when one is over", BACKTEST_WAITING_MAX);
        return;
    }
    ret->status = check_period(r, &ret->error);
    if (ret->status == OK) {
        ret->status = backtest_build(present, r, &w, faults, &n_faults, &ret->error);
    }
    if (ret->status != OK) {
        ret->config.v = faults;
        ret->config.n = n_faults;
        return;
    }
    struct job *j = take_place(jobs);
    *j = (struct job){.id = ++jobs->newest,
                      .state = BACKTEST_WAITING,
                      .created_us = now_us,
                      .period = {.from_us = r->backtest.from_us,
                                 .to_us = r->backtest.to_us,
                                 .whole = r->backtest.whole,
                                 .later_max_us = r->backtest.later_max_us},
                      .n_items = r->backtest.n,
                      .w = w};
    buf_init(&j->report, BACKTEST_REPORT_MAX);
    memcpy(j->actor, r->actor.name, sizeof j->actor);
    (void)snprintf(j->name, sizeof j->name, "%s", r->backtest.n == 0 ? "" : r->backtest.v[0].name);
    memcpy(j->suggest, r->backtest.suggest, sizeof j->suggest);
    start_next(jobs);
    answer_one(jobs, j, ret);
}

static int newest_first(const void *a, const void *b) {
    const struct backtest_status *x = a;
    const struct backtest_status *y = b;
    return x->id > y->id ? -1 : x->id < y->id;
}

static void list(struct backtest_jobs *jobs, struct reply *ret) {
    uint32_t n = 0;
    for (int i = 0; i < BACKTEST_KEPT_MAX; i++) {
        if (jobs->jobs[i].id != 0) {
            jobs->rows[n++] = row_of(jobs, &jobs->jobs[i]);
        }
    }
    qsort(jobs->rows, n, sizeof *jobs->rows, newest_first);
    ret->backtests.v = jobs->rows;
    ret->backtests.n = n;
}

/* What is over is forgotten; the running one ends at its next batch. */
static void cancel(struct backtest_jobs *jobs, struct job *j, int64_t now_us) {
    if (j == jobs->running) {
        atomic_store(&jobs->cancel, true);
    } else if (is_over(j)) {
        job_done(j);
    } else {
        finish(j, BACKTEST_CANCELLED, now_us);
    }
}

void backtest_jobs_request(struct backtest_jobs *jobs, const struct request *r,
                           const struct config_set *present, int64_t now_us, struct config_fault *faults,
                           struct reply *ret) {
    *ret = (struct reply){.kind = r->kind, .status = OK};
    if (r->backtest.ask == BACKTEST_START) {
        start(jobs, r, present, now_us, faults, ret);
        return;
    }
    if (r->backtest.ask == BACKTEST_LIST) {
        list(jobs, ret);
        return;
    }
    struct job *j = find(jobs, r->backtest.id);
    if (j == NULL) {
        ret->status =
            error_set(&ret->error, ERR_NOT_FOUND, "id", "there is no such backtest, or not any more");
    } else if (r->backtest.ask == BACKTEST_GET) {
        answer_one(jobs, j, ret);
    } else {
        cancel(jobs, j, now_us);
    }
}
