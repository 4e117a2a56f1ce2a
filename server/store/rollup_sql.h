/* The statements about rollups (migrations/0013_rollup.sql): those of the roller, and what a reader asks. All
 * on a blocking connection. */
#ifndef PENSTOCK_STORE_ROLLUP_SQL_H
#define PENSTOCK_STORE_ROLLUP_SQL_H

#include "server/history/rollup.h"
#include "server/store/blocking.h"

/* A row of table rollup but for its level and bytes. */
struct rollup_row {
    int64_t tag_key;
    int64_t day_us;
    int64_t until_us;
    int64_t rule;
    int64_t n;
    int64_t before_us; /* INT64_MIN: none */
    int64_t number_us; /* of the newest one before the day that is usable; INT64_MIN: none */
    int64_t first_us;
    int64_t last_us;
    int64_t after_us; /* INT64_MAX: none */
    int64_t before;
    int64_t after;
    int64_t digest;
};

/* --- the roller's --- */

/* Rows (tag_key, day_us, changes), in this order: days that are over for grace_us and changed, and those that
 * were marked, or rolled up last, an hour ago. */
MUSTCHECK enum status rollup_ask_marks(struct blocking *b, int64_t now_us, int64_t grace_us, int64_t most,
                                       PGresult **ret, struct error *err);
/* Rows (from_us, data) in order of time: the chunks of [from, to), the newest one before and the newest one
 * before that has a value, the first one behind. A row may come twice. */
MUSTCHECK enum status rollup_ask_chunks(struct blocking *b, int64_t tag_key, int64_t from_us, int64_t to_us,
                                        PGresult **ret, struct error *err);
/* Samples of the tag's class before *ret_us were dropped, and of some class before *ret_any_us: the tag may
 * have been of that one. */
MUSTCHECK enum status rollup_get_kept(struct blocking *b, int64_t tag_key, int64_t *ret_us,
                                      int64_t *ret_any_us, struct error *err);
/* Of how many samples a day's rollup was made; 0: there is none. */
MUSTCHECK enum status rollup_get_n(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t *ret,
                                   struct error *err);
/* 0 if the day is not rolled up. */
MUSTCHECK enum status rollup_get_digest(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t *ret,
                                        struct error *err);
MUSTCHECK enum status rollup_put(struct blocking *b, const struct rollup_row *row, enum rollup_level level,
                                 struct slice data, struct error *err);
MUSTCHECK enum status rollup_forget(struct blocking *b, int64_t tag_key, enum rollup_level level,
                                    int64_t day_us, struct error *err);
/* The rows of sample_hour of row's day, instead of those that are there. */
MUSTCHECK enum status rollup_put_hours(struct blocking *b, const struct rollup_row *row,
                                       const struct aggregate *v, uint32_t n, struct error *err);
/* Removes a mark that did not change meanwhile; keeps it for the next hour. */
MUSTCHECK enum status rollup_unmark(struct blocking *b, int64_t tag_key, int64_t day_us, int32_t changes,
                                    struct error *err);
MUSTCHECK enum status rollup_keep_mark(struct blocking *b, int64_t tag_key, int64_t day_us, int32_t changes,
                                       int64_t now_us, struct error *err);
/* Marks a day that was rolled up with another sample behind it, or before it. */
MUSTCHECK enum status rollup_mark_if_after(struct blocking *b, int64_t tag_key, int64_t day_us, int64_t after,
                                           struct error *err);
MUSTCHECK enum status rollup_mark_if_before(struct blocking *b, int64_t tag_key, int64_t day_us,
                                            int64_t before, struct error *err);
MUSTCHECK enum status rollup_mark_rules(struct blocking *b, const int64_t *tag_keys, const int64_t *rules,
                                        size_t n, struct error *err);

#endif
