/* Which reads fetch all points of a device: points that lie together in a table are read together, over a gap
 * of words that nobody asked for where that is permitted, up to what one request may ask for. A value is
 * never divided between two reads. Pure. */
#ifndef PENSTOCK_GATEWAY_MODBUS_PLAN_H
#define PENSTOCK_GATEWAY_MODBUS_PLAN_H

#include "protocol/gateway/modbus_point.h"

enum { MODBUS_REGISTERS_MAX = 125, MODBUS_BITS_MAX = 2000 }; /* of one request, by the protocol */

struct modbus_limits {
    uint16_t registers; /* of one request; at least MODBUS_WORDS_MAX */
    uint16_t bits;      /* at least 1 */
    uint16_t gap;       /* words between two points that may be read for nothing */
};

struct modbus_read {
    enum modbus_table table;
    uint16_t address;
    uint16_t n;     /* words */
    uint32_t first; /* its first word among all words of the plan */
};

struct modbus_plan {
    struct modbus_read *reads; /* by table and address */
    uint32_t n_reads;
    uint32_t n_words;     /* of all reads together */
    uint32_t *read_of;    /* for each point: its read, */
    uint32_t *first_word; /* and its first word among all of the plan */
};

MUSTCHECK enum status modbus_plan_init(struct modbus_plan *plan, const struct modbus_point *points,
                                       uint32_t n, const struct modbus_limits *limits, struct error *err);
void modbus_plan_done(struct modbus_plan *plan);

#endif
