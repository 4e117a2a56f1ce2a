/* Random schedules over the real machines of both ends of the link: what is measured and synced at the
 * gateway is finally stored, each sample once and as it was; nothing is acknowledged that is not committed.
 * Whatever happens: the line breaks on either side at any byte, answers of the database are lost, commits
 * come late, either process dies, the gateway loses power with what it had not synced, at any write, its disk
 * fails or is put back to an earlier state. While the line is down samples gather, and gather on after a
 * restart under the number that they had.
 *
 * Each mutant breaks one of the rules that this stands on, and must be noticed.
 *
 * SEED=n begins with schedule n; RUNS=n runs so many. */
#include "tests/sim/link_world.h"

enum { RUNS_USUAL = 60000, MUTANT_RUNS = 6000, EVENTS = 120, FINISH_ROUNDS = 6000, QUIET_ROUNDS = 3 };
enum { CAPACITY_USUAL = 1 << 20, CAPACITY_SMALL = 4 * JOURNAL_SEGMENT_MIN };

static const struct rules sound = {.name = "the rules as they are"};
static const struct rules mutants[] = {
    {.name = "one epoch number kept over restarts", .epochs_again = true},
    {.name = "acknowledged before the commit", .acks_early = true},
    {.name = "no settling and no unique row", .settles_early = true, .no_row = true},
    {.name = "no unique row", .no_row = true},
    {.name = "sent before it is durable at the site", .sync_lies = true},
    {.name = "what gathers is forgotten before its record is durable", .clears_early = true},
};
/* Either guard against applying twice is enough while answers of the database are not lost. */
static const struct rules half = {.name = "no settling", .settles_early = true};

/* ---- the rules that are inside of the journal ---- */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): names that the linker asks for */
static const struct rules *rules_now;
void __real_gather_written(struct gather *g);
void __wrap_gather_written(struct gather *g);

void __wrap_gather_written(struct gather *g) {
    __real_gather_written(g);
    if (rules_now->clears_early) {
        gather_clear(g);
    }
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- what may happen ---- */

static void on_measure(struct world *w) {
    bool many = w->capacity == CAPACITY_SMALL && !sim_one_in(&w->rand, 3);
    uint64_t n = many ? 80 + rand_below(&w->rand, 160) : 1 + rand_below(&w->rand, 3);
    for (uint64_t i = 0; i < n && w->n_made < STORE_SAMPLES; i++) {
        uint32_t k = w->n_made++;
        w->made[k] =
            (struct made){.value = 1 + k * 0.1234567891, .tag = (uint32_t)rand_below(&w->rand, WORLD_TAGS)};
        SIM_CHECK(tags_put(w->tags, w->made[k].tag, STORE_T0_US + k, w->made[k].value, 0, NULL) == OK,
                  "a sample");
    }
    if (!sim_one_in(&w->rand, 4)) {
        world_flush(w);
    }
}

static void on_sync(struct world *w) {
    world_flush(w);
    world_sync(w);
}

static struct line *some_line(struct world *w) {
    return w->at != NULL && !sim_one_in(&w->rand, 4) ? w->at : &w->lines[rand_below(&w->rand, WORLD_LINES)];
}

static size_t some_bytes(struct world *w) {
    return sim_one_in(&w->rand, 2) ? SIZE_MAX : (size_t)rand_below(&w->rand, 400);
}

static void on_up(struct world *w) {
    world_carry_up(w, some_line(w), some_bytes(w));
}

static void on_down(struct world *w) {
    world_carry_down(w, some_line(w), some_bytes(w));
}

/* As it is most of the time. */
static void on_exchange(struct world *w) {
    if (w->at == NULL) {
        world_dial(w);
    }
    for (int i = 0; i < 2 && w->at != NULL; i++) {
        struct line *l = w->at;
        world_carry_up(w, l, SIZE_MAX);
        (void)store_settle(&w->store, w->roster, WORLD_KEY, true, w->now);
        world_carry_down(w, l, SIZE_MAX);
    }
}

static void on_gateway_hangs_up(struct world *w) {
    world_hang_up(w, "cut");
}

static void on_server_hangs_up(struct world *w) {
    struct line *l = some_line(w);
    if (l->session != NULL) {
        world_close(w, l, "cut");
    }
}

static void on_server_crash(struct world *w) {
    world_crash_server(w);
    world_start_server(w);
}

static void start_again(struct world *w) {
    if (!world_start_gateway(w)) {
        disk_set_fault(w->rules->sync_lies ? DISK_SYNC_LIES : DISK_SOUND);
        SIM_CHECK(world_start_gateway(w), "the journal does not open on a sound disk");
    }
}

static void on_gateway_crash(struct world *w) {
    world_crash_gateway(w);
    start_again(w);
}

static void on_power_loss(struct world *w) {
    world_crash_gateway(w);
    disk_lose_power(&w->rand);
    start_again(w);
}

/* In the middle of whatever the gateway does with its disk. What it had to say then is never said. */
static void on_power_cut(struct world *w) {
    uint32_t changes = (uint32_t)rand_below(&w->rand, 12);
    if (sim_one_in(&w->rand, 3)) {
        world_crash_gateway(w);
        disk_cut_power(changes);
        if (world_start_gateway(w)) {
            world_crash_gateway(w);
        }
    } else {
        disk_cut_power(changes);
        world_flush(w);
        world_sync(w);
        world_dial(w);
        world_crash_gateway(w);
    }
    disk_lose_power(&w->rand);
    start_again(w);
}

static void on_image(struct world *w) {
    disk_save_image();
    for (uint32_t i = 0; i < w->n_made; i++) {
        w->made[i].in_image = w->made[i].synced;
    }
}

/* A restored disk. What was measured since the image was made is lost, unless the server has it. */
static void on_restore(struct world *w) {
    world_crash_gateway(w);
    if (disk_restore_image()) {
        w->restored = true;
        for (uint32_t i = 0; i < w->n_made; i++) {
            w->made[i].synced = w->made[i].in_image;
            w->made[i].written = w->made[i].in_image;
        }
    }
    start_again(w);
}

static void on_send_batch(struct world *w) {
    (void)store_send(&w->store, 1 + (uint32_t)rand_below(&w->rand, STORE_BATCH));
}

static void on_commit(struct world *w) {
    (void)store_end(&w->store, true);
}

static void on_roll_back(struct world *w) {
    (void)store_end(&w->store, false);
}

static void on_answer(struct world *w) {
    (void)store_answer(&w->store, w->roster, WORLD_KEY);
}

static void on_store(struct world *w) {
    (void)store_send(&w->store, STORE_BATCH);
    (void)store_end(&w->store, true);
    (void)store_answer(&w->store, w->roster, WORLD_KEY);
}

static void on_lost_answer(struct world *w) {
    (void)store_lose_answer(&w->store);
}

static void on_late_end(struct world *w) {
    (void)store_end_orphan(&w->store, !sim_one_in(&w->rand, 3));
}

static void on_settle(struct world *w) {
    (void)store_settle(&w->store, w->roster, WORLD_KEY, !sim_one_in(&w->rand, 6), w->now);
}

static void on_store_state(struct world *w) {
    roster_set_store(w->roster, sim_one_in(&w->rand, 2) ? SERVER_NOT_STORING : SERVER_STORING, 0);
}

static void resume(struct world *w) {
    for (uint32_t i = 0; i < WORLD_LINES && !w->full; i++) {
        if (w->lines[i].session != NULL) {
            session_resume(w->lines[i].session, w->now);
            world_after_receive(w);
        }
    }
}

static void on_full(struct world *w) {
    w->full = !w->full;
    resume(w);
}

static void on_disk_fault(struct world *w) {
    if (!w->rules->sync_lies) {
        disk_set_fault((enum disk_fault)rand_below(&w->rand, 3));
    }
}

static void on_moment(struct world *w) {
    world_pass_time(w, (int64_t)rand_below(&w->rand, 200000));
}

static void on_while(struct world *w) {
    world_pass_time(w, (int64_t)rand_below(&w->rand, 25000000));
}

static const struct happening {
    uint32_t weight;
    void (*happens)(struct world *w);
} happenings[] = {
    {14, on_measure},
    {10, on_sync},
    {6, on_up},
    {6, on_down},
    {14, on_exchange},
    {3, on_gateway_hangs_up},
    {2, on_server_hangs_up},
    {2, on_server_crash},
    {2, on_gateway_crash},
    {3, on_power_loss},
    {2, on_power_cut},
    {1, on_image},
    {1, on_restore},
    {6, on_send_batch},
    {5, on_commit},
    {2, on_roll_back},
    {5, on_answer},
    {6, on_store},
    {3, on_lost_answer},
    {3, on_late_end},
    {5, on_settle},
    {1, on_store_state},
    {1, on_full},
    {1, on_disk_fault},
    {4, on_moment},
    {2, on_while},
};

static void something(struct world *w) {
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof happenings / sizeof happenings[0]; i++) {
        sum += happenings[i].weight;
    }
    uint64_t at = rand_below(&w->rand, sum);
    size_t i = 0;
    while (at >= happenings[i].weight) {
        at -= happenings[i++].weight;
    }
    happenings[i].happens(w);
}

/* ---- a schedule ---- */

static void begin(struct world *w, const struct rules *rules, uint64_t capacity, uint64_t seed) {
    rand_seed(&w->rand, seed);
    store_reset(&w->store, rules);
    w->rules = rules;
    rules_now = rules;
    w->capacity = capacity;
    w->now = (struct link_now){.mono_us = INT64_C(1000000000000), .wall_us = STORE_T0_US};
    w->epochs_drawn = 0;
    w->n_made = 0;
    w->n_flushed = 0;
    w->n_gathered = 0;
    w->refiled = false;
    w->restored = false;
    w->n_taken = 0;
    w->violation[0] = '\0';
    disk_format();
    disk_set_fault(rules->sync_lies ? DISK_SYNC_LIES : DISK_SOUND);
    world_start_server(w);
    SIM_CHECK(world_start_gateway(w), "the journal opens");
}

static bool is_drained(const struct world *w) {
    struct journal_stats stats;
    journal_get_stats(w->journal, &stats);
    return stats.waiting == 0 && journal_durable_seq(w->journal) == journal_next_seq(w->journal) &&
           tags_pending(w->tags) == 0 && w->store.q.n == 0;
}

/* From now on all is well. A tombstone may follow when the one before it is committed: so it must stay
 * drained for some rounds. */
static void finish(struct world *w) {
    uint32_t quiet = 0;
    disk_set_fault(w->rules->sync_lies ? DISK_SYNC_LIES : DISK_SOUND);
    w->full = false;
    roster_set_store(w->roster, SERVER_STORING, 0);
    for (uint32_t round = 0; round < FINISH_ROUNDS && w->violation[0] == '\0'; round++) {
        on_sync(w);
        resume(w);
        on_exchange(w);
        for (uint32_t i = 0; i < WORLD_LINES; i++) {
            world_carry_up(w, &w->lines[i], SIZE_MAX);
        }
        while (store_end_orphan(&w->store, true)) {
        }
        for (uint32_t i = 0; i < STORE_QUEUE / STORE_BATCH + 1; i++) {
            on_store(w);
        }
        (void)store_settle(&w->store, w->roster, WORLD_KEY, true, w->now);
        quiet = is_drained(w) ? quiet + 1 : 0;
        if (quiet == QUIET_ROUNDS) {
            return;
        }
        world_pass_time(w, round < 20 ? 100000 : 3000000);
    }
    world_violate(w, "what waits is never stored, though all is well again");
}

static void check(struct world *w) {
    /* What gathered before an image was made may have gathered more since. When the image is put back, it is
     * sent as it was then; it meets the other only if that was on its way in a server that is dead. */
    if (w->store.db.conflicts > 0 || (w->store.db.partials > 0 && !w->restored)) {
        world_violate(w, "one number stands for two records");
    }
    for (uint32_t k = 0; k < w->n_made; k++) {
        uint32_t n = w->store.db.stored[k];
        /* What a full journal dropped, it must have told; under which number is known unless it was refiled.
         */
        bool told = w->refiled ? w->store.db.n_losses > 0
                               : db_is_lost(&w->store.db, w->made[k].epoch, w->made[k].seq);
        if (w->made[k].synced && n == 0 && !told) {
            world_violate(w, "sample %u was synced at the site (%llx/%llu) and is not stored", k,
                          (unsigned long long)w->made[k].epoch, (unsigned long long)w->made[k].seq);
        } else if (n > 1 && !w->refiled) {
            world_violate(w, "sample %u was applied %u times", k, n);
        }
    }
}

static void end(struct world *w) {
    world_crash_gateway(w);
    world_crash_server(w);
    disk_format();
}

struct sums {
    uint64_t samples;
    uint64_t synced;
    uint64_t stored;
    uint64_t refiled;
    uint64_t losses;
    uint64_t gathered;
};

/* True if all rules were kept. */
static bool run_in(struct world *w, const struct rules *rules, uint64_t capacity, uint64_t seed,
                   struct sums *sums) {
    begin(w, rules, capacity, seed);
    for (uint32_t i = 0; i < EVENTS && w->violation[0] == '\0'; i++) {
        something(w);
    }
    finish(w);
    check(w);
    for (uint32_t k = 0; k < w->n_made; k++) {
        sums->samples++;
        sums->synced += w->made[k].synced ? 1 : 0;
        sums->stored += w->store.db.stored[k] > 0 ? 1 : 0;
    }
    sums->refiled += w->refiled ? 1 : 0;
    sums->losses += w->store.db.n_losses;
    sums->gathered += w->n_gathered;
    end(w);
    return w->violation[0] == '\0';
}

static bool run(struct world *w, const struct rules *rules, uint64_t seed, struct sums *sums) {
    return run_in(w, rules, CAPACITY_USUAL, seed, sums);
}

static void run_sound(struct world *w, uint64_t seed, uint32_t runs) {
    struct sums sums = {0};
    for (uint32_t i = 0; i < runs; i++) {
        SIM_CHECK(run(w, &sound, seed + i, &sums), "SEED=%llu RUNS=1: %s", (unsigned long long)(seed + i),
                  w->violation);
    }
    printf("%u schedules, 0 violations: %llu samples measured, %llu synced, %llu gathered, %llu stored; %llu "
           "schedules with a new epoch for old records\n",
           runs, (unsigned long long)sums.samples, (unsigned long long)sums.synced,
           (unsigned long long)sums.gathered, (unsigned long long)sums.stored,
           (unsigned long long)sums.refiled);
    SIM_CHECK(runs < 1000 || (sums.gathered > sums.samples / 20 && sums.synced < sums.stored &&
                              sums.stored < sums.samples && sums.refiled > 0),
              "the schedules are blind for something");
}

/* The journal is too small for what is measured: what it drops, it tells. */
static void run_small(struct world *w, uint64_t seed, uint32_t runs) {
    struct sums sums = {0};
    for (uint32_t i = 0; i < runs; i++) {
        SIM_CHECK(run_in(w, &sound, CAPACITY_SMALL, seed + i, &sums), "SEED=%llu, a small journal: %s",
                  (unsigned long long)(seed + i), w->violation);
    }
    printf(
        "%u schedules with a journal that is too small: %llu samples synced, %llu stored, %llu losses told\n",
        runs, (unsigned long long)sums.synced, (unsigned long long)sums.stored,
        (unsigned long long)sums.losses);
    SIM_CHECK(runs < 100 || sums.losses > 0, "no journal was ever full");
}

static void run_half(struct world *w, uint64_t seed, uint32_t runs) {
    struct sums sums = {0};
    for (uint32_t i = 0; i < runs; i++) {
        SIM_CHECK(run(w, &half, seed + i, &sums), "SEED=%llu: %s alone: %s", (unsigned long long)(seed + i),
                  half.name, w->violation);
    }
    printf("%s alone: 0 violations in %u schedules\n", half.name, runs);
}

static void run_mutant(struct world *w, const struct rules *rules, uint64_t seed, uint32_t runs) {
    struct sums sums = {0};
    uint32_t i = 0;
    while (i < runs && run(w, rules, seed + i, &sums)) {
        i++;
    }
    SIM_CHECK(i < runs, "the mutant \"%s\" survives %u schedules", rules->name, runs);
    printf("mutant \"%s\": noticed by schedule %u: %s\n", rules->name, i + 1, w->violation);
}

static struct world *make_world(void) {
    struct world *w = calloc(1, sizeof *w);
    SIM_CHECK(w != NULL, "memory");
    w->model = world_model();
    w->env.limits = (struct session_limits){.heartbeat_ms = 10000,
                                            .dead_ms = 30000,
                                            .settle_ms = 30000,
                                            .link = link_limits_usual(),
                                            .backlog_rate = 1000000};
    w->env.host = (struct link_host){.ctx = w,
                                     .settle = world_on_settle,
                                     .record = world_on_record,
                                     .snapshot = world_on_snapshot,
                                     .clock = world_on_clock,
                                     .backlog_end = world_on_backlog_end,
                                     .state = world_on_state,
                                     .incident = world_on_incident};
    w->env.samples = calloc(LINK_SAMPLES_MAX, sizeof *w->env.samples);
    SIM_CHECK(w->env.samples != NULL, "memory");
    for (uint32_t i = 0; i < WORLD_LINES; i++) {
        buf_init(&w->lines[i].up, 4 << 20);
        buf_init(&w->lines[i].down, 4 << 20);
    }
    return w;
}

int main(void) {
    uint64_t seed = sim_seed(1);
    uint32_t runs = sim_runs(RUNS_USUAL);
    struct world *w = make_world();
    run_sound(w, seed, runs);
    run_small(w, seed, runs < 20 ? runs : runs / 20);
    run_half(w, seed, runs / 10);
    for (size_t i = 0; i < sizeof mutants / sizeof mutants[0] && runs > 1; i++) {
        run_mutant(w, &mutants[i], seed, MUTANT_RUNS);
    }
    for (uint32_t i = 0; i < WORLD_LINES; i++) {
        buf_done(&w->lines[i].up);
        buf_done(&w->lines[i].down);
    }
    model_free(&w->model);
    free(w->env.samples);
    free(w);
    return 0;
}
