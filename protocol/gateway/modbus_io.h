/* One connection to a Modbus TCP device, by libmodbus: the only file that knows that library. Calls block
 * until the device answers or its time is over; they belong in a thread of the device's own. It connects by
 * itself, and closes a connection on which something failed: a late answer can then never be taken for the
 * answer to a later question. */
#ifndef PENSTOCK_GATEWAY_MODBUS_IO_H
#define PENSTOCK_GATEWAY_MODBUS_IO_H

#include "protocol/gateway/modbus_point.h"

struct modbus_io;

enum modbus_outcome {
    MODBUS_ANSWERED,
    MODBUS_NO_SUCH_POINT, /* exceptions 1 to 3: the device says that it does not have this, or not so */
    MODBUS_REFUSED,       /* it answers with another exception: busy, failure */
    MODBUS_FAILED, /* it does not answer, or not what was asked; also a router's exceptions 10 and 11 */
};

/* host is numeric. */
MUSTCHECK enum status modbus_io_new(const char *host, uint16_t port, uint8_t unit, uint32_t timeout_ms,
                                    struct modbus_io **ret, struct error *err);
void modbus_io_free(struct modbus_io **ref);
/* n words, one for each register or bit. err is filled unless it is answered. */
enum modbus_outcome modbus_io_read(struct modbus_io *io, enum modbus_table table, uint16_t address,
                                   uint16_t n, uint16_t *ret_words, struct error *err);
enum modbus_outcome modbus_io_write(struct modbus_io *io, enum modbus_table table, uint16_t address,
                                    uint16_t n, const uint16_t *words, struct error *err);

#endif
