/* Reading JSON that came from outside: strictly. No duplicate keys, no nesting beyond 32, no unknown fields;
 * each fault is told with its JSON Pointer. Pure. */
#ifndef PENSTOCK_API_JSON_IN_H
#define PENSTOCK_API_JSON_IN_H

#include "server/core/request.h"

#include <jansson.h>

enum { JSON_IN_DEPTH_MAX = 32, JSON_IN_FAULTS_MAX = 16 };

struct json_in {
    json_t *root; /* an object; json_in_done frees it */
    struct config_fault faults[JSON_IN_FAULTS_MAX];
    uint32_t n_faults;
};

/* ERR_INVALID with one fault (pointer "") if it is not one JSON object. */
MUSTCHECK enum status json_in_parse(struct json_in *in, struct slice text);
void json_in_done(struct json_in *in);
/* Notes a fault; beyond the maximum they are only counted as present. */
void json_in_fault(struct json_in *in, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Faults for the keys of object that are not in the NULL-terminated list. pointer: the object's ("" is root).
 */
void json_in_only(struct json_in *in, const json_t *object, const char *pointer, const char *const *keys);
/* A required string of low to high bytes (UTF-8 characters are whole: jansson checks). NULL and a fault if
 * not.
 */
const char *json_in_string(struct json_in *in, const char *key, size_t low, size_t high);
/* The same if the key is there, "" if not. */
const char *json_in_optional(struct json_in *in, const char *key, size_t high);

#endif
