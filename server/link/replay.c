#include "server/link/replay.h"

#include "protocol/dict.h"
#include "server/base/tm.h"
#include "server/link/sample_in.h"
#include "server/link/shelf.h"

#include <inttypes.h>
#include <stdio.h>

struct reading {
    const struct replay *in;
    struct replay_result *result;
    struct buf *text;
    const struct shelf_dict *d;
    uint32_t lines;
};

static bool next_line(struct reading *x) {
    x->lines++;
    if (x->lines == REPLAY_LINES_MAX + 1) {
        buf_text(x->text, "…\n");
    }
    return x->lines <= REPLAY_LINES_MAX;
}

static void refuse(struct replay_result *ret, const struct error *why) {
    ret->usable = false;
    ret->n_samples = 0;
    ret->told = (struct told_record){.action = NULL};
    ret->fault = *why;
}

/* --- DATA --- */

static uint8_t type_of(void *ctx, uint32_t alias) {
    const struct reading *x = ctx;
    const struct dict_entry *e = dict_find(x->d->dict, alias, NULL);
    return e == NULL ? 0 : e->type;
}

static void write_sample(struct reading *x, const struct link_sample *s, const struct dict_entry *e,
                         bool known) {
    char time[TM_TEXT_SIZE];
    double number = 0;
    if (tm_format(s->t_us, time) != OK) {
        (void)snprintf(time, sizeof time, "%" PRId64, s->t_us);
    }
    buf_printf(x->text, "%s %.*s (alias %u) ", time, SLICE_ARG(e->name), s->alias);
    if ((s->quality & QUALITY_NO_VALUE) != 0) {
        buf_text(x->text, "no value");
    } else if (link_sample_number(s, e, &number)) {
        buf_printf(x->text, "= %.17g", number);
    } else {
        buf_printf(x->text, "= %zu bytes", s->s.n);
    }
    buf_printf(x->text, ", quality %02x%s\n", s->quality, known ? "" : ", not in the configuration");
}

static enum status on_sample(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct reading *x = ctx;
    uint32_t place = 0;
    const struct dict_entry *e = dict_find(x->d->dict, s->alias, &place);
    uint32_t tag = x->d->tags == NULL ? SHELF_NO_TAG : x->d->tags[place];
    bool known = shelf_is_tag(tag);
    if (next_line(x)) {
        write_sample(x, s, e, known);
    }
    if (!known) {
        x->result->unknown++;
        return OK;
    }
    x->in->samples[x->result->n_samples++] = sample_in(s, e, tag);
    return OK;
}

static void read_data(struct reading *x, const struct shelf *shelf, uint64_t dict, struct slice rest) {
    struct error err = {0};
    struct shelf_dict *d = shelf_find(shelf, 0, dict);
    struct shelf_left_out left_out;
    enum status status = OK;
    if (d == NULL) {
        status = error_set(&err, ERR_NOT_FOUND, "dict", "dictionary %" PRIu64 " is not stored, or not whole",
                           dict);
    } else if (x->in->gateway != MODEL_NONE &&
               shelf_resolve(d, x->in->model, x->in->gateway, &left_out) != OK) {
        status = error_set(&err, ERR_NOMEM, "dict", "no memory");
    }
    x->d = d;
    if (status == OK) {
        status = data_decode(rest, type_of, on_sample, x, &err);
    }
    if (status == OK && x->result->n_samples == 0) {
        status = error_set(&err, ERR_NOT_FOUND, "tags",
                           "none of its %u samples is of a tag in the configuration", x->result->unknown);
    }
    if (status != OK) {
        refuse(x->result, &err);
    }
}

/* --- DICT, and what a gateway tells of itself --- */

static enum status on_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    (void)err;
    struct reading *x = ctx;
    if (next_line(x)) {
        buf_printf(x->text, "alias %u: %.*s, %s%s%.*s\n", e->alias, SLICE_ARG(e->name),
                   value_type_name(e->type), e->unit.n > 0 ? ", " : "", SLICE_ARG(e->unit));
    }
    return OK;
}

static void read_dict(struct reading *x, const struct shelf *shelf, uint64_t dict, struct slice rest) {
    struct error err = {0};
    struct dict_head head = {0};
    struct shelf_change change;
    enum status status = dict_decode(rest, &head, on_entry, x, &err);
    if (status == OK) {
        status = shelf_read(shelf, 0, dict, rest, &change, &err);
        shelf_drop(&change);
    }
    if (status != OK) {
        refuse(x->result, &err);
    }
}

static void read_told(struct reading *x, const struct link_limits *limits, struct slice rest) {
    struct error err = {0};
    if (told_read(x->in->type, rest, limits->text_bytes, &x->result->told, &err) == OK) {
        buf_printf(x->text, "%s: %s\n", x->result->told.action, x->result->told.text);
    } else {
        refuse(x->result, &err);
    }
}

/* --- all --- */

static void load(struct shelf *shelf, const struct replay *in) {
    for (uint32_t i = 0; i < in->n_dicts; i++) {
        struct msg_prefix prefix = {0};
        struct slice rest = {0};
        struct shelf_change change;
        if (prefix_decode(in->dicts[i].body, true, &prefix, &rest, NULL) == OK) {
            if (shelf_read(shelf, 0, in->dicts[i].dict, rest, &change, NULL) != OK ||
                shelf_accept(shelf, &change) != OK) {
                shelf_drop(&change);
            }
        }
    }
}

void replay_read(const struct replay *in, struct buf *text, struct replay_result *ret) {
    *ret = (struct replay_result){.usable = true};
    struct reading x = {.in = in, .result = ret, .text = text};
    struct msg_prefix prefix = {0};
    struct slice rest = {0};
    struct error err = {0};
    if (prefix_decode(in->body, true, &prefix, &rest, &err) != OK) {
        refuse(ret, &err);
        return;
    }
    buf_printf(text, "%s, type %02x, number %" PRIu64 ", dictionary %" PRIu64 ", %zu bytes\n",
               msg_type_name(in->type), in->type, prefix.seq, prefix.dict, in->body.n);
    struct link_limits limits = link_limits_usual(); /* what the wire allows */
    struct shelf shelf = {.limits = &limits};
    load(&shelf, in);
    if (in->type == MSG_DATA) {
        read_data(&x, &shelf, prefix.dict, rest);
    } else if (in->type == MSG_DICT) {
        read_dict(&x, &shelf, prefix.dict, rest);
    } else if (msg_type_is_record(in->type)) {
        read_told(&x, &limits, rest);
    } else {
        (void)error_set(&err, ERR_UNSUPPORTED, "type", "this server does not know type 0x%02x", in->type);
        refuse(ret, &err);
    }
    shelf_done(&shelf);
}
