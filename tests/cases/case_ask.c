#include "server/base/check.h"
#include "tests/cases/case_run.h"

#include <math.h>

enum { OPERATOR_KEY = 7 };

/* The reply that the line demands at place i of its list; NULL if it demands none. */
const char *case_wanted_reply(struct case_run *run, const struct case_line *line, uint32_t place) {
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

/* Every reply that the line names was given. */
static void judge_count(struct case_run *run, const struct case_line *line, uint32_t given) {
    uint32_t named = 0;
    for (uint32_t w = case_line_arrow(line) + 1; w < line->n; w++) {
        for (const char *p = line->word[w].text; *p != '\0'; p += *p == ',') {
            size_t n = strcspn(p, ",");
            named += n > 0 ? 1 : 0;
            p += n;
        }
    }
    if (named > given) {
        case_fail(run, "the line names %u replies, but there are %u", named, given);
    }
}

void case_judge_reply(struct case_run *run, const struct case_line *line, uint32_t place, const char *got) {
    const char *wanted = case_wanted_reply(run, line, place);
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
    case_apply(run, &(struct event){.kind = EVENT_REQUEST, .request = {.token = token, .ask = *request}});
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
    case_judge_reply(run, line, 0, alarm_reply_name(reply));
    judge_count(run, line, 1);
}

void case_ackall(struct case_run *run, const struct case_line *line) {
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
        case_judge_reply(run, line, place++, alarm_reply_name(ask(run, &request)));
    }
    judge_count(run, line, place);
}

void case_silence(struct case_run *run, const struct case_line *line) {
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
    case_apply(run, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = position}});
    case_judge_reply(run, line, 0, "OK");
}

bool case_ask(struct case_run *run, const struct case_line *line, const char *verb) {
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
