#include "server/store/record_sql.h"

static const char insert_sql[] =
    "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, "
    "to_letter, occ,"
    " call, priority, src_us, at_us, raised_us, value, limit_value, quality, actor_key, actor, comment)"
    " select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
    "$6::bigint[],"
    " $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::smallint[], $13::bigint[], "
    "$14::bigint[],"
    " $15::bigint[], $16::double precision[], $17::double precision[], $18::smallint[], $19::bigint[], "
    "$20::text[],"
    " $21::text[])"
    " on conflict (seq) do nothing";

/* By alarm_journal_pk. */
static const char check_sql[] =
    "select count(*) from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(seq, n, alarm_key)"
    " join alarm_journal j using (seq, n, alarm_key)";

const char *record_insert_sql(void) {
    return insert_sql;
}

const char *record_check_sql(void) {
    return check_sql;
}

/* One column of 64-bit numbers; the fields differ, so each column is a macro's loop. */
#define I64_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_i64_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_i64(args, (int64_t)v[i]->field);                                                        \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define F64_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_f64_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_f64(args, v[i]->field);                                                                 \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define I16_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_i16_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_i16(args, v[i]->field);                                                                 \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define TEXT_COLUMN(slice)                                                                                   \
    do {                                                                                                     \
        pg_array_text_begin(args);                                                                           \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_text(args, slice);                                                                      \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)

void record_check_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    I64_COLUMN(seq);
    I64_COLUMN(n);
    I64_COLUMN(alarm_key);
}

static void number_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    record_check_args(args, v, n);
    I64_COLUMN(site_key);
    I64_COLUMN(tag_key);
    I64_COLUMN(revision);
}

static void letter_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    TEXT_COLUMN(slice_str(alarm_record_kind_name(v[i]->kind)));
    TEXT_COLUMN(slice_of(&v[i]->from, 1));
    TEXT_COLUMN(slice_of(&v[i]->to, 1));
    I64_COLUMN(occ);
    I64_COLUMN(call);
    I16_COLUMN(priority);
}

static void time_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    I64_COLUMN(src_us);
    I64_COLUMN(at_us);
    I64_COLUMN(raised_us);
}

static void value_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    F64_COLUMN(value);
    F64_COLUMN(limit);
    I16_COLUMN(quality);
}

static void actor_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    I64_COLUMN(actor_key);
    TEXT_COLUMN(slice_str(v[i]->actor));
    TEXT_COLUMN(slice_str(v[i]->comment));
}

void record_insert_args(struct pg_args *args, const struct alarm_record *const *v, uint32_t n) {
    number_args(args, v, n);
    letter_args(args, v, n);
    time_args(args, v, n);
    value_args(args, v, n);
    actor_args(args, v, n);
}

static bool read_kind(struct slice text, enum alarm_record_kind *ret) {
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        if (slice_is(text, alarm_record_kind_name((enum alarm_record_kind)kind))) {
            *ret = (enum alarm_record_kind)kind;
            return true;
        }
    }
    return false;
}

bool record_read(const PGresult *r, int row, int first, struct alarm_record *ret) {
    *ret = (struct alarm_record){
        .seq = (uint64_t)pg_get_i64(r, row, first),
        .n = (uint64_t)pg_get_i64(r, row, first + 1),
        .alarm_key = pg_get_i64(r, row, first + 2),
        .site_key = pg_get_i64(r, row, first + 3),
        .tag_key = pg_get_i64(r, row, first + 4),
        .revision = pg_get_i64(r, row, first + 5),
        .from = *PQgetvalue(r, row, first + 7),
        .to = *PQgetvalue(r, row, first + 8),
        .occ = (uint32_t)pg_get_i64(r, row, first + 9),
        .call = (uint32_t)pg_get_i64(r, row, first + 10),
        .priority = (uint8_t)pg_get_i16(r, row, first + 11),
        .src_us = pg_get_i64(r, row, first + 12),
        .at_us = pg_get_i64(r, row, first + 13),
        .raised_us = pg_get_i64(r, row, first + 14),
        .value = pg_get_f64(r, row, first + 15),
        .limit = pg_get_f64(r, row, first + 16),
        .quality = (uint8_t)pg_get_i16(r, row, first + 17),
        .actor_key = pg_get_i64(r, row, first + 18),
        .alarm = MODEL_NONE,
    };
    pg_get_text(r, row, first + 19, ret->actor, sizeof ret->actor);
    pg_get_text(r, row, first + 20, ret->comment, sizeof ret->comment);
    return read_kind(pg_get_slice(r, row, first + 6), &ret->kind);
}
