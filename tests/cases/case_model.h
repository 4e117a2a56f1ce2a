/* What a case configures: its tags, alarms, classes and groups as JSON items of the real configuration, and
 * the model that the real compiler makes of them. Alarms stand in the model in the order of the case,
 * whatever their names; gateways, groups and the site are made as they are named. */
#ifndef PENSTOCK_TESTS_CASE_MODEL_H
#define PENSTOCK_TESTS_CASE_MODEL_H

#include "server/config/config.h"
#include "tests/cases/case_fields.h"
#include "tests/cases/case_line.h"

/* The one site of a case. */
#define CASE_SITE "S"

enum { CASE_DEFS_MAX = 2048, CASE_GATEWAYS_MAX = 32, CASE_KEYS_MAX = 64, CASE_CODES_MAX = 100 };

struct case_def {
    enum case_item item;
    const char *name;
    const char *kind;      /* of an alarm: high, low, … */
    const char *item_name; /* in the configuration: "S/T", "S/00003.A" */
    int64_t key;
    struct case_word *word; /* CASE_KEYS_MAX at most */
    uint32_t n;
    bool removed;
    bool declares_states; /* of a tag: its line names them */
};

/* Alarms that each gateway has one of. */
enum { CASE_OWN = 4 };
extern const char *const case_own_kinds[CASE_OWN];
/* Its place there; CASE_OWN: it is none of them. */
uint32_t case_own_kind(const char *kind);

struct case_gateway {
    const char *name;
    const char *item_name;
    uint32_t own[CASE_OWN]; /* index of the def of each, MODEL_NONE if the case has none */
};

struct case_setup {
    struct arena *arena;
    struct case_def *def;
    uint32_t n;
    struct case_gateway gateway[CASE_GATEWAYS_MAX];
    uint32_t n_gateways;
    const char *tz;
    int64_t base_us; /* what second 0 is */
    int64_t next_key;
    int64_t revision;
};

/* Why a configuration was refused. */
struct case_refusal {
    char code[CASE_CODES_MAX][32];
    uint32_t n;
    char text[600]; /* the first one in words */
};

void case_setup_init(struct case_setup *s, struct arena *arena);
/* A copy that shares nothing which changes. */
void case_setup_copy(const struct case_setup *from, struct case_setup *ret);
/* Takes a line `tag …`, `alarm …`, `class …`, `group …`, `clock …` or `limits …` from word `first` to before
 * word `end`. A name that is there already is replaced. NULL, or what is wrong with the line. */
const char *case_setup_add(struct case_setup *s, const struct case_line *line, uint32_t first, uint32_t end);
/* Changes the keys given in words from..end of a definition. */
const char *case_setup_change(struct case_setup *s, struct case_def *def, const struct case_line *line,
                              uint32_t from, uint32_t end);
void case_setup_set(struct case_setup *s, struct case_def *def, const char *key, const char *text);
/* One more name among the states of a tag whose line names none; nothing if it is known. */
void case_setup_name_states(struct case_setup *s, const char *tag, const char *state);
/* NULL if there is none, or it was removed. */
struct case_def *case_setup_find(const struct case_setup *s, enum case_item item, const char *name);
/* … removed ones included. */
struct case_def *case_setup_find_any(const struct case_setup *s, enum case_item item, const char *name);
/* The name with '_' for all that no name of the configuration may have. */
const char *case_plain_name(struct arena *arena, const char *name);
const char *case_def_get(const struct case_def *def, const char *key);
struct case_def *case_setup_by_key(const struct case_setup *s, int64_t key);
/* The gateway that a definition speaks of. */
const char *case_setup_gateway_name(const struct case_def *def);
/* MODEL_NONE if there is none. */
uint32_t case_setup_gateway(const struct case_setup *s, const char *name);
/* case_compile.c: the real compiler's model, or false with the reasons. */
bool case_setup_compile(struct case_setup *s, struct model **ret, struct case_refusal *refusal);

#endif
