#include "server/base/check.h"
#include "tests/cases/case_run.h"

enum { TURNS_WITHOUT_TIME_MAX = 10000 };

int64_t case_time_us(const struct case_run *run, const char *text) {
    int64_t us = 0;
    if (!case_duration_us(text, &us)) {
        case_fail(run, "\"%s\" is no time", text);
    }
    return run->setup.base_us + us;
}

const char *case_time_text(struct case_run *run, int64_t us) {
    return case_seconds(&run->arena, us - run->setup.base_us);
}

uint32_t case_alarm_index(const struct case_run *run, const char *name) {
    const struct case_def *def = case_setup_find(&run->setup, CASE_ITEM_ALARM, name);
    return def == NULL ? MODEL_NONE : model_find_alarm(run->model, slice_str(def->item_name));
}

static void on_effect(void *ctx, const struct effect *effect) {
    struct case_run *run = ctx;
    switch (effect->kind) {
    case EFFECT_RECORD:
        CHECK(run->n_records < CASE_RECORDS_MAX);
        run->records[run->n_records++] = effect->record;
        return;
    case EFFECT_REPLY:
        run->reply = *effect;
        run->replied = true;
        return;
    case EFFECT_SILENCE:
        return;
    }
}

static struct effect_sink sink_of(struct case_run *run) {
    return (struct effect_sink){.ctx = run, .emit = on_effect};
}

void case_apply(struct case_run *run, const struct event *event) {
    if (run->core == NULL) {
        case_fail(run, "the process is down: start is missing");
    }
    core_apply(run->core, event, run->now_us, sink_of(run));
}

/* Runs every timer that is due before until_us, each at its own time. */
void case_advance(struct case_run *run, int64_t until_us) {
    uint32_t still = 0;
    while (run->core != NULL) {
        int64_t wake_us = core_next_wake(run->core);
        if (wake_us >= until_us) {
            break;
        }
        still = wake_us > run->now_us ? 0 : still + 1;
        if (still > TURNS_WITHOUT_TIME_MAX) {
            case_fail(run, "the core asks for time %s again and again", case_time_text(run, wake_us));
        }
        run->now_us = wake_us > run->now_us ? wake_us : run->now_us;
        case_apply(run, &(struct event){.kind = EVENT_TIME});
    }
}

void case_link(struct case_run *run, uint32_t gateway, bool up) {
    run->link_up[gateway] = up;
    uint32_t index = model_find_gateway(run->model, slice_str(run->setup.gateway[gateway].item_name));
    CHECK(index != MODEL_NONE);
    case_apply(run, &(struct event){.kind = EVENT_LINK, .link = {.gateway = index, .up = up}});
}

void case_backlog_end(struct case_run *run, uint32_t gateway, int64_t te_us) {
    uint32_t index = model_find_gateway(run->model, slice_str(run->setup.gateway[gateway].item_name));
    CHECK(index != MODEL_NONE);
    case_apply(run,
               &(struct event){.kind = EVENT_BACKLOG_END, .backlog_end = {.gateway = index, .te_us = te_us}});
}

void case_take_over(struct case_run *run, struct model *model) {
    if (run->core != NULL) {
        struct core *next = NULL;
        struct error err = {0};
        if (core_next(run->core, model, run->now_us, sink_of(run), &next, &err) != OK) {
            case_fail(run, "the core does not take the new configuration: %s", err.text);
        }
        core_free(&run->core);
        run->core = next;
    }
    model_free(&run->model);
    run->model = model;
}

void case_new_core(struct case_run *run, const struct core_restore *restore) {
    struct error err = {0};
    if (core_new(run->model, restore, run->now_us, &run->core, &err) != OK) {
        case_fail(run, "the core does not start: %s", err.text);
    }
}

void case_crash(struct case_run *run) {
    if (run->core == NULL) {
        case_fail(run, "it is down already");
    }
    if (core_next_wake(run->core) > run->now_us) {
        /* The newest checkpoint is of this very moment; no timer that is due at it has run. */
        case_apply(run, &(struct event){.kind = EVENT_TIME});
    }
    run->n_accumulators = core_accumulators(run->core, 0, run->accumulators, CASE_ACCUMULATORS_MAX);
    core_free(&run->core);
}

void case_start(struct case_run *run) {
    if (run->core != NULL) {
        case_fail(run, "it runs already");
    }
    struct model *model = NULL;
    struct case_refusal refusal = {0};
    if (!case_setup_compile(&run->setup, &model, &refusal)) {
        case_fail(run, "refused: %s", refusal.text);
    }
    case_take_over(run, model);
    for (uint32_t i = 0; i < run->n_records; i++) {
        uint32_t index = 0;
        while (index < run->model->n_alarms && run->model->alarms[index].key != run->records[i].alarm_key) {
            index++;
        }
        run->records[i].alarm = index < run->model->n_alarms ? index : MODEL_NONE;
    }
    struct core_restore restore = {.records = run->records,
                                   .n = run->n_records,
                                   .journal_seq =
                                       run->n_records == 0 ? 0 : run->records[run->n_records - 1].seq,
                                   .accumulators = run->accumulators,
                                   .n_accumulators = run->n_accumulators};
    case_new_core(run, &restore);
    memset(run->link_up, 0, sizeof run->link_up);
}
