#include "server/store/lock.h"

#include "server/base/check.h"
#include "server/base/log.h"

#include <stdlib.h>

struct lock {
    struct lock_config cfg;
    uv_timer_t timer;
    bool wanted; /* on the present connection */
    bool closed;
    int32_t pid;       /* PostgreSQL process that got the lock for us last; 0: none yet */
    uint64_t since_ms; /* first try on this connection */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static const char lock_sql[] = "select pg_try_advisory_lock($1, $2), pg_backend_pid()";
static const char end_sql[] = "select pg_terminate_backend($1)";
static const char holder_sql[] =
    "select a.pid, coalesce(a.application_name, ''),"
    "       coalesce(host(a.client_addr), case when a.backend_start is null then 'an address that this role "
    "may "
    "not see' else 'this machine' end),"
    "       coalesce(to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'an "
    "unknown time')"
    "  from pg_locks l join pg_stat_activity a using (pid)"
    " where l.locktype = 'advisory' and l.granted and l.classid = $1::oid and l.objid = $2::oid and "
    "l.objsubid = 2"
    "   and l.database = (select oid from pg_database where datname = current_database())";

static void try_lock(struct lock *l);

/* A statement of ours that PostgreSQL refuses now and will refuse again is fatal; anything else is tried
 * again on a new connection. */
static bool usable(struct lock *l, const struct pg_answer *answer) {
    if (!l->wanted || answer->outcome == PG_UNKNOWN) {
        return false;
    }
    if (answer->outcome == PG_REFUSED) {
        if (pg_refusal(answer) == PG_REFUSAL_LATER) {
            pg_drop(l->cfg.pg, &answer->error);
        } else {
            l->wanted = false;
            l->cfg.fatal(l->cfg.ctx, &answer->error);
        }
        return false;
    }
    return true;
}

static void on_retry(uv_timer_t *timer) {
    struct lock *l = timer->data;
    if (l->wanted && pg_has_room(l->cfg.pg)) {
        try_lock(l);
    }
}

static void retry(struct lock *l) {
    int rc = uv_timer_start(&l->timer, on_retry, LOCK_RETRY_MS, 0);
    CHECK(rc == 0);
}

static void on_ended(void *ctx, struct pg_answer *answer) {
    struct lock *l = ctx;
    if (usable(l, answer)) {
        retry(l);
    }
}

/* Nobody else can have written while our own former process has the lock, so it is ended, and until it is
 * gone the server goes on without storing. */
static void end_former(struct lock *l) {
    log_event(LOG_WARN, "store.former_connection", "pid=%d text=\"it still holds the lock; ending it\"",
              l->pid);
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_arg_i32(&args, l->pid);
    pg_begin(l->cfg.pg, PG_READ, on_ended, l);
    pg_send(l->cfg.pg, end_sql, &args);
    pg_end(l->cfg.pg);
    pg_args_done(&args);
    pg_flush(l->cfg.pg);
}

static void say_taken(struct lock *l, const PGresult *holder) {
    struct error err;
    if (PQntuples(holder) > 0) {
        (void)error_set(&err, ERR_CONFLICT, "database",
                        "another server uses this database: connection \"%.*s\" from %.*s, PostgreSQL "
                        "process %d, since %.*s; "
                        "one database serves one penstockd, stop the other one first",
                        SLICE_ARG(pg_get_slice(holder, 0, 1)), SLICE_ARG(pg_get_slice(holder, 0, 2)),
                        pg_get_i32(holder, 0, 0), SLICE_ARG(pg_get_slice(holder, 0, 3)));
    } else {
        (void)error_set(&err, ERR_CONFLICT, "database", "another server uses this database");
    }
    l->cfg.taken(l->cfg.ctx, &err);
    if (l->wanted) {
        l->since_ms = uv_now(l->cfg.loop);
        retry(l);
    }
}

static void on_lock(void *ctx, struct pg_answer *answer) {
    struct lock *l = ctx;
    if (!usable(l, answer)) {
        return;
    }
    if (pg_get_bool(answer->results[0], 0, 0)) {
        l->pid = pg_get_i32(answer->results[0], 0, 1);
        l->cfg.held(l->cfg.ctx);
        return;
    }
    const PGresult *holder = answer->results[1];
    bool ours = l->pid != 0 && PQntuples(holder) > 0 && pg_get_i32(holder, 0, 0) == l->pid;
    if (uv_now(l->cfg.loop) - l->since_ms < LOCK_WAIT_MS) {
        retry(l);
    } else if (ours) {
        l->since_ms = uv_now(l->cfg.loop);
        end_former(l);
    } else {
        say_taken(l, holder);
    }
}

static void try_lock(struct lock *l) {
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_arg_i32(&args, LOCK_CLASS);
    pg_arg_i32(&args, l->cfg.object);
    pg_begin(l->cfg.pg, PG_READ, on_lock, l);
    pg_send(l->cfg.pg, lock_sql, &args);
    pg_send(l->cfg.pg, holder_sql, &args);
    pg_end(l->cfg.pg);
    pg_args_done(&args);
    pg_flush(l->cfg.pg);
}

enum status lock_new(const struct lock_config *cfg, struct lock **ret, struct error *err) {
    struct lock *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    l->cfg = *cfg;
    int rc = uv_timer_init(cfg->loop, &l->timer);
    CHECK(rc == 0);
    l->timer.data = l;
    *ret = l;
    return OK;
}

void lock_begin(struct lock *l) {
    l->wanted = true;
    l->since_ms = uv_now(l->cfg.loop);
    try_lock(l);
}

void lock_down(struct lock *l) {
    l->wanted = false;
    if (!uv_is_closing((uv_handle_t *)&l->timer)) {
        (void)uv_timer_stop(&l->timer);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    struct lock *l = handle->data;
    l->closed = true;
    l->on_closed(l->closed_ctx);
}

void lock_close(struct lock *l, void (*on_closed)(void *ctx), void *ctx) {
    l->wanted = false;
    l->on_closed = on_closed;
    l->closed_ctx = ctx;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

void lock_free(struct lock **lock) {
    if (*lock == NULL) {
        return;
    }
    CHECK((*lock)->closed);
    free(*lock);
    *lock = NULL;
}
