#include "server/api/json_in.h"

#include "server/config/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void json_in_fault(struct json_in *in, const char *pointer, const char *fmt, ...) {
    if (in->n_faults == JSON_IN_FAULTS_MAX) {
        return;
    }
    struct config_fault *f = &in->faults[in->n_faults++];
    f->code[0] = '\0';
    (void)snprintf(f->pointer, sizeof f->pointer, "%s", pointer);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

enum status json_in_parse(struct json_in *in, struct slice text) {
    json_error_t error;
    in->root = NULL;
    in->n_faults = 0;
    if (text.n == 0) {
        json_in_fault(in, "", "the body is empty; a JSON object is needed");
        return ERR_INVALID;
    }
    if (json_depth(text) > JSON_IN_DEPTH_MAX) {
        json_in_fault(in, "", "nested deeper than %d levels", JSON_IN_DEPTH_MAX);
        return ERR_INVALID;
    }
    in->root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (in->root == NULL) {
        json_in_fault(in, "", "no valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
        return ERR_INVALID;
    }
    if (!json_is_object(in->root)) {
        json_in_fault(in, "", "a JSON object is needed");
        json_in_done(in);
        return ERR_INVALID;
    }
    return OK;
}

void json_in_done(struct json_in *in) {
    json_decref(in->root);
    in->root = NULL;
}

static bool listed(const char *const *keys, const char *key) {
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

void json_in_only(struct json_in *in, const json_t *object, const char *pointer, const char *const *keys) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value) {
        if (!listed(keys, key)) {
            char at[sizeof in->faults[0].pointer];
            (void)snprintf(at, sizeof at, "%s/%s", pointer, key);
            json_in_fault(in, at, "there is no such field here");
        }
    }
}

static const char *string_of(struct json_in *in, const char *key, const json_t *value, size_t low,
                             size_t high) {
    char at[80];
    (void)snprintf(at, sizeof at, "/%s", key);
    if (!json_is_string(value)) {
        json_in_fault(in, at, value == NULL ? "is missing; a string is needed" : "must be a string");
        return NULL;
    }
    size_t n = json_string_length(value);
    if (n < low || n > high || strlen(json_string_value(value)) != n) {
        json_in_fault(in, at, "must have %zu to %zu bytes, without NUL", low, high);
        return NULL;
    }
    return json_string_value(value);
}

const char *json_in_string(struct json_in *in, const char *key, size_t low, size_t high) {
    return string_of(in, key, json_object_get(in->root, key), low, high);
}

const char *json_in_optional(struct json_in *in, const char *key, size_t high) {
    const json_t *value = json_object_get(in->root, key);
    return value == NULL ? "" : string_of(in, key, value, 0, high);
}
