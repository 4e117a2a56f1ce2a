#include "server/store/pg.h"

#include "server/base/check.h"
#include "server/base/log.h"

#include <stdlib.h>

enum pg_state { STATE_DOWN, STATE_CONNECTING, STATE_SETUP, STATE_UP, STATE_CLOSED };

enum { WATCHDOG_MS = 5000, CANCEL_AGAIN_MS = 5, CANCEL_AGAIN_MAX_MS = 1000 };
#define READ_ONLY "25006"

static const char *const prepared_names[PG_PREPARED_MAX] = {"penstock", "penstock_2", "penstock_3"};

struct job {
    enum pg_mode mode;
    uint32_t sent; /* statements, without begin and commit */
    uint32_t got;  /* results before the first sync */
    uint32_t syncs;
    bool doubt;        /* COMMIT came with a warning, or was answered by an error */
    bool exposed;      /* it was sent when a cancel request was under way, which may hit it */
    bool unwanted;     /* … is to hit it */
    uint64_t again_ms; /* it is called off anew so long after the last time; 0: it was not yet */
    pg_on_done on_done;
    void *ctx;
    struct pg_answer answer;
};

struct pg {
    struct pg_config cfg;
    char *conninfo;
    enum pg_state state;
    struct error error;
    PGconn *conn;
    uv_poll_t *poll; /* NULL: nothing is watched */
    uv_timer_t timer;
    uint32_t handles; /* open ones of the loop */
    uv_work_t cancel; /* PQcancel connects, and waits */
    PGcancel *target; /* of the one under way; NULL: none is */
    uint32_t backoff_ms;
    uint64_t jitter;
    bool dropping;
    bool closing;
    bool composing; /* between pg_begin and pg_end */
    bool broken;    /* a call failed or found the end: no use to send more */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct job jobs[PG_JOBS_MAX]; /* a ring */
    uint32_t first;
    uint32_t n_jobs;
    uint64_t first_since_ms; /* since when the first one is that: all before it has been answered */
};

static void on_timer(uv_timer_t *timer);
static void watch(struct pg *pg, int events);
static void unwatch(struct pg *pg);
static bool has_socket(struct pg *pg);
static void finish_closing(struct pg *pg);

static void arm(struct pg *pg, uint64_t ms) {
    int rc = uv_timer_start(&pg->timer, on_timer, ms, 0);
    CHECK(rc == 0);
}

/* --- jobs ---------------------------------------------------------------------------------------------- */

static struct job *job_at(struct pg *pg, uint32_t i) {
    return &pg->jobs[(pg->first + i) % PG_JOBS_MAX];
}

static void free_results(struct pg_answer *answer) {
    for (uint32_t i = 0; i < PG_STATEMENTS_MAX; i++) {
        PQclear(answer->results[i]);
        answer->results[i] = NULL;
    }
}

static void cancel_first(struct pg *pg);
static void cancel_later(struct pg *pg);

static void on_cancel(uv_work_t *work) {
    const struct pg *pg = work->data;
    char text[256];
    (void)PQcancel(pg->target, text, sizeof text); /* if it fails, the limit of the statement ends it */
}

static void on_canceled(uv_work_t *work, int status) {
    struct pg *pg = work->data;
    (void)status; /* it is never cancelled itself */
    PQfreeCancel(pg->target);
    pg->target = NULL;
    pg->handles--;
    if (pg->n_jobs > 0 && job_at(pg, 0)->again_ms == 0) {
        cancel_first(pg);
    } else {
        cancel_later(pg);
    }
    finish_closing(pg);
}

/* PostgreSQL ends whatever runs when it is told to, and that is the first job as far as we know; any that was
 * sent may be it by then. Told between two statements it does nothing, and on a busy machine it may be there
 * for long: then it is told again, after growing pauses, until the job has ended. */
static void cancel_first(struct pg *pg) {
    struct job *job = job_at(pg, 0);
    if (pg->n_jobs == 0 || !job->unwanted || pg->target != NULL || !pg_is_up(pg)) {
        return;
    }
    pg->target = PQgetCancel(pg->conn);
    if (pg->target == NULL) {
        return;
    }
    job->again_ms = job->again_ms == 0 ? CANCEL_AGAIN_MS : job->again_ms * 2;
    job->again_ms = job->again_ms < CANCEL_AGAIN_MAX_MS ? job->again_ms : CANCEL_AGAIN_MAX_MS;
    for (uint32_t i = 0; i < pg->n_jobs; i++) {
        job_at(pg, i)->exposed = true;
    }
    pg->cancel.data = pg;
    pg->handles++;
    int rc = uv_queue_work(pg->cfg.loop, &pg->cancel, on_cancel, on_canceled);
    CHECK(rc == 0);
}

/* The timer is the watchdog's, which may as well look earlier. */
static void cancel_later(struct pg *pg) {
    const struct job *job = job_at(pg, 0);
    if (pg->n_jobs > 0 && job->unwanted && pg_is_up(pg) && !pg->closing && !pg->dropping) {
        arm(pg, job->again_ms);
    }
}

static void finish_first(struct pg *pg, enum pg_outcome outcome) {
    struct job job = *job_at(pg, 0);
    pg->first = (pg->first + 1) % PG_JOBS_MAX;
    pg->n_jobs--;
    pg->first_since_ms = uv_now(pg->cfg.loop);
    job.answer.outcome = outcome;
    job.answer.stray = outcome != PG_DONE && job.exposed && !job.unwanted &&
                       strcmp(job.answer.sqlstate, PGCONN_CANCELED) == 0;
    if (outcome == PG_DONE) {
        job.answer.n = job.sent;
    } else {
        free_results(&job.answer);
    }
    job.on_done(job.ctx, &job.answer);
    free_results(&job.answer);
    cancel_first(pg);
}

static void set_failure(struct job *job, const PGresult *r) {
    if (job->answer.error.code != OK) {
        return; /* the first one is the reason of the others */
    }
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    (void)snprintf(job->answer.sqlstate, sizeof job->answer.sqlstate, "%s", sqlstate == NULL ? "" : sqlstate);
    char text[PGCONN_TEXT_SIZE];
    pgconn_text(NULL, r, text);
    bool full = pgconn_meaning(sqlstate).status == ERR_NO_SPACE;
    (void)error_set(&job->answer.error, full ? ERR_NO_SPACE : ERR_INTERNAL, "postgresql", "%s", text);
}

/* A result of BEGIN, a statement or COMMIT. */
static void take_statement(struct job *job, PGresult *r) {
    ExecStatusType status = PQresultStatus(r);
    bool transaction = job->mode != PG_READ;
    if (job->syncs == 1 && transaction) {
        /* COMMIT of a failed transaction is answered ROLLBACK; an error here leaves the outcome open. */
        job->doubt = job->doubt || status != PGRES_COMMAND_OK;
        if (status == PGRES_FATAL_ERROR) {
            set_failure(job, r);
        }
        PQclear(r);
        return;
    }
    uint32_t i = job->got++;
    if (status == PGRES_FATAL_ERROR) {
        set_failure(job, r);
    }
    if ((status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) || (transaction && i == 0)) {
        PQclear(r);
        return;
    }
    uint32_t statement = transaction ? i - 1 : i;
    CHECK(statement < PG_STATEMENTS_MAX);
    job->answer.results[statement] = r;
}

static void take_result(struct pg *pg, PGresult *r) {
    struct job *job = job_at(pg, 0);
    if (PQresultStatus(r) != PGRES_PIPELINE_SYNC) {
        take_statement(job, r);
        return;
    }
    PQclear(r);
    job->syncs++;
    if (job->syncs < (job->mode == PG_READ ? 1U : 2U)) {
        return;
    }
    if (job->doubt) {
        if (job->answer.error.code == OK) {
            (void)error_set(&job->answer.error, ERR_UNAVAILABLE, "postgresql",
                            "COMMIT was answered with a warning: it may not be durable everywhere");
        }
        finish_first(pg, PG_UNKNOWN);
    } else if (job->answer.error.code == OK) {
        finish_first(pg, PG_DONE);
    } else {
        if (strcmp(job->answer.sqlstate, READ_ONLY) == 0) {
            pg_drop(pg, &job->answer.error); /* another host may be the one to write to by now */
        }
        finish_first(pg, PG_REFUSED);
    }
}

static void take_results(struct pg *pg) {
    uint32_t nulls = 0; /* one ends a statement, two mean that there is nothing more */
    while (pg->n_jobs > 0 && nulls < 2 && PQisBusy(pg->conn) == 0) {
        PGresult *r = PQgetResult(pg->conn);
        nulls = r == NULL ? nulls + 1 : 0;
        pg->broken = pg->broken || !has_socket(pg);
        if (r != NULL && PQstatus(pg->conn) == CONNECTION_BAD && PQresultStatus(r) == PGRES_FATAL_ERROR &&
            PQresultErrorField(r, PG_DIAG_SQLSTATE) == NULL) {
            PQclear(r); /* libpq's own word that the connection is gone */
            return;
        }
        if (r != NULL) {
            take_result(pg, r);
        }
    }
}

static void take_notifies(struct pg *pg) {
    PGnotify *n = NULL;
    while ((n = PQnotifies(pg->conn)) != NULL) {
        if (pg->cfg.on_notify != NULL && pg->state == STATE_UP) {
            pg->cfg.on_notify(pg->cfg.ctx, n->relname, slice_str(n->extra),
                              n->be_pid == PQbackendPID(pg->conn));
        }
        PQfreemem(n);
    }
}

/* A warning on the way to the end of COMMIT: 01000 when the wait for a standby was cancelled, 57P01 when the
 * server was told to stop meanwhile. The commit is local; whether a standby has it is not known. */
static void on_notice(void *ctx, const PGresult *r) {
    struct pg *pg = ctx;
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (sqlstate == NULL || pg->n_jobs == 0) {
        return;
    }
    struct job *job = job_at(pg, 0);
    if (job->mode == PG_WRITE && (strcmp(sqlstate, "01000") == 0 || strcmp(sqlstate, "57P01") == 0)) {
        job->doubt = true;
        set_failure(job, r);
    }
}

/* --- connecting ---------------------------------------------------------------------------------------- */

/* libpq closes its socket as soon as it sees the end of a connection, in any call that reads or writes. From
 * that moment nothing may watch it (libuv aborts on a descriptor that is gone, and its number may soon be
 * another file's), so this is asked after each such call. False: it is gone. */
static bool has_socket(struct pg *pg) {
    if (PQsocket(pg->conn) >= 0) {
        return true;
    }
    unwatch(pg);
    return false;
}

static void finish_closing(struct pg *pg) {
    if (pg->closing && pg->handles == 0) {
        pg->on_closed(pg->closed_ctx);
    }
}

static void on_poll_closed(uv_handle_t *handle) {
    struct pg *pg = handle->data;
    free(handle);
    pg->handles--;
    finish_closing(pg);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct pg *pg = handle->data;
    pg->handles--;
    finish_closing(pg);
}

static void unwatch(struct pg *pg) {
    if (pg->poll != NULL) {
        uv_close((uv_handle_t *)pg->poll, on_poll_closed);
        pg->poll = NULL;
    }
}

/* The end of a connection: all that was under way is answered, then the owner is told. */
static void lose(struct pg *pg) {
    unwatch(pg);
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->state = STATE_DOWN;
    pg->dropping = false;
    pg->broken = false;
    while (pg->n_jobs > 0) {
        struct job *job = job_at(pg, 0);
        if (job->answer.error.code == OK) {
            job->answer.error = pg->error;
        }
        job->answer.error = pg_trouble(&job->answer.error);
        finish_first(pg, PG_UNKNOWN);
    }
    if (pg->closing) {
        return;
    }
    pg->jitter = pg->jitter * 6364136223846793005U + 1442695040888963407U;
    arm(pg, pg->backoff_ms + (pg->jitter >> 33) % (pg->backoff_ms / 4 + 1));
    pg->backoff_ms = pg->backoff_ms * 2 > PG_BACKOFF_MAX_MS ? PG_BACKOFF_MAX_MS : pg->backoff_ms * 2;
    pg->cfg.on_down(pg->cfg.ctx);
}

static void lose_with_libpq_text(struct pg *pg, const char *what) {
    if (pg->dropping) {
        lose(pg); /* for a reason that is known better */
        return;
    }
    char text[PGCONN_TEXT_SIZE];
    pgconn_text(pg->conn, NULL, text);
    const struct job *job = job_at(pg, 0);
    enum status status = ERR_UNAVAILABLE;
    if (pg->n_jobs > 0 && job->answer.error.code != OK) { /* PostgreSQL's last word says more */
        (void)snprintf(text, sizeof text, "%s", job->answer.error.text);
        status = pg_trouble(&job->answer.error).code;
    }
    (void)error_set(&pg->error, status, "postgresql", "%s%s%s", what, text[0] == '\0' ? "" : ": ", text);
    lose(pg);
}

static void on_setup_done(void *ctx, struct pg_answer *answer) {
    struct pg *pg = ctx;
    if (answer->outcome != PG_DONE) {
        if (answer->outcome == PG_REFUSED) {
            pg_drop(pg, &answer->error);
        }
        return;
    }
    if (slice_is(pg_get_slice(answer->results[0], 0, 0), "off")) {
        log_event(LOG_WARN, "store.fsync_off",
                  "text=\"PostgreSQL runs with fsync=off: a crash of the machine loses acknowledged data\"");
    }
    pg->state = STATE_UP;
    pg->backoff_ms = PG_BACKOFF_MIN_MS;
    arm(pg, WATCHDOG_MS);
    pg->cfg.on_up(pg->cfg.ctx);
}

static void begin_job(struct pg *pg, enum pg_mode mode, pg_on_done on_done, void *ctx);
static void sent(struct pg *pg, int ok);

/* Part of the setup's job, so that nothing is sent before it is known to have succeeded. */
static void prepare(struct pg *pg) {
    for (int i = 0; i < PG_PREPARED_MAX && pg->cfg.prepared[i] != NULL; i++) {
        job_at(pg, pg->n_jobs - 1)->sent++;
        if (!pg->broken) {
            sent(pg, PQsendPrepare(pg->conn, prepared_names[i], pg->cfg.prepared[i], 0, NULL));
        }
    }
}

/* NULL: it is not prepared. */
static const char *prepared_name(const struct pg *pg, const char *sql) {
    for (int i = 0; i < PG_PREPARED_MAX; i++) {
        if (pg->cfg.prepared[i] == sql) {
            return prepared_names[i];
        }
    }
    return NULL;
}

static void begin_setup(struct pg *pg) {
    static const char sql[] =
        "select current_setting('fsync'), set_config('lock_timeout', '15000', false)," PGCONN_SETTINGS;
    if (PQsetnonblocking(pg->conn, 1) != 0 || PQenterPipelineMode(pg->conn) != 1) {
        lose_with_libpq_text(pg, "cannot use the connection");
        return;
    }
    pg->state = STATE_SETUP;
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%u", pg->cfg.statement_ms);
    struct pg_args args;
    pg_args_init(&args, sizeof limit);
    pg_arg_text(&args, slice_str(limit));
    begin_job(pg, PG_READ, on_setup_done, pg);
    pg_send(pg, sql, &args);
    prepare(pg);
    pg_end(pg);
    pg_args_done(&args);
    pg_flush(pg);
}

static void connect_step(struct pg *pg) {
    /* libpq may close and open its socket inside PQconnectPoll, even under the same number: nothing may watch
     * it meanwhile. */
    unwatch(pg);
    switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING:
        watch(pg, UV_READABLE);
        return;
    case PGRES_POLLING_WRITING:
        watch(pg, UV_WRITABLE);
        return;
    case PGRES_POLLING_OK:
        begin_setup(pg);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        lose_with_libpq_text(pg, "cannot connect");
        return;
    }
}

static void begin_connect(struct pg *pg) {
    struct error err;
    if (pgconn_begin(pg->conninfo, pg->cfg.name, &pg->conn, &err) != OK) {
        (void)error_set(&pg->error, ERR_UNAVAILABLE, err.where, "%s", err.text);
        lose(pg);
        return;
    }
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        lose_with_libpq_text(pg, "cannot connect");
        return;
    }
    (void)PQsetNoticeReceiver(pg->conn, on_notice, pg); /* or libpq would print them */
    pg->state = STATE_CONNECTING;
    arm(pg, PG_CONNECT_MS);
    watch(pg, UV_WRITABLE);
}

static void on_readable(struct pg *pg) {
    bool read = PQconsumeInput(pg->conn) == 1;
    /* What came before the end is still taken, but nothing more is sent. */
    pg->broken = pg->broken || !has_socket(pg);
    take_results(pg);
    take_notifies(pg);
    if (!read || pg->broken || PQstatus(pg->conn) == CONNECTION_BAD) {
        lose_with_libpq_text(pg, "connection lost");
        return;
    }
    pg_flush(pg);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct pg *pg = handle->data;
    if (handle != pg->poll || pg->closing) {
        return;
    }
    if (pg->state == STATE_CONNECTING) {
        connect_step(pg); /* also when poll saw an error: libpq then says which, or goes to the next host */
    } else if (status < 0 || (events & UV_READABLE) != 0) {
        on_readable(pg);
        if (status < 0 && handle == pg->poll) {
            lose_with_libpq_text(pg, "connection lost");
        }
    } else {
        pg_flush(pg);
    }
}

/* Arms the watcher for the connection's present socket. */
static void watch(struct pg *pg, int events) {
    int rc = 0;
    if (pg->poll == NULL) {
        pg->poll = malloc(sizeof *pg->poll);
        rc = pg->poll == NULL ? UV_ENOMEM : uv_poll_init(pg->cfg.loop, pg->poll, PQsocket(pg->conn));
        if (rc != 0) {
            free(pg->poll);
            pg->poll = NULL;
        } else {
            pg->poll->data = pg;
            pg->handles++;
        }
    }
    if (rc == 0) {
        rc = uv_poll_start(pg->poll, events, on_poll);
    }
    if (rc != 0) {
        struct error err;
        (void)error_set(&err, ERR_UNAVAILABLE, "poll", "cannot watch the connection: %s", uv_err_name(rc));
        pg_drop(pg, &err);
    }
}

static void shut(struct pg *pg) {
    (void)error_set(&pg->error, ERR_UNAVAILABLE, "postgresql", "the connection is being closed");
    lose(pg);
    pg->state = STATE_CLOSED;
    uv_close((uv_handle_t *)&pg->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *timer) {
    struct pg *pg = timer->data;
    if (pg->closing) {
        shut(pg);
        return;
    }
    if (pg->dropping) {
        lose(pg);
        return;
    }
    switch (pg->state) {
    case STATE_DOWN:
        begin_connect(pg);
        return;
    case STATE_CONNECTING:
    case STATE_SETUP:
        (void)error_set(&pg->error, ERR_UNAVAILABLE, "postgresql", "no connection within %d s",
                        PG_CONNECT_MS / 1000);
        lose(pg);
        return;
    case STATE_UP:
        if (pg->n_jobs > 0 && uv_now(pg->cfg.loop) - pg->first_since_ms > PG_ANSWER_MS) {
            (void)error_set(&pg->error, ERR_UNAVAILABLE, "postgresql", "no answer for %d s",
                            PG_ANSWER_MS / 1000);
            lose(pg);
            return;
        }
        arm(pg, WATCHDOG_MS);
        cancel_first(pg);
        return;
    case STATE_CLOSED:
        return;
    }
}

enum pg_refusal pg_refusal(const struct pg_answer *answer) {
    return pgconn_meaning(answer->sqlstate).refusal;
}

struct error pg_trouble(const struct error *error) {
    struct error trouble = *error;
    trouble.code = error->code == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_UNAVAILABLE;
    return trouble;
}

bool pg_is_news(const struct error *before, const struct error *now) {
    return before->code != now->code || (now->code != ERR_NO_SPACE && strcmp(before->text, now->text) != 0);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status pg_new(const struct pg_config *cfg, struct pg **ret, struct error *err) {
    struct pg *pg = calloc(1, sizeof *pg);
    char *conninfo = strdup(cfg->conninfo);
    if (pg == NULL || conninfo == NULL) {
        free(pg);
        free(conninfo);
        return error_set(err, ERR_NOMEM, "store", "no memory for a connection");
    }
    pg->cfg = *cfg;
    pg->cfg.statement_ms = cfg->statement_ms == 0 ? PG_STATEMENT_MS : cfg->statement_ms;
    pg->conninfo = conninfo;
    pg->backoff_ms = PG_BACKOFF_MIN_MS;
    pg->jitter = uv_hrtime();
    (void)error_set(&pg->error, ERR_UNAVAILABLE, "postgresql", "not connected yet");
    int rc = uv_timer_init(cfg->loop, &pg->timer);
    CHECK(rc == 0);
    pg->timer.data = pg;
    pg->handles = 1;
    *ret = pg;
    return OK;
}

void pg_start(struct pg *pg) {
    CHECK(pg->state == STATE_DOWN);
    arm(pg, 0);
}

bool pg_is_up(const struct pg *pg) {
    return pg->state == STATE_UP && !pg->broken && !pg->dropping && !pg->closing;
}

const struct error *pg_error(const struct pg *pg) {
    return &pg->error;
}

bool pg_has_room(const struct pg *pg) {
    return pg_is_up(pg) && pg->n_jobs < PG_JOBS_MAX;
}

/* Everything in a job is sent to libpq's buffer at once; a failure there means that the connection is of no
 * use any more. */
static void sent(struct pg *pg, int ok) {
    if ((has_socket(pg) && ok == 1) || pg->broken) {
        return;
    }
    pg->broken = true;
    struct error err;
    char text[PGCONN_TEXT_SIZE];
    pgconn_text(pg->conn, NULL, text);
    (void)error_set(&err, ERR_UNAVAILABLE, "postgresql", "cannot send: %s", text);
    pg_drop(pg, &err);
}

static void send_plain(struct pg *pg, const char *sql) {
    if (!pg->broken) {
        sent(pg, pgconn_send(pg->conn, NULL, sql, NULL));
    }
}

static void begin_job(struct pg *pg, enum pg_mode mode, pg_on_done on_done, void *ctx) {
    CHECK(!pg->composing);
    CHECK(pg->n_jobs < PG_JOBS_MAX);
    if (pg->n_jobs == 0) {
        pg->first_since_ms = uv_now(pg->cfg.loop);
    }
    struct job *job = job_at(pg, pg->n_jobs++);
    *job = (struct job){.mode = mode, .on_done = on_done, .ctx = ctx, .exposed = pg->target != NULL};
    pg->composing = true;
    if (mode == PG_WRITE) {
        send_plain(pg, "begin isolation level read committed read write");
    } else if (mode == PG_SNAPSHOT) {
        send_plain(pg, "begin isolation level repeatable read read only");
    }
}

void pg_begin(struct pg *pg, enum pg_mode mode, pg_on_done on_done, void *ctx) {
    CHECK(pg_has_room(pg));
    begin_job(pg, mode, on_done, ctx);
}

void pg_send(struct pg *pg, const char *sql, const struct pg_args *args) {
    CHECK(pg->composing);
    struct job *job = job_at(pg, pg->n_jobs - 1);
    CHECK(job->sent < PG_STATEMENTS_MAX);
    job->sent++;
    if (pg->broken) {
        return;
    }
    if (args != NULL && args->n > 0 && args->data.failed) {
        struct error err;
        (void)error_set(&err, ERR_NOMEM, "store", "no memory for a statement's parameters");
        pg->broken = true;
        pg_drop(pg, &err);
        return;
    }
    sent(pg, pgconn_send(pg->conn, prepared_name(pg, sql), sql, args));
}

void pg_end(struct pg *pg) {
    CHECK(pg->composing);
    pg->composing = false;
    if (!pg->broken) {
        sent(pg, PQpipelineSync(pg->conn));
    }
    /* The sync before it makes COMMIT run even after a failed statement, where it rolls back: every answer is
     * then complete. */
    if (job_at(pg, pg->n_jobs - 1)->mode != PG_READ) {
        send_plain(pg, "commit");
        if (!pg->broken) {
            sent(pg, PQpipelineSync(pg->conn));
        }
    }
}

void pg_flush(struct pg *pg) {
    if (pg->conn == NULL || pg->broken || pg->dropping || pg->closing ||
        (pg->state != STATE_UP && pg->state != STATE_SETUP)) {
        return;
    }
    int rc = PQflush(pg->conn);
    sent(pg, rc < 0 ? 0 : 1);
    if (pg->broken) {
        return;
    }
    /* Reading goes on while there is something to write: otherwise both sides could wait for each other. */
    watch(pg, rc == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void pg_cancel(struct pg *pg, const void *ctx) {
    for (uint32_t i = 0; i < pg->n_jobs; i++) {
        struct job *job = job_at(pg, i);
        job->unwanted = job->unwanted || (job->ctx == ctx && job->mode != PG_WRITE);
    }
    cancel_first(pg);
}

void pg_drop(struct pg *pg, const struct error *why) {
    if (pg->dropping || pg->closing || pg->conn == NULL) {
        return;
    }
    pg->error = *why;
    pg->dropping = true;
    arm(pg, 0);
}

void pg_close(struct pg *pg, void (*on_closed)(void *ctx), void *ctx) {
    CHECK(!pg->closing);
    pg->closing = true;
    pg->on_closed = on_closed;
    pg->closed_ctx = ctx;
    arm(pg, 0);
}

void pg_free(struct pg **pg) {
    if (*pg == NULL) {
        return;
    }
    CHECK((*pg)->handles == 0);
    free((*pg)->conninfo);
    free(*pg);
    *pg = NULL;
}
