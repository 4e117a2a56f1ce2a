#include "protocol/gateway/modbus_point.h"

#include "server/base/check.h"

#include <math.h>
#include <string.h>

static const struct format {
    uint16_t words;
    bool is_signed;
    double low; /* of what can be written */
    double high;
} formats[] = {
    [MODBUS_BIT] = {1, false, 0, 1},
    [MODBUS_INT16] = {1, true, INT16_MIN, INT16_MAX},
    [MODBUS_UINT16] = {1, false, 0, UINT16_MAX},
    [MODBUS_INT32] = {2, true, INT32_MIN, INT32_MAX},
    [MODBUS_UINT32] = {2, false, 0, UINT32_MAX},
    /* The highest doubles that fit 63 and 64 bits. */
    [MODBUS_INT64] = {4, true, -0x1p63, 0x1.fffffffffffffp62},
    [MODBUS_UINT64] = {4, false, 0, 0x1.fffffffffffffp63},
    [MODBUS_FLOAT32] = {2, true, -0x1.fffffep127, 0x1.fffffep127},
    [MODBUS_FLOAT64] = {4, true, -0x1.fffffffffffffp1023, 0x1.fffffffffffffp1023},
};

bool modbus_table_is_bits(enum modbus_table table) {
    return table == MODBUS_COIL || table == MODBUS_DISCRETE;
}

bool modbus_table_is_writable(enum modbus_table table) {
    return table == MODBUS_COIL || table == MODBUS_HOLDING;
}

uint16_t modbus_point_size(const struct modbus_point *p) {
    return formats[p->format].words;
}

static uint16_t swap_bytes(uint16_t word) {
    return (uint16_t)((word << 8 | word >> 8) & 0xFFFF);
}

/* Between the order on the wire and high word first; the same both ways. */
static void reorder(const struct modbus_point *p, const uint16_t *from, uint16_t *to) {
    uint16_t n = modbus_point_size(p);
    bool low_first = p->order == MODBUS_CDAB || p->order == MODBUS_DCBA;
    bool swapped = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    for (uint16_t i = 0; i < n; i++) {
        uint16_t word = from[low_first ? n - 1 - i : i];
        to[i] = swapped && n > 1 ? swap_bytes(word) : word;
    }
}

void modbus_decode(const struct modbus_point *p, const uint16_t *words, struct modbus_value *ret) {
    uint16_t ordered[MODBUS_WORDS_MAX] = {0};
    reorder(p, words, ordered);
    uint16_t n = modbus_point_size(p);
    uint64_t bits = 0;
    for (uint16_t i = 0; i < n; i++) {
        bits = bits << 16 | ordered[i];
    }
    *ret = (struct modbus_value){.is_integer = true};
    switch (p->format) {
    case MODBUS_BIT:
        ret->integer = modbus_table_is_bits(p->table) ? bits != 0 : (int64_t)(bits >> p->bit & 1);
        break;
    case MODBUS_INT16:
        ret->integer = (int16_t)bits;
        break;
    case MODBUS_INT32:
        ret->integer = (int32_t)bits;
        break;
    case MODBUS_UINT16:
    case MODBUS_UINT32:
    case MODBUS_INT64:
    case MODBUS_UINT64:
        ret->integer = (int64_t)bits; /* the same bits for all 64 */
        break;
    case MODBUS_FLOAT32: {
        uint32_t half = (uint32_t)bits;
        float number = 0;
        memcpy(&number, &half, sizeof number);
        *ret = (struct modbus_value){.number = (double)number};
        return;
    }
    case MODBUS_FLOAT64:
        *ret = (struct modbus_value){0};
        memcpy(&ret->number, &bits, sizeof ret->number);
        return;
    }
    ret->number = p->format == MODBUS_UINT64 ? (double)bits : (double)ret->integer;
}

/* The bits of a number that fits the format. */
static uint64_t bits_of(enum modbus_format format, double number) {
    uint64_t bits = 0;
    if (format == MODBUS_FLOAT64) {
        memcpy(&bits, &number, sizeof bits);
    } else if (format == MODBUS_FLOAT32) {
        float single = (float)number;
        uint32_t half = 0;
        memcpy(&half, &single, sizeof half);
        bits = half;
    } else if (formats[format].is_signed) {
        bits = (uint64_t)(int64_t)nearbyint(number);
    } else {
        bits = (uint64_t)nearbyint(number);
    }
    return bits;
}

enum status modbus_encode(const struct modbus_point *p, double number, uint16_t ret_words[MODBUS_WORDS_MAX],
                          struct error *err) {
    CHECK(p->format != MODBUS_BIT || modbus_table_is_bits(p->table));
    const struct format *f = &formats[p->format];
    bool is_float = p->format == MODBUS_FLOAT32 || p->format == MODBUS_FLOAT64;
    double rounded = is_float ? number : nearbyint(number);
    /* The comparisons are false for what is no number. */
    if (!(rounded >= f->low && rounded <= f->high) || (p->format == MODBUS_BIT && rounded != number)) {
        return error_set(err, ERR_INVALID, "value", "%g does not fit: %g to %g can be written here", number,
                         f->low, f->high);
    }
    uint64_t bits = bits_of(p->format, number);
    uint16_t ordered[MODBUS_WORDS_MAX] = {0};
    for (uint16_t i = f->words; i > 0; i--) {
        ordered[i - 1] = (uint16_t)(bits & 0xFFFF);
        bits >>= 16;
    }
    reorder(p, ordered, ret_words);
    return OK;
}
