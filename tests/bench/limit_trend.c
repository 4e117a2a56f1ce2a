/* Limit program: a trend of some pens for a screen, asked of a table of rows with a btree over tag and time
 * by one statement for each pen: first, lowest, highest and last of each pixel. usage: bench_limit_trend
 * CONNINFO POSTMASTER PENS DAYS TIMES (in a new, empty database) */
#include "tests/bench/bench.h"
#include "tests/bench/copy.h"
#include "tests/bench/pens.h"
#include "tests/bench/pg_cpu.h"

#include <inttypes.h>

static const char table_sql[] = "create table limit_row (tag_key bigint not null, t_us bigint not null,"
                                " value double precision, quality smallint not null,"
                                " primary key (tag_key, t_us))";
static const char copy_sql[] = "copy limit_row from stdin (format binary)";
static const char trend_sql[] =
    "select (t_us - $2) / $4, min(t_us), max(t_us), min(array[t_us::double precision, value]),"
    " min(value), max(value), max(array[t_us::double precision, value]), count(*), max(quality)"
    " from limit_row where tag_key = $1 and t_us >= $2 and t_us < $3 group by 1 order by 1";

static void fill(PGconn *pg, int64_t tag_key, uint64_t n) {
    struct pen pen;
    struct buf out;
    buf_init(&out, (size_t)n * 64 + 4096);
    pen_begin(&pen, (uint64_t)tag_key);
    copy_begin(&out);
    for (uint64_t i = 0; i < n; i++) {
        copy_row(&out, 4);
        copy_field(&out, (uint64_t)tag_key, 8);
        copy_field(&out, (uint64_t)(PENS_FROM_US + (int64_t)i * PENS_STEP_US), 8);
        copy_double(&out, pen_next(&pen));
        copy_field(&out, 0, 2);
    }
    copy_send(pg, copy_sql, &out);
    buf_done(&out);
}

static void ask(PGconn *pg, int64_t tag_key, int64_t span_us) {
    char text[4][24];
    const char *values[4] = {text[0], text[1], text[2], text[3]};
    (void)snprintf(text[0], sizeof text[0], "%" PRId64, tag_key);
    (void)snprintf(text[1], sizeof text[1], "%" PRId64, PENS_FROM_US);
    (void)snprintf(text[2], sizeof text[2], "%" PRId64, PENS_FROM_US + span_us);
    (void)snprintf(text[3], sizeof text[3], "%" PRId64, span_us / PENS_POINTS);
    PGresult *r = PQexecParams(pg, trend_sql, 4, (const Oid[]){20, 20, 20, 20}, values, NULL, NULL, 1);
    bench_need(PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == PENS_POINTS, "trend");
    PQclear(r);
}

int main(int argc, char **argv) {
    const char *conninfo = argc > 1 ? argv[1] : "";
    uint64_t postmaster = bench_arg(argc, argv, 2, 0);
    int64_t pens = (int64_t)bench_arg(argc, argv, 3, 8);
    int64_t span_us = (int64_t)bench_arg(argc, argv, 4, 30) * PENS_DAY_US;
    uint64_t times = bench_arg(argc, argv, 5, 3);
    PGconn *pg = copy_open(conninfo, table_sql);
    for (int64_t tag_key = 1; tag_key <= pens; tag_key++) {
        fill(pg, tag_key, (uint64_t)(span_us / PENS_STEP_US));
    }
    copy_do(pg, "vacuum analyze limit_row");
    copy_do(pg, "checkpoint");
    ask(pg, 1, span_us); /* the connection's own caches */
    double cpu = bench_cpu_s() + pg_cpu_s(postmaster);
    double wall = bench_wall_s();
    for (uint64_t i = 0; i < times; i++) {
        for (int64_t tag_key = 1; tag_key <= pens; tag_key++) {
            ask(pg, tag_key, span_us);
        }
    }
    wall = bench_wall_s() - wall;
    bench_report("limit_trend", times, bench_cpu_s() + pg_cpu_s(postmaster) - cpu, wall, "");
    PQfinish(pg);
    return 0;
}
