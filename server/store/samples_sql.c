#include "server/store/samples_sql.h"

/* Times beyond are in no sample: before 1970, after 2242. It keeps every sum below within 64 bits, and a time
 * exact in a double. */
#define LATEST_US INT64_C(8589934592000000)

/* By sample_pk. n decides which of the two halves runs; the other costs nothing. In the second half extremes
 * come as arrays, which compare by their first element: value and time in one pass, among equal ones the
 * earliest. The worst quality is the first one of the worst class. */
static const char points_sql[] =
    "with n as (select count(*) as n from"
    "            (select from sample where tag_key = $1 and t_us >= $2 and t_us < $3 limit $4 + 1) s)"
    "select t_us, t_us, v, v, v, v, t_us, t_us, 1::bigint, (quality >= 128)::integer::bigint, quality, true"
    "  from (select t_us, quality, case when quality < 128 then value end as v from sample"
    "         where tag_key = $1 and t_us >= $2 and t_us < $3 and (select n from n) <= $4) raw"
    " union all "
    "select first_us, last_us, first[2], low[1], high[1], last[2], low[2]::bigint, (-high[2])::bigint, n, "
    "bad,"
    "       worst[3]::smallint, false"
    "  from (select min(t_us) as first_us, max(t_us) as last_us,"
    "               min(array[t_us::double precision, value]) filter (where good) as first,"
    "               min(array[value, t_us::double precision]) filter (where good) as low,"
    "               max(array[value, -t_us::double precision]) filter (where good) as high,"
    "               max(array[t_us::double precision, value]) filter (where good) as last,"
    "               count(*) as n, count(*) filter (where quality >= 128) as bad,"
    "               min(array[-(quality::bigint & 192), t_us, quality::bigint]) as worst"
    "          from (select *, quality < 128 and value is not null as good from sample"
    "                 where tag_key = $1 and t_us >= $2 and t_us < $3 and (select n from n) > $4) s"
    "         group by (t_us - $2) / $5) bucket"
    " order by 1";

/* By sample_pk: the newest before. */
static const char before_sql[] =
    "select t_us, t_us, v, v, v, v, t_us, t_us, 1::bigint, (quality >= 128)::integer::bigint, quality, true"
    "  from (select t_us, quality, case when quality < 128 then value end as v from sample"
    "         where tag_key = $1 and t_us < $2 order by t_us desc limit 1) s";

enum { POINTS_RESULT, BEFORE_RESULT, RAW_COLUMN = 11 };

enum status samples_check(const struct request *r, struct error *err) {
    if (r->samples.from_us >= r->samples.to_us) {
        return error_set(err, ERR_INVALID, "from", "must be before to");
    }
    if (r->samples.points < 1 || r->samples.points > SAMPLES_POINTS_MAX) {
        return error_set(err, ERR_INVALID, "points", "must be from 1 to %d", SAMPLES_POINTS_MAX);
    }
    return OK;
}

static int64_t within(int64_t t_us) {
    return t_us < 0 ? 0 : t_us > LATEST_US ? LATEST_US : t_us;
}

void samples_send(struct pg *pg, struct pg_args *args, const struct request *r) {
    int64_t from_us = within(r->samples.from_us);
    int64_t to_us = within(r->samples.to_us);
    int64_t points = r->samples.points;
    int64_t width_us = (to_us - from_us + points - 1) / points;
    pg_arg_i64(args, r->samples.tag_key);
    pg_arg_i64(args, from_us);
    pg_arg_i64(args, to_us);
    pg_arg_i64(args, points);
    pg_arg_i64(args, width_us < 1 ? 1 : width_us);
    pg_send(pg, points_sql, args);
    pg_args_clear(args);
    pg_arg_i64(args, r->samples.tag_key);
    pg_arg_i64(args, from_us);
    pg_send(pg, before_sql, args);
}

static int64_t time_or_zero(const PGresult *r, int row, int column) {
    return pg_is_null(r, row, column) ? 0 : pg_get_i64(r, row, column);
}

static struct sample_point read_point(const PGresult *r, int row) {
    return (struct sample_point){
        .first_us = pg_get_i64(r, row, 0),
        .last_us = pg_get_i64(r, row, 1),
        .first = pg_get_f64(r, row, 2),
        .min = pg_get_f64(r, row, 3),
        .max = pg_get_f64(r, row, 4),
        .last = pg_get_f64(r, row, 5),
        .min_us = time_or_zero(r, row, 6),
        .max_us = time_or_zero(r, row, 7),
        .count = pg_get_i64(r, row, 8),
        .bad = pg_get_i64(r, row, 9),
        .quality = (uint8_t)pg_get_i16(r, row, 10),
    };
}

void samples_reply(const struct pg_answer *answer, struct sample_point *points, struct reply *ret) {
    const PGresult *rows = answer->results[POINTS_RESULT];
    const PGresult *before = answer->results[BEFORE_RESULT];
    for (int row = 0; row < PQntuples(rows); row++) {
        points[row] = read_point(rows, row);
    }
    ret->samples.v = points;
    ret->samples.n = (uint32_t)PQntuples(rows);
    ret->samples.raw = PQntuples(rows) == 0 || pg_get_bool(rows, 0, RAW_COLUMN);
    ret->samples.has_before = PQntuples(before) > 0;
    if (ret->samples.has_before) {
        ret->samples.before = read_point(before, 0);
    }
}
