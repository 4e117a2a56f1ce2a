/* Limit program: the least that any historian on PostgreSQL must do: the same samples, one row each, by
 * binary COPY on one connection, one durable commit for each INGEST_BATCH_SAMPLES of them. No record as
 * received, no check of what is there already, no ranges. usage: bench_limit_copy CONNINFO POSTMASTER TAGS
 * ROWS (in a new, empty database) */
#include "server/store/ingest.h"
#include "server/store/migrate.h"
#include "tests/bench/bench.h"
#include "tests/bench/pg_cpu.h"
#include "tests/bench/records.h"

#include <libpq-fe.h>
#include <string.h>

static const char copy_sql[] = "copy sample_row (tag_key, t_us, value, quality) from stdin (format binary)";

static void put_number(struct buf *out, uint64_t value, uint32_t size) {
    for (uint32_t i = size; i > 0; i--) {
        buf_byte(out, (uint8_t)(value >> (8 * (i - 1))));
    }
}

/* A field of COPY's binary form: its length, then itself. */
static void put_field(struct buf *out, uint64_t value, uint32_t size) {
    put_number(out, size, 4);
    put_number(out, value, size);
}

static void put_row(struct buf *out, const struct stored_sample *s) {
    uint64_t bits = 0;
    memcpy(&bits, &s->value, sizeof bits);
    put_number(out, 4, 2); /* fields */
    put_field(out, (uint64_t)s->tag_key, 8);
    put_field(out, (uint64_t)s->t_us, 8);
    put_field(out, bits, 8);
    put_field(out, s->quality, 2);
}

static void need_result(PGconn *pg, PGresult *result, ExecStatusType status) {
    if (PQresultStatus(result) != status) {
        bench_die("copy", PQerrorMessage(pg));
    }
    PQclear(result);
}

static void copy_batch(PGconn *pg, struct buf *out, const struct stored_sample *v, uint64_t n) {
    static const char signature[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it */
    buf_clear(out);
    buf_append(out, signature, sizeof signature);
    put_number(out, 0, 8); /* flags, length of the extension */
    for (uint64_t i = 0; i < n; i++) {
        put_row(out, &v[i]);
    }
    put_number(out, UINT16_MAX, 2);
    need_result(pg, PQexec(pg, copy_sql), PGRES_COPY_IN);
    bench_need(!out->failed && PQputCopyData(pg, (const char *)out->p, (int)out->n) == 1 &&
                   PQputCopyEnd(pg, NULL) == 1,
               "send");
    need_result(pg, PQgetResult(pg), PGRES_COMMAND_OK);
    bench_need(PQgetResult(pg) == NULL, "end of the copy");
}

int main(int argc, char **argv) {
    const char *conninfo = argc > 1 ? argv[1] : "";
    uint64_t postmaster = bench_arg(argc, argv, 2, 0);
    struct error err;
    if (migrate_run(conninfo, "migrations", NULL, NULL, &err) != OK) {
        bench_die(err.where, err.text);
    }
    struct records r;
    records_make(&r, (uint32_t)bench_arg(argc, argv, 3, 1000), bench_arg(argc, argv, 4, 300000));
    uint64_t rows = (uint64_t)r.n * RECORDS_SAMPLES;
    struct buf out;
    buf_init(&out, 1 << 20);
    PGconn *pg = PQconnectdb(conninfo);
    bench_need(PQstatus(pg) == CONNECTION_OK, "connection");
    double cpu = bench_cpu_s() + pg_cpu_s(postmaster);
    double wall = bench_wall_s();
    for (uint64_t done = 0; done < rows; done += INGEST_BATCH_SAMPLES) {
        uint64_t rest = rows - done;
        copy_batch(pg, &out, r.samples + done, rest < INGEST_BATCH_SAMPLES ? rest : INGEST_BATCH_SAMPLES);
    }
    wall = bench_wall_s() - wall;
    bench_report("limit_copy", rows, bench_cpu_s() + pg_cpu_s(postmaster) - cpu, wall, "");
    PQfinish(pg);
    buf_done(&out);
    records_done(&r);
    return 0;
}
