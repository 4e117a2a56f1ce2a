#include "server/core/core.h"

#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>
#include <stdlib.h>

static void *table(size_t count, size_t size) {
    return calloc(count > 0 ? count : 1, size);
}

static enum status allocate(struct core *core, const struct model *m, struct error *err) {
    size_t tags_size = (m->n_tags > 0 ? m->n_tags : 1) * sizeof *core->tags;
    core->tags = aligned_alloc(_Alignof(struct tag_state), tags_size);
    core->gateways = table(m->n_gateways, sizeof *core->gateways);
    core->alarms = table(m->n_alarms, sizeof *core->alarms);
    core->details = table(m->n_alarms, sizeof *core->details);
    core->gateway_first = table((size_t)m->n_gateways + 1, sizeof *core->gateway_first);
    core->gateway_tags = table(m->n_tags, sizeof *core->gateway_tags);
    core->changed = table(m->n_tags, sizeof *core->changed);
    if (core->tags == NULL || core->gateways == NULL || core->alarms == NULL || core->details == NULL ||
        core->gateway_first == NULL || core->gateway_tags == NULL || core->changed == NULL) {
        return error_set(err, ERR_NOMEM, "core", "no memory for %u tags and %u alarms", m->n_tags,
                         m->n_alarms);
    }
    enum status status = timer_init(&core->timers, m->n_alarms + m->n_tags, err);
    return status == OK ? message_order_init(&core->order, err) : status;
}

static void build_tags(struct core *core, const struct model *m) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        const struct model_tag *tag = &m->tags[i];
        CHECK(tag->gateway < m->n_gateways);
        CHECK(tag->n_alarms == 0 || (uint64_t)tag->first_alarm + tag->n_alarms <= m->n_alarms);
        core->tags[i] = (struct tag_state){
            .value = NAN,
            .shown = NAN,
            .deadband = tag->deadband,
            .stale_us = tag->stale_us,
            .gateway = tag->gateway,
            .first_alarm = tag->first_alarm,
            .n_alarms = tag->n_alarms,
            .flags = TAG_LOST,
        };
        core->gateway_first[tag->gateway + 1]++;
    }
    for (uint32_t g = 0; g < m->n_gateways; g++) {
        core->gateway_first[g + 1] += core->gateway_first[g];
    }
    /* Filling moves each bound to the next one; moving them back costs less than a second array. */
    for (uint32_t i = 0; i < m->n_tags; i++) {
        core->gateway_tags[core->gateway_first[m->tags[i].gateway]++] = i;
    }
    for (uint32_t g = m->n_gateways; g > 0; g--) {
        core->gateway_first[g] = core->gateway_first[g - 1];
    }
    core->gateway_first[0] = 0;
}

static void build_gateways(struct core *core, const struct model *m) {
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        const struct model_gateway *g = &m->gateways[i];
        CHECK(g->comm_alarm == MODEL_NONE || g->comm_alarm < m->n_alarms);
        core->gateways[i] = (struct gateway_state){
            .since_us = core->now_us,
            .comm_alarm = g->comm_alarm,
            .enabled = g->enabled,
            .starting = true,
        };
    }
}

static void build_alarms(struct core *core, const struct model *m) {
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm *alarm = &m->alarms[i];
        CHECK(alarm->site < m->n_sites);
        CHECK(alarm->gateway < m->n_gateways);
        CHECK(alarm->kind == ALARM_COMM ? alarm->tag == MODEL_NONE : alarm->tag < m->n_tags);
        CHECK(alarm->priority >= 1 && alarm->priority <= 4);
        core->alarms[i] = (struct alarm_state){
            .delays = {.on_us = alarm->on_delay_us, .off_us = alarm->off_delay_us},
            .limit = alarm->limit,
            .deadband = alarm->deadband,
            .tag = alarm->tag,
            .gateway = alarm->gateway,
            .facts = {.enabled = true, .acked = true}, /* core_alarms_settle disables it, with a record */
            .kind = alarm->kind,
            .priority = alarm->priority,
        };
        core->details[i].value = NAN;
    }
}

enum status core_build(const struct model *m, int64_t now_us, struct core **ret_core, struct error *err) {
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return error_set(err, ERR_NOMEM, "core", "no memory");
    }
    core->model = m;
    core->now_us = now_us;
    core->unsettled = true;
    enum status status = allocate(core, m, err);
    if (status != OK) {
        core_free(&core);
        return status;
    }
    build_tags(core, m);
    build_gateways(core, m);
    build_alarms(core, m);
    *ret_core = core;
    return OK;
}

void core_free(struct core **core) {
    if (core == NULL || *core == NULL) {
        return;
    }
    struct core *c = *core;
    free(c->tags);
    free(c->gateways);
    free(c->alarms);
    free(c->details);
    free(c->gateway_first);
    free(c->gateway_tags);
    free(c->changed);
    free(c->past);
    timer_done(&c->timers);
    message_order_done(&c->order);
    free(c);
    *core = NULL;
}

void core_run_timers(struct core *core, int64_t until_us, const struct effect_sink *sink) {
    uint32_t id = 0;
    int64_t due_us = 0;
    while (timer_pop(&core->timers, until_us, &id, &due_us)) {
        if (id < core->model->n_alarms) {
            core_alarm_due(core, id, sink);
        } else {
            core_tag_stale_due(core, id - core->model->n_alarms, due_us, sink);
        }
    }
}

static void apply_samples(struct core *core, const struct event *event, const struct effect_sink *sink) {
    CHECK(event->samples.gateway < core->model->n_gateways);
    switch (event->samples.lane) {
    case LANE_LIVE:
    case LANE_SNAPSHOT:
        core_tags_message(core, event, sink);
        break;
    case LANE_BACKLOG:
        core->counts.backlog += event->samples.n;
        break;
    }
}

static void apply_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink) {
    CHECK(gateway < core->model->n_gateways);
    struct gateway_state *g = &core->gateways[gateway];
    if (g->up == up) {
        return;
    }
    g->up = up;
    g->since_us = core->now_us;
    core_tags_link(core, gateway, up, sink);
    if (g->comm_alarm != MODEL_NONE) {
        core_alarm_evaluate(core, g->comm_alarm, core->now_us, sink);
    }
    g->starting = g->starting && !up;
}

void core_apply(struct core *core, const struct event *event, int64_t now_us, struct effect_sink sink) {
    CHECK(sink.emit != NULL);
    if (core->unsettled) {
        core_alarms_settle(core, &sink);
    }
    /* What was due before is completed first. What is due at this very time waits: requests and samples of
     * one time come before its timers. */
    if (now_us > core->now_us) {
        core->now_us = now_us;
        core_run_timers(core, now_us - 1, &sink);
    }
    switch (event->kind) {
    case EVENT_SAMPLES:
        apply_samples(core, event, &sink);
        break;
    case EVENT_LINK:
        apply_link(core, event->link.gateway, event->link.up, &sink);
        break;
    case EVENT_REQUEST:
        core_alarm_ack(core, event, &sink);
        break;
    case EVENT_BACKLOG_END:
    case EVENT_SILENCE:
        break;
    case EVENT_TIME:
        core_run_timers(core, core->now_us, &sink);
        break;
    }
}

int64_t core_next_wake(const struct core *core) {
    return core->unsettled ? core->now_us : timer_next(&core->timers);
}

const struct model *core_model(const struct core *core) {
    return core->model;
}

struct tag_live core_tag(const struct core *core, uint32_t tag) {
    CHECK(tag < core->model->n_tags);
    const struct tag_state *t = &core->tags[tag];
    return (struct tag_live){
        .value = t->value,
        .t_us = t->t_us,
        .received_us = t->received_us,
        .quality = core_tag_quality(core, tag),
    };
}

static bool is_untrusted(const struct core *core, const struct alarm_state *a) {
    if (!a->facts.enabled || a->kind == ALARM_COMM) {
        return false;
    }
    const struct tag_state *t = &core->tags[a->tag];
    if (a->kind == ALARM_STALE) {
        return (t->flags & TAG_LOST) != 0 && (t->flags & TAG_STALE) == 0;
    }
    return !core_tag_known(core, a->tag);
}

struct alarm_view core_alarm(const struct core *core, uint32_t alarm) {
    CHECK(alarm < core->model->n_alarms);
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = &core->details[alarm];
    struct alarm_view view = {
        .letter = alarm_letter(&a->facts),
        .untrusted = is_untrusted(core, a),
        .priority = a->priority,
        .occ = a->occ,
        .call = a->call,
        .n = d->n,
        .raised_us = d->raised_us,
        .changed_us = d->changed_us,
        .value = d->value,
        .acked_us = d->acked_us,
    };
    memcpy(view.acked_by, d->acked_by, sizeof view.acked_by);
    return view;
}

bool core_link_up(const struct core *core, uint32_t gateway, int64_t *ret_since_us) {
    CHECK(gateway < core->model->n_gateways);
    if (ret_since_us != NULL) {
        *ret_since_us = core->gateways[gateway].since_us;
    }
    return core->gateways[gateway].up;
}

struct core_counts core_counts(const struct core *core) {
    return core->counts;
}

uint64_t core_journal_seq(const struct core *core) {
    return core->journal_seq;
}

uint32_t core_take_changed(struct core *core, uint32_t *ret_tags, uint32_t max) {
    uint32_t n = 0;
    while (n < max && core->changed_n > 0) {
        uint32_t tag = core->changed[core->changed_first];
        core->tags[tag].flags = (uint8_t)(core->tags[tag].flags & ~TAG_QUEUED);
        core->tags[tag].shown = core->tags[tag].value;
        core->changed_first = core->changed_first + 1 == core->model->n_tags ? 0 : core->changed_first + 1;
        core->changed_n--;
        ret_tags[n++] = tag;
    }
    return n;
}

/* No kind of alarm that this core evaluates accumulates anything. */
uint32_t core_accumulators(const struct core *core, uint32_t first, struct alarm_accumulator *ret,
                           uint32_t max) {
    (void)core;
    (void)first;
    (void)ret;
    (void)max;
    return 0;
}
