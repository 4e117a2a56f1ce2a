#include "server/config/faults.h"
#include "server/config/json.h"

#include <stdio.h>

/* A million tags with their alarms are about 400 MB of text. */
static const size_t document_max = (size_t)1 << 30;

enum { ITEM_BYTES_MAX = 8 * CONFIG_BODY_MAX };

struct import {
    config_on_item on_item;
    void *ctx;
    struct buf body;
    struct error *err;
};

static enum status check_top(const json_t *root, struct error *err) {
    if (!json_is_object(root)) {
        return error_set(err, ERR_INVALID, "",
                         "is %s; a configuration is {\"sites\": [], \"gateways\": [], "
                         "\"tags\": [], …, \"alarms\": []}",
                         json_type_words(root));
    }
    json_t *o = (json_t *)root; /* jansson iterates over a const object only by a cast */
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        const char *key = json_object_iter_key(it);
        bool known = false;
        for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
            known = known || strcmp(key, config_kind_list_name((enum config_kind)kind)) == 0;
        }
        if (!known) {
            char pointer[sizeof(((struct config_fault *)0)->pointer)] = "";
            faults_pointer_add(pointer, slice_str(key));
            return error_set(err, ERR_INVALID, pointer,
                             "is no list of a configuration; those are sites, gateways, tags, "
                             "classes, groups, policies and alarms");
        }
    }
    return OK;
}

static enum status import_item(struct import *im, enum config_kind kind, const json_t *item,
                               const char *pointer) {
    if (!json_is_object(item)) {
        return error_set(im->err, ERR_INVALID, pointer, "is %s; it must be an object", json_type_words(item));
    }
    const json_t *name = json_object_get(item, "name");
    if (!json_is_string(name)) {
        return error_set(im->err, ERR_INVALID, pointer, "has no \"name\"; each item needs one, a string");
    }
    buf_clear(&im->body);
    enum status status = json_write_item(item, &im->body, im->err);
    if (status != OK) {
        if (im->err != NULL) {
            (void)snprintf(im->err->where, sizeof im->err->where, "%s", pointer);
        }
        return status;
    }
    return im->on_item(im->ctx, kind, slice_of(json_string_value(name), json_string_length(name)),
                       buf_slice(&im->body));
}

static enum status import_list(struct import *im, const json_t *root, enum config_kind kind) {
    const char *name = config_kind_list_name(kind);
    const json_t *list = json_object_get(root, name);
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "/%s", name);
    if (list == NULL) {
        return OK;
    }
    if (!json_is_array(list)) {
        return error_set(im->err, ERR_INVALID, pointer, "is %s; it must be a list", json_type_words(list));
    }
    enum status status = OK;
    for (size_t i = 0; i < json_array_size(list) && status == OK; i++) {
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu", name, i);
        status = import_item(im, kind, json_array_get(list, i), pointer);
    }
    return status;
}

enum status config_import(struct slice json, config_on_item on_item, void *ctx, struct error *err) {
    json_t *root = NULL;
    enum status status = json_read(json, document_max, JSON_DOCUMENT_DEPTH, &root, err);
    if (status != OK) {
        return status;
    }
    struct import im = {.on_item = on_item, .ctx = ctx, .err = err};
    status = json_buf_init(&im.body, ITEM_BYTES_MAX, err);
    if (status == OK) {
        status = check_top(root, err);
        for (unsigned kind = 0; kind < CONFIG_KINDS && status == OK; kind++) {
            status = import_list(&im, root, (enum config_kind)kind);
        }
        buf_done(&im.body);
    }
    json_decref(root);
    return status;
}
