/* Reads a JSON document into checked settings. Every fault of the whole document is collected, each with its
 * place in the file (line and column), its JSON Pointer, what was wrong and what would be right: a person
 * mends all of them at once. A read that fails gives a harmless value, so that reading goes on. Unknown keys
 * are faults: a misspelt one must not be silently without effect.
 *
 * Texts are copied to the arena. One thread. */
#ifndef PENSTOCK_GATEWAY_SETTINGS_H
#define PENSTOCK_GATEWAY_SETTINGS_H

#include "protocol/client/tags.h"
#include "server/base/arena.h"
#include "server/base/map.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_FAULTS_MAX = 50, SETTINGS_POINTER_SIZE = 160, SETTINGS_TEXTS_MAX = 32 * 1024 * 1024 };

struct settings_fault {
    unsigned line; /* 0: concerns the file as a whole */
    unsigned column;
    char pointer[SETTINGS_POINTER_SIZE];
    char text[320];
};

struct settings_faults {
    struct settings_fault v[SETTINGS_FAULTS_MAX]; /* in the order of the file */
    uint32_t n;
    uint32_t more; /* that did not fit */
};

struct settings {
    struct arena *arena;
    struct settings_faults *faults;
    struct slice text; /* of the document */
    struct map names;  /* of all tags so far */
    uint32_t n_tags;
};

/* A value of the document. */
struct place {
    const json_t *value;
    char pointer[SETTINGS_POINTER_SIZE];
};

/* arena and faults are borrowed; text must live as long as these settings. */
MUSTCHECK enum status settings_init(struct settings *r, struct arena *arena, struct settings_faults *faults,
                                    struct slice text, struct error *err);
void settings_done(struct settings *r);
/* Parses the text; false: the faults say why. *ret is to be given back by json_decref. */
MUSTCHECK bool settings_parse(struct settings *r, json_t **ret);
/* Sorts the faults by place. */
void settings_sort(struct settings_faults *faults);

/* key: of the object at p; "" for p itself. */
void settings_fault(struct settings *r, const struct place *p, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* True if the object at p has the key. */
bool settings_has(const struct place *p, const char *key);
struct place settings_member(const struct place *p, const char *key);
struct place settings_element(const struct place *list, size_t i);

/* p must be an object, and each of its keys one of these (NULL ends). */
MUSTCHECK bool settings_object(struct settings *r, const struct place *p, const char *const *keys);
/* The number of elements of a list of min to max; 0 after a fault. */
size_t settings_list(struct settings *r, const struct place *p, const char *key, size_t min, size_t max);
/* otherwise: what a missing key means; NULL, NAN or -1: it must be there. */
const char *settings_text(struct settings *r, const struct place *p, const char *key, const char *otherwise);
double settings_number(struct settings *r, const struct place *p, const char *key, double otherwise,
                       double low, double high);
int64_t settings_integer(struct settings *r, const struct place *p, const char *key, int64_t otherwise,
                         int64_t low, int64_t high);
bool settings_bool(struct settings *r, const struct place *p, const char *key, bool otherwise);
/* The index of a text among choices (NULL ends); otherwise: of a missing key, -1: it must be there. */
int settings_choice(struct settings *r, const struct place *p, const char *key, const char *const *choices,
                    int otherwise);
/* A numeric address: a name server can then never hold anything up. */
const char *settings_address(struct settings *r, const struct place *p, const char *key);
/* NULL after a fault: too big. */
void *settings_alloc(struct settings *r, const struct place *p, size_t n, size_t size);

/* What every tag has, whatever its source: name, unit, description, low and high. Claims the name. Type,
 * scale, offset and flags are the source's to fill in. */
#define SETTINGS_TAG_KEYS "name", "unit", "description", "low", "high"
void settings_tag(struct settings *r, const struct place *p, struct tag_def *ret);
/* The name of a device: 1 to 64 characters of A-Z a-z 0-9 . _ -, each device of the gateway another. */
const char *settings_device(struct settings *r, const struct place *p, const char *key);
/* scale and offset of a tag: VALUE_SCALED needs a scale. */
void settings_scale(struct settings *r, const struct place *p, struct tag_def *def);

#endif
