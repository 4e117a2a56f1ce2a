#include "server/api/json_in.h"
#include "server/api/live_priv.h"
#include "server/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reply_error(struct live_client *c, int64_t id, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Beyond what the buffer holds errors are left out: who sends that many does not read them. */
static void reply_error(struct live_client *c, int64_t id, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t before = c->errors.n;
    buf_printf(&c->errors, "{\"op\":\"error\",\"id\":%lld,\"text\":", (long long)id);
    buf_json_string(&c->errors, slice_str(text));
    buf_append(&c->errors, "}", 2); /* with its NUL */
    if (c->errors.failed) {
        c->errors.failed = false;
        c->errors.n = before;
    }
    live_want_write(c);
}

static void rebuild(struct live_client *c) {
    conflate_want_nothing(&c->tags);
    for (uint32_t i = 0; i < c->n_subs; i++) {
        for (uint32_t j = 0; j < c->subs[i].n; j++) {
            conflate_want(&c->tags, c->subs[i].tags[j]);
        }
    }
    conflate_settle(&c->tags);
}

static void drop_sub(struct live_client *c, uint32_t i) {
    c->n_handles -= c->subs[i].n;
    free(c->subs[i].tags);
    c->n_subs--;
    c->subs[i] = c->subs[c->n_subs];
}

static void unsub(struct live_client *c, int64_t id) {
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i].id == id) {
            drop_sub(c, i);
            rebuild(c);
            return;
        }
    }
}

void live_drop_subs(struct live_client *c) {
    while (c->n_subs > 0) {
        drop_sub(c, c->n_subs - 1);
    }
}

uint32_t live_period_ms(const struct live_client *c) {
    uint32_t period = LIVE_PERIOD_MAX_MS;
    for (uint32_t i = 0; i < c->n_subs; i++) {
        period = c->subs[i].period_ms < period ? c->subs[i].period_ms : period;
    }
    return period;
}

/* --- which tags a view has */

static bool add_tag(struct live_client *c, struct live_sub *s, uint32_t tag) {
    if (c->n_handles + s->n >= LIVE_HANDLES_MAX) {
        reply_error(c, s->id, "more than %d tags on one socket", LIVE_HANDLES_MAX);
        return false;
    }
    s->tags[s->n++] = tag;
    return true;
}

static bool add_overview(struct live_client *c, struct live_sub *s, const struct model *m) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        if (m->tags[i].role.n > 0 && !add_tag(c, s, i)) {
            return false;
        }
    }
    return true;
}

static bool add_site(struct live_client *c, struct live_sub *s, const struct model *m, const char *name) {
    uint32_t site = model_find_site(m, slice_str(name));
    if (site == MODEL_NONE) {
        reply_error(c, s->id, "there is no site \"%.200s\"", name);
        return false;
    }
    for (uint32_t i = 0; i < m->sites[site].n_tags; i++) {
        if (!add_tag(c, s, m->sites[site].first_tag + i)) {
            return false;
        }
    }
    return true;
}

static bool add_named(struct live_client *c, struct live_sub *s, const struct model *m, const json_t *tags) {
    size_t i = 0;
    json_t *name = NULL;
    if (!json_is_array(tags)) {
        reply_error(c, s->id, "view \"tags\" needs \"tags\": a list of names such as \"S1/L_T1\"");
        return false;
    }
    json_array_foreach((json_t *)tags, i, name) {
        struct slice text = slice_of(json_string_value(name), json_string_length(name));
        uint32_t tag = json_is_string(name) ? model_find_tag(m, text) : MODEL_NONE;
        if (tag == MODEL_NONE) {
            reply_error(c, s->id, "there is no tag \"%.*s\"", (int)(text.n > 200 ? 200 : text.n),
                        text.p == NULL ? "" : text.p);
            return false;
        }
        if (!add_tag(c, s, tag)) {
            return false;
        }
    }
    return true;
}

static bool add_view(struct live_client *c, struct live_sub *s, const json_t *root) {
    static const char site[] = "site/";
    const struct model *m = core_model(c->live->api->core);
    const char *view = json_string_value(json_object_get(root, "view"));
    const json_t *tags = json_object_get(root, "tags");
    if (view == NULL || (strcmp(view, "tags") != 0 && tags != NULL)) {
        reply_error(c, s->id,
                    "\"view\" is \"overview\", \"site/NAME\" or \"tags\"; \"tags\" only with the last");
        return false;
    }
    if (strcmp(view, "overview") == 0) {
        return add_overview(c, s, m);
    }
    if (strncmp(view, site, sizeof site - 1) == 0) {
        return add_site(c, s, m, view + sizeof site - 1);
    }
    if (strcmp(view, "tags") == 0) {
        return add_named(c, s, m, tags);
    }
    reply_error(c, s->id, "there is no view \"%.100s\"; there are \"overview\", \"site/NAME\", \"tags\"",
                view);
    return false;
}

static void sub(struct live_client *c, const json_t *root, int64_t id) {
    const json_t *ms = json_object_get(root, "ms");
    json_int_t period = ms == NULL ? LIVE_PERIOD_DEFAULT_MS : json_integer_value(ms);
    unsub(c, id); /* the same id again replaces */
    if (c->live->api->core == NULL) {
        reply_error(c, id, "the server is starting; ask again");
        return;
    }
    if (c->n_subs == LIVE_SUBS_MAX) {
        reply_error(c, id, "more than %d subscriptions on one socket", LIVE_SUBS_MAX);
        return;
    }
    if (period < LIVE_PERIOD_MIN_MS || period > LIVE_PERIOD_MAX_MS) {
        reply_error(c, id, "\"ms\" is %d to %d", LIVE_PERIOD_MIN_MS, LIVE_PERIOD_MAX_MS);
        return;
    }
    struct live_sub s = {.id = id, .period_ms = (uint32_t)period, .wants_snapshot = true};
    s.tags = calloc(LIVE_HANDLES_MAX, sizeof *s.tags);
    if (s.tags == NULL || !add_view(c, &s, root)) {
        free(s.tags);
        return;
    }
    uint32_t *fitted = realloc(s.tags, (s.n == 0 ? 1 : s.n) * sizeof *s.tags);
    s.tags = fitted == NULL ? s.tags : fitted;
    c->n_handles += s.n;
    c->subs[c->n_subs++] = s;
    rebuild(c);
    live_want_write(c);
}

/* Which silences may be new to somebody who knows the alarm events up to this number: all that did not come
 * before that event. One that he heard already does no harm. */
static uint64_t silences_until(const struct live *l, uint64_t number) {
    uint64_t first = l->n_silences + 1;
    for (uint32_t i = 0; i < LIVE_SILENCES; i++) {
        const struct live_silence *s = &l->silences[i];
        if (s->number != 0 && s->after >= number && s->number < first) {
            first = s->number;
        }
    }
    return first - 1;
}

static void resume(struct live_client *c, const json_t *root, int64_t id) {
    const char *epoch = json_string_value(json_object_get(root, "e"));
    const json_t *n = json_object_get(root, "n");
    if (epoch == NULL || !json_is_integer(n) || json_integer_value(n) < 0) {
        reply_error(c, id, "\"resume\" needs \"e\" and \"n\" as they were received");
        return;
    }
    uint64_t number = (uint64_t)json_integer_value(n);
    if (strcmp(epoch, c->live->api->epoch) != 0) {
        c->resync = "epoch";
    } else if (!ring_holds_after(&c->live->ring, number)) {
        c->resync = "overflow";
    } else {
        c->alarm_sent = number;
        c->silence_sent = silences_until(c->live, number);
    }
    live_want_write(c);
}

/* --- messages */

static bool within_rate(struct live_client *c, int64_t now_mono_us) {
    if (now_mono_us - c->rate_mono_us >= 1000000) {
        c->rate_mono_us = now_mono_us;
        c->rate_left = LIVE_MESSAGES_PER_S;
    }
    return c->rate_left-- > 0;
}

static void dispatch(struct live_client *c, struct json_in *in, int64_t id) {
    static const char *const sub_keys[] = {"op", "id", "view", "tags", "ms", NULL};
    static const char *const unsub_keys[] = {"op", "id", NULL};
    static const char *const resume_keys[] = {"op", "id", "e", "n", NULL};
    const char *op = json_string_value(json_object_get(in->root, "op"));
    bool is_sub = op != NULL && strcmp(op, "sub") == 0;
    bool is_unsub = op != NULL && strcmp(op, "unsub") == 0;
    bool is_resume = op != NULL && strcmp(op, "resume") == 0;
    if (!is_sub && !is_unsub && !is_resume) {
        reply_error(c, id, "\"op\" is \"sub\", \"unsub\" or \"resume\"");
        return;
    }
    const char *const *others = is_unsub ? unsub_keys : resume_keys;
    json_in_only(in, in->root, "", is_sub ? sub_keys : others);
    if (!is_resume && !json_is_integer(json_object_get(in->root, "id"))) {
        json_in_fault(in, "/id", "a whole number is needed");
    }
    if (in->n_faults > 0) {
        reply_error(c, id, "%s %s", in->faults[0].pointer, in->faults[0].text);
    } else if (is_sub) {
        sub(c, in->root, id);
    } else if (is_unsub) {
        unsub(c, id);
    } else {
        resume(c, in->root, id);
    }
}

void live_handle(struct live_client *c, struct slice text, int64_t now_mono_us) {
    struct json_in in;
    if (!within_rate(c, now_mono_us)) {
        c->bye = "slow";
        live_want_write(c);
        return;
    }
    if (json_in_parse(&in, text) != OK) {
        reply_error(c, 0, "%s", in.faults[0].text);
        return;
    }
    dispatch(c, &in, json_integer_value(json_object_get(in.root, "id")));
    json_in_done(&in);
}
