#include "server/api/change.h"
#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/second.h"
#include "server/api/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The item's name from the path: "S1", or "S1/L_T1" for those within a site. */
static struct slice item_name(const struct http_request *r, char to[HTTP_PATH_SIZE]) {
    if (r->vars[1].n == 0) {
        return r->vars[0];
    }
    int n = snprintf(to, HTTP_PATH_SIZE, "%.*s/%.*s", SLICE_ARG(r->vars[0]), SLICE_ARG(r->vars[1]));
    return slice_of(to, n < 0 ? 0 : (size_t)n);
}

static void refuse_missing(struct http_request *r, enum config_kind kind, struct slice name) {
    http_problem(r, 404, "not_found", "there is no %s \"%.*s\"", config_kind_name(kind), SLICE_ARG(name));
}

static void get(struct api *a, struct http_request *r, enum config_kind kind) {
    char path[HTTP_PATH_SIZE];
    struct slice name = item_name(r, path);
    const struct config_item *item = config_set_find(a->config, kind, name);
    if (item == NULL) {
        refuse_missing(r, kind, name);
        return;
    }
    http_header(r, "ETag: \"%lld\"", (long long)item->revision);
    view_item(&r->out, item->body, item->revision);
    http_json(r, 200);
}

/* What the request says it has seen: 0 for "must be new". False: answered. */
static bool read_condition(struct api *a, struct http_request *r, enum config_kind kind, struct slice name,
                           int64_t *ret_expected) {
    const struct config_item *item = config_set_find(a->config, kind, name);
    bool create = strcmp(r->if_none_match, "*") == 0 && r->method == HTTP_PUT;
    int64_t seen = 0;
    if (!create && r->if_match[0] == '\0') {
        http_problem(r, 428, "condition",
                     r->method == HTTP_PUT ? "say If-None-Match: * (new) or If-Match: \"REVISION\" (change)"
                                           : "say If-Match: \"REVISION\"");
        return false;
    }
    if (create && item != NULL) {
        http_problem(r, 412, "exists", "%s \"%.*s\" is there already", config_kind_name(kind),
                     SLICE_ARG(name));
        return false;
    }
    if (create) {
        *ret_expected = 0;
        return true;
    }
    if (item == NULL) {
        refuse_missing(r, kind, name);
        return false;
    }
    if (!http_parse_etag(slice_str(r->if_match), &seen) || seen != item->revision) {
        http_problem(r, 412, "changed", "its revision is \"%lld\" now; load it again",
                     (long long)item->revision);
        return false;
    }
    *ret_expected = item->revision;
    return true;
}

static void put_value(struct change *c, enum config_kind kind, struct slice name, const json_t *value,
                      int64_t expected) {
    char *text = json_is_object(value) ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text == NULL) {
        change_fault(c, "/value", "an object is needed: the whole item");
    } else {
        (void)change_put(c, kind, name, slice_str(text), expected);
    }
    free(text);
}

static void put(struct api *a, struct http_request *r, enum config_kind kind) {
    static const char *const keys[] = {"reason", "value", "second", NULL};
    char path[HTTP_PATH_SIZE];
    struct slice name = item_name(r, path);
    int64_t expected = 0;
    if (!change_may_start(a, r) || !read_condition(a, r, kind, name, &expected)) {
        return;
    }
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        second_wipe_body(r);
        return;
    }
    struct second second;
    json_in_only(&in, in.root, "", keys);
    second_read(&in, r, &second);
    const char *reason = json_in_string(&in, "reason", 1, REASON_SIZE - 1);
    if (in.n_faults > 0) {
        http_faults(r, 422, "the body is not as it should be", in.faults, in.n_faults);
    } else {
        struct change *c = change_new(a, r, CHANGE_ONE, reason);
        if (c != NULL) {
            change_second(c, &second);
            put_value(c, kind, name, json_object_get(in.root, "value"), expected);
            change_commit(&c, expected == 0 ? 201 : 200);
        }
    }
    second_forget(&second);
    second_wipe_body(r);
    json_in_done(&in);
}

/* A removal has no body, where a second person could be named: one that needs him goes by POST /api/config.
 */
static void del(struct api *a, struct http_request *r, enum config_kind kind) {
    char path[HTTP_PATH_SIZE];
    char reason[REASON_SIZE];
    struct slice name = item_name(r, path);
    struct slice why = {0};
    int64_t expected = 0;
    if (!change_may_start(a, r) || !read_condition(a, r, kind, name, &expected)) {
        return;
    }
    if (!http_param(r, "reason", &why) || why.n == 0 || why.n >= sizeof reason) {
        struct config_fault fault = {.pointer = "?reason", .text = "say why, in 1 to 511 bytes"};
        http_faults(r, 422, "nothing was removed", &fault, 1);
        return;
    }
    memcpy(reason, why.p, why.n);
    reason[why.n] = '\0';
    struct change *c = change_new(a, r, CHANGE_ONE, reason);
    if (c != NULL) {
        (void)change_remove(c, kind, name, expected);
        change_commit(&c, 200);
    }
}

void rest_site_get(struct api *a, struct http_request *r) {
    get(a, r, CONFIG_SITE);
}

void rest_gateway_get(struct api *a, struct http_request *r) {
    get(a, r, CONFIG_GATEWAY);
}

void rest_tag_get(struct api *a, struct http_request *r) {
    get(a, r, CONFIG_TAG);
}

void rest_alarm_setting_get(struct api *a, struct http_request *r) {
    get(a, r, CONFIG_ALARM);
}

void rest_site_put(struct api *a, struct http_request *r) {
    put(a, r, CONFIG_SITE);
}

void rest_gateway_put(struct api *a, struct http_request *r) {
    put(a, r, CONFIG_GATEWAY);
}

void rest_tag_put(struct api *a, struct http_request *r) {
    put(a, r, CONFIG_TAG);
}

void rest_alarm_setting_put(struct api *a, struct http_request *r) {
    put(a, r, CONFIG_ALARM);
}

void rest_site_delete(struct api *a, struct http_request *r) {
    del(a, r, CONFIG_SITE);
}

void rest_gateway_delete(struct api *a, struct http_request *r) {
    del(a, r, CONFIG_GATEWAY);
}

void rest_tag_delete(struct api *a, struct http_request *r) {
    del(a, r, CONFIG_TAG);
}

void rest_alarm_setting_delete(struct api *a, struct http_request *r) {
    del(a, r, CONFIG_ALARM);
}
