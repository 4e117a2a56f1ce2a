#include "server/base/check.h"
#include "tests/cases/case_run.h"

static uint32_t count_lines(struct slice text) {
    uint32_t n = 0;
    for (struct slice line = {0}; case_take_line(&text, &line);) {
        n++;
    }
    return n;
}

/* Cuts the text into the lines of its three parts; empty ones are left out. */
struct case_parts case_read_parts(struct case_run *run) {
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
    return (struct case_parts){.head = lines[0], .input = lines[1], .n_head = count[0], .n_input = count[1]};
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
static void name_states(struct case_run *run, const struct case_parts *parts) {
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
        case_judge_reply(run, line, 0,
                         case_verdict(run, accepted, &refusal, case_wanted_reply(run, line, 0)));
    }
    /* Tags and what follows them stay, so that later lines can speak of them; limits and alarms that nothing
     * happens to do not: each is judged alone. */
    bool alarm = def != NULL || is_word(line, first, "alarm");
    if (accepted && !is_word(line, first, "limits") && (keep_alarms || !alarm)) {
        run->setup = changed;
    }
    run->line = NULL;
}

void case_read_head(struct case_run *run, const struct case_parts *parts) {
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
