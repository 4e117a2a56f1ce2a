/* The delay stage against an oracle that counts seconds: in a world of whole seconds, where each sample's
 * time is the time of its arrival, an alarm's delay is a counter that goes up with each second in which its
 * condition is known and pending. Links come and go, values turn bad, tags fall silent, and a snapshot after
 * an outage may repeat the last sample. Letters, occurrences and source times must agree after every second.
 */
#include "tests/sim/sim.h"

enum { WORLDS = 120, SECONDS = 6000, TAGS = 3, ALARMS = 12, COMM = ALARMS, ALL = ALARMS + 1 };

enum naive_truth { UNKNOWN = -1, FALSE = 0, TRUE = 1 };

struct counter {
    bool active;
    bool pending; /* the condition is the opposite of active */
    bool known;
    int count;           /* seconds gathered */
    int count_at_sample; /* … when the tag's newest sample came */
    uint32_t occ;
    int64_t raised_s; /* source time of the newest activation */
};

struct naive_tag {
    bool seen;
    bool lost;
    bool good;
    bool stale;
    double value;
    int64_t t_s;     /* source time of its newest sample */
    int64_t heard_s; /* when anything came */
};

struct world {
    struct rand r;
    struct spec spec;
    struct model *model;
    struct core *core;
    struct sim_journal journal;
    struct naive_tag tags[TAGS];
    struct counter counters[ALL];
    bool up;
    int64_t up_s;
    int64_t now_s;
    uint64_t events;
    uint64_t seed;
};

static int64_t at_us(int64_t s) {
    return SIM_BASE_US + s * 1000000;
}

/* Silence of the tag for so long is a stale alarm: its own time is added to the tag's. */
static int64_t after_of(const struct world *w, uint32_t alarm) {
    const struct spec_alarm *a = &w->spec.alarms[alarm];
    return (int64_t)(a->on_s + w->spec.tags[a->tag].stale_s);
}

static void make_world(struct world *w, uint64_t seed) {
    *w = (struct world){.seed = seed};
    rand_seed(&w->r, seed);
    w->spec = (struct spec){
        .revision = 1, .n_gateways = 1, .n_tags = TAGS, .n_alarms = ALL, .gateways = {{.name = "G"}}};
    for (uint32_t i = 0; i < TAGS; i++) {
        w->spec.tags[i] = (struct spec_tag){
            .name = "T", .stale_s = sim_one_in(&w->r, 2) ? 0 : 1 + (double)rand_below(&w->r, 20)};
        w->tags[i].lost = true;
    }
    for (uint32_t i = 0; i < ALL; i++) {
        static const enum alarm_kind kinds[] = {ALARM_HIGH, ALARM_LOW, ALARM_STALE};
        w->spec.alarms[i] = (struct spec_alarm){.name = "A",
                                                .kind = i == COMM ? ALARM_COMM : kinds[rand_below(&w->r, 3)],
                                                .tag = i == COMM ? MODEL_NONE : i % TAGS,
                                                .limit = (double)rand_below(&w->r, 10),
                                                .deadband = (double)rand_below(&w->r, 4),
                                                .on_s = (double)rand_below(&w->r, 12),
                                                .off_s = (double)rand_below(&w->r, 12)};
        struct spec_alarm *a = &w->spec.alarms[i];
        if (a->kind == ALARM_STALE) {
            /* An off-delay that ends in the second of a new silence would be a question of who was first. */
            a->on_s += 1;
            a->off_s = (double)rand_below(&w->r, (uint64_t)after_of(w, i));
        }
    }
    w->model = spec_model(&w->spec);
    enum status status = core_new(w->model, NULL, at_us(0), &w->core, NULL);
    SIM_CHECK(status == OK, "start");
}

static void apply(struct world *w, const struct event *event) {
    core_apply(w->core, event, at_us(w->now_s), sim_sink(&w->journal));
    w->events++;
}

/* --- the oracle --- */

/* When the tag was heard, or could have been heard, last. */
static int64_t heard_s(const struct world *w, uint32_t tag) {
    const struct naive_tag *t = &w->tags[tag];
    return t->seen && t->heard_s > w->up_s ? t->heard_s : w->up_s;
}

static enum naive_truth stale_truth(const struct world *w, uint32_t alarm) {
    const struct naive_tag *t = &w->tags[w->spec.alarms[alarm].tag];
    if (!w->up) {
        return UNKNOWN;
    }
    if (w->now_s - heard_s(w, w->spec.alarms[alarm].tag) >= after_of(w, alarm)) {
        return TRUE;
    }
    return (t->seen && !t->lost) || !w->counters[alarm].active ? FALSE : UNKNOWN;
}

static enum naive_truth truth_of(const struct world *w, uint32_t alarm) {
    const struct spec_alarm *a = &w->spec.alarms[alarm];
    const struct counter *c = &w->counters[alarm];
    if (alarm == COMM) {
        return w->up ? FALSE : TRUE;
    }
    const struct naive_tag *t = &w->tags[a->tag];
    if (a->kind == ALARM_STALE) {
        return stale_truth(w, alarm);
    }
    if (!t->seen || t->lost || t->stale || !t->good) {
        return UNKNOWN;
    }
    /* Deadband memory: the last condition that was known. */
    bool was = c->active != c->pending;
    if (a->kind == ALARM_HIGH) {
        return t->value > a->limit || (was && t->value > a->limit - a->deadband) ? TRUE : FALSE;
    }
    return t->value < a->limit || (was && t->value < a->limit + a->deadband) ? TRUE : FALSE;
}

static int length_of(const struct world *w, uint32_t alarm) {
    const struct spec_alarm *a = &w->spec.alarms[alarm];
    double on_s = a->kind == ALARM_STALE ? 0 : a->on_s; /* the silence itself took its time */
    return (int)(w->counters[alarm].active ? a->off_s : on_s);
}

static void flip_if_over(struct world *w, uint32_t alarm) {
    struct counter *c = &w->counters[alarm];
    if (!c->pending || !c->known || c->count < length_of(w, alarm)) {
        return;
    }
    int64_t src_s = w->now_s - (c->count - length_of(w, alarm));
    c->active = !c->active;
    c->pending = false;
    if (c->active) {
        c->occ++;
        c->raised_s = src_s;
    }
}

/* since_s: from when on what is seen now is true */
static void look(struct world *w, uint32_t alarm, int64_t since_s) {
    struct counter *c = &w->counters[alarm];
    enum naive_truth truth = truth_of(w, alarm);
    c->known = truth != UNKNOWN;
    if (!c->known) {
        return;
    }
    if ((truth == TRUE) == c->active) {
        c->pending = false;
    } else if (!c->pending) {
        c->pending = true;
        c->count = (int)(w->now_s - since_s);
        c->count_at_sample = 0;
        if (length_of(w, alarm) == 0) {
            flip_if_over(w, alarm);
        }
    }
}

static void look_at_tag(struct world *w, uint32_t tag, int64_t since_s) {
    for (uint32_t i = 0; i < ALARMS; i++) {
        if (w->spec.alarms[i].tag == tag) {
            look(w, i, w->spec.alarms[i].kind == ALARM_STALE ? w->now_s : since_s);
        }
    }
}

static void fall_silent(struct world *w) {
    for (uint32_t i = 0; i < TAGS; i++) {
        struct naive_tag *t = &w->tags[i];
        int64_t stale_s = (int64_t)w->spec.tags[i].stale_s;
        if (w->up && stale_s > 0 && !t->stale && w->now_s - heard_s(w, i) >= stale_s) {
            t->stale = true;
            look_at_tag(w, i, w->now_s);
        }
    }
    for (uint32_t i = 0; i < ALARMS; i++) {
        if (w->spec.alarms[i].kind == ALARM_STALE) {
            int64_t deadline_s = heard_s(w, w->spec.alarms[i].tag) + after_of(w, i);
            look(w, i, w->now_s >= deadline_s ? deadline_s : w->now_s);
        }
    }
}

/* --- what happens in a second --- */

static void send(struct world *w, uint32_t tag, double value, uint8_t quality, int64_t t_us) {
    const struct sample v = {.tag = tag, .value = value, .quality = quality, .t_us = t_us};
    enum lane lane = t_us == at_us(w->now_s) ? LANE_LIVE : LANE_SNAPSHOT;
    apply(w, &(struct event){.kind = EVENT_SAMPLES, .samples = {.lane = lane, .n = 1, .v = &v}});
}

/* What ran out before this time is over, whatever happens now. */
static void finish_before(struct world *w, uint32_t tag) {
    for (uint32_t i = 0; i < ALARMS; i++) {
        const struct spec_alarm *a = &w->spec.alarms[i];
        if (a->tag == tag && a->kind != ALARM_STALE && w->counters[i].count > length_of(w, i)) {
            flip_if_over(w, i);
        }
    }
}

static void happen_sample(struct world *w) {
    uint32_t tag = (uint32_t)rand_below(&w->r, TAGS);
    struct naive_tag *t = &w->tags[tag];
    double value = (double)rand_below(&w->r, 11);
    bool good = !sim_one_in(&w->r, 6);
    finish_before(w, tag);
    send(w, tag, value, good ? 0 : 0x82, at_us(w->now_s));
    *t = (struct naive_tag){
        .seen = true, .lost = !w->up, .good = good, .value = value, .t_s = w->now_s, .heard_s = w->now_s};
    look_at_tag(w, tag, w->now_s);
    for (uint32_t i = 0; i < ALARMS; i++) {
        if (w->spec.alarms[i].tag == tag) {
            w->counters[i].count_at_sample = w->counters[i].count;
        }
    }
}

/* After an outage: the last sample once more. It held all the while. */
static void happen_repeat(struct world *w) {
    uint32_t tag = (uint32_t)rand_below(&w->r, TAGS);
    struct naive_tag *t = &w->tags[tag];
    if (!t->seen || !t->good || !t->lost || t->stale || !w->up) {
        return;
    }
    send(w, tag, t->value, 0, at_us(t->t_s));
    t->lost = false;
    t->heard_s = w->now_s;
    for (uint32_t i = 0; i < ALARMS; i++) {
        struct counter *c = &w->counters[i];
        if (w->spec.alarms[i].tag == tag && w->spec.alarms[i].kind != ALARM_STALE && c->pending) {
            c->count = c->count_at_sample + (int)(w->now_s - t->t_s);
        }
    }
    look_at_tag(w, tag, t->t_s);
}

static void happen_link(struct world *w, bool up) {
    apply(w, &(struct event){.kind = EVENT_LINK, .link = {.up = up}});
    if (up == w->up) {
        return;
    }
    w->up = up;
    w->up_s = up ? w->now_s : w->up_s;
    for (uint32_t i = 0; i < TAGS; i++) {
        finish_before(w, i);
        w->tags[i].lost = true;
        w->tags[i].stale = false;
        look_at_tag(w, i, w->now_s);
    }
    look(w, COMM, w->now_s);
}

static void compare(struct world *w) {
    unsigned long long seed = w->seed;
    long long now_s = w->now_s;
    for (uint32_t i = 0; i < ALL; i++) {
        struct alarm_view v = core_alarm(w->core, spec_alarm_index(w->model, i));
        const struct counter *c = &w->counters[i];
        bool active = v.letter == 'B' || v.letter == 'C';
        SIM_CHECK(active == c->active && v.occ == c->occ,
                  "SEED=%llu second %lld: alarm %u is %c occ %u, the oracle says active=%d occ %u", seed,
                  now_s, i, v.letter, v.occ, c->active, c->occ);
        SIM_CHECK(c->occ == 0 || v.raised_us == at_us(c->raised_s),
                  "SEED=%llu second %lld: alarm %u was raised at %lld, not %lld", seed, now_s, i,
                  (long long)(v.raised_us - SIM_BASE_US), (long long)c->raised_s);
    }
}

static void run_second(struct world *w) {
    for (uint32_t i = 0; i < ALL; i++) {
        struct counter *c = &w->counters[i];
        c->count += c->pending && c->known ? 1 : 0;
    }
    for (uint64_t n = rand_below(&w->r, 3); n > 0; n--) {
        uint64_t dice = rand_below(&w->r, 40);
        if (dice == 0) {
            happen_link(w, false);
        } else if (dice < 6) {
            happen_link(w, true);
        } else if (dice < 12) {
            happen_repeat(w);
        } else if (dice < 24) {
            happen_sample(w);
        }
    }
    apply(w, &(struct event){.kind = EVENT_TIME});
    for (uint32_t i = 0; i < ALL; i++) {
        flip_if_over(w, i);
    }
    fall_silent(w);
    compare(w);
}

int main(void) {
    uint64_t seed = sim_seed(20260101);
    uint64_t events = 0;
    uint64_t raised = 0;
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    for (uint64_t i = 0; i < WORLDS; i++) {
        make_world(w, seed + i);
        happen_link(w, true);
        /* The comm alarm has been pending since the start; from now on its delay is the configured one. */
        w->counters[COMM] = (struct counter){.known = true};
        for (w->now_s = 1; w->now_s <= SECONDS; w->now_s++) {
            run_second(w);
        }
        events += w->events;
        raised += w->journal.kinds[RECORD_RAISE] + w->journal.kinds[RECORD_RERAISE];
        core_free(&w->core);
        model_free(&w->model);
    }
    printf("%llu events, %llu occurrences\n", (unsigned long long)events, (unsigned long long)raised);
    SIM_CHECK(raised > 10000, "too little happened");
    free(w);
    return 0;
}
