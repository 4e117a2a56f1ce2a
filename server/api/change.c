#include "server/api/change.h"

#include "server/api/second.h"
#include "server/base/check.h"
#include "server/config/two_people.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* config_change_item needs NUL-terminated texts that live until the host has copied them. */
struct change_entry {
    enum config_kind kind;
    char *name;
    char *body; /* NULL: removed */
    int64_t expected;
};

struct change {
    struct api *api;
    struct http_request *r;
    enum change_form form;
    int status_ok;
    change_then then; /* NULL: the peer is answered */
    void *then_ctx;
    char reason[REASON_SIZE];
    struct config_set *set;
    struct change_entry *v;
    uint32_t n;
    uint32_t cap;
    uint32_t n_put; /* as in the request, for its pointers */
    uint32_t n_removed;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n_faults;
    bool out_of_memory;
    struct config_touched_names touched; /* highly managed alarms, for people */
    struct buf touched_json;             /* the same for programs */
    struct second second;
    int refusal; /* for want of a second person: 403 or 429; 0 if it is not that */
    const char *refusal_code;
};

enum { CHANGE_ITEMS_MAX = 100000 };
/* A change of the policy may touch thousands: more names help nobody. */
enum { TOUCHED_NAMED_MAX = 100, TOUCHED_JSON_MAX = TOUCHED_NAMED_MAX * (6 * MODEL_NAME_MAX + 3) + 64 };

bool change_may_start(struct api *a, struct http_request *r) {
    if (!a->changing) {
        return true;
    }
    if (a->n_changes == API_CHANGES_WAITING_MAX) {
        http_header(r, "Retry-After: 1");
        http_problem(r, 503, "busy", "too many changes of the configuration wait; try again");
    } else {
        a->changes[a->n_changes++] = r;
    }
    return false;
}

struct change *change_new(struct api *a, struct http_request *r, enum change_form form, const char *reason) {
    struct change *c = calloc(1, sizeof *c);
    struct error err;
    if (c == NULL || config_set_copy(a->config, &c->set, &err) != OK) {
        free(c);
        http_failed(r, ERR_NOMEM, NULL);
        return NULL;
    }
    c->api = a;
    c->r = r;
    c->form = form;
    buf_init(&c->touched_json, TOUCHED_JSON_MAX);
    (void)snprintf(c->reason, sizeof c->reason, "%s", reason);
    return c;
}

void change_free(struct change **c) {
    if (*c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*c)->n; i++) {
        free((*c)->v[i].name);
        free((*c)->v[i].body);
    }
    free((*c)->v);
    buf_done(&(*c)->touched_json);
    config_set_free(&(*c)->set);
    second_forget(&(*c)->second);
    free(*c);
    *c = NULL;
}

void change_second(struct change *c, struct second *second) {
    c->second = *second;
    second_forget(second);
}

void change_fault(struct change *c, const char *pointer, const char *fmt, ...) {
    if (c->n_faults == CONFIG_FAULTS_MAX) {
        return;
    }
    struct config_fault *f = &c->faults[c->n_faults++];
    (void)snprintf(f->pointer, sizeof f->pointer, "%s", pointer);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

/* A fault of the configuration's own checks, which have names, at this place. */
static void add_fault(struct change *c, const char *pointer, const struct config_fault *from) {
    if (c->n_faults < CONFIG_FAULTS_MAX) {
        struct config_fault *f = &c->faults[c->n_faults++];
        *f = *from;
        (void)snprintf(f->pointer, sizeof f->pointer, "%s", pointer);
    }
}

/* Where in the request the put number i is. */
static void place_of(const struct change *c, uint32_t i, char *to, size_t size) {
    if (c->form == CHANGE_ONE) {
        (void)snprintf(to, size, "/value");
    } else {
        (void)snprintf(to, size, "/put/%u/value", i);
    }
}

static void take_faults(struct change *c, const char *place, const struct config_fault *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        char pointer[sizeof v->pointer + 32];
        (void)snprintf(pointer, sizeof pointer, "%s%s", place, v[i].pointer);
        add_fault(c, pointer, &v[i]);
    }
}

static bool note(struct change *c, enum config_kind kind, struct slice name, struct slice body,
                 int64_t expected) {
    if (c->n == c->cap) {
        uint32_t cap = c->cap == 0 ? 16 : c->cap * 2;
        struct change_entry *v = c->n >= CHANGE_ITEMS_MAX ? NULL : realloc(c->v, cap * sizeof *v);
        if (v == NULL) {
            c->out_of_memory = true;
            return false;
        }
        c->v = v;
        c->cap = cap;
    }
    struct change_entry *e = &c->v[c->n];
    *e = (struct change_entry){.kind = kind, .expected = expected};
    e->name = strndup(name.p, name.n);
    e->body = body.n == 0 ? NULL : strndup(body.p, body.n);
    if (e->name == NULL || (body.n > 0 && e->body == NULL)) {
        free(e->name);
        free(e->body);
        c->out_of_memory = true;
        return false;
    }
    c->n++;
    return true;
}

static int64_t expected_of(const struct change *c, const struct config_item *old, int64_t expected) {
    (void)c;
    if (expected >= 0) {
        return expected;
    }
    return old == NULL ? 0 : old->revision;
}

/* Twice the same item in one change: which one counts would be a guess. */
static bool is_noted(const struct change *c, enum config_kind kind, struct slice name) {
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->v[i].kind == kind && slice_is(name, c->v[i].name)) {
            return true;
        }
    }
    return false;
}

bool change_put(struct change *c, enum config_kind kind, struct slice name, struct slice body,
                int64_t expected) {
    char place[64];
    place_of(c, c->n_put++, place, sizeof place);
    if (c->form == CHANGE_MANY && is_noted(c, kind, name)) {
        change_fault(c, place, "%s \"%.*s\" is in this change twice", config_kind_name(kind),
                     SLICE_ARG(name));
        return false;
    }
    const struct config_item *old = config_set_find(c->api->config, kind, name);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(c->set, kind, name, body, old == NULL ? 0 : old->key,
                                        old == NULL ? 0 : old->revision, faults, &n);
    if (status == OK) {
        const struct config_item *item = config_set_find(c->set, kind, name);
        CHECK(item != NULL);
        return note(c, kind, name, item->body, expected_of(c, old, expected));
    }
    if (status == ERR_INVALID && n > 0) {
        take_faults(c, place, faults, n);
    } else if (status == ERR_NOMEM) {
        c->out_of_memory = true;
    } else {
        change_fault(c, place, "cannot be taken (%s)", status_name(status));
    }
    return false;
}

bool change_remove(struct change *c, enum config_kind kind, struct slice name, int64_t expected) {
    char place[64];
    place[0] = '\0';
    if (c->form == CHANGE_MANY) {
        (void)snprintf(place, sizeof place, "/remove/%u", c->n_removed++);
    }
    const struct config_item *old = config_set_find(c->api->config, kind, name);
    if (old == NULL || is_noted(c, kind, name) || config_set_remove(c->set, kind, name) != OK) {
        change_fault(c, place, "there is no %s \"%.*s\" to remove", config_kind_name(kind),
                     (int)(name.n > 200 ? 200 : name.n), name.p);
        return false;
    }
    return note(c, kind, name, slice_of("", 0), expected_of(c, old, expected));
}

/* Comm alarms come and go with their gateways. */
static void on_completed(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct change *c = ctx;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->v[i].kind == kind && slice_is(name, c->v[i].name)) {
            /* The request named it itself: what completion made of it counts. */
            free(c->v[i].body);
            c->v[i].body = body.n == 0 ? NULL : strndup(body.p, body.n);
            c->out_of_memory = c->out_of_memory || (body.n > 0 && c->v[i].body == NULL);
            return;
        }
    }
    (void)note(c, kind, name, body, expected_of(c, config_set_find(c->api->config, kind, name), -1));
}

/* "/tag/S1~1L_T1/high" of config_compile as a place in the request, if the request has that item. */
static void place_fault(struct change *c, const struct config_fault *f) {
    for (uint32_t i = 0, put = 0; i < c->n && put < c->n_put; i++) {
        if (c->v[i].body == NULL) {
            continue;
        }
        char escaped[2 * MODEL_NAME_MAX + 32];
        size_t n = (size_t)snprintf(escaped, sizeof escaped, "/%s/", config_kind_name(c->v[i].kind));
        for (const char *p = c->v[i].name; *p != '\0' && n < sizeof escaped - 3; p++) {
            if (*p == '/') {
                escaped[n++] = '~';
                escaped[n++] = '1';
            } else {
                escaped[n++] = *p;
            }
        }
        escaped[n] = '\0';
        if (strncmp(f->pointer, escaped, n) == 0 && (f->pointer[n] == '/' || f->pointer[n] == '\0')) {
            char place[64];
            place_of(c, put, place, sizeof place);
            struct config_fault rest = *f;
            (void)snprintf(rest.pointer, sizeof rest.pointer, "%s", f->pointer + n);
            take_faults(c, place, &rest, 1);
            return;
        }
        put++;
    }
    add_fault(c, f->pointer, f);
}

static void on_touched(void *ctx, struct slice alarm) {
    struct change *c = ctx;
    config_touched_add(&c->touched, alarm);
    if (c->touched.n <= TOUCHED_NAMED_MAX) {
        buf_text(&c->touched_json, c->touched.n == 1 ? "{\"alarms\":[" : ",");
        buf_json_string(&c->touched_json, alarm);
    }
}

static enum status find_touched(struct change *c, const struct model *model, struct error *err) {
    const struct config_side before = {.set = c->api->config, .model = core_model(c->api->core)};
    const struct config_side after = {.set = c->set, .model = model};
    enum status status = config_touched(&before, &after, on_touched, c, err);
    config_touched_end(&c->touched);
    if (c->touched.n > 0) {
        buf_printf(&c->touched_json, "],\"n\":%u}", c->touched.n);
    }
    if (c->touched_json.failed) {
        return error_set(err, ERR_NOMEM, "change", "out of memory");
    }
    return status;
}

static enum status check_whole(struct change *c, struct error *err) {
    enum status status = config_set_complete(c->set, on_completed, c, err);
    if (status != OK || c->out_of_memory) {
        return c->out_of_memory ? error_set(err, ERR_NOMEM, "change", "out of memory") : status;
    }
    struct config_fault *faults = calloc(CONFIG_FAULTS_MAX, sizeof *faults);
    if (faults == NULL) {
        return error_set(err, ERR_NOMEM, "change", "out of memory");
    }
    uint64_t seed[2];
    uint32_t n = 0;
    struct model *model = NULL;
    randombytes_buf(seed, sizeof seed);
    status = config_compile(c->set, core_model(c->api->core)->revision + 1, seed, &model, faults, &n, err);
    if (status == OK) {
        status = find_touched(c, model, err);
    }
    model_free(&model);
    for (uint32_t i = 0; i < n && status != OK; i++) {
        place_fault(c, &faults[i]);
    }
    free(faults);
    return status;
}

/* Empty: it was not refused because nobody was named. */
static struct slice touched_unagreed(const struct change *c) {
    return c->refusal != 0 && c->second.name[0] == '\0' ? buf_slice(&c->touched_json) : slice_of(NULL, 0);
}

static void answer(struct change *c, const struct reply *reply) {
    struct http_request *r = c->r;
    if (reply->status == OK) {
        http_header(r, "ETag: \"%lld\"", (long long)reply->config.revision);
        buf_printf(&r->out, "{\"revision\":%lld}", (long long)reply->config.revision);
        http_json(r, c->status_ok);
    } else if (touched_unagreed(c).n > 0) {
        http_problem_with(r, c->refusal, c->refusal_code, reply->error.text, "touched", touched_unagreed(c));
    } else if (c->refusal != 0) {
        http_problem(r, c->refusal, c->refusal_code, "%s", reply->error.text);
    } else if (reply->status == ERR_CONFLICT && c->form == CHANGE_ONE) {
        http_problem(r, 412, "changed", "somebody changed it meanwhile; load it again");
    } else if (reply->status == ERR_INVALID && reply->config.n > 0 && reply->config.v != NULL) {
        http_faults(r, 422, "the configuration would not be right; nothing was changed", reply->config.v,
                    reply->config.n);
    } else {
        http_failed(r, reply->status, &reply->error);
    }
}

/* Takes c. */
static void finish(struct change *c, const struct reply *reply) {
    if (c->then != NULL) {
        c->then(c->api, c->then_ctx, reply, touched_unagreed(c));
    } else {
        answer(c, reply);
    }
    change_free(&c);
}

static void on_changed(struct api *a, void *ctx, const struct reply *reply) {
    a->changing = false;
    finish(ctx, reply);
}

static void fail(struct change *c, enum status status, const struct error *err) {
    struct reply reply = {.kind = REQ_CONFIG_CHANGE, .status = status, .error = *err};
    reply.config.v = c->faults;
    reply.config.n = c->n_faults;
    finish(c, &reply);
}

static void ask(struct change *c) {
    struct error err = {0};
    struct config_change_item *items = calloc(c->n, sizeof *items);
    if (items == NULL) {
        fail(c, ERR_NOMEM, &err);
        return;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        items[i] = (struct config_change_item){.kind = config_kind_name(c->v[i].kind),
                                               .name = c->v[i].name,
                                               .body = c->v[i].body,
                                               .expected_revision = c->v[i].expected};
    }
    struct request q = {.kind = REQ_CONFIG_CHANGE, .actor = api_actor(c->r)};
    q.config.v = items;
    q.config.n = c->n;
    memcpy(q.config.second, c->second.name, sizeof q.config.second);
    memcpy(q.config.reason, c->reason, sizeof q.config.reason);
    c->api->changing = true;
    struct api *a = c->api;
    if (!api_ask(a, &q, on_changed, c)) {
        a->changing = false;
        fail(c, ERR_FULL, &err);
    }
    free(items);
}

/* --- the second person */

static void refuse(struct change *c, int http_status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void refuse(struct change *c, int http_status, const char *code, const char *fmt, ...) {
    struct error err = {.code = ERR_DENIED, .where = "second"};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err.text, sizeof err.text, fmt, args);
    va_end(args);
    c->refusal = http_status;
    c->refusal_code = code;
    fail(c, ERR_DENIED, &err);
}

static void on_second(void *ctx, const struct second_answer *answer) {
    struct change *c = ctx;
    c->api->changing = false;
    switch (answer->verdict) {
    case SECOND_AGREED:
        ask(c);
        return;
    case SECOND_WRONG:
        refuse(c, 403, "second_refused",
               "the second person's name or password is wrong; nothing was changed");
        return;
    case SECOND_ROLE:
        refuse(c, 403, "second_refused",
               "the second person must be an engineer or administrator; nothing was changed");
        return;
    case SECOND_TOO_OFTEN:
        if (c->then == NULL) {
            http_header(c->r, "Retry-After: %lld", answer->wait_s);
        }
        refuse(c, 429, "too_often",
               "too many tries for the second person from here; wait %lld s; nothing was changed",
               answer->wait_s);
        return;
    case SECOND_UNKNOWN:
        fail(c, answer->status, &answer->error);
        return;
    }
}

/* No other change may come between what was checked and what is asked for. */
static void try_second(struct change *c) {
    c->api->changing = true;
    second_verify(c->api->login, c->r, &c->second, on_second, c);
}

static void commit(struct change *c) {
    struct error err = {0};
    enum status status = OK;
    if (c->n_faults == 0 && c->n == 0 && !c->out_of_memory) {
        change_fault(c, "", "there is nothing to change");
    }
    if (c->n_faults == 0) {
        status = check_whole(c, &err);
    }
    if (c->n_faults > 0) {
        fail(c, ERR_INVALID, &err);
    } else if (status != OK) {
        fail(c, status, &err);
    } else if (c->second.name[0] != '\0') {
        try_second(c);
    } else if (c->touched.n > 0) {
        refuse(c, 403, "second_needed",
               "this touches highly managed alarms (%s): a second person must agree, another engineer or "
               "administrator, with name and password in \"second\"%s; nothing was changed",
               c->touched.text, c->r->method == HTTP_DELETE ? " of POST /api/config" : "");
    } else {
        ask(c);
    }
}

void change_commit(struct change **change, int status_ok) {
    struct change *c = *change;
    *change = NULL;
    c->status_ok = status_ok;
    commit(c);
}

void change_commit_then(struct change **change, change_then then, void *ctx) {
    struct change *c = *change;
    *change = NULL;
    c->then = then;
    c->then_ctx = ctx;
    commit(c);
}
