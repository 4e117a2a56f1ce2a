#include "server/base/check.h"
#include "server/config/order.h"

#include <stdlib.h>

struct config_set {
    struct order kinds[CONFIG_KINDS];
    config_load_zone load_zone;
};

enum { CLASSES_MAX = 1000, POLICIES_MAX = 2 };

static const char *const kind_names[CONFIG_KINDS] = {
    [CONFIG_SITE] = "site",   [CONFIG_GATEWAY] = "gateway", [CONFIG_TAG] = "tag",    [CONFIG_CLASS] = "class",
    [CONFIG_GROUP] = "group", [CONFIG_POLICY] = "policy",   [CONFIG_ALARM] = "alarm"};

static const char *const list_names[CONFIG_KINDS] = {
    [CONFIG_SITE] = "sites",    [CONFIG_GATEWAY] = "gateways", [CONFIG_TAG] = "tags",
    [CONFIG_CLASS] = "classes", [CONFIG_GROUP] = "groups",     [CONFIG_POLICY] = "policies",
    [CONFIG_ALARM] = "alarms"};

static const uint32_t kind_max[CONFIG_KINDS] = {
    [CONFIG_SITE] = MODEL_SITES_MAX,   [CONFIG_GATEWAY] = MODEL_GATEWAYS_MAX, [CONFIG_TAG] = MODEL_TAGS_MAX,
    [CONFIG_CLASS] = CLASSES_MAX,      [CONFIG_GROUP] = MODEL_GROUPS_MAX,     [CONFIG_POLICY] = POLICIES_MAX,
    [CONFIG_ALARM] = MODEL_ALARMS_MAX,
};

const char *config_kind_name(enum config_kind kind) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    return kind_names[kind];
}

const char *config_kind_list_name(enum config_kind kind) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    return list_names[kind];
}

bool config_kind_parse(struct slice text, enum config_kind *ret) {
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        if (slice_is(text, kind_names[kind])) {
            *ret = (enum config_kind)kind;
            return true;
        }
    }
    return false;
}

enum status config_set_new(struct config_set **ret, struct error *err) {
    struct config_set *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for it");
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        order_init(&set->kinds[kind]);
    }
    *ret = set;
    return OK;
}

void config_set_free(struct config_set **set) {
    if (set == NULL || *set == NULL) {
        return;
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        order_done(&(*set)->kinds[kind]);
    }
    free(*set);
    *set = NULL;
}

enum status config_set_copy(const struct config_set *from, struct config_set **ret, struct error *err) {
    struct config_set *set = NULL;
    enum status status = config_set_new(&set, err);
    for (unsigned kind = 0; kind < CONFIG_KINDS && status == OK; kind++) {
        status = order_copy(&from->kinds[kind], &set->kinds[kind]);
        if (status != OK) {
            (void)error_set(err, status, "configuration", "no memory for a copy of it");
        }
    }
    if (status != OK) {
        config_set_free(&set);
        return status;
    }
    set->load_zone = from->load_zone;
    *ret = set;
    return OK;
}

void config_set_zones(struct config_set *set, config_load_zone load) {
    set->load_zone = load;
}

config_load_zone config_set_zone_loader(const struct config_set *set) {
    return set->load_zone;
}

/* Eight parameters: what an item is and where its faults go; a struct would only rename them. */
/* NOLINTNEXTLINE(readability-function-size) */
enum status config_set_put(struct config_set *set, enum config_kind kind, struct slice name,
                           struct slice body, int64_t key, int64_t revision, struct config_fault *faults,
                           uint32_t *ret_faults) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    struct order *order = &set->kinds[kind];
    struct faults list = {.v = faults};
    struct item *item = NULL;
    enum status status = item_new(kind, name, body, &list, &item);
    if (status == OK && order->n >= kind_max[kind] && order_find(order, name) == NULL) {
        faults_add(&list, "E_TOO_BIG", "", "is one %s too many; at most %u are possible", kind_names[kind],
                   kind_max[kind]);
        status = ERR_TOO_BIG;
    }
    if (status == OK) {
        item->pub.key = key;
        item->pub.revision = revision;
        status = order_put(order, item);
    }
    if (status != OK) {
        item_release(&item);
    }
    *ret_faults = list.n;
    return status;
}

enum status config_set_remove(struct config_set *set, enum config_kind kind, struct slice name) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    return order_remove(&set->kinds[kind], name) ? OK : ERR_NOT_FOUND;
}

const struct config_item *config_set_find(const struct config_set *set, enum config_kind kind,
                                          struct slice name) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    const struct item *item = order_find(&set->kinds[kind], name);
    return item == NULL ? NULL : &item->pub;
}

const struct config_item *config_set_at(const struct config_set *set, enum config_kind kind, uint32_t i) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    const struct item *item = order_at(&set->kinds[kind], i);
    return item == NULL ? NULL : &item->pub;
}

uint32_t config_set_count(const struct config_set *set, enum config_kind kind) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    return set->kinds[kind].n;
}

enum status config_set_stored(struct config_set *set, enum config_kind kind, struct slice name, int64_t key,
                              int64_t revision) {
    CHECK((unsigned)kind < CONFIG_KINDS);
    struct item *item = order_find(&set->kinds[kind], name);
    if (item == NULL) {
        return ERR_NOT_FOUND;
    }
    if (item->refs == 1) {
        item->pub.key = key;
        item->pub.revision = revision;
        return OK;
    }
    struct item *own = item_with_key(item, key, revision); /* another set shares the old one */
    if (own == NULL) {
        return ERR_NOMEM;
    }
    return order_put(&set->kinds[kind], own);
}
