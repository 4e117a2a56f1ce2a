/* Values on their way to and from PostgreSQL, in its binary form. struct pg_args gathers the parameters of
 * one statement; struct slice and arrays are copied. A failed write (memory, size) marks it as failed and
 * pg_send refuses it. The readers expect the type that the statement names (casts in the SQL see to it);
 * another length is a mistake in the program and CHECKed. Pure. */
#ifndef PENSTOCK_STORE_PGVALUE_H
#define PENSTOCK_STORE_PGVALUE_H

#include "server/base/buf.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum { PG_ARGS_MAX = 40 };

struct pg_args {
    struct buf data;
    int n;
    Oid types[PG_ARGS_MAX];
    size_t offsets[PG_ARGS_MAX];
    int lengths[PG_ARGS_MAX];
    size_t array_start; /* of the array that is being written */
    uint32_t array_n;
    bool array_null;
};

void pg_args_init(struct pg_args *a, size_t max_bytes);
void pg_args_done(struct pg_args *a);
/* Forgets the parameters, keeps the memory. */
void pg_args_clear(struct pg_args *a);

void pg_arg_i64(struct pg_args *a, int64_t v);
void pg_arg_i32(struct pg_args *a, int32_t v);
/* What is not UTF-8 (or has a NUL) is cut off: PostgreSQL would refuse the whole statement. */
void pg_arg_text(struct pg_args *a, struct slice v);
void pg_arg_bytes(struct pg_args *a, const void *p, size_t n);
void pg_arg_uuid(struct pg_args *a, const uint8_t v[16]);

/* One array: begin, an element function for each, end. */
void pg_array_i64_begin(struct pg_args *a);
void pg_array_i32_begin(struct pg_args *a);
void pg_array_i16_begin(struct pg_args *a);
void pg_array_f64_begin(struct pg_args *a);
void pg_array_text_begin(struct pg_args *a);
void pg_array_bytes_begin(struct pg_args *a);
void pg_array_uuid_begin(struct pg_args *a);
void pg_array_i64(struct pg_args *a, int64_t v);
void pg_array_i32(struct pg_args *a, int32_t v);
void pg_array_i16(struct pg_args *a, int16_t v);
/* NaN and infinities become null. */
void pg_array_f64(struct pg_args *a, double v);
void pg_array_text(struct pg_args *a, struct slice v);
void pg_array_bytes(struct pg_args *a, const void *p, size_t n);
void pg_array_null(struct pg_args *a);
void pg_array_end(struct pg_args *a);

bool pg_is_null(const PGresult *r, int row, int column);
/* A number of the link as PostgreSQL keeps it: as far as its ranges reach, which need one more than the end
 * of each. */
int64_t pg_seq(uint64_t seq);
int64_t pg_get_i64(const PGresult *r, int row, int column);
int32_t pg_get_i32(const PGresult *r, int row, int column);
int16_t pg_get_i16(const PGresult *r, int row, int column);
bool pg_get_bool(const PGresult *r, int row, int column);
/* NaN for null */
double pg_get_f64(const PGresult *r, int row, int column);
/* Points into the result. */
struct slice pg_get_slice(const PGresult *r, int row, int column);
/* Copies a text, cut at a character's border, NUL-terminated. */
void pg_get_text(const PGresult *r, int row, int column, char *ret, size_t size);

#endif
