#include "server/store/boot.h"

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/store/load.h"
#include "server/store/record_sql.h"

#include <stdlib.h>

struct boot {
    struct boot_config cfg;
    uv_timer_t timer;
    uint32_t connection; /* number of the present one: answers of a former one do not count */
    bool loaded;
    bool open;
    bool dead; /* fatal was said, or closing */
    bool closing;
    bool loading;    /* a load is under way */
    bool look_again; /* there may be a newer revision than the one being loaded */
    bool foreign; /* somebody else wrote, or may have: what this server knows is not all, whatever its number
                   */
    int32_t lock_pid;  /* PostgreSQL process that got the lock for us last; 0: none yet */
    uint64_t since_ms; /* first try to get the lock on this connection */
    int64_t revision;  /* newest that the host knows */
    struct store_boot found;
    struct alarm_record *records;
    uint32_t handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* A configuration that is being read on another thread. */
struct boot_load {
    struct boot *boot;
    uint32_t connection;
    int64_t revision;
};

static void look_for_config(struct boot *b);
static void closed_one(struct boot *b);

static void die(struct boot *b, const struct error *err) {
    if (!b->dead) {
        b->dead = true;
        b->cfg.fatal(b->cfg.ctx, err);
    }
}

/* A statement of ours that PostgreSQL refuses now and will refuse again is fatal; anything else is tried
 * again on a new connection. */
static bool usable(struct boot *b, const struct pg_answer *answer) {
    if (b->dead || answer->outcome == PG_UNKNOWN) {
        return false;
    }
    if (answer->outcome == PG_REFUSED) {
        if (pg_refusal(answer) == PG_REFUSAL_LATER) {
            pg_drop(b->cfg.pg, &answer->error);
        } else {
            die(b, &answer->error);
        }
        return false;
    }
    return true;
}

/* --- configuration and state --------------------------------------------------------------------------- */

static const char revision_sql[] = "select coalesce(max(revision), 0) from config_revision";
static const char items_sql[] =
    "select kind, name, key, revision, body::text from config_now order by kind, name";
static const char keys_sql[] = "select kind, name, key from config_key";
static const char records_sql[] = "select " RECORD_SELECT " from alarm_now j";
/* By alarm_journal_pk. */
static const char state_sql[] =
    "select coalesce((select max(seq) from alarm_journal), 0), (select count(*) from app_user)";

enum { REVISION_RESULT, ITEMS_RESULT, KEYS_RESULT, RECORDS_RESULT, STATE_RESULT };

static enum status take_keys(struct boot *b, const PGresult *r) {
    enum status status = OK;
    for (int row = 0; status == OK && row < PQntuples(r); row++) {
        enum config_kind kind = CONFIG_SITE;
        if (config_kind_parse(pg_get_slice(r, row, 0), &kind)) {
            status = keys_put(b->cfg.keys, kind, pg_get_slice(r, row, 1), pg_get_i64(r, row, 2));
        }
    }
    return status;
}

static void open_connection(struct boot *b) {
    b->open = true;
    b->cfg.open(b->cfg.ctx);
}

static void finish_first_load(struct boot *b, struct config_set *set) {
    struct store_boot found = b->found;
    found.config = set;
    found.records = b->records;
    b->revision = found.revision;
    b->loaded = true;
    b->cfg.loaded(b->cfg.ctx, &found);
    free(b->records);
    b->records = NULL;
    if (!b->dead) {
        open_connection(b);
    }
}

static void take_config_set(struct boot *b, const struct boot_load *load, struct config_set *set,
                            const struct error *err) {
    bool stale = load->connection != b->connection;
    bool outdated = b->loaded && load->revision < b->revision; /* this server wrote a newer one meanwhile */
    if (b->dead || stale || (set != NULL && outdated)) {
        config_set_free(&set);
    } else if (set == NULL) {
        die(b, err);
    } else if (!b->loaded) {
        finish_first_load(b, set);
    } else {
        b->revision = load->revision;
        b->cfg.changed(b->cfg.ctx, load->revision, set);
    }
}

static void on_config_set(void *ctx, struct config_set *set, const struct error *err) {
    struct boot_load load = *(struct boot_load *)ctx;
    struct boot *b = load.boot;
    free(ctx);
    b->loading = false;
    take_config_set(b, &load, set, err);
    if (b->look_again && b->open && !b->dead) {
        b->look_again = false;
        look_for_config(b);
    }
    closed_one(b);
}

static bool take_records(struct boot *b, const PGresult *r) {
    free(b->records);
    size_t n = (size_t)PQntuples(r);
    b->records = calloc(n + 1, sizeof *b->records);
    CHECK(b->records != NULL); /* at a start: nothing to go on with */
    for (size_t i = 0; i < n; i++) {
        if (!record_read(r, (int)i, 0, &b->records[i])) {
            return false;
        }
    }
    b->found.n_records = n;
    return true;
}

static void start_load(struct boot *b, struct pg_answer *answer) {
    enum status status = take_keys(b, answer->results[KEYS_RESULT]);
    CHECK(status == OK); /* only memory can be missing */
    struct boot_load *load = malloc(sizeof *load);
    CHECK(load != NULL);
    *load = (struct boot_load){.boot = b,
                               .connection = b->connection,
                               .revision = pg_get_i64(answer->results[REVISION_RESULT], 0, 0)};
    b->loading = true;
    b->handles++;
    PGresult *items = answer->results[ITEMS_RESULT];
    answer->results[ITEMS_RESULT] = NULL;
    load_config_set(b->cfg.loop, items, on_config_set, load);
}

static void on_all_read(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        return;
    }
    if (!take_records(b, answer->results[RECORDS_RESULT])) {
        struct error err;
        (void)error_set(&err, ERR_UNSUPPORTED, "alarm_journal",
                        "a record has a kind that this program does not know");
        die(b, &err);
        return;
    }
    b->found.revision = pg_get_i64(answer->results[REVISION_RESULT], 0, 0);
    b->found.journal_seq = (uint64_t)pg_get_i64(answer->results[STATE_RESULT], 0, 0);
    b->found.users = (uint32_t)pg_get_i64(answer->results[STATE_RESULT], 0, 1);
    start_load(b, answer);
}

static void on_config_read(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (usable(b, answer)) {
        start_load(b, answer);
    } else {
        b->loading = false;
    }
}

static void on_revision(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        b->loading = false;
        return;
    }
    bool news = b->foreign || pg_get_i64(answer->results[0], 0, 0) > b->revision;
    if (!news || !pg_has_room(b->cfg.pg)) {
        b->loading = false;
        return;
    }
    b->foreign = false;
    pg_begin(b->cfg.pg, PG_SNAPSHOT, on_config_read, b);
    pg_send(b->cfg.pg, revision_sql, NULL);
    pg_send(b->cfg.pg, items_sql, NULL);
    pg_send(b->cfg.pg, keys_sql, NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

/* Asks for the newest revision; loads if it is not the one that we know, or if somebody else wrote one beside
 * ours. */
static void look_for_config(struct boot *b) {
    if (b->loading || !pg_has_room(b->cfg.pg)) {
        b->look_again = true;
        return;
    }
    b->loading = true;
    pg_begin(b->cfg.pg, PG_READ, on_revision, b);
    pg_send(b->cfg.pg, revision_sql, NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

static void on_listening(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        return;
    }
    if (b->loaded) {
        open_connection(b);
        b->foreign = true; /* notifications may have been missed */
        look_for_config(b);
        return;
    }
    pg_begin(b->cfg.pg, PG_SNAPSHOT, on_all_read, b);
    pg_send(b->cfg.pg, revision_sql, NULL);
    pg_send(b->cfg.pg, items_sql, NULL);
    pg_send(b->cfg.pg, keys_sql, NULL);
    pg_send(b->cfg.pg, records_sql, NULL);
    pg_send(b->cfg.pg, state_sql, NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

/* --- one server ---------------------------------------------------------------------------------------- */

static const char lock_sql[] = "select pg_try_advisory_lock($1, $2), pg_backend_pid()";
static const char end_sql[] = "select pg_terminate_backend($1)";
static const char holder_sql[] =
    "select a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'this machine'),"
    "       to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    "  from pg_locks l join pg_stat_activity a using (pid)"
    " where l.locktype = 'advisory' and l.granted and l.classid = $1::oid and l.objid = $2::oid and "
    "l.objsubid = 2"
    "   and l.database = (select oid from pg_database where datname = current_database())";

static void try_lock(struct boot *b);

static void on_retry(uv_timer_t *timer) {
    struct boot *b = timer->data;
    if (pg_has_room(b->cfg.pg) && !b->dead) {
        try_lock(b);
    }
}

static void retry_lock(struct boot *b) {
    int rc = uv_timer_start(&b->timer, on_retry, BOOT_LOCK_RETRY_MS, 0);
    CHECK(rc == 0);
}

static void on_ended(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (usable(b, answer)) {
        retry_lock(b);
    }
}

/* Our own former process still has the lock: it hangs, or does not know yet that its line is dead. Nobody
 * else can have written meanwhile, so it is ended, and until it is gone the server goes on without storing.
 */
static void end_former(struct boot *b) {
    log_event(LOG_WARN, "store.former_connection", "pid=%d text=\"it still holds the lock; ending it\"",
              b->lock_pid);
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_arg_i32(&args, b->lock_pid);
    pg_begin(b->cfg.pg, PG_READ, on_ended, b);
    pg_send(b->cfg.pg, end_sql, &args);
    pg_end(b->cfg.pg);
    pg_args_done(&args);
    pg_flush(b->cfg.pg);
}

static void refuse_second(struct boot *b, const PGresult *holder) {
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
    die(b, &err);
}

static void on_lock(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        return;
    }
    if (pg_get_bool(answer->results[0], 0, 0)) {
        b->lock_pid = pg_get_i32(answer->results[0], 0, 1);
        pg_begin(b->cfg.pg, PG_READ, on_listening, b);
        pg_send(b->cfg.pg, "listen penstock_config", NULL);
        pg_end(b->cfg.pg);
        pg_flush(b->cfg.pg);
        return;
    }
    const PGresult *holder = answer->results[1];
    bool ours = b->lock_pid != 0 && PQntuples(holder) > 0 && pg_get_i32(holder, 0, 0) == b->lock_pid;
    if (uv_now(b->cfg.loop) - b->since_ms < BOOT_LOCK_WAIT_MS) {
        retry_lock(b);
    } else if (ours) {
        b->since_ms = uv_now(b->cfg.loop);
        end_former(b);
    } else {
        refuse_second(b, holder);
    }
}

static void try_lock(struct boot *b) {
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_arg_i32(&args, BOOT_LOCK_CLASS);
    pg_arg_i32(&args, BOOT_LOCK_SERVER);
    pg_begin(b->cfg.pg, PG_READ, on_lock, b);
    pg_send(b->cfg.pg, lock_sql, &args);
    pg_send(b->cfg.pg, holder_sql, &args);
    pg_end(b->cfg.pg);
    pg_args_done(&args);
    pg_flush(b->cfg.pg);
}

/* --- schema -------------------------------------------------------------------------------------------- */

static const char schema_sql[] = "select version, name, sha256 from schema_migration order by version";
#define UNDEFINED_TABLE "42P01"

static enum status compare_schema(const struct boot *b, const PGresult *r, struct error *err) {
    uint32_t n = (uint32_t)PQntuples(r);
    for (uint32_t i = 0; i < n && i < b->cfg.n_migrations; i++) {
        const struct migration *m = &b->cfg.migrations[i];
        if (pg_get_i32(r, (int)i, 0) != (int32_t)m->version ||
            !slice_is(pg_get_slice(r, (int)i, 2), m->sha256)) {
            return error_set(err, ERR_CONFLICT, m->name,
                             "the database was made with another version of this file (%.*s); use the "
                             "program that fits the database",
                             SLICE_ARG(pg_get_slice(r, (int)i, 1)));
        }
    }
    if (n > b->cfg.n_migrations) {
        return error_set(err, ERR_UNSUPPORTED, "schema_migration",
                         "the database's schema (%u) is newer than this program (%u): use a newer penstockd",
                         n, b->cfg.n_migrations);
    }
    if (n < b->cfg.n_migrations) {
        return error_set(err, ERR_UNSUPPORTED, "schema_migration",
                         "the database's schema is at %u, this program needs %u; run: penstock migrate", n,
                         b->cfg.n_migrations);
    }
    return OK;
}

static void on_schema(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    struct error err;
    if (answer->outcome == PG_REFUSED && strcmp(answer->sqlstate, UNDEFINED_TABLE) == 0) {
        (void)error_set(&err, ERR_UNSUPPORTED, "schema_migration",
                        "the database has no schema yet; run: penstock migrate");
        die(b, &err);
        return;
    }
    if (!usable(b, answer)) {
        return;
    }
    if (compare_schema(b, answer->results[0], &err) != OK) {
        die(b, &err);
        return;
    }
    try_lock(b);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status boot_new(const struct boot_config *cfg, struct boot **ret, struct error *err) {
    struct boot *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    b->cfg = *cfg;
    int rc = uv_timer_init(cfg->loop, &b->timer);
    CHECK(rc == 0);
    b->timer.data = b;
    b->handles = 1;
    *ret = b;
    return OK;
}

void boot_begin(struct boot *b) {
    if (b->dead) {
        return;
    }
    b->connection++;
    b->since_ms = uv_now(b->cfg.loop);
    pg_begin(b->cfg.pg, PG_READ, on_schema, b);
    pg_send(b->cfg.pg, schema_sql, NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

void boot_down(struct boot *b) {
    b->connection++;
    b->open = false;
    b->look_again = false;
    if (!b->closing) {
        (void)uv_timer_stop(&b->timer);
    }
}

void boot_wrote(struct boot *b, int64_t revision) {
    b->revision = revision > b->revision ? revision : b->revision;
}

void boot_notified(struct boot *b) {
    b->foreign = true;
    if (b->open && !b->dead) {
        look_for_config(b);
    }
}

static void closed_one(struct boot *b) {
    b->handles--;
    if (b->handles == 0 && b->closing) {
        b->on_closed(b->closed_ctx);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    closed_one(handle->data);
}

void boot_close(struct boot *b, void (*on_closed)(void *ctx), void *ctx) {
    b->dead = true;
    b->closing = true;
    b->on_closed = on_closed;
    b->closed_ctx = ctx;
    uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}

void boot_free(struct boot **boot) {
    struct boot *b = *boot;
    if (b == NULL) {
        return;
    }
    CHECK(b->handles == 0);
    free(b->records);
    free(b);
    *boot = NULL;
}
