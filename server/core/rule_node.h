/* The stateful nodes beside windows: how long something has been true (for), and what a tag was before (prev,
 * age). Pure; all zero is a new one. */
#ifndef PENSTOCK_CORE_RULE_NODE_H
#define PENSTOCK_CORE_RULE_NODE_H

#include "server/core/rule_window.h"

/* Known true time since the condition was last known false, as a step function: a value that was replaced for
 * the same source time has never been. */
struct rule_gather {
    struct rule_value now; /* in force since now_us */
    int64_t now_us;
    int64_t newest_us;
    int64_t gathered_us; /* up to now_us */
    bool begun;
};

void rule_gather_put(struct rule_gather *g, struct rule_value value, int64_t ts_us);
struct rule_live rule_gather_read(const struct rule_gather *g, int64_t needed_us, int64_t t_us);
uint64_t rule_gather_hash(const struct rule_gather *g, uint64_t h);

/* The newest good sample of a tag, and the one before it. */
struct rule_past {
    struct rule_value newest;
    struct rule_value before;
    int64_t newest_us;
};

/* An unknown value is no good sample. */
void rule_past_put(struct rule_past *p, struct rule_value value, int64_t ts_us);
struct rule_live rule_past_age(const struct rule_past *p, int64_t t_us);
uint64_t rule_past_hash(const struct rule_past *p, uint64_t h);

#endif
