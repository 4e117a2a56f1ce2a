/* The tags of a gateway: their dictionary, their present values, and the samples that were put since the last
 * flush. Pure: no file, no clock.
 *
 * A tag is named by the number that tags_define gives, from 0; its alias on the wire is one more. Tags are
 * added, never removed. A value that its type cannot carry (NaN, a fraction for a bool, out of range) is not
 * refused: it becomes a sample of bad quality without value, so that the room sees that something is wrong.
 *
 * The table owns its texts. One thread. */
#ifndef PENSTOCK_CLIENT_TAGS_H
#define PENSTOCK_CLIENT_TAGS_H

#include "protocol/msg.h"

struct tags;

enum {
    TAGS_BODY_MAX =
        32 * 1024, /* a record's body is cut at about this size; one sample or entry may exceed it */
    TAGS_PENDING_MAX = LINK_SAMPLES_MAX,
    TAGS_BAD_NO_VALUE = 0x80 | 0x20,            /* quality: bad, no value follows */
    TAGS_BAD_OUT_OF_RANGE = 0x80 | 0x20 | 0x03, /* the same, because the value does not fit the type */
};

struct tag_def {
    struct slice name; /* within the site: "P1/speed" */
    struct slice unit;
    struct slice description;
    enum value_type type;
    uint8_t flags; /* DICT_HISTORISE, … */
    double scale;  /* VALUE_SCALED: value = integer * scale + offset */
    double offset;
    bool has_range;
    double low;
    double high;
};

MUSTCHECK enum status tags_new(struct tags **ret, struct error *err);
void tags_free(struct tags **ref);
/* ERR_EXISTS: another tag has the name. ERR_TOO_BIG: LINK_TAGS_MAX, or a text is too long. ERR_INVALID. */
MUSTCHECK enum status tags_define(struct tags *t, const struct tag_def *def, uint32_t *ret_tag,
                                  struct error *err);
uint32_t tags_count(const struct tags *t);
/* Lent as long as the table. */
const struct dict_entry *tags_entry(const struct tags *t, uint32_t tag);

/* The present value; NULL if there is none yet. Lent until the next put. */
const struct link_sample *tags_present(const struct tags *t, uint32_t tag);

/* A sample: when the source measured it (UTC), what, how good (0 is good). For BOOL to F64. ERR_FULL: flush
 * first. ERR_INVALID: no such tag, not of this kind, or a time before the year 2000 or after 9999. */
MUSTCHECK enum status tags_put(struct tags *t, uint32_t tag, int64_t t_us, double value, uint8_t quality,
                               struct error *err);
/* The same for BOOL, INT, UINT, ENUM and SCALED (the raw integer), exact for all 64 bits. */
MUSTCHECK enum status tags_put_integer(struct tags *t, uint32_t tag, int64_t t_us, int64_t value,
                                       uint8_t quality, struct error *err);
/* The same for STRING and BYTES; a text that is too long or not UTF-8 becomes bad quality. */
MUSTCHECK enum status tags_put_text(struct tags *t, uint32_t tag, int64_t t_us, struct slice value,
                                    uint8_t quality, struct error *err);
uint32_t tags_pending(const struct tags *t);

/* Gives the pending samples in chunks that fit a record each, sorted as DATA wants them, and forgets them.
 * The first status that is not OK is returned; the rest is forgotten as well. */
typedef enum status (*tags_on_samples)(void *ctx, const struct link_sample *v, uint32_t n, struct error *err);
MUSTCHECK enum status tags_take(struct tags *t, tags_on_samples on_samples, void *ctx, struct error *err);
/* The same with the present value of each of the first n tags that has one. */
enum tags_which { TAGS_ALL, TAGS_CHANGED };
MUSTCHECK enum status tags_snapshot(struct tags *t, uint32_t n, enum tags_which which,
                                    tags_on_samples on_samples, void *ctx, struct error *err);
/* True if the value of one of the first n tags changed since tags_mark_sent or a snapshot. */
bool tags_changed(const struct tags *t, uint32_t n);
void tags_mark_sent(struct tags *t);
/* Gives the whole dictionary as bodies of DICT records (what follows the prefix), in parts. */
typedef enum status (*tags_on_dict)(void *ctx, struct slice body, struct error *err);
MUSTCHECK enum status tags_dict(const struct tags *t, tags_on_dict on_dict, void *ctx, struct error *err);

#endif
