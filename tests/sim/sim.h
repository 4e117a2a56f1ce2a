/* What every simulation needs: its seed, and a journal that is checked record by record as it is written. A
 * breach prints the seed and aborts, so that the failing run can be repeated. */
#ifndef PENSTOCK_TESTS_SIM_H
#define PENSTOCK_TESTS_SIM_H

#include "server/base/rand.h"
#include "server/core/core.h"
#include "tests/lib/core_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SIM_BASE_US INT64_C(1767225600000000)

/* From the environment (SEED=…) or the given one; printed. */
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

__attribute__((noreturn, cold, format(printf, 3, 4))) static inline void
sim_fail(int line, const char *condition, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)fprintf(stderr, "line %d: %s: ", line, condition);
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    abort();
}

#define SIM_CHECK(condition, ...) ((condition) ? (void)0 : sim_fail(__LINE__, #condition, __VA_ARGS__))

/* One in n. */
static inline bool sim_one_in(struct rand *r, uint64_t n) {
    return rand_below(r, n) == 0;
}

/* The journal as it must be, whatever happens. */
struct sim_journal {
    uint64_t seq;
    int64_t at_us;
    uint64_t digest; /* of all fields of all records and answers */
    struct alarm_record newest[SPEC_ALARMS];
    bool has[SPEC_ALARMS];
    uint64_t kinds[RECORD_KINDS];
};

static inline void sim_mix(struct sim_journal *j, uint64_t word) {
    j->digest = (j->digest ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    j->digest ^= j->digest >> 29;
}

static inline void sim_mix_record(struct sim_journal *j, const struct alarm_record *r) {
    uint64_t value = 0;
    uint64_t limit = 0;
    memcpy(&value, &r->value, sizeof value);
    memcpy(&limit, &r->limit, sizeof limit);
    const uint64_t words[] = {r->seq,
                              r->n,
                              (uint64_t)r->alarm_key,
                              (uint64_t)r->site_key,
                              (uint64_t)r->tag_key,
                              (uint64_t)r->revision,
                              (uint64_t)r->src_us,
                              (uint64_t)r->at_us,
                              (uint64_t)r->raised_us,
                              value,
                              limit,
                              (uint64_t)r->actor_key,
                              r->alarm,
                              r->occ,
                              r->call,
                              (uint64_t)r->kind,
                              (uint64_t)r->from,
                              (uint64_t)r->to,
                              r->priority,
                              r->quality,
                              strlen(r->actor),
                              strlen(r->comment)};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        sim_mix(j, words[i]);
    }
}

/* Written again here, as pairs of letters, so that a slip in the core's own table shows. */
static inline bool sim_is_transition(enum alarm_record_kind kind, char from, char to) {
    static const char *const allowed[RECORD_KINDS] = {
        [RECORD_RAISE] = "AB",           [RECORD_RERAISE] = "DB",          [RECORD_RTN] = "BD CA",
        [RECORD_ACK] = "BC DA",          [RECORD_DISABLE] = "AZ BZ CZ DZ", [RECORD_ENABLE] = "ZA -A",
        [RECORD_REMOVE] = "B- C- D- Z-", [RECORD_QUALITY] = "BB CC DD"};
    const char pair[] = {from, to, '\0'};
    return allowed[kind] != NULL && strstr(allowed[kind], pair) != NULL;
}

static inline void sim_journal_add(struct sim_journal *j, const struct alarm_record *r) {
    uint32_t alarm = (uint32_t)(r->alarm_key - SPEC_KEY_ALARM);
    SIM_CHECK(alarm < SPEC_ALARMS, "key %lld", (long long)r->alarm_key);
    const struct alarm_record none = {.to = 'A'};
    const struct alarm_record *before = j->has[alarm] ? &j->newest[alarm] : &none;
    SIM_CHECK(r->seq == j->seq + 1, "seq %llu after %llu", (unsigned long long)r->seq,
              (unsigned long long)j->seq);
    SIM_CHECK(r->at_us >= j->at_us, "server time fell");
    SIM_CHECK(r->n == before->n + 1, "n %llu after %llu", (unsigned long long)r->n,
              (unsigned long long)before->n);
    SIM_CHECK(r->from == before->to, "from %c after %c", r->from, before->to);
    SIM_CHECK(sim_is_transition(r->kind, r->from, r->to), "%s %c>%c", alarm_record_kind_name(r->kind),
              r->from, r->to);
    uint32_t one = r->kind == RECORD_RAISE || r->kind == RECORD_RERAISE ? 1 : 0;
    SIM_CHECK(r->occ == before->occ + one && r->call == before->call + one, "occurrence %u after %u", r->occ,
              before->occ);
    SIM_CHECK((r->actor_key != 0) == (r->kind == RECORD_ACK), "only acknowledgements are by people");
    SIM_CHECK((r->alarm == MODEL_NONE) == (r->kind == RECORD_REMOVE), "only what left has no index");
    j->seq = r->seq;
    j->at_us = r->at_us;
    j->newest[alarm] = *r;
    j->has[alarm] = true;
    j->kinds[r->kind]++;
    sim_mix_record(j, r);
}

static inline void sim_on_effect(void *ctx, const struct effect *effect) {
    struct sim_journal *j = ctx;
    switch (effect->kind) {
    case EFFECT_RECORD:
        sim_journal_add(j, &effect->record);
        break;
    case EFFECT_REPLY:
        SIM_CHECK(effect->reply.result != ALARM_OK || effect->reply.seq == j->seq,
                  "an acknowledgement names its record");
        sim_mix(j, effect->reply.token);
        sim_mix(j, (uint64_t)effect->reply.result);
        sim_mix(j, effect->reply.call);
        sim_mix(j, (uint64_t)effect->reply.acked_us);
        break;
    case EFFECT_SILENCE:
        break;
    }
}

static inline struct effect_sink sim_sink(struct sim_journal *j) {
    return (struct effect_sink){.ctx = j, .emit = sim_on_effect};
}

/* What was durable: all. */
static inline struct core *sim_restart(const struct sim_journal *j, const struct model *m, int64_t now_us) {
    struct alarm_record newest[SPEC_ALARMS];
    size_t n = 0;
    for (uint32_t i = 0; i < SPEC_ALARMS; i++) {
        if (j->has[i]) {
            newest[n++] = j->newest[i];
        }
    }
    const struct core_restore restore = {.records = newest, .n = n, .journal_seq = j->seq};
    struct core *core = NULL;
    enum status status = core_new(m, &restore, now_us, &core, NULL);
    SIM_CHECK(status == OK, "restart");
    return core;
}

#endif
