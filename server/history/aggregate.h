/* What a tag did between two moments: the aggregates of OPC UA Part 13, from its samples in order of time, in
 * one pass and without memory. Pure.
 *
 * Between two samples the value is the earlier one (stepped: states, setpoints, counters), or goes straight
 * from one to the other (measures). It never goes across a sample without a usable value, nor across a gap:
 * where the next sample comes later than stale_us, the value is held for stale_us, and after that nothing is
 * known. A sample is usable if it has a number and is not bad; an uncertain one, too, unless the rule says
 * otherwise (TreatUncertainAsBad, 4.2.1.2).
 *
 * Averages and integrals are weighted by time, and know how much of the time they are about: good_us +
 * uncertain_us + bad_us
 * + gap_us are the whole interval. An interval holds the samples of from_us <= t_us < to_us; the one before
 * tells how it began, the one after where it goes.
 *
 * Aggregates of neighbours make the aggregate of both (aggregate_join): so a year is made of hours. */
#ifndef PENSTOCK_HISTORY_AGGREGATE_H
#define PENSTOCK_HISTORY_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

enum { AGGREGATE_STATES_MAX = 32 };

struct aggregate_rule {
    bool stepped;
    bool uncertain_is_bad;
    bool counter;      /* delta counts what was added, over rollovers and resets */
    double modulus;    /* of a counter: the value at which it begins at 0 again; 0 if it does not */
    int64_t stale_us;  /* 0: values are held for ever */
    uint32_t n_states; /* of a stepped tag: time is counted for its values 0 to n_states - 1 */
};

struct aggregate_sample {
    int64_t t_us;
    double value; /* NaN: none */
    uint8_t quality;
};

struct aggregate {
    int64_t from_us;
    int64_t to_us;
    int64_t count; /* of samples, bad and uncertain ones among them */
    int64_t bad;
    int64_t uncertain;
    int64_t usable; /* samples that the next ones are about; of several equal ones the earliest */
    double first;
    double last;
    double min;
    double max;
    int64_t first_us;
    int64_t last_us;
    int64_t min_us;
    int64_t max_us;
    double mean;     /* of the samples, not weighted */
    double m2;       /* sum of squares of differences from mean */
    double integral; /* value * seconds, over the time in which there is one */
    int64_t good_us;
    int64_t uncertain_us;
    int64_t bad_us;
    int64_t gap_us; /* nothing is known */
    int64_t nonzero_us;
    int64_t state_us[AGGREGATE_STATES_MAX];
    int64_t transitions; /* how often a usable value was not the one before it */
    double delta; /* of a counter: what was counted from the value before the interval to its last one */
    int64_t rollovers;
    int64_t resets; /* it fell by more than half: counted from there on anew */
    double start;   /* bounding values at from_us and to_us, a sample's own if one is there; NaN: not known */
    double end;
    uint8_t start_quality;
    uint8_t end_quality;
    uint8_t worst; /* quality of the samples */
    bool partial;  /* what is known ends before to_us */
};

/* The work on one interval. */
struct aggregator {
    struct aggregate_rule rule;
    struct aggregate sum;
    struct aggregate_sample before; /* the newest so far */
    struct aggregate_sample number; /* the newest usable one, for transitions and counters */
    bool has_before;
    bool has_number;
    bool closed; /* a sample at or behind to_us came */
};

/* from_us < to_us. n_states at most AGGREGATE_STATES_MAX. */
void aggregate_begin(struct aggregator *g, const struct aggregate_rule *rule, int64_t from_us, int64_t to_us);
/* Samples in order of time, each time once: the newest before from_us, all of the interval, the first one at
 * or behind to_us; what else comes changes nothing. */
void aggregate_add(struct aggregator *g, const struct aggregate_sample *s);
/* Nothing is known behind complete_us. The result is in g->sum. */
void aggregate_end(struct aggregator *g, int64_t complete_us);
/* The next interval, from to_us of this one: what is known of the time before stays known. To be given next
 * is the sample that closed this one. */
void aggregate_next(struct aggregator *g, int64_t to_us);

/* a, and b which begins where a ends, to a. */
void aggregate_join(struct aggregate *a, const struct aggregate *b);

/* Weighted by time; NaN if there was no value at any time. */
double aggregate_average(const struct aggregate *a);
/* Of the samples, population; NaN without one. */
double aggregate_deviation(const struct aggregate *a);
/* Of the interval's time: 0 to 100. */
double aggregate_percent_good(const struct aggregate *a);

#endif
