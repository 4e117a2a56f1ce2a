/* A random plant for simulations of the alarm system: configuration through the real compiler, events through
 * the real core, the journal checked record by record as it is written. A breach prints the seed and aborts.
 */
#ifndef PENSTOCK_TESTS_SIM_ALARMS_H
#define PENSTOCK_TESTS_SIM_ALARMS_H

#include "server/base/check.h"
#include "server/base/rand.h"
#include "server/config/config.h"
#include "server/core/core.h"
#include "tests/lib/journal_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIM_ALARMS = 40, SIM_KEYS = 1000, SIM_TAGS = 8, SIM_TEXT = 1024 };
#define SIM_BASE_US   INT64_C(1767225600000000)
#define SIM_SECOND_US INT64_C(1000000)

/* What was done to a core, as values: it can be done again to another one. */
enum sim_step_kind { STEP_EVENT, STEP_REVISION, STEP_RESTART };

struct sim_step {
    enum sim_step_kind kind;
    int64_t now_us;
    struct event event;
    uint64_t first_sample;
    char text[4][64];    /* of a request: actor, desk, comment, source */
    struct model *model; /* of a revision */
    bool reduced;        /* of a restart: from what the store would load */
};

struct sim_tape {
    struct model *first; /* that it begins with */
    struct sim_step *step;
    uint64_t n;
    uint64_t cap;
    struct sample *sample;
    uint64_t n_samples;
    uint64_t cap_samples;
};

struct world {
    struct rand r;
    struct sim_tape *tape; /* NULL: nothing is recorded */
    bool polite;           /* nobody speaks in the name of a rule or a group */
    uint64_t seed;
    struct config_set *set;
    struct model *model;
    struct core *core;
    int64_t revision;
    int64_t now_us;
    int64_t at_us; /* of the newest record */
    uint64_t n_records;
    uint64_t cap_records;
    struct alarm_record *records;
    uint64_t digest;
    uint64_t kinds[RECORD_KINDS];
    char letter[SIM_KEYS]; /* by alarm key: where its journal ends */
    uint32_t occ[SIM_KEYS];
    uint32_t call[SIM_KEYS];
    uint64_t n[SIM_KEYS];
    double value[SIM_TAGS];
    int64_t ts_us[SIM_TAGS];
    uint64_t replies[ALARM_REPLIES];
};

static inline uint64_t sim_seed(uint64_t otherwise) {
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? otherwise : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* How many: from the environment (RUNS=…, for whoever wants more or less than the ordinary tests) or the
 * given number. */
static inline uint32_t sim_runs(uint32_t otherwise) {
    const char *text = getenv("RUNS");
    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

static uint64_t sim_failing_seed;

static inline void sim_print_tail(void);

__attribute__((noreturn, cold, format(printf, 3, 4))) static inline void
sim_fail(int line, const char *condition, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)fprintf(stderr, "SEED=%llu line %d: %s: ", (unsigned long long)sim_failing_seed, line, condition);
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    sim_print_tail();
    abort();
}

#define SIM_CHECK(condition, ...) ((condition) ? (void)0 : sim_fail(__LINE__, #condition, __VA_ARGS__))

static const struct world *sim_failing_world;

static inline bool sim_one_in(struct rand *r, uint64_t n) {
    return rand_below(r, n) == 0;
}

static inline const char *sim_name(const struct world *w, uint32_t alarm) {
    static char text[MODEL_NAME_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s", SLICE_ARG(w->model->alarm_texts[alarm].name));
    return text;
}

/* The newest records, for whoever looks into a failure. ALARM=key: those of one alarm. */
static inline void sim_print_tail(void) {
    const struct world *w = sim_failing_world;
    if (w == NULL) {
        return;
    }
    const char *only = getenv("ALARM");
    uint64_t first = w->n_records > 40 && only == NULL ? w->n_records - 40 : 0;
    for (uint64_t i = first; i < w->n_records; i++) {
        const struct alarm_record *r = &w->records[i];
        if (only == NULL || strtoll(only, NULL, 10) == r->alarm_key) {
            (void)fprintf(stderr,
                          "%llu +%.3f %s %lld %c>%c base=%c occ=%u call=%u facts=%u flags=%u src=%+.3f by=%s "
                          "source=%s\n",
                          (unsigned long long)r->seq, (double)(r->at_us - SIM_BASE_US) / 1e6,
                          alarm_record_kind_name(r->kind), (long long)r->alarm_key, r->from, r->to, r->base,
                          r->occ, r->call, r->facts, r->flags, (double)(r->src_us - SIM_BASE_US) / 1e6,
                          r->actor, r->source);
        }
    }
}

/* --- the journal --- */

static inline void sim_mix(struct world *w, const void *p, size_t n) {
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++) {
        w->digest = (w->digest ^ bytes[i]) * UINT64_C(0x100000001B3);
    }
}

static inline void sim_check_record(struct world *w, const struct alarm_record *r) {
    const char *kind = alarm_record_kind_name(r->kind);
    int64_t key = r->alarm_key;
    bool hidden = (r->flags & RECORD_HIDDEN) != 0;
    CHECK(key > 0 && key < SIM_KEYS);
    SIM_CHECK(r->seq == w->n_records + 1, "%s: seq %llu", kind, (unsigned long long)r->seq);
    SIM_CHECK(r->n == w->n[key] + 1, "%s: n %llu after %llu", kind, (unsigned long long)r->n,
              (unsigned long long)w->n[key]);
    SIM_CHECK(r->from == w->letter[key], "%s: from %c, but the last record ended in %c", kind, r->from,
              w->letter[key]);
    SIM_CHECK(r->to == alarm_shown_letter(r->facts) && r->base == alarm_base_letter(r->facts),
              "%s: %c/%c, facts %u", kind, r->to, r->base, r->facts);
    SIM_CHECK(r->at_us >= w->at_us, "%s: server time fell", kind);
    SIM_CHECK(r->occ >= w->occ[key] && r->call >= w->call[key], "%s: occ or call fell", kind);
    SIM_CHECK((r->flags & RECORD_RING) == 0 || (r->to == 'B' && !hidden), "%s: sound in %c", kind, r->to);
    SIM_CHECK(hidden == alarm_letter_hidden(r->to), "%s: hidden in %c", kind, r->to);
    SIM_CHECK((r->kind == RECORD_RAISE || r->kind == RECORD_RERAISE) == (r->occ == w->occ[key] + 1),
              "%s: an occurrence is a raise", kind);
    SIM_CHECK(((r->facts & FACT_SHELVED) != 0) == (r->until_us != 0), "%s: a shelf has an end", kind);
    SIM_CHECK((r->actor_key != 0) == (r->actor[0] != '\0'), "%s: by \"%s\", key %lld", kind, r->actor,
              (long long)r->actor_key);
    SIM_CHECK((r->facts & FACT_ENABLED) != 0 || (r->facts & ~(unsigned)(FACT_ACKED | FACT_GONE)) == 0,
              "%s: a disabled alarm has nothing, facts %u", kind, r->facts);
}

static inline void sim_on_effect(void *ctx, const struct effect *e) {
    struct world *w = ctx;
    if (e->kind == EFFECT_REPLY) {
        w->replies[e->reply.result]++;
        SIM_CHECK((e->reply.result == ALARM_OK) == (e->reply.seq != 0), "reply %s, seq %llu",
                  alarm_reply_name(e->reply.result), (unsigned long long)e->reply.seq);
        sim_mix(w, &e->reply.result, sizeof e->reply.result);
    }
    if (e->kind != EFFECT_RECORD) {
        return;
    }
    const struct alarm_record *r = &e->record;
    sim_check_record(w, r);
    if (w->n_records == w->cap_records) {
        w->cap_records = w->cap_records == 0 ? 4096 : w->cap_records * 2;
        w->records = realloc(w->records, w->cap_records * sizeof *w->records);
        CHECK(w->records != NULL);
    }
    w->records[w->n_records++] = *r;
    w->letter[r->alarm_key] = r->to;
    w->occ[r->alarm_key] = r->occ;
    w->call[r->alarm_key] = r->call;
    w->n[r->alarm_key] = r->n;
    w->at_us = r->at_us;
    w->kinds[r->kind]++;
    char line[JOURNAL_LINE];
    journal_line(r, line);
    sim_mix(w, line, strlen(line));
}

static inline struct effect_sink sim_sink(struct world *w) {
    return (struct effect_sink){.ctx = w, .emit = sim_on_effect};
}

/* --- configuration --- */

static inline void sim_put(struct world *w, enum config_kind kind, const char *name, int64_t key,
                           const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static inline void sim_put(struct world *w, enum config_kind kind, const char *name, int64_t key,
                           const char *fmt, ...) {
    char body[SIM_TEXT];
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(body, sizeof body, fmt, args);
    va_end(args);
    enum status status =
        config_set_put(w->set, kind, slice_str(name), slice_str(body), key, w->revision, faults, &n);
    SIM_CHECK(status == OK, "%s: %s %s", body, n > 0 ? faults[0].pointer : "", n > 0 ? faults[0].text : "");
}

static inline const char *sim_pick(struct rand *r, const char *const *words, size_t n) {
    return words[rand_below(r, n)];
}
#define SIM_PICK(r, ...)                                                                                     \
    sim_pick((r), (const char *const[]){__VA_ARGS__},                                                        \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* What is particular to the kind. */
static inline void sim_alarm_kind(struct world *w, uint32_t i, char *text, size_t size) {
    struct rand *r = &w->r;
    uint32_t t = (uint32_t)rand_below(r, 4);
    unsigned limit = (unsigned)rand_below(r, 80) + 10;
    switch (i % 16) {
    case 0:
    case 1:
        (void)snprintf(text, size, "\"kind\":\"high\",\"tag\":\"S/T%u\",\"limit\":%u.%u,\"deadband\":%u", t,
                       limit, i, (unsigned)rand_below(r, 5));
        break;
    case 2:
        (void)snprintf(text, size, "\"kind\":\"high\",\"tag\":\"S/T%u\",\"limit_tag\":\"S/T3\"", t);
        break;
    case 3:
        (void)snprintf(text, size, "\"kind\":\"stale\",\"tag\":\"S/T%u\",\"after_s\":%u", t, 5 + limit);
        break;
    case 4:
        (void)snprintf(text, size, "\"kind\":\"dev\",\"tag\":\"S/T0\",\"setpoint\":\"S/T1\",\"limit\":%u",
                       limit);
        break;
    case 5:
        (void)snprintf(text, size, "\"kind\":\"roc\",\"tag\":\"S/T%u\",\"limit\":%u,\"over_s\":10", t,
                       1 + limit / 9);
        break;
    case 6:
        (void)snprintf(text, size, "\"kind\":\"state\",\"tag\":\"S/T2\",\"states\":[%u,%u]", limit,
                       limit + 1);
        break;
    case 7:
        (void)snprintf(text, size, "\"kind\":\"change\",\"tag\":\"S/B%u\"", t % 2);
        break;
    case 8:
        (void)snprintf(text, size, "\"kind\":\"quality\",\"tag\":\"S/T%u\"", t);
        break;
    case 9:
        (void)snprintf(text, size, "\"kind\":\"disc\",\"command\":\"S/B0\",\"feedback\":\"S/B1\"");
        break;
    case 10:
        (void)snprintf(text, size, "\"kind\":\"expr\",\"expr\":\"avg(T%u, 20s) > %u or (T0 > 50 and B0)\"", t,
                       limit);
        break;
    case 11:
        (void)snprintf(text, size, "\"kind\":\"runtime\",\"tag\":\"S/B%u\",\"limit\":%u", t % 2, limit * 10);
        break;
    case 12:
        (void)snprintf(text, size, "\"kind\":\"total\",\"tag\":\"S/T%u\",\"limit\":%u,\"per\":\"min\"", t,
                       limit * 3);
        break;
    case 13:
        (void)snprintf(text, size,
                       "\"kind\":\"cusum\",\"tag\":\"S/T%u\",\"target\":50,\"k\":5,\"h\":%u,\"every_s\":%u",
                       t, limit * 2, 5 + t);
        break;
    case 14:
        (void)snprintf(text, size, "\"kind\":\"expr\",\"expr\":\"CALC > %u\"", limit);
        break;
    default:
        (void)snprintf(text, size, "\"kind\":\"expr\",\"expr\":\"for(B%u, %us) and count(B1, 60s) < 9\"",
                       t % 2, t + 1);
        break;
    }
}

static inline void sim_alarm(struct world *w, uint32_t i) {
    struct rand *r = &w->r;
    char name[32];
    char kind[256];
    char more[512] = "";
    size_t n = 0;
    bool none = sim_one_in(r, 8);
    bool is_plain = i % 16 != 7 && i % 16 != 3;
    (void)snprintf(name, sizeof name, "S/A%02u", i);
    sim_alarm_kind(w, i, kind, sizeof kind);
#define SIM_MORE(...) (n += (size_t)snprintf(more + n, sizeof more - n, __VA_ARGS__))
    if (is_plain && sim_one_in(r, 2)) {
        SIM_MORE(",\"on_delay_s\":%u", (unsigned)rand_below(r, 20));
    }
    if (is_plain && sim_one_in(r, 2)) {
        SIM_MORE(",\"off_delay_s\":%u", (unsigned)rand_below(r, 20));
    }
    SIM_MORE(",\"ack\":\"%s\"", none ? "none" : SIM_PICK(r, "manual", "manual", "auto"));
    SIM_MORE(",\"latch\":%s", !none && sim_one_in(r, 3) ? "true" : "false");
    SIM_MORE(",\"confirm\":%s,\"comment\":%s", sim_one_in(r, 4) ? "true" : "false",
             sim_one_in(r, 5) ? "true" : "false");
    SIM_MORE(",\"on_bad\":\"%s\"", SIM_PICK(r, "hold", "hold", "alarm", "normal"));
    if (sim_one_in(r, 3)) {
        SIM_MORE(",\"realarm_s\":%u", 10 + (unsigned)rand_below(r, 100));
    }
    if (sim_one_in(r, 3)) {
        SIM_MORE(",\"escalate_after_s\":%u,\"escalate_priority\":1", 5 + (unsigned)rand_below(r, 50));
    }
    if (sim_one_in(r, 4)) {
        SIM_MORE(",\"suppress_when\":\"not B%u\",\"unsuppress_delay_s\":%u", (unsigned)rand_below(r, 2),
                 (unsigned)rand_below(r, 20));
    }
    char higher[32] = "";
    if (i % 16 > 1 && sim_one_in(r, 6)) { /* of limit alarms the configuration wants to know which is first */
        (void)snprintf(higher, sizeof higher, "S/A%02u", (unsigned)rand_below(r, i));
    }
    if (higher[0] != '\0' && config_set_find(w->set, CONFIG_ALARM, slice_str(higher)) != NULL) {
        SIM_MORE(",\"hidden_by\":\"%s\"", higher);
    }
    SIM_MORE(",\"groups\":[%s]", SIM_PICK(r, "", "", "\"g1\"", "\"g2\"", "\"g1\",\"g2\""));
    SIM_MORE(",\"enabled\":%s,\"shelvable\":%s,\"test\":%s", sim_one_in(r, 12) ? "false" : "true",
             sim_one_in(r, 8) ? "false" : "true", sim_one_in(r, 8) ? "true" : "false");
#undef SIM_MORE
    CHECK(n < sizeof more);
    sim_put(w, CONFIG_ALARM, name, 100 + (int64_t)i, "{\"name\":\"%s\",%s,\"priority\":%u%s}", name, kind,
            (unsigned)rand_below(r, 3) + 2, more);
}

static inline void sim_plant(struct world *w) {
    sim_put(w, CONFIG_SITE, "S", 1, "{\"name\":\"S\"}");
    for (unsigned g = 0; g < 2; g++) {
        char name[16];
        (void)snprintf(name, sizeof name, "G%u", g);
        sim_put(w, CONFIG_GATEWAY, name, 2 + g, "{\"name\":\"G%u\",\"site\":\"S\"}", g);
    }
    for (unsigned t = 0; t < 4; t++) {
        char name[16];
        (void)snprintf(name, sizeof name, "S/T%u", t);
        sim_put(w, CONFIG_TAG, name, 10 + t,
                "{\"name\":\"S/T%u\",\"gateway\":\"G%u\",\"type\":\"%s\",\"low\":-1e6,\"high\":1e6}", t,
                t / 2, t == 2 ? "int" : "float");
    }
    for (unsigned t = 0; t < 2; t++) {
        char name[16];
        (void)snprintf(name, sizeof name, "S/B%u", t);
        sim_put(w, CONFIG_TAG, name, 20 + t, "{\"name\":\"S/B%u\",\"gateway\":\"G0\",\"type\":\"bool\"}", t);
    }
    sim_put(w, CONFIG_TAG, "S/CALC", 30, "{\"name\":\"S/CALC\",\"expr\":\"T0 + T2\"}");
    sim_put(w, CONFIG_GROUP, "g1", 40, "{\"name\":\"g1\"}");
    sim_put(w, CONFIG_GROUP, "g2", 41,
            "{\"name\":\"g2\",\"suppress_when\":\"\\\"S/B1\\\"\",\"unsuppress_delay_s\":5}");
    for (unsigned g = 0; g < 2; g++) {
        char name[16];
        (void)snprintf(name, sizeof name, "S/G%u.comm", g);
        sim_put(w, CONFIG_ALARM, name, 50 + g,
                "{\"name\":\"%s\",\"kind\":\"comm\",\"gateway\":\"G%u\",\"priority\":2,\"after_s\":10}", name,
                g);
        (void)snprintf(name, sizeof name, "S/G%u.clock", g);
        sim_put(w, CONFIG_ALARM, name, 60 + g,
                "{\"name\":\"%s\",\"kind\":\"clock\",\"gateway\":\"G%u\",\"priority\":3,\"off_delay_s\":5}",
                name, g);
    }
}

static inline struct model *sim_compile(struct world *w) {
    static const uint64_t seed[2] = {1, 2};
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct model *model = NULL;
    struct error err;
    enum status status = config_compile(w->set, w->revision, seed, &model, faults, &n, &err);
    SIM_CHECK(status == OK, "%s: %s", err.where, err.text);
    return model;
}

/* --- a tape --- */

static inline struct sim_step *sim_tape_step(struct world *w, enum sim_step_kind kind) {
    struct sim_tape *t = w->tape;
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 4096 : t->cap * 2;
        t->step = realloc(t->step, t->cap * sizeof *t->step);
        CHECK(t->step != NULL);
    }
    t->step[t->n] = (struct sim_step){.kind = kind, .now_us = w->now_us};
    return &t->step[t->n++];
}

static inline void sim_tape_samples(struct sim_tape *t, const struct sample *v, uint32_t n) {
    while (t->n_samples + n > t->cap_samples) {
        t->cap_samples = t->cap_samples == 0 ? 4096 : t->cap_samples * 2;
        t->sample = realloc(t->sample, t->cap_samples * sizeof *t->sample);
        CHECK(t->sample != NULL);
    }
    memcpy(t->sample + t->n_samples, v, n * sizeof *v);
    t->n_samples += n;
}

static inline void sim_tape_event(struct world *w, const struct event *event) {
    struct sim_step *s = sim_tape_step(w, STEP_EVENT);
    s->event = *event;
    s->first_sample = w->tape->n_samples;
    if (event->kind == EVENT_SAMPLES && event->samples.n > 0) {
        sim_tape_samples(w->tape, event->samples.v, event->samples.n);
    }
    if (event->kind == EVENT_REQUEST) {
        const struct alarm_request *ask = &event->request.ask;
        const char *const texts[] = {ask->actor, ask->desk, ask->comment, ask->source};
        for (size_t i = 0; i < 4; i++) {
            (void)snprintf(s->text[i], sizeof s->text[i], "%s", texts[i]);
        }
    }
}

/* The event of a step, with what it points to. */
static inline struct event sim_tape_read(const struct sim_tape *t, const struct sim_step *s) {
    struct event event = s->event;
    if (event.kind == EVENT_SAMPLES) {
        event.samples.v = t->sample + s->first_sample;
    } else if (event.kind == EVENT_REQUEST) {
        event.request.ask.actor = s->text[0];
        event.request.ask.desk = s->text[1];
        event.request.ask.comment = s->text[2];
        event.request.ask.source = s->text[3];
    }
    return event;
}

static inline void sim_tape_free(struct sim_tape **t) {
    model_free(&(*t)->first);
    for (uint64_t i = 0; i < (*t)->n; i++) {
        model_free(&(*t)->step[i].model);
    }
    free((*t)->step);
    free((*t)->sample);
    free(*t);
    *t = NULL;
}

/* From now on all is recorded; models belong to the tape. */
static inline void sim_record(struct world *w) {
    w->tape = calloc(1, sizeof *w->tape);
    CHECK(w->tape != NULL);
    w->tape->first = w->model;
}

/* --- life --- */

static inline bool sim_unsuppressed_after(const struct world *w, size_t i) {
    const struct alarm_record *r = &w->records[i];
    for (size_t j = i + 1; j < w->n_records; j++) {
        const struct alarm_record *s = &w->records[j];
        if (s->alarm_key == r->alarm_key && s->kind == RECORD_UNSUPPRESS &&
            strcmp(s->source, r->source) == 0) {
            return true;
        }
    }
    return false;
}

/* What the store would load: for each alarm the newest record, the newest ACK, the SHELVE and OOS_ON in
 * force, each SUPPRESS in force. */
static inline size_t sim_reduce(const struct world *w, struct alarm_record *ret) {
    static bool seen[SIM_KEYS]
                    [RECORD_KINDS + 1]; /* from the end: later ones of the alarm; the last: automatic */
    size_t n = 0;
    memset(seen, 0, sizeof seen);
    for (size_t i = w->n_records; i > 0; i--) {
        const struct alarm_record *r = &w->records[i - 1];
        bool *later = seen[r->alarm_key];
        bool ended = later[RECORD_DISABLE] || later[RECORD_ENABLE] || later[RECORD_REMOVE];
        bool is_auto = (r->flags & RECORD_AUTO) != 0;
        bool is_raise = r->kind == RECORD_RAISE || r->kind == RECORD_RERAISE;
        bool keep = r->n == w->n[r->alarm_key] ||
                    (is_raise && !later[RECORD_RAISE] && !later[RECORD_RERAISE]) ||
                    (is_auto && !later[RECORD_KINDS] && !ended);
        keep = keep || ((r->kind == RECORD_ACK || r->kind == RECORD_SHELVE || r->kind == RECORD_OOS_ON) &&
                        !later[r->kind] && !ended);
        keep = keep || (r->kind == RECORD_SUPPRESS && !ended && !sim_unsuppressed_after(w, i - 1));
        later[r->kind] = true;
        later[RECORD_KINDS] = later[RECORD_KINDS] || is_auto;
        if (keep) {
            ret[w->n_records - 1 - n] = *r; /* from the end */
            n++;
        }
    }
    memmove(ret, ret + w->n_records - n, n * sizeof *ret);
    return n;
}

static inline struct core *sim_restarted(const struct world *w, bool reduced, int64_t now_us) {
    struct alarm_accumulator sums[SIM_ALARMS];
    struct core_restore restore = {
        .records = w->records, .n = w->n_records, .journal_seq = w->n_records, .accumulators = sums};
    struct alarm_record *few = NULL;
    struct core *core = NULL;
    struct error err;
    restore.n_accumulators = core_accumulators(w->core, 0, sums, SIM_ALARMS);
    if (reduced) {
        few = calloc(w->n_records + 1, sizeof *few);
        CHECK(few != NULL);
        restore.n = sim_reduce(w, few);
        restore.records = few;
    }
    enum status status = core_new(w->model, &restore, now_us, &core, &err);
    SIM_CHECK(status == OK, "%s: %s", err.where, err.text);
    free(few);
    return core;
}

static inline void sim_check_notes(const struct core *live, const struct core *fold, uint32_t alarm,
                                   const char *name) {
    struct alarm_note a = {0};
    struct alarm_note b = {0};
    bool in_a = core_alarm_shelf(live, alarm, &a);
    bool in_b = core_alarm_shelf(fold, alarm, &b);
    SIM_CHECK(in_a == in_b && a.since_us == b.since_us && strcmp(a.by, b.by) == 0 &&
                  strcmp(a.reason, b.reason) == 0,
              "%s: shelved by \"%s\" since %lld, the journal says \"%s\" since %lld", name, a.by,
              (long long)a.since_us, b.by, (long long)b.since_us);
    in_a = core_alarm_out_of_service(live, alarm, &a);
    in_b = core_alarm_out_of_service(fold, alarm, &b);
    SIM_CHECK(in_a == in_b && (!in_a || (a.since_us == b.since_us && strcmp(a.reason, b.reason) == 0)),
              "%s: out of service", name);
    const char *x[16];
    const char *y[16];
    uint32_t n = core_alarm_suppressors(live, alarm, x, 16);
    uint32_t m = core_alarm_suppressors(fold, alarm, y, 16);
    SIM_CHECK(n == m, "%s: %u suppressors, the journal says %u", name, n, m);
    for (uint32_t i = 0; i < n; i++) {
        SIM_CHECK(strcmp(x[i], y[i]) == 0, "%s: suppressed by \"%s\", the journal says \"%s\"", name, x[i],
                  y[i]);
    }
}

static inline struct world *sim_begin(uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    CHECK(w != NULL);
    sim_failing_seed = seed;
    sim_failing_world = w;
    w->seed = seed;
    w->digest = seed;
    w->revision = 1;
    w->now_us = SIM_BASE_US;
    rand_seed(&w->r, seed);
    memset(w->letter, 'A', sizeof w->letter);
    CHECK(config_set_new(&w->set, &err) == OK);
    sim_plant(w);
    uint32_t n = 4 + (uint32_t)rand_below(&w->r, SIM_ALARMS - 8);
    for (uint32_t i = 0; i < n; i++) {
        sim_alarm(w, i);
    }
    w->model = sim_compile(w);
    CHECK(core_new(w->model, NULL, w->now_us, &w->core, &err) == OK);
    return w;
}

static inline void sim_end(struct world *w) {
    sim_failing_world = NULL;
    core_free(&w->core);
    if (w->tape == NULL) {
        model_free(&w->model);
    } else {
        sim_tape_free(&w->tape);
    }
    config_set_free(&w->set);
    free(w->records);
    free(w);
}

/* --- events --- */

static inline void sim_apply(struct world *w, const struct event *event) {
    if (w->tape != NULL) {
        sim_tape_event(w, event);
    }
    core_apply(w->core, event, w->now_us, sim_sink(w));
}

static inline void sim_samples(struct world *w, enum lane lane) {
    static const char *const names[] = {"S/T0", "S/T1", "S/T2", "S/T3", "S/B0", "S/B1"};
    struct sample v[8];
    uint32_t gateway = (uint32_t)rand_below(&w->r, 2);
    uint32_t n = 0;
    uint32_t want = 1 + (uint32_t)rand_below(&w->r, 6);
    for (uint32_t i = 0; i < want; i++) {
        uint32_t t = (uint32_t)rand_below(&w->r, 6);
        uint32_t tag = model_find_tag(w->model, slice_str(names[t]));
        if (w->model->tags[tag].gateway != gateway) {
            continue;
        }
        int64_t lag_us = sim_one_in(&w->r, 3) ? (int64_t)rand_below(&w->r, 8) * SIM_SECOND_US : 0;
        lag_us = sim_one_in(&w->r, 60) ? -(int64_t)rand_below(&w->r, 20) * SIM_SECOND_US : lag_us;
        lag_us = lane == LANE_BACKLOG ? (int64_t)rand_below(&w->r, 100) * SIM_SECOND_US : lag_us;
        bool flat = sim_one_in(&w->r, 3);
        double value = t >= 4 ? (double)rand_below(&w->r, 2) : (double)rand_below(&w->r, 100);
        w->value[t] = flat ? w->value[t] : value;
        uint8_t quality = sim_one_in(&w->r, 8) ? QUALITY_BAD | REASON_SENSOR : QUALITY_GOOD;
        quality = sim_one_in(&w->r, 12) ? QUALITY_UNCERTAIN : quality;
        v[n++] = (struct sample){.tag = tag,
                                 .quality = quality,
                                 .t_us = w->now_us - lag_us,
                                 .value = sim_one_in(&w->r, 50) ? (double)NAN : w->value[t]};
    }
    sim_apply(w, &(struct event){.kind = EVENT_SAMPLES,
                                 .samples = {.gateway = gateway, .lane = lane, .n = n, .v = v}});
}

static inline void sim_request(struct world *w) {
    struct rand *r = &w->r;
    uint32_t alarm = (uint32_t)rand_below(r, w->model->n_alarms + 1);
    enum alarm_request_kind kind = (enum alarm_request_kind)rand_below(r, ALARM_ASKS);
    kind = sim_one_in(r, 2) ? ALARM_ASK_ACK : kind;
    if (kind == ALARM_ASK_DISABLE || kind == ALARM_ASK_ENABLE) {
        kind = ALARM_ASK_UNSHELVE; /* enabled is what the configuration says: sim_configure */
    }
    uint32_t call = alarm < w->model->n_alarms ? core_alarm(w->core, alarm).call : 1;
    struct alarm_request ask = {
        .kind = kind,
        .alarm = alarm,
        .call = call - (uint32_t)(sim_one_in(r, 6) && call > 0 ? 1 : 0),
        .one_shot = sim_one_in(r, 4),
        .duration_us = (int64_t)rand_below(r, 200) * SIM_SECOND_US,
        .actor_key = 7,
        .actor = SIM_PICK(r, "anna", "ben", "li"),
        .desk = "room@127.0.0.1",
        .comment = SIM_PICK(r, "", "seen", "known fault"),
        .source = w->polite ? SIM_PICK(r, "", "hand", "plan")
                            : SIM_PICK(r, "", "hand", "plan", "g1", ALARM_SOURCE_RULE),
    };
    sim_apply(w, &(struct event){.kind = EVENT_REQUEST, .request = {.token = 1, .ask = ask}});
}

static inline void sim_link(struct world *w) {
    uint32_t gateway = (uint32_t)rand_below(&w->r, 2);
    bool up = !sim_one_in(&w->r, 3);
    sim_apply(w, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = up}});
}

static inline void sim_backlog_end(struct world *w) {
    sim_apply(w, &(struct event){.kind = EVENT_BACKLOG_END,
                                 .backlog_end = {.gateway = (uint32_t)rand_below(&w->r, 2),
                                                 .te_us = w->now_us - SIM_SECOND_US}});
}

static inline void sim_configure(struct world *w) {
    struct core *core = NULL;
    struct error err;
    w->revision++;
    uint32_t i = (uint32_t)rand_below(&w->r, SIM_ALARMS - 8);
    char name[32];
    (void)snprintf(name, sizeof name, "S/A%02u", i);
    bool used = false; /* something hides itself behind it: it must stay */
    for (uint32_t k = 0; k < w->model->n_alarms; k++) {
        uint32_t hidden_by = model_alarm_more(w->model, k)->hidden_by;
        used = used || (hidden_by != MODEL_NONE && slice_is(w->model->alarm_texts[hidden_by].name, name));
    }
    if (sim_one_in(&w->r, 4) && !used && config_set_find(w->set, CONFIG_ALARM, slice_str(name)) != NULL) {
        CHECK(config_set_remove(w->set, CONFIG_ALARM, slice_str(name)) == OK);
    } else if (config_set_find(w->set, CONFIG_ALARM, slice_str(name)) != NULL || i == 0) {
        sim_alarm(w, i);
    }
    struct model *model = sim_compile(w);
    enum status status = core_next(w->core, model, w->now_us, sim_sink(w), &core, &err);
    SIM_CHECK(status == OK, "%s: %s", err.where, err.text);
    core_free(&w->core);
    if (w->tape != NULL) {
        sim_tape_step(w, STEP_REVISION)->model = model;
    } else {
        model_free(&w->model);
    }
    w->core = core;
    w->model = model;
}

static inline void sim_restart(struct world *w) {
    bool reduced = sim_one_in(&w->r, 2);
    struct core *core = sim_restarted(w, reduced, w->now_us);
    if (w->tape != NULL) {
        sim_tape_step(w, STEP_RESTART)->reduced = reduced;
    }
    core_free(&w->core);
    w->core = core;
}

static inline void sim_time(struct world *w) {
    int64_t next_us = core_next_wake(w->core);
    if (next_us > w->now_us && next_us < w->now_us + 100 * SIM_SECOND_US && !sim_one_in(&w->r, 4)) {
        w->now_us = next_us;
    } else {
        w->now_us += (int64_t)rand_below(&w->r, 10000) * 1000;
    }
    sim_apply(w, &(struct event){.kind = EVENT_TIME});
}

static inline void sim_event(struct world *w) {
    uint64_t what = rand_below(&w->r, 1000);
    if (what < 350) {
        sim_samples(w, sim_one_in(&w->r, 8) ? LANE_SNAPSHOT : LANE_LIVE);
    } else if (what < 600) {
        sim_request(w);
    } else if (what < 930) {
        sim_time(w);
    } else if (what < 950) {
        sim_link(w);
    } else if (what < 970) {
        sim_samples(w, LANE_BACKLOG);
    } else if (what < 978) {
        sim_backlog_end(w);
    } else if (what < 985) {
        sim_apply(w, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = MODEL_NONE}});
    } else if (what < 996) {
        sim_configure(w);
    } else {
        sim_restart(w);
    }
}

#endif
