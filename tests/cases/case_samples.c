#include "server/base/check.h"
#include "server/core/sample.h"
#include "tests/cases/case_run.h"

#include <math.h>

enum { SAMPLES_MAX = 512 };

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
void case_samples(struct case_run *run, const struct case_line *line, enum lane lane) {
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
            case_link(run, g, true);
        }
        uint32_t index = run->model->tags[message[0].tag].gateway;
        sample_normalise(run->model, message, m);
        case_apply(run, &(struct event){.kind = EVENT_SAMPLES,
                                        .samples = {.gateway = index, .lane = lane, .n = m, .v = message}});
    }
}
