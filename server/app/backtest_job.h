/* Backtests that people ask for: one runs at a time, on a thread of its own with less claim on the processor
 * than the loop; a few wait; the last ones are kept. The thread has its own models and its own connection to
 * the database and touches nothing of the live core. Everything else is called on the loop's thread. What is
 * kept is gone with the process. */
#ifndef PENSTOCK_APP_BACKTEST_JOB_H
#define PENSTOCK_APP_BACKTEST_JOB_H

#include "server/app/backtest_run.h"
#include "server/core/request.h"

#include <stdatomic.h>
#include <uv.h>

enum {
    BACKTEST_WAITING_MAX = 4,
    BACKTEST_KEPT_MAX = 20,                /* the oldest one that is over leaves for a new one */
    BACKTEST_REPORT_MAX = 4 * 1024 * 1024, /* bytes of one report */
    BACKTEST_NICE = 10,
};

struct backtest_jobs;

struct backtest_jobs_config {
    uv_loop_t *loop;
    struct backtest_source source; /* used by one thread at a time, not always the same one */
    int64_t now_us; /* ids begin with the second, so that no id of an earlier process is met again */
};

MUSTCHECK enum status backtest_jobs_new(const struct backtest_jobs_config *cfg, struct backtest_jobs **ret,
                                        struct error *err);
/* True while what runs is called off: for the source, so that it does not wait any longer. */
const atomic_bool *backtest_jobs_borrow_stop(const struct backtest_jobs *jobs);
/* REQ_BACKTEST of any kind. present: the configuration in force, looked at during the call only. ret: texts
 * are lent until the next call; faults (room for CONFIG_FAULTS_MAX) are what ret may point to. */
void backtest_jobs_request(struct backtest_jobs *jobs, const struct request *r,
                           const struct config_set *present, int64_t now_us, struct config_fault *faults,
                           struct reply *ret);
/* Calls off what runs and what waits; on_stopped when the thread is gone, never from within this call. */
void backtest_jobs_stop(struct backtest_jobs *jobs, void (*on_stopped)(void *ctx), void *ctx);
/* After on_stopped, or if the loop never ran. Accepts NULL. */
void backtest_jobs_free(struct backtest_jobs **jobs);

#endif
