#include "server/store/restore.h"

#include "server/base/check.h"
#include "server/store/record_sql.h"

#include <stdlib.h>

/* Alarms by alarm_journal_alarm_unique, in rising order (alarm_journal_keys steps upwards, and a limit ends
 * it early); then the indexes of alarm_state_of, then alarm_journal_pk. */
static const char page_sql[] =
    "select " RECORD_SELECT "  from (select distinct unnest(array[s.seq, s.acked_seq, s.shelved_seq,"
    "                                     s.out_of_service_seq] || s.suppressed_seqs) as seq"
    "          from (select x.alarm_key from alarm_journal_keys($1) x limit $2) a"
    "         cross join lateral alarm_state_of(a.alarm_key, 9223372036854775807) s) w"
    "  join alarm_journal j using (seq) order by j.alarm_key";

static void next_page(struct restore *r);

static int by_seq(const void *a, const void *b) {
    const struct alarm_record *x = a;
    const struct alarm_record *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* At a start there is nothing to go on with when memory is missing. */
static void reserve(struct restore *r, size_t n) {
    if (r->n + n <= r->cap) {
        return;
    }
    size_t cap = r->cap == 0 ? n : r->cap * 2;
    cap = cap < r->n + n ? r->n + n : cap;
    struct alarm_record *v = realloc(r->records, cap * sizeof *v);
    CHECK(v != NULL);
    r->records = v;
    r->cap = cap;
}

static bool take_page(struct restore *r, const PGresult *page) {
    int rows = PQntuples(page);
    reserve(r, (size_t)rows);
    for (int row = 0; row < rows; row++) {
        if (!record_read(page, row, 0, &r->records[r->n])) {
            return false;
        }
        r->after_key = r->records[r->n].alarm_key;
        r->n++;
    }
    return true;
}

static void finish(struct restore *r) {
    if (r->n > 0) {
        qsort(r->records, r->n, sizeof *r->records, by_seq);
    }
    r->on_done(r->ctx, NULL);
}

static void on_page(void *ctx, struct pg_answer *answer) {
    struct restore *r = ctx;
    if (answer->outcome != PG_DONE) {
        r->on_done(r->ctx, answer);
    } else if (PQntuples(answer->results[0]) == 0) {
        finish(r);
    } else if (!take_page(r, answer->results[0])) {
        (void)error_set(&answer->error, ERR_UNSUPPORTED, "alarm_journal",
                        "a record has a kind or cause that this program does not know");
        r->on_done(r->ctx, answer);
    } else if (pg_has_room(r->pg)) {
        next_page(r);
    } else {
        answer->outcome = PG_UNKNOWN; /* it is being given up: another one comes */
        r->on_done(r->ctx, answer);
    }
}

static void next_page(struct restore *r) {
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_arg_i64(&args, r->after_key);
    pg_arg_i64(&args, RESTORE_PAGE);
    pg_begin(r->pg, PG_READ, on_page, r);
    pg_send(r->pg, page_sql, &args);
    pg_end(r->pg);
    pg_args_done(&args);
    pg_flush(r->pg);
}

void restore_begin(struct restore *r) {
    r->n = 0;
    r->after_key = INT64_MIN;
    next_page(r);
}

void restore_done(struct restore *r) {
    free(r->records);
    r->records = NULL;
    r->n = 0;
    r->cap = 0;
}
