#include "server/base/check.h"
#include "tests/cases/case_run.h"

/* "OK", or the code that is wanted if it is among those of the refusal, else the first one. */
const char *case_verdict(struct case_run *run, bool accepted, const struct case_refusal *r,
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
        case_take_over(run, model);
    }
    const char *wanted = case_wanted_reply(run, line, 0);
    const char *got = case_verdict(run, accepted, &refusal, wanted);
    if (wanted == NULL && !accepted) {
        case_fail(run, "refused: %s", got);
    }
    case_judge_reply(run, line, 0, got);
}

/* `config A key=value …`, `config T key=value …`, or `config` and a line that could stand at the head. */
void case_config(struct case_run *run, const struct case_line *line) {
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
        case_judge_reply(run, line, 0, "E_UNKNOWN");
        return;
    }
    if (fault != NULL) {
        case_fail(run, "%s", fault);
    }
    judge_change(run, line, &changed);
}

void case_remove(struct case_run *run, const struct case_line *line) {
    uint32_t end = case_line_arrow(line);
    struct case_setup changed;
    case_setup_copy(&run->setup, &changed);
    struct case_def *def = end < 3 ? NULL : case_setup_find(&changed, CASE_ITEM_ALARM, line->word[2].text);
    if (def == NULL) {
        case_judge_reply(run, line, 0, "E_UNKNOWN");
        return;
    }
    def->removed = true;
    judge_change(run, line, &changed);
}
