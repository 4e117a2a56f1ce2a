#include "tests/bench/copy.h"

#include "tests/bench/bench.h"

#include <string.h>

static void need_result(PGconn *pg, PGresult *result, ExecStatusType status) {
    if (PQresultStatus(result) != status) {
        bench_die("copy", PQerrorMessage(pg));
    }
    PQclear(result);
}

PGconn *copy_open(const char *conninfo, const char *table_sql) {
    PGconn *pg = PQconnectdb(conninfo);
    bench_need(PQstatus(pg) == CONNECTION_OK, "connection");
    copy_do(pg, table_sql);
    return pg;
}

void copy_do(PGconn *pg, const char *sql) {
    need_result(pg, PQexec(pg, sql), PGRES_COMMAND_OK);
}

static void put_number(struct buf *out, uint64_t value, uint32_t size) {
    for (uint32_t i = size; i > 0; i--) {
        buf_byte(out, (uint8_t)(value >> (8 * (i - 1))));
    }
}

void copy_begin(struct buf *out) {
    static const char signature[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it */
    buf_clear(out);
    buf_append(out, signature, sizeof signature);
    put_number(out, 0, 8); /* flags, length of the extension */
}

void copy_row(struct buf *out, uint32_t fields) {
    put_number(out, fields, 2);
}

void copy_field(struct buf *out, uint64_t value, uint32_t size) {
    put_number(out, size, 4);
    put_number(out, value, size);
}

void copy_double(struct buf *out, double value) {
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    copy_field(out, bits, 8);
}

void copy_bytes(struct buf *out, const void *bytes, size_t n) {
    put_number(out, n, 4);
    buf_append(out, bytes, n);
}

void copy_send(PGconn *pg, const char *copy_sql, struct buf *out) {
    put_number(out, UINT16_MAX, 2);
    need_result(pg, PQexec(pg, copy_sql), PGRES_COPY_IN);
    bench_need(!out->failed && PQputCopyData(pg, (const char *)out->p, (int)out->n) == 1 &&
                   PQputCopyEnd(pg, NULL) == 1,
               "send");
    need_result(pg, PQgetResult(pg), PGRES_COMMAND_OK);
    bench_need(PQgetResult(pg) == NULL, "end of the copy");
}
