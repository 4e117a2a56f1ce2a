#include "protocol/gateway/modbus_config.h"

#include <math.h>
#include <stdlib.h>

static const char *const orders[] = {"ABCD", "CDAB", "BADC", "DCBA", NULL};

/* The type that the tag has on the link. A scaled integer travels as the integer. */
static enum value_type link_type(enum modbus_format format, bool scaled) {
    switch (format) {
    case MODBUS_BIT:
        return VALUE_BOOL;
    case MODBUS_INT16:
    case MODBUS_UINT16:
    case MODBUS_INT32:
    case MODBUS_UINT32:
    case MODBUS_INT64:
        return scaled ? VALUE_SCALED : VALUE_INT;
    case MODBUS_UINT64:
        return scaled ? VALUE_F64 : VALUE_UINT;
    case MODBUS_FLOAT32:
        return scaled ? VALUE_F64 : VALUE_F32;
    case MODBUS_FLOAT64:
        return VALUE_F64;
    }
    return VALUE_F64;
}

static void read_point(struct settings *s, const struct place *p, const struct modbus_device *d,
                       struct modbus_point *ret) {
    static const char *const tables[] = {"coil", "discrete", "holding", "input", NULL};
    static const char *const formats[] = {"bit",   "int16",  "uint16",  "int32",   "uint32",
                                          "int64", "uint64", "float32", "float64", NULL};
    ret->table = (enum modbus_table)settings_choice(s, p, "table", tables, -1);
    bool bits = modbus_table_is_bits(ret->table);
    ret->format =
        (enum modbus_format)settings_choice(s, p, "type", formats, bits ? MODBUS_BIT : MODBUS_UINT16);
    if (bits && ret->format != MODBUS_BIT) {
        settings_fault(s, p, "type", "the table holds bits; needed is \"bit\", or nothing");
        ret->format = MODBUS_BIT;
    }
    ret->address = (uint16_t)settings_integer(s, p, "address", -1, 0, UINT16_MAX);
    if ((uint32_t)ret->address + modbus_point_size(ret) > UINT16_MAX + 1U) {
        settings_fault(s, p, "address", "a value of %u registers does not fit at %u; the last address is %u",
                       (unsigned)modbus_point_size(ret), (unsigned)ret->address, UINT16_MAX);
    }
    if (!bits && ret->format == MODBUS_BIT) {
        ret->bit = (uint8_t)settings_integer(s, p, "bit", -1, 0, 15);
    } else if (settings_has(p, "bit")) {
        settings_fault(s, p, "bit", "only a register read as type \"bit\" has a bit's number");
    }
    ret->order = (enum modbus_order)settings_choice(s, p, "order", orders, (int)d->order);
}

static void read_scale(struct settings *s, const struct place *p, const struct modbus_point *point,
                       struct modbus_tag *t) {
    bool scaled = settings_has(p, "scale") || settings_has(p, "offset");
    t->def.type = link_type(point->format, scaled);
    t->scale = 1;
    if (point->format == MODBUS_BIT && scaled) {
        settings_fault(s, p, settings_has(p, "scale") ? "scale" : "offset",
                       "a bit takes no scale and no offset");
        return;
    }
    t->scale = settings_number(s, p, "scale", 1, -1e12, 1e12);
    t->offset = settings_number(s, p, "offset", 0, -1e12, 1e12);
    if (fabs(t->scale) < 1e-12) {
        settings_fault(s, p, "scale", "a scale of 1e-12 or more is needed (negative ones turn the sign)");
        t->scale = 1;
    }
    t->def.scale = t->scale;
    t->def.offset = t->offset;
}

static void read_tag(struct settings *s, const struct place *p, const struct modbus_device *d,
                     struct modbus_tag *ret, struct modbus_point *point) {
    static const char *const keys[] = {"table",           "address", "type",     "bit",      "order",
                                       "scale",           "offset",  "deadband", "report_s", "writable",
                                       SETTINGS_TAG_KEYS, NULL};
    if (!settings_object(s, p, keys)) {
        return;
    }
    settings_tag(s, p, &ret->def);
    read_point(s, p, d, point);
    read_scale(s, p, point, ret);
    ret->rule = (struct report_rule){.deadband = settings_number(s, p, "deadband", 0, 0, 1e12),
                                     .interval_us = d->report_us};
    if (settings_has(p, "report_s")) {
        ret->rule.interval_us = settings_integer(s, p, "report_s", -1, 1, 86400) * 1000000;
    }
    ret->writable = settings_bool(s, p, "writable", false);
    if (!ret->writable) {
        return;
    }
    ret->def.flags |= DICT_WRITABLE;
    if (!modbus_table_is_writable(point->table)) {
        settings_fault(s, p, "writable", "only the tables \"coil\" and \"holding\" can be written");
    } else if (point->table == MODBUS_HOLDING && point->format == MODBUS_BIT) {
        settings_fault(s, p, "writable", "one bit of a register cannot be written alone; give it a coil");
    }
}

/* A register is one value's, or of several that are made of just the same registers (and of bits). */
static void check_overlaps(struct settings *s, const struct place *tags, const struct modbus_device *d,
                           enum modbus_table table) {
    uint32_t *owners = calloc(UINT16_MAX + 1U, sizeof *owners); /* index of a tag + 1 */
    for (uint32_t i = 0; owners != NULL && i < d->n_tags; i++) {
        const struct modbus_point *p = &d->points[i];
        uint32_t end = (uint32_t)p->address + modbus_point_size(p);
        if (p->table != table || p->format == MODBUS_BIT || end > UINT16_MAX + 1U) {
            continue;
        }
        uint32_t other = 0;
        for (uint32_t at = p->address; at < end; at++) {
            const struct modbus_point *o = owners[at] == 0 ? p : &d->points[owners[at] - 1];
            bool same = o->address == p->address && modbus_point_size(o) == modbus_point_size(p);
            other = same ? other : owners[at];
            owners[at] = i + 1;
        }
        if (other != 0) {
            const struct modbus_point *o = &d->points[other - 1];
            struct place tag = settings_element(tags, i);
            settings_fault(
                s, &tag, "address",
                "registers %u to %u are wanted, but tag \"%.*s\" has %u to %u; a value shares all of "
                "its registers with another one, or none",
                p->address, (unsigned)end - 1, SLICE_ARG(d->tags[other - 1].def.name), o->address,
                (unsigned)(o->address + modbus_point_size(o) - 1));
        }
    }
    free(owners);
}

void modbus_config_tags(struct settings *s, const struct place *p, struct modbus_device *d) {
    size_t n = settings_list(s, p, "tags", 1, LINK_TAGS_MAX);
    if (n == 0) {
        return;
    }
    d->tags = settings_alloc(s, p, n, sizeof *d->tags);
    d->points = settings_alloc(s, p, n, sizeof *d->points);
    if (d->tags == NULL || d->points == NULL) {
        return;
    }
    d->n_tags = (uint32_t)n; /* at most LINK_TAGS_MAX */
    struct place tags = settings_member(p, "tags");
    for (size_t i = 0; i < n; i++) {
        struct place tag = settings_element(&tags, i);
        read_tag(s, &tag, d, &d->tags[i], &d->points[i]);
    }
    check_overlaps(s, &tags, d, MODBUS_HOLDING);
    check_overlaps(s, &tags, d, MODBUS_INPUT);
}

static void read_device(struct settings *s, const struct place *p, struct modbus_device *d) {
    static const char *const keys[] = {"name",       "host",     "port",     "unit", "poll_ms",
                                       "timeout_ms", "failures", "retry_s",  "gap",  "max_registers",
                                       "max_bits",   "order",    "report_s", "tags", NULL};
    if (!settings_object(s, p, keys)) {
        return;
    }
    d->name = settings_device(s, p, "name");
    d->host = settings_address(s, p, "host");
    d->port = (uint16_t)settings_integer(s, p, "port", 502, 1, UINT16_MAX);
    d->unit = (uint8_t)settings_integer(s, p, "unit", 1, 0, 255);
    d->poll_ms = (uint32_t)settings_integer(s, p, "poll_ms", 1000, 10, 3600000);
    d->timeout_ms = (uint32_t)settings_integer(s, p, "timeout_ms", 1000, 10, 60000);
    d->failures = (uint32_t)settings_integer(s, p, "failures", 3, 1, 100);
    d->retry_s = (uint32_t)settings_integer(s, p, "retry_s", 30, 1, 3600);
    d->limits.gap = (uint16_t)settings_integer(s, p, "gap", 0, 0, MODBUS_BITS_MAX);
    d->limits.registers = (uint16_t)settings_integer(s, p, "max_registers", MODBUS_REGISTERS_MAX,
                                                     MODBUS_WORDS_MAX, MODBUS_REGISTERS_MAX);
    d->limits.bits = (uint16_t)settings_integer(s, p, "max_bits", MODBUS_BITS_MAX, 1, MODBUS_BITS_MAX);
    d->order = (enum modbus_order)settings_choice(s, p, "order", orders, MODBUS_ABCD);
    d->report_us = settings_integer(s, p, "report_s", 10, 1, 86400) * 1000000;
    modbus_config_tags(s, p, d);
}

const void *modbus_config_read(struct settings *s, const struct place *p) {
    static const char *const keys[] = {"kind", "devices", NULL};
    struct modbus_config *c = settings_alloc(s, p, 1, sizeof *c);
    if (c == NULL || !settings_object(s, p, keys)) {
        return NULL;
    }
    size_t n = settings_list(s, p, "devices", 1, MODBUS_DEVICES_MAX);
    c->devices = n > 0 ? settings_alloc(s, p, n, sizeof *c->devices) : NULL;
    if (c->devices == NULL) {
        return NULL;
    }
    c->n_devices = (uint32_t)n; /* at most MODBUS_DEVICES_MAX */
    struct place devices = settings_member(p, "devices");
    for (size_t i = 0; i < n; i++) {
        struct place device = settings_element(&devices, i);
        read_device(s, &device, &c->devices[i]);
    }
    return c;
}
