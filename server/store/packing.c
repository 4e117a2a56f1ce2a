#include "server/base/check.h"
#include "server/core/quality.h"
#include "server/history/bundle.h"
#include "server/store/lock.h"
#include "server/store/packing_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SHRINK = 8,
    STATEMENT_MS = 60000,
    ARGS_BYTES = 256 * 1024 * 1024,
    COPY_BYTES = 1024 * 1024 * 1024,
};

/* Plans that go by the indexes, made once: what is stored in a new period has no statistics yet, and planning
 * for every partition costs more than most of these statements. A commit that a crash of PostgreSQL takes
 * back is simply done again: it need not wait for the disk, nor for a standby. */
static const char setup_sql[] =
    "set plan_cache_mode = force_generic_plan; set enable_hashjoin = off; set enable_mergejoin = off;"
    " set enable_seqscan = off; set jit = off; set synchronous_commit = off";

struct packing *packing_new(const char *conninfo, uint32_t samples, const atomic_bool *stop) {
    struct packing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->cfg = (struct blocking_config){.conninfo = conninfo,
                                      .name = "penstock packer",
                                      .statement_ms = STATEMENT_MS,
                                      .setup = setup_sql,
                                      .lock = LOCK_PACKER,
                                      .stop = stop};
    p->samples_max = samples == 0 ? PACKING_SAMPLES : samples;
    p->samples = p->samples_max;
    round_init(&p->round);
    plan_init(&p->plan);
    pack_init(&p->pack, &p->work);
    pg_args_init(&p->args, ARGS_BYTES);
    buf_init(&p->copy, COPY_BYTES);
    return p;
}

static void forget(struct packing *p) {
    PQclear(p->hot); /* accepts NULL */
    PQclear(p->loose);
    PQclear(p->gone);
    p->hot = p->loose = p->gone = NULL;
    plan_clear(&p->plan);
    pack_clear(&p->pack);
}

void packing_free(struct packing **packing) {
    struct packing *p = *packing;
    if (p == NULL) {
        return;
    }
    forget(p);
    blocking_close(&p->db);
    round_done(&p->round);
    plan_done(&p->plan);
    plan_days_done(&p->days);
    pack_done(&p->pack);
    pg_args_done(&p->args);
    buf_done(&p->copy);
    free(p);
    *packing = NULL;
}

enum status packing_ask(struct packing *p, enum packing_sql statement, PGresult **ret, struct error *err) {
    const struct packing_statement *s = &packing_statements[statement];
    return blocking_ask_prepared(&p->db, s->name, s->sql, &p->args, ret, err);
}

/* If need be. With a connection that went PostgreSQL may have crashed, and taken back commits that nobody
 * waited for: then rows that were packed are there again, and come before the rest of their round. */
static enum status open_db(struct packing *p, struct error *err) {
    if (blocking_is_open(&p->db)) {
        return OK;
    }
    round_clear(&p->round);
    return blocking_open(&p->db, &p->cfg, err);
}

/* The same outside a transaction. */
static enum status ask_alone(struct packing *p, enum packing_sql statement, PGresult **ret,
                             struct error *err) {
    enum status status = open_db(p, err);
    status = status == OK ? packing_ask(p, statement, ret, err) : status;
    if (status != OK) {
        blocking_rollback(&p->db);
    }
    return status;
}

/* --- what is damaged ------------------------------------------------------------------------------------ */

enum status packing_put_aside(struct packing *p, const struct packing_aside *a, const struct error *why,
                              struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    pg_arg_i32(&p->args, a->source);
    pg_arg_text(&p->args, slice_str(why->text));
    pg_arg_i64(&p->args, a->gateway_key);
    pg_arg_i64(&p->args, a->received_us);
    pg_arg_i32(&p->args, a->class);
    pg_arg_i64(&p->args, a->tag_key);
    pg_arg_i64(&p->args, a->from_us);
    pg_arg_i64(&p->args, a->to_us);
    pg_arg_i32(&p->args, a->n);
    pg_arg_bytes(&p->args, a->data.p, a->data.n);
    enum status status = packing_ask(p, PACKING_ASIDE, &r, err);
    if (status != OK) {
        return status;
    }
    PQclear(r);
    if (p->done.damaged++ == 0 && a->source == 0) {
        (void)snprintf(p->done.damage, sizeof p->done.damage,
                       "samples of gateway key %" PRId64 " received at %" PRId64 ": %s", a->gateway_key,
                       a->received_us, why->text);
    } else if (p->done.damaged == 1) {
        (void)snprintf(p->done.damage, sizeof p->done.damage,
                       "chunk of tag key %" PRId64 " from %" PRId64 ": %s", a->tag_key, a->from_us,
                       why->text);
    }
    return OK;
}

/* --- taking -------------------------------------------------------------------------------------------- */

static enum status take_loose(struct packing *p, struct error *err) {
    uint32_t most = p->samples < PACKING_ROWS ? p->samples : PACKING_ROWS;
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, most);
    enum status status = packing_ask(p, PACKING_LOOSE, &p->loose, err);
    if (status != OK) {
        return status;
    }
    uint32_t n = (uint32_t)PQntuples(p->loose); /* PACKING_ROWS at most */
    for (uint32_t i = 0; i < n && status == OK; i++) {
        int row = (int)i;
        bool number = !pg_is_null(p->loose, row, 2);
        bool text = !pg_is_null(p->loose, row, 4);
        struct chunk_sample s = {.tag_key = pg_get_i64(p->loose, row, 0),
                                 .t_us = pg_get_i64(p->loose, row, 1),
                                 .quality = (uint8_t)pg_get_i16(p->loose, row, 3), /* a byte, by its check */
                                 .kind = text     ? CHUNK_TEXT
                                         : number ? CHUNK_NUMBER
                                                  : CHUNK_NOTHING};
        s.number = number ? pg_get_f64(p->loose, row, 2) : 0;
        s.text = text ? pg_get_slice(p->loose, row, 4) : (struct slice){0};
        status = taken_add_weak(&p->plan.taken, &s);
    }
    p->done.rows += n;
    return status == OK ? OK : error_set(err, status, "packer", "no memory for %u samples", n);
}

static enum status take_hot_row(struct packing *p, int row, struct error *err) {
    struct error why = {0};
    struct slice data = pg_get_slice(p->hot, row, 4);
    chunk_columns_clear(&p->work.columns);
    enum status status = bundle_read_columns(data, &p->work, &why);
    if (status == OK && !bundle_is_mixed(data)) {
        status = error_set(&why, ERR_INVALID, "chunk", "it does not say which tags its samples are of");
    }
    if (status == OK) {
        status = taken_add(&p->plan.taken, &p->work.columns);
        return status == OK ? OK : error_set(err, status, "packer", "no memory for a row of samples");
    }
    const struct packing_aside a = {.gateway_key = pg_get_i64(p->hot, row, 1),
                                    .received_us = pg_get_i64(p->hot, row, 2),
                                    .n = pg_get_i32(p->hot, row, 3),
                                    .data = data};
    return packing_put_aside(p, &a, &why, err);
}

struct hot_place {
    int64_t id;
    int row;
};

static int by_id(const void *a, const void *b) {
    const struct hot_place *x = a;
    const struct hot_place *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* In the order in which they came: of one moment the later sample counts. */
static enum status take_hot_rows(struct packing *p, struct error *err) {
    uint32_t n = (uint32_t)PQntuples(p->hot); /* PACKING_HOT_ROWS at most */
    struct hot_place *places = calloc((size_t)n + 1, sizeof *places);
    if (places == NULL) {
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u rows of sample_hot", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        places[i] = (struct hot_place){.id = pg_get_i64(p->hot, (int)i, 0), .row = (int)i};
    }
    qsort(places, n, sizeof *places, by_id);
    enum status status = OK;
    for (uint32_t i = 0; i < n && status == OK; i++) {
        status = take_hot_row(p, places[i].row, err);
    }
    p->done.rows += n;
    free(places);
    return status;
}

/* The next of the round. Some may be gone since they were listed. */
static enum status take_hot(struct packing *p, struct error *err) {
    const struct round_limits limits = {
        .rows = PACKING_HOT_ROWS, .samples = p->samples, .bytes = PACKING_BYTES};
    /* After trouble as they came: one can be skipped then. */
    p->n_taken = round_next(&p->round, limits, p->samples < p->samples_max);
    pg_args_clear(&p->args);
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < p->n_taken; i++) {
        pg_array_i64(&p->args, p->round.v[p->round.at + i].id);
    }
    pg_array_end(&p->args);
    enum status status = packing_ask(p, PACKING_HOT, &p->hot, err);
    return status == OK ? take_hot_rows(p, err) : status;
}

/* --- a transaction ------------------------------------------------------------------------------------- */

static enum status transaction(struct packing *p, struct error *err) {
    enum status status = blocking_do(&p->db, "begin", err);
    status = status == OK && !p->no_loose ? take_loose(p, err) : status;
    status = status == OK ? take_hot(p, err) : status;
    if (status == OK && p->plan.taken.n > 0) {
        status = packing_chunks(p, err);
    }
    p->done.samples = p->plan.taken.n;
    return status == OK ? blocking_do(&p->db, "commit", err) : status;
}

/* Less the next time; when it was the least already, without loose rows, and then without the first row. */
static enum status come_around(struct packing *p, const struct error *why, struct error *err) {
    if (p->samples > 1) {
        p->samples = p->samples / SHRINK > 0 ? p->samples / SHRINK : 1;
        return OK;
    }
    if (!p->no_loose) {
        p->no_loose = true;
        return OK;
    }
    PGresult *r = NULL;
    struct error fault;
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, p->after_id);
    enum status status = ask_alone(p, PACKING_NEXT, &r, &fault);
    if (status != OK) {
        return error_set(err, status, fault.where, "%s", fault.text);
    }
    p->after_id = pg_get_i64(r, 0, 0);
    p->no_loose = false; /* it was not one of them */
    PQclear(r);
    return error_set(err, why->code, "database", "row %" PRId64 " of sample_hot is skipped: %s", p->after_id,
                     why->text);
}

/* Where all that waited when it began is packed, it begins again. */
static enum status begin(struct packing *p, struct error *err) {
    PGresult *r = NULL;
    enum status status = open_db(p, err);
    if (status != OK || !round_is_over(&p->round)) {
        return status;
    }
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, p->after_id);
    pg_arg_i64(&p->args, PACKING_ROUND_ROWS);
    status = ask_alone(p, PACKING_ROUND, &r, err);
    if (status != OK) {
        return status;
    }
    uint32_t n = (uint32_t)PQntuples(r); /* PACKING_ROUND_ROWS at most */
    round_clear(&p->round);
    if (!round_reserve(&p->round, n)) {
        PQclear(r);
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u rows of sample_hot", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        int row = (int)i;
        p->round.v[i] = (struct round_row){.id = pg_get_i64(r, row, 0),
                                           .gateway_key = pg_get_i64(r, row, 1),
                                           .n = (uint32_t)pg_get_i32(r, row, 2), /* positive, as the next */
                                           .bytes = (uint32_t)pg_get_i32(r, row, 3)};
    }
    p->round.n = n;
    PQclear(r);
    return OK;
}

enum status packing_step(struct packing *p, struct packing_done *ret, struct error *err) {
    struct error why = {0};
    p->done = (struct packing_done){.rows = 0};
    enum status status = begin(p, &why);
    status = status == OK ? transaction(p, &why) : status;
    forget(p);
    if (status == OK) {
        round_took(&p->round, p->n_taken);
        p->samples = p->samples > p->samples_max / SHRINK ? p->samples_max : p->samples * SHRINK;
        *ret = p->done;
        return OK;
    }
    blocking_rollback(&p->db);
    round_clear(&p->round);      /* what was there may be gone, if it was the commit that failed */
    if (status == ERR_TIMEOUT) { /* a slow disk: less of it may be done in time */
        p->samples = p->samples / SHRINK > 0 ? p->samples / SHRINK : 1;
    }
    if (status == ERR_INVALID || status == ERR_TOO_BIG) {
        enum status around = come_around(p, &why, err);
        if (around != OK) {
            return around;
        }
    }
    return error_set(err, status, why.where, "%s", why.text);
}

bool packing_is_begun(const struct packing *p) {
    return !round_is_over(&p->round);
}

enum status packing_look(struct packing *p, struct packing_waiting *ret, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    enum status status = ask_alone(p, PACKING_LOOK, &r, err);
    if (status != OK) {
        return status;
    }
    *ret = (struct packing_waiting){
        .oldest_us = pg_get_i64(r, 0, 0), .rows = pg_get_i64(r, 0, 1), .loose = pg_get_bool(r, 0, 2)};
    PQclear(r);
    return OK;
}

enum status packing_prune(struct packing *p, int64_t before_us, int64_t *ret_n, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, before_us);
    pg_arg_i64(&p->args, PACKING_PRUNE);
    enum status status = ask_alone(p, PACKING_PRUNED, &r, err);
    if (status != OK) {
        return status;
    }
    *ret_n = pg_get_i64(r, 0, 0);
    PQclear(r);
    return OK;
}
