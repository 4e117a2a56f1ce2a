/* The housekeeper of history: what is to be kept for how long. On a connection of its own, blocking, for a
 * thread of its owner. One turn
 *
 *   writes the plan into the database when it is new (classes, tags of classes, alarms with snapshots),
 *   copies the samples around marked alarms into event_snapshot, soon after the alarm, once more an hour
 * later, and once more before they are dropped (what a gateway delivered late), rolls samples up (roller.h),
 *   drops, once an hour, the periods of each class that are past, and what is older than rollups are kept: as
 * far as time has gone by the clock and by samples, so that a clock which is years ahead drops nothing. Each
 * period is a row of the audit. Samples that got into one that was dropped before go with it the next hour.
 *
 * Each step is a transaction: whatever ends it, the next turn goes on. */
#ifndef PENSTOCK_STORE_KEEPER_H
#define PENSTOCK_STORE_KEEPER_H

#include "server/core/model.h"
#include "server/store/roller.h"

enum {
    KEEPER_STATEMENT_MS = 30000,
    KEEPER_TAGS_MAX = 200,     /* rolled up in one turn */
    KEEPER_SNAPSHOTS_MAX = 50, /* taken in one turn */
};
#define KEEPER_BEFORE_US INT64_C(60000000) /* of an alarm, in its snapshot */
#define KEEPER_AFTER_US  INT64_C(60000000)

struct keeper_pair {
    int64_t alarm_key;
    int64_t tag_key;
};

/* What the configuration says; independent of the model that it was made of (keeper_plan.c). */
struct keeper_plan {
    int64_t revision;
    char classes[MODEL_KEEPS_MAX][MODEL_NAME_MAX + 1];
    int32_t days[MODEL_KEEPS_MAX]; /* 0: for ever */
    uint32_t n_classes;            /* the first one is that of tags without a class */
    int32_t rollup_keep_days;      /* 0: for ever */
    struct roller_tag *tags;       /* ascending by key */
    size_t n_tags;
    struct keeper_pair *pairs; /* alarms with a snapshot, and the tags that they are about */
    size_t n_pairs;
};

MUSTCHECK enum status keeper_plan_new(const struct model *m, struct keeper_plan **ret, struct error *err);
void keeper_plan_free(struct keeper_plan **plan);

/* Samples that came when their time was past; one row for each gateway, tag and day. */
struct keeper_expired {
    int64_t gateway_key;
    int64_t tag_key;
    int64_t day; /* on which they came, since 1970-01-01, UTC */
    int64_t n;
    int64_t from_us;
    int64_t to_us;
};

/* What a turn did. */
struct keeper_report {
    uint32_t rolled; /* tags */
    uint32_t snapshots;
    uint32_t dropped;  /* tables */
    bool expired;      /* the rows of expired samples are in the database */
    int64_t newest_us; /* the end of the newest period with samples; 0: none, or nobody looked */
    bool more;         /* there is more to do at once */
    char damage[200];  /* what could not be read, and is left alone; empty: nothing */
};

struct keeper;

/* stop: once it is true, a turn ends as soon as it can. */
MUSTCHECK enum status keeper_new(const char *conninfo, const atomic_bool *stop, struct keeper **ret,
                                 struct error *err);
void keeper_free(struct keeper **keeper);
MUSTCHECK enum status keeper_turn(struct keeper *k, const struct keeper_plan *plan,
                                  const struct keeper_expired *expired, uint32_t n_expired, int64_t now_us,
                                  struct keeper_report *ret, struct error *err);

#endif
