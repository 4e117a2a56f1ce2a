/* Limit program: the least that any historian of chunks on PostgreSQL must do: chunks that somebody else has
 * packed before the clock runs, into a table with a primary key, by binary COPY on one connection, one
 * durable commit for each CHUNKS_BATCH of them. Nothing was durable while the chunks filled. usage:
 * bench_limit_chunks CONNINFO POSTMASTER TAGS ROWS EACH SAMPLES (of a chunk; in a new,
 * empty database) */
#include "server/history/pack.h"
#include "tests/bench/bench.h"
#include "tests/bench/copy.h"
#include "tests/bench/pg_cpu.h"
#include "tests/bench/records.h"

enum { CHUNKS_BATCH = 1000 };

static const char table_sql[] =
    "create table limit_chunk (tag_key bigint, from_us bigint, to_us bigint, n integer, min double precision,"
    " max double precision, data bytea, primary key (tag_key, from_us));"
    "alter table limit_chunk alter column data set storage external";
static const char copy_sql[] = "copy limit_chunk from stdin (format binary)";

struct row {
    int64_t tag_key;
    struct pack_head head;
    double min;
    double max;
    size_t at;
};

struct rows {
    struct row *v;
    uint32_t n;
    int64_t tag_key; /* of what is packed now */
    struct buf bytes;
};

static enum status on_chunk(void *ctx, const struct pack_chunk *c) {
    struct rows *r = ctx;
    r->v[r->n++] =
        (struct row){.tag_key = r->tag_key, .head = c->head, .min = c->min, .max = c->max, .at = r->bytes.n};
    buf_append(&r->bytes, c->bytes.p, c->bytes.n);
    return OK;
}

static int by_tag_and_time(const void *a, const void *b) {
    const struct stored_sample *x = a;
    const struct stored_sample *y = b;
    return x->tag_key != y->tag_key ? (x->tag_key < y->tag_key ? -1 : 1)
                                    : (x->t_us > y->t_us) - (x->t_us < y->t_us);
}

/* All samples as chunks of so many. */
static void pack_all(struct rows *rows, struct stored_sample *v, uint64_t n, uint64_t each) {
    static struct chunk_work work;
    struct pack p;
    pack_init(&p, &work);
    qsort(v, n, sizeof *v, by_tag_and_time);
    for (uint64_t i = 0; i < n;) {
        rows->tag_key = v[i].tag_key;
        pack_clear(&p);
        uint64_t end = i + each < n ? i + each : n;
        for (; i < end && v[i].tag_key == rows->tag_key; i++) {
            struct chunk_sample s = {
                .t_us = v[i].t_us, .number = v[i].value, .quality = v[i].quality, .kind = CHUNK_NUMBER};
            bench_need(pack_sample_in(&p, &s, false) == OK, "memory");
        }
        bench_need(pack_out(&p, on_chunk, rows) == OK, "packing");
    }
    pack_done(&p);
}

static void copy_batch(PGconn *pg, struct buf *out, const struct rows *rows, uint32_t first, uint32_t end) {
    copy_begin(out);
    for (uint32_t i = first; i < end; i++) {
        const struct row *r = &rows->v[i];
        copy_row(out, 7);
        copy_field(out, (uint64_t)r->tag_key, 8);
        copy_field(out, (uint64_t)r->head.from_us, 8);
        copy_field(out, (uint64_t)r->head.to_us, 8);
        copy_field(out, r->head.n, 4);
        copy_double(out, r->min);
        copy_double(out, r->max);
        copy_bytes(out, rows->bytes.p + r->at, r->head.bytes);
    }
    copy_send(pg, copy_sql, out);
}

int main(int argc, char **argv) {
    const char *conninfo = argc > 1 ? argv[1] : "";
    uint64_t postmaster = bench_arg(argc, argv, 2, 0);
    struct records r;
    records_make(&r, (uint32_t)bench_arg(argc, argv, 3, 1000), bench_arg(argc, argv, 4, 300000),
                 (uint32_t)bench_arg(argc, argv, 5, 28));
    uint64_t samples = (uint64_t)r.n * r.each;
    struct rows rows = {.v = calloc(samples, sizeof *rows.v)};
    struct buf out;
    bench_need(rows.v != NULL, "memory");
    buf_init(&rows.bytes, samples * 16);
    buf_init(&out, (size_t)CHUNKS_BATCH * (PACK_BYTES + 128));
    pack_all(&rows, r.samples, samples, bench_arg(argc, argv, 6, 120));
    PGconn *pg = copy_open(conninfo, table_sql);
    double cpu = bench_cpu_s() + pg_cpu_s(postmaster);
    double wall = bench_wall_s();
    for (uint32_t done = 0; done < rows.n; done += CHUNKS_BATCH) {
        copy_batch(pg, &out, &rows, done, rows.n - done < CHUNKS_BATCH ? rows.n : done + CHUNKS_BATCH);
    }
    wall = bench_wall_s() - wall;
    bench_report("limit_chunks", samples, bench_cpu_s() + pg_cpu_s(postmaster) - cpu, wall, "");
    PQfinish(pg);
    buf_done(&out);
    buf_done(&rows.bytes);
    free(rows.v);
    records_done(&r);
    return 0;
}
