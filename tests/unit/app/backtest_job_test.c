/* Backtests as jobs on a loop, with a past of the test's own.
 * Covers: app/backtest_build.c, app/backtest_run.c */
#include "server/app/backtest_job.h"
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t from_us = INT64_C(1700000000000000);
#define AT(s) (from_us + (int64_t)((double)(s)*1e6))

/* What the source was asked, and what it gives. The tag is the only one: "S1/L". */
struct past {
    struct stored_sample before[1];
    struct stored_sample v[64];
    size_t n;
    size_t given;
    struct history_outage outage;
    size_t n_outages;
    int64_t asked_from_us;
    size_t n_tags;
    bool closed;
    enum status fails;
    atomic_bool held;        /* it waits within next() */
    const atomic_bool *stop; /* … or until this */
};

struct rig {
    uv_loop_t loop;
    struct backtest_jobs *jobs;
    struct config_set *set;
    struct past past;
    bool stopped;
};

static enum status past_open(void *ctx, const int64_t *tags, size_t n_tags, int64_t start_us, int64_t to_us,
                             struct error *err) {
    struct past *p = ctx;
    (void)to_us;
    p->asked_from_us = start_us;
    p->n_tags = n_tags;
    p->given = 0;
    p->closed = false;
    assert_true(n_tags == 0 || tags[0] == 100);
    return p->fails != OK ? error_set(err, p->fails, "database", "is away") : OK;
}

static enum status past_before(void *ctx, const struct stored_sample **ret, size_t *ret_n,
                               struct error *err) {
    struct past *p = ctx;
    (void)err;
    *ret = p->before;
    *ret_n = p->before[0].tag_key == 0 ? 0 : 1;
    return OK;
}

static enum status past_next(void *ctx, const struct stored_sample **ret, size_t *ret_n, struct error *err) {
    struct past *p = ctx;
    while (atomic_load(&p->held)) {
        uv_sleep(1);
        if (p->stop != NULL && atomic_load(p->stop)) {
            return error_set(err, ERR_UNAVAILABLE, "database", "the work was ended");
        }
    }
    *ret = p->v + p->given;
    *ret_n = p->n - p->given < 3 ? p->n - p->given : 3;
    p->given += *ret_n;
    return OK;
}

static enum status past_outages(void *ctx, const int64_t *comm_alarms, size_t n, struct history_outage **ret,
                                size_t *ret_n, struct error *err) {
    const struct past *p = ctx;
    (void)err;
    assert_int_equal(n, 1);
    *ret = calloc(1, sizeof **ret);
    assert_non_null(*ret);
    (*ret)[0] = p->outage;
    (*ret)[0].alarm_key = comm_alarms[0];
    *ret_n = p->n_outages;
    return OK;
}

static double past_progress(void *ctx) {
    const struct past *p = ctx;
    return (double)p->given / (double)(p->n + 1);
}

static void past_close(void *ctx) {
    struct past *p = ctx;
    p->closed = true;
}

static void put(struct config_set *set, enum config_kind kind, const char *name, const char *rest) {
    char body[512];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\"%s}", name, rest);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(config_set_put(set, kind, slice_str(name), slice_str(body),
                                    100 + config_set_count(set, kind), 1, faults, &n),
                     OK);
}

static struct rig *rig_open(void) {
    struct rig *g = calloc(1, sizeof *g);
    assert_non_null(g);
    assert_int_equal(uv_loop_init(&g->loop), 0);
    assert_int_equal(config_set_new(&g->set, NULL), OK);
    put(g->set, CONFIG_SITE, "S1", "");
    put(g->set, CONFIG_GATEWAY, "g1", ",\"site\":\"S1\"");
    put(g->set, CONFIG_TAG, "S1/L", ",\"gateway\":\"g1\",\"low\":0,\"high\":5,\"unit\":\"m\"");
    put(g->set, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":4,\"priority\":2");
    put(g->set, CONFIG_ALARM, "S1/g1.comm",
        ",\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":2,\"on_delay_s\":30");
    const struct backtest_jobs_config cfg = {.loop = &g->loop,
                                             .source = {.ctx = &g->past,
                                                        .open = past_open,
                                                        .before = past_before,
                                                        .next = past_next,
                                                        .outages = past_outages,
                                                        .progress = past_progress,
                                                        .close = past_close},
                                             .now_us = AT(0)};
    assert_int_equal(backtest_jobs_new(&cfg, &g->jobs, NULL), OK);
    return g;
}

static void on_stopped(void *ctx) {
    struct rig *g = ctx;
    g->stopped = true;
}

static void rig_close(struct rig *g) {
    backtest_jobs_stop(g->jobs, on_stopped, g);
    (void)uv_run(&g->loop, UV_RUN_DEFAULT);
    assert_true(g->stopped);
    backtest_jobs_free(&g->jobs);
    config_set_free(&g->set);
    assert_int_equal(uv_loop_close(&g->loop), 0);
    free(g);
}

static void sample(struct rig *g, double s, double v) {
    g->past.v[g->past.n++] = (struct stored_sample){.tag_key = 100, .t_us = AT(s), .value = v};
}

static struct reply ask(struct rig *g, const struct request *r) {
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    struct reply reply;
    backtest_jobs_request(g->jobs, r, g->set, AT(100000), faults, &reply);
    return reply;
}

static struct reply start(struct rig *g, const struct config_change_item *items, uint32_t n,
                          const char *suggest) {
    struct request r = {.kind = REQ_BACKTEST, .actor = {.name = "eva"}};
    r.backtest.ask = BACKTEST_START;
    r.backtest.from_us = AT(0);
    r.backtest.to_us = AT(86400);
    r.backtest.v = items;
    r.backtest.n = n;
    (void)snprintf(r.backtest.suggest, sizeof r.backtest.suggest, "%s", suggest);
    return ask(g, &r);
}

static struct reply about(struct rig *g, enum backtest_ask what, uint64_t id) {
    struct request r = {.kind = REQ_BACKTEST};
    r.backtest.ask = what;
    r.backtest.id = id;
    return ask(g, &r);
}

/* Until that one is over. */
static struct backtest_status wait_for(struct rig *g, uint64_t id) {
    for (;;) {
        struct reply r = about(g, BACKTEST_GET, id);
        assert_int_equal(r.status, OK);
        if (r.backtests.v[0].finished_us != 0) {
            return r.backtests.v[0];
        }
        (void)uv_run(&g->loop, UV_RUN_ONCE);
    }
}

static const struct config_change_item higher = {
    .kind = "alarm",
    .name = "S1/L.high",
    .body = "{\"kind\":\"high\",\"limit\":4.5,\"name\":\"S1/L.high\",\"priority\":2,\"tag\":\"S1/L\"}"};

static json_t *report_of(struct backtest_status s) {
    assert_int_equal(s.state, BACKTEST_DONE);
    json_t *json = json_loadb(s.report.p, s.report.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static int number(const json_t *json, const char *half, const char *key) {
    const json_t *in = half == NULL ? json : json_object_get(json, half);
    assert_true(json_is_number(json_object_get(in, key)));
    return (int)json_number_value(json_object_get(in, key));
}

static void a_change_is_tried_on_what_is_stored(void **state) {
    (void)state;
    struct rig *g = rig_open();
    g->past.before[0] = (struct stored_sample){.tag_key = 100, .t_us = AT(-90000), .value = 1};
    for (int i = 0; i < 5; i++) {
        sample(g, 100 + 1000 * i, i < 3 ? 4.2 : 4.8);
        sample(g, 150 + 1000 * i, 1);
    }
    struct reply r = start(g, &higher, 1, "S1/L.high");
    assert_int_equal(r.status, OK);
    assert_int_equal(r.backtests.v[0].id, AT(0) / 1000000 + 1);
    json_t *json = report_of(wait_for(g, r.backtests.v[0].id));
    assert_int_equal(number(json, "now", "n"), 5);
    assert_int_equal(number(json, "then", "n"), 2);
    assert_int_equal(number(json, NULL, "missed"), 3);
    assert_int_equal(number(json, NULL, "samples"), 11);
    assert_true(json_array_size(json_object_get(json_object_get(json, "suggestion"), "rows")) > 100);
    assert_int_equal(g->past.asked_from_us, AT(-3600));
    assert_int_equal(g->past.n_tags, 1);
    assert_true(g->past.closed);
    json_decref(json);
    rig_close(g);
}

static void an_outage_of_the_journal_is_a_lost_link(void **state) {
    (void)state;
    static const struct config_change_item slower = {.kind = "alarm",
                                                     .name = "S1/g1.comm",
                                                     .body =
                                                         "{\"gateway\":\"g1\",\"kind\":\"comm\",\"name\":"
                                                         "\"S1/g1.comm\",\"on_delay_s\":300,\"priority\":2}"};
    struct rig *g = rig_open();
    g->past.outage = (struct history_outage){.from_us = AT(5030), .to_us = AT(5200)};
    g->past.n_outages = 1;
    json_t *json = report_of(wait_for(g, start(g, &slower, 1, "").backtests.v[0].id));
    assert_int_equal(number(json, "now", "n"), 1);
    assert_int_equal(number(json, "then", "n"), 0);
    const json_t *removed = json_array_get(json_object_get(json, "removed"), 0);
    assert_string_equal(json_string_value(json_object_get(removed, "src")), "2023-11-14T23:37:10Z");
    json_decref(json);
    rig_close(g);
}

static void what_is_wrong_with_the_change_is_pointed_at(void **state) {
    (void)state;
    static const struct {
        struct config_change_item item;
        const char *pointer;
    } wrong[] = {
        {{"valve", "x", "{}", -1}, "/items/0/kind"},
        {{"alarm", "S1/none", NULL, -1}, "/items/0/name"},
        {{"alarm", "S1/L.high", "{\"name\":\"S1/L.high\",\"kind\":\"high\"}", -1}, "/items/0/body/"},
        {{"alarm", "S1/L.high",
          "{\"kind\":\"high\",\"limit\":9,\"name\":\"S1/L.high\",\"priority\":2,\"tag\":\"S1/L\"}", -1},
         "/items/0/body/limit"}};
    struct rig *g = rig_open();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct reply r = start(g, &wrong[i].item, 1, "");
        assert_int_equal(r.status, ERR_INVALID);
        assert_true(r.config.n > 0);
        assert_memory_equal(r.config.v[0].pointer, wrong[i].pointer, strlen(wrong[i].pointer));
    }
    assert_string_equal(start(g, NULL, 0, "S1/none").config.v[0].pointer, "/suggest");
    struct request backwards = {.kind = REQ_BACKTEST};
    backwards.backtest.ask = BACKTEST_START;
    backwards.backtest.from_us = AT(1);
    backwards.backtest.to_us = AT(1);
    assert_int_equal(ask(g, &backwards).status, ERR_INVALID);
    assert_int_equal(about(g, BACKTEST_LIST, 0).backtests.n, 0);
    rig_close(g);
}

static void one_runs_a_few_wait_and_the_rest_are_refused(void **state) {
    (void)state;
    struct rig *g = rig_open();
    atomic_store(&g->past.held, true);
    uint64_t first = start(g, &higher, 1, "").backtests.v[0].id;
    for (int i = 0; i < BACKTEST_WAITING_MAX; i++) {
        assert_int_equal(start(g, &higher, 1, "").backtests.v[0].state, BACKTEST_WAITING);
    }
    assert_int_equal(start(g, &higher, 1, "").status, ERR_FULL);
    assert_int_equal(about(g, BACKTEST_GET, first).backtests.v[0].state, BACKTEST_RUNNING);
    struct reply all = about(g, BACKTEST_LIST, 0);
    assert_int_equal(all.backtests.n, 1 + BACKTEST_WAITING_MAX);
    assert_int_equal(all.backtests.v[BACKTEST_WAITING_MAX].id, first);
    assert_string_equal(all.backtests.v[0].name, higher.name);
    atomic_store(&g->past.held, false);
    assert_int_equal(wait_for(g, first + BACKTEST_WAITING_MAX).state, BACKTEST_DONE);
    assert_int_equal(wait_for(g, first).state, BACKTEST_DONE);
    rig_close(g);
}

static void it_can_be_called_off_while_it_runs_and_while_it_waits(void **state) {
    (void)state;
    struct rig *g = rig_open();
    for (int i = 0; i < 10; i++) {
        sample(g, 100 + i, 1);
    }
    atomic_store(&g->past.held, true);
    uint64_t running = start(g, &higher, 1, "").backtests.v[0].id;
    uint64_t waiting = start(g, &higher, 1, "").backtests.v[0].id;
    assert_int_equal(about(g, BACKTEST_CANCEL, waiting).status, OK);
    assert_int_equal(about(g, BACKTEST_GET, waiting).backtests.v[0].state, BACKTEST_CANCELLED);
    assert_int_equal(about(g, BACKTEST_CANCEL, running).status, OK);
    atomic_store(&g->past.held, false);
    assert_int_equal(wait_for(g, running).state, BACKTEST_CANCELLED);
    assert_true(g->past.given < g->past.n);
    assert_int_equal(about(g, BACKTEST_CANCEL, running).status, OK); /* now it is forgotten */
    assert_int_equal(about(g, BACKTEST_GET, running).status, ERR_NOT_FOUND);
    rig_close(g);
}

/* As a question to a database that does not answer. */
static void what_its_source_waits_for_ends_when_it_is_called_off(void **state) {
    (void)state;
    struct rig *g = rig_open();
    g->past.stop = backtest_jobs_borrow_stop(g->jobs);
    atomic_store(&g->past.held, true);
    uint64_t running = start(g, &higher, 1, "").backtests.v[0].id;
    assert_int_equal(about(g, BACKTEST_CANCEL, running).status, OK);
    assert_int_equal(wait_for(g, running).state, BACKTEST_CANCELLED);
    rig_close(g);
}

static void a_failure_is_kept_with_its_reason(void **state) {
    (void)state;
    static const struct {
        enum status status;
        const char *says;
    } cases[] = {{ERR_UNAVAILABLE, "the database does not answer; the server's log says more"},
                 {ERR_INTERNAL, "the database refuses to be read; the server's log says more"},
                 {ERR_CONFLICT, "is away"}}; /* nobody called it off */
    struct rig *g = rig_open();
    for (size_t i = 0; i < COUNT(cases); i++) {
        g->past.fails = cases[i].status;
        struct backtest_status s = wait_for(g, start(g, &higher, 1, "").backtests.v[0].id);
        assert_int_equal(s.state, BACKTEST_FAILED);
        assert_string_equal(s.error, cases[i].says);
        assert_true(g->past.closed);
    }
    rig_close(g);
}

static void the_oldest_result_leaves_for_a_new_one(void **state) {
    (void)state;
    struct rig *g = rig_open();
    uint64_t first = 0;
    for (int i = 0; i < BACKTEST_KEPT_MAX + 1; i++) {
        uint64_t id = start(g, &higher, 1, "").backtests.v[0].id;
        first = i == 0 ? id : first;
        (void)wait_for(g, id);
    }
    assert_int_equal(about(g, BACKTEST_GET, first).status, ERR_NOT_FOUND);
    assert_int_equal(about(g, BACKTEST_LIST, 0).backtests.n, BACKTEST_KEPT_MAX);
    rig_close(g);
}

static void a_stop_calls_off_what_runs(void **state) {
    (void)state;
    struct rig *g = rig_open();
    for (int i = 0; i < 60; i++) {
        sample(g, 100 + i, 1);
    }
    (void)start(g, &higher, 1, "");
    (void)start(g, &higher, 1, "");
    rig_close(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_tried_on_what_is_stored),
        cmocka_unit_test(an_outage_of_the_journal_is_a_lost_link),
        cmocka_unit_test(what_is_wrong_with_the_change_is_pointed_at),
        cmocka_unit_test(one_runs_a_few_wait_and_the_rest_are_refused),
        cmocka_unit_test(it_can_be_called_off_while_it_runs_and_while_it_waits),
        cmocka_unit_test(what_its_source_waits_for_ends_when_it_is_called_off),
        cmocka_unit_test(a_failure_is_kept_with_its_reason),
        cmocka_unit_test(the_oldest_result_leaves_for_a_new_one),
        cmocka_unit_test(a_stop_calls_off_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
