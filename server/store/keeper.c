#include "server/store/keeper.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/history/pack.h"
#include "server/store/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNINFO_SIZE = 4096, DELETE_MAX = 20000, RETRY_MIN = 1 };

struct keeper {
    char conninfo[CONNINFO_SIZE];
    const atomic_bool *stop;
    struct blocking b;
    struct roller *roller;
    struct snapshot_work work;
    int64_t revision; /* of the plan that the database has; -1: none of this process */
    int64_t drop_us;  /* when to look again for what is past */
};

/* New ones behind the highest; what is not configured any more keeps its time. By retention_class_pk. */
static const char classes_sql[] =
    "insert into retention_class (class, name, keep_days)"
    " select coalesce(c.class, (select max(m.class) from retention_class m) + u.place), u.name, "
    "nullif(u.days, 0)"
    "   from unnest($1::text[], $2::integer[]) with ordinality as u(name, days, place)"
    "   left join retention_class c on c.name = u.name"
    " on conflict (class) do update set keep_days = excluded.keep_days"
    "  where retention_class.keep_days is distinct from excluded.keep_days";
/* By tag_class_pk; snapshot_alarm_pk. */
static const char no_class_sql[] =
    "delete from tag_class t where not exists (select from unnest($1::bigint[]) u where u = t.tag_key)";
static const char tag_class_sql[] =
    "insert into tag_class (tag_key, class)"
    " select u.tag_key, c.class from unnest($1::bigint[], $2::text[]) as u(tag_key, name)"
    "   join retention_class c on c.name = u.name"
    " on conflict (tag_key) do update set class = excluded.class where tag_class.class <> excluded.class";
static const char no_pairs_sql[] =
    "delete from snapshot_alarm a where not exists (select from unnest($1::bigint[], $2::bigint[]) as u(x, y)"
    " where u.x = a.alarm_key and u.y = a.tag_key)";
static const char pairs_sql[] =
    "insert into snapshot_alarm (alarm_key, tag_key)"
    " select u.x, u.y from unnest($1::bigint[], $2::bigint[]) as u(x, y) on conflict do nothing";
/* By sample_expired_pk. */
static const char expired_sql[] =
    "insert into sample_expired (gateway_key, tag_key, day, n, from_us, to_us)"
    " select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
    "$6::bigint[])"
    " on conflict (gateway_key, tag_key, day) do update set n = sample_expired.n + excluded.n,"
    " from_us = least(sample_expired.from_us, excluded.from_us), to_us = greatest(sample_expired.to_us, "
    "excluded.to_us)";
static const char past_sql[] = "select c.class::integer, c.keep_days, coalesce(d.before_us, 0)"
                               "  from retention_class c left join sample_dropped d on d.class = c.class"
                               " where c.keep_days is not null order by c.class";
/* The end of the newest period of which there are samples: of the partitions alone. */
static const char newest_sql[] =
    "select coalesce(max((regexp_match(pg_get_expr(p.relpartbound, p.oid), 'TO "
    "\\(''?(-?\\d+)''?\\)'))[1]::bigint),"
    " 0) from pg_partition_tree('sample_chunk') t join pg_class p on p.oid = t.relid where t.isleaf";
static const char drop_sql[] = "select sample_drop($1::integer::smallint, $2::bigint)";
/* By rollup_day_idx and sample_hour_hour_idx. */
#define OLD(table, column)                                                                                   \
    "delete from " table " where ctid = any(array(select ctid from " table " where " column " < $1 limit "   \
    "$2))"
static const char old_rollups_sql[] = OLD("rollup", "day_us");
static const char old_hours_sql[] = OLD("sample_hour", "hour_us");

enum status keeper_new(const char *conninfo, const atomic_bool *stop, struct keeper **ret,
                       struct error *err) {
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL || strlen(conninfo) >= sizeof k->conninfo) {
        free(k);
        return error_set(err, ERR_NOMEM, "history", "no memory for its keeper");
    }
    enum status status = roller_new(&k->roller, err);
    if (status != OK) {
        free(k);
        return status;
    }
    (void)snprintf(k->conninfo, sizeof k->conninfo, "%s", conninfo);
    k->stop = stop;
    k->revision = -1;
    *ret = k;
    return OK;
}

void keeper_free(struct keeper **keeper) {
    if (*keeper != NULL) {
        blocking_close(&(*keeper)->b);
        roller_free(&(*keeper)->roller);
        free(*keeper);
    }
    *keeper = NULL;
}

/* --- the plan ---------------------------------------------------------------------------------------------
 */

static void class_args(struct pg_args *a, const struct keeper_plan *p) {
    pg_array_text_begin(a);
    for (uint32_t i = 0; i < p->n_classes; i++) {
        pg_array_text(a, slice_str(p->classes[i]));
    }
    pg_array_end(a);
    pg_array_i32_begin(a);
    for (uint32_t i = 0; i < p->n_classes; i++) {
        pg_array_i32(a, p->days[i]);
    }
    pg_array_end(a);
}

static void tag_key_args(struct pg_args *a, const struct keeper_plan *p) {
    pg_array_i64_begin(a);
    for (size_t i = 0; i < p->n_tags; i++) {
        if (p->tags[i].class != 0) {
            pg_array_i64(a, p->tags[i].tag_key);
        }
    }
    pg_array_end(a);
}

static void tag_class_args(struct pg_args *a, const struct keeper_plan *p) {
    tag_key_args(a, p);
    pg_array_text_begin(a);
    for (size_t i = 0; i < p->n_tags; i++) {
        if (p->tags[i].class != 0) {
            pg_array_text(a, slice_str(p->classes[p->tags[i].class]));
        }
    }
    pg_array_end(a);
}

static void pair_args(struct pg_args *a, const struct keeper_plan *p) {
    pg_array_i64_begin(a);
    for (size_t i = 0; i < p->n_pairs; i++) {
        pg_array_i64(a, p->pairs[i].alarm_key);
    }
    pg_array_end(a);
    pg_array_i64_begin(a);
    for (size_t i = 0; i < p->n_pairs; i++) {
        pg_array_i64(a, p->pairs[i].tag_key);
    }
    pg_array_end(a);
}

static enum status write_plan(struct keeper *k, const struct keeper_plan *p, struct error *err) {
    static const struct {
        const char *sql;
        void (*args)(struct pg_args *a, const struct keeper_plan *p);
    } steps[] = {{classes_sql, class_args},
                 {no_class_sql, tag_key_args},
                 {tag_class_sql, tag_class_args},
                 {no_pairs_sql, pair_args},
                 {pairs_sql, pair_args}};
    enum status status = blocking_do(&k->b, "begin", err);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == OK; i++) {
        steps[i].args(blocking_args(&k->b), p);
        status = blocking_tell(&k->b, steps[i].sql, err);
    }
    if (status == OK) {
        status = roller_mark_rules(&k->b, p->tags, p->n_tags, err);
    }
    status = status == OK ? blocking_do(&k->b, "commit", err) : status;
    k->revision = status == OK ? p->revision : k->revision;
    k->drop_us = status == OK ? 0 : k->drop_us;
    return status;
}

static enum status write_expired(struct keeper *k, const struct keeper_expired *v, uint32_t n,
                                 struct error *err) {
    static const size_t columns[] = {
        offsetof(struct keeper_expired, gateway_key), offsetof(struct keeper_expired, tag_key),
        offsetof(struct keeper_expired, day),         offsetof(struct keeper_expired, n),
        offsetof(struct keeper_expired, from_us),     offsetof(struct keeper_expired, to_us)};
    /* Unlike all others these cannot be had again. */
    enum status status = blocking_do(&k->b, "begin; set local synchronous_commit = local", err);
    if (status != OK) {
        return status;
    }
    struct pg_args *a = blocking_args(&k->b);
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        pg_array_i64_begin(a);
        for (uint32_t i = 0; i < n; i++) {
            int64_t number = 0;
            memcpy(&number, (const char *)&v[i] + columns[c], sizeof number);
            pg_array_i64(a, number);
        }
        pg_array_end(a);
    }
    status = blocking_tell(&k->b, expired_sql, err);
    return status == OK ? blocking_do(&k->b, "commit", err) : status;
}

/* --- what cannot be read ----------------------------------------------------------------------------------
 */

/* Damage to samples is told, and keeps nothing else waiting. */
static enum status go_on(enum status status, const struct error *err, struct keeper_report *ret) {
    if (status == ERR_INVALID && ret->damage[0] == '\0') {
        (void)snprintf(ret->damage, sizeof ret->damage, "%s: %.170s", err->where, err->text);
    }
    return status == ERR_INVALID ? OK : status;
}

/* --- what is past -----------------------------------------------------------------------------------------
 */

static enum status drop_class(struct keeper *k, int32_t class, int64_t before_us, uint32_t *dropped,
                              struct error *err) {
    PGresult *r = NULL;
    /* A reader holds a table for as long as it reads; whoever comes behind this would wait, too. */
    enum status status = blocking_do(&k->b, "begin; set local lock_timeout = '2s'", err);
    if (status == OK) {
        struct pg_args *a = blocking_args(&k->b);
        pg_arg_i32(a, class);
        pg_arg_i64(a, before_us);
        status = blocking_ask(&k->b, drop_sql, &r, err);
    }
    if (status == OK) {
        *dropped += (uint32_t)pg_get_i32(r, 0, 0);
        PQclear(r);
        status = blocking_do(&k->b, "commit", err);
    }
    return status;
}

static enum status drop_past(struct keeper *k, int64_t now_us, int64_t gone_us, struct keeper_report *ret,
                             struct error *err) {
    PGresult *rows = NULL;
    (void)blocking_args(&k->b);
    enum status status = blocking_ask(&k->b, past_sql, &rows, err);
    for (int row = 0; status == OK && row < PQntuples(rows); row++) {
        int64_t before_us = pack_period(gone_us - pg_get_i32(rows, row, 1) * TM_DAY_US);
        int64_t old_us = pg_get_i64(rows, row, 2);
        if (before_us > old_us) {
            status = go_on(snapshot_take_again(&k->b, &k->work, old_us, before_us, now_us, err), err, ret);
        }
        if (status == OK) {
            status = drop_class(k, pg_get_i32(rows, row, 0), before_us, &ret->dropped, err);
        }
    }
    PQclear(rows);
    return status;
}

static enum status delete_old(struct keeper *k, const char *sql, int64_t before_us, struct keeper_report *ret,
                              struct error *err) {
    PGresult *r = NULL;
    struct pg_args *a = blocking_args(&k->b);
    pg_arg_i64(a, before_us);
    pg_arg_i64(a, DELETE_MAX);
    enum status status = blocking_ask(&k->b, sql, &r, err);
    if (status == OK) {
        ret->more = ret->more || strtol(PQcmdTuples(r), NULL, 10) == DELETE_MAX;
        PQclear(r);
    }
    return status;
}

/* What is past when so much time has gone as samples say: a clock that is years ahead drops nothing. */
static enum status get_gone_us(struct keeper *k, int64_t now_us, int64_t *ret_us, int64_t *ret_newest_us,
                               struct error *err) {
    PGresult *r = NULL;
    (void)blocking_args(&k->b);
    enum status status = blocking_ask(&k->b, newest_sql, &r, err);
    if (status == OK) {
        int64_t newest_us = pg_get_i64(r, 0, 0);
        *ret_us = newest_us < now_us ? newest_us : now_us;
        *ret_newest_us = newest_us;
        PQclear(r);
    }
    return status;
}

static enum status drop_all(struct keeper *k, const struct keeper_plan *p, int64_t now_us,
                            struct keeper_report *ret, struct error *err) {
    int64_t gone_us = 0;
    enum status status = get_gone_us(k, now_us, &gone_us, &ret->newest_us, err);
    status = status == OK ? drop_past(k, now_us, gone_us, ret, err) : status;
    bool more = ret->more;
    ret->more = false;
    if (status == OK && p->rollup_keep_days > 0) {
        int64_t before_us = rollup_day_us(gone_us - p->rollup_keep_days * TM_DAY_US);
        status = delete_old(k, old_rollups_sql, before_us, ret, err);
        status = status == OK ? delete_old(k, old_hours_sql, before_us, ret, err) : status;
    }
    bool again = status != OK || ret->more;
    k->drop_us = now_us + (again ? RETRY_MIN * TM_MINUTE_US : TM_HOUR_US);
    ret->more = ret->more || more;
    return status;
}

/* --- a turn ------------------------------------------------------------------------------------------------
 */

static enum status work(struct keeper *k, const struct keeper_plan *p, int64_t now_us,
                        struct keeper_report *ret, struct error *err) {
    struct roller_task task = {
        .tags = p->tags, .n_tags = p->n_tags, .now_us = now_us, .most = KEEPER_TAGS_MAX};
    enum status status = k->revision == p->revision ? OK : write_plan(k, p, err);
    status = status == OK ? snapshot_find(&k->b, err) : status;
    if (status == OK) {
        status = snapshot_take_due(&k->b, &k->work, now_us, KEEPER_SNAPSHOTS_MAX, &ret->snapshots, err);
        status = go_on(status, err, ret);
    }
    if (status == OK && now_us >= k->drop_us) {
        status = drop_all(k, p, now_us, ret, err);
    }
    if (status == OK) {
        status = go_on(roller_turn(k->roller, &k->b, &task, &ret->rolled, err), err, ret);
    }
    ret->more = ret->more || ret->rolled == KEEPER_TAGS_MAX || ret->snapshots == KEEPER_SNAPSHOTS_MAX;
    return status;
}

/* What a crash of PostgreSQL takes back is done again: thousands of small transactions an hour need not wait
 * for the disk, which those of alarms wait for, nor for a standby. */
static enum status connect(struct keeper *k, struct error *err) {
    const struct blocking_config cfg = {.conninfo = k->conninfo,
                                        .name = "penstock keeper",
                                        .statement_ms = KEEPER_STATEMENT_MS,
                                        .setup = "set synchronous_commit = off",
                                        .stop = k->stop};
    k->revision = -1;
    return blocking_open(&k->b, &cfg, err);
}

enum status keeper_turn(struct keeper *k, const struct keeper_plan *plan,
                        const struct keeper_expired *expired, uint32_t n_expired, int64_t now_us,
                        struct keeper_report *ret, struct error *err) {
    struct error own;
    err = err == NULL ? &own : err;
    *ret = (struct keeper_report){0};
    enum status status = blocking_is_open(&k->b) ? OK : connect(k, err);
    if (status == OK && n_expired > 0) {
        status = write_expired(k, expired, n_expired, err);
        ret->expired = status == OK;
    }
    if (status == OK) {
        status = work(k, plan, now_us, ret, err);
    }
    if (status != OK) {
        blocking_rollback(&k->b);
    }
    return status;
}
