#include "server/store/store_sql.h"

/* Parts of a table count for the table. Before it was analysed for the first time, PostgreSQL has no estimate
 * of its rows, but counts them. */
static const char tables_sql[] =
    "select r.relname, sum(pg_total_relation_size(c.oid))::bigint,"
    "       sum(case when c.relkind = 'p' then 0 when c.reltuples < 0 then pg_stat_get_live_tuples(c.oid)"
    "                else c.reltuples end)::bigint"
    "  from pg_class c"
    "  join pg_class r on r.oid = coalesce(pg_partition_root(c.oid), c.oid)"
    " where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'm')"
    " group by 1 order by 2 desc, 1";

/* The name of a part says when it begins (sample_chunk_prepare). What came too late is a row for each tag and
 * day on which that happens. */
static const char classes_sql[] =
    "select r.class, r.name, coalesce(r.keep_days, 0), coalesce(p.from_us, 0), coalesce(p.bytes, 0),"
    "       coalesce(d.before_us, 0), coalesce(d.late, 0) + coalesce(e.n, 0)"
    "  from retention_class r"
    "  left join sample_dropped d on d.class = r.class"
    "  left join (select coalesce(t.class, 1) as class, sum(x.n)::bigint as n"
    "               from sample_expired x left join tag_class t on t.tag_key = x.tag_key"
    "              group by 1) e on e.class = r.class,"
    "       lateral (select min(to_date(right(c.relname, 8), 'YYYYMMDD') - date '1970-01-01')::bigint"
    "                       * 86400000000 as from_us,"
    "                       sum(pg_total_relation_size(c.oid))::bigint as bytes"
    "                  from pg_partition_tree('sample_chunk') t join pg_class c on c.oid = t.relid"
    "                 where t.isleaf and c.relname ~ ('^sample_chunk_' || r.class || '_[0-9]{8}$')) p"
    " order by r.class";

/* sample_hot is small: it is read as a whole. */
static const char hot_sql[] =
    "select count(*), coalesce(sum(n), 0)::bigint,"
    "       greatest(0, coalesce((extract(epoch from clock_timestamp()) * 1000000)::bigint - "
    "min(received_us), 0))"
    "  from sample_hot";

static const char history_sql[] = "select coalesce(from_us, 0), chunks, samples, bytes from store_history()";

/* By chain_row_unique, the primary keys and chain_pk. Rows that the chain has not come to stand at the ends
 * of the tables; more than so many of each are not counted. */
static const char chain_sql[] =
    "select coalesce((select max(pos) from chain), 0),"
    "       (select count(*) from (select from config_revision where revision >"
    "          coalesce((select max(row_id) from chain where source = 1), 0) limit 100000) r)"
    "     + (select count(*) from (select from audit where audit_id >"
    "          coalesce((select max(row_id) from chain where source = 2), 0) limit 100000) a)"
    "     + (select count(*) from (select from alarm_journal where seq >"
    "          coalesce((select max(row_id) from chain where source = 3), 0) limit 100000) j),"
    "       coalesce((select at_us from chain_checkpoint order by pos desc limit 1), 0)";

enum { TABLES, CLASSES, HOT, HISTORY, CHAIN };

void store_sql_send(struct pg *pg) {
    pg_send(pg, tables_sql, NULL);
    pg_send(pg, classes_sql, NULL);
    pg_send(pg, hot_sql, NULL);
    pg_send(pg, history_sql, NULL);
    pg_send(pg, chain_sql, NULL);
}

size_t store_sql_reply_size(const struct pg_answer *answer) {
    return (size_t)PQntuples(answer->results[TABLES]) * sizeof(struct store_table_row) +
           (size_t)PQntuples(answer->results[CLASSES]) * sizeof(struct store_class_row) + 1;
}

void store_sql_reply(const struct pg_answer *answer, void *memory, struct reply *ret) {
    const PGresult *rows = answer->results[TABLES];
    struct store_table_row *tables = memory;
    ret->store.tables = tables;
    ret->store.n_tables = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        tables[row] = (struct store_table_row){.name = pg_get_slice(rows, row, 0),
                                               .bytes = pg_get_i64(rows, row, 1),
                                               .rows = pg_get_i64(rows, row, 2)};
    }
    rows = answer->results[CLASSES];
    struct store_class_row *classes = (struct store_class_row *)(tables + ret->store.n_tables);
    ret->store.classes = classes;
    ret->store.n_classes = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        classes[row] = (struct store_class_row){.class = pg_get_i16(rows, row, 0),
                                                .name = pg_get_slice(rows, row, 1),
                                                .keep_days = pg_get_i32(rows, row, 2),
                                                .from_us = pg_get_i64(rows, row, 3),
                                                .bytes = pg_get_i64(rows, row, 4),
                                                .dropped_us = pg_get_i64(rows, row, 5),
                                                .expired = pg_get_i64(rows, row, 6)};
    }
    rows = answer->results[HOT];
    ret->store.hot_rows = pg_get_i64(rows, 0, 0);
    ret->store.hot_samples = pg_get_i64(rows, 0, 1);
    ret->store.hot_lag_us = pg_get_i64(rows, 0, 2);
    rows = answer->results[HISTORY];
    ret->store.from_us = pg_get_i64(rows, 0, 0);
    ret->store.chunks = pg_get_i64(rows, 0, 1);
    ret->store.samples = pg_get_i64(rows, 0, 2);
    ret->store.bytes = pg_get_i64(rows, 0, 3);
    rows = answer->results[CHAIN];
    ret->store.sealed = pg_get_i64(rows, 0, 0);
    ret->store.unsealed = pg_get_i64(rows, 0, 1);
    ret->store.checkpoint_us = pg_get_i64(rows, 0, 2);
}
