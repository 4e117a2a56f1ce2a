#include "server/base/check.h"
#include "server/store/packing_priv.h"

#include <inttypes.h>

enum {
    /* Chunks before a group: more than there are small ones behind each other, for each is larger than all
     * behind it together (pack_reach). */
    CHUNKS_BEFORE = 12,
};

/* --- what is there ------------------------------------------------------------------------------------- */

/* Of all groups, or of those that are short of heads. */
static void group_args(struct packing *p, bool all,
                       int64_t (*number)(const struct plan *plan, uint32_t group)) {
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < p->plan.n_groups; i++) {
        if (all || p->plan.groups[i].short_of_heads) {
            pg_array_i64(&p->args, number(&p->plan, i));
        }
    }
    pg_array_end(&p->args);
}

static int64_t place_of(const struct plan *plan, uint32_t group) {
    (void)plan;
    return group;
}

static int64_t tag_of(const struct plan *plan, uint32_t group) {
    return plan->groups[group].tag_key;
}

static int64_t period_of(const struct plan *plan, uint32_t group) {
    return pack_period(plan->groups[group].from_us);
}

static int64_t from_of(const struct plan *plan, uint32_t group) {
    return plan->groups[group].from_us;
}

static int64_t to_of(const struct plan *plan, uint32_t group) {
    return plan->groups[group].to_us;
}

static enum status read_heads(struct packing *p, const PGresult *r, struct error *err) {
    for (int row = 0; row < PQntuples(r); row++) {
        uint32_t group = (uint32_t)pg_get_i64(r, row, 0); /* as it was given */
        p->plan.groups[group].class = pg_get_i16(r, row, 1);
        if (pg_is_null(r, row, 2)) {
            continue;
        }
        const struct plan_head h = {.class = pg_get_i16(r, row, 2),
                                    .head = {.from_us = pg_get_i64(r, row, 3),
                                             .to_us = pg_get_i64(r, row, 4),
                                             .n = (uint32_t)pg_get_i16(r, row, 5), /* positive */
                                             .bytes = (uint32_t)pg_get_i32(r, row, 6)}};
        if (plan_add_head(&p->plan, group, &h) != OK) {
            return error_set(err, ERR_NOMEM, "packer", "no memory for the heads of chunks");
        }
    }
    return OK;
}

static enum status ask_heads(struct packing *p, bool all, uint32_t before, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    group_args(p, all, place_of);
    group_args(p, all, tag_of);
    group_args(p, all, period_of);
    group_args(p, all, from_of);
    group_args(p, all, to_of);
    pg_arg_i64(&p->args, before);
    enum status status = packing_ask(p, PACKING_HEADS, &r, err);
    if (status == OK) {
        status = read_heads(p, r, err);
        PQclear(r);
    }
    return status;
}

/* The last chunk before a group is mostly full, and none before it matters. */
static enum status find_heads(struct packing *p, struct error *err) {
    uint32_t n = 0;
    enum status status = ask_heads(p, true, 1, err);
    status = status == OK ? plan_short(&p->plan, 1, &n, err) : status;
    return status == OK && n > 0 ? ask_heads(p, false, CHUNKS_BEFORE, err) : status;
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
    enum status status = packing_ask(p, PACKING_PREPARE, &r, err);
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
    enum status status = packing_ask(p, PACKING_GONE, &p->gone, err);
    if (status == OK && PQntuples(p->gone) != (int)p->plan.n_gone) {
        /* Between two statements of this transaction somebody else took some: what was read is not true. */
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
    return w->p->copy.failed ? ERR_NOMEM
                             : plan_days_add(&w->p->days, w->g->tag_key, c->head.from_us, c->head.to_us);
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
        const struct packing_aside a = {.source = 1,
                                        .from_us = pg_get_i64(p->gone, *row, 1),
                                        .to_us = pg_get_i64(p->gone, *row, 2),
                                        .n = pg_get_i16(p->gone, *row, 3),
                                        .class = pg_get_i16(p->gone, *row, 4),
                                        .tag_key = pg_get_i64(p->gone, *row, 5),
                                        .data = data};
        status = packing_put_aside(p, &a, &why, err);
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
    status = pack_samples_in(&p->pack, p->plan.taken.v + g->first, g->n);
    status = status == OK ? pack_out(&p->pack, on_chunk, &w) : status;
    return status == OK ? OK : error_set(err, status, "packer", "no memory for the chunks of a tag");
}

static enum status write_groups(struct packing *p, struct error *err) {
    enum status status = OK;
    int row = 0;
    plan_days_clear(&p->days);
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
    return blocking_copy(&p->db, packing_copy_sql, buf_slice(&p->copy), err);
}

/* What was written is to be rolled up anew. */
static enum status mark_days(struct packing *p, struct error *err) {
    PGresult *r = NULL;
    pg_args_clear(&p->args);
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < p->days.n; i++) {
        pg_array_i64(&p->args, p->days.v[i].tag_key);
    }
    pg_array_end(&p->args);
    pg_array_i64_begin(&p->args);
    for (uint32_t i = 0; i < p->days.n; i++) {
        pg_array_i64(&p->args, p->days.v[i].day_us);
    }
    pg_array_end(&p->args);
    enum status status = packing_ask(p, PACKING_MARK, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

enum status packing_chunks(struct packing *p, struct error *err) {
    uint64_t bytes = 0;
    enum status status = plan_group(&p->plan, err);
    status = status == OK ? find_heads(p, err) : status;
    status = status == OK ? plan_choose(&p->plan, &bytes, err) : status;
    if (status == OK && bytes > PACKING_CHUNK_BYTES && p->samples > 1) {
        return error_set(err, ERR_TOO_BIG, "packer", "%u samples fall into %" PRIu64 " bytes of chunks",
                         p->plan.taken.n, bytes);
    }
    status = status == OK ? prepare_tables(p, err) : status;
    status = status == OK && p->plan.n_gone > 0 ? take_chunks(p, err) : status;
    status = status == OK ? write_groups(p, err) : status;
    return status == OK ? mark_days(p, err) : status;
}
