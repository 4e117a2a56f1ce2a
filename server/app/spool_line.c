#include "server/app/spool_line.h"

#include "server/base/crc32c.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LINE_HEAD = 9 };

enum field_type { FIELD_U64, FIELD_I64, FIELD_F64, FIELD_U32, FIELD_U16, FIELD_U8, FIELD_LETTER, FIELD_TEXT };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t size;
};

#define FIELD(name_, type_)                                                                                  \
    {                                                                                                        \
        .name = #name_, .type = (type_), .offset = offsetof(struct alarm_record, name_),                     \
        .size = sizeof(((struct alarm_record *)NULL)->name_)                                                 \
    }

/* All but the alarm's index, which is another one in each revision, and the three enums. */
static const struct field fields[] = {
    FIELD(seq, FIELD_U64),          FIELD(n, FIELD_U64),         FIELD(alarm_key, FIELD_I64),
    FIELD(site_key, FIELD_I64),     FIELD(tag_key, FIELD_I64),   FIELD(revision, FIELD_I64),
    FIELD(src_us, FIELD_I64),       FIELD(at_us, FIELD_I64),     FIELD(raised_us, FIELD_I64),
    FIELD(raised_at_us, FIELD_I64), FIELD(called_us, FIELD_I64), FIELD(until_us, FIELD_I64),
    FIELD(value, FIELD_F64),        FIELD(limit, FIELD_F64),     FIELD(actor_key, FIELD_I64),
    FIELD(occ, FIELD_U32),          FIELD(call, FIELD_U32),      FIELD(rise_call, FIELD_U32),
    FIELD(acked_occ, FIELD_U32),    FIELD(facts, FIELD_U16),     FIELD(flags, FIELD_U16),
    FIELD(from, FIELD_LETTER),      FIELD(to, FIELD_LETTER),     FIELD(base, FIELD_LETTER),
    FIELD(priority, FIELD_U8),      FIELD(quality, FIELD_U8),    FIELD(actor, FIELD_TEXT),
    FIELD(desk, FIELD_TEXT),        FIELD(source, FIELD_TEXT),   FIELD(unit, FIELD_TEXT),
    FIELD(comment, FIELD_TEXT),
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void write_integer(struct buf *out, const struct field *f, const char *at) {
    uint64_t u64 = 0;
    uint32_t u32 = 0;
    uint16_t u16 = 0;
    if (f->type == FIELD_U32) {
        memcpy(&u32, at, sizeof u32);
        u64 = u32;
    } else if (f->type == FIELD_U16) {
        memcpy(&u16, at, sizeof u16);
        u64 = u16;
    } else if (f->type == FIELD_U8) {
        u64 = (uint8_t)*at;
    } else {
        memcpy(&u64, at, sizeof u64);
    }
    buf_printf(out, "%lld", (long long)u64); /* numbers beyond 2^63 are not given to anything */
}

static void write_field(struct buf *out, const struct field *f, const struct alarm_record *r) {
    const char *at = (const char *)r + f->offset;
    double number = 0;
    buf_printf(out, ",\"%s\":", f->name);
    switch (f->type) {
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U16:
    case FIELD_U8:
        write_integer(out, f, at);
        return;
    case FIELD_F64:
        memcpy(&number, at, sizeof number);
        if (number == 0 && signbit(number)) {
            buf_text(out, "-0.0"); /* without a point it would be read as an integer, which has no sign */
        } else {
            buf_json_number(out, number);
        }
        return;
    case FIELD_LETTER:
        buf_json_string(out, slice_of(at, *at == '\0' ? 0 : 1));
        return;
    case FIELD_TEXT:
        buf_json_string(out, slice_str(at));
        return;
    }
}

void spool_line_write(struct buf *out, const struct alarm_record *r) {
    char head[LINE_HEAD + 1];
    size_t start = out->n;
    buf_text(out, "00000000 ");
    buf_printf(out, "{\"kind\":%u,\"cause\":%u,\"unshelved\":%u", (unsigned)r->kind, (unsigned)r->cause,
               (unsigned)r->unshelved);
    for (size_t i = 0; i < FIELDS; i++) {
        write_field(out, &fields[i], r);
    }
    buf_byte(out, '}');
    if (!out->failed) {
        uint32_t crc = crc32c(0, out->p + start + LINE_HEAD, out->n - start - LINE_HEAD);
        (void)snprintf(head, sizeof head, "%08x ", crc);
        memcpy(out->p + start, head, LINE_HEAD);
    }
    buf_byte(out, '\n');
}

static bool read_integer(const struct field *f, const json_t *value, char *at) {
    if (!json_is_integer(value)) {
        return false;
    }
    json_int_t number = json_integer_value(value);
    uint32_t u32 = (uint32_t)number;
    uint16_t u16 = (uint16_t)number;
    uint8_t u8 = (uint8_t)number;
    int64_t i64 = number;
    if (f->type == FIELD_U32) {
        memcpy(at, &u32, sizeof u32);
        return number == u32;
    }
    if (f->type == FIELD_U16) {
        memcpy(at, &u16, sizeof u16);
        return number == u16;
    }
    if (f->type == FIELD_U8) {
        memcpy(at, &u8, sizeof u8);
        return number == u8;
    }
    memcpy(at, &i64, sizeof i64);
    return f->type == FIELD_I64 || number >= 0;
}

static bool read_field(const struct field *f, const json_t *value, struct alarm_record *r) {
    char *at = (char *)r + f->offset;
    double number = json_is_null(value) ? (double)NAN : json_number_value(value);
    switch (f->type) {
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U16:
    case FIELD_U8:
        return read_integer(f, value, at);
    case FIELD_F64:
        memcpy(at, &number, sizeof number);
        return json_is_null(value) || json_is_number(value);
    case FIELD_LETTER:
        if (!json_is_string(value) || json_string_length(value) > 1) {
            return false;
        }
        *at = json_string_value(value)[0];
        return true;
    case FIELD_TEXT:
        if (!json_is_string(value) || json_string_length(value) >= f->size) {
            return false;
        }
        memcpy(at, json_string_value(value), json_string_length(value) + 1);
        return true;
    }
    return false;
}

static bool read_enum(const json_t *root, const char *name, int n, int *ret) {
    const json_t *value = json_object_get(root, name);
    *ret = (int)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < n;
}

static bool read_record(struct slice text, struct alarm_record *ret) {
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct alarm_record r = {.alarm = UINT32_MAX};
    int kind = 0;
    int cause = 0;
    int unshelved = 0;
    bool good = read_enum(root, "kind", RECORD_KINDS, &kind) &&
                read_enum(root, "cause", ALARM_CAUSES, &cause) &&
                read_enum(root, "unshelved", UNSHELVE_RTN + 1, &unshelved);
    for (size_t i = 0; i < FIELDS && good; i++) {
        good = read_field(&fields[i], json_object_get(root, fields[i].name), &r);
    }
    json_decref(root);
    r.kind = (enum alarm_record_kind)kind;
    r.cause = (enum alarm_cause)cause;
    r.unshelved = (enum unshelve_reason)unshelved;
    *ret = r;
    return good && r.seq > 0;
}

bool spool_line_read(struct slice line, struct alarm_record *ret) {
    char head[LINE_HEAD + 1];
    if (line.n <= LINE_HEAD) {
        return false;
    }
    (void)snprintf(head, sizeof head, "%08x ", crc32c(0, line.p + LINE_HEAD, line.n - LINE_HEAD));
    return memcmp(line.p, head, LINE_HEAD) == 0 &&
           read_record(slice_of(line.p + LINE_HEAD, line.n - LINE_HEAD), ret);
}
