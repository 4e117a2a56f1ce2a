#include "server/store/rollup_reader.h"

#include <stdlib.h>

/* By rollup_pk: days of hours are all days; the level that is asked for may be missing. One more day on both
 * sides. */
static const char rows_sql[] =
    "select x.day_us, x.rule, x.before_us, x.number_us, x.first_us, x.last_us, x.after_us, d.data from ("
    " (select * from rollup r where r.tag_key = $1 and r.level = 2 and r.day_us < $3 order by r.day_us desc"
    "   limit 1)"
    " union all"
    " select * from rollup r where r.tag_key = $1 and r.level = 2 and r.day_us >= $3 and r.day_us < $4"
    " union all"
    " (select * from rollup r where r.tag_key = $1 and r.level = 2 and r.day_us >= $4 order by r.day_us"
    "   limit 1)) x"
    " left join rollup d on d.tag_key = $1 and d.level = $2::integer and d.day_us = x.day_us and d.day_us >= "
    "$3"
    "  and d.day_us < $4 and d.digest = x.digest"
    " order by x.day_us";
/* By rollup_dirty_pk. */
static const char dirty_sql[] =
    "(select d.day_us from rollup_dirty d where d.tag_key = $1 and d.changes > 0 and d.day_us < $2"
    "  order by d.day_us desc limit 1)"
    " union all"
    " (select d.day_us from rollup_dirty d where d.tag_key = $1 and d.changes > 0 and d.day_us >= $2"
    "  and d.day_us < $3)"
    " union all"
    " (select d.day_us from rollup_dirty d where d.tag_key = $1 and d.changes > 0 and d.day_us >= $3"
    "  order by d.day_us limit 1)"
    " order by 1";

enum { DAY, RULE, BEFORE, NUMBER, FIRST, LAST, AFTER, DATA }; /* columns */

struct rollup_reader {
    struct chunk_work work;
    struct aggregate v[ROLLUP_INTERVALS_MAX];
};

enum status rollup_reader_new(struct rollup_reader **ret, struct error *err) {
    struct rollup_reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_set(err, ERR_NOMEM, "rollups", "no memory");
    }
    *ret = r;
    return OK;
}

void rollup_reader_free(struct rollup_reader **reader) {
    free(*reader);
    *reader = NULL;
}

/* What is known of one question. */
struct answer {
    const struct rollup_question *q;
    PGresult *rows;
    PGresult *dirty;
    int64_t rule;
};

static bool is_listed(const int64_t *v, size_t n, int64_t from_us, int64_t to_us) {
    for (size_t i = 0; i < n; i++) {
        if (v[i] >= from_us && v[i] < to_us) {
            return true;
        }
    }
    return false;
}

/* Did samples change on a day of [from, to)? */
static bool changed(const struct answer *a, int64_t from_us, int64_t to_us) {
    for (int i = 0; i < PQntuples(a->dirty); i++) {
        int64_t day_us = pg_get_i64(a->dirty, i, 0);
        if (day_us >= from_us && day_us < to_us) {
            return true;
        }
    }
    return is_listed(a->q->fresh_days, a->q->n_fresh, from_us, to_us);
}

static bool is_row(const struct answer *a, int row) {
    return row >= 0 && row < PQntuples(a->rows);
}

static int64_t number(const struct answer *a, int row, int column) {
    return pg_get_i64(a->rows, row, column);
}

/* The day before goes on into this one as it did when this one was rolled up; and so does the last usable
 * value before, which may lie behind days that have none. Of days that changed before the time that is asked
 * for the nearest one is enough. */
static bool head_is_true(const struct answer *a, int row) {
    int64_t before_us = number(a, row, BEFORE);
    int64_t number_us = number(a, row, NUMBER);
    int64_t number_day_us = number_us == INT64_MIN ? INT64_MIN : rollup_day_us(number_us);
    bool there = is_row(a, row - 1);
    int64_t from_us = there ? number(a, row - 1, DAY) : INT64_MIN;
    from_us = number_day_us < from_us ? number_day_us : from_us;
    return before_us == (there ? number(a, row - 1, LAST) : INT64_MIN) &&
           !changed(a, from_us, number(a, row, DAY));
}

static bool tail_is_true(const struct answer *a, int row) {
    int64_t after_us = number(a, row, AFTER);
    bool there = is_row(a, row + 1);
    int64_t to_us = there ? number(a, row + 1, DAY) + ROLLUP_DAY_US : INT64_MAX;
    return after_us == (there ? number(a, row + 1, FIRST) : INT64_MAX) &&
           !changed(a, number(a, row, DAY) + ROLLUP_DAY_US, to_us);
}

/* Behind the last sample of the day: the next one tells how it goes on, however much of what lies between may
 * still come; without one it goes on for as long as everything has come. */
static bool is_known(const struct answer *a, int row, int64_t to_us) {
    return to_us <= number(a, row, LAST) ||
           (tail_is_true(a, row) && (to_us <= a->q->complete_us || number(a, row, AFTER) != INT64_MAX));
}

static enum status tell_day(struct rollup_reader *r, const struct answer *a, int row, rollup_on_day on_day,
                            void *ctx, struct error *err) {
    int64_t day_us = number(a, row, DAY);
    uint32_t n = 0;
    if (pg_is_null(a->rows, row, DATA) || number(a, row, RULE) != a->rule ||
        changed(a, day_us, day_us + ROLLUP_DAY_US) || !head_is_true(a, row)) {
        return OK;
    }
    if (rollup_read(pg_get_slice(a->rows, row, DATA), day_us, rollup_width_us(a->q->level), &r->work, r->v,
                    &n, err) != OK) {
        return OK;
    }
    while (n > 0 && !is_known(a, row, r->v[n - 1].to_us)) {
        n--;
    }
    return n > 0 ? on_day(ctx, r->v, n) : OK;
}

static void rows_args(struct pg_args *args, const struct rollup_question *q) {
    pg_arg_i64(args, q->tag_key);
    pg_arg_i32(args, (int32_t)q->level);
    pg_arg_i64(args, rollup_day_us(q->from_us));
    pg_arg_i64(args, q->to_us);
}

static void dirty_args(struct pg_args *args, const struct rollup_question *q) {
    pg_arg_i64(args, q->tag_key);
    pg_arg_i64(args, rollup_day_us(q->from_us));
    pg_arg_i64(args, q->to_us);
}

void rollup_reader_send(struct pg *pg, struct pg_args *args, const struct rollup_question *q) {
    pg_args_clear(args);
    rows_args(args, q);
    pg_send(pg, rows_sql, args);
    pg_args_clear(args);
    dirty_args(args, q);
    pg_send(pg, dirty_sql, args);
}

enum status rollup_reader_take(struct rollup_reader *r, const struct rollup_question *q, PGresult *rows,
                               PGresult *dirty, rollup_on_day on_day, void *ctx, struct error *err) {
    const struct answer a = {.q = q, .rows = rows, .dirty = dirty, .rule = rollup_rule_id(&q->rule)};
    enum status status = OK;
    for (int row = 0; status == OK && row < PQntuples(a.rows); row++) {
        status = tell_day(r, &a, row, on_day, ctx, err);
    }
    return status;
}

enum status rollup_reader_ask(struct rollup_reader *r, struct blocking *b, const struct rollup_question *q,
                              rollup_on_day on_day, void *ctx, struct error *err) {
    PGresult *rows = NULL;
    PGresult *dirty = NULL;
    rows_args(blocking_args(b), q);
    enum status status = blocking_ask(b, rows_sql, &rows, err);
    if (status == OK) {
        dirty_args(blocking_args(b), q);
        status = blocking_ask(b, dirty_sql, &dirty, err);
    }
    status = status == OK ? rollup_reader_take(r, q, rows, dirty, on_day, ctx, err) : status;
    PQclear(rows); /* accept NULL */
    PQclear(dirty);
    return status;
}
