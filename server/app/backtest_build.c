#include "server/app/backtest_build.h"

#include <openssl/rand.h>
#include <stdio.h>

/* Puts "/items/N/body" before a fault's pointer. */
static void place_fault(struct config_fault *f, uint32_t item, const char *rest) {
    char pointer[sizeof f->pointer];
    (void)snprintf(pointer, sizeof pointer, "/items/%u/body%s", item, rest);
    memcpy(f->pointer, pointer, sizeof pointer);
}

static void fault(struct config_fault *faults, uint32_t *ret_faults, uint32_t item, const char *field,
                  const char *text) {
    (void)snprintf(faults[0].pointer, sizeof faults[0].pointer, "/items/%u/%s", item, field);
    (void)snprintf(faults[0].text, sizeof faults[0].text, "%s", text);
    *ret_faults = 1;
}

static enum status put_item(struct config_set *set, const struct config_change_item *item, uint32_t i,
                            struct config_fault *faults, uint32_t *ret_faults) {
    enum config_kind kind = CONFIG_SITE;
    struct slice name = slice_str(item->name);
    if (!config_kind_parse(slice_str(item->kind), &kind)) {
        fault(faults, ret_faults, i, "kind", "is no kind of item");
        return ERR_INVALID;
    }
    if (item->body == NULL) {
        enum status status = config_set_remove(set, kind, name);
        if (status == ERR_NOT_FOUND) {
            fault(faults, ret_faults, i, "name", "is not there, so it cannot be removed");
            return ERR_INVALID;
        }
        return status;
    }
    const struct config_item *old = config_set_find(set, kind, name);
    uint32_t n = 0;
    enum status status = config_set_put(set, kind, name, slice_str(item->body), old == NULL ? 0 : old->key,
                                        old == NULL ? 0 : old->revision, faults, &n);
    for (uint32_t f = 0; f < n; f++) {
        char rest[sizeof faults[f].pointer];
        memcpy(rest, faults[f].pointer, sizeof rest);
        place_fault(&faults[f], i, rest);
    }
    *ret_faults = n;
    return status == ERR_TOO_BIG ? ERR_INVALID : status;
}

/* "/alarm/S1~1L.high/limit" of config_compile as a place in the request, if the request has that item. */
static void place_in_request(struct config_fault *f, const struct request *r) {
    for (uint32_t i = 0; i < r->backtest.n; i++) {
        const struct config_change_item *item = &r->backtest.v[i];
        char start[sizeof f->pointer];
        size_t n = (size_t)snprintf(start, sizeof start, "/%s/", item->kind);
        for (const char *p = item->name; *p != '\0' && n + 3 < sizeof start; p++) {
            if (*p == '/') {
                start[n++] = '~';
                start[n++] = '1';
            } else {
                start[n++] = *p;
            }
        }
        if (item->body != NULL && strncmp(f->pointer, start, n) == 0 &&
            (f->pointer[n] == '/' || f->pointer[n] == '\0')) {
            char rest[sizeof f->pointer];
            (void)snprintf(rest, sizeof rest, "%s", f->pointer + n);
            place_fault(f, i, rest);
            return;
        }
    }
}

static enum status put_all(struct config_set *set, const struct request *r, struct config_fault *faults,
                           uint32_t *ret_faults, struct error *err) {
    for (uint32_t i = 0; i < r->backtest.n; i++) {
        enum status status = put_item(set, &r->backtest.v[i], i, faults, ret_faults);
        if (status != OK) {
            return error_set(err, status, "items", "item %u cannot be taken", i);
        }
    }
    return config_set_complete(set, NULL, NULL, err);
}

enum status backtest_build(const struct config_set *present, const struct request *r, struct what_if **ret,
                           struct config_fault *faults, uint32_t *ret_faults, struct error *err) {
    struct config_set *then = NULL;
    struct what_if_input in = {.now = present, .suggest = slice_str(r->backtest.suggest)};
    *ret_faults = 0;
    if (RAND_bytes((unsigned char *)in.seed, sizeof in.seed) != 1) {
        return error_set(err, ERR_IO, "random", "the system gives no random numbers");
    }
    enum status status = config_set_copy(present, &then, err);
    if (status == OK) {
        status = put_all(then, r, faults, ret_faults, err);
    }
    if (status == OK) {
        in.then = then;
        status = what_if_new(&in, ret, faults, ret_faults, err);
        for (uint32_t i = 0; i < *ret_faults; i++) {
            place_in_request(&faults[i], r);
        }
    }
    config_set_free(&then);
    return status == ERR_NOT_FOUND ? ERR_INVALID : status;
}
