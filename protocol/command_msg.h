/* CMD, CMD_ACK, CMD_RESULT: somebody operates something at a site (protocol/README.md, "Commands": there are
 * the states of a command, what a gateway refuses, and why nothing is done twice or late). The rules of msg.h
 * hold. */
#ifndef PENSTOCK_PROTOCOL_COMMAND_MSG_H
#define PENSTOCK_PROTOCOL_COMMAND_MSG_H

#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdint.h>

/* A value with its type. Of a type of a later version: its bytes in s. */
struct link_value {
    uint8_t type; /* enum value_type; 0: no value */
    union {
        int64_t i; /* BOOL, INT, SCALED (the raw integer), ENUM */
        uint64_t u;
        double f;       /* F32 (rounded to a float when encoded), F64; always finite */
        struct slice s; /* STRING, BYTES */
    };
};

/* One of a later version is kept as its number; a gateway rejects it. */
enum command_op {
    COMMAND_SELECT = 1,
    COMMAND_EXECUTE = 2,
    COMMAND_CANCEL = 3,
    COMMAND_DIRECT = 4, /* without a selection */
    COMMAND_QUERY = 5,  /* what became of this id? Moves nothing */
};
/* "select"; "unknown" for others */
const char *command_op_name(uint8_t op);

enum command_flag {
    COMMAND_EXPECTS = 1 << 0, /* only if the present value is as expected */
    /* Others must be understood: a gateway rejects a command with one that it does not know. */
    COMMAND_UNKNOWN_FLAGS = 0xFE,
};

struct command_id {
    uint8_t bytes[LINK_COMMAND_ID_SIZE]; /* UUID version 7 */
};

struct msg_command {
    uint8_t op; /* enum command_op */
    struct command_id id;
    uint64_t session; /* WELCOME's: a command of another session is void */
    uint64_t dict;    /* of epoch 0 */
    uint32_t alias;
    uint32_t name_crc; /* CRC-32C of the tag's name */
    struct link_value value;
    int64_t issued_us;          /* server's time */
    uint32_t ttl_ms;            /* 1 to LINK_COMMAND_TTL_MS */
    uint8_t flags;              /* enum command_flag */
    struct link_value expected; /* with COMMAND_EXPECTS */
    double tolerance;           /* finite, not negative */
    struct slice operator_name;
    struct slice reason;
};
MUSTCHECK enum status command_decode(struct slice body, struct msg_command *ret, struct error *err);
void command_encode(struct buf *out, const struct msg_command *m);

/* Why a gateway did not do it. Others are of later versions and kept as numbers. */
enum command_reason {
    COMMAND_OK = 0,
    COMMAND_WRONG_SESSION = 1,
    COMMAND_UNKNOWN_TAG = 2,
    COMMAND_OTHER_NAME = 3,
    COMMAND_NOT_WRITABLE = 4,
    COMMAND_NOT_SELECTED = 5,
    COMMAND_SELECTED_BY_OTHER = 6,
    COMMAND_BAD_VALUE = 7,
    COMMAND_INTERLOCKED = 8,
    COMMAND_NOT_AS_EXPECTED = 9,
    COMMAND_TOO_LATE = 10,
    COMMAND_CLOCK_UNKNOWN = 11,
    COMMAND_BUSY = 12,
    COMMAND_UNSUPPORTED = 13,
    COMMAND_DEVICE_SILENT = 14,
    COMMAND_DEVICE_REFUSED = 15,
    COMMAND_NO_EFFECT = 16,
    COMMAND_NOT_DURABLE = 17,
    COMMAND_LOCAL_CONTROL = 18,
    COMMAND_RESTARTED = 19,
    COMMAND_SELECTION_ENDED = 20,
    COMMAND_NOT_ALLOWED = 21,
    COMMAND_ID_REUSED = 22,
};
const char *command_reason_name(uint16_t reason);

/* A receipt for one step. Another status than received counts as rejected. */
enum command_receipt { COMMAND_RECEIVED = 0, COMMAND_REJECTED = 1 };

struct msg_command_ack {
    struct command_id id;
    uint8_t op; /* of the CMD that it is about */
    enum command_receipt status;
    uint16_t reason; /* enum command_reason */
    struct slice text;
};
MUSTCHECK enum status command_ack_decode(struct slice body, struct msg_command_ack *ret, struct error *err);
void command_ack_encode(struct buf *out, const struct msg_command_ack *m);

/* How far a command came at the gateway. One of a later version is kept as its number; a server takes it for
 * COMMAND_STAGE_IN_DOUBT. */
enum command_stage {
    COMMAND_STAGE_NOT_RECEIVED = 0, /* answer to QUERY; the gateway will refuse the id from now on */
    COMMAND_STAGE_RUNNING = 1,      /* answer to QUERY: the outcome follows */
    COMMAND_STAGE_SELECTED = 2,
    COMMAND_STAGE_EXECUTED = 3,
    COMMAND_STAGE_FAILED = 4,
    COMMAND_STAGE_REJECTED = 5,
    COMMAND_STAGE_EXPIRED = 6,
    COMMAND_STAGE_CANCELLED = 7,
    COMMAND_STAGE_IN_DOUBT = 8, /* begun, and the gateway does not know how it ended */
};
const char *command_stage_name(uint8_t stage);

struct msg_command_result {
    struct command_id id;
    uint8_t stage;   /* enum command_stage */
    uint16_t reason; /* enum command_reason */
    int64_t t_us;
    struct link_value value; /* as read back; type 0: none was */
    struct slice text;
};
/* What follows the record's prefix. */
MUSTCHECK enum status command_result_decode(struct slice rest, struct msg_command_result *ret,
                                            struct error *err);
void command_result_encode(struct buf *out, const struct msg_command_result *m);

#endif
