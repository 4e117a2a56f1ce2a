/* One item of configuration: its JSON checked by the table of fields of its kind, turned into the model's
 * struct and into canonical text. An item is one block of memory with all its texts and never changes but for
 * key and revision; sets that were copied from each other share it by counting references (one thread at a
 * time). References between items are still names here: compile.c resolves them. */
#ifndef PENSTOCK_CONFIG_ITEM_H
#define PENSTOCK_CONFIG_ITEM_H

#include "server/config/faults.h"

struct config_parsed {
    uint32_t present;     /* bit i: the i-th field of the kind's table was given */
    struct slice site;    /* of a gateway: its site's name */
    struct slice gateway; /* of a tag or a comm alarm */
    struct slice tag;     /* of any other alarm */
    double stale_s;       /* as written; the model has microseconds */
    double on_delay_s;
    double off_delay_s;
    double priority;
    double decimals;
    enum alarm_kind alarm_kind;
    bool alarm_enabled;
    struct model_alarm_text alarm_text;
    union {
        struct model_site as_site;
        struct model_gateway as_gateway;
        struct model_tag as_tag;
        struct model_alarm as_alarm;
    };
};

struct item {
    struct config_item pub; /* first: the two are converted into each other */
    uint32_t refs;
    struct config_parsed parsed; /* its slices point behind the struct */
};

/* refs is 1. ERR_INVALID with faults, ERR_TOO_BIG with one fault, ERR_NOMEM. */
MUSTCHECK enum status item_new(enum config_kind kind, struct slice name, struct slice body,
                               struct faults *faults, struct item **ret);
/* The same content with another key and revision. NULL: no memory. */
struct item *item_with_key(const struct item *item, int64_t key, int64_t revision);
void item_release(struct item **item);

/* Bytes of all texts of a parsed item, and their move to *at, which is advanced. */
size_t item_texts_size(enum config_kind kind, const struct config_parsed *parsed);
void item_texts_move(enum config_kind kind, struct config_parsed *parsed, char **at);

/* The part of "SITE/LOCAL" before and behind the '/'; all of it and nothing if there is none. */
struct slice item_site_of(struct slice name);
struct slice item_local_of(struct slice name);

#endif
