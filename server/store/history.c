#include "server/store/history.h"

#include "server/base/check.h"
#include "server/history/bundle.h"
#include "server/history/pack.h"
#include "server/store/blocking.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW_MIN_US   INT64_C(1000000)
#define WINDOW_FIRST_US INT64_C(60000000)
#define WINDOW_MAX_US   (INT64_C(86400000000) * 30)

/* Samples of one window: so many are aimed at, and more than that are not kept in memory. */
enum { WINDOW_SAMPLES = 500000, WINDOW_SAMPLES_MAX = 8000000, CAP_FIRST = 4096 };

/* Where a sample is from: of one tag and moment the higher one counts. Records come behind, by their number
 * and the place in it. */
enum { ORDER_ROW, ORDER_CHUNK, ORDER_RECORDS };

struct found {
    struct stored_sample s;
    int64_t order;
};

struct history {
    struct history_config cfg;
    struct blocking b;
    struct found *v; /* of the present window, in the order in which they are handed out */
    size_t n;
    size_t cap;
    size_t at;                   /* so many were handed out */
    struct stored_sample *batch; /* HISTORY_BATCH_MAX of them */
    struct found *before;        /* of each tag, while they are looked for; order -1: none yet */
    int64_t window_us;           /* so much time is asked for at once */
    int64_t at_us;               /* everything before was asked for */
    bool failed;
    struct chunk_work work;
    struct chunk_sample chunk[CHUNK_SAMPLES_MAX];
};

/* By sample_hot_pk. */
static const char records_sql[] =
    "select h.id, h.data from sample_hot h"
    " where h.from_us < $3 and h.to_us >= $2"
    "   and exists (select from unnest($1::bigint[]) as k(key) where k.key between h.tag_min and h.tag_max)"
    " order by h.id";
/* By each period's key, once for each tag. A chunk that reaches into the window began in its
 * period, $4. */
static const char chunks_sql[] =
    "select u.tag_key, c.data from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral (select x.data from sample_chunk x where x.tag_key = u.tag_key and x.from_us >= $4"
    "                        and x.from_us < $3 and x.to_us >= $2) c";
/* By sample_row_pk, once for each tag. */
static const char rows_sql[] =
    "select s.tag_key, s.t_us, s.value, s.quality from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral (select x.* from sample_row x where x.tag_key = u.tag_key and x.t_us >= $2 and "
    "x.t_us < $3) s";
static const char chunk_before_sql[] =
    "select u.tag_key, c.data from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral sample_chunk_before(u.tag_key, $2) as c(data) where c.data is not null";
/* By sample_row_pk. */
static const char row_before_sql[] =
    "select s.tag_key, s.t_us, s.value, s.quality from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral (select x.* from sample_row x where x.tag_key = u.tag_key and x.t_us < $2"
    "                      order by x.t_us desc limit 1) s";
/* By alarm_journal_alarm_unique. An activation begins an outage unless it was one already; a return ends it,
 * and so does whatever ends the alarm's activity. */
static const char outages_sql[] =
    "with j as ("
    "  select x.alarm_key, x.n, x.src_us, coalesce(x.facts, alarm_old_facts(x.to_letter)) & 2 <> 0 as down"
    "    from unnest($1::bigint[]) as u(alarm_key) join alarm_journal x using (alarm_key)"
    "   where x.kind not in ('hist_raise', 'hist_rtn', 'hist_skipped')"
    "), step as ("
    "  select j.*, lag(j.down, 1, false) over (partition by j.alarm_key order by j.n) as was from j"
    "), edge as ("
    "  select s.alarm_key, s.n, s.src_us, s.down,"
    "         lead(s.src_us) over (partition by s.alarm_key order by s.n) as to_us"
    "    from step s where s.down <> s.was"
    ")"
    " select e.alarm_key, e.src_us, coalesce(e.to_us, 9223372036854775807)"
    "   from edge e where e.down and e.src_us < $3 and coalesce(e.to_us, 9223372036854775807) > $2"
    "  order by e.src_us, e.alarm_key limit $4";

/* --- the connection ------------------------------------------------------------------------------------ */

static enum status open_db(struct history *h, struct error *err) {
    /* Between two statements a whole plant is computed with what the first one brought. */
    const struct blocking_config cfg = {.conninfo = h->cfg.conninfo,
                                        .name = "penstock history",
                                        .statement_ms = HISTORY_STATEMENT_MS,
                                        .setup = "set idle_in_transaction_session_timeout = 0;"
                                                 " begin isolation level repeatable read read only",
                                        .stop = h->cfg.stop};
    return blocking_open(&h->b, &cfg, err);
}

/* With the parameters that were filled in. */
static enum status ask(struct history *h, const char *sql, PGresult **ret, struct error *err) {
    enum status status = blocking_ask(&h->b, sql, ret, err);
    h->failed = status != OK;
    return status;
}

/* --- samples ------------------------------------------------------------------------------------------- */

static enum status no_memory(struct history *h, struct error *err) {
    h->failed = true;
    return error_set(err, ERR_NOMEM, "history", "no memory for samples");
}

static int by_key(const void *a, const void *b) {
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static const int64_t *tag_of(const struct history *h, int64_t tag_key) {
    return h->cfg.n_tags == 0 ? NULL
                              : bsearch(&tag_key, h->cfg.tags, h->cfg.n_tags, sizeof *h->cfg.tags, by_key);
}

/* Takes a sample of a tag that was asked for. False: no memory. */
typedef bool (*take_sample)(struct history *h, const int64_t *tag, const struct found *f);

/* Into the window, if it is of it; what is too much is counted and left out. */
static bool take_into_window(struct history *h, const int64_t *tag, const struct found *f) {
    (void)tag;
    if (f->s.t_us < h->at_us || f->s.t_us >= h->at_us + h->window_us || f->s.t_us >= h->cfg.to_us) {
        return true;
    }
    if (h->n == h->cap) {
        size_t cap = h->cap == 0 ? CAP_FIRST : h->cap * 2;
        struct found *v = h->n > WINDOW_SAMPLES_MAX ? NULL : realloc(h->v, cap * sizeof *v);
        if (v == NULL) {
            h->n = WINDOW_SAMPLES_MAX + 1; /* the window is tried again, shorter */
            return false;
        }
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = *f;
    return true;
}

static bool take_before(struct history *h, const int64_t *tag, const struct found *f) {
    struct found *best = &h->before[tag - h->cfg.tags];
    bool newer =
        best->order < 0 || f->s.t_us > best->s.t_us || (f->s.t_us == best->s.t_us && f->order > best->order);
    if (newer && f->s.t_us < h->cfg.from_us) {
        *best = *f;
    }
    return true;
}

/* Chunks (of the tag of their row) or records (id, several tags). */
static enum status take_packed(struct history *h, const PGresult *r, bool records, take_sample take,
                               struct error *err) {
    for (int row = 0; row < PQntuples(r); row++) {
        int64_t first = pg_get_i64(r, row, 0);
        uint32_t n = 0;
        enum status status = bundle_read(pg_get_slice(r, row, 1), &h->work, h->chunk, &n, err);
        if (status != OK) {
            h->failed = true;
            return status;
        }
        for (uint32_t i = 0; i < n; i++) {
            const struct chunk_sample *s = &h->chunk[i];
            const struct found f = {.s = {.tag_key = records ? s->tag_key : first,
                                          .t_us = s->t_us,
                                          .value = s->kind == CHUNK_NUMBER ? s->number : (double)NAN,
                                          .quality = s->quality},
                                    .order = records ? ORDER_RECORDS + first * CHUNK_SAMPLES_MAX + i
                                                     : ORDER_CHUNK};
            const int64_t *tag = tag_of(h, f.s.tag_key);
            if (tag != NULL && !take(h, tag, &f)) {
                return OK;
            }
        }
    }
    return OK;
}

static void take_rows(struct history *h, const PGresult *r, take_sample take) {
    bool room = true;
    for (int row = 0; row < PQntuples(r) && room; row++) {
        /* 0 to 255, by sample_quality_check */
        const struct found f = {.s = {.tag_key = pg_get_i64(r, row, 0),
                                      .t_us = pg_get_i64(r, row, 1),
                                      .value = pg_get_f64(r, row, 2),
                                      .quality = (uint8_t)pg_get_i16(r, row, 3)},
                                .order = ORDER_ROW};
        room = take(h, tag_of(h, f.s.tag_key), &f);
    }
}

static struct pg_args *tag_args(struct history *h) {
    struct pg_args *a = blocking_args(&h->b);
    pg_array_i64_begin(a);
    for (size_t i = 0; i < h->cfg.n_tags; i++) {
        pg_array_i64(a, h->cfg.tags[i]);
    }
    pg_array_end(a);
    return a;
}

enum source { SOURCE_ROWS, SOURCE_CHUNKS, SOURCE_RECORDS };

/* With the parameters that were filled in. */
static enum status take_from(struct history *h, enum source source, const char *sql, take_sample take,
                             struct error *err) {
    PGresult *r = NULL;
    enum status status = ask(h, sql, &r, err);
    if (status != OK) {
        return status;
    }
    if (source == SOURCE_ROWS) {
        take_rows(h, r, take);
    } else {
        status = take_packed(h, r, source == SOURCE_RECORDS, take, err);
    }
    PQclear(r);
    return status;
}

static size_t hand_out_before(struct history *h) {
    size_t n = 0;
    for (size_t i = 0; i < h->cfg.n_tags; i++) {
        if (h->before[i].order >= 0) {
            h->batch[n++] = h->before[i].s;
        }
    }
    return n;
}

static enum status reserve(struct history *h, size_t n, struct error *err) {
    struct stored_sample *batch = realloc(h->batch, n * sizeof *batch);
    h->batch = batch == NULL ? h->batch : batch;
    return batch == NULL ? no_memory(h, err) : OK;
}

enum status history_before(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                           struct error *err) {
    CHECK(!h->failed);
    size_t n = h->cfg.n_tags;
    h->before = calloc(n + 1, sizeof *h->before);
    enum status status = h->before == NULL ? no_memory(h, err) : reserve(h, n + HISTORY_BATCH_MAX, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        h->before[i].order = -1;
    }
    pg_arg_i64(tag_args(h), h->cfg.from_us);
    status = status == OK ? take_from(h, SOURCE_ROWS, row_before_sql, take_before, err) : status;
    status = status == OK ? take_from(h, SOURCE_CHUNKS, chunk_before_sql, take_before, err) : status;
    struct pg_args *a = tag_args(h);
    pg_arg_i64(a, 0);
    pg_arg_i64(a, h->cfg.from_us);
    status = status == OK ? take_from(h, SOURCE_RECORDS, records_sql, take_before, err) : status;
    if (status == OK) {
        *ret_n = hand_out_before(h);
        *ret = h->batch;
    }
    free(h->before);
    h->before = NULL;
    return status;
}

static int by_time_and_tag(const void *a, const void *b) {
    const struct found *x = a;
    const struct found *y = b;
    if (x->s.t_us != y->s.t_us) {
        return x->s.t_us < y->s.t_us ? -1 : 1;
    }
    if (x->s.tag_key != y->s.tag_key) {
        return x->s.tag_key < y->s.tag_key ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_window(struct history *h) {
    size_t kept = 0;
    if (h->n > 0) {
        qsort(h->v, h->n, sizeof *h->v, by_time_and_tag);
    }
    for (size_t i = 0; i < h->n; i++) {
        bool again = kept > 0 && h->v[kept - 1].s.t_us == h->v[i].s.t_us &&
                     h->v[kept - 1].s.tag_key == h->v[i].s.tag_key;
        kept -= again;
        h->v[kept++] = h->v[i];
    }
    h->n = kept;
}

static enum status read_window(struct history *h, struct error *err) {
    int64_t left_us = h->cfg.to_us - h->at_us;
    int64_t to_us = left_us < h->window_us ? h->cfg.to_us : h->at_us + h->window_us;
    h->n = h->at = 0;
    struct pg_args *a = tag_args(h);
    pg_arg_i64(a, h->at_us);
    pg_arg_i64(a, to_us);
    enum status status = take_from(h, SOURCE_ROWS, rows_sql, take_into_window, err);
    status = status == OK ? take_from(h, SOURCE_RECORDS, records_sql, take_into_window, err) : status;
    pg_arg_i64(a, pack_period(h->at_us));
    status = status == OK ? take_from(h, SOURCE_CHUNKS, chunks_sql, take_into_window, err) : status;
    if (status != OK) {
        return status;
    }
    if (h->n > WINDOW_SAMPLES_MAX) {
        if (h->window_us <= WINDOW_MIN_US) {
            return no_memory(h, err);
        }
        h->window_us /= 2;
        h->n = 0;
        return OK;
    }
    if (h->n < WINDOW_SAMPLES / 2) {
        h->window_us = h->window_us > WINDOW_MAX_US / 2 ? WINDOW_MAX_US : h->window_us * 2;
    } else if (h->n > WINDOW_SAMPLES && h->window_us > WINDOW_MIN_US) {
        h->window_us /= 2;
    }
    sort_window(h);
    h->at_us = to_us;
    return OK;
}

enum status history_next(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                         struct error *err) {
    CHECK(!h->failed);
    enum status status = reserve(h, h->cfg.n_tags + HISTORY_BATCH_MAX, err);
    while (status == OK && h->at == h->n && h->at_us < h->cfg.to_us && h->cfg.n_tags > 0) {
        status = read_window(h, err);
    }
    if (status != OK) {
        return status;
    }
    size_t n = h->n - h->at < HISTORY_BATCH_MAX ? h->n - h->at : HISTORY_BATCH_MAX;
    for (size_t i = 0; i < n; i++) {
        h->batch[i] = h->v[h->at + i].s;
    }
    h->at += n;
    *ret = h->batch;
    *ret_n = n;
    return OK;
}

double history_progress(const struct history *h) {
    return (double)(h->at_us - h->cfg.from_us) / (double)(h->cfg.to_us - h->cfg.from_us);
}

/* --- lines --------------------------------------------------------------------------------------------- */

enum status history_outages(struct history *h, const int64_t *comm_alarms, size_t n_alarms,
                            struct history_outage **ret, size_t *ret_n, struct error *err) {
    CHECK(!h->failed);
    PGresult *r = NULL;
    struct pg_args *a = blocking_args(&h->b);
    pg_array_i64_begin(a);
    for (size_t i = 0; i < n_alarms; i++) {
        pg_array_i64(a, comm_alarms[i]);
    }
    pg_array_end(a);
    pg_arg_i64(a, h->cfg.from_us);
    pg_arg_i64(a, h->cfg.to_us);
    pg_arg_i64(a, HISTORY_OUTAGES_MAX);
    enum status status = ask(h, outages_sql, &r, err);
    if (status != OK) {
        return status;
    }
    size_t n = (size_t)PQntuples(r);
    struct history_outage *v = calloc(n + 1, sizeof *v);
    if (v == NULL) {
        PQclear(r);
        h->failed = true;
        return error_set(err, ERR_NOMEM, "history", "no memory for %zu outages", n);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        v[row] = (struct history_outage){.alarm_key = pg_get_i64(r, row, 0),
                                         .from_us = pg_get_i64(r, row, 1),
                                         .to_us = pg_get_i64(r, row, 2)};
    }
    PQclear(r);
    *ret = v;
    *ret_n = n;
    return OK;
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status history_open(const struct history_config *cfg, struct history **ret, struct error *err) {
    if (cfg->from_us < 0 || cfg->from_us >= cfg->to_us || cfg->to_us > INT64_MAX / 2) {
        return error_set(err, ERR_INVALID, "from", "must be before to, and both after 1970");
    }
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return error_set(err, ERR_NOMEM, "history", "no memory");
    }
    h->cfg = *cfg;
    h->at_us = cfg->from_us;
    h->window_us = WINDOW_FIRST_US;
    enum status status = open_db(h, err);
    if (status != OK) {
        history_close(&h);
        return status;
    }
    *ret = h;
    return OK;
}

void history_close(struct history **history) {
    struct history *h = *history;
    if (h == NULL) {
        return;
    }
    blocking_close(&h->b);
    free(h->v);
    free(h->batch);
    free(h);
    *history = NULL;
}
