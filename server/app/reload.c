#include "server/app/app.h"
#include "server/app/spool_fit.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/core/key_index.h"
#include "server/store/reqcopy.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status compile(const struct config_set *set, int64_t revision, struct model **ret,
                           struct error *err) {
    uint64_t seed[2] = {0};
    if (RAND_bytes((unsigned char *)seed, sizeof seed) != 1) {
        return error_set(err, ERR_IO, "random", "the system gives no random numbers");
    }
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_compile(set, revision, seed, ret, faults, &n, err);
    if (status == ERR_INVALID && n > 0) {
        (void)error_set(err, status, faults[0].pointer, "%s (%u fault%s in all)", faults[0].text, n,
                        n == 1 ? "" : "s");
    }
    return status;
}

enum { UNSTORED_TEXT = 2048 }; /* longer than any detail of the audit about a spool that is put aside */

/* What the spool has beyond the journal. */
struct spool_rest {
    const struct alarm_record *v;
    size_t n;
};

/* Each action that the journal does not have, and that its operator was told is done, is told to the audit,
 * under the name of who did it. */
static enum status audit_unstored(struct app *a, const struct alarm_record *v, size_t n, const char *file,
                                  struct error *err) {
    struct key_index alarms = {0};
    enum status status = key_index_of_alarms(&alarms, a->model, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (v[i].cause != CAUSE_OPERATOR) {
            continue;
        }
        char object[UNSTORED_TEXT];
        char detail[UNSTORED_TEXT];
        uint32_t alarm = key_index_find(&alarms, v[i].alarm_key);
        struct slice name = alarm == MODEL_NONE ? slice_str("") : a->model->alarm_texts[alarm].name;
        struct actor actor = {.user_key = v[i].actor_key};
        (void)snprintf(actor.name, sizeof actor.name, "%s", v[i].actor);
        (void)snprintf(actor.peer, sizeof actor.peer, "%s", v[i].desk);
        (void)snprintf(object, sizeof object, "%.*s", SLICE_ARG(name));
        spool_fit_tell(&v[i], file, detail, sizeof detail);
        store_audit(a->store, &actor, "spool.unstored", object, detail);
    }
    key_index_done(&alarms);
    return status;
}

/* The file goes under another name; n records of it, from v on, are not in the journal. */
static enum status put_aside(struct app *a, const struct alarm_record *v, size_t n, const char *why,
                             struct error *err) {
    const char *file = NULL;
    char detail[UNSTORED_TEXT];
    enum status status = spool_set_aside(a->spool, &file, err);
    if (status != OK) {
        return status;
    }
    (void)snprintf(detail, sizeof detail, "%s; %zu records of it are not in the journal", why, n);
    log_event(LOG_ERROR, "spool.aside", "file=%s unstored=%zu from=%llu journal=%llu text=%s",
              LOG_Q(slice_str(file)), n, n == 0 ? 0ULL : (unsigned long long)v[0].seq,
              (unsigned long long)a->journaled_seq, LOG_Q(slice_str(why)));
    struct actor self = {.name = "penstockd"};
    store_audit(a->store, &self, "spool.aside", file, detail);
    return audit_unstored(a, v, n, file, err);
}

/* What the last process left in the spool goes to the journal before anything else. What does not follow the
 * journal is of another database, of one that was set back, or was overtaken by another server: it is put
 * aside for a person to judge. To append it under other numbers would be to guess: an acknowledgement is of
 * an occurrence that somebody saw, and the alarm that has this number now may be one that nobody saw. */
static enum status take_spool(struct app *a, const struct store_boot *boot, struct spool_rest *ret,
                              struct error *err) {
    if (a->spool == NULL) {
        return OK;
    }
    size_t n = 0;
    const struct alarm_record *v = spool_left(a->spool, &n);
    const struct spool_journal journal = {.seq = boot->journal_seq,
                                          .tail = boot->tail,
                                          .n_tail = boot->n_tail,
                                          .records = boot->records,
                                          .n_records = boot->n_records};
    struct spool_fit fit = {0};
    enum status status = spool_fit(v, n, &journal, &fit, err);
    v += fit.n_stored;
    n -= fit.n_stored;
    if (status == OK && fit.why != NULL) {
        status = put_aside(a, v, n, fit.why, err);
    } else if (status == OK && spool_damaged(a->spool)) {
        status = put_aside(a, v, 0, "a part of it cannot be read", err);
        for (size_t i = 0; i < n && status == OK; i++) {
            spool_add(a->spool, &v[i]);
        }
    }
    if (status == OK && spool_asides(a->spool) > 0) {
        log_event(LOG_WARN, "spool.unread",
                  "files=%u text=\"they were put aside: look at them, remove them\"", spool_asides(a->spool));
    }
    if (status == OK && fit.why == NULL && n > 0) {
        log_event(LOG_WARN, "spool.taken", "records=%zu from=%llu", n, (unsigned long long)v[0].seq);
        *ret = (struct spool_rest){.v = v, .n = n};
    }
    return status;
}

/* To the journal with them, in order and before anything that happens from now on. */
static enum status journal_rest(struct app *a, const struct spool_rest *rest, struct error *err) {
    struct key_index alarms = {0};
    enum status status = key_index_of_alarms(&alarms, a->model, err);
    for (size_t i = 0; i < rest->n && status == OK; i++) {
        struct alarm_record r = rest->v[i];
        r.alarm = key_index_find(&alarms, r.alarm_key);
        app_keep_record(a, &r);
    }
    key_index_done(&alarms);
    return status;
}

static enum status restore(struct app *a, const struct store_boot *boot, const struct spool_rest *rest,
                           struct error *err) {
    struct alarm_record *all = NULL;
    struct core_restore r = {.records = boot->records,
                             .n = boot->n_records,
                             .journal_seq = boot->journal_seq,
                             .accumulators = boot->accumulators,
                             .n_accumulators = boot->n_accumulators};
    if (rest->n > 0) {
        all = calloc(boot->n_records + rest->n, sizeof *all);
        if (all == NULL) {
            return error_set(err, ERR_NOMEM, "restart", "no memory for %zu records", rest->n);
        }
        if (boot->n_records > 0) {
            memcpy(all, boot->records, boot->n_records * sizeof *all);
        }
        memcpy(all + boot->n_records, rest->v, rest->n * sizeof *all);
        r.records = all;
        r.n += rest->n;
        r.journal_seq = rest->v[rest->n - 1].seq;
    }
    enum status status = core_new(a->model, &r, app_now_us(a), &a->core, err);
    if (status == OK && rest->n > 0) {
        status = journal_rest(a, rest, err);
    }
    free(all);
    if (a->spool != NULL && status == OK) {
        spool_forget_left(a->spool);
        spool_durable(a->spool, boot->journal_seq);
    }
    return status;
}

/* --- what the server adds --- */

/* Answers go to nobody. */
#define OWN_TOKEN UINT64_MAX

static void reply(struct app *a, uint64_t token, const struct reply *r) {
    if (token != OWN_TOKEN) {
        api_reply(a->api, token, r);
    } else if (r->status != OK) {
        log_event(LOG_ERROR, "config.not_completed", "where=%s text=%s", LOG_Q(slice_str(r->error.where)),
                  LOG_Q(slice_str(r->error.text)));
    }
}

enum { ITEMS_MIN = 64 };

/* Items that completing adds or removes. */
struct additions {
    struct config_change_item *v; /* name and body owned */
    uint32_t n;
    uint32_t cap;
    bool failed;
};

static void on_completed(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct additions *c = ctx;
    if (c->n == c->cap) {
        uint32_t cap = c->cap == 0 ? ITEMS_MIN : 2 * c->cap;
        struct config_change_item *v = realloc(c->v, cap * sizeof *v);
        c->failed = c->failed || v == NULL;
        c->v = v == NULL ? c->v : v;
        c->cap = v == NULL ? c->cap : cap;
    }
    if (c->failed) {
        return;
    }
    struct config_change_item *item = &c->v[c->n++];
    *item = (struct config_change_item){.kind = config_kind_name(kind),
                                        .name = strndup(name.p, name.n),
                                        .body = body.n == 0 ? NULL : strndup(body.p, body.n),
                                        .expected_revision = body.n == 0 ? -1 : 0};
    c->failed = item->name == NULL || (body.n > 0 && item->body == NULL);
}

static void free_additions(struct additions *c) {
    for (uint32_t i = 0; i < c->n; i++) {
        free((void *)c->v[i].name);
        free((void *)c->v[i].body);
    }
    free(c->v);
}

/* A configuration that an earlier program wrote lacks alarms that this one gives to each gateway and to the
 * server: they come with a revision of the server's own, so that nobody has to configure them. */
static void complete(struct app *a) {
    struct error err = {0};
    struct config_set *set = NULL;
    struct additions c = {0};
    enum status status = config_set_copy(a->config, &set, &err);
    status = status == OK ? config_set_complete(set, on_completed, &c, &err) : status;
    if (status == OK && c.failed) {
        status = error_set(&err, ERR_NOMEM, "configuration", "no memory for what is to be added");
    }
    if (status != OK) {
        const struct reply failure = {.kind = REQ_CONFIG_CHANGE, .status = status, .error = err};
        reply(a, OWN_TOKEN, &failure);
    } else if (c.n > 0) {
        struct request r = {.kind = REQ_CONFIG_CHANGE, .actor = {.name = "penstockd"}};
        r.config.v = c.v;
        r.config.n = c.n;
        (void)snprintf(r.config.reason, sizeof r.config.reason,
                       "alarms that every gateway and the server have");
        reload_request(a, OWN_TOKEN, &r);
    }
    free_additions(&c);
    config_set_free(&set);
}

enum status reload_boot(struct app *a, struct store_boot *boot, struct error *err) {
    a->config = boot->config;
    boot->config = NULL;
    enum status status = compile(a->config, boot->revision, &a->model, err);
    if (status != OK) {
        return status;
    }
    a->journaled_seq = boot->journal_seq;
    struct spool_rest rest = {0};
    status = take_spool(a, boot, &rest, err);
    if (status == OK) {
        status = restore(a, boot, &rest, err);
    }
    if (status != OK) {
        return status;
    }
    log_event(LOG_INFO, "config.loaded", "revision=%lld sites=%u gateways=%u tags=%u alarms=%u journal=%llu",
              (long long)boot->revision, a->model->n_sites, a->model->n_gateways, a->model->n_tags,
              a->model->n_alarms, (unsigned long long)boot->journal_seq);
    api_set_view(a->api, a->core, a->config);
    link_set_model(a->link, a->model);
    certificates_tell_all(a);
    disk_tell_all(a);
    audit_watch_tell(a);
    spool_watch_tell(a);
    keeping_plan(a->keeping, a->model);
    packing_tell_all(a);
    complete(a);
    return OK;
}

void reload_move_records(struct alarm_record *v, uint32_t n, const struct model *old,
                         const struct model *now) {
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].alarm != MODEL_NONE) {
            v[i].alarm = model_find_alarm(now, old->alarm_texts[v[i].alarm].name);
        }
    }
}

/* The core, the link and the interface move to the new revision between two events; then the old one is
 * freed. Takes set and model. */
static enum status swap(struct app *a, struct config_set *set, struct model *model, struct error *err) {
    struct core *core = NULL;
    uint32_t n_before = a->n_records;
    enum status status = core_next(a->core, model, app_now_us(a), app_sink(a), &core, err);
    if (status != OK) {
        return status;
    }
    reload_move_records(a->records, n_before, a->model, model); /* they are shown at the end of the turn */
    struct core *old_core = a->core;
    struct model *old_model = a->model;
    struct config_set *old_config = a->config;
    a->core = core;
    a->model = model;
    a->config = set;
    api_set_view(a->api, a->core, a->config);
    link_set_model(a->link, a->model);
    certificates_tell_all(a);
    disk_tell_all(a);
    audit_watch_tell(a);
    spool_watch_tell(a);
    keeping_plan(a->keeping, a->model);
    packing_tell_all(a);
    core_free(&old_core);
    model_free(&old_model);
    config_set_free(&old_config);
    log_event(LOG_INFO, "config.changed", "revision=%lld tags=%u alarms=%u", (long long)model->revision,
              model->n_tags, model->n_alarms);
    return OK;
}

static void refuse(struct app *a, uint64_t token, const struct error *err) {
    struct reply r = {.kind = REQ_CONFIG_CHANGE, .status = err->code, .error = *err};
    reply(a, token, &r);
}

static enum status change_item(struct config_set *set, const struct config_change_item *item,
                               struct error *err) {
    enum config_kind kind = CONFIG_SITE;
    if (!config_kind_parse(slice_str(item->kind), &kind)) {
        return error_set(err, ERR_INVALID, "kind", "\"%s\" is no kind of item", item->kind);
    }
    if (item->body == NULL) {
        return config_set_remove(set, kind, slice_str(item->name));
    }
    const struct config_item *old = config_set_find(set, kind, slice_str(item->name));
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status =
        config_set_put(set, kind, slice_str(item->name), slice_str(item->body), old == NULL ? 0 : old->key,
                       old == NULL ? 0 : old->revision, faults, &n);
    if (status != OK && n > 0) {
        (void)error_set(err, status, faults[0].pointer, "%s", faults[0].text);
    }
    return status;
}

/* What is in force with the request's items. */
static enum status build(const struct app *a, const struct request *r, struct config_set **ret,
                         struct error *err) {
    struct config_set *set = NULL;
    enum status status = config_set_copy(a->config, &set, err);
    for (uint32_t i = 0; i < r->config.n && status == OK; i++) {
        status = change_item(set, &r->config.v[i], err);
    }
    if (status != OK) {
        config_set_free(&set);
        return status;
    }
    *ret = set;
    return OK;
}

/* A change is built and compiled before it is stored: what is committed can always be loaded. Keys of new
 * items are not known before they are stored: this compilation only proves that it can be done. */
static enum status prove(const struct app *a, const struct request *r, struct error *err) {
    struct config_set *set = NULL;
    struct model *model = NULL;
    enum status status = build(a, r, &set, err);
    if (status == OK) {
        status = compile(set, a->model->revision + 1, &model, err);
    }
    model_free(&model);
    config_set_free(&set);
    return status;
}

void reload_request(struct app *a, uint64_t token, const struct request *r) {
    struct error err = {.code = ERR_CONFLICT};
    if (a->core == NULL || a->change != NULL) {
        (void)error_set(&err, ERR_CONFLICT, "configuration",
                        "another change is being stored; look again and repeat yours");
        refuse(a, token, &err);
        return;
    }
    enum status status = prove(a, r, &err);
    if (status == OK) {
        a->change = request_copy(r);
        status = a->change != NULL ? OK : error_set(&err, ERR_NOMEM, "configuration", "no memory");
    }
    if (status != OK) {
        err.code = status;
        refuse(a, token, &err);
        return;
    }
    store_request(a->store, token, r);
}

/* The items that were put have a key and the new revision now, also those that were put as they were. */
static enum status mark_stored(const struct app *a, struct config_set *set, const struct request *r,
                               int64_t revision) {
    enum status status = OK;
    for (uint32_t i = 0; i < r->config.n && status == OK; i++) {
        const struct config_change_item *item = &r->config.v[i];
        enum config_kind kind = CONFIG_SITE;
        if (item->body == NULL || !config_kind_parse(slice_str(item->kind), &kind)) {
            continue;
        }
        struct slice name = slice_str(item->name);
        status = config_set_stored(set, kind, name, store_key(a->store, kind, name), revision);
    }
    return status;
}

/* Puts the stored change in force: on top of what is in force now, which another program may have changed
 * since the change was asked for. */
static enum status put_in_force(struct app *a, const struct request *r, int64_t revision, struct error *err) {
    if (revision <= a->model->revision) {
        return OK; /* the database was read since, and this change with it */
    }
    struct config_set *set = NULL;
    struct model *model = NULL;
    enum status status = build(a, r, &set, err);
    if (status == OK) {
        status = mark_stored(a, set, r, revision);
    }
    if (status == OK) {
        status = compile(set, revision, &model, err);
    }
    if (status == OK) {
        status = swap(a, set, model, err);
    }
    if (status != OK) {
        model_free(&model);
        config_set_free(&set);
    }
    return status;
}

void reload_reply(struct app *a, uint64_t token, const struct reply *r) {
    struct request *change = a->change;
    a->change = NULL;
    if (r->status != OK) {
        free(change);
        reply(a, token, r);
        return;
    }
    struct error err;
    enum status status = put_in_force(a, change, r->config.revision, &err);
    free(change);
    if (status != OK) {
        /* It is stored but cannot be shown (memory): a restart loads it. Going on with the old one would be a
         * lie. */
        log_event(LOG_ERROR, "config.unusable", "where=%s text=%s", LOG_Q(slice_str(err.where)),
                  LOG_Q(slice_str(err.text)));
        app_stop(a, 1);
        return;
    }
    reply(a, token, r);
}

void reload_changed(struct app *a, int64_t revision, struct config_set *set) {
    if (a->core == NULL || revision < a->model->revision) {
        config_set_free(&set);
        return;
    }
    struct error err;
    struct model *model = NULL;
    enum status status = compile(set, revision, &model, &err);
    if (status == OK) {
        status = swap(a, set, model, &err);
    }
    if (status != OK) {
        /* Whoever wrote it did not check it. What runs goes on as it is; the log says so until somebody mends
         * it. */
        log_event(LOG_ERROR, "config.unusable", "revision=%lld where=%s text=%s", (long long)revision,
                  LOG_Q(slice_str(err.where)), LOG_Q(slice_str(err.text)));
        model_free(&model);
        config_set_free(&set);
    }
}
