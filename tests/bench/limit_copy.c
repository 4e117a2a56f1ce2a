/* Limit program: the least that any historian of rows on PostgreSQL must do: the same samples into a table
 * with nothing but a BRIN index over time, by binary COPY on one connection, one durable commit for each
 * ROWS_BATCH of them. No record as received, no check of what is there already, no ranges, and no trend could
 * be read from it. usage: bench_limit_copy CONNINFO POSTMASTER TAGS ROWS EACH (in a new, empty database) */
#include "tests/bench/bench.h"
#include "tests/bench/copy.h"
#include "tests/bench/pg_cpu.h"
#include "tests/bench/records.h"

enum { ROWS_BATCH = 10000 }; /* larger ones are no quicker */

static const char table_sql[] = "create table limit_row (t_us bigint not null, value double precision,"
                                " tag_key bigint not null, quality smallint not null);"
                                "create index limit_row_idx on limit_row using brin (t_us)";
static const char copy_sql[] = "copy limit_row (t_us, value, tag_key, quality) from stdin (format binary)";

static void copy_batch(PGconn *pg, struct buf *out, const struct stored_sample *v, uint64_t n) {
    copy_begin(out);
    for (uint64_t i = 0; i < n; i++) {
        copy_row(out, 4);
        copy_field(out, (uint64_t)v[i].t_us, 8);
        copy_double(out, v[i].value);
        copy_field(out, (uint64_t)v[i].tag_key, 8);
        copy_field(out, v[i].quality, 2);
    }
    copy_send(pg, copy_sql, out);
}

int main(int argc, char **argv) {
    const char *conninfo = argc > 1 ? argv[1] : "";
    uint64_t postmaster = bench_arg(argc, argv, 2, 0);
    struct records r;
    records_make(&r, (uint32_t)bench_arg(argc, argv, 3, 1000), bench_arg(argc, argv, 4, 300000),
                 (uint32_t)bench_arg(argc, argv, 5, 28));
    uint64_t rows = (uint64_t)r.n * r.each;
    struct buf out;
    buf_init(&out, 1 << 20);
    PGconn *pg = copy_open(conninfo, table_sql);
    double cpu = bench_cpu_s() + pg_cpu_s(postmaster);
    double wall = bench_wall_s();
    for (uint64_t done = 0; done < rows; done += ROWS_BATCH) {
        uint64_t rest = rows - done;
        copy_batch(pg, &out, r.samples + done, rest < ROWS_BATCH ? rest : ROWS_BATCH);
    }
    wall = bench_wall_s() - wall;
    bench_report("limit_copy", rows, bench_cpu_s() + pg_cpu_s(postmaster) - cpu, wall, "");
    PQfinish(pg);
    buf_done(&out);
    records_done(&r);
    return 0;
}
