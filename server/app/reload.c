#include "server/app/app.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <openssl/rand.h>
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

enum status reload_boot(struct app *a, struct store_boot *boot, struct error *err) {
    a->config = boot->config;
    boot->config = NULL;
    enum status status = compile(a->config, boot->revision, &a->model, err);
    if (status != OK) {
        return status;
    }
    struct core_restore restore = {
        .records = boot->records, .n = boot->n_records, .journal_seq = boot->journal_seq};
    a->journaled_seq = boot->journal_seq;
    status = core_new(a->model, &restore, app_now_us(a), &a->core, err);
    if (status != OK) {
        return status;
    }
    log_event(LOG_INFO, "config.loaded", "revision=%lld sites=%u gateways=%u tags=%u alarms=%u journal=%llu",
              (long long)boot->revision, a->model->n_sites, a->model->n_gateways, a->model->n_tags,
              a->model->n_alarms, (unsigned long long)boot->journal_seq);
    api_set_view(a->api, a->core, a->config);
    link_set_model(a->link, a->model);
    return OK;
}

/* The core, the link and the interface move to the new revision between two events; then the old one is
 * freed. Takes set and model. */
static enum status swap(struct app *a, struct config_set *set, struct model *model, struct error *err) {
    struct core *core = NULL;
    enum status status = core_next(a->core, model, app_now_us(a), app_sink(a), &core, err);
    if (status != OK) {
        return status;
    }
    struct core *old_core = a->core;
    struct model *old_model = a->model;
    struct config_set *old_config = a->config;
    a->core = core;
    a->model = model;
    a->config = set;
    api_set_view(a->api, a->core, a->config);
    link_set_model(a->link, a->model);
    core_free(&old_core);
    model_free(&old_model);
    config_set_free(&old_config);
    log_event(LOG_INFO, "config.changed", "revision=%lld tags=%u alarms=%u", (long long)model->revision,
              model->n_tags, model->n_alarms);
    return OK;
}

static void refuse(struct app *a, uint64_t token, const struct error *err) {
    struct reply r = {.kind = REQ_CONFIG_CHANGE, .status = err->code, .error = *err};
    api_reply(a->api, token, &r);
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

/* A change is built and compiled before it is stored: what is committed can always be loaded. */
void reload_request(struct app *a, uint64_t token, const struct request *r) {
    struct error err = {.code = ERR_CONFLICT};
    if (a->core == NULL || a->change.busy) {
        (void)error_set(&err, ERR_CONFLICT, "configuration",
                        "another change is being stored; look again and repeat yours");
        refuse(a, token, &err);
        return;
    }
    struct config_set *set = NULL;
    struct model *model = NULL;
    enum status status = config_set_copy(a->config, &set, &err);
    for (uint32_t i = 0; i < r->config.n && status == OK; i++) {
        status = change_item(set, &r->config.v[i], &err);
    }
    /* Keys of new items are not known before they are stored: this compilation only proves that it can be
     * done. */
    if (status == OK) {
        status = compile(set, a->model->revision + 1, &model, &err);
    }
    model_free(&model);
    if (status != OK) {
        err.code = status;
        config_set_free(&set);
        refuse(a, token, &err);
        return;
    }
    a->change.busy = true;
    a->change.token = token;
    a->change.next = set;
    store_request(a->store, token, r);
}

/* All items that changed now have a key and the new revision. */
static enum status mark_stored(struct app *a, struct config_set *set, int64_t revision) {
    for (int kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_item *item = NULL;
        for (uint32_t i = 0; (item = config_set_at(set, (enum config_kind)kind, i)) != NULL; i++) {
            const struct config_item *old = config_set_find(a->config, item->kind, item->name);
            if (old != NULL && old->key == item->key && item->key != 0 && slice_eq(old->body, item->body)) {
                continue;
            }
            int64_t key = store_key(a->store, item->kind, item->name);
            enum status status = config_set_stored(set, item->kind, item->name, key, revision);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}

void reload_reply(struct app *a, uint64_t token, const struct reply *r) {
    struct config_set *set = a->change.next;
    a->change.busy = false;
    a->change.next = NULL;
    if (r->status != OK) {
        config_set_free(&set);
        api_reply(a->api, token, r);
        return;
    }
    struct error err;
    struct model *model = NULL;
    enum status status = mark_stored(a, set, r->config.revision);
    if (status == OK) {
        status = compile(set, r->config.revision, &model, &err);
    }
    if (status == OK) {
        status = swap(a, set, model, &err);
    }
    if (status != OK) {
        /* It is stored but cannot be shown (memory): a restart loads it. Going on with the old one would be a
         * lie. */
        log_event(LOG_ERROR, "config.unusable", "where=%s text=%s", LOG_Q(slice_str(err.where)),
                  LOG_Q(slice_str(err.text)));
        model_free(&model);
        config_set_free(&set);
        app_stop(a, 1);
        return;
    }
    api_reply(a->api, token, r);
}

void reload_changed(struct app *a, int64_t revision, struct config_set *set) {
    if (a->core == NULL || revision <= a->model->revision) {
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
