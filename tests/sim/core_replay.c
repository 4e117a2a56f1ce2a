/* The same configuration and events give the same journal, to the byte: in every build (digests in
 * core_replay.digests; `--renew` writes them, to be read as a diff), live or replayed from a recording, in
 * one life or in many. That the live state is the fold of the journal is proved in core_alarms.c. */
#include "tests/lib/sim_alarms.h"

#define DIGESTS "tests/sim/core_replay.digests"

enum { GOLDEN = 12, GOLDEN_EVENTS = 2500, REPLAYS = 40, REPLAY_EVENTS = 3000, CUTS = 60, CUT_EVENTS = 1500 };

/* --- in every build --- */

static uint64_t digest_of(uint64_t seed, uint64_t *ret_records) {
    struct world *w = sim_begin(seed);
    for (uint32_t i = 0; i < GOLDEN_EVENTS; i++) {
        sim_event(w);
    }
    uint64_t digest = w->digest;
    *ret_records = w->n_records;
    sim_end(w);
    return digest;
}

static void renew_digests(void) {
    FILE *file = fopen(DIGESTS, "w");
    CHECK(file != NULL);
    for (uint64_t seed = 1; seed <= GOLDEN; seed++) {
        uint64_t records = 0;
        uint64_t digest = digest_of(seed, &records);
        (void)fprintf(file, "%llu %llu %016llx\n", (unsigned long long)seed, (unsigned long long)records,
                      (unsigned long long)digest);
    }
    CHECK(fclose(file) == 0);
}

static void check_digests(void) {
    char line[128];
    uint64_t n = 0;
    FILE *file = fopen(DIGESTS, "r");
    SIM_CHECK(file != NULL, "%s is not there", DIGESTS);
    while (fgets(line, sizeof line, file) != NULL) {
        char *at = line;
        uint64_t seed = strtoull(at, &at, 10);
        uint64_t records = strtoull(at, &at, 10);
        uint64_t want = strtoull(at, NULL, 16);
        uint64_t is_records = 0;
        uint64_t is = digest_of(seed, &is_records);
        SIM_CHECK(
            is == want && is_records == records,
            "seed %llu has %llu records, digest %016llx; recorded are %llu, %016llx. If the core was meant "
            "to change: sim_core_replay --renew",
            (unsigned long long)seed, (unsigned long long)is_records, (unsigned long long)is,
            (unsigned long long)records, (unsigned long long)want);
        n++;
    }
    (void)fclose(file);
    SIM_CHECK(n == GOLDEN, "%s has %llu digests", DIGESTS, (unsigned long long)n);
}

/* --- live or replayed --- */

static void check_equal(const struct world *live, const struct world *other) {
    char a[JOURNAL_LINE];
    char b[JOURNAL_LINE];
    for (uint64_t i = 0; i < live->n_records && i < other->n_records; i++) {
        journal_line(&live->records[i], a);
        journal_line(&other->records[i], b);
        SIM_CHECK(strcmp(a, b) == 0, "the journals part at record %llu:\n%s\n%s", (unsigned long long)(i + 1),
                  a, b);
    }
    SIM_CHECK(live->n_records == other->n_records, "%llu records, %llu in the other",
              (unsigned long long)live->n_records, (unsigned long long)other->n_records);
    SIM_CHECK(memcmp(live->replies, other->replies, sizeof live->replies) == 0, "the answers differ");
}

static struct world *begin_replay(const struct sim_tape *tape, uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    CHECK(w != NULL);
    sim_failing_world = w;
    w->seed = seed;
    w->now_us = SIM_BASE_US;
    w->model = tape->first;
    memset(w->letter, 'A', sizeof w->letter);
    CHECK(core_new(w->model, NULL, w->now_us, &w->core, &err) == OK);
    return w;
}

static void end_replay(struct world *w) {
    core_free(&w->core);
    free(w->records);
    free(w);
}

static void replay_step(struct world *w, const struct sim_tape *tape, const struct sim_step *step) {
    struct event event = sim_tape_read(tape, step);
    struct core *core = NULL;
    struct error err;
    w->now_us = step->now_us;
    switch (step->kind) {
    case STEP_EVENT:
        sim_apply(w, &event);
        return;
    case STEP_REVISION: {
        enum status status = core_next(w->core, step->model, w->now_us, sim_sink(w), &core, &err);
        SIM_CHECK(status == OK, "%s: %s", err.where, err.text);
        w->model = step->model;
        break;
    }
    case STEP_RESTART:
        core = sim_restarted(w, step->reduced, w->now_us);
        break;
    }
    core_free(&w->core);
    w->core = core;
}

static uint64_t replay(uint64_t seed) {
    struct world *live = sim_begin(seed);
    sim_record(live);
    for (uint32_t i = 0; i < REPLAY_EVENTS; i++) {
        sim_event(live);
    }
    struct world *again = begin_replay(live->tape, seed);
    for (uint64_t i = 0; i < live->tape->n; i++) {
        replay_step(again, live->tape, &live->tape->step[i]);
    }
    check_equal(live, again);
    SIM_CHECK(core_hash(live->core) == core_hash(again->core), "the states differ at the end");
    uint64_t n = live->n_records;
    end_replay(again);
    sim_end(live);
    return n;
}

/* --- in one life or in many --- */

/* Nothing here takes time by itself: no delays, windows or sums, which a restart forgets as specified; and
 * three activations never come within a minute, since what chatters is forgotten, too. */
static void calm_alarm(struct world *w, uint32_t i) {
    struct rand *r = &w->r;
    char kind[256];
    char name[32];
    char more[256] = "";
    unsigned t = (unsigned)rand_below(r, 4);
    unsigned limit = (unsigned)rand_below(r, 80) + 10;
    switch (i % 7) {
    case 0:
        (void)snprintf(kind, sizeof kind,
                       "\"kind\":\"high\",\"tag\":\"S/T%u\",\"limit\":%u.%u,\"deadband\":%u", t, limit, i,
                       (unsigned)rand_below(r, 5));
        break;
    case 1:
        (void)snprintf(kind, sizeof kind, "\"kind\":\"low\",\"tag\":\"S/T%u\",\"limit_tag\":\"S/T3\"", t % 3);
        break;
    case 2:
        (void)snprintf(kind, sizeof kind,
                       "\"kind\":\"dev\",\"tag\":\"S/T0\",\"setpoint\":\"S/T1\",\"limit\":%u", limit);
        break;
    case 3:
        (void)snprintf(kind, sizeof kind, "\"kind\":\"state\",\"tag\":\"S/T2\",\"states\":[%u,%u,7]", limit,
                       limit + 1);
        break;
    case 4:
        (void)snprintf(kind, sizeof kind, "\"kind\":\"quality\",\"tag\":\"S/T%u\"", t);
        break;
    case 5:
        (void)snprintf(kind, sizeof kind, "\"kind\":\"expr\",\"expr\":\"T%u > %u or (CALC > 50 and B0)\"", t,
                       limit);
        break;
    default:
        (void)snprintf(kind, sizeof kind, "\"kind\":\"disc\",\"command\":\"S/B0\",\"feedback\":\"S/B1\"");
        break;
    }
    size_t n = 0;
#define CALM_MORE(...) (n += (size_t)snprintf(more + n, sizeof more - n, __VA_ARGS__))
    CALM_MORE(",\"ack\":\"%s\"", SIM_PICK(r, "manual", "manual", "auto"));
    CALM_MORE(",\"latch\":%s,\"confirm\":%s", sim_one_in(r, 3) ? "true" : "false",
              sim_one_in(r, 4) ? "true" : "false");
    CALM_MORE(",\"on_bad\":\"%s\"", SIM_PICK(r, "hold", "hold", "alarm", "normal"));
    CALM_MORE(",\"groups\":[%s]", SIM_PICK(r, "", "\"g1\"", "\"g2\""));
    if (sim_one_in(r, 3)) {
        CALM_MORE(",\"realarm_s\":%u", 60 + (unsigned)rand_below(r, 500));
    }
    if (sim_one_in(r, 3)) {
        CALM_MORE(",\"escalate_after_s\":%u,\"escalate_priority\":1", 50 + (unsigned)rand_below(r, 500));
    }
    if (sim_one_in(r, 4)) {
        CALM_MORE(",\"suppress_when\":\"not B%u\"", (unsigned)rand_below(r, 2));
    }
#undef CALM_MORE
    CHECK(n < sizeof more);
    (void)snprintf(name, sizeof name, "S/A%02u", i);
    sim_put(w, CONFIG_ALARM, name, 100 + (int64_t)i, "{\"name\":\"%s\",%s,\"priority\":3%s}", name, kind,
            more);
}

static struct world *begin_calm(uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    CHECK(w != NULL);
    sim_failing_seed = seed;
    sim_failing_world = w;
    w->seed = seed;
    w->polite = true; /* that a person overruled a rule which still holds is not remembered over a restart */
    w->revision = 1;
    w->now_us = SIM_BASE_US;
    rand_seed(&w->r, seed);
    memset(w->letter, 'A', sizeof w->letter);
    CHECK(config_set_new(&w->set, &err) == OK);
    sim_plant(w);
    sim_put(w, CONFIG_GROUP, "g2", 41, "{\"name\":\"g2\",\"suppress_when\":\"\\\"S/B1\\\"\"}");
    for (uint32_t i = 0; i < 20; i++) {
        calm_alarm(w, i);
    }
    w->model = sim_compile(w);
    CHECK(core_new(w->model, NULL, w->now_us, &w->core, &err) == OK);
    return w;
}

static void link_up(struct world *w, uint32_t gateway) {
    sim_apply(w, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = true}});
}

/* One message of a gateway, as of now. */
static void calm_samples(struct world *w) {
    static const char *const names[] = {"S/T0", "S/T1", "S/T2", "S/T3", "S/B0", "S/B1"};
    struct sample v[6];
    uint32_t n = 0;
    uint32_t gateway = (uint32_t)rand_below(&w->r, 2);
    for (uint32_t t = 0; t < 6; t++) {
        uint32_t tag = model_find_tag(w->model, slice_str(names[t]));
        if (w->model->tags[tag].gateway != gateway || sim_one_in(&w->r, 2)) {
            continue;
        }
        double value = t >= 4 ? (double)rand_below(&w->r, 2) : (double)rand_below(&w->r, 100);
        /* What suppresses is always known: how long a blind rule is kept begins anew with each life. */
        uint8_t quality = t < 4 && sim_one_in(&w->r, 8) ? QUALITY_BAD | REASON_SENSOR : QUALITY_GOOD;
        quality = sim_one_in(&w->r, 12) ? QUALITY_UNCERTAIN : quality;
        v[n++] = (struct sample){.tag = tag, .quality = quality, .t_us = w->now_us, .value = value};
    }
    sim_apply(w, &(struct event){.kind = EVENT_SAMPLES, .samples = {.gateway = gateway, .n = n, .v = v}});
}

static void calm_event(struct world *w) {
    w->now_us += 25 * SIM_SECOND_US + (int64_t)rand_below(&w->r, 40000000);
    for (int64_t wake_us = 0; (wake_us = core_next_wake(w->core)) < w->now_us;) {
        int64_t now_us = w->now_us;
        w->now_us = wake_us;
        sim_apply(w, &(struct event){.kind = EVENT_TIME});
        w->now_us = now_us;
    }
    if (sim_one_in(&w->r, 2)) {
        calm_samples(w);
    } else if (sim_one_in(&w->r, 8)) {
        sim_apply(w, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = MODEL_NONE}});
    } else {
        sim_request(w);
    }
}

/* Dies, and starts again with its journal; the gateways come and say what is true. */
static void die_and_rise(struct world *w) {
    struct tag_live live[SIM_TAGS];
    CHECK(w->model->n_tags <= SIM_TAGS);
    for (uint32_t i = 0; i < w->model->n_tags; i++) {
        live[i] = core_tag(w->core, i);
    }
    struct core *core = sim_restarted(w, sim_one_in(&w->r, 2), w->now_us);
    core_free(&w->core);
    w->core = core;
    for (uint32_t g = 0; g < w->model->n_gateways; g++) {
        struct sample v[SIM_TAGS];
        uint32_t n = 0;
        link_up(w, g);
        for (uint32_t i = 0; i < w->model->n_tags; i++) {
            if (w->model->tags[i].gateway == g && live[i].t_us != 0) {
                v[n++] = (struct sample){
                    .tag = i, .quality = live[i].quality, .t_us = live[i].t_us, .value = live[i].value};
            }
        }
        sim_apply(w, &(struct event){.kind = EVENT_SAMPLES,
                                     .samples = {.gateway = g, .lane = LANE_SNAPSHOT, .n = n, .v = v}});
    }
}

/* The next record that a life without a cut has, too: what is known or not is the cut's own. */
static const struct alarm_record *next_record(const struct world *w, uint64_t *at) {
    while (*at < w->n_records && w->records[*at].kind == RECORD_QUALITY) {
        (*at)++;
    }
    return *at < w->n_records ? &w->records[(*at)++] : NULL;
}

static void check_same_events(const struct world *whole, const struct world *cut) {
    uint64_t i = 0;
    uint64_t k = 0;
    for (;;) {
        char a[JOURNAL_LINE] = "the end";
        char b[JOURNAL_LINE] = "the end";
        const struct alarm_record *x = next_record(whole, &i);
        const struct alarm_record *y = next_record(cut, &k);
        if (x == NULL && y == NULL) {
            return;
        }
        if (x != NULL) {
            journal_event(x, a);
        }
        if (y != NULL) {
            journal_event(y, b);
        }
        SIM_CHECK(strcmp(a, b) == 0, "the life that was cut differs:\n%s\n%s", a, b);
    }
}

static uint64_t live_with_cuts(uint64_t seed) {
    struct world *whole = begin_calm(seed);
    sim_record(whole);
    link_up(whole, 0);
    link_up(whole, 1);
    for (uint32_t i = 0; i < CUT_EVENTS; i++) {
        calm_event(whole);
    }
    struct world *cut = begin_replay(whole->tape, seed);
    rand_seed(&cut->r, seed ^ 0xC0FFEE);
    for (uint64_t i = 0; i < whole->tape->n; i++) {
        replay_step(cut, whole->tape, &whole->tape->step[i]);
        if (i > 2 && sim_one_in(&cut->r, 20)) {
            die_and_rise(cut);
        }
    }
    check_same_events(whole, cut);
    SIM_CHECK(memcmp(whole->replies, cut->replies, sizeof cut->replies) == 0, "the answers differ");
    uint64_t n = whole->n_records;
    end_replay(cut);
    sim_end(whole);
    return n;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--renew") == 0) {
        renew_digests();
        return 0;
    }
    check_digests();
    uint64_t seed = sim_seed(1);
    uint64_t replayed = 0;
    uint64_t cut = 0;
    for (uint64_t i = 0; i < REPLAYS; i++) {
        replayed += replay(seed + i);
    }
    for (uint64_t i = 0; i < CUTS; i++) {
        cut += live_with_cuts(seed + i);
    }
    printf("%llu records replayed, %llu through restarts\n", (unsigned long long)replayed,
           (unsigned long long)cut);
    SIM_CHECK(replayed > 10000 && cut > 10000, "too little happened");
    return 0;
}
