/* Tests of the core as stories in text: what is configured, what happens when, and the whole journal that
 * must come of it. The form:
 *
 * - `tag T [gw=G1] [stale=60] [deadband=0.5]`
 * - `alarm A high|low|stale|comm [tag=T|gw=G1] [limit=80] [db=0] [on=0] [off=0] [prio=3] [disabled=1]`:
 * after= means on= for a comm alarm; a stale alarm waits for its tag's stale= and its on=.
 * - `input`, then in order of time:
 *   - `T sample X=85 Y=1@3.5 Z=4!bad`: one message at server time T; @ source time (default T); ! quality
 *     (good, uncertain, bad, none: bad and no value). `snapshot` and `stored`: the same on the other lanes.
 *   - `T linkdown G1`, `T linkup G1`: links are up at the start; after a restart the first sample brings them
 *     up.
 *   - `T ack A [call=1] [by=anna] [comment=seen] -> OK|ALREADY|… [by=..] [at=..] [call=..]`
 *   - a new revision: `T config A limit=90 …`, `T disable A`, `T enable A`, `T remove A`, `T putback A`,
 *     `T removetag T`, `T movetag T gw=G2`, `T gateway G1 disabled=1`
 *   - `T crash`, `T start`: the process dies; starts again with the journal.
 *   - `T check A st=B occ=1 call=1 untrusted=1 prio=3 value=85 by=anna n=1`
 *   - `T tag X q=good|uncertain|bad[/reason] v=85 t=3 r=3`
 *   - `T counts late=1 samples=3 backlog=0 future=0 foreign=0 unacked=1 active=1`
 *   - `T wait`: time passes, timers due at T included.
 * - `expect`, then the journal: `T KIND A B>C [occ= call= src= raised= value= limit= prio= by= comment= q=
 *   n=]`, or `none`. Records of kind QUALITY need no line.
 *
 * Times in seconds. Timers due before T run before the line; those due at T after it. */
#ifndef PENSTOCK_TESTS_CORE_STORY_H
#define PENSTOCK_TESTS_CORE_STORY_H

#include "server/core/core.h"
#include "tests/lib/core_model.h"
#include "tests/lib/unit.h"

#include <ctype.h>
#include <stdio.h>

enum { STORY_RECORDS = 256, STORY_WORDS = 24 };

/* Time 0 of a story is a time of our days, so that no code may lean on times being small. */
#define STORY_BASE_US INT64_C(1767225600000000)

struct story {
    struct spec spec;
    struct model *model;
    struct core *core;
    struct alarm_record records[STORY_RECORDS];
    uint32_t n_records;
    uint32_t n_checked;
    bool in_input;
    bool in_expect;
    bool autolink[SPEC_GATEWAYS]; /* the first sample brings the link up */
    struct effect answer;
    char *text;
    const char *line;
    const char *word[STORY_WORDS];
    uint32_t n_words;
    int64_t now_us;
};

static inline void story_on_effect(void *ctx, const struct effect *effect) {
    struct story *s = ctx;
    switch (effect->kind) {
    case EFFECT_RECORD:
        assert_true(s->n_records < STORY_RECORDS);
        s->records[s->n_records++] = effect->record;
        break;
    case EFFECT_REPLY:
        s->answer = *effect;
        break;
    case EFFECT_SILENCE:
        break;
    }
}

static inline struct effect_sink story_sink(struct story *s) {
    return (struct effect_sink){.ctx = s, .emit = story_on_effect};
}

static inline void story_apply(struct story *s, const struct event *event) {
    core_apply(s->core, event, s->now_us, story_sink(s));
}

#define STORY_FAIL(s, ...)                                                                                   \
    do {                                                                                                     \
        print_error("in the line: %s\n", (s)->line);                                                         \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)

static inline double story_number(const struct story *s, const char *text) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0') {
        STORY_FAIL(s, "\"%s\" is no number", text);
    }
    return number;
}

/* The value of key=value among the line's words; NULL if it is not there. */
static inline const char *story_text(const struct story *s, const char *key) {
    size_t n = strlen(key);
    for (uint32_t i = 0; i < s->n_words; i++) {
        if (strncmp(s->word[i], key, n) == 0 && s->word[i][n] == '=') {
            return s->word[i] + n + 1;
        }
    }
    return NULL;
}

static inline double story_value(const struct story *s, const char *key, double otherwise) {
    const char *text = story_text(s, key);
    return text == NULL ? otherwise : story_number(s, text);
}

static inline int64_t story_time(double seconds) {
    return STORY_BASE_US + spec_us(seconds);
}

static inline uint32_t story_gateway(struct story *s, const char *name) {
    uint32_t i = 0;
    while (i < s->spec.n_gateways && strcmp(s->spec.gateways[i].name, name) != 0) {
        i++;
    }
    if (i == s->spec.n_gateways) {
        assert_true(i < SPEC_GATEWAYS);
        s->spec.gateways[s->spec.n_gateways++].name = name;
    }
    return i;
}

static inline uint32_t story_find_tag(const struct story *s, const char *name) {
    for (uint32_t i = 0; i < s->spec.n_tags; i++) {
        if (strcmp(s->spec.tags[i].name, name) == 0) {
            return i;
        }
    }
    STORY_FAIL(s, "no tag %s", name);
    return MODEL_NONE;
}

static inline uint32_t story_find_alarm(const struct story *s, const char *name) {
    for (uint32_t i = 0; i < s->spec.n_alarms; i++) {
        if (strcmp(s->spec.alarms[i].name, name) == 0) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline void story_define_tag(struct story *s) {
    assert_true(s->spec.n_tags < SPEC_TAGS);
    const char *gateway = story_text(s, "gw");
    uint32_t g = story_gateway(s, gateway == NULL ? "G1" : gateway);
    s->spec.tags[s->spec.n_tags++] = (struct spec_tag){.name = s->word[1],
                                                       .gateway = g,
                                                       .deadband = story_value(s, "deadband", 0),
                                                       .stale_s = story_value(s, "stale", 0)};
}

static inline void story_set_alarm(struct story *s, struct spec_alarm *a) {
    a->limit = story_value(s, "limit", a->limit);
    a->deadband = story_value(s, "db", a->deadband);
    a->on_s = story_value(s, "on", story_value(s, "after", a->on_s));
    a->off_s = story_value(s, "off", a->off_s);
    a->priority = (uint8_t)story_value(s, "prio", a->priority == 0 ? 3 : a->priority);
    a->disabled = story_value(s, "disabled", a->disabled ? 1 : 0) != 0;
    const char *tag = story_text(s, "tag");
    if (tag != NULL) {
        a->tag = story_find_tag(s, tag);
    }
    for (enum alarm_kind kind = ALARM_HIGH; kind <= ALARM_COMM; kind++) {
        if (s->n_words > 2 && strcmp(s->word[2], alarm_kind_name(kind)) == 0) {
            a->kind = kind;
        }
    }
}

static inline void story_define_alarm(struct story *s) {
    assert_true(s->spec.n_alarms < SPEC_ALARMS);
    struct spec_alarm *a = &s->spec.alarms[s->spec.n_alarms++];
    *a = (struct spec_alarm){.name = s->word[1], .tag = MODEL_NONE};
    story_set_alarm(s, a);
    const char *gateway = story_text(s, "gw");
    if (a->kind == ALARM_COMM) {
        a->gateway = story_gateway(s, gateway == NULL ? "G1" : gateway);
    }
}

static inline void story_link(struct story *s, uint32_t gateway, bool up) {
    s->autolink[gateway] = false;
    story_apply(s, &(struct event){.kind = EVENT_LINK,
                                   .link = {.gateway = spec_gateway_index(s->model, gateway), .up = up}});
}

static inline void story_begin(struct story *s) {
    s->spec.revision = 1;
    s->model = spec_model(&s->spec);
    assert_int_equal(core_new(s->model, NULL, STORY_BASE_US - spec_us(1), &s->core, NULL), OK);
    s->now_us = STORY_BASE_US - spec_us(1);
    for (uint32_t i = 0; i < s->spec.n_gateways; i++) {
        story_link(s, i, true);
    }
}

/* Runs what is due before until_us, each at its own time. */
static inline void story_advance(struct story *s, int64_t until_us) {
    for (int64_t wake_us = 0;
         s->core != NULL && s->now_us < until_us && (wake_us = core_next_wake(s->core)) < until_us;) {
        s->now_us = wake_us > s->now_us ? wake_us : s->now_us;
        story_apply(s, &(struct event){.kind = EVENT_TIME});
    }
    s->now_us = until_us;
}

static inline uint8_t story_quality(const struct story *s, const char *text) {
    static const struct {
        const char *name;
        uint8_t quality;
    } names[] = {{"good", QUALITY_GOOD},
                 {"uncertain", QUALITY_UNCERTAIN},
                 {"bad", QUALITY_BAD | REASON_SENSOR},
                 {"none", QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR}};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(text, names[i].name) == 0) {
            return names[i].quality;
        }
    }
    STORY_FAIL(s, "no quality %s", text);
    return 0;
}

/* X=85@3.5!bad; cuts the word up. */
static inline struct sample story_sample(struct story *s, const char *word, uint32_t *ret_gateway) {
    char *text = s->text + (word - s->text);
    char *value = strchr(text, '=');
    assert_non_null(value);
    *value++ = '\0';
    struct sample sample = {.t_us = s->now_us};
    char *quality = strchr(value, '!');
    if (quality != NULL) {
        *quality++ = '\0';
        sample.quality = story_quality(s, quality);
    }
    char *time = strchr(value, '@');
    if (time != NULL) {
        *time++ = '\0';
        sample.t_us = story_time(story_number(s, time));
    }
    sample.value = story_number(s, value);
    uint32_t tag = story_find_tag(s, text);
    sample.tag = spec_tag_index(s->model, tag);
    *ret_gateway = s->spec.tags[tag].gateway;
    return sample;
}

static inline void story_samples(struct story *s, enum lane lane) {
    struct sample v[STORY_WORDS];
    uint32_t gateway = 0;
    uint32_t n = 0;
    for (uint32_t i = 2;
         i < s->n_words && strchr(s->word[i], '=') != NULL && strncmp(s->word[i], "gw=", 3) != 0; i++) {
        v[n++] = story_sample(s, s->word[i], &gateway);
    }
    const char *from = story_text(s, "gw");
    gateway = from == NULL ? gateway : story_gateway(s, from);
    if (s->autolink[gateway]) {
        story_link(s, gateway, true);
    }
    story_apply(
        s, &(struct event){
               .kind = EVENT_SAMPLES,
               .samples = {.gateway = spec_gateway_index(s->model, gateway), .lane = lane, .n = n, .v = v}});
}

static inline void story_ack(struct story *s) {
    uint32_t arrow = 0;
    while (arrow < s->n_words && strcmp(s->word[arrow], "->") != 0) {
        arrow++;
    }
    if (arrow + 1 >= s->n_words) {
        STORY_FAIL(s, "an ack needs -> and its answer");
    }
    uint32_t spec = story_find_alarm(s, s->word[2]);
    uint32_t alarm = spec == MODEL_NONE ? MODEL_NONE : spec_alarm_index(s->model, spec);
    uint32_t all = s->n_words;
    s->n_words = arrow;
    uint32_t newest = alarm == MODEL_NONE ? 1 : core_alarm(s->core, alarm).call;
    const char *by = story_text(s, "by");
    const char *comment = story_text(s, "comment");
    const struct event event = {.kind = EVENT_REQUEST,
                                .request = {.token = 4711,
                                            .ask = {.kind = ALARM_ASK_ACK,
                                                    .alarm = alarm,
                                                    .call = (uint32_t)story_value(s, "call", newest),
                                                    .actor_key = 7,
                                                    .actor = by == NULL ? "anna" : by,
                                                    .comment = comment == NULL ? "" : comment}}};
    s->answer = (struct effect){0};
    story_apply(s, &event);
    s->n_words = all;
    assert_int_equal(s->answer.reply.token, 4711);
    assert_int_equal(s->answer.reply.alarm, alarm);
    assert_string_equal(alarm_reply_name(s->answer.reply.result), s->word[arrow + 1]);
    for (uint32_t i = arrow + 2; i < s->n_words; i++) {
        if (strncmp(s->word[i], "by=", 3) == 0) {
            assert_string_equal(s->answer.reply.acked_by, s->word[i] + 3);
        } else if (strncmp(s->word[i], "at=", 3) == 0) {
            assert_int_equal(s->answer.reply.acked_us, story_time(story_number(s, s->word[i] + 3)));
        } else if (strncmp(s->word[i], "call=", 5) == 0) {
            assert_int_equal(s->answer.reply.call, story_number(s, s->word[i] + 5));
        } else {
            STORY_FAIL(s, "no part of an answer: %s", s->word[i]);
        }
    }
    if (s->answer.reply.result == ALARM_OK) {
        assert_int_equal(s->answer.reply.seq, s->records[s->n_records - 1].seq);
    }
}

/* Any change of configuration: the spec is changed, compiled, and taken over. */
static inline void story_revise(struct story *s) {
    s->spec.revision++;
    struct model *model = spec_model(&s->spec);
    struct core *core = NULL;
    uint64_t before = core_hash(s->core);
    assert_int_equal(core_next(s->core, model, s->now_us, story_sink(s), &core, NULL), OK);
    assert_true(core_hash(s->core) == before);
    core_free(&s->core);
    model_free(&s->model);
    s->core = core;
    s->model = model;
}

static inline void story_config(struct story *s) {
    uint32_t alarm = story_find_alarm(s, s->word[2]);
    if (alarm != MODEL_NONE) {
        s->word[2] = ""; /* the kind may follow as a word of its own */
        for (uint32_t i = 2; i + 1 < s->n_words; i++) {
            s->word[i] = s->word[i + 1];
        }
        story_set_alarm(s, &s->spec.alarms[alarm]);
    } else {
        struct spec_tag *tag = &s->spec.tags[story_find_tag(s, s->word[2])];
        tag->stale_s = story_value(s, "stale", tag->stale_s);
        tag->deadband = story_value(s, "deadband", tag->deadband);
    }
    story_revise(s);
}

static inline bool story_change(struct story *s) {
    const char *verb = s->word[1];
    if (strcmp(verb, "config") == 0) {
        story_config(s);
        return true;
    }
    if (strcmp(verb, "disable") == 0 || strcmp(verb, "enable") == 0) {
        s->spec.alarms[story_find_alarm(s, s->word[2])].disabled = verb[0] == 'd';
    } else if (strcmp(verb, "remove") == 0) {
        s->spec.alarms[story_find_alarm(s, s->word[2])].absent = true;
    } else if (strcmp(verb, "putback") == 0) {
        s->spec.alarms[story_find_alarm(s, s->word[2])].absent = false;
    } else if (strcmp(verb, "removetag") == 0) {
        uint32_t tag = story_find_tag(s, s->word[2]);
        s->spec.tags[tag].absent = true;
        for (uint32_t i = 0; i < s->spec.n_alarms; i++) {
            s->spec.alarms[i].absent = s->spec.alarms[i].absent || s->spec.alarms[i].tag == tag;
        }
    } else if (strcmp(verb, "movetag") == 0) {
        s->spec.tags[story_find_tag(s, s->word[2])].gateway = story_gateway(s, story_text(s, "gw"));
    } else if (strcmp(verb, "gateway") == 0) {
        s->spec.gateways[story_gateway(s, s->word[2])].disabled = story_value(s, "disabled", 0) != 0;
    } else {
        return false;
    }
    story_revise(s);
    return true;
}

static inline void story_crash(struct story *s) {
    core_free(&s->core);
}

static inline void story_start(struct story *s) {
    const struct core_restore restore = {
        .records = s->records, .n = s->n_records, .journal_seq = s->n_records};
    assert_int_equal(core_new(s->model, &restore, s->now_us, &s->core, NULL), OK);
    for (uint32_t i = 0; i < SPEC_GATEWAYS; i++) {
        s->autolink[i] = true;
    }
}

static inline void story_check(struct story *s) {
    uint32_t spec = story_find_alarm(s, s->word[2]);
    assert_true(spec != MODEL_NONE);
    struct alarm_view v = core_alarm(s->core, spec_alarm_index(s->model, spec));
    const struct {
        const char *key;
        double is;
    } facts[] = {{"occ", v.occ},
                 {"call", v.call},
                 {"untrusted", v.untrusted},
                 {"prio", v.priority},
                 {"value", v.value},
                 {"n", (double)v.n},
                 {"raised", (double)(v.raised_us - STORY_BASE_US) / 1e6},
                 {"changed", (double)(v.changed_us - STORY_BASE_US) / 1e6},
                 {"acked", v.acked_us == 0 ? 0 : (double)(v.acked_us - STORY_BASE_US) / 1e6}};
    for (size_t i = 0; i < COUNT(facts); i++) {
        const char *want = story_text(s, facts[i].key);
        if (want != NULL && fabs(story_number(s, want) - facts[i].is) > 1e-9) {
            STORY_FAIL(s, "%s is %g, not %s", facts[i].key, facts[i].is, want);
        }
    }
    const char *letter = story_text(s, "st");
    if (letter != NULL && letter[0] != v.letter) {
        STORY_FAIL(s, "it is %c, not %s", v.letter, letter);
    }
    const char *by = story_text(s, "by");
    if (by != NULL) {
        assert_string_equal(v.acked_by, by);
    }
}

static inline void story_check_quality(const struct story *s, uint8_t is, const char *want) {
    char text[64];
    (void)snprintf(text, sizeof text, "%s/%s%s", quality_class_name(is), quality_reason_name(is),
                   (is & QUALITY_NO_VALUE) != 0 ? "/novalue" : "");
    if (strncmp(text, want, strlen(want)) != 0) {
        STORY_FAIL(s, "quality is %s, not %s", text, want);
    }
}

static inline void story_check_tag(struct story *s) {
    struct tag_live live = core_tag(s->core, spec_tag_index(s->model, story_find_tag(s, s->word[2])));
    const char *value = story_text(s, "v");
    if (value != NULL && !(isnan(live.value) && strcmp(value, "nan") == 0)) {
        assert_true(live.value == story_number(s, value));
    }
    const char *quality = story_text(s, "q");
    if (quality != NULL) {
        story_check_quality(s, live.quality, quality);
    }
    if (story_text(s, "t") != NULL) {
        assert_int_equal(live.t_us, story_time(story_value(s, "t", 0)));
    }
    if (story_text(s, "r") != NULL) {
        assert_int_equal(live.received_us, story_time(story_value(s, "r", 0)));
    }
}

static inline void story_counts(struct story *s) {
    struct core_counts c = core_counts(s->core);
    const struct {
        const char *key;
        uint64_t is;
    } counts[] = {{"samples", c.samples},     {"late", c.late},           {"backlog", c.backlog},
                  {"future", c.future},       {"foreign", c.foreign},     {"unacked", c.unacked[0]},
                  {"unacked1", c.unacked[1]}, {"unacked3", c.unacked[3]}, {"active", c.active}};
    for (size_t i = 0; i < COUNT(counts); i++) {
        const char *want = story_text(s, counts[i].key);
        if (want != NULL && story_number(s, want) != (double)counts[i].is) {
            STORY_FAIL(s, "%s is %llu, not %s", counts[i].key, (unsigned long long)counts[i].is, want);
        }
    }
}

static inline void story_input(struct story *s) {
    story_advance(s, story_time(story_number(s, s->word[0])));
    const char *verb = s->word[1];
    if (strcmp(verb, "sample") == 0) {
        story_samples(s, LANE_LIVE);
    } else if (strcmp(verb, "snapshot") == 0) {
        story_samples(s, LANE_SNAPSHOT);
    } else if (strcmp(verb, "stored") == 0) {
        story_samples(s, LANE_BACKLOG);
    } else if (strcmp(verb, "linkup") == 0 || strcmp(verb, "linkdown") == 0) {
        story_link(s, story_gateway(s, s->word[2]), strcmp(verb, "linkup") == 0);
    } else if (strcmp(verb, "ack") == 0) {
        story_ack(s);
    } else if (strcmp(verb, "crash") == 0) {
        story_crash(s);
    } else if (strcmp(verb, "start") == 0) {
        story_start(s);
    } else if (strcmp(verb, "check") == 0) {
        story_check(s);
    } else if (strcmp(verb, "tag") == 0) {
        story_check_tag(s);
    } else if (strcmp(verb, "counts") == 0) {
        story_counts(s);
    } else if (strcmp(verb, "wait") == 0) {
        story_apply(s, &(struct event){.kind = EVENT_TIME});
    } else if (!story_change(s)) {
        STORY_FAIL(s, "no such verb: %s", verb);
    }
}

static inline void story_expect_keys(const struct story *s, const struct alarm_record *r) {
    const struct {
        const char *key;
        double is;
    } facts[] = {{"occ", r->occ},
                 {"call", r->call},
                 {"src", (double)(r->src_us - STORY_BASE_US) / 1e6},
                 {"raised", (double)(r->raised_us - STORY_BASE_US) / 1e6},
                 {"value", r->value},
                 {"limit", r->limit},
                 {"prio", r->priority},
                 {"n", (double)r->n},
                 {"rev", (double)r->revision}};
    for (size_t i = 0; i < COUNT(facts); i++) {
        const char *want = story_text(s, facts[i].key);
        if (want == NULL || (strcmp(want, "nan") == 0 && isnan(facts[i].is))) {
            continue;
        }
        if (!(fabs(story_number(s, want) - facts[i].is) < 1e-9)) {
            STORY_FAIL(s, "%s is %g, not %s", facts[i].key, facts[i].is, want);
        }
    }
    const char *by = story_text(s, "by");
    if (by != NULL) {
        assert_string_equal(r->actor, by);
    }
    const char *comment = story_text(s, "comment");
    if (comment != NULL) {
        assert_string_equal(r->comment, comment);
    }
    const char *quality = story_text(s, "q");
    if (quality != NULL) {
        story_check_quality(s, r->quality, quality);
    }
}

/* What is not known is told by few stories: records of it are passed over where none is expected. */
static inline void story_skip_quality(struct story *s) {
    while (s->n_checked < s->n_records && s->records[s->n_checked].kind == RECORD_QUALITY) {
        s->n_checked++;
    }
}

static inline void story_expect(struct story *s) {
    if (strcmp(s->word[0], "none") == 0) {
        return;
    }
    if (s->n_words > 1 && strcmp(s->word[1], "QUALITY") != 0) {
        story_skip_quality(s);
    }
    if (s->n_checked == s->n_records) {
        STORY_FAIL(s, "the journal ends before this line");
    }
    const struct alarm_record *r = &s->records[s->n_checked++];
    char is[128];
    (void)snprintf(is, sizeof is, "%g %s %s %c>%c", (double)(r->at_us - STORY_BASE_US) / 1e6,
                   alarm_record_kind_name(r->kind), s->spec.alarms[r->alarm_key - SPEC_KEY_ALARM].name,
                   r->from, r->to);
    char kind[16] = "";
    for (size_t i = 0; i + 1 < sizeof kind && s->word[1][i] != '\0'; i++) {
        kind[i] = (char)tolower((unsigned char)s->word[1][i]);
    }
    char want[128];
    (void)snprintf(want, sizeof want, "%g %s %s %s", story_number(s, s->word[0]), kind, s->word[2],
                   s->word[3]);
    if (strcmp(is, want) != 0) {
        STORY_FAIL(s, "the journal says: %s", is);
    }
    story_expect_keys(s, r);
}

/* What holds for every journal. */
static inline void story_check_journal(const struct story *s) {
    for (uint32_t i = 0; i < s->n_records; i++) {
        const struct alarm_record *r = &s->records[i];
        assert_int_equal(r->seq, i + 1);
        assert_true(i == 0 || r->at_us >= s->records[i - 1].at_us);
        uint64_t n = 1;
        for (uint32_t j = i; j-- > 0;) {
            const struct alarm_record *before = &s->records[j];
            if (before->alarm_key == r->alarm_key) {
                assert_int_equal(before->to, r->from);
                n = before->n + 1;
                break;
            }
        }
        assert_int_equal(r->n, n);
    }
}

static inline void story_line(struct story *s) {
    if (strcmp(s->word[0], "input") == 0) {
        story_begin(s);
        s->in_input = true;
    } else if (strcmp(s->word[0], "expect") == 0) {
        story_apply(s, &(struct event){.kind = EVENT_TIME});
        s->in_input = false;
        s->in_expect = true;
    } else if (s->in_expect) {
        story_expect(s);
    } else if (s->in_input) {
        story_input(s);
    } else if (strcmp(s->word[0], "tag") == 0) {
        story_define_tag(s);
    } else if (strcmp(s->word[0], "alarm") == 0) {
        story_define_alarm(s);
    } else {
        STORY_FAIL(s, "tag, alarm, input or expect is wanted");
    }
}

static inline void story_run(const char *text) {
    struct story *s = calloc(1, sizeof *s);
    size_t size = strlen(text) + 1;
    /* Names stay where they are in the copy, cut into words; each line also stays whole for messages. */
    s->text = malloc(size);
    char *whole = malloc(size);
    assert_non_null(s->text);
    assert_non_null(whole);
    memcpy(s->text, text, size);
    memcpy(whole, text, size);
    for (char *at = s->text; *at != '\0';) {
        char *end = at + strcspn(at, "\n");
        bool more = *end == '\n';
        s->line = whole + (at - s->text);
        whole[end - s->text] = '\0';
        *end = '\0';
        s->n_words = 0;
        for (char *p = at; p < end; p++) {
            if (*p == ' ') {
                *p = '\0';
            } else if ((p == at || p[-1] == '\0') && s->n_words < STORY_WORDS) {
                s->word[s->n_words++] = p;
            }
        }
        if (s->n_words > 0) {
            story_line(s);
        }
        at = more ? end + 1 : end;
    }
    assert_true(s->in_expect);
    story_skip_quality(s);
    if (s->n_checked != s->n_records) {
        const struct alarm_record *r = &s->records[s->n_checked];
        STORY_FAIL(s, "the journal goes on: %s %s %c>%c at %g", alarm_record_kind_name(r->kind),
                   s->spec.alarms[r->alarm_key - SPEC_KEY_ALARM].name, r->from, r->to,
                   (double)(r->at_us - STORY_BASE_US) / 1e6);
    }
    story_check_journal(s);
    core_free(&s->core);
    model_free(&s->model);
    free(whole);
    free(s->text);
    free(s);
}

#endif
