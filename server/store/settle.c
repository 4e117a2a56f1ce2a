#include "server/store/settle.h"

#include "server/base/check.h"

#include <stdlib.h>

/* By config_key_name_unique. The sequence is asked only for a gateway that is configured. */
static const char gateway_sql[] =
    "select key, nextval('gateway_session') from config_now where kind = 'gateway' and name = $1";

/* By gateway_epoch_pk. All of them: the link takes no records that would make many (ranges.h). */
static const char ranges_sql[] =
    "select e.epoch, lower(r), upper(r) from gateway_epoch e"
    "  join config_key k on k.kind = 'gateway' and k.name = $1 and k.key = e.gateway_key,"
    "  lateral unnest(e.ranges) r"
    " where e.epoch = any($2::bigint[]) order by e.epoch, lower(r)";

/* By gateway_dict_pk. Too many bytes: no bodies at all, so that one gateway cannot fill the memory. */
static const char dicts_sql[] =
    "select epoch, dict, case when sum(octet_length(body)) over () <= $3 then body end from gateway_dict"
    " where gateway_key = (select key from config_key where kind = 'gateway' and name = $1)"
    "   and epoch = any($2::bigint[])"
    " order by epoch, dict, seq";

/* By gateway_dropped_pk; joined, so that a gateway which told of each record alone is no burden. */
static const char gone_sql[] =
    "select d.epoch, lower(r), upper(r)"
    "  from (select epoch, range_agg(int8range(first_seq, end_seq)) as ranges from gateway_dropped"
    "         where gateway_key = (select key from config_key where kind = 'gateway' and name = $1)"
    "           and epoch = any($2::bigint[]) group by epoch) d,"
    "  lateral unnest(d.ranges) r order by upper(r) - lower(r) desc limit $3";

enum { GATEWAY_RESULT, RANGES_RESULT, GONE_RESULT, DICTS_RESULT };

struct settle *settle_new(uint64_t token, struct slice name, const struct msg_epoch *epochs, uint32_t n) {
    CHECK(n <= LINK_EPOCHS_MAX);
    struct settle *s = calloc(1, sizeof *s + n * sizeof *epochs + name.n + 1);
    if (s == NULL) {
        return NULL;
    }
    s->token = token;
    s->n_epochs = n;
    s->epochs = (struct msg_epoch *)(s + 1);
    char *text = (char *)(s->epochs + n);
    if (n > 0) {
        memcpy(s->epochs, epochs, n * sizeof *epochs);
    }
    if (name.n > 0) {
        memcpy(text, name.p, name.n);
    }
    s->name = slice_of(text, name.n);
    return s;
}

static void epoch_args(struct pg_args *args, const struct settle *s) {
    pg_arg_text(args, s->name);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < s->n_epochs; i++) {
        pg_array_i64(args, (int64_t)s->epochs[i].epoch);
    }
    pg_array_end(args);
}

void settle_send(struct settle *s, struct pg *pg, pg_on_done on_done) {
    struct pg_args args;
    pg_args_init(&args, 4096);
    pg_begin(pg, PG_READ, on_done, s);
    pg_arg_text(&args, s->name);
    pg_send(pg, gateway_sql, &args);
    pg_args_clear(&args);
    epoch_args(&args, s);
    pg_send(pg, ranges_sql, &args);
    pg_arg_i64(&args, SETTLE_GONE_MAX);
    pg_send(pg, gone_sql, &args);
    pg_args_clear(&args);
    epoch_args(&args, s);
    pg_arg_i64(&args, SETTLE_DICT_BYTES_MAX);
    pg_send(pg, dicts_sql, &args);
    pg_end(pg);
    pg_args_done(&args);
}

void settle_refuse(const struct settle *s, const struct store_host *host, const struct error *why) {
    struct store_settled settled = {.status = ERR_UNAVAILABLE, .error = *why};
    settled.error.code = ERR_UNAVAILABLE;
    host->settled(host->ctx, s->token, &settled);
}

/* Rows of (epoch, first, end). NULL without memory. */
static struct store_range *read_ranges(const PGresult *rows) {
    struct store_range *v = calloc((size_t)PQntuples(rows) + 1, sizeof *v);
    for (int i = 0; v != NULL && i < PQntuples(rows); i++) {
        v[i] = (struct store_range){.epoch = (uint64_t)pg_get_i64(rows, i, 0),
                                    .first = (uint64_t)pg_get_i64(rows, i, 1),
                                    .end = (uint64_t)pg_get_i64(rows, i, 2)};
    }
    return v;
}

static bool report_found(struct settle *s, const struct store_host *host, const struct pg_answer *answer) {
    const PGresult *gateway = answer->results[GATEWAY_RESULT];
    const PGresult *dicts = answer->results[DICTS_RESULT];
    const PGresult *committed = answer->results[RANGES_RESULT];
    const PGresult *gone = answer->results[GONE_RESULT];
    struct error err;
    size_t n = (size_t)PQntuples(dicts);
    struct store_dict *v = calloc(n + 1, sizeof *v);
    struct store_range *c = read_ranges(committed);
    struct store_range *g = read_ranges(gone);
    if (v == NULL || c == NULL || g == NULL || (n > 0 && pg_is_null(dicts, 0, 2))) {
        (void)error_set(&err, ERR_UNAVAILABLE, "dictionaries",
                        "the gateway's dictionaries do not fit into memory (%d MiB)",
                        SETTLE_DICT_BYTES_MAX / (1024 * 1024));
        free(v);
        free(c);
        free(g);
        settle_refuse(s, host, &err);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct store_dict){.epoch = (uint64_t)pg_get_i64(dicts, (int)i, 0),
                                   .dict = (uint64_t)pg_get_i64(dicts, (int)i, 1),
                                   .body = pg_get_slice(dicts, (int)i, 2)};
    }
    struct store_settled settled = {.status = OK,
                                    .gateway_key = pg_get_i64(gateway, 0, 0),
                                    .session = (uint64_t)pg_get_i64(gateway, 0, 1),
                                    .n_committed = (uint32_t)PQntuples(committed),
                                    .committed = c,
                                    .n_dicts = (uint32_t)n,
                                    .dicts = v,
                                    .n_gone = (uint32_t)PQntuples(gone),
                                    .gone = g};
    host->settled(host->ctx, s->token, &settled);
    free(v);
    free(c);
    free(g);
    return true;
}

uint64_t settle_report(struct settle *s, const struct store_host *host, const struct pg_answer *answer,
                       int64_t *ret_gateway_key) {
    if (answer->outcome != PG_DONE) {
        settle_refuse(s, host, &answer->error);
    } else if (PQntuples(answer->results[GATEWAY_RESULT]) == 0) {
        struct store_settled settled = {.status = ERR_NOT_FOUND};
        (void)error_set(&settled.error, ERR_NOT_FOUND, "gateway", "no gateway is configured under this name");
        host->settled(host->ctx, s->token, &settled);
    } else if (report_found(s, host, answer)) {
        const PGresult *gateway = answer->results[GATEWAY_RESULT];
        *ret_gateway_key = pg_get_i64(gateway, 0, 0);
        return (uint64_t)pg_get_i64(gateway, 0, 1);
    }
    return 0;
}

void settle_line_init(struct settle_line *l) {
    *l = (struct settle_line){.end = &l->first};
}

void settle_line_add(struct settle_line *l, struct settle *s) {
    *l->end = s;
    l->end = &s->next;
    l->n++;
}

void settle_line_add_first(struct settle_line *l, struct settle *s) {
    s->next = l->first;
    l->end = l->first == NULL ? &s->next : l->end;
    l->first = s;
    l->n++;
}

struct settle *settle_line_take(struct settle_line *l) {
    struct settle *s = l->first;
    l->first = s->next;
    if (l->first == NULL) {
        l->end = &l->first;
    }
    s->next = NULL;
    return s;
}

void settle_line_done(struct settle_line *l, struct settle *s) {
    l->n--;
    free(s);
}

void settle_line_refuse(struct settle_line *l, const struct store_host *host, uint64_t now_ms,
                        const struct error *why) {
    while (l->first != NULL && now_ms >= l->first->deadline_ms) {
        struct settle *s = settle_line_take(l);
        settle_refuse(s, host, why);
        settle_line_done(l, s);
    }
}
