#include "server/store/pgvalue.h"

#include "server/base/check.h"
#include "server/base/utf8.h"

#include <limits.h>
#include <math.h>

/* Object ids of built-in types; fixed for ever in PostgreSQL's catalog. */
enum {
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_FLOAT8 = 701,
    OID_UUID = 2950,
    OID_BYTEA_ARRAY = 1001,
    OID_INT2_ARRAY = 1005,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_FLOAT8_ARRAY = 1022,
    OID_UUID_ARRAY = 2951,
};

/* An array's head: dimensions, has nulls, element type, then length and lower bound of the one dimension. */
enum { ARRAY_HEAD = 20, ARRAY_NULL_AT = 4, ARRAY_N_AT = 12, UUID_SIZE = 16 };

static void put_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_u32(uint8_t *p, uint32_t v) {
    put_u16(p, (uint16_t)(v >> 16));
    put_u16(p + 2, (uint16_t)v);
}

static void put_u64(uint8_t *p, uint64_t v) {
    put_u32(p, (uint32_t)(v >> 32));
    put_u32(p + 4, (uint32_t)v);
}

static uint32_t take_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t take_u64(const uint8_t *p) {
    return (uint64_t)take_u32(p) << 32 | take_u32(p + 4);
}

static uint64_t bits_of(double v) {
    uint64_t u = 0;
    memcpy(&u, &v, sizeof u);
    return u;
}

void pg_args_init(struct pg_args *a, size_t max_bytes) {
    *a = (struct pg_args){0};
    buf_init(&a->data, max_bytes);
}

void pg_args_done(struct pg_args *a) {
    buf_done(&a->data);
}

void pg_args_clear(struct pg_args *a) {
    buf_clear(&a->data);
    a->n = 0;
}

static void begin(struct pg_args *a, Oid type) {
    CHECK(a->n < PG_ARGS_MAX);
    a->types[a->n] = type;
    a->offsets[a->n] = a->data.n;
}

static void end(struct pg_args *a) {
    size_t n = a->data.n - a->offsets[a->n];
    /* The buffer's maximum is far below INT_MAX. */
    CHECK(n <= INT_MAX);
    a->lengths[a->n] = (int)n;
    a->n++;
}

void pg_arg_i64(struct pg_args *a, int64_t v) {
    uint8_t raw[8];
    put_u64(raw, (uint64_t)v);
    begin(a, OID_INT8);
    buf_append(&a->data, raw, sizeof raw);
    end(a);
}

void pg_arg_i32(struct pg_args *a, int32_t v) {
    uint8_t raw[4];
    put_u32(raw, (uint32_t)v);
    begin(a, OID_INT4);
    buf_append(&a->data, raw, sizeof raw);
    end(a);
}

static struct slice clean_text(struct slice v) {
    size_t n = utf8_valid_prefix(v.p, v.n);
    const char *nul = n == 0 ? NULL : memchr(v.p, '\0', n);
    return slice_of(v.p, nul == NULL ? n : (size_t)(nul - v.p));
}

void pg_arg_text(struct pg_args *a, struct slice v) {
    struct slice clean = clean_text(v);
    begin(a, OID_TEXT);
    buf_append(&a->data, clean.p, clean.n);
    end(a);
}

void pg_arg_bytes(struct pg_args *a, const void *p, size_t n) {
    begin(a, OID_BYTEA);
    buf_append(&a->data, p, n);
    end(a);
}

void pg_arg_uuid(struct pg_args *a, const uint8_t v[16]) {
    begin(a, OID_UUID);
    buf_append(&a->data, v, UUID_SIZE);
    end(a);
}

static void array_begin(struct pg_args *a, Oid array, Oid element) {
    uint8_t head[ARRAY_HEAD] = {0};
    put_u32(head, 1);
    put_u32(head + 8, element);
    put_u32(head + 16, 1);
    begin(a, array);
    a->array_start = a->data.n;
    a->array_n = 0;
    a->array_null = false;
    buf_append(&a->data, head, sizeof head);
}

void pg_array_i64_begin(struct pg_args *a) {
    array_begin(a, OID_INT8_ARRAY, OID_INT8);
}

void pg_array_i32_begin(struct pg_args *a) {
    array_begin(a, OID_INT4_ARRAY, OID_INT4);
}

void pg_array_i16_begin(struct pg_args *a) {
    array_begin(a, OID_INT2_ARRAY, OID_INT2);
}

void pg_array_f64_begin(struct pg_args *a) {
    array_begin(a, OID_FLOAT8_ARRAY, OID_FLOAT8);
}

void pg_array_text_begin(struct pg_args *a) {
    array_begin(a, OID_TEXT_ARRAY, OID_TEXT);
}

void pg_array_bytes_begin(struct pg_args *a) {
    array_begin(a, OID_BYTEA_ARRAY, OID_BYTEA);
}

void pg_array_uuid_begin(struct pg_args *a) {
    array_begin(a, OID_UUID_ARRAY, OID_UUID);
}

void pg_array_i64(struct pg_args *a, int64_t v) {
    uint8_t raw[12];
    put_u32(raw, 8);
    put_u64(raw + 4, (uint64_t)v);
    buf_append(&a->data, raw, sizeof raw);
    a->array_n++;
}

void pg_array_i32(struct pg_args *a, int32_t v) {
    uint8_t raw[8];
    put_u32(raw, 4);
    put_u32(raw + 4, (uint32_t)v);
    buf_append(&a->data, raw, sizeof raw);
    a->array_n++;
}

void pg_array_i16(struct pg_args *a, int16_t v) {
    uint8_t raw[6];
    put_u32(raw, 2);
    put_u16(raw + 4, (uint16_t)v);
    buf_append(&a->data, raw, sizeof raw);
    a->array_n++;
}

void pg_array_f64(struct pg_args *a, double v) {
    if (!isfinite(v)) {
        pg_array_null(a);
        return;
    }
    pg_array_i64(a, (int64_t)bits_of(v));
}

void pg_array_text(struct pg_args *a, struct slice v) {
    struct slice clean = clean_text(v);
    pg_array_bytes(a, clean.p, clean.n);
}

void pg_array_bytes(struct pg_args *a, const void *p, size_t n) {
    CHECK(n <= INT_MAX);
    uint8_t raw[4];
    put_u32(raw, (uint32_t)n);
    buf_append(&a->data, raw, sizeof raw);
    buf_append(&a->data, p, n);
    a->array_n++;
}

void pg_array_null(struct pg_args *a) {
    static const uint8_t none[4] = {0xff, 0xff, 0xff, 0xff};
    buf_append(&a->data, none, sizeof none);
    a->array_null = true;
    a->array_n++;
}

void pg_array_end(struct pg_args *a) {
    if (!a->data.failed) {
        put_u32(a->data.p + a->array_start + ARRAY_NULL_AT, a->array_null ? 1 : 0);
        put_u32(a->data.p + a->array_start + ARRAY_N_AT, a->array_n);
    }
    end(a);
}

bool pg_is_null(const PGresult *r, int row, int column) {
    return PQgetisnull(r, row, column) != 0;
}

static const uint8_t *fixed(const PGresult *r, int row, int column, int size) {
    CHECK(PQgetlength(r, row, column) == size);
    CHECK(PQfformat(r, column) == 1);
    return (const uint8_t *)PQgetvalue(r, row, column);
}

int64_t pg_seq(uint64_t seq) {
    return seq > INT64_MAX - 1 ? INT64_MAX - 1 : (int64_t)seq;
}

int64_t pg_get_i64(const PGresult *r, int row, int column) {
    return (int64_t)take_u64(fixed(r, row, column, 8));
}

int32_t pg_get_i32(const PGresult *r, int row, int column) {
    return (int32_t)take_u32(fixed(r, row, column, 4));
}

int16_t pg_get_i16(const PGresult *r, int row, int column) {
    const uint8_t *p = fixed(r, row, column, 2);
    return (int16_t)(p[0] << 8 | p[1]);
}

bool pg_get_bool(const PGresult *r, int row, int column) {
    return *fixed(r, row, column, 1) != 0;
}

double pg_get_f64(const PGresult *r, int row, int column) {
    if (pg_is_null(r, row, column)) {
        return (double)NAN;
    }
    uint64_t bits = take_u64(fixed(r, row, column, 8));
    double v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

struct slice pg_get_slice(const PGresult *r, int row, int column) {
    /* libpq's lengths are never negative */
    return slice_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

void pg_get_text(const PGresult *r, int row, int column, char *ret, size_t size) {
    struct slice v = pg_get_slice(r, row, column);
    size_t n = v.n < size - 1 ? v.n : size - 1;
    n = utf8_valid_prefix(v.p, n);
    memcpy(ret, v.p, n);
    ret[n] = '\0';
}
