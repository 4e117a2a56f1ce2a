#include "tests/cases/case_run.h"

#include "server/base/check.h"
#include "server/core/sample.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Not in every core yet. */
extern __typeof__(core_accumulators) core_accumulators __attribute__((weak));

enum { ARENA_MAX = 256 * 1024 * 1024, SAMPLES_MAX = 512, TURNS_WITHOUT_TIME_MAX = 10000, OPERATOR_KEY = 7 };

_Noreturn void case_fail(const struct case_run *run, const char *fmt, ...) {
    printf("FAIL %.*s\n", SLICE_ARG(run->block->title.n > 0 ? run->block->title : slice_str("(no heading)")));
    if (run->line != NULL) {
        printf("  %s:%u: %.*s\n", run->file, run->line->number, SLICE_ARG(run->line->raw));
    } else {
        printf("  %s:%u\n", run->file, run->block->line);
    }
    va_list args;
    va_start(args, fmt);
    printf("  ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
    if (run->show_journal) {
        /* only reads, but takes texts from the arena */
        case_print_journal((struct case_run *)(uintptr_t)run);
    }
    (void)fflush(stdout);
    _exit(1);
}

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

static void apply(struct case_run *run, const struct event *event) {
    if (run->core == NULL) {
        case_fail(run, "the process is down: start is missing");
    }
    core_apply(run->core, event, run->now_us, sink_of(run));
}

/* Runs every timer that is due before until_us, each at its own time. */
static void advance(struct case_run *run, int64_t until_us) {
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
        apply(run, &(struct event){.kind = EVENT_TIME});
    }
}

static void link_event(struct case_run *run, uint32_t gateway, bool up) {
    run->link_up[gateway] = up;
    uint32_t index = model_find_gateway(run->model, slice_str(run->setup.gateway[gateway].item_name));
    CHECK(index != MODEL_NONE);
    apply(run, &(struct event){.kind = EVENT_LINK, .link = {.gateway = index, .up = up}});
}

static void do_link(struct case_run *run, const struct case_line *line, bool up) {
    uint32_t g = case_setup_gateway(&run->setup, line->n > 2 ? line->word[2].text : "G1");
    if (g == MODEL_NONE) {
        case_fail(run, "there is no such gateway");
    }
    link_event(run, g, up);
}

/* ---- samples ---- */

/* Index of the name among the tag's states; NaN if it is none. */
static double state_value(const struct case_def *tag, const char *name) {
    const char *states = case_def_get(tag, "states");
    size_t n = strlen(name);
    int i = 0;
    for (const char *p = states; p != NULL; i++) {
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return i;
        }
        p = strchr(p, ',');
        p = p == NULL ? NULL : p + 1;
    }
    return NAN;
}

static uint8_t read_quality(const struct case_run *run, const char *text) {
    static const struct {
        const char *name;
        uint8_t quality;
    } names[] = {{"good", QUALITY_GOOD},
                 {"uncertain", QUALITY_UNCERTAIN},
                 {"bad", QUALITY_BAD | REASON_SENSOR},
                 {"none", QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, text) == 0) {
            return names[i].quality;
        }
    }
    case_fail(run, "\"%s\" is no quality", text);
}

static double read_value(const struct case_run *run, const struct case_def *tag, const char *text) {
    double value = 0;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return text[0] == 't' ? 1 : 0;
    }
    if (case_number(text, &value)) {
        return value;
    }
    value = state_value(tag, text);
    if (isnan(value)) {
        case_fail(run, "\"%s\" is no value of %s", text, tag->name);
    }
    return value;
}

/* value[@time][!quality], the two in any order. */
static struct sample read_sample(struct case_run *run, const struct case_word *word) {
    const struct case_def *tag =
        word->key == NULL ? NULL : case_setup_find(&run->setup, CASE_ITEM_TAG, word->key);
    if (tag == NULL) {
        case_fail(run, "\"%s\" is no sample of a tag", word->key == NULL ? word->text : word->key);
    }
    struct sample sample = {.t_us = run->now_us};
    const char *text = word->text;
    size_t n = strcspn(text, "@!");
    const char *value = case_text(&run->arena, "%.*s", (int)n, text);
    for (const char *p = text + n; *p != '\0';) {
        char mark = *p++;
        n = strcspn(p, "@!");
        const char *part = case_text(&run->arena, "%.*s", (int)n, p);
        p += n;
        if (mark == '@') {
            sample.t_us = case_time_us(run, part);
        } else {
            sample.quality = read_quality(run, part);
        }
    }
    if (value[0] == '\0') {
        sample.quality = QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR;
    } else {
        sample.value = read_value(run, tag, value);
    }
    sample.tag = model_find_tag(run->model, slice_str(tag->item_name));
    CHECK(sample.tag != MODEL_NONE);
    return sample;
}

static uint32_t gateway_of_model(const struct case_run *run, uint32_t index) {
    for (uint32_t g = 0; g < run->setup.n_gateways; g++) {
        if (slice_is(run->model->gateways[index].name, run->setup.gateway[g].item_name)) {
            return g;
        }
    }
    case_fail(run, "the tag has no gateway: it is calculated");
}

/* One message of each gateway that has samples in the line, in the order in which they are first named. A
 * message proves that the gateway's line is up. */
static void do_samples(struct case_run *run, const struct case_line *line, enum lane lane) {
    struct sample v[SAMPLES_MAX];
    uint32_t gateway[SAMPLES_MAX];
    uint32_t n = 0;
    for (uint32_t i = 2; i < line->n && n < SAMPLES_MAX; i++, n++) {
        v[n] = read_sample(run, &line->word[i]);
        uint32_t index = run->model->tags[v[n].tag].gateway;
        if (index == MODEL_NONE) {
            case_fail(run, "%s is calculated: no gateway sends it", line->word[i].key);
        }
        gateway[n] = gateway_of_model(run, index);
    }
    for (uint32_t first = 0; first < n; first++) {
        struct sample message[SAMPLES_MAX];
        uint32_t m = 0;
        uint32_t g = gateway[first];
        for (uint32_t i = first; i < n; i++) {
            if (gateway[i] == g) {
                message[m++] = v[i];
                gateway[i] = MODEL_NONE;
            }
        }
        if (g == MODEL_NONE) {
            continue;
        }
        if (!run->link_up[g]) {
            link_event(run, g, true);
        }
        uint32_t index = run->model->tags[message[0].tag].gateway;
        sample_normalise(run->model, message, m);
        apply(run, &(struct event){.kind = EVENT_SAMPLES,
                                   .samples = {.gateway = index, .lane = lane, .n = m, .v = message}});
    }
}

static void do_stored_end(struct case_run *run, const struct case_line *line) {
    uint32_t g = line->n > 2 ? case_setup_gateway(&run->setup, line->word[2].text) : MODEL_NONE;
    if (g == MODEL_NONE || line->n < 4) {
        case_fail(run, "stored_end needs a gateway and a time");
    }
    uint32_t index = model_find_gateway(run->model, slice_str(run->setup.gateway[g].item_name));
    apply(run,
          &(struct event){.kind = EVENT_BACKLOG_END,
                          .backlog_end = {.gateway = index, .te_us = case_time_us(run, line->word[3].text)}});
}

/* ---- requests ---- */

/* The reply that the line demands at place i of its list; NULL if it demands none. */
static const char *wanted_reply(struct case_run *run, const struct case_line *line, uint32_t place) {
    uint32_t arrow = case_line_arrow(line);
    if (arrow == line->n) {
        return NULL;
    }
    uint32_t i = 0;
    for (uint32_t w = arrow + 1; w < line->n; w++) {
        const char *p = line->word[w].text;
        while (*p != '\0') {
            size_t n = strcspn(p, ",");
            if (n > 0 && i++ == place) {
                return case_text(&run->arena, "%.*s", (int)n, p);
            }
            p += n + (p[n] == ',');
        }
    }
    case_fail(run, "the line has no reply number %u behind \"->\"", place + 1);
}

static void judge_reply(struct case_run *run, const struct case_line *line, uint32_t place, const char *got) {
    const char *wanted = wanted_reply(run, line, place);
    if (wanted == NULL) {
        return;
    }
    run->n_checks++;
    if (strcmp(wanted, got) != 0) {
        case_fail(run, "reply\n  expected  %s\n  got       %s", wanted, got);
    }
}

static const char *request_text(const struct case_line *line, uint32_t end, const char *key,
                                const char *otherwise) {
    for (uint32_t i = 2; i < end; i++) {
        if (line->word[i].key != NULL && strcmp(line->word[i].key, key) == 0) {
            return line->word[i].text;
        }
    }
    return otherwise;
}

static bool request_word(const struct case_line *line, uint32_t end, const char *word) {
    for (uint32_t i = 2; i < end; i++) {
        if (line->word[i].key == NULL && strcmp(line->word[i].text, word) == 0) {
            return true;
        }
    }
    return false;
}

static enum alarm_reply ask(struct case_run *run, const struct alarm_request *request) {
    static const uint64_t token = 4711;
    run->replied = false;
    apply(run, &(struct event){.kind = EVENT_REQUEST, .request = {.token = token, .ask = *request}});
    if (!run->replied || run->reply.reply.token != token) {
        case_fail(run, "the core gave no answer");
    }
    return run->reply.reply.result;
}

static uint32_t read_call(const struct case_run *run, const char *text, uint32_t alarm) {
    double call = 0;
    if (text == NULL) {
        return alarm == MODEL_NONE ? 1 : core_alarm(run->core, alarm).call;
    }
    if (!case_number(text, &call) || call != floor(call) || call > (double)UINT32_MAX) {
        case_fail(run, "\"%s\" is no call", text);
    }
    /* There is no call below 0 on the interface either; 0 is as wrong. */
    return call < 0 ? 0 : (uint32_t)call;
}

static void refuse_strange_keys(const struct case_run *run, const struct case_line *line, uint32_t end) {
    static const char *const keys[] = {"call",   "by",  "desk",    "comment", "text",
                                       "reason", "dur", "oneshot", "src"};
    for (uint32_t i = 2; i < end; i++) {
        bool known = line->word[i].key == NULL;
        for (size_t k = 0; k < sizeof keys / sizeof keys[0] && !known; k++) {
            known = strcmp(keys[k], line->word[i].key) == 0;
        }
        if (!known) {
            case_fail(run, "no request has %s=", line->word[i].key);
        }
    }
}

static void do_request(struct case_run *run, const struct case_line *line, enum alarm_request_kind kind) {
    uint32_t end = case_line_arrow(line);
    if (end < 3 || line->word[2].key != NULL) {
        case_fail(run, "the request names no alarm");
    }
    refuse_strange_keys(run, line, end);
    if (run->core == NULL) {
        case_fail(run, "the process is down: nobody answers");
    }
    const char *name = line->word[2].text;
    uint32_t alarm = case_alarm_index(run, name);
    const char *dur = request_text(line, end, "dur", NULL);
    int64_t dur_us = 0;
    if (dur != NULL && !case_duration_us(dur, &dur_us)) {
        case_fail(run, "dur=%s is no duration", dur);
    }
    bool one_shot = false;
    (void)case_bool(request_text(line, end, "oneshot", "0"), &one_shot);
    const char *comment = request_text(line, end, "comment", "");
    comment = request_text(line, end, "reason", comment);
    struct alarm_request request = {
        .kind = kind,
        .alarm = alarm,
        .call = kind == ALARM_ASK_ACK ? read_call(run, request_text(line, end, "call", NULL), alarm) : 0,
        .one_shot = one_shot || request_word(line, end, "oneshot"),
        .duration_us = dur_us,
        .actor_key = OPERATOR_KEY,
        .actor = request_text(line, end, "by", "op"),
        .desk = request_text(line, end, "desk", ""),
        .comment = request_text(line, end, "text", comment),
        .source = request_text(line, end, "src", ""),
    };
    enum alarm_reply reply = ask(run, &request);
    if (reply == ALARM_OK && (kind == ALARM_ASK_DISABLE || kind == ALARM_ASK_ENABLE)) {
        /* The core has settled it; the configuration of the next revision or start says the same. */
        case_setup_set(&run->setup, case_setup_find(&run->setup, CASE_ITEM_ALARM, name), "enabled",
                       kind == ALARM_ASK_ENABLE ? "yes" : "no");
    }
    judge_reply(run, line, 0, alarm_reply_name(reply));
}

static void do_ackall(struct case_run *run, const struct case_line *line) {
    uint32_t end = case_line_arrow(line);
    const char *by = request_text(line, end, "by", "op");
    const char *comment = request_text(line, end, "comment", "");
    uint32_t place = 0;
    for (uint32_t i = 2; i < end; i++) {
        if (line->word[i].key != NULL) {
            continue;
        }
        const char *colon = strrchr(line->word[i].text, ':');
        if (colon == NULL) {
            case_fail(run, "\"%s\" should be ALARM:CALL", line->word[i].text);
        }
        const char *name =
            case_text(&run->arena, "%.*s", (int)(colon - line->word[i].text), line->word[i].text);
        uint32_t alarm = case_alarm_index(run, name);
        struct alarm_request request = {.kind = ALARM_ASK_ACK,
                                        .alarm = alarm,
                                        .call = read_call(run, colon + 1, alarm),
                                        .actor_key = OPERATOR_KEY,
                                        .actor = by,
                                        .desk = "",
                                        .comment = comment,
                                        .source = ""};
        judge_reply(run, line, place++, alarm_reply_name(ask(run, &request)));
    }
}

static void do_silence(struct case_run *run, const struct case_line *line) {
    uint32_t end = case_line_arrow(line);
    uint32_t position = MODEL_NONE;
    if (end > 2) {
        const char *name = line->word[2].text;
        for (uint32_t i = 0; i < run->model->n_positions; i++) {
            position = slice_is(run->model->positions[i], name) ? i : position;
        }
        if (position == MODEL_NONE) {
            case_fail(run, "there is no position %s", name);
        }
    }
    apply(run, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = position}});
    judge_reply(run, line, 0, "OK");
}

/* ---- configuration ---- */

static void take_over(struct case_run *run, struct model *model) {
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

/* "OK", or the code that is wanted if it is among those of the refusal, else the first one. */
static const char *verdict(struct case_run *run, bool accepted, const struct case_refusal *r,
                           const char *wanted) {
    if (accepted) {
        return "OK";
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (wanted != NULL && strcmp(r->code[i], wanted) == 0) {
            return wanted;
        }
    }
    return case_text(&run->arena, "%s", r->text);
}

static void judge_change(struct case_run *run, const struct case_line *line, struct case_setup *changed) {
    struct model *model = NULL;
    struct case_refusal refusal = {0};
    bool accepted = case_setup_compile(changed, &model, &refusal);
    if (accepted) {
        run->setup = *changed;
        take_over(run, model);
    }
    const char *wanted = wanted_reply(run, line, 0);
    const char *got = verdict(run, accepted, &refusal, wanted);
    if (wanted == NULL && !accepted) {
        case_fail(run, "refused: %s", got);
    }
    judge_reply(run, line, 0, got);
}

/* `config A key=value …`, `config T key=value …`, or `config` and a line that could stand at the head. */
static void do_config(struct case_run *run, const struct case_line *line) {
    uint32_t end = case_line_arrow(line);
    if (end < 3 || line->word[2].key != NULL) {
        case_fail(run, "config names nothing");
    }
    const char *name = line->word[2].text;
    struct case_setup changed;
    case_setup_copy(&run->setup, &changed);
    static const enum case_item items[] = {CASE_ITEM_ALARM, CASE_ITEM_TAG, CASE_ITEM_CLASS, CASE_ITEM_GROUP};
    struct case_def *def = NULL;
    for (size_t i = 0; i < sizeof items / sizeof items[0] && def == NULL; i++) {
        def = case_setup_find(&changed, items[i], name);
    }
    bool whole_line = end > 3 && line->word[3].key == NULL;
    const char *fault = NULL;
    if (whole_line) {
        fault = case_setup_add(&changed, line, 2, end);
    } else if (def != NULL) {
        fault = case_setup_change(&changed, def, line, 3, end);
    } else {
        judge_reply(run, line, 0, "E_UNKNOWN");
        return;
    }
    if (fault != NULL) {
        case_fail(run, "%s", fault);
    }
    judge_change(run, line, &changed);
}

static void do_remove(struct case_run *run, const struct case_line *line) {
    uint32_t end = case_line_arrow(line);
    struct case_setup changed;
    case_setup_copy(&run->setup, &changed);
    struct case_def *def = end < 3 ? NULL : case_setup_find(&changed, CASE_ITEM_ALARM, line->word[2].text);
    if (def == NULL) {
        judge_reply(run, line, 0, "E_UNKNOWN");
        return;
    }
    def->removed = true;
    judge_change(run, line, &changed);
}

/* ---- the process ---- */

static void new_core(struct case_run *run, const struct core_restore *restore) {
    struct error err = {0};
    if (core_new(run->model, restore, run->now_us, &run->core, &err) != OK) {
        case_fail(run, "the core does not start: %s", err.text);
    }
}

static void do_crash(struct case_run *run) {
    if (run->core == NULL) {
        case_fail(run, "it is down already");
    }
    if (core_next_wake(run->core) > run->now_us) {
        /* The newest checkpoint is of this very moment; no timer that is due at it has run. */
        apply(run, &(struct event){.kind = EVENT_TIME});
    }
    run->n_accumulators = core_accumulators == NULL
                              ? 0
                              : core_accumulators(run->core, 0, run->accumulators, CASE_ACCUMULATORS_MAX);
    core_free(&run->core);
}

static void do_start(struct case_run *run) {
    if (run->core != NULL) {
        case_fail(run, "it runs already");
    }
    struct model *model = NULL;
    struct case_refusal refusal = {0};
    if (!case_setup_compile(&run->setup, &model, &refusal)) {
        case_fail(run, "refused: %s", refusal.text);
    }
    take_over(run, model);
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
    new_core(run, &restore);
    memset(run->link_up, 0, sizeof run->link_up);
}

static void do_late(struct case_run *run, const struct case_line *line) {
    double wanted = 0;
    const char *text = line->n > 2 ? line->word[2].text : "";
    if (!case_number(text, &wanted) || run->core == NULL) {
        case_fail(run, "late needs a number");
    }
    run->n_checks++;
    uint64_t got = core_counts(run->core).late;
    if ((double)got != wanted) {
        case_fail(run, "samples refused as late\n  expected  %s\n  got       %llu", text,
                  (unsigned long long)got);
    }
}

/* ---- the lines of the input ---- */

static bool do_ask(struct case_run *run, const struct case_line *line, const char *verb) {
    static const struct {
        const char *verb;
        enum alarm_request_kind kind;
    } asks[] = {{"ack", ALARM_ASK_ACK},
                {"confirm", ALARM_ASK_CONFIRM},
                {"reset", ALARM_ASK_RESET},
                {"shelve", ALARM_ASK_SHELVE},
                {"unshelve", ALARM_ASK_UNSHELVE},
                {"suppress", ALARM_ASK_SUPPRESS},
                {"unsuppress", ALARM_ASK_UNSUPPRESS},
                {"oos", ALARM_ASK_OOS},
                {"inservice", ALARM_ASK_IN_SERVICE},
                {"in_service", ALARM_ASK_IN_SERVICE},
                {"disable", ALARM_ASK_DISABLE},
                {"enable", ALARM_ASK_ENABLE},
                {"comment", ALARM_ASK_COMMENT},
                {"zero", ALARM_ASK_ZERO}};
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (strcmp(asks[i].verb, verb) == 0) {
            do_request(run, line, asks[i].kind);
            return true;
        }
    }
    return false;
}

static bool do_event(struct case_run *run, const struct case_line *line, const char *verb) {
    if (strcmp(verb, "sample") == 0) {
        do_samples(run, line, LANE_LIVE);
    } else if (strcmp(verb, "snapshot") == 0) {
        do_samples(run, line, LANE_SNAPSHOT);
    } else if (strcmp(verb, "stored") == 0) {
        do_samples(run, line, LANE_BACKLOG);
    } else if (strcmp(verb, "stored_end") == 0) {
        do_stored_end(run, line);
    } else if (strcmp(verb, "linkdown") == 0 || strcmp(verb, "linkup") == 0) {
        do_link(run, line, verb[4] == 'u');
    } else if (strcmp(verb, "silence") == 0) {
        do_silence(run, line);
    } else if (strcmp(verb, "crash") == 0) {
        do_crash(run);
    } else if (strcmp(verb, "start") == 0) {
        do_start(run);
    } else {
        return false;
    }
    return true;
}

static void do_line(struct case_run *run, const struct case_line *line) {
    if (line->n < 2 || line->word[0].key != NULL || line->word[1].key != NULL) {
        case_fail(run, "a line of the input is a time and what happens");
    }
    int64_t t_us = case_time_us(run, line->word[0].text);
    advance(run, t_us);
    run->now_us = t_us;
    const char *verb = line->word[1].text;
    if (do_event(run, line, verb) || do_ask(run, line, verb)) {
        return;
    }
    if (strcmp(verb, "check") == 0) {
        case_check(run, line);
    } else if (strcmp(verb, "config") == 0) {
        do_config(run, line);
    } else if (strcmp(verb, "remove") == 0) {
        do_remove(run, line);
    } else if (strcmp(verb, "ackall") == 0) {
        do_ackall(run, line);
    } else if (strcmp(verb, "late") == 0) {
        do_late(run, line);
    } else if (strcmp(verb, "wait") != 0) {
        case_fail(run, "\"%s\" is nothing that can happen", verb);
    }
}

/* ---- the parts of a case ---- */

struct parts {
    struct case_line *head;
    struct case_line *input;
    uint32_t n_head;
    uint32_t n_input;
};

static uint32_t count_lines(struct slice text) {
    uint32_t n = 0;
    for (struct slice line = {0}; case_take_line(&text, &line);) {
        n++;
    }
    return n;
}

/* Cuts the text into the lines of its three parts; empty ones are left out. */
static struct parts read_parts(struct case_run *run) {
    uint32_t n = count_lines(run->block->text) + 1;
    struct case_line *lines[3];
    uint32_t count[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        lines[i] = arena_alloc(&run->arena, n, sizeof *lines[i]);
        CHECK(lines[i] != NULL);
    }
    struct slice left = run->block->text;
    uint32_t part = 0;
    uint32_t number = run->block->line;
    for (struct slice raw = {0}; case_take_line(&left, &raw); number++) {
        struct case_line line;
        const char *fault = case_line_read(&run->arena, raw, number, &line);
        run->line = &line;
        if (fault != NULL) {
            case_fail(run, "%s", fault);
        }
        const char *only = line.n == 1 && line.word[0].key == NULL ? line.word[0].text : "";
        if (strcmp(only, "input") == 0 || strcmp(only, "input:") == 0) {
            part = 1;
        } else if (strcmp(only, "expect") == 0 || strcmp(only, "expect:") == 0) {
            part = 2;
            run->expects = true;
        } else if (line.n > 0) {
            lines[part][count[part]++] = line;
        }
        run->line = NULL;
    }
    run->expect = lines[2];
    run->n_expect = count[2];
    return (struct parts){.head = lines[0], .input = lines[1], .n_head = count[0], .n_input = count[1]};
}

static bool is_word(const struct case_line *line, uint32_t i, const char *text) {
    return i < line->n && line->word[i].key == NULL && strcmp(line->word[i].text, text) == 0;
}

/* A line of the head that is only tried: with the reason why it must be refused, or a set of limits. */
static bool is_trial(const struct case_line *line) {
    return is_word(line, 0, "config") || is_word(line, 0, "limits") || case_line_arrow(line) < line->n;
}

/* Each word of a list of states that is no number. */
static void name_listed_states(struct case_run *run, const char *tag, const char *list) {
    for (const char *p = list; *p != '\0'; p += *p == ',') {
        size_t n = strcspn(p, ",@!");
        const char *value = case_text(&run->arena, "%.*s", (int)n, p);
        double number = 0;
        if (n > 0 && !case_number(value, &number) && strcmp(value, "true") != 0 &&
            strcmp(value, "false") != 0) {
            case_setup_name_states(&run->setup, tag, value);
        }
        p += strcspn(p, ",");
    }
}

/* Values of a tag that are words, in samples or in what an alarm watches for, are the names of its states. */
static void name_states(struct case_run *run, const struct parts *parts) {
    for (uint32_t i = 0; i < parts->n_input; i++) {
        const struct case_line *line = &parts->input[i];
        bool samples =
            is_word(line, 1, "sample") || is_word(line, 1, "stored") || is_word(line, 1, "snapshot");
        for (uint32_t w = 2; samples && w < line->n; w++) {
            if (line->word[w].key != NULL) {
                name_listed_states(run, line->word[w].key, line->word[w].text);
            }
        }
    }
    for (uint32_t i = 0; i < run->setup.n; i++) {
        const struct case_def *def = &run->setup.def[i];
        bool state = def->item == CASE_ITEM_ALARM && strcmp(def->kind, "state") == 0;
        const char *tag = state ? case_def_get(def, "tag") : NULL;
        const char *states = state ? case_def_get(def, "states") : NULL;
        const struct case_def *tag_def =
            tag == NULL ? NULL : case_setup_find(&run->setup, CASE_ITEM_TAG, tag);
        if (states != NULL && tag_def != NULL && !tag_def->declares_states) {
            name_listed_states(run, tag, states);
        }
    }
}

static void try_line(struct case_run *run, const struct case_line *line, bool keep_alarms) {
    run->line = line;
    uint32_t first = is_word(line, 0, "config") ? 1 : 0;
    uint32_t end = case_line_arrow(line);
    struct case_setup changed;
    case_setup_copy(&run->setup, &changed);
    struct case_def *def = first == 1 && line->n > 2 && line->word[2].key != NULL && line->word[1].key == NULL
                               ? case_setup_find(&changed, CASE_ITEM_ALARM, line->word[1].text)
                               : NULL;
    const char *fault = def != NULL ? case_setup_change(&changed, def, line, 2, end)
                                    : case_setup_add(&changed, line, first, end);
    if (fault != NULL) {
        case_fail(run, "%s", fault);
    }
    struct model *model = NULL;
    struct case_refusal refusal = {0};
    bool accepted = case_setup_compile(&changed, &model, &refusal);
    model_free(&model);
    run->n_checks++;
    if (end == line->n) {
        if (!accepted) {
            case_fail(run, "refused: %s", refusal.text);
        }
    } else {
        judge_reply(run, line, 0, verdict(run, accepted, &refusal, wanted_reply(run, line, 0)));
    }
    /* Tags and what follows them stay, so that later lines can speak of them; limits and alarms that nothing
     * happens to do not: each is judged alone. */
    bool alarm = def != NULL || is_word(line, first, "alarm");
    if (accepted && !is_word(line, first, "limits") && (keep_alarms || !alarm)) {
        run->setup = changed;
    }
    run->line = NULL;
}

static void read_head(struct case_run *run, const struct parts *parts) {
    for (uint32_t i = 0; i < parts->n_head; i++) {
        const struct case_line *line = &parts->head[i];
        if (is_trial(line)) {
            continue;
        }
        run->line = line;
        const char *fault = case_setup_add(&run->setup, line, 0, line->n);
        if (fault != NULL) {
            case_fail(run, "%s", fault);
        }
    }
    run->line = NULL;
    name_states(run, parts);
    for (uint32_t i = 0; i < parts->n_head; i++) {
        if (is_trial(&parts->head[i])) {
            try_line(run, &parts->head[i], parts->n_input > 0);
        }
    }
}

static void begin(struct case_run *run, const struct parts *parts) {
    struct case_refusal refusal = {0};
    if (!case_setup_compile(&run->setup, &run->model, &refusal)) {
        case_fail(run, "refused: %s", refusal.text);
    }
    run->now_us = run->setup.base_us;
    if (parts->n_input == 0) {
        return; /* only a configuration is tried */
    }
    run->line = &parts->input[0];
    int64_t first_us = case_time_us(run, parts->input[0].word[0].text);
    run->now_us = first_us < run->now_us ? first_us : run->now_us;
    new_core(run, NULL);
    for (uint32_t g = 0; g < run->setup.n_gateways; g++) {
        link_event(run, g, true);
    }
    run->line = NULL;
}

void case_run(const char *file, const struct case_block *block, bool show_journal) {
    struct case_run *run = calloc(1, sizeof *run);
    CHECK(run != NULL);
    run->file = file;
    run->block = block;
    run->show_journal = show_journal;
    arena_init(&run->arena, ARENA_MAX);
    run->records = calloc(CASE_RECORDS_MAX, sizeof *run->records);
    CHECK(run->records != NULL);
    case_setup_init(&run->setup, &run->arena);
    struct parts parts = read_parts(run);
    read_head(run, &parts);
    begin(run, &parts);
    for (uint32_t i = 0; i < parts.n_input; i++) {
        run->line = &parts.input[i];
        do_line(run, run->line);
    }
    advance(run, run->now_us + 1);
    run->line = NULL;
    if (run->expects) {
        case_compare_journal(run);
    } else if (run->n_checks == 0) {
        case_fail(run, "the case checks nothing");
    }
    if (run->show_journal) {
        case_print_journal(run);
    }
    core_free(&run->core);
    model_free(&run->model);
    free(run->records);
    arena_done(&run->arena);
    free(run);
}
