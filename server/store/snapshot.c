#include "server/store/snapshot.h"

#include "server/store/keeper.h"

#include <inttypes.h>

/* By alarm_journal_pk from the last one seen on; due a little after the time that it is about. */
static const char find_sql[] =
    "with seen as (select s.seq from snapshot_seen s),"
    "     now as (select coalesce(max(j.seq), 0) as seq from alarm_journal j),"
    "     due as (insert into snapshot_due (seq, due_us)"
    "             select j.seq, greatest(j.src_us + 60000000, j.at_us) + 15000000"
    "               from seen, now, alarm_journal j"
    "              where j.seq > seen.seq and j.seq <= now.seq and j.kind in ('raise', 'reraise', "
    "'hist_raise')"
    "                and exists (select from snapshot_alarm a where a.alarm_key = j.alarm_key)"
    "             on conflict (seq) do nothing)"
    " update snapshot_seen s set seq = now.seq from now where s.seq < now.seq";
static const char due_sql[] =
    "select d.seq from snapshot_due d where d.due_us <= $1 order by d.due_us, d.seq limit $2";
/* By event_snapshot_from_idx. */
static const char again_sql[] =
    "select s.seq from event_snapshot s where s.from_us < $2 and s.from_us >= $1 - $3"
    " and s.to_us >= $1 order by s.seq";
/* By alarm_journal_pk. */
static const char put_sql[] =
    "insert into event_snapshot (seq, alarm_key, occ, src_us, from_us, to_us, taken_us)"
    " select j.seq, j.alarm_key, j.occ, j.src_us, j.src_us - $2::bigint, j.src_us + $3::bigint, $4"
    "   from alarm_journal j where j.seq = $1"
    " on conflict (seq) do update set taken_us = excluded.taken_us returning alarm_key, from_us, to_us";
/* Those that are configured now, and those that it has already; by both primary keys. */
static const char tags_sql[] =
    "select a.tag_key from snapshot_alarm a where a.alarm_key = $2"
    " union select c.tag_key from event_snapshot_chunk c where c.seq = $1 order by 1";
static const char samples_sql[] =
    "select s.t_us, s.value, s.quality, s.bytes from sample($1::bigint, $2::bigint,"
    " $3::bigint) s order by s.t_us";
static const char had_sql[] =
    "select coalesce(sum(c.n), 0)::bigint from event_snapshot_chunk c where c.seq = $1 and c.tag_key = $2";
static const char clear_sql[] = "delete from event_snapshot_chunk where seq = $1 and tag_key = $2";
static const char chunk_sql[] = "insert into event_snapshot_chunk (seq, tag_key, from_us, to_us, n, data)"
                                " values ($1, $2, $3, $4, $5::integer, $6)";
/* Once more an hour after the alarm was known, when late samples are there; then no more. */
static const char later_sql[] =
    "with later as (update snapshot_due d set due_us = j.at_us + 3600000000 from alarm_journal j"
    "                where d.seq = $1 and j.seq = d.seq and $2 < j.at_us + 3600000000 returning d.seq)"
    " delete from snapshot_due d where d.seq = $1 and not exists (select from later)";

enum { SNAPSHOT_BYTES_MAX = 1024 * 1024 };

struct snapshot {
    struct blocking *b;
    struct snapshot_work *w;
    int64_t seq;
    int64_t now_us;
    int64_t alarm_key;
    int64_t from_us;
    int64_t to_us;
    bool damaged; /* some of it cannot be read */
};

static struct pg_args *two(struct blocking *b, int64_t x, int64_t y) {
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, x);
    pg_arg_i64(a, y);
    return a;
}

enum status snapshot_find(struct blocking *b, struct error *err) {
    (void)blocking_args(b);
    return blocking_tell(b, find_sql, err);
}

/* --- one tag ---------------------------------------------------------------------------------------------
 */

static struct chunk_sample sample_of(const PGresult *r, int row) {
    struct chunk_sample s = {.t_us = pg_get_i64(r, row, 0), .quality = (uint8_t)pg_get_i16(r, row, 2)};
    if (!pg_is_null(r, row, 1)) {
        s.kind = CHUNK_NUMBER;
        s.number = pg_get_f64(r, row, 1);
    } else if (!pg_is_null(r, row, 3)) {
        s.kind = CHUNK_TEXT;
        s.text = pg_get_slice(r, row, 3);
    }
    return s;
}

static enum status write_chunk(const struct snapshot *s, int64_t tag_key, uint32_t n, struct error *err) {
    struct buf out;
    buf_init(&out, SNAPSHOT_BYTES_MAX);
    chunk_write(&out, s->w->v, n, &s->w->work);
    enum status status = buf_status(&out, err);
    if (status == OK) {
        struct pg_args *a = two(s->b, s->seq, tag_key);
        pg_arg_i64(a, s->w->v[0].t_us);
        pg_arg_i64(a, s->w->v[n - 1].t_us);
        pg_arg_i32(a, (int32_t)n); /* at most CHUNK_SAMPLES_MAX */
        pg_arg_bytes(a, out.p, out.n);
        status = blocking_tell(s->b, chunk_sql, err);
    }
    buf_done(&out);
    return status;
}

static enum status write_samples(const struct snapshot *s, int64_t tag_key, const PGresult *rows,
                                 struct error *err) {
    (void)two(s->b, s->seq, tag_key);
    enum status status = blocking_tell(s->b, clear_sql, err);
    uint32_t n = 0;
    for (int row = 0; row < PQntuples(rows) && status == OK; row++) {
        s->w->v[n++] = sample_of(rows, row);
        if (n == CHUNK_SAMPLES_MAX || row + 1 == PQntuples(rows)) {
            status = write_chunk(s, tag_key, n, err);
            n = 0;
        }
    }
    return status;
}

static enum status take_tag(const struct snapshot *s, int64_t tag_key, struct error *err) {
    PGresult *rows = NULL;
    PGresult *had = NULL;
    pg_arg_i64(two(s->b, tag_key, s->from_us), s->to_us);
    enum status status = blocking_ask(s->b, samples_sql, &rows, err);
    if (status != OK) {
        return status;
    }
    (void)two(s->b, s->seq, tag_key);
    status = blocking_ask(s->b, had_sql, &had, err);
    /* What it has is not taken away because samples are not there any more. */
    if (status == OK && PQntuples(rows) > 0 && pg_get_i64(had, 0, 0) <= PQntuples(rows)) {
        status = write_samples(s, tag_key, rows, err);
    }
    PQclear(rows);
    PQclear(had);
    return status;
}

/* --- one alarm -------------------------------------------------------------------------------------------
 */

/* What of a tag cannot be read is left alone: the alarm's other tags go on. */
static enum status try_tag(struct snapshot *s, int64_t tag_key, struct error *err) {
    struct error why = {0};
    enum status status = blocking_do(s->b, "savepoint tag", err);
    if (status != OK) {
        return status;
    }
    status = take_tag(s, tag_key, &why);
    if (status != ERR_INVALID) {
        return status == OK ? OK : error_set(err, status, why.where, "%s", why.text);
    }
    if (!s->damaged) {
        (void)error_set(err, ERR_INVALID, "snapshot", "alarm record %" PRId64 ", tag key %" PRId64 ": %s",
                        s->seq, tag_key, why.text);
    }
    s->damaged = true;
    return blocking_do(s->b, "rollback to savepoint tag", &why);
}

static enum status take_tags(struct snapshot *s, struct error *err) {
    PGresult *tags = NULL;
    (void)two(s->b, s->seq, s->alarm_key);
    enum status status = blocking_ask(s->b, tags_sql, &tags, err);
    for (int row = 0; status == OK && row < PQntuples(tags); row++) {
        status = try_tag(s, pg_get_i64(tags, row, 0), err);
    }
    PQclear(tags);
    return status;
}

static enum status put_head(struct snapshot *s, struct error *err) {
    PGresult *head = NULL;
    struct pg_args *a = two(s->b, s->seq, KEEPER_BEFORE_US);
    pg_arg_i64(a, KEEPER_AFTER_US);
    pg_arg_i64(a, s->now_us);
    enum status status = blocking_ask(s->b, put_sql, &head, err);
    if (status == OK && PQntuples(head) == 1) {
        s->alarm_key = pg_get_i64(head, 0, 0);
        s->from_us = pg_get_i64(head, 0, 1);
        s->to_us = pg_get_i64(head, 0, 2);
    }
    PQclear(head);
    return status;
}

static enum status take(struct snapshot *s, struct error *err) {
    enum status status = blocking_do(s->b, "begin", err);
    status = status == OK ? put_head(s, err) : status;
    status = status == OK ? take_tags(s, err) : status;
    if (status == OK) {
        (void)two(s->b, s->seq, s->now_us);
        status = blocking_tell(s->b, later_sql, err);
    }
    return status == OK ? blocking_do(s->b, "commit", err) : status;
}

static enum status take_all(struct blocking *b, struct snapshot_work *w, const PGresult *rows, int64_t now_us,
                            struct error *err) {
    enum status status = OK;
    bool damaged = false;
    for (int row = 0; row < PQntuples(rows) && status == OK; row++) {
        struct snapshot s = {
            .b = b, .w = w, .seq = pg_get_i64(rows, row, 0), .now_us = now_us, .damaged = damaged};
        status = take(&s, err);
        damaged = s.damaged;
    }
    return status == OK && damaged ? ERR_INVALID : status;
}

enum status snapshot_take_due(struct blocking *b, struct snapshot_work *w, int64_t now_us, uint32_t most,
                              uint32_t *ret_taken, struct error *err) {
    PGresult *rows = NULL;
    (void)two(b, now_us, most);
    enum status status = blocking_ask(b, due_sql, &rows, err);
    if (status == OK) {
        status = take_all(b, w, rows, now_us, err);
        *ret_taken = (uint32_t)PQntuples(rows);
        PQclear(rows);
    }
    return status;
}

enum status snapshot_take_again(struct blocking *b, struct snapshot_work *w, int64_t from_us, int64_t to_us,
                                int64_t now_us, struct error *err) {
    PGresult *rows = NULL;
    pg_arg_i64(two(b, from_us, to_us), KEEPER_BEFORE_US + KEEPER_AFTER_US);
    enum status status = blocking_ask(b, again_sql, &rows, err);
    if (status == OK) {
        status = take_all(b, w, rows, now_us, err);
        PQclear(rows);
    }
    return status;
}
