/* Part of config_file.h. */
#include "server/app/cli/config_file.h"
#include "server/base/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* Which comes first in the order of names: < 0 a, > 0 b, 0 both. */
static int first_of(const struct config_item *a, const struct config_item *b) {
    if (a == NULL || b == NULL) {
        return a == NULL ? 1 : -1;
    }
    return compare(a->name, b->name);
}

static void difference_of_kind(const struct config_set *before, const struct config_set *after,
                               enum config_kind kind, config_on_difference on_difference, void *ctx) {
    uint32_t i = 0;
    uint32_t j = 0;
    for (;;) {
        const struct config_item *a = config_set_at(before, kind, i);
        const struct config_item *b = config_set_at(after, kind, j);
        if (a == NULL && b == NULL) {
            return;
        }
        int order = first_of(a, b);
        if (order < 0) {
            on_difference(ctx, a, NULL);
        } else if (order > 0) {
            on_difference(ctx, NULL, b);
        } else if (!slice_eq(a->body, b->body)) {
            on_difference(ctx, a, b);
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
}

void config_difference(const struct config_set *before, const struct config_set *after,
                       config_on_difference on_difference, void *ctx) {
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        difference_of_kind(before, after, (enum config_kind)kind, on_difference, ctx);
    }
}

static void print_value(const json_t *value) {
    enum { DIGITS = 15 };
    char *text = value == NULL ? NULL
                               : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS |
                                                       JSON_REAL_PRECISION(DIGITS));
    (void)fputs(text == NULL ? "(not given)" : text, stdout);
    free(text); /* jansson's allocator is malloc */
}

static void print_field(const char *field, const json_t *before, const json_t *after) {
    (void)printf("    %s: ", field);
    print_value(before);
    (void)fputs(" -> ", stdout);
    print_value(after);
    (void)putchar('\n');
}

static void print_fields(json_t *before, json_t *after) {
    for (void *it = json_object_iter(before); it != NULL; it = json_object_iter_next(before, it)) {
        const char *field = json_object_iter_key(it);
        const json_t *now = json_object_get(after, field);
        if (now == NULL || !json_equal(json_object_iter_value(it), now)) {
            print_field(field, json_object_iter_value(it), now);
        }
    }
    for (void *it = json_object_iter(after); it != NULL; it = json_object_iter_next(after, it)) {
        const char *field = json_object_iter_key(it);
        if (json_object_get(before, field) == NULL) {
            print_field(field, NULL, json_object_iter_value(it));
        }
    }
}

void config_difference_print(const struct config_item *before, const struct config_item *after) {
    const struct config_item *item = after == NULL ? before : after;
    CHECK(item != NULL);
    const char *sign = before == NULL ? "+" : "-";
    (void)printf("%s %s %.*s\n", before != NULL && after != NULL ? "~" : sign, config_kind_name(item->kind),
                 SLICE_ARG(item->name));
    if (before != NULL && after != NULL) {
        json_t *a = json_loadb(before->body.p, before->body.n, 0, NULL);
        json_t *b = json_loadb(after->body.p, after->body.n, 0, NULL);
        print_fields(a, b);
        json_decref(a);
        json_decref(b);
    }
}
