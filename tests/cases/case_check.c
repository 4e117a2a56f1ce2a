#include "tests/cases/case_run.h"

#include <math.h>
#include <stdio.h>

/* What a check may ask for of an alarm, as text. */
static const char *flag(bool on) {
    return on ? "1" : "0";
}

static const char *number_text(struct case_run *run, double number) {
    return case_text(&run->arena, "%.17g", number);
}

struct question {
    struct case_run *run;
    const char *key;
    struct alarm_view view;
    uint32_t alarm;
};

static bool is(const struct question *q, const char *a, const char *b) {
    return strcmp(q->key, a) == 0 || (b != NULL && strcmp(q->key, b) == 0);
}

static const char *flag_of(const struct question *q) {
    const struct alarm_view *v = &q->view;
    const struct {
        const char *key;
        const char *other;
        bool on;
    } flags[] = {
        {"ring", NULL, v->ring},
        {"retain", NULL, v->retain},
        {"latched", NULL, v->latched},
        {"confirm_due", "conf_due", v->confirm_due},
        {"first", NULL, v->first},
        {"chatter", NULL, v->chatter},
        {"untrusted", NULL, v->untrusted},
        {"pending", NULL, v->pending},
        {"suspect", NULL, v->suspect},
        {"one_shot", "oneshot", v->one_shot},
        {"acked", NULL, (v->facts & FACT_ACKED) != 0},
        {"active", NULL, (v->facts & FACT_ACTIVE) != 0},
        {"shelved", NULL, (v->facts & FACT_SHELVED) != 0},
        {"suppressed", NULL, (v->facts & FACT_SUPPRESSED) != 0},
        {"oos", "out_of_service", (v->facts & FACT_OUT_OF_SERVICE) != 0},
        {"enabled", NULL, (v->facts & FACT_ENABLED) != 0},
        {"disabled", NULL, (v->facts & FACT_ENABLED) == 0},
        {"hidden", NULL, alarm_letter_hidden(v->letter)},
        /* waits for somebody and could sound, but was silenced (or chatters) */
        {"silenced", NULL, alarm_letter_unacked(v->letter) && alarm_letter_active(v->letter) && !v->ring},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (is(q, flags[i].key, flags[i].other)) {
            return flag(flags[i].on);
        }
    }
    return NULL;
}

static const char *number_of(const struct question *q) {
    const struct alarm_view *v = &q->view;
    struct arena *arena = &q->run->arena;
    if (is(q, "occ", NULL)) {
        return case_text(arena, "%u", v->occ);
    }
    if (is(q, "call", NULL)) {
        return case_text(arena, "%u", v->call);
    }
    if (is(q, "since_ack", NULL)) {
        return case_text(arena, "%u", v->occ - v->acked_occ);
    }
    if (is(q, "n", NULL)) {
        return case_text(arena, "%llu", (unsigned long long)v->n);
    }
    if (is(q, "value", "v")) {
        return number_text(q->run, v->value);
    }
    if (is(q, "limit", NULL)) {
        return number_text(q->run, v->limit);
    }
    if (is(q, "raised", "src")) {
        return case_time_text(q->run, v->raised_us);
    }
    if (is(q, "changed", NULL)) {
        return case_time_text(q->run, v->changed_us);
    }
    if (is(q, "acked_at", NULL)) {
        return case_time_text(q->run, v->acked_us);
    }
    if (is(q, "until", NULL)) {
        return v->shelved_until_us == 0 ? "0" : case_time_text(q->run, v->shelved_until_us);
    }
    if (is(q, "untrusted_since", NULL)) {
        return v->untrusted_us == 0 ? "0" : case_time_text(q->run, v->untrusted_us);
    }
    return NULL;
}

static const char *text_of(const struct question *q) {
    const struct alarm_view *v = &q->view;
    if (is(q, "st", "state") || is(q, "letter", NULL)) {
        return case_text(&q->run->arena, "%c", v->letter);
    }
    if (is(q, "base", NULL)) {
        return case_text(&q->run->arena, "%c", v->base);
    }
    if (is(q, "prio", "priority")) {
        return case_priority_name(v->priority);
    }
    if (is(q, "by", "acked_by")) {
        return case_text(&q->run->arena, "%s", v->acked_by);
    }
    return NULL;
}

/* Equal as numbers, as priorities, as yes and no, or as texts. */
static bool same(const char *wanted, const char *got) {
    double a = 0;
    double b = 0;
    bool yes = false;
    if (strcmp(wanted, got) == 0) {
        return true;
    }
    if (case_number(wanted, &a) && case_number(got, &b)) {
        return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(1, fabs(a));
    }
    if ((strcmp(got, "0") == 0 || strcmp(got, "1") == 0) && case_bool(wanted, &yes)) {
        return yes == (got[0] == '1');
    }
    return case_priority(wanted) != 0 && case_priority(wanted) == case_priority(got);
}

static void judge(struct case_run *run, const struct case_word *w, const char *got) {
    if (got == NULL) {
        case_fail(run, "nothing is known by the name of %s", w->key);
    }
    if (!same(w->text, got)) {
        case_fail(run, "state\n  expected  %s=%s\n  got       %s=%s", w->key, w->text, w->key, got);
    }
}

static const char *tag_answer(struct case_run *run, const struct tag_live *live, const char *key) {
    struct question q = {.run = run, .key = key};
    if (is(&q, "value", "v")) {
        return number_text(run, live->value);
    }
    if (is(&q, "quality", "q")) {
        return quality_class_name(live->quality);
    }
    if (is(&q, "reason", NULL)) {
        return quality_reason_name(live->quality);
    }
    if (is(&q, "src", "t")) {
        return case_time_text(run, live->t_us);
    }
    return NULL;
}

void case_check(struct case_run *run, const struct case_line *line) {
    if (line->n < 4 || line->word[2].key != NULL) {
        case_fail(run, "a check names an alarm and what is true of it");
    }
    if (run->core == NULL) {
        case_fail(run, "the process is down: nothing can be seen");
    }
    const char *name = line->word[2].text;
    struct question q = {.run = run, .alarm = case_alarm_index(run, name)};
    const struct case_def *tag = case_setup_find(&run->setup, CASE_ITEM_TAG, name);
    struct tag_live live = {0};
    if (q.alarm != MODEL_NONE) {
        q.view = core_alarm(run->core, q.alarm);
    } else if (tag != NULL) {
        live = core_tag(run->core, model_find_tag(run->model, slice_str(tag->item_name)));
    } else {
        case_fail(run, "there is no alarm %s", name);
    }
    for (uint32_t i = 3; i < line->n; i++) {
        const struct case_word *w = &line->word[i];
        if (w->key == NULL) {
            case_fail(run, "\"%s\" should be key=value", w->text);
        }
        run->n_checks++;
        q.key = w->key;
        const char *got = NULL;
        if (q.alarm == MODEL_NONE) {
            got = tag_answer(run, &live, w->key);
        } else {
            got = flag_of(&q);
            got = got == NULL ? number_of(&q) : got;
            got = got == NULL ? text_of(&q) : got;
        }
        judge(run, w, got);
    }
}

void case_counts(struct case_run *run, const struct case_line *line) {
    if (run->core == NULL) {
        case_fail(run, "the process is down: nothing is counted");
    }
    const struct core_counts c = core_counts(run->core);
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = {{"unacked", c.unacked[0]}, {"critical", c.unacked[1]},   {"high", c.unacked[2]},
                  {"medium", c.unacked[3]},  {"low", c.unacked[4]},        {"active", c.active},
                  {"shelved", c.shelved},    {"suppressed", c.suppressed}, {"oos", c.out_of_service},
                  {"disabled", c.disabled},  {"untrusted", c.untrusted},   {"future", c.future},
                  {"flood", c.flood},        {"flooded", c.flooded}};
    for (uint32_t i = 2; i < line->n; i++) {
        const struct case_word *w = &line->word[i];
        const char *got = NULL;
        for (size_t k = 0; w->key != NULL && k < sizeof counts / sizeof counts[0]; k++) {
            got = strcmp(w->key, counts[k].key) == 0
                      ? case_text(&run->arena, "%llu", (unsigned long long)counts[k].n)
                      : got;
        }
        if (w->key == NULL) {
            case_fail(run, "\"%s\" should be key=value", w->text);
        }
        run->n_checks++;
        judge(run, w, got);
    }
}
