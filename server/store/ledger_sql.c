#include "server/store/ledger_sql.h"

#include "server/base/tm.h"

/* The functions read by gateway_day_pk, gateway_said_pk, gateway_epoch_pk and gateway_dropped_pk. */
static const char balance_sql[] =
    "select gateway, produced, stored, quarantined, replayed, duplicates, conflicts, dropped, waiting, lost, "
    "balanced"
    "  from ledger_now(nullif($1, ''))";

static const char days_sql[] =
    "select gateway, day::text, produced, stored, quarantined, duplicates, conflicts, dropped, "
    "dropped_samples,"
    "       samples"
    "  from ledger(ledger_day($2::bigint + 86399999999), ledger_day($3::bigint + 86399999999), $1)";

static const char sums_sql[] =
    "select gateway, '', ledger_sum(sum(produced)), sum(stored)::bigint, sum(quarantined)::bigint,"
    "       sum(duplicates)::bigint, sum(conflicts)::bigint, ledger_sum(sum(dropped)), "
    "ledger_sum(sum(dropped_samples)),"
    "       sum(samples)::bigint"
    "  from ledger(ledger_day($2::bigint + 86399999999), ledger_day($3::bigint + 86399999999), nullif($1, "
    "''))"
    " group by gateway order by gateway collate \"C\"";

static const char gaps_sql[] =
    "select state, coalesce(epoch, 0), coalesce(first_seq, 0), coalesce(end_seq, 0), coalesce(samples, 0),"
    "       coalesce(from_us, 0), coalesce(to_us, 0)"
    "  from ledger_gap($1)"
    " order by array_position(array['restored', 'lost', 'waiting', 'dropped'], state), epoch, first_seq, "
    "from_us"
    " limit $2";

/* By gateway_clock_span_time_idx and gateway_clock_session_time_idx. */
static const char clocks_sql[] =
    "select kind, from_us, to_us, coalesce(epoch, 0), coalesce(first_seq, 0), coalesce(last_seq, 0),"
    "       coalesce(offset_us, 0), coalesce(error_us, 0), coalesce(source, ''), coalesce(off, false)"
    "  from gateway_clock"
    " where gateway = $1 and to_us >= $2 and from_us < $3 order by to_us desc, kind limit $4";

enum { BALANCES, DAYS, GAPS, CLOCKS };

enum status ledger_check(const struct request *r, struct error *err) {
    if (r->ledger.from_us >= r->ledger.to_us || r->ledger.from_us < 0) {
        return error_set(err, ERR_INVALID, "from", "must be before to, and not before 1970");
    }
    if (r->ledger.to_us - r->ledger.from_us > LEDGER_DAYS_MAX * TM_DAY_US) {
        return error_set(err, ERR_INVALID, "from", "may be at most %d days before to", LEDGER_DAYS_MAX);
    }
    return OK;
}

void ledger_send(struct pg *pg, struct pg_args *args, const struct request *r) {
    bool all = r->ledger.gateway[0] == '\0';
    pg_arg_text(args, slice_str(r->ledger.gateway));
    pg_send(pg, balance_sql, args);
    pg_arg_i64(args, r->ledger.from_us);
    pg_arg_i64(args, r->ledger.to_us);
    pg_send(pg, all ? sums_sql : days_sql, args);
    if (!all) {
        pg_args_clear(args);
        pg_arg_text(args, slice_str(r->ledger.gateway));
        pg_arg_i64(args, LEDGER_GAPS_MAX);
        pg_send(pg, gaps_sql, args);
        pg_args_clear(args);
        pg_arg_text(args, slice_str(r->ledger.gateway));
        pg_arg_i64(args, r->ledger.from_us);
        pg_arg_i64(args, r->ledger.to_us);
        pg_arg_i64(args, LEDGER_CLOCKS_MAX);
        pg_send(pg, clocks_sql, args);
    }
}

size_t ledger_reply_size(const struct pg_answer *answer) {
    size_t n_gaps = answer->n > GAPS ? (size_t)PQntuples(answer->results[GAPS]) : 0;
    size_t n_clocks = answer->n > CLOCKS ? (size_t)PQntuples(answer->results[CLOCKS]) : 0;
    return (size_t)PQntuples(answer->results[BALANCES]) * sizeof(struct ledger_balance) +
           (size_t)PQntuples(answer->results[DAYS]) * sizeof(struct ledger_day) +
           n_gaps * sizeof(struct ledger_gap) + n_clocks * sizeof(struct ledger_clock) + 1;
}

static void read_balances(const PGresult *rows, struct ledger_balance *v) {
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct ledger_balance){.gateway = pg_get_slice(rows, row, 0),
                                         .produced = pg_get_i64(rows, row, 1),
                                         .stored = pg_get_i64(rows, row, 2),
                                         .quarantined = pg_get_i64(rows, row, 3),
                                         .replayed = pg_get_i64(rows, row, 4),
                                         .duplicates = pg_get_i64(rows, row, 5),
                                         .conflicts = pg_get_i64(rows, row, 6),
                                         .dropped = pg_get_i64(rows, row, 7),
                                         .waiting = pg_get_i64(rows, row, 8),
                                         .lost = pg_get_i64(rows, row, 9),
                                         .balanced = pg_get_bool(rows, row, 10)};
    }
}

static void read_days(const PGresult *rows, struct ledger_day *v) {
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct ledger_day){.gateway = pg_get_slice(rows, row, 0),
                                     .day = pg_get_slice(rows, row, 1),
                                     .produced = pg_get_i64(rows, row, 2),
                                     .stored = pg_get_i64(rows, row, 3),
                                     .quarantined = pg_get_i64(rows, row, 4),
                                     .duplicates = pg_get_i64(rows, row, 5),
                                     .conflicts = pg_get_i64(rows, row, 6),
                                     .dropped = pg_get_i64(rows, row, 7),
                                     .dropped_samples = pg_get_i64(rows, row, 8),
                                     .samples = pg_get_i64(rows, row, 9)};
    }
}

static void read_gaps(const PGresult *rows, struct ledger_gap *v) {
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct ledger_gap){.state = pg_get_slice(rows, row, 0),
                                     .epoch = (uint64_t)pg_get_i64(rows, row, 1),
                                     .first = pg_get_i64(rows, row, 2),
                                     .end = pg_get_i64(rows, row, 3),
                                     .samples = pg_get_i64(rows, row, 4),
                                     .from_us = pg_get_i64(rows, row, 5),
                                     .to_us = pg_get_i64(rows, row, 6)};
    }
}

static void read_clocks(const PGresult *rows, struct ledger_clock *v) {
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct ledger_clock){.kind = pg_get_slice(rows, row, 0),
                                       .from_us = pg_get_i64(rows, row, 1),
                                       .to_us = pg_get_i64(rows, row, 2),
                                       .epoch = (uint64_t)pg_get_i64(rows, row, 3),
                                       .first = pg_get_i64(rows, row, 4),
                                       .last = pg_get_i64(rows, row, 5),
                                       .offset_us = pg_get_i64(rows, row, 6),
                                       .error_us = pg_get_i64(rows, row, 7),
                                       .source = pg_get_slice(rows, row, 8),
                                       .off = pg_get_bool(rows, row, 9)};
    }
}

void ledger_reply(const struct pg_answer *answer, void *memory, struct reply *ret) {
    uint32_t n_balances = (uint32_t)PQntuples(answer->results[BALANCES]);
    uint32_t n_days = (uint32_t)PQntuples(answer->results[DAYS]);
    struct ledger_balance *balances = memory;
    struct ledger_day *days = (struct ledger_day *)(balances + n_balances);
    struct ledger_gap *gaps = (struct ledger_gap *)(days + n_days);
    read_balances(answer->results[BALANCES], balances);
    read_days(answer->results[DAYS], days);
    ret->ledger.balances = balances;
    ret->ledger.n_balances = n_balances;
    ret->ledger.days = days;
    ret->ledger.n_days = n_days;
    if (answer->n > GAPS) {
        read_gaps(answer->results[GAPS], gaps);
        ret->ledger.gaps = gaps;
        ret->ledger.n_gaps = (uint32_t)PQntuples(answer->results[GAPS]);
        struct ledger_clock *clocks = (struct ledger_clock *)(gaps + ret->ledger.n_gaps);
        read_clocks(answer->results[CLOCKS], clocks);
        ret->ledger.clocks = clocks;
        ret->ledger.n_clocks = (uint32_t)PQntuples(answer->results[CLOCKS]);
    }
}
