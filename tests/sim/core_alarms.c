/* The whole alarm system under random events: every kind of alarm, every request, links, backlog,
 * configuration, restarts. After each event the journal keeps its invariants, and the live state is the fold
 * of the journal. */
#include "server/config/config.h"
#include "server/core/alarm_fsm.h"
#include "server/core/core.h"
#include "tests/lib/sim_alarms.h"

enum { RUNS = 250, EVENTS = 4000 };

/* --- invariants of the live state against the journal --- */

static void check_views(const struct world *w) {
    struct core_counts counts = core_counts(w->core);
    struct core_counts seen = {0};
    for (uint32_t i = 0; i < w->model->n_alarms; i++) {
        struct alarm_view v = core_alarm(w->core, i);
        int64_t key = w->model->alarms[i].key;
        SIM_CHECK(v.letter == w->letter[key], "alarm %s shows %c, its journal ends in %c", sim_name(w, i),
                  v.letter, w->letter[key]);
        SIM_CHECK(v.letter == alarm_shown_letter(v.facts) && v.base == alarm_base_letter(v.facts), "%s",
                  sim_name(w, i));
        SIM_CHECK(!v.ring || v.letter == 'B', "%s sounds in %c", sim_name(w, i), v.letter);
        SIM_CHECK(!v.first || v.base != 'A', "%s is first of its group, and normal", sim_name(w, i));
        SIM_CHECK(((v.facts & FACT_SHELVED) != 0) == (v.shelved_until_us != 0), "%s", sim_name(w, i));
        const char *names[1];
        uint32_t n = core_alarm_suppressors(w->core, i, names, 1);
        SIM_CHECK(((v.facts & FACT_SUPPRESSED) != 0) == (n > 0), "%s has %u suppressors", sim_name(w, i), n);
        seen.unacked[0] += alarm_letter_unacked(v.letter) ? 1 : 0;
        seen.unacked[v.priority] += alarm_letter_unacked(v.letter) ? 1 : 0;
        seen.active += alarm_letter_active(v.letter) ? 1 : 0;
        seen.shelved += (v.facts & FACT_SHELVED) != 0 ? 1 : 0;
        seen.suppressed += (v.facts & FACT_SUPPRESSED) != 0 ? 1 : 0;
        seen.out_of_service += (v.facts & FACT_OUT_OF_SERVICE) != 0 ? 1 : 0;
        seen.disabled += v.letter == 'Z' ? 1 : 0;
        seen.untrusted += v.untrusted ? 1 : 0;
    }
    SIM_CHECK(memcmp(seen.unacked, counts.unacked, sizeof seen.unacked) == 0,
              "unacknowledged: %u, counted %u", seen.unacked[0], counts.unacked[0]);
    SIM_CHECK(seen.active == counts.active && seen.shelved == counts.shelved &&
                  seen.suppressed == counts.suppressed && seen.out_of_service == counts.out_of_service &&
                  seen.disabled == counts.disabled && seen.untrusted == counts.untrusted,
              "active %u/%u shelved %u/%u suppressed %u/%u service %u/%u disabled %u/%u untrusted %u/%u",
              seen.active, counts.active, seen.shelved, counts.shelved, seen.suppressed, counts.suppressed,
              seen.out_of_service, counts.out_of_service, seen.disabled, counts.disabled, seen.untrusted,
              counts.untrusted);
}

/* What a restart would make of the journal, whole or reduced to what the store loads. */
static void check_fold(const struct world *w, bool reduced) {
    struct core *folded = sim_restarted(w, reduced, w->now_us);
    for (uint32_t i = 0; i < w->model->n_alarms; i++) {
        struct alarm_view live = core_alarm(w->core, i);
        struct alarm_view fold = core_alarm(folded, i);
        SIM_CHECK(live.letter == fold.letter && live.base == fold.base && live.facts == fold.facts,
                  "%s is %c/%c (facts %u), the journal says %c/%c (facts %u)", sim_name(w, i), live.letter,
                  live.base, live.facts, fold.letter, fold.base, fold.facts);
        SIM_CHECK(live.occ == fold.occ && live.call == fold.call && live.n == fold.n &&
                      live.acked_occ == fold.acked_occ,
                  "%s occ %u/%u call %u/%u n %llu/%llu acked %u/%u", sim_name(w, i), live.occ, fold.occ,
                  live.call, fold.call, (unsigned long long)live.n, (unsigned long long)fold.n,
                  live.acked_occ, fold.acked_occ);
        SIM_CHECK(live.base == 'A' || live.base == 'Z' || live.priority == fold.priority, "%s priority %u/%u",
                  sim_name(w, i), live.priority, fold.priority);
        SIM_CHECK(live.raised_us == fold.raised_us && live.changed_us == fold.changed_us &&
                      live.acked_us == fold.acked_us && live.shelved_until_us == fold.shelved_until_us,
                  "%s raised %lld/%lld changed %lld/%lld acked %lld/%lld until %lld/%lld", sim_name(w, i),
                  (long long)live.raised_us, (long long)fold.raised_us, (long long)live.changed_us,
                  (long long)fold.changed_us, (long long)live.acked_us, (long long)fold.acked_us,
                  (long long)live.shelved_until_us, (long long)fold.shelved_until_us);
        SIM_CHECK(live.first == fold.first && live.suspect == fold.suspect,
                  "%s is first %d, suspect %d, the journal says %d and %d", sim_name(w, i), live.first,
                  live.suspect, fold.first, fold.suspect);
        SIM_CHECK(strcmp(live.acked_by, fold.acked_by) == 0,
                  "%s acknowledged by \"%s\", the journal says \"%s\"", sim_name(w, i), live.acked_by,
                  fold.acked_by);
        sim_check_notes(w->core, folded, i, sim_name(w, i));
    }
    core_free(&folded);
}

static void check(const struct world *w, uint32_t event) {
    if (event % 16 == 0) {
        check_views(w);
    }
    if (event % 256 == 0) {
        check_fold(w, false);
        check_fold(w, true);
    }
}

static uint64_t run(uint64_t seed, uint64_t *ret_records, uint64_t kinds[RECORD_KINDS]) {
    struct world *w = sim_begin(seed);
    for (uint32_t i = 0; i < EVENTS; i++) {
        sim_event(w);
        check(w, i);
    }
    check_views(w);
    check_fold(w, true);
    uint64_t digest = w->digest ^ core_hash(w->core);
    *ret_records += w->n_records;
    for (uint32_t k = 0; k < RECORD_KINDS; k++) {
        kinds[k] += w->kinds[k];
    }
    sim_end(w);
    return digest;
}

int main(void) {
    uint64_t seed = sim_seed(1);
    uint32_t runs = sim_runs(RUNS);
    uint64_t records = 0;
    uint64_t again = 0;
    uint64_t kinds[RECORD_KINDS] = {0};
    for (uint32_t i = 0; i < runs; i++) {
        uint64_t digest = run(seed + i, &records, kinds);
        if (i % 20 == 0) { /* the same input gives the same journal, to the byte */
            uint64_t ignored[RECORD_KINDS] = {0};
            SIM_CHECK(run(seed + i, &again, ignored) == digest, "seed %llu is not repeatable",
                      (unsigned long long)(seed + i));
        }
    }
    for (uint32_t k = 0; k < RECORD_KINDS; k++) {
        SIM_CHECK(kinds[k] > 0, "no record of kind %s was ever written: the simulation is blind for it",
                  alarm_record_kind_name((enum alarm_record_kind)k));
    }
    printf("%u events, %llu records\n", runs * EVENTS, (unsigned long long)records);
    return 0;
}
