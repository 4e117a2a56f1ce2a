/* Random events, a million and more, on two cores in step: whatever happens, the journal is sound, the same
 * input gives the same effects and the same hash, a restart changes nothing, and the live table and the
 * alarms without delays are those of a plain oracle that was written without looking at the core. The second
 * core also gets events of nothing but time in between, which must make no difference. */
#include "tests/sim/sim.h"

enum { WORLDS = 60, EVENTS = 20000, TAGS_MAX = 8, ALARMS_MAX = 24, MESSAGE_MAX = 6 };

/* What the oracle knows of a tag. */
struct naive_tag {
    bool seen;
    bool lost;
    bool has_value;
    double value;
    uint8_t quality;
    int64_t t_us;
    int64_t received_us;
    /* what the display was told last */
    double shown;
    int64_t shown_t_us;
    uint8_t shown_quality;
};

struct world {
    struct rand r;
    struct spec spec;
    struct model *model;
    struct core *core[2];
    struct sim_journal journal[2];
    int64_t now_us;
    uint64_t events;
    struct naive_tag tags[TAGS_MAX];
    bool up[SPEC_GATEWAYS];
    int64_t since_us[SPEC_GATEWAYS];
    bool undelayed[ALARMS_MAX]; /* a limit alarm that has no delays, ever: the oracle knows it */
    bool active[ALARMS_MAX];
    uint64_t late;
    uint64_t backlog;
    uint64_t foreign;
    uint64_t restarts;
    uint64_t revisions;
};

/* --- the world --- */

static double pick_seconds(struct rand *r) {
    static const double some[] = {0, 0.5, 1, 3, 10, 60};
    return some[rand_below(r, sizeof some / sizeof some[0])];
}

static void make_alarm(struct world *w, uint32_t i) {
    struct spec_alarm *a = &w->spec.alarms[i];
    static const enum alarm_kind kinds[] = {ALARM_HIGH, ALARM_HIGH, ALARM_LOW, ALARM_STALE};
    *a = (struct spec_alarm){.name = "A", .kind = kinds[rand_below(&w->r, 4)]};
    a->tag = (uint32_t)rand_below(&w->r, w->spec.n_tags);
    a->limit = (double)rand_below(&w->r, 100);
    a->deadband = (double)rand_below(&w->r, 20);
    a->priority = (uint8_t)(1 + rand_below(&w->r, 4));
    a->disabled = sim_one_in(&w->r, 10);
    w->undelayed[i] = a->kind != ALARM_STALE && sim_one_in(&w->r, 2);
    if (!w->undelayed[i]) {
        a->on_s = pick_seconds(&w->r);
        a->off_s = pick_seconds(&w->r);
    }
}

static void make_world(struct world *w, uint64_t seed) {
    *w = (struct world){.now_us = SIM_BASE_US};
    rand_seed(&w->r, seed);
    w->spec.revision = 1;
    w->spec.n_gateways = 1 + (uint32_t)rand_below(&w->r, 3);
    w->spec.n_tags = 1 + (uint32_t)rand_below(&w->r, TAGS_MAX);
    for (uint32_t i = 0; i < w->spec.n_gateways; i++) {
        w->spec.gateways[i].name = "G";
        w->since_us[i] = w->now_us;
    }
    for (uint32_t i = 0; i < w->spec.n_tags; i++) {
        w->spec.tags[i] =
            (struct spec_tag){.name = "T",
                              .gateway = (uint32_t)rand_below(&w->r, w->spec.n_gateways),
                              .deadband = (double)rand_below(&w->r, 3) * 2,
                              .stale_s = sim_one_in(&w->r, 2) ? 0 : 5 + (double)rand_below(&w->r, 60)};
        w->tags[i] = (struct naive_tag){.lost = true, .shown = NAN, .shown_quality = 0xAC};
    }
    uint32_t on_tags = (uint32_t)rand_below(&w->r, ALARMS_MAX - SPEC_GATEWAYS);
    for (uint32_t i = 0; i < on_tags; i++) {
        make_alarm(w, w->spec.n_alarms++);
    }
    for (uint32_t i = 0; i < w->spec.n_gateways; i++) {
        w->spec.alarms[w->spec.n_alarms++] = (struct spec_alarm){.name = "C",
                                                                 .kind = ALARM_COMM,
                                                                 .tag = MODEL_NONE,
                                                                 .gateway = i,
                                                                 .on_s = pick_seconds(&w->r),
                                                                 .off_s = pick_seconds(&w->r)};
    }
    w->model = spec_model(&w->spec);
    for (int i = 0; i < 2; i++) {
        enum status status = core_new(w->model, NULL, w->now_us, &w->core[i], NULL);
        SIM_CHECK(status == OK, "start");
    }
}

static void end_world(struct world *w) {
    core_free(&w->core[0]);
    core_free(&w->core[1]);
    model_free(&w->model);
}

/* --- events on both cores --- */

static void apply(struct world *w, const struct event *event) {
    for (int i = 0; i < 2; i++) {
        core_apply(w->core[i], event, w->now_us, sim_sink(&w->journal[i]));
    }
    w->events++;
    SIM_CHECK(w->journal[0].digest == w->journal[1].digest, "two cores, two stories");
}

static void idle(struct world *w, int which, int64_t now_us) {
    const struct event event = {.kind = EVENT_TIME};
    core_apply(w->core[which], &event, now_us, sim_sink(&w->journal[which]));
}

/* Both stop at each due time; the second one also in between. */
static void pass_time(struct world *w, int64_t until_us) {
    int64_t due_us = 0;
    while ((due_us = core_next_wake(w->core[0])) <= until_us) {
        int64_t at_us = due_us > w->now_us ? due_us : w->now_us;
        if (at_us - w->now_us > 2) {
            idle(w, 1, w->now_us + (int64_t)rand_below(&w->r, (uint64_t)(at_us - w->now_us)));
        }
        w->now_us = at_us;
        apply(w, &(struct event){.kind = EVENT_TIME});
        SIM_CHECK(core_next_wake(w->core[0]) > at_us, "what is due stays due");
    }
    w->now_us = until_us;
}

static void advance(struct world *w) {
    static const int64_t spans[] = {0, 0, 1, 1000, 500000, 2000000, 10000000};
    uint64_t span = (uint64_t)spans[rand_below(&w->r, 7)];
    if (sim_one_in(&w->r, 500)) {
        span = 2000000000;
    }
    int64_t until_us = w->now_us + (int64_t)(span > 0 ? rand_below(&w->r, span + 1) : 0);
    if (sim_one_in(&w->r, 2)) {
        pass_time(w, until_us);
    } else {
        w->now_us = until_us; /* the loop was busy: what was due meanwhile is done with the next event */
    }
}

/* --- the oracle --- */

static bool naive_stale(const struct world *w, uint32_t tag) {
    const struct naive_tag *t = &w->tags[tag];
    uint32_t g = w->spec.tags[tag].gateway;
    int64_t stale_us = spec_us(w->spec.tags[tag].stale_s);
    int64_t from_us = t->seen && t->received_us > w->since_us[g] ? t->received_us : w->since_us[g];
    return w->up[g] && stale_us > 0 && w->now_us - from_us >= stale_us;
}

static uint8_t naive_quality(const struct world *w, uint32_t tag) {
    const struct naive_tag *t = &w->tags[tag];
    if (!t->seen) {
        return naive_stale(w, tag) ? 0xA7 : 0xAC;
    }
    if (naive_stale(w, tag)) {
        return (uint8_t)(0x87 | (t->quality & 0x20));
    }
    return t->lost ? (uint8_t)(0x81 | (t->quality & 0x20)) : t->quality;
}

static void naive_alarms(struct world *w, uint32_t tag) {
    const struct naive_tag *t = &w->tags[tag];
    uint8_t q = naive_quality(w, tag);
    if (q >= 0x80 || (q & 0x20) != 0) {
        return;
    }
    for (uint32_t i = 0; i < w->spec.n_alarms; i++) {
        const struct spec_alarm *a = &w->spec.alarms[i];
        if (!w->undelayed[i] || a->tag != tag || a->disabled || a->absent) {
            continue;
        }
        if (a->kind == ALARM_HIGH) {
            w->active[i] = t->value > a->limit || (w->active[i] && t->value > a->limit - a->deadband);
        } else {
            w->active[i] = t->value < a->limit || (w->active[i] && t->value < a->limit + a->deadband);
        }
    }
}

/* tag of the spec, time as believed */
struct naive_sample {
    int64_t t_us;
    double value;
    uint32_t tag;
    uint8_t quality;
};

static void naive_apply(struct world *w, const struct naive_sample *s) {
    struct naive_tag *t = &w->tags[s->tag];
    bool bad = (s->quality & 0x20) != 0;
    t->quality = s->quality;
    if (!bad && !isfinite(s->value)) {
        t->quality = s->quality >= 0x80 ? (uint8_t)(s->quality | 0x20) : 0xA2;
        bad = true;
    }
    if (!bad) {
        t->value = s->value;
        t->has_value = true;
    }
    t->seen = true;
    t->t_us = s->t_us;
    t->received_us = w->now_us;
    t->lost = !w->up[w->spec.tags[s->tag].gateway];
}

static void naive_message(struct world *w, uint32_t gateway, bool snapshot, struct naive_sample *v,
                          uint32_t n) {
    for (uint32_t i = 1; i < n; i++) { /* insertion sort: stable */
        for (uint32_t j = i; j > 0 && v[j].t_us < v[j - 1].t_us; j--) {
            struct naive_sample swap = v[j];
            v[j] = v[j - 1];
            v[j - 1] = swap;
        }
    }
    for (uint32_t first = 0; first < n;) {
        uint32_t end = first;
        bool touched[TAGS_MAX] = {false};
        for (; end < n && v[end].t_us == v[first].t_us; end++) {
            uint32_t tag = v[end].tag;
            if (w->spec.tags[tag].gateway != gateway) {
                w->foreign++;
            } else if (!snapshot && w->tags[tag].seen && v[end].t_us < w->tags[tag].t_us) {
                w->late++;
            } else {
                naive_apply(w, &v[end]);
                touched[tag] = true;
            }
        }
        for (uint32_t tag = 0; tag < w->spec.n_tags; tag++) {
            if (touched[tag]) {
                naive_alarms(w, tag);
            }
        }
        first = end;
    }
}

/* --- comparing --- */

static void compare_tag(struct world *w, uint32_t tag, bool changed) {
    uint32_t index = spec_tag_index(w->model, tag);
    struct tag_live live = core_tag(w->core[0], index);
    struct naive_tag *t = &w->tags[tag];
    SIM_CHECK(live.quality == naive_quality(w, tag), "quality %02x, %02x was expected", live.quality,
              naive_quality(w, tag));
    SIM_CHECK(t->has_value ? live.value == t->value : isnan(live.value), "value %g, not %g", live.value,
              t->value);
    SIM_CHECK(live.t_us == t->t_us && live.received_us == t->received_us, "times");
    if (changed) {
        t->shown = live.value;
        t->shown_t_us = live.t_us;
        t->shown_quality = live.quality;
        return;
    }
    SIM_CHECK(live.quality == t->shown_quality, "a change of quality was not told");
    if (w->spec.tags[tag].deadband > 0) {
        SIM_CHECK(!(fabs(live.value - t->shown) >= w->spec.tags[tag].deadband) &&
                      isnan(live.value) == isnan(t->shown),
                  "a change was not told");
    } else {
        SIM_CHECK(live.t_us == t->shown_t_us && (live.value == t->shown || isnan(live.value)),
                  "a change was not told");
    }
}

static void compare_tags(struct world *w) {
    bool changed[TAGS_MAX] = {false};
    uint32_t tags[3];
    uint32_t n = 0;
    while ((n = core_take_changed(w->core[0], tags, 3)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t tag = (uint32_t)(w->model->tags[tags[i]].key - SPEC_KEY_TAG);
            SIM_CHECK(!changed[tag], "told twice");
            changed[tag] = true;
        }
    }
    for (uint32_t tag = 0; tag < w->spec.n_tags; tag++) {
        if (!w->spec.tags[tag].absent) {
            compare_tag(w, tag, changed[tag]);
        }
    }
}

static void compare_alarms(struct world *w) {
    struct core_counts is = core_counts(w->core[0]);
    uint32_t unacked[5] = {0};
    uint32_t active = 0;
    for (uint32_t i = 0; i < w->spec.n_alarms; i++) {
        if (w->spec.alarms[i].absent) {
            continue;
        }
        struct alarm_view v = core_alarm(w->core[0], spec_alarm_index(w->model, i));
        const struct sim_journal *j = &w->journal[0];
        SIM_CHECK(v.letter == (j->has[i] ? j->newest[i].to : 'A'), "shown %c", v.letter);
        SIM_CHECK(v.n == (j->has[i] ? j->newest[i].n : 0), "n");
        bool waits = v.letter == 'B' || v.letter == 'D';
        bool on = v.letter == 'B' || v.letter == 'C';
        SIM_CHECK((v.letter == 'Z') == w->spec.alarms[i].disabled, "disabled is what the configuration says");
        SIM_CHECK(!w->undelayed[i] || on == w->active[i], "alarm %u is %c, the oracle says active=%d", i,
                  v.letter, w->active[i]);
        unacked[0] += waits;
        unacked[v.priority] += waits;
        active += on;
    }
    SIM_CHECK(memcmp(unacked, is.unacked, sizeof unacked) == 0 && active == is.active, "counts");
    SIM_CHECK(is.late == w->late && is.backlog == w->backlog && is.foreign == w->foreign, "counters");
}

static void compare(struct world *w) {
    if (!sim_one_in(&w->r, 4)) {
        return; /* more may happen at this time before its timers run */
    }
    apply(w, &(struct event){.kind = EVENT_TIME});
    compare_tags(w);
    compare_alarms(w);
    if (sim_one_in(&w->r, 8)) {
        idle(w, 1, w->now_us);
        SIM_CHECK(core_hash(w->core[0]) == core_hash(w->core[1]), "two cores, two states");
    }
}

/* --- what may happen --- */

static int64_t pick_time(struct world *w, uint32_t tag) {
    switch (rand_below(&w->r, 16)) {
    case 0:
        return w->now_us - (int64_t)rand_below(&w->r, 20000000);
    case 1:
        return w->tags[tag].t_us;
    case 2:
        return w->now_us + (int64_t)rand_below(&w->r, 6000000);
    case 3:
        return sim_one_in(&w->r, 4) ? (int64_t)rand_u64(&w->r) : w->now_us - 1000000;
    default:
        return w->now_us;
    }
}

static uint8_t pick_quality(struct world *w) {
    static const uint8_t some[] = {0x40, 0x43, 0x82, 0xA2, 0xC0, 0x20};
    uint64_t i = rand_below(&w->r, 40);
    return i < sizeof some ? some[i] : 0;
}

static double pick_value(struct world *w) {
    static const double some[] = {1e308, -1e308, -0.0, 5e-324};
    if (sim_one_in(&w->r, 50)) {
        return sim_one_in(&w->r, 2) ? (sim_one_in(&w->r, 2) ? (double)NAN : (double)INFINITY)
                                    : some[rand_below(&w->r, 4)];
    }
    return (double)rand_below(&w->r, 100);
}

static void happen_samples(struct world *w) {
    struct sample v[MESSAGE_MAX];
    struct naive_sample naive[MESSAGE_MAX];
    uint32_t n = 0;
    uint32_t gateway = (uint32_t)rand_below(&w->r, w->spec.n_gateways);
    uint64_t dice = rand_below(&w->r, 10);
    enum lane lane = dice == 0 ? LANE_BACKLOG : (dice == 1 ? LANE_SNAPSHOT : LANE_LIVE);
    for (uint64_t left = 1 + rand_below(&w->r, MESSAGE_MAX); left > 0; left--) {
        uint32_t tag = (uint32_t)rand_below(&w->r, w->spec.n_tags);
        bool own = w->spec.tags[tag].gateway == gateway;
        if (w->spec.tags[tag].absent || (!own && !sim_one_in(&w->r, 30))) {
            continue;
        }
        v[n] = (struct sample){.tag = spec_tag_index(w->model, tag),
                               .quality = pick_quality(w),
                               .t_us = pick_time(w, tag),
                               .value = pick_value(w)};
        naive[n] = (struct naive_sample){
            .tag = tag, .quality = v[n].quality, .value = v[n].value, .t_us = v[n].t_us};
        if (v[n].t_us > w->now_us + 5000000) {
            naive[n].t_us = w->now_us;
            naive[n].quality =
                (v[n].quality & 0xC0) == 0 ? (uint8_t)(0x46 | (v[n].quality & 0x20)) : v[n].quality;
        }
        if (v[n].t_us < -(INT64_C(1) << 60)) {
            naive[n].t_us = -(INT64_C(1) << 60);
        }
        n++;
    }
    apply(w,
          &(struct event){
              .kind = EVENT_SAMPLES,
              .samples = {.gateway = spec_gateway_index(w->model, gateway), .lane = lane, .n = n, .v = v}});
    if (lane == LANE_BACKLOG) {
        w->backlog += n;
    } else {
        naive_message(w, gateway, lane == LANE_SNAPSHOT, naive, n);
    }
}

static void happen_link(struct world *w) {
    uint32_t gateway = (uint32_t)rand_below(&w->r, w->spec.n_gateways);
    bool up = !sim_one_in(&w->r, 3);
    apply(w, &(struct event){.kind = EVENT_LINK,
                             .link = {.gateway = spec_gateway_index(w->model, gateway), .up = up}});
    if (up == w->up[gateway]) {
        return;
    }
    w->up[gateway] = up;
    w->since_us[gateway] = w->now_us;
    for (uint32_t i = 0; i < w->spec.n_tags; i++) {
        w->tags[i].lost = w->tags[i].lost || w->spec.tags[i].gateway == gateway;
    }
}

static void happen_ack(struct world *w) {
    uint32_t spec = (uint32_t)rand_below(&w->r, w->spec.n_alarms);
    bool absent = w->spec.alarms[spec].absent;
    uint32_t alarm = absent ? MODEL_NONE : spec_alarm_index(w->model, spec);
    uint32_t newest = absent ? 1 : core_alarm(w->core[0], alarm).call;
    uint32_t call = sim_one_in(&w->r, 4) ? newest - 1 + (uint32_t)rand_below(&w->r, 3) : newest;
    apply(w, &(struct event){.kind = EVENT_ACK,
                             .ack = {.request = w->events,
                                     .alarm = alarm,
                                     .call = call,
                                     .actor_key = 9,
                                     .actor = "anna",
                                     .comment = "seen"}});
}

static void happen_restart(struct world *w) {
    struct alarm_view before[ALARMS_MAX];
    for (uint32_t i = 0; i < w->model->n_alarms; i++) {
        before[i] = core_alarm(w->core[0], i);
    }
    w->now_us += (int64_t)rand_below(&w->r, 100000000);
    for (int k = 0; k < 2; k++) {
        core_free(&w->core[k]);
        w->core[k] = sim_restart(&w->journal[0], w->model, w->now_us);
        for (uint32_t i = 0; i < w->model->n_alarms; i++) {
            struct alarm_view v = core_alarm(w->core[k], i);
            SIM_CHECK(v.letter == before[i].letter && v.occ == before[i].occ && v.call == before[i].call &&
                          v.n == before[i].n && v.raised_us == before[i].raised_us,
                      "a restart changed alarm %u: %c, was %c", i, v.letter, before[i].letter);
        }
    }
    for (uint32_t i = 0; i < w->spec.n_tags; i++) {
        w->tags[i] = (struct naive_tag){.lost = true, .shown = NAN, .shown_quality = 0xAC};
    }
    for (uint32_t i = 0; i < w->spec.n_gateways; i++) {
        w->up[i] = false;
        w->since_us[i] = w->now_us;
    }
    w->late = 0;
    w->backlog = 0;
    w->foreign = 0;
    w->restarts++;
    uint64_t seq = w->journal[0].seq;
    apply(w, &(struct event){.kind = EVENT_TIME});
    SIM_CHECK(w->journal[0].seq == seq, "nothing rings or returns without evidence");
}

static void change_alarm(struct world *w) {
    uint32_t i = (uint32_t)rand_below(&w->r, w->spec.n_alarms);
    struct spec_alarm *a = &w->spec.alarms[i];
    switch (rand_below(&w->r, 4)) {
    case 0:
        a->disabled = !a->disabled;
        break;
    case 1:
        a->absent = !a->absent || (a->kind != ALARM_COMM && w->spec.tags[a->tag].absent);
        break;
    case 2:
        a->limit = (double)rand_below(&w->r, 100);
        a->deadband = (double)rand_below(&w->r, 20);
        break;
    default:
        if (!w->undelayed[i]) {
            a->on_s = pick_seconds(&w->r);
            a->off_s = pick_seconds(&w->r);
        }
        a->priority = (uint8_t)(1 + rand_below(&w->r, 4));
        break;
    }
}

static void toggle_tag(struct world *w, uint32_t tag) {
    w->spec.tags[tag].absent = !w->spec.tags[tag].absent;
    w->tags[tag] = (struct naive_tag){.lost = true, .shown = NAN, .shown_quality = 0xAC};
    for (uint32_t i = 0; i < w->spec.n_alarms; i++) {
        if (w->spec.alarms[i].kind != ALARM_COMM && w->spec.alarms[i].tag == tag) {
            w->spec.alarms[i].absent = w->spec.tags[tag].absent;
        }
    }
}

static void happen_revision(struct world *w) {
    apply(w, &(struct event){.kind = EVENT_TIME});
    compare_tags(w);
    w->spec.revision++;
    change_alarm(w);
    change_alarm(w);
    if (sim_one_in(&w->r, 4)) {
        toggle_tag(w, (uint32_t)rand_below(&w->r, w->spec.n_tags));
    }
    for (uint32_t i = 0; i < w->spec.n_alarms; i++) {
        w->active[i] = w->active[i] && !w->spec.alarms[i].disabled && !w->spec.alarms[i].absent;
    }
    struct model *model = spec_model(&w->spec);
    for (int i = 0; i < 2; i++) {
        struct core *next = NULL;
        uint64_t hash = core_hash(w->core[i]);
        enum status status = core_next(w->core[i], model, w->now_us, sim_sink(&w->journal[i]), &next, NULL);
        SIM_CHECK(status == OK && core_hash(w->core[i]) == hash,
                  "a new revision leaves the old core as it was");
        core_free(&w->core[i]);
        w->core[i] = next;
    }
    SIM_CHECK(w->journal[0].digest == w->journal[1].digest, "two cores, two stories");
    model_free(&w->model);
    w->model = model;
    w->revisions++;
    for (uint32_t tag = 0; tag < w->spec.n_tags; tag++) {
        naive_alarms(w, tag);
    }
}

static void run_world(struct world *w, uint64_t seed) {
    make_world(w, seed);
    while (w->events < EVENTS) {
        advance(w);
        uint64_t dice = rand_below(&w->r, 3000);
        if (dice == 0) {
            apply(w, &(struct event){.kind = EVENT_TIME});
            happen_restart(w);
        } else if (dice < 6) {
            happen_revision(w);
        } else if (dice < 300) {
            happen_link(w);
        } else if (dice < 700) {
            happen_ack(w);
        } else if (dice < 1000) {
            apply(w, &(struct event){.kind = EVENT_TIME});
        } else {
            happen_samples(w);
        }
        compare(w);
    }
    end_world(w);
}

int main(void) {
    uint64_t seed = sim_seed(20260101);
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    uint64_t events = 0;
    uint64_t kinds[RECORD_KINDS] = {0};
    uint64_t restarts = 0;
    uint64_t revisions = 0;
    for (uint64_t i = 0; i < WORLDS; i++) {
        run_world(w, seed + i);
        events += w->events;
        restarts += w->restarts;
        revisions += w->revisions;
        for (int k = 0; k < RECORD_KINDS; k++) {
            kinds[k] += w->journal[0].kinds[k];
        }
    }
    printf("%llu events, %llu restarts, %llu revisions\n", (unsigned long long)events,
           (unsigned long long)restarts, (unsigned long long)revisions);
    for (int k = 0; k < RECORD_KINDS; k++) {
        printf("%s %llu\n", alarm_record_kind_name((enum alarm_record_kind)k), (unsigned long long)kinds[k]);
        SIM_CHECK(kinds[k] > 0, "a run that never sees this kind proves nothing about it");
    }
    SIM_CHECK(events >= 1000000 && restarts > 10 && revisions > 100, "too little happened");
    free(w);
    return 0;
}
