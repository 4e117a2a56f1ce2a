/* Rows by binary COPY, for limit programs: the least that PostgreSQL must be given. */
#ifndef PENSTOCK_TESTS_BENCH_COPY_H
#define PENSTOCK_TESTS_BENCH_COPY_H

#include "server/base/buf.h"

#include <libpq-fe.h>

/* Connects and prepares the table; here and below, what fails ends the program. */
PGconn *copy_open(const char *conninfo, const char *table_sql);
/* A statement without an answer. */
void copy_do(PGconn *pg, const char *sql);
/* Writes the head of a copy's bytes over what is in out. */
void copy_begin(struct buf *out);
void copy_row(struct buf *out, uint32_t fields);
/* A number of size bytes, or the bits of a double. */
void copy_field(struct buf *out, uint64_t value, uint32_t size);
void copy_double(struct buf *out, double value);
void copy_bytes(struct buf *out, const void *bytes, size_t n);
/* Sends what was written as one transaction, and waits until it is durable. */
void copy_send(PGconn *pg, const char *copy_sql, struct buf *out);

#endif
