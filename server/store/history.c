#include "server/store/history.h"

#include "server/base/check.h"
#include "server/store/pgvalue.h"

#include <stdlib.h>

#define WINDOW_MIN_US   INT64_C(1000000)
#define WINDOW_FIRST_US INT64_C(60000000)
#define WINDOW_MAX_US   (INT64_C(86400000000) * 30)

struct history {
    struct history_config cfg;
    PGconn *conn;
    struct pg_args args;
    struct stored_sample *v;
    size_t cap;
    int64_t window_us; /* so much time is asked for at once */
    int64_t at_us;     /* everything before (at_us, after_tag) was handed out */
    int64_t after_tag;
    bool failed;
};

/* By sample_pk, once for each tag; of a tag one sample more than can be handed out, for the first one may
 * have been handed out already. */
static const char window_sql[] =
    "select s.tag_key, s.t_us, s.value, s.quality from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral (select x.* from sample x where x.tag_key = u.tag_key and x.t_us >= $2 and x.t_us < "
    "$3"
    "                      order by x.t_us limit $6 + 1) s"
    " where (s.t_us, s.tag_key) > ($4, $5) order by s.t_us, s.tag_key limit $6";
/* By sample_pk. */
static const char before_sql[] =
    "select s.tag_key, s.t_us, s.value, s.quality from unnest($1::bigint[]) as u(tag_key)"
    " cross join lateral (select x.* from sample x where x.tag_key = u.tag_key and x.t_us < $2"
    "                      order by x.t_us desc limit 1) s"
    " order by s.tag_key";
/* By alarm_journal_alarm_unique. An activation begins an outage unless it was one already; a return ends it,
 * and so does whatever ends the alarm's activity. */
static const char outages_sql[] =
    "with j as ("
    "  select x.alarm_key, x.n, x.src_us, coalesce(x.facts, alarm_old_facts(x.to_letter)) & 2 <> 0 as down"
    "    from unnest($1::bigint[]) as u(alarm_key) join alarm_journal x using (alarm_key)"
    "   where x.kind not in ('hist_raise', 'hist_rtn', 'hist_skipped')"
    "), step as ("
    "  select j.*, lag(j.down, 1, false) over (partition by j.alarm_key order by j.n) as was from j"
    "), edge as ("
    "  select s.alarm_key, s.n, s.src_us, s.down,"
    "         lead(s.src_us) over (partition by s.alarm_key order by s.n) as to_us"
    "    from step s where s.down <> s.was"
    ")"
    " select e.alarm_key, e.src_us, coalesce(e.to_us, 9223372036854775807)"
    "   from edge e where e.down and e.src_us < $3 and coalesce(e.to_us, 9223372036854775807) > $2"
    "  order by e.src_us, e.alarm_key limit $4";

/* --- the connection ------------------------------------------------------------------------------------ */

#define QUERY_CANCELED "57014"

static enum status failed(struct history *h, const PGresult *r, struct error *err) {
    char text[400];
    (void)snprintf(text, sizeof text, "%s", PQerrorMessage(h->conn));
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    h->failed = true;
    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    enum status status = state != NULL && strcmp(state, QUERY_CANCELED) == 0 ? ERR_TIMEOUT : ERR_UNAVAILABLE;
    return error_set(err, status, "database", "%s", text);
}

static enum status execute(struct history *h, const char *sql, struct error *err) {
    PGresult *r = PQexec(h->conn, sql);
    ExecStatusType got = PQresultStatus(r);
    enum status status = got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK ? OK : failed(h, r, err);
    PQclear(r);
    return status;
}

/* With the parameters in h->args; the answer in binary form. */
static enum status ask(struct history *h, const char *sql, PGresult **ret, struct error *err) {
    const struct pg_args *a = &h->args;
    const char *values[PG_ARGS_MAX] = {NULL};
    int formats[PG_ARGS_MAX] = {0};
    if (a->data.failed) {
        h->failed = true;
        return error_set(err, ERR_NOMEM, "history", "no memory for %zu tags", h->cfg.n_tags);
    }
    for (int i = 0; i < a->n; i++) {
        values[i] = (const char *)a->data.p + a->offsets[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecParams(h->conn, sql, a->n, a->types, values, a->lengths, formats, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        enum status status = failed(h, r, err);
        PQclear(r);
        return status;
    }
    *ret = r;
    return OK;
}

static enum status connect(struct history *h, struct error *err) {
    char timeout[16];
    char begin[160];
    (void)snprintf(timeout, sizeof timeout, "%d", HISTORY_CONNECT_S);
    (void)snprintf(begin, sizeof begin,
                   "set statement_timeout = %d; begin isolation level repeatable read read only",
                   HISTORY_STATEMENT_MS);
    const char *const keywords[] = {"connect_timeout", "dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {timeout, h->cfg.conninfo, "penstock history", "UTF8", NULL};
    h->conn = PQconnectdbParams(keywords, values, 1);
    if (h->conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    return PQstatus(h->conn) == CONNECTION_OK ? execute(h, begin, err) : failed(h, NULL, err);
}

/* --- samples ------------------------------------------------------------------------------------------- */

static enum status reserve(struct history *h, size_t n, struct error *err) {
    if (n <= h->cap) {
        return OK;
    }
    struct stored_sample *v = realloc(h->v, n * sizeof *v);
    if (v == NULL) {
        h->failed = true;
        return error_set(err, ERR_NOMEM, "history", "no memory for %zu samples", n);
    }
    h->v = v;
    h->cap = n;
    return OK;
}

static void read_samples(struct history *h, const PGresult *r) {
    for (int row = 0; row < PQntuples(r); row++) {
        /* 0 to 255, by sample_quality_check */
        h->v[row] = (struct stored_sample){.tag_key = pg_get_i64(r, row, 0),
                                           .t_us = pg_get_i64(r, row, 1),
                                           .value = pg_get_f64(r, row, 2),
                                           .quality = (uint8_t)pg_get_i16(r, row, 3)};
    }
}

static void tag_args(struct history *h) {
    pg_args_clear(&h->args);
    pg_array_i64_begin(&h->args);
    for (size_t i = 0; i < h->cfg.n_tags; i++) {
        pg_array_i64(&h->args, h->cfg.tags[i]);
    }
    pg_array_end(&h->args);
}

enum status history_before(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                           struct error *err) {
    CHECK(!h->failed);
    PGresult *r = NULL;
    tag_args(h);
    pg_arg_i64(&h->args, h->cfg.from_us);
    enum status status = ask(h, before_sql, &r, err);
    if (status != OK) {
        return status;
    }
    size_t n = (size_t)PQntuples(r);
    status = reserve(h, n + 1, err);
    if (status == OK) {
        read_samples(h, r);
        *ret = h->v;
        *ret_n = n;
    }
    PQclear(r);
    return status;
}

/* Time is asked for in windows of about half a batch. A full answer ends in the middle of its window. */
static void move_on(struct history *h, int64_t to_us, size_t n) {
    if (n == HISTORY_BATCH_MAX) {
        h->at_us = h->v[n - 1].t_us;
        h->after_tag = h->v[n - 1].tag_key;
        h->window_us = h->window_us / 2 < WINDOW_MIN_US ? WINDOW_MIN_US : h->window_us / 2;
        return;
    }
    h->at_us = to_us;
    h->after_tag = INT64_MIN;
    if (n < HISTORY_BATCH_MAX / 2) {
        h->window_us = h->window_us > WINDOW_MAX_US / 2 ? WINDOW_MAX_US : h->window_us * 2;
    }
}

static enum status next_window(struct history *h, size_t *ret_n, struct error *err) {
    int64_t left_us = h->cfg.to_us - h->at_us;
    int64_t to_us = left_us < h->window_us ? h->cfg.to_us : h->at_us + h->window_us;
    PGresult *r = NULL;
    tag_args(h);
    pg_arg_i64(&h->args, h->at_us);
    pg_arg_i64(&h->args, to_us);
    pg_arg_i64(&h->args, h->at_us);
    pg_arg_i64(&h->args, h->after_tag);
    pg_arg_i64(&h->args, HISTORY_BATCH_MAX);
    enum status status = ask(h, window_sql, &r, err);
    if (status != OK) {
        return status;
    }
    size_t n = (size_t)PQntuples(r);
    read_samples(h, r);
    PQclear(r);
    move_on(h, to_us, n);
    *ret_n = n;
    return OK;
}

enum status history_next(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                         struct error *err) {
    CHECK(!h->failed);
    size_t n = 0;
    enum status status = reserve(h, HISTORY_BATCH_MAX, err);
    while (status == OK && n == 0 && h->at_us < h->cfg.to_us && h->cfg.n_tags > 0) {
        status = next_window(h, &n, err);
    }
    if (status == OK) {
        *ret = h->v;
        *ret_n = n;
    }
    return status;
}

double history_progress(const struct history *h) {
    return (double)(h->at_us - h->cfg.from_us) / (double)(h->cfg.to_us - h->cfg.from_us);
}

/* --- lines --------------------------------------------------------------------------------------------- */

enum status history_outages(struct history *h, const int64_t *comm_alarms, size_t n_alarms,
                            struct history_outage **ret, size_t *ret_n, struct error *err) {
    CHECK(!h->failed);
    PGresult *r = NULL;
    pg_args_clear(&h->args);
    pg_array_i64_begin(&h->args);
    for (size_t i = 0; i < n_alarms; i++) {
        pg_array_i64(&h->args, comm_alarms[i]);
    }
    pg_array_end(&h->args);
    pg_arg_i64(&h->args, h->cfg.from_us);
    pg_arg_i64(&h->args, h->cfg.to_us);
    pg_arg_i64(&h->args, HISTORY_OUTAGES_MAX);
    enum status status = ask(h, outages_sql, &r, err);
    if (status != OK) {
        return status;
    }
    size_t n = (size_t)PQntuples(r);
    struct history_outage *v = calloc(n + 1, sizeof *v);
    if (v == NULL) {
        PQclear(r);
        h->failed = true;
        return error_set(err, ERR_NOMEM, "history", "no memory for %zu outages", n);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        v[row] = (struct history_outage){.alarm_key = pg_get_i64(r, row, 0),
                                         .from_us = pg_get_i64(r, row, 1),
                                         .to_us = pg_get_i64(r, row, 2)};
    }
    PQclear(r);
    *ret = v;
    *ret_n = n;
    return OK;
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status history_open(const struct history_config *cfg, struct history **ret, struct error *err) {
    if (cfg->from_us < 0 || cfg->from_us >= cfg->to_us || cfg->to_us > INT64_MAX / 2) {
        return error_set(err, ERR_INVALID, "from", "must be before to, and both after 1970");
    }
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return error_set(err, ERR_NOMEM, "history", "no memory");
    }
    h->cfg = *cfg;
    h->at_us = cfg->from_us;
    h->after_tag = INT64_MIN;
    h->window_us = WINDOW_FIRST_US;
    pg_args_init(&h->args, 4096 + (cfg->n_tags + HISTORY_ALARMS_MAX) * 12);
    enum status status = connect(h, err);
    if (status != OK) {
        history_close(&h);
        return status;
    }
    *ret = h;
    return OK;
}

void history_close(struct history **history) {
    struct history *h = *history;
    if (h == NULL) {
        return;
    }
    PQfinish(h->conn); /* accepts NULL; the transaction only read */
    pg_args_done(&h->args);
    free(h->v);
    free(h);
    *history = NULL;
}
