#include "server/store/packing.h"

#include "server/base/check.h"
#include "server/core/quality.h"
#include "server/history/bundle.h"
#include "server/store/packing_plan.h"
#include "server/store/packing_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHRINK = 8, ARGS_BYTES = 256 * 1024 * 1024, COPY_BYTES = 1024 * 1024 * 1024 };

struct packing {
    struct packing_db db;
    uint32_t samples_max;
    uint32_t samples; /* of the next transaction: less than that after trouble */
    bool no_loose;    /* rows of sample_row are left alone: something is wrong with one */
    int64_t after_id; /* rows of sample_hot up to this one are skipped */
    int64_t until_id; /* what waited when it began; what came later waits for the next time */
    struct plan plan;
    struct pack pack;
    struct chunk_work work;
    struct pg_args args;
    struct buf copy;
    PGresult *hot; /* texts point into these */
    PGresult *loose;
    PGresult *gone;
    struct packing_done done;
};

struct packing *packing_new(const char *conninfo, uint32_t samples, const atomic_bool *stop) {
    struct packing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->db = (struct packing_db){.conninfo = conninfo,
                                .statements = packing_statements,
                                .n_statements = PACKING_STATEMENTS,
                                .stop = stop};
    p->samples_max = samples == 0 ? PACKING_SAMPLES : samples;
    p->samples = p->samples_max;
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
    packing_db_close(&p->db);
    plan_done(&p->plan);
    pack_done(&p->pack);
    pg_args_done(&p->args);
    buf_done(&p->copy);
    free(p);
    *packing = NULL;
}

static enum status ask(struct packing *p, enum packing_sql statement, PGresult **ret, struct error *err) {
    return packing_db_ask(&p->db, statement, &p->args, ret, err);
}

/* --- what is damaged ------------------------------------------------------------------------------------ */

struct aside {
    int32_t source; /* 0: sample_hot, 1: sample_chunk */
    int64_t gateway_key;
    int64_t received_us;
    int32_t class;
    int64_t tag_key;
    int64_t from_us;
    int64_t to_us;
    int32_t n;
    struct slice data;
};

static enum status put_aside(struct packing *p, const struct aside *a, const struct error *why,
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
    enum status status = ask(p, PACKING_ASIDE, &r, err);
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
    enum status status = ask(p, PACKING_LOOSE, &p->loose, err);
    if (status != OK) {
        return status;
    }
    uint32_t n = (uint32_t)PQntuples(p->loose); /* PACKING_ROWS at most */
    struct chunk_sample *v = plan_reserve(&p->plan, n + 1);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u samples", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        int row = (int)i;
        bool number = !pg_is_null(p->loose, row, 2);
        bool text = !pg_is_null(p->loose, row, 4);
        v[i] =
            (struct chunk_sample){.tag_key = pg_get_i64(p->loose, row, 0),
                                  .t_us = pg_get_i64(p->loose, row, 1),
                                  .quality = (uint8_t)pg_get_i16(p->loose, row, 3), /* a byte, by its check */
                                  .kind = text     ? CHUNK_TEXT
                                          : number ? CHUNK_NUMBER
                                                   : CHUNK_NOTHING};
        v[i].number = number ? pg_get_f64(p->loose, row, 2) : 0;
        v[i].text = text ? pg_get_slice(p->loose, row, 4) : (struct slice){0};
    }
    p->plan.n += n;
    p->plan.n_weak = n;
    p->done.rows += n;
    return OK;
}

static enum status take_hot_row(struct packing *p, int row, struct error *err) {
    struct error why = {0};
    uint32_t n = 0;
    struct chunk_sample *v = plan_reserve(&p->plan, CHUNK_SAMPLES_MAX);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, "packer", "no memory for a row of samples");
    }
    struct slice data = pg_get_slice(p->hot, row, 4);
    enum status status = bundle_read(data, &p->work, v, &n, &why);
    if (status == OK && !bundle_is_mixed(data)) {
        status = error_set(&why, ERR_INVALID, "chunk", "it does not say which tags its samples are of");
    }
    if (status == OK) {
        p->plan.n += n;
        return OK;
    }
    const struct aside a = {.gateway_key = pg_get_i64(p->hot, row, 1),
                            .received_us = pg_get_i64(p->hot, row, 2),
                            .n = pg_get_i32(p->hot, row, 3),
                            .data = data};
    return put_aside(p, &a, &why, err);
}

static enum status take_hot(struct packing *p, struct error *err) {
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, p->after_id);
    pg_arg_i64(&p->args, p->samples);
    pg_arg_i64(&p->args, PACKING_BYTES);
    pg_arg_i64(&p->args, PACKING_HOT_ROWS);
    pg_arg_i64(&p->args, p->until_id);
    pg_arg_i32(&p->args, p->samples < p->samples_max); /* after trouble in order: one can be skipped then */
    enum status status = ask(p, PACKING_HOT, &p->hot, err);
    for (int row = 0; status == OK && row < PQntuples(p->hot); row++) {
        status = take_hot_row(p, row, err);
        p->done.rows++;
    }
    return status;
}

/* --- what is there ------------------------------------------------------------------------------------- */

static void group_args(struct packing *p, int64_t (*number)(const struct plan_group *g)) {
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < p->plan.n_groups; i++) {
        pg_array_i64(&p->args, number(&p->plan.groups[i]));
    }
    pg_array_end(&p->args);
}

static int64_t tag_of(const struct plan_group *g) {
    return g->tag_key;
}

static int64_t period_of(const struct plan_group *g) {
    return pack_period(g->from_us);
}

static int64_t from_of(const struct plan_group *g) {
    return g->from_us;
}

static int64_t to_of(const struct plan_group *g) {
    return g->to_us;
}

static enum status read_heads(struct packing *p, const PGresult *r, struct error *err) {
    for (int row = 0; row < PQntuples(r); row++) {
        uint32_t group = (uint32_t)pg_get_i64(r, row, 0) - 1; /* of an array that is no longer */
        p->plan.groups[group].class = pg_get_i16(r, row, 1);
        if (pg_is_null(r, row, 2)) {
            continue;
        }
        const struct plan_head h = {.class = pg_get_i16(r, row, 2),
                                    .head = {.from_us = pg_get_i64(r, row, 3),
                                             .to_us = pg_get_i64(r, row, 4),
                                             .n = (uint32_t)pg_get_i32(r, row, 5),
                                             .bytes = (uint32_t)pg_get_i32(r, row, 6)}};
        if (plan_add_head(&p->plan, group, &h) != OK) {
            return error_set(err, ERR_NOMEM, "packer", "no memory for the heads of chunks");
        }
    }
    return OK;
}

static enum status find_heads(struct packing *p, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    group_args(p, tag_of);
    group_args(p, period_of);
    group_args(p, from_of);
    group_args(p, to_of);
    enum status status = ask(p, PACKING_HEADS, &r, err);
    if (status == OK) {
        status = read_heads(p, r, err);
        PQclear(r);
    }
    return status;
}

/* Groups of one period and class follow each other rarely, but there are few of both: each pair once. */
static enum status prepare_tables(struct packing *p, struct error *err) {
    enum { PAIRS_MAX = 1024 };
    int16_t classes[PAIRS_MAX];
    int64_t periods[PAIRS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->plan.n_groups; i++) {
        const struct plan_group *g = &p->plan.groups[i];
        uint32_t at = n;
        while (at > 0 && !(classes[at - 1] == g->class && periods[at - 1] == pack_period(g->from_us))) {
            at--;
        }
        if (at == 0 && n < PAIRS_MAX) {
            classes[n] = g->class;
            periods[n++] = pack_period(g->from_us);
        }
    }
    pg_args_clear(&p->args);
    pg_array_i16_begin(&p->args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_i16(&p->args, classes[i]);
    }
    pg_array_end(&p->args);
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_i64(&p->args, periods[i]);
    }
    pg_array_end(&p->args);
    PGresult *r = NULL;
    enum status status = ask(p, PACKING_PREPARE, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

static void gone_numbers(struct packing *p, int64_t (*number)(const struct packing *p, uint32_t group,
                                                              const struct plan_head *h)) {
    pg_array_i64_begin(&p->args);
    for (uint32_t g = 0; g < p->plan.n_groups; g++) {
        for (uint32_t i = 0; i < p->plan.groups[g].n_gone; i++) {
            pg_array_i64(&p->args, number(p, g, &p->plan.gone[p->plan.groups[g].first_gone + i]));
        }
    }
    pg_array_end(&p->args);
}

static int64_t gone_group(const struct packing *p, uint32_t group, const struct plan_head *h) {
    (void)p;
    (void)h;
    return group;
}

static int64_t gone_tag(const struct packing *p, uint32_t group, const struct plan_head *h) {
    (void)h;
    return p->plan.groups[group].tag_key;
}

static int64_t gone_from(const struct packing *p, uint32_t group, const struct plan_head *h) {
    (void)p;
    (void)group;
    return h->head.from_us;
}

/* Deletes the chunks that are written anew; p->gone has them. */
static enum status take_chunks(struct packing *p, struct error *err) {
    pg_args_clear(&p->args);
    gone_numbers(p, gone_group);
    pg_array_i16_begin(&p->args);
    for (uint32_t i = 0; i < p->plan.n_gone; i++) {
        pg_array_i16(&p->args, p->plan.gone[i].class);
    }
    pg_array_end(&p->args);
    gone_numbers(p, gone_tag);
    gone_numbers(p, gone_from);
    enum status status = ask(p, PACKING_GONE, &p->gone, err);
    if (status == OK && PQntuples(p->gone) != (int)p->plan.n_gone) {
        /* Between two statements of this transaction somebody else took some: what was read is not true. */
        packing_db_close(&p->db);
        return error_set(err, ERR_UNAVAILABLE, "packer", "chunks changed while they were packed");
    }
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------- */

struct writing {
    struct packing *p;
    const struct plan_group *g;
};

static enum status on_chunk(void *ctx, const struct pack_chunk *c) {
    const struct writing *w = ctx;
    packing_copy_chunk(&w->p->copy, w->g->class, w->g->tag_key, c);
    w->p->done.chunks++;
    return w->p->copy.failed ? ERR_NOMEM : OK;
}

/* The chunks of a group from *row on, which moves behind them. */
static enum status chunks_in(struct packing *p, uint32_t group, int *row, struct error *err) {
    enum status status = OK;
    for (; status == OK && *row < PQntuples(p->gone) && pg_get_i64(p->gone, *row, 0) == group; (*row)++) {
        struct error why = {0};
        struct slice data = pg_get_slice(p->gone, *row, 6);
        p->done.chunks_read++;
        status = pack_chunk_in(&p->pack, data, &why);
        if (status == OK) {
            continue;
        }
        if (status != ERR_INVALID && status != ERR_UNSUPPORTED) {
            return error_set(err, status, "packer", "%s", why.text);
        }
        const struct aside a = {.source = 1,
                                .from_us = pg_get_i64(p->gone, *row, 1),
                                .to_us = pg_get_i64(p->gone, *row, 2),
                                .n = pg_get_i32(p->gone, *row, 3),
                                .class = pg_get_i16(p->gone, *row, 4),
                                .tag_key = pg_get_i64(p->gone, *row, 5),
                                .data = data};
        status = put_aside(p, &a, &why, err);
    }
    return status;
}

static enum status write_group(struct packing *p, uint32_t group, int *row, struct error *err) {
    const struct plan_group *g = &p->plan.groups[group];
    struct writing w = {.p = p, .g = g};
    pack_clear(&p->pack);
    enum status status = chunks_in(p, group, row, err);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < g->n && status == OK; i++) {
        uint32_t at = p->plan.items[g->first + i].at;
        status = pack_sample_in(&p->pack, &p->plan.v[at], at < p->plan.n_weak);
    }
    status = status == OK ? pack_out(&p->pack, (struct chunk_scale){.scale = 0}, on_chunk, &w) : status;
    return status == OK ? OK : error_set(err, status, "packer", "no memory for the chunks of a tag");
}

static enum status write_groups(struct packing *p, struct error *err) {
    enum status status = OK;
    int row = 0;
    buf_clear(&p->copy);
    packing_copy_begin(&p->copy);
    for (uint32_t i = 0; i < p->plan.n_groups && status == OK; i++) {
        status = write_group(p, i, &row, err);
    }
    if (status != OK) {
        return status;
    }
    CHECK(row == PQntuples(p->gone));
    packing_copy_end(&p->copy);
    return packing_db_copy(&p->db, packing_copy_sql, buf_slice(&p->copy), err);
}

/* --- a transaction ------------------------------------------------------------------------------------- */

/* ERR_TOO_BIG: so much would have to be written anew that less is to be taken. */
static enum status pack_taken(struct packing *p, struct error *err) {
    uint64_t bytes = 0;
    enum status status = plan_group(&p->plan, err);
    status = status == OK ? find_heads(p, err) : status;
    status = status == OK ? plan_choose(&p->plan, &bytes, err) : status;
    if (status == OK && bytes > PACKING_CHUNK_BYTES && p->samples > 1) {
        return error_set(err, ERR_TOO_BIG, "packer", "%u samples fall into %" PRIu64 " bytes of chunks",
                         p->plan.n, bytes);
    }
    status = status == OK ? prepare_tables(p, err) : status;
    status = status == OK ? take_chunks(p, err) : status;
    return status == OK ? write_groups(p, err) : status;
}

static enum status transaction(struct packing *p, struct error *err) {
    enum status status = packing_db_run(&p->db, "begin", err);
    status = status == OK && !p->no_loose ? take_loose(p, err) : status;
    status = status == OK ? take_hot(p, err) : status;
    if (status == OK && p->plan.n > 0) {
        status = pack_taken(p, err);
    }
    p->done.samples = p->plan.n;
    return status == OK ? packing_db_run(&p->db, "commit", err) : status;
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
    enum status status = packing_db_open(&p->db, &fault);
    status = status == OK ? ask(p, PACKING_NEXT, &r, &fault) : status;
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
    struct packing_waiting waiting;
    PGresult *r = NULL;
    enum status status = packing_look(p, &waiting, err);
    if (status != OK || waiting.begun) {
        return status;
    }
    pg_args_clear(&p->args);
    status = ask(p, PACKING_LAST, &r, err);
    if (status == OK) {
        p->until_id = pg_get_i64(r, 0, 0);
        PQclear(r);
    }
    return status;
}

enum status packing_step(struct packing *p, struct packing_done *ret, struct error *err) {
    struct error why = {0};
    p->done = (struct packing_done){.rows = 0};
    enum status status = begin(p, &why);
    status = status == OK ? transaction(p, &why) : status;
    forget(p);
    if (status == OK) {
        p->samples = p->samples > p->samples_max / SHRINK ? p->samples_max : p->samples * SHRINK;
        *ret = p->done;
        return OK;
    }
    packing_db_close(&p->db);    /* rolls back */
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

enum status packing_look(struct packing *p, struct packing_waiting *ret, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, p->after_id);
    pg_arg_i64(&p->args, p->until_id);
    enum status status = packing_db_open(&p->db, err);
    status = status == OK ? ask(p, PACKING_LOOK, &r, err) : status;
    if (status != OK) {
        return status;
    }
    *ret = (struct packing_waiting){.oldest_us = pg_get_i64(r, 0, 0),
                                    .rows = pg_get_i64(r, 0, 1),
                                    .loose = pg_get_bool(r, 0, 2),
                                    .begun = pg_get_bool(r, 0, 3)};
    PQclear(r);
    return OK;
}

enum status packing_prune(struct packing *p, int64_t before_us, int64_t *ret_n, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    pg_arg_i64(&p->args, before_us);
    pg_arg_i64(&p->args, PACKING_PRUNE);
    enum status status = packing_db_open(&p->db, err);
    status = status == OK ? ask(p, PACKING_PRUNED, &r, err) : status;
    if (status != OK) {
        return status;
    }
    *ret_n = pg_get_i64(r, 0, 0);
    PQclear(r);
    return OK;
}
