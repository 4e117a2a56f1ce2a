#include "server/store/reqcopy.h"

#include "server/base/check.h"
#include "server/history/aggregate.h"

#include <stdlib.h>

static size_t text_size(const char *text) {
    return text == NULL ? 0 : strlen(text) + 1;
}

static const char *copy_text(char **at, const char *text) {
    size_t n = text_size(text);
    if (n == 0) {
        return NULL;
    }
    char *copy = *at;
    memcpy(copy, text, n);
    *at += n;
    return copy;
}

/* Where a request that filters alarms keeps its list of sites; NULL for others. */
static struct alarm_filter *filter_of(struct request *r) {
    if (r->kind == REQ_ALARM_HISTORY) {
        return &r->history.filter;
    }
    return r->kind == REQ_ALARM_STATE_AT ? &r->state_at.filter : NULL;
}

/* A list that is too long is copied as one that says so: it will be refused. */
static struct request *copy_filtered(const struct request *r) {
    struct request shape = *r;
    const struct alarm_filter *f = filter_of(&shape);
    size_t n = f->sites == NULL || f->n_sites > SITE_LIST_MAX ? 0 : f->n_sites;
    struct request *copy = malloc(sizeof *copy + n * sizeof *f->sites);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *r;
    int64_t *sites = (int64_t *)(copy + 1);
    if (n > 0) {
        memcpy(sites, f->sites, n * sizeof *sites);
    }
    filter_of(copy)->sites = f->sites == NULL ? NULL : sites;
    return copy;
}

static struct request *copy_samples(const struct request *r) {
    const struct stored_sample *from = r->quarantine_keep.v;
    uint32_t n = r->quarantine_keep.n;
    size_t texts = 0;
    for (uint32_t i = 0; i < n; i++) {
        texts += from[i].text.n;
    }
    struct request *copy = malloc(sizeof *copy + n * sizeof *from + texts);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *r;
    struct stored_sample *v = (struct stored_sample *)(copy + 1);
    char *at = (char *)(v + n);
    for (uint32_t i = 0; i < n; i++) {
        v[i] = from[i];
        if (from[i].text.n > 0) {
            memcpy(at, from[i].text.p, from[i].text.n);
        }
        v[i].text.p = from[i].text.p == NULL ? NULL : at;
        at += from[i].text.n;
    }
    copy->quarantine_keep.v = v;
    return copy;
}

/* Edges, times, rules: one behind the other. */
static struct request *copy_aggregates(const struct request *r) {
    size_t n_tags = r->samples.n_tags;
    size_t n_times = n_tags + r->samples.n_edges;
    struct request *copy =
        malloc(sizeof *copy + n_times * sizeof(int64_t) + n_tags * sizeof *r->samples.rules);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *r;
    int64_t *edges = (int64_t *)(copy + 1);
    int64_t *complete_us = edges + r->samples.n_edges;
    struct aggregate_rule *rules = (struct aggregate_rule *)(complete_us + n_tags);
    memcpy(edges, r->samples.edges, r->samples.n_edges * sizeof *edges);
    memcpy(complete_us, r->samples.complete_us, n_tags * sizeof *complete_us);
    memcpy(rules, r->samples.rules, n_tags * sizeof *rules);
    copy->samples.edges = edges;
    copy->samples.complete_us = complete_us;
    copy->samples.rules = rules;
    return copy;
}

struct request *request_copy(const struct request *r) {
    if (r->kind == REQ_AGGREGATES) {
        return copy_aggregates(r);
    }
    if (r->kind == REQ_QUARANTINE_KEEP) {
        return copy_samples(r);
    }
    if (r->kind == REQ_ALARM_HISTORY || r->kind == REQ_ALARM_STATE_AT) {
        return copy_filtered(r);
    }
    uint32_t n = r->kind == REQ_CONFIG_CHANGE ? r->config.n : 0;
    size_t size = sizeof *r + n * sizeof(struct config_change_item);
    for (uint32_t i = 0; i < n; i++) {
        const struct config_change_item *item = &r->config.v[i];
        size += text_size(item->kind) + text_size(item->name) + text_size(item->body);
    }
    struct request *copy = malloc(size);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *r;
    if (r->kind != REQ_CONFIG_CHANGE) {
        return copy;
    }
    struct config_change_item *v = (struct config_change_item *)(copy + 1);
    char *at = (char *)(v + n);
    for (uint32_t i = 0; i < n; i++) {
        const struct config_change_item *item = &r->config.v[i];
        v[i].expected_revision = item->expected_revision;
        v[i].kind = copy_text(&at, item->kind);
        v[i].name = copy_text(&at, item->name);
        v[i].body = copy_text(&at, item->body);
    }
    CHECK((size_t)(at - (char *)copy) == size);
    copy->config.v = v;
    return copy;
}
