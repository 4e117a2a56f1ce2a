/* What a change of the configuration would have done: two configurations, `now` and `then`, each in a core of
 * its own (track.h), are driven through the same past, and their annunciations are compared. Parts:
 * backtest_scope.c (which alarms the change can touch, which tags must be read), backtest.c (feeding),
 * backtest_report.c (comparison), backtest_suggest.c (the same alarm with other deadbands and delays).
 *
 * What it cannot know, and the report says so: samples count as received at their source time; people's
 * actions (shelving, acknowledgement, …) are not repeated; runtime and total alarms and those of clocks are
 * not judged, since their meters and arrival times are not part of history; an alarm on a tag that has no
 * history is not judged either.
 *
 * Pure; memory is taken by backtest_new and backtest_finish. Models, names and classes are borrowed and must
 * outlive it. Alarms, tags and gateways of the two configurations are the same if they have the same name. */
#ifndef PENSTOCK_CORE_BACKTEST_H
#define PENSTOCK_CORE_BACKTEST_H

#include "server/core/track.h"

/* Source times of the same occurrence may differ by this much, or it overlaps. */
#define BACKTEST_TOLERANCE_US INT64_C(60000000)
/* Windows and delays fill before the period begins. */
#define BACKTEST_WARM_US INT64_C(3600000000)

enum {
    BACKTEST_LISTED_MAX = 1000,  /* added or removed annunciations, and alarms, that are told one by one */
    BACKTEST_VARIANTS_MAX = 256, /* settings of one alarm tried at once */
};

enum backtest_item { BACKTEST_SITE, BACKTEST_GATEWAY, BACKTEST_TAG, BACKTEST_ALARM, BACKTEST_GROUP };

/* An item that was put or removed. What classes and policies change is seen in the alarms themselves. */
struct backtest_changed {
    enum backtest_item kind;
    struct slice name;
};

/* The same alarm with other settings, as further alarms of one model; the first one is the alarm itself. */
struct backtest_variants {
    const struct model *model; /* NULL: nothing is to be suggested */
    const uint32_t *alarms;
    uint32_t n;
    int64_t later_max_us; /* an alarm that comes later than this is no good suggestion */
};

struct backtest_config {
    const struct model *now;
    const struct model *then;
    struct backtest_variants variants;
    const struct backtest_changed *changed;
    uint32_t n_changed;
    bool whole;        /* all alarms, not only those that the change can touch */
    bool links;        /* links are fed, too: comm alarms are judged */
    bool every_sample; /* hand over those, too, that cannot change anything (the answer is the same) */
    int64_t from_us;
    int64_t to_us;
    int64_t warm_us;          /* fed before from_us */
    uint32_t occurrences_max; /* of each side; 0: TRACK_OCCURRENCES_DEFAULT */
};

/* A tag whose samples are needed. */
struct backtest_tag {
    int64_t key;
    uint32_t now;     /* index in `now` */
    uint32_t gateway; /* index in `now` */
};

struct backtest;

/* ERR_INVALID: no alarm is touched that can be judged; ERR_NOMEM. */
MUSTCHECK enum status backtest_new(const struct backtest_config *cfg, struct backtest **ret,
                                   struct error *err);
void backtest_free(struct backtest **bt);

/* In the order of gateways, then of tags. */
const struct backtest_tag *backtest_tags(const struct backtest *bt, uint32_t *ret_n);

/* From from_us - warm_us on, time never falls from call to call. sample.tag is the place in backtest_tags; of
 * one tag no two samples have one time. A sample older than the beginning tells the value in force there. */
void backtest_samples(struct backtest *bt, const struct sample *v, uint32_t n);
/* All links are up until something else is said. What was known is told again when a link comes back, as
 * gateways do. gateway: index in `now`. */
void backtest_link(struct backtest *bt, uint32_t gateway, bool up, int64_t at_us);

struct backtest_flood {
    int64_t from_us;
    int64_t to_us; /* from_us and to_us are 0: there was none */
    uint32_t n;
    uint32_t peak; /* most in one bin of ten minutes */
    struct slice position;
};

/* One configuration's share. */
struct backtest_half {
    uint64_t n; /* annunciations in the period */
    uint32_t *days;
    struct backtest_flood longest_flood;
    struct slice worst_position; /* the one with the most annunciations */
    uint64_t worst_n;
    uint32_t worst_peak; /* most in one bin of ten minutes */
};

/* An annunciation that only one of the two has. */
struct backtest_change {
    struct slice alarm;
    int64_t src_us;
    int64_t at_us;
    int64_t end_us; /* INT64_MAX: active until the end */
    bool covered;   /* while it was active, the other configuration's alarm was active, too (or shortly before
                       or after): merged or split, not lost or new */
};

struct backtest_alarm {
    struct slice name;
    uint32_t now;
    uint32_t then;
    uint32_t added;
    uint32_t removed;
    uint32_t missed;   /* of removed: not covered, nobody would have been told */
    uint32_t moved;    /* in both, but at another time */
    int64_t later_us;  /* most that one comes later; 0 if none does */
    int64_t sooner_us; /* … sooner */
};

/* One setting of the alarm. Deadband in the tag's unit. */
struct backtest_row {
    int64_t on_delay_us;
    int64_t off_delay_us;
    double deadband;
    uint32_t n;
    uint32_t missed;
    int64_t later_us;
};

struct backtest_report {
    int64_t from_us;
    int64_t to_us;
    uint32_t n_days;
    uint32_t n_tags;     /* that were read */
    uint64_t n_samples;  /* that were fed */
    uint32_t n_judged;   /* alarms */
    uint32_t n_unjudged; /* alarms that the change touches, but history cannot tell of */
    bool whole;
    int64_t
        compared_until_us; /* to_us, or when the first occurrence had no room: later ones are only counted */
    bool truncated; /* there was more than could be kept or listed; numbers are complete, lists and comparison
                       are not */
    struct backtest_half now;
    struct backtest_half then;
    uint64_t n_added;
    uint64_t n_removed;
    uint64_t n_missed;
    uint64_t n_moved;
    int64_t later_us;
    int64_t sooner_us;
    const struct backtest_change *added; /* by time */
    uint32_t n_added_listed;
    const struct backtest_change *removed;
    uint32_t n_removed_listed;
    const struct backtest_alarm *alarms; /* that ring in one of the two; the greatest difference first */
    uint32_t n_alarms;
    const struct backtest_row
        *rows; /* n_rows is 0 if nothing was to be suggested; the first one is as it is */
    uint32_t n_rows;
    uint32_t best; /* its place in rows; 0 if nothing is better than what there is */
};

/* The end of the past; then the report, which lives as long as the backtest. */
MUSTCHECK enum status backtest_finish(struct backtest *bt, const struct backtest_report **ret,
                                      struct error *err);

/* "off-delay 20 s would have cut 412 to 9, latest alarm 0 s later". */
void backtest_suggestion(const struct backtest_report *r, struct slice unit, char *ret, size_t size);

#endif
