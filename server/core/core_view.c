#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* Since when an alarm is untrusted: since the first of its inputs became unknown. */
static int64_t untrusted_us(const struct core *core, uint32_t alarm) {
    const struct model *m = core->model;
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    const uint32_t own[] = {m->alarms[alarm].tag, more->second_tag, more->limit_tag};
    const uint32_t *inputs = NULL;
    uint32_t n = more->program == MODEL_NONE ? 0 : rule_set_inputs(m->rules, more->program, &inputs);
    int64_t since_us = 0;
    for (uint32_t i = 0; i < n + 3; i++) {
        uint32_t tag = i < 3 ? own[i] : inputs[i - 3];
        int64_t unknown_us = tag == MODEL_NONE ? 0 : core->tags[tag].unknown_us;
        if (unknown_us != 0 && (since_us == 0 || unknown_us < since_us)) {
            since_us = unknown_us;
        }
    }
    return since_us;
}

static bool is_ringing(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    return (a->bits & BIT_SOUNDING) != 0 && a->sound > core->silenced[core->model->alarms[alarm].position];
}

struct alarm_view core_alarm(const struct core *core, uint32_t alarm) {
    CHECK(alarm < core->model->n_alarms);
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = core_detail_of(core, alarm);
    bool untrusted = (a->bits & BIT_UNTRUSTED) != 0;
    bool confirm_due = (a->facts & FACT_CONFIRM_DUE) != 0;
    struct alarm_view view = {
        .letter = alarm_shown_letter(a->facts),
        .base = alarm_base_letter(a->facts),
        .untrusted = untrusted,
        .ring = is_ringing(core, alarm),
        .confirm_due = confirm_due,
        .latched = (a->facts & FACT_LATCHED) != 0,
        .first = (a->bits & BIT_FIRST) != 0,
        .chatter = (a->bits & BIT_CHATTER) != 0,
        .pending = a->delay.state == DELAY_PENDING_ON || a->delay.state == DELAY_PENDING_OFF,
        .suspect = d->suspect,
        .one_shot = (a->facts & FACT_ONE_SHOT) != 0,
        .priority = a->priority,
        .facts = a->facts,
        .occ = a->occ,
        .call = a->call,
        .acked_occ = a->acked_occ,
        .n = d->n,
        .raised_us = d->raised_us,
        .changed_us = d->changed_us,
        .untrusted_us = untrusted ? untrusted_us(core, alarm) : 0,
        .value = d->value,
        .limit = core_alarm_limit(core, alarm, LENS_LIVE),
        .acked_us = d->acked_us,
        .shelved_until_us = d->until_us,
    };
    view.retain = (view.base != ALARM_NORMAL && view.base != ALARM_DISABLED) || confirm_due;
    memcpy(view.acked_by, core->names[d->acked_by], sizeof view.acked_by);
    return view;
}

static bool read_note(const struct core *core, uint32_t note, struct alarm_note *ret) {
    if (note == 0) {
        return false;
    }
    *ret = core->notes[note];
    return true;
}

bool core_alarm_shelf(const struct core *core, uint32_t alarm, struct alarm_note *ret) {
    CHECK(alarm < core->model->n_alarms);
    return read_note(core, core_detail_of(core, alarm)->shelf_note, ret);
}

bool core_alarm_out_of_service(const struct core *core, uint32_t alarm, struct alarm_note *ret) {
    CHECK(alarm < core->model->n_alarms);
    return read_note(core, core_detail_of(core, alarm)->service_note, ret);
}

uint32_t core_alarm_suppressors(const struct core *core, uint32_t alarm, const char **ret, uint32_t max) {
    CHECK(alarm < core->model->n_alarms);
    uint32_t n = 0;
    for (uint32_t at = core->alarms[alarm].suppressors; at != 0; at = core->suppressors[at].next) {
        if (n < max) {
            ret[n] = core->names[core->suppressors[at].name];
        }
        n++;
    }
    return n;
}

const char *core_alarm_unit(const struct core *core, uint32_t alarm, char ret[ALARM_UNIT_SIZE]) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct slice unit = m->tag == MODEL_NONE ? slice_str("") : core->model->tags[m->tag].unit;
    if (m->kind == ALARM_TOTAL) {
        unit = slice_str("");
    } else if (m->kind == ALARM_RUNTIME) {
        unit = slice_str("s");
    } else if (m->kind == ALARM_CERTIFICATE) {
        unit = slice_str("d");
    } else if (m->kind == ALARM_SERVER) {
        unit = slice_str(core_server_unit(core, alarm));
    }
    const char *per = m->kind == ALARM_ROC && unit.n > 0 ? "/s" : "";
    char text[64];
    (void)snprintf(text, sizeof text, "%.*s%s", (int)(unit.n < 48 ? unit.n : 48), unit.n > 0 ? unit.p : "",
                   per);
    core_copy_text(ret, ALARM_UNIT_SIZE, text);
    return ret;
}

/* --- why is it on --- */

/* Writes text behind what is there and a part for it. */
struct explanation {
    char *text;
    size_t size;
    size_t n;
    struct rule_part *parts;
    uint32_t n_parts;
    uint32_t max;
};

static void explain(struct explanation *e, struct slice text, struct rule_value value, enum rule_type type,
                    struct slice unit) {
    size_t left = e->size - e->n;
    size_t n = text.n < left ? text.n : left;
    memcpy(e->text + e->n, text.n > 0 ? text.p : "", n);
    if (type != RULE_CLOCK && e->n_parts < e->max) { /* RULE_CLOCK: words between, no part */
        e->parts[e->n_parts++] = (struct rule_part){.pos = (uint32_t)e->n,
                                                    .len = (uint32_t)n,
                                                    .depth = 1,
                                                    .type = type,
                                                    .value = value,
                                                    .unit = unit};
    }
    e->n += n;
}

static void explain_words(struct explanation *e, const char *words) {
    explain(e, slice_str(words), rule_unknown(), RULE_CLOCK, slice_str(""));
}

static void explain_tag(struct explanation *e, const struct core *core, uint32_t tag) {
    const struct model_tag *m = &core->model->tags[tag];
    enum rule_type type = m->type == TAG_BOOL ? RULE_BOOL : RULE_NUMBER;
    explain(e, m->name, core_read(core, LENS_LIVE, tag), type, m->unit);
}

static void explain_limit(struct explanation *e, const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if (!alarm_kind_has_limit((enum alarm_kind)m->kind)) {
        return;
    }
    bool sums = m->kind == ALARM_RUNTIME || m->kind == ALARM_TOTAL; /* true when the limit is reached */
    bool inclusive = sums || model_alarm_is(m, ALARM_INCLUSIVE);
    explain_words(e, m->kind == ALARM_LOW ? (inclusive ? " <= " : " < ") : (inclusive ? " >= " : " > "));
    if (more->limit_tag != MODEL_NONE) {
        explain_tag(e, core, more->limit_tag);
        return;
    }
    char text[32];
    (void)snprintf(text, sizeof text, "%.10g", m->limit);
    explain_words(e, text);
}

static void explain_identity(struct explanation *e, const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct slice whose = m->gateway == MODEL_NONE ? core->model->alarm_texts[alarm].name
                                                  : core->model->gateways[m->gateway].name;
    if (m->kind == ALARM_DUPLICATE) {
        explain_words(e, "a second client with the identity of ");
        explain(e, whose, rule_known((core->alarms[alarm].facts & FACT_ACTIVE) != 0, false), RULE_BOOL,
                slice_str(""));
        return;
    }
    double days = core_certificate_days(core, alarm);
    char text[32];
    (void)snprintf(text, sizeof text, " < %.0f d", core_certificate_limit(core, alarm));
    explain_words(e, "days left of the certificate of ");
    explain(e, whose, isnan(days) ? rule_unknown() : rule_known(days, false), RULE_NUMBER, slice_str("d"));
    explain_words(e, text);
}

static void explain_condition(struct explanation *e, struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    enum alarm_kind kind = (enum alarm_kind)m->kind;
    if (kind == ALARM_COMM || kind == ALARM_CLOCK) {
        const struct gateway_state *g = &core->gateways[m->gateway];
        explain_words(e, kind == ALARM_COMM ? "link of " : "wrong clock of ");
        explain(e, core->model->gateways[m->gateway].name,
                rule_known(kind == ALARM_COMM ? g->up : g->future || g->off, false), RULE_BOOL,
                slice_str(""));
        return;
    }
    if (kind == ALARM_CERTIFICATE || kind == ALARM_DUPLICATE) {
        explain_identity(e, core, alarm);
        return;
    }
    if (kind == ALARM_SERVER) {
        double value = core_server_value(core, alarm);
        explain(e, core->model->alarm_texts[alarm].name,
                isnan(value) ? rule_unknown() : rule_known(value, false), RULE_NUMBER,
                slice_str(core_server_unit(core, alarm)));
        return;
    }
    if (core_gathers(kind) || kind == ALARM_QUALITY || kind == ALARM_STATE) {
        explain(e, slice_str(alarm_kind_name(kind)), rule_known(core_gathered(core, alarm), false),
                RULE_NUMBER, slice_str(""));
        explain_words(e, " of ");
    }
    explain_tag(e, core, m->tag);
    if (more->second_tag != MODEL_NONE) {
        explain_words(e, kind == ALARM_DEV ? " from " : " != ");
        explain_tag(e, core, more->second_tag);
    }
    explain_limit(e, core, alarm);
}

/* A rate: its rule with its parts one deeper, compared with the limit. */
static void explain_rate(struct explanation *e, const struct core *core, uint32_t alarm,
                         const struct rule_reader *reader) {
    uint32_t program = model_alarm_more(core->model, alarm)->program;
    uint32_t n = rule_machine_explain(core->rules, reader, program, core->now_us, e->parts + e->n_parts,
                                      e->max - e->n_parts);
    for (uint32_t i = 0; i < n; i++) {
        e->parts[e->n_parts + i].depth++;
    }
    e->n_parts += n;
    explain(e, rule_set_source(core->model->rules, program), rule_unknown(), RULE_CLOCK, slice_str(""));
    explain_limit(e, core, alarm);
}

uint32_t core_alarm_explain(struct core *core, uint32_t alarm, struct slice *ret_source,
                            struct rule_part *ret, uint32_t max) {
    CHECK(alarm < core->model->n_alarms);
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    struct rule_reader reader = core_rules_reader(core, LENS_LIVE);
    if (core->model->alarms[alarm].kind == ALARM_EXPR) {
        *ret_source = rule_set_source(core->model->rules, more->program);
        return rule_machine_explain(core->rules, &reader, more->program, core->now_us, ret, max);
    }
    struct explanation e = {
        .text = core->explained, .size = sizeof core->explained, .parts = ret, .n_parts = 1, .max = max};
    CHECK(max > 0);
    bool on = (core->alarms[alarm].bits & BIT_CONDITION) != 0;
    bool known = (core->alarms[alarm].bits & BIT_UNTRUSTED) == 0;
    if (more->program != MODEL_NONE) {
        explain_rate(&e, core, alarm, &reader);
    } else {
        explain_condition(&e, core, alarm);
    }
    ret[0] = (struct rule_part){.len = (uint32_t)e.n,
                                .type = RULE_BOOL,
                                .value = known ? rule_known(on ? 1 : 0, false) : rule_unknown(),
                                .unit = slice_str("")};
    *ret_source = slice_of(core->explained, e.n);
    return e.n_parts;
}

/* --- what it costs, and what must be kept --- */

uint32_t core_tag_cost(const struct core *core, uint32_t tag) {
    CHECK(tag < core->model->n_tags);
    uint32_t cost = core->tag_alarms.first[tag + 1] - core->tag_alarms.first[tag];
    for (uint32_t i = core->tag_programs.first[tag]; i < core->tag_programs.first[tag + 1]; i++) {
        cost += rule_set_cost(core->model->rules, core->tag_programs.list[i]);
    }
    return cost;
}

/* Kinds whose amount must be kept beside the journal. */
static bool accumulates(const struct core *core, uint32_t alarm) {
    enum alarm_kind kind = (enum alarm_kind)core->model->alarms[alarm].kind;
    return kind == ALARM_RUNTIME || kind == ALARM_TOTAL || kind == ALARM_CUSUM || kind == ALARM_CUSUM_LOW;
}

double core_alarm_accumulated(const struct core *core, uint32_t alarm) {
    CHECK(alarm < core->model->n_alarms);
    return accumulates(core, alarm) ? core_gathered(core, alarm) : (double)NAN;
}

uint64_t core_accumulator_changes(const struct core *core) {
    return core->memo_changes;
}

uint32_t core_accumulators(const struct core *core, uint32_t first, struct alarm_accumulator *ret,
                           uint32_t max) {
    uint32_t n = 0;
    uint32_t place = 0;
    for (uint32_t i = 0; i < core->n_memos && n < max; i++) {
        const struct model_alarm *m = &core->model->alarms[core->memos[i].alarm];
        if (!accumulates(core, core->memos[i].alarm) || place++ < first) {
            continue;
        }
        ret[n++] = (struct alarm_accumulator){.alarm_key = m->key,
                                              .amount = core_gathered(core, core->memos[i].alarm)};
    }
    return n;
}
