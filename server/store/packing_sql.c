#include "server/store/packing_sql.h"

#include <string.h>

const struct packing_statement packing_statements[PACKING_STATEMENTS] = {
    /* By sample_hot_pk and sample_row_pk. */
    [PACKING_LOOK] = {"look",
                      "select coalesce(f.received_us, 0), coalesce(l.id - f.id + 1, 0),"
                      " exists (select from sample_row)"
                      " from (values (0)) as one"
                      " left join (select id, received_us from sample_hot order by id limit 1) f on true"
                      " left join (select id from sample_hot order by id desc limit 1) l on true"},
    [PACKING_NEXT] = {"next", "select coalesce((select min(id) from sample_hot where id > $1::bigint), "
                              "9223372036854775807)"},
    /* By sample_hot_pk. The length of what is stored out of line is known without reading it. */
    [PACKING_ROUND] = {"round", "select id, gateway_key, n, octet_length(data) from sample_hot"
                                " where id > $1::bigint order by id limit $2::bigint"},
    /* By sample_hot_pk; in any order. */
    [PACKING_HOT] = {"hot", "delete from sample_hot where id = any($1::bigint[])"
                            " returning id, gateway_key, received_us, n, data"},
    /* By sample_row_pk: tag by tag, so that what is old goes into chunks that are full at once. */
    [PACKING_LOOSE] = {"loose", "with taken as (delete from sample_row where ctid = any(array("
                                " select ctid from sample_row order by tag_key, t_us limit $1::bigint))"
                                " returning tag_key, t_us, value, quality, bytes)"
                                " select tag_key, t_us, value, quality, bytes from taken"},
    /* By each period's key, in one period of each class. Each group is told, also without any chunk. */
    [PACKING_HEADS] =
        {"heads",
         "select u.ord, coalesce(k.class, 1::smallint), c.class, c.from_us, c.to_us, c.n, c.bytes"
         " from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])"
         " as u(ord, tag_key, period_us, from_us, to_us)"
         " left join tag_class k using (tag_key)"
         " left join lateral ((select x.class, x.from_us, x.to_us, x.n, octet_length(x.data) as bytes"
         "    from sample_chunk x where x.tag_key = u.tag_key and x.from_us >= u.period_us"
         "     and x.from_us <= u.from_us order by x.from_us desc limit $6::bigint)"
         "   union all select x.class, x.from_us, x.to_us, x.n, octet_length(x.data)"
         "    from sample_chunk x where x.tag_key = u.tag_key and x.from_us > u.from_us"
         "     and x.from_us <= u.to_us) c on true"
         " order by u.ord, c.from_us"},
    [PACKING_PREPARE] = {"prepare_tables", "select count(sample_chunk_prepare(u.class, u.t_us)) from"
                                           " unnest($1::smallint[], $2::bigint[]) as u(class, t_us)"},
    /* By each period's key. */
    [PACKING_GONE] =
        {"gone",
         "with gone as (delete from sample_chunk c using unnest($1::bigint[], $2::smallint[], $3::bigint[], "
         "$4::bigint[])"
         " as u(ord, class, tag_key, from_us)"
         " where c.tag_key = u.tag_key and c.from_us = u.from_us and c.class = u.class"
         " returning u.ord, c.from_us, c.to_us, c.n, c.class, c.tag_key, c.data)"
         " select ord, from_us, to_us, n, class, tag_key, data from gone order by ord, from_us"},
    [PACKING_MARK] = {"mark", "select rollup_mark($1::bigint[], $2::bigint[])"},
    [PACKING_ASIDE] =
        {"aside", "insert into sample_damaged (source, reason, gateway_key, received_us, class, tag_key, "
                  "from_us, to_us, n, data)"
                  " values (case $1::integer when 0 then 'hot' else 'chunk' end, $2::text,"
                  " case $1 when 0 then $3::bigint end, case $1 when 0 then $4::bigint end,"
                  " case $1 when 1 then $5::integer end, case $1 when 1 then $6::bigint end,"
                  " case $1 when 1 then $7::bigint end, case $1 when 1 then $8::bigint end,"
                  " $9::integer, $10::bytea)"},
    [PACKING_PRUNED] = {"pruned", "select ingest_prune($1::bigint, $2::bigint)"},
};

/* --- COPY's binary form -------------------------------------------------------------------------------- */

const char packing_copy_sql[] = "copy sample_chunk (tag_key, from_us, to_us, first, last, min, max, min_us,"
                                " max_us, class, n, usable, bad, worst, data) from stdin (format binary)";
enum { COLUMNS = 15, NUMBERS = 6 };

static void put_big(struct buf *out, uint64_t v, uint32_t bytes) {
    for (uint32_t i = bytes; i > 0; i--) {
        buf_byte(out, (uint8_t)(v >> 8 * (i - 1)));
    }
}

static void put_field(struct buf *out, uint64_t v, uint32_t bytes) {
    put_big(out, bytes, 4);
    put_big(out, v, bytes);
}

static void put_double(struct buf *out, double v) {
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    put_field(out, bits, sizeof bits);
}

void packing_copy_begin(struct buf *out) {
    static const char signature[] = "PGCOPY\n\377\r\n"; /* its own NUL belongs to it */
    buf_append(out, signature, sizeof signature);
    put_big(out, 0, 8); /* no flags, no extension */
}

void packing_copy_chunk(struct buf *out, int16_t class, int64_t tag_key, const struct pack_chunk *c) {
    put_big(out, COLUMNS, 2);
    put_field(out, (uint64_t)tag_key, 8);
    put_field(out, (uint64_t)c->head.from_us, 8);
    put_field(out, (uint64_t)c->head.to_us, 8);
    if (c->usable > 0) {
        put_double(out, c->first);
        put_double(out, c->last);
        put_double(out, c->min);
        put_double(out, c->max);
        put_field(out, (uint64_t)c->min_us, 8);
        put_field(out, (uint64_t)c->max_us, 8);
    } else {
        for (int i = 0; i < NUMBERS; i++) {
            put_big(out, UINT32_MAX, 4); /* null */
        }
    }
    put_field(out, (uint16_t) class, 2);
    put_field(out, c->head.n, 2); /* CHUNK_SAMPLES_MAX at most, as the next two */
    put_field(out, c->usable, 2);
    put_field(out, c->bad, 2);
    put_field(out, c->worst, 2);
    put_big(out, c->bytes.n, 4);
    buf_append(out, c->bytes.p, c->bytes.n);
}

void packing_copy_end(struct buf *out) {
    put_big(out, UINT16_MAX, 2);
}
