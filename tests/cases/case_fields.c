#include "tests/cases/case_fields.h"

#include "tests/cases/case_line.h"

#include <math.h>
#include <stdio.h>

static const struct case_field tag_fields[] = {
    {"gw", "gateway", CASE_GATEWAY},       {"gateway", "gateway", CASE_GATEWAY},
    {"type", "type", CASE_TAG_TYPE},       {"unit", "unit", CASE_WORD},
    {"low", "low", CASE_NUMBER},           {"high", "high", CASE_NUMBER},
    {"states", "states", CASE_LIST},       {"expr", "expr", CASE_WORD},
    {"stale", "stale_s", CASE_DURATION},   {"scale", "scale", CASE_NUMBER},
    {"offset", "offset", CASE_NUMBER},     {"deadband", "deadband", CASE_NUMBER},
    {"decimals", "decimals", CASE_NUMBER},
};

static const struct case_field group_fields[] = {
    {"first_out", "first_out", CASE_BOOL},
    {"suppress_when", "suppress_when", CASE_WORD},
    {"unsup_delay", "unsuppress_delay_s", CASE_DURATION},
};

/* Of classes, too. */
static const struct case_field alarm_fields[] = {
    {"tag", "tag", CASE_TAG},
    {"gw", "gateway", CASE_GATEWAY},
    {"gateway", "gateway", CASE_GATEWAY},
    {"limit", "limit", CASE_LIMIT},
    {"db", "deadband", CASE_NUMBER},
    {"deadband", "deadband", CASE_NUMBER},
    {"incl", "inclusive", CASE_BOOL},
    {"on", "on_delay_s", CASE_DURATION},
    {"off", "off_delay_s", CASE_DURATION},
    {"prio", "priority", CASE_PRIORITY},
    {"latch", "latch", CASE_BOOL},
    {"ack", "ack", CASE_WORD},
    {"confirm", "confirm", CASE_BOOL},
    {"comment", "comment", CASE_BOOL},
    {"on_bad", "on_bad", CASE_WORD},
    {"uncertain", "uncertain", CASE_WORD},
    {"realarm", "realarm_s", CASE_DURATION},
    {"escalate", "escalate_after_s", CASE_ESCALATE},
    {"shelvable", "shelvable", CASE_BOOL},
    {"max_shelve", "max_shelve_s", CASE_DURATION},
    {"suppress_when", "suppress_when", CASE_WORD},
    {"unsup_delay", "unsuppress_delay_s", CASE_DURATION},
    {"group", "groups", CASE_LIST},
    {"groups", "groups", CASE_LIST},
    {"after", "after_s", CASE_DURATION},
    {"over", "over_s", CASE_DURATION},
    {"sp", "setpoint", CASE_TAG},
    {"cmd", "command", CASE_TAG},
    {"fb", "feedback", CASE_TAG},
    {"states", "states", CASE_STATES},
    {"expr", "expr", CASE_WORD},
    {"per", "per", CASE_WORD},
    {"target", "target", CASE_NUMBER},
    {"k", "k", CASE_NUMBER},
    {"h", "h", CASE_NUMBER},
    {"every", "every_s", CASE_DURATION},
    {"hidden_by", "hidden_by", CASE_ALARM},
    {"level", "level", CASE_WORD},
    {"class", "class", CASE_WORD},
    {"pos", "position", CASE_WORD},
    {"position", "position", CASE_WORD},
    {"test", "test", CASE_BOOL},
    {"enabled", "enabled", CASE_BOOL},
    {"highly_managed", "highly_managed", CASE_BOOL},
    {"severity", "severity", CASE_WORD},
    {"time_to_act", "time_to_act_s", CASE_DURATION},
    {"priority_reason", "priority_reason", CASE_WORD},
};

#define ROWS(table) (sizeof(table) / sizeof(table)[0])

static const struct case_field *find(const struct case_field *table, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].key, key) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const struct case_field *case_field_find(enum case_item item, const char *key) {
    switch (item) {
    case CASE_ITEM_TAG:
        return find(tag_fields, ROWS(tag_fields), key);
    case CASE_ITEM_GROUP:
        return find(group_fields, ROWS(group_fields), key);
    case CASE_ITEM_ALARM:
    case CASE_ITEM_CLASS:
        return find(alarm_fields, ROWS(alarm_fields), key);
    }
    return NULL;
}

static bool write_number(struct buf *out, const char *text) {
    double number = 0;
    if (!case_number(text, &number)) {
        buf_json_string(out, slice_str(text));
        return true;
    }
    buf_json_number(out, number);
    return isfinite(number);
}

static bool write_seconds(struct buf *out, const char *text) {
    int64_t us = 0;
    if (!case_duration_us(text, &us)) {
        return write_number(out, text);
    }
    buf_json_number(out, (double)us / 1e6);
    return true;
}

static bool write_list(struct buf *out, const char *text, bool numbers) {
    buf_byte(out, '[');
    const char *p = text;
    do {
        size_t n = strcspn(p, ",");
        struct slice word = slice_of(p, n);
        while (word.n > 0 && *word.p == ' ') {
            word = slice_of(word.p + 1, word.n - 1);
        }
        char copy[64];
        (void)snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(word));
        double number = 0;
        if (p != text) {
            buf_byte(out, ',');
        }
        if (numbers && case_number(copy, &number) && isfinite(number)) {
            buf_json_number(out, number);
        } else if (numbers && (strcmp(copy, "true") == 0 || strcmp(copy, "false") == 0)) {
            buf_byte(out, copy[0] == 't' ? '1' : '0');
        } else {
            buf_json_string(out, word);
        }
        p += n;
    } while (*p++ == ',');
    buf_byte(out, ']');
    return true;
}

static bool write_priority(struct buf *out, const char *text) {
    if (case_priority(text) != 0) {
        buf_printf(out, "%d", case_priority(text));
        return true;
    }
    return write_number(out, text);
}

static bool write_escalate(struct buf *out, const char *text) {
    char seconds[64];
    const char *colon = strchr(text, ':');
    size_t n = colon == NULL ? strlen(text) : (size_t)(colon - text);
    (void)snprintf(seconds, sizeof seconds, "%.*s", (int)(n < sizeof seconds ? n : sizeof seconds - 1), text);
    if (colon == NULL && (strcmp(text, "off") == 0 || strcmp(text, "none") == 0)) {
        buf_byte(out, '0');
        return true;
    }
    bool finite = write_seconds(out, seconds);
    if (colon != NULL) {
        buf_text(out, ",\"escalate_priority\":");
        finite = write_priority(out, colon + 1) && finite;
    }
    return finite;
}

static const char *tag_type(const char *text) {
    static const struct {
        const char *word;
        const char *type;
    } types[] = {{"n", "float"}, {"numeric", "float"}, {"b", "bool"}, {"boolean", "bool"}, {"i", "int"}};
    for (size_t i = 0; i < ROWS(types); i++) {
        if (strcmp(types[i].word, text) == 0) {
            return types[i].type;
        }
    }
    return text;
}

bool case_field_write(struct buf *out, enum case_field_type type, const char *text) {
    bool yes = false;
    switch (type) {
    case CASE_NUMBER:
        return write_number(out, text);
    case CASE_DURATION:
        return write_seconds(out, text);
    case CASE_BOOL:
        if (case_bool(text, &yes)) {
            buf_text(out, yes ? "true" : "false");
            return true;
        }
        break;
    case CASE_PRIORITY:
        return write_priority(out, text);
    case CASE_LIST:
        return write_list(out, text, false);
    case CASE_STATES:
        return write_list(out, text, true);
    case CASE_ESCALATE:
        return write_escalate(out, text);
    case CASE_TAG_TYPE:
        buf_json_string(out, slice_str(tag_type(text)));
        return true;
    case CASE_WORD:
    case CASE_TAG:
    case CASE_ALARM:
    case CASE_GATEWAY:
    case CASE_LIMIT:
        break;
    }
    buf_json_string(out, slice_str(text));
    return true;
}
