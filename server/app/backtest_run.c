#include "server/app/backtest_run.h"

#include "server/base/check.h"

#include <stdlib.h>

/* Where in the feed the samples of a tag go. */
struct place {
    int64_t key;
    uint32_t at;
};

struct link_change {
    int64_t at_us;
    uint32_t gateway;
    bool up;
};

struct run {
    const struct what_if *w;
    const struct backtest_source *source;
    const struct backtest_watch *watch;
    struct backtest *bt;
    int64_t start_us;
    int64_t to_us;
    struct place *places; /* by key */
    int64_t *keys;
    uint32_t n_tags;
    struct link_change *links; /* by time */
    size_t n_links;
    size_t next_link;
};

/* --- what is asked for */

static int by_key(const void *a, const void *b) {
    const struct place *x = a;
    const struct place *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static enum status choose_tags(struct run *r, struct error *err) {
    const struct backtest_tag *tags = backtest_tags(r->bt, &r->n_tags);
    r->places = calloc((size_t)r->n_tags + 1, sizeof *r->places);
    r->keys = calloc((size_t)r->n_tags + 1, sizeof *r->keys);
    if (r->places == NULL || r->keys == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory for %u tags", r->n_tags);
    }
    for (uint32_t i = 0; i < r->n_tags; i++) {
        r->places[i] = (struct place){.key = tags[i].key, .at = i};
    }
    qsort(r->places, r->n_tags, sizeof *r->places, by_key);
    for (uint32_t i = 0; i < r->n_tags; i++) {
        r->keys[i] = r->places[i].key;
    }
    return OK;
}

static uint32_t place_of(const struct run *r, int64_t key) {
    const struct place wanted = {.key = key};
    const struct place *p = bsearch(&wanted, r->places, r->n_tags, sizeof *r->places, by_key);
    CHECK(p != NULL); /* the source gives what it was asked for */
    return p->at;
}

/* --- links */

static int by_time(const void *a, const void *b) {
    const struct link_change *x = a;
    const struct link_change *y = b;
    if (x->at_us != y->at_us) {
        return x->at_us < y->at_us ? -1 : 1;
    }
    if (x->gateway != y->gateway) {
        return x->gateway < y->gateway ? -1 : 1;
    }
    return (int)y->up - (int)x->up; /* the end of one outage before the beginning of the next */
}

/* The comm alarms that history may know, by key, with their gateways. */
static struct place *comm_alarms(const struct model *m, size_t *ret_n) {
    struct place *v = calloc((size_t)m->n_gateways + 1, sizeof *v);
    size_t n = 0;
    for (uint32_t i = 0; v != NULL && i < m->n_gateways; i++) {
        uint32_t alarm = m->gateways[i].comm_alarm;
        if (alarm != MODEL_NONE && m->alarms[alarm].key > 0) {
            v[n++] = (struct place){.key = m->alarms[alarm].key, .at = i};
        }
    }
    if (v != NULL) {
        qsort(v, n, sizeof *v, by_key);
    }
    *ret_n = n;
    return v;
}

/* The journal knows when the alarm rang and returned; the line was lost, and back, so much earlier. */
static void add_outage(struct run *r, const struct history_outage *o, uint32_t gateway) {
    const struct model_alarm *a = &r->w->now->alarms[r->w->now->gateways[gateway].comm_alarm];
    int64_t down_us = o->from_us - a->on_delay_us;
    int64_t up_us = o->to_us == INT64_MAX ? INT64_MAX : o->to_us - a->off_delay_us;
    if (up_us <= down_us) {
        return;
    }
    r->links[r->n_links++] = (struct link_change){
        .at_us = down_us < r->start_us ? r->start_us : down_us, .gateway = gateway, .up = false};
    if (up_us != INT64_MAX) {
        r->links[r->n_links++] = (struct link_change){
            .at_us = up_us < r->start_us ? r->start_us : up_us, .gateway = gateway, .up = true};
    }
}

static enum status add_outages(struct run *r, const struct place *alarms, size_t n_alarms,
                               const struct history_outage *v, size_t n, struct error *err) {
    r->links = calloc(2 * n + 1, sizeof *r->links);
    if (r->links == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (size_t i = 0; i < n; i++) {
        const struct place wanted = {.key = v[i].alarm_key};
        const struct place *p = bsearch(&wanted, alarms, n_alarms, sizeof *alarms, by_key);
        CHECK(p != NULL);
        add_outage(r, &v[i], p->at);
    }
    qsort(r->links, r->n_links, sizeof *r->links, by_time);
    return OK;
}

static enum status read_links(struct run *r, struct error *err) {
    size_t n = 0;
    struct place *alarms = comm_alarms(r->w->now, &n);
    int64_t *keys = calloc(n + 1, sizeof *keys);
    struct history_outage *outages = NULL;
    size_t n_outages = 0;
    enum status status = OK;
    if (alarms == NULL || keys == NULL) {
        status = error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (size_t i = 0; i < n && status == OK; i++) {
        keys[i] = alarms[i].key;
    }
    if (n > 0 && status == OK) {
        status = r->source->outages(r->source->ctx, keys, n, &outages, &n_outages, err);
    }
    if (status == OK) {
        status = add_outages(r, alarms, n, outages, n_outages, err);
    }
    free(outages);
    free(keys);
    free(alarms);
    return status;
}

/* Links that change at this time or before. */
static void feed_links(struct run *r, int64_t until_us) {
    while (r->next_link < r->n_links && r->links[r->next_link].at_us <= until_us) {
        const struct link_change *l = &r->links[r->next_link++];
        if (l->at_us < r->to_us) {
            backtest_link(r->bt, l->gateway, l->up, l->at_us);
        }
    }
}

/* --- samples */

static struct sample sample_of(const struct run *r, const struct stored_sample *s) {
    return (struct sample){
        .tag = place_of(r, s->tag_key), .quality = s->quality, .t_us = s->t_us, .value = s->value};
}

static int by_sample_time(const void *a, const void *b) {
    const struct stored_sample *x = a;
    const struct stored_sample *y = b;
    if (x->t_us != y->t_us) {
        return x->t_us < y->t_us ? -1 : 1;
    }
    return x->tag_key < y->tag_key ? -1 : x->tag_key > y->tag_key;
}

/* What was in force when it begins. */
static enum status feed_before(struct run *r, struct error *err) {
    const struct stored_sample *v = NULL;
    size_t n = 0;
    enum status status = r->source->before(r->source->ctx, &v, &n, err);
    if (status != OK || n == 0) {
        return status;
    }
    struct stored_sample *sorted = calloc(n, sizeof *sorted);
    if (sorted == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = v[i];
    }
    qsort(sorted, n, sizeof *sorted, by_sample_time);
    for (size_t i = 0; i < n; i++) {
        struct sample s = sample_of(r, &sorted[i]);
        backtest_samples(r->bt, &s, 1);
    }
    free(sorted);
    return OK;
}

static enum status feed_all(struct run *r, struct error *err) {
    for (;;) {
        const struct stored_sample *v = NULL;
        size_t n = 0;
        enum status status = r->source->next(r->source->ctx, &v, &n, err);
        if (status != OK || n == 0) {
            return status;
        }
        for (size_t i = 0; i < n; i++) {
            if (r->next_link < r->n_links && r->links[r->next_link].at_us <= v[i].t_us) {
                feed_links(r, v[i].t_us);
            }
            struct sample s = sample_of(r, &v[i]);
            backtest_samples(r->bt, &s, 1);
        }
        if (r->watch != NULL && !r->watch->go_on(r->watch->ctx, r->source->progress(r->source->ctx))) {
            return error_set(err, ERR_CONFLICT, "backtest", "called off");
        }
    }
}

static enum status feed(struct run *r, struct error *err) {
    enum status status = choose_tags(r, err);
    if (status == OK) {
        status = r->source->open(r->source->ctx, r->keys, r->n_tags, r->start_us, r->to_us, err);
        if (status == OK) {
            status = read_links(r, err);
        }
        if (status == OK) {
            status = feed_before(r, err);
        }
        if (status == OK) {
            status = feed_all(r, err);
        }
        r->source->close(r->source->ctx);
    }
    if (status == OK) {
        feed_links(r, r->to_us);
    }
    return status;
}

enum status backtest_run(const struct what_if *w, const struct backtest_period *period,
                         const struct backtest_source *source, const struct backtest_watch *watch,
                         struct backtest **ret, const struct backtest_report **ret_report,
                         struct error *err) {
    CHECK(period->from_us < period->to_us);
    CHECK(period->to_us - period->from_us <= BACKTEST_PERIOD_MAX_US);
    struct backtest_config cfg = what_if_config(w);
    cfg.from_us = period->from_us;
    cfg.to_us = period->to_us;
    cfg.whole = period->whole;
    cfg.variants.later_max_us = period->later_max_us;
    struct run r = {.w = w,
                    .source = source,
                    .watch = watch,
                    .start_us = period->from_us - cfg.warm_us,
                    .to_us = period->to_us};
    enum status status = backtest_new(&cfg, &r.bt, err);
    if (status == OK) {
        status = feed(&r, err);
    }
    if (status == OK) {
        status = backtest_finish(r.bt, ret_report, err);
    }
    free(r.places);
    free(r.keys);
    free(r.links);
    if (status != OK) {
        backtest_free(&r.bt);
        return status;
    }
    *ret = r.bt;
    return OK;
}
