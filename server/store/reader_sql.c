#include "server/store/reader_sql.h"

#include "server/base/check.h"
#include "server/core/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* By sample_hot_pk. $3 ascending: how many of the tags are not above tag_max, and how many are below tag_min;
 * that is quicker than to try each of them. */
static const char hot_sql[] = "select h.id, h.data from sample_hot h"
                              " where h.id > $1 and h.from_us < $2 and h.tag_min <= $6 and h.tag_max >= $5"
                              "   and width_bucket(h.tag_max, $3::bigint[]) > width_bucket(h.tag_min - 1, $3)"
                              " order by h.id limit $4";

/* By each period's key. */
static const char count_sql[] = "select coalesce(sum(n), 0)::bigint from sample_chunk"
                                " where tag_key = $1 and from_us >= $2 and from_us < $3 and to_us < $3";

static const char before_sql[] = "select sample_chunk_before($1, $2)";
static const char after_sql[] = "select sample_chunk_after($1, $2)";

#define ROW "t_us, value, quality, bytes"

/* By sample_row_pk. */
static const char row_before_sql[] = "select " ROW " from sample_row"
                                     " where tag_key = $1 and t_us < $2 order by t_us desc limit 1";
static const char row_after_sql[] = "select " ROW " from sample_row"
                                    " where tag_key = $1 and t_us >= $2 order by t_us limit 1";

/* By each period's key. A chunk is unpacked only where some of its qualities are too bad, or
 * some of its samples are out of date ($4). */
static const char usable_sql[] =
    "select data from sample_chunk where tag_key = $1 and from_us < $2 and to_us < $2 and usable > 0"
    "   and ((($3::integer = 128 or worst < $3)"
    "         and not exists (select from unnest($4::bigint[]) as l(t_us) where l.t_us between from_us and "
    "to_us))"
    "        or exists (select from chunk_read(data) r where r.value <> 'NaN' and r.quality < $3"
    "                    and r.t_us <> all ($4)))"
    " order by from_us desc limit 1";
/* By sample_row_pk. Where a chunk has a sample of the same moment, that one stands. */
static const char row_usable_sql[] =
    "select " ROW " from sample_row w"
    " where tag_key = $1 and t_us < $2 and value <> 'NaN' and quality < $3::integer and t_us <> all "
    "($4::bigint[])"
    "   and not exists (select from sample_chunk c cross join lateral chunk_read(c.data) as r(chunk_tag_key, "
    "t_us, value, bytes, quality)"
    "                    where c.tag_key = w.tag_key and c.from_us >= sample_period(w.t_us) and c.from_us <= "
    "w.t_us"
    "                      and c.to_us >= w.t_us and r.t_us = w.t_us)"
    " order by t_us desc limit 1";

/* By each period's key, and sample_row_pk. A chunk that reaches into the window began in its
 * period, $4; of one from before it ($2) part was given already, perhaps as loose samples. */
static const char chunks_sql[] =
    "with late as materialized ("
    " select min(t_us) as from_us, max(t_us) as to_us from sample_row"
    "  where tag_key = $1 and t_us >= $2 and t_us < $3)"
    " select c.from_us, c.to_us, c.n, c.usable, c.bad, c.first, c.last, c.min, c.max, c.min_us, c.max_us, "
    "c.worst,"
    "        case when $6::integer <> 0 or c.from_us < $2 or c.to_us >= $9"
    "                  or (c.from_us - $7) / $8 <> (c.to_us - $7) / $8"
    "                  or (c.from_us <= $11 and c.to_us >= $10)"
    "                  or (c.from_us <= late.to_us and c.to_us >= late.from_us) then c.data end"
    "   from sample_chunk c cross join late"
    "  where c.tag_key = $1 and c.from_us >= $4 and c.from_us < $3 and c.to_us >= $2"
    "  order by c.from_us limit $5";
/* By sample_row_pk. */
static const char rows_sql[] = "select " ROW " from sample_row"
                               " where tag_key = $1 and t_us >= $2 and t_us < $3 order by t_us limit $4";

static int by_key(const void *a, const void *b) {
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

void reader_sql_hot(struct pg *pg, struct pg_args *args, const int64_t *tags, uint32_t n_tags,
                    int64_t after_id, int64_t to_us) {
    int64_t keys[GATHER_TAGS_MAX];
    CHECK(n_tags > 0 && n_tags <= GATHER_TAGS_MAX);
    memcpy(keys, tags, n_tags * sizeof *keys);
    qsort(keys, n_tags, sizeof *keys, by_key);
    pg_args_clear(args);
    pg_arg_i64(args, after_id);
    pg_arg_i64(args, to_us);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n_tags; i++) {
        pg_array_i64(args, keys[i]);
    }
    pg_array_end(args);
    pg_arg_i64(args, READER_SQL_HOT);
    pg_arg_i64(args, keys[0]);
    pg_arg_i64(args, keys[n_tags - 1]);
    pg_send(pg, hot_sql, args);
}

static void send_at(struct pg *pg, struct pg_args *args, const char *sql, int64_t tag_key, int64_t t_us) {
    pg_args_clear(args);
    pg_arg_i64(args, tag_key);
    pg_arg_i64(args, t_us);
    pg_send(pg, sql, args);
}

void reader_sql_count(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t from_us, int64_t to_us) {
    pg_args_clear(args);
    pg_arg_i64(args, tag_key);
    pg_arg_i64(args, from_us);
    pg_arg_i64(args, to_us);
    pg_send(pg, count_sql, args);
}

void reader_sql_before(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t t_us) {
    send_at(pg, args, before_sql, tag_key, t_us);
    send_at(pg, args, row_before_sql, tag_key, t_us);
}

void reader_sql_after(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t t_us) {
    send_at(pg, args, after_sql, tag_key, t_us);
    send_at(pg, args, row_after_sql, tag_key, t_us);
}

static void send_usable(struct pg *pg, struct pg_args *args, const char *sql, const struct reader_usable *u) {
    pg_args_clear(args);
    pg_arg_i64(args, u->tag_key);
    pg_arg_i64(args, u->t_us);
    pg_arg_i32(args, u->uncertain_is_bad ? QUALITY_UNCERTAIN : QUALITY_BAD);
    uint32_t end = 0;
    while (end < u->n_late && u->late[end].s.t_us < u->t_us) {
        end++;
    }
    pg_array_i64_begin(args);
    for (uint32_t i = end > READER_SQL_LATE ? end - READER_SQL_LATE : 0; i < end; i++) {
        pg_array_i64(args, u->late[i].s.t_us);
    }
    pg_array_end(args);
    pg_send(pg, sql, args);
}

void reader_sql_usable(struct pg *pg, struct pg_args *args, const struct reader_usable *u) {
    send_usable(pg, args, usable_sql, u);
    send_usable(pg, args, row_usable_sql, u);
}

void reader_sql_window(struct pg *pg, struct pg_args *args, const struct reader_window *w) {
    pg_args_clear(args);
    pg_arg_i64(args, w->tag_key);
    pg_arg_i64(args, w->from_us);
    pg_arg_i64(args, w->to_us);
    pg_arg_i64(args, pack_period(w->from_us));
    pg_arg_i64(args, w->chunks_max);
    pg_arg_i32(args, w->all);
    pg_arg_i64(args, w->pixels_from_us);
    pg_arg_i64(args, w->width_us);
    pg_arg_i64(args, w->to_us);
    pg_arg_i64(args, w->late_from_us);
    pg_arg_i64(args, w->late_to_us);
    pg_send(pg, chunks_sql, args);
    pg_args_clear(args);
    pg_arg_i64(args, w->tag_key);
    pg_arg_i64(args, w->from_us);
    pg_arg_i64(args, w->to_us);
    pg_arg_i64(args, READER_SQL_ROWS);
    pg_send(pg, rows_sql, args);
}

static int64_t time_or_zero(const PGresult *r, int row, int column) {
    return pg_is_null(r, row, column) ? 0 : pg_get_i64(r, row, column);
}

struct pack_chunk reader_sql_chunk(const PGresult *r, int row) {
    enum { DATA = 12 };
    struct slice bytes = pg_is_null(r, row, DATA) ? slice_of(NULL, 0) : pg_get_slice(r, row, DATA);
    return (struct pack_chunk){
        .head = {.from_us = pg_get_i64(r, row, 0),
                 .to_us = pg_get_i64(r, row, 1),
                 .n = (uint32_t)pg_get_i16(r, row, 2), /* positive, as the next two */
                 .bytes = (uint32_t)bytes.n},
        .usable = (uint32_t)pg_get_i16(r, row, 3),
        .bad = (uint32_t)pg_get_i16(r, row, 4),
        .first = pg_get_f64(r, row, 5),
        .last = pg_get_f64(r, row, 6),
        .min = pg_get_f64(r, row, 7),
        .max = pg_get_f64(r, row, 8),
        .min_us = time_or_zero(r, row, 9),
        .max_us = time_or_zero(r, row, 10),
        .worst = (uint8_t)pg_get_i16(r, row, 11),
        .bytes = bytes,
    };
}

struct chunk_sample reader_sql_row(const PGresult *r, int row) {
    double number = pg_get_f64(r, row, 1);
    bool text = !pg_is_null(r, row, 3);
    return (struct chunk_sample){.t_us = pg_get_i64(r, row, 0),
                                 .number = number,
                                 .text = text ? pg_get_slice(r, row, 3) : slice_of(NULL, 0),
                                 .quality = (uint8_t)pg_get_i16(r, row, 2), /* 0 to 255, by its check */
                                 .kind = (uint8_t)(text            ? CHUNK_TEXT
                                                   : isnan(number) ? CHUNK_NOTHING
                                                                   : CHUNK_NUMBER)};
}
