#include "server/store/record_sql.h"

/* An alarm that left the configuration has no position any more: it keeps that of its record before, by
 * alarm_journal_alarm_unique. */
static const char insert_sql[] =
    "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter,"
    " occ, call, priority, src_us, at_us, raised_us, value, limit_value, quality, actor_key, actor, comment,"
    " base_letter, facts, flags, cause, unshelved, raised_at_us, called_us, until_us, rise_call, position,"
    " desk, source, unit, acked_occ)"
    " select u.seq, u.n, u.alarm_key, u.site_key, u.tag_key, u.revision, u.kind, u.from_letter, u.to_letter,"
    "        u.occ, u.call, u.priority, u.src_us, u.at_us, u.raised_us, u.value, u.limit_value, u.quality,"
    "        u.actor_key, u.actor, u.comment, u.base_letter, u.facts, u.flags, u.cause, u.unshelved,"
    "        u.raised_at_us, u.called_us, u.until_us, u.rise_call,"
    "        case when u.position <> '' then u.position"
    "             else coalesce((select j.position from alarm_journal j"
    "                             where j.alarm_key = u.alarm_key order by j.n desc limit 1), '') end,"
    "        u.desk, u.source, u.unit, u.acked_occ"
    "   from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
    "               $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::smallint[],"
    "               $13::bigint[], $14::bigint[], $15::bigint[], $16::double precision[],"
    "               $17::double precision[], $18::smallint[], $19::bigint[], $20::text[], $21::text[],"
    "               $22::text[], $23::integer[], $24::integer[], $25::text[], $26::text[], $27::bigint[],"
    "               $28::bigint[], $29::bigint[], $30::bigint[], $31::text[], $32::text[], $33::text[],"
    "               $34::text[], $35::bigint[])"
    "     as u(seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter, occ, call,"
    "          priority, src_us, at_us, raised_us, value, limit_value, quality, actor_key, actor, comment,"
    "          base_letter, facts, flags, cause, unshelved, raised_at_us, called_us, until_us, rise_call,"
    "          position, desk, source, unit, acked_occ)"
    " on conflict (seq) do nothing";

/* By alarm_journal_pk. */
static const char check_sql[] =
    "select count(*) from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    "                            $6::text[]) as u(seq, n, alarm_key, at_us, actor_key, kind)"
    " join alarm_journal j using (seq, n, alarm_key, at_us, actor_key, kind)";

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
            pg_array_i64(args, (int64_t)v[i]->record.field);                                                 \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define F64_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_f64_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_f64(args, v[i]->record.field);                                                          \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define I16_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_i16_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_i16(args, v[i]->record.field);                                                          \
        }                                                                                                    \
        pg_array_end(args);                                                                                  \
    } while (0)
#define I32_COLUMN(field)                                                                                    \
    do {                                                                                                     \
        pg_array_i32_begin(args);                                                                            \
        for (uint32_t i = 0; i < n; i++) {                                                                   \
            pg_array_i32(args, v[i]->record.field);                                                          \
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

static void identity_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    I64_COLUMN(seq);
    I64_COLUMN(n);
    I64_COLUMN(alarm_key);
}

void record_check_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    identity_args(args, v, n);
    I64_COLUMN(at_us);
    I64_COLUMN(actor_key);
    TEXT_COLUMN(slice_str(alarm_record_kind_name(v[i]->record.kind)));
}

static void number_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    identity_args(args, v, n);
    I64_COLUMN(site_key);
    I64_COLUMN(tag_key);
    I64_COLUMN(revision);
}

static void letter_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    TEXT_COLUMN(slice_str(alarm_record_kind_name(v[i]->record.kind)));
    TEXT_COLUMN(slice_of(&v[i]->record.from, 1));
    TEXT_COLUMN(slice_of(&v[i]->record.to, 1));
    I64_COLUMN(occ);
    I64_COLUMN(call);
    I16_COLUMN(priority);
}

static void time_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    I64_COLUMN(src_us);
    I64_COLUMN(at_us);
    I64_COLUMN(raised_us);
}

static void value_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    F64_COLUMN(value);
    F64_COLUMN(limit);
    I16_COLUMN(quality);
}

static void actor_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    I64_COLUMN(actor_key);
    TEXT_COLUMN(slice_str(v[i]->record.actor));
    TEXT_COLUMN(slice_str(v[i]->record.comment));
}

/* A record that says no base letter says no facts: null, as in rows from before 0004. */
static void fact_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i]->record.base == '\0') {
            pg_array_null(args);
        } else {
            pg_array_text(args, slice_of(&v[i]->record.base, 1));
        }
    }
    pg_array_end(args);
    pg_array_i32_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i]->record.base == '\0') {
            pg_array_null(args);
        } else {
            pg_array_i32(args, v[i]->record.facts);
        }
    }
    pg_array_end(args);
}

static void state_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    fact_args(args, v, n);
    I32_COLUMN(flags);
    TEXT_COLUMN(slice_str(alarm_cause_name(v[i]->record.cause)));
    TEXT_COLUMN(slice_str(unshelve_reason_name(v[i]->record.unshelved)));
    I64_COLUMN(raised_at_us);
    I64_COLUMN(called_us);
    I64_COLUMN(until_us);
    I64_COLUMN(rise_call);
}

static void place_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    TEXT_COLUMN(slice_str(v[i]->position));
    TEXT_COLUMN(slice_str(v[i]->record.desk));
    TEXT_COLUMN(slice_str(v[i]->record.source));
    TEXT_COLUMN(slice_str(v[i]->record.unit));
    I64_COLUMN(acked_occ);
}

void record_insert_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n) {
    number_args(args, v, n);
    letter_args(args, v, n);
    time_args(args, v, n);
    value_args(args, v, n);
    actor_args(args, v, n);
    state_args(args, v, n);
    place_args(args, v, n);
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

static bool read_cause(struct slice text, enum alarm_cause *ret) {
    for (int cause = 0; cause < ALARM_CAUSES; cause++) {
        if (slice_is(text, alarm_cause_name((enum alarm_cause)cause))) {
            *ret = (enum alarm_cause)cause;
            return true;
        }
    }
    return false;
}

static bool read_unshelved(struct slice text, enum unshelve_reason *ret) {
    for (int reason = UNSHELVE_NONE; reason <= UNSHELVE_RTN; reason++) {
        if (slice_is(text, unshelve_reason_name((enum unshelve_reason)reason))) {
            *ret = (enum unshelve_reason)reason;
            return true;
        }
    }
    return false;
}

/* What the constraints of alarm_journal see to: letters are one byte; counts and sums fit, for this program
 * wrote them. */
static void read_numbers(const PGresult *r, int row, int first, struct alarm_record *ret) {
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
        .base = *PQgetvalue(r, row, first + 21),
        .facts = (uint16_t)pg_get_i32(r, row, first + 22),
        .flags = (uint16_t)pg_get_i32(r, row, first + 23),
        .raised_at_us = pg_get_i64(r, row, first + 26),
        .called_us = pg_get_i64(r, row, first + 27),
        .until_us = pg_get_i64(r, row, first + 28),
        .rise_call = (uint32_t)pg_get_i64(r, row, first + 29),
        .acked_occ = (uint32_t)pg_get_i64(r, row, first + 34),
        .alarm = MODEL_NONE,
    };
}

bool record_read(const PGresult *r, int row, int first, struct alarm_record *ret) {
    read_numbers(r, row, first, ret);
    pg_get_text(r, row, first + 19, ret->actor, sizeof ret->actor);
    pg_get_text(r, row, first + 20, ret->comment, sizeof ret->comment);
    pg_get_text(r, row, first + 31, ret->desk, sizeof ret->desk);
    pg_get_text(r, row, first + 32, ret->source, sizeof ret->source);
    pg_get_text(r, row, first + 33, ret->unit, sizeof ret->unit);
    return read_kind(pg_get_slice(r, row, first + 6), &ret->kind) &&
           read_cause(pg_get_slice(r, row, first + 24), &ret->cause) &&
           read_unshelved(pg_get_slice(r, row, first + 25), &ret->unshelved);
}
