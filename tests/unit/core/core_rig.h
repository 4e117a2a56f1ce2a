/* A core with a small configuration (tests/lib/core_model.h), its journal, and verbs to drive it: for tests
 * of what stories in text (tests/cases, tests/lib/core_story.h) cannot say. Indexes are those of the spec.
 * All links are up at the start. Times in seconds since the start. */
#ifndef PENSTOCK_TESTS_CORE_RIG_H
#define PENSTOCK_TESTS_CORE_RIG_H

#include "server/core/core.h"
#include "tests/lib/core_model.h"
#include "tests/lib/unit.h"

#include <stdio.h>

enum { RIG_RECORDS = 4096, RIG_TEXT = 8192 };
#define RIG_BASE_US INT64_C(1767225600000000)

struct rig {
    struct spec spec;
    struct model *model;
    struct core *core;
    struct alarm_record records[RIG_RECORDS];
    uint32_t n_records;
    uint32_t n_checked;
    struct effect reply;
    uint32_t n_silences;
    uint32_t silenced; /* position of the newest */
    int64_t now_us;
    char text[RIG_TEXT];
};

static inline void rig_on_effect(void *ctx, const struct effect *e) {
    struct rig *r = ctx;
    switch (e->kind) {
    case EFFECT_RECORD:
        assert_true(r->n_records < RIG_RECORDS);
        r->records[r->n_records++] = e->record;
        break;
    case EFFECT_REPLY:
        r->reply = *e;
        break;
    case EFFECT_SILENCE:
        r->n_silences++;
        r->silenced = e->silence.position;
        break;
    }
}

static inline struct effect_sink rig_sink(struct rig *r) {
    return (struct effect_sink){.ctx = r, .emit = rig_on_effect};
}

static inline void rig_apply(struct rig *r, const struct event *event) {
    core_apply(r->core, event, r->now_us, rig_sink(r));
}

static inline int64_t rig_us(double seconds) {
    return RIG_BASE_US + spec_us(seconds);
}

static inline void rig_link(struct rig *r, uint32_t gateway, bool up) {
    rig_apply(r, &(struct event){.kind = EVENT_LINK,
                                 .link = {.gateway = spec_gateway_index(r->model, gateway), .up = up}});
}

static inline struct rig *rig_new(const struct spec *spec) {
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->spec = *spec;
    r->spec.revision = 1;
    r->model = spec_model(&r->spec);
    r->now_us = RIG_BASE_US;
    assert_int_equal(core_new(r->model, NULL, r->now_us, &r->core, NULL), OK);
    for (uint32_t i = 0; i < r->spec.n_gateways; i++) {
        rig_link(r, i, true);
    }
    return r;
}

static inline void rig_free(struct rig *r) {
    core_free(&r->core);
    model_free(&r->model);
    free(r);
}

/* To this time; timers that are due by then included. */
static inline void rig_at(struct rig *r, double seconds) {
    int64_t until_us = rig_us(seconds);
    for (int64_t wake_us = 0; (wake_us = core_next_wake(r->core)) <= until_us;) {
        r->now_us = wake_us > r->now_us ? wake_us : r->now_us;
        rig_apply(r, &(struct event){.kind = EVENT_TIME});
    }
    r->now_us = until_us;
}

static inline struct sample rig_sample(const struct rig *r, uint32_t tag, double value) {
    return (struct sample){.tag = spec_tag_index(r->model, tag), .value = value, .t_us = r->now_us};
}

static inline void rig_message(struct rig *r, uint32_t gateway, enum lane lane, const struct sample *v,
                               uint32_t n) {
    rig_apply(
        r, &(struct event){
               .kind = EVENT_SAMPLES,
               .samples = {.gateway = spec_gateway_index(r->model, gateway), .lane = lane, .n = n, .v = v}});
}

/* One live sample of the tag's own gateway at this time. */
static inline void rig_send(struct rig *r, uint32_t tag, double value) {
    const struct sample v = rig_sample(r, tag, value);
    rig_message(r, r->spec.tags[tag].gateway, LANE_LIVE, &v, 1);
}

static inline void rig_send_quality(struct rig *r, uint32_t tag, double value, uint8_t quality) {
    struct sample v = rig_sample(r, tag, value);
    v.quality = quality;
    rig_message(r, r->spec.tags[tag].gateway, LANE_LIVE, &v, 1);
}

static inline enum alarm_reply rig_ask(struct rig *r, struct alarm_request ask) {
    ask.alarm = spec_alarm_index(r->model, ask.alarm);
    ask.actor = ask.actor == NULL ? "anna" : ask.actor;
    ask.actor_key = 7;
    if (ask.kind == ALARM_ASK_ACK && ask.call == 0) {
        ask.call = core_alarm(r->core, ask.alarm).call;
    }
    rig_apply(r, &(struct event){.kind = EVENT_REQUEST, .request = {.token = 4711, .ask = ask}});
    assert_int_equal(r->reply.reply.token, 4711);
    return r->reply.reply.result;
}

static inline enum alarm_reply rig_ack(struct rig *r, uint32_t alarm) {
    return rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_ACK, .alarm = alarm, .comment = "seen"});
}

static inline void rig_silence(struct rig *r, uint32_t position) {
    rig_apply(r, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = position}});
}

static inline struct alarm_view rig_view(const struct rig *r, uint32_t alarm) {
    return core_alarm(r->core, spec_alarm_index(r->model, alarm));
}

static inline char rig_letter(const struct rig *r, uint32_t alarm) {
    return rig_view(r, alarm).letter;
}

/* The spec was changed: it comes into force. */
static inline void rig_revise(struct rig *r) {
    struct core *core = NULL;
    r->spec.revision++;
    struct model *model = spec_model(&r->spec);
    assert_int_equal(core_next(r->core, model, r->now_us, rig_sink(r), &core, NULL), OK);
    core_free(&r->core);
    model_free(&r->model);
    r->core = core;
    r->model = model;
}

/* The process dies and starts again with its journal and these sums. Links are down. */
static inline void rig_restart(struct rig *r, const struct alarm_accumulator *sums, size_t n) {
    const struct core_restore restore = {.records = r->records,
                                         .n = r->n_records,
                                         .journal_seq = r->n_records,
                                         .accumulators = sums,
                                         .n_accumulators = n};
    core_free(&r->core);
    assert_int_equal(core_new(r->model, &restore, r->now_us, &r->core, NULL), OK);
}

/* The records since the last look, QUALITY left out: "raise A A>B first, ack A B>C". */
static inline void rig_expect(struct rig *r, const char *want) {
    size_t n = 0;
    r->text[0] = '\0';
    for (; r->n_checked < r->n_records; r->n_checked++) {
        const struct alarm_record *a = &r->records[r->n_checked];
        if (a->kind != RECORD_QUALITY) {
            n += (size_t)snprintf(r->text + n, sizeof r->text - n, "%s%s %s %c>%c%s%s", n > 0 ? ", " : "",
                                  alarm_record_kind_name(a->kind),
                                  r->spec.alarms[a->alarm_key - SPEC_KEY_ALARM].name, a->from, a->to,
                                  (a->flags & RECORD_FIRST) != 0 ? " first" : "",
                                  (a->flags & RECORD_RING) != 0 ? " ring" : "");
            assert_true(n < sizeof r->text);
        }
    }
    assert_string_equal(r->text, want);
}

#endif
