#include "server/core/rule_node.h"

void rule_gather_put(struct rule_gather *g, struct rule_value value, int64_t ts_us) {
    int64_t ts = g->begun && ts_us < g->newest_us ? g->newest_us : ts_us;
    int64_t span_us = g->begun ? ts - g->now_us : 0;
    if (span_us > 0 && g->now.known) {
        g->gathered_us = g->now.v != 0 ? g->gathered_us + span_us : 0;
    }
    g->begun = true;
    g->now = value;
    g->now_us = ts;
    g->newest_us = ts;
}

struct rule_live rule_gather_read(const struct rule_gather *g, int64_t needed_us, int64_t t_us) {
    struct rule_live r = {.until_us = INT64_MAX};
    if (!g->begun || !g->now.known) {
        return r;
    }
    r.value = rule_known(0, g->now.uncertain);
    if (g->now.v == 0) {
        return r;
    }
    int64_t due_us = g->now_us + needed_us - g->gathered_us;
    if (t_us >= due_us) {
        r.value.v = 1;
    } else {
        r.until_us = due_us;
    }
    return r;
}

uint64_t rule_gather_hash(const struct rule_gather *g, uint64_t h) {
    h = rule_mix_value(h, g->now);
    h = rule_mix(rule_mix(h, (uint64_t)g->now_us), (uint64_t)g->gathered_us);
    return rule_mix(rule_mix(h, (uint64_t)g->newest_us), g->begun ? 1 : 0);
}

void rule_past_put(struct rule_past *p, struct rule_value value, int64_t ts_us) {
    if (!value.known) {
        return;
    }
    if (!p->newest.known) {
        p->newest_us = ts_us;
    } else if (ts_us > p->newest_us) {
        p->before = p->newest;
        p->newest_us = ts_us;
    }
    p->newest = value;
}

struct rule_live rule_past_age(const struct rule_past *p, int64_t t_us) {
    if (!p->newest.known) {
        return (struct rule_live){.until_us = INT64_MAX};
    }
    if (t_us < p->newest_us) {
        return (struct rule_live){.value = rule_known(0, p->newest.uncertain), .until_us = p->newest_us};
    }
    return (struct rule_live){.value = rule_known((double)(t_us - p->newest_us), p->newest.uncertain),
                              .rate = 1,
                              .until_us = INT64_MAX};
}

uint64_t rule_past_hash(const struct rule_past *p, uint64_t h) {
    return rule_mix(rule_mix_value(rule_mix_value(h, p->newest), p->before), (uint64_t)p->newest_us);
}
