#include "tests/cases/case_run.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

/* Kinds that every journal has. Others are compared only in a case that expects one of them. */
static const char *const known_kinds[] = {"RAISE",  "RERAISE",  "RTN",        "ACK",        "CONFIRM",
                                          "RESET",  "SHELVE",   "UNSHELVE",   "SUPPRESS",   "UNSUPPRESS",
                                          "OOS_ON", "OOS_OFF",  "DISABLE",    "ENABLE",     "REMOVE",
                                          "PRIO",   "ESCALATE", "REANNOUNCE", "HIST_RAISE", "HIST_RTN"};

enum { KIND_SIZE = 24 };

struct kind_name {
    char text[KIND_SIZE];
};

static struct kind_name kind_of(const struct alarm_record *r) {
    struct kind_name name = {0};
    const char *lower = alarm_record_kind_name(r->kind);
    for (size_t i = 0; lower[i] != '\0' && i + 1 < sizeof name.text; i++) {
        name.text[i] = (char)toupper((unsigned char)lower[i]);
    }
    return name;
}

static bool is_compared(const struct case_run *run, const struct alarm_record *r) {
    if (case_setup_by_key(&run->setup, r->alarm_key) == NULL) {
        return false; /* an alarm that the configuration has added by itself */
    }
    struct kind_name kind = kind_of(r);
    for (size_t i = 0; i < sizeof known_kinds / sizeof known_kinds[0]; i++) {
        if (strcmp(known_kinds[i], kind.text) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < run->n_expect; i++) {
        const struct case_line *line = &run->expect[i];
        if (line->n > 1 && line->word[1].key == NULL && strcmp(line->word[1].text, kind.text) == 0) {
            return true;
        }
    }
    return false;
}

static const char *record_text(struct case_run *run, const struct alarm_record *r) {
    static const struct {
        uint16_t flag;
        const char *text;
    } flags[] = {{RECORD_RING, " ring=1"},     {RECORD_CHATTER, " chatter=1"}, {RECORD_FIRST, " first=1"},
                 {RECORD_AUTO, " auto=1"},     {RECORD_SUSPECT, " suspect=1"}, {RECORD_HIDDEN, " hidden=1"},
                 {RECORD_NOTIFY, " notify=1"}, {RECORD_TEST, " test=1"}};
    const struct case_def *def = case_setup_by_key(&run->setup, r->alarm_key);
    char marks[120] = "";
    size_t n = 0;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((r->flags & flags[i].flag) != 0) {
            n += (size_t)snprintf(marks + n, sizeof marks - n, "%s", flags[i].text);
        }
    }
    return case_text(
        &run->arena, "%s %s %s %c>%c base=%c occ=%u call=%u src=%s prio=%s cause=%s%s%s%s%s%s%s%s%s%s%s",
        case_time_text(run, r->at_us), kind_of(r).text, def == NULL ? "?" : def->name, r->from, r->to,
        r->base, r->occ, r->call, case_time_text(run, r->src_us), case_priority_name(r->priority),
        alarm_cause_name(r->cause), marks,
        r->until_us == 0 ? "" : " until=", r->until_us == 0 ? "" : case_time_text(run, r->until_us),
        r->actor[0] == '\0' ? "" : " by=", r->actor, r->source[0] == '\0' ? "" : " source=", r->source,
        r->comment[0] == '\0' ? "" : " comment=", r->comment,
        r->unshelved == UNSHELVE_NONE
            ? ""
            : case_text(&run->arena, " reason=%s", unshelve_reason_name(r->unshelved)));
}

void case_print_journal(struct case_run *run) {
    printf("  journal:\n");
    for (uint32_t i = 0; i < run->n_records; i++) {
        printf("    %s\n", record_text(run, &run->records[i]));
    }
}

/* ---- one record against one line ---- */

static bool flag_same(const char *wanted, uint16_t flags, uint16_t flag, bool *ret) {
    bool yes = false;
    if (!case_bool(wanted, &yes)) {
        return false;
    }
    *ret = yes == ((flags & flag) != 0);
    return true;
}

static bool number_same(const char *wanted, double got) {
    double number = 0;
    return case_number(wanted, &number) &&
           ((isnan(number) && isnan(got)) || fabs(number - got) <= 1e-9 * fmax(1, fabs(number)));
}

/* Who: a person, or what suppresses (a source, a group, an alarm of the case). */
static bool who_same(const struct case_run *run, const struct alarm_record *r, const char *wanted) {
    const struct case_def *def = case_setup_find(&run->setup, CASE_ITEM_ALARM, wanted);
    return strcmp(wanted, r->actor) == 0 || strcmp(wanted, r->source) == 0 ||
           (def != NULL && strcmp(def->item_name, r->source) == 0);
}

static bool reason_same(const struct alarm_record *r, const char *wanted) {
    return strcmp(wanted, unshelve_reason_name(r->unshelved)) == 0 || strcmp(wanted, r->comment) == 0;
}

static const struct {
    const char *key;
    uint16_t flag;
} flag_keys[] = {
    {"ring", RECORD_RING},           {"chatter", RECORD_CHATTER},   {"first", RECORD_FIRST},
    {"auto", RECORD_AUTO},           {"suspect", RECORD_SUSPECT},   {"hidden", RECORD_HIDDEN},
    {"notify", RECORD_NOTIFY},       {"test", RECORD_TEST},         {"untrusted", RECORD_UNTRUSTED},
    {"uncertain", RECORD_UNCERTAIN}, {"one_shot", RECORD_ONE_SHOT}, {"oneshot", RECORD_ONE_SHOT}};

static bool plain_same(struct case_run *run, const struct alarm_record *r, const struct case_word *w) {
    const char *key = w->key;
    if (strcmp(key, "occ") == 0) {
        return number_same(w->text, r->occ);
    }
    if (strcmp(key, "call") == 0) {
        return number_same(w->text, r->call);
    }
    if (strcmp(key, "src") == 0) {
        return case_time_us(run, w->text) == r->src_us;
    }
    if (strcmp(key, "until") == 0) {
        return r->until_us == 0 ? strcmp(w->text, "none") == 0 : case_time_us(run, w->text) == r->until_us;
    }
    if (strcmp(key, "raised") == 0) {
        return case_time_us(run, w->text) == r->raised_us;
    }
    if (strcmp(key, "base") == 0) {
        return w->text[0] == r->base && w->text[1] == '\0';
    }
    if (strcmp(key, "prio") == 0 || strcmp(key, "priority") == 0) {
        return case_priority(w->text) == r->priority;
    }
    if (strcmp(key, "value") == 0) {
        return number_same(w->text, r->value) || number_same(strcmp(w->text, "true") == 0    ? "1"
                                                             : strcmp(w->text, "false") == 0 ? "0"
                                                                                             : "",
                                                             r->value);
    }
    if (strcmp(key, "limit") == 0) {
        return number_same(w->text, r->limit);
    }
    if (strcmp(key, "by") == 0) {
        return who_same(run, r, w->text);
    }
    if (strcmp(key, "source") == 0) {
        return strcmp(w->text, r->source) == 0;
    }
    if (strcmp(key, "reason") == 0) {
        return reason_same(r, w->text);
    }
    if (strcmp(key, "comment") == 0) {
        return strcmp(w->text, r->comment) == 0;
    }
    if (strcmp(key, "cause") == 0) {
        return strcmp(w->text, alarm_cause_name(r->cause)) == 0;
    }
    if (strcmp(key, "quality") == 0) {
        return strcmp(w->text, quality_class_name(r->quality)) == 0;
    }
    if (strcmp(key, "unit") == 0) {
        return strcmp(w->text, r->unit) == 0;
    }
    case_fail(run, "no record has %s=", key);
}

static bool key_same(struct case_run *run, const struct alarm_record *r, const struct case_word *w) {
    for (size_t i = 0; i < sizeof flag_keys / sizeof flag_keys[0]; i++) {
        if (strcmp(flag_keys[i].key, w->key) == 0) {
            bool same = false;
            if (!flag_same(w->text, r->flags, flag_keys[i].flag, &same)) {
                case_fail(run, "%s is 0 or 1", w->key);
            }
            return same;
        }
    }
    return plain_same(run, r, w);
}

/* NULL, or the name of what differs. */
static const char *difference(struct case_run *run, const struct alarm_record *r,
                              const struct case_line *line) {
    const struct case_def *def = case_setup_by_key(&run->setup, r->alarm_key);
    if (case_time_us(run, line->word[0].text) != r->at_us) {
        return "time";
    }
    if (strcmp(line->word[1].text, kind_of(r).text) != 0) {
        return "kind";
    }
    if (def == NULL || strcmp(line->word[2].text, def->name) != 0) {
        return "alarm";
    }
    for (uint32_t i = 3; i < line->n; i++) {
        const struct case_word *w = &line->word[i];
        if (w->key == NULL) {
            const char *t = w->text;
            if (strlen(t) != 3 || t[1] != '>') {
                case_fail(run, "\"%s\" is neither FROM>TO nor key=value", t);
            }
            if (t[0] != r->from || t[2] != r->to) {
                return "state";
            }
        } else if (!key_same(run, r, w)) {
            return w->key;
        }
    }
    return NULL;
}

static uint32_t first_expected(const struct case_run *run) {
    const struct case_line *first = &run->expect[0];
    bool none = run->n_expect == 1 && first->n == 1 && first->word[0].key == NULL &&
                strcmp(first->word[0].text, "none") == 0;
    return none ? 1 : 0;
}

void case_compare_journal(struct case_run *run) {
    uint32_t at = run->n_expect == 0 ? 0 : first_expected(run);
    for (uint32_t i = 0; i < run->n_records; i++) {
        const struct alarm_record *r = &run->records[i];
        if (!is_compared(run, r)) {
            continue;
        }
        if (at == run->n_expect) {
            case_fail(run, "journal: one record too many\n  got       %s", record_text(run, r));
        }
        run->line = &run->expect[at];
        if (run->line->n < 3 || run->line->word[0].key != NULL || run->line->word[1].key != NULL ||
            run->line->word[2].key != NULL) {
            case_fail(run, "an expected record is a time, a kind and an alarm");
        }
        const char *what = difference(run, r, run->line);
        if (what != NULL) {
            case_fail(run, "journal: %s differs\n  expected  %.*s\n  got       %s", what,
                      SLICE_ARG(run->line->raw), record_text(run, r));
        }
        at++;
        run->line = NULL;
    }
    if (at < run->n_expect) {
        run->line = &run->expect[at];
        case_fail(run, "journal: a record is missing\n  expected  %.*s", SLICE_ARG(run->line->raw));
    }
}
