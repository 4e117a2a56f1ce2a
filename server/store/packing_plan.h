/* Which samples go together into which chunks, before a packing touches any: pure but for memory. What was
 * taken is sorted by tag and time and cut into groups: of one tag and one period (PACK_PERIOD_US), without a
 * gap of more than PLAN_GAP_US, so that a late sample and the newest one of a tag do not pull in all that
 * lies between them. With the heads of the chunks around each group, groups with nothing in between become
 * one again, and the chunks that are to be written anew are known. */
#ifndef PENSTOCK_STORE_PACKING_PLAN_H
#define PENSTOCK_STORE_PACKING_PLAN_H

#include "server/history/pack.h"
#include "server/store/packing_taken.h"

#define PLAN_GAP_US INT64_C(3600000000)

/* A chunk that exists. */
struct plan_head {
    struct pack_head head;
    int16_t class;
};

struct plan_group {
    int64_t tag_key;
    int64_t from_us;
    int64_t to_us;
    uint32_t first; /* of what was taken, sorted */
    uint32_t n;
    uint32_t first_head; /* … and chunks around it */
    uint32_t n_heads;
    uint32_t first_gone; /* … and those of them that go */
    uint32_t n_gone;
    int16_t class; /* of its tag */
    bool short_of_heads;
};

struct plan {
    struct taken taken;
    struct plan_group *groups;
    uint32_t n_groups;
    uint32_t groups_cap;
    struct plan_head *heads; /* of each group ascending, group by group */
    uint32_t n_heads;
    uint32_t heads_cap;
    struct plan_head *gone; /* of each group ascending, each once */
    uint32_t n_gone;
};

/* Days (UTC) of tags, each once where they are added in order. */
struct plan_day {
    int64_t tag_key;
    int64_t day_us;
};

struct plan_days {
    struct plan_day *v;
    uint32_t n;
    uint32_t cap;
};

void plan_init(struct plan *p);
void plan_done(struct plan *p);
void plan_clear(struct plan *p);
/* From samples to groups. */
MUSTCHECK enum status plan_group(struct plan *p, struct error *err);
/* The next chunk around a group; groups in their order, chunks ascending. */
MUSTCHECK enum status plan_add_head(struct plan *p, uint32_t group, const struct plan_head *h);
/* At most so many chunks that begin before each group were given (or all that there are): marks the groups of
 * which even the first of them goes, so that those before it count, too, and forgets their heads. *ret_n: how
 * many. */
MUSTCHECK enum status plan_short(struct plan *p, uint32_t before, uint32_t *ret_n, struct error *err);
/* Joins groups and chooses what goes. *ret_bytes: how many bytes of chunks are to be read. */
MUSTCHECK enum status plan_choose(struct plan *p, uint64_t *ret_bytes, struct error *err);

void plan_days_done(struct plan_days *d);
void plan_days_clear(struct plan_days *d);
/* Of a chunk; those of a tag follow each other in order of time. ERR_NOMEM. */
MUSTCHECK enum status plan_days_add(struct plan_days *d, int64_t tag_key, int64_t from_us, int64_t to_us);

#endif
