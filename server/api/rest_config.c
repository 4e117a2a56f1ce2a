#include "server/api/change.h"
#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/second.h"
#include "server/api/view.h"

#include <stdio.h>
#include <stdlib.h>

void rest_config_get(struct api *a, struct http_request *r) {
    buf_byte(&r->out, '{');
    for (int kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_item *item = NULL;
        buf_printf(&r->out, "\"%s\":[", config_kind_list_name((enum config_kind)kind));
        for (uint32_t i = 0; (item = config_set_at(a->config, (enum config_kind)kind, i)) != NULL; i++) {
            buf_text(&r->out, i > 0 ? ",\n" : "\n");
            buf_append(&r->out, item->body.p, item->body.n);
        }
        buf_text(&r->out, "],\n");
    }
    buf_printf(&r->out, "\"revision\":%lld}\n", (long long)core_model(a->core)->revision);
    http_json(r, 200);
}

/* --- one revision of many items */

static bool read_kind(struct change *c, const json_t *entry, const char *list, size_t i,
                      enum config_kind *ret) {
    char at[64];
    const json_t *kind = json_object_get(entry, "kind");
    struct slice text = slice_of(json_string_value(kind), json_string_length(kind));
    if (json_is_string(kind) && config_kind_parse(text, ret)) {
        return true;
    }
    (void)snprintf(at, sizeof at, "/%s/%zu/kind", list, i);
    change_fault(c, at, "is \"site\", \"gateway\", \"tag\", \"class\", \"group\", \"policy\" or \"alarm\"");
    return false;
}

static void put_entry(struct change *c, const json_t *entry, size_t i) {
    char at[64];
    enum config_kind kind = CONFIG_SITE;
    const json_t *value = json_object_get(entry, "value");
    const json_t *name = json_object_get(value, "name");
    if (!read_kind(c, entry, "put", i, &kind)) {
        return;
    }
    if (!json_is_object(value) || !json_is_string(name)) {
        (void)snprintf(at, sizeof at, "/put/%zu/value", i);
        change_fault(c, at, "an object with a \"name\" is needed: the whole item");
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL) {
        (void)change_put(c, kind, slice_of(json_string_value(name), json_string_length(name)),
                         slice_str(text), -1);
    } else {
        change_fault(c, "", "out of memory");
    }
    free(text);
}

static void remove_entry(struct change *c, const json_t *entry, size_t i) {
    char at[64];
    enum config_kind kind = CONFIG_SITE;
    const json_t *name = json_object_get(entry, "name");
    const json_t *revision = json_object_get(entry, "revision");
    if (!read_kind(c, entry, "remove", i, &kind)) {
        return;
    }
    if (revision != NULL && (!json_is_integer(revision) || json_integer_value(revision) < 1)) {
        (void)snprintf(at, sizeof at, "/remove/%zu/revision", i);
        change_fault(c, at, "is the item's revision as it was read");
        return;
    }
    if (!json_is_string(name)) {
        (void)snprintf(at, sizeof at, "/remove/%zu/name", i);
        change_fault(c, at, "a string is needed");
        return;
    }
    (void)change_remove(c, kind, slice_of(json_string_value(name), json_string_length(name)),
                        revision == NULL ? -1 : json_integer_value(revision));
}

static void check_entries(struct json_in *in, const char *list, const char *const *keys) {
    const json_t *entries = json_object_get(in->root, list);
    char at[64];
    if (entries != NULL && !json_is_array(entries)) {
        (void)snprintf(at, sizeof at, "/%s", list);
        json_in_fault(in, at, "a list is needed");
        return;
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        (void)snprintf(at, sizeof at, "/%s/%zu", list, i);
        if (json_is_object(entry)) {
            json_in_only(in, entry, at, keys);
        } else {
            json_in_fault(in, at, "an object is needed");
        }
    }
}

/* Removals first: an item may be removed and another put in its place. */
static void fill(struct change *c, const json_t *root) {
    const json_t *removed = json_object_get(root, "remove");
    const json_t *put = json_object_get(root, "put");
    for (size_t i = 0; i < json_array_size(removed); i++) {
        remove_entry(c, json_array_get(removed, i), i);
    }
    for (size_t i = 0; i < json_array_size(put); i++) {
        put_entry(c, json_array_get(put, i), i);
    }
}

void rest_config_post(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"reason", "put", "remove", "second", NULL};
    static const char *const put_keys[] = {"kind", "value", NULL};
    static const char *const remove_keys[] = {"kind", "name", "revision", NULL};
    struct json_in in;
    struct second second;
    if (!change_may_start(a, r)) {
        return;
    }
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        second_wipe_body(r);
        return;
    }
    json_in_only(&in, in.root, "", keys);
    const char *reason = json_in_string(&in, "reason", 1, REASON_SIZE - 1);
    check_entries(&in, "put", put_keys);
    check_entries(&in, "remove", remove_keys);
    second_read(&in, r, &second);
    if (in.n_faults > 0) {
        http_faults(r, 422, "the body is not as it should be", in.faults, in.n_faults);
    } else {
        struct change *c = change_new(a, r, CHANGE_MANY, reason);
        if (c != NULL) {
            change_second(c, &second);
            fill(c, in.root);
            change_commit(&c, 200);
        }
    }
    second_forget(&second);
    second_wipe_body(r);
    json_in_done(&in);
}

/* --- what changed when */

/* As the host gives them: [{"kind","name","body","before"}]; body is what there is after it. */
static void write_items(struct buf *out, struct slice items) {
    json_t *list = json_loadb(items.p, items.n, JSON_REJECT_DUPLICATES, NULL);
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item) {
        json_t *after = json_object_get(item, "body");
        (void)json_object_set(item, "after", after == NULL ? json_null() : after);
        (void)json_object_del(item, "body");
        if (json_object_get(item, "before") == NULL) {
            (void)json_object_set(item, "before", json_null());
        }
    }
    char *text = json_is_array(list) ? json_dumps(list, JSON_COMPACT) : NULL;
    buf_text(out, text == NULL ? "[]" : text);
    free(text);
    json_decref(list);
}

static void on_revisions(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    int64_t last = 0;
    buf_text(&r->out, "{\"revisions\":[");
    for (uint32_t i = 0; i < reply->revisions.n; i++) {
        const struct revision_row *row = &reply->revisions.v[i];
        buf_printf(&r->out, "%s{\"revision\":%lld,\"at\":", i > 0 ? "," : "", (long long)row->revision);
        view_time(&r->out, row->at_us);
        view_string(&r->out, "actor", row->actor);
        view_string(&r->out, "second", row->second);
        view_string(&r->out, "reason", row->reason);
        buf_text(&r->out, ",\"items\":");
        write_items(&r->out, row->items);
        buf_byte(&r->out, '}');
        last = row->revision;
    }
    /* r->vars is free after routing: it keeps nothing here; the limit asked for tells whether there is more.
     */
    int64_t limit = 50;
    (void)http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit);
    if ((int64_t)reply->revisions.n == limit && last > 1) {
        buf_printf(&r->out, "],\"next\":%lld}", (long long)last);
    } else {
        buf_text(&r->out, "],\"next\":null}");
    }
    http_json(r, 200);
}

void rest_revisions(struct api *a, struct http_request *r) {
    int64_t before = 0;
    int64_t limit = 50;
    if (!http_param_number(r, "before", 0, INT64_MAX, &before) ||
        !http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit)) {
        http_problem(r, 400, "query", "before is a revision, limit is 1 to %d", HISTORY_LIMIT_MAX);
        return;
    }
    struct request q = {.kind = REQ_CONFIG_HISTORY, .actor = api_actor(r)};
    q.list.before = before;
    q.list.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_revisions);
}
