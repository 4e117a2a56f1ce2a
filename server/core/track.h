/* One core driven through the past: events go in by source time, and what would have been annunciated comes
 * out as occurrences and counts. Server time is source time here: when a sample really came is not known any
 * more. People's actions are not repeated: each annunciation is acknowledged at once by the track itself, so
 * that every occurrence is one of its own. The time before from_us only brings the core up to date.
 *
 * An annunciation is what kpi.h says: RAISE or RERAISE that is not hidden, no notification, no test. Pure;
 * all memory is taken by track_new. */
#ifndef PENSTOCK_CORE_TRACK_H
#define PENSTOCK_CORE_TRACK_H

#include "server/core/core.h"

#define TRACK_BIN_US      INT64_C(600000000)
#define TRACK_DAY_US      INT64_C(86400000000)
#define TRACK_SPAN_MAX_US (366 * TRACK_DAY_US)

enum {
    TRACK_OCCURRENCES_DEFAULT = 200000,
    TRACK_OCCURRENCES_MAX = 4000000,
};

/* What is kept of an alarm. The two counted classes are tallied apart, so that a comparison may take one half
 * from another track. */
enum track_class { TRACK_IGNORED, TRACK_TOUCHED, TRACK_OTHER };
enum { TRACK_TALLIES = 2 };

struct track_config {
    const struct model *model; /* borrowed, must outlive the track */
    const uint8_t *classes;    /* enum track_class, one for each alarm; copied */
    const uint32_t *positions; /* of each position of the model: its row in the tallies; copied */
    uint32_t n_positions;      /* rows */
    int64_t start_us;          /* start_us <= from_us < to_us, no more than TRACK_SPAN_MAX_US apart */
    int64_t from_us;
    int64_t to_us;
    uint32_t occurrences_max; /* 0: the default; more are counted, but not kept */
};

/* From activation to return. */
struct occurrence {
    int64_t src_us;
    int64_t at_us;  /* when the room would have known */
    int64_t end_us; /* source time of the return; INT64_MAX: it was still active at the end */
    uint32_t alarm; /* index in the model */
};

/* Annunciations within [from_us, to_us), by at_us. */
struct track_tally {
    uint64_t n;
    uint32_t *days; /* 24 h each, from from_us on */
    uint32_t *bins; /* n_positions rows of n_bins */
};

struct track;

MUSTCHECK enum status track_new(const struct track_config *cfg, struct track **ret, struct error *err);
void track_free(struct track **track);

/* Time never falls from call to call; one before start_us counts as start_us (a sample keeps its own). */
void track_link(struct track *t, uint32_t gateway, bool up, int64_t at_us);
/* Samples of one moment and one gateway. */
void track_samples(struct track *t, uint32_t gateway, enum lane lane, const struct sample *v, uint32_t n,
                   int64_t at_us);
/* Completes what is due before to_us and sorts the occurrences. Nothing may be fed afterwards. */
void track_finish(struct track *t);

/* After track_finish: those of one alarm by source time, those that began before from_us included. */
const struct occurrence *track_occurrences(const struct track *t, uint32_t alarm, uint32_t *ret_n);
/* How often it would have been annunciated in the period. */
uint32_t track_count(const struct track *t, uint32_t alarm);
/* class: TRACK_TOUCHED or TRACK_OTHER */
const struct track_tally *track_tally(const struct track *t, enum track_class class);
uint32_t track_days(const struct track *t);
uint32_t track_bins(const struct track *t);
/* When the first occurrence had no room any more: what began later is not in track_occurrences. INT64_MAX if
 * all are there. */
int64_t track_kept_until_us(const struct track *t);
const struct core *track_core(const struct track *t);

#endif
