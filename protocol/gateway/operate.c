#include "protocol/gateway/operate.h"

#include <math.h>
#include <stdlib.h>

struct operation {
    struct operate_host host;
    struct command_id id;
    const struct dict_entry *entry;
    double wanted;
};

/* What is told when a source does not take the write: nothing was tried. */
static enum command_reason refusal(enum status st) {
    if (st == ERR_INVALID) {
        return COMMAND_BAD_VALUE;
    }
    return st == ERR_FULL || st == ERR_UNAVAILABLE || st == ERR_NOMEM ? COMMAND_BUSY : COMMAND_NOT_WRITABLE;
}

static void tell(const struct operate_host *host, const struct command_id *id, enum command_stage stage,
                 enum command_reason reason, const char *text) {
    const struct msg_command_result result = {
        .id = *id, .stage = (uint8_t)stage, .reason = (uint16_t)reason, .text = slice_str(text)};
    host->done(host->ctx, &result);
}

/* A value of the tag as a number in its unit; false for what is no number. */
static bool number_of(const struct link_value *v, const struct dict_entry *entry, double *ret) {
    switch (v->type) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_ENUM:
        *ret = (double)v->i;
        return true;
    case VALUE_UINT:
        *ret = (double)v->u;
        return true;
    case VALUE_SCALED:
        *ret = (double)v->i * entry->scale + entry->offset;
        return true;
    case VALUE_F32:
    case VALUE_F64:
        *ret = v->f;
        return true;
    default:
        return false; /* texts, and types of a later version */
    }
}

static struct link_value value_of(double number, const struct dict_entry *entry) {
    struct link_value v = {.type = entry->type};
    switch (entry->type) {
    case VALUE_SCALED:
        v.i = llround((number - entry->offset) / entry->scale);
        break;
    case VALUE_UINT:
        v.u = (uint64_t)number;
        break;
    case VALUE_F32:
    case VALUE_F64:
        v.f = number;
        break;
    default:
        v.i = llround(number);
        break;
    }
    return v;
}

/* What a device can tell apart: a step of its integer, or of a float. */
static bool is_the_same(double wanted, double found, const struct dict_entry *entry) {
    double step = entry->type == VALUE_SCALED ? fabs(entry->scale) : 0;
    return fabs(wanted - found) <= fmax(step * 0.501, fabs(wanted) * 1e-6);
}

static void end_executed(const struct operation *o, double found) {
    struct msg_command_result result = {.id = o->id, .stage = COMMAND_STAGE_EXECUTED};
    if (isfinite(found)) {
        result.value = value_of(found, o->entry);
        if (!is_the_same(o->wanted, found, o->entry)) {
            result.stage = COMMAND_STAGE_FAILED;
            result.reason = COMMAND_NO_EFFECT;
            result.text = slice_str("the device took it, and another value is read back");
        }
    } else {
        result.text = slice_str("the device took it; the value could not be read back");
    }
    o->host.done(o->host.ctx, &result);
}

static bool may_begin(void *ctx) {
    const struct operation *o = ctx;
    return o->host.may_begin(o->host.ctx, &o->id);
}

static void on_written(void *ctx, enum status st, double value, const struct error *err) {
    struct operation *o = ctx;
    if (st == OK) {
        end_executed(o, value);
    } else if (st == ERR_DENIED) {
        tell(&o->host, &o->id, COMMAND_STAGE_FAILED, COMMAND_DEVICE_REFUSED, err->text);
    } else if (st == ERR_IO) {
        tell(&o->host, &o->id, COMMAND_STAGE_IN_DOUBT, COMMAND_DEVICE_SILENT, err->text);
    } else if (st != ERR_TIMEOUT) { /* that was told by whoever said that it may not begin */
        tell(&o->host, &o->id, COMMAND_STAGE_FAILED, COMMAND_DEVICE_SILENT, err->text);
    }
    free(o);
}

void operate(struct source *const *sources, uint32_t n, const struct dict_entry *entry,
             const struct command_order *order, const struct operate_host *host) {
    struct error err = {0};
    struct operation *o = malloc(sizeof *o);
    if (o == NULL) {
        tell(host, &order->id, COMMAND_STAGE_REJECTED, COMMAND_BUSY, "no memory");
        return;
    }
    *o = (struct operation){.host = *host, .id = order->id, .entry = entry};
    enum status st = number_of(&order->value, entry, &o->wanted)
                         ? ERR_NOT_FOUND
                         : error_set(&err, ERR_INVALID, "value", "a number is needed");
    const struct source_write w = {
        .tag = order->tag, .value = o->wanted, .may_begin = may_begin, .on_written = on_written, .ctx = o};
    for (uint32_t i = 0; i < n && st == ERR_NOT_FOUND; i++) {
        st = sources[i]->ops->write(sources[i], &w, &err);
    }
    if (st != OK) {
        tell(host, &order->id, COMMAND_STAGE_REJECTED, refusal(st),
             st == ERR_NOT_FOUND ? "no source writes this tag" : err.text);
        free(o);
    }
}
