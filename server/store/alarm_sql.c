#include "server/store/alarm_sql.h"

#include "server/base/check.h"
#include "server/store/record_sql.h"

/* $1 to $6, of a row of alarm_journal called j. A condition that is not set is folded away before the
 * statement is planned, so that each way in has its index. */
#define FILTER                                                                                               \
    "($1 = 0 or j.alarm_key = $1) and ($2 = 0 or j.site_key = $2)"                                           \
    " and ($3 = 0 or j.site_key = any($4)) and ($5 = 0 or ($5 >> j.priority::integer) & 1 = 1)"              \
    " and ($6 = '' or j.position = $6)"

/* Newest first. By alarm_journal_alarm_unique (one alarm), alarm_journal_site_idx, alarm_journal_kind_idx,
 * alarm_journal_position_idx, alarm_journal_at_idx (a short span), else alarm_journal_pk; by source:
 * alarm_journal_src_idx. */
#define HISTORY                                                                                              \
    "select " RECORD_SELECT ", coalesce(k.name, '') from alarm_journal j left join config_key k on k.key = " \
                            "j.alarm_key where " FILTER                                                      \
    " and ($7 <> 1 or j.kind = $8) and ($7 < 2 or j.kind = any($9))"
#define HISTORY_BY_ROOM HISTORY " and j.seq < $10 and j.at_us >= $12 and j.at_us < $13 order by "
static const char history_alarm_sql[] = HISTORY_BY_ROOM "j.n desc limit $11";
static const char history_all_sql[] = HISTORY_BY_ROOM "j.seq desc limit $11";
static const char history_src_sql[] =
    HISTORY " and (j.src_us, j.seq) < ($14, $10) and j.src_us >= $12 and j.src_us < $13"
            " order by j.src_us desc, j.seq desc limit $11";

/* By alarm_journal_alarm_unique (which alarms there are), then the indexes of alarm_state_of. */
static const char state_sql[] =
    "select " RECORD_SELECT ", coalesce(k.name, ''), coalesce(s.acked_us, 0), coalesce(s.acked_occ, 0),"
    "       coalesce(s.acked_by, ''), coalesce(s.shelved_us, 0), coalesce(s.shelved_by, ''),"
    "       coalesce(s.shelved_reason, ''), coalesce(s.out_of_service_us, 0),"
    "       coalesce(s.out_of_service_by, ''), coalesce(s.out_of_service_reason, ''),"
    "       to_json(s.suppressors)::text"
    "  from (select $1::bigint as alarm_key where $1 <> 0 and $1 > $7"
    "         union all"
    "        select x.alarm_key from alarm_journal_keys($7) x where $1 = 0) a"
    " cross join lateral alarm_state_of(a.alarm_key, $8) s"
    "  join alarm_journal j on j.seq = s.seq"
    "  left join config_key k on k.key = s.alarm_key"
    " where " FILTER " and ($9 = 0 or s.base in ('B', 'C', 'D', 'E', 'F') or s.facts & 16 <> 0)"
    " order by s.alarm_key limit $10";

/* By alarm_journal_alarm_unique, then alarm_journal_alarm_kind_idx. */
static const char raised_sql[] =
    "select a.alarm_key, x.at_us, x.src_us, x.occ"
    "  from alarm_journal_keys($1) a"
    " cross join lateral ("
    "   select y.* from ("
    "     (select j.n, j.at_us, j.src_us, j.occ from alarm_journal j"
    "       where j.alarm_key = a.alarm_key and j.kind = 'raise' order by j.n desc limit 1)"
    "     union all"
    "     (select j.n, j.at_us, j.src_us, j.occ from alarm_journal j"
    "       where j.alarm_key = a.alarm_key and j.kind = 'reraise' order by j.n desc limit 1)) y"
    "    order by y.n desc limit 1) x"
    " order by a.alarm_key limit $2";

bool alarm_sql_knows(enum request_kind kind) {
    return kind == REQ_ALARM_HISTORY || kind == REQ_ALARM_STATE_AT || kind == REQ_ALARM_LAST_RAISED;
}

/* --- asking -------------------------------------------------------------------------------------------- */

static enum status check_limit(uint32_t limit, uint32_t most, struct error *err) {
    if (limit < 1 || limit > most) {
        return error_set(err, ERR_INVALID, "limit", "must be from 1 to %u", most);
    }
    return OK;
}

static enum status check_filter(const struct alarm_filter *f, struct error *err) {
    if (f->n_sites > SITE_LIST_MAX) {
        return error_set(err, ERR_INVALID, "area", "has more than %d sites", SITE_LIST_MAX);
    }
    return OK;
}

enum status alarm_sql_check(const struct request *r, struct error *err) {
    CHECK(alarm_sql_knows(r->kind));
    if (r->kind == REQ_ALARM_LAST_RAISED) {
        return check_limit(r->last_raised.limit, RAISED_LIMIT_MAX, err);
    }
    bool history = r->kind == REQ_ALARM_HISTORY;
    enum status status = check_filter(history ? &r->history.filter : &r->state_at.filter, err);
    if (status != OK) {
        return status;
    }
    return history ? check_limit(r->history.limit, HISTORY_LIMIT_MAX, err)
                   : check_limit(r->state_at.limit, STATE_LIMIT_MAX, err);
}

static void filter_args(struct pg_args *args, const struct alarm_filter *f) {
    pg_arg_i64(args, f->alarm_key);
    pg_arg_i64(args, f->site_key);
    pg_arg_i32(args, f->sites != NULL);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < f->n_sites; i++) {
        pg_array_i64(args, f->sites[i]);
    }
    pg_array_end(args);
    pg_arg_i64(args, f->priorities);
    pg_arg_text(args, slice_str(f->position));
}

static void kind_args(struct pg_args *args, uint32_t kinds) {
    const char *one = "";
    int32_t n = 0;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        if ((kinds >> kind & 1) != 0) {
            one = alarm_record_kind_name((enum alarm_record_kind)kind);
            n++;
        }
    }
    pg_arg_i32(args, n);
    pg_arg_text(args, slice_str(one));
    pg_array_text_begin(args);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        if ((kinds >> kind & 1) != 0) {
            pg_array_text(args, slice_str(alarm_record_kind_name((enum alarm_record_kind)kind)));
        }
    }
    pg_array_end(args);
}

static int64_t or_most(uint64_t before) {
    return before == 0 || before > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)before;
}

static void send_history(struct pg *pg, struct pg_args *args, const struct request *r) {
    bool by_src = r->history.order == HISTORY_BY_SRC;
    filter_args(args, &r->history.filter);
    kind_args(args, r->history.kinds);
    pg_arg_i64(args, or_most(r->history.before));
    pg_arg_i64(args, r->history.limit);
    pg_arg_i64(args, r->history.from_us == 0 ? INT64_MIN : r->history.from_us);
    pg_arg_i64(args, r->history.to_us == 0 ? INT64_MAX : r->history.to_us);
    if (by_src) {
        pg_arg_i64(args, r->history.before == 0 ? INT64_MAX : r->history.before_src_us);
        pg_send(pg, history_src_sql, args);
    } else {
        pg_send(pg, r->history.filter.alarm_key != 0 ? history_alarm_sql : history_all_sql, args);
    }
}

void alarm_sql_send(struct pg *pg, struct pg_args *args, const struct request *r) {
    if (r->kind == REQ_ALARM_HISTORY) {
        send_history(pg, args, r);
    } else if (r->kind == REQ_ALARM_STATE_AT) {
        filter_args(args, &r->state_at.filter);
        pg_arg_i64(args, r->state_at.after_key);
        pg_arg_i64(args, r->state_at.at_us);
        pg_arg_i32(args, r->state_at.retained);
        pg_arg_i64(args, r->state_at.limit);
        pg_send(pg, state_sql, args);
    } else {
        pg_arg_i64(args, r->last_raised.after_key);
        pg_arg_i64(args, r->last_raised.limit);
        pg_send(pg, raised_sql, args);
    }
}

/* --- answering ----------------------------------------------------------------------------------------- */

size_t alarm_sql_row_size(enum request_kind kind) {
    if (kind == REQ_ALARM_HISTORY) {
        return sizeof(struct history_row);
    }
    return kind == REQ_ALARM_STATE_AT ? sizeof(struct state_row) : sizeof(struct raised_row);
}

static void refuse_record(struct reply *ret) {
    ret->status = error_set(&ret->error, ERR_UNSUPPORTED, "alarm_journal",
                            "a record has a kind or cause that this program does not know");
}

static void reply_history(const PGresult *rows, struct history_row *v, struct reply *ret) {
    ret->history.v = v;
    ret->history.n = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        if (!record_read(rows, row, 0, &v[row].record)) {
            refuse_record(ret);
            return;
        }
        v[row].position = pg_get_slice(rows, row, RECORD_POSITION_COLUMN);
        v[row].alarm_name = pg_get_slice(rows, row, RECORD_COLUMNS);
    }
}

static void reply_states(const PGresult *rows, struct state_row *v, struct reply *ret) {
    ret->states.v = v;
    ret->states.n = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct state_row *s = &v[row];
        if (!record_read(rows, row, 0, &s->record)) {
            refuse_record(ret);
            return;
        }
        s->position = pg_get_slice(rows, row, RECORD_POSITION_COLUMN);
        s->alarm_name = pg_get_slice(rows, row, RECORD_COLUMNS);
        s->acked_us = pg_get_i64(rows, row, RECORD_COLUMNS + 1);
        s->acked_occ = (uint32_t)pg_get_i64(rows, row, RECORD_COLUMNS + 2);
        s->acked_by = pg_get_slice(rows, row, RECORD_COLUMNS + 3);
        s->shelved_us = pg_get_i64(rows, row, RECORD_COLUMNS + 4);
        s->shelved_by = pg_get_slice(rows, row, RECORD_COLUMNS + 5);
        s->shelved_reason = pg_get_slice(rows, row, RECORD_COLUMNS + 6);
        s->out_of_service_us = pg_get_i64(rows, row, RECORD_COLUMNS + 7);
        s->out_of_service_by = pg_get_slice(rows, row, RECORD_COLUMNS + 8);
        s->out_of_service_reason = pg_get_slice(rows, row, RECORD_COLUMNS + 9);
        s->suppressors = pg_get_slice(rows, row, RECORD_COLUMNS + 10);
    }
}

static void reply_raised(const PGresult *rows, struct raised_row *v, struct reply *ret) {
    ret->raised.v = v;
    ret->raised.n = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct raised_row){.alarm_key = pg_get_i64(rows, row, 0),
                                     .at_us = pg_get_i64(rows, row, 1),
                                     .src_us = pg_get_i64(rows, row, 2),
                                     .occ = (uint32_t)pg_get_i64(rows, row, 3)};
    }
}

void alarm_sql_reply(const PGresult *result, void *rows, struct reply *ret) {
    if (ret->kind == REQ_ALARM_HISTORY) {
        reply_history(result, rows, ret);
    } else if (ret->kind == REQ_ALARM_STATE_AT) {
        reply_states(result, rows, ret);
    } else {
        reply_raised(result, rows, ret);
    }
}
