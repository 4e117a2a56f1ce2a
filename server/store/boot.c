#include "server/store/boot.h"

#include "server/base/check.h"
#include "server/store/load.h"
#include "server/store/lock.h"
#include "server/store/record_sql.h"
#include "server/store/restore.h"
#include "server/store/revoked.h"

#include <stdlib.h>

struct boot {
    struct boot_config cfg;
    struct lock *lock;
    uint32_t connection; /* number of the present one: answers of a former one do not count */
    bool loaded;
    bool open;
    bool dead; /* fatal was said, or closing */
    bool closing;
    bool loading;    /* a load is under way */
    bool look_again; /* there may be a newer revision than the one being loaded */
    bool foreign; /* somebody else wrote, or may have: what this server knows is not all, whatever its number
                   */
    bool fenced;  /* no other server can write the journal */
    bool waiting; /* for that: then everything is loaded */
    int64_t revision; /* newest that the host knows */
    int64_t restored; /* the newest restore of the database that this server started on */
    struct store_boot found;
    struct restore restore;
    PGresult *items; /* of the configuration, while the journal is read */
    struct alarm_accumulator *accumulators;
    struct alarm_record *tail;
    uint8_t *revoked; /* fingerprints */
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
        lock_down(b->lock);
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
static const char accumulators_sql[] = "select alarm_key, amount from alarm_accumulator order by alarm_key";
/* By alarm_journal_pk. */
static const char state_sql[] =
    "select coalesce((select max(seq) from alarm_journal), 0), (select count(*) from app_user)";
/* By alarm_journal_pk. */
static const char tail_sql[] =
    "select " RECORD_SELECT " from alarm_journal j where j.seq between $1 and $2 order by j.seq";

enum {
    REVISION_RESULT,
    ITEMS_RESULT,
    KEYS_RESULT,
    ACCUMULATORS_RESULT,
    STATE_RESULT,
    REVOKED_RESULT,
    TAIL_RESULT
};

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

static void free_found(struct boot *b) {
    restore_done(&b->restore);
    free(b->accumulators);
    free(b->tail);
    free(b->revoked);
    PQclear(b->items);
    b->revoked = NULL;
    b->accumulators = NULL;
    b->tail = NULL;
    b->items = NULL;
}

static void finish_first_load(struct boot *b, struct config_set *set) {
    struct store_boot found = b->found;
    found.config = set;
    found.records = b->restore.records;
    found.n_records = b->restore.n;
    found.accumulators = b->accumulators;
    found.tail = b->tail;
    b->revision = found.revision;
    b->loaded = true;
    b->cfg.loaded(b->cfg.ctx, &found);
    free_found(b);
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

static void take_accumulators(struct boot *b, const PGresult *r) {
    size_t n = (size_t)PQntuples(r);
    b->accumulators = calloc(n + 1, sizeof *b->accumulators);
    CHECK(b->accumulators != NULL); /* at a start: nothing to go on with */
    for (size_t i = 0; i < n; i++) {
        b->accumulators[i] = (struct alarm_accumulator){.alarm_key = pg_get_i64(r, (int)i, 0),
                                                        .amount = pg_get_f64(r, (int)i, 1)};
    }
    b->found.n_accumulators = n;
}

static bool take_tail(struct boot *b, const PGresult *r) {
    size_t n = (size_t)PQntuples(r);
    b->tail = calloc(n + 1, sizeof *b->tail);
    CHECK(b->tail != NULL); /* at a start: nothing to go on with */
    b->found.n_tail = n;
    for (size_t i = 0; i < n; i++) {
        if (!record_read(r, (int)i, 0, &b->tail[i])) {
            return false;
        }
    }
    return true;
}

/* Takes items. */
static void start_load(struct boot *b, PGresult *items, int64_t revision) {
    struct boot_load *load = malloc(sizeof *load);
    CHECK(load != NULL);
    *load = (struct boot_load){.boot = b, .connection = b->connection, .revision = revision};
    b->loading = true;
    b->handles++;
    load_config_set(b->cfg.loop, items, on_config_set, load);
}

static PGresult *take_items(struct boot *b, struct pg_answer *answer) {
    enum status status = take_keys(b, answer->results[KEYS_RESULT]);
    CHECK(status == OK); /* only memory can be missing */
    PGresult *items = answer->results[ITEMS_RESULT];
    answer->results[ITEMS_RESULT] = NULL;
    return items;
}

static void on_restored(void *ctx, struct pg_answer *failure) {
    struct boot *b = ctx;
    if (failure == NULL) {
        PGresult *items = b->items;
        b->items = NULL;
        start_load(b, items, b->found.revision);
    } else if (failure->outcome == PG_DONE) {
        die(b, &failure->error);
    } else {
        (void)usable(b, failure);
    }
}

static void on_all_read(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        return;
    }
    free_found(b);
    take_accumulators(b, answer->results[ACCUMULATORS_RESULT]);
    b->items = take_items(b, answer);
    b->revoked = revoked_read(answer->results[REVOKED_RESULT], &b->found.n_revoked);
    CHECK(b->revoked != NULL); /* at a start: nothing to go on with */
    b->found.revoked = b->revoked;
    b->found.revision = pg_get_i64(answer->results[REVISION_RESULT], 0, 0);
    b->found.journal_seq = (uint64_t)pg_get_i64(answer->results[STATE_RESULT], 0, 0);
    b->found.users = (uint32_t)pg_get_i64(answer->results[STATE_RESULT], 0, 1);
    if (!take_tail(b, answer->results[TAIL_RESULT])) {
        struct error err;
        (void)error_set(&err, ERR_UNSUPPORTED, "alarm_journal",
                        "a record has a kind or cause that this program does not know");
        die(b, &err);
        return;
    }
    if (pg_has_room(b->cfg.pg)) {
        restore_begin(&b->restore);
    }
}

static void on_config_read(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (usable(b, answer)) {
        int64_t revision = pg_get_i64(answer->results[REVISION_RESULT], 0, 0);
        start_load(b, take_items(b, answer), revision);
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

static void load_all(struct boot *b) {
    struct pg_args tail;
    pg_args_init(&tail, 64);
    pg_arg_i64(&tail, (int64_t)b->cfg.tail_from);
    pg_arg_i64(&tail, (int64_t)b->cfg.tail_to);
    pg_begin(b->cfg.pg, PG_SNAPSHOT, on_all_read, b);
    pg_send(b->cfg.pg, revision_sql, NULL);
    pg_send(b->cfg.pg, items_sql, NULL);
    pg_send(b->cfg.pg, keys_sql, NULL);
    pg_send(b->cfg.pg, accumulators_sql, NULL);
    pg_send(b->cfg.pg, state_sql, NULL);
    pg_send(b->cfg.pg, revoked_sql, NULL);
    pg_send(b->cfg.pg, tail_sql, &tail);
    pg_end(b->cfg.pg);
    pg_args_done(&tail);
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
    } else if (b->fenced) {
        load_all(b);
    } else {
        b->waiting = true;
    }
}

void boot_fenced(struct boot *b) {
    b->fenced = true;
    if (b->waiting && !b->dead && pg_has_room(b->cfg.pg)) {
        b->waiting = false;
        load_all(b);
    }
}

/* --- one server ---------------------------------------------------------------------------------------- */

static void on_held(void *ctx) {
    struct boot *b = ctx;
    b->cfg.locked(b->cfg.ctx);
    pg_begin(b->cfg.pg, PG_READ, on_listening, b);
    pg_send(b->cfg.pg, "listen penstock_config", NULL);
    pg_send(b->cfg.pg, "listen penstock_revoked", NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

static void on_lock_trouble(void *ctx, const struct error *error) {
    die(ctx, error);
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

/* --- restores ------------------------------------------------------------------------------------------ */

/* By store_restore_pk. */
static const char restored_sql[] = "select coalesce(max(restore_id), 0) from store_restore";

/* What this server holds of alarms, gateways and accounts is of the database that it started on. One that was
 * set back has another past, in which the same numbers may come to mean something else. */
static void on_restore_known(void *ctx, struct pg_answer *answer) {
    struct boot *b = ctx;
    if (!usable(b, answer)) {
        return;
    }
    int64_t restored = pg_get_i64(answer->results[0], 0, 0);
    if (b->loaded && restored != b->restored) {
        struct error err;
        (void)error_set(&err, ERR_CONFLICT, "store_restore",
                        "the database was restored from a backup while this server ran; start it again");
        die(b, &err);
        return;
    }
    b->restored = restored;
    lock_begin(b->lock);
}

static void look_for_restore(struct boot *b) {
    if (pg_has_room(b->cfg.pg)) {
        pg_begin(b->cfg.pg, PG_READ, on_restore_known, b);
        pg_send(b->cfg.pg, restored_sql, NULL);
        pg_end(b->cfg.pg);
        pg_flush(b->cfg.pg);
    }
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
    look_for_restore(b);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status boot_new(const struct boot_config *cfg, struct boot **ret, struct error *err) {
    struct boot *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    b->cfg = *cfg;
    b->restore = (struct restore){.pg = cfg->pg, .ctx = b, .on_done = on_restored};
    struct lock_config lock = {.loop = cfg->loop,
                               .pg = cfg->pg,
                               .object = LOCK_SERVER,
                               .ctx = b,
                               .held = on_held,
                               .taken = on_lock_trouble,
                               .fatal = on_lock_trouble};
    enum status status = lock_new(&lock, &b->lock, err);
    if (status != OK) {
        free(b);
        return status;
    }
    b->handles = 1;
    *ret = b;
    return OK;
}

void boot_begin(struct boot *b) {
    if (b->dead) {
        return;
    }
    b->connection++;
    pg_begin(b->cfg.pg, PG_READ, on_schema, b);
    pg_send(b->cfg.pg, schema_sql, NULL);
    pg_end(b->cfg.pg);
    pg_flush(b->cfg.pg);
}

void boot_down(struct boot *b) {
    b->connection++;
    b->open = false;
    b->look_again = false;
    b->waiting = false;
    lock_down(b->lock);
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

static void on_lock_closed(void *ctx) {
    closed_one(ctx);
}

void boot_close(struct boot *b, void (*on_closed)(void *ctx), void *ctx) {
    b->dead = true;
    b->closing = true;
    b->on_closed = on_closed;
    b->closed_ctx = ctx;
    lock_close(b->lock, on_lock_closed, b);
}

void boot_free(struct boot **boot) {
    struct boot *b = *boot;
    if (b == NULL) {
        return;
    }
    CHECK(b->handles == 0);
    lock_free(&b->lock);
    free_found(b);
    free(b);
    *boot = NULL;
}
