#include "protocol/client/command_rules.h"

#include "protocol/client/file.h"
#include "server/base/crc32c.h"
#include "server/base/utf8.h"

#include <math.h>

static struct link_sample as_sample(const struct link_value *v) {
    struct link_sample s = {.type = v->type};
    switch (v->type) {
    case VALUE_STRING:
    case VALUE_BYTES:
        s.s = v->s;
        break;
    case VALUE_F32:
    case VALUE_F64:
        s.f = v->f;
        break;
    default:
        s.i = v->i;
        break;
    }
    return s;
}

bool command_value_fits(const struct link_value *v, const struct dict_entry *e) {
    if (v->type == 0 || v->type != e->type || v->type > VALUE_BYTES) {
        return false;
    }
    if (v->type == VALUE_BOOL && v->i != 0 && v->i != 1) {
        return false;
    }
    if (v->type == VALUE_STRING && !utf8_is_text(v->s)) {
        return false;
    }
    const struct link_sample s = as_sample(v);
    double number = 0;
    if (!link_sample_number(&s, e, &number)) {
        return true;
    }
    return isfinite(number) && (!e->has_range || (number >= e->low && number <= e->high));
}

bool command_value_is_expected(const struct msg_command *m, const struct command_tag *tag) {
    enum { BAD_OR_UNCERTAIN = 0xC0 };
    const struct link_sample *present = tag->present;
    if (present == NULL || (present->quality & (BAD_OR_UNCERTAIN | LINK_QUALITY_NO_VALUE)) != 0 ||
        m->expected.type != present->type) {
        return false;
    }
    const struct link_sample expected = as_sample(&m->expected);
    double want = 0;
    double have = 0;
    if (!link_sample_number(&expected, tag->entry, &want)) {
        return slice_eq(expected.s, present->s);
    }
    return link_sample_number(present, tag->entry, &have) && fabs(have - want) <= m->tolerance;
}

enum command_reason command_time_left(const struct msg_command *m, const struct command_clock *clock,
                                      int64_t *ret_left_us) {
    if (!clock->synced && !clock->has_offset) {
        return COMMAND_CLOCK_UNKNOWN;
    }
    int64_t server_us = 0;
    int64_t age_us = 0;
    if (__builtin_add_overflow(clock->now.wall_us, clock->has_offset ? clock->offset_us : 0, &server_us) ||
        __builtin_sub_overflow(server_us, m->issued_us, &age_us)) {
        return COMMAND_TOO_LATE;
    }
    int64_t left_us = (int64_t)m->ttl_ms * 1000 - (age_us < 0 ? 0 : age_us);
    *ret_left_us = left_us;
    return left_us > 0 ? COMMAND_OK : COMMAND_TOO_LATE;
}

uint32_t command_value_crc(const struct link_value *v) {
    if (v->type == 0) {
        return 0;
    }
    uint8_t bits[8];
    uint32_t crc = crc32c(0, &v->type, 1);
    if (v->type == VALUE_STRING || v->type >= VALUE_BYTES) {
        crc = crc32c(crc, v->s.p, v->s.n);
    } else {
        put_u64(bits, v->u);
        crc = crc32c(crc, bits, sizeof bits);
    }
    return crc == 0 ? 1 : crc;
}

bool command_id_time(const struct command_id *id, int64_t *ret_us) {
    const uint8_t *p = id->bytes;
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | p[i];
    }
    *ret_us = ms * 1000;
    return p[6] >> 4 == 7 && p[8] >> 6 == 2;
}
