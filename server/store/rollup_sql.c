#include "server/store/rollup_sql.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <math.h>

/* All of rollup_dirty, which is small. */
static const char marks_sql[] =
    "select d.tag_key, d.day_us, d.changes from rollup_dirty d"
    " where d.day_us + 86400000000 + $2::bigint <= $1::bigint or d.marked_us + 3600000000 <= $1"
    " order by d.tag_key, d.day_us limit $3";
/* By each period's key, of the periods of the time alone, but for what lies before and behind. */
static const char chunks_sql[] =
    "select c.from_us, c.data from ("
    " (select x.from_us, x.data from sample_chunk x where x.tag_key = $1 and x.from_us < $2"
    "   order by x.from_us desc limit 1)"
    " union all"
    " (select x.from_us, x.data from sample_chunk x where x.tag_key = $1 and x.from_us < $2 and x.to_us < $2"
    "     and x.usable > 0 order by x.from_us desc limit 1)"
    " union all"
    " (select x.from_us, x.data from sample_chunk x where x.tag_key = $1 and x.from_us >= $2 and x.from_us < "
    "$3)"
    " union all"
    " (select x.from_us, x.data from sample_chunk x where x.tag_key = $1 and x.from_us >= $3"
    "   order by x.from_us limit 1)) c"
    " order by c.from_us";
/* By tag_class_pk and sample_dropped_pk. */
static const char kept_sql[] =
    "select d.before_us from sample_dropped d"
    " where d.class = coalesce((select t.class from tag_class t where t.tag_key = $1), 1)";
static const char any_kept_sql[] = "select max(d.before_us) from sample_dropped d having count(*) > 0";
/* By rollup_pk, as all that follow; sample_hour_pk, rollup_dirty_pk. */
static const char digest_sql[] =
    "select r.digest from rollup r where r.tag_key = $1 and r.level = 2 and r.day_us = $2";
static const char n_sql[] = "select r.n from rollup r where r.tag_key = $1 and r.level = 2 and r.day_us = $2";
static const char put_sql[] =
    "insert into rollup (tag_key, level, day_us, until_us, rule, n, before_us, number_us, first_us, last_us, "
    "after_us,"
    "                    before, after, digest, data)"
    " values ($1, $2::integer, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    " on conflict (tag_key, level, day_us) do update set until_us = excluded.until_us, rule = excluded.rule,"
    " n = excluded.n, before_us = excluded.before_us, number_us = excluded.number_us, first_us = "
    "excluded.first_us, last_us = "
    "excluded.last_us,"
    " after_us = excluded.after_us, before = excluded.before, after = excluded.after, digest = "
    "excluded.digest,"
    " data = excluded.data";
static const char forget_sql[] =
    "delete from rollup where tag_key = $1 and level = $2::integer and day_us = $3";
static const char no_hours_sql[] =
    "delete from sample_hour where tag_key = $1 and hour_us >= $2 and hour_us < $2 + 86400000000";
static const char hours_sql[] =
    "insert into sample_hour (tag_key, hour_us, n, good, average, minimum, maximum, first, last, integral)"
    " select $1::bigint, x.* from unnest($2::bigint[], $3::integer[], $4::double precision[], $5::double "
    "precision[],"
    " $6::double precision[], $7::double precision[], $8::double precision[], $9::double precision[],"
    " $10::double precision[]) x";
static const char unmark_sql[] =
    "delete from rollup_dirty where tag_key = $1 and day_us = $2 and changes = $3";
static const char keep_mark_sql[] =
    "update rollup_dirty set changes = 0, marked_us = $4 where tag_key = $1 and day_us = $2 and changes = $3";
#define MARK_IF(column)                                                                                      \
    "insert into rollup_dirty (tag_key, day_us)"                                                             \
    " select r.tag_key, r.day_us from rollup r"                                                              \
    "  where r.tag_key = $1 and r.level = 2 and r.day_us = $2 and r." column " <> $3"                        \
    " on conflict (tag_key, day_us) do update set changes = rollup_dirty.changes + 1"
static const char mark_after_sql[] = MARK_IF("after");
static const char mark_before_sql[] = MARK_IF("before");
/* By rollup_tag_pk, and for tags that changed by rollup_pk. */
static const char mark_rules_sql[] =
    "with changed as ("
    "  insert into rollup_tag (tag_key, rule)"
    "  select t.tag_key, t.rule from unnest($1::bigint[], $2::bigint[]) as t(tag_key, rule)"
    "  on conflict (tag_key) do update set rule = excluded.rule where rollup_tag.rule <> excluded.rule"
    "  returning tag_key, rule)"
    " insert into rollup_dirty (tag_key, day_us)"
    " select r.tag_key, r.day_us from changed c"
    "   join rollup r on r.tag_key = c.tag_key and r.level = 2 and r.rule <> c.rule order by r.tag_key, "
    "r.day_us"
    " on conflict (tag_key, day_us) do update set changes = rollup_dirty.changes + 1";

enum status rollup_ask_marks(struct blocking *b, int64_t now_us, int64_t grace_us, int64_t most,
                             PGresult **ret, struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, now_us);
    pg_arg_i64(a, grace_us);
    pg_arg_i64(a, most);
    return blocking_ask(b, marks_sql, ret, err);
}

enum status rollup_ask_chunks(struct blocking *b, int64_t tag_key, int64_t from_us, int64_t to_us,
                              PGresult **ret, struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, tag_key);
    pg_arg_i64(a, from_us);
    pg_arg_i64(a, to_us);
    return blocking_ask_prepared(b, "chunks", chunks_sql, a, ret, err);
}

/* One number of one row; that stays as it is if there is none. */
static enum status get_number(struct blocking *b, const char *sql, int64_t *ret, struct error *err) {
    PGresult *rows = NULL;
    enum status status = blocking_ask(b, sql, &rows, err);
    if (status == OK) {
        *ret = PQntuples(rows) > 0 ? pg_get_i64(rows, 0, 0) : *ret;
        PQclear(rows);
    }
    return status;
}

enum status rollup_get_kept(struct blocking *b, int64_t tag_key, int64_t *ret_us, int64_t *ret_any_us,
                            struct error *err) {
    pg_arg_i64(blocking_args(b), tag_key);
    *ret_us = *ret_any_us = INT64_MIN;
    enum status status = get_number(b, kept_sql, ret_us, err);
    (void)blocking_args(b);
    return status == OK ? get_number(b, any_kept_sql, ret_any_us, err) : status;
}

enum status rollup_get_n(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t *ret,
                         struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, tag_key);
    pg_arg_i64(a, day_us);
    *ret = 0;
    return get_number(b, n_sql, ret, err);
}

enum status rollup_get_digest(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t *ret,
                              struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, tag_key);
    pg_arg_i64(a, day_us);
    *ret = 0;
    return get_number(b, digest_sql, ret, err);
}

enum status rollup_put(struct blocking *b, const struct rollup_row *row, enum rollup_level level,
                       struct slice data, struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, row->tag_key);
    pg_arg_i32(a, (int32_t)level);
    pg_arg_i64(a, row->day_us);
    pg_arg_i64(a, row->until_us);
    pg_arg_i64(a, row->rule);
    pg_arg_i64(a, row->n);
    pg_arg_i64(a, row->before_us);
    pg_arg_i64(a, row->number_us);
    pg_arg_i64(a, row->first_us);
    pg_arg_i64(a, row->last_us);
    pg_arg_i64(a, row->after_us);
    pg_arg_i64(a, row->before);
    pg_arg_i64(a, row->after);
    pg_arg_i64(a, row->digest);
    pg_arg_bytes(a, data.p, data.n);
    return blocking_tell(b, put_sql, err);
}

enum status rollup_forget(struct blocking *b, int64_t tag_key, enum rollup_level level, int64_t day_us,
                          struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, tag_key);
    pg_arg_i32(a, (int32_t)level);
    pg_arg_i64(a, day_us);
    return blocking_tell(b, forget_sql, err);
}

/* --- hours as rows
 * ------------------------------------------------------------------------------------------ */

static bool has_something(const struct aggregate *a) {
    return a->count > 0 || a->good_us + a->uncertain_us > 0;
}

static double valued_integral(const struct aggregate *a) {
    return a->good_us + a->uncertain_us > 0 ? a->integral : NAN;
}

static double good_s(const struct aggregate *a) {
    return (double)a->good_us / 1e6;
}

static double first_of(const struct aggregate *a) {
    return a->first;
}

static double last_of(const struct aggregate *a) {
    return a->last;
}

static double min_of(const struct aggregate *a) {
    return a->min;
}

static double max_of(const struct aggregate *a) {
    return a->max;
}

static void hour_columns(struct pg_args *a, const struct aggregate *v, uint32_t n) {
    static double (*const columns[])(const struct aggregate *) = {
        good_s, aggregate_average, min_of, max_of, first_of, last_of, valued_integral};
    pg_array_i64_begin(a);
    for (uint32_t i = 0; i < n; i++) {
        if (has_something(&v[i])) {
            pg_array_i64(a, v[i].from_us);
        }
    }
    pg_array_end(a);
    pg_array_i32_begin(a);
    for (uint32_t i = 0; i < n; i++) {
        if (has_something(&v[i])) {
            pg_array_i32(a, v[i].count < INT32_MAX ? (int32_t)v[i].count : INT32_MAX);
        }
    }
    pg_array_end(a);
    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        pg_array_f64_begin(a);
        for (uint32_t i = 0; i < n; i++) {
            if (has_something(&v[i])) {
                pg_array_f64(a, columns[k](&v[i]));
            }
        }
        pg_array_end(a);
    }
}

enum status rollup_put_hours(struct blocking *b, const struct rollup_row *row, const struct aggregate *v,
                             uint32_t n, struct error *err) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, row->tag_key);
    pg_arg_i64(a, row->day_us);
    enum status status = blocking_tell(b, no_hours_sql, err);
    if (status != OK || n == 0) {
        return status;
    }
    a = blocking_args(b);
    pg_arg_i64(a, row->tag_key);
    hour_columns(a, v, n);
    return blocking_tell(b, hours_sql, err);
}

/* --- marks
 * --------------------------------------------------------------------------------------------------- */

static struct pg_args *mark_args(struct blocking *b, int64_t tag_key, int64_t day_us) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, tag_key);
    pg_arg_i64(a, day_us);
    return a;
}

enum status rollup_unmark(struct blocking *b, int64_t tag_key, int64_t day_us, int32_t changes,
                          struct error *err) {
    pg_arg_i32(mark_args(b, tag_key, day_us), changes);
    return blocking_tell(b, unmark_sql, err);
}

enum status rollup_keep_mark(struct blocking *b, int64_t tag_key, int64_t day_us, int32_t changes,
                             int64_t now_us, struct error *err) {
    struct pg_args *a = mark_args(b, tag_key, day_us);
    pg_arg_i32(a, changes);
    pg_arg_i64(a, now_us);
    return blocking_tell(b, keep_mark_sql, err);
}

enum status rollup_mark_if_after(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t after,
                                 struct error *err) {
    pg_arg_i64(mark_args(b, tag_key, day_us), after);
    return blocking_tell(b, mark_after_sql, err);
}

enum status rollup_mark_if_before(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t before,
                                  struct error *err) {
    pg_arg_i64(mark_args(b, tag_key, day_us), before);
    return blocking_tell(b, mark_before_sql, err);
}

static void array_of(struct pg_args *a, const int64_t *v, size_t n) {
    pg_array_i64_begin(a);
    for (size_t i = 0; i < n; i++) {
        pg_array_i64(a, v[i]);
    }
    pg_array_end(a);
}

enum status rollup_mark_rules(struct blocking *b, const int64_t *tag_keys, const int64_t *rules, size_t n,
                              struct error *err) {
    struct pg_args *a = blocking_args(b);
    array_of(a, tag_keys, n);
    array_of(a, rules, n);
    return blocking_tell(b, mark_rules_sql, err);
}
