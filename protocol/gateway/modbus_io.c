#include "protocol/gateway/modbus_io.h"

#include "protocol/gateway/modbus_plan.h"
#include "server/base/check.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>

struct modbus_io {
    modbus_t *ctx;
    bool connected;
};

enum status modbus_io_new(const char *host, uint16_t port, uint8_t unit, uint32_t timeout_ms,
                          struct modbus_io **ret, struct error *err) {
    struct modbus_io *io = calloc(1, sizeof *io);
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    modbus_t *ctx = io != NULL ? modbus_new_tcp_pi(host, service) : NULL;
    if (ctx == NULL) {
        free(io);
        return error_set(err, ERR_NOMEM, "modbus", "no memory");
    }
    io->ctx = ctx;
    /* Without a timeout for each byte the other one is for the whole answer: no device can make it last
     * longer by sending slowly. */
    if (modbus_set_slave(ctx, unit) != 0 ||
        modbus_set_response_timeout(ctx, timeout_ms / 1000, timeout_ms % 1000 * 1000) != 0 ||
        modbus_set_byte_timeout(ctx, 0, 0) != 0) {
        int code = errno;
        modbus_io_free(&io);
        return error_set(err, ERR_INVALID, "modbus", "%s", modbus_strerror(code));
    }
    *ret = io;
    return OK;
}

static void hang_up(struct modbus_io *io) {
    if (io->connected) {
        modbus_close(io->ctx);
        io->connected = false;
    }
}

void modbus_io_free(struct modbus_io **ref) {
    struct modbus_io *io = *ref;
    if (io == NULL) {
        return;
    }
    hang_up(io);
    modbus_free(io->ctx);
    free(io);
    *ref = NULL;
}

/* What errno means after a call that failed; sets err. */
static enum modbus_outcome failure(struct modbus_io *io, struct error *err) {
    int code = errno;
    if (code == EMBXILFUN || code == EMBXILADD || code == EMBXILVAL) {
        (void)error_set(err, ERR_NOT_FOUND, "modbus", "the device answers with exception %d (%s)",
                        code - MODBUS_ENOBASE, modbus_strerror(code));
        return MODBUS_NO_SUCH_POINT;
    }
    if (code >= EMBXSFAIL && code <= EMBXMEMPAR) {
        (void)error_set(err, ERR_DENIED, "modbus", "the device answers with exception %d (%s)",
                        code - MODBUS_ENOBASE, modbus_strerror(code));
        return MODBUS_REFUSED;
    }
    (void)error_set(err, ERR_UNAVAILABLE, "modbus", "%s",
                    code == ETIMEDOUT ? "no answer in time" : modbus_strerror(code));
    hang_up(io);
    return MODBUS_FAILED;
}

static bool connect_if_needed(struct modbus_io *io) {
    if (!io->connected) {
        errno = 0;
        io->connected = modbus_connect(io->ctx) == 0;
        /* The library takes a refused connection for one that timed out when it has several addresses to try.
         */
        errno = errno != 0 ? errno : ECONNREFUSED;
    }
    return io->connected;
}

static int read_bits(struct modbus_io *io, enum modbus_table table, uint16_t address, uint16_t n,
                     uint16_t *ret_words) {
    uint8_t bits[MODBUS_BITS_MAX];
    int got = table == MODBUS_COIL ? modbus_read_bits(io->ctx, address, n, bits)
                                   : modbus_read_input_bits(io->ctx, address, n, bits);
    for (int i = 0; i < got; i++) {
        ret_words[i] = bits[i];
    }
    return got;
}

static int read_words(struct modbus_io *io, enum modbus_table table, uint16_t address, uint16_t n,
                      uint16_t *ret_words) {
    switch (table) {
    case MODBUS_COIL:
    case MODBUS_DISCRETE:
        return read_bits(io, table, address, n, ret_words);
    case MODBUS_HOLDING:
        return modbus_read_registers(io->ctx, address, n, ret_words);
    case MODBUS_INPUT:
        return modbus_read_input_registers(io->ctx, address, n, ret_words);
    }
    return -1;
}

enum modbus_outcome modbus_io_read(struct modbus_io *io, enum modbus_table table, uint16_t address,
                                   uint16_t n, uint16_t *ret_words, struct error *err) {
    CHECK(n >= 1 && n <= (modbus_table_is_bits(table) ? MODBUS_BITS_MAX : MODBUS_REGISTERS_MAX));
    bool was_connected = io->connected;
    if (!connect_if_needed(io)) {
        return failure(io, err);
    }
    int got = read_words(io, table, address, n, ret_words);
    if (got != n && was_connected && (errno == ECONNRESET || errno == EPIPE)) {
        /* Many devices close a connection that was quiet for a while: that is no failure yet. */
        hang_up(io);
        got = connect_if_needed(io) ? read_words(io, table, address, n, ret_words) : -1;
    }
    return got == n ? MODBUS_ANSWERED : failure(io, err);
}

enum modbus_outcome modbus_io_write(struct modbus_io *io, enum modbus_table table, uint16_t address,
                                    uint16_t n, const uint16_t *words, struct error *err) {
    CHECK(modbus_table_is_writable(table));
    CHECK(n >= 1 && n <= MODBUS_WORDS_MAX);
    if (!connect_if_needed(io)) {
        return failure(io, err);
    }
    int done = 0;
    if (table == MODBUS_COIL) {
        done = modbus_write_bit(io->ctx, address, words[0] != 0);
    } else if (n == 1) {
        done = modbus_write_register(io->ctx, address, words[0]);
    } else {
        done = modbus_write_registers(io->ctx, address, n, words);
    }
    return done == n ? MODBUS_ANSWERED : failure(io, err);
}
