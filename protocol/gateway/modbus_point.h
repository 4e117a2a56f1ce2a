/* One value in a Modbus device: in which table, at which address, in which format; and the way between its
 * words as they are on the wire and a number. Pure.
 *
 * Words are registers, or single bits (0 or 1) in the tables of bits. Addresses count from 0 as in the
 * protocol: holding register "40001" of a vendor's list is address 0 of the table "holding".
 *
 * A value of two or four registers is sent in one of four orders. With A the byte of the highest order:
 *     ABCD  high word first, high byte first (what the standard suggests)
 *     CDAB  low word first
 *     BADC  high word first, the bytes of each word swapped
 *     DCBA  low word first and bytes swapped: little-endian throughout
 * and likewise for four registers (ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA). */
#ifndef PENSTOCK_GATEWAY_MODBUS_POINT_H
#define PENSTOCK_GATEWAY_MODBUS_POINT_H

#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum modbus_table { MODBUS_COIL, MODBUS_DISCRETE, MODBUS_HOLDING, MODBUS_INPUT };
enum { MODBUS_TABLES = 4 };

enum modbus_format {
    MODBUS_BIT, /* of a bit table, or of a register */
    MODBUS_INT16,
    MODBUS_UINT16,
    MODBUS_INT32,
    MODBUS_UINT32,
    MODBUS_INT64,
    MODBUS_UINT64,
    MODBUS_FLOAT32,
    MODBUS_FLOAT64,
};

enum modbus_order { MODBUS_ABCD, MODBUS_CDAB, MODBUS_BADC, MODBUS_DCBA };

struct modbus_point {
    enum modbus_table table;
    enum modbus_format format;
    enum modbus_order order;
    uint16_t address;
    uint8_t bit; /* MODBUS_BIT in a register: 0 is the lowest */
};

enum { MODBUS_WORDS_MAX = 4 }; /* of one value */

struct modbus_value {
    bool is_integer;
    int64_t integer; /* MODBUS_UINT64: the same bits */
    double number;   /* of an integer, too; a float that is none is NaN or infinite */
};

bool modbus_table_is_bits(enum modbus_table table);
/* Coils and holding registers. */
bool modbus_table_is_writable(enum modbus_table table);
/* How many words the value has. */
uint16_t modbus_point_size(const struct modbus_point *p);
void modbus_decode(const struct modbus_point *p, const uint16_t *words, struct modbus_value *ret);
/* For a format that is written whole: not a bit of a register. ERR_INVALID: not finite, out of the format's
 * range, or neither 0 nor 1 for a bit. Integers are rounded to the nearest. */
MUSTCHECK enum status modbus_encode(const struct modbus_point *p, double number,
                                    uint16_t ret_words[MODBUS_WORDS_MAX], struct error *err);

#endif
