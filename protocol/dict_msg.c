/* The DICT record's body. An entry's layout does not depend on its value type, so that entries of types of
 * later versions can be read past. */
#include "protocol/msg.h"
#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OP_PUT = 0, OP_REMOVE = 1, ENTRY_SIZE_MIN = 2, ATTRIBUTES_MAX = 4096 };

static bool is_scale(double scale, double offset) {
    return isfinite(scale) && scale != 0 && isfinite(offset);
}

static bool is_range(double low, double high) {
    return isfinite(low) && isfinite(high) && low < high;
}

static void range_read(struct reader *r, void *message) {
    struct dict_entry *e = message;
    e->has_range = true;
    e->low = reader_f64(r, "low end of range");
    e->high = reader_f64(r, "high end of range");
    if (reader_ok(r) && !is_range(e->low, e->high)) {
        reader_fail(r, 0, ERR_INVALID, "range %g to %g: must be finite and ascend", e->low, e->high);
    }
}

static void range_write(struct buf *out, const void *message) {
    const struct dict_entry *e = message;
    if (e->has_range) {
        CHECK(is_range(e->low, e->high));
        write_f64(out, e->low);
        write_f64(out, e->high);
    }
}

static void description_read(struct reader *r, void *message) {
    struct dict_entry *e = message;
    if (reader_left(r) > LINK_TEXT_MAX) {
        reader_fail(r, 0, ERR_TOO_BIG, "description has %zu bytes, at most %d are allowed", reader_left(r),
                    LINK_TEXT_MAX);
        return;
    }
    e->description = reader_bytes(r, "description", reader_left(r));
    reader_check_text(r, "description", e->description);
}

static void description_write(struct buf *out, const void *message) {
    const struct dict_entry *e = message;
    CHECK(e->description.n <= LINK_TEXT_MAX);
    CHECK(utf8_is_text(e->description));
    buf_append(out, e->description.p, e->description.n);
}

static void scale_read(struct reader *r, void *message) {
    struct dict_entry *e = message;
    double scale = reader_f64(r, "scale");
    double offset = reader_f64(r, "offset");
    if (reader_ok(r) && !is_scale(scale, offset)) {
        reader_fail(r, 0, ERR_INVALID, "scale %g, offset %g: must be finite, and scale not 0", scale, offset);
    }
    if (e->type == VALUE_SCALED) {
        e->scale = scale;
        e->offset = offset;
    }
}

static void scale_write(struct buf *out, const void *message) {
    const struct dict_entry *e = message;
    if (e->type == VALUE_SCALED) {
        CHECK(is_scale(e->scale, e->offset));
        write_f64(out, e->scale);
        write_f64(out, e->offset);
    }
}

static const struct tlv_field attributes[] = {
    {1, false, "range", range_read, range_write},
    {2, false, "description", description_read, description_write},
    {3, false, "scale", scale_read, scale_write},
};

static void put_read(struct reader *r, struct dict_entry *e) {
    size_t at = r->at;
    e->type = reader_u8(r, "value type");
    e->flags = reader_u8(r, "flags");
    e->name = reader_text(r, "name", LINK_NAME_MAX);
    e->unit = reader_text(r, "unit", LINK_UNIT_MAX);
    size_t len = (size_t)reader_varint_max(r, "length of the attributes", ATTRIBUTES_MAX);
    struct reader sub = reader_sub(r, "attributes", len);
    tlv_read(&sub, attributes, COUNT(attributes), e);
    reader_join(r, &sub);
    if (reader_ok(r) && e->name.n == 0) {
        reader_fail(r, at, ERR_INVALID, "alias %u has no name", e->alias);
    }
    if (reader_ok(r) && e->type == 0) {
        reader_fail(r, at, ERR_INVALID, "alias %u has value type 0, which is none", e->alias);
    }
    if (reader_ok(r) && e->type == VALUE_SCALED && e->scale == 0) {
        reader_fail(r, at, ERR_INVALID, "alias %u is scaled, and attribute 3 (scale) is missing", e->alias);
    }
}

static void entry_read(struct reader *r, struct dict_entry *ret) {
    *ret = (struct dict_entry){.alias = reader_varint_u32(r, "alias", LINK_ALIAS_MAX)};
    size_t at = r->at;
    uint8_t op = reader_u8(r, "operation");
    if (op > OP_REMOVE) {
        reader_fail(r, at, ERR_INVALID, "operation %u of alias %u: must be 0 (put) or 1 (remove)", op,
                    ret->alias);
    }
    ret->removed = op == OP_REMOVE;
    if (!ret->removed) {
        put_read(r, ret);
    }
}

enum status dict_decode(struct slice rest, struct dict_head *ret_head, dict_on_entry on_entry, void *ctx,
                        struct error *err) {
    struct reader r;
    reader_init(&r, rest, "DICT after its prefix", err);
    struct dict_head head = {.base = reader_varint(&r, "base")};
    uint8_t more = reader_u8(&r, "more");
    if (more > 1) {
        reader_fail(&r, r.at - 1, ERR_INVALID, "more is %u, must be 0 or 1", more);
    }
    head.more = more == 1;
    head.n = reader_count(&r, "number of entries", LINK_TAGS_MAX, ENTRY_SIZE_MIN);
    for (uint64_t i = 0; i < head.n && reader_ok(&r); i++) {
        struct dict_entry e;
        entry_read(&r, &e);
        if (reader_ok(&r)) {
            enum status status = on_entry(ctx, &e, err);
            if (status != OK) {
                return status;
            }
        }
    }
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret_head = head;
    }
    return status;
}

static void entry_write(struct buf *out, const struct dict_entry *e) {
    CHECK(e->alias <= LINK_ALIAS_MAX);
    write_varint(out, e->alias);
    buf_byte(out, e->removed ? OP_REMOVE : OP_PUT);
    if (e->removed) {
        return;
    }
    CHECK(e->type != 0);
    CHECK(e->name.n > 0);
    CHECK(e->name.n <= LINK_NAME_MAX);
    CHECK(utf8_is_text(e->name));
    CHECK(e->unit.n <= LINK_UNIT_MAX);
    CHECK(utf8_is_text(e->unit));
    buf_byte(out, e->type);
    buf_byte(out, e->flags);
    write_counted(out, e->name);
    write_counted(out, e->unit);
    size_t mark = out->n;
    tlv_write(out, attributes, COUNT(attributes), e);
    write_length_before(out, mark);
}

void dict_encode(struct buf *out, uint64_t base, bool more, const struct dict_entry *v, uint32_t n) {
    CHECK(n <= LINK_TAGS_MAX);
    write_varint(out, base);
    buf_byte(out, more);
    write_varint(out, n);
    for (uint32_t i = 0; i < n; i++) {
        entry_write(out, &v[i]);
    }
}
