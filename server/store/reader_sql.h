/* The statements that read history (migrations/0010_history.sql), and their rows. Chunks come as they are:
 * who asks unpacks them. */
#ifndef PENSTOCK_STORE_READER_SQL_H
#define PENSTOCK_STORE_READER_SQL_H

#include "server/history/gather.h"
#include "server/history/pack.h"
#include "server/store/pg.h"

enum {
    READER_SQL_HOT = 256,    /* records of one answer */
    READER_SQL_ROWS = 20000, /* loose samples of one answer */
    READER_SQL_CHUNKS = 64,  /* chunks of one answer */
    READER_SQL_HEADS = 2048, /* … where most of them come without their data */
    READER_SQL_LATE = 10000, /* samples that are not packed yet and that a statement is told of: the newest */
    READER_SQL_ARGS_BYTES = 2048 + READER_SQL_LATE * 16,
};
/* No sample is later (the year 2242), and times below are exact in a double. */
#define READER_SQL_LATEST_US INT64_C(8589934592000000)

/* Records that are not packed yet and begin before to_us, READER_SQL_HOT from behind an id on. Columns: id,
 * data. */
void reader_sql_hot(struct pg *pg, struct pg_args *args, const int64_t *tags, uint32_t n_tags,
                    int64_t after_id, int64_t to_us);

/* How many samples of a tag are in chunks that lie within the span. Columns: one bigint. */
void reader_sql_count(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t from_us, int64_t to_us);
/* The chunk and the loose sample that begin last before t_us, or first at or behind it; no row, or null, if
 * there is none. Two statements: data; t_us, value, quality, bytes. */
void reader_sql_before(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t t_us);
void reader_sql_after(struct pg *pg, struct pg_args *args, int64_t tag_key, int64_t t_us);

/* A usable sample before a time. */
struct reader_usable {
    int64_t tag_key;
    int64_t t_us;
    bool uncertain_is_bad;
    const struct gathered
        *late; /* of the tag, ascending: what is packed or loose of the same moments does not count */
    uint32_t n_late;
};

/* The last chunk that ends before then with one, and the last loose one: as above. */
void reader_sql_usable(struct pg *pg, struct pg_args *args, const struct reader_usable *u);

/* Chunks and loose samples of a tag that are within a span, or reach into it. Two statements, each with its
 * limit; chunks lack their data where they lie within one pixel and nothing else does. */
struct reader_window {
    int64_t tag_key;
    int64_t from_us;
    int64_t to_us;
    uint32_t chunks_max; /* at least 2 */
    bool all;            /* every chunk with its data; else the pixels count: */
    int64_t pixels_from_us;
    int64_t width_us;
    int64_t late_from_us; /* samples from elsewhere lie in [late_from_us, late_to_us] */
    int64_t late_to_us;
};
void reader_sql_window(struct pg *pg, struct pg_args *args, const struct reader_window *w);
/* bytes.p is NULL if it came without. */
struct pack_chunk reader_sql_chunk(const PGresult *r, int row);
struct chunk_sample reader_sql_row(const PGresult *r, int row);

#endif
